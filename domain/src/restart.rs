//! Whether a child that ended is started again, when, and when to give up: Erlang/OTP's meaning, pure and told the time.

use crate::time::Steady;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Which endings of a child lead to a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Restart {
    /// Every ending.
    Permanent,
    /// Only a panic or a hang; a child that stopped by itself is done.
    Transient,
    /// None: it lives once.
    Temporary,
}

/// How a child's life ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It panicked; the text is what it said.
    Panicked(String),
    /// It waited longer than it may, and nothing else in it had a turn meanwhile; the text says for how long.
    Hung(String),
    /// It stopped by itself.
    Stopped,
}

impl Ending {
    /// Why, in words; nothing for a child that stopped by itself.
    pub fn text(&self) -> Option<&str> {
        match self {
            Ending::Panicked(text) | Ending::Hung(text) => Some(text),
            Ending::Stopped => None,
        }
    }
}

/// What to do about an ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Start it again after this many milliseconds; 0 means at once.
    RestartAfter(u64),
    /// It is done; leave it.
    Leave,
    /// It was restarted too often: somebody else must know.
    GiveUp,
}

/// How many restarts are too many: more than `max_restarts` within `period_ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intensity {
    /// Restarts allowed within the period; 0 means the first ending is one too many.
    pub max_restarts: u32,
    /// The length of the sliding window, in milliseconds.
    pub period_ms: u64,
}

impl Intensity {
    /// No number of restarts is too many: for children whose restarts somebody else counts.
    pub const UNLIMITED: Intensity = Intensity { max_restarts: u32::MAX, period_ms: 0 };
}

/// How long to wait before a restart: the first at once, the second after `first_ms`, then twice as long each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backoff {
    /// The pause before the second restart in a row, in milliseconds.
    pub first_ms: u64,
    /// No pause is longer, in milliseconds.
    pub max_ms: u64,
}

impl Backoff {
    /// The pause before the `nth` restart in a row, counted from 1, in milliseconds.
    ///
    /// ```
    /// let backoff = domain::restart::Backoff { first_ms: 50, max_ms: 300 };
    /// assert_eq!([1, 2, 3, 4, 5].map(|nth| backoff.before(nth)), [0, 50, 100, 200, 300]);
    /// ```
    pub fn before(self, nth: u32) -> u64 {
        let Some(doublings) = nth.checked_sub(2) else { return 0 };
        let factor = 1u64.checked_shl(doublings).unwrap_or(u64::MAX);
        self.first_ms.saturating_mul(factor).min(self.max_ms)
    }
}

/// When a child was restarted lately. A child that never was costs one empty pointer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(clippy::box_collection, reason = "one pointer instead of four words, 100,000 times over")]
pub struct RestartLog(Option<Box<VecDeque<Steady>>>);

impl RestartLog {
    /// Notes a restart at `at` and says how many there have been within the period, this one included; `None` when
    /// that is more than `intensity` allows. A restart exactly one period old still counts, as in OTP.
    ///
    /// ```
    /// use domain::{restart::{Intensity, RestartLog}, time::Steady};
    /// let (mut log, intensity) = (RestartLog::default(), Intensity { max_restarts: 2, period_ms: 30_000 });
    /// assert_eq!(log.note(Steady(0), intensity), Some(1));
    /// assert_eq!(log.note(Steady(10_000), intensity), Some(2));
    /// assert_eq!(log.note(Steady(30_000), intensity), None);
    /// assert_eq!(log.note(Steady(60_001), intensity), Some(1));
    /// ```
    pub fn note(&mut self, at: Steady, intensity: Intensity) -> Option<u32> {
        let times = self.0.get_or_insert_default();
        let period_ms = i64::try_from(intensity.period_ms).unwrap_or(i64::MAX);
        times.retain(|earlier| at.since_ms(*earlier) <= period_ms);
        let count = u32::try_from(times.len()).unwrap_or(u32::MAX).saturating_add(1);
        if count > intensity.max_restarts {
            return self.give_up(at);
        }
        times.push_back(at);
        Some(count)
    }

    /// Forgets everything, as after a long time without trouble.
    pub fn forget(&mut self) {
        self.0 = None;
    }

