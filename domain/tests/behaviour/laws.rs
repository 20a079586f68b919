//! What holds for every host and every history.

use crate::brute::{HOUR, MINUTE, schedule_of, shape};
use chrono_tz::Tz;
use domain::host::Status;
use domain::schedule::Schedule;
use domain::signal::Signal;
use domain::time::{Now, Steady, Wall};
use domain::watch::{Verdict, Watch};
use proptest::prelude::*;
use std::sync::Arc;

/// Two days before Berlin's clocks go back in 2026.
const BEGIN: i64 = 1_792_713_600_000;
const OFFSET: i64 = 31_415_926;

fn now(steady: i64) -> Now {
    Now { wall: Wall(BEGIN + OFFSET + steady), steady: Steady(BEGIN + steady) }
}

fn schedules() -> Vec<Arc<Schedule>> {
    let zone = Tz::Europe__Berlin;
    let holiday = "2026-10-26".parse().unwrap();
    vec![
        Arc::new(Schedule::Always),
        Arc::new(schedule_of(zone, &[shape(1..=5, "08:00", "18:00")], &[])),
        Arc::new(schedule_of(zone, &[shape(1..=7, "22:00", "06:00")], &[])),
        Arc::new(schedule_of(zone, &[shape(1..=7, "08:00", "08:30"), shape(1..=7, "12:00", "20:00")], &[])),
        Arc::new(schedule_of(zone, &[shape(1..=7, "00:00", "24:00")], &[holiday])),
        Arc::new(schedule_of(zone, &[shape(1..=7, "02:10", "02:20")], &[])),
        Arc::new(crate::cron::schedule("30 2 * * *", "Europe/Berlin")),
        Arc::new(crate::cron::schedule("*/20 7-19 * * 1-5", "Europe/Berlin")),
    ]
}

#[derive(Clone, Debug)]
enum Event {
    Beat(Signal),
    Deaf(i64),
    Pause,
    Resume,
    Silence(i64),
}

fn any_event() -> impl Strategy<Value = Event> {
    let signal =
        prop_oneof![4 => Just(Signal::Success), 2 => Just(Signal::Start), 1 => Just(Signal::Fail), 1 => Just(Signal::Log)];
    prop_oneof![
        5 => signal.prop_map(Event::Beat),
        5 => (1_i64..3 * HOUR).prop_map(Event::Deaf),
        1 => Just(Event::Pause),
        1 => Just(Event::Resume),
        1 => (1_i64..2 * HOUR).prop_map(Event::Silence),
    ]
}

/// A history: pauses between events, and the events.
fn any_history() -> impl Strategy<Value = Vec<(i64, Event)>> {
    let gap = prop_oneof![0_i64..10 * MINUTE, 0_i64..9 * HOUR];
    proptest::collection::vec((gap, any_event()), 0..14)
}

fn any_watch() -> impl Strategy<Value = Watch> {
    let seconds = || prop_oneof![1_u32..600, 600_u32..100_000];
    (0..schedules().len(), seconds(), prop_oneof![Just(0), seconds()])
        .prop_map(|(i, frequency_s, grace_s)| Watch::new(frequency_s, grace_s, Arc::clone(&schedules()[i]), now(0).steady))
}

/// A watch with its history behind it, and what the disk would hold.
struct Lived {
    watch: Watch,
    /// The steady time it is now, since `BEGIN`.
    at: i64,
    /// All absences, as stored.
    deaf: Vec<(Steady, Steady)>,
    /// The start of the open run, as stored.
    run: Option<Steady>,
}

/// Lives `history` as the actor would: an overdue host is recorded as down before anything else happens to it.
fn live(watch: Watch, history: &[(i64, Event)]) -> Lived {
    let mut lived = Lived { watch, at: 0, deaf: Vec::new(), run: None };
    for (gap, event) in history {
        lived.at += gap;
        record(&mut lived);
        let here = now(lived.at);
        match event {
            Event::Beat(signal) => {
                lived.watch.on_beat(*signal, here.steady);
                lived.run = match signal {
                    Signal::Start => Some(here.steady),
                    signal if signal.is_life() => None,
                    _ => lived.run,
                };
            }
            Event::Deaf(ms) => {
                lived.at += ms;
                lived.deaf.push((here.steady, now(lived.at).steady));
                lived.watch.on_deaf(here.steady, now(lived.at).steady, now(lived.at));
            }
            Event::Pause => lived.watch.pause(),
            Event::Resume if lived.watch.paused => lived.watch.resume(here.steady),
            Event::Resume => {}
            Event::Silence(ms) => lived.watch.silenced_until = Some(here.wall.plus_ms(*ms)),
        }
    }
    lived
}

