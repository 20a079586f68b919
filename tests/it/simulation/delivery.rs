//! What Discord has at the end, held against what the hub wrote down: P1, P3, P4 and P5.

use super::discord::Sent;
use super::disk::{Incident, Notice};
use super::history::{M, S, clock};
use super::trace::Answer;
use super::world::Outcome;
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// Refusals must last this long before anybody is told past the store.
const TELL_AFTER: i64 = 5 * S;
/// Nothing is told any more of a store that has refused nothing for so long, with the longest call that may be under way then
/// and the longest rest of the tick that notices.
const FORGET_AFTER: i64 = 120 * S + 15 * S + 5 * M;

/// What is wrong, in words; empty when all is well.
pub fn wrong(outcome: &Outcome) -> Vec<String> {
    let mut wrong = outcome.discord.violations.iter().map(|what| format!("P5: {what}")).collect::<Vec<_>>();
    wrong.extend(heartbeats(outcome));
    wrong.extend(notices(outcome));
    wrong.extend(order(outcome));
    wrong.extend(repeats(outcome));
    wrong.extend(past_the_store(outcome));
    wrong
}

/// P1: what was acknowledged is there, once; what was refused is not.
fn heartbeats(outcome: &Outcome) -> Vec<String> {
    let mut answers: HashMap<&str, Vec<Answer>> = HashMap::new();
    for heard in &outcome.trace.heard {
        answers.entry(&heard.tag).or_default().push(heard.answer);
    }
    let mut wrong = Vec::new();
    for (tag, answers) in answers {
        let times = outcome.told.beats.get(tag).copied().unwrap_or(0);
        let (acknowledged, refused) =
            (answers.contains(&Answer::Stored), answers.iter().all(|answer| *answer == Answer::Refused));
        if times > 1 || (acknowledged && times == 0) || (refused && times > 0) {
            wrong.push(format!("P1: heartbeat {tag} was answered {answers:?} and is stored {times} times"));
        }
    }
    wrong.sort();
    wrong
}

/// P3: state and notice together, and everything told in the end.
fn notices(outcome: &Outcome) -> Vec<String> {
    let mut wrong = Vec::new();
    let of = |alert: i64, kind: &str| {
        outcome.told.notices.iter().filter(|n| n.alert == alert && n.kind == kind).collect::<Vec<&Notice>>()
    };
    for notice in &outcome.told.notices {
        if !["sent", "skipped"].contains(&notice.state.as_str()) {
            wrong.push(format!("P3: never told: {notice:?}"));
        }
        let why = ["silenced", "host removed", "no message to edit"];
        if notice.state == "skipped" && !notice.reason.as_deref().is_some_and(|reason| why.contains(&reason)) {
            wrong.push(format!("P3: not told: {notice:?}"));
        }
    }
    for incident in &outcome.told.incidents {
        let opened = of(incident.id, "opened");
        if opened.len() != 1 {
            wrong.push(format!("P3: {} notices of the beginning of {incident:?}", opened.len()));
        }
        let ended = incident.resolution.as_deref() == Some("heartbeat received");
        if ended && opened.iter().all(|notice| notice.state != "skipped") && of(incident.id, "recovered").len() != 1 {
            wrong.push(format!("P3: its end is not told: {incident:?}"));
        }
    }
    wrong
}

/// P3: in order per host.
fn order(outcome: &Outcome) -> Vec<String> {
    let arrived: HashMap<&str, (i64, bool)> =
        outcome.discord.sent.iter().map(|sent| (sent.id.as_str(), (sent.at, sent.replaces))).collect();
    let incidents: HashMap<i64, &Incident> = outcome.told.incidents.iter().map(|incident| (incident.id, incident)).collect();
    let (mut last, mut wrong) = (HashMap::new(), Vec::new());
    for notice in outcome.told.notices.iter().filter(|notice| notice.state == "sent" && notice.kind != "edited") {
        let Some(message) = &notice.message else {
            wrong.push(format!("P3: told by no message: {notice:?}"));
            continue;
        };
        let Some((at, replaces)) = arrived.get(message.as_str()).copied() else {
            wrong.push(format!("P3: called sent and never arrived: {notice:?}"));
            continue;
        };
        let host = incidents.get(&notice.alert).and_then(|incident| incident.row);
        // The promise is per host. The hub's own incidents have none and no order among each other: each is its own line.
        let line = (host, if host.is_none() { notice.alert } else { 0 });
        let before = if replaces { None } else { last.insert(line, at) };
        if before.is_some_and(|before| before > at) {
            wrong.push(format!("P3: overtook an earlier message of its host: {notice:?} at {}", clock(at)));
        }
    }
    wrong
}

