//! What a model says is believed only where the lines it was sent prove it; the rest is dropped under a named reason.

use super::{Category, Finding, Level, Origin, cut, model_fingerprint};
use super::{MAX_EVIDENCE_LINES, MAX_FINDINGS, MAX_LINE_CHARS, MAX_TEXT_CHARS, MAX_TITLE_CHARS};
use crate::injection;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A line as it was sent to a model: the n-th sent line is called `L` and n in four digits, from `L0001`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentLine {
    /// Its number in the log that was read.
    pub number: u64,
    /// Its text, cleaned and redacted.
    pub text: String,
}

/// Why a finding of a model was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dropped {
    /// More findings than one answer may have.
    TooMany,
    /// A key that was not asked for.
    ExtraKey,
    /// A missing key, a wrong type, an unknown word or an empty title.
    Malformed,
    /// It cites no line.
    NoEvidence,
    /// It cites a line that was not sent.
    UnknownLine,
    /// It quotes text that is not in the line it cites.
    QuoteNotInLine,
    /// Its words repeat an opaque token or a passage of a line that gives orders: the model obeyed the log.
    RepeatsInjection,
    /// Its own words give orders, as an injected text does.
    InstructionLike,
}

impl Dropped {
    /// The word the database and the pages use.
    pub fn as_str(self) -> &'static str {
        match self {
            Dropped::TooMany => "too_many",
            Dropped::ExtraKey => "extra_key",
            Dropped::Malformed => "malformed",
            Dropped::NoEvidence => "no_evidence",
            Dropped::UnknownLine => "unknown_line",
            Dropped::QuoteNotInLine => "quote_not_in_line",
            Dropped::RepeatsInjection => "repeats_injection",
            Dropped::InstructionLike => "instruction_like",
        }
    }
}

/// What is left of a model's answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Findings whose evidence was sent.
    pub findings: Vec<Finding>,
    /// How many were dropped, by reason.
    pub dropped: BTreeMap<Dropped, u32>,
}

/// A finding as the model writes it.
#[derive(Deserialize)]
struct Claim {
    severity: Level,
    category: Category,
    title: String,
    explanation: String,
    evidence: Vec<Citation>,
    suggestion: String,
}

const CLAIM_KEYS: [&str; 6] = ["severity", "category", "title", "explanation", "evidence", "suggestion"];

