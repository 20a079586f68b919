//! An incident: why somebody is told, as facts a message can be written from at any later time.

use crate::host::Severity;
use crate::time::Wall;
use serde::{Deserialize, Serialize};

/// What kind of thing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertType {
    /// A host is overdue, or said itself that it failed.
    MissingHeartbeat,
    /// A finding in a host's logs.
    LogFinding,
    /// The uplink.
    Internet,
    /// The hub itself.
    SystemError,
}

impl AlertType {
    /// The word the API and the database use.
    pub fn as_str(self) -> &'static str {
        match self {
            AlertType::MissingHeartbeat => "missing_heartbeat",
            AlertType::LogFinding => "log_finding",
            AlertType::Internet => "internet",
            AlertType::SystemError => "system_error",
        }
    }

    /// The type that `word` names.
    pub fn parse(word: &str) -> Option<AlertType> {
        [AlertType::MissingHeartbeat, AlertType::LogFinding, AlertType::Internet, AlertType::SystemError]
            .into_iter()
            .find(|t| t.as_str() == word)
    }
}

/// Why a host counts as down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "exit_code")]
pub enum Cause {
    /// No heartbeat in time.
    Missed,
    /// A started job did not finish within its grace.
    RunTooLong,
    /// The host reported a failure, with its job's exit code if it told one.
    Failed(Option<u8>),
    /// The actor watching the host kept failing: the host is not monitored.
    NotMonitored,
    /// Something in the host's log.
    LogFinding,
    /// Something about the hub itself.
    Hub,
}

/// The facts of an incident, kept as `alerts.details`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Public id of the host, none for the hub's own incidents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_id: Option<String>,
    /// Name shown to people.
    #[serde(default)]
    pub host_name: String,
    /// Why.
    pub cause: Cause,
    /// Last heartbeat before the incident.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen_at: Option<Wall>,
    /// Expected seconds between heartbeats; 0 for the hub's own incidents.
    #[serde(default)]
    pub expected_every_s: u32,
    /// Grace in seconds.
    #[serde(default)]
    pub grace_s: u32,
    /// The instant after which the host was overdue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_at: Option<Wall>,
    /// When the hub saw it.
    pub detected_at: Wall,
    /// The verdict in words.
    #[serde(default)]
    pub why: String,
}

/// An incident about to be opened.
#[derive(Clone, Debug, PartialEq)]
pub struct NewIncident {
    /// Kind.
    pub alert_type: AlertType,
    /// How loud.
    pub severity: Severity,
    /// One line for people: `Host 'web-01' missed heartbeat`.
    pub message: String,
    /// What messages are written from.
    pub facts: Facts,
}

impl Facts {
    /// The one line for people that heads every message about this incident.
    pub fn headline(&self) -> String {
        let name = &self.host_name;
        match self.cause {
            Cause::Missed => format!("Host '{name}' missed heartbeat"),
            Cause::RunTooLong => format!("Host '{name}' started a job that did not finish in time"),
            Cause::Failed(None) => format!("Host '{name}' reported a failure"),
            Cause::Failed(Some(code)) => format!("Host '{name}' reported a failure (exit code {code})"),
            Cause::NotMonitored => format!("Host '{name}' is not monitored: internal error"),
            Cause::LogFinding | Cause::Hub => self.why.clone(),
        }
    }
}