/// P4: a message that the hub does not know of was lost on the way back or in a crash, and the one that tells the same again
/// says that it may be a repeat.
fn repeats(outcome: &Outcome) -> Vec<String> {
    let known: HashSet<&str> = outcome.told.messages.iter().map(String::as_str).collect();
    let mut wrong = Vec::new();
    let unknown = |sent: &Sent| !known.contains(sent.id.as_str()) && !is_past_the_store(sent);
    for (i, sent) in outcome.discord.sent.iter().enumerate().filter(|(_, sent)| unknown(sent)) {
        let near = |at: i64| (sent.at..sent.at + 2 * M).contains(&at);
        let interrupted = outcome.trace.lives.iter().any(|life| near(life.end))
            || outcome.trace.troubles.iter().any(|(from, to)| *from <= sent.at + 30 * S && sent.at <= *to);
        if sent.answered && !interrupted {
            wrong.push(format!("P4: the hub forgot a message it was told of: {sent:?}"));
        }
        let later = &outcome.discord.sent[i + 1..];
        let told_again = |name: &str| later.iter().any(|more| more.body.contains(name) && more.body.contains("possible repeat"));
        let dropped =
            |name: &str| outcome.told.notices.iter().any(|notice| notice.state == "skipped" && names_host(outcome, notice, name));
        for name in hosts_in(&sent.body).into_iter().filter(|name| !told_again(name) && !dropped(name)) {
            wrong.push(format!(
                "P4: {name} was told at {} and again without saying so, or never again: {}",
                clock(sent.at),
                sent.body
            ));
        }
    }
    wrong
}

/// The one message that no row knows of, because the store that would hold it refuses to write.
fn is_past_the_store(sent: &Sent) -> bool {
    sent.body.contains("Alert: Database Refuses Writes")
}

/// P13: told only of a store that refused for long enough, and once, unless whoever told it was interrupted.
fn past_the_store(outcome: &Outcome) -> Vec<String> {
    let mut wrong = Vec::new();
    let told: Vec<&Sent> = outcome.discord.sent.iter().filter(|sent| is_past_the_store(sent)).collect();
    for (i, sent) in told.iter().enumerate() {
        let refused = |(from, to): &(i64, i64)| (from + TELL_AFTER..to + FORGET_AFTER).contains(&sent.at);
        if !outcome.trace.troubles.iter().any(refused) {
            wrong.push(format!("P13: told that the store refuses at {}, when it did not: {}", clock(sent.at), sent.body));
        }
        let earlier = told[..i].iter().rfind(|before| before.answered && since(before) == since(sent));
        if earlier.is_some_and(|before| !interrupted(outcome, before.at, sent.at)) {
            wrong.push(format!("P13: told twice, at {} again: {}", clock(sent.at), sent.body));
        }
    }
    wrong
}

/// The refusal that such a message tells of, by when it began.
fn since(sent: &Sent) -> String {
    let body: Value = serde_json::from_str(&sent.body).expect("a body is JSON");
    body["embeds"][0]["fields"][0]["value"].to_string()
}

/// Whether the actor that tells may have begun anew between these two, with nothing on disk of what it told.
fn interrupted(outcome: &Outcome, from: i64, to: i64) -> bool {
    let lives = outcome.trace.lives.iter().any(|life| (from..=to).contains(&life.end));
    lives || outcome.discord.panics.iter().any(|at| (from..=to).contains(at))
}

fn names_host(outcome: &Outcome, notice: &Notice, name: &str) -> bool {
    let row = outcome.told.incidents.iter().find(|incident| incident.id == notice.alert).and_then(|incident| incident.row);
    let of_row = outcome.trace.watched.iter().find(|watched| Some(watched.row) == row);
    of_row.is_some_and(|watched| name == watched.name)
}

/// The hosts a message names.
fn hosts_in(body: &str) -> Vec<String> {
    let mut names: Vec<String> =
        body.match_indices("host-").filter_map(|(at, _)| body.get(at..at + 7)).map(str::to_owned).collect();
    names.sort();
    names.dedup();
    names
}
