//! Hosts that are due at the occurrences of a crontab line: a heartbeat at each, within the grace.

use crate::brute::{DAY, HOUR, MINUTE};
use chrono::DateTime;
use domain::host::HostDraft;
use domain::schedule::{BusinessHours, Schedule};
use domain::signal::Signal;
use domain::time::{Now, Steady, Wall};
use domain::watch::{Verdict, Watch};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::Arc;

const OFFSET: i64 = 555_000;

pub(crate) fn schedule(line: &str, zone: &str) -> Schedule {
    let config = json!({"cron": line, "timezone": zone});
    Schedule::parse("cron", Some(&config), &BusinessHours::default()).unwrap()
}

fn errors(config: &Value) -> Vec<String> {
    let errors = Schedule::parse("cron", Some(config), &BusinessHours::default()).unwrap_err();
    errors.iter().map(ToString::to_string).collect()
}

fn ms(text: &str) -> i64 {
    DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis()
}

fn now(text: &str) -> Now {
    at(ms(text))
}

fn at(wall: i64) -> Now {
    Now { wall: Wall(wall), steady: Steady(wall - OFFSET) }
}

/// A nightly job in Berlin with 10 minutes of grace, made at `from`.
fn nightly(from: &str) -> Watch {
    Watch::new(86_400, 600, Arc::new(schedule("0 2 * * *", "Europe/Berlin")), now(from).steady)
}

