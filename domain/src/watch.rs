//! The judge: what one host's silence means at an instant. Pure; it obeys the rule of the product and promises P7 and P8.

mod deadline;
mod explain;

pub use explain::Explanation;

use crate::host::Status;
use crate::schedule::Schedule;
use crate::signal::Signal;
use crate::time::{Now, Steady, Wall};
use std::sync::Arc;

/// A host that is never due is looked at again after this long, in milliseconds: windows are only known so far ahead.
const LOOK_AGAIN_MS: i64 = 30 * 86_400_000;

/// One host as its judge sees it. Small: a hundred thousand of them are in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Watch {
    /// Longest expected time between heartbeats, in seconds; a crontab line decides in its place where there is one.
    pub frequency_s: u32,
    /// Extra time before anybody is told, and the time a run has to finish, in seconds.
    pub grace_s: u32,
    /// When the host is expected at all.
    pub schedule: Arc<Schedule>,
    /// What is known about it.
    pub status: Status,
    /// Not judged while set.
    pub paused: bool,
    /// The last heartbeat that showed life; success and failure do.
    pub last_seen: Option<Steady>,
    /// Its creation or last resume: a host never seen since is judged from here.
    pub judged_from: Steady,
    /// Silenced until the wall clock shows this.
    pub silenced_until: Option<Wall>,
    /// When the run that is still open began, or where the hub's absence moved that to.
    pub run_started: Option<Steady>,
    /// How much longer than its limit that run may take, because it asked for it, in seconds.
    pub run_extra_s: u32,
    /// The end of the last time the hub itself was not listening, since the last life.
    deaf_until: Option<Steady>,
    /// How long, inside windows, the hub was not listening since the last life, in milliseconds.
    deaf_ms: i64,
}

/// Why a host is overdue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No heartbeat within frequency and grace.
    Missed,
    /// A job started and did not finish within its grace.
    RunTooLong,
}

impl Reason {
    /// The word stored with an incident and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Missed => "missed",
            Reason::RunTooLong => "run_too_long",
        }
    }
}

/// What a host's silence means at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not judged until it is resumed.
    Paused,
    /// Known to be down; only life changes that.
    Down,
    /// In time: overdue from the first millisecond after the deadline.
    Waiting {
        /// The last instant at which the host is in time.
        deadline: Steady,
    },
    /// Silent for too long, and not yet recorded as down.
    Overdue {
        /// The last instant at which the host was in time.
        deadline: Steady,
        /// What it failed to do.
        reason: Reason,
    },
    /// Its schedule leaves no instant at which it could be overdue, as far ahead as windows are known.
    NeverDue,
}

impl Watch {
    /// The watch of a host created, or first judged, at `judged_from`: never seen.
    ///
    /// ```
    /// use domain::{host::Status, schedule::Schedule, signal::Signal, time::{Now, Steady, Wall}, watch::{Verdict, Watch}};
    /// let mut watch = Watch::new(300, 60, Schedule::Always.into(), Steady(0));
    /// watch.on_beat(Signal::Success, Steady(10_000));
    /// let now = Now { wall: Wall(370_000), steady: Steady(370_000) };
    /// assert_eq!(watch.evaluate(now), Verdict::Waiting { deadline: Steady(370_000) });
    /// assert_eq!(watch.wake_at(now), Some(Steady(370_001)));
    /// ```
    pub fn new(frequency_s: u32, grace_s: u32, schedule: Arc<Schedule>, judged_from: Steady) -> Watch {
        Watch {
            frequency_s,
            grace_s,
            schedule,
            status: Status::Unknown,
            paused: false,
            last_seen: None,
            judged_from,
            silenced_until: None,
            run_started: None,
            run_extra_s: 0,
            deaf_until: None,
            deaf_ms: 0,
        }
    }

    /// Frequency plus grace, in milliseconds: the silence a host is allowed.
    pub fn threshold_ms(&self) -> i64 {
        (i64::from(self.frequency_s) + i64::from(self.grace_s)) * 1_000
    }

    /// How long the open run may take, in milliseconds: the grace, or the frequency of a host without one, and what it asked for.
    pub fn run_limit_ms(&self) -> i64 {
        let own_s = if self.grace_s == 0 { self.frequency_s } else { self.grace_s };
        (i64::from(own_s) + i64::from(self.run_extra_s)) * 1_000
    }

