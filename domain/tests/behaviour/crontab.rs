//! Crontab lines: what they mean, what is refused and how, and when they occur on the days on which clocks jump.

use crate::brute::{DAY, MINUTE, Scan, jumps};
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, TimeDelta, Timelike};
use chrono_tz::Tz;
use domain::crontab::{Crontab, LINE_MAX_BYTES};
use domain::time::Wall;
use proptest::prelude::*;

fn crontab(line: &str) -> Crontab {
    Crontab::parse(line).unwrap_or_else(|errors| panic!("{line}: {errors:?}"))
}

fn at(text: &str) -> Wall {
    Wall(DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis())
}

/// The next occurrences in UTC, as `MM-DD HH:MM`.
fn next(line: &str, zone: Tz, from: &str, count: usize) -> Vec<String> {
    crontab(line).occurrences(zone, at(from)).take(count).map(|at| at.utc().format("%m-%d %H:%M").to_string()).collect()
}

fn told(line: &str) -> Vec<String> {
    Crontab::parse(line).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn sunday_is_0_and_7_and_a_name() {
    for line in ["0 0 * * 0", "0 0 * * 7", "0 0 * * sun", "0 0 * * SUN", "@weekly"] {
        assert_eq!(next(line, Tz::UTC, "2026-11-26T00:00:00Z", 2), ["11-29 00:00", "12-06 00:00"], "{line}");
    }
    assert_eq!(
        next("0 0 * * 5-7", Tz::UTC, "2026-11-26T00:00:00Z", 4),
        ["11-27 00:00", "11-28 00:00", "11-29 00:00", "12-04 00:00"]
    );
    assert_eq!(next("0 0 * * 1", Tz::UTC, "2026-11-26T00:00:00Z", 1), ["11-30 00:00"]);
}

#[test]
fn steps_count_from_where_they_begin() {
    let minutes = |field: &str| next(&format!("{field} 0 1 1 *"), Tz::UTC, "2026-06-01T00:00:00Z", 4);
    assert_eq!(minutes("*/20"), ["01-01 00:00", "01-01 00:20", "01-01 00:40", "01-01 00:00"]);
    assert_eq!(minutes("5/25"), ["01-01 00:05", "01-01 00:30", "01-01 00:55", "01-01 00:05"]);
    assert_eq!(minutes("10-13/2"), ["01-01 00:10", "01-01 00:12", "01-01 00:10", "01-01 00:12"]);
    assert_eq!(minutes("7-7/2"), ["01-01 00:07"; 4]);
    assert_eq!(minutes("*/90"), ["01-01 00:00"; 4]);
}

#[test]
fn either_day_is_enough_unless_one_begins_with_a_star() {
    let days = |line: &str| next(line, Tz::UTC, "2026-11-01T12:00:00Z", 3);
    assert_eq!(days("0 0 10 * mon"), ["11-02 00:00", "11-09 00:00", "11-10 00:00"]);
    assert_eq!(days("0 0 */10 * mon"), ["12-21 00:00", "01-11 00:00", "02-01 00:00"]);
    assert_eq!(days("0 0 10 * */3"), ["01-10 00:00", "02-10 00:00", "03-10 00:00"]);
    assert_eq!(days("0 0 10 * *"), ["11-10 00:00", "12-10 00:00", "01-10 00:00"]);
}

#[test]
fn the_last_day_and_the_nth_weekday_are_known() {
    let days = |line: &str| next(line, Tz::UTC, "2027-01-30T12:00:00Z", 3);
    assert_eq!(days("0 0 L * *"), ["01-31 00:00", "02-28 00:00", "03-31 00:00"]);
    assert_eq!(days("0 0 LW * *"), ["02-26 00:00", "03-31 00:00", "04-30 00:00"]);
    assert_eq!(days("0 0 * * 5L"), ["02-26 00:00", "03-26 00:00", "04-30 00:00"]);
    assert_eq!(days("0 0 * * MON#2"), ["02-08 00:00", "03-08 00:00", "04-12 00:00"]);
    assert_eq!(days("0 0 * * 7#5"), ["01-31 00:00", "05-30 00:00", "08-29 00:00"]);
}

#[test]
fn the_rarest_dates_are_found_and_impossible_ones_are_refused() {
    let first = |line: &str| crontab(line).next_after(Tz::UTC, at("2072-03-01T00:00:00Z")).unwrap().rfc3339();
    assert_eq!(first("0 0 * 2 MON#5"), "2112-02-29T00:00:00.000Z");
    assert_eq!(first("0 0 29 2 *"), "2076-02-29T00:00:00.000Z");
    for line in ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 31 2 */2", "* * */20 * 1L", "0 0 */5 2 5#5"] {
        let errors = told(line);
        assert!(errors[0].starts_with("day of month: no date is day "), "{errors:?}");
    }
    // With a day of the week beside it the other one is enough.
    assert_eq!(next("0 0 30 2 mon", Tz::UTC, "2027-01-30T00:00:00Z", 1), ["02-01 00:00"]);
}

