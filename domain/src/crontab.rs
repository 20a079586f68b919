//! A crontab line as crontab(5) means it: parsed with every error told at once, and asked when it occurs in a zone.
//!
//! Written here and not taken from the `cron` crate: docs/dependencies.md says why. Nothing loops without a bound, and a line
//! that no date can satisfy is refused when it is parsed.
//!
//! **Fields.** Minute, hour, day of month, month, day of week; 0 and 7 are Sunday; `JAN` and `mon`; lists, ranges and steps.
//! `5/15` counts from 5 to the end of the field. As in the reference (`cronsim`), `L` is the last day of the month, `LW` its
//! last day from Monday to Friday, `5L` the last Friday, `MON#2` the second Monday.
//!
//! **Days.** A line that restricts both the day of month and the day of week occurs on days that satisfy either. Where one of
//! the two fields begins with a star both must hold, and `*/2` begins with one: that is how Vixie's cron reads it.
//!
//! **Clock changes.** As Debian's cron(8): a line at *fixed times* (neither minute nor hour begins with a star) that falls into
//! a spring-forward gap occurs at its end, and in an autumn fold once, the first time. A line that *recurs* (`*/5 * * * *`)
//! follows the clock: times in a gap do not exist, times in a fold come twice. Anything else would expect hourly jobs at
//! instants at which no cron runs them.

mod calendar;
mod field;
mod occurrences;
mod words;

pub use occurrences::Occurrences;

use crate::field::FieldError;
use field::{DAY_OF_MONTH, DAY_OF_WEEK, HOUR, MINUTE, MONTH};

/// Longest accepted line, in bytes; the longest useful ones are about half as long.
pub const LINE_MAX_BYTES: usize = 500;

/// The shorthands and what they stand for.
const SHORTHANDS: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

/// The five fields of a crontab line.
///
/// ```
/// use domain::{crontab::Crontab, time::Wall};
/// let nightly = Crontab::parse("0 2 * * *").unwrap();
/// let at = Wall(1_763_202_600_000); // 2025-11-15 10:30:00 UTC
/// let next = nightly.next_after(chrono_tz::Europe::Berlin, at).unwrap();
/// assert_eq!(next.rfc3339(), "2025-11-16T01:00:00.000Z");
/// assert_eq!(nightly.describe(), "at 02:00 every day");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crontab {
    /// The line as it was written, but for its spaces.
    line: String,
    /// Bit m: minute m.
    minutes: u64,
    /// Bit h: hour h.
    hours: u32,
    /// Bit d: day d, from 1.
    days: u32,
    /// The last day of the month.
    last_day: bool,
    /// The last day of the month from Monday to Friday.
    last_weekday: bool,
    /// Bit m: month m, from 1.
    months: u16,
    /// For each day of the week, Sunday first: bit n, the (n+1)-th in the month; [`LAST_IN_MONTH`].
    week: [u8; 7],
    /// Whether day of month and day of week must both hold; one of them is enough otherwise.
    both_days: bool,
    /// Whether the line names fixed times: see the rule for clock changes.
    fixed: bool,
}

/// The first to fifth of a day of the week in its month: every one of them.
const EVERY_IN_MONTH: u8 = 0b01_1111;
/// The last of a day of the week in its month.
const LAST_IN_MONTH: u8 = 0b10_0000;

