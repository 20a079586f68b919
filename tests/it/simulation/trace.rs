//! What really happened to the hub from outside, as far as its clients and its machine could see.

use super::history::S;
use domain::signal::Signal;
use std::collections::BTreeMap;

/// What a client was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing: the hub ended, or the story did.
    None,
    Stored,
    /// Certainly not stored.
    Refused,
    Unknown,
}

/// A heartbeat that reached the hub.
#[derive(Clone, Debug)]
pub struct Heard {
    /// Which of `watched`.
    pub who: usize,
    pub at: i64,
    pub wall: i64,
    pub signal: Signal,
    pub answer: Answer,
    /// The same for all attempts to say the same.
    pub tag: String,
}

/// A host from its creation to its removal.
#[derive(Clone, Debug)]
pub struct Watched {
    /// Which of the history's hosts it is.
    pub number: usize,
    pub name: String,
    pub row: i64,
    pub born: i64,
    pub gone: Option<i64>,
}

/// Something a person changed about a host.
#[derive(Clone, Debug)]
pub struct Change {
    pub who: usize,
    pub at: i64,
    pub wall: i64,
    pub what: Changed,
    /// When it was answered that it is done.
    pub done: Option<i64>,
}

/// What was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    Numbers {
        frequency_s: i64,
        grace_s: i64,
    },
    Paused,
    Resumed,
    /// Until the wall clock shows this.
    Silenced(i64),
}

/// The hub from its start to its end.
#[derive(Clone, Copy, Debug)]
pub struct Life {
    pub start: i64,
    pub listening: Option<i64>,
    /// The last instant at which it may have written its sign of life for good.
    pub end: i64,
    pub orderly: bool,
}

/// Everything.
#[derive(Debug, Default)]
pub struct Trace {
    /// What took effect, by kind.
    pub fired: BTreeMap<&'static str, u64>,
    pub watched: Vec<Watched>,
    pub heard: Vec<Heard>,
    pub changes: Vec<Change>,
    pub lives: Vec<Life>,
    /// The machine slept, or the process was stopped.
    pub naps: Vec<(i64, i64)>,
    /// The wall clock moved by so much.
    pub steps: Vec<(i64, i64)>,
    /// Between these the store did not do what it should.
    pub troubles: Vec<(i64, i64)>,
    /// Between these a host's actor was not itself.
    pub panics: Vec<(usize, i64, i64)>,
}

impl Trace {
    /// Counts something where it takes effect.
    pub fn fire(&mut self, kind: &'static str) {
        *self.fired.entry(kind).or_default() += 1;
    }

    /// How far the wall clock is ahead of where it would be without steps.
    pub fn ahead(&self, at: i64) -> i64 {
        self.steps.iter().filter(|(when, _)| *when <= at).map(|(_, by)| by).sum()
    }
}

/// Naps shorter than this make nobody deaf.
pub const DEAF_FROM: i64 = 2 * S;
