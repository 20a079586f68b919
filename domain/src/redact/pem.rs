//! Private keys over several lines: what is remembered between lines, and what of a line belongs to a key.

use super::Hit;

/// Lines without any key text after which a key that never ended is given up.
const MAX_IDLE_LINES: u32 = 50;
/// Shortest last word of a line that is taken for a full line of a key.
const MIN_BODY_BYTES: usize = 40;
const LABEL: &str = "private-key";

/// Whether a key is open.
#[derive(Clone, Debug, Default)]
pub(super) struct Pem {
    /// Lines left until an open key is given up; nothing when none is open.
    open: Option<u32>,
}

impl Pem {
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// A key may begin with the marker at `at`: finds how much of this line it takes.
    pub(super) fn begin(&mut self, text: &str, at: usize) -> Option<Hit> {
        let head = &text[at..];
        let title_end = head.get(10..)?.find("-----").map(|end| end + 10)?;
        let title = &head[..title_end];
        title.contains("PRIVATE").then_some(())?;
        let after = title_end + 5;
        if let Some(end) = end_marker(&head[after..]) {
            self.open = None;
            return Some(Hit::secret(at, at + after + end, LABEL));
        }
        self.open = Some(MAX_IDLE_LINES);
        // In JSON or a shell's quotes the key goes on as `\n…` up to the quote.
        let glued = head[after..].find(['"', '\'']).unwrap_or(head.len() - after);
        Some(Hit::secret(at, at + after + glued, LABEL))
    }

    /// `Private-Lines: 14` of PuTTY: the lines after it are the key.
    pub(super) fn announce(&mut self) {
        self.open = Some(MAX_IDLE_LINES);
    }

    /// The part of the next line that belongs to an open key.
    pub(super) fn go_on(&mut self, text: &str) -> Option<Hit> {
        let idle = self.open?;
        if let Some(end) = text.find("-----END").and_then(|at| Some(at + end_marker(&text[at..])?)) {
            self.open = None;
            return Some(Hit::secret(last_word(&text[..text.find("-----END")?]), end, LABEL));
        }
        let trimmed = text.trim_end();
        let start = last_word(trimmed);
        let word = &trimmed[start..];
        let is_body = !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
        // The last line of a key is short: alone on its line, or with the padding that nothing else ends with.
        if is_body && (word.len() >= MIN_BODY_BYTES || start == 0 || word.ends_with('=')) {
            self.open = Some(MAX_IDLE_LINES);
            return Some(Hit::secret(start, trimmed.len(), LABEL));
        }
        self.open = idle.checked_sub(1).filter(|left| *left > 0);
        None
    }
}

/// Where the last word of `text` begins.
fn last_word(text: &str) -> usize {
    text.rfind([' ', '\t', '"', '\'']).map_or(0, |at| at + 1)
}

/// The end of the marker `-----END …-----` in `text`.
fn end_marker(text: &str) -> Option<usize> {
    let at = text.find("-----END")?;
    let close = text[at + 8..].find("-----")?;
    Some(at + 8 + close + 5)
}
