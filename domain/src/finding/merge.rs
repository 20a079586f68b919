//! Local and model findings become one list in which the model can only add: it never removes or lowers a local finding.

use super::{Finding, MAX_REMARKS, Origin};

/// All of `local`, raised where `model` is more worried about the same lines, and what `model` found besides; worst first.
///
/// Two findings are about the same thing when they share a fingerprint, or a category and a line. The local one then
/// stays, with the higher of the two levels as its own and the model's explanation as a remark. Idempotent:
/// `merge(merge(l, m), m) == merge(l, m)`.
pub fn merge(local: Vec<Finding>, model: &[Finding]) -> Vec<Finding> {
    let mut all = local;
    for added in model {
        // What a rule has found takes it up alone. All rules' findings that are the same, not the first: which one is first
        // changes as levels rise, and merging again must change nothing.
        if !absorbed(&mut all, added, is_of_rule) && !absorbed(&mut all, added, is_same_of_model) {
            all.push(added.clone());
        }
    }
    all.sort_by(|a, b| {
        b.severity.cmp(&a.severity).then_with(|| a.evidence.cmp(&b.evidence)).then_with(|| a.fingerprint.cmp(&b.fingerprint))
    });
    all
}

fn absorbed(all: &mut [Finding], added: &Finding, is_same: fn(&Finding, &Finding) -> bool) -> bool {
    let mut is_known = false;
    for known in all.iter_mut().filter(|known| is_same(known, added)) {
        absorb(known, added);
        is_known = true;
    }
    is_known
}

/// A rule's finding names what a line is about, so one of the same category about the same line is the same.
fn is_of_rule(known: &Finding, added: &Finding) -> bool {
    let shares_line = || known.category == added.category && added.evidence.iter().any(|line| known.evidence.contains(line));
    matches!(known.origin, Origin::Rule(_)) && (known.fingerprint == added.fingerprint || shares_line())
}

/// Two of a model's findings about one line may be two things.
fn is_same_of_model(known: &Finding, added: &Finding) -> bool {
    known.origin == Origin::Model && known.fingerprint == added.fingerprint
}

fn absorb(known: &mut Finding, added: &Finding) {
    known.severity = known.severity.max(added.severity);
    let is_news = known.explanation != added.explanation && !known.remarks.contains(&added.explanation);
    if is_news && !added.explanation.is_empty() && known.remarks.len() < MAX_REMARKS {
        known.remarks.push(added.explanation.clone());
    }
}
