//! Which dates and times a crontab line names, on the calendar alone: no zone, no clock change.

use super::{Crontab, LAST_IN_MONTH};
use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike};

/// Months looked at for the next or previous date. The rarest that exist, a 29 February on one day of the week, are at most
/// 40 years apart (across a century that is no leap year).
const MONTHS_MAX: u32 = 41 * 12;
/// The years zones are asked about, 1 to 9999, and what their first and last days are elsewhere.
const YEARS: std::ops::RangeInclusive<i32> = 0..=10_000;

impl Crontab {
    /// The first local time from `from` on, which is a whole minute.
    pub(super) fn local_from(&self, from: NaiveDateTime) -> Option<NaiveDateTime> {
        let date = self.date_from(from.date())?;
        let minute = if date == from.date() { self.minute_from(minute_of(from)) } else { self.minute_from(0) };
        match minute {
            Some(minute) => Some(local(date, minute)),
            None => Some(local(self.date_from(date.succ_opt()?)?, self.minute_from(0)?)),
        }
    }

    /// The last local time up to `to`, which is a whole minute.
    pub(super) fn local_until(&self, to: NaiveDateTime) -> Option<NaiveDateTime> {
        const LAST_MINUTE: u16 = 24 * 60 - 1;
        let date = self.date_until(to.date())?;
        let minute = if date == to.date() { self.minute_until(minute_of(to)) } else { self.minute_until(LAST_MINUTE) };
        match minute {
            Some(minute) => Some(local(date, minute)),
            None => Some(local(self.date_until(date.pred_opt()?)?, self.minute_until(LAST_MINUTE)?)),
        }
    }

    /// Whether there is any date at all. All weekdays begin some month of each length, so looking at those is exact.
    pub(super) fn is_possible(&self) -> bool {
        let lengths = |month: u32| match month {
            2 => 28..=29,
            4 | 6 | 9 | 11 => 30..=30,
            _ => 31..=31,
        };
        (1..=12)
            .filter(|month| self.has_month(*month))
            .any(|month| lengths(month).any(|length| (0..7).any(|first| self.days_of(length, first) != 0)))
    }

    fn has_month(&self, month: u32) -> bool {
        self.months & (1 << month) != 0
    }

    fn date_from(&self, from: NaiveDate) -> Option<NaiveDate> {
        let (mut year, mut month, mut day) = (from.year(), from.month(), from.day());
        for _ in 0..MONTHS_MAX {
            if self.has_month(month) {
                let days = self.days_in(year, month)? & (u32::MAX << day);
                if days != 0 {
                    return NaiveDate::from_ymd_opt(year, month, days.trailing_zeros());
                }
            }
            (year, month, day) = if month == 12 { (year + 1, 1, 1) } else { (year, month + 1, 1) };
        }
        None
    }

    fn date_until(&self, to: NaiveDate) -> Option<NaiveDate> {
        let (mut year, mut month, mut day) = (to.year(), to.month(), to.day());
        for _ in 0..MONTHS_MAX {
            if self.has_month(month) {
                let days = self.days_in(year, month)? & (u32::MAX >> (31 - day));
                if days != 0 {
                    return NaiveDate::from_ymd_opt(year, month, days.ilog2());
                }
            }
            (year, month, day) = if month == 1 { (year - 1, 12, 31) } else { (year, month - 1, 31) };
        }
        None
    }

    /// The days of one month, bit d for day d; `None` outside the calendar.
    fn days_in(&self, year: i32, month: u32) -> Option<u32> {
        let first = NaiveDate::from_ymd_opt(year, month, 1).filter(|_| YEARS.contains(&year))?;
        Some(self.days_of(u32::from(first.num_days_in_month()), first.weekday().num_days_from_sunday()))
    }

    /// The days of a month of `length` days that begins on the day of the week `first` (0 = Sunday).
    fn days_of(&self, length: u32, first: u32) -> u32 {
        let month = (u32::MAX >> (31 - length)) & !1;
        let named = self.days_by_number(length, first) & month;
        let by_week = self.days_by_week(length, first) & month;
        if self.both_days { named & by_week } else { named | by_week }
    }

    fn days_by_number(&self, length: u32, first: u32) -> u32 {
        let mut days = self.days;
        if self.last_day {
            days |= 1 << length;
        }
        if self.last_weekday {
            let back = match (first + length - 1) % 7 {
                0 => 2, // Sunday
                6 => 1, // Saturday
                _ => 0,
            };
            days |= 1 << (length - back);
        }
        days
    }

    fn days_by_week(&self, length: u32, first: u32) -> u32 {
        let mut days = 0;
        for (weekday, wanted) in (0..7).zip(self.week) {
            let begin = 1 + (weekday + 7 - first) % 7;
            for (nth, day) in (begin..=length).step_by(7).enumerate() {
                let is_last = day + 7 > length && wanted & LAST_IN_MONTH != 0;
                if is_last || wanted & (1 << nth) != 0 {
                    days |= 1 << day;
                }
            }
        }
        days
    }

    fn minute_from(&self, from: u16) -> Option<u16> {
        let (hour, minute) = (from / 60, from % 60);
        let left = self.minutes >> minute;
        if self.hours & (1 << hour) != 0 && left != 0 {
            return Some(from + left.trailing_zeros() as u16);
        }
        let later = self.hours & (u32::MAX << (hour + 1));
        (later != 0).then(|| later.trailing_zeros() as u16 * 60 + self.minutes.trailing_zeros() as u16)
    }

    fn minute_until(&self, to: u16) -> Option<u16> {
        let (hour, minute) = (to / 60, to % 60);
        let left = self.minutes & (u64::MAX >> (63 - minute));
        if self.hours & (1 << hour) != 0 && left != 0 {
            return Some(hour * 60 + left.ilog2() as u16);
        }
        let earlier = self.hours & ((1 << hour) - 1);
        (earlier != 0).then(|| earlier.ilog2() as u16 * 60 + self.minutes.ilog2() as u16)
    }
}

fn minute_of(local: NaiveDateTime) -> u16 {
    (local.hour() * 60 + local.minute()) as u16
}

fn local(date: NaiveDate, minute: u16) -> NaiveDateTime {
    date.and_time(NaiveTime::MIN) + TimeDelta::minutes(minute.into())
}
