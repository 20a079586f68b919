//! Where a deadline comes from: the instant a host is judged from, its windows, and the rule of the product.

use super::{Reason, Watch};
use crate::schedule::{CronSchedule, LOOKAHEAD_DAYS, LOOKBACK_DAYS, Window};
use crate::time::{Now, Steady, Wall};

const DAY_MS: i64 = 86_400_000;
/// A silence longer than windows are known ahead is looked at from closer by; a little more, so that no deadline is lost.
const STALE_MS: i64 = (LOOKAHEAD_DAYS as i64 + 10) * DAY_MS;

/// The instant from which silence is counted, by what happened then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Since {
    /// The last heartbeat.
    Seen,
    /// Creation or resume.
    Judged,
    /// The end of a silence.
    Silence,
    /// The end of the hub's own absence.
    Absence,
    /// The absence counted only in part: there were too many.
    AbsencesCapped,
}

/// How a deadline is made up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The threshold after the reference.
    Silence,
    /// The threshold after the opening of a window.
    Opening(Wall),
    /// The threshold in open time since the reference, in windows too short for it.
    OpenTime,
    /// The grace after an occurrence of the host's crontab line.
    Occurrence(Wall),
    /// A run's limit after its start.
    Run(Steady),
    /// A run was past its limit when a window opened.
    RunAtOpening(Steady),
}

/// A deadline and how it is made up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// The last instant in time.
    pub(super) deadline: Steady,
    pub(super) cause: Cause,
}

impl Due {
    pub(super) fn reason(self) -> Reason {
        match self.cause {
            Cause::Run(_) | Cause::RunAtOpening(_) => Reason::RunTooLong,
            Cause::Silence | Cause::Opening(_) | Cause::OpenTime | Cause::Occurrence(_) => Reason::Missed,
        }
    }
}

impl Watch {
    /// The deadline in force at `now`, of silence or of a run, whichever is earlier.
    pub(super) fn due(&self, now: Now) -> Option<Due> {
        let (reference, _) = self.reference(now);
        let silence = self.first_due(self.grace_s, reference, now.steady, now);
        let run = self.run_due(now);
        match (silence, run) {
            (Some(silence), Some(run)) if run.deadline < silence.deadline => Some(run),
            (silence, run) => silence.or(run),
        }
    }

    /// The instant from which silence is counted at `now`, and what happened then.
    pub(super) fn reference(&self, now: Now) -> (Steady, Since) {
        let own = self.own_reference(now);
        let Some(deaf_until) = self.deaf_until.filter(|until| *until > own.0) else { return own };
        // P7 puts a deadline in or after an absence off to its end + threshold. Taken alone, that would let a hub restarted
        // every night blind a daily host for ever. So an absence moves the reference no further than to where the hub has
        // really listened, inside windows, for two thresholds: after the third it alerts, however often it was away.
        let cap = match self.schedule.cron() {
            Some(cron) => self.two_occurrences_reach(cron, own.0, now),
            None => {
                let listened_ms = self.threshold_ms().saturating_mul(2).saturating_add(self.deaf_ms);
                self.open_time_reaches(listened_ms, own.0, now)
            }
        };
        match cap {
            Some(cap) if cap < deaf_until => (cap, Since::AbsencesCapped),
            _ => (deaf_until, Since::Absence),
        }
    }

    /// The reference as if the hub had always listened. What lies in the future of `now` is clamped to it (P8), but for the
    /// end of a silence, which may.
    fn own_reference(&self, now: Now) -> (Steady, Since) {
        let judged = (self.judged_from.min(now.steady), Since::Judged);
        let seen = self.last_seen.map(|seen| (seen.min(now.steady), Since::Seen)).filter(|seen| seen.0 >= judged.0);
        let heard = seen.unwrap_or(judged);
        let silence = self.silenced_until.map(|until| (now.steady_at(until), Since::Silence));
        silence.filter(|silence| silence.0 > heard.0).unwrap_or(heard)
    }

    /// The end of two occurrences' graces after `since`, and as much later as the hub was away: what two thresholds are to a
    /// host that is due by the clock.
    fn two_occurrences_reach(&self, cron: &CronSchedule, since: Steady, now: Now) -> Option<Steady> {
        let grace_ms = i64::from(self.grace_s) * 1_000;
        let first = cron.next_after(now.wall_at(since))?.plus_ms(grace_ms);
        let second = cron.next_after(first)?.plus_ms(grace_ms);
        Some(now.steady_at(second).plus_ms(self.deaf_ms))
    }

