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
    Virtual(Virtual),
}

struct Virtual {
    start: tokio::time::Instant,
    boot_id: String,
    boot_zero: i64,
    wall_zero: i64,
    steady_zero: AtomicI64,
    step_ms: AtomicI64,
    slept_ms: AtomicI64,
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
    pub fn virtual_on_boot(wall: Wall, boot_ms: i64) -> Clock {
        Clock::virtual_machine("virtual", boot_ms, wall)
    }

    /// Like [`Clock::virtual_on_boot`], and which boot of the machine it is.
    #[allow(clippy::disallowed_methods, reason = "this is the one place")]
    pub fn virtual_machine(boot_id: &str, boot_ms: i64, wall: Wall) -> Clock {
        Clock(Arc::new(Source::Virtual(Virtual {
            start: tokio::time::Instant::now(),
            boot_id: boot_id.to_owned(),
            boot_zero: boot_ms,
            wall_zero: wall.0,
            steady_zero: AtomicI64::new(wall.0),
            step_ms: AtomicI64::new(0),
            slept_ms: AtomicI64::new(0),
        })))
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
            Source::Virtual(machine) => {
                let elapsed = machine.elapsed_ms();
                Now {
                    wall: Wall(machine.wall_zero + elapsed + machine.step_ms.load(Ordering::Relaxed)),
                    steady: Steady(machine.steady_zero.load(Ordering::Relaxed) + elapsed),
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
            Source::Virtual(machine) => {
                let boot_ms = machine.boot_zero + machine.elapsed_ms();
                Mark { boot_id: machine.boot_id.clone(), boot_ms, now: self.now() }
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
            Source::Virtual(machine) => machine.steady_zero.fetch_add(correction, Ordering::Relaxed),
        };
    }

    /// Moves a virtual wall clock by `ms`, as an operator or NTP would; a system clock is left alone.
    pub fn step_wall(&self, ms: i64) {
        if let Source::Virtual(machine) = &*self.0 {
            machine.step_ms.fetch_add(ms, Ordering::Relaxed);
        }
    }

    /// Lets a virtual machine sleep for `ms`, as a suspended laptop does: both clocks go on and no timer notices.
    pub fn sleep_machine(&self, ms: i64) {
        if let Source::Virtual(machine) = &*self.0 {
            machine.slept_ms.fetch_add(ms, Ordering::Relaxed);
        }
    }
}

impl Virtual {
    #[allow(clippy::disallowed_methods, reason = "this is the one place")]
    fn elapsed_ms(&self) -> i64 {
        let awake = tokio::time::Instant::now().duration_since(self.start).as_millis();
        i64::try_from(awake).unwrap_or(i64::MAX).saturating_add(self.slept_ms.load(Ordering::Relaxed))
    }
}

#[cfg(feature = "faults")]
pub(crate) use crate::faults::rest_ms;

/// How long a timer that only looks whether something happened rests: in a simulation perhaps longer.
#[cfg(not(feature = "faults"))]
pub(crate) const fn rest_ms(usual_ms: i64) -> i64 {
    usual_ms
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
    async fn a_sleeping_machine_loses_no_time_on_any_line() {
        let clock = Clock::for_tests();
        let before = clock.mark();
        clock.sleep_machine(60_000);
        let after = clock.mark();
        assert_eq!(after.now.steady.since_ms(before.now.steady), 60_000);
        assert_eq!((after.now.wall.0 - before.now.wall.0, after.boot_ms - before.boot_ms), (60_000, 60_000));
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
