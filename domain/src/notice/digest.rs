//! Many incidents in one message that names every one of them, with details as long as they fit.

use super::embed::{DESCRIPTION_MAX_UNITS, Embed, message};
use super::plain::{plain, units};
use super::topic::{TOPICS, Topic};
use super::when::{delivery, span, stamp};
use super::{AMBER, Form, GREEN, Incident, RED, Telling};
use crate::duration::{words, words_ms};
use crate::incident::Cause;
use serde_json::Value;
use std::collections::HashMap;

/// What the names in one message may take; the rest of the total is for titles and the footer.
const NAMES_MAX_UNITS: usize = 5_300;
/// Longest way a host is named.
const LABEL_MAX_UNITS: usize = 256;
/// Longest line with details.
const LINE_MAX_UNITS: usize = 400;
/// What a name costs beyond itself: a separator and the start of `(×2)`.
const NAME_EXTRA_UNITS: usize = 4;

/// A digest and how much of what was to be told it tells.
#[derive(Clone, Debug, PartialEq)]
pub struct Digest {
    /// The body.
    pub body: Value,
    /// How many of the incidents, from the first on, are named in it. At least one, if there were any.
    pub named: usize,
}

/// One message about as many of `incidents` as it can name, from the first on, as they are now.
///
/// Several incidents of one host share a line, listed by how the last of them is.
pub fn digest(incidents: &[Incident], telling: &Telling<'_>) -> Digest {
    let named = fitting(incidents, telling.form);
    let (told, rest) = incidents.split_at(named);
    let lines = Line::of(told, telling.form);
    let detailed: usize = lines.iter().map(|line| units(&line.detail) + 1).sum();
    let with_details = telling.form == Form::Full && detailed <= NAMES_MAX_UNITS;
    let mut embeds = sections(&lines, with_details);
    if let Some(text) = footer(told, rest.len(), telling)
        && let Some(last) = embeds.pop()
    {
        embeds.push(last.footer(&text));
    }
    Digest { body: message(embeds), named }
}

fn fitting(incidents: &[Incident], form: Form) -> usize {
    let mut used = 0;
    let fits = |incident: &&Incident| {
        used += units(&label(incident, form)) + NAME_EXTRA_UNITS;
        used <= NAMES_MAX_UNITS
    };
    incidents.iter().take_while(fits).count()
}

/// How an incident is named: its host, or its own headline when it has none.
fn label(incident: &Incident, form: Form) -> String {
    incident.label(form, LABEL_MAX_UNITS)
}

/// All that is said about one host.
struct Line<'a> {
    label: String,
    detail: String,
    last: &'a Incident,
    count: usize,
}

impl<'a> Line<'a> {
    fn of(incidents: &'a [Incident], form: Form) -> Vec<Line<'a>> {
        let mut lines: Vec<Line<'a>> = Vec::new();
        let mut at = HashMap::new();
        for incident in incidents {
            let label = label(incident, form);
            // The hub's own incidents are no host's: each is its own line.
            let key = (incident.host_id.clone(), if incident.host_id.is_none() { incident.alert } else { 0 });
            let found = *at.entry(key).or_insert(lines.len());
            match lines.get_mut(found) {
                Some(line) => line.add(incident),
                None => lines.push(Line { detail: format!("{label}: {}", detail(incident)), label, last: incident, count: 1 }),
            }
        }
        lines
    }

    fn add(&mut self, incident: &'a Incident) {
        self.detail = format!("{}; {}", self.detail, detail(incident));
        (self.last, self.count) = (incident, self.count + 1);
    }

    fn short(&self) -> String {
        if self.count == 1 { self.label.clone() } else { format!("{} (×{})", self.label, self.count) }
    }
}

fn detail(incident: &Incident) -> String {
    if let Some(end) = incident.resolved_at {
        let from = incident.detected_at();
        return format!("{} ({})", span(from, end), words_ms(end.0.saturating_sub(from.0)));
    }
    if let Some(known) = &incident.acknowledged {
        return format!("known to {}", plain(&known.by, LABEL_MAX_UNITS));
    }
    let facts = &incident.facts;
    match facts.cause {
        Cause::Failed(Some(code)) => format!("exit code {code}"),
        Cause::Failed(None) => format!("since {}", stamp(incident.detected_at())),
        Cause::Missed | Cause::RunTooLong => {
            let seen = facts.last_seen_at.map_or("never".to_owned(), stamp);
            format!("last seen {seen}, expected every {}", words(facts.expected_every_s.into()))
        }
        Cause::NotMonitored | Cause::LogFinding | Cause::Hub => format!("since {}", stamp(incident.detected_at())),
    }
}

/// What over, what known, what open is, each with its own colour: what is open first.
fn sections(lines: &[Line<'_>], with_details: bool) -> Vec<Embed> {
    let mut embeds = Vec::new();
    for topic in TOPICS {
        let of_topic = |line: &&Line<'_>| is_open(line.last) && Topic::of(line.last) == topic;
        let open: Vec<_> = lines.iter().filter(of_topic).collect();
        section(&mut embeds, &topic.counted(open.len()), RED, &open, with_details);
    }
    let known: Vec<_> = lines.iter().filter(|line| line.last.resolved_at.is_none() && !is_open(line.last)).collect();
    section(&mut embeds, &format!("{} acknowledged", known.len()), AMBER, &known, with_details);
    let over: Vec<_> = lines.iter().filter(|line| line.last.resolved_at.is_some()).collect();
    let hosts = over.iter().all(|line| Topic::of(line.last) == Topic::HostDown);
    section(&mut embeds, &recovered(over.len(), hosts), GREEN, &over, with_details);
    embeds
}

fn is_open(incident: &Incident) -> bool {
    incident.resolved_at.is_none() && incident.acknowledged.is_none()
}

fn recovered(n: usize, hosts: bool) -> String {
    match (n, hosts) {
        (1, true) => "1 host recovered".into(),
        (_, true) => format!("{n} hosts recovered"),
        (_, false) => format!("{n} recovered"),
    }
}

/// Adds the embeds that hold `lines`: one, unless its description would be too long.
fn section(embeds: &mut Vec<Embed>, title: &str, color: u32, lines: &[&Line<'_>], with_details: bool) {
    if lines.is_empty() {
        return;
    }
    let separator = if with_details { "\n" } else { ", " };
    let (mut text, mut title) = (String::new(), title.to_owned());
    for line in lines {
        let piece = if with_details { super::clip(&line.detail, LINE_MAX_UNITS) } else { line.short() };
        if !text.is_empty() && units(&text) + separator.len() + units(&piece) > DESCRIPTION_MAX_UNITS {
            embeds.push(Embed::new(&std::mem::take(&mut title), color).description(&std::mem::take(&mut text)));
        }
        if !text.is_empty() {
            text.push_str(separator);
        }
        text.push_str(&piece);
    }
    embeds.push(Embed::new(&title, color).description(&text));
}

fn footer(told: &[Incident], more: usize, telling: &Telling<'_>) -> Option<String> {
    let first = told.iter().map(Incident::told_from).min()?;
    let mut parts: Vec<String> = delivery(first, telling.delivered_at, telling.possible_repeat).into_iter().collect();
    if more > 0 {
        parts.push("more follow".into());
    }
    if parts.is_empty() { None } else { Some(parts.join("; ")) }
}
