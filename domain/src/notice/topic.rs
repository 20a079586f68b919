//! What an incident is called in titles, while it lasts and when it is over.

use super::Incident;
use crate::incident::{AlertType, Cause};

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Topic {
    HostDown,
    JobFailed,
    JobOverdue,
    NotMonitored,
    LogFinding,
    Internet,
    System,
}

/// Every topic, in the order digests list them.
pub(super) const TOPICS: [Topic; 7] = [
    Topic::HostDown,
    Topic::JobFailed,
    Topic::JobOverdue,
    Topic::NotMonitored,
    Topic::LogFinding,
    Topic::Internet,
    Topic::System,
];

impl Topic {
    pub(super) fn of(incident: &Incident) -> Topic {
        match (incident.alert_type, incident.facts.cause) {
            (AlertType::LogFinding, _) | (_, Cause::LogFinding) => Topic::LogFinding,
            (AlertType::Internet, _) => Topic::Internet,
            (_, Cause::NotMonitored) => Topic::NotMonitored,
            (AlertType::SystemError, _) | (_, Cause::Hub) => Topic::System,
            (_, Cause::Missed) => Topic::HostDown,
            (_, Cause::Failed(_)) => Topic::JobFailed,
            (_, Cause::RunTooLong) => Topic::JobOverdue,
        }
    }

    /// While it lasts.
    pub(super) fn bad(self) -> &'static str {
        match self {
            Topic::HostDown => "Host Down",
            Topic::JobFailed => "Job Failed",
            Topic::JobOverdue => "Job Overdue",
            Topic::NotMonitored => "Host Not Monitored",
            Topic::LogFinding => "Log Finding",
            Topic::Internet => "Internet Down",
            Topic::System => "System Error",
        }
    }

    /// When it is over.
    pub(super) fn good(self) -> &'static str {
        match self {
            Topic::HostDown => "Host Up",
            Topic::JobFailed => "Job Succeeded",
            Topic::JobOverdue => "Job Finished",
            Topic::NotMonitored => "Host Monitored Again",
            Topic::LogFinding => "Log Finding Closed",
            Topic::Internet => "Internet Up",
            Topic::System => "System OK",
        }
    }

    /// `12 hosts down`.
    pub(super) fn counted(self, n: usize) -> String {
        let (one, many) = match self {
            Topic::HostDown => ("host down", "hosts down"),
            Topic::JobFailed => ("job failed", "jobs failed"),
            Topic::JobOverdue => ("job overdue", "jobs overdue"),
            Topic::NotMonitored => ("host not monitored", "hosts not monitored"),
            Topic::LogFinding => ("log finding", "log findings"),
            Topic::Internet => ("internet outage", "internet outages"),
            Topic::System => ("system error", "system errors"),
        };
        format!("{n} {}", if n == 1 { one } else { many })
    }
}
