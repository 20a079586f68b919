//! Maintenance: what it covers, over clock changes too, and that it pushes deadlines without firing or losing one.

use crate::brute::{DAY, HOUR, MINUTE};
use chrono::DateTime;
use domain::maintenance::{LENGTH_MAX_S, Maintenance, Span, WINDOWS_MAX, Window};
use domain::time::Wall;
use proptest::prelude::*;

fn at(text: &str) -> Wall {
    Wall(DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis())
}

fn recurring(line: &str, zone: &str, length_s: u32) -> Window {
    Window::recurring(crate::cron::schedule(line, zone).cron().unwrap().clone(), length_s).unwrap()
}

fn only(window: Window) -> Maintenance {
    Maintenance::new(vec![window]).unwrap()
}

/// The deadline of an `always` host with this threshold, pushed.
fn pushed(maintenance: &Maintenance, since: Wall, threshold_ms: i64) -> Wall {
    maintenance.push(since, threshold_ms, |from| Some(from.plus_ms(threshold_ms))).unwrap()
}

#[test]
fn a_window_begins_at_its_first_instant_and_is_over_at_its_last() {
    let once = only(Window::once(Wall(1_000), Wall(2_000)).unwrap());
    for (ms, covered) in [(999, false), (1_000, true), (1_999, true), (2_000, false)] {
        assert_eq!(once.covers(Wall(ms)), covered, "{ms}");
    }
    assert_eq!((once.until(Wall(1_500)), once.until(Wall(2_000))), (Some(Wall(2_000)), None));
}

#[test]
fn two_hours_last_two_hours_on_the_days_on_which_clocks_jump() {
    let nightly = only(recurring("30 2 * * *", "Europe/Berlin", 7_200));
    // 02:30 does not exist: it begins at 03:00 summer time.
    let spring = Span { from: at("2027-03-28T01:00:00Z"), to: at("2027-03-28T03:00:00Z") };
    assert_eq!(nightly.next(at("2027-03-28T00:30:00Z")), Some(spring));
    // It comes twice: once, and the end is by elapsed time.
    let autumn = Span { from: at("2027-10-31T00:30:00Z"), to: at("2027-10-31T02:30:00Z") };
    assert_eq!(nightly.next(at("2027-10-31T00:00:00Z")), Some(autumn));
    assert!(!nightly.covers(at("2027-10-31T02:30:00Z")));
}

#[test]
fn windows_that_overlap_or_touch_are_one() {
    let windows = [(0, 100), (100, 200), (150, 180), (300, 400)].map(|(from, to)| Window::once(Wall(from), Wall(to)).unwrap());
    let all = Maintenance::new(windows.to_vec()).unwrap();
    assert_eq!(all.next(Wall(-1)), Some(Span { from: Wall(0), to: Wall(200) }));
    assert_eq!(all.next(Wall(50)), Some(Span { from: Wall(300), to: Wall(400) }));
    assert_eq!(all.next(Wall(300)), None);
}

#[test]
fn a_deadline_inside_or_after_maintenance_becomes_its_end_and_the_threshold() {
    let once = only(Window::once(Wall(100_000), Wall(200_000)).unwrap());
    assert_eq!(pushed(&once, Wall(50_000), 60_000), Wall(260_000), "inside");
    assert_eq!(pushed(&once, Wall(90_000), 150_000), Wall(350_000), "after");
    assert_eq!(pushed(&once, Wall(0), 60_000), Wall(60_000), "before");
    assert_eq!(pushed(&once, Wall(200_000), 60_000), Wall(260_000), "over already");
}

#[test]
fn a_host_is_not_lost_in_a_maintenance_that_recurs_within_every_threshold() {
    let nightly = only(recurring("0 2 * * *", "UTC", 3_600));
    let seen = at("2026-11-26T01:00:00Z");
    let deadline = pushed(&nightly, seen, 25 * HOUR);
    assert!(deadline <= seen.plus_ms(3 * 25 * HOUR + 4 * HOUR), "{}", deadline.rfc3339());
    assert!(!nightly.covers(deadline.plus_ms(1)));
}

#[test]
fn impossible_windows_are_refused_with_the_fix() {
    assert!(Window::once(Wall(10), Wall(9)).is_err());
    assert!(Window::once(Wall(0), Wall(i64::from(LENGTH_MAX_S) * 1_000)).is_ok());
    assert!(Window::once(Wall(0), Wall(i64::from(LENGTH_MAX_S) * 1_000 + 1)).is_err());
    let hourly = || crate::cron::schedule("@hourly", "UTC").cron().unwrap().clone();
    assert!(Window::recurring(hourly(), 3_599).is_ok());
    assert!(Window::recurring(hourly(), 3_600).unwrap_err().message.contains("would never end"));
    assert!(Window::recurring(hourly(), 0).is_err());
    let many = vec![Window::once(Wall(0), Wall(1)).unwrap(); WINDOWS_MAX + 1];
    assert!(Maintenance::new(many).is_err());
}

fn any_maintenance() -> impl Strategy<Value = Maintenance> {
    let minutes = |range: std::ops::Range<i64>| range.prop_map(|minutes| minutes * MINUTE);
    let once =
        (minutes(0..20_000), minutes(1..3_000)).prop_map(|(from, length)| Window::once(Wall(from), Wall(from + length)).unwrap());
    let line = prop_oneof![Just("0 2 * * *"), Just("30 */6 * * *"), Just("15 3 * * sun"), Just("@hourly")];
    let recurring = (line, 60_u32..3_500).prop_map(|(line, length_s)| recurring(line, "UTC", length_s / 60 * 60));
    proptest::collection::vec(prop_oneof![once, recurring], 0..5).prop_map(|windows| Maintenance::new(windows).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn what_is_covered_agrees_with_a_walk_of_minutes(maintenance in any_maintenance(), from in 0..10 * DAY) {
        let from = from / MINUTE * MINUTE;
        let covered: Vec<bool> = (0..4_000).map(|minute| maintenance.covers(Wall(from + minute * MINUTE))).collect();
        let minute = |at: Wall| ((at.0 - from) / MINUTE) as usize;
        if let Some(end) = maintenance.until(Wall(from)).map(minute).filter(|end| *end < covered.len()) {
            prop_assert!(covered[..end].iter().all(|inside| *inside) && !covered[end]);
        }
        if let Some(next) = maintenance.next(Wall(from)).filter(|next| minute(next.from) < covered.len()) {
            let begins = minute(next.from);
            prop_assert!(covered[begins] && !covered[begins - 1]);
            let free = covered.iter().position(|inside| !inside).unwrap();
            prop_assert!(covered[free..begins].iter().all(|inside| !inside), "nothing lies before the next");
        }
    }

    #[test]
    fn a_deadline_is_pushed_and_never_fired_and_never_inside(maintenance in any_maintenance(), since in 0..12 * DAY, minutes in 1_i64..3_000) {
        let threshold = minutes * MINUTE;
        let deadline = pushed(&maintenance, Wall(since), threshold);
        prop_assert!(deadline >= Wall(since + threshold));
        prop_assert!(!maintenance.covers(deadline.plus_ms(1)), "nobody is told inside maintenance");
    }

    #[test]
    fn a_later_heartbeat_never_makes_a_host_overdue_sooner(
        maintenance in any_maintenance(), since in 0..12 * DAY, later in 0..2 * DAY, minutes in 1_i64..3_000,
    ) {
        let threshold = minutes * MINUTE;
        prop_assert!(pushed(&maintenance, Wall(since + later), threshold) >= pushed(&maintenance, Wall(since), threshold));
    }
}
