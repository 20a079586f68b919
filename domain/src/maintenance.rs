//! Maintenance windows: stretches of time, once or recurring, in which nobody is expected to be heard. They push deadlines and
//! never fire one.
//!
//! Pure, and not yet asked by the judge: a [`Maintenance`] says whether it covers an instant, when the next one is, and what
//! becomes of a deadline.

use crate::field::FieldError;
use crate::schedule::CronSchedule;
use crate::time::Wall;
use std::sync::Arc;

/// Most windows that hold for one host.
pub const WINDOWS_MAX: usize = 64;
/// Longest window, in seconds: 30 days.
pub const LENGTH_MAX_S: u32 = 30 * 86_400;
/// So many stretches are looked at before an answer is given as it is: more than a year of hourly ones.
const STEPS_MAX: usize = 10_000;

/// One planned window.
#[derive(Clone, Debug, PartialEq)]
pub enum Window {
    /// From an instant to another.
    Once(Span),
    /// From each occurrence of a crontab line on, for so many seconds of elapsed time.
    Recurring(Arc<CronSchedule>, u32),
}

/// A stretch of maintenance: the first instant is inside, the last one outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first instant inside.
    pub from: Wall,
    /// The first instant outside.
    pub to: Wall,
}

impl Window {
    /// Maintenance from `from` to `to`.
    ///
    /// # Errors
    /// On `to`: it is not after `from`, or too far from it.
    ///
    /// ```
    /// use domain::{maintenance::Window, time::Wall};
    /// assert!(Window::once(Wall(0), Wall(3_600_000)).is_ok());
    /// assert_eq!(Window::once(Wall(5), Wall(5)).unwrap_err().to_string(), "to: must be later than from");
    /// ```
    pub fn once(from: Wall, to: Wall) -> Result<Window, FieldError> {
        let length_ms = to.0.saturating_sub(from.0);
        if length_ms <= 0 {
            return Err(FieldError::new("to", "must be later than from"));
        }
        if length_ms > i64::from(LENGTH_MAX_S) * 1_000 {
            return Err(FieldError::new("to", "must be at most 30 d after from: pause the host for longer"));
        }
        Ok(Window::Once(Span { from, to }))
    }

    /// Maintenance for `length_s` seconds from each occurrence of `cron` on.
    ///
    /// # Errors
    /// On `duration`: it is nothing, too long, or so long that one window never ends before the next.
    ///
    /// ```
    /// use domain::{maintenance::Window, schedule::{BusinessHours, Schedule}};
    /// let config = serde_json::json!({"cron": "0 2 * * 0", "timezone": "Europe/Berlin"});
    /// let sundays = Schedule::parse("cron", Some(&config), &BusinessHours::default()).unwrap().cron().unwrap().clone();
    /// assert!(Window::recurring(sundays.clone(), 7_200).is_ok());
    /// assert_eq!(Window::recurring(sundays, 7 * 86_400).unwrap_err().field, "duration");
    /// ```
    pub fn recurring(cron: CronSchedule, length_s: u32) -> Result<Window, FieldError> {
        let wrong = |message: &str| Err(FieldError::new("duration", message));
        match length_s {
            0 => wrong("must be at least 1 s, for example 2h"),
            _ if length_s > LENGTH_MAX_S => wrong("must be at most 30 d"),
            _ if u64::from(length_s) >= cron.longest_gap_s() => {
                wrong("must be shorter than the time between two occurrences: this maintenance would never end")
            }
            _ => Ok(Window::Recurring(Arc::new(cron), length_s)),
        }
    }

    /// The span that began last, at or before `at`.
    fn last(&self, at: Wall) -> Option<Span> {
        match self {
            Window::Once(span) => Some(*span).filter(|span| span.from <= at),
            Window::Recurring(cron, length_s) => {
                let from = cron.crontab().previous_before(cron.timezone(), at.plus_ms(1))?;
                Some(Span { from, to: from.plus_ms(i64::from(*length_s) * 1_000) })
            }
        }
    }

    /// When the next span begins, after `at`.
    fn begins_after(&self, at: Wall) -> Option<Wall> {
        match self {
            Window::Once(span) => Some(span.from).filter(|from| *from > at),
            Window::Recurring(cron, _) => cron.next_after(at),
        }
    }
}

/// All the windows that hold for one host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Maintenance(Vec<Window>);

