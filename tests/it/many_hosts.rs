//! P12 at full size: a hub with 100,000 hosts is killed under load. Its port is open and every deadline armed soon after the next
//! start, and who has fallen silent is alerted at the right time.
//!
//! In short: 5,000 hosts. `PULSEWARDEN_TORTURE=1`: 100,000, and in a release build the promised figure is asserted.

use crate::api::Api;
use crate::process::{Client, HubProcess, is_torture, stopwatch, wait_for};
use crate::seed::{TOKEN, host_id, many_hosts};
use crate::writers::start;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

const WRITERS: usize = 32;
const LOAD: Duration = Duration::from_secs(3);
/// These fall silent with the kill, and may be so for a few seconds.
const SILENT: usize = 20;
const SILENT_S: i64 = 6;
const PATIENCE: Duration = Duration::from_secs(120);
/// The promise: port open. Every deadline armed is promised within 3 s, and is the case when the port answers.
const READY_WITHIN: Duration = Duration::from_secs(2);

#[test]
fn after_a_kill_under_load_every_one_of_very_many_hosts_is_watched_again_soon() {
    let hosts = if is_torture() { 100_000 } else { 5_000 };
    let folder = tempfile::tempdir().expect("a folder");
    many_hosts(folder.path(), hosts, |n| if n < SILENT { SILENT_S } else { 3_600 });
    let hub = start(folder.path());
    let beats = load(&hub, hosts);
    hub.kill();
    let spawned = stopwatch();
    let hub = start(folder.path());
    println!("P12: {hosts} hosts, killed after {beats} heartbeats: port open and every deadline armed in {:?}", hub.started_in);
    assert!(hub.log().contains(&format!(" {hosts} hosts watched")), "{}", hub.log());
    let mut api = Api::new(&hub);
    let mut silent: Vec<String> = (0..SILENT).map(host_id).collect();
    silent.sort();
    let alerted = wait_for(PATIENCE, || (api.alerted() == silent).then(stopwatch));
    let alerted = alerted.unwrap_or_else(|| panic!("alerted: {:?}", api.alerted()));
    println!("P12: the {SILENT} silent ones were all alerted {:?} after the start", alerted - spawned);
    assert!(alerted - spawned >= Duration::from_secs(SILENT_S as u64), "the time without a hub was held against them");
    assert!(!is_torture() || cfg!(debug_assertions) || hub.started_in <= READY_WITHIN, "{:?}", hub.started_in);
    assert_eq!(hub.terminate(), Some(0));
}

/// Heartbeats of all hosts in turn; how many were answered 200.
fn load(hub: &HubProcess, hosts: usize) -> usize {
    let (stop, next, done) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| {
                let mut client = Client::new(&hub.address);
                while !stop.load(Ordering::Relaxed) {
                    let host = host_id(next.fetch_add(1, Ordering::Relaxed) % hosts);
                    let answer = client.send("GET", &format!("/heartbeat/{host}?token={TOKEN}"), &[], b"");
                    assert_eq!(answer.expect("an answer").status, 200);
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        std::thread::sleep(LOAD);
        stop.store(true, Ordering::Relaxed);
    });
    done.into_inner()
}
