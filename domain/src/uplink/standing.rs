//! What the uplink stands at: a verdict counts when it was confirmed, so that a lost packet is no outage.

use super::Verdict;
use crate::time::Now;

/// Rounds in a row that must agree before anything changes.
pub const CONFIRM_ROUNDS: u32 = 2;

/// The verdict in force, and the doubt about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    verdict: Option<Verdict>,
    /// When the last round that agreed with "online" began: what was up then was up.
    good: Option<Now>,
    /// Rounds in a row that said something else about being online, and when the first of them began.
    doubt: Option<(Now, u32)>,
}

/// What a round changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Same,
    /// It is not yet sure: ask again soon.
    Doubt,
    /// The uplink went down.
    Down {
        /// When the first round that said so began.
        since: Now,
        /// When the last round before that was well; none: it was never seen well.
        good: Option<Now>,
    },
    /// Still down, and by now for another reason.
    Other,
    /// It came up: also at the first round of all.
    Up,
}

impl Standing {
    /// Nothing is known.
    pub fn new() -> Standing {
        Standing { verdict: None, good: None, doubt: None }
    }

    /// As an earlier life of the hub left it: down for this reason.
    pub fn down(verdict: Verdict) -> Standing {
        Standing { verdict: Some(verdict), good: None, doubt: None }
    }

    /// The verdict in force; none before the first that was confirmed.
    pub fn verdict(&self) -> Option<Verdict> {
        self.verdict
    }

    /// Takes in the verdict of a round that began at `began`.
    ///
    /// The first round of all counts at once when it is well; whatever would change what is known must be said
    /// [`CONFIRM_ROUNDS`] times in a row, in either direction. Which kind of outage it is may change freely: the change that
    /// matters to hosts and people is between online and not.
    ///
    /// ```
    /// use domain::{time::{Now, Steady, Wall}, uplink::{Standing, Step, Verdict}};
    /// let at = |s: i64| Now { wall: Wall(s * 1_000), steady: Steady(s * 1_000) };
    /// let mut uplink = Standing::new();
    /// assert_eq!(uplink.take(Verdict::Online, at(0)), Step::Up);
    /// assert_eq!(uplink.take(Verdict::Isp, at(300)), Step::Doubt);
    /// assert_eq!(uplink.take(Verdict::Isp, at(305)), Step::Down { since: at(300), good: Some(at(0)) });
    /// ```
    pub fn take(&mut self, verdict: Verdict, began: Now) -> Step {
        let known = self.verdict.map(Verdict::is_online);
        if known == Some(verdict.is_online()) {
            return self.agree(verdict, began);
        }
        let (since, rounds) = self.doubt.map_or((began, 1), |(since, rounds)| (since, rounds + 1));
        let first_and_well = known.is_none() && verdict.is_online();
        if rounds < CONFIRM_ROUNDS && !first_and_well {
            self.doubt = Some((since, rounds));
            return Step::Doubt;
        }
        self.doubt = None;
        self.verdict = Some(verdict);
        if verdict.is_online() {
            self.good = Some(began);
            return Step::Up;
        }
        Step::Down { since, good: self.good.take() }
    }

    fn agree(&mut self, verdict: Verdict, began: Now) -> Step {
        self.doubt = None;
        if verdict.is_online() {
            self.good = Some(began);
        }
        let before = self.verdict.replace(verdict);
        if before == Some(verdict) { Step::Same } else { Step::Other }
    }
}

impl Default for Standing {
    fn default() -> Standing {
        Standing::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Steady, Wall};
    use proptest::prelude::*;

    fn at(s: i64) -> Now {
        Now { wall: Wall(s * 1_000), steady: Steady(s * 1_000) }
    }

    fn steps(standing: &mut Standing, verdicts: &[Verdict]) -> Vec<Step> {
        (0..).zip(verdicts).map(|(n, verdict)| standing.take(*verdict, at(n))).collect()
    }

    #[test]
    fn one_bad_round_between_good_ones_is_no_outage() {
        use Verdict::{Gateway, Isp, Online};
        let mut standing = Standing::new();
        let said = steps(&mut standing, &[Online, Isp, Online, Gateway, Online]);
        assert_eq!(said, [Step::Up, Step::Doubt, Step::Same, Step::Doubt, Step::Same]);
        assert_eq!(standing.verdict(), Some(Online));
    }

    #[test]
    fn two_bad_rounds_are_one_even_when_they_disagree_about_why() {
        use Verdict::{Gateway, Isp, Online};
        let mut standing = Standing::new();
        let said = steps(&mut standing, &[Online, Isp, Gateway, Isp, Isp, Online, Online]);
        let down = Step::Down { since: at(1), good: Some(at(0)) };
        assert_eq!(said, [Step::Up, Step::Doubt, down, Step::Other, Step::Same, Step::Doubt, Step::Up]);
    }

    #[test]
    fn a_hub_that_starts_without_an_uplink_asks_twice_too() {
        let mut standing = Standing::new();
        let said = steps(&mut standing, &[Verdict::Offline, Verdict::Offline]);
        assert_eq!(said, [Step::Doubt, Step::Down { since: at(0), good: None }]);
    }

    #[test]
    fn an_outage_known_from_before_ends_when_two_rounds_say_so() {
        let mut standing = Standing::down(Verdict::Isp);
        let said = steps(&mut standing, &[Verdict::Isp, Verdict::Online, Verdict::Isp, Verdict::Online, Verdict::Online]);
        assert_eq!(said, [Step::Same, Step::Doubt, Step::Same, Step::Doubt, Step::Up]);
    }

    fn verdicts() -> impl Strategy<Value = Vec<Verdict>> {
        prop::collection::vec(prop::sample::select(Verdict::ALL.to_vec()), 0..60)
    }

    proptest! {
        #[test]
        fn ups_and_downs_take_turns_and_each_was_said_twice(verdicts in verdicts()) {
            let mut standing = Standing::new();
            let mut up = None;
            for (n, verdict) in verdicts.iter().enumerate() {
                match standing.take(*verdict, at(n as i64)) {
                    Step::Up => {
                        prop_assert!(up != Some(true) && verdict.is_online());
                        prop_assert!(up.is_none() || verdicts[n - 1].is_online());
                        up = Some(true);
                    }
                    Step::Down { since, good } => {
                        prop_assert!(up != Some(false) && !verdict.is_online() && !verdicts[n - 1].is_online());
                        prop_assert_eq!(since, at(n as i64 - 1));
                        prop_assert!(good.is_none_or(|good| good.steady < since.steady));
                        up = Some(false);
                    }
                    Step::Same | Step::Other => prop_assert_eq!(up, Some(verdict.is_online())),
                    Step::Doubt => prop_assert_ne!(up, Some(verdict.is_online())),
                }
                prop_assert_eq!(standing.verdict().map(Verdict::is_online), up);
            }
        }

        #[test]
        fn losses_that_never_come_twice_in_a_row_change_nothing(bad in prop::collection::vec(any::<bool>(), 1..60)) {
            let mut standing = Standing::new();
            standing.take(Verdict::Online, at(0));
            let mut before = false;
            for (n, lost) in (1..).zip(bad) {
                let lost = lost && !before;
                let step = standing.take(if lost { Verdict::Isp } else { Verdict::Online }, at(n));
                prop_assert_eq!(step, if lost { Step::Doubt } else { Step::Same });
                before = lost;
            }
        }
    }
}
