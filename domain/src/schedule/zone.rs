//! One IANA zone's local time: parsed, resolved to instants the same way everywhere (P9), and written for people.

use crate::field::FieldError;
use crate::time::Wall;
use chrono::{DateTime, Days, MappedLocalTime, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::{GapInfo, TZ_VARIANTS, Tz};

/// Minutes of a day.
pub(super) const DAY_MIN: u16 = 24 * 60;
/// No local time is further from UTC than this, in seconds; one day and two hours also covers zones that skipped a day.
const OFFSET_MAX_S: i64 = 26 * 3_600;
/// Longer text is no misspelt zone, and comparing it with every zone would cost.
const ZONE_MAX_CHARS: usize = 40;
/// A misspelt zone is at most so many edits away from the right one.
const TYPO_EDITS_MAX: usize = 3;
/// 0001-01-01 and 9999-12-31 in seconds since 1970: what lies outside is treated as there, so that no date overflows.
const YEARS_S: (i64, i64) = (-62_135_596_800, 253_402_214_400);

/// The local date on which `at` falls in `zone`.
pub(super) fn date_of(zone: Tz, at: Wall) -> NaiveDate {
    local_of(zone, at).date()
}

/// The instant at which a window that starts `minute` minutes into `date` opens: the first occurrence of that local
/// time, or the first instant after the gap it falls in.
pub(super) fn opening(zone: Tz, date: NaiveDate, minute: u16) -> Wall {
    let local = local(date, minute);
    instants(zone, local).first()
}

/// The instant at which a window that ends `minute` minutes into `date` closes: the second occurrence of that local
/// time where there are two, or the first instant after the gap it falls in.
pub(super) fn closing(zone: Tz, date: NaiveDate, minute: u16) -> Wall {
    let local = local(date, minute);
    instants(zone, local).last()
}

/// `date` moved by `days`, staying on the calendar.
pub(super) fn shifted(date: NaiveDate, days: i64) -> NaiveDate {
    let distance = Days::new(days.unsigned_abs());
    let moved = if days < 0 { date.checked_sub_days(distance) } else { date.checked_add_days(distance) };
    moved.unwrap_or(date)
}

/// `at` as read in `zone`: the time, with the date before it unless `today` falls on the same one.
pub(super) fn text(zone: Tz, at: Wall, today: Option<Wall>) -> String {
    let local = local_of(zone, at);
    let same_day = today.is_some_and(|today| date_of(zone, today) == local.date());
    local.format(if same_day { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" }).to_string()
}

/// The zone called `name`.
///
/// # Errors
/// On field `timezone`: names the nearest zone, or examples.
pub(super) fn parse(name: &str) -> Result<Tz, FieldError> {
    name.parse().map_err(|_| {
        let hint = nearest(name)
            .map_or("for example Europe/Berlin, America/New_York or UTC".to_owned(), |z| format!("did you mean {z}?"));
        FieldError::new("timezone", format!("must be an IANA time zone, {hint}"))
    })
}

fn nearest(name: &str) -> Option<&'static str> {
    if name.chars().count() > ZONE_MAX_CHARS {
        return None;
    }
    let wanted = name.trim().replace(' ', "_").to_ascii_lowercase();
    let names = || TZ_VARIANTS.iter().map(|zone| zone.name());
    let city = |zone: &&str| zone.rsplit('/').next().is_some_and(|city| city.eq_ignore_ascii_case(&wanted));
    let typo = |zone: &'static str| (edits(&wanted, &zone.to_ascii_lowercase()), zone);
    names().find(city).or_else(|| names().map(typo).min().filter(|(edits, _)| *edits <= TYPO_EDITS_MAX).map(|(_, zone)| zone))
}

/// How many characters must be put in, taken out or replaced to make `a` into `b` (Levenshtein).
fn edits(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, to) in b.chars().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

fn local(date: NaiveDate, minute: u16) -> NaiveDateTime {
    // 24:00 is the midnight that ends the day; the sum lands there by itself.
    date.and_time(chrono::NaiveTime::MIN) + TimeDelta::minutes(minute.into())
}

/// What the clock of `zone` shows at `at`, in whole seconds.
pub(crate) fn local_of(zone: Tz, at: Wall) -> NaiveDateTime {
    let seconds = at.0.div_euclid(1_000).clamp(YEARS_S.0, YEARS_S.1);
    let utc = DateTime::from_timestamp(seconds, 0).unwrap_or(DateTime::UNIX_EPOCH);
    utc.with_timezone(&zone).naive_local()
}

/// The instants at which a zone's clock shows one local time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Instants {
    One(Wall),
    /// In a fold: the first time and the second.
    Two(Wall, Wall),
    /// Never: it lies in a gap, and this is the first instant after that.
    Gap(Wall),
}

impl Instants {
    /// When the clock first shows the time, or the end of the gap.
    pub(crate) fn first(self) -> Wall {
        match self {
            Instants::One(at) | Instants::Two(at, _) | Instants::Gap(at) => at,
        }
    }

    /// When the clock last shows the time, or the end of the gap.
    pub(crate) fn last(self) -> Wall {
        match self {
            Instants::One(at) | Instants::Two(_, at) | Instants::Gap(at) => at,
        }
    }
}

/// When the clock of `zone` shows `local`.
pub(crate) fn instants(zone: Tz, local: NaiveDateTime) -> Instants {
    match zone.from_local_datetime(&local) {
        MappedLocalTime::Single(at) => Instants::One(wall(&at)),
        MappedLocalTime::Ambiguous(earliest, latest) => Instants::Two(wall(&earliest), wall(&latest)),
        MappedLocalTime::None => Instants::Gap(after_gap(zone, local)),
    }
}

/// A stretch of local time that a clock set back shows twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fold {
    /// The instant at which the clock goes back.
    pub(crate) change: Wall,
    /// What the clock shows from then on.
    pub(crate) from: NaiveDateTime,
    /// What it would have shown: the first local time that does not come twice.
    pub(crate) to: NaiveDateTime,
}

