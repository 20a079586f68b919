//! The query of a URL, parsed by hand: heartbeats without an allocation, management strictly, with each wrong field named.

use crate::error::ApiError;
use domain::field::FieldError;
use std::borrow::Cow;
use std::str::FromStr;

/// Unknown parameters told by name.
const UNKNOWN_TOLD: usize = 8;
/// Longest text in an error.
const SHOWN_CHARS: usize = 64;
/// Most rows of one page.
pub(crate) const PAGE_MAX: u32 = 500;
/// Rows of a page when nothing is said.
pub(crate) const PAGE_DEFAULT: u32 = 50;

/// The pairs of a query, decoded only where they need it.
pub(crate) fn pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name), decoded(value))
    })
}

/// `%41` and `+` resolved; text without them is borrowed. What is no UTF-8 then is replaced, and so matches nothing.
pub(crate) fn decoded(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|b| matches!(b, b'%' | b'+')) {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        match (bytes[at], byte_at(bytes, at)) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
                continue;
            }
            (b'+', _) => out.push(b' '),
            (byte, _) => out.push(byte),
        }
        at += 1;
    }
    Cow::Owned(String::from_utf8(out).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
}

fn byte_at(bytes: &[u8], at: usize) -> Option<u8> {
    let digit = |at: usize| char::from(*bytes.get(at)?).to_digit(16);
    u8::try_from(digit(at + 1)? << 4 | digit(at + 2)?).ok()
}

/// Text as one query value: everything but unreserved characters as `%XX`.
pub(crate) fn escaped(text: &str) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

/// The parameters of a management request: each is taken once, and what nobody takes is an error.
pub(crate) struct Params {
    pairs: Vec<(String, String)>,
    known: Vec<&'static str>,
    errors: Vec<FieldError>,
}

impl Params {
    /// The parameters of `query`.
    pub(crate) fn of(query: &str) -> Params {
        let pairs = pairs(query).map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        Params { pairs, known: Vec::new(), errors: Vec::new() }
    }

    /// The text of a parameter; empty counts as absent, twice is an error.
    pub(crate) fn text(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        let (mine, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut self.pairs).into_iter().partition(|(key, _)| key == name);
        self.pairs = rest;
        if mine.len() > 1 {
            self.errors.push(FieldError::new(name, "is given more than once"));
        }
        let value = mine.into_iter().next()?.1;
        if value.contains('\0') {
            self.errors.push(FieldError::new(name, "must not contain NUL bytes"));
            return None;
        }
        (!value.is_empty()).then_some(value)
    }

    /// A parameter that says what it must be when it is not.
    pub(crate) fn parsed<T: FromStr<Err = FieldError>>(&mut self, name: &'static str) -> Option<T> {
        let text = self.text(name)?;
        let parsed = text.parse().map_err(|e: FieldError| self.errors.push(FieldError::new(name, e.message)));
        parsed.ok()
    }

    /// A parameter that is one of a list.
    pub(crate) fn one_of<T>(&mut self, name: &'static str, fix: &str, of: impl Fn(&str) -> Option<T>) -> Option<T> {
        let text = self.text(name)?;
        let value = of(&text);
        if value.is_none() {
            self.errors.push(FieldError::new(name, fix));
        }
        value
    }

    /// `true` or `false`.
    pub(crate) fn flag(&mut self, name: &'static str) -> Option<bool> {
        self.one_of(name, "must be true or false", |text| text.parse().ok())
    }

    /// Where a page begins: what a page before said is next.
    pub(crate) fn cursor(&mut self) -> Option<i64> {
        self.one_of("cursor", "must be the next_cursor of the page before", |text| text.parse().ok().filter(|at| *at >= 0))
    }

    /// How many rows a page has.
    pub(crate) fn limit(&mut self) -> u32 {
        let limit = self.one_of("limit", "must be 1 to 500", |text| text.parse().ok().filter(|n| (1..=PAGE_MAX).contains(n)));
        limit.unwrap_or(PAGE_DEFAULT)
    }

    /// Ends the reading: everything that was wrong, and every parameter nobody knows.
    pub(crate) fn done(mut self) -> Result<(), ApiError> {
        for (name, _) in self.pairs.iter().take(UNKNOWN_TOLD) {
            let name: String = name.chars().filter(|c| !c.is_control()).take(SHOWN_CHARS).collect();
            let fix = match &self.known[..] {
                [] => "is not known here: there are no parameters".to_owned(),
                known => format!("is not known here; known are {}", known.join(", ")),
            };
            self.errors.push(FieldError::new(name, fix));
        }
        if self.errors.is_empty() { Ok(()) } else { Err(self.errors.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_without_escapes_is_borrowed_and_others_are_decoded() {
        assert!(matches!(decoded("abc-_.~"), Cow::Borrowed(_)));
        let cases = [
            ("a%20b", "a b"),
            ("a+b", "a b"),
            ("%41%4a", "AJ"),
            ("%", "%"),
            ("%4", "%4"),
            ("%zz", "%zz"),
            ("100%25", "100%"),
            ("%c3%a4", "ä"),
        ];
        for (from, to) in cases {
            assert_eq!(decoded(from), to, "{from}");
        }
        assert_eq!(decoded("%ff"), "\u{fffd}");
        assert_eq!(decoded("ä%"), "ä%");
    }

    #[test]
    fn pairs_are_split_at_the_first_equals_sign() {
        let all: Vec<_> = pairs("a=b=c&&d&=e").map(|(name, value)| format!("{name}:{value}")).collect();
        assert_eq!(all, ["a:b=c", "d:", ":e"]);
    }

    #[test]
    fn every_wrong_and_every_unknown_parameter_is_told() {
        let mut params = Params::of("limit=501&cursor=-1&x%0ay=1&open=yes&tag=a&tag=b");
        let _ = (params.limit(), params.cursor(), params.flag("open"), params.text("tag"));
        let response = params.done().unwrap_err();
        let text = format!("{response:?}");
        for field in ["limit", "cursor", "open", "tag", "\"xy\""] {
            assert!(text.contains(field), "{field} in {text}");
        }
        let mut params = Params::of("limit=500&cursor=0&tag=");
        assert_eq!((params.limit(), params.cursor(), params.text("tag")), (500, Some(0), None));
        assert!(params.done().is_ok());
    }

    #[test]
    fn any_character_in_a_token_survives_the_url() {
        for token in ["abc-._~", "a&b=c#d?e/f+g %", "grüße\"'`$(rm)\\", "\u{1f600}"] {
            let escaped = escaped(token);
            assert!(escaped.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)), "{escaped}");
            assert_eq!(decoded(&escaped), token);
        }
    }
}
