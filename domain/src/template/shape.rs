//! The shape of a message: its words with every value that is plainly a value (number, address, path, time, host name) masked.
//!
//! One pass, no allocation in the steady state: a [`Shape`] is filled again for each line.

use super::{MAX_SHAPE_BYTES, MAX_TOKENS};
use crate::template::value;

/// What stands for a masked value.
pub(super) const MASK: &str = "<*>";
/// What stands for the words beyond [`MAX_TOKENS`] or [`MAX_SHAPE_BYTES`].
pub(super) const REST: &str = "<…>";
/// Longest text before `=` that still is a field's name, in bytes.
const MAX_KEY_BYTES: usize = 48;

const DIGIT: u8 = 1;
/// Bytes that make a second look necessary: separators inside paths, hosts, addresses, fields, brackets.
const LOOK: u8 = 2;
const BLANK: u8 = 4;
/// Bytes at which a token falls into segments that are masked one by one.
pub(super) const SPLIT: u8 = 8;

/// What each byte is.
pub(super) static CLASS: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        table[byte] = match b {
            b'0'..=b'9' => DIGIT,
            b' ' | b'\t' | b'\r' | b'\n' => BLANK,
            b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'<' | b'>' | b',' | b';' | b'"' | b'\'' | b'|' | b'&' => SPLIT | LOOK,
            b'=' => SPLIT | LOOK,
            b'.' | b'/' | b'\\' | b'@' | b':' | b'-' => LOOK,
            _ => 0,
        };
        byte += 1;
    }
    table
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A word of the program, with masked parts perhaps.
    Word,
    /// Nothing but a masked value and punctuation.
    Value,
    /// A named value; the bytes of its name, the sign included.
    Field(u16),
}

/// One token of a shape: where it lies in the text, and what it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    start: u32,
    end: u32,
    pub(super) kind: Kind,
}

/// A message with its values masked.
#[derive(Debug, Default)]
pub(super) struct Shape {
    text: String,
    tokens: Vec<Token>,
    hash: u64,
}

impl Shape {
    /// Reads `message` anew.
    pub(super) fn read(&mut self, message: &str) {
        self.text.clear();
        self.tokens.clear();
        self.hash = 0;
        let mut rest = message;
        let mut before = Before::Nothing;
        while let Some((token, flags, after)) = next(rest) {
            if self.tokens.len() == MAX_TOKENS - 1 || self.text.len() + token.len() > MAX_SHAPE_BYTES {
                self.push(Kind::Value, |text| text.push_str(REST));
                return;
            }
            let is_value = before == Before::User || value::is_calendar(token, after);
            if is_value {
                self.push(Kind::Value, |text| text.push_str(MASK));
            } else if flags & (DIGIT | LOOK) == 0 || before == Before::Request {
                self.push(Kind::Word, |text| text.push_str(token));
            } else {
                self.masked(token);
            }
            // A name is a name even when it is "user".
            before = if is_value { Before::Nothing } else { Before::of(token, flags) };
            rest = after;
        }
    }

    fn masked(&mut self, token: &str) {
        let start = self.text.len();
        let key = key_bytes(token);
        let named = value::mask_named(&token[..key], &mut self.text);
        let name = self.text.len() - start;
        value::mask_segments(&token[key..], &mut self.text);
        let kind = match &self.text[start..] {
            _ if named => Kind::Field(u16::try_from(name).unwrap_or(u16::MAX)),
            text if is_only_value(text) => Kind::Value,
            _ => Kind::Word,
        };
        self.close(start, kind);
    }

    fn push(&mut self, kind: Kind, write: impl FnOnce(&mut String)) {
        let start = self.text.len();
        write(&mut self.text);
        self.close(start, kind);
    }

    /// Ends the token that began at `start`. Neighbouring bare values become one: a list of numbers is as long as it is.
    fn close(&mut self, start: usize, kind: Kind) {
        let written = &self.text[start..];
        if kind == Kind::Value && written == MASK && self.tokens.last().is_some_and(|last| self.slice(last) == MASK) {
            self.text.truncate(start);
            return;
        }
        self.hash = mix(self.hash, written.as_bytes());
        let token = Token { start: small(start), end: small(self.text.len()), kind };
        self.tokens.push(token);
    }

    fn slice(&self, token: &Token) -> &str {
        &self.text[token.start as usize..token.end as usize]
    }

