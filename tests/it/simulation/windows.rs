//! When windows are really open, found by looking at the local time of each minute: the plain meaning of P9.
//!
//! A window opens at the first minute whose local time is not before its start, and closes after the last minute whose
//! local time is before its end. A gap thus resolves to the first instant after it, and a fold starts at the first and
//! ends at the second occurrence.

use super::history::{D, H, M, Weekly};
use chrono::{DateTime, Datelike, Offset, TimeZone};
use chrono_tz::Tz;

/// Before and after a history: what the wall clock can be set to.
const MARGIN: i64 = 9 * D;

/// Every open stretch of `weekly` by the wall clock, in order, none touching the next.
pub fn open(weekly: &Weekly, zero: i64, length: i64) -> Vec<(i64, i64)> {
    let first_day = (zero - MARGIN).div_euclid(D);
    let days = (length + 2 * MARGIN) / D;
    let mut open = Vec::new();
    for day in first_day..first_day + days {
        let weekday = DateTime::from_timestamp_millis(day * D).map_or(1, |date| date.weekday().number_from_monday());
        for (_, start, end) in weekly.spans.iter().filter(|(on, _, _)| on.contains(&weekday)) {
            let last_day = if end > start { day } else { day + 1 };
            let (opens, closes) = (not_before(weekly.zone, day * D + start * M), before(weekly.zone, last_day * D + end * M));
            if opens < closes {
                open.push((opens, closes));
            }
        }
    }
    open.sort_unstable();
    open.dedup_by(|next, known| {
        let touches = next.0 <= known.1;
        known.1 = if touches { known.1.max(next.1) } else { known.1 };
        touches
    });
    open
}

/// The first minute whose local time is not before `local` (milliseconds as if local time were UTC).
fn not_before(zone: Tz, local: i64) -> i64 {
    minutes_around(local).find(|at| local_time(zone, *at) >= local).expect("within a day")
}

/// The minute after the last one whose local time is before `local`.
fn before(zone: Tz, local: i64) -> i64 {
    minutes_around(local).rev().find(|at| local_time(zone, *at) < local).expect("within a day") + M
}

/// Every minute that could have that local time, and hours more. The search by half hours first is only for speed: no zone
/// here changes its clocks by less, or at another time than a full half hour.
fn minutes_around(local: i64) -> impl DoubleEndedIterator<Item = i64> {
    let from = local - 15 * H;
    (0..30 * 60).map(move |minute| from + minute * M)
}

fn local_time(zone: Tz, at: i64) -> i64 {
    let utc = DateTime::from_timestamp_millis(at).expect("an instant").naive_utc();
    at + i64::from(zone.offset_from_utc_datetime(&utc).fix().local_minus_utc()) * 1_000
}
