//! The windows of a week in one zone, and its holidays: valid by construction, and able to say what is open on a date.

use super::zone::{self, DAY_MIN};
use crate::time::Wall;
use chrono::{Datelike, NaiveDate};
use chrono_tz::Tz;
use serde_json::{Value, json};

/// Most windows in one schedule.
pub const WINDOWS_MAX: usize = 64;
/// Most holidays in one schedule.
pub const HOLIDAYS_MAX: usize = 1_000;

const WEEK_MIN: usize = 7 * DAY_MIN as usize;

/// Weekly windows in local time, with holidays.
#[derive(Clone, Debug, PartialEq)]
pub struct Windows {
    zone: Tz,
    /// Sorted, so that the windows of one date come in the order in which they open.
    spans: Vec<Span>,
    /// Sorted, without repeats.
    holidays: Vec<NaiveDate>,
    /// Whether the week has no minute outside every window: then only holidays close.
    covers_week: bool,
    /// Which of its values differ from the hub's business hours on the owner's wish.
    overrides: Option<Value>,
}

/// One window on some days of the week; not empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span {
    /// Minute of the day at which it opens, 0 to 1439.
    pub(super) start: u16,
    /// Minute of the day at which it closes, 0 to 1440; before `start` it is on the next day.
    pub(super) end: u16,
    /// The days on which it opens.
    pub(super) days: DaySet,
}

/// Days of the week, Monday in the lowest bit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DaySet(u8);

impl DaySet {
    /// Adds `day`, 1 = Monday to 7 = Sunday; `false`, and no change, for other numbers.
    pub(super) fn add(&mut self, day: u64) -> bool {
        let valid = (1..=7).contains(&day);
        self.0 |= if valid { 1 << (day - 1) } else { 0 };
        valid
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The days as numbers, 1 = Monday, in order.
    pub(super) fn numbers(self) -> Vec<u8> {
        (1..=7).filter(|day| self.0 & (1 << (day - 1)) != 0).collect()
    }

    fn has(self, date: NaiveDate) -> bool {
        self.0 & (1 << date.weekday().num_days_from_monday()) != 0
    }
}

impl Span {
    fn length_min(self) -> u16 {
        if self.end > self.start { self.end - self.start } else { self.end + DAY_MIN - self.start }
    }
}

impl Windows {
    pub(super) fn new(zone: Tz, mut spans: Vec<Span>, mut holidays: Vec<NaiveDate>) -> Windows {
        assert!(spans.iter().all(|s| s.start < DAY_MIN && s.end <= DAY_MIN && s.start != s.end), "windows are not empty");
        spans.sort_unstable();
        spans.dedup();
        holidays.sort_unstable();
        holidays.dedup();
        let covers_week = covers_week(&spans);
        Windows { zone, spans, holidays, covers_week, overrides: None }
    }

    pub(super) fn overriding(self, overrides: Value) -> Windows {
        Windows { overrides: Some(overrides), ..self }
    }

    pub(super) fn timezone(&self) -> Tz {
        self.zone
    }

    pub(super) fn overrides(&self) -> Option<Value> {
        self.overrides.clone()
    }

    pub(super) fn spans(&self) -> &[Span] {
        &self.spans
    }

    pub(super) fn covers_week(&self) -> bool {
        self.covers_week
    }

    /// The first holiday on or after `date`.
    pub(super) fn next_holiday(&self, date: NaiveDate) -> Option<NaiveDate> {
        self.holidays.get(self.holidays.partition_point(|day| *day < date)).copied()
    }

    /// When the `index`-th window really opens and closes, if it starts on `date`; `None` too where a clock change swallows it.
    pub(super) fn on(&self, date: NaiveDate, index: usize) -> Option<(Wall, Wall)> {
        let span = self.spans[index];
        if !span.days.has(date) || self.holidays.binary_search(&date).is_ok() {
            return None;
        }
        let last_day = if span.end > span.start { date } else { zone::shifted(date, 1) };
        let opens = zone::opening(self.zone, date, span.start);
        let closes = zone::closing(self.zone, last_day, span.end);
        (opens < closes).then_some((opens, closes))
    }

    pub(super) fn to_json(&self) -> Value {
        let windows: Vec<Value> = self.spans.iter().map(|span| span.to_json()).collect();
        let mut json = json!({ "timezone": self.zone.name(), "windows": windows });
        if !self.holidays.is_empty() {
            json["holidays"] = self.holidays.iter().map(ToString::to_string).collect();
        }
        json
    }
}

impl Span {
    fn to_json(self) -> Value {
        json!({ "days": self.days.numbers(), "start": clock_text(self.start), "end": clock_text(self.end) })
    }
}

/// `minute` of a day as `HH:MM`; 1440 is `24:00`.
pub(super) fn clock_text(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

fn covers_week(spans: &[Span]) -> bool {
    let mut open = vec![false; WEEK_MIN];
    for span in spans {
        for day in span.days.numbers() {
            let start = usize::from(day - 1) * usize::from(DAY_MIN) + usize::from(span.start);
            for minute in start..start + usize::from(span.length_min()) {
                open[minute % WEEK_MIN] = true;
            }
        }
    }
    open.into_iter().all(|minute| minute)
}
