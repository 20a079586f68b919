//! One field of a crontab line read into the set of its numbers; what is wrong is told with the fix.

use super::{EVERY_IN_MONTH, LAST_IN_MONTH};

/// What a field may hold.
pub(super) struct Field {
    /// As errors call it.
    pub(super) name: &'static str,
    low: u8,
    high: u8,
    /// Names of the numbers, the first one for `names_from`.
    names: &'static [&'static str],
    names_from: u8,
}

const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

pub(super) const MINUTE: Field = Field { name: "minute", low: 0, high: 59, names: &[], names_from: 0 };
pub(super) const HOUR: Field = Field { name: "hour", low: 0, high: 23, names: &[], names_from: 0 };
pub(super) const DAY_OF_MONTH: Field = Field { name: "day of month", low: 1, high: 31, names: &[], names_from: 0 };
pub(super) const MONTH: Field = Field { name: "month", low: 1, high: 12, names: &MONTHS, names_from: 1 };
pub(super) const DAY_OF_WEEK: Field = Field { name: "day of week", low: 0, high: 7, names: &WEEKDAYS, names_from: 0 };

/// Longer numbers are no numbers of a crontab, and would overflow.
const DIGITS_MAX: usize = 9;
/// So much of what somebody wrote is repeated in an error.
const SHOWN_MAX_CHARS: usize = 40;

/// The days of a month that a line names.
#[derive(Default)]
pub(super) struct Days {
    pub(super) numbers: u64,
    pub(super) last: bool,
    pub(super) last_weekday: bool,
}

/// The day of month field.
pub(super) fn days(text: &str) -> Result<Days, String> {
    let mut days = Days::default();
    for term in text.split(',') {
        match term {
            _ if term.eq_ignore_ascii_case("L") => days.last = true,
            _ if term.eq_ignore_ascii_case("LW") => days.last_weekday = true,
            _ => days.numbers |= DAY_OF_MONTH.term(term)?,
        }
    }
    Ok(days)
}

/// The day of week field, Sunday first: see `Crontab::week`.
pub(super) fn week(text: &str) -> Result<[u8; 7], String> {
    let mut week = [0; 7];
    for term in text.split(',') {
        if let Some(day) = term.strip_suffix(['L', 'l']).filter(|day| day.bytes().all(|b| b.is_ascii_digit())) {
            week[DAY_OF_WEEK.number(day)? as usize % 7] |= LAST_IN_MONTH;
        } else if let Some((day, nth)) = term.split_once('#') {
            let nth = digits(nth).filter(|nth| (1..=5).contains(nth));
            let nth = nth.ok_or_else(|| format!("\"{}\" must end in #1 to #5, for example MON#2", shown(term)))?;
            week[DAY_OF_WEEK.number(day)? as usize % 7] |= 1 << (nth - 1);
        } else {
            let days = DAY_OF_WEEK.term(term)?;
            (0..8_usize).filter(|day| days & (1 << day) != 0).for_each(|day| week[day % 7] |= EVERY_IN_MONTH);
        }
    }
    Ok(week)
}

impl Field {
    /// The numbers of a list, as bits.
    pub(super) fn numbers(&self, text: &str) -> Result<u64, String> {
        text.split(',').try_fold(0, |numbers, term| Ok(numbers | self.term(term)?))
    }

    /// The numbers of one `*`, `5`, `1-5`, each with or without a `/step`.
    fn term(&self, term: &str) -> Result<u64, String> {
        let (range, step) = match term.split_once('/') {
            Some((range, step)) => (range, Some(self.step(step)?)),
            None => (term, None),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (self.low, self.high),
            Some((from, to)) => self.range(from, to)?,
            None => {
                let number = self.number(range)?;
                // crontab(5) is silent about "5/15"; the reference, and most people who write it, count on to the end.
                (number, if step.is_some() { self.high } else { number })
            }
        };
        Ok((from..=to).step_by(step.unwrap_or(1)).fold(0, |numbers, number| numbers | 1 << number))
    }

    fn range(&self, from: &str, to: &str) -> Result<(u8, u8), String> {
        let (first, last) = (self.number(from)?, self.number(to)?);
        if first <= last {
            return Ok((first, last));
        }
        let sunday = self.names.len() == WEEKDAYS.len() && last == 0;
        let fix = match sunday {
            true => format!("as the last day of a range Sunday is 7: write {from}-7"),
            false => format!("must not run backwards: write {from}-{},{}-{to}", self.high.min(self.top()), self.low),
        };
        Err(format!("{from}-{to} {fix}"))
    }

    fn step(&self, text: &str) -> Result<usize, String> {
        digits(text).filter(|step| *step > 0).map(|step| step as usize).ok_or_else(|| {
            let example = if self.low == 0 { "*/5" } else { "*/2" };
            format!("step \"{}\" must be a number from 1, for example {example}", shown(text))
        })
    }

    fn number(&self, text: &str) -> Result<u8, String> {
        if let Some(index) = self.names.iter().position(|name| name.eq_ignore_ascii_case(text)) {
            return Ok(self.names_from + index as u8);
        }
        let must = match self.names {
            [first, .., last] => format!("must be from {} to {} or {first} to {last}", self.low, self.high),
            _ => format!("must be from {} to {}", self.low, self.high),
        };
        if text.is_empty() {
            return Err(format!("a number is missing, {must}"));
        }
        let number = digits(text).ok_or_else(|| format!("\"{}\" is no number, {must}", shown(text)))?;
        u8::try_from(number)
            .ok()
            .filter(|n| (self.low..=self.high).contains(n))
            .ok_or_else(|| format!("{number} is out of range, {must}"))
    }

    /// The highest number that is not another's second name.
    fn top(&self) -> u8 {
        if self.names.len() == WEEKDAYS.len() { 6 } else { self.high }
    }
}

fn digits(text: &str) -> Option<u32> {
    let is_number = (1..=DIGITS_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

/// What somebody wrote, short enough and plain enough to repeat in an error.
pub(super) fn shown(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c });
    let mut shown: String = plain.take(SHOWN_MAX_CHARS).collect();
    if text.chars().nth(SHOWN_MAX_CHARS).is_some() {
        shown.push('…');
    }
    shown
}