#[test]
fn errors_name_the_field_what_was_wrong_and_the_fix() {
    for (line, error) in [
        ("60 * * * *", "minute: 60 is out of range, must be from 0 to 59"),
        ("* 24 * * *", "hour: 24 is out of range, must be from 0 to 23"),
        ("* * 0 * *", "day of month: 0 is out of range, must be from 1 to 31"),
        ("* * * 13 *", "month: 13 is out of range, must be from 1 to 12 or JAN to DEC"),
        ("* * * * 8", "day of week: 8 is out of range, must be from 0 to 7 or SUN to SAT"),
        ("*/0 * * * *", "minute: step \"0\" must be a number from 1, for example */5"),
        ("* * */x * *", "day of month: step \"x\" must be a number from 1, for example */2"),
        ("1, * * * *", "minute: a number is missing, must be from 0 to 59"),
        ("-5 * * * *", "minute: a number is missing, must be from 0 to 59"),
        ("* * * january *", "month: \"january\" is no number, must be from 1 to 12 or JAN to DEC"),
        ("* 22-6 * * *", "hour: 22-6 must not run backwards: write 22-23,0-6"),
        ("* * * nov-feb *", "month: nov-feb must not run backwards: write nov-12,1-feb"),
        ("* * * * fri-mon", "day of week: fri-mon must not run backwards: write fri-6,0-mon"),
        ("* * * * fri-sun", "day of week: fri-sun as the last day of a range Sunday is 7: write fri-7"),
        ("* * * * mon#6", "day of week: \"mon#6\" must end in #1 to #5, for example MON#2"),
        ("4294967296 * * * *", "minute: \"4294967296\" is no number, must be from 0 to 59"),
        (
            "@reboot",
            ": @reboot is no time on the clock, the hub cannot know when a machine starts: name times, for example @daily, or use schedule_type always",
        ),
        (
            "@dayly",
            ": \"@dayly\" is not known, must be one of @hourly @daily @midnight @weekly @monthly @yearly @annually or five fields",
        ),
        (
            "0 2 * *",
            ": must be five fields, minute, hour, day of month, month, day of week, for example \"0 2 * * *\"; this has 4",
        ),
        (
            "0 0 2 * * *",
            ": must be five fields, minute, hour, day of month, month, day of week, for example \"0 2 * * *\"; this has 6; a crontab has no seconds and no year",
        ),
    ] {
        assert_eq!(told(line), [error], "{line}");
    }
    assert_eq!(told("60 24 0 13 8").len(), 5, "all at once");
    assert!(told(&"1,".repeat(LINE_MAX_BYTES))[0].contains("at most 500 bytes"));
}

#[test]
fn the_fix_of_an_error_is_itself_accepted() {
    for line in ["* 22-23,0-6 * * *", "* * * nov-12,1-feb *", "* * * * fri-6,0-mon", "* * * * fri-7"] {
        crontab(line);
    }
}

