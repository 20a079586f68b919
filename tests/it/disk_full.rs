//! D4: the data folder is a full file system. Heartbeats are refused, pages are read, no verdict is wrong, and all is well
//! again soon after there is space.
//!
//! The hub runs in a mount namespace of its own, so nothing stays mounted whatever happens; its folder is reached through
//! `/proc`. Where a machine does not allow that, the test is skipped loudly, and fails in CI.

use crate::api::{Api, KEY, PATIENCE};
use crate::discord_peer::Peer;
use crate::process::{Answer, Client, HubProcess, is_torture, pulsewarden, stopwatch, wait_for};
use rusqlite::Connection;
use serde_json::json;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// Mounts the room over the folder `$0` and becomes the rest of the command line.
const MOUNT: &str = "mount -t tmpfs -o size=64m,mode=0700 tmpfs \"$0\" && exec \"$@\"";
/// The same with not one byte left, on a folder that was empty or had a database.
const FULL: &str = "mount -t tmpfs -o size=64k,mode=0700 tmpfs \"$0\" && { cat /dev/zero >\"$0/filler\"; exec \"$@\"; }";
const FULL_WITH_DATABASE: &str = "mount -t tmpfs -o size=4m,mode=0700 tmpfs \"$0\" && cp \"$0\"/../kept/* \"$0\" && { cat /dev/zero >\"$0/filler\"; exec \"$@\"; }";
/// How long the disk stays full: longer than the noisy host may be silent.
const FULL_FOR: Duration = Duration::from_secs(8);
/// What the noisy host may be silent.
const ALLOWED: Duration = Duration::from_secs(5);
/// A machine may be too slow to call in time, and then proves nothing.
const TRIES: usize = 4;
/// The promise, for the long form: after this long with space again everything works.
const BACK_WITHIN: Duration = Duration::from_secs(10);
/// Each heartbeat takes a page or more.
const PADDING_BYTES: usize = 9_000;
/// Heartbeats before the disk fills: several write-backs of the log, so that it has space of its own to go on with.
const BEATS_BEFORE: usize = 1_200;
/// By then the log's own space is used up too.
const BEATS_MOST: usize = 10_000;

#[test]
fn a_full_disk_refuses_heartbeats_reads_pages_and_recovers() {
    let timely = (0..TRIES).find(|_| refuses_and_recovers());
    assert!(timely.is_some(), "this machine was too slow to call in time, {TRIES} times over");
}

/// Answers whether the noisy host called in time, so that an alert of it would have been false.
fn refuses_and_recovers() -> bool {
    let folder = tempfile::tempdir().expect("a folder");
    let Some((room, mut api, mut pen)) = full(folder.path()) else { return true };
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
    wait_for(PATIENCE, || (pen.write().status == 200).then_some(())).expect("heartbeats are stored again");
    let back = stopwatch() - freed;
    println!("D4: stored again {back:?} after there was space");
    assert!(!is_torture() || back <= BACK_WITHIN, "{back:?}");
    for _ in 0..50 {
        assert_eq!(pen.write().status, 200);
    }
    let dead = wait_for(PATIENCE, || {
        pen.write();
        api.alerted().iter().any(|host| host == "dead").then_some(())
    });
    assert!(dead.is_some(), "no alert of the dead host");
    let (alerted, timely) = (api.alerted(), pen.longest_silence() < ALLOWED);
    println!("D4: the noisy host was silent for {:?} at most", pen.longest_silence());
    assert!(!timely || alerted == ["dead"], "who called while nothing could be stored was alive: {alerted:?}");
    room.close_and_compare(&pen);
    timely
}

#[test]
fn a_start_on_a_full_disk_is_refused_with_the_fix_and_works_when_there_is_space() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(HubProcess::start(folder.path(), &[("API_KEY", KEY)]).terminate(), Some(0));
    let data = folder.path().join("data");
    let Some(flags) = mount_flags(&data) else { return };
    fs::rename(&data, folder.path().join("kept")).expect("a folder");
    for (what, script) in [("a new database", FULL), ("one that is there", FULL_WITH_DATABASE)] {
        fs::create_dir_all(&data).expect("data/");
        let command = hub_in_room(flags, script, folder.path(), &data);
        let ended = HubProcess::try_start_by(command, folder.path(), |child| seen(child, &data));
        let log = fs::read_to_string(folder.path().join("log")).expect("a log");
        assert_eq!(ended.map(|hub| hub.log()).map_err(|status| status.code()), Err(Some(1)), "{what}: {log}");
        let said = log.lines().last().unwrap_or_default();
        println!("D4: a start on a full disk, {what}: {said}");
        assert!(said.starts_with("error: ") && said.contains("full; make room"), "{what}: {log}");
    }
    fs::remove_dir(&data).expect("it is empty again");
    fs::rename(folder.path().join("kept"), &data).expect("a folder");
    assert_eq!(HubProcess::start(folder.path(), &[("API_KEY", KEY)]).terminate(), Some(0));
}

