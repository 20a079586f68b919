//! When a host is expected to be heard: local time and IANA zones live here and nowhere else; outside it is all UTC.

mod business;
mod config;
mod cron;
mod open;
mod windows;
pub(crate) mod zone;

pub use business::BusinessHours;
pub use cron::CronSchedule;
pub use open::{OpenWindows, Window};
pub use windows::{HOLIDAYS_MAX, WINDOWS_MAX, Windows};

use crate::field::FieldError;
use crate::time::Wall;
use chrono_tz::Tz;
use serde_json::Value;
use std::sync::Arc;

/// How far windows are looked for ahead of an instant, in days; nothing is said about later ones.
pub const LOOKAHEAD_DAYS: u32 = 800;
/// A window open for longer than this, in days, counts as open since ever: longer than the longest threshold (396 days).
pub const LOOKBACK_DAYS: u32 = 402;

/// When a host is expected to be heard. Cheap to clone: two words.
#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    /// Around the clock.
    Always,
    /// The hub's business hours, or a variation on them.
    BusinessHours(Arc<Windows>),
    /// Windows of the host's own.
    Custom(Arc<Windows>),
    /// Around the clock, and due at each occurrence of a crontab line.
    Cron(Arc<CronSchedule>),
}

impl Schedule {
    /// The schedule of a `kind` (`always`, `business_hours`, `custom`, `cron`) and its JSON; `business` are the hub's business hours.
    ///
    /// `always` takes no config, `business_hours` may override `timezone`, `start`, `end`, `days`, and `custom` needs
    /// `{"timezone", "windows": [{"days", "start", "end"}], "holidays"}`, `cron` `{"cron", "timezone"}`.
    ///
    /// # Errors
    /// Everything that is wrong, each under its path such as `schedule_config.windows[0].end`, with the fix.
    ///
    /// ```
    /// use domain::schedule::{BusinessHours, Schedule};
    /// let config = serde_json::json!({"timezone": "Europe/Berlin", "windows": [{"days": [1, 2], "start": "22:00", "end": "6:00"}]});
    /// let schedule = Schedule::parse("custom", Some(&config), &BusinessHours::default()).unwrap();
    /// assert_eq!(schedule.config().unwrap()["windows"][0]["end"], "06:00");
    /// let errors = Schedule::parse("weekly", None, &BusinessHours::default()).unwrap_err();
    /// assert_eq!(errors[0].to_string(), "schedule_type: must be always, business_hours, custom or cron");
    /// ```
    pub fn parse(kind: &str, config: Option<&Value>, business: &BusinessHours) -> Result<Schedule, Vec<FieldError>> {
        let config = config.filter(|value| !value.is_null());
        let parsed = match kind {
            "always" => config::nothing(config).map(|()| Schedule::Always),
            "business_hours" => config::business(config, business).map(Schedule::BusinessHours),
            "custom" => config::custom(config).map(|windows| Schedule::Custom(Arc::new(windows))),
            "cron" => config::cron(config).map(|cron| Schedule::Cron(Arc::new(cron))),
            _ => return Err(vec![FieldError::new("schedule_type", "must be always, business_hours, custom or cron")]),
        };
        parsed.map_err(|errors| errors.into_iter().map(|e| e.under("schedule_config")).collect())
    }

    /// The word the API and the database use for this kind of schedule.
    pub fn kind(&self) -> &'static str {
        match self {
            Schedule::Always => "always",
            Schedule::BusinessHours(_) => "business_hours",
            Schedule::Custom(_) => "custom",
            Schedule::Cron(_) => "cron",
        }
    }

    /// The canonical JSON to keep beside [`kind`](Self::kind), from which [`parse`](Self::parse) makes an equal schedule.
    ///
    /// `None` for `always`, and for `business_hours` that override nothing: those follow the hub's setting when it changes.
    pub fn config(&self) -> Option<Value> {
        match self {
            Schedule::Always => None,
            Schedule::BusinessHours(windows) => windows.overrides(),
            Schedule::Custom(windows) => Some(windows.to_json()),
            Schedule::Cron(cron) => Some(cron.to_json()),
        }
    }

    /// The zone in which the schedule is written and times are told to people; UTC for `always`.
    pub fn timezone(&self) -> Tz {
        match self {
            Schedule::Always => Tz::UTC,
            Schedule::BusinessHours(windows) | Schedule::Custom(windows) => windows.timezone(),
            Schedule::Cron(cron) => cron.timezone(),
        }
    }

    /// The crontab line by which a host is due; none: it is due by its frequency.
    pub fn cron(&self) -> Option<&CronSchedule> {
        if let Schedule::Cron(cron) = self { Some(cron) } else { None }
    }

    /// The real open windows that close after `at`, in order; overlapping and touching ones are one.
    ///
    /// The first may have opened before `at`. The stream ends about [`LOOKAHEAD_DAYS`] after `at`. Lazy: each item costs
    /// microseconds.
    ///
    /// ```
    /// use domain::{schedule::{Schedule, Window}, time::Wall};
    /// let mut windows = Schedule::Always.windows_from(Wall(0));
    /// assert_eq!(windows.next(), Some(Window { opens: None, closes: None }));
    /// assert_eq!(windows.next(), None);
    /// ```
    pub fn windows_from(&self, at: Wall) -> OpenWindows<'_> {
        OpenWindows::from(self.windows(), at)
    }

    /// Whether a window is open at `at`: opening instants belong to it, closing instants do not.
    pub fn is_open(&self, at: Wall) -> bool {
        self.windows_from(at).next().is_some_and(|window| window.opens.is_none_or(|opens| opens <= at))
    }

    /// `at` as people in the schedule's zone read it: `08:06:00`, with its date before it unless `today` is on the same one.
    ///
    /// ```
    /// use domain::{schedule::Schedule, time::Wall};
    /// let (at, hour) = (Wall(1_763_202_600_000), 3_600_000);
    /// assert_eq!(Schedule::Always.local(at, None), "2025-11-15 10:30:00");
    /// assert_eq!(Schedule::Always.local(at, Some(at.plus_ms(hour))), "10:30:00");
    /// ```
    pub fn local(&self, at: Wall, today: Option<Wall>) -> String {
        zone::text(self.timezone(), at, today)
    }

    fn windows(&self) -> Option<&Windows> {
        match self {
            Schedule::Always | Schedule::Cron(_) => None,
            Schedule::BusinessHours(windows) | Schedule::Custom(windows) => Some(windows),
        }
    }
}
