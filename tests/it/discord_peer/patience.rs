//! What answers asked callers to wait, and who did not: the peer counts, whatever the hub believes.

use super::{Limit, Mode};
use crate::process::stopwatch;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Clocks of whole milliseconds on both sides.
const ROUNDING: Duration = Duration::from_millis(3);

/// A time that an answer named.
struct Wait {
    said: Instant,
    until: Instant,
}

/// Who was asked to wait until when.
#[derive(Default)]
pub(super) struct Patience {
    /// By webhook; `None` is everybody.
    waits: HashMap<Option<u64>, Wait>,
    pub(super) broken: Vec<String>,
}

impl Patience {
    /// A call arrives.
    pub(super) fn call(&mut self, webhook: u64, what: &str) {
        let now = stopwatch();
        for wait in [Some(webhook), None].iter().filter_map(|whose| self.waits.get(whose)) {
            if let Some(early) = wait.until.checked_duration_since(now + ROUNDING) {
                let asked = wait.until - wait.said;
                self.broken.push(format!("{what} came {early:?} too early: {asked:?} were asked for"));
            }
        }
    }

    /// An answer leaves. The time is counted from here: the caller reads it later, never earlier.
    pub(super) fn answer(&mut self, webhook: u64, mode: &Mode) {
        let Mode::RateLimit(limit) = mode else { return };
        let (whose, seconds) = match limit {
            Limit::Global(seconds) => (None, *seconds),
            Limit::Json(seconds) | Limit::BodyOnly(seconds) | Limit::Shared(seconds) | Limit::Spent(seconds) => {
                (Some(webhook), *seconds)
            }
            Limit::HeadersOnly(seconds) | Limit::Cloudflare(Some(seconds)) => (Some(webhook), *seconds as f64),
            Limit::Cloudflare(None) | Limit::Bare => return,
        };
        let said = stopwatch();
        self.waits.insert(whose, Wait { said, until: said + Duration::from_secs_f64(seconds) });
    }

    pub(super) fn forgive(&mut self, recent: Duration) {
        let now = stopwatch();
        self.waits.retain(|_, wait| now - wait.said > recent);
    }
}
