//! The hub's business hours: one window a day, from the configuration, shared by every host that follows them.

use super::config::{days_text, time_of};
use super::windows::{DaySet, Span, Windows, clock_text};
use super::zone;
use crate::field::FieldError;
use chrono_tz::Tz;
use std::sync::Arc;

/// When business is done: a start and an end on some days of the week, in a zone.
#[derive(Clone, Debug, PartialEq)]
pub struct BusinessHours(Arc<Windows>);

impl BusinessHours {
    /// Business hours from the configuration's texts: `08:00`, `18:00`, `1,2,3,4,5` (1 = Monday), `America/New_York`.
    ///
    /// # Errors
    /// Each setting that is impossible, under its name (`BUSINESS_HOURS_START`, `…_END`, `…_DAYS`, `…_TIMEZONE`), with the fix.
    ///
    /// ```
    /// use domain::schedule::BusinessHours;
    /// assert_eq!(BusinessHours::parse("08:00", "18:00", "1-5", "America/New_York"), Ok(BusinessHours::default()));
    /// let errors = BusinessHours::parse("8 o'clock", "18:00", "1,2", "Berlin").unwrap_err();
    /// assert_eq!(errors[0].field, "BUSINESS_HOURS_START");
    /// assert_eq!(errors[1].to_string(), "BUSINESS_HOURS_TIMEZONE: must be an IANA time zone, did you mean Europe/Berlin?");
    /// ```
    pub fn parse(start: &str, end: &str, days: &str, timezone: &str) -> Result<BusinessHours, Vec<FieldError>> {
        let mut errors = Vec::new();
        let mut keep =
            |e: FieldError| errors.push(FieldError { field: format!("BUSINESS_HOURS_{}", e.field.to_uppercase()), ..e });
        let span = time_of("start", start, false).map_err(&mut keep).ok();
        let end = time_of("end", end, true).map_err(&mut keep).ok();
        let days = days_text(days).map_err(&mut keep).ok();
        let zone = zone::parse(timezone.trim()).map_err(&mut keep).ok();
        if span.is_some() && span == end {
            keep(super::config::empty_window());
        }
        match (span, end, days, zone) {
            (Some(start), Some(end), Some(days), Some(zone)) if errors.is_empty() => {
                Ok(BusinessHours::of(Span { start, end, days }, zone))
            }
            _ => Err(errors),
        }
    }

    /// When the day begins, as `HH:MM`.
    pub fn start(&self) -> String {
        clock_text(self.span().start)
    }

    /// When the day ends, as `HH:MM`, at most `24:00`; earlier than the start it is on the next day.
    pub fn end(&self) -> String {
        clock_text(self.span().end)
    }

    /// The days of the week, 1 = Monday, in order.
    pub fn days(&self) -> Vec<u8> {
        self.span().days.numbers()
    }

    /// The zone the times are in.
    pub fn timezone(&self) -> Tz {
        self.0.timezone()
    }

    pub(super) fn span(&self) -> Span {
        self.0.spans()[0]
    }

    /// As the JSON of a `custom` schedule with the same windows: for people who are shown what business hours are.
    ///
    /// ```
    /// use domain::schedule::BusinessHours;
    /// let shown = BusinessHours::default().to_json();
    /// assert_eq!((&shown["timezone"], &shown["windows"][0]["start"]), (&"America/New_York".into(), &"08:00".into()));
    /// ```
    pub fn to_json(&self) -> serde_json::Value {
        self.0.to_json()
    }

    pub(super) fn windows(&self) -> Arc<Windows> {
        Arc::clone(&self.0)
    }

    fn of(span: Span, zone: Tz) -> BusinessHours {
        BusinessHours(Arc::new(Windows::new(zone, vec![span], Vec::new())))
    }
}

impl Default for BusinessHours {
    /// 08:00 to 18:00, Monday to Friday, in New York.
    fn default() -> BusinessHours {
        let mut days = DaySet::default();
        for day in 1..=5 {
            days.add(day);
        }
        BusinessHours::of(Span { start: 8 * 60, end: 18 * 60, days }, Tz::America__New_York)
    }
}
