//! Faults on purpose at the writer's COMMIT, for simulations only: a cargo feature that the program is never built with.
//!
//! A simulation runs the writer in place, on its own thread, so the plan of its faults belongs to that thread.

use std::cell::RefCell;
use store::{Certainty, StoreError, TransactError};

/// What one transaction of the writer meets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// It fails before the COMMIT and is rolled back.
    RolledBack,
    /// The disk is full.
    DiskFull,
    /// The writer panics before the COMMIT.
    Panic,
    /// It begins so many milliseconds late: the disk is slow, and nothing is on it yet.
    LateCommit(u64),
    /// It is on disk so many milliseconds before anybody hears of it.
    LateAnswer(u64),
    /// COMMIT answers with an I/O error, and everything is on disk.
    UnknownDone,
    /// COMMIT answers with an I/O error, and nothing is on disk.
    UnknownLost,
}

/// What a simulation has planned for the hub on its thread.
pub trait Plan {
    /// What the next transaction of a writer that works in place meets.
    fn fault(&mut self) -> Fault;

    /// How long a timer that would only look whether something happened may rest, where nothing is going to happen; otherwise
    /// `usual_ms`. A week has 604,800 ticks.
    fn rest_ms(&mut self, usual_ms: i64) -> i64 {
        usual_ms
    }
}

thread_local! {
    static PLAN: RefCell<Option<Box<dyn Plan>>> = const { RefCell::new(None) };
}

/// A plan in force on this thread until this is dropped.
#[derive(Debug)]
pub struct Planned(());

/// Puts `plan` in force on this thread.
#[must_use]
pub fn plan(plan: impl Plan + 'static) -> Planned {
    PLAN.with(|kept| *kept.borrow_mut() = Some(Box::new(plan)));
    Planned(())
}

impl Drop for Planned {
    fn drop(&mut self) {
        PLAN.with(|kept| *kept.borrow_mut() = None);
    }
}

/// What the next transaction meets.
pub(crate) fn next() -> Fault {
    PLAN.with(|kept| kept.borrow_mut().as_mut().map_or(Fault::None, |plan| plan.fault()))
}

/// How long a timer that only looks rests.
pub(crate) fn rest_ms(usual_ms: i64) -> i64 {
    PLAN.with(|kept| kept.borrow_mut().as_mut().map_or(usual_ms, |plan| plan.rest_ms(usual_ms)))
}

fn disk_failed() -> StoreError {
    StoreError::Io("injected".into())
}

impl Fault {
    /// The end of a transaction's work, before its COMMIT.
    pub(crate) fn before_commit(self) -> Result<(), StoreError> {
        match self {
            Fault::RolledBack => Err(StoreError::Busy("injected".into())),
            Fault::DiskFull => Err(StoreError::Full),
            Fault::UnknownLost => Err(disk_failed()),
            Fault::Panic => panic!("injected"),
            Fault::None | Fault::LateCommit(_) | Fault::LateAnswer(_) | Fault::UnknownDone => Ok(()),
        }
    }

    /// What COMMIT answers.
    pub(crate) fn after_commit(self, done: Result<(), TransactError>) -> Result<(), TransactError> {
        match self {
            Fault::UnknownDone | Fault::UnknownLost => Err(TransactError { error: disk_failed(), certainty: Certainty::Unknown }),
            _ => done,
        }
    }
}
