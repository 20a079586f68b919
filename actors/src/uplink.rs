//! What everybody may know of the uplink: whether a host's silence means anything, and what the last round of probes heard.
//!
//! A hold is a lease: the InternetActor renews it with every round. When it stops doing so, for whatever reason, hosts are judged
//! as if there were no monitor: a dead monitor silences nobody.

use domain::time::{Now, Steady};
use domain::uplink::Judged;
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use tokio::sync::Notify;

/// A deadline needs the uplink seen working no longer than this before it.
const FRESH_MS: i64 = 10_000;
/// A deadline waits no longer than this for an answer about the uplink.
pub(crate) const ANSWER_MOST_MS: i64 = 20_000;
/// Most gaps kept in memory.
const GAPS_KEPT: usize = 1_000;

/// What the uplink stands at, for hosts behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Nobody watches it, or nothing is known yet.
    Unknown = 0,
    /// It works.
    Up = 1,
    /// The last round said otherwise than the ones before: the next will tell.
    Doubt = 2,
    /// It is down.
    Down = 3,
}

/// Why a verdict on a host waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// An answer is due within seconds.
    Asked,
    /// For as long as the uplink is down.
    Down,
}

/// The last round, for pages and the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When the round began.
    pub at: Now,
    /// What it was judged to be.
    pub judged: Judged,
    /// Whether it counts, or the next round must confirm it.
    pub confirmed: bool,
    /// Since when it is what it is, as far as this run of the hub knows.
    pub since: Now,
    /// When the next round is due.
    pub next: Steady,
}

/// What is known of the uplink; one for the whole hub.
#[derive(Debug)]
pub struct Uplink {
    state: AtomicU8,
    /// When it was last seen working: by a round, or by a heartbeat that came over it.
    good: AtomicI64,
    /// Up to when what is said here counts.
    lease: AtomicI64,
    asked: Notify,
    gaps: RwLock<Vec<(Steady, Steady)>>,
    seen: Mutex<Option<Seen>>,
}

impl Default for Uplink {
    fn default() -> Uplink {
        Uplink {
            state: AtomicU8::new(State::Unknown as u8),
            good: AtomicI64::new(i64::MIN),
            lease: AtomicI64::new(i64::MIN),
            asked: Notify::new(),
            gaps: RwLock::default(),
            seen: Mutex::default(),
        }
    }
}

impl Uplink {
    /// A heartbeat came over the uplink.
    pub(crate) fn heard(&self, at: Steady) {
        self.good.fetch_max(at.0, Ordering::Relaxed);
    }

    /// Whether the verdict on a host behind the uplink, overdue since `deadline`, must wait. Asks for a round when it is not known.
    pub(crate) fn hold(&self, deadline: Steady, now: Steady) -> Option<Hold> {
        if now.0 > self.lease.load(Ordering::Acquire) {
            return None;
        }
        let state = self.state.load(Ordering::Acquire);
        if state == State::Down as u8 {
            return Some(Hold::Down);
        }
        if state == State::Doubt as u8 {
            return Some(Hold::Asked);
        }
        let known = self.good.load(Ordering::Relaxed) >= deadline.0.saturating_sub(FRESH_MS);
        if known || now.since_ms(deadline) > ANSWER_MOST_MS {
            return None;
        }
        self.asked.notify_one();
        Some(Hold::Asked)
    }

    /// Whether verdicts on hosts behind it are held for as long as it lasts.
    pub(crate) fn is_down(&self) -> bool {
        self.state.load(Ordering::Acquire) == State::Down as u8
    }

    /// Whether it is known not to work, or in doubt.
    pub(crate) fn is_impaired(&self) -> bool {
        self.state.load(Ordering::Acquire) >= State::Doubt as u8
    }

    /// Waits until somebody must know.
    pub(crate) async fn asked(&self) {
        self.asked.notified().await;
    }

    /// What is said here counts until `until`.
    pub(crate) fn renew(&self, until: Steady) {
        self.lease.fetch_max(until.0, Ordering::AcqRel);
    }

    /// What hosts behind the uplink go by from now on.
    pub(crate) fn set(&self, state: State) {
        self.state.store(state as u8, Ordering::Release);
    }

    /// From when to when nobody behind the uplink could be heard, in the order of their beginning.
    pub(crate) fn gaps_after(&self, life: Steady) -> Vec<(Steady, Steady)> {
        let gaps = self.gaps.read().unwrap_or_else(PoisonError::into_inner);
        gaps.iter().filter(|gap| gap.1 > life).copied().collect()
    }

    /// One more such time.
    pub(crate) fn add_gap(&self, from: Steady, to: Steady) {
        let mut gaps = self.gaps.write().unwrap_or_else(PoisonError::into_inner);
        gaps.push((from, to));
        let surplus = gaps.len().saturating_sub(GAPS_KEPT);
        gaps.drain(..surplus);
    }

    /// The last round; none before the first, or when nobody watches.
    pub fn seen(&self) -> Option<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn show(&self, seen: Seen) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: Steady = Steady(1_000_000);

    fn uplink(state: State) -> Uplink {
        let uplink = Uplink::default();
        uplink.set(state);
        uplink.renew(LATER);
        uplink
    }

    #[test]
    fn nobody_is_held_when_nobody_watches() {
        let uplink = Uplink::default();
        uplink.set(State::Down);
        assert_eq!(uplink.hold(Steady(0), Steady(1)), None);
        uplink.renew(Steady(100));
        assert_eq!(uplink.hold(Steady(0), Steady(100)), Some(Hold::Down));
        assert_eq!(uplink.hold(Steady(0), Steady(101)), None, "the lease is over");
        uplink.renew(Steady(50));
        assert_eq!(uplink.hold(Steady(0), Steady(100)), Some(Hold::Down), "a lease is never shortened");
    }

    #[test]
    fn a_deadline_is_judged_when_the_uplink_was_seen_working_about_then() {
        let uplink = uplink(State::Up);
        let deadline = Steady(100_000);
        assert_eq!(uplink.hold(deadline, Steady(100_001)), Some(Hold::Asked));
        uplink.heard(Steady(deadline.0 - FRESH_MS - 1));
        assert_eq!(uplink.hold(deadline, Steady(100_001)), Some(Hold::Asked));
        uplink.heard(Steady(deadline.0 - FRESH_MS));
        assert_eq!(uplink.hold(deadline, Steady(100_001)), None);
    }

    #[test]
    fn an_answer_that_does_not_come_holds_nobody_for_ever() {
        let uplink = uplink(State::Up);
        let deadline = Steady(100_000);
        assert_eq!(uplink.hold(deadline, deadline.plus_ms(ANSWER_MOST_MS)), Some(Hold::Asked));
        assert_eq!(uplink.hold(deadline, deadline.plus_ms(ANSWER_MOST_MS + 1)), None);
    }

    #[test]
    fn gaps_are_bounded_and_told_from_an_instant_on() {
        let uplink = Uplink::default();
        (0..GAPS_KEPT as i64 + 5).for_each(|n| uplink.add_gap(Steady(n * 10), Steady(n * 10 + 5)));
        assert_eq!(uplink.gaps_after(Steady(i64::MIN)).len(), GAPS_KEPT);
        let last = GAPS_KEPT as i64 + 4;
        assert_eq!(uplink.gaps_after(Steady(last * 10 + 4)), [(Steady(last * 10), Steady(last * 10 + 5))]);
    }
}
