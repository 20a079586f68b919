//! Real open windows: merged, in order, and right on the days on which clocks jump.

use crate::brute::{DAY, HOUR, MINUTE, Scan, Shape, jumps, schedule_of, shape};
use chrono::{DateTime, NaiveDate};
use chrono_tz::Tz;
use domain::schedule::{Schedule, Window};
use domain::time::Wall;
use proptest::prelude::*;

pub(crate) const ZONES: [(Tz, std::ops::Range<i32>); 13] = [
    (Tz::America__New_York, 2025..2028),
    (Tz::Europe__Berlin, 2025..2028),
    (Tz::Australia__Lord_Howe, 2025..2027),
    (Tz::Asia__Kathmandu, 1985..1987),
    (Tz::Pacific__Apia, 2011..2013),
    (Tz::America__Sao_Paulo, 2016..2020),
    (Tz::Antarctica__Troll, 2025..2027),
    (Tz::Africa__Casablanca, 2025..2028),
    (Tz::America__Havana, 2025..2027),
    (Tz::Asia__Tehran, 2020..2023),
    (Tz::Pacific__Chatham, 2025..2027),
    (Tz::Pacific__Kwajalein, 1993..1994),
    (Tz::Asia__Gaza, 2024..2026),
];

fn at(text: &str) -> Wall {
    Wall(DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis())
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn shown(schedule: &Schedule, from: &str, count: usize) -> Vec<String> {
    let text = |at: Option<Wall>| at.map_or("ever".to_owned(), |at| at.utc().format("%d %H:%M").to_string());
    schedule.windows_from(at(from)).take(count).map(|w| format!("{} to {}", text(w.opens), text(w.closes))).collect()
}

fn awkward_shapes() -> Vec<Vec<Shape>> {
    let daily = |start, end| shape(1..=7, start, end);
    vec![
        vec![shape(1..=5, "08:00", "18:00")],
        vec![daily("22:00", "06:00")],
        vec![daily("22:00", "24:00"), daily("00:00", "06:00")],
        vec![daily("01:30", "02:30")],
        vec![daily("02:15", "02:20"), daily("02:40", "02:45")],
        vec![daily("23:30", "00:30")],
        vec![daily("00:00", "01:00")],
        vec![daily("01:00", "02:00"), daily("03:00", "04:00")],
        vec![daily("02:00", "01:59")],
        vec![daily("00:00", "24:00")],
        vec![shape(5..=5, "00:00", "24:00"), shape(7..=7, "12:00", "11:00")],
    ]
}

/// The windows must be those of the brute force, and the same from wherever one looks.
fn agrees(zone: Tz, jump: i64, scan: &Scan, shapes: &[Shape], holidays: &[NaiveDate]) -> Result<(), String> {
    let schedule = schedule_of(zone, shapes, holidays);
    let open = scan.open(shapes, holidays);
    let (from, to) = (jump - 2 * DAY, jump + 2 * DAY);
    let windows: Vec<Window> = schedule.windows_from(Wall(from)).take_while(|w| w.opens.is_none_or(|o| o.0 < to)).collect();
    for pair in windows.windows(2) {
        if pair[1].opens <= pair[0].closes {
            return Err(format!("not merged: {pair:?}"));
        }
    }
    for (minute, expected) in open.iter().enumerate() {
        let now = Wall(scan.at(minute));
        if now.0 < from || now.0 >= to {
            continue;
        }
        let inside = |w: &&Window| w.opens.is_none_or(|o| o <= now) && w.closes.is_none_or(|c| now < c);
        let window = windows.iter().find(inside);
        if window.is_some() != *expected {
            return Err(format!("{zone} {}: open must be {expected}, shapes {shapes:?}", now.rfc3339()));
        }
        if minute % 211 == 0 {
            let seen = schedule.windows_from(now).next();
            let listed = windows.iter().find(|w| w.closes.is_none_or(|c| now < c));
            if listed.is_some() && seen.as_ref() != listed {
                return Err(format!("{zone} {}: {seen:?} is not {listed:?}", now.rfc3339()));
            }
        }
    }
    Ok(())
}

#[test]
fn windows_agree_with_the_local_clock_read_every_minute_around_every_jump() {
    for (zone, years) in ZONES {
        let mut around = jumps(zone, years);
        assert!(!around.is_empty(), "{zone} has jumps");
        around.push(around[0] + 20 * DAY);
        for jump in around {
            let scan = Scan::around(zone, jump, 5);
            for shapes in awkward_shapes() {
                agrees(zone, jump, &scan, &shapes, &[]).unwrap();
            }
        }
    }
}

#[test]
#[ignore = "70 s optimised, many minutes in a debug build: cargo test --release -p pulsewarden-domain -- --ignored every_zone"]
fn windows_and_crontabs_agree_with_the_local_clock_in_every_zone_at_every_jump_from_1970_to_2037() {
    let mut told = std::collections::BTreeSet::new();
    for zone in chrono_tz::TZ_VARIANTS {
        let jumps = jumps(zone, 1970..2038);
        // Zones that are other names of one another need no second look.
        if !told.insert(jumps.iter().map(|at| (*at, crate::brute::local(zone, *at))).collect::<Vec<_>>()) {
            continue;
        }
        for jump in jumps.into_iter().filter(|at| at % MINUTE == 0) {
            let scan = Scan::around(zone, jump, 5);
            for shapes in awkward_shapes() {
                agrees(zone, jump, &scan, &shapes, &[]).unwrap();
            }
            for line in crate::crontab::LINES {
                crate::crontab::occurs(zone, jump, &scan, line).unwrap();
            }
        }
    }
}

fn any_shape() -> impl Strategy<Value = Shape> {
    let minute = || prop_oneof![(0_u16..288).prop_map(|m| m * 5), (0_u16..24).prop_map(|h| h * 60)];
    let days = proptest::collection::btree_set(1_u8..=7, 1..=7);
    (days, minute(), minute(), any::<bool>()).prop_map(|(days, start, end, late)| {
        let end = if late { 1_440 } else { end };
        let end = if end == start { (start + 30) % 1_440 } else { end };
        Shape { days: days.into_iter().collect(), start, end }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_windows_agree_with_the_local_clock(
        zone in 0..ZONES.len(),
        jump in any::<prop::sample::Index>(),
        shapes in proptest::collection::vec(any_shape(), 1..6),
        holidays in proptest::collection::vec(-3_i64..4, 0..3),
    ) {
        let (zone, years) = ZONES[zone].clone();
        let jumps = jumps(zone, years);
        let jump = jumps[jump.index(jumps.len())];
        let today = crate::brute::local(zone, jump).date();
        let holidays: Vec<_> = holidays.into_iter().map(|days| today + chrono::TimeDelta::days(days)).collect();
        let scan = Scan::around(zone, jump, 5);
        prop_assert_eq!(agrees(zone, jump, &scan, &shapes, &holidays), Ok(()));
    }

    #[test]
    fn a_clock_around_with_holidays_agrees_with_the_local_clock(
        zone in 0..ZONES.len(),
        jump in any::<prop::sample::Index>(),
        cuts in proptest::collection::btree_set((0_u16..48).prop_map(|m| m * 30), 2..5),
        extra in proptest::collection::vec(any_shape(), 0..2),
        holidays in proptest::collection::vec(-4_i64..5, 1..4),
    ) {
        let (zone, years) = ZONES[zone].clone();
        let jumps = jumps(zone, years);
        let jump = jumps[jump.index(jumps.len())];
        let today = crate::brute::local(zone, jump).date();
        let holidays: Vec<_> = holidays.into_iter().map(|days| today + chrono::TimeDelta::days(days)).collect();
        // Windows from each cut to the next, the last over midnight.
        let cuts: Vec<u16> = cuts.into_iter().collect();
        let ends = cuts.iter().cycle().skip(1);
        let round = cuts.iter().zip(ends).map(|(start, end)| Shape { days: (1..=7).collect(), start: *start, end: *end });
        let shapes: Vec<Shape> = round.chain(extra).collect();
        let scan = Scan::around(zone, jump, 6);
        prop_assert_eq!(agrees(zone, jump, &scan, &shapes, &holidays), Ok(()));
        // From weeks before, the same windows must follow.
        let schedule = schedule_of(zone, &shapes, &holidays);
        let near: Vec<_> = schedule.windows_from(Wall(jump)).take(4).collect();
        let far: Vec<_> = schedule.windows_from(Wall(jump - 60 * DAY)).filter(|w| w.closes.is_none_or(|c| c.0 > jump)).take(4).collect();
        prop_assert_eq!(near, far);
    }

    #[test]
    fn any_instant_has_ordered_windows_that_close_after_it(at in any::<i64>(), shapes in proptest::collection::vec(any_shape(), 1..4)) {
        let schedule = schedule_of(Tz::America__New_York, &shapes, &[]);
        let mut before = i64::MIN;
        for window in schedule.windows_from(Wall(at)).take(5) {
            prop_assert!(window.closes.is_none_or(|closes| closes.0 > at));
            prop_assert!(window.opens.is_none_or(|opens| opens.0 > before));
            before = window.closes.map_or(i64::MAX, |closes| closes.0);
        }
    }
}

#[test]
fn touching_windows_are_one() {
    let schedule = schedule_of(Tz::UTC, &[shape(1..=1, "22:00", "24:00"), shape(2..=2, "00:00", "06:00")], &[]);
    assert_eq!(shown(&schedule, "2026-11-24T03:00:00Z", 2), ["23 22:00 to 24 06:00", "30 22:00 to 01 06:00"]);
}

#[test]
fn overlapping_windows_are_one() {
    let shapes = [shape(1..=1, "08:00", "12:00"), shape(1..=1, "11:00", "11:30"), shape(1..=1, "09:00", "15:00")];
    assert_eq!(shown(&schedule_of(Tz::UTC, &shapes, &[]), "2026-11-23T00:00:00Z", 1), ["23 08:00 to 23 15:00"]);
}

#[test]
fn a_window_opens_at_its_opening_and_is_closed_at_its_closing() {
    let schedule = schedule_of(Tz::UTC, &[shape(1..=7, "08:00", "10:00")], &[]);
    for (time, open) in [("07:59:59.999", false), ("08:00:00", true), ("09:59:59.999", true), ("10:00:00", false)] {
        assert_eq!(schedule.is_open(at(&format!("2026-11-23T{time}Z"))), open, "{time}");
    }
}

#[test]
fn a_whole_week_without_holidays_is_always() {
    let schedule = schedule_of(Tz::Europe__Berlin, &[shape(1..=7, "00:00", "24:00")], &[]);
    let always: Vec<_> = Schedule::Always.windows_from(at("2026-11-23T00:00:00Z")).collect();
    assert_eq!(schedule.windows_from(at("2026-11-23T00:00:00Z")).collect::<Vec<_>>(), always);
    let nights_and_days = [shape(1..=7, "06:00", "18:00"), shape(1..=7, "18:00", "06:00")];
    let schedule = schedule_of(Tz::Europe__Berlin, &nights_and_days, &[]);
    assert_eq!(schedule.windows_from(at("2026-11-23T00:00:00Z")).collect::<Vec<_>>(), always);
}

#[test]
fn around_the_clock_but_for_christmas_is_found_from_months_away() {
    let schedule = schedule_of(Tz::UTC, &[shape(1..=7, "00:00", "24:00")], &[date("2026-12-25"), date("2027-01-01")]);
    let first = |from: &str| schedule.windows_from(at(from)).next().unwrap();
    assert_eq!(first("2026-06-01T00:00:00Z"), Window { opens: None, closes: Some(at("2026-12-25T00:00:00Z")) });
    assert_eq!(shown(&schedule, "2026-12-25T00:00:00Z", 3), ["26 00:00 to 01 00:00", "02 00:00 to ever"]);
    assert_eq!(first("2027-11-01T00:00:00Z"), Window { opens: Some(at("2027-01-02T00:00:00Z")), closes: None });
    assert_eq!(first("2028-11-01T00:00:00Z"), Window { opens: None, closes: None });
    assert_eq!(first("2020-01-01T00:00:00Z"), Window { opens: None, closes: None });
}

#[test]
fn the_night_after_a_holiday_is_missing_too_where_the_holiday_should_have_opened_it() {
    let around_the_clock = [shape(1..=7, "00:00", "02:00"), shape(1..=7, "22:00", "06:00"), shape(1..=7, "06:00", "22:00")];
    let schedule = schedule_of(Tz::UTC, &around_the_clock, &[date("2026-12-25")]);
    assert_eq!(shown(&schedule, "2026-12-20T00:00:00Z", 3), ["ever to 25 06:00", "26 00:00 to 26 02:00", "26 06:00 to ever"]);
    assert_eq!(shown(&schedule, "2026-12-26T01:00:00Z", 1), ["26 00:00 to 26 02:00"]);
}

#[test]
fn a_window_over_midnight_belongs_to_the_day_it_starts() {
    let schedule = schedule_of(Tz::UTC, &[shape(1..=7, "22:00", "06:00")], &[date("2026-12-25")]);
    assert_eq!(
        shown(&schedule, "2026-12-24T12:00:00Z", 3),
        ["24 22:00 to 25 06:00", "26 22:00 to 27 06:00", "27 22:00 to 28 06:00"]
    );
}

#[test]
fn a_start_in_the_spring_gap_opens_after_it_and_a_window_within_it_does_not_exist() {
    let new_york = |start, end| schedule_of(Tz::America__New_York, &[shape(7..=7, start, end)], &[]);
    assert_eq!(shown(&new_york("02:30", "04:00"), "2026-03-08T00:00:00Z", 1), ["08 07:00 to 08 08:00"]);
    assert_eq!(shown(&new_york("01:00", "02:30"), "2026-03-08T00:00:00Z", 1), ["08 06:00 to 08 07:00"]);
    assert_eq!(shown(&new_york("02:15", "02:45"), "2026-03-08T00:00:00Z", 1), ["15 06:15 to 15 06:45"]);
}

#[test]
fn a_window_in_the_autumn_fold_starts_at_the_first_and_ends_at_the_second_occurrence() {
    let new_york = |start, end| schedule_of(Tz::America__New_York, &[shape(7..=7, start, end)], &[]);
    assert_eq!(shown(&new_york("01:30", "01:45"), "2026-11-01T00:00:00Z", 1), ["01 05:30 to 01 06:45"]);
    assert_eq!(shown(&new_york("00:00", "01:00"), "2026-11-01T00:00:00Z", 1), ["01 04:00 to 01 06:00"]);
}

#[test]
fn the_friday_samoa_never_had_has_no_business_hours() {
    let schedule = schedule_of(Tz::Pacific__Apia, &[shape(1..=5, "08:00", "18:00")], &[]);
    assert_eq!(
        shown(&schedule, "2011-12-29T12:00:00Z", 3),
        ["29 18:00 to 30 04:00", "01 18:00 to 02 04:00", "02 18:00 to 03 04:00"]
    );
}

#[test]
fn a_midnight_that_is_skipped_opens_the_day_at_one() {
    let schedule = schedule_of(Tz::America__Sao_Paulo, &[shape(7..=7, "00:00", "06:00")], &[]);
    assert_eq!(shown(&schedule, "2018-11-04T00:00:00Z", 1), ["04 03:00 to 04 08:00"]);
}

#[test]
fn windows_end_where_holidays_blank_all_that_is_known() {
    let first = date("2026-01-05");
    let mondays: Vec<_> = (0..200).map(|week| first + chrono::TimeDelta::weeks(week)).collect();
    let schedule = schedule_of(Tz::UTC, &[shape(1..=1, "08:00", "09:00")], &mondays);
    assert_eq!(schedule.windows_from(at("2026-01-05T00:00:00Z")).next(), None);
    assert!(schedule.windows_from(at("2028-01-05T00:00:00Z")).next().is_some());
}

#[test]
fn windows_are_found_fast() {
    let scarce = schedule_of(Tz::Europe__Berlin, &[shape(1..=7, "00:00", "24:00")], &[date("2027-12-25"), date("2025-12-26")]);
    let usual = schedule_of(Tz::Europe__Berlin, &[shape(1..=5, "08:00", "18:00")], &[]);
    let from = at("2026-11-23T00:00:00Z");
    // 40,000 look-ups that took a millisecond each, as a walk over a year does in a debug build, would not end in time.
    for i in 0..20_000 {
        assert!(
            usual.windows_from(from.plus_ms(i * HOUR)).next().is_some()
                && scarce.windows_from(from.plus_ms(i * MINUTE)).next().is_some()
        );
    }
}
