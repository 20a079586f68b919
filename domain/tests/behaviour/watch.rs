//! One host, told by timetables: when silence is forgiven and when it is not.

use crate::brute::{DAY, HOUR, MINUTE, schedule_of, shape};
use chrono::DateTime;
use chrono_tz::Tz;
use domain::host::Status;
use domain::schedule::Schedule;
use domain::signal::Signal;
use domain::time::{Now, Steady, Wall};
use domain::watch::{Reason, Verdict, Watch};

/// Where the wall clock stands when the steady timeline stands at 0: the two must not be mixed up.
const OFFSET: i64 = 1_000_000_000_000;

fn at(text: &str) -> Now {
    let wall = DateTime::parse_from_rfc3339(&format!("{text}Z")).unwrap().timestamp_millis();
    Now { wall: Wall(wall), steady: Steady(wall - OFFSET) }
}

fn second(s: i64) -> Now {
    Now { wall: Wall(OFFSET + s * 1_000), steady: Steady(s * 1_000) }
}

fn always(frequency_s: u32, grace_s: u32) -> Watch {
    Watch::new(frequency_s, grace_s, Schedule::Always.into(), Steady(0))
}

fn mornings(frequency_s: u32, grace_s: u32, seen: &str) -> Watch {
    let schedule = schedule_of(Tz::UTC, &[shape(1..=7, "08:00", "10:00")], &[]);
    let mut watch = Watch::new(frequency_s, grace_s, schedule.into(), at("2026-11-01T00:00:00").steady);
    watch.on_beat(Signal::Success, at(seen).steady);
    watch
}

fn waits_until(watch: &Watch, now: Now) -> i64 {
    match watch.evaluate(now) {
        Verdict::Waiting { deadline } => deadline.0 / 1_000,
        other => panic!("{other:?}"),
    }
}

fn is_overdue(watch: &Watch, now: Now) -> bool {
    matches!(watch.evaluate(now), Verdict::Overdue { .. })
}

#[test]
fn a_watch_is_small() {
    assert!(size_of::<Watch>() <= 128, "{}", size_of::<Watch>());
}

#[test]
fn silent_since_yesterday_means_an_alert_six_minutes_into_the_window() {
    let watch = mornings(300, 60, "2026-11-22T09:59:30");
    assert!(!is_overdue(&watch, at("2026-11-23T08:01:00")));
    assert_eq!(watch.evaluate(at("2026-11-23T07:00:00")), Verdict::Waiting { deadline: at("2026-11-23T08:06:00").steady });
    assert!(!is_overdue(&watch, at("2026-11-23T08:06:00")));
    assert!(is_overdue(&watch, at("2026-11-23T08:06:00.001")));
    assert!(is_overdue(&watch, at("2026-11-23T09:59:59.999")));
    assert_eq!(watch.evaluate(at("2026-11-23T10:00:00")), Verdict::Waiting { deadline: at("2026-11-24T08:06:00").steady });
}

#[test]
fn seen_within_the_window_the_threshold_counts_from_there() {
    let watch = mornings(300, 60, "2026-11-23T08:30:00");
    assert_eq!(watch.evaluate(at("2026-11-23T08:30:00")), Verdict::Waiting { deadline: at("2026-11-23T08:36:00").steady });
    let late = mornings(300, 60, "2026-11-23T09:54:00");
    assert_eq!(late.evaluate(at("2026-11-23T09:59:59")), Verdict::Waiting { deadline: at("2026-11-24T08:06:00").steady });
}

#[test]
fn in_windows_shorter_than_the_threshold_open_time_counts() {
    let watch = mornings(4 * 3_600, 1_800, "2026-11-22T09:00:00");
    // 1 h on the 22nd, 2 h on the 23rd, and 1 h 30 min on the 24th make four and a half.
    assert_eq!(watch.evaluate(at("2026-11-22T09:00:00")), Verdict::Waiting { deadline: at("2026-11-24T09:30:00").steady });
    assert!(!is_overdue(&watch, at("2026-11-24T09:30:00")));
    assert!(is_overdue(&watch, at("2026-11-24T09:30:00.001")));
    assert!(!is_overdue(&watch, at("2026-11-24T10:00:00")));
    assert!(is_overdue(&watch, at("2026-11-25T08:00:00")));
    assert_eq!(watch.wake_at(at("2026-11-25T07:00:00")), Some(at("2026-11-25T08:00:00").steady));
}

