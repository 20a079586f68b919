//! D3: a call that changes the disk fails, the N-th, once or from then on, over a whole scripted life of a hub: start, hosts,
//! heartbeats, a verdict, an orderly stop. Whatever was acknowledged is there once after the next start, the hub recovers
//! or ends, and it acknowledges nothing more through a connection that had an input/output error.
//!
//! In short: a sample of positions. `PULSEWARDEN_TORTURE=1`: every position of every kind with every error.

use crate::api::{Api, KEY};
use crate::process::{Client, HubProcess, is_torture, stopwatch, wait_for};
use crate::shim::{EIO, ENOSPC, Fault, KINDS, Report, SHORT, Shim};
use crate::writers::{start, texts};
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const BEATS: usize = 24;
/// Fault positions of each kind in the short form.
const SAMPLES: u64 = 5;
/// Lives at the same time: each mostly waits.
const AT_ONCE: usize = 6;
/// A hub that neither works nor ends after this long limps. The promise is 5 s, which the long form asserts.
const PATIENCE: Duration = Duration::from_secs(60);
const ENDS_WITHIN: Duration = Duration::from_secs(5);
/// Heartbeats of three pages: several write-backs.
const LARGE_BEATS: usize = 4_000;
/// A hub that still takes heartbeats this long after the fault has not noticed it.
const GOES_ON: Duration = Duration::from_secs(10);

/// What a life was told: the texts of the heartbeats that were acknowledged, in order.
#[derive(Default)]
struct Life {
    acknowledged: Vec<String>,
    added: Vec<String>,
    /// An acknowledgement of something that was asked for after the fault.
    acknowledged_after: usize,
    /// From the fault to the end of the process or the next thing that worked.
    answered_after: Duration,
    ended: Option<ExitStatus>,
}

#[test]
fn whatever_call_fails_nothing_acknowledged_is_lost_and_the_hub_recovers_or_ends() {
    let shim = Shim::build();
    let seed = Seed::new();
    let (totals, faults) = plan(&shim, &seed);
    println!("D3: a life without faults: {totals:?} calls; {} faulty lives", faults.len());
    let (next, worst) = (AtomicUsize::new(0), Mutex::new((Duration::ZERO, 0, 0)));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((fresh, fault)) = faults.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let Some((after, ended)) = faulty_life(&shim, &seed, *fresh, *fault) else { continue };
                    let mut worst = worst.lock().expect("no poison");
                    *worst = (worst.0.max(after), worst.1 + usize::from(ended), worst.2 + usize::from(!ended));
                }
            });
        }
    });
    let (slowest, ended, recovered) = worst.into_inner().expect("no poison");
    let fired = ended + recovered;
    println!("D3: {fired} faults fired: {ended} hubs ended, {recovered} went on; slowest {slowest:?} after the fault");
    assert!(fired * 10 >= faults.len() * 9, "{fired} of {} faults fired", faults.len());
    assert!(ended > 0 && recovered > 0, "both happen: {ended} ended, {recovered} went on");
}

/// A data folder whose hub was killed: what a start must recover.
struct Seed(tempfile::TempDir);

impl Seed {
    fn new() -> Seed {
        let folder = tempfile::tempdir().expect("a folder");
        let hub = start(folder.path());
        let path = Api::new(&hub).add(&json!({"name": "old", "expected_frequency": "1h"}));
        let mut client = Client::new(&hub.address);
        for n in 0..BEATS {
            let text = format!("old-{n}");
            assert_eq!(client.send("POST", &path, &[], text.as_bytes()).expect("an answer").status, 200);
        }
        hub.kill();
        Seed(folder)
    }

    fn copy_to(&self, folder: &Path) {
        let to = folder.join("data");
        std::fs::create_dir(&to).expect("data/");
        for entry in std::fs::read_dir(self.0.path().join("data")).expect("a folder") {
            let entry = entry.expect("an entry");
            std::fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
        }
    }
}

/// Which faults to try, from counting the calls of a life without any: on a fresh folder and on one to be recovered.
fn plan(shim: &Shim, seed: &Seed) -> (Vec<[u64; 4]>, Vec<(bool, Fault)>) {
    let (mut totals, mut faults) = (Vec::new(), Vec::new());
    for fresh in [true, false] {
        let folder = tempfile::tempdir().expect("a folder");
        if !fresh {
            seed.copy_to(folder.path());
        }
        let (life, report) = live(shim, folder.path(), Fault::NONE);
        assert!(life.acknowledged.len() == BEATS && report.fired() == 0 && life.ended.is_some_and(|s| s.success()));
        let counts = [0, 1, 2, 3].map(|kind| report.counted(kind));
        assert!(counts[0] > 50 && counts[1] > BEATS as u64, "the shim sees the disk: {counts:?}");
        for (kind, total) in counts.into_iter().enumerate() {
            faults.extend(positions(total).into_iter().enumerate().flat_map(|(nth, at)| {
                let modes = modes(kind);
                let chosen = if is_torture() { modes } else { vec![modes[(nth + usize::from(fresh)) % modes.len()]] };
                chosen.into_iter().map(move |(error, lasting)| (fresh, Fault { kind, at, error, lasting, file: 0 }))
            }));
        }
        totals.push(counts);
    }
    (totals, faults)
}

