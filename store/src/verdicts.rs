//! Changes of a host's state: each a guarded UPDATE with its event, its incident and its notices in one transaction.

use crate::column;
use crate::error::Result;
use crate::hosts::HostRecord;
use crate::{alerts, events};
use domain::host::Status;
use domain::incident::{AlertType, NewIncident};
use domain::time::{Now, Steady, Wall};
use rusqlite::{OptionalExtension, Transaction, params};

/// What ended when a host came up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// The incident that ended with it, if one was open.
    pub alert_id: Option<i64>,
    /// What the host was before.
    pub was: Status,
    /// Since when it was that: the beginning of the outage when it was down.
    pub down_since: Wall,
}

/// What a verdict was made from besides heartbeats: the version of the host's row and what is written outside of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Basis {
    /// The last change of its description.
    pub updated_at: Wall,
    /// Its creation or last resume.
    pub judged_from: Steady,
    /// The end of its silence.
    pub silenced_until: Option<Wall>,
}

impl Basis {
    /// What a verdict on this host is made from.
    pub fn of(host: &HostRecord) -> Basis {
        Basis { updated_at: host.updated_at, judged_from: host.judged_from, silenced_until: host.silenced_until }
    }
}

/// Whether a host's row is still the one a verdict was made from.
///
/// # Errors
/// Those of SQLite.
pub fn is_judged_by(tx: &Transaction<'_>, host: i64, basis: &Basis) -> Result<bool> {
    let mut query = tx.prepare_cached(
        "SELECT 1 FROM hosts WHERE id = ?1 AND updated_at = ?2 AND judged_from_steady = ?3 AND silenced_until IS ?4",
    )?;
    let silenced_until = basis.silenced_until.map(|until| until.0);
    Ok(query.exists(params![host, basis.updated_at.0, basis.judged_from.0, silenced_until])?)
}

/// The host is down, if it is not already, is not paused, and nothing was heard of it since `expect_last_seen`. Answers its
/// incident, new or joined; `None` when the guard failed and nothing was written.
///
/// # Errors
/// Those of SQLite.
pub fn go_down(
    tx: &Transaction<'_>,
    host: i64,
    expect_last_seen: Option<Steady>,
    now: Now,
    reason: &str,
    incident: &NewIncident,
) -> Result<Option<i64>> {
    let mut query = tx.prepare_cached(
        "UPDATE hosts SET status = 'down', status_since = ?3, status_reason = ?4
         WHERE id = ?1 AND status <> 'down' AND paused = 0 AND last_seen_steady IS ?2",
    )?;
    if query.execute(params![host, expect_last_seen.map(|at| at.0), now.wall.0, reason])? == 0 {
        return Ok(None);
    }
    events::append(tx, Some(host), now.wall, "down", reason)?;
    let (alert, _) = alerts::open(tx, Some(host), incident, now)?;
    Ok(Some(alert))
}