#[test]
fn a_deadline_in_the_last_millisecond_of_a_window_is_left_to_the_next() {
    let watch = mornings(300, 60, "2026-11-23T09:53:59.999");
    assert!(!is_overdue(&watch, at("2026-11-23T09:59:59.999")) && !is_overdue(&watch, at("2026-11-23T10:00:00")));
    assert_eq!(watch.wake_at(at("2026-11-23T09:59:00")), Some(at("2026-11-24T08:06:00.001").steady));
    let earlier = mornings(300, 60, "2026-11-23T09:53:59.998");
    assert!(is_overdue(&earlier, at("2026-11-23T09:59:59.999")));
}

#[test]
fn a_window_as_long_as_the_threshold_counts_open_time() {
    let watch = mornings(7_200, 0, "2026-11-22T12:00:00");
    assert!(!is_overdue(&watch, at("2026-11-23T09:59:59.999")));
    assert_eq!(watch.evaluate(at("2026-11-23T09:00:00")), Verdict::Waiting { deadline: at("2026-11-24T08:00:00").steady });
}

#[test]
fn a_beat_during_the_grace_keeps_the_host_up() {
    let mut watch = always(300, 60);
    watch.on_beat(Signal::Success, second(0).steady);
    assert_eq!(watch.evaluate(second(350)), Verdict::Waiting { deadline: second(360).steady });
    watch.on_beat(Signal::Success, second(350).steady);
    assert_eq!(waits_until(&watch, second(361)), 710);
}

#[test]
fn a_host_never_seen_is_judged_from_its_creation_or_resume() {
    let mut watch = always(300, 60);
    assert_eq!((watch.status, waits_until(&watch, second(0))), (Status::Unknown, 360));
    watch.pause();
    assert_eq!((watch.evaluate(second(9_999)), watch.wake_at(second(9_999))), (Verdict::Paused, None));
    watch.resume(second(10_000).steady);
    assert_eq!(waits_until(&watch, second(10_001)), 10_360);
}

#[test]
fn failure_is_down_at_once_and_success_up_again() {
    let mut watch = always(300, 60);
    for (signal, status) in [
        (Signal::Log, Status::Unknown),
        (Signal::Start, Status::Unknown),
        (Signal::Fail, Status::Down),
        (Signal::Start, Status::Down),
        (Signal::Success, Status::Up),
        (Signal::Exit(3), Status::Down),
        (Signal::Exit(0), Status::Up),
    ] {
        watch.on_beat(signal, second(10).steady);
        assert_eq!(watch.status, status, "{signal:?}");
    }
    watch.on_beat(Signal::Fail, second(20).steady);
    assert_eq!(
        (watch.last_seen, watch.evaluate(second(21)), watch.wake_at(second(21))),
        (Some(second(20).steady), Verdict::Down, None)
    );
}

#[test]
fn last_seen_never_moves_back() {
    let mut watch = always(300, 60);
    watch.on_beat(Signal::Success, second(100).steady);
    watch.on_beat(Signal::Success, second(50).steady);
    assert_eq!(watch.last_seen, Some(second(100).steady));
}

#[test]
fn a_last_seen_in_the_future_is_clamped_to_now() {
    let mut watch = always(300, 60);
    watch.on_beat(Signal::Success, second(1_000_000).steady);
    assert_eq!(waits_until(&watch, second(100)), 460);
}

#[test]
fn a_note_and_a_start_are_no_life() {
    let mut watch = always(300, 0);
    watch.on_beat(Signal::Log, second(200).steady);
    watch.on_beat(Signal::Start, second(200).steady);
    assert_eq!((watch.last_seen, waits_until(&watch, second(201))), (None, 300));
}

