//! What people read on Discord: every message is built here, within all limits, and nothing a host says can be more than text.

mod digest;
mod embed;
mod plain;
mod topic;
mod when;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;

pub use digest::{Digest, digest};
pub use embed::{
    DESCRIPTION_MAX_UNITS, EMBEDS_MAX, FIELD_NAME_MAX_UNITS, FIELD_VALUE_MAX_UNITS, FIELDS_MAX, FOOTER_MAX_UNITS,
    TITLE_MAX_UNITS, TOTAL_MAX_UNITS,
};
pub use plain::{clip, plain, units};
pub use when::{LATE_MS, stamp};

use crate::duration::{words, words_ms};
use crate::host::Severity;
use crate::incident::{AlertType, Cause, Facts};
use crate::time::Wall;
use embed::{Embed, message};
use serde_json::Value;
use topic::Topic;
use when::{delivery, span};

/// Open and critical.
const RED: u32 = 15_158_332;
/// Open, a warning.
const ORANGE: u32 = 15_105_570;
/// Open, for information.
const BLUE: u32 = 3_447_003;
/// Somebody knows.
const AMBER: u32 = 15_844_367;
/// Over.
const GREEN: u32 = 3_066_993;
/// Longest host name in a message: 100 characters, each escaped or of two units, and more.
const NAME_MAX_UNITS: usize = 256;
/// Longest text of a person or a machine within a field.
const QUOTE_MAX_UNITS: usize = 900;

/// An incident as messages are written from it, as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    /// `alerts.id`.
    pub alert: i64,
    /// Kind.
    pub alert_type: AlertType,
    /// How loud.
    pub severity: Severity,
    /// The host's name for people; `None` for the hub's own incidents.
    pub host_name: Option<String>,
    /// The host's public id.
    pub host_id: Option<String>,
    /// Why.
    pub facts: Facts,
    /// Who knows about it.
    pub acknowledged: Option<Acknowledged>,
    /// When it ended.
    pub resolved_at: Option<Wall>,
    /// How it ended.
    pub resolution: Option<String>,
}

/// Somebody knows about an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// Who.
    pub by: String,
    /// What else was said.
    pub note: Option<String>,
    /// When.
    pub at: Wall,
}

/// How much of other people's text a message carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// All of it.
    Full,
    /// No quoted text, no note and no link: for a channel whose filter refused the full form.
    Unquoted,
    /// A title and a line with the host's id, which is only letters, digits and `. _ -`: for a body that was refused.
    Minimal,
}

/// What a message needs beyond the incident.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Telling<'a> {
    /// The description, already rendered from its template; its markdown counts.
    pub text: &'a str,
    /// Where the reader can acknowledge.
    pub link: Option<&'a str>,
    /// When the message was, or is now, handed over.
    pub delivered_at: Wall,
    /// Whether an earlier attempt may have arrived.
    pub possible_repeat: bool,
    /// How much may be quoted.
    pub form: Form,
}

impl Incident {
    /// When the hub saw it.
    pub fn detected_at(&self) -> Wall {
        self.facts.detected_at
    }

    /// How long it lasted, in words; `None` while it lasts.
    pub fn outage(&self) -> Option<String> {
        self.resolved_at.map(|end| words_ms(end.0.saturating_sub(self.detected_at().0)))
    }

    /// The instant its newest change happened: what lateness is measured from.
    fn told_from(&self) -> Wall {
        self.resolved_at.unwrap_or(self.detected_at())
    }

    /// The host's name, or the headline of an incident that has no host, harmless and never empty.
    fn label(&self, form: Form, most: usize) -> String {
        let id = self.host_id.as_deref().unwrap_or("hub");
        let name = match (&self.host_name, form) {
            (_, Form::Minimal) => String::new(),
            (Some(name), _) => plain(name, most),
            (None, _) => plain(&self.facts.why, most),
        };
        if name.is_empty() { plain(id, most) } else { name }
    }

    fn color(&self) -> u32 {
        match (self.resolved_at, &self.acknowledged, self.severity) {
            (Some(_), _, _) => GREEN,
            (None, Some(_), _) => AMBER,
            (None, None, Severity::Critical) => RED,
            (None, None, Severity::Warning) => ORANGE,
            (None, None, Severity::Info) => BLUE,
        }
    }

    fn title(&self) -> String {
        let state = match (self.resolved_at, &self.acknowledged) {
            (Some(_), _) => "Resolved",
            (None, Some(_)) => "Acknowledged",
            (None, None) => "Alert",
        };
        format!("{state}: {}", Topic::of(self).bad())
    }
}

/// The message of one incident as it is now: to be posted when it opens, and to replace that message when it changes.
pub fn current(incident: &Incident, telling: &Telling<'_>) -> Value {
    let form = telling.form;
    let mut embed = Embed::new(&incident.title(), incident.color()).timestamp(incident.detected_at());
    if form == Form::Minimal {
        return message(vec![embed.description(&minimal_text(incident))]);
    }
    embed = embed.description(&text_or(telling, incident, || plain(&incident.facts.headline(), QUOTE_MAX_UNITS)));
    embed = facts_fields(embed, incident, form);
    if let Some(known) = &incident.acknowledged {
        embed = embed.field("Acknowledged", &knows(known, form));
    } else if let (Form::Full, None, Some(link)) = (form, incident.resolved_at, telling.link.and_then(link_text)) {
        embed = embed.field("Acknowledge", &link);
    }
    if let (Some(end), Some(length)) = (incident.resolved_at, incident.outage()) {
        embed = embed.field("Outage", &format!("{length} ({})", span(incident.detected_at(), end)));
        embed = resolution_field(embed, incident, form);
    }
    let note = delivery(incident.detected_at(), telling.delivered_at, telling.possible_repeat);
    message(vec![embed.field("Delivery", note.as_deref().unwrap_or_default())])
}

