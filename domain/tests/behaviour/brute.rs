//! The slow and obvious way to know when a schedule is open: read the local clock every minute. An independent reference.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Offset, TimeDelta, TimeZone};
use chrono_tz::Tz;
use domain::schedule::{BusinessHours, Schedule};
use serde_json::json;

pub(crate) const MINUTE: i64 = 60_000;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

/// A window as written: days (1 = Monday), start and end as minutes of the day.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) days: Vec<u8>,
    pub(crate) start: u16,
    pub(crate) end: u16,
}

pub(crate) fn shape(days: std::ops::RangeInclusive<u8>, start: &str, end: &str) -> Shape {
    let minute =
        |text: &str| text.split_once(':').map(|(h, m)| h.parse::<u16>().unwrap() * 60 + m.parse::<u16>().unwrap()).unwrap();
    Shape { days: days.collect(), start: minute(start), end: minute(end) }
}

pub(crate) fn schedule_of(zone: Tz, shapes: &[Shape], holidays: &[NaiveDate]) -> Schedule {
    let text = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
    let windows: Vec<_> = shapes.iter().map(|s| json!({"days": s.days, "start": text(s.start), "end": text(s.end)})).collect();
    let holidays: Vec<_> = holidays.iter().map(ToString::to_string).collect();
    let config = json!({"timezone": zone.name(), "windows": windows, "holidays": holidays});
    Schedule::parse("custom", Some(&config), &BusinessHours::default()).unwrap()
}

pub(crate) fn local(zone: Tz, at_ms: i64) -> NaiveDateTime {
    let utc = DateTime::from_timestamp_millis(at_ms).unwrap().naive_utc();
    utc + TimeDelta::seconds(zone.offset_from_utc_datetime(&utc).fix().local_minus_utc().into())
}

/// Every instant between two years at which the zone's clock jumps.
pub(crate) fn jumps(zone: Tz, years: std::ops::Range<i32>) -> Vec<i64> {
    let year = |year| NaiveDate::from_ymd_opt(year, 1, 1).unwrap().and_time(chrono::NaiveTime::MIN).and_utc().timestamp_millis();
    let offset = |at: i64| (local(zone, at) - DateTime::from_timestamp_millis(at).unwrap().naive_utc()).num_seconds();
    let mut found = Vec::new();
    let mut at = year(years.start);
    while at < year(years.end) {
        let next = at + DAY;
        if offset(at) != offset(next) {
            let (mut before, mut after) = (at / 1_000, next / 1_000);
            while after - before > 1 {
                let middle = (before + after) / 2;
                if offset(middle * 1_000) == offset(at) { before = middle } else { after = middle }
            }
            found.push(after * 1_000);
        }
        at = next;
    }
    found
}

/// The local clock, minute by minute.
pub(crate) struct Scan {
    begin: i64,
    clock: Vec<NaiveDateTime>,
}

impl Scan {
    /// Reads the clock from `days` before `at` until as long after it.
    pub(crate) fn around(zone: Tz, at: i64, days: i64) -> Scan {
        let begin = (at - days * DAY).div_euclid(MINUTE) * MINUTE;
        let minutes = 2 * days * DAY / MINUTE;
        Scan { begin, clock: (0..minutes).map(|m| local(zone, begin + m * MINUTE)).collect() }
    }

    /// Whether each minute is open. A window opens at the first minute whose clock shows its start or later, and closes at the
    /// last that shows exactly its end, or, where none does, after the last that shows less.
    pub(crate) fn open(&self, shapes: &[Shape], holidays: &[NaiveDate]) -> Vec<bool> {
        let mut open = vec![false; self.clock.len()];
        let (first, last) = (self.clock[0].date(), self.clock[self.clock.len() - 1].date());
        for date in first.iter_days().skip(1).take_while(|date| *date < last) {
            for shape in shapes.iter().filter(|s| s.days.contains(&(date.weekday().number_from_monday() as u8))) {
                if holidays.contains(&date) {
                    continue;
                }
                let start = date.and_time(chrono::NaiveTime::MIN) + TimeDelta::minutes(shape.start.into());
                let length = if shape.end > shape.start { shape.end - shape.start } else { shape.end + 1_440 - shape.start };
                let end = start + TimeDelta::minutes(length.into());
                let Some(opens) = self.clock.iter().position(|t| *t >= start) else { continue };
                let Some(last) = self.clock.iter().rposition(|t| *t <= end) else { continue };
                let closes = if self.clock[last] == end { last } else { last + 1 };
                open[opens.min(closes)..closes].fill(true);
            }
        }
        open
    }

    /// The readings.
    pub(crate) fn clock(&self) -> &[NaiveDateTime] {
        &self.clock
    }

    /// The instant of the `minute`-th reading.
    pub(crate) fn at(&self, minute: usize) -> i64 {
        self.begin + minute as i64 * MINUTE
    }
}
