//! A host as its owner describes it: parsed once, valid ever after.

use crate::duration::Seconds;
use crate::field::FieldError;
use crate::log_settings::{LogDraft, LogSettings};
use crate::schedule::{BusinessHours, Schedule};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Longest host name in characters.
pub const NAME_MAX_CHARS: usize = 100;
/// Longest description in characters.
pub const DESCRIPTION_MAX_CHARS: usize = 2_000;
/// Most tags on one host.
pub const TAGS_MAX: usize = 32;
/// Longest tag in characters.
pub const TAG_MAX_CHARS: usize = 64;
/// Shortest and longest expected frequency: 1 s to 366 d.
pub const FREQUENCY_S: std::ops::RangeInclusive<u32> = 1..=366 * 86_400;
/// Shortest and longest grace: none to 30 d.
pub const GRACE_S: std::ops::RangeInclusive<u32> = 0..=30 * 86_400;
/// Grace of a host that names none, in seconds.
pub const DEFAULT_GRACE_S: u32 = 60;

/// The public name of a host in URLs: `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`. A `HostId` in hand is a valid one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct HostId(Box<str>);

impl HostId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `text` would be a valid id.
    pub fn is_valid(text: &str) -> bool {
        let bytes = text.as_bytes();
        (1..=64).contains(&bytes.len())
            && bytes[0].is_ascii_alphanumeric()
            && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    }

    /// An id made from a host's name: lower-case, other characters become `-`; `None` when nothing is left.
    ///
    /// ```
    /// assert_eq!(domain::host::HostId::from_name("Büro NAS (cellar)").unwrap().as_str(), "b-ro-nas-cellar");
    /// ```
    pub fn from_name(name: &str) -> Option<HostId> {
        let mut id = String::new();
        for c in name.chars() {
            if c.is_ascii_alphanumeric() || (matches!(c, '.' | '_') && !id.is_empty()) {
                id.push(c.to_ascii_lowercase());
            } else if !id.is_empty() && !id.ends_with('-') {
                id.push('-');
            }
        }
        id.truncate(64);
        id.trim_end_matches('-').parse().ok()
    }
}

impl FromStr for HostId {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<HostId, FieldError> {
        if HostId::is_valid(text) {
            return Ok(HostId(text.into()));
        }
        Err(FieldError::new(
            "host_id",
            "must be 1 to 64 of A-Z a-z 0-9 . _ - and begin with a letter or digit, for example web-01",
        ))
    }
}

impl std::borrow::Borrow<str> for HostId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How loud an alert about a host is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Worth looking at today.
    Warning,
    /// Worth waking somebody.
    #[default]
    Critical,
}

impl Severity {
    /// The word the API and the database use.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }
}

impl FromStr for Severity {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Severity, FieldError> {
        match text {
            "info" => Ok(Severity::Info),
            "warning" => Ok(Severity::Warning),
            "critical" => Ok(Severity::Critical),
            _ => Err(FieldError::new("severity", "must be info, warning or critical")),
        }
    }
}

/// What a host's state is known to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Status {
    /// Never heard from.
    #[default]
    Unknown = 0,
    /// Heard from in time.
    Up = 1,
    /// Overdue, or it said itself that it failed.
    Down = 2,
}

impl Status {
    /// The word the API and the database use.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Unknown => "unknown",
            Status::Up => "up",
            Status::Down => "down",
        }
    }
}

impl FromStr for Status {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Status, FieldError> {
        match text {
            "unknown" => Ok(Status::Unknown),
            "up" => Ok(Status::Up),
            "down" => Ok(Status::Down),
            _ => Err(FieldError::new("status", "must be up, down or unknown")),
        }
    }
}

/// A valid description of a host.
#[derive(Clone, Debug, PartialEq)]
pub struct HostSpec {
    /// Name shown to people, unique.
    pub name: String,
    /// Name in URLs, unique.
    pub host_id: HostId,
    /// Longest expected time between heartbeats, in seconds; with a `cron` schedule only told, not judged by.
    pub frequency_s: u32,
    /// Extra time before anybody is told, in seconds.
    pub grace_s: u32,
    /// When the host is expected to be heard at all.
    pub schedule: Arc<Schedule>,
    /// How loud its alerts are.
    pub severity: Severity,
    /// Words to group and route by.
    pub tags: Vec<String>,
    /// Free text for people.
    pub description: String,
    /// How its log is analysed; `None` when nobody has said so.
    pub log_analysis: Option<Arc<LogSettings>>,
}

