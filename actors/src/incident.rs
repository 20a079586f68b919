//! From a host and what happened to it to the incident people are told about.

use crate::db::Beat;
use crate::roster::HostEntry;
use domain::incident::{AlertType, Cause, Facts, NewIncident};
use domain::signal::Signal;
use domain::time::{Now, Steady};
use domain::watch::Reason;

/// The incident of a host found overdue.
pub(crate) fn overdue(entry: &HostEntry, now: Now, deadline: Steady, reason: Reason, why: String) -> NewIncident {
    let cause = match reason {
        Reason::Missed => Cause::Missed,
        Reason::RunTooLong => Cause::RunTooLong,
    };
    incident(entry, Facts { deadline_at: Some(now.wall_at(deadline)), why, ..facts(entry, cause, now) })
}

/// The incident of a host that reported a failure itself.
pub(crate) fn failed(beat: &Beat) -> NewIncident {
    let code = match beat.signal {
        Signal::Exit(code) => Some(code),
        _ => None,
    };
    let mut facts = facts(&beat.entry, Cause::Failed(code), beat.at);
    facts.why = facts.headline();
    incident(&beat.entry, facts)
}

/// The incident of a host whose actor keeps failing.
pub(crate) fn not_monitored(entry: &HostEntry, now: Now, why: String) -> NewIncident {
    let mut incident = incident(entry, Facts { why, ..facts(entry, Cause::NotMonitored, now) });
    incident.alert_type = AlertType::SystemError;
    incident
}

fn facts(entry: &HostEntry, cause: Cause, now: Now) -> Facts {
    Facts {
        host_id: Some(entry.host_id.to_string()),
        host_name: entry.name.to_string(),
        cause,
        last_seen_at: entry.pulse.last_seen_wall(),
        expected_every_s: entry.frequency_s,
        grace_s: entry.grace_s,
        deadline_at: None,
        detected_at: now.wall,
        why: String::new(),
    }
}

fn incident(entry: &HostEntry, facts: Facts) -> NewIncident {
    NewIncident { alert_type: AlertType::MissingHeartbeat, severity: entry.severity, message: facts.headline(), facts }
}
