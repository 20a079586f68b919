//! T3: the wall clock of the running program is stepped, by an hour, a day, to 1970 and beyond 2038 (libfaketime, steady clocks
//! left alone). Nobody who calls is alerted, who is dead is at the right steady time, and windows follow the new clock.
//!
//! `PULSEWARDEN_TORTURE=1`: every step, both ways, in many rounds, with restarts between.

use crate::api::{Api, KEY};
use crate::callers::{Absence, Callers, Moment};
use crate::process::{Client, HubProcess, is_torture, pulsewarden, stopwatch, wait_for};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

const ALIVE: usize = 3;
/// Hosts call several times a second, and may be silent for 3 s and 2 s grace.
const EVERY: Duration = Duration::from_millis(300);
const ALLOWED: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(60);
/// By then a hub that ticks every second has noticed a step.
const NOTICED: Duration = Duration::from_millis(2_500);
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
/// 1970-01-01 and 2039-01-01, both before or after what 32 bits can say.
const EPOCH: i64 = 100;
const AFTER_2038: i64 = 2_177_452_800;
/// Rounds of every step in the long form.
const ROUNDS: usize = 3;
/// A machine may be too slow to call in time, and then proves nothing.
const TRIES: usize = 4;

#[test]
fn steps_of_the_wall_clock_alert_nobody_who_calls_and_miss_nobody_who_is_dead() {
    let now = wall_s();
    let (past, future) = (EPOCH - now, AFTER_2038 - now);
    let every = [HOUR, 0, -HOUR, DAY, 0, -DAY, past, future, past, 0, future];
    let steps = if is_torture() { every.repeat(ROUNDS) } else { vec![HOUR, -DAY, past, future] };
    let judged = (0..TRIES).map(|_| alerted_over(&steps)).find(|timely| *timely > 0);
    assert!(judged.is_some(), "this machine was too slow to call in time, {TRIES} times over");
}

/// Fails on any alert that is not true or is missing; answers how many hosts certainly called in time.
fn alerted_over(steps: &[i64]) -> usize {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = WallClock::new(folder.path());
    let mut hub = clock.hub();
    let (mut api, mut callers) = (Api::new(&hub), Callers::new(&hub));
    for n in 0..ALIVE {
        let name = format!("alive-{n}");
        let (made, path) = Moment::of(|| api.add(&host(&name)));
        callers.add(&name, path, EVERY, made);
    }
    let mut absences = Vec::new();
    for (n, offset) in steps.iter().enumerate() {
        let name = format!("dying-{n}");
        let path = api.add(&host(&name));
        let (last, answer) = Moment::of(|| Client::new(&hub.address).send("GET", &path, &[], b"").expect("an answer"));
        assert_eq!(answer.status, 200);
        clock.set(*offset);
        let seen = told(&mut api, &name);
        println!(
            "T3: the wall clock {offset:+} s from the truth: the dying host was alerted {:?} after its last call",
            seen - last.latest
        );
        assert!(seen - last.earliest >= ALLOWED, "the step made it come early");
        assert!(hub.ended().is_none(), "the hub crashed: {}", hub.log());
        if n % 4 == 3 {
            // Also over a start, which finds its last sign of life at another wall time.
            assert_eq!(hub.terminate(), Some(0));
            let from = stopwatch();
            clock.set(offset / 2);
            absences.push(Absence { from, to: stopwatch() });
            hub = clock.hub();
            callers.go_to(&hub);
            api = Api::new(&hub);
            std::thread::sleep(ALLOWED);
        }
    }
    let (alerted, until) = (api.alerted(), stopwatch());
    let records = callers.end();
    let timely = records.iter().filter(|r| !r.may_be_overdue(ALLOWED, &absences, until));
    let timely: Vec<&str> = timely.map(|r| r.host.as_str()).collect();
    println!("T3: {} steps, {} of {ALIVE} hosts certainly called in time", steps.len(), timely.len());
    let false_alerts: Vec<_> = alerted.iter().filter(|host| timely.contains(&host.as_str())).collect();
    assert!(false_alerts.is_empty(), "{false_alerts:?} called in time: {}", hub.log());
    for n in 0..steps.len() {
        let name = format!("dying-{n}");
        assert_eq!(alerted.iter().filter(|host| **host == name).count(), 1, "{name}: one outage is one alert");
    }
    let log = hub.log();
    let noticed = log.matches("the wall clock stepped by").count();
    assert!(noticed >= steps.len() && !log.contains("panicked"), "{noticed} of {} steps logged: {log}", steps.len());
    assert_eq!(hub.terminate(), Some(0));
    timely.len()
}