/// A host as it arrives in a request, in `hosts.yaml` or on the command line: every field optional, nothing believed.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct HostDraft {
    /// See [`HostSpec::name`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// See [`HostSpec::host_id`]; made from the name when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_id: Option<String>,
    /// Seconds, or text such as `5m` or `1h30m`.
    #[serde(default, alias = "expected_frequency_seconds", skip_serializing_if = "Option::is_none")]
    pub expected_frequency: Option<Seconds>,
    /// Seconds, or text such as `5m`.
    #[serde(default, alias = "grace_period_seconds", skip_serializing_if = "Option::is_none")]
    pub grace_period: Option<Seconds>,
    /// `always`, `business_hours`, `custom` or `cron`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule_type: Option<String>,
    /// The windows of a `custom` schedule, the line and zone of a `cron` one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule_config: Option<serde_json::Value>,
    /// `info`, `warning` or `critical`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// Words to group and route by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// Free text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// See [`HostSpec::log_analysis`]; what it does not name keeps its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_analysis: Option<LogDraft>,
}

impl HostDraft {
    /// A new host from this draft.
    ///
    /// # Errors
    /// Every field that is missing or impossible, each with its fix.
    ///
    /// ```
    /// use domain::{host::HostDraft, schedule::BusinessHours};
    /// let draft: HostDraft = serde_json::from_str(r#"{"name":"NAS","expected_frequency":"5m"}"#).unwrap();
    /// let spec = draft.create(&BusinessHours::default()).unwrap();
    /// assert_eq!((spec.host_id.as_str(), spec.frequency_s, spec.grace_s), ("nas", 300, 60));
    /// let errors = HostDraft::default().create(&BusinessHours::default()).unwrap_err();
    /// assert_eq!(errors[0].field, "name");
    /// ```
    pub fn create(&self, business: &BusinessHours) -> Result<HostSpec, Vec<FieldError>> {
        let mut errors = Vec::new();
        let name = match self.name.as_deref().map(str::trim) {
            Some(name) => name.to_owned(),
            None => {
                errors.push(FieldError::new("name", "is missing: give the host a name, for example web-01"));
                String::new()
            }
        };
        let host_id = match &self.host_id {
            Some(id) => id.parse().map_err(|e| errors.push(e)).ok(),
            None => HostId::from_name(&name).or_else(|| {
                if self.name.is_some() {
                    errors.push(FieldError::new(
                        "host_id",
                        "is missing and none can be made from the name: give one, for example web-01",
                    ));
                }
                None
            }),
        };
        // A crontab line says itself how often the host is heard.
        if self.expected_frequency.is_none() && self.schedule_type.as_deref() != Some("cron") {
            errors.push(FieldError::new("expected_frequency", "is missing: say how often the host is heard, for example 5m"));
        }
        let Some(host_id) = host_id else {
            // Say what else is wrong with the rest as well, on a placeholder that never leaves this function.
            let placeholder = HostSpec::blank(name, HostId("x".into()));
            if let Err(more) = self.overlay(&placeholder, business) {
                errors.extend(more.into_iter().filter(|e| !errors.clone().contains(e)).collect::<Vec<_>>());
            }
            return Err(errors);
        };
        match self.overlay(&HostSpec::blank(name, host_id), business) {
            Ok(spec) if errors.is_empty() => Ok(self.with_frequency(spec)),
            Ok(_) => Err(errors),
            Err(more) => {
                let fresh: Vec<_> = more.into_iter().filter(|e| !errors.contains(e)).collect();
                errors.extend(fresh);
                Err(errors)
            }
        }
    }

    /// `spec` with the frequency of its crontab line, if it has one and this draft names none.
    fn with_frequency(&self, mut spec: HostSpec) -> HostSpec {
        if let (None, Some(cron)) = (&self.expected_frequency, spec.schedule.cron()) {
            let longest = u32::try_from(cron.longest_gap_s()).unwrap_or(u32::MAX);
            spec.frequency_s = longest.clamp(*FREQUENCY_S.start(), *FREQUENCY_S.end());
        }
        spec
    }

