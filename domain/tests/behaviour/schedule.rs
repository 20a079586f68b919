//! Schedules as people configure them, and what they are told when that cannot be.

use domain::schedule::{BusinessHours, Schedule, Window};
use domain::time::Wall;
use serde_json::{Value, json};

#[expect(clippy::needless_pass_by_value, reason = "json! values read better without a borrow")]
fn parse(kind: &str, config: Value) -> Result<Schedule, Vec<String>> {
    Schedule::parse(kind, Some(&config), &BusinessHours::default()).map_err(|e| e.iter().map(ToString::to_string).collect())
}

fn errors(kind: &str, config: Value) -> Vec<String> {
    parse(kind, config).unwrap_err()
}

fn one_window(start: &str, end: &str) -> Value {
    json!({"timezone": "UTC", "windows": [{"days": [1], "start": start, "end": end}]})
}

#[test]
fn a_schedule_is_two_words() {
    assert!(size_of::<Schedule>() <= 16);
}

#[test]
fn always_takes_no_config() {
    assert_eq!(Schedule::parse("always", None, &BusinessHours::default()), Ok(Schedule::Always));
    assert_eq!(parse("always", Value::Null), Ok(Schedule::Always));
    assert_eq!(parse("always", json!({})), Ok(Schedule::Always));
    assert_eq!(
        errors("always", json!({"timezone": "UTC"})),
        ["schedule_config: must be absent for schedule_type always; use custom to name windows"]
    );
}

#[test]
fn other_kinds_are_refused_with_the_accepted_ones() {
    for kind in ["Cron", "", "Always", "weekly"] {
        assert_eq!(errors(kind, Value::Null), ["schedule_type: must be always, business_hours, custom or cron"]);
    }
}

#[test]
fn business_hours_follow_the_hub_unless_they_override() {
    let plain = parse("business_hours", json!({})).unwrap();
    assert_eq!((plain.kind(), plain.config(), plain.timezone().name()), ("business_hours", None, "America/New_York"));
    let own = parse("business_hours", json!({"end": "17:30", "timezone": "Europe/Berlin"})).unwrap();
    assert_eq!(own.config(), Some(json!({"timezone": "Europe/Berlin", "end": "17:30"})));
    let monday = 1_763_942_400_000; // 2025-11-24 00:00 UTC
    let hour = 3_600_000;
    assert_eq!(
        own.windows_from(Wall(monday)).next(),
        Some(Window { opens: Some(Wall(monday + 7 * hour)), closes: Some(Wall(monday + 16 * hour + hour / 2)) })
    );
    assert_eq!(
        plain.windows_from(Wall(monday)).next(),
        Some(Window { opens: Some(Wall(monday + 13 * hour)), closes: Some(Wall(monday + 23 * hour)) })
    );
}

#[test]
fn business_hours_of_a_host_are_checked_with_the_hubs() {
    assert_eq!(
        errors("business_hours", json!({"start": "18:00"})),
        ["schedule_config.end: must differ from start; for the whole day write start 00:00 and end 24:00"]
    );
    assert_eq!(
        errors("business_hours", json!({"holidays": []})),
        ["schedule_config.holidays: is not known here; known are timezone, start, end, days"]
    );
    assert_eq!(errors("business_hours", json!([])), [r#"schedule_config: must be an object, for example {"start": "09:00"}"#]);
}

#[test]
fn the_hubs_business_hours_are_read_from_settings() {
    let hours = BusinessHours::parse("7:30", "24:00", " 1, 3 ,7", "Europe/Berlin").unwrap();
    assert_eq!((hours.start(), hours.end(), hours.days()), ("07:30".into(), "24:00".into(), vec![1, 3, 7]));
    let told: Vec<String> =
        BusinessHours::parse("24:00", "8", "0", "Nowhere").unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "BUSINESS_HOURS_START: must be a time from 00:00 to 23:59, for example 08:00",
            "BUSINESS_HOURS_END: must be a time from 00:00 to 24:00, for example 18:00",
            "BUSINESS_HOURS_DAYS: must be one or more days from 1 (Monday) to 7 (Sunday), for example 1,2,3,4,5",
            "BUSINESS_HOURS_TIMEZONE: must be an IANA time zone, for example Europe/Berlin, America/New_York or UTC",
        ]
    );
    let same = BusinessHours::parse("08:00", "08:00", "1", "UTC").unwrap_err();
    assert_eq!(same[0].field, "BUSINESS_HOURS_END");
    for days in ["", "5-1", "1-8", "1,,2", "1;2", "-"] {
        assert_eq!(BusinessHours::parse("08:00", "18:00", days, "UTC").unwrap_err()[0].field, "BUSINESS_HOURS_DAYS", "{days}");
    }
}

#[test]
fn every_error_of_a_custom_schedule_is_told_at_once_with_its_path() {
    let config = json!({
        "timezone": "Europe/Berlyn",
        "windows": [
            {"days": [1], "start": "08:00", "end": "18:00"},
            {"days": [], "start": "24:00", "end": "24:01", "colour": 1},
            {"days": [0], "start": "8", "end": "08:60"},
            "08:00-18:00",
        ],
        "holidays": ["2026-12-25", "2026-02-30", 7],
        "zone": "UTC",
    });
    let days = "must be one or more days from 1 (Monday) to 7 (Sunday), for example [1,2,3,4,5]";
    let start = "must be a time from 00:00 to 23:59, for example 08:00";
    let end = "must be a time from 00:00 to 24:00, for example 18:00";
    assert_eq!(
        errors("custom", config),
        [
            "schedule_config.zone: is not known here; known are timezone, windows, holidays".to_owned(),
            "schedule_config.timezone: must be an IANA time zone, did you mean Europe/Berlin?".to_owned(),
            "schedule_config.windows[1].colour: is not known here; known are days, start, end".to_owned(),
            format!("schedule_config.windows[1].days: {days}"),
            format!("schedule_config.windows[1].start: {start}"),
            format!("schedule_config.windows[1].end: {end}"),
            format!("schedule_config.windows[2].days: {days}"),
            format!("schedule_config.windows[2].start: {start}"),
            format!("schedule_config.windows[2].end: {end}"),
            r#"schedule_config.windows[3]: must be an object, for example {"days": [1,2,3,4,5], "start": "08:00", "end": "18:00"}"#.to_owned(),
            "schedule_config.holidays[1]: must be a date, for example 2026-12-25".to_owned(),
            "schedule_config.holidays[2]: must be a date, for example 2026-12-25".to_owned(),
        ]
    );
}

