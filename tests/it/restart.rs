//! T4 and T5: the hub is stopped, ended or killed for longer than its hosts may be silent. Who calls again is not
//! alerted, who is dead is, and who was known to be dead stays one alert.
//!
//! Then absences of random lengths, one after the other: three of them, with `PULSEWARDEN_TORTURE=1` sixty.

use crate::api::{Api, signal};
use crate::callers::{Absence, Callers, Moment, Record};
use crate::process::{Client, HubProcess, is_torture, stopwatch};
use crate::writers::start;
use chrono::{DateTime, Datelike, Utc};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

const ALIVE: usize = 5;
/// Hosts call several times a second, and may be silent for 3 s and 2 s grace.
const EVERY: Duration = Duration::from_millis(300);
const ALLOWED: Duration = Duration::from_secs(5);
/// Twice what hosts may be silent.
const AWAY: Duration = Duration::from_secs(10);
/// After this long every verdict about the absence has been made, on a machine that is not too slow.
const AFTER: Duration = Duration::from_secs(8);
/// The ways of being away.
const STOPPED: u64 = 0;
const ENDED: u64 = 1;
const KILLED: u64 = 2;
const WAYS: u64 = 3;
/// A stop shorter than this may pass unnoticed, between two ticks that are not too late, and then pushes no deadline.
const NOTICED_FROM: Duration = Duration::from_millis(3_100);
/// How far the wall clock and the steady one may drift apart during a test.
const CLOCKS_DIFFER: Duration = Duration::from_millis(100);
/// A machine may be too slow to call in time, and then proves nothing; more often than this it is no machine for tests.
const TRIES: usize = 4;

#[test]
fn a_hub_that_was_stopped_alerts_only_for_the_dead() {
    only_the_dead_are_alerted_over(STOPPED);
}

#[test]
fn a_hub_that_was_off_alerts_only_for_the_dead() {
    only_the_dead_are_alerted_over(ENDED);
}

#[test]
fn a_hub_that_was_killed_alerts_only_for_the_dead() {
    only_the_dead_are_alerted_over(KILLED);
}

/// Away for so long in one of three ways: stopped, ended or killed.
fn absent(hub: HubProcess, folder: &Path, length: Duration, way: u64) -> (HubProcess, Absence) {
    if way == STOPPED {
        signal(&hub, Signal::STOP);
        let from = stopwatch();
        std::thread::sleep(length);
        let to = stopwatch();
        signal(&hub, Signal::CONT);
        return (hub, Absence { from, to });
    }
    if way == ENDED {
        assert_eq!(hub.terminate(), Some(0));
    } else {
        hub.kill();
    }
    let from = stopwatch();
    std::thread::sleep(length);
    let to = stopwatch();
    (start(folder), Absence { from, to })
}

fn only_the_dead_are_alerted_over(way: u64) {
    let judged = (0..TRIES).map(|_| alerted_over(way)).find(|judged| *judged > 0);
    assert!(judged.is_some(), "this machine was too slow to call in time, {TRIES} times over");
}

