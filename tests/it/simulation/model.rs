//! When a host is overdue, by the words of the product (sections 4 and 5) and of P2, P7, P8 and P9, with none of the hub's code.
//!
//! Instants are elapsed time; only windows and silences look at the wall clock. Where the hub's own two-second rhythm decides
//! (was its last sign of life before or after a deadline?) there are two right answers, the early and the late one.

use super::history::S;
use super::trace::{DEAF_FROM, Life, Trace};
use std::cell::Cell;

/// Which of two right answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    Early,
    Late,
}

/// A time in which the hub could not hear, each end between two instants.
#[derive(Clone, Copy, Debug)]
pub struct Deaf {
    pub from: (i64, i64),
    pub to: (i64, i64),
}

/// The hub writes its sign of life every two seconds and ticks every second; a little more for their own duration.
const SIGN_OF_LIFE: i64 = 2 * S + 200;
const TICK: i64 = S + 100;

/// Every time in which the hub could not hear, in order.
pub fn deaf_times(trace: &Trace) -> Vec<Deaf> {
    let between = |pair: &[Life]| {
        let (last, next) = (pair[0], pair[1]);
        let to = next.listening.unwrap_or(next.start);
        Deaf { from: (last_sign(trace, last.end), last.end), to: (to, to) }
    };
    let mut all: Vec<Deaf> = trace.lives.windows(2).map(between).collect();
    let first = trace.lives.first().map_or(0, |life| life.listening.unwrap_or(life.start));
    all.push(Deaf { from: (0, 0), to: (first, first) });
    let naps = trace.naps.iter().filter(|(from, to)| to - from > DEAF_FROM);
    all.extend(naps.map(|(from, to)| Deaf { from: (from - TICK, *from), to: (*to, to + TICK) }));
    all.sort_by_key(|deaf| deaf.from.1);
    all
}

/// The earliest that the last sign of life on disk can be from, when the hub ended at `end`.
fn last_sign(trace: &Trace, end: i64) -> i64 {
    let mut sign = end - SIGN_OF_LIFE;
    for (from, to) in trace.troubles.iter().chain(&trace.naps).rev() {
        if (*from..=to + S).contains(&sign) || (sign..end).contains(from) {
            sign = sign.min(from - SIGN_OF_LIFE);
        }
    }
    sign
}

/// What is known of one host at an instant.
#[derive(Clone, Debug)]
pub struct Model<'a> {
    pub trace: &'a Trace,
    pub deaf: &'a [Deaf],
    /// What the wall clock showed at the beginning.
    pub zero: i64,
    /// When it is expected, by the wall clock; `None`: always.
    pub open: Option<&'a [(i64, i64)]>,
    pub threshold: i64,
    /// How long a run may take.
    pub limit: i64,
    /// Last sign of life.
    pub seen: Option<i64>,
    /// Creation or last resume.
    pub judged: i64,
    pub paused: bool,
    /// By the wall clock.
    pub silenced: Option<i64>,
    pub run: Option<i64>,
    pub reading: Cell<Reading>,
}

/// When a window opened that a step of the wall clock has moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reading {
    /// Windows are computed anew: when the clock as it is now would have shown it.
    #[default]
    Anew,
    /// Nothing fires because of a step: when the clock as it was then showed it.
    Lived,
}

/// What the hub's absences have done to a host.
#[derive(Default)]
struct Pushed {
    to: Option<i64>,
    /// The absences that count, none twice.
    away: Vec<(i64, i64)>,
}