#[test]
fn health_and_people_are_told_that_nothing_can_be_stored() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some((room, mut api, mut pen)) = full(folder.path()) else { return };
    let began = stopwatch();
    let health = |pen: &mut Pen, api: &mut Api, status| {
        wait_for(PATIENCE, || {
            pen.write();
            std::thread::sleep(Duration::from_millis(100));
            let health = api.get("/api/v1/health");
            (health.status == status).then_some(())
        })
    };
    health(&mut pen, &mut api, 503).expect("it is told while every heartbeat is refused");
    println!("D4: unhealthy {:?} after the first refusal", stopwatch() - began);
    let told = |pen: &mut Pen, title: &str| {
        wait_for(PATIENCE, || {
            pen.write();
            std::thread::sleep(Duration::from_millis(100));
            room.peer.titles().iter().any(|said| said == title).then_some(())
        })
    };
    told(&mut pen, "Alert: Database Refuses Writes").expect("people are told past the store");
    println!("D4: people were told {:?} after the first refusal", stopwatch() - began);
    room.free();
    told(&mut pen, "Resolved: System Error").expect("its end is told as an incident");
    assert_eq!(room.peer.titles().iter().filter(|title| title.contains("Refuses")).count(), 1, "once");
    assert_eq!(room.peer.violations(), Vec::<String>::new());
    let health = wait_for(PATIENCE, || (api.get("/api/v1/health").status == 200).then_some(()));
    health.expect("it is well again");
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
    /// Where it tells people.
    peer: Peer,
    /// The data folder as seen from here; it holds the file system when the hub and its namespace are gone.
    inside: File,
}

impl Room {
    /// `None` where the machine does not allow it.
    fn open(folder: &Path) -> Option<Room> {
        let data = folder.join("data");
        fs::create_dir(&data).expect("data/");
        let mut command = hub_in_room(mount_flags(&data)?, MOUNT, folder, &data);
        let peer = Peer::start_blocking();
        command.env("DISCORD_WEBHOOK_URL", peer.url()).env("WEBHOOK_ALLOWED_HOSTS", peer.origin());
        let hub = HubProcess::start_by(command, folder, |child| seen(child, &data));
        let inside = File::open(format!("/proc/{}/root{}", hub.id(), data.display())).expect("the folder is seen");
        Some(Room { hub, peer, inside })
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

/// A hub whose folder is what `script` makes of it.
fn hub_in_room(flags: &str, script: &str, folder: &Path, data: &Path) -> Command {
    let hub = pulsewarden(folder);
    let mut command = in_room(flags, script, data);
    command.arg(hub.get_program()).arg("serve").current_dir(folder);
    command.env_clear().envs(hub.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("API_KEY", KEY);
    command
}

/// Where the data folder of a hub in a room is seen from here.
fn seen(hub: &Child, data: &Path) -> PathBuf {
    PathBuf::from(format!("/proc/{}/root{}", hub.id(), data.display()))
}

fn in_room(flags: &str, script: &str, data: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.args([flags, "sh", "-c", script]).arg(data);
    command
}

/// How this machine allows a mount, if it does.
fn mount_flags(data: &Path) -> Option<&'static str> {
    let works = |flags: &&str| in_room(flags, MOUNT, data).arg("true").output().is_ok_and(|done| done.status.success());
    let flags = ["-m", "-mr"].into_iter().find(works);
    if flags.is_none() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "CI must be able to mount a tmpfs: unshare -m or unshare -mr");
        println!("SKIPPED: this machine allows neither unshare -m nor unshare -mr: D4 (a full disk) was NOT tested");
    }
    flags
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
    /// When its calls began and were answered, since the first.
    calls: Vec<(Instant, Instant)>,
}

impl Pen {
    fn new(hub: &HubProcess, path: String) -> Pen {
        let client = Client::new(&hub.address);
        Pen { client, path, next: 0, acknowledged: Vec::new(), refused: 0, slowest: Duration::ZERO, calls: Vec::new() }
    }

    /// The longest time in which the hub may have heard nothing of it.
    fn longest_silence(&self) -> Duration {
        self.calls.windows(2).map(|two| two[1].1 - two[0].0).max().unwrap_or_default()
    }

    fn write(&mut self) -> Answer {
        let text = format!("beat {:>7} {}", self.next, "x".repeat(PADDING_BYTES));
        self.next += 1;
        let began = stopwatch();
        let answer = self.client.send("POST", &self.path, &[("Content-Type", "text/plain")], text.as_bytes()).expect("an answer");
        let answered = stopwatch();
        self.slowest = self.slowest.max(answered - began);
        self.calls.push((began, answered));
        if answer.status == 200 {
            self.acknowledged.push(text);
        } else {
            self.refused += 1;
        }
        answer
    }
}
