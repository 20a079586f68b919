//! Schedules as JSON: read with every error told at once, each under its path and with its fix.

use super::windows::{DaySet, HOLIDAYS_MAX, Span, WINDOWS_MAX, Windows, clock_text};
use super::zone::{self, DAY_MIN};
use super::{BusinessHours, CronSchedule};
use crate::crontab::Crontab;
use crate::field::FieldError;
use chrono::NaiveDate;
use chrono_tz::Tz;
use serde_json::{Map, Value, json};
use std::sync::Arc;

type Errors = Vec<FieldError>;
type Object = Map<String, Value>;

/// Unknown keys told by name; more are counted.
const UNKNOWN_KEYS_TOLD: usize = 8;

/// `always` takes nothing.
pub(super) fn nothing(config: Option<&Value>) -> Result<(), Errors> {
    match config {
        None => Ok(()),
        Some(Value::Object(keys)) if keys.is_empty() => Ok(()),
        Some(_) => Err(vec![FieldError::new("", "must be absent for schedule_type always; use custom to name windows")]),
    }
}

/// The hub's business hours with the values `config` overrides.
pub(super) fn business(config: Option<&Value>, hub: &BusinessHours) -> Result<Arc<Windows>, Errors> {
    let Some(config) = config else { return Ok(hub.windows()) };
    let mut errors = Errors::new();
    let keys = object(config, r#"for example {"start": "09:00"}"#).map_err(|e| vec![e])?;
    unknown(keys, &["timezone", "start", "end", "days"], &mut errors);
    let zone = keys.get("timezone").and_then(|v| kept(zone_in(v), &mut errors));
    let start = keys.get("start").and_then(|v| kept(time_in("start", v, false), &mut errors));
    let end = keys.get("end").and_then(|v| kept(time_in("end", v, true), &mut errors));
    let days = keys.get("days").and_then(|v| kept(days_in(v), &mut errors));
    let hours = hub.span();
    let span = Span { start: start.unwrap_or(hours.start), end: end.unwrap_or(hours.end), days: days.unwrap_or(hours.days) };
    if span.start == span.end && errors.is_empty() {
        errors.push(empty_window());
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    if keys.is_empty() {
        return Ok(hub.windows());
    }
    let windows = Windows::new(zone.unwrap_or(hub.timezone()), vec![span], Vec::new());
    Ok(Arc::new(windows.overriding(overrides(zone, start, end, days))))
}

fn overrides(zone: Option<Tz>, start: Option<u16>, end: Option<u16>, days: Option<DaySet>) -> Value {
    let values = [
        ("timezone", zone.map(|zone| json!(zone.name()))),
        ("days", days.map(|days| json!(days.numbers()))),
        ("start", start.map(|minute| json!(clock_text(minute)))),
        ("end", end.map(|minute| json!(clock_text(minute)))),
    ];
    values.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect::<Object>().into()
}

/// The windows of a `custom` schedule.
pub(super) fn custom(config: Option<&Value>) -> Result<Windows, Errors> {
    let example =
        r#"for example {"timezone": "Europe/Berlin", "windows": [{"days": [1,2,3,4,5], "start": "08:00", "end": "18:00"}]}"#;
    let config =
        config.ok_or_else(|| vec![FieldError::new("", format!("is missing: a custom schedule needs its windows, {example}"))])?;
    let keys = object(config, example).map_err(|e| vec![e])?;
    let mut errors = Errors::new();
    unknown(keys, &["timezone", "windows", "holidays"], &mut errors);
    let zone = kept(zone_in(keys.get("timezone").unwrap_or(&Value::Null)), &mut errors);
    let spans = spans_in(keys.get("windows").unwrap_or(&Value::Null), &mut errors);
    let holidays = holidays_in(keys.get("holidays").unwrap_or(&Value::Null), &mut errors);
    match zone {
        Some(zone) if errors.is_empty() => Ok(Windows::new(zone, spans, holidays)),
        _ => Err(errors),
    }
}

/// The line and zone of a `cron` schedule.
pub(super) fn cron(config: Option<&Value>) -> Result<CronSchedule, Errors> {
    let example = r#"for example {"cron": "0 2 * * *", "timezone": "Europe/Berlin"}"#;
    let config =
        config.ok_or_else(|| vec![FieldError::new("", format!("is missing: a cron schedule needs its line, {example}"))])?;
    let keys = object(config, example).map_err(|e| vec![e])?;
    let mut errors = Errors::new();
    unknown(keys, &["cron", "timezone"], &mut errors);
    let line = keys.get("cron").and_then(Value::as_str);
    let crontab = match line.map(Crontab::parse) {
        Some(Ok(crontab)) => Some(crontab),
        Some(Err(wrong)) => {
            errors.push(in_line(wrong));
            None
        }
        None => {
            errors.push(FieldError::new("cron", r#"must be a crontab line in quotes, for example "0 2 * * *""#));
            None
        }
    };
    let zone = kept(zone_in(keys.get("timezone").unwrap_or(&Value::Null)), &mut errors);
    match (crontab, zone) {
        (Some(crontab), Some(zone)) if errors.is_empty() => Ok(CronSchedule::new(crontab, zone)),
        _ => Err(errors),
    }
}

/// The errors of a crontab line as one of the JSON that holds it: the line's own fields are no paths.
fn in_line(errors: Errors) -> FieldError {
    let told = |e: FieldError| if e.field.is_empty() { e.message } else { e.to_string() };
    FieldError::new("cron", errors.into_iter().map(told).collect::<Vec<_>>().join("; "))
}

fn spans_in(value: &Value, errors: &mut Errors) -> Vec<Span> {
    let list = match value.as_array().map(Vec::as_slice) {
        None | Some([]) => {
            let fix =
                r#"must be a list of at least one window, for example [{"days": [1,2,3,4,5], "start": "08:00", "end": "18:00"}]"#;
            errors.push(FieldError::new("windows", fix));
            return Vec::new();
        }
        Some(list) if list.len() > WINDOWS_MAX => {
            errors.push(FieldError::new("windows", format!("must be at most {WINDOWS_MAX} windows, these are {}", list.len())));
            return Vec::new();
        }
        Some(list) => list,
    };
    let mut spans = Vec::with_capacity(list.len());
    for (i, value) in list.iter().enumerate() {
        match span_in(value) {
            Ok(span) => spans.push(span),
            Err(wrong) => errors.extend(wrong.into_iter().map(|e| e.under(&format!("windows[{i}]")))),
        }
    }
    spans
}

fn span_in(value: &Value) -> Result<Span, Errors> {
    let keys = object(value, r#"for example {"days": [1,2,3,4,5], "start": "08:00", "end": "18:00"}"#).map_err(|e| vec![e])?;
    let mut errors = Errors::new();
    unknown(keys, &["days", "start", "end"], &mut errors);
    let of = |key| keys.get(key).unwrap_or(&Value::Null);
    let days = kept(days_in(of("days")), &mut errors);
    let start = kept(time_in("start", of("start"), false), &mut errors);
    let end = kept(time_in("end", of("end"), true), &mut errors);
    if start.is_some() && start == end {
        errors.push(empty_window());
    }
    match (days, start, end) {
        (Some(days), Some(start), Some(end)) if errors.is_empty() => Ok(Span { start, end, days }),
        _ => Err(errors),
    }
}

fn holidays_in(value: &Value, errors: &mut Errors) -> Vec<NaiveDate> {
    let list = match value {
        Value::Null => return Vec::new(),
        Value::Array(list) if list.len() <= HOLIDAYS_MAX => list,
        _ => {
            errors.push(FieldError::new(
                "holidays",
                format!("must be a list of at most {HOLIDAYS_MAX} dates, for example [\"2026-12-25\"]"),
            ));
            return Vec::new();
        }
    };
    let mut holidays = Vec::with_capacity(list.len());
    for (i, value) in list.iter().enumerate() {
        match value.as_str().and_then(date_of) {
            Some(date) => holidays.push(date),
            None => errors.push(FieldError::new(format!("holidays[{i}]"), "must be a date, for example 2026-12-25")),
        }
    }
    holidays
}

/// A date written `YYYY-MM-DD`; chrono alone would also take signs and years of five digits.
fn date_of(text: &str) -> Option<NaiveDate> {
    let shape = text.len() == 10
        && text.bytes().enumerate().all(|(i, b)| if matches!(i, 4 | 7) { b == b'-' } else { b.is_ascii_digit() });
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| shape)
}

fn zone_in(value: &Value) -> Result<Tz, FieldError> {
    zone::parse(value.as_str().unwrap_or_default())
}

fn time_in(field: &str, value: &Value, is_end: bool) -> Result<u16, FieldError> {
    time_of(field, value.as_str().unwrap_or_default(), is_end)
}

/// The minute of the day `text` names, `HH:MM`; only an end may be `24:00`.
pub(super) fn time_of(field: &str, text: &str, is_end: bool) -> Result<u16, FieldError> {
    let last = if is_end { DAY_MIN } else { DAY_MIN - 1 };
    minute_of(text.trim()).filter(|minute| *minute <= last).ok_or_else(|| {
        FieldError::new(
            field,
            format!("must be a time from 00:00 to {}, for example {}", clock_text(last), if is_end { "18:00" } else { "08:00" }),
        )
    })
}

fn minute_of(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if !(1..=2).contains(&hours.len()) || minutes.len() != 2 || !digits(hours) || !digits(minutes) {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    (minutes < 60).then_some(hours * 60 + minutes)
}

fn days_in(value: &Value) -> Result<DaySet, FieldError> {
    let mut days = DaySet::default();
    let valid = value.as_array().is_some_and(|list| list.iter().all(|day| day.as_u64().is_some_and(|day| days.add(day))));
    if valid && !days.is_empty() { Ok(days) } else { Err(wrong_days("for example [1,2,3,4,5]")) }
}

/// Days from a setting: `1,2,3,4,5`, ranges too: `1-5`.
pub(super) fn days_text(text: &str) -> Result<DaySet, FieldError> {
    let mut days = DaySet::default();
    for part in text.split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let number = |text: &str| text.trim().parse::<u64>().ok().filter(|day| (1..=7).contains(day));
        let (Some(from), Some(to)) = (number(from), number(to)) else { return Err(wrong_days("for example 1,2,3,4,5")) };
        for day in from..=to {
            days.add(day);
        }
    }
    if days.is_empty() { Err(wrong_days("for example 1,2,3,4,5")) } else { Ok(days) }
}

fn wrong_days(example: &str) -> FieldError {
    FieldError::new("days", format!("must be one or more days from 1 (Monday) to 7 (Sunday), {example}"))
}

pub(super) fn empty_window() -> FieldError {
    FieldError::new("end", "must differ from start; for the whole day write start 00:00 and end 24:00")
}

fn object<'a>(value: &'a Value, example: &str) -> Result<&'a Object, FieldError> {
    value.as_object().ok_or_else(|| FieldError::new("", format!("must be an object, {example}")))
}

fn unknown(keys: &Object, known: &[&str], errors: &mut Errors) {
    let strangers = keys.keys().filter(|key| !known.contains(&key.as_str()));
    for key in strangers.take(UNKNOWN_KEYS_TOLD) {
        let key: String = key.chars().take(64).collect();
        errors.push(FieldError::new(key, format!("is not known here; known are {}", known.join(", "))));
    }
}

fn kept<T>(parsed: Result<T, FieldError>, errors: &mut Errors) -> Option<T> {
    parsed.map_err(|e| errors.push(e)).ok()
}
