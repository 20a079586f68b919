//! Takes secrets and personal data out of log lines before anything is stored, logged or sent, and says what it took.
//!
//! The order: [`clean`] a line of bytes, then [`Redactor::line`]. Each thing found becomes a placeholder that names its kind
//! (`<SECRET:aws>`, `<EMAIL>`, `<CARD>`); public addresses become stable pseudonyms (`IP-PUB-3`) that only this hub can undo.
//! Redacting what is redacted changes nothing. Over-long stretches and unknown forms are resolved towards taking more.

mod address;
mod clean;
mod field;
mod pem;
mod personal;
mod scan;
mod secrets;
mod token;
mod url;

pub use address::{MAX_PSEUDONYMS, Pseudonyms};
pub use clean::{Cleaned, MAX_LINE_BYTES, clean};
pub use secrets::{Form, Leak, MIN_SECRET_BYTES, Secret, Secrets, last_check};

use pem::Pem;
use scan::Seen;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Looks at one line. What one look makes visible the next one takes; a line that does not settle is taken whole.
const MAX_LOOKS: usize = 5;

/// What is to be replaced, and by what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hit {
    start: usize,
    end: usize,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Secret(&'static str),
    Email,
    Card,
    Address(IpAddr),
}

impl Hit {
    fn secret(start: usize, end: usize, label: &'static str) -> Hit {
        Hit { start, end, what: What::Secret(label) }
    }
}

impl Hit {
    /// Whether blanks or brackets stand on both sides of it.
    fn is_apart(&self, text: &str) -> bool {
        let before = text.as_bytes()[..self.start].last();
        let after = text.as_bytes().get(self.end);
        before.is_none_or(|b| b" ([<\"',;=".contains(b)) && after.is_none_or(|b| b" )]>\"',;:".contains(b))
    }
}

impl What {
    /// The word it is counted under.
    fn word(self) -> &'static str {
        match self {
            What::Secret(label) => label,
            What::Email => "email",
            What::Card => "card",
            What::Address(_) => "public-address",
        }
    }
}

/// How many of each kind were taken out: `aws`, `password`, `email`, `card`, `public-address` and so on.
pub type Counts = BTreeMap<&'static str, u64>;

/// Redacts the lines of one source, in order: it remembers an open private key, the pseudonyms, and its counts.
#[derive(Debug, Default)]
pub struct Redactor {
    pseudonyms: Pseudonyms,
    pem: Pem,
    counts: Counts,
    secrets: Option<Secrets>,
    hits: Vec<Hit>,
}

impl Redactor {
    /// One that goes on with `pseudonyms` and takes the hub's own `secrets` out of lines too.
    pub fn new(pseudonyms: Pseudonyms, secrets: Secrets) -> Redactor {
        Redactor { pseudonyms, secrets: Some(secrets), ..Redactor::default() }
    }

    /// `line` without what must not leave. Lines come in their order, each once.
    ///
    /// ```
    /// use domain::redact::Redactor;
    /// let mut redactor = Redactor::default();
    /// let line = redactor.line("mail to anna@example.org failed, password=hunter2, from 203.0.113.9");
    /// assert_eq!(line, "mail to <EMAIL> failed, password=<SECRET:password>, from IP-PUB-1");
    /// assert_eq!(redactor.counts().get("password"), Some(&1));
    /// ```
    pub fn line<'a>(&mut self, line: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(line);
        for look in 0..MAX_LOOKS {
            let mut hits = std::mem::take(&mut self.hits);
            hits.clear();
            if look == 0 {
                hits.extend(self.pem.go_on(&text));
            }
            let seen = scan::find(&text, &mut self.pem, self.secrets.as_ref(), &mut hits);
            if hits.is_empty() {
                self.hits = hits;
                return text;
            }
            // A password may look like part of an e-mail address; secrets go first, the next look takes the rest.
            if hits.iter().any(|hit| matches!(hit.what, What::Secret(_))) {
                hits.retain(|hit| matches!(hit.what, What::Secret(_)));
            }
            // An address's pseudonym shows nothing that was not there before, where no word is that could promise something,
            // and where nothing it touches could be read together with it.
            let is_apart = |hit: &Hit| seen == Seen::Nothing || (seen == Seen::Names && hit.is_apart(&text));
            let stands_alone = |hit: &Hit| matches!(hit.what, What::Address(_)) && is_apart(hit);
            let is_settled = hits.iter().all(stands_alone);
            let replaced = self.replaced(&text, &mut hits);
            self.hits = hits;
            text = Cow::Owned(replaced);
            if is_settled {
                return text;
            }
        }
        self.take_whole(text)
    }

    fn take_whole<'a>(&mut self, text: Cow<'a, str>) -> Cow<'a, str> {
        let mut hits = Vec::new();
        scan::find(&text, &mut self.pem, self.secrets.as_ref(), &mut hits);
        if hits.is_empty() {
            return text;
        }
        *self.counts.entry("line").or_default() += 1;
        Cow::Borrowed("<SECRET:line>")
    }

    /// `text` with `hits` replaced; where some overlap, the first names what goes and all of it goes.
    fn replaced(&mut self, text: &str, hits: &mut [Hit]) -> String {
        hits.sort_by_key(|hit| (hit.start, usize::MAX - hit.end));
        let mut out = String::with_capacity(text.len() + 16);
        let (mut done, mut at) = (0, 0);
        while let Some(first) = hits.get(at) {
            let mut end = first.end;
            at += 1;
            while let Some(next) = hits.get(at).filter(|next| next.start < end) {
                end = end.max(next.end);
                at += 1;
            }
            out.push_str(&text[done..first.start]);
            self.write(first.what, &mut out);
            done = end;
        }
        out.push_str(&text[done..]);
        out
    }

    fn write(&mut self, what: What, out: &mut String) {
        *self.counts.entry(what.word()).or_default() += 1;
        match what {
            What::Secret(label) => {
                out.push_str("<SECRET:");
                out.push_str(label);
                out.push('>');
            }
            What::Email => out.push_str("<EMAIL>"),
            What::Card => out.push_str("<CARD>"),
            What::Address(address) => self.pseudonyms.write(address, out),
        }
    }

    /// What it took so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The pseudonyms it gave.
    pub fn pseudonyms(&self) -> &Pseudonyms {
        &self.pseudonyms
    }

    /// Ends it; the pseudonyms are kept for the next time.
    pub fn into_pseudonyms(self) -> Pseudonyms {
        self.pseudonyms
    }

    /// Whether the last line was inside a private key that has not ended.
    pub fn is_inside_key(&self) -> bool {
        self.pem.is_open()
    }
}

/// Whether `text` is a placeholder or a pseudonym and nothing else.
fn is_placeholder(text: &str) -> bool {
    let label = text.strip_prefix("<SECRET:").and_then(|rest| rest.strip_suffix('>'));
    let is_label = |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let is_pseudonym = |number: &str| !number.is_empty() && number.bytes().all(|b| b.is_ascii_alphanumeric());
    label.is_some_and(is_label)
        || matches!(text, "<EMAIL>" | "<CARD>")
        || text.strip_prefix(address::PREFIX).is_some_and(is_pseudonym)
}