    /// Takes in a signal heard at `at`.
    ///
    /// A success makes the host up, a failure makes it down at once; both are life and end an open run. A start opens a run and
    /// a note changes nothing. Signals that arrive out of order never move `last_seen` back.
    pub fn on_beat(&mut self, signal: Signal, at: Steady) {
        match signal {
            Signal::Log | Signal::Snooze | Signal::Extend => {}
            // A start that was overtaken by its own finish must not leave a run open for ever.
            Signal::Start if self.last_seen.is_some_and(|seen| at < seen) => {}
            Signal::Start => {
                self.run_started = self.run_started.max(Some(at));
                self.run_extra_s = 0;
            }
            Signal::Success | Signal::Fail | Signal::Exit(_) => self.on_life(signal.is_success(), at),
        }
    }

    fn on_life(&mut self, well: bool, at: Steady) {
        self.status = if well { Status::Up } else { Status::Down };
        self.run_started = None;
        self.run_extra_s = 0;
        self.last_seen = self.last_seen.max(Some(at));
        // Life from before the absence, handled late, does not undo the time the absence gave the host.
        if self.deaf_until.is_none_or(|until| at >= until) {
            self.forget_absence();
        }
    }

    /// Takes in that the hub was not listening from `from` to `to` (P7).
    ///
    /// A deadline at or after `from` is put off; one that had passed before stays passed and alerts at once. Watches rebuilt
    /// from disk take in the stored absences later than the last life again, in order, and judge as before.
    pub fn on_deaf(&mut self, from: Steady, to: Steady, now: Now) {
        // What was heard, created or resumed meanwhile shows that only the time after it was missed.
        let from = from.max(self.origin());
        if from >= to {
            return;
        }
        let then = Now { wall: now.wall_at(from), steady: from };
        if !matches!(self.evaluate(then), Verdict::Waiting { .. } | Verdict::NeverDue) {
            return;
        }
        // Absences may be told twice or overlap: only what is new counts.
        let fresh = self.deaf_until.map_or(from, |until| until.clamp(from, to));
        self.deaf_ms = self.deaf_ms.saturating_add(self.open_ms_between(fresh, to, now));
        self.deaf_until = self.deaf_until.max(Some(to));
        self.run_started = self.run_started.map(|started| started.max(to));
    }

    /// The open run may take `seconds` longer.
    pub fn extend_run(&mut self, seconds: u32) {
        if self.run_started.is_some() {
            self.run_extra_s = self.run_extra_s.saturating_add(seconds);
        }
    }

    /// Stops judging the host.
    pub fn pause(&mut self) {
        self.paused = true;
    }

    /// Judges the host again, from `at` on. Its status stays as it is known.
    pub fn resume(&mut self, at: Steady) {
        self.paused = false;
        self.judged_from = self.judged_from.max(at);
        self.forget_absence();
    }

    /// What the host's silence means at `now`.
    pub fn evaluate(&self, now: Now) -> Verdict {
        if self.paused {
            return Verdict::Paused;
        }
        if self.status == Status::Down {
            return Verdict::Down;
        }
        match self.due(now) {
            None => Verdict::NeverDue,
            Some(due) if now.steady > due.deadline => Verdict::Overdue { deadline: due.deadline, reason: due.reason() },
            Some(due) => Verdict::Waiting { deadline: due.deadline },
        }
    }

    /// When to evaluate again if nothing is heard: the first instant at which the host is overdue, always after `now`.
    ///
    /// `None` where time alone changes nothing: paused, down, already overdue. Never due: some day, to look again.
    pub fn wake_at(&self, now: Now) -> Option<Steady> {
        match self.evaluate(now) {
            Verdict::Waiting { deadline } => Some(deadline.plus_ms(1)),
            Verdict::NeverDue => Some(now.steady.plus_ms(LOOK_AGAIN_MS)),
            Verdict::Paused | Verdict::Down | Verdict::Overdue { .. } => None,
        }
    }

    /// By when the next heartbeat is expected: the deadline without the grace; in the past for a host that missed it.
    ///
    /// `None` while paused, or when it is never due.
    pub fn next_expected_by(&self, now: Now) -> Option<Wall> {
        if self.paused {
            return None;
        }
        let (reference, _) = self.reference(now);
        let due = self.first_due(0, reference, now.steady, now)?;
        Some(now.wall_at(due.deadline))
    }

    /// The last thing known to have happened: life, creation or resume.
    fn origin(&self) -> Steady {
        self.last_seen.map_or(self.judged_from, |seen| seen.max(self.judged_from))
    }

    fn forget_absence(&mut self) {
        self.deaf_until = None;
        self.deaf_ms = 0;
    }
}