#[test]
fn a_run_that_does_not_finish_within_its_grace_is_overdue() {
    let mut watch = always(86_400, 600);
    watch.on_beat(Signal::Success, second(0).steady);
    watch.on_beat(Signal::Start, second(1_000).steady);
    assert_eq!(waits_until(&watch, second(1_600)), 1_600);
    assert_eq!(watch.evaluate(second(1_601)), Verdict::Overdue { deadline: second(1_600).steady, reason: Reason::RunTooLong });
    watch.on_beat(Signal::Success, second(1_602).steady);
    assert_eq!(waits_until(&watch, second(1_603)), 1_602 + 87_000);
}

#[test]
fn a_run_of_a_host_without_grace_may_take_its_frequency() {
    let mut watch = always(600, 0);
    watch.on_beat(Signal::Success, second(500).steady);
    watch.on_beat(Signal::Start, second(100).steady);
    assert_eq!(watch.run_started, None, "a start overtaken by its finish opens no run");
    watch.on_beat(Signal::Start, second(600).steady);
    assert_eq!(waits_until(&watch, second(700)), 1_100);
    watch.on_beat(Signal::Start, second(900).steady);
    assert_eq!(watch.evaluate(second(1_101)), Verdict::Overdue { deadline: second(1_100).steady, reason: Reason::Missed });
}

#[test]
fn a_run_past_its_grace_outside_of_windows_alerts_when_one_opens() {
    let mut watch = mornings(300, 60, "2026-11-23T09:58:00");
    watch.on_beat(Signal::Start, at("2026-11-23T09:59:30").steady);
    let opening = at("2026-11-24T08:00:00");
    for now in ["2026-11-23T09:59:59", "2026-11-23T10:00:30", "2026-11-23T20:00:00", "2026-11-24T07:59:59.999"] {
        assert_eq!(watch.wake_at(at(now)), Some(opening.steady), "{now}");
    }
    assert!(matches!(watch.evaluate(opening), Verdict::Overdue { reason: Reason::RunTooLong, .. }));
}

#[test]
fn a_silence_puts_the_deadline_off_and_never_fires_it() {
    let mut watch = always(300, 60);
    watch.on_beat(Signal::Success, second(0).steady);
    watch.silenced_until = Some(second(1_200).wall);
    assert_eq!(waits_until(&watch, second(100)), 1_560);
    assert_eq!(waits_until(&watch, second(1_201)), 1_560);
    watch.silenced_until = Some(second(10).wall);
    assert_eq!(waits_until(&watch, second(100)), 370);
    watch.silenced_until = Some(Wall(0));
    assert_eq!(waits_until(&watch, second(100)), 360);
    watch.on_beat(Signal::Start, second(100).steady);
    watch.silenced_until = Some(second(5_000).wall);
    assert_eq!(waits_until(&watch, second(200)), 5_060);
}

#[test]
fn a_clock_step_neither_fires_nor_clears_an_always_host() {
    let mut watch = always(300, 60);
    watch.on_beat(Signal::Success, second(0).steady);
    for step in [-10 * DAY, -HOUR, 0, MINUTE, 400 * DAY, i64::MAX, i64::MIN] {
        let stepped = |s| Now { wall: second(s).wall.plus_ms(step), steady: second(s).steady };
        assert_eq!(waits_until(&watch, stepped(360)), 360, "{step}");
        assert!(is_overdue(&watch, stepped(361)), "{step}");
    }
}

#[test]
fn a_clock_step_moves_windows_and_nothing_else() {
    let watch = mornings(300, 60, "2026-11-22T09:00:00");
    let now = at("2026-11-23T07:00:00");
    let stepped = Now { wall: now.wall.plus_ms(HOUR), ..now };
    assert_eq!(watch.evaluate(stepped), Verdict::Waiting { deadline: now.steady.plus_ms(6 * MINUTE) });
}

