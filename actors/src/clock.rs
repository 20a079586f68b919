//! The one place that asks what time it is: both timelines for production, virtual ones for tests.
//!
//! The steady timeline grows with the machine's boot-time clock, which counts through suspend and ignores every step
//! of the wall clock. After a restart on the same boot it goes on where it was; after a reboot it is carried forward by
//! what the wall clock says has passed. Its zero is chosen so that it reads like wall time until the first step.

use domain::time::{Now, Steady, Wall};
use rustix::time::{ClockId, clock_gettime};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::SystemTime;

/// Where the steady timeline was when the hub last said that it was alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Which boot of the machine that was.
    pub boot_id: String,
    /// The boot-time clock then, in milliseconds.
    pub boot_ms: i64,
    /// Both timelines then.
    pub now: Now,
}

/// A cheap handle to the time; clones share one timeline.
#[derive(Clone)]
pub struct Clock(Arc<Source>);

enum Source {
    System { boot_id: String, base: AtomicI64 },
    Virtual { start: tokio::time::Instant, boot_zero: i64, wall_zero: i64, steady_zero: AtomicI64, step_ms: AtomicI64 },
}

impl Clock {
    /// The machine's clocks, with a steady timeline that begins at the wall clock's reading.
    pub fn system() -> Clock {
        let base = wall_ms() - boot_ms();
        Clock(Arc::new(Source::System { boot_id: boot_id(), base: AtomicI64::new(base) }))
    }

    /// A clock that follows tokio's (paused) time and starts at `wall`; needs a running tokio runtime.
    pub fn virtual_from(wall: Wall) -> Clock {
        Clock::virtual_on_boot(wall, 0)
    }

    /// Like [`Clock::virtual_from`], on a machine that has been up for `boot_ms`: for a test that goes on in another runtime.
    #[allow(clippy::disallowed_methods, reason = "this is the one place")]
    pub fn virtual_on_boot(wall: Wall, boot_ms: i64) -> Clock {
        let start = tokio::time::Instant::now();
        let (steady_zero, step_ms) = (AtomicI64::new(wall.0), AtomicI64::new(0));
        Clock(Arc::new(Source::Virtual { start, boot_zero: boot_ms, wall_zero: wall.0, steady_zero, step_ms }))
    }

    /// A virtual clock that starts on 2026-11-23 08:00:00 UTC.
    pub fn for_tests() -> Clock {
        Clock::virtual_from(Wall(1_795_420_800_000))
    }

    /// Both timelines, read together.
    pub fn now(&self) -> Now {
        match &*self.0 {
            Source::System { base, .. } => {
                Now { wall: Wall(wall_ms()), steady: Steady(boot_ms() + base.load(Ordering::Relaxed)) }
            }
            Source::Virtual { wall_zero, steady_zero, step_ms, .. } => {
                let elapsed = self.elapsed_ms();
                Now {
                    wall: Wall(wall_zero + elapsed + step_ms.load(Ordering::Relaxed)),
                    steady: Steady(steady_zero.load(Ordering::Relaxed) + elapsed),
                }
            }
        }
    }

    /// The steady timeline alone.
    pub fn steady(&self) -> Steady {
        self.now().steady
    }

    /// Where the steady timeline is, to be kept on disk.
    pub fn mark(&self) -> Mark {
        match &*self.0 {
            Source::System { boot_id, .. } => Mark { boot_id: boot_id.clone(), boot_ms: boot_ms(), now: self.now() },
            Source::Virtual { boot_zero, .. } => {
                Mark { boot_id: "virtual".into(), boot_ms: boot_zero + self.elapsed_ms(), now: self.now() }
            }
        }
    }

    /// Continues the timeline a previous run left on disk, so that steady stamps kept there mean the same again.
    pub fn resume_from(&self, last: &Mark) {
        let here = self.mark();
        let gone_ms = if here.boot_id == last.boot_id && here.boot_ms >= last.boot_ms {
            here.boot_ms - last.boot_ms
        } else {
            (here.now.wall.0 - last.now.wall.0).max(0)
        };
        let correction = last.now.steady.0 + gone_ms - here.now.steady.0;
        match &*self.0 {
            Source::System { base, .. } => base.fetch_add(correction, Ordering::Relaxed),
            Source::Virtual { steady_zero, .. } => steady_zero.fetch_add(correction, Ordering::Relaxed),
        };
    }

    /// Moves a virtual wall clock by `ms`, as an operator or NTP would; a system clock is left alone.
    pub fn step_wall(&self, ms: i64) {
        if let Source::Virtual { step_ms, .. } = &*self.0 {
            step_ms.fetch_add(ms, Ordering::Relaxed);
        }
    }

    #[allow(clippy::disallowed_methods, reason = "this is the one place")]
    fn elapsed_ms(&self) -> i64 {
        match &*self.0 {
            Source::System { .. } => 0,
            Source::Virtual { start, .. } => {
                i64::try_from(tokio::time::Instant::now().duration_since(*start).as_millis()).unwrap_or(i64::MAX)
            }
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "this is the one place")]
fn wall_ms() -> i64 {
    match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX),
    }
}

fn boot_ms() -> i64 {
    let at = clock_gettime(ClockId::Boottime);
    at.tv_sec * 1000 + at.tv_nsec / 1_000_000
}

fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_wall_step_leaves_the_steady_timeline_alone() {
        let clock = Clock::for_tests();
        let before = clock.now();
        clock.step_wall(3_600_000);
        assert_eq!(clock.now().steady, before.steady);
        assert_eq!(clock.now().wall.0 - before.wall.0, 3_600_000);
    }

    #[tokio::test(start_paused = true)]
    async fn a_restart_on_the_same_boot_counts_elapsed_time_not_the_wall() {
        let clock = Clock::for_tests();
        let mut last = clock.mark();
        tokio::time::advance(std::time::Duration::from_secs(10)).await;
        last.now.wall.0 += 86_400_000; // the wall clock was wrong by a day then
        last.now.steady.0 += 500;
        clock.resume_from(&last);
        assert_eq!(clock.steady().since_ms(last.now.steady), 10_000);
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_reboot_the_wall_clock_says_how_long_it_was_and_never_less_than_nothing() {
        let clock = Clock::for_tests();
        let mut last = clock.mark();
        last.boot_id = "another".into();
        last.now.wall.0 -= 60_000;
        clock.resume_from(&last);
        assert_eq!(clock.steady().since_ms(last.now.steady), 60_000);
        last.now.wall.0 += 3_600_000;
        clock.resume_from(&last);
        assert_eq!(clock.steady(), last.now.steady);
    }
}