    /// How many tokens it has.
    pub(super) fn len(&self) -> usize {
        self.tokens.len()
    }

    /// A number that equal shapes share, and seldom others. Never believed without a comparison.
    pub(super) fn hash(&self) -> u64 {
        self.hash
    }

    /// What the token at `at` is.
    pub(super) fn kind(&self, at: usize) -> Kind {
        self.tokens[at].kind
    }

    /// The text of the token at `at`.
    pub(super) fn text(&self, at: usize) -> &str {
        self.slice(&self.tokens[at])
    }

    /// The name of the field at `at`, its sign included; of other tokens nothing.
    pub(super) fn key(&self, at: usize) -> &str {
        match self.kind(at) {
            Kind::Field(bytes) => self.text(at).get(..usize::from(bytes)).unwrap_or_default(),
            Kind::Word | Kind::Value => "",
        }
    }

    /// What makes lines comparable at all: how many tokens, the names of fields, and the first word.
    pub(super) fn outline(&self) -> u64 {
        let mut hash = mix(self.tokens.len() as u64, b"");
        for at in 0..self.len() {
            match self.kind(at) {
                Kind::Field(_) => hash = mix(hash ^ at as u64, self.key(at).as_bytes()),
                _ if at == 0 => hash = mix(hash, self.text(at).as_bytes()),
                Kind::Word | Kind::Value => {}
            }
        }
        hash
    }
}

fn small(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

/// What the token before says about the one in hand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    /// The word "user": a name follows.
    User,
    /// The end of a request: its status follows, and that is worth keeping.
    Request,
}

impl Before {
    fn of(token: &str, flags: u8) -> Before {
        if flags == 0 && token.len() == 4 && token.eq_ignore_ascii_case("user") {
            Before::User
        } else if flags & DIGIT != 0 && token.starts_with("HTTP/") && token.ends_with('"') {
            Before::Request
        } else {
            Before::Nothing
        }
    }
}

/// The next token of `text`, what its bytes are, and what follows. JSON's members are tokens of their own.
fn next(text: &str) -> Option<(&str, u8, &str)> {
    let bytes = text.as_bytes();
    let start = bytes.iter().position(|b| CLASS[usize::from(*b)] & BLANK == 0)?;
    let (mut end, mut flags) = (start, 0);
    while let Some(&byte) = bytes.get(end) {
        let class = CLASS[usize::from(byte)];
        if class & BLANK != 0 {
            break;
        }
        flags |= class;
        end += 1;
        if byte == b',' && bytes.get(end) == Some(&b'"') {
            break;
        }
    }
    Some((&text[start..end], flags, &text[end..]))
}

/// How many bytes of `token` are the name of a field, its sign included: `user=`, `"level":`.
fn key_bytes(token: &str) -> usize {
    let bytes = token.as_bytes();
    let end = bytes.len().min(MAX_KEY_BYTES);
    let (mut has_letter, mut quotes) = (false, 0);
    for (at, byte) in bytes[..end].iter().enumerate() {
        match byte {
            b'=' => return if has_letter { at + 1 } else { 0 },
            b':' if quotes == 2 => return if has_letter { at + 1 } else { 0 },
            b'"' => quotes += 1,
            b'a'..=b'z' | b'A'..=b'Z' => has_letter = true,
            b'0'..=b'9' | b'_' | b'-' | b'.' | b'(' | b'[' | b'{' | b'\'' => {}
            _ => return 0,
        }
    }
    0
}

/// Whether `text` is one masked value and punctuation around it.
fn is_only_value(text: &str) -> bool {
    let is_edge = |c: char| c.is_ascii_punctuation() && c != '*';
    text.trim_matches(is_edge) == "*"
}

/// Adds `bytes` to `hash`, eight at a time: quick, and good enough for a look-up that is then compared.
pub(super) fn mix(hash: u64, bytes: &[u8]) -> u64 {
    const K: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut hash = (hash ^ bytes.len() as u64).wrapping_mul(K);
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let word = u64::from_le_bytes(chunk.try_into().unwrap_or_default());
        hash = (hash.rotate_left(23) ^ word).wrapping_mul(K);
    }
    let mut tail = 0_u64;
    for byte in chunks.remainder() {
        tail = tail << 8 | u64::from(*byte);
    }
    hash = (hash.rotate_left(23) ^ tail).wrapping_mul(K);
    hash ^ hash >> 29
}