#[test]
fn a_deadline_during_the_hubs_absence_is_put_off_to_its_end_and_the_threshold() {
    let mut watch = always(300, 60);
    watch.on_beat(Signal::Success, second(0).steady);
    watch.on_deaf(second(360).steady, second(5_000).steady, second(5_000));
    assert_eq!(waits_until(&watch, second(5_000)), 5_360);
    watch.on_beat(Signal::Success, second(5_100).steady);
    assert_eq!(waits_until(&watch, second(5_100)), 5_460);
}

#[test]
fn a_deadline_before_the_hubs_absence_alerts_at_once() {
    let mut watch = always(300, 60);
    watch.on_beat(Signal::Success, second(0).steady);
    watch.on_deaf(Steady(360_001), second(5_000).steady, second(5_000));
    assert_eq!(watch.evaluate(second(5_000)), Verdict::Overdue { deadline: second(360).steady, reason: Reason::Missed });
}

#[test]
fn a_host_down_before_the_hubs_absence_stays_down_silently() {
    let mut watch = always(300, 60);
    watch.on_beat(Signal::Fail, second(0).steady);
    watch.on_deaf(second(10).steady, second(5_000).steady, second(5_000));
    assert_eq!(watch.evaluate(second(5_000)), Verdict::Down);
    watch.on_beat(Signal::Success, second(5_001).steady);
    assert_eq!(waits_until(&watch, second(5_001)), 5_361);
}

#[test]
fn a_run_open_during_the_hubs_absence_starts_anew_after_it() {
    let mut watch = always(86_400, 600);
    watch.on_beat(Signal::Start, second(1_000).steady);
    watch.on_deaf(second(1_600).steady, second(5_000).steady, second(5_000));
    assert_eq!(waits_until(&watch, second(5_000)), 5_600);
    let mut passed = always(86_400, 600);
    passed.on_beat(Signal::Start, second(1_000).steady);
    passed.on_deaf(second(1_601).steady, second(5_000).steady, second(5_000));
    assert!(is_overdue(&passed, second(5_000)));
}

#[test]
fn a_hub_restarted_every_day_is_not_blind_to_a_daily_host() {
    let hour = |h: i64| second(h * 3_600);
    let mut watch = always(86_400, 3_600);
    watch.on_beat(Signal::Success, hour(0).steady);
    let mut overdue_after = None;
    for day in 1..10 {
        let (from, to) = (hour(24 * day), second(24 * day * 3_600 + 60));
        if is_overdue(&watch, from) {
            overdue_after = Some(day);
            break;
        }
        watch.on_deaf(from.steady, to.steady, to);
    }
    // Three thresholds of 25 h, and some minutes of absence.
    assert_eq!(overdue_after, Some(4));
}

#[test]
fn an_absence_within_a_window_puts_off_a_host_seen_days_ago() {
    let weekdays = schedule_of(Tz::UTC, &[shape(1..=5, "08:00", "10:00")], &[]);
    let mut watch = Watch::new(300, 60, weekdays.into(), at("2026-11-01T00:00:00").steady);
    watch.on_beat(Signal::Success, at("2026-11-20T09:59:00").steady);
    // Friday to Monday: restarts over the weekend, and one in the very minute of the deadline.
    for (from, to) in [("21T03:00:00", "21T04:00:00"), ("22T03:00:00", "22T03:00:10"), ("23T08:05:00", "23T08:10:00")] {
        let (from, to) = (at(&format!("2026-11-{from}")), at(&format!("2026-11-{to}")));
        watch.on_deaf(from.steady, to.steady, to);
    }
    assert_eq!(watch.evaluate(at("2026-11-23T08:10:00")), Verdict::Waiting { deadline: at("2026-11-23T08:16:00").steady });
}