/// The host is up, if it is not already. Ends its open incident, which tells every channel that was told of it; a host that
/// was never heard before comes up in silence. `None` when the guard failed and nothing was written.
///
/// # Errors
/// Those of SQLite.
pub fn go_up(tx: &Transaction<'_>, host: i64, now: Now, cause: &str) -> Result<Option<Recovery>> {
    let mut query = tx.prepare_cached("SELECT status, status_since FROM hosts WHERE id = ?1 AND status <> 'up'")?;
    let before = query.query_row([host], |row| Ok((column::word::<Status>(row, 0)?, Wall(row.get(1)?)))).optional()?;
    let Some((was, down_since)) = before else { return Ok(None) };
    let mut query = tx.prepare_cached(
        "UPDATE hosts SET status = 'up', status_since = ?2, status_reason = ?3 WHERE id = ?1 AND status <> 'up'",
    )?;
    query.execute(params![host, now.wall.0, cause])?;
    events::append(tx, Some(host), now.wall, "up", cause)?;
    let alert_id = alerts::find_open(tx, Some(host), AlertType::MissingHeartbeat, "")?;
    if let Some(alert) = alert_id {
        alerts::resolve(tx, alert, cause, now)?;
    }
    Ok(Some(Recovery { alert_id, was, down_since }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::Kind;
    use crate::sample::{add, at, does, missed};
    use crate::{Store, TempFolder, beats, channels, hosts, outbox, temporary};

    fn with_host() -> (Store, TempFolder, i64) {
        let (mut store, folder) = temporary().unwrap();
        let host = does(&mut store.writer, |tx| Ok(add(tx, "nas")));
        (store, folder, host)
    }

    fn kinds(store: &Store) -> Vec<Kind> {
        let items = store.reader.read(|conn| outbox::waiting(conn, channels::PRIMARY, at(9_999).steady, 100)).unwrap();
        items.into_iter().map(|item| item.kind).collect()
    }

    #[test]
    fn down_writes_state_event_incident_and_notice_together() {
        let (mut store, _folder, host) = with_host();
        let second = channels::ChannelEdit { id: None, name: "second", url_sealed: None, enabled: true };
        let off = channels::ChannelEdit { id: None, name: "off", url_sealed: None, enabled: false };
        does(&mut store.writer, |tx| {
            channels::upsert(tx, &second, at(0).wall)?;
            channels::upsert(tx, &off, at(0).wall)
        });
        let alert = does(&mut store.writer, |tx| go_down(tx, host, None, at(400), "overdue", &missed("nas"))).unwrap();
        let item = store.reader.read(|conn| outbox::waiting(conn, channels::PRIMARY, at(400).steady, 9)).unwrap().remove(0);
        assert_eq!((item.alert.id, item.kind, item.alert.host_name.as_deref()), (alert, Kind::Opened, Some("nas")));
        assert_eq!(item.alert.facts().unwrap(), missed("nas").facts);
        let events = store.reader.read(|conn| events::list(conn, Some(host), None, 1)).unwrap().events;
        assert_eq!((events[0].kind.as_str(), events[0].detail.as_str()), ("down", "overdue"));
        assert_eq!(store.reader.read(|conn| outbox::counts(conn, None)).unwrap().pending, 2, "one for each enabled channel");
    }

    #[test]
    fn a_host_heard_meanwhile_does_not_go_down() {
        let (mut store, _folder, host) = with_host();
        does(&mut store.writer, |tx| beats::flush_seen(tx, host, Some((at(50).wall, at(50).steady)), 1));
        for expected in [None, Some(at(49).steady)] {
            let down = does(&mut store.writer, |tx| go_down(tx, host, expected, at(400), "overdue", &missed("nas")));
            assert_eq!(down, None);
        }
        assert_eq!(kinds(&store), []);
        let down = does(&mut store.writer, |tx| go_down(tx, host, Some(at(50).steady), at(400), "overdue", &missed("nas")));
        assert!(down.is_some());
    }

    #[test]
    fn a_verdict_is_known_by_the_row_it_was_made_from() {
        let (mut store, _folder, host) = with_host();
        let basis = |store: &Store| {
            let business = domain::schedule::BusinessHours::default();
            Basis::of(&store.reader.read(|conn| hosts::get(conn, host, &business)).unwrap().unwrap().unwrap())
        };
        let mut known = basis(&store);
        let holds = |store: &mut Store, known: &Basis| does(&mut store.writer, |tx| is_judged_by(tx, host, known));
        assert!(holds(&mut store, &known));
        for change in [0, 1, 2] {
            does(&mut store.writer, |tx| match change {
                0 => hosts::update(tx, host, &crate::sample::spec("nas"), at(7)),
                1 => hosts::set_silenced(tx, host, Some(at(60).wall), at(8)),
                _ => hosts::set_paused(tx, host, true, at(9)).and_then(|_| hosts::set_paused(tx, host, false, at(10)).map(drop)),
            });
            assert!(!holds(&mut store, &known), "{change}");
            known = basis(&store);
            assert!(holds(&mut store, &known), "{change}");
        }
    }

    #[test]
    fn down_twice_paused_or_gone_adds_nothing() {
        let (mut store, _folder, host) = with_host();
        does(&mut store.writer, |tx| go_down(tx, host, None, at(1), "overdue", &missed("nas"))).unwrap();
        assert_eq!(does(&mut store.writer, |tx| go_down(tx, host, None, at(2), "overdue", &missed("nas"))), None);
        let paused = does(&mut store.writer, |tx| {
            let paused = add(tx, "paused");
            hosts::set_paused(tx, paused, true, at(1))?;
            Ok(paused)
        });
        for row in [paused, 99] {
            assert_eq!(does(&mut store.writer, |tx| go_down(tx, row, None, at(2), "overdue", &missed("x"))), None);
        }
        assert_eq!(kinds(&store), [Kind::Opened]);
    }

    #[test]
    fn up_ends_the_incident_and_tells_where_it_was_told() {
        let (mut store, _folder, host) = with_host();
        let alert = does(&mut store.writer, |tx| go_down(tx, host, None, at(400), "overdue", &missed("nas"))).unwrap();
        let recovery = does(&mut store.writer, |tx| go_up(tx, host, at(500), "heard")).unwrap();
        let expected = Recovery { alert_id: Some(alert), was: Status::Down, down_since: at(400).wall };
        assert_eq!(recovery, expected);
        assert_eq!(kinds(&store), [Kind::Opened, Kind::Edited, Kind::Recovered]);
        let ended = store.reader.read(|conn| alerts::get(conn, alert)).unwrap().unwrap();
        assert_eq!((ended.resolved_at, ended.resolution.as_deref()), (Some(at(500).wall), Some("heard")));
        assert_eq!(does(&mut store.writer, |tx| go_up(tx, host, at(501), "heard")), None);
        let again = does(&mut store.writer, |tx| go_down(tx, host, None, at(900), "overdue", &missed("nas"))).unwrap();
        assert_ne!(again, alert);
    }

    fn waits(store: &Store, s: i64) -> Vec<Kind> {
        let items = store.reader.read(|conn| outbox::waiting(conn, channels::PRIMARY, at(s).steady, 100)).unwrap();
        items.into_iter().map(|item| item.kind).collect()
    }

    #[test]
    fn a_failure_of_a_silenced_host_is_told_when_the_silence_ends() {
        let (mut store, _folder, host) = with_host();
        does(&mut store.writer, |tx| hosts::set_silenced(tx, host, Some(at(600).wall), at(1)));
        assert!(does(&mut store.writer, |tx| go_down(tx, host, None, at(400), "failed", &missed("nas"))).is_some());
        assert_eq!((waits(&store, 599), waits(&store, 600)), (vec![], vec![Kind::Opened]));
        does(&mut store.writer, |tx| hosts::set_silenced(tx, host, Some(at(500).wall), at(401)));
        assert_eq!((waits(&store, 499), waits(&store, 500)), (vec![], vec![Kind::Opened]), "a shorter silence");
        does(&mut store.writer, |tx| hosts::set_silenced(tx, host, None, at(402)));
        assert_eq!(waits(&store, 402), [Kind::Opened], "an ended silence");
    }

    #[test]
    fn what_began_and_ended_in_a_silence_is_not_told() {
        let (mut store, _folder, host) = with_host();
        does(&mut store.writer, |tx| hosts::set_silenced(tx, host, Some(at(600).wall), at(1)));
        does(&mut store.writer, |tx| go_down(tx, host, None, at(400), "failed", &missed("nas"))).unwrap();
        let recovery = does(&mut store.writer, |tx| go_up(tx, host, at(599), "heard")).unwrap();
        assert_eq!((recovery.was, kinds(&store)), (Status::Down, vec![]));
        let why =
            |conn: &crate::Connection| Ok(conn.query_row("SELECT state || reason FROM outbox", [], |r| r.get::<_, String>(0))?);
        assert_eq!(store.reader.read(why).unwrap(), "skippedsilenced");
    }

    #[test]
    fn a_silence_after_the_news_lets_only_the_old_message_change() {
        let (mut store, _folder, host) = with_host();
        let alert = does(&mut store.writer, |tx| go_down(tx, host, None, at(400), "overdue", &missed("nas"))).unwrap();
        does(&mut store.writer, |tx| {
            outbox::mark_sent(tx, &[1], "d-1", channels::PRIMARY, at(401).wall)?;
            alerts::silence(tx, alert, Some(at(600).wall), at(402))
        });
        does(&mut store.writer, |tx| go_up(tx, host, at(500), "heard")).unwrap();
        assert_eq!(kinds(&store), [Kind::Edited]);
    }

    #[test]
    fn the_first_heartbeat_says_nothing() {
        let (mut store, _folder, host) = with_host();
        let recovery = does(&mut store.writer, |tx| go_up(tx, host, at(1), "heard")).unwrap();
        assert_eq!((recovery.was, recovery.alert_id), (Status::Unknown, None));
        assert_eq!(kinds(&store), []);
    }
}
