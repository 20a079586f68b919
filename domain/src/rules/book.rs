//! What the rules have found so far: one draft per rule and subject, bounded, with the lines that prove it.

use super::RuleInfo;
use crate::finding::{Finding, Level, Origin, cut, rule_fingerprint};
use crate::finding::{MAX_EVIDENCE_LINES, MAX_LINE_CHARS, MAX_TEXT_CHARS, MAX_TITLE_CHARS};
use crate::time::Wall;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Subjects one rule may name in one analysis; those beyond share one finding, so a flood of sources hides nothing.
pub const MAX_SUBJECTS_PER_RULE: usize = 20;
/// Subjects of the shared finding that are told apart; from there on it says "or more".
const MAX_OTHERS: usize = 1_000;
/// The subject of the shared finding.
const OTHERS: &str = "others";

/// A line with its number, kept as proof.
#[derive(Clone, Debug)]
pub(crate) struct Proof {
    pub(crate) number: u64,
    pub(crate) at_s: i64,
    pub(crate) text: String,
}

impl Proof {
    pub(crate) fn new(number: u64, at_s: i64, text: &str) -> Proof {
        Proof { number, at_s, text: cut(text, MAX_LINE_CHARS) }
    }
}

/// A rule's conclusion about one subject.
pub(crate) struct Hit {
    pub(crate) rule: &'static RuleInfo,
    pub(crate) subject: String,
    pub(crate) severity: Level,
    pub(crate) title: String,
    pub(crate) what: String,
}

#[derive(Debug)]
struct Draft {
    rule: &'static RuleInfo,
    severity: Level,
    title: String,
    what: String,
    proofs: VecDeque<Proof>,
    lines: u64,
    first_s: i64,
    last_s: i64,
    others: BTreeSet<String>,
}

/// Drafts of one analysis.
#[derive(Debug, Default)]
pub(crate) struct Book {
    drafts: BTreeMap<(&'static str, String), Draft>,
    per_rule: BTreeMap<&'static str, usize>,
}

impl Book {
    /// Notes `hit`, proven by `proofs`. Told again about the same subject it keeps the higher severity and the later words.
    pub(crate) fn note(&mut self, hit: Hit, proofs: impl IntoIterator<Item = Proof>) {
        let is_known = self.drafts.contains_key(&(hit.rule.name, hit.subject.clone()));
        let is_full = self.per_rule.get(hit.rule.name).is_some_and(|count| *count >= MAX_SUBJECTS_PER_RULE);
        let is_shared = !is_known && is_full;
        let key = if is_shared { OTHERS.to_owned() } else { hit.subject.clone() };
        let draft = self.drafts.entry((hit.rule.name, key)).or_insert_with(|| {
            *self.per_rule.entry(hit.rule.name).or_default() += 1;
            Draft::new(&hit)
        });
        draft.severity = draft.severity.max(hit.severity);
        if is_shared {
            if draft.others.len() < MAX_OTHERS {
                draft.others.insert(hit.subject);
            }
            let more = if draft.others.len() < MAX_OTHERS { "more" } else { "or more others" };
            draft.title = format!("{}: {} {more}", hit.rule.title, draft.others.len());
            draft.what = format!(
                "More than {MAX_SUBJECTS_PER_RULE} were found; the last of the others: {}.",
                hit.what.trim_end_matches('.')
            );
        } else {
            (draft.title, draft.what) = (hit.title, hit.what);
        }
        for proof in proofs {
            draft.add(proof);
        }
    }

    /// The findings, and an empty book.
    pub(crate) fn take(&mut self) -> Vec<Finding> {
        self.per_rule.clear();
        std::mem::take(&mut self.drafts).into_iter().map(|((_, subject), draft)| draft.finding(&subject)).collect()
    }
}

impl Draft {
    fn new(hit: &Hit) -> Draft {
        Draft {
            rule: hit.rule,
            severity: hit.severity,
            title: hit.title.clone(),
            what: hit.what.clone(),
            proofs: VecDeque::new(),
            lines: 0,
            first_s: i64::MAX,
            last_s: i64::MIN,
            others: BTreeSet::new(),
        }
    }

    /// The first half of the lines stays, the second half is the latest.
    fn add(&mut self, proof: Proof) {
        if self.proofs.iter().any(|known| known.number == proof.number) {
            return;
        }
        self.lines += 1;
        self.first_s = self.first_s.min(proof.at_s);
        self.last_s = self.last_s.max(proof.at_s);
        if self.proofs.len() >= MAX_EVIDENCE_LINES {
            self.proofs.remove(MAX_EVIDENCE_LINES / 2);
        }
        self.proofs.push_back(proof);
    }

    fn finding(self, subject: &str) -> Finding {
        let mut proofs = Vec::from(self.proofs);
        proofs.sort_by_key(|proof| proof.number);
        let when = |at_s: i64| Wall(at_s.saturating_mul(1_000)).utc().format("%Y-%m-%d %H:%M:%S UTC").to_string();
        let span = match self.lines {
            1 => format!("Seen once, {}.", when(self.first_s)),
            n => format!("{n} lines from {} to {}.", when(self.first_s), when(self.last_s)),
        };
        Finding {
            severity: self.severity,
            category: self.rule.category,
            title: cut(&self.title, MAX_TITLE_CHARS),
            explanation: cut(
                &format!("{} {span} Rule: {}, {}.", self.what, self.rule.looks_for, self.rule.threshold),
                MAX_TEXT_CHARS,
            ),
            evidence: proofs.iter().map(|proof| proof.number).collect(),
            lines: proofs.into_iter().map(|proof| proof.text).collect(),
            suggestion: self.rule.suggestion.to_owned(),
            origin: Origin::Rule(self.rule.name.to_owned()),
            fingerprint: rule_fingerprint(self.rule.name, subject),
            remarks: Vec::new(),
        }
    }
}