#[test]
fn a_hub_away_every_night_is_not_blind_to_hosts_with_short_windows() {
    let offices = schedule_of(Tz::UTC, &[shape(1..=7, "08:00", "16:00")], &[]);
    let mut watch = Watch::new(86_400, 3_600, offices.into(), at("2026-11-01T08:00:00").steady);
    let night = |day: i64, hour: i64| {
        let wall = at("2026-11-01T00:00:00").wall.plus_ms(day * DAY + hour * HOUR);
        Now { wall, steady: Steady(wall.0 - OFFSET) }
    };
    // 75 h of listening, 8 h a day: overdue in the afternoon of the tenth.
    for day in 0..9 {
        assert!(!is_overdue(&watch, night(day, 15)), "day {day}");
        watch.on_deaf(night(day, 18).steady, night(day, 30).steady, night(day, 30));
    }
    assert_eq!(watch.evaluate(night(9, 9)), Verdict::Waiting { deadline: night(9, 11).steady });
}

#[test]
fn an_absence_over_a_whole_window_waits_for_the_next() {
    let mut watch = mornings(300, 60, "2026-11-22T09:00:00");
    watch.on_deaf(at("2026-11-22T09:01:00").steady, at("2026-11-23T12:00:00").steady, at("2026-11-23T12:00:00"));
    assert_eq!(watch.evaluate(at("2026-11-23T12:00:00")), Verdict::Waiting { deadline: at("2026-11-24T08:06:00").steady });
}

#[test]
fn an_absence_told_twice_counts_once() {
    let mut watch = always(300, 60);
    watch.on_beat(Signal::Success, second(0).steady);
    watch.on_deaf(second(100).steady, second(200).steady, second(200));
    let once = watch.clone();
    watch.on_deaf(second(100).steady, second(200).steady, second(200));
    watch.on_deaf(second(200).steady, second(200).steady, second(200));
    watch.on_deaf(Steady(-5), second(0).steady, second(200));
    assert_eq!(watch, once);
}

#[test]
fn an_absence_before_the_last_life_or_resume_is_past() {
    let mut watch = always(300, 60);
    watch.on_beat(Signal::Success, second(1_000).steady);
    let (seen, mut late) = (watch.clone(), watch.clone());
    watch.on_deaf(second(500).steady, second(1_000).steady, second(1_000));
    assert_eq!(watch, seen);
    // What of it came before the last life does not count either.
    late.on_deaf(second(900).steady, second(1_200).steady, second(1_200));
    watch.on_deaf(second(1_000).steady, second(1_200).steady, second(1_200));
    assert_eq!(watch, late);
}

#[test]
fn life_from_before_an_absence_handled_late_does_not_take_its_extra_time_away() {
    let mut watch = always(300, 60);
    watch.on_beat(Signal::Success, second(0).steady);
    watch.on_deaf(second(100).steady, second(5_000).steady, second(5_000));
    watch.on_beat(Signal::Success, second(90).steady);
    assert_eq!(waits_until(&watch, second(5_001)), 5_360);
}

#[test]
fn a_host_whose_windows_leave_no_room_is_never_due() {
    let schedule = schedule_of(Tz::UTC, &[shape(1..=1, "08:00", "08:30")], &[]);
    let watch = Watch::new(300 * 86_400, 0, schedule.into(), at("2026-11-01T00:00:00").steady);
    let now = at("2026-11-23T08:10:00");
    assert_eq!(watch.evaluate(now), Verdict::NeverDue);
    assert!(watch.wake_at(now).is_some_and(|wake| wake > now.steady));
    assert!(watch.explain(now).text.contains("never alerts"));
}

#[test]
fn a_silence_of_years_is_still_judged() {
    let watch = mornings(300, 60, "2020-01-01T09:00:00");
    assert!(is_overdue(&watch, at("2026-11-23T08:06:01")));
    let scarce = mornings(4 * 3_600, 1_800, "2020-01-01T09:00:00");
    assert!(is_overdue(&scarce, at("2026-11-23T08:06:01")));
}

#[test]
fn the_next_heartbeat_is_expected_before_the_grace() {
    let mut watch = mornings(300, 60, "2026-11-22T09:59:30");
    assert_eq!(watch.next_expected_by(at("2026-11-22T10:01:00")), Some(at("2026-11-23T08:05:00").wall));
    watch.on_beat(Signal::Success, at("2026-11-23T08:30:00").steady);
    assert_eq!(watch.next_expected_by(at("2026-11-23T08:31:00")), Some(at("2026-11-23T08:35:00").wall));
    watch.pause();
    assert_eq!(watch.next_expected_by(at("2026-11-23T08:31:00")), None);
}

