//! Where a page begins or ends: the place of its outermost row in the order, so that rows that come and go elsewhere move nothing.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Longer ones were not made here: a name has at most 100 characters, an id 64.
const CURSOR_MAX_BYTES: usize = 800;

/// A place between two rows, and on which side of it the page lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Whether the page lies before the place.
    pub(super) back: bool,
    /// What the order sorts by first.
    pub(super) key: i64,
    /// Where the row stands among the names.
    pub(super) place: String,
}

impl Cursor {
    /// As it is sent.
    pub(super) fn text(&self) -> String {
        let side = if self.back { '<' } else { '>' };
        URL_SAFE_NO_PAD.encode(format!("{side}{} {}", self.key, self.place))
    }

    /// As it was sent.
    pub(super) fn parse(text: &str) -> Option<Cursor> {
        if text.len() > CURSOR_MAX_BYTES {
            return None;
        }
        let plain = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let (back, rest) = match plain.split_at_checked(1)? {
            ("<", rest) => (true, rest),
            (">", rest) => (false, rest),
            _ => return None,
        };
        let (key, place) = rest.split_once(' ')?;
        Some(Cursor { back, key: key.parse().ok()?, place: place.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_the_address_and_others_are_refused() {
        for (back, key, place) in [(false, 0, "web 01\u{1f}web-01"), (true, i64::MIN, ""), (false, 7, "ü/?&=\u{1f}u")] {
            let cursor = Cursor { back, key, place: place.to_owned() };
            assert_eq!(Cursor::parse(&cursor.text()), Some(cursor));
        }
        let long = URL_SAFE_NO_PAD.encode(format!(">0 {}", "x".repeat(800)));
        let odd = ["", "%", "MA", &URL_SAFE_NO_PAD.encode("=0 x"), &URL_SAFE_NO_PAD.encode(">x y"), &long];
        for text in odd {
            assert_eq!(Cursor::parse(text), None, "{text}");
        }
    }
}
