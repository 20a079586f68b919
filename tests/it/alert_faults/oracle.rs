//! The oracle of delivery: from what the peer holds and what the test did, everything that was lost, out of order or repeated
//! without a cause. It knows nothing of the hub.

use crate::discord_peer::{Limit, Message, Mode, Rude};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What a message says of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    Open,
    Known,
    Over,
    /// In a message of its own that says it is over.
    Ended,
}

/// What a test did, by the name of the host: `h0001` and the like.
#[derive(Default)]
pub struct Truth {
    /// Each host that had its one outage.
    pub opened: BTreeSet<String>,
    /// Each that is well again.
    pub over: BTreeSet<String>,
    /// When the hub was killed, since the epoch.
    pub kills: Vec<Duration>,
}

/// What was wrong; empty when every promise held. And how many messages were repeats.
pub fn judge(messages: &[Message], truth: &Truth) -> (Vec<String>, usize) {
    let mut messages: Vec<&Message> = messages.iter().collect();
    messages.sort_by_key(|message| message.arrived);
    let mut faults: Vec<String> = messages.iter().filter_map(|message| moved(message)).collect();
    let mut repeats = BTreeSet::new();
    for host in &truth.opened {
        let about: Vec<(&Message, Told)> =
            messages.iter().filter_map(|message| Some((*message, *told(message.first_body()).get(host)?))).collect();
        let found = one_host(host, &about, truth, &mut repeats);
        faults.extend(found.into_iter().map(|what| format!("{host}: {what}: {:?}", sketch(&about))));
    }
    for message in &messages {
        let strangers = told(message.first_body()).into_keys().filter(|host| !truth.opened.contains(host));
        faults.extend(strangers.map(|host| format!("{host} is told of and had no outage")));
    }
    (faults, repeats.len())
}

fn one_host(host: &str, about: &[(&Message, Told)], truth: &Truth, repeats: &mut BTreeSet<String>) -> Vec<String> {
    let mut faults = Vec::new();
    if about.is_empty() {
        return vec!["lost: no message names it".into()];
    }
    if about[0].1 == Told::Ended {
        return vec!["its end is told before its beginning".into()];
    }
    let (openings, ends) = about.split_at(1 + about.windows(2).take_while(|pair| is_beginning(host, pair)).count());
    for line in [openings, ends] {
        faults.extend(line.windows(2).filter_map(|pair| unexcused(pair[0].0, pair[1].0, truth, repeats)));
    }
    if ends.iter().any(|(_, told)| matches!(told, Told::Open | Told::Known)) {
        faults.push("its beginning is told after its end".into());
    }
    let now = openings.last().and_then(|(message, _)| told(&message.body).get(host).copied());
    if truth.over.contains(host) {
        if now < Some(Told::Over) {
            faults.push("its newest message does not say that it is over".into());
        }
        if ends.is_empty() && about.iter().all(|(_, told)| *told < Told::Over) {
            faults.push("lost: its end".into());
        }
    } else if now.is_some_and(|now| now >= Told::Over) {
        faults.push("told to be over, and is not".into());
    }
    faults
}

/// Whether the second message tells of the beginning, too: surely when it says so. A digest of what is over may be either: it is
/// the end of what the first told of if that was changed to say so as well, and a repeat of it otherwise.
fn is_beginning(host: &str, pair: &[(&Message, Told)]) -> bool {
    let (first, (again, said)) = (pair[0].0, pair[1]);
    let followed = told(&first.body).get(host).is_some_and(|now| *now >= Told::Over);
    match said {
        Told::Open | Told::Known => true,
        Told::Over => again.first_body()["embeds"][0]["title"].as_str().is_some_and(|t| t.starts_with("Resolved:")) || !followed,
        Told::Ended => false,
    }
}

/// A repeat needs a cause after the first: an ambiguous answer, or a kill between them. And it has to say what it is.
fn unexcused(first: &Message, again: &Message, truth: &Truth, repeats: &mut BTreeSet<String>) -> Option<String> {
    repeats.insert(again.id.clone());
    let killed = truth.kills.iter().any(|at| (first.arrived..=again.arrived).contains(at));
    let says = again.first_body().to_string().contains("possible repeat");
    match (is_ambiguous(&first.by) || killed, says) {
        (false, _) => Some(format!("repeated without a cause: the first was answered {:?}", first.by)),
        (true, false) => Some("repeated without saying so".into()),
        (true, true) => None,
    }
}

/// Whether who got this answer, or none, cannot know that the message is there.
fn is_ambiguous(by: &Mode) -> bool {
    match by {
        Mode::AcceptThenDrop | Mode::Reset | Mode::Rude(Rude::Garbage | Rude::NoId | Rude::Huge) => true,
        // Too slow for the caller, perhaps.
        Mode::Slow(ms) => *ms >= 5_000,
        Mode::Drip(_) => true,
        Mode::RateLimit(limit) => !matches!(limit, Limit::Spent(_)),
        _ => false,
    }
}

