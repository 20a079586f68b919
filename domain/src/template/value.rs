//! What plainly is a value: numbers, addresses, times, hexadecimal, paths, URLs, host names, e-mail addresses. No word list
//! of any program; only how values look everywhere.

use super::shape::{CLASS, MASK, SPLIT};

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// Last labels that make a name with one dot a host name. Country codes need two dots: `main.rs` is a file.
const HOST_ENDS: [&str; 20] = [
    "com",
    "net",
    "org",
    "edu",
    "gov",
    "mil",
    "int",
    "info",
    "biz",
    "arpa",
    "local",
    "lan",
    "home",
    "internal",
    "localdomain",
    "cloud",
    "dev",
    "app",
    "online",
    "xyz",
];
/// From this length on a word of letters and several runs of digits is an identifier.
const MIN_IDENTIFIER_BYTES: usize = 9;
/// From this length on a word of hexadecimal digits is a number.
const MIN_HEX_BYTES: usize = 6;
/// How a public address begins after redaction.
const PSEUDONYM: &str = "IP-PUB-";

/// Whether `token` is a weekday or month inside a date: what follows decides, for `May` and `Sun` are words too.
pub(super) fn is_calendar(token: &str, after: &str) -> bool {
    let name = token.strip_suffix(',').unwrap_or(token);
    if name.len() != 3 || !name.as_bytes()[0].is_ascii_uppercase() {
        return false;
    }
    let after = after.trim_start();
    let is_before_number = after.as_bytes().first().is_some_and(u8::is_ascii_digit);
    let is_before_month = after.get(..3).is_some_and(|word| MONTHS.contains(&word));
    (MONTHS.contains(&name) && is_before_number) || (WEEKDAYS.contains(&name) && (is_before_number || is_before_month))
}

/// Writes the name of a field with its digits masked; whether there was a name.
pub(super) fn mask_named(name: &str, out: &mut String) -> bool {
    if name.bytes().any(|b| b.is_ascii_digit()) {
        mask_digits(name, out)
    } else {
        out.push_str(name)
    }
    !name.is_empty()
}

/// Writes `text` with each segment between brackets, quotes and commas masked where it is a value.
pub(super) fn mask_segments(text: &str, out: &mut String) {
    if matches!(text, "()" | "[]" | "{}" | "\"\"" | "''") {
        // An empty bracket is a value that is missing.
        out.push_str(&text[..1]);
        out.push_str(MASK);
        out.push_str(&text[1..]);
        return;
    }
    let mut start = 0;
    for (at, byte) in text.bytes().enumerate() {
        if CLASS[usize::from(byte)] & SPLIT != 0 {
            mask_segment(&text[start..at], out);
            out.push(char::from(byte));
            start = at + 1;
        }
    }
    mask_segment(&text[start..], out);
}

/// What the bytes of a segment are, counted once.
#[derive(Default)]
struct Look {
    digits: usize,
    runs: usize,
    hex: usize,
    /// Digits and the signs that stand between them in numbers, times, dates, versions and addresses.
    numeric: usize,
    dots: usize,
    slashes: usize,
    backslashes: usize,
    at_signs: usize,
    colon: Option<usize>,
}

impl Look {
    fn at(text: &str) -> Look {
        let mut look = Look::default();
        let mut is_in_run = false;
        for (at, byte) in text.bytes().enumerate() {
            let is_digit = byte.is_ascii_digit();
            look.runs += usize::from(is_digit && !is_in_run);
            is_in_run = is_digit;
            look.digits += usize::from(is_digit);
            look.hex += usize::from(byte.is_ascii_hexdigit());
            match byte {
                b'0'..=b'9' | b'-' | b'+' | b'%' | b'#' | b'_' | b'*' | b'x' | b'T' | b'Z' => look.numeric += 1,
                b'.' => (look.dots, look.numeric) = (look.dots + 1, look.numeric + 1),
                b'/' => (look.slashes, look.numeric) = (look.slashes + 1, look.numeric + 1),
                b'\\' => look.backslashes += 1,
                b'@' => look.at_signs += 1,
                b':' => {
                    look.numeric += 1;
                    look.colon = look.colon.or(Some(at));
                }
                _ => {}
            }
        }
        look
    }
}

fn mask_segment(segment: &str, out: &mut String) {
    let core = segment.trim_end_matches(['.', ':', '!', '?']);
    if core.is_empty() {
        out.push_str(segment);
        return;
    }
    mask_core(core, out);
    out.push_str(&segment[core.len()..]);
}

fn mask_core(core: &str, out: &mut String) {
    let look = Look::at(core);
    if is_value(core, &look) {
        out.push_str(MASK);
        return;
    }
    if let Some(at) = look.colon.filter(|at| core[..*at].bytes().all(|b| b.is_ascii_alphabetic())) {
        // `outside:10.0.0.1`, `port:22`: the word stays.
        out.push_str(&core[..=at]);
        mask_segment(&core[at + 1..], out);
        return;
    }
    if look.digits > 0 { mask_digits(core, out) } else { out.push_str(core) }
}

fn is_value(core: &str, look: &Look) -> bool {
    let is_path = look.slashes >= 2 || (core.starts_with('/') && core.len() > 1) || core.contains("://");
    let is_windows_path = look.backslashes > 0 && (look.backslashes > 1 || look.colon == Some(1));
    if is_path || is_windows_path || core.starts_with(PSEUDONYM) {
        return true;
    }
    if look.digits == 0 {
        return (look.dots > 0 && (look.at_signs == 1 || is_host(core))) || (look.hex == core.len() && core.len() >= 16);
    }
    let is_number = look.numeric == core.len();
    let is_hex =
        core.len() >= MIN_HEX_BYTES && look.hex + core.bytes().filter(|b| matches!(b, b'-' | b':' | b'.')).count() == core.len();
    let is_dotted = look.dots > 0 && look.colon.is_none() && look.slashes == 0;
    let is_identifier = look.runs > 1 && core.len() >= MIN_IDENTIFIER_BYTES && look.colon.is_none();
    is_number || is_hex || is_dotted || is_identifier || look.at_signs == 1
}

/// Whether a dotted name without digits is a host's: by its last label, or by two dots and a country's two letters.
fn is_host(name: &str) -> bool {
    let is_name = name.bytes().all(|b| b.is_ascii_alphabetic() || matches!(b, b'.' | b'-' | b'_'));
    let Some((front, last)) = name.rsplit_once('.').filter(|_| is_name) else { return false };
    HOST_ENDS.contains(&last) || (last.len() == 2 && front.contains('.') && last.bytes().all(|b| b.is_ascii_lowercase()))
}

/// Each run of digits masked, the rest kept.
fn mask_digits(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        out.push_str(&rest[..start]);
        out.push_str(MASK);
        rest = rest[start..].trim_start_matches(|c: char| c.is_ascii_digit());
    }
    out.push_str(rest);
}