fn positions(total: u64) -> Vec<u64> {
    let last = total.saturating_sub(total / 16).max(u64::from(total > 0)); // how many calls a life has differs a little
    let step = if is_torture() { 1 } else { (last / SAMPLES).max(1) };
    (1..=last).step_by(step as usize).collect()
}

fn modes(kind: usize) -> Vec<(i32, bool)> {
    let mut modes = vec![(EIO, false), (ENOSPC, false), (EIO, true), (ENOSPC, true)];
    if KINDS[kind] == "write" {
        modes.insert(1, (SHORT, false));
    }
    modes
}

/// How long after the fault something came of it, and whether the hub ended by it; `None` when this life had fewer calls.
fn faulty_life(shim: &Shim, seed: &Seed, fresh: bool, fault: Fault) -> Option<(Duration, bool)> {
    let folder = tempfile::tempdir().expect("a folder");
    if !fresh {
        seed.copy_to(folder.path());
    }
    let (life, report) = live(shim, folder.path(), fault);
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
    let told = format!("{} fresh={fresh} {fault:?} on file {}: {log}", KINDS[fault.kind], report.file());
    if report.counted(fault.kind) < fault.at {
        return None;
    }
    assert!(report.fired() > 0, "the fault did not happen: {told}");
    let of_sqlite = matches!(report.file(), 1 | 2);
    if of_sqlite && fault.error == EIO && fault.kind < 2 {
        assert_eq!(life.acknowledged_after, 0, "acknowledged through a connection with an I/O error: {told}");
        assert!(life.ended.is_some_and(|status| !status.success()) || is_stopping(&log), "it went on: {told}");
    }
    if is_torture() {
        assert!(life.answered_after <= ENDS_WITHIN, "{:?}: {told}", life.answered_after);
    }
    restart_and_compare(folder.path(), &life, fresh, &told);
    Some((life.answered_after, life.ended.is_some_and(|status| !status.success())))
}

/// A fault in the last moments of an orderly stop has nobody left to stop acknowledging for.
fn is_stopping(log: &str) -> bool {
    log.contains("stopping: no new requests")
}

/// One life: start, hosts, heartbeats, a verdict, heartbeats, an orderly stop; it goes on as long as the hub does.
fn live(shim: &Shim, folder: &Path, fault: Fault) -> (Life, Report) {
    let (mut command, report) = shim.hub(folder, fault);
    command.env("API_KEY", KEY);
    let mut life = Life::default();
    let hub = HubProcess::try_start_by(command, folder, |_| folder.join("data"));
    match hub {
        Err(status) => life.ended = Some(status),
        Ok(mut hub) => {
            act(&mut life, &mut hub, &report);
            if life.ended.is_none() {
                hub.signal(rustix::process::Signal::TERM);
                life.ended = hub.wait_for_end();
                assert!(life.ended.is_some(), "it stops, whatever its disk does: {}", hub.log());
            }
        }
    }
    life.answered_after = life.answered_after.max(match (life.answered_after.is_zero(), report.since_fired()) {
        (true, Some(since)) => since, // it ended by the fault, or the fault fell into the stop
        _ => Duration::ZERO,
    });
    (life, report)
}

fn act(life: &mut Life, hub: &mut HubProcess, report: &Report) {
    let mut client = Client::new(&hub.address);
    for draft in [
        json!({"name": "alive", "expected_frequency": "1h"}),
        json!({"name": "dead", "expected_frequency": 1, "grace_period": 0}),
    ] {
        let bearer = format!("Bearer {KEY}");
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        let made = ask(life, hub, report, || client.send("POST", "/api/v1/hosts", &headers, draft.to_string().as_bytes()));
        let Some(made) = made else { return };
        life.added.push(crate::api::path_of(made["heartbeat_url"].as_str().expect("a URL")));
    }
    let path = life.added[0].clone();
    for n in 0..BEATS {
        if n == BEATS / 2 && !verdict(life, hub, report) {
            return;
        }
        let text = format!("beat-{n}");
        if ask(life, hub, report, || client.send("POST", &path, &[], text.as_bytes())).is_none() {
            return;
        }
        life.acknowledged.push(text);
    }
}

