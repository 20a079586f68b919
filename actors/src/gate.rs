//! Admission: a counted permit that travels inside the message, or a refusal at once; never an unbounded queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many requests may be on their way to the store at one time.
#[derive(Debug)]
pub struct Gate {
    limit: usize,
    used: AtomicUsize,
    refused: AtomicUsize,
}

/// The right to have one request on its way; given back when dropped.
#[derive(Debug)]
pub struct Permit(Arc<Gate>);

/// Everything is in use: the caller answers 503 and says when to come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the hub is at its limit of requests waiting for the store")]
pub struct Full;

impl Gate {
    /// A gate for `limit` requests at a time.
    pub fn new(limit: usize) -> Arc<Gate> {
        Arc::new(Gate { limit, used: AtomicUsize::new(0), refused: AtomicUsize::new(0) })
    }

    /// A permit, if one is free.
    ///
    /// # Errors
    /// [`Full`] when all permits are out; it never waits.
    pub fn enter(self: &Arc<Gate>) -> Result<Permit, Full> {
        if self.used.fetch_add(1, Ordering::Relaxed) < self.limit {
            return Ok(Permit(self.clone()));
        }
        self.used.fetch_sub(1, Ordering::Relaxed);
        self.refused.fetch_add(1, Ordering::Relaxed);
        Err(Full)
    }

    /// Permits out now.
    pub fn in_use(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Requests refused since the start.
    pub fn refused(&self) -> usize {
        self.refused.load(Ordering::Relaxed)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.used.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_permit_after_the_last_is_refused_and_a_dropped_one_is_free_again() {
        let gate = Gate::new(2);
        let first = gate.enter().unwrap();
        let _second = gate.enter().unwrap();
        assert_eq!(gate.enter().unwrap_err(), Full);
        assert_eq!((gate.in_use(), gate.refused()), (2, 1));
        drop(first);
        assert!(gate.enter().is_ok());
    }
}
