//! When a crontab line really occurs: its local times resolved in a zone, forwards and backwards, over clock changes.

use super::Crontab;
use crate::schedule::zone::{self, Fold, Instants};
use crate::time::Wall;
use chrono::{NaiveDateTime, TimeDelta, Timelike};
use chrono_tz::Tz;

/// A recurring line whose next times fall into so many gaps in a row never occurs in that zone.
const GAPS_MAX: usize = 64;

/// The occurrences of a line, each later than the one before; made by [`Crontab::occurrences`].
#[derive(Clone, Debug)]
pub struct Occurrences<'a> {
    crontab: &'a Crontab,
    zone: Tz,
    at: Wall,
}

impl Iterator for Occurrences<'_> {
    type Item = Wall;

    fn next(&mut self) -> Option<Wall> {
        self.at = self.crontab.next_after(self.zone, self.at)?;
        Some(self.at)
    }
}

impl Crontab {
    /// The first occurrence later than `at` in `zone`.
    ///
    /// `None` only at the end of the calendar (the year 9999), and for a recurring line whose every time falls into a gap.
    ///
    /// ```
    /// use domain::{crontab::Crontab, time::Wall};
    /// let at = |text: &str| Wall(chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis());
    /// let zone = chrono_tz::Europe::Berlin;
    /// // 02:30 does not exist on 2027-03-28: it happens when the gap ends, at 03:00 summer time.
    /// let nightly = Crontab::parse("30 2 * * *").unwrap();
    /// assert_eq!(nightly.next_after(zone, at("2027-03-28T00:00:00Z")), Some(at("2027-03-28T01:00:00Z")));
    /// // It comes twice on 2027-10-31, and happens the first time.
    /// assert_eq!(nightly.next_after(zone, at("2027-10-31T00:00:00Z")), Some(at("2027-10-31T00:30:00Z")));
    /// assert_eq!(nightly.next_after(zone, at("2027-10-31T00:30:00Z")), Some(at("2027-11-01T01:30:00Z")));
    /// ```
    pub fn next_after(&self, zone: Tz, at: Wall) -> Option<Wall> {
        let later = self.local_after(zone, at);
        if self.fixed { self.fixed_after(zone, at, later) } else { self.recurring_after(zone, at, later) }
            .filter(|next| *next > at)
    }

    /// The last occurrence earlier than `at` in `zone`; `None` only at the beginning of the calendar, and as above.
    ///
    /// ```
    /// use domain::{crontab::Crontab, time::Wall};
    /// let hourly = Crontab::parse("@hourly").unwrap();
    /// assert_eq!(hourly.previous_before(chrono_tz::UTC, Wall(7_200_000)), Some(Wall(3_600_000)));
    /// ```
    pub fn previous_before(&self, zone: Tz, at: Wall) -> Option<Wall> {
        // The last millisecond that may count.
        let until = at.plus_ms(-1);
        let previous = if self.fixed { self.fixed_until(zone, until) } else { self.recurring_until(zone, until) };
        previous.filter(|previous| *previous < at)
    }

    /// Every occurrence later than `at` in `zone`, in order.
    ///
    /// ```
    /// use domain::{crontab::Crontab, time::Wall};
    /// let weekdays = Crontab::parse("0 9-10 * * mon-fri").unwrap();
    /// let hours = |at: Wall| at.0 / 3_600_000;
    /// // 1970-01-01 was a Thursday.
    /// assert_eq!(weekdays.occurrences(chrono_tz::UTC, Wall(0)).take(5).map(hours).collect::<Vec<_>>(), [9, 10, 33, 34, 105]);
    /// ```
    pub fn occurrences(&self, zone: Tz, at: Wall) -> Occurrences<'_> {
        Occurrences { crontab: self, zone, at }
    }

    fn local_after(&self, zone: Tz, at: Wall) -> Option<NaiveDateTime> {
        self.local_from(whole_minute(zone::local_of(zone, at)) + TimeDelta::minutes(1))
    }

    /// Fixed times happen when the clock first shows them, or would have: in the order in which they are written.
    fn fixed_after(&self, zone: Tz, at: Wall, later: Option<NaiveDateTime>) -> Option<Wall> {
        let local = match zone::fold_at(zone, at) {
            // In the second pass all times of the fold have happened already.
            Some(fold) if fold.is_second(at) => self.local_from(ceiling(fold.to)),
            _ => later,
        };
        Some(zone::instants(zone, local?).first())
    }

    fn fixed_until(&self, zone: Tz, until: Wall) -> Option<Wall> {
        let shown = match zone::fold_at(zone, until) {
            Some(fold) if fold.is_second(until) => ceiling(fold.to) - TimeDelta::minutes(1),
            _ => zone::local_of(zone, until),
        };
        Some(zone::instants(zone, self.local_until(whole_minute(shown))?).first())
    }

    fn recurring_after(&self, zone: Tz, at: Wall, later: Option<NaiveDateTime>) -> Option<Wall> {
        let Some(Fold { change, from, to, .. }) = zone::fold_at(zone, at).filter(|fold| !fold.is_second(at)) else {
            return self.existing_from(zone, at, later?);
        };
        match later.filter(|local| *local < to) {
            Some(local) => Some(zone::instants(zone, local).first()),
            // The clock goes back before anything else matches.
            None => self.existing_from(zone, change.plus_ms(-1), self.local_from(ceiling(from))?),
        }
    }

    /// The first instant after `at` at which the clock shows `local`, or a later match where it never does.
    fn existing_from(&self, zone: Tz, at: Wall, mut local: NaiveDateTime) -> Option<Wall> {
        for _ in 0..GAPS_MAX {
            let from = match zone::instants(zone, local) {
                Instants::One(instant) => return Some(instant),
                Instants::Two(first, second) => return Some(if first > at { first } else { second }),
                Instants::Gap(end) => ceiling(zone::local_of(zone, end)),
            };
            local = self.local_from(from)?;
        }
        None
    }

    fn recurring_until(&self, zone: Tz, until: Wall) -> Option<Wall> {
        let local = self.local_until(whole_minute(zone::local_of(zone, until)));
        let Some(Fold { from, to, .. }) = zone::fold_at(zone, until).filter(|fold| fold.is_second(until)) else {
            return self.existing_until(zone, until, local?);
        };
        match local.filter(|local| *local >= from) {
            Some(local) => Some(zone::instants(zone, local).last()),
            // Nothing matched since the clock went back: the last of the first pass, or from before it.
            None => {
                let local = self.local_until(ceiling(to) - TimeDelta::minutes(1))?;
                match zone::instants(zone, local) {
                    Instants::Two(first, _) => Some(first),
                    _ => self.existing_until(zone, until, local),
                }
            }
        }
    }

    fn existing_until(&self, zone: Tz, until: Wall, mut local: NaiveDateTime) -> Option<Wall> {
        for _ in 0..GAPS_MAX {
            let to = match zone::instants(zone, local) {
                Instants::One(instant) => return Some(instant),
                Instants::Two(first, second) => return Some(if second <= until { second } else { first }),
                Instants::Gap(end) => zone::local_of(zone, end.plus_ms(-1)),
            };
            local = self.local_until(whole_minute(to))?;
        }
        None
    }
}

fn whole_minute(local: NaiveDateTime) -> NaiveDateTime {
    local - TimeDelta::seconds(local.second().into())
}

fn ceiling(local: NaiveDateTime) -> NaiveDateTime {
    if local.second() == 0 { local } else { whole_minute(local) + TimeDelta::minutes(1) }
}
