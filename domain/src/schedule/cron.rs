//! A crontab line in a zone: when a host with schedule type `cron` is due.

use crate::crontab::Crontab;
use crate::time::Wall;
use chrono_tz::Tz;
use serde_json::{Value, json};

/// So many occurrences show how often a line occurs.
const SAMPLE: usize = 200;
/// From where they are counted: always the same instant, so that the same line always has the same answer. 2024-01-01 UTC.
const SAMPLE_FROM: Wall = Wall(1_704_067_200_000);

/// A crontab line and the zone its times are in.
#[derive(Clone, Debug, PartialEq)]
pub struct CronSchedule {
    crontab: Crontab,
    zone: Tz,
}

impl CronSchedule {
    pub(super) fn new(crontab: Crontab, zone: Tz) -> CronSchedule {
        CronSchedule { crontab, zone }
    }

    /// The line.
    pub fn crontab(&self) -> &Crontab {
        &self.crontab
    }

    /// The zone the line's times are in.
    pub fn timezone(&self) -> Tz {
        self.zone
    }

    /// The first instant later than `at` at which the host is due.
    ///
    /// ```
    /// use domain::{schedule::{BusinessHours, Schedule}, time::Wall};
    /// let config = serde_json::json!({"cron": "0 2 * * *", "timezone": "Europe/Berlin"});
    /// let schedule = Schedule::parse("cron", Some(&config), &BusinessHours::default()).unwrap();
    /// let next = schedule.cron().unwrap().next_after(Wall(1_763_202_600_000)).unwrap();
    /// assert_eq!(schedule.local(next, None), "2025-11-16 02:00:00");
    /// ```
    pub fn next_after(&self, at: Wall) -> Option<Wall> {
        self.crontab.next_after(self.zone, at)
    }

    /// The longest time between occurrences, in seconds: what people are told about a host whose owner named no frequency.
    ///
    /// A sample of the nearest 200 from the beginning of 2024 in UTC; it decides nothing.
    pub fn longest_gap_s(&self) -> u64 {
        let sample: Vec<Wall> = self.crontab.occurrences(Tz::UTC, SAMPLE_FROM).take(SAMPLE).collect();
        let longest_ms = sample.windows(2).map(|pair| pair[1].0 - pair[0].0).max();
        longest_ms.map_or(u64::MAX, |ms| ms.unsigned_abs() / 1_000)
    }

    pub(super) fn to_json(&self) -> Value {
        json!({ "cron": self.crontab.as_str(), "timezone": self.zone.name() })
    }
}