/// A cited line: `"L0001"`, `1`, or `{"line":"L0001","quote":"…"}`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Citation {
    Number(u64),
    Id(String),
    Quoted(Quoted),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Quoted {
    line: LineId,
    quote: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum LineId {
    Number(u64),
    Id(String),
}

/// The findings in `claims` (the model's `findings` array) that the `sent` lines prove.
///
/// ```
/// use domain::finding::{verify, Dropped, SentLine};
/// let sent = [SentLine { number: 812, text: "sshd: Failed password for root".into() }];
/// let claims = serde_json::json!([
///     {"severity":"high","category":"authentication","title":"Guessing","explanation":"","suggestion":"",
///      "evidence":[{"line":"L0001","quote":"Failed password"}]},
///     {"severity":"high","category":"authentication","title":"Invented","explanation":"","suggestion":"","evidence":["L0002"]},
/// ]);
/// let verified = verify(claims.as_array().unwrap(), &sent);
/// assert_eq!(verified.findings[0].evidence, [812]);
/// assert_eq!(verified.dropped[&Dropped::UnknownLine], 1);
/// ```
pub fn verify(claims: &[Value], sent: &[SentLine]) -> Verified {
    let orders = Orders::in_lines(sent);
    let mut verified = Verified::default();
    for (index, claim) in claims.iter().enumerate() {
        let checked = if index < MAX_FINDINGS { check(claim, sent, &orders) } else { Err(Dropped::TooMany) };
        match checked {
            Ok(finding) => verified.findings.push(finding),
            Err(reason) => *verified.dropped.entry(reason).or_default() += 1,
        }
    }
    verified
}

fn check(claim: &Value, sent: &[SentLine], orders: &Orders) -> Result<Finding, Dropped> {
    let object = claim.as_object().ok_or(Dropped::Malformed)?;
    if object.keys().any(|key| !CLAIM_KEYS.contains(&key.as_str())) {
        return Err(Dropped::ExtraKey);
    }
    let claim = Claim::deserialize(claim).map_err(|_| Dropped::Malformed)?;
    if claim.title.trim().is_empty() {
        return Err(Dropped::Malformed);
    }
    let cited = cited_lines(&claim.evidence, sent)?;
    orders.refuse([&claim.title, &claim.explanation, &claim.suggestion])?;
    let kept = || cited.iter().take(MAX_EVIDENCE_LINES).map(|&index| &sent[index]);
    Ok(Finding {
        severity: claim.severity,
        category: claim.category,
        title: cut(claim.title.trim(), MAX_TITLE_CHARS),
        explanation: cut(claim.explanation.trim(), MAX_TEXT_CHARS),
        evidence: kept().map(|line| line.number).collect(),
        lines: kept().map(|line| cut(&line.text, MAX_LINE_CHARS)).collect(),
        suggestion: cut(claim.suggestion.trim(), MAX_TEXT_CHARS),
        origin: Origin::Model,
        fingerprint: model_fingerprint(claim.category, kept().map(|line| line.text.as_str())),
        remarks: Vec::new(),
    })
}

/// Positions of the cited lines in `sent`, ascending. One bad citation spoils the finding: who invents one line invents.
fn cited_lines(citations: &[Citation], sent: &[SentLine]) -> Result<BTreeSet<usize>, Dropped> {
    let mut cited = BTreeSet::new();
    for citation in citations {
        let (index, quote) = match citation {
            Citation::Number(n) => (position(*n), None),
            Citation::Id(id) => (position_of(id), None),
            Citation::Quoted(Quoted { line: LineId::Number(n), quote }) => (position(*n), quote.as_deref()),
            Citation::Quoted(Quoted { line: LineId::Id(id), quote }) => (position_of(id), quote.as_deref()),
        };
        let index = index.filter(|&index| index < sent.len()).ok_or(Dropped::UnknownLine)?;
        if quote.is_some_and(|quote| quote.trim().is_empty() || !sent[index].text.contains(quote.trim())) {
            return Err(Dropped::QuoteNotInLine);
        }
        cited.insert(index);
    }
    if cited.is_empty() {
        return Err(Dropped::NoEvidence);
    }
    Ok(cited)
}

fn position(number: u64) -> Option<usize> {
    usize::try_from(number).ok()?.checked_sub(1)
}

fn position_of(id: &str) -> Option<usize> {
    let digits = id.trim().strip_prefix(['L', 'l'])?;
    position(digits.parse().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()))?)
}

/// Words of one passage that a verdict may not share with a line that gives orders.
const PASSAGE_WORDS: usize = 6;
/// Shortest token that counts as opaque: an attacker's marker, not a word.
const OPAQUE_CHARS: usize = 12;

/// What the lines that give orders would have a model say.
struct Orders {
    opaque: BTreeSet<String>,
    passages: BTreeSet<String>,
}

impl Orders {
    fn in_lines(sent: &[SentLine]) -> Orders {
        let mut orders = Orders { opaque: BTreeSet::new(), passages: BTreeSet::new() };
        for line in sent.iter().filter(|line| injection::detect(&line.text).is_some()) {
            let text = crate::rules::line::parse(&line.text, 0).message;
            orders.opaque.extend(tokens(text).filter(|token| is_opaque(token)).map(str::to_lowercase));
            orders.passages.extend(passages(text));
        }
        orders
    }

    fn refuse(&self, texts: [&String; 3]) -> Result<(), Dropped> {
        for text in texts {
            let lower = text.to_lowercase();
            let repeats = self.opaque.iter().any(|token| lower.contains(token.as_str()))
                || (!self.passages.is_empty() && passages(text).any(|passage| self.passages.contains(&passage)));
            if repeats {
                return Err(Dropped::RepeatsInjection);
            }
            if injection::detect(text).is_some() {
                return Err(Dropped::InstructionLike);
            }
        }
        Ok(())
    }
}

fn tokens(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_')).filter(|token| !token.is_empty())
}

fn is_opaque(token: &str) -> bool {
    let has = |test: fn(&char) -> bool| token.chars().any(|c| test(&c));
    let is_mixed = has(|c| c.is_ascii_uppercase()) && has(|c| c.is_ascii_lowercase());
    token.chars().count() >= OPAQUE_CHARS && (has(|c| c.is_ascii_digit()) || is_mixed || has(|c| *c == '_'))
}

fn passages(text: &str) -> impl Iterator<Item = String> {
    let words: Vec<String> = tokens(text).map(str::to_lowercase).collect();
    let count = (words.len() + 1).saturating_sub(PASSAGE_WORDS);
    (0..count).map(move |start| words[start..start + PASSAGE_WORDS].join(" "))
}