#[test]
fn after_a_step_hosts_are_judged_by_the_windows_of_the_new_wall_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = WallClock::new(folder.path());
    let hub = clock.hub();
    let mut api = Api::new(&hub);
    let hear = |path: &str| {
        let (heard, answer) = Moment::of(|| Client::new(&hub.address).send("GET", path, &[], b"").expect("an answer"));
        assert_eq!(answer.status, 200);
        heard
    };
    let later = api.add(&in_window("later", HOUR, 4 * HOUR));
    hear(&later);
    std::thread::sleep(ALLOWED + NOTICED);
    assert_eq!(api.alerted(), [""; 0], "it is not expected yet");
    let (made, path) = Moment::of(|| api.add(&in_window("earlier", -HOUR, HOUR)));
    hear(&path);
    let last = hear(&later);
    clock.set(2 * HOUR);
    let stepped = stopwatch();
    let seen = told(&mut api, "later");
    println!("T3: the host whose window is open by the new clock was alerted {:?} after its last call", seen - last.latest);
    assert!(seen - last.earliest >= ALLOWED, "the step made it come early");
    std::thread::sleep(NOTICED);
    // On a very slow machine it was overdue before the hub had noticed the step.
    if stepped + NOTICED - made.earliest < ALLOWED {
        assert_eq!(api.alerted(), ["later"], "the window of the other is over: {}", hub.log());
    }
    assert_eq!(hub.terminate(), Some(0));
}

fn host(name: &str) -> Value {
    json!({"name": name, "expected_frequency": 3, "grace_period": 2})
}

/// A host that is expected between two distances from now, every day.
fn in_window(name: &str, from_s: i64, to_s: i64) -> Value {
    let at = |s: i64| {
        let minutes = (wall_s() + s).rem_euclid(DAY) / 60;
        format!("{:02}:{:02}", minutes / 60, minutes % 60)
    };
    let window = json!({"days": [1, 2, 3, 4, 5, 6, 7], "start": at(from_s), "end": at(to_s)});
    let mut draft = host(name);
    draft["schedule_type"] = json!("custom");
    draft["schedule_config"] = json!({"timezone": "UTC", "windows": [window]});
    draft
}

/// When the alert was seen.
fn told(api: &mut Api, host: &str) -> Instant {
    wait_for(PATIENCE, || api.alerted().iter().any(|id| id == host).then(stopwatch))
        .unwrap_or_else(|| panic!("no alert of {host}"))
}

#[allow(clippy::disallowed_methods, reason = "outside the hub there is only the real clock")]
fn wall_s() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is later than 1970").as_secs() as i64
}

/// What the hub takes for the wall clock: the true one and an offset that changes while it runs.
struct WallClock {
    folder: PathBuf,
    file: PathBuf,
    library: String,
}

impl WallClock {
    fn new(folder: &Path) -> WallClock {
        let clock = WallClock { folder: folder.to_path_buf(), file: folder.join("faketime"), library: library() };
        clock.set(0);
        clock
    }

    fn hub(&self) -> HubProcess {
        let mut command = pulsewarden(&self.folder);
        command.arg("serve").env("API_KEY", KEY).env("LD_PRELOAD", &self.library);
        command.env("FAKETIME_TIMESTAMP_FILE", &self.file).env("FAKETIME_NO_CACHE", "1");
        command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("NO_FAKE_STAT", "1");
        HubProcess::start_by(command, &self.folder, |_| self.folder.join("data"))
    }

    fn set(&self, offset_s: i64) {
        let new = self.folder.join("faketime.new");
        fs::write(&new, format!("{offset_s:+}\n")).and_then(|()| fs::rename(&new, &self.file)).expect("a file");
    }
}

/// What `faketime` itself preloads, in the dynamic linker's own words; `scripts/install-test-tools.sh` installs it.
fn library() -> String {
    let listed = Command::new("faketime").args(["-f", "+0", "printenv", "LD_PRELOAD"]).output();
    let listed = listed.expect("the package faketime is installed: run scripts/install-test-tools.sh");
    let text = String::from_utf8(listed.stdout).expect("a path");
    text.trim().rsplit(':').next().expect("a path").to_owned()
}
