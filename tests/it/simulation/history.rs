//! A history before it happens: hosts, and a list of events that can be cut down without changing the others.

use chrono_tz::Tz;
use std::fmt;

/// Milliseconds of a second, a minute, an hour, a day.
pub const S: i64 = 1_000;
pub const M: i64 = 60 * S;
pub const H: i64 = 60 * M;
pub const D: i64 = 24 * H;

/// Everything that will happen. Instants are milliseconds of elapsed time since its beginning.
#[derive(Clone)]
pub struct History {
    pub seed: u64,
    /// What the wall clock shows at the beginning.
    pub zero: i64,
    pub length: i64,
    /// Whether timers that only look rest where nothing happens.
    pub rests: bool,
    pub hosts: Vec<HostPlan>,
    pub events: Vec<Event>,
}

/// One machine that is watched.
#[derive(Clone, Debug)]
pub struct HostPlan {
    /// Stays the same when others are taken away.
    pub number: usize,
    pub frequency_s: i64,
    pub grace_s: i64,
    pub hours: Hours,
    /// It beats only inside its windows.
    pub keeps_hours: bool,
    /// Its client repeats what was not acknowledged, with the same key.
    pub repeats: bool,
}

/// When it is expected.
#[derive(Clone, Debug)]
pub enum Hours {
    Always,
    Windows(Weekly),
}

/// Windows of a week in local time.
#[derive(Clone, Debug)]
pub struct Weekly {
    /// The product's default business hours, by name.
    pub business: bool,
    pub zone: Tz,
    /// Days (1 = Monday), first minute, first minute after; before the first it is on the next day.
    pub spans: Vec<(Vec<u32>, i64, i64)>,
}

/// Something that happens, from then on.
#[derive(Clone, Debug)]
pub struct Event {
    pub at: i64,
    pub what: What,
}

/// What happens; hosts by number. What takes time carries its length, so that an event can be taken away alone.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// The machine is off.
    Dead {
        host: usize,
        ms: i64,
    },
    /// It reports a failure.
    Fail {
        host: usize,
    },
    /// It starts a job, which takes so long.
    Run {
        host: usize,
        ms: i64,
    },
    Pause {
        host: usize,
        ms: i64,
    },
    Silence {
        host: usize,
        ms: i64,
    },
    /// Other numbers for a while.
    Edit {
        host: usize,
        frequency_s: i64,
        grace_s: i64,
        ms: i64,
    },
    /// Removed, and added again as another host of the same name.
    Replace {
        host: usize,
    },
    Acknowledge {
        host: usize,
    },
    /// The actor of the host panics so many times, a second apart.
    PanicHost {
        host: usize,
        times: i64,
    },
    Store {
        trouble: Trouble,
        ms: i64,
    },
    Discord {
        mood: Mood,
        ms: i64,
    },
    /// The wall clock is set.
    Step {
        by: i64,
    },
    /// The machine sleeps: both clocks go on, timers do not.
    Sleep {
        ms: i64,
    },
    /// The process is stopped for a while: its timers come late all at once.
    Stall {
        ms: i64,
    },
    /// The hub ends; it is away for so long.
    Stop {
        way: Way,
        ms: i64,
    },
}

/// How the hub ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Orderly,
    Killed,
    /// Killed, and the machine with it: its boot-time clock begins anew.
    Rebooted,
}

/// What the store does to some of the transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    RolledBack,
    DiskFull,
    Panic,
    LateCommit(u64),
    LateAnswer(u64),
    UnknownDone,
    UnknownLost,
}

/// How Discord is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Well,
    /// Nobody answers the door.
    Down,
    Error500,
    /// The connection breaks; the message may have arrived.
    Reset,
    /// No answer within the limit; the message may have arrived.
    Hang,
    /// Accepts, and the answer is lost.
    Swallow,
    /// 429 with so many milliseconds in `retry_after`.
    Limited(u64),
    /// Somebody deleted the messages: changing one answers 404.
    Forgetful,
    /// The webhook is removed; at the end a person sets another one.
    Gone,
    /// The alert actor panics in the middle of a call.
    Panic,
}

impl What {
    /// How long it lasts.
    pub fn ms(&self) -> i64 {
        match *self {
            What::Dead { ms, .. }
            | What::Run { ms, .. }
            | What::Pause { ms, .. }
            | What::Silence { ms, .. }
            | What::Edit { ms, .. }
            | What::Store { ms, .. }
            | What::Discord { ms, .. }
            | What::Sleep { ms }
            | What::Stall { ms }
            | What::Stop { ms, .. } => ms,
            What::PanicHost { times, .. } => times * S,
            What::Fail { .. } | What::Replace { .. } | What::Acknowledge { .. } | What::Step { .. } => 0,
        }
    }

    /// Whose event it is.
    pub fn host(&self) -> Option<usize> {
        match *self {
            What::Dead { host, .. }
            | What::Fail { host }
            | What::Run { host, .. }
            | What::Pause { host, .. }
            | What::Silence { host, .. }
            | What::Edit { host, .. }
            | What::Replace { host }
            | What::Acknowledge { host }
            | What::PanicHost { host, .. } => Some(host),
            _ => None,
        }
    }
}

impl History {
    /// Where ticks must be real: from a moment before each edge of an event to a moment after it.
    pub fn busy(&self) -> Vec<(i64, i64)> {
        const BEFORE: i64 = 12 * S;
        const AFTER: i64 = 20 * S;
        let mut busy = vec![(0, AFTER), (self.length - BEFORE, i64::MAX)];
        for Event { at, what } in &self.events {
            match what {
                What::Dead { .. } => {}
                What::Pause { ms, .. } | What::Silence { ms, .. } | What::Edit { ms, .. } | What::Run { ms, .. } => {
                    busy.extend([(at - BEFORE, at + AFTER), (at + ms - BEFORE, at + ms + AFTER)]);
                }
                What::Discord { ms, .. } => busy.extend([(at - BEFORE, at + AFTER), (at + ms - BEFORE, at + ms + AFTER)]),
                _ => busy.push((at - BEFORE, at + what.ms() + AFTER)),
            }
        }
        busy.sort_unstable();
        busy
    }
}

/// An instant as people read it: day and time of day.
pub fn clock(at: i64) -> String {
    format!("{}d {:02}:{:02}:{:02}.{:03}", at.div_euclid(D), at / H % 24, at / M % 60, at / S % 60, at % S)
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = chrono::DateTime::from_timestamp_millis(self.zero).unwrap_or_default();
        writeln!(f, "seed {}: {} hosts, {} from {start}", self.seed, self.hosts.len(), clock(self.length))?;
        for host in &self.hosts {
            let (frequency, grace) = (host.frequency_s, host.grace_s);
            let more = format!(
                "{}{}",
                if host.keeps_hours { ", in its hours" } else { "" },
                if host.repeats { ", repeats" } else { "" }
            );
            writeln!(f, "  host {:02}: every {frequency} s, grace {grace} s, {:?}{more}", host.number, host.hours)?;
        }
        for event in &self.events {
            writeln!(f, "  {}  {:?}", clock(event.at), event.what)?;
        }
        Ok(())
    }
}