impl Fold {
    /// Whether `at`, inside the fold, is after the clock went back.
    pub(crate) fn is_second(&self, at: Wall) -> bool {
        at >= self.change
    }
}

/// The fold that `at` is in, in its first or second pass.
pub(crate) fn fold_at(zone: Tz, at: Wall) -> Option<Fold> {
    let local = local_of(zone, at);
    let Instants::Two(first, second) = instants(zone, local) else { return None };
    // The clock shows `local` on both sides of the change: find the second in which it goes back.
    let ahead_s = |at_s: i64| local_of(zone, Wall(at_s * 1_000)).and_utc().timestamp() - at_s;
    let (mut before, mut after) = (first.0.div_euclid(1_000), second.0.div_euclid(1_000));
    let ahead_before = ahead_s(before);
    while after - before > 1 {
        let middle = before + (after - before) / 2;
        if ahead_s(middle) == ahead_before { before = middle } else { after = middle }
    }
    let change = Wall(after * 1_000);
    let from = local_of(zone, change);
    Some(Fold { change, from, to: from + TimeDelta::milliseconds(second.0 - first.0) })
}

fn after_gap(zone: Tz, local: NaiveDateTime) -> Wall {
    if let Some(end) = GapInfo::new(&local, &zone).and_then(|gap| gap.end) {
        return wall(&end);
    }
    // The table does not say (the gap ends inside a fold): find the second in which the local time first passes `local`.
    let middle = local.and_utc().timestamp();
    let (mut before, mut after) = (middle - OFFSET_MAX_S, middle + OFFSET_MAX_S);
    while after - before > 1 {
        let at = before + (after - before) / 2;
        if local_of(zone, Wall(at * 1_000)) < local { before = at } else { after = at }
    }
    Wall(after * 1_000)
}

fn wall(at: &DateTime<Tz>) -> Wall {
    Wall::from(at.with_timezone(&Utc))
}
