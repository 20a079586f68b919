//! E-mail addresses and card numbers.

/// Longest part before the `@`, in bytes; longer is no address.
const MAX_LOCAL_BYTES: usize = 64;
/// Longest host name.
const MAX_HOST_BYTES: usize = 253;
/// Endings of systemd's units: `user@1000.service` is one.
const UNITS: [&str; 11] =
    ["service", "socket", "timer", "mount", "slice", "scope", "target", "path", "device", "swap", "automount"];

/// The e-mail address around the `@` at `at`.
pub(super) fn email(text: &str, at: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let is_local = |b: &&u8| b.is_ascii_alphanumeric() || b".!#$%&*+-/=?^_`{|}~".contains(b);
    let mut local = bytes[..at].iter().rev().take(MAX_LOCAL_BYTES).take_while(is_local).count();
    // Signs that addresses may begin with, but in logs are brackets, separators and the like.
    while local > 0 && !bytes[at - local].is_ascii_alphanumeric() && bytes[at - local] != b'_' {
        local -= 1;
    }
    // `user=anna@example.org`: the address begins after the sign.
    let name = &text[at - local..at];
    let name = name.rsplit(['=', '/', '|', '?', '&']).next().unwrap_or(name);
    let host = bytes[at + 1..].iter().take(MAX_HOST_BYTES).take_while(|b| b.is_ascii_alphanumeric() || b".-".contains(b)).count();
    let host = text[at + 1..at + 1 + host].trim_end_matches(['.', '-']);
    let (front, last) = host.rsplit_once('.')?;
    let is_host = !front.is_empty() && last.len() >= 2 && last.bytes().all(|b| b.is_ascii_alphabetic());
    (!name.is_empty() && is_host && !UNITS.contains(&last)).then(|| (at - name.len(), at + 1 + host.len()))
}

/// The card number that starts at `start`: 13 to 19 digits, in groups perhaps, of a known issuer, with a right check digit.
pub(super) fn card(bytes: &[u8], start: usize) -> Option<usize> {
    let (mut digits, mut count, mut end) = ([0_u8; 19], 0, start);
    let mut sign = None;
    let mut group = 0;
    while let Some(&byte) = bytes.get(end) {
        if byte.is_ascii_digit() {
            if count == digits.len() {
                return None;
            }
            digits[count] = byte - b'0';
            (count, group, end) = (count + 1, group + 1, end + 1);
            continue;
        }
        let is_sign = matches!(byte, b' ' | b'-') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
        // Groups are of four, or Amex's four, six and five, all with the same sign.
        if !is_sign || sign.is_some_and(|sign| sign != byte) || !matches!(group, 4 | 6) || count >= 16 {
            break;
        }
        (sign, group, end) = (Some(byte), 0, end + 1);
    }
    let is_inside_word = bytes.get(end).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    (!is_inside_word && is_issued(&digits[..count]) && is_checked(&digits[..count])).then_some(end)
}

/// Whether an issuer uses such numbers, by their beginning and length.
fn is_issued(digits: &[u8]) -> bool {
    if digits.len() < 13 {
        return false;
    }
    let front = digits[..6].iter().fold(0_u32, |front, digit| front * 10 + u32::from(*digit));
    match digits.len() {
        13 => (400_000..500_000).contains(&front),
        14 => (300_000..306_000).contains(&front) || matches!(front / 10_000, 36 | 38),
        15 => matches!(front / 10_000, 34 | 37),
        16 => {
            matches!(front, 400_000..=499_999 | 510_000..=559_999 | 222_100..=272_099 | 601_100..=601_199 | 640_000..=659_999 | 352_800..=358_999 | 620_000..=629_999)
        }
        19 => matches!(front, 400_000..=499_999 | 620_000..=629_999),
        _ => false,
    }
}

/// Luhn's check: every second digit from the right doubled.
fn is_checked(digits: &[u8]) -> bool {
    let doubled = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let places = digits.iter().rev().map(|digit| u32::from(*digit)).enumerate();
    let sum: u32 = places.map(|(place, digit)| if place % 2 == 1 { doubled(digit) } else { digit }).sum();
    sum.is_multiple_of(10) && digits.iter().any(|digit| *digit != digits[0])
}
