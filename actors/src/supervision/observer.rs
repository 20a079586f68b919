//! The observer: a thread of its own that notices when one turn of one child blocks the actors' thread.
//!
//! A thread cannot be killed from outside. So after the limit the observer names the child whose turn it is, and the process ends
//! ([`ESCALATED`](super::ESCALATED)): a start from disk is the only cure.

use super::exit::end_process;
use super::turnstile::Turnstile;
use crate::clock::Clock;
use domain::restart::Patience;
use domain::time::Steady;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// A turn that does not end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hang {
    /// Group and id of the child whose turn it is.
    pub child: String,
    /// How long the observer has watched the same turn, in milliseconds, at least.
    pub for_ms: u64,
}

/// Watches until it is dropped.
pub struct Observer {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Observer {
    pub(super) fn start(
        turnstile: Arc<Turnstile>,
        clock: Clock,
        limit_ms: u64,
        on_hang: impl FnOnce(&Hang) + Send + 'static,
    ) -> std::io::Result<Observer> {
        let (stop, stopped) = channel();
        let watch = move || {
            let mut lookout = Lookout::new(limit_ms, clock.steady());
            let tick = Duration::from_millis(lookout.tick_ms());
            while stopped.recv_timeout(tick) == Err(RecvTimeoutError::Timeout) {
                if lookout.look(turnstile.turn(), clock.steady()) {
                    return on_hang(&Hang { child: turnstile.name(), for_ms: limit_ms });
                }
            }
        };
        let thread = std::thread::Builder::new().name("hang observer".into()).spawn(watch)?;
        Ok(Observer { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It panicked if its hook did: that has been told.
            let _ = thread.join();
        }
    }
}

/// What production does: says who and since when, and ends the process.
pub(super) fn end_on_hang(hang: &Hang) {
    log::error!("{} has had its turn for more than {} ms and blocks all actors: the process ends", hang.child, hang.for_ms);
    end_process()
}

/// The decision alone: one turn, seen in every tick for as long as patience lasts.
struct Lookout {
    limit_ms: u64,
    seen: Option<u64>,
    patience: Patience,
}

impl Lookout {
    fn new(limit_ms: u64, now: Steady) -> Lookout {
        Lookout { limit_ms, seen: None, patience: Patience::new(limit_ms, now) }
    }

    fn tick_ms(&self) -> u64 {
        self.patience.tick_ms()
    }

    fn look(&mut self, turn: Option<u64>, now: Steady) -> bool {
        if turn.is_none() || turn != self.seen {
            self.seen = turn;
            self.patience = Patience::new(self.limit_ms, now);
            return false;
        }
        self.patience.tick(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(turns: impl IntoIterator<Item = (i64, Option<u64>)>) -> Option<i64> {
        let mut lookout = Lookout::new(10_000, Steady(0));
        turns.into_iter().find_map(|(at, turn)| lookout.look(turn, Steady(at)).then_some(at))
    }

    #[test]
    fn one_turn_for_the_whole_limit_is_a_hang() {
        assert_eq!(looks((1..100).map(|n| (n * 1_000, Some(7)))), Some(11_000));
    }

    #[test]
    fn a_busy_thread_and_an_idle_one_are_no_hang() {
        assert_eq!(looks((1..100).map(|n| (n * 1_000, Some(n as u64)))), None);
        assert_eq!(looks((1..100).map(|n| (n * 1_000, None))), None);
        assert_eq!(looks((1..100).map(|n| (n * 1_000, (n % 9 != 0).then_some(7)))), None, "it ended every nine seconds");
    }

    #[test]
    fn an_observer_that_was_stopped_itself_has_no_opinion_about_that_time() {
        let mut at = 0;
        let stopped_again_and_again = (0..100).map(|n| {
            at += if n % 2 == 0 { 3_600_000 } else { 1_000 };
            (at, (n < 12).then_some(7))
        });
        assert_eq!(looks(stopped_again_and_again), None, "an hour between each two looks, six looks on time");
    }
}