#[test]
fn what_crontabs_do_not_know_is_refused() {
    for field in [
        "", "?", "H", "**", "*5", "5*", "1-", "1--2", "1-2-3", "1/2/3", "*/", "/5", "+5", "５", " ", "1,,2", "~", "L", "LW", "1L",
    ] {
        assert!(Crontab::parse(&format!("{field} * * * *")).is_err(), "{field}");
    }
    for line in
        ["0 0 L/2 * *", "0 0 L-3 * *", "0 0 * * L", "0 0 * * FRIL", "0 0 * * 5L/2", "0 0 * * MON#2/2", "0 0 * * #2", "", "@"]
    {
        assert!(Crontab::parse(line).is_err(), "{line}");
    }
}

#[test]
fn a_fixed_time_in_a_gap_happens_at_its_end_once() {
    let berlin = |line| next(line, Tz::Europe__Berlin, "2027-03-28T00:30:00Z", 2);
    assert_eq!(berlin("30 2 * * *"), ["03-28 01:00", "03-29 00:30"]);
    assert_eq!(berlin("0,20,40 2 * * *"), ["03-28 01:00", "03-29 00:00"]);
    assert_eq!(berlin("0,30 2,3 * * *"), ["03-28 01:00", "03-28 01:30"]);
}

#[test]
fn a_fixed_time_in_a_fold_happens_once_the_first_time() {
    let berlin = |line| next(line, Tz::Europe__Berlin, "2027-10-31T00:20:00Z", 2);
    assert_eq!(berlin("30 2 * * *"), ["10-31 00:30", "11-01 01:30"]);
    assert_eq!(berlin("10 2 * * *"), ["11-01 01:10", "11-02 01:10"]);
    assert_eq!(next("30 2 * * *", Tz::Europe__Berlin, "2027-10-31T01:10:00Z", 1), ["11-01 01:30"]);
}

#[test]
fn what_recurs_follows_the_clock() {
    let spring = |line| next(line, Tz::Europe__Berlin, "2027-03-28T00:20:00Z", 3);
    assert_eq!(spring("30 * * * *"), ["03-28 00:30", "03-28 01:30", "03-28 02:30"]);
    assert_eq!(spring("*/30 2 * * *"), ["03-29 00:00", "03-29 00:30", "03-30 00:00"]);
    let autumn = |line| next(line, Tz::Europe__Berlin, "2027-10-31T00:20:00Z", 3);
    assert_eq!(autumn("30 * * * *"), ["10-31 00:30", "10-31 01:30", "10-31 02:30"]);
    assert_eq!(autumn("*/30 2 * * *"), ["10-31 00:30", "10-31 01:00", "10-31 01:30"]);
}

#[test]
fn a_line_that_only_ever_falls_into_gaps_ends() {
    let never = crontab("*/5 2 * 3 7L");
    assert_eq!(never.next_after(Tz::Europe__Berlin, at("2026-01-01T00:00:00Z")), None);
    assert_eq!(never.previous_before(Tz::Europe__Berlin, at("2090-01-01T00:00:00Z")), None);
}

