//! What must be true before the outside is told that the hub lives (P15), gathered in one moment and judged without a clock.

use crate::host::Bench;
use domain::duration::words_ms;
use domain::time::{Now, Steady};
use std::sync::atomic::Ordering;
use store::outbox;

/// The hub's own sign of life is committed every two seconds.
const COMMIT_OLD_MS: i64 = 15_000;
/// A tick is due every second.
const TICK_LATE_MS: i64 = 5_000;
/// An alert that waits longer than this is not delivered.
const ALERT_WAITS_MS: i64 = 300_000;
/// The canary dies about once a minute.
const CANARY_OLD_MS: i64 = 180_000;
/// How long a start may take until the canary has died for the first time.
const EARLY_MS: i64 = 120_000;

/// How the hub is at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Proof {
    /// Age of the last commit.
    pub(super) commit_ms: i64,
    /// Age of the last tick.
    pub(super) tick_ms: i64,
    /// How long the oldest undelivered alert has waited; or why that is not known.
    pub(super) alert_ms: Result<Option<i64>, String>,
    /// How long ago the canary was seen to miss its deadline.
    pub(super) canary_ms: Option<i64>,
    /// How long the upstream has been in force.
    pub(super) watched_ms: i64,
}

impl Proof {
    pub(super) async fn gather(bench: &Bench, missed: Option<Steady>, since: Option<Now>, now: Now) -> Proof {
        let counts = bench.db.read(|conn| outbox::counts(conn, None)).await;
        let waits = counts.map(|counts| counts.oldest.map(|oldest| now.wall.0.saturating_sub(oldest.0)));
        Proof {
            commit_ms: bench.db.since_commit_ms(),
            tick_ms: now.steady.0 - bench.tick.load(Ordering::Relaxed),
            alert_ms: waits.map_err(|e| e.to_string()),
            canary_ms: missed.map(|missed| now.steady.since_ms(missed)),
            watched_ms: since.map_or(0, |since| now.steady.since_ms(since.steady)),
        }
    }

    /// Whether nothing is amiss but that the canary has not had the time to die.
    pub(super) fn is_early(&self) -> bool {
        let sound = Proof { canary_ms: Some(0), ..self.clone() };
        self.canary_ms.is_none() && self.watched_ms < EARLY_MS && sound.faults().is_empty()
    }

    /// Why the outside must not be told that the hub lives; nothing: it does.
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.commit_ms > COMMIT_OLD_MS {
            faults.push(format!("the last commit is {} old", words_ms(self.commit_ms)));
        }
        if self.tick_ms > TICK_LATE_MS {
            faults.push(format!("timers are late: the last tick was {} ago", words_ms(self.tick_ms)));
        }
        match &self.alert_ms {
            Ok(Some(ms)) if *ms > ALERT_WAITS_MS => faults.push(format!("an alert has not been delivered for {}", words_ms(*ms))),
            Ok(_) => {}
            Err(e) => faults.push(format!("the store cannot be read: {e}")),
        }
        match self.canary_ms {
            Some(ms) if ms > CANARY_OLD_MS => {
                faults.push(format!("a missed deadline was last seen {} ago, by the built-in canary", words_ms(ms)));
            }
            Some(_) => {}
            None => faults.push("the built-in canary has not been seen to miss its deadline yet".to_owned()),
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> Proof {
        Proof { commit_ms: 15_000, tick_ms: 5_000, alert_ms: Ok(Some(300_000)), canary_ms: Some(180_000), watched_ms: 999_999 }
    }

    #[test]
    fn at_its_limits_the_hub_still_works() {
        assert_eq!(sound().faults(), Vec::<String>::new());
        assert_eq!(Proof { alert_ms: Ok(None), ..sound() }.faults(), Vec::<String>::new());
    }

    #[test]
    fn each_fault_alone_is_enough_and_is_named() {
        let cases = [
            (Proof { commit_ms: 15_001, ..sound() }, "commit"),
            (Proof { tick_ms: 5_001, ..sound() }, "timers"),
            (Proof { alert_ms: Ok(Some(300_001)), ..sound() }, "delivered"),
            (Proof { alert_ms: Err("busy".into()), ..sound() }, "busy"),
            (Proof { canary_ms: Some(180_001), ..sound() }, "canary"),
            (Proof { canary_ms: None, ..sound() }, "canary"),
        ];
        for (proof, word) in cases {
            let faults = proof.faults();
            assert!(faults.len() == 1 && faults[0].contains(word), "{faults:?}");
        }
    }

    #[test]
    fn a_start_is_early_only_while_nothing_else_is_amiss() {
        let start = Proof { canary_ms: None, watched_ms: 119_999, ..sound() };
        assert!(start.is_early());
        assert!(!Proof { watched_ms: 120_000, ..start.clone() }.is_early());
        assert!(!Proof { commit_ms: 20_000, ..start.clone() }.is_early());
        assert!(!Proof { canary_ms: Some(1), ..start }.is_early());
    }
}
