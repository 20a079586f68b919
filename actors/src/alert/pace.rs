//! How fast a channel may be called: our own limits below Discord's observed ones, and whatever its answers ask for on top.

use domain::time::Steady;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

/// Calls within a window of so many milliseconds: Discord's undocumented 5 in 2 s and 30 in 60 s, with room to spare.
const LIMITS: [(usize, i64); 2] = [(4, 2_000), (25, 60_000)];
/// As many calls as the longest window counts.
const KEPT: usize = 25;

/// When a channel was called last and until when it must not be.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace {
    calls: VecDeque<Steady>,
    held_until: Option<Steady>,
}

/// The pace of a channel, kept by the actor while a room works by it.
pub(super) type SharedPace = Rc<RefCell<Pace>>;

impl Pace {
    /// The first instant from `now` on at which a call is allowed.
    pub(super) fn ready_at(&self, now: Steady) -> Steady {
        let freed = |(count, window_ms): (usize, i64)| {
            let oldest = self.calls.len().checked_sub(count).and_then(|at| self.calls.get(at));
            oldest.map_or(now, |at| at.plus_ms(window_ms))
        };
        LIMITS.into_iter().map(freed).chain(self.held_until).fold(now, Ord::max)
    }

    /// A call begins.
    pub(super) fn call(&mut self, at: Steady) {
        if self.calls.len() == KEPT {
            self.calls.pop_front();
        }
        self.calls.push_back(at);
    }

    /// The other side asked for silence until then.
    pub(super) fn hold(&mut self, until: Steady) {
        self.held_until = self.held_until.max(Some(until));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fifth_call_within_two_seconds_waits_for_the_first_to_age() {
        let mut pace = Pace::default();
        for at in [0, 100, 200, 300] {
            assert_eq!(pace.ready_at(Steady(at)), Steady(at));
            pace.call(Steady(at));
        }
        assert_eq!(pace.ready_at(Steady(400)), Steady(2_000));
        assert_eq!(pace.ready_at(Steady(2_000)), Steady(2_000));
        pace.call(Steady(2_000));
        assert_eq!(pace.ready_at(Steady(2_000)), Steady(2_100));
    }

    #[test]
    fn no_window_ever_holds_more_than_its_limit() {
        let (mut pace, mut now, mut calls) = (Pace::default(), Steady(0), Vec::new());
        for _ in 0..200 {
            now = pace.ready_at(now);
            pace.call(now);
            calls.push(now);
        }
        for (count, window_ms) in LIMITS {
            assert!(calls.windows(count + 1).all(|w| w[count].since_ms(w[0]) >= window_ms));
        }
        assert!(calls[24].0 < 60_000 && calls[25].0 >= 60_000, "the limits are used up, not undercut");
    }

    #[test]
    fn what_the_answers_ask_for_counts_on_top() {
        let mut pace = Pace::default();
        pace.hold(Steady(5_000));
        pace.hold(Steady(3_000));
        assert_eq!(pace.ready_at(Steady(0)), Steady(5_000));
        assert_eq!(pace.ready_at(Steady(6_000)), Steady(6_000));
    }
}
