//! A child's dials: what its senders, its own turns and every reader may touch at once, from any thread, without a lock.

use domain::time::Steady;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, AtomicU32, Ordering::Relaxed};

const NEVER: i64 = i64::MIN;

/// The dials of one child. Relaxed throughout: each is a figure of its own and orders nothing else.
#[derive(Debug)]
pub(super) struct Gauge {
    queued: AtomicI32,
    open_waits: AtomicU32,
    ended_waits: AtomicU32,
    external: AtomicU32,
    handled: AtomicBool,
    last_message: AtomicI64,
    alive_since: AtomicI64,
}

impl Gauge {
    pub(super) fn shared() -> Arc<Gauge> {
        Arc::new(Gauge {
            queued: AtomicI32::new(0),
            open_waits: AtomicU32::new(0),
            ended_waits: AtomicU32::new(0),
            external: AtomicU32::new(0),
            handled: AtomicBool::new(false),
            last_message: AtomicI64::new(NEVER),
            alive_since: AtomicI64::new(NEVER),
        })
    }

    /// A message went into the mailbox.
    pub(super) fn sent(&self) {
        self.queued.fetch_add(1, Relaxed);
    }

    /// A message came out of the mailbox; `counted` when it was counted on its way in.
    pub(super) fn received(&self, counted: bool) {
        if counted {
            self.queued.fetch_sub(1, Relaxed);
        }
        self.handled.store(true, Relaxed);
    }

    /// Messages that wait. A message may be handled before its sender has counted it: for that moment it counts as none.
    pub(super) fn queued(&self) -> u32 {
        u32::try_from(self.queued.load(Relaxed)).unwrap_or(0)
    }

    /// After a turn: asks the time only if a message was handled in it.
    pub(super) fn end_turn(&self, now: impl FnOnce() -> Steady) {
        if self.handled.load(Relaxed) {
            self.handled.store(false, Relaxed);
            self.last_message.store(now().0, Relaxed);
        }
    }

    pub(super) fn last_message(&self) -> Option<Steady> {
        some(self.last_message.load(Relaxed))
    }

    pub(super) fn lives_since(&self, at: Option<Steady>) {
        self.alive_since.store(at.map_or(NEVER, |at| at.0), Relaxed);
    }

    pub(super) fn alive_since(&self) -> Option<Steady> {
        some(self.alive_since.load(Relaxed))
    }

    pub(super) fn open_wait(&self) {
        self.open_waits.fetch_add(1, Relaxed);
    }

    pub(super) fn end_wait(&self) {
        self.open_waits.fetch_sub(1, Relaxed);
        self.ended_waits.fetch_add(1, Relaxed);
    }

    /// Changes with each wait that ends: the progress mark of a child that waits.
    pub(super) fn ended_waits(&self) -> u32 {
        self.ended_waits.load(Relaxed)
    }

    /// Whether it waits for something of its own: nothing queued behind is handled, and no timer runs.
    pub(super) fn waits_inside(&self) -> bool {
        self.open_waits.load(Relaxed) > 0 && self.external.load(Relaxed) == 0
    }

    pub(super) fn open_external(&self) {
        self.external.fetch_add(1, Relaxed);
    }

    pub(super) fn end_external(&self) {
        self.external.fetch_sub(1, Relaxed);
    }
}

fn some(at: i64) -> Option<Steady> {
    (at != NEVER).then_some(Steady(at))
}