impl Maintenance {
    /// The windows together.
    ///
    /// # Errors
    /// There are more than [`WINDOWS_MAX`].
    pub fn new(windows: Vec<Window>) -> Result<Maintenance, FieldError> {
        if windows.len() > WINDOWS_MAX {
            let message = format!("must be at most {WINDOWS_MAX} windows for one host, these are {}", windows.len());
            return Err(FieldError::new("windows", message));
        }
        Ok(Maintenance(windows))
    }

    /// Whether nobody is expected at `at`.
    pub fn covers(&self, at: Wall) -> bool {
        self.last_end(at).is_some_and(|end| end > at)
    }

    /// The end of the maintenance that covers `at`, windows that overlap or touch being one; `None`: none does.
    pub fn until(&self, at: Wall) -> Option<Wall> {
        let mut end = self.last_end(at).filter(|end| *end > at)?;
        for _ in 0..STEPS_MAX {
            match self.last_end(end).filter(|later| *later > end) {
                Some(later) => end = later,
                None => break,
            }
        }
        Some(end)
    }

    /// The next maintenance that begins after `at` in which none is yet.
    ///
    /// ```
    /// use domain::{maintenance::{Maintenance, Span, Window}, time::Wall};
    /// let windows = vec![Window::once(Wall(100), Wall(200)).unwrap(), Window::once(Wall(150), Wall(300)).unwrap()];
    /// let both = Maintenance::new(windows).unwrap();
    /// assert_eq!(both.next(Wall(0)), Some(Span { from: Wall(100), to: Wall(300) }));
    /// assert_eq!(both.next(Wall(100)), None);
    /// ```
    pub fn next(&self, at: Wall) -> Option<Span> {
        let free = self.until(at).map_or(at, |end| end.plus_ms(-1));
        let from = self.0.iter().filter_map(|window| window.begins_after(free)).min()?;
        Some(Span { from, to: self.until(from)? })
    }

    /// The deadline of a silence since `since`, pushed by maintenance; `due` says the deadline of a silence since an instant, and
    /// `threshold_ms` is the silence that is allowed. `None`: `due` knows none.
    ///
    /// As an absence of the hub does, a maintenance that began by the deadline moves it to its own end + threshold. Alone that
    /// would let one that recurs within every threshold blind the hub for ever, so silence counts from no later than where two
    /// thresholds have passed outside of maintenance: after the third the host is overdue. A deadline is never sooner for
    /// maintenance, and its first late millisecond never inside.
    ///
    /// ```
    /// use domain::{maintenance::{Maintenance, Window}, time::Wall};
    /// let reboot = Maintenance::new(vec![Window::once(Wall(100_000), Wall(200_000)).unwrap()]).unwrap();
    /// let due = |since: Wall| Some(since.plus_ms(60_000));
    /// assert_eq!(reboot.push(Wall(50_000), 60_000, due), Some(Wall(260_000)));
    /// assert_eq!(reboot.push(Wall(10_000), 60_000, due), Some(Wall(70_000)));
    /// ```
    pub fn push(&self, since: Wall, threshold_ms: i64, due: impl Fn(Wall) -> Option<Wall>) -> Option<Wall> {
        let cap = self.outside_reaches(since, threshold_ms.saturating_mul(2));
        let mut reference = since;
        let mut deadline = due(since)?;
        for _ in 0..STEPS_MAX {
            // The first late millisecond is the one at which somebody would be told.
            let late = deadline.plus_ms(1);
            let Some(end) = self.until(late).or_else(|| self.last_end(late)) else { break };
            let moved = end.min(cap);
            if moved <= reference {
                break;
            }
            reference = moved;
            deadline = due(reference)?;
        }
        // From the cap on a deadline may lie inside: then it is over with the maintenance.
        Some(self.until(deadline.plus_ms(1)).map_or(deadline, |end| end.plus_ms(-1)))
    }

    /// The latest end of the spans that began at or before `at`.
    fn last_end(&self, at: Wall) -> Option<Wall> {
        self.0.iter().filter_map(|window| window.last(at)).map(|span| span.to).max()
    }

    /// Where `ms` of time outside of maintenance have passed since `since`.
    fn outside_reaches(&self, since: Wall, ms: i64) -> Wall {
        let (mut at, mut missing) = (since, ms);
        for _ in 0..STEPS_MAX {
            at = self.until(at).unwrap_or(at);
            let Some(begins) = self.next(at).map(|span| span.from).filter(|begins| at.plus_ms(missing) >= *begins) else { break };
            missing -= begins.0.saturating_sub(at.0);
            at = begins;
        }
        at.plus_ms(missing)
    }
}
