//! The rule of the product, stepped through time by a model that shares no code with the judge.

use crate::brute::{DAY, HOUR, MINUTE, Shape, schedule_of};
use chrono_tz::Tz;
use domain::signal::Signal;
use domain::time::{Now, Steady, Wall};
use domain::watch::{Verdict, Watch};
use proptest::prelude::*;

/// Monday, 2026-11-02 00:00 UTC.
const MONDAY: i64 = 1_793_577_600_000;
const OFFSET: i64 = 777_777_777;

fn now(wall: i64) -> Now {
    Now { wall: Wall(wall), steady: Steady(wall - OFFSET) }
}

/// Windows of five weeks around `MONDAY`, in UTC, from the minutes of the week.
fn model_windows(shapes: &[Shape]) -> Vec<(i64, i64)> {
    let mut week = vec![false; 10_080];
    for shape in shapes {
        let length = if shape.end > shape.start { shape.end - shape.start } else { shape.end + 1_440 - shape.start };
        for day in &shape.days {
            let start = (usize::from(*day) - 1) * 1_440 + usize::from(shape.start);
            (start..start + usize::from(length)).for_each(|minute| week[minute % 10_080] = true);
        }
    }
    let mut windows: Vec<(i64, i64)> = Vec::new();
    for minute in -10_080..4 * 10_080_i64 {
        let at = MONDAY + minute * MINUTE;
        match windows.last_mut() {
            _ if !week[minute.rem_euclid(10_080) as usize] => {}
            Some((_, closes)) if *closes == at => *closes += MINUTE,
            _ => windows.push((at, at + MINUTE)),
        }
    }
    windows
}

/// Product, section 4, word for word.
fn model_overdue(windows: &[(i64, i64)], threshold: i64, seen: i64, now: i64) -> bool {
    let Some((opens, closes)) = windows.iter().copied().find(|(opens, closes)| *opens <= now && now < *closes) else {
        return false; // outside every window: never overdue
    };
    if closes - opens <= threshold {
        // a window shorter than the threshold: the time inside windows since last seen counts
        let inside: i64 = windows.iter().map(|(opens, closes)| (now.min(*closes) - seen.max(*opens)).max(0)).sum();
        return inside > threshold;
    }
    if seen < opens { now - opens > threshold } else { now - seen > threshold }
}

fn any_shape() -> impl Strategy<Value = Shape> {
    let minute = || (0_u16..96).prop_map(|m| m * 15);
    (proptest::collection::btree_set(1_u8..=7, 1..=7), minute(), minute()).prop_map(|(days, start, end)| {
        let end = if end == start { 1_440 } else { end };
        Shape { days: days.into_iter().collect(), start, end }
    })
}

fn any_threshold() -> impl Strategy<Value = i64> {
    prop_oneof![1_i64..3_600, (1_i64..96).prop_map(|quarters| quarters * 900), 3_600_i64..5 * 86_400]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_judge_follows_the_rule_at_every_step(
        shapes in proptest::collection::vec(any_shape(), 1..4),
        threshold_s in any_threshold(),
        seen in 0_i64..7 * 86_400,
        step in 5 * MINUTE..40 * MINUTE,
    ) {
        let schedule = schedule_of(Tz::UTC, &shapes, &[]);
        let windows = model_windows(&shapes);
        let seen = MONDAY + seen * 1_000;
        let mut watch = Watch::new(threshold_s as u32, 0, schedule.into(), now(MONDAY).steady);
        watch.on_beat(Signal::Success, now(seen).steady);
        let mut at = seen;
        while at < seen + 12 * DAY {
            // Around each step, the edges too: whole minutes and a millisecond to both sides.
            let whole = at.div_euclid(MINUTE) * MINUTE;
            for at in [at, whole, whole - 1, whole + 1].into_iter().filter(|at| *at >= seen) {
                let overdue = matches!(watch.evaluate(now(at)), Verdict::Overdue { .. });
                prop_assert_eq!(overdue, model_overdue(&windows, threshold_s * 1_000, seen, at), "{} ms after seen", at - seen);
            }
            at += step;
        }
    }

    #[test]
    fn the_deadline_is_the_first_instant_of_the_rule(
        shapes in proptest::collection::vec(any_shape(), 1..4),
        threshold_s in any_threshold(),
        seen in 0_i64..7 * 86_400,
        later in 0_i64..3 * 86_400,
    ) {
        let windows = model_windows(&shapes);
        let seen = MONDAY + seen * 1_000;
        let mut watch = Watch::new(threshold_s as u32, 0, schedule_of(Tz::UTC, &shapes, &[]).into(), now(MONDAY).steady);
        watch.on_beat(Signal::Success, now(seen).steady);
        let begin = seen + later * 1_000;
        prop_assume!(matches!(watch.evaluate(now(begin)), Verdict::Waiting { .. }));
        let wake = watch.wake_at(now(begin)).unwrap().0 + OFFSET;
        prop_assume!(wake < MONDAY + 27 * DAY);
        // Between the two, nothing: each minute, and the edges.
        let mut at = begin;
        while at < wake {
            prop_assert!(!model_overdue(&windows, threshold_s * 1_000, seen, at));
            at += if wake - begin > DAY { 10 * MINUTE } else { MINUTE };
        }
        prop_assert!(!model_overdue(&windows, threshold_s * 1_000, seen, wake - 1));
        prop_assert!(model_overdue(&windows, threshold_s * 1_000, seen, wake));
    }
}

#[test]
fn the_model_knows_the_products_example() {
    let windows = model_windows(&[crate::brute::shape(1..=7, "08:00", "10:00")]);
    let yesterday = MONDAY - 14 * HOUR;
    assert!(!model_overdue(&windows, 6 * MINUTE, yesterday, MONDAY + 8 * HOUR + 6 * MINUTE));
    assert!(model_overdue(&windows, 6 * MINUTE, yesterday, MONDAY + 8 * HOUR + 6 * MINUTE + 1));
}