    /// `old` with every field this draft names replaced.
    ///
    /// # Errors
    /// Every named field that is impossible, each with its fix.
    pub fn overlay(&self, old: &HostSpec, business: &BusinessHours) -> Result<HostSpec, Vec<FieldError>> {
        let mut errors = Vec::new();
        let mut spec = old.clone();
        if let Some(name) = &self.name {
            keep(&mut spec.name, name_of(name), &mut errors);
        }
        if let Some(id) = &self.host_id {
            keep(&mut spec.host_id, id.parse(), &mut errors);
        }
        if let Some(every) = &self.expected_frequency {
            keep(&mut spec.frequency_s, every.within("expected_frequency", FREQUENCY_S), &mut errors);
        }
        if let Some(grace) = &self.grace_period {
            keep(&mut spec.grace_s, grace.within("grace_period", GRACE_S), &mut errors);
        }
        if self.schedule_type.is_some() || self.schedule_config.is_some() {
            let kind = self.schedule_type.as_deref().unwrap_or(old.schedule.kind());
            match Schedule::parse(kind, self.schedule_config.as_ref(), business) {
                Ok(schedule) => spec.schedule = Arc::new(schedule),
                Err(more) => errors.extend(more),
            }
        }
        if let Some(severity) = &self.severity {
            keep(&mut spec.severity, severity.parse(), &mut errors);
        }
        if let Some(tags) = &self.tags {
            keep(&mut spec.tags, tags_of(tags), &mut errors);
        }
        if let Some(text) = &self.description {
            keep(&mut spec.description, description_of(text), &mut errors);
        }
        if let Some(draft) = &self.log_analysis {
            match draft.overlay(old.log_analysis.as_deref()) {
                Ok(settings) => spec.log_analysis = Some(Arc::new(settings)),
                Err(more) => errors.extend(more.into_iter().map(|e| e.under("log_analysis"))),
            }
        }
        if errors.is_empty() { Ok(spec) } else { Err(errors) }
    }
}

impl HostSpec {
    fn blank(name: String, host_id: HostId) -> HostSpec {
        HostSpec {
            name,
            host_id,
            frequency_s: *FREQUENCY_S.start(),
            grace_s: DEFAULT_GRACE_S,
            schedule: Arc::new(Schedule::Always),
            severity: Severity::default(),
            tags: Vec::new(),
            description: String::new(),
            log_analysis: None,
        }
    }
}

fn keep<T>(slot: &mut T, parsed: Result<T, FieldError>, errors: &mut Vec<FieldError>) {
    match parsed {
        Ok(value) => *slot = value,
        Err(e) => errors.push(e),
    }
}

fn name_of(text: &str) -> Result<String, FieldError> {
    let name = text.trim();
    let chars = name.chars().count();
    if chars == 0 || chars > NAME_MAX_CHARS {
        return Err(FieldError::new("name", format!("must have 1 to {NAME_MAX_CHARS} characters, this one has {chars}")));
    }
    plain("name", name)
}

fn description_of(text: &str) -> Result<String, FieldError> {
    let chars = text.chars().count();
    if chars > DESCRIPTION_MAX_CHARS {
        return Err(FieldError::new(
            "description",
            format!("must have at most {DESCRIPTION_MAX_CHARS} characters, this one has {chars}"),
        ));
    }
    if text.contains('\0') {
        return Err(FieldError::new("description", "must not contain NUL bytes"));
    }
    Ok(text.to_owned())
}

fn tags_of(tags: &[String]) -> Result<Vec<String>, FieldError> {
    if tags.len() > TAGS_MAX {
        return Err(FieldError::new("tags", format!("at most {TAGS_MAX} tags, these are {}", tags.len())));
    }
    let mut kept: Vec<String> = Vec::with_capacity(tags.len());
    for tag in tags {
        let tag = tag.trim();
        if tag.is_empty() || tag.chars().count() > TAG_MAX_CHARS || tag.contains(',') {
            return Err(FieldError::new("tags", format!("a tag has 1 to {TAG_MAX_CHARS} characters and no comma")));
        }
        let tag = plain("tags", tag)?;
        if !kept.contains(&tag) {
            kept.push(tag);
        }
    }
    Ok(kept)
}

fn plain(field: &str, text: &str) -> Result<String, FieldError> {
    if text.chars().any(char::is_control) {
        return Err(FieldError::new(field, "must not contain control characters such as NUL, tab or line breaks"));
    }
    Ok(text.to_owned())
}