/// The new message that says an incident is over.
pub fn recovered(incident: &Incident, telling: &Telling<'_>) -> Value {
    let end = incident.resolved_at.unwrap_or(telling.delivered_at);
    let mut embed = Embed::new(&format!("Recovered: {}", Topic::of(incident).good()), GREEN).timestamp(end);
    if telling.form == Form::Minimal {
        return message(vec![embed.description(&minimal_text(incident))]);
    }
    let length = words_ms(end.0.saturating_sub(incident.detected_at().0));
    embed = embed.description(&text_or(telling, incident, || format!("over after {length}")));
    if incident.host_name.is_some() {
        embed = embed.field("Host", &incident.label(telling.form, NAME_MAX_UNITS));
    }
    embed = embed.field("Outage", &format!("{length} ({})", span(incident.detected_at(), end)));
    embed = resolution_field(embed, incident, telling.form);
    let note = delivery(end, telling.delivered_at, telling.possible_repeat);
    message(vec![embed.field("Delivery", note.as_deref().unwrap_or_default())])
}

/// The message behind the "Send test message" button.
pub fn test(channel: &str, at: Wall) -> Value {
    let text = format!("Channel '{}' works: alerts will arrive here.", plain(channel, NAME_MAX_UNITS));
    message(vec![Embed::new("Test: Pulsewarden", BLUE).description(&text).timestamp(at)])
}

/// The message that goes past the outbox while the database takes no writes: `why` is the store's own word for it.
pub fn store_refuses(why: &str, since: Wall, at: Wall) -> Value {
    let text = format!(
        "The database takes no writes: {}. Heartbeats are refused (503), yet each counts as a sign of life. Hosts that fall \
         silent now are told when the database writes again. Make room on its volume, or repair it.",
        plain(why, QUOTE_MAX_UNITS)
    );
    let embed = Embed::new("Alert: Database Refuses Writes", RED).description(&text).field("Since", &stamp(since));
    message(vec![embed.timestamp(at)])
}

/// The template's text in the full form, the hub's own words in any other.
fn text_or(telling: &Telling<'_>, incident: &Incident, own: impl FnOnce() -> String) -> String {
    match telling.form {
        Form::Full if telling.text.trim().is_empty() => own(),
        Form::Full => telling.text.to_owned(),
        Form::Unquoted | Form::Minimal => minimal_text(incident),
    }
}

fn minimal_text(incident: &Incident) -> String {
    let topic = Topic::of(incident);
    let what = if incident.resolved_at.is_some() { topic.good() } else { topic.bad() };
    format!("{what}: {}", incident.label(Form::Minimal, NAME_MAX_UNITS))
}

fn facts_fields(mut embed: Embed, incident: &Incident, form: Form) -> Embed {
    let facts = &incident.facts;
    if incident.host_name.is_some() {
        embed = embed.field("Host", &incident.label(form, NAME_MAX_UNITS));
    }
    if facts.expected_every_s > 0 {
        embed = embed.field("Last Seen", &facts.last_seen_at.map_or("never".to_owned(), stamp));
        embed = embed.field("Expected Every", &words(facts.expected_every_s.into()));
    }
    // These reasons repeat the description.
    if form == Form::Full && !matches!(facts.cause, Cause::Hub | Cause::LogFinding) {
        embed = embed.field("Why", &plain(&facts.why, QUOTE_MAX_UNITS));
    }
    embed
}

fn resolution_field(embed: Embed, incident: &Incident, form: Form) -> Embed {
    match (&incident.resolution, form) {
        (Some(reason), Form::Full) => embed.field("Reason", &plain(reason, QUOTE_MAX_UNITS)),
        _ => embed,
    }
}

fn knows(known: &Acknowledged, form: Form) -> String {
    let at = stamp(known.at);
    let by = plain(&known.by, NAME_MAX_UNITS);
    match (&known.note, form) {
        (_, Form::Unquoted | Form::Minimal) => format!("at {at}"),
        (Some(note), Form::Full) if !plain(note, 1).is_empty() => {
            format!("by {by} at {at}: {}", plain(note, FIELD_VALUE_MAX_UNITS - NAME_MAX_UNITS - 64))
        }
        (_, Form::Full) => format!("by {by} at {at}"),
    }
}

/// A link of the hub's own making; one that would not survive as a link is left out.
fn link_text(url: &str) -> Option<String> {
    let harmless = |c: char| c.is_ascii_graphic() && !matches!(c, '(' | ')' | '<' | '>' | '[' | ']' | '"' | '`');
    let text = format!("[I know about it]({url})");
    let fits = units(&text) <= FIELD_VALUE_MAX_UNITS;
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    (is_web && fits && url.chars().all(harmless)).then_some(text)
}