#[test]
fn every_verdict_explains_itself() {
    let now = at("2026-11-23T08:00:00");
    let text = |watch: &Watch| watch.explain(now).text;
    let mut watch = mornings(300, 60, "2026-11-23T07:59:30");
    assert_eq!(
        text(&watch),
        "up: last seen 2026-11-23 07:59:30 UTC; alerts at 08:06:00 = window opens 08:00:00 + every 5 min + 60 s grace"
    );
    assert_eq!(watch.explain(now).deadline, Some(at("2026-11-23T08:06:00").wall));
    watch.on_deaf(at("2026-11-23T07:59:40").steady, at("2026-11-23T08:03:00").steady, at("2026-11-23T08:03:00"));
    assert_eq!(
        text(&watch),
        "up: last seen 2026-11-23 07:59:30 UTC; alerts at 08:09:00 = hub was not listening until 08:03:00 + every 5 min + 60 s grace"
    );
    watch.silenced_until = Some(at("2026-11-24T08:20:00").wall);
    assert_eq!(
        text(&watch),
        "up: last seen 2026-11-23 07:59:30 UTC; alerts at 2026-11-24 08:26:00 = silenced until 2026-11-24 08:20:00 + every 5 min + 60 s grace"
    );
    watch.pause();
    assert_eq!(text(&watch), "paused (up): last seen 2026-11-23 07:59:30 UTC; not judged until it is resumed");
}

#[test]
fn down_and_overdue_and_never_seen_hosts_explain_themselves() {
    let now = at("2026-11-23T08:00:00");
    let berlin = schedule_of(Tz::Europe__Berlin, &[shape(1..=7, "00:00", "24:00")], &[]);
    let mut watch = Watch::new(7_200, 0, berlin.into(), at("2026-11-23T07:00:00").steady);
    assert_eq!(
        watch.explain(now).text,
        "unknown: never seen, watched since 2026-11-23 08:00:00 Europe/Berlin; alerts at 10:00:00 = watched since 08:00:00 + every 2 h"
    );
    assert_eq!(
        watch.explain(at("2026-11-24T08:00:00")).text,
        "unknown: never seen, watched since 2026-11-23 08:00:00 Europe/Berlin; \
         overdue since 2026-11-23 10:00:00 = watched since 2026-11-23 08:00:00 + every 2 h"
    );
    watch.on_beat(Signal::Fail, at("2026-11-23T07:30:00").steady);
    assert_eq!(watch.explain(now).text, "down: last seen 2026-11-23 08:30:00 Europe/Berlin; its next success brings it up");
    assert_eq!(watch.explain(now).deadline, None);
}

#[test]
fn runs_and_short_windows_explain_themselves() {
    let mut watch = mornings(300, 60, "2026-11-23T09:58:00");
    watch.on_beat(Signal::Start, at("2026-11-23T09:58:30").steady);
    assert_eq!(
        watch.explain(at("2026-11-23T09:58:40")).text,
        "up: last seen 2026-11-23 09:58:00 UTC; alerts at 09:59:30 = run started 09:58:30 + 60 s grace"
    );
    assert_eq!(
        watch.explain(at("2026-11-24T07:00:00")).text,
        "up: last seen 2026-11-23 09:58:00 UTC; alerts at 08:00:00 = window opens 08:00:00, \
         with more than 60 s grace gone since run started 2026-11-23 09:58:30"
    );
    let scarce = mornings(4 * 3_600, 1_800, "2026-11-22T09:00:00");
    assert_eq!(
        scarce.explain(at("2026-11-22T09:00:00")).text,
        "up: last seen 2026-11-22 09:00:00 UTC; alerts at 2026-11-24 09:30:00 = last seen 09:00:00 + every 4 h + 30 min grace, \
         counting only time inside windows"
    );
}
