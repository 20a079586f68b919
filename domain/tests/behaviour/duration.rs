//! Durations in and out.

use domain::duration::{Seconds, parse, short, words, words_ms};
use proptest::prelude::*;

#[test]
fn what_people_write_is_read() {
    for (text, seconds) in [
        ("90", 90),
        ("0", 0),
        ("45s", 45),
        ("5m", 300),
        ("1h30m", 5_400),
        ("2d", 172_800),
        ("1w", 604_800),
        ("1w2d3h4m5s", 788_645),
        (" 5m ", 300),
        ("90m", 5_400),
        ("1h90m", 9_000),
    ] {
        assert_eq!(parse(text), Ok(seconds), "{text}");
    }
}

#[test]
fn what_is_no_duration_is_refused() {
    for text in ["", " ", "m", "5", "5x", "1m1h", "1m1m", "1h30", "-5", "+5", "1.5h", "5 m", "5M", "1hm", "h1", "٣m", "5mé", "é"]
    {
        assert_eq!(parse(text).is_err(), text != "5", "{text}");
    }
}

#[test]
fn a_duration_too_long_to_count_is_refused_without_overflow() {
    for text in ["18446744073709551616", "30500568904944w", "18446744073709551615s1s", "1w18446744073709551615s"] {
        assert!(parse(text).is_err(), "{text}");
    }
    assert_eq!(parse("18446744073709551615"), Ok(u64::MAX));
}

#[test]
fn numbers_and_text_come_from_json_alike() {
    let read = |json: &str| serde_json::from_str::<Seconds>(json);
    assert_eq!(read("300").unwrap().within("f", 1..=600), Ok(300));
    assert_eq!(read("\"5m\"").unwrap().within("f", 1..=600), Ok(300));
    assert_eq!(read("true").unwrap_err().to_string(), "expected whole seconds or text such as 5m, 1h30m or 2d");
    assert!(read("1.5").is_err());
}

#[test]
fn a_range_is_kept_to_the_second_and_told_in_the_error() {
    let of = |n| Seconds::Number(n).within("grace_period", 0..=30 * 86_400).map_err(|e| e.to_string());
    assert_eq!((of(0), of(2_592_000)), (Ok(0), Ok(2_592_000)));
    let told = Err("grace_period: must be between 0s and 30d, for example 5m".to_owned());
    for n in [-1, 2_592_001, i64::MAX, i64::MIN] {
        assert_eq!(of(n), told);
    }
    let far = Seconds::Text("9999999999999".into()).within("x", 1..=100).unwrap_err();
    assert_eq!(far.to_string(), "x: must be between 1s and 100s, for example 1s");
    let bad = Seconds::Text("soon".into()).within("x", 1..=100).unwrap_err();
    assert!(bad.to_string().starts_with("x: is no duration: write seconds or units"), "{bad}");
}

#[test]
fn durations_read_as_words() {
    for (seconds, long, brief) in [
        (0, "0 seconds", "0 s"),
        (1, "1 second", "1 s"),
        (45, "45 seconds", "45 s"),
        (60, "1 minute", "60 s"),
        (119, "1 minute 59 seconds", "119 s"),
        (120, "2 minutes", "2 min"),
        (300, "5 minutes", "5 min"),
        (5_400, "1 hour 30 minutes", "1 h 30 min"),
        (172_800, "2 days", "2 d"),
        (90_061, "1 day 1 hour 1 minute 1 second", "1 d 1 h 1 min 1 s"),
    ] {
        assert_eq!((words(seconds).as_str(), short(seconds).as_str()), (long, brief));
    }
}

#[test]
fn outages_read_in_their_two_largest_units() {
    for (ms, text) in [
        (843_000, "14 minutes 3 seconds"),
        (-5, "less than a second"),
        (999, "less than a second"),
        (1_000, "1 second"),
        (3_661_000, "1 hour 1 minute"),
        (90_061_000, "1 day 1 hour"),
        (86_400_000 + 59_000, "1 day"),
        (i64::MIN, "less than a second"),
    ] {
        assert_eq!(words_ms(ms), text);
    }
}

proptest! {
    #[test]
    fn a_duration_made_of_units_reads_as_their_sum(w in 0_u64..9, d in 0_u64..9, h in 0_u64..99, m in 0_u64..99, s in 0_u64..99) {
        let text = format!("{w}w{d}d{h}h{m}m{s}s");
        prop_assert_eq!(parse(&text), Ok(w * 604_800 + d * 86_400 + h * 3_600 + m * 60 + s));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,12}|[0-9wdhms]{0,30}") {
        let _ = parse(&text);
    }
}
