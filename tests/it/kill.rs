//! D1: fifty kill -9 with 64 writers and an oracle outside the process. What was answered 200 is on disk, once.

use crate::process::{Client, HubProcess, stopwatch};
use rusqlite::Connection;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const WRITERS: usize = 64;
const KILLS: usize = 50;
/// Load between two kills: enough for hundreds of commits.
const LOAD: Duration = Duration::from_millis(150);

/// One writer: its host, its token, and the heartbeat it has not yet seen answered.
struct Pen {
    host: String,
    token: String,
    next: u64,
    acknowledged: Vec<String>,
}

impl Pen {
    /// Sends heartbeats until told to stop; one that was not answered is sent again, under the same key, after the restart.
    fn write(&mut self, address: &str, stop: &AtomicBool) {
        let mut client = Client::new(address);
        while !stop.load(Ordering::Relaxed) {
            let text = format!("{}-{}", self.host, self.next);
            let path = format!("/api/v1/heartbeat/{}?token={}&id={}", self.host, self.token, key_of(&self.host, self.next));
            match client.send("POST", &path, &[], text.as_bytes()) {
                Ok(answer) if answer.status == 200 => {
                    self.acknowledged.push(text);
                    self.next += 1;
                }
                Ok(answer) => assert_eq!(answer.status, 503, "only \"cannot store\" may refuse a proven heartbeat: {answer:?}"),
                Err(_) => return, // the kill
            }
        }
    }
}

#[test]
fn no_acknowledged_heartbeat_is_lost_or_doubled_over_fifty_kills() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut pens = add_writers(folder.path());
    let mut ready = Vec::new();
    for round in 0..KILLS {
        let hub = HubProcess::start(folder.path(), &[]);
        ready.push(hub.started_in);
        pens = write_until_killed(hub, pens, round);
    }
    let hub = HubProcess::start(folder.path(), &[]);
    ready.push(hub.started_in);
    assert_eq!(hub.terminate(), Some(0), "an orderly stop");
    let acknowledged: usize = pens.iter().map(|p| p.acknowledged.len()).sum();
    let (missing, doubled, stored) = compare(folder.path(), &pens);
    println!(
        "D1: {KILLS} kills, {WRITERS} writers: {acknowledged} acknowledged, {stored} stored, {missing} missing, {doubled} doubled, slowest start {:?}",
        ready.iter().max().expect("starts were measured")
    );
    assert!(acknowledged > KILLS * WRITERS, "the load was real: {acknowledged}");
    assert_eq!((missing, doubled), (0, 0));
}

fn add_writers(folder: &Path) -> Vec<Pen> {
    let hub = HubProcess::start(folder, &[("API_KEY", "kill-loop-key-kill-loop-key")]);
    let mut client = Client::new(&hub.address);
    let auth = [("Authorization", "Bearer kill-loop-key-kill-loop-key"), ("Content-Type", "application/json")];
    let pens = (0..WRITERS).map(|i| {
        let draft = format!(r#"{{"name":"writer-{i}","expected_frequency":"1h"}}"#);
        let made = client.send("POST", "/api/v1/hosts", &auth, draft.as_bytes()).expect("the hub answers");
        assert_eq!(made.status, 201, "{:?}", String::from_utf8_lossy(&made.body));
        let text = |field: &str| made.json()[field].as_str().expect("a text").to_owned();
        Pen { host: text("host_id"), token: text("token"), next: 0, acknowledged: Vec::new() }
    });
    pens.collect()
}

fn write_until_killed(hub: HubProcess, pens: Vec<Pen>, round: usize) -> Vec<Pen> {
    let stop = Arc::new(AtomicBool::new(false));
    let done = Arc::new(Mutex::new(Vec::new()));
    let writers: Vec<_> = pens
        .into_iter()
        .map(|mut pen| {
            let (address, stop, done) = (hub.address.clone(), stop.clone(), done.clone());
            std::thread::spawn(move || {
                pen.write(&address, &stop);
                done.lock().expect("no writer panicked").push(pen);
            })
        })
        .collect();
    // The kill falls at another moment of the commit cycle each round.
    let until = stopwatch() + LOAD + Duration::from_millis((round * 7 % 40) as u64);
    std::thread::sleep(until - stopwatch());
    hub.kill();
    stop.store(true, Ordering::Relaxed);
    writers.into_iter().for_each(|w| w.join().expect("a writer ends"));
    std::mem::take(&mut *done.lock().expect("no writer panicked"))
}

/// Reads the file with nothing of the hub's own code: which acknowledged texts are missing, which are there twice.
fn compare(folder: &Path, pens: &[Pen]) -> (usize, usize, usize) {
    let db = Connection::open(folder.join("data/db.sqlite")).expect("the file opens");
    let sound: String = db.query_row("PRAGMA integrity_check", [], |r| r.get(0)).expect("it can be checked");
    assert_eq!(sound, "ok");
    let mut query = db.prepare("SELECT json_extract(metadata, '$.body') FROM heartbeats").expect("the table is there");
    let mut stored: HashMap<String, usize> = HashMap::new();
    for text in query.query_map([], |r| r.get::<_, String>(0)).expect("it can be read") {
        *stored.entry(text.expect("every row has its text")).or_default() += 1;
    }
    let acknowledged: HashSet<&String> = pens.iter().flat_map(|p| &p.acknowledged).collect();
    let missing = acknowledged.iter().filter(|t| !stored.contains_key(**t)).count();
    let doubled = stored.values().filter(|n| **n > 1).count();
    (missing, doubled, stored.len())
}

/// A UUID made of the writer and its count, so that a retry carries the same one.
fn key_of(host: &str, n: u64) -> String {
    let writer: u64 = host.trim_start_matches("writer-").parse().unwrap_or(0);
    uuid::Uuid::from_u64_pair(writer + 1, n).to_string()
}