/// Asks until it works; `None` when the hub ended, or can do no more on a disk that stays full.
fn ask(
    life: &mut Life,
    hub: &mut HubProcess,
    report: &Report,
    mut send: impl FnMut() -> std::io::Result<crate::process::Answer>,
) -> Option<Value> {
    let began = stopwatch();
    loop {
        let fired_before = report.fired() > 0;
        let answer = send();
        if let Some(status) = hub.ended() {
            life.ended = Some(status);
            if answer.is_ok_and(|answer| answer.status < 300) && fired_before {
                life.acknowledged_after += 1;
            }
            return None;
        }
        match answer {
            Ok(answer) if answer.status < 300 => {
                life.acknowledged_after += usize::from(fired_before);
                if fired_before && life.answered_after.is_zero() {
                    life.answered_after = report.since_fired().unwrap_or_default();
                }
                return Some(answer.json());
            }
            Ok(answer) => assert!(matches!(answer.status, 503 | 409), "{answer:?}: {}", hub.log()),
            Err(_) => {}
        }
        // A lasting fault leaves nothing to wait for once it has been said.
        if report.fired() > 2 && stopwatch() - began > Duration::from_secs(1) && report.since_fired().is_some() {
            if life.answered_after.is_zero() {
                life.answered_after = report.since_fired().unwrap_or_default().min(stopwatch() - began);
            }
            return None;
        }
        assert!(stopwatch() - began < PATIENCE, "it neither works nor ends: {}", hub.log());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits for the verdict on the dead host; whether the hub is still there.
fn verdict(life: &mut Life, hub: &mut HubProcess, report: &Report) -> bool {
    let mut client = Client::new(&hub.address);
    let bearer = format!("Bearer {KEY}");
    let seen = wait_for(PATIENCE, || {
        if let Some(status) = hub.ended() {
            life.ended = Some(status);
            return Some(false);
        }
        let answer = client.send("GET", "/api/v1/alerts", &[("Authorization", bearer.as_str())], b"").ok()?;
        let there = answer.json()["alerts"].as_array().is_some_and(|alerts| !alerts.is_empty());
        (there || report.fired() > 2).then_some(true)
    });
    seen.unwrap_or_else(|| panic!("no verdict: {}", hub.log()))
}

/// The next start, on a disk that works: everything acknowledged is there once, the file is sound, nobody is called down wrongly.
fn restart_and_compare(folder: &Path, life: &Life, fresh: bool, told: &str) {
    let hub = start(folder);
    let mut api = Api::new(&hub);
    if life.added.len() == 2 {
        api.wait_for_alert_of("dead");
    }
    let false_alerts: Vec<_> = api.alerted().into_iter().filter(|host| host != "dead").collect();
    assert!(false_alerts.is_empty(), "{false_alerts:?}: {told}");
    assert!(api.alerted().len() <= 1, "one outage is one alert: {told}");
    if !life.acknowledged.is_empty() {
        assert_eq!(api.get("/api/v1/hosts/alive").json()["status"], "up", "{told}");
    }
    assert_eq!(hub.terminate(), Some(0), "{told}");
    let stored = texts(&folder.join("data/db.sqlite"));
    let old = (0..if fresh { 0 } else { BEATS }).map(|n| format!("old-{n}"));
    for text in life.acknowledged.iter().cloned().chain(old) {
        assert_eq!(stored.get(&text), Some(&1), "{text} was acknowledged: {told}");
    }
}

/// A write-back happens behind the commits; SQLite by itself would say nothing of its failure and try again on the same connection.
#[test]
fn a_write_back_that_fails_ends_the_hub_and_loses_nothing() {
    let (shim, seed) = (Shim::build(), Seed::new());
    for kind in [0, 1] {
        let folder = tempfile::tempdir().expect("a folder");
        seed.copy_to(folder.path());
        let fault = Fault { kind, at: 1, error: EIO, lasting: false, file: 1 };
        let (mut command, report) = shim.hub(folder.path(), fault);
        command.env("API_KEY", KEY);
        let mut hub = HubProcess::start_by(command, folder.path(), |_| folder.path().join("data"));
        let path = Api::new(&hub).add(&json!({"name": "alive", "expected_frequency": "1h"}));
        let (life, told) = (write_much(&mut hub, &path, &report), format!("{}: {}", KINDS[kind], hub.log()));
        assert_eq!((report.fired() > 0, report.file()), (true, 1), "no write-back failed: {told}");
        assert_eq!(life.ended.and_then(|status| status.code()), Some(70), "it went on: {told}");
        println!(
            "D3: {} of a write-back fails: ended {:?} later, {} stored",
            KINDS[kind],
            life.answered_after,
            life.acknowledged.len()
        );
        restart_and_compare(folder.path(), &life, false, &told);
    }
}

/// Large heartbeats until the fault has happened and the hub has ended, or has gone on for a while.
fn write_much(hub: &mut HubProcess, path: &str, report: &Report) -> Life {
    let (mut life, mut client) = (Life::default(), Client::new(&hub.address));
    for n in 0..LARGE_BEATS {
        let text = format!("{n} {}", "x".repeat(9_000));
        let done = client.send("POST", path, &[], text.as_bytes());
        if done.is_ok_and(|answer| answer.status == 200) {
            life.acknowledged.push(text);
        }
        if report.since_fired().is_some_and(|since| since > GOES_ON) || hub.ended().is_some() {
            break;
        }
    }
    life.ended = if report.fired() > 0 && report.since_fired() < Some(GOES_ON) { hub.wait_for_end() } else { hub.ended() };
    life.answered_after = report.since_fired().unwrap_or_default();
    life
}