    /// The deadline, with a grace of `grace_s`, for silence since `reference`, at `at`.
    pub(super) fn first_due(&self, grace_s: u32, reference: Steady, at: Steady, now: Now) -> Option<Due> {
        let grace_ms = i64::from(grace_s) * 1_000;
        let Some(cron) = self.schedule.cron() else {
            return self.due_in_windows(i64::from(self.frequency_s) * 1_000 + grace_ms, reference, at, now);
        };
        // The next occurrence wants a heartbeat of its own: one just before it was for the occurrence before.
        let occurrence = cron.next_after(now.wall_at(reference))?;
        Some(Due { deadline: now.steady_at(occurrence).plus_ms(grace_ms), cause: Cause::Occurrence(occurrence) })
    }

    /// The deadline for silence since `reference` in the first window closing after `at` in which one falls.
    ///
    /// A window longer than the threshold counts from its opening or the reference, whichever is later; in a shorter one that
    /// would never alert, so there the time inside windows since the reference counts.
    fn due_in_windows(&self, threshold_ms: i64, reference: Steady, at: Steady, now: Now) -> Option<Due> {
        let (since, at) = (now.wall_at(reference), now.wall_at(at));
        let stale = at.0.saturating_sub(since.0) > STALE_MS;
        let begin = if stale { at.plus_ms(-i64::from(LOOKBACK_DAYS) * DAY_MS) } else { since };
        let mut open_ms = 0;
        for window in self.schedule.windows_from(begin) {
            if window.closes.is_none_or(|closes| closes > at)
                && let Some((deadline, cause)) = deadline_in(window, since, threshold_ms, open_ms)
            {
                return Some(Due { deadline: now.steady_at(deadline), cause });
            }
            open_ms += open_since(window, since);
        }
        None
    }

    /// The instant at which the time inside windows since `since` has grown to `open_ms`; `None`: not as far as is known.
    fn open_time_reaches(&self, open_ms: i64, since: Steady, now: Now) -> Option<Steady> {
        let begin = now.wall_at(since);
        let mut missing = open_ms;
        for window in self.schedule.windows_from(begin) {
            let from = window.opens.map_or(begin, |opens| opens.max(begin));
            let end = from.plus_ms(missing);
            if window.closes.is_none_or(|closes| end < closes) {
                return Some(now.steady_at(end));
            }
            missing -= open_since(window, begin);
        }
        None
    }

    /// How much of the time from `from` to `to` lies inside windows, in milliseconds.
    pub(super) fn open_ms_between(&self, from: Steady, to: Steady, now: Now) -> i64 {
        let (from, to) = (now.wall_at(from), now.wall_at(to));
        let mut open_ms = 0_i64;
        for window in self.schedule.windows_from(from) {
            let opens = window.opens.map_or(from, |opens| opens.max(from));
            if opens >= to {
                break;
            }
            let closes = window.closes.map_or(to, |closes| closes.min(to));
            open_ms = open_ms.saturating_add(closes.0.saturating_sub(opens.0));
        }
        open_ms
    }

    /// The deadline of the open run: its limit, or the opening of the window in which it is found past it.
    fn run_due(&self, now: Now) -> Option<Due> {
        let own = self.run_started?.min(now.steady).max(self.judged_from.min(now.steady));
        let started = self.silenced_until.map_or(own, |until| own.max(now.steady_at(until)));
        let limit = started.plus_ms(self.run_limit_ms());
        let late_from = limit.plus_ms(1).max(now.steady);
        let window = self.schedule.windows_from(now.wall_at(late_from)).next()?;
        let opening = window.opens.map(|opens| now.steady_at(opens).plus_ms(-1)).filter(|before| *before > limit);
        Some(match opening {
            Some(deadline) => Due { deadline, cause: Cause::RunAtOpening(started) },
            None => Due { deadline: limit, cause: Cause::Run(started) },
        })
    }
}

/// The deadline inside `window` for silence since `since`, after `open_ms` of open time in earlier windows.
fn deadline_in(window: Window, since: Wall, threshold_ms: i64, open_ms: i64) -> Option<(Wall, Cause)> {
    let base = window.opens.map_or(since, |opens| opens.max(since));
    let is_long = length_ms(window).is_none_or(|length| length > threshold_ms);
    let (deadline, cause) = match is_long {
        true if base > since => (base.plus_ms(threshold_ms), Cause::Opening(base)),
        true => (base.plus_ms(threshold_ms), Cause::Silence),
        // More than the threshold of open time has passed already: overdue from the first instant of this window.
        false if open_ms > threshold_ms => (base.plus_ms(-1), Cause::OpenTime),
        false => (base.plus_ms(threshold_ms - open_ms), Cause::OpenTime),
    };
    // The first late millisecond must be inside: outside of windows nobody is late.
    window.closes.is_none_or(|closes| deadline.plus_ms(1) < closes).then_some((deadline, cause))
}

fn length_ms(window: Window) -> Option<i64> {
    Some(window.closes?.0.saturating_sub(window.opens?.0))
}

fn open_since(window: Window, since: Wall) -> i64 {
    let from = window.opens.map_or(since, |opens| opens.max(since));
    window.closes.map_or(0, |closes| closes.0.saturating_sub(from.0).max(0))
}
