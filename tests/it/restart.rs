//! T4 and T5 in small: the hub is stopped, ended or killed for longer than its hosts may be silent. Who calls again is not
//! alerted, who is dead is, and who was known to be dead stays one alert.

use crate::api::{Api, signal};
use crate::callers::{Absence, Callers, Moment};
use crate::process::{Client, HubProcess, stopwatch};
use crate::writers::start;
use rustix::process::Signal;
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};

const ALIVE: usize = 5;
/// Hosts call several times a second, and may be silent for 3 s and 2 s grace.
const EVERY: Duration = Duration::from_millis(300);
const ALLOWED: Duration = Duration::from_secs(5);
/// Twice what hosts may be silent.
const AWAY: Duration = Duration::from_secs(10);
/// After this long every verdict about the absence has been made, on a machine that is not too slow.
const AFTER: Duration = Duration::from_secs(8);
/// A machine may be too slow to call in time, and then proves nothing; more often than this it is no machine for tests.
const TRIES: usize = 4;

#[test]
fn a_hub_that_was_stopped_alerts_only_for_the_dead() {
    only_the_dead_are_alerted_over(|hub, _| {
        signal(&hub, Signal::STOP);
        let from = stopwatch();
        std::thread::sleep(AWAY);
        let to = stopwatch();
        signal(&hub, Signal::CONT);
        (hub, Absence { from, to })
    });
}

#[test]
fn a_hub_that_was_off_alerts_only_for_the_dead() {
    only_the_dead_are_alerted_over(|hub, folder| {
        assert_eq!(hub.terminate(), Some(0));
        away_from(stopwatch(), folder)
    });
}

#[test]
fn a_hub_that_was_killed_alerts_only_for_the_dead() {
    only_the_dead_are_alerted_over(|hub, folder| {
        hub.kill();
        away_from(stopwatch(), folder)
    });
}

fn away_from(from: Instant, folder: &Path) -> (HubProcess, Absence) {
    std::thread::sleep(AWAY);
    let to = stopwatch();
    (start(folder), Absence { from, to })
}

fn only_the_dead_are_alerted_over(absence: impl Fn(HubProcess, &Path) -> (HubProcess, Absence)) {
    let judged = (0..TRIES).map(|_| alerted_over(&absence)).find(|judged| *judged > 0);
    assert!(judged.is_some(), "this machine was too slow to call in time, {TRIES} times over");
}

/// Fails on any alert that is not true or is missing; answers how many hosts certainly called in time.
fn alerted_over(absence: impl Fn(HubProcess, &Path) -> (HubProcess, Absence)) -> usize {
    let folder = tempfile::tempdir().expect("a folder");
    let hub = start(folder.path());
    let mut api = Api::new(&hub);
    let host = |name: &str| json!({"name": name, "expected_frequency": 3, "grace_period": 2});
    let mut callers = Callers::new(&hub);
    for n in 0..ALIVE {
        let name = format!("alive-{n}");
        let (made, path) = Moment::of(|| api.add(&host(&name)));
        callers.add(&name, path, EVERY, made);
    }
    api.add(&json!({"name": "gone", "expected_frequency": 1, "grace_period": 0}));
    api.wait_for_alert_of("gone");
    let dying = api.add(&host("dying"));
    let (last, answer) = Moment::of(|| Client::new(&hub.address).send("GET", &dying, &[], b"").expect("an answer"));
    assert_eq!(answer.status, 200);

    let (hub, away) = absence(hub, folder.path());
    callers.go_to(&hub);
    let mut api = Api::new(&hub);
    api.wait_for_alert_of("dying");
    let after = stopwatch() - away.to;
    println!("restart: the dying host was alerted {after:?} after the hub was back");
    let was_due_before = away.from - last.earliest > ALLOWED;
    assert!(was_due_before || after >= ALLOWED, "the absence itself was held against it: {after:?}");
    std::thread::sleep(AFTER.saturating_sub(after));

    let alerted = api.alerted();
    let until = stopwatch();
    let records = callers.end();
    let timely = records.iter().filter(|r| !r.may_be_overdue(ALLOWED, &[away], until));
    let timely: Vec<&str> = timely.map(|r| r.host.as_str()).collect();
    let calls: usize = records.iter().map(|r| r.lives.len() - 1).sum();
    println!("restart: {calls} calls, {} of {ALIVE} hosts certainly called in time", timely.len());
    let false_alerts: Vec<_> = alerted.iter().filter(|host| timely.contains(&host.as_str())).collect();
    assert!(false_alerts.is_empty(), "{false_alerts:?} called in time: {}", hub.log());
    let once = |name| alerted.iter().filter(|host| *host == name).count();
    assert_eq!((once("dying"), once("gone")), (1, 1), "{alerted:?}");
    assert_eq!(hub.terminate(), Some(0));
    timely.len()
}
