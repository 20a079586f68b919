//! A crontab line in English words, for people who do not read stars.

use super::{Crontab, EVERY_IN_MONTH, LAST_IN_MONTH};
use std::fmt;

const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
const NTH: [&str; 5] = ["first", "second", "third", "fourth", "fifth"];

const EVERY_MINUTE: u64 = (1 << 60) - 1;
const EVERY_HOUR: u64 = (1 << 24) - 1;
const EVERY_DAY: u32 = u32::MAX - 1;
const EVERY_MONTH: u16 = 0b1_1111_1111_1110;
/// So many times of the day are listed one by one; more are described by minutes and hours.
const TIMES_LISTED_MAX: u32 = 6;

impl Crontab {
    /// The line in English, without a full stop: `at 02:00 every day`.
    ///
    /// ```
    /// use domain::crontab::Crontab;
    /// let words = |line: &str| Crontab::parse(line).unwrap().describe();
    /// assert_eq!(words("*/5 * * * *"), "every 5 minutes");
    /// assert_eq!(words("30 9-17 * * mon-fri"), "at minute 30 of the hours 9 to 17, on Monday to Friday");
    /// assert_eq!(words("0 6,18 1 * 1"), "at 06:00 and 18:00 on day 1 of the month or on Monday");
    /// assert_eq!(words("0 0 L feb,aug *"), "at 00:00 on the last day of the month, in February and August");
    /// ```
    pub fn describe(&self) -> String {
        let (time, is_clock) = self.time_in_words();
        let mut words = time;
        match self.days_in_words() {
            Some(days) => words += &format!("{} {days}", if is_clock { "" } else { "," }),
            None if is_clock => words += " every day",
            None => {}
        }
        if self.months & EVERY_MONTH != EVERY_MONTH {
            let month = |month: u32| MONTHS[month as usize - 1].to_owned();
            words += &format!(", in {}", listed(&runs(self.months.into()), month));
        }
        words
    }

    /// When in a day, and whether as times on the clock.
    fn time_in_words(&self) -> (String, bool) {
        let hours = u64::from(self.hours);
        let times = self.minutes.count_ones() * self.hours.count_ones();
        if times <= TIMES_LISTED_MAX {
            let each_hour = |hour: u32| set(self.minutes).map(move |minute| format!("{hour:02}:{minute:02}"));
            return (format!("at {}", joined(&set(hours).flat_map(each_hour).collect::<Vec<_>>())), true);
        }
        let minutes = match (self.minutes, step_of(self.minutes, 60)) {
            (EVERY_MINUTE, _) => "every minute".to_owned(),
            (_, Some(step)) => format!("every {step} minutes"),
            (minutes, None) => counted("at minute", "at the minutes", &runs(minutes)),
        };
        let text = match (hours, step_of(hours, 24)) {
            (EVERY_HOUR, _) if minutes.starts_with("every") => minutes,
            (EVERY_HOUR, _) => format!("{minutes} of every hour"),
            (_, Some(step)) => format!("{minutes} of every {step} hours from 00"),
            (hours, None) => format!("{minutes} of {}", counted("the hour", "the hours", &runs(hours))),
        };
        (text, false)
    }

    /// On which days; `None`: on all.
    fn days_in_words(&self) -> Option<String> {
        let by_number = self.number_in_words();
        let by_week = self.week_in_words();
        match (by_number, by_week) {
            (Some(number), Some(week)) if self.both_days => Some(format!("on {number} if it is {week}")),
            (Some(number), Some(week)) => Some(format!("on {number} or on {week}")),
            (Some(days), None) | (None, Some(days)) if self.both_days => Some(format!("on {days}")),
            // Either is enough, and one of the two allows every day.
            _ => None,
        }
        .filter(|_| self.restricts_days())
    }

    fn restricts_days(&self) -> bool {
        self.both_days || (self.number_in_words().is_some() && self.week_in_words().is_some())
    }

    fn number_in_words(&self) -> Option<String> {
        if self.days & EVERY_DAY == EVERY_DAY {
            return None;
        }
        let mut parts = Vec::new();
        if self.days != 0 {
            parts.push(format!("{} of the month", counted("day", "the days", &runs(self.days.into()))));
        }
        if self.last_day {
            parts.push("the last day of the month".to_owned());
        }
        if self.last_weekday {
            parts.push("the last weekday (Monday to Friday) of the month".to_owned());
        }
        Some(joined(&parts))
    }

    fn week_in_words(&self) -> Option<String> {
        let every = (0..7).filter(|day| self.week[*day as usize] & EVERY_IN_MONTH == EVERY_IN_MONTH);
        // Sunday last, so that a weekend is a run.
        let every = every.fold(0, |days, day: u32| days | 1_u64 << if day == 0 { 7 } else { day });
        if every == 0b1111_1110 {
            return None;
        }
        let mut parts = Vec::new();
        if every != 0 {
            parts.push(listed(&runs(every), |day| WEEKDAYS[day as usize % 7].to_owned()));
        }
        for (wanted, day) in self.week.into_iter().zip(WEEKDAYS) {
            let nth = (0..5).filter(|n| wanted & EVERY_IN_MONTH != EVERY_IN_MONTH && wanted & (1 << n) != 0);
            parts.extend(nth.map(|n| format!("the {} {day} of the month", NTH[n])));
            if wanted & LAST_IN_MONTH != 0 {
                parts.push(format!("the last {day} of the month"));
            }
        }
        Some(joined(&parts))
    }
}

impl fmt::Display for Crontab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

/// The numbers of a set, in order.
fn set(bits: u64) -> impl Iterator<Item = u32> {
    (0..64).filter(move |n| bits & (1 << n) != 0)
}

/// The runs of neighbours in a set.
fn runs(bits: u64) -> Vec<(u32, u32)> {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for n in set(bits) {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == n => *last = n,
            _ => runs.push((n, n)),
        }
    }
    runs
}

/// The distance of a set that goes evenly from 0 around `circle`, if it is more than one.
fn step_of(bits: u64, circle: u32) -> Option<u32> {
    let step = set(bits).nth(1).filter(|step| bits & 1 != 0 && *step > 1 && circle.is_multiple_of(*step))?;
    let even = (0..circle).step_by(step as usize).fold(0, |set, n| set | 1_u64 << n);
    (even == bits).then_some(step)
}

fn counted(one: &str, many: &str, runs: &[(u32, u32)]) -> String {
    let word = if matches!(runs, [(first, last)] if first == last) { one } else { many };
    format!("{word} {}", listed(runs, |n| n.to_string()))
}

fn listed(runs: &[(u32, u32)], name: impl Fn(u32) -> String) -> String {
    let mut parts = Vec::new();
    for (first, last) in runs {
        match last - first {
            0 => parts.push(name(*first)),
            1 => parts.extend([name(*first), name(*last)]),
            _ => parts.push(format!("{} to {}", name(*first), name(*last))),
        }
    }
    joined(&parts)
}

fn joined(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