/// A line, whether its times are fixed, and its meaning written down a second time.
pub(crate) type Line = (&'static str, bool, fn(&NaiveDateTime) -> bool);

/// Eight shapes that meet clock changes in every way.
pub(crate) const LINES: [Line; 8] = [
    ("30 2 * * *", true, |t| (t.hour(), t.minute()) == (2, 30)),
    ("@midnight", true, |t| (t.hour(), t.minute()) == (0, 0)),
    ("59 23 * * 1-6", true, |t| (t.hour(), t.minute()) == (23, 59) && t.weekday().num_days_from_sunday() > 0),
    ("0,15,30,45 0-3 * * *", true, |t| t.hour() <= 3 && t.minute() % 15 == 0),
    ("5-55/10 1,2 * * sun", true, |t| {
        (1..=2).contains(&t.hour()) && t.minute() % 10 == 5 && t.weekday().num_days_from_sunday() == 0
    }),
    ("*/7 * * * *", false, |t| t.minute() % 7 == 0),
    ("@hourly", false, |t| t.minute() == 0),
    ("*/30 1-2 * * *", false, |t| (1..=2).contains(&t.hour()) && t.minute() % 30 == 0),
];

/// The instants of a scan at which a line occurs, by looking at the clock every minute.
fn occurring(scan: &Scan, (_, fixed, matches): Line) -> Vec<i64> {
    let clock = scan.clock();
    let minutes = (0..clock.len()).filter(|minute| matches(&clock[*minute]));
    if !fixed {
        return minutes.map(|minute| scan.at(minute)).collect();
    }
    // The first minute at which the clock shows each fixed time, or a later one.
    let (first, last) = (clock[0], clock[clock.len() - 1]);
    let mut found: Vec<i64> = (0..(last - first).num_minutes())
        .map(|minute| first + TimeDelta::minutes(minute))
        .filter(matches)
        .filter_map(|time| clock.iter().position(|shown| *shown >= time))
        .map(|minute| scan.at(minute))
        .collect();
    found.dedup();
    found
}

/// A line must occur in `zone` as the clock read every minute says, forwards, backwards and from anywhere.
pub(crate) fn occurs(zone: Tz, jump: i64, scan: &Scan, line: Line) -> Result<(), String> {
    let crontab = crontab(line.0);
    let (from, to) = (jump - 2 * DAY - 1, jump + 2 * DAY);
    let expected: Vec<i64> = occurring(scan, line).into_iter().filter(|at| (from + 1..to).contains(at)).collect();
    let forwards: Vec<i64> = crontab.occurrences(zone, Wall(from)).map(|at| at.0).take_while(|at| *at < to).collect();
    let differs = |what: &str, at: i64| Err(format!("{zone} {} around {}: {what}", line.0, Wall(at).rfc3339()));
    if forwards != expected {
        return differs(&format!("{forwards:?} must be {expected:?}"), jump);
    }
    let mut backwards: Vec<i64> =
        std::iter::successors(crontab.previous_before(zone, Wall(to)), |at| crontab.previous_before(zone, *at))
            .map(|at| at.0)
            .take_while(|at| *at > from)
            .collect();
    backwards.reverse();
    if backwards != expected {
        return differs(&format!("backwards {backwards:?} must be {expected:?}"), jump);
    }
    for at in (from..to).step_by(13 * MINUTE as usize + 777) {
        let after = expected.iter().find(|t| **t > at).copied();
        if after.is_some() && crontab.next_after(zone, Wall(at)).map(|t| t.0) != after {
            return differs(&format!("next must be {after:?}"), at);
        }
        let before = expected.iter().rev().find(|t| **t < at).copied();
        if before.is_some() && crontab.previous_before(zone, Wall(at)).map(|t| t.0) != before {
            return differs(&format!("previous must be {before:?}"), at);
        }
    }
    Ok(())
}

#[test]
fn lines_agree_with_the_local_clock_read_every_minute_around_every_jump() {
    for (zone, years) in crate::windows::ZONES {
        let mut around = jumps(zone, years);
        around.push(around[0] + 20 * DAY);
        for jump in around {
            let scan = Scan::around(zone, jump, 4);
            for line in LINES {
                occurs(zone, jump, &scan, line).unwrap();
            }
        }
    }
}

/// Any valid field: numbers, ranges, steps, lists.
fn field(low: u8, high: u8) -> impl Strategy<Value = String> {
    let number = low..=high;
    let range = (number.clone(), number.clone()).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b)));
    let base = prop_oneof![3 => Just("*".to_owned()), 2 => number.prop_map(|n| n.to_string()), 2 => range];
    let term = (base, proptest::option::weighted(0.3, 1_u8..=20)).prop_map(|(base, step)| match step {
        Some(step) => format!("{base}/{step}"),
        None => base,
    });
    proptest::collection::vec(term, 1..3).prop_map(|terms| terms.join(","))
}

fn any_line() -> impl Strategy<Value = String> {
    let days = prop_oneof![6 => field(1, 31), 1 => Just("L".to_owned()), 1 => Just("LW".to_owned())];
    let week = prop_oneof![6 => field(0, 7), 1 => Just("5L".to_owned()), 1 => Just("MON#2".to_owned())];
    (field(0, 59), field(0, 23), days, field(1, 12), week).prop_map(|(m, h, d, mo, w)| format!("{m} {h} {d} {mo} {w}"))
}