/// A message never comes to be about other hosts.
fn moved(message: &Message) -> Option<String> {
    let hosts = |body: &Value| told(body).into_keys().collect::<BTreeSet<_>>();
    let first = hosts(message.first_body());
    let all = message.before.iter().chain([&message.body]);
    let other = all.map(hosts).find(|later| *later != first)?;
    Some(format!("message {} told of {first:?} and then of {other:?}", message.id))
}

/// Every host a message names, and what it says of it.
fn told(body: &Value) -> BTreeMap<String, Told> {
    let (mut told, mut title) = (BTreeMap::new(), "");
    for embed in body["embeds"].as_array().into_iter().flatten() {
        title = embed["title"].as_str().unwrap_or(title); // a section goes on without a title
        let said = match title {
            _ if title.starts_with("Recovered:") => Told::Ended,
            _ if title.starts_with("Resolved:") || title.contains("recovered") => Told::Over,
            _ if title.starts_with("Acknowledged:") || title.contains("acknowledged") => Told::Known,
            _ => Told::Open,
        };
        let fields = embed["fields"].as_array().into_iter().flatten();
        let named = fields.filter(|field| field["name"] == "Host").map(|field| &field["value"]);
        for text in named.chain([&embed["description"]]).filter_map(Value::as_str) {
            told.extend(hosts(text).map(|host| (host, said)));
        }
    }
    told
}

/// The names in a text: an `h` and digits.
pub fn hosts(text: &str) -> impl Iterator<Item = String> + '_ {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let is_host = |word: &&str| word.strip_prefix('h').is_some_and(|n| n.len() >= 4 && n.bytes().all(|b| b.is_ascii_digit()));
    words.filter(is_host).map(str::to_owned)
}

fn sketch(about: &[(&Message, Told)]) -> Vec<String> {
    about.iter().map(|(message, told)| format!("{told:?} by {:?}, now {:?}", message.by, message.title())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn message(id: u64, at: u64, title: &str, host: &str, by: Mode) -> Message {
        let body = json!({"embeds": [{"title": title, "fields": [{"name": "Host", "value": host}]}]});
        Message { id: id.to_string(), webhook: 1, body, before: vec![], arrived: Duration::from_secs(at), by }
    }

    fn truth(over: bool, kills: &[u64]) -> Truth {
        let opened = BTreeSet::from(["h0001".to_owned()]);
        let kills = kills.iter().map(|at| Duration::from_secs(*at)).collect();
        Truth { over: if over { opened.clone() } else { BTreeSet::new() }, opened, kills }
    }

    fn followed(mut message: Message, title: &str) -> Message {
        let mut body = message.body.clone();
        body["embeds"][0]["title"] = title.into();
        message.before.push(std::mem::replace(&mut message.body, body));
        message
    }

    #[test]
    fn the_oracle_takes_what_is_right_and_nothing_else() {
        let open = |at, by| message(at, at, "Alert: Job Failed", "h0001", by);
        let end = |at| message(at, at, "Recovered: Job Succeeded", "h0001", Mode::Ok);
        let done = |at, by| followed(open(at, by), "Resolved: Job Failed");
        let repeat = |mut message: Message| {
            message.before[0]["embeds"][0]["footer"] = json!({"text": "possible repeat"});
            message
        };
        let wrong = |messages: &[Message], truth: &Truth| judge(messages, truth).0.join("; ");
        assert_eq!(wrong(&[open(1, Mode::Ok)], &truth(false, &[])), "");
        assert_eq!(wrong(&[done(1, Mode::Ok), end(2)], &truth(true, &[])), "");
        assert_eq!(wrong(&[open(1, Mode::Reset), repeat(done(2, Mode::Ok)), end(3)], &truth(true, &[])), "");
        assert_eq!(wrong(&[open(1, Mode::Ok), repeat(done(3, Mode::Ok)), end(4)], &truth(true, &[2])), "");
        for (messages, truth, expected) in [
            (vec![], truth(false, &[]), "lost: no message"),
            (vec![done(1, Mode::Ok)], truth(true, &[]), "lost: its end"),
            (vec![open(1, Mode::Ok), end(2)], truth(true, &[]), "does not say that it is over"),
            (vec![end(1), done(2, Mode::Ok)], truth(true, &[]), "before its beginning"),
            (vec![done(1, Mode::Ok), end(2), open(3, Mode::Ok)], truth(true, &[]), "after its end"),
            (vec![open(1, Mode::Ok), repeat(done(2, Mode::Ok)), end(3)], truth(true, &[]), "without a cause"),
            (vec![open(1, Mode::Reset), done(2, Mode::Ok), end(3)], truth(true, &[]), "without saying so"),
            (vec![open(1, Mode::Ok), repeat(done(3, Mode::Ok)), end(4)], truth(true, &[5]), "without a cause"),
            (vec![open(1, Mode::Ok), message(2, 2, "Alert: x", "h0002", Mode::Ok)], truth(false, &[]), "had no outage"),
        ] {
            let found = wrong(&messages, &truth);
            assert!(found.contains(expected), "wanted {expected}, found {found}");
        }
    }
}
