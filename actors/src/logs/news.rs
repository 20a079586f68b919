//! What people are told about logs: critical findings, each once, and that a log can no longer be read.

use domain::finding::{Finding, Level};
use domain::host::Severity;
use domain::incident::{AlertType, Cause, Facts, NewIncident};
use domain::time::Now;
use store::findings::Recorded;
use store::hosts::Names;
use store::{StoreError, Transaction, alerts, events, findings};

/// Titles named in one message; of the others it says how many.
const NAMED_MOST: usize = 5;
/// New findings that get a line in a host's history, of one look.
const EVENTS_MOST: usize = 10;

/// Tells of what a look found: new findings in the host's history, critical ones nobody was told of as an incident. One that is
/// open grows. One that people know of ends when a look finds nothing critical any more.
pub(super) fn tell(
    tx: &Transaction<'_>,
    host: i64,
    names: &Names,
    seen: &[(Recorded, &Finding)],
    now: Now,
) -> Result<(), StoreError> {
    let worth = |(recorded, finding): &&(Recorded, &Finding)| recorded.is_new && finding.severity >= Level::Medium;
    for (_, finding) in seen.iter().filter(worth).take(EVENTS_MOST) {
        events::append(tx, Some(host), now.wall, "log finding", &format!("{}: {}", finding.severity.as_str(), finding.title))?;
    }
    let critical = || seen.iter().filter(|(_, finding)| finding.severity == Level::Critical);
    let untold: Vec<_> = critical().filter(|(recorded, _)| !recorded.was_told).collect();
    let open = alerts::find_open(tx, Some(host), AlertType::LogFinding, "")?;
    if untold.is_empty() {
        let known = match open {
            Some(id) if critical().next().is_none() => {
                alerts::get(tx, id)?.is_some_and(|alert| alert.known_at(now.wall).is_some())
            }
            _ => false,
        };
        if let (Some(id), true) = (open, known) {
            alerts::close(tx, id, "known, and not seen again", now)?;
        }
        return Ok(());
    }
    let titles: Vec<&str> = untold.iter().map(|(_, finding)| finding.title.as_str()).collect();
    let incident = incident(names, &titles, now);
    let alert = match open {
        Some(id) => {
            alerts::grow(tx, id, &incident, now)?;
            id
        }
        None => alerts::open(tx, Some(host), &incident, now)?.0,
    };
    untold.iter().try_for_each(|(recorded, _)| findings::note_told(tx, recorded.id, alert))
}

fn incident(names: &Names, titles: &[&str], now: Now) -> NewIncident {
    let mut why = format!("Critical in the log of '{}': {}", names.name, titles[..titles.len().min(NAMED_MOST)].join("; "));
    if titles.len() > NAMED_MOST {
        why += &format!("; and {} more", titles.len() - NAMED_MOST);
    }
    let facts = facts(names, Cause::LogFinding, why, now);
    NewIncident { alert_type: AlertType::LogFinding, severity: Severity::Critical, message: facts.headline(), facts }
}

/// A log cannot be read until a person acts: an incident of the hub's own.
pub(super) fn stopped(tx: &Transaction<'_>, names: &Names, why: &str, now: Now) -> Result<(), StoreError> {
    let message = stopped_message(names);
    let facts = Facts { host_id: None, host_name: String::new(), ..facts(names, Cause::Hub, format!("{message}: {why}"), now) };
    let incident = NewIncident { alert_type: AlertType::SystemError, severity: Severity::Warning, message, facts };
    alerts::open(tx, None, &incident, now).map(drop)
}

/// It can be read again.
pub(super) fn goes_on(tx: &Transaction<'_>, names: &Names, now: Now) -> Result<(), StoreError> {
    let open = alerts::find_open(tx, None, AlertType::SystemError, &stopped_message(names))?;
    open.map_or(Ok(()), |id| alerts::resolve(tx, id, "the log is read again", now).map(drop))
}

/// By it the incident is found again.
fn stopped_message(names: &Names) -> String {
    format!("The log of '{}' is no longer read", names.name)
}

fn facts(names: &Names, cause: Cause, why: String, now: Now) -> Facts {
    Facts {
        host_id: Some(names.host_id.clone()),
        host_name: names.name.clone(),
        cause,
        last_seen_at: None,
        expected_every_s: 0,
        grace_s: 0,
        deadline_at: None,
        detected_at: now.wall,
        why,
    }
}
