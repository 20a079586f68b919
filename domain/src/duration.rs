//! Durations as people write them (`5m`, `1h30m`) and read them (`5 minutes`): parsed without overflow, said in words.

use crate::field::FieldError;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// The units people write, from large to small, with their length in seconds and their English name.
const UNITS: [(char, u64, &str); 5] =
    [('w', 604_800, "week"), ('d', 86_400, "day"), ('h', 3_600, "hour"), ('m', 60, "minute"), ('s', 1, "second")];
/// Up to here explanations keep seconds: "60 s grace" is how people write it.
const SHORT_SECONDS_MAX: u64 = 119;

/// Text that is no duration; says what one looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no duration: write seconds or units from large to small, for example 90, 45s, 5m, 1h30m, 2d or 1w")]
pub struct NotADuration;

/// A number of seconds that arrived as a number or as text; not yet checked against any range.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected whole seconds or text such as 5m, 1h30m or 2d")]
pub enum Seconds {
    /// A plain number.
    Number(i64),
    /// Text such as `5m`.
    Text(String),
}

impl Seconds {
    /// This as seconds within `range`.
    ///
    /// # Errors
    /// When it is no duration or outside of `range`: names `field`, the range and an example.
    ///
    /// ```
    /// use domain::duration::Seconds;
    /// assert_eq!(Seconds::Text("5m".into()).within("grace_period", 0..=3600), Ok(300));
    /// let error = Seconds::Number(0).within("expected_frequency", 1..=366 * 86_400).unwrap_err();
    /// assert_eq!(error.to_string(), "expected_frequency: must be between 1s and 366d, for example 5m");
    /// ```
    pub fn within(&self, field: &str, range: RangeInclusive<u32>) -> Result<u32, FieldError> {
        let seconds = match self {
            Seconds::Number(n) => u64::try_from(*n).ok(),
            Seconds::Text(text) => Some(parse(text).map_err(|e| FieldError::new(field, e.to_string()))?),
        };
        let fits = seconds.and_then(|s| u32::try_from(s).ok()).filter(|s| range.contains(s));
        fits.ok_or_else(|| FieldError::new(field, out_of(&range)))
    }
}

fn out_of(range: &RangeInclusive<u32>) -> String {
    let (low, high) = (written((*range.start()).into()), written((*range.end()).into()));
    let example = if range.contains(&300) { "5m".to_owned() } else { low.clone() };
    format!("must be between {low} and {high}, for example {example}")
}

/// The shortest exact way to write `seconds` with one unit: days, hours, minutes or seconds.
fn written(seconds: u64) -> String {
    let unit = UNITS.iter().skip(1).find(|(_, length, _)| seconds > 0 && seconds.is_multiple_of(*length));
    unit.map_or("0s".to_owned(), |(letter, length, _)| format!("{}{letter}", seconds / length))
}

/// Seconds from `90`, `45s`, `5m`, `1h30m`, `2d`, `1w`: plain seconds, or whole numbers with units from large to small.
///
/// # Errors
/// When `text` is empty, repeats or disorders units, has other characters, or is more than `u64` seconds.
///
/// ```
/// use domain::duration::parse;
/// assert_eq!(parse("1h30m"), Ok(5400));
/// assert!(parse("30m1h").is_err() && parse("").is_err() && parse("5 m").is_err());
/// ```
pub fn parse(text: &str) -> Result<u64, NotADuration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().map_err(|_| NotADuration);
    }
    let mut units = UNITS.iter();
    let (mut total, mut rest) = (0_u64, text);
    loop {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let letter = rest[digits..].chars().next().ok_or(NotADuration)?;
        // The iterator only goes on, so a unit that is repeated or out of order is not found any more.
        let (_, length, _) = units.find(|(unit, _, _)| *unit == letter).ok_or(NotADuration)?;
        let count: u64 = rest[..digits].parse().map_err(|_| NotADuration)?;
        total = count.checked_mul(*length).and_then(|s| total.checked_add(s)).ok_or(NotADuration)?;
        rest = &rest[digits + letter.len_utf8()..];
        if rest.is_empty() {
            return Ok(total);
        }
    }
}

/// `seconds` in exact words, from days down, zero parts left out.
///
/// ```
/// assert_eq!(domain::duration::words(300), "5 minutes");
/// assert_eq!(domain::duration::words(5400), "1 hour 30 minutes");
/// ```
pub fn words(seconds: u64) -> String {
    join(parts(seconds).into_iter().map(|(n, _, name)| counted(n, name)), "0 seconds")
}

/// `seconds` as explanations write it: "5 min", "60 s", "1 h 30 min"; exact, and up to 119 it stays in seconds.
///
/// ```
/// assert_eq!(domain::duration::short(60), "60 s");
/// assert_eq!(domain::duration::short(300), "5 min");
/// ```
pub fn short(seconds: u64) -> String {
    if seconds <= SHORT_SECONDS_MAX {
        return format!("{seconds} s");
    }
    let unit = |letter| if letter == 'm' { "min".to_owned() } else { String::from(letter) };
    join(parts(seconds).into_iter().map(|(n, letter, _)| format!("{n} {}", unit(letter))), "0 s")
}

/// The length of an outage in words, from its two largest units: "14 minutes 3 seconds", "2 days 5 hours".
///
/// Lengths are cut, not rounded; `ms` below one second, or negative, is "less than a second".
///
/// ```
/// assert_eq!(domain::duration::words_ms(843_999), "14 minutes 3 seconds");
/// ```
pub fn words_ms(ms: i64) -> String {
    let seconds = u64::try_from(ms / 1_000).unwrap_or(0);
    let Some((largest, length)) = UNITS.iter().skip(1).enumerate().find(|(_, u)| seconds >= u.1).map(|(i, u)| (i, u.1)) else {
        return "less than a second".to_owned();
    };
    let finest = UNITS.get(largest + 2).map_or(length, |unit| unit.1);
    words(seconds - seconds % finest)
}

/// `seconds` split into days, hours, minutes and seconds, without the zero ones.
fn parts(seconds: u64) -> Vec<(u64, char, &'static str)> {
    let mut rest = seconds;
    let mut parts = Vec::with_capacity(4);
    for (letter, length, name) in UNITS.into_iter().skip(1) {
        if rest >= length {
            parts.push((rest / length, letter, name));
        }
        rest %= length;
    }
    parts
}

fn counted(n: u64, name: &str) -> String {
    if n == 1 { format!("1 {name}") } else { format!("{n} {name}s") }
}

fn join(parts: impl Iterator<Item = String>, nothing: &str) -> String {
    let joined = parts.collect::<Vec<_>>().join(" ");
    if joined.is_empty() { nothing.to_owned() } else { joined }
}
