//! The hub's own secrets: taken out of lines, and looked for once more in every body that leaves.

use aho_corasick::{AhoCorasick, MatchKind};
use std::fmt;

/// A secret shorter than this cannot be told from ordinary text and is not looked for.
pub const MIN_SECRET_BYTES: usize = 5;

/// Something that must not leave: what it is called, and what it is.
#[derive(Clone)]
pub struct Secret {
    /// Its name, for the error.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A body that must not be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("body: holds the secret {name} {form}; it was not sent: take the secret out of the log or the prompt")]
pub struct Leak {
    /// Which secret.
    pub name: String,
    /// How it stood there.
    pub form: Form,
}

/// How a secret may stand in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As it is.
    Plain,
    /// As JSON writes it.
    Json,
    /// Percent-encoded.
    Url,
    /// Base64, at any of the three offsets, in either alphabet.
    Base64,
    /// Hexadecimal digits.
    Hex,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Form::Plain => "as it is",
            Form::Json => "escaped for JSON",
            Form::Url => "percent-encoded",
            Form::Base64 => "in base64",
            Form::Hex => "in hexadecimal",
        })
    }
}

/// Secrets in all their forms, ready to be looked for.
pub struct Secrets {
    finder: AhoCorasick,
    forms: Vec<(usize, Form)>,
    names: Vec<String>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").field("names", &self.names).finish_non_exhaustive()
    }
}

impl Secrets {
    /// Prepares `secrets`; those shorter than [`MIN_SECRET_BYTES`] are left out.
    pub fn new(secrets: &[Secret]) -> Secrets {
        let (mut patterns, mut forms) = (Vec::new(), Vec::new());
        for (index, secret) in secrets.iter().enumerate() {
            if secret.value.len() >= MIN_SECRET_BYTES {
                for (pattern, form) in spellings(&secret.value) {
                    patterns.push(pattern);
                    forms.push((index, form));
                }
            }
        }
        let finder = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&patterns);
        let finder = finder.expect("as many secrets as a configuration holds fit an automaton");
        Secrets { finder, forms, names: secrets.iter().map(|secret| secret.name.clone()).collect() }
    }

    /// Every place of a secret in `text`.
    pub(super) fn places<'a>(&'a self, text: &'a str) -> impl Iterator<Item = (usize, usize)> + 'a {
        self.finder.find_iter(text).map(|found| (found.start(), found.end()))
    }

    /// Whether `body` holds none of them in any form.
    ///
    /// # Errors
    /// Names the secret (never its value) and the form it stands in.
    pub fn check(&self, body: &[u8]) -> Result<(), Leak> {
        let Some(found) = self.finder.find(body) else { return Ok(()) };
        let (secret, form) = self.forms[found.pattern().as_usize()];
        Err(Leak { name: self.names[secret].clone(), form })
    }
}

/// The last look before a body leaves: whether it holds none of `secrets`, plain, escaped for JSON, percent-encoded, in base64 or in
/// hexadecimal. Who sends often keeps a [`Secrets`].
///
/// # Errors
/// Names the secret (never its value) and the form it stands in.
///
/// ```
/// use domain::redact::{Form, Secret, last_check};
/// let secrets = [Secret { name: "LLM_API_KEY".into(), value: "open/sesame".into() }];
/// assert!(last_check(b"{\"text\":\"nothing\"}", &secrets).is_ok());
/// let leak = last_check(b"GET /?key=open%2Fsesame", &secrets).unwrap_err();
/// assert_eq!((leak.name.as_str(), leak.form), ("LLM_API_KEY", Form::Url));
/// ```
pub fn last_check(body: &[u8], secrets: &[Secret]) -> Result<(), Leak> {
    Secrets::new(secrets).check(body)
}

/// Every way in which `value` may be written.
fn spellings(value: &str) -> Vec<(String, Form)> {
    let mut spellings = vec![(value.to_owned(), Form::Plain)];
    for (written, form) in [(json(value), Form::Json), (json(value).replace('/', "\\/"), Form::Json)] {
        spellings.push((written, form));
    }
    for is_upper in [true, false] {
        spellings.push((percent(value, is_upper), Form::Url));
        spellings.push((percent(value, is_upper).replace("%20", "+"), Form::Url));
        spellings.push((hex(value, is_upper), Form::Hex));
    }
    for offset in 0..3 {
        let standard = base64_inside(value.as_bytes(), offset);
        spellings.push((standard.replace('+', "-").replace('/', "_"), Form::Base64));
        spellings.push((standard, Form::Base64));
    }
    let mut seen = std::collections::BTreeSet::new();
    // Short base64 would be found in anything.
    spellings.retain(|(text, _)| text.len() >= MIN_SECRET_BYTES && seen.insert(text.clone()));
    spellings
}

fn json(value: &str) -> String {
    let quoted = serde_json::Value::String(value.to_owned()).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

fn hex(value: &str, is_upper: bool) -> String {
    let digit = |b: u8| if is_upper { format!("{b:02X}") } else { format!("{b:02x}") };
    value.bytes().map(digit).collect()
}

fn percent(value: &str, is_upper: bool) -> String {
    let mut out = String::new();
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ if is_upper => out.push_str(&format!("%{byte:02X}")),
            _ => out.push_str(&format!("%{byte:02x}")),
        }
    }
    out
}

/// The base64 digits that `value` alone decides when it stands `offset` bytes after a group of three begins.
fn base64_inside(value: &[u8], offset: usize) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let first = (offset * 8).div_ceil(6);
    let last = (offset + value.len()) * 8 / 6;
    let bit = |at: usize| value.get((at / 8).wrapping_sub(offset)).map_or(0, |byte| byte >> (7 - at % 8) & 1);
    let digit = |at: usize| (0..6).fold(0, |digit, step| digit << 1 | bit(at * 6 + step));
    (first..last).map(|at| char::from(DIGITS[usize::from(digit(at))])).collect()
}
