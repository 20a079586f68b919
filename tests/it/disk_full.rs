//! D4: the data folder is a full file system. Heartbeats are refused, pages are read, no verdict is wrong, and all is well
//! again soon after there is space.
//!
//! The hub runs in a mount namespace of its own, so nothing stays mounted whatever happens; its folder is reached through
//! `/proc`. Where a machine does not allow that, the test is skipped loudly, and fails in CI.

use crate::api::{Api, KEY, PATIENCE};
use crate::process::{Answer, Client, HubProcess, pulsewarden, stopwatch, wait_for};
use rusqlite::Connection;
use serde_json::json;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

/// Mounts the room over the folder `$0` and becomes the rest of the command line.
const MOUNT: &str = "mount -t tmpfs -o size=64m,mode=0700 tmpfs \"$0\" && exec \"$@\"";
/// How long the disk stays full: longer than the noisy host may be silent.
const FULL_FOR: Duration = Duration::from_secs(8);
/// After this long with space again everything works.
const BACK_WITHIN: Duration = Duration::from_secs(10);
/// Each heartbeat takes a page or more.
const PADDING_BYTES: usize = 9_000;
/// Heartbeats before the disk fills: several write-backs of the log, so that it has space of its own to go on with.
const BEATS_BEFORE: usize = 1_200;
/// By then the log's own space is used up too.
const BEATS_MOST: usize = 10_000;

#[test]
fn a_full_disk_refuses_heartbeats_reads_pages_and_recovers() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some((room, mut api, mut pen)) = full(folder.path()) else { return };
    let began = stopwatch();
    while stopwatch() - began < FULL_FOR {
        let answer = pen.write();
        assert!(answer.status == 200 || is_503_with_a_wait(&answer), "{answer:?}");
        assert_eq!(api.get("/api/v1/hosts").status, 200, "pages are read");
        std::thread::sleep(Duration::from_millis(100));
    }
    println!("D4: while full: {} refused, slowest answer {:?}", pen.refused, pen.slowest);

    room.free();
    let freed = stopwatch();
    wait_for(BACK_WITHIN, || (pen.write().status == 200).then_some(())).expect("heartbeats are stored again");
    println!("D4: stored again {:?} after there was space", stopwatch() - freed);
    for _ in 0..50 {
        assert_eq!(pen.write().status, 200);
    }
    api.wait_for_alert_of("dead");
    pen.write();
    assert_eq!(api.alerted(), ["dead"], "who called while nothing could be stored was alive");
    room.close_and_compare(&pen);
}

#[test]
fn health_tells_that_nothing_can_be_stored() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some((room, mut api, mut pen)) = full(folder.path()) else { return };
    let began = stopwatch();
    let mut health = |status| {
        wait_for(PATIENCE, || {
            pen.write();
            std::thread::sleep(Duration::from_millis(100));
            let health = api.get("/api/v1/health");
            (health.status == status).then_some(())
        })
    };
    health(503).expect("it is told while every heartbeat is refused");
    println!("D4: unhealthy {:?} after the first refusal", stopwatch() - began);
    room.free();
    health(200).expect("it is well again");
}

/// A hub with the hosts `noisy`, which calls, and `dead`, which does not, whose disk has just become full.
fn full(folder: &Path) -> Option<(Room, Api, Pen)> {
    let room = Room::open(folder)?;
    let mut api = Api::new(&room.hub);
    let noisy = api.add(&json!({"name": "noisy", "expected_frequency": "5s", "grace_period": 0}));
    let mut pen = Pen::new(&room.hub, noisy);
    for _ in 0..BEATS_BEFORE {
        assert_eq!(pen.write().status, 200);
    }
    api.add(&json!({"name": "dead", "expected_frequency": "5s", "grace_period": 0}));
    room.fill();
    let refused = (0..BEATS_MOST).map(|_| pen.write()).find(|answer| answer.status != 200).expect("the disk is full");
    println!("D4: {} heartbeats were stored after the last byte was taken", pen.acknowledged.len() - BEATS_BEFORE);
    assert_eq!((refused.status, refused.json()["error"]["code"].as_str()), (503, Some("disk_full")), "{refused:?}");
    Some((room, api, pen))
}

/// A hub whose data folder is a small file system.
struct Room {
    hub: HubProcess,
    /// The data folder as seen from here; it holds the file system when the hub and its namespace are gone.
    inside: File,
}