/// When `watch` would alert, seen from `text`, in UTC.
fn deadline(watch: &Watch, text: &str) -> String {
    match watch.evaluate(now(text)) {
        Verdict::Waiting { deadline } => now(text).wall_at(deadline).rfc3339(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_heartbeat_is_due_at_each_occurrence_within_the_grace() {
    let mut watch = nightly("2026-11-26T12:00:00Z");
    watch.on_beat(Signal::Success, now("2026-11-26T12:30:00Z").steady);
    assert_eq!(deadline(&watch, "2026-11-26T13:00:00Z"), "2026-11-27T01:10:00.000Z");
    let late = at(ms("2026-11-27T01:10:00Z") + 1);
    assert!(matches!(watch.evaluate(late), Verdict::Overdue { .. }));
    assert_eq!(watch.wake_at(now("2026-11-26T13:00:00Z")), Some(late.steady));
    watch.on_beat(Signal::Success, now("2026-11-27T01:04:00Z").steady);
    assert_eq!(deadline(&watch, "2026-11-27T01:30:00Z"), "2026-11-28T01:10:00.000Z");
}

#[test]
fn a_heartbeat_just_before_an_occurrence_does_not_count_for_it() {
    let mut watch = nightly("2026-11-26T12:00:00Z");
    watch.on_beat(Signal::Success, now("2026-11-27T00:59:59Z").steady);
    assert_eq!(deadline(&watch, "2026-11-27T01:00:00Z"), "2026-11-27T01:10:00.000Z");
    watch.on_beat(Signal::Success, now("2026-11-27T01:00:00Z").steady);
    assert_eq!(deadline(&watch, "2026-11-27T01:00:00Z"), "2026-11-28T01:10:00.000Z");
}

#[test]
fn a_host_never_seen_is_due_at_the_first_occurrence_after_it_was_added_or_resumed() {
    let mut watch = nightly("2026-11-26T12:00:00Z");
    assert_eq!(deadline(&watch, "2026-11-26T12:00:00Z"), "2026-11-27T01:10:00.000Z");
    watch.pause();
    watch.resume(now("2026-11-27T01:05:00Z").steady);
    assert_eq!(deadline(&watch, "2026-11-27T01:05:00Z"), "2026-11-28T01:10:00.000Z");
}

#[test]
fn the_frequency_is_told_and_not_judged_by() {
    for frequency_s in [1, 3_600, 366 * 86_400] {
        let mut watch = nightly("2026-11-26T12:00:00Z");
        watch.frequency_s = frequency_s;
        assert_eq!(deadline(&watch, "2026-11-26T12:00:00Z"), "2026-11-27T01:10:00.000Z");
        let next = watch.next_expected_by(now("2026-11-26T12:00:00Z")).unwrap();
        assert_eq!(next.rfc3339(), "2026-11-27T01:00:00.000Z");
    }
}

#[test]
fn a_draft_without_a_frequency_takes_that_of_its_line() {
    let draft = |line: &str| {
        let draft = json!({"name": "Backup", "schedule_type": "cron", "schedule_config": {"cron": line, "timezone": "UTC"}});
        serde_json::from_value::<HostDraft>(draft).unwrap().create(&BusinessHours::default()).unwrap().frequency_s
    };
    assert_eq!(draft("0 2 * * *"), 86_400);
    assert_eq!(draft("*/5 * * * *"), 300);
    assert_eq!(draft("0 9-17 * * 1-5"), 64 * 3_600);
    assert_eq!(draft("0 0 29 2 *"), 366 * 86_400);
    let missing: HostDraft = serde_json::from_value(json!({"name": "Backup", "schedule_type": "always"})).unwrap();
    assert_eq!(missing.create(&BusinessHours::default()).unwrap_err()[0].field, "expected_frequency");
}

#[test]
fn a_night_without_two_o_clock_is_due_at_three_and_one_with_two_of_them_once() {
    let spring = nightly("2027-03-27T12:00:00Z");
    assert_eq!(deadline(&spring, "2027-03-27T12:00:00Z"), "2027-03-28T01:10:00.000Z");
    let mut autumn = nightly("2027-10-30T12:00:00Z");
    assert_eq!(deadline(&autumn, "2027-10-30T12:00:00Z"), "2027-10-31T00:10:00.000Z");
    autumn.on_beat(Signal::Success, now("2027-10-31T00:01:00Z").steady);
    assert_eq!(deadline(&autumn, "2027-10-31T01:30:00Z"), "2027-11-01T01:10:00.000Z");
}

#[test]
fn explain_names_the_occurrence_the_line_and_the_grace() {
    let mut watch = nightly("2026-11-26T12:00:00Z");
    assert_eq!(
        watch.explain(now("2026-11-27T00:30:00Z")).text,
        "unknown: never seen, watched since 2026-11-26 13:00:00 Europe/Berlin; \
         alerts at 02:10:00 = due 02:00:00 (0 2 * * *) + 10 min grace"
    );
    watch.on_beat(Signal::Success, now("2026-11-27T01:01:00Z").steady);
    assert_eq!(
        watch.explain(now("2026-11-27T01:30:00Z")).text,
        "up: last seen 2026-11-27 02:01:00 Europe/Berlin; \
         alerts at 2026-11-28 02:10:00 = due 2026-11-28 02:00:00 (0 2 * * *) + 10 min grace"
    );
    watch.grace_s = 0;
    let text = watch.explain(now("2026-11-28T02:00:00Z")).text;
    assert!(text.ends_with("; overdue since 02:00:00 = due 02:00:00 (0 2 * * *)"), "{text}");
    watch.silenced_until = Some(Wall(ms("2026-11-28T03:00:00Z")));
    let text = watch.explain(now("2026-11-28T02:00:00Z")).text;
    assert!(text.ends_with("= due 2026-11-29 02:00:00 (0 2 * * *), the first since silenced until 04:00:00"), "{text}");
}

#[test]
fn a_line_that_never_occurs_in_its_zone_says_so() {
    let watch = Watch::new(300, 60, Arc::new(schedule("*/5 2 * 3 7L", "Europe/Berlin")), now("2026-11-26T12:00:00Z").steady);
    assert_eq!(watch.evaluate(now("2026-11-26T12:00:00Z")), Verdict::NeverDue);
    let text = watch.explain(now("2026-11-26T12:00:00Z")).text;
    assert!(text.ends_with("; never alerts: \"*/5 2 * 3 7L\" never occurs in Europe/Berlin"), "{text}");
}

#[test]
fn a_deaf_window_puts_off_a_deadline_in_or_after_it_to_the_next_occurrence() {
    let seen = |watch: &mut Watch| watch.on_beat(Signal::Success, now("2026-11-26T01:01:00Z").steady);
    let deaf = |watch: &mut Watch, from: &str, to: &str| watch.on_deaf(now(from).steady, now(to).steady, now(to));
    let mut before = nightly("2026-11-25T12:00:00Z");
    seen(&mut before);
    deaf(&mut before, "2026-11-26T20:00:00Z", "2026-11-26T20:01:00Z");
    assert_eq!(deadline(&before, "2026-11-26T20:01:00Z"), "2026-11-27T01:10:00.000Z", "the occurrence is still to come");
    let mut over = nightly("2026-11-25T12:00:00Z");
    seen(&mut over);
    deaf(&mut over, "2026-11-27T01:02:00Z", "2026-11-27T01:03:00Z");
    assert_eq!(deadline(&over, "2026-11-27T01:03:00Z"), "2026-11-28T01:10:00.000Z", "its heartbeat may have been lost");
    let mut after = nightly("2026-11-25T12:00:00Z");
    seen(&mut after);
    deaf(&mut after, "2026-11-27T01:11:00Z", "2026-11-27T01:30:00Z");
    assert!(matches!(after.evaluate(now("2026-11-27T01:30:00Z")), Verdict::Overdue { .. }), "it was late before");
}

#[test]
fn a_hub_restarted_at_every_occurrence_alerts_at_the_third() {
    let mut watch = nightly("2026-11-25T12:00:00Z");
    watch.on_beat(Signal::Success, now("2026-11-26T01:01:00Z").steady);
    for day in ["27", "28"] {
        let (from, to) = (now(&format!("2026-11-{day}T01:05:00Z")), now(&format!("2026-11-{day}T01:06:00Z")));
        watch.on_deaf(from.steady, to.steady, to);
    }
    assert_eq!(deadline(&watch, "2026-11-28T01:06:00Z"), "2026-11-29T01:10:00.000Z");
    let (from, to) = (now("2026-11-29T01:05:00Z"), now("2026-11-29T01:06:00Z"));
    watch.on_deaf(from.steady, to.steady, to);
    assert_eq!(deadline(&watch, "2026-11-29T01:06:00Z"), "2026-11-29T01:10:00.000Z");
    assert!(watch.explain(to).text.contains("the first since hub was not listening several times, counted from "));
}

#[test]
fn a_clock_step_moves_occurrences_and_nothing_else() {
    let mut watch = nightly("2026-11-25T12:00:00Z");
    watch.on_beat(Signal::Success, now("2026-11-26T01:01:00Z").steady);
    // The clock was an hour slow and is set right: 02:00 comes an hour of elapsed time sooner.
    let here = Now { wall: Wall(ms("2026-11-26T13:00:00Z")), steady: now("2026-11-26T12:00:00Z").steady };
    let Verdict::Waiting { deadline } = watch.evaluate(here) else { panic!("it is in time") };
    assert_eq!(deadline, now("2026-11-27T00:10:00Z").steady);
    assert_eq!(here.wall_at(deadline).rfc3339(), "2026-11-27T01:10:00.000Z");
}

#[test]
fn a_run_and_an_occurrence_are_both_watched() {
    let mut watch = nightly("2026-11-25T12:00:00Z");
    watch.on_beat(Signal::Start, now("2026-11-26T01:00:01Z").steady);
    // A start is no sign of life: the occurrence is still owed its heartbeat.
    assert_eq!(deadline(&watch, "2026-11-26T01:00:01Z"), "2026-11-26T01:10:00.000Z");
    watch.on_beat(Signal::Success, now("2026-11-26T01:02:00Z").steady);
    watch.on_beat(Signal::Start, now("2026-11-26T01:03:00Z").steady);
    assert_eq!(deadline(&watch, "2026-11-26T01:03:00Z"), "2026-11-26T01:13:00.000Z", "the run ends sooner");
    watch.on_beat(Signal::Success, now("2026-11-26T01:05:00Z").steady);
    assert_eq!(deadline(&watch, "2026-11-26T01:05:00Z"), "2026-11-27T01:10:00.000Z");
}

#[test]
fn errors_of_a_cron_schedule_are_told_at_once_with_their_path() {
    assert_eq!(
        errors(&json!({"cron": "61 25 * * *", "timezone": "Berlin", "windows": []})),
        [
            "schedule_config.windows: is not known here; known are cron, timezone",
            "schedule_config.cron: minute: 61 is out of range, must be from 0 to 59; hour: 25 is out of range, must be from 0 to 23",
            "schedule_config.timezone: must be an IANA time zone, did you mean Europe/Berlin?",
        ]
    );
    let line = r#"schedule_config.cron: must be a crontab line in quotes, for example "0 2 * * *""#;
    assert_eq!(errors(&json!({"cron": 5, "timezone": "UTC"})), [line]);
    assert_eq!(errors(&json!({"timezone": "UTC"})), [line]);
    let whole = "schedule_config: is missing: a cron schedule needs its line, for example";
    assert!(errors(&Value::Null)[0].starts_with(whole));
    assert!(errors(&json!({"cron": "@reboot", "timezone": "UTC"}))[0].starts_with("schedule_config.cron: @reboot is no time"));
}

#[test]
fn what_is_stored_reads_back_as_the_same_schedule() {
    let schedule = schedule("  */5   9-17 * *  mon-fri ", "Europe/Berlin");
    let stored = schedule.config().unwrap();
    assert_eq!(stored.to_string(), r#"{"cron":"*/5 9-17 * * mon-fri","timezone":"Europe/Berlin"}"#);
    assert_eq!(Schedule::parse("cron", Some(&stored), &BusinessHours::default()), Ok(schedule.clone()));
    assert!(schedule.is_open(Wall(0)), "a host due by the clock may be heard at any time");
}

/// A line in UTC and its occurrences of some days written down a second time.
fn any_line() -> impl Strategy<Value = (String, Vec<i64>)> {
    let hours = proptest::collection::btree_set(0_i64..24, 1..5);
    (0_i64..60, hours, proptest::collection::btree_set(1_i64..31, 0..6)).prop_map(|(minute, hours, days)| {
        let text = |set: &std::collections::BTreeSet<i64>| set.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let day = if days.is_empty() { "*".to_owned() } else { text(&days) };
        let line = format!("{minute} {} {day} * *", text(&hours));
        let on = |day: &i64| days.is_empty() || days.contains(day);
        // January has 31 days; a line without one in it is not among them, `days` are from 1 to 30.
        let all =
            (1..=31).filter(on).flat_map(|day| hours.iter().map(move |hour| (day - 1) * DAY + hour * HOUR + minute * MINUTE));
        (line, all.collect())
    })
}

proptest! {
    /// A host is overdue when an occurrence after its last heartbeat is longer ago than the grace. Nothing else matters.
    #[test]
    fn a_host_is_overdue_as_the_model_says((line, occurrences) in any_line(), seen in 0..31 * DAY, ahead in 0..20 * DAY, grace_s in 0_u32..100_000) {
        let january = ms("2027-01-01T00:00:00Z");
        let mut watch = Watch::new(60, grace_s, Arc::new(schedule(&line, "UTC")), at(january).steady);
        watch.on_beat(Signal::Success, at(january + seen).steady);
        let now = (seen + ahead).min(31 * DAY - 1);
        let missed = occurrences.iter().any(|due| *due > seen && now - due > i64::from(grace_s) * 1_000);
        prop_assert_eq!(matches!(watch.evaluate(at(january + now)), Verdict::Overdue { .. }), missed);
    }
}