#[test]
fn a_custom_schedule_needs_its_windows() {
    for config in
        [json!({"timezone": "UTC"}), json!({"timezone": "UTC", "windows": []}), json!({"timezone": "UTC", "windows": {}})]
    {
        let told = errors("custom", config);
        assert!(told[0].starts_with("schedule_config.windows: must be a list of at least one window, for example"), "{told:?}");
    }
    for config in [Value::Null, json!(3), json!([])] {
        assert!(errors("custom", config)[0].starts_with("schedule_config: "));
    }
}

#[test]
fn times_are_strict_at_the_edges_of_the_day() {
    for (start, end) in [("00:00", "24:00"), ("22:00", "06:00"), ("23:59", "00:00"), ("9:05", "9:06")] {
        assert!(parse("custom", one_window(start, end)).is_ok(), "{start} {end}");
    }
    for (start, end) in
        [("24:00", "06:00"), ("08:00", "08:00"), ("08:00", "24:01"), ("08:00", "008:30"), ("+8:00", "9:00"), ("8:0", "9:00")]
    {
        assert_eq!(errors("custom", one_window(start, end)).len(), 1, "{start} {end}");
    }
}

#[test]
fn days_are_whole_numbers_from_monday_to_sunday() {
    for days in [json!([8]), json!([1.5]), json!(["1"]), json!(1), json!([-1]), json!([1, 0]), json!([u64::MAX])] {
        let told = errors("custom", json!({"timezone": "UTC", "windows": [{"days": days, "start": "08:00", "end": "09:00"}]}));
        assert!(told[0].starts_with("schedule_config.windows[0].days: "), "{told:?}");
    }
}

#[test]
fn holidays_are_real_dates() {
    for day in ["26-12-25", "2026-1-1", "+2026-12-25", "2026-12-25T00:00", "2026-13-01", "2025-02-29", "", "éééééééééé"]
    {
        let told = errors(
            "custom",
            json!({"timezone": "UTC", "windows": [{"days": [1], "start": "08:00", "end": "09:00"}], "holidays": [day]}),
        );
        assert_eq!(told, ["schedule_config.holidays[0]: must be a date, for example 2026-12-25"]);
    }
}

#[test]
fn windows_and_holidays_have_a_limit() {
    let window = json!({"days": [1], "start": "08:00", "end": "09:00"});
    let many = |windows: usize, holidays: usize| {
        parse(
            "custom",
            json!({"timezone": "UTC", "windows": vec![window.clone(); windows], "holidays": vec!["2026-01-01"; holidays]}),
        )
    };
    assert!(many(64, 1_000).is_ok());
    assert_eq!(many(65, 0).unwrap_err(), ["schedule_config.windows: must be at most 64 windows, these are 65"]);
    assert_eq!(
        many(1, 1_001).unwrap_err(),
        [r#"schedule_config.holidays: must be a list of at most 1000 dates, for example ["2026-12-25"]"#]
    );
}

#[test]
fn a_misspelt_zone_is_answered_with_the_nearest() {
    for (wrong, right) in [
        ("europe/berlin", "Europe/Berlin"),
        ("Berlin", "Europe/Berlin"),
        ("new york", "America/New_York"),
        ("America/NewYork", "America/New_York"),
        ("Asia/Kathmandoo", "Asia/Kathmandu"),
    ] {
        let told = errors("custom", json!({"timezone": wrong, "windows": [{"days": [1], "start": "08:00", "end": "09:00"}]}));
        assert_eq!(told, [format!("schedule_config.timezone: must be an IANA time zone, did you mean {right}?")]);
    }
    let long = "x".repeat(100_000);
    let told = errors("custom", json!({"timezone": long, "windows": [{"days": [1], "start": "08:00", "end": "09:00"}]}));
    assert!(told[0].ends_with("for example Europe/Berlin, America/New_York or UTC"));
}

#[test]
fn what_is_stored_reads_back_as_the_same_schedule() {
    let config = json!({
        "holidays": ["2026-12-25", "2026-01-01", "2026-12-25"],
        "timezone": "Europe/Berlin",
        "windows": [{"days": [5, 1, 5], "start": "22:00", "end": "6:00"}, {"days": [6], "start": "1:00", "end": "24:00"}],
    });
    let schedule = parse("custom", config).unwrap();
    let stored = schedule.config().unwrap();
    assert_eq!(
        stored.to_string(),
        r#"{"holidays":["2026-01-01","2026-12-25"],"timezone":"Europe/Berlin","windows":[{"days":[6],"end":"24:00","start":"01:00"},{"days":[1,5],"end":"06:00","start":"22:00"}]}"#
    );
    assert_eq!(parse("custom", stored), Ok(schedule));
    let hours = parse("business_hours", json!({"days": [6, 7], "start": "9:00"})).unwrap();
    assert_eq!(parse("business_hours", hours.config().unwrap()), Ok(hours));
}