    /// How many restarts it remembers; never more than `max_restarts`, but for the one that was too many.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |times| times.len())
    }

    /// Whether it remembers none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    // The one too many slides the window on, so that the log stays bounded and a child that goes on failing goes on being refused.
    fn give_up(&mut self, at: Steady) -> Option<u32> {
        if let Some(times) = &mut self.0 {
            times.pop_front();
            times.push_back(at);
        }
        None
    }
}

/// How many ticks an observer's patience is cut into.
const PATIENCE_TICKS: u32 = 10;

/// An observer's patience with something that makes no progress, counted in the observer's own ticks.
///
/// A tick that comes late says that the observer did not run either (the process was stopped, the machine slept): it has no
/// opinion about that time and does not count it. A step of the wall clock is not even seen: the time is steady.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    tick_ms: u64,
    left: u32,
    last: Steady,
}

impl Patience {
    /// Patience for `limit_ms`, from `now` on.
    pub fn new(limit_ms: u64, now: Steady) -> Patience {
        Patience { tick_ms: (limit_ms / u64::from(PATIENCE_TICKS)).max(1), left: PATIENCE_TICKS, last: now }
    }

    /// When to look again, in milliseconds.
    pub fn tick_ms(&self) -> u64 {
        self.tick_ms
    }

    /// Looks at `now`: whether patience has run out.
    ///
    /// ```
    /// use domain::{restart::Patience, time::Steady};
    /// let mut patience = Patience::new(10_000, Steady(0));
    /// assert!(!patience.tick(Steady(1_000)));
    /// assert!(!patience.tick(Steady(3_600_000)), "the observer was stopped for an hour: that hour says nothing");
    /// let mut ticks = (1..=9).map(|n| patience.tick(Steady(3_600_000 + n * 1_000)));
    /// assert_eq!(ticks.position(|out| out), Some(8));
    /// ```
    pub fn tick(&mut self, now: Steady) -> bool {
        let took_ms = now.since_ms(self.last);
        self.last = now;
        let late = took_ms > i64::try_from(self.tick_ms.saturating_mul(2)).unwrap_or(i64::MAX);
        if !late {
            self.left = self.left.saturating_sub(1);
        }
        self.left == 0
    }
}

/// The rule for one kind of child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Which endings lead to a restart.
    pub restart: Restart,
    /// How many restarts are too many.
    pub intensity: Intensity,
    /// How long to wait before each.
    pub backoff: Backoff,
}

