//! A verdict in one sentence: what is known, when it would alert, and which sum that instant is.

use super::deadline::{Cause, Due, Since};
use super::{Verdict, Watch};
use crate::duration::short;
use crate::host::Status;
use crate::time::{Now, Steady, Wall};

/// Why a host is up, late or down, and when it would alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What is known about the host.
    pub status: Status,
    /// The last instant in time, as the wall clock shows it; `None` while paused, down or never due.
    pub deadline: Option<Wall>,
    /// One sentence for people, in the schedule's zone, without a full stop.
    pub text: String,
}

impl Watch {
    /// The verdict at `now` in words.
    ///
    /// ```
    /// use domain::{schedule::Schedule, signal::Signal, time::{Now, Steady, Wall}, watch::Watch};
    /// let mut watch = Watch::new(300, 60, Schedule::Always.into(), Steady(0));
    /// watch.on_beat(Signal::Success, Steady(0));
    /// let now = Now { wall: Wall(1_763_202_660_000), steady: Steady(60_000) };
    /// assert_eq!(
    ///     watch.explain(now).text,
    ///     "up: last seen 2025-11-15 10:30:00 UTC; alerts at 10:36:00 = last seen 10:30:00 + every 5 min + 60 s grace"
    /// );
    /// ```
    pub fn explain(&self, now: Now) -> Explanation {
        let verdict = self.evaluate(now);
        let (known, then) = match verdict {
            Verdict::Paused => (format!("paused ({})", self.status.as_str()), "not judged until it is resumed".to_owned()),
            Verdict::Down => ("down".to_owned(), "its next success brings it up".to_owned()),
            Verdict::NeverDue => (self.status.as_str().to_owned(), self.never_in_words()),
            Verdict::Waiting { .. } | Verdict::Overdue { .. } => (self.status.as_str().to_owned(), self.due_in_words(now)),
        };
        let deadline = match verdict {
            Verdict::Waiting { deadline } | Verdict::Overdue { deadline, .. } => Some(now.wall_at(deadline)),
            Verdict::Paused | Verdict::Down | Verdict::NeverDue => None,
        };
        Explanation { status: self.status, deadline, text: format!("{known}: {}; {then}", self.seen_in_words(now)) }
    }

    fn seen_in_words(&self, now: Now) -> String {
        let zone = self.schedule.timezone().name();
        match self.last_seen {
            Some(seen) => format!("last seen {} {zone}", self.schedule.local(now.wall_at(seen), None)),
            None => format!("never seen, watched since {} {zone}", self.schedule.local(now.wall_at(self.judged_from), None)),
        }
    }

    fn never_in_words(&self) -> String {
        if let Some(cron) = self.schedule.cron() {
            return format!("never alerts: \"{}\" never occurs in {}", cron.crontab(), cron.timezone().name());
        }
        let allowed = self.allowance();
        format!("never alerts: its windows leave no room for {allowed} in as far ahead as they are known")
    }

    fn due_in_words(&self, now: Now) -> String {
        let Some(due) = self.due(now) else { return self.never_in_words() };
        let verb = if now.steady > due.deadline { "overdue since" } else { "alerts at" };
        // The first late millisecond, cut to seconds, is the instant people mean.
        format!("{verb} {} = {}", self.at(due.deadline.plus_ms(1), now), self.sum_in_words(due, now))
    }

    fn sum_in_words(&self, due: Due, now: Now) -> String {
        let allowed = self.allowance();
        match due.cause {
            Cause::Silence => format!("{} + {allowed}", self.reference_in_words(now)),
            Cause::Opening(opens) => format!("window opens {} + {allowed}", self.schedule.local(opens, Some(now.wall))),
            Cause::OpenTime => format!("{} + {allowed}, counting only time inside windows", self.reference_in_words(now)),
            Cause::Occurrence(at) => self.occurrence_in_words(at, now),
            Cause::Run(started) => format!("{} + {}", self.run_in_words(started, now), self.run_allowance()),
            Cause::RunAtOpening(started) => {
                let opens = self.at(due.deadline.plus_ms(1), now);
                let limit = self.run_allowance();
                format!("window opens {opens}, with more than {limit} gone since {}", self.run_in_words(started, now))
            }
        }
    }

    fn occurrence_in_words(&self, at: Wall, now: Now) -> String {
        let line = self.schedule.cron().map_or("", |cron| cron.crontab().as_str());
        let grace = if self.grace_s == 0 { String::new() } else { format!(" + {} grace", short(self.grace_s.into())) };
        let due = format!("due {} ({line}){grace}", self.schedule.local(at, Some(now.wall)));
        match self.reference(now).1 {
            Since::Seen | Since::Judged => due,
            Since::Silence | Since::Absence | Since::AbsencesCapped => {
                format!("{due}, the first since {}", self.reference_in_words(now))
            }
        }
    }

    fn reference_in_words(&self, now: Now) -> String {
        let (reference, since) = self.reference(now);
        let at = self.at(reference, now);
        match since {
            Since::Seen => format!("last seen {at}"),
            Since::Judged => format!("watched since {at}"),
            Since::Silence => format!("silenced until {at}"),
            Since::Absence => format!("hub was not listening until {at}"),
            Since::AbsencesCapped => format!("hub was not listening several times, counted from {at}"),
        }
    }

    fn run_in_words(&self, started: Steady, now: Now) -> String {
        let at = self.at(started, now);
        let is_silence = self.silenced_until.is_some_and(|until| now.steady_at(until) == started);
        match started {
            _ if is_silence => format!("silenced until {at}"),
            _ if self.deaf_until == Some(started) => format!("hub was not listening until {at}"),
            _ if self.run_started == Some(started) => format!("run started {at}"),
            _ => format!("run open, watched since {at}"),
        }
    }

    fn allowance(&self) -> String {
        let every = format!("every {}", short(self.frequency_s.into()));
        if self.grace_s == 0 { every } else { format!("{every} + {} grace", short(self.grace_s.into())) }
    }

    fn run_allowance(&self) -> String {
        let own = match self.grace_s {
            0 => format!("every {}", short(self.frequency_s.into())),
            grace_s => format!("{} grace", short(grace_s.into())),
        };
        if self.run_extra_s == 0 { own } else { format!("{own} + {} it asked for", short(self.run_extra_s.into())) }
    }

    fn at(&self, at: Steady, now: Now) -> String {
        self.schedule.local(now.wall_at(at), Some(now.wall))
    }
}
