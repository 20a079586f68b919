//! A finding: something a host's log shows that a person should know, with the lines that prove it. Nothing unproven gets in.
//!
//! Findings come from two places. Local rules ([`crate::rules`]) and the injection detector make them from the lines
//! themselves. A model may add more, but only through [`verify`], and [`merge`] never lets it lower or hide a local one.

mod merge;
mod verify;

pub use merge::merge;
pub use verify::{Dropped, SentLine, Verified, verify};

use crate::host::Severity;
use crate::rules::line;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// Findings taken from one answer of a model; more are dropped and counted.
pub const MAX_FINDINGS: usize = 50;
/// Evidence lines kept per finding.
pub const MAX_EVIDENCE_LINES: usize = 20;
/// Characters of a title; longer ones are cut.
pub const MAX_TITLE_CHARS: usize = 120;
/// Characters of an explanation or a suggestion; longer ones are cut.
pub const MAX_TEXT_CHARS: usize = 1_000;
/// Characters kept of one evidence line.
pub const MAX_LINE_CHARS: usize = 500;
/// Model explanations kept beside one local finding.
pub const MAX_REMARKS: usize = 3;

/// How bad a finding is. Alerts know three severities: `info` and `low` become `info`, `medium` and `high` become
/// `warning`, `critical` stays `critical`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Worth a line on the page.
    Info,
    /// Worth a look when there is time.
    Low,
    /// Should be looked at today.
    Medium,
    /// Should be looked at now.
    High,
    /// Somebody should be woken.
    Critical,
}

impl Level {
    /// All levels, mildest first.
    pub const ALL: [Level; 5] = [Level::Info, Level::Low, Level::Medium, Level::High, Level::Critical];

    /// The word the API, the database and the model use.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Info => "info",
            Level::Low => "low",
            Level::Medium => "medium",
            Level::High => "high",
            Level::Critical => "critical",
        }
    }

    /// The level that `word` names.
    pub fn parse(word: &str) -> Option<Level> {
        Level::ALL.into_iter().find(|level| level.as_str() == word)
    }

    /// The severity of an alert about a finding of this level.
    ///
    /// ```
    /// use domain::{finding::Level, host::Severity};
    /// assert_eq!(Level::High.alert(), Severity::Warning);
    /// assert_eq!(Level::Critical.alert(), Severity::Critical);
    /// ```
    pub fn alert(self) -> Severity {
        match self {
            Level::Info | Level::Low => Severity::Info,
            Level::Medium | Level::High => Severity::Warning,
            Level::Critical => Severity::Critical,
        }
    }
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Logins, failed or suspicious.
    Authentication,
    /// Probing of ports or web paths.
    Scan,
    /// Attempts to misuse a web application.
    WebAttack,
    /// Accounts, groups, keys and rights that changed.
    Privilege,
    /// Firewall rules, policies and other configuration that changed.
    Configuration,
    /// Disks and file systems.
    Storage,
    /// Memory that ran out.
    Memory,
    /// Programs that crash or do not stay up.
    Crash,
    /// Connections that look like remote control or movement between machines.
    Network,
    /// Log text that tries to give a model orders.
    PromptInjection,
    /// Anything else.
    Other,
}

impl Category {
    /// All categories.
    pub const ALL: [Category; 11] = [
        Category::Authentication,
        Category::Scan,
        Category::WebAttack,
        Category::Privilege,
        Category::Configuration,
        Category::Storage,
        Category::Memory,
        Category::Crash,
        Category::Network,
        Category::PromptInjection,
        Category::Other,
    ];

    /// The word the API, the database and the model use.
    pub fn as_str(self) -> &'static str {
        match self {
            Category::Authentication => "authentication",
            Category::Scan => "scan",
            Category::WebAttack => "web_attack",
            Category::Privilege => "privilege",
            Category::Configuration => "configuration",
            Category::Storage => "storage",
            Category::Memory => "memory",
            Category::Crash => "crash",
            Category::Network => "network",
            Category::PromptInjection => "prompt_injection",
            Category::Other => "other",
        }
    }
}

/// Who found it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "rule")]
pub enum Origin {
    /// A local rule, by name.
    Rule(String),
    /// A model, verified.
    Model,
}

/// One finding, ready to be stored and shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How bad.
    pub severity: Level,
    /// About what.
    pub category: Category,
    /// One line.
    pub title: String,
    /// What was seen and why it matters.
    pub explanation: String,
    /// Numbers of the lines that prove it, in the log that was read, ascending.
    pub evidence: Vec<u64>,
    /// The text of those lines as it was read: cleaned and redacted.
    pub lines: Vec<String>,
    /// What to do.
    pub suggestion: String,
    /// Who found it.
    pub origin: Origin,
    /// The same for the same finding in a later analysis; what has alerted once does not alert again.
    pub fingerprint: String,
    /// What a model said about the same lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

/// The fingerprint of what local rule `rule` found about `subject` (an address, a user, a service).
///
/// ```
/// use domain::finding::rule_fingerprint;
/// assert_eq!(rule_fingerprint("port_scan", "10.0.0.7"), rule_fingerprint("port_scan", "10.0.0.7"));
/// assert_ne!(rule_fingerprint("port_scan", "10.0.0.7"), rule_fingerprint("port_scan", "10.0.0.8"));
/// ```
pub fn rule_fingerprint(rule: &str, subject: &str) -> String {
    digest(["rule", rule, subject])
}

/// The fingerprint of a model's finding: category and the shapes of its evidence. A model words the same thing in a new
/// way each time, so its own words do not count.
pub fn model_fingerprint<'a>(category: Category, lines: impl Iterator<Item = &'a str>) -> String {
    let shapes: BTreeSet<String> = lines.map(shape).collect();
    digest(["model", category.as_str()].into_iter().chain(shapes.iter().map(String::as_str)))
}

/// `text` cut to `max_chars`, with `…` for what is missing.
pub(crate) fn cut(text: &str, max_chars: usize) -> String {
    match text.char_indices().nth(max_chars) {
        None => text.to_owned(),
        Some(_) => text.chars().take(max_chars.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// A line without what changes from one occurrence to the next: header, and runs of digits outside of addresses.
fn shape(text: &str) -> String {
    line::parse(text, 0).message.split_whitespace().map(shape_of_word).collect::<Vec<_>>().join(" ")
}

fn shape_of_word(word: &str) -> String {
    let is_address = word.split(|c: char| !c.is_ascii_digit() && c != '.').any(line::is_ipv4);
    if is_address {
        return word.split(['/', ':']).next().unwrap_or(word).to_owned();
    }
    let mut shape = String::with_capacity(word.len());
    for c in word.chars() {
        match c.is_ascii_digit() {
            true if shape.ends_with('#') => {}
            true => shape.push('#'),
            false => shape.push(c),
        }
    }
    shape
}

fn digest<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