impl Crontab {
    /// A line of five fields or a shorthand: `@hourly @daily @midnight @weekly @monthly @yearly @annually`.
    ///
    /// # Errors
    /// Everything that is wrong, each under the name of its field (`minute`, `hour`, `day of month`, `month`, `day of week`;
    /// nothing for the whole line) with the fix.
    ///
    /// ```
    /// use domain::crontab::Crontab;
    /// assert_eq!(Crontab::parse("@weekly").unwrap().describe(), "at 00:00 on Sunday");
    /// let errors = Crontab::parse("61 2 * * mun").unwrap_err();
    /// assert_eq!(errors[0].to_string(), "minute: 61 is out of range, must be from 0 to 59");
    /// assert_eq!(errors[1].to_string(), "day of week: \"mun\" is no number, must be from 0 to 7 or SUN to SAT");
    /// let impossible = Crontab::parse("0 0 30 2 *").unwrap_err();
    /// assert_eq!(impossible[0].field, "day of month");
    /// ```
    pub fn parse(line: &str) -> Result<Crontab, Vec<FieldError>> {
        let whole = |message: String| vec![FieldError::new("", message)];
        if line.len() > LINE_MAX_BYTES {
            return Err(whole(format!("must be at most {LINE_MAX_BYTES} bytes, this has {}", line.len())));
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [shorthand] if shorthand.starts_with('@') => {
                let fields = expanded(shorthand).map_err(whole)?;
                Ok(Crontab { line: shorthand.to_ascii_lowercase(), ..Crontab::parse(fields)? })
            }
            [minute, hour, day, month, weekday] => Crontab::of(minute, hour, day, month, weekday),
            _ => Err(whole(wrong_count(words.len()))),
        }
    }

    /// The line as it was written, with single spaces: [`parse`](Self::parse) reads it back as an equal crontab.
    pub fn as_str(&self) -> &str {
        &self.line
    }

    fn of(minute: &str, hour: &str, day: &str, month: &str, weekday: &str) -> Result<Crontab, Vec<FieldError>> {
        let mut errors = Vec::new();
        let mut told = |field: &field::Field, message: String| errors.push(FieldError::new(field.name, message));
        let minutes = MINUTE.numbers(minute).map_err(|m| told(&MINUTE, m)).unwrap_or_default();
        let hours = HOUR.numbers(hour).map_err(|m| told(&HOUR, m)).unwrap_or_default();
        let days = field::days(day).map_err(|m| told(&DAY_OF_MONTH, m)).unwrap_or_default();
        let months = MONTH.numbers(month).map_err(|m| told(&MONTH, m)).unwrap_or_default();
        let week = field::week(weekday).map_err(|m| told(&DAY_OF_WEEK, m)).unwrap_or_default();
        if !errors.is_empty() {
            return Err(errors);
        }
        let crontab = Crontab {
            line: [minute, hour, day, month, weekday].join(" "),
            minutes,
            hours: hours as u32,
            days: days.numbers as u32,
            last_day: days.last,
            last_weekday: days.last_weekday,
            months: months as u16,
            week,
            both_days: day.starts_with('*') || weekday.starts_with('*'),
            fixed: !minute.starts_with('*') && !hour.starts_with('*'),
        };
        if crontab.is_possible() { Ok(crontab) } else { Err(vec![impossible(day, month, weekday)]) }
    }
}

fn expanded(shorthand: &str) -> Result<&'static str, String> {
    if shorthand.eq_ignore_ascii_case("@reboot") {
        return Err("@reboot is no time on the clock, the hub cannot know when a machine starts: \
                    name times, for example @daily, or use schedule_type always"
            .to_owned());
    }
    let known = SHORTHANDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(shorthand));
    known.map(|(_, fields)| *fields).ok_or_else(|| {
        let names: Vec<_> = SHORTHANDS.iter().map(|(name, _)| *name).collect();
        format!("\"{}\" is not known, must be one of {} or five fields", field::shown(shorthand), names.join(" "))
    })
}

fn wrong_count(count: usize) -> String {
    let hint = if count == 6 { "; a crontab has no seconds and no year" } else { "" };
    format!(
        "must be five fields, minute, hour, day of month, month, day of week, for example \"0 2 * * *\"; this has {count}{hint}"
    )
}

fn impossible(day: &str, month: &str, weekday: &str) -> FieldError {
    let (day, month, weekday) = (field::shown(day), field::shown(month), field::shown(weekday));
    let message = format!(
        "no date is day {day} of month {month} and day of week {weekday}, it would never occur: name a day that the month has"
    );
    FieldError::new(DAY_OF_MONTH.name, message)
}
