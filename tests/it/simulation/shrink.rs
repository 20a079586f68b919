//! From a history that fails to a small one that fails: fewer hosts, fewer events, less time.

use super::history::{History, M};

/// Most histories that are tried.
const TRIES: usize = 200;

/// The smallest history found that still `fails`; `history` itself must.
pub fn shrink(history: &History, fails: impl Fn(&History) -> bool) -> History {
    let mut smallest = Smallest { best: history.clone(), tries: 0, fails };
    loop {
        let before = smallest.size();
        smallest.fewer_hosts();
        smallest.fewer_events();
        smallest.less_time();
        if smallest.size() == before || smallest.tries >= TRIES {
            return smallest.best;
        }
    }
}

struct Smallest<F> {
    best: History,
    tries: usize,
    fails: F,
}

impl<F: Fn(&History) -> bool> Smallest<F> {
    fn size(&self) -> (usize, usize, i64) {
        (self.best.hosts.len(), self.best.events.len(), self.best.length)
    }

    fn try_this(&mut self, history: History) -> bool {
        self.tries += 1;
        let fails = self.tries <= TRIES && (self.fails)(&history);
        if fails {
            self.best = history;
        }
        fails
    }

    fn fewer_hosts(&mut self) {
        self.without_parts(
            |best| best.hosts.len(),
            |best, from, to| {
                let gone: Vec<usize> = best.hosts.drain(from..to).map(|host| host.number).collect();
                best.events.retain(|event| event.what.host().is_none_or(|host| !gone.contains(&host)));
            },
        );
    }

    fn fewer_events(&mut self) {
        self.without_parts(|best| best.events.len(), |best, from, to| drop(best.events.drain(from..to)));
    }

    /// Takes halves away, then quarters, down to single ones.
    fn without_parts(&mut self, count: impl Fn(&History) -> usize, take: impl Fn(&mut History, usize, usize)) {
        let mut part = count(&self.best).div_ceil(2);
        while part > 0 {
            let mut from = 0;
            while from < count(&self.best) {
                let mut less = self.best.clone();
                let to = (from + part).min(count(&less));
                take(&mut less, from, to);
                if count(&less) == 0 && count(&self.best) == 1 && less.hosts.is_empty() || !self.try_this(less) {
                    from += part;
                }
            }
            part = if part == 1 { 0 } else { part.div_ceil(2) };
        }
    }

    /// Cuts the end off, a third at a time, and then a tenth: what fails may lie just behind the third.
    fn less_time(&mut self) {
        for (kept, of) in [(2, 3), (9, 10)] {
            while self.shorter(kept, of) {}
        }
    }

    fn shorter(&mut self, kept: i64, of: i64) -> bool {
        let mut less = self.best.clone();
        less.length = less.length * kept / of;
        less.events.retain(|event| event.at + event.what.ms() < less.length);
        less.length >= 5 * M && self.try_this(less)
    }
}
