//! Whose turn it is on the actors' thread, readable from another: the progress mark of a thread that may be blocked.

use super::ChildId;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Counts turns; while one runs it knows whose.
#[derive(Default)]
pub(super) struct Turnstile {
    passed: AtomicU64,
    inside: Mutex<Option<(&'static str, ChildId)>>,
}

impl Turnstile {
    pub(super) fn enter(&self, group: &'static str, id: &ChildId) {
        *self.lock() = Some((group, id.clone()));
        self.passed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn leave(&self) {
        self.passed.fetch_add(1, Ordering::Relaxed);
        *self.lock() = None;
    }

    /// The number of the turn that runs now, if one does.
    pub(super) fn turn(&self) -> Option<u64> {
        let inside = self.lock().is_some();
        inside.then(|| self.passed.load(Ordering::Relaxed))
    }

    /// Whose turn it is, in words.
    pub(super) fn name(&self) -> String {
        match &*self.lock() {
            Some((group, id)) if *group == id.as_str() => (*group).to_owned(),
            Some((group, id)) => format!("{group}/{id}"),
            None => "nobody".to_owned(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<(&'static str, ChildId)>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
