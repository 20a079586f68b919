//! RFC 3339 with milliseconds, written without chrono: the hot path writes two of them per heartbeat.

use domain::time::Wall;

const DAY_MS: i64 = 86_400_000;
/// 0000-01-01 and 9999-12-31T23:59:59.999 UTC: what four digits of a year can say.
const FIRST: i64 = -62_167_219_200_000;
const LAST: i64 = 253_402_300_799_999;
/// Days from 0000-03-01 to 1970-01-01.
const EPOCH_DAYS: i64 = 719_468;
/// Days in 400 years.
const ERA_DAYS: i64 = 146_097;

/// Appends `at` as `2025-11-15T10:30:00.000Z`; instants no four digits of a year can say become the nearest that one can.
pub(crate) fn push(text: &mut String, at: Wall) {
    let ms = at.0.clamp(FIRST, LAST);
    let (days, in_day) = (ms.div_euclid(DAY_MS), ms.rem_euclid(DAY_MS));
    let (year, month, day) = date(days);
    let (seconds, millis) = (in_day / 1_000, in_day % 1_000);
    let (minutes, second) = (seconds / 60, seconds % 60);
    let mut out = *b"0000-00-00T00:00:00.000Z";
    two(&mut out, 0, year / 100);
    two(&mut out, 2, year % 100);
    two(&mut out, 5, month);
    two(&mut out, 8, day);
    two(&mut out, 11, minutes / 60);
    two(&mut out, 14, minutes % 60);
    two(&mut out, 17, second);
    two(&mut out, 20, millis / 10);
    out[22] = digit(millis % 10);
    text.push_str(std::str::from_utf8(&out).expect("ASCII digits"));
}

/// [`push`] into a text of its own.
pub(crate) fn text(at: Wall) -> String {
    let mut text = String::with_capacity(24);
    push(&mut text, at);
    text
}

/// Year, month and day of a day counted from 1970-01-01: years begin in March, so the leap day is their last.
fn date(days: i64) -> (i64, i64, i64) {
    let shifted = days + EPOCH_DAYS;
    let (era, day_of_era) = (shifted.div_euclid(ERA_DAYS), shifted.rem_euclid(ERA_DAYS));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

fn two(out: &mut [u8; 24], at: usize, value: i64) {
    out[at] = digit(value / 10);
    out[at + 1] = digit(value % 10);
}

fn digit(value: i64) -> u8 {
    b'0' + value as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_writes_what_chrono_writes_for_every_day_of_eight_hundred_years() {
        for day in -150_000..=150_000_i64 {
            let at = Wall(day * DAY_MS + (day * 7_919_333).rem_euclid(DAY_MS));
            assert_eq!(text(at), at.rfc3339());
        }
    }

    #[test]
    fn it_writes_what_chrono_writes_at_the_edges() {
        let edges =
            [FIRST, FIRST + 1, -1, 0, 1, 999, 1_000, DAY_MS - 1, DAY_MS, 951_782_400_000, 951_868_800_000, LAST - 1, LAST];
        for at in edges.map(Wall) {
            assert_eq!(text(at), at.rfc3339());
        }
    }

    #[test]
    fn beyond_four_digits_of_a_year_it_says_the_nearest() {
        assert_eq!(text(Wall(i64::MAX)), "9999-12-31T23:59:59.999Z");
        assert_eq!(text(Wall(i64::MIN)), "0000-01-01T00:00:00.000Z");
    }
}