/// Fails on any alert that is not true or is missing; answers how many hosts certainly called in time.
fn alerted_over(way: u64) -> usize {
    let folder = tempfile::tempdir().expect("a folder");
    let hub = start(folder.path());
    let mut api = Api::new(&hub);
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

    let (hub, away) = absent(hub, folder.path(), AWAY, way);
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

/// Random numbers that replay from their seed.
struct Dice(u64);

impl Dice {
    /// The seed is printed; `PULSEWARDEN_SEED` replays it.
    fn new() -> Dice {
        let given = std::env::var("PULSEWARDEN_SEED").ok().and_then(|text| text.parse().ok());
        let seed = given.unwrap_or_else(|| u64::from(std::process::id()));
        println!("restart: PULSEWARDEN_SEED={seed}");
        Dice(seed)
    }

    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// Hosts that never call; beside them are those that do, and one that dies in each round.
const STANDING: [&str; 3] = ["paused", "gone", "asleep"];

#[test]
fn absences_of_random_lengths_alert_nobody_who_calls_and_nobody_twice() {
    let rounds = if is_torture() { 60 } else { 3 };
    let judged = (0..TRIES).map(|_| alerted_over_random_absences(rounds)).find(|judged| *judged > 0);
    assert!(judged.is_some(), "this machine was too slow to call in time, {TRIES} times over");
}

fn alerted_over_random_absences(rounds: usize) -> usize {
    let (mut dice, folder) = (Dice::new(), tempfile::tempdir().expect("a folder"));
    let mut hub = start(folder.path());
    let mut api = Api::new(&hub);
    let mut callers = Callers::new(&hub);
    for n in 0..ALIVE {
        let name = format!("alive-{n}");
        let (made, path) = Moment::of(|| api.add(&host(&name)));
        callers.add(&name, path, EVERY, made);
    }
    STANDING.iter().for_each(|name| drop(api.add(&standing(name))));
    assert_eq!(api.post("/api/v1/hosts/paused/pause", b"").status, 200);
    api.wait_for_alert_of("gone");
    let (mut absences, mut dying) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let name = format!("dying-{round}");
        let path = api.add(&host(&name));
        let (last, answer) = Moment::of(|| Client::new(&hub.address).send("GET", &path, &[], b"").expect("an answer"));
        assert_eq!(answer.status, 200);
        dying.push(Record { host: name, lives: vec![last] });
        std::thread::sleep(Duration::from_millis(dice.below(4_000)));
        let length = Duration::from_millis(200 + dice.below(2 * ALLOWED.as_millis() as u64));
        let way = dice.below(WAYS);
        let away;
        (hub, away) = absent(hub, folder.path(), length, way);
        callers.go_to(&hub);
        api = Api::new(&hub);
        if way != STOPPED || length >= NOTICED_FROM {
            absences.push(away);
        }
    }
    dying.iter().for_each(|record| api.wait_for_alert_of(&record.host));
    let (made, alerted, until) = (made_at(&mut api), api.alerted(), stopwatch());
    for record in &dying {
        let at = made.iter().find(|(host, _)| *host == record.host).expect("its alert").1;
        let early = !record.may_be_overdue(ALLOWED - CLOCKS_DIFFER, &absences, at);
        assert!(!early, "{} was alerted too early: {}", record.host, hub.log());
    }
    let records = callers.end();
    let timely = records.iter().filter(|r| !r.may_be_overdue(ALLOWED, &absences, until));
    let timely: Vec<&str> = timely.map(|r| r.host.as_str()).collect();
    println!("restart: {rounds} absences, {} of {ALIVE} hosts certainly called in time, {} alerts", timely.len(), alerted.len());
    for host in timely.iter().copied().chain(["paused", "asleep"]) {
        assert!(!alerted.iter().any(|id| id == host), "{host} was not overdue: {}", hub.log());
    }
    for host in dying.iter().map(|record| record.host.as_str()).chain(["gone"]) {
        assert_eq!(alerted.iter().filter(|id| *id == host).count(), 1, "{host}: one outage is one alert: {alerted:?}");
    }
    assert_eq!(hub.terminate(), Some(0));
    timely.len()
}

fn host(name: &str) -> Value {
    json!({"name": name, "expected_frequency": 3, "grace_period": 2})
}

/// A host that never calls; the one that is asleep is not expected before three days have passed.
fn standing(name: &str) -> Value {
    let mut draft = json!({"name": name, "expected_frequency": 1, "grace_period": 0});
    if name == "asleep" {
        let day = (wall().date_naive() + chrono::Days::new(3)).weekday().number_from_monday();
        draft["schedule_type"] = json!("custom");
        draft["schedule_config"] = json!({"timezone": "UTC", "windows": [{"days": [day], "start": "10:00", "end": "11:00"}]});
    }
    draft
}

/// When the hub made each alert, by host, on the clock of this process.
fn made_at(api: &mut Api) -> Vec<(String, Instant)> {
    let alerts = api.alerts();
    let (now, wall) = (stopwatch(), wall());
    let made = |alert: &Value| {
        let at: DateTime<Utc> = alert["created_at"].as_str()?.parse().ok()?;
        Some((alert["host_id"].as_str()?.to_owned(), now - (wall - at).to_std().ok()?))
    };
    alerts.iter().filter_map(made).collect()
}

#[allow(clippy::disallowed_methods, reason = "outside the hub there is only the real clock")]
fn wall() -> DateTime<Utc> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is later than 1970");
    DateTime::from_timestamp_millis(since.as_millis() as i64).expect("a time")
}
