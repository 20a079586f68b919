//! K3: SIGTERM while 64 writers write, twice, during the start, and while Discord hangs. Every 200 is durable, the exit code is
//! 0 within 10 s, and the log names each step.

use crate::api::{Api, KEY};
use crate::discord_peer::{Mode, Peer};
use crate::process::{HubProcess, is_torture, stopwatch, wait_for};
use crate::shim::{Fault, Shim};
use crate::writers::{Load, Pen, compare, start};
use rustix::process::Signal;
use serde_json::json;
use std::io::Write;
use std::net::TcpStream;
use std::process::Stdio;
use std::time::Duration;

const WRITERS: usize = 64;
const LOAD: Duration = Duration::from_millis(300);
const PATIENCE: Duration = Duration::from_secs(60);
/// The promise, for the long form.
const WITHIN: Duration = Duration::from_secs(10);
/// What a stop says, in this order; without hosts there are none to stop.
const STEPS: [&str; 5] = ["stopping: no new requests", "stopping: actors", HOSTS_STOPPED, "stopped db:", "stopped\n"];
const HOSTS_STOPPED: &str = "stopped hosts:";

#[test]
fn sigterm_under_load_loses_no_answer_and_names_each_step() {
    let rounds = if is_torture() { 50 } else { 3 };
    let folder = tempfile::tempdir().expect("a folder");
    let mut pens = Pen::many(&start(folder.path()), WRITERS, 0);
    let mut slowest = Duration::ZERO;
    for round in 0..rounds {
        let hub = start(folder.path());
        let load = Load::start(&hub, pens);
        std::thread::sleep(LOAD + Duration::from_millis(round * 13 % 100));
        slowest = slowest.max(stop(hub, &[Signal::TERM]));
        pens = load.end();
        std::fs::remove_file(folder.path().join("log")).expect("a log");
    }
    let found = compare(folder.path(), &pens);
    println!("K3: {rounds} stops under {WRITERS} writers: {found:?}, slowest {slowest:?}");
    assert!(found.acknowledged > WRITERS, "the load was real: {found:?}");
    assert_eq!((found.missing, found.doubled), (0, 0));
}

#[test]
fn a_second_signal_does_not_break_an_orderly_stop() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = Api::new(&start(folder.path())).add(&json!({"name": "nas", "expected_frequency": "1h"}));
    for signals in [[Signal::TERM, Signal::TERM], [Signal::TERM, Signal::INT], [Signal::INT, Signal::TERM]] {
        let hub = start(folder.path());
        // A request that never ends makes the stop last until its limit.
        let mut endless = TcpStream::connect(&hub.address).expect("a connection");
        let half = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{{");
        endless.write_all(half.as_bytes()).expect("half a request");
        std::thread::sleep(LOAD);
        println!("K3: {signals:?} with a request in flight: {:?}", stop(hub, &signals));
        std::fs::remove_file(folder.path().join("log")).expect("a log");
    }
}

#[test]
fn a_signal_during_the_start_is_heard_after_it() {
    let (shim, folder) = (Shim::build(), tempfile::tempdir().expect("a folder"));
    let (mut command, _) = shim.hub(folder.path(), Fault::NONE);
    let log = std::fs::File::create(folder.path().join("log")).expect("a log file");
    command.env("IOFAIL_SYNC_MS", "200").stdout(Stdio::null()).stderr(log); // the start has several syncs
    let mut child = command.spawn().expect("the hub starts");
    let said = || std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
    wait_for(PATIENCE, || said().contains("the database is now at version").then_some(())).expect("it has begun");
    let pid = rustix::process::Pid::from_child(&child);
    for signal in [Signal::HUP, Signal::TERM] {
        rustix::process::kill_process(pid, signal).expect("it is ours");
    }
    let heard_early = !said().contains("listening on");
    let ended = wait_for(PATIENCE, || child.try_wait().ok().flatten()).expect("it ends");
    assert_eq!(ended.code(), Some(0), "{ended}: {}", said());
    assert!(heard_early, "the signals came after the start: {}", said());
    in_order(&said());
}

#[test]
fn sigterm_while_discord_hangs_ends_in_time_and_the_message_is_told_after_the_next_start() {
    let (peer, folder) = (Peer::start_blocking(), tempfile::tempdir().expect("a folder"));
    let (url, origin) = (peer.url(), peer.origin());
    let start = || {
        let env = [("DISCORD_WEBHOOK_URL", url.as_str()), ("WEBHOOK_ALLOWED_HOSTS", origin.as_str()), ("API_KEY", KEY)];
        HubProcess::start(folder.path(), &env)
    };
    peer.set_mode(Mode::Hang);
    let hub = start();
    let path = Api::new(&hub).add(&json!({"name": "nas", "expected_frequency": "1h"}));
    let failed = path.replace("/nas?", "/nas/fail?");
    assert_eq!(crate::process::Client::new(&hub.address).send("POST", &failed, &[], b"").expect("an answer").status, 200);
    wait_for(PATIENCE, || (!peer.seen().is_empty()).then_some(())).expect("Discord is called");
    println!("K3: while Discord hangs: {:?}", stop(hub, &[Signal::TERM]));
    peer.set_mode(Mode::Ok);
    let hub = start();
    wait_for(PATIENCE, || (!peer.messages().is_empty()).then_some(())).expect("it is told");
    assert_eq!(hub.terminate(), Some(0));
}

/// Sends the signals one shortly after the other; how long the hub took to end in order.
fn stop(mut hub: HubProcess, signals: &[Signal]) -> Duration {
    let began = stopwatch();
    for signal in signals {
        hub.signal(*signal);
        std::thread::sleep(Duration::from_millis(50));
    }
    let ended = hub.wait_for_end().expect("it ends");
    let took = stopwatch() - began;
    assert_eq!(ended.code(), Some(0), "{ended}: {}", hub.log());
    in_order(&hub.log());
    assert!(!is_torture() || took <= WITHIN, "{took:?}: {}", hub.log());
    took
}

fn in_order(log: &str) {
    let mut rest = log;
    let with_hosts = log.contains("is watched from now on") || !log.contains(" 0 hosts watched");
    for step in STEPS.into_iter().filter(|step| with_hosts || *step != HOSTS_STOPPED) {
        let at = rest.find(step).unwrap_or_else(|| panic!("{step:?} is not said, or too early: {log}"));
        rest = &rest[at..];
    }
}
