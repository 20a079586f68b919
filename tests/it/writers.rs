//! Hosts that write as fast as they are answered, each heartbeat told apart, and the oracle that reads the file afterwards with
//! nothing of the hub's own code: what was acknowledged and is missing, and what is there twice.

use crate::api::{Api, KEY};
use crate::process::{Client, HubProcess};
use rusqlite::Connection;
use serde_json::json;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// One writer: its host, the path of its heartbeats, and the one it has not yet seen answered.
pub struct Pen {
    number: u64,
    path: String,
    next: u64,
    padding: String,
    /// The texts that were answered 200, in order.
    pub acknowledged: Vec<String>,
}

impl Pen {
    /// `count` hosts on `hub`, each with a writer whose heartbeats carry `padding` bytes; they need not call again for an hour.
    pub fn many(hub: &HubProcess, count: usize, padding: usize) -> Vec<Pen> {
        let mut api = Api::new(hub);
        let draft = |n| json!({"name": format!("writer-{n}"), "expected_frequency": "1h"});
        let pens = (0..count).map(|n| Pen {
            number: n as u64,
            path: api.add(&draft(n)),
            next: 0,
            padding: "x".repeat(padding),
            acknowledged: Vec::new(),
        });
        pens.collect()
    }

    /// Sends heartbeats until told to stop or cut off; one that was not answered is sent again, under the same key, next time.
    fn write(&mut self, address: &str, stop: &AtomicBool) {
        let mut client = Client::new(address);
        while !stop.load(Ordering::Relaxed) {
            let text = format!("writer-{}-{}-{}", self.number, self.next, self.padding);
            let key = uuid::Uuid::from_u64_pair(self.number + 1, self.next);
            match client.send("POST", &format!("{}&id={key}", self.path), &[], text.as_bytes()) {
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

/// Writers at work, one thread each.
pub struct Load {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Pen>>,
}

impl Load {
    pub fn start(hub: &HubProcess, pens: Vec<Pen>) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let write = |mut pen: Pen| {
            let (address, stop) = (hub.address.clone(), stop.clone());
            std::thread::spawn(move || {
                pen.write(&address, &stop);
                pen
            })
        };
        let threads = pens.into_iter().map(write).collect();
        Load { stop, threads }
    }

    /// Ends it and gives the writers back.
    pub fn end(self) -> Vec<Pen> {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().map(|thread| thread.join().expect("a writer ends")).collect()
    }
}

/// What the file holds compared with what was acknowledged.
#[derive(Debug)]
pub struct Found {
    pub acknowledged: usize,
    pub stored: usize,
    pub missing: usize,
    pub doubled: usize,
}

/// Reads the file of the hub in `folder`, which must not run.
pub fn compare(folder: &Path, pens: &[Pen]) -> Found {
    let stored = texts(&folder.join("data/db.sqlite"));
    let all = || pens.iter().flat_map(|pen| &pen.acknowledged);
    Found {
        acknowledged: all().count(),
        stored: stored.len(),
        missing: all().filter(|text| !stored.contains_key(*text)).count(),
        doubled: stored.values().filter(|n| **n > 1).count(),
    }
}

/// The bodies of all heartbeats in a sound database and how often each is there.
pub fn texts(database: &Path) -> HashMap<String, usize> {
    let db = Connection::open(database).expect("the file opens");
    let sound: String = db.query_row("PRAGMA integrity_check", [], |r| r.get(0)).expect("it can be checked");
    assert_eq!(sound, "ok");
    let mut query = db.prepare("SELECT json_extract(metadata, '$.body') FROM heartbeats").expect("the table is there");
    let mut stored = HashMap::new();
    for text in query.query_map([], |r| r.get::<_, String>(0)).expect("it can be read") {
        *stored.entry(text.expect("every row has its text")).or_default() += 1;
    }
    stored
}

/// A hub in `folder` that takes [`KEY`].
pub fn start(folder: &Path) -> HubProcess {
    HubProcess::start(folder, &[("API_KEY", KEY)])
}
