//! A store that refuses to write: since when and why. People are told past the store while it lasts, and by an incident afterwards.

use crate::alert::{AlertActor, StoreRefuses};
use crate::host::Bench;
use crate::hosts::until_stored;
use crate::supervision::Addr;
use domain::host::Severity;
use domain::incident::{AlertType, Cause, Facts, NewIncident};
use domain::time::{Now, Steady};
use std::sync::{Arc, Mutex, PoisonError};
use store::Transaction;

/// Refusals must last this long before anybody is told: a log rotation may fill a disk for a moment.
const TELL_AFTER_MS: i64 = 5_000;
/// It is over when heartbeats are stored again and nothing was refused for this long.
const OVER_AFTER_MS: i64 = 10_000;
/// It is over when nothing was refused for this long, even if nothing was stored: nobody tried.
const FORGET_AFTER_MS: i64 = 120_000;

/// A time in which the store refused to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    since: Now,
    last: Steady,
    why: String,
    /// Heartbeats stored before the last refusal.
    beats: u64,
}

/// What is known of refusals; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Refusals(Arc<Mutex<Option<Refusal>>>);

/// What there is to tell.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    Nothing,
    Refuses(Refusal),
    Over(Refusal),
}

impl Refusals {
    /// The store refused, after `beats` heartbeats were stored in all.
    pub(crate) fn note(&self, now: Now, why: String, beats: u64) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = known.as_ref().map_or(now, |known| known.since);
        *known = Some(Refusal { since, last: now.steady, why, beats });
    }

    fn standing(&self, now: Steady, beats: u64) -> Standing {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(refusal) = known.clone() else { return Standing::Nothing };
        let quiet_ms = now.since_ms(refusal.last);
        let over = quiet_ms >= FORGET_AFTER_MS || (quiet_ms >= OVER_AFTER_MS && beats > refusal.beats);
        if over {
            *known = None;
        }
        match (refusal.last.since_ms(refusal.since.steady) >= TELL_AFTER_MS, over) {
            (false, _) => Standing::Nothing,
            (true, false) => Standing::Refuses(refusal),
            (true, true) => Standing::Over(refusal),
        }
    }
}

/// Tells what there is to tell; called with every tick.
pub(crate) fn look(bench: &Arc<Bench>, alerts: &Addr<AlertActor>, now: Now) {
    match bench.db.refusals().standing(now.steady, bench.db.beats_stored()) {
        Standing::Nothing => {}
        Standing::Refuses(refusal) => alerts.do_send(StoreRefuses(Some((refusal.since.wall, refusal.why)))),
        Standing::Over(refusal) => {
            alerts.do_send(StoreRefuses(None));
            let bench = bench.clone();
            actix_rt::spawn(async move { report(&bench, refusal).await });
        }
    }
}

/// What was told past the store becomes part of the history, and its end is news.
async fn report(bench: &Bench, refusal: Refusal) {
    log::warn!("the store takes writes again");
    until_stored(bench, "store refused", || {
        let (since, now, incident) = (refusal.since, bench.clock.now(), incident(&refusal));
        move |tx: &Transaction<'_>| {
            let (alert, _) = store::alerts::open(tx, None, &incident, since)?;
            store::alerts::resolve(tx, alert, "the database takes writes again", now).map(drop)
        }
    })
    .await;
}

fn incident(refusal: &Refusal) -> NewIncident {
    let why = format!("The database took no writes: {}", refusal.why);
    let facts = Facts {
        host_id: None,
        host_name: String::new(),
        cause: Cause::Hub,
        last_seen_at: None,
        expected_every_s: 0,
        grace_s: 0,
        deadline_at: None,
        detected_at: refusal.since.wall,
        why: why.clone(),
    };
    NewIncident { alert_type: AlertType::SystemError, severity: Severity::Critical, message: why, facts }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::time::Wall;

    fn at(ms: i64) -> Now {
        Now { wall: Wall(ms), steady: Steady(ms) }
    }

    fn refusing(from: i64, to: i64) -> Refusals {
        let refusals = Refusals::default();
        refusals.note(at(from), "the disk is full".into(), 7);
        refusals.note(at(to), "the disk is full".into(), 7);
        refusals
    }

    #[test]
    fn a_moment_is_not_told() {
        let refusals = refusing(0, TELL_AFTER_MS - 1);
        assert_eq!(refusals.standing(Steady(TELL_AFTER_MS), 7), Standing::Nothing);
        assert_eq!(refusals.standing(Steady(20_000), 8), Standing::Nothing, "its end is not told either");
        assert!(refusals.0.lock().unwrap().is_none());
    }

    #[test]
    fn what_lasts_is_told_until_heartbeats_are_stored_again() {
        let refusals = refusing(0, TELL_AFTER_MS);
        let told = Refusal { since: at(0), last: Steady(TELL_AFTER_MS), why: "the disk is full".into(), beats: 7 };
        assert_eq!(refusals.standing(Steady(6_000), 7), Standing::Refuses(told.clone()));
        assert_eq!(refusals.standing(Steady(60_000), 7), Standing::Refuses(told.clone()), "nothing was stored since");
        assert_eq!(refusals.standing(Steady(14_999), 8), Standing::Refuses(told.clone()), "too early to be sure");
        assert_eq!(refusals.standing(Steady(15_000), 8), Standing::Over(told));
        assert_eq!(refusals.standing(Steady(15_001), 8), Standing::Nothing, "its end is told once");
    }

    #[test]
    fn when_nobody_tries_it_is_over_in_the_end() {
        let refusals = refusing(0, 10_000);
        assert!(matches!(refusals.standing(Steady(10_000 + FORGET_AFTER_MS), 7), Standing::Over(_)));
    }
}
