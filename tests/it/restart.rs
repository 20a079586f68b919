//! T4 and T5 in small: the hub is stopped, ended or killed for longer than its hosts may be silent. Who calls again is not
//! alerted, who is dead is, and who was known to be dead stays one alert.

use crate::api::{Api, KEY, signal};
use crate::process::{Client, HubProcess, stopwatch};
use rustix::process::Signal;
use serde_json::json;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

const ALIVE: usize = 5;
/// Hosts call every second, and may be silent for 3 s and 1 s grace.
const EVERY: Duration = Duration::from_secs(1);
const FREQUENCY: Duration = Duration::from_secs(3);
/// Twice what hosts may be silent.
const AWAY: Duration = Duration::from_secs(8);
/// After this long every verdict about the absence has been made.
const AFTER: Duration = Duration::from_secs(7);

#[test]
fn a_hub_that_was_stopped_alerts_only_for_the_dead() {
    only_the_dead_are_alerted_over(|hub, _| {
        signal(&hub, Signal::STOP);
        std::thread::sleep(AWAY);
        signal(&hub, Signal::CONT);
        hub
    });
}

#[test]
fn a_hub_that_was_off_alerts_only_for_the_dead() {
    only_the_dead_are_alerted_over(|hub, folder| {
        assert_eq!(hub.terminate(), Some(0));
        std::thread::sleep(AWAY);
        start(folder)
    });
}

#[test]
fn a_hub_that_was_killed_alerts_only_for_the_dead() {
    only_the_dead_are_alerted_over(|hub, folder| {
        hub.kill();
        std::thread::sleep(AWAY);
        start(folder)
    });
}

fn only_the_dead_are_alerted_over(absence: impl FnOnce(HubProcess, &Path) -> HubProcess) {
    let folder = tempfile::tempdir().expect("a folder");
    let hub = start(folder.path());
    let mut api = Api::new(&hub);
    let host = |name: &str| json!({"name": name, "expected_frequency": FREQUENCY.as_secs(), "grace_period": 1});
    let alive = (0..ALIVE).map(|n| api.add(&host(&format!("alive-{n}")))).collect();
    let beats = Beats::start(&hub, alive);
    api.add(&json!({"name": "gone", "expected_frequency": 1, "grace_period": 0}));
    api.wait_for_alert_of("gone");
    let dying = api.add(&host("dying"));
    assert_eq!(Client::new(&hub.address).send("GET", &dying, &[], b"").expect("an answer").status, 200);

    let hub = absence(hub, folder.path());
    let back = stopwatch();
    beats.go_to(&hub);
    let mut api = Api::new(&hub);
    api.wait_for_alert_of("dying");
    let after = stopwatch() - back;
    println!("restart: the dying host was alerted {after:?} after the hub was back");
    assert!(after >= FREQUENCY, "the absence itself was held against it: {after:?}");
    std::thread::sleep(AFTER.saturating_sub(after));
    assert_eq!(api.alerted(), ["dying", "gone"], "{}", hub.log());
    assert!(beats.end() > ALIVE, "the others did call");
    assert_eq!(hub.terminate(), Some(0));
}

fn start(folder: &Path) -> HubProcess {
    HubProcess::start(folder, &[("API_KEY", KEY)])
}

/// Hosts that call every second, whatever they are answered.
struct Beats {
    address: Arc<Mutex<String>>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<usize>,
}

impl Beats {
    fn start(hub: &HubProcess, paths: Vec<String>) -> Beats {
        let (address, stop) = (Arc::new(Mutex::new(hub.address.clone())), Arc::new(AtomicBool::new(false)));
        let (to, until) = (address.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            let mut heard = 0;
            while !until.load(Ordering::Relaxed) {
                let mut client = Client::new(&to.lock().expect("no poison"));
                heard += paths.iter().filter(|path| client.send("GET", path, &[], b"").is_ok_and(|a| a.status == 200)).count();
                std::thread::sleep(EVERY);
            }
            heard
        });
        Beats { address, stop, thread }
    }

    fn go_to(&self, hub: &HubProcess) {
        self.address.lock().expect("no poison").clone_from(&hub.address);
    }

    /// How many heartbeats were answered 200.
    fn end(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("it ends")
    }
}
