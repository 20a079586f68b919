//! How long a child may wait inside itself: counted in ticks of its own, so that time in which nothing ran does not count.

use super::gauge::Gauge;
use crate::clock::Clock;
use domain::restart::{Ending, Patience};
use std::pin::Pin;
use std::task::Context as Task;
use std::time::Duration;
use tokio::time::{Sleep, sleep};

/// Watches one wait; the end of any wait is progress.
pub(super) struct HangWatch {
    limit_ms: u64,
    ended_waits: u32,
    patience: Patience,
    tick: Pin<Box<Sleep>>,
}

impl HangWatch {
    pub(super) fn new(limit_ms: u64, gauge: &Gauge, clock: &Clock) -> HangWatch {
        let patience = Patience::new(limit_ms, clock.steady());
        HangWatch { limit_ms, ended_waits: gauge.ended_waits(), tick: tick(patience), patience }
    }

    /// Whether patience has run out; otherwise `task` is woken for the next tick.
    pub(super) fn is_over(&mut self, gauge: &Gauge, clock: &Clock, task: &mut Task<'_>) -> bool {
        if self.ended_waits != gauge.ended_waits() {
            *self = HangWatch::new(self.limit_ms, gauge, clock);
        }
        while self.tick.as_mut().poll(task).is_ready() {
            if self.patience.tick(clock.steady()) {
                return true;
            }
            self.tick = tick(self.patience);
        }
        false
    }
}

fn tick(patience: Patience) -> Pin<Box<Sleep>> {
    Box::pin(sleep(Duration::from_millis(patience.tick_ms())))
}

/// The ending of a child that waits for ever.
pub(super) fn hung(limit_ms: u64, gauge: &Gauge) -> Ending {
    Ending::Hung(format!("it hung: a wait inside it has not ended for {limit_ms} ms, {} messages wait", gauge.queued()))
}