impl Room {
    /// `None` where the machine does not allow it.
    fn open(folder: &Path) -> Option<Room> {
        let data = folder.join("data");
        fs::create_dir(&data).expect("data/");
        let Some(flags) = ["-m", "-mr"].into_iter().find(|flags| may_mount(flags, &data)) else {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "CI must be able to mount a tmpfs: unshare -m or unshare -mr");
            println!("SKIPPED: this machine allows neither unshare -m nor unshare -mr: D4 (a full disk) was NOT tested");
            return None;
        };
        let hub = pulsewarden(folder);
        let mut command = in_room(flags, &data);
        command.arg(hub.get_program()).arg("serve").current_dir(folder);
        command.env_clear().envs(hub.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("API_KEY", KEY);
        let seen = |child: &Child| PathBuf::from(format!("/proc/{}/root{}", child.id(), data.display()));
        let hub = HubProcess::start_by(command, folder, seen);
        let inside = File::open(format!("/proc/{}/root{}", hub.id(), data.display())).expect("the folder is seen");
        Some(Room { hub, inside })
    }

    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}/{name}", self.inside.as_raw_fd()))
    }

    /// Leaves not one byte.
    fn fill(&self) {
        let mut filler = File::create(self.path("filler")).expect("a file");
        for block in [1 << 20, 4_096] {
            while filler.write_all(&vec![0; block]).is_ok() {}
        }
    }

    fn free(&self) {
        fs::remove_file(self.path("filler")).expect("it is there");
    }

    /// Stops the hub and reads the file with nothing of its own code.
    fn close_and_compare(self, pen: &Pen) {
        let copy = tempfile::tempdir().expect("a folder");
        let paths = ["db.sqlite", "db.sqlite-wal"].map(|name| (name, self.path(name)));
        assert_eq!(self.hub.terminate(), Some(0), "an orderly stop");
        for (name, path) in paths.iter().filter(|(_, path)| path.exists()) {
            fs::copy(path, copy.path().join(name)).expect("a copy");
        }
        let db = Connection::open(copy.path().join("db.sqlite")).expect("the file opens");
        let sound: String = db.query_row("PRAGMA integrity_check", [], |r| r.get(0)).expect("it can be checked");
        assert_eq!(sound, "ok");
        let mut query = db.prepare("SELECT json_extract(metadata, '$.body') FROM heartbeats").expect("the table is there");
        let mut stored: HashMap<String, usize> = HashMap::new();
        for text in query.query_map([], |r| r.get::<_, String>(0)).expect("it can be read") {
            *stored.entry(text.expect("a text")).or_default() += 1;
        }
        let wrong: Vec<_> =
            pen.acknowledged.iter().filter(|text| stored.get(*text) != Some(&1)).map(|text| &text[..12]).collect();
        println!("D4: {} acknowledged, {} stored, {} refused", pen.acknowledged.len(), stored.len(), pen.refused);
        assert!(wrong.is_empty(), "acknowledged, but not stored once: {wrong:?}");
        assert_eq!(stored.len(), pen.acknowledged.len(), "what was refused for want of space is not stored");
    }
}

fn in_room(flags: &str, data: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.args([flags, "sh", "-c", MOUNT]).arg(data);
    command
}

fn may_mount(flags: &str, data: &Path) -> bool {
    in_room(flags, data).arg("true").output().is_ok_and(|done| done.status.success())
}

fn is_503_with_a_wait(answer: &Answer) -> bool {
    let wait_s: Option<u64> = answer.header("retry-after").and_then(|text| text.parse().ok());
    answer.status == 503 && wait_s.is_some_and(|s| (1..=5).contains(&s))
}

/// Writes heartbeats that can be told apart.
struct Pen {
    client: Client,
    path: String,
    next: usize,
    acknowledged: Vec<String>,
    refused: usize,
    slowest: Duration,
}

impl Pen {
    fn new(hub: &HubProcess, path: String) -> Pen {
        let client = Client::new(&hub.address);
        Pen { client, path, next: 0, acknowledged: Vec::new(), refused: 0, slowest: Duration::ZERO }
    }

    fn write(&mut self) -> Answer {
        let text = format!("beat {:>7} {}", self.next, "x".repeat(PADDING_BYTES));
        self.next += 1;
        let began = stopwatch();
        let answer = self.client.send("POST", &self.path, &[("Content-Type", "text/plain")], text.as_bytes()).expect("an answer");
        self.slowest = self.slowest.max(stopwatch() - began);
        if answer.status == 200 {
            self.acknowledged.push(text);
        } else {
            self.refused += 1;
        }
        answer
    }
}