impl Rule {
    /// What to do about `ending` at `at`. A restart is noted in `log`, by stops as well as by panics, as in OTP.
    ///
    /// ```
    /// use domain::{restart::*, time::Steady};
    /// let rule = Rule {
    ///     restart: Restart::Transient,
    ///     intensity: Intensity { max_restarts: 1, period_ms: 30_000 },
    ///     backoff: Backoff { first_ms: 100, max_ms: 5_000 },
    /// };
    /// let mut log = RestartLog::default();
    /// assert_eq!(rule.decide(&mut log, &Ending::Stopped, Steady(0)), Decision::Leave);
    /// assert_eq!(rule.decide(&mut log, &Ending::Panicked("x".into()), Steady(0)), Decision::RestartAfter(0));
    /// assert_eq!(rule.decide(&mut log, &Ending::Panicked("x".into()), Steady(9)), Decision::GiveUp);
    /// ```
    pub fn decide(&self, log: &mut RestartLog, ending: &Ending, at: Steady) -> Decision {
        let again = match (self.restart, ending) {
            (Restart::Permanent, _) | (Restart::Transient, Ending::Panicked(_) | Ending::Hung(_)) => true,
            (Restart::Transient, Ending::Stopped) | (Restart::Temporary, _) => false,
        };
        if !again {
            return Decision::Leave;
        }
        match log.note(at, self.intensity) {
            Some(nth) => Decision::RestartAfter(self.backoff.before(nth)),
            None => Decision::GiveUp,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FIVE_IN_30_S: Intensity = Intensity { max_restarts: 5, period_ms: 30_000 };

    fn rule(restart: Restart) -> Rule {
        Rule { restart, intensity: FIVE_IN_30_S, backoff: Backoff { first_ms: 50, max_ms: 1_000 } }
    }

    fn decide(restart: Restart, ending: &Ending) -> Decision {
        rule(restart).decide(&mut RestartLog::default(), ending, Steady(0))
    }

    #[test]
    fn the_restart_type_decides_which_endings_count() {
        let panicked = Ending::Panicked("boom".into());
        assert_eq!(decide(Restart::Permanent, &Ending::Stopped), Decision::RestartAfter(0));
        assert_eq!(decide(Restart::Permanent, &panicked), Decision::RestartAfter(0));
        assert_eq!(decide(Restart::Transient, &Ending::Stopped), Decision::Leave);
        assert_eq!(decide(Restart::Transient, &Ending::Hung("stuck".into())), Decision::RestartAfter(0));
        assert_eq!(decide(Restart::Transient, &panicked), Decision::RestartAfter(0));
        assert_eq!(decide(Restart::Temporary, &Ending::Stopped), Decision::Leave);
        assert_eq!(decide(Restart::Temporary, &panicked), Decision::Leave);
    }

    #[test]
    fn the_window_edge_is_inclusive() {
        for (sixth_at, expected) in [(29_999, None), (30_000, None), (30_001, Some(5))] {
            let mut log = RestartLog::default();
            for (nth, at) in [0, 1, 2, 3, 4].into_iter().enumerate() {
                assert_eq!(log.note(Steady(at), FIVE_IN_30_S), Some(nth as u32 + 1));
            }
            assert_eq!(log.note(Steady(sixth_at), FIVE_IN_30_S), expected, "sixth restart at {sixth_at}");
        }
    }

    #[test]
    fn no_restarts_allowed_means_the_first_ending_gives_up() {
        let never = Intensity { max_restarts: 0, period_ms: 1_000 };
        let mut log = RestartLog::default();
        assert_eq!(log.note(Steady(0), never), None);
        assert_eq!(log.note(Steady(1_000_000), never), None);
        assert!(log.len() <= 1);
    }

    #[test]
    fn a_backoff_never_overflows() {
        let huge = Backoff { first_ms: u64::MAX, max_ms: u64::MAX };
        assert_eq!(huge.before(u32::MAX), u64::MAX);
        assert_eq!(Backoff { first_ms: 1, max_ms: 60_000 }.before(200), 60_000);
    }

    #[test]
    fn a_healthy_child_pays_one_pointer() {
        assert_eq!(size_of::<RestartLog>(), size_of::<usize>());
    }

    proptest! {
        #[test]
        fn patience_never_runs_out_in_less_running_time_than_its_limit(ticks in prop::collection::vec(0i64..5_000, 0..100)) {
            let (mut patience, mut at, mut on_time) = (Patience::new(10_000, Steady(0)), 0, 0);
            for tick in ticks {
                let tick = tick.max(1_000); // an observer never ticks early
                at += tick;
                on_time += if tick <= 2_000 { tick } else { 0 };
                if patience.tick(Steady(at)) {
                    prop_assert!(on_time >= 10_000);
                    break;
                }
            }
        }

        #[test]
        fn no_window_holds_more_restarts_than_allowed(gaps in prop::collection::vec(0i64..20_000, 0..200), max in 0u32..8) {
            let intensity = Intensity { max_restarts: max, period_ms: 30_000 };
            let (mut log, mut at, mut granted) = (RestartLog::default(), 0, Vec::new());
            for gap in gaps {
                at += gap;
                if log.note(Steady(at), intensity).is_some() {
                    granted.push(at);
                }
                prop_assert!(log.len() <= max.max(1) as usize);
            }
            for (i, from) in granted.iter().enumerate() {
                let within = granted[i..].iter().filter(|t| **t - from <= 30_000).count();
                prop_assert!(within <= max as usize);
            }
        }

        #[test]
        fn a_later_restart_in_a_row_never_waits_less(first in 0u64..100_000, max in 0u64..1_000_000, nth in 0u32..100) {
            let backoff = Backoff { first_ms: first, max_ms: max };
            prop_assert!(backoff.before(nth) <= backoff.before(nth + 1));
            prop_assert!(backoff.before(nth) <= max);
        }
    }
}
