//! Makes a line of bytes a line of text that shows what it holds: no control codes, no invisible characters, one line, not too long.
//!
//! Done before redaction, so that a colour code in the middle of a token hides it from nobody.

use std::borrow::Cow;

/// Bytes of a line that are kept.
pub const MAX_LINE_BYTES: usize = 8_192;
/// How far back from the cut a blank is looked for, so that no half token is left, which no rule would recognise.
const MAX_TAIL_BYTES: usize = 1_024;

/// A line of text, and what had to be done to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cleaned<'a> {
    /// The text.
    pub text: Cow<'a, str>,
    /// Some bytes were not UTF-8 and became `U+FFFD`.
    pub is_lossy: bool,
    /// The line was longer than [`MAX_LINE_BYTES`].
    pub is_cut: bool,
    /// Control characters or terminal sequences were taken out.
    pub had_control: bool,
    /// Invisible or direction-changing characters were taken out, or shown as what they spell: somebody hid something.
    pub had_hidden: bool,
}

/// Cleans one line, its line end perhaps included.
///
/// ```
/// use domain::redact::clean;
/// let line = clean(b"\x1b[31mFailed\x1b[0m pass\xe2\x80\x8bword\r\n");
/// assert_eq!(line.text, "Failed password");
/// assert!(line.had_control && line.had_hidden && !line.is_lossy && !line.is_cut);
/// ```
pub fn clean(line: &[u8]) -> Cleaned<'_> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let is_cut = line.len() > MAX_LINE_BYTES;
    let text = if is_cut { String::from_utf8_lossy(cut(line)) } else { String::from_utf8_lossy(line) };
    let is_lossy = matches!(text, Cow::Owned(_));
    let mut cleaned = Cleaned { text, is_lossy, is_cut, had_control: false, had_hidden: false };
    if cleaned.text.bytes().any(|b| !(b' '..0x7f).contains(&b)) {
        rewrite(&mut cleaned);
    }
    cleaned
}

/// The front of `line`, ended at a blank where one is near.
fn cut(line: &[u8]) -> &[u8] {
    let front = &line[..MAX_LINE_BYTES];
    let near = MAX_LINE_BYTES - MAX_TAIL_BYTES;
    let blank = front[near..].iter().rposition(|b| matches!(b, b' ' | b'\t'));
    let end = blank.map_or(MAX_LINE_BYTES, |at| near + at);
    // No half character at the end either: it would look like damage.
    let is_inside = |at: &usize| line[*at] & 0xc0 == 0x80;
    let end = (end - 3..=end).rev().find(|at| !is_inside(at)).unwrap_or(end);
    &line[..end]
}

fn rewrite(cleaned: &mut Cleaned<'_>) {
    let (mut had_control, mut had_hidden) = (false, false);
    let mut out = String::with_capacity(cleaned.text.len());
    let mut rest = cleaned.text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\t' => out.push(' '),
            '\u{1b}' => {
                had_control = true;
                skip_sequence(&mut rest);
            }
            '\u{9b}' => {
                had_control = true;
                skip_parameters(&mut rest);
            }
            // Line ends of other kinds would make one line two for whoever reads it next.
            '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                had_control = true;
                out.push(' ');
            }
            c if c.is_control() => had_control = true,
            c if ('\u{e0020}'..='\u{e007e}').contains(&c) => {
                had_hidden = true;
                // Tag characters spell ASCII invisibly; shown, they can be judged.
                out.extend(char::from_u32(u32::from(c) - 0xe0000));
            }
            c if is_hidden(c) => had_hidden = true,
            c => out.push(c),
        }
    }
    if out != cleaned.text {
        cleaned.text = Cow::Owned(out);
    }
    (cleaned.had_control, cleaned.had_hidden) = (had_control, had_hidden);
}

fn is_hidden(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// After an escape: a control sequence, a string up to its terminator, or one more character.
fn skip_sequence(rest: &mut std::str::Chars<'_>) {
    let mut look = rest.clone();
    match look.next() {
        Some('[') => {
            *rest = look;
            skip_parameters(rest);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => skip_string(rest, look),
        Some('(' | ')' | '*' | '+' | '#' | '%') => {
            if look.clone().next().is_some_and(|c| c.is_ascii_graphic()) {
                look.next();
            }
            *rest = look;
        }
        Some(c) if c.is_ascii_graphic() => *rest = look,
        _ => {}
    }
}

/// Skips a string to its terminator. Without one only the introducer goes: an attacker must not hide the rest of a line.
fn skip_string<'a>(rest: &mut std::str::Chars<'a>, after: std::str::Chars<'a>) {
    let mut look = after.clone();
    while let Some(c) = look.next() {
        if c == '\u{7}' || c == '\u{9c}' {
            *rest = look;
            return;
        }
        if c == '\u{1b}' {
            let mut end = look.clone();
            *rest = if end.next() == Some('\\') { end } else { after };
            return;
        }
    }
    *rest = after;
}

fn skip_parameters(rest: &mut std::str::Chars<'_>) {
    loop {
        let mut look = rest.clone();
        match look.next() {
            Some(' '..='?') => *rest = look,
            Some('@'..='~') => {
                *rest = look;
                return;
            }
            _ => return,
        }
    }
}