fn record(lived: &mut Lived) {
    if matches!(lived.watch.evaluate(now(lived.at)), Verdict::Overdue { .. }) {
        lived.watch.status = Status::Down;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_later_beat_never_makes_a_host_overdue_sooner(
        watch in any_watch(), history in any_history(), back in 0_i64..5 * HOUR, ahead in 0_i64..50 * HOUR,
    ) {
        let lived = live(watch, &history);
        let mut seen = lived.watch.clone();
        seen.on_beat(Signal::Success, now((lived.at - back).max(0)).steady);
        let then = now(lived.at + ahead);
        match (lived.watch.evaluate(then), seen.evaluate(then)) {
            (Verdict::Waiting { deadline }, Verdict::Waiting { deadline: with_beat }) => prop_assert!(with_beat >= deadline),
            (before, Verdict::Overdue { .. }) => prop_assert!(matches!(before, Verdict::Overdue { .. } | Verdict::Down), "{before:?}"),
            (_, Verdict::Down) => prop_assert!(false, "a success leaves nobody down"),
            _ => {}
        }
    }

    #[test]
    fn a_waiting_host_is_woken_after_now_at_the_first_overdue_instant(
        watch in any_watch(), history in any_history(), ahead in 0_i64..50 * HOUR,
    ) {
        let lived = live(watch, &history);
        let here = now(lived.at + ahead);
        let Verdict::Waiting { deadline } = lived.watch.evaluate(here) else { return Ok(()) };
        let wake = lived.watch.wake_at(here).unwrap();
        prop_assert!(wake > here.steady && wake == deadline.plus_ms(1));
        let instant = |steady: Steady| Now { wall: here.wall_at(steady), steady };
        prop_assert_eq!(lived.watch.evaluate(instant(deadline)), Verdict::Waiting { deadline });
        let overdue = matches!(lived.watch.evaluate(instant(wake)), Verdict::Overdue { deadline: d, .. } if d == deadline);
        prop_assert!(overdue, "{:?}", lived.watch.evaluate(instant(wake)));
    }

    #[test]
    fn a_restart_from_disk_gives_the_same_verdict(watch in any_watch(), history in any_history(), ahead in 0_i64..50 * HOUR) {
        let lived = live(watch, &history);
        let live = &lived.watch;
        let mut rebuilt = Watch::new(live.frequency_s, live.grace_s, Arc::clone(&live.schedule), live.judged_from);
        rebuilt.status = live.status;
        rebuilt.paused = live.paused;
        rebuilt.last_seen = live.last_seen;
        rebuilt.silenced_until = live.silenced_until;
        rebuilt.run_started = lived.run;
        let here = now(lived.at + ahead);
        for (from, to) in lived.deaf.iter().filter(|(_, to)| live.last_seen.is_none_or(|seen| *to > seen)) {
            rebuilt.on_deaf(*from, *to, here);
        }
        prop_assert_eq!(rebuilt.evaluate(here), live.evaluate(here));
        prop_assert_eq!(rebuilt.explain(here), live.explain(here));
    }

    #[test]
    fn an_absence_never_makes_a_host_overdue_sooner(
        watch in any_watch(), history in any_history(), ms in 1_i64..3 * HOUR, ahead in 0_i64..50 * HOUR,
    ) {
        let mut lived = live(watch, &history);
        record(&mut lived);
        let mut deaf = lived.watch.clone();
        let end = now(lived.at + ms);
        deaf.on_deaf(now(lived.at).steady, end.steady, end);
        let then = now(lived.at + ms + ahead);
        match (lived.watch.evaluate(then), deaf.evaluate(then)) {
            (Verdict::Waiting { deadline }, Verdict::Waiting { deadline: put_off }) => prop_assert!(put_off >= deadline),
            (before, Verdict::Overdue { .. }) => prop_assert!(matches!(before, Verdict::Overdue { .. }), "{before:?}"),
            _ => {}
        }
    }

    #[test]
    fn a_first_absence_gives_the_whole_threshold_after_it(
        watch in any_watch(), seen in 0_i64..40 * HOUR, share in 0_i64..=100, ms in 1_i64..9 * HOUR,
    ) {
        let mut watch = watch;
        watch.on_beat(Signal::Success, now(seen).steady);
        let Verdict::Waiting { deadline } = watch.evaluate(now(seen)) else { return Ok(()) };
        let from = seen + deadline.since_ms(now(seen).steady) * share / 100;
        let (from, to) = (now(from), now(from + ms));
        watch.on_deaf(from.steady, to.steady, to);
        let Verdict::Waiting { deadline } = watch.evaluate(to) else { panic!("{:?}", watch.evaluate(to)) };
        match watch.schedule.cron() {
            // The whole grace after the next occurrence is what a threshold is to a host due by the clock.
            Some(cron) => {
                let due = to.steady_at(cron.next_after(to.wall).unwrap());
                prop_assert_eq!(deadline, due.plus_ms(i64::from(watch.grace_s) * 1_000));
            }
            None => prop_assert!(deadline >= to.steady.plus_ms(watch.threshold_ms())),
        }
    }

    #[test]
    fn the_wall_clock_has_no_say_over_an_always_host(watch in any_watch(), history in any_history(), ahead in 0_i64..50 * HOUR, step in any::<i64>()) {
        let watch = Watch::new(watch.frequency_s, watch.grace_s, Schedule::Always.into(), watch.judged_from);
        let history: Vec<_> = history.into_iter().filter(|(_, event)| !matches!(event, Event::Silence(_))).collect();
        let lived = live(watch, &history);
        let here = now(lived.at + ahead);
        let stepped = Now { wall: here.wall.plus_ms(step), ..here };
        prop_assert_eq!(lived.watch.evaluate(stepped), lived.watch.evaluate(here));
    }

    #[test]
    fn no_instant_and_no_number_breaks_the_judge(watch in any_watch(), wall in any::<i64>(), steady in any::<i64>(), seen in any::<i64>()) {
        let mut watch = watch;
        watch.on_beat(Signal::Success, Steady(seen));
        watch.on_beat(Signal::Start, Steady(seen));
        let here = Now { wall: Wall(wall), steady: Steady(steady) };
        watch.on_deaf(Steady(seen), Steady(steady), here);
        watch.silenced_until = Some(Wall(wall.wrapping_add(seen)));
        watch.evaluate(here);
        watch.next_expected_by(here);
        prop_assert!(!watch.explain(here).text.is_empty());
    }
}