impl Model<'_> {
    /// The first instant from `from` to `to` at which the host is overdue, if nothing else is heard of it.
    ///
    /// After a step of the wall clock a window can have opened when the new clock says so, or when the host really came into it
    /// (see [`Reading`]): either is right.
    pub fn due(&self, from: i64, to: i64, edge: Edge) -> Option<i64> {
        let anew = self.due_by(Reading::Anew, from, to, edge);
        if self.open.is_none() || self.trace.steps.is_empty() {
            return anew;
        }
        let lived = self.due_by(Reading::Lived, from, to, edge);
        match edge {
            Edge::Early => anew.into_iter().chain(lived).min(),
            Edge::Late => anew.zip(lived).map(|(anew, lived)| anew.max(lived)),
        }
    }

    fn due_by(&self, reading: Reading, from: i64, to: i64, edge: Edge) -> Option<i64> {
        self.reading.set(reading);
        let mut at = from;
        while at <= to {
            let missing = self.missing(at, edge);
            if missing <= 0 {
                return Some(at);
            }
            let step = self.trace.steps.iter().map(|(when, _)| *when).find(|when| *when > at);
            at = at.saturating_add(missing).min(step.unwrap_or(i64::MAX));
        }
        None
    }

    /// How much time at least must pass until it is overdue.
    fn missing(&self, at: i64, edge: Edge) -> i64 {
        if self.paused {
            return i64::MAX;
        }
        let mut pushed = Pushed::default();
        let origin = self.seen.unwrap_or(i64::MIN).max(self.judged);
        for deaf in self.deaf {
            let (from, to) = match edge {
                Edge::Early => (deaf.from.1, deaf.to.0),
                Edge::Late => (deaf.from.0, deaf.to.1),
            };
            if to <= origin || from > at {
                continue;
            }
            let from = from.max(origin);
            if self.missing_if(&pushed, from) <= 0 {
                continue; // it had passed before
            }
            if at < to {
                return to - at; // nobody listens
            }
            let known = pushed.to.unwrap_or(from);
            pushed.away.push((from.max(known).min(to), to));
            pushed.to = pushed.to.max(Some(to));
        }
        self.missing_if(&pushed, at)
    }

    fn missing_if(&self, pushed: &Pushed, at: i64) -> i64 {
        let silence = self.silence_missing(pushed, at);
        let run = self.run.map(|run| self.run_missing(run, pushed, at));
        silence.min(run.unwrap_or(i64::MAX))
    }

    /// The rule of section 4.
    fn silence_missing(&self, pushed: &Pushed, at: i64) -> i64 {
        let own = self.own(at);
        let since = pushed.to.map_or(own, |to| to.max(own));
        let heard_nothing = 3 * self.threshold + 1 - self.listened(pushed, own, at);
        let Some((opens, closes)) = self.window(at) else { return self.until_open(at) };
        let missing = if closes.saturating_sub(opens) > self.threshold {
            let plain = since.max(opens) + self.threshold + 1 - at;
            // However often the hub is away: after three thresholds of listening it is overdue.
            if pushed.to.is_some() { plain.min(heard_nothing.max(opens + self.threshold + 1 - at)) } else { plain }
        } else {
            let plain = self.threshold + 1 - self.open_between(since, at);
            if pushed.to.is_some() { plain.min(heard_nothing) } else { plain }
        };
        // What does not fit into this window is looked at again in the next.
        if missing > 0 { missing.min(closes.saturating_sub(at)).max(1) } else { missing }
    }

    /// A started job must finish within its limit.
    fn run_missing(&self, run: i64, pushed: &Pushed, at: i64) -> i64 {
        if self.window(at).is_none() {
            return self.until_open(at);
        }
        let since = run.max(self.judged).max(self.silence_end(at).unwrap_or(i64::MIN));
        since.max(pushed.to.unwrap_or(i64::MIN)) + self.limit + 1 - at
    }

    /// From when its silence counts, as if the hub had always listened.
    fn own(&self, at: i64) -> i64 {
        let heard = self.seen.unwrap_or(i64::MIN).max(self.judged);
        heard.max(self.silence_end(at).unwrap_or(i64::MIN))
    }

    fn silence_end(&self, at: i64) -> Option<i64> {
        self.silenced.map(|wall| wall - self.wall(at) + at)
    }

    fn wall(&self, at: i64) -> i64 {
        self.zero + at + self.trace.ahead(at)
    }

    /// The window it is in, as elapsed time by the clock of that instant.
    fn window(&self, at: i64) -> Option<(i64, i64)> {
        let Some(open) = self.open else { return Some((i64::MIN / 4, i64::MAX / 4)) };
        let (wall, distance) = (self.wall(at), self.wall(at) - at);
        let next = open.partition_point(|(_, closes)| *closes <= wall);
        let (opens, closes) = open.get(next).copied().filter(|(opens, _)| *opens <= wall)?;
        let opened = match self.reading.get() {
            Reading::Anew => opens - distance,
            Reading::Lived => self.entered(at, opens, closes),
        };
        Some((opened, closes - distance))
    }

    /// When it came into a window: a clock that is set forwards has not been in it before.
    fn entered(&self, at: i64, opens: i64, closes: i64) -> i64 {
        let mut entered = opens - self.wall(at) + at;
        for (when, _) in self.trace.steps.iter().rev().filter(|(when, _)| *when <= at) {
            if entered >= *when {
                break;
            }
            if !(opens..closes).contains(&self.wall(when - 1)) {
                return *when;
            }
            entered = opens - self.wall(when - 1) + when - 1;
        }
        entered
    }

    fn until_open(&self, at: i64) -> i64 {
        let wall = self.wall(at);
        let open = self.open.unwrap_or_default();
        open.get(open.partition_point(|(opens, _)| *opens <= wall)).map_or(i64::MAX, |(opens, _)| opens - wall)
    }

    /// Time inside windows, by the clock of the later instant.
    fn open_between(&self, from: i64, to: i64) -> i64 {
        let Some(open) = self.open else { return (to - from).max(0) };
        let distance = self.wall(to) - to;
        let inside = |(opens, closes): &(i64, i64)| (to.min(closes - distance) - from.max(opens - distance)).max(0);
        open.iter().map(inside).sum()
    }

    fn listened(&self, pushed: &Pushed, from: i64, to: i64) -> i64 {
        let away: i64 = pushed.away.iter().map(|(a, b)| self.open_between((*a).max(from), (*b).min(to))).sum();
        self.open_between(from, to) - away
    }
}