fn any_zone() -> impl Strategy<Value = Tz> {
    (0..chrono_tz::TZ_VARIANTS.len()).prop_map(|index| chrono_tz::TZ_VARIANTS[index])
}

proptest! {
    #[test]
    fn next_is_strictly_later_and_nothing_lies_between(line in any_line(), zone in any_zone(), at in 0..4_102_444_800_000_i64) {
        let Ok(crontab) = Crontab::parse(&line) else { return Ok(()) };
        let Some(next) = crontab.next_after(zone, Wall(at)) else { return Ok(()) };
        prop_assert!(next.0 > at);
        prop_assert_eq!(crontab.next_after(zone, Wall(next.0 - 1)), Some(next));
        prop_assert!(crontab.previous_before(zone, next).is_none_or(|previous| previous.0 <= at));
    }

    #[test]
    fn previous_and_next_are_inverse(line in any_line(), zone in any_zone(), at in 0..4_102_444_800_000_i64) {
        let Ok(crontab) = Crontab::parse(&line) else { return Ok(()) };
        let Some(next) = crontab.next_after(zone, Wall(at)) else { return Ok(()) };
        let Some(after) = crontab.next_after(zone, next) else { return Ok(()) };
        prop_assert!(after > next);
        prop_assert_eq!(crontab.previous_before(zone, after), Some(next));
        prop_assert_eq!(crontab.previous_before(zone, Wall(next.0 + 1)), Some(next));
    }

    #[test]
    fn an_occurrence_from_later_on_is_never_earlier(line in any_line(), zone in any_zone(), at in 0..4_102_444_800_000_i64, later in 0..90 * DAY) {
        let Ok(crontab) = Crontab::parse(&line) else { return Ok(()) };
        let (Some(sooner), Some(next)) = (crontab.next_after(zone, Wall(at)), crontab.next_after(zone, Wall(at + later))) else { return Ok(()) };
        prop_assert!(next >= sooner);
    }

    #[test]
    fn any_instant_is_answered_and_any_text_parsed_without_a_panic(line in any_line(), zone in any_zone(), at in any::<i64>(), text in ".{0,60}") {
        if let Ok(crontab) = Crontab::parse(&line) {
            prop_assert!(crontab.next_after(zone, Wall(at)).is_none_or(|next| next.0 > at));
            prop_assert!(crontab.previous_before(zone, Wall(at)).is_none_or(|previous| previous.0 < at));
            prop_assert!(!crontab.describe().is_empty());
            prop_assert_eq!(Crontab::parse(crontab.as_str()), Ok(crontab));
        }
        let _ = Crontab::parse(&text);
    }
}

#[test]
fn the_edges_of_the_calendar_have_an_answer() {
    let nightly = crontab("0 2 * * *");
    for zone in [Tz::UTC, Tz::Pacific__Apia, Tz::America__New_York] {
        assert!(nightly.next_after(zone, Wall(i64::MIN)).is_some());
        assert_eq!(nightly.next_after(zone, Wall(i64::MAX)), None);
        assert!(nightly.previous_before(zone, Wall(i64::MAX)).is_some());
        assert_eq!(nightly.previous_before(zone, Wall(i64::MIN)), None);
    }
}

#[test]
fn every_february_29_on_a_day_of_the_week_is_within_the_months_looked_at() {
    let leap = |year| NaiveDate::from_ymd_opt(year, 2, 29);
    for day in 0..7 {
        let on_day = |year: &i32| leap(*year).is_some_and(|date| date.weekday().num_days_from_sunday() == day);
        let years: Vec<i32> = (2000..2900).filter(on_day).collect();
        let longest = years.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        assert!(longest <= 40, "{longest} years");
        let line = crontab(&format!("0 0 29 2 {day}").replace("29 2", "*/28 2"));
        let found: Vec<i32> = line
            .occurrences(Tz::UTC, at("2000-01-01T00:00:00Z"))
            .map(|at| at.utc())
            .filter(|t| t.day() == 29)
            .map(|t| t.year())
            .take(20)
            .collect();
        assert_eq!(found, years[..20]);
    }
}
