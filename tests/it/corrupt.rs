//! P13, a damaged database: the hub refuses to start, says which file and what to do, and leaves it byte for byte as it is. It never
//! makes a new one in the place of one that was there.

use crate::api::{Api, KEY};
use crate::process::{Client, HubProcess, pulsewarden};
use crate::writers::start;
use rusqlite::Connection;
use serde_json::json;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const HOSTS: usize = 200;
const PAGE_BYTES: u64 = 4_096;

/// What is done to the file, and what the hub must say of it beside its path.
type Damage = (&'static str, fn(&Path), &'static str);

const DAMAGES: [Damage; 10] = [
    ("the first byte is another", |db| overwrite(db, 0, &[0]), "not a SQLite database"),
    ("the header is zero", |db| overwrite(db, 0, &[0; 100]), "not a SQLite database"),
    ("a text file", |db| fs::write(db, "hello\n").expect("a file"), "not a SQLite database"),
    ("it is empty", |db| fs::write(db, "").expect("a file"), "put a backup in its place"),
    ("it is gone", |db| fs::remove_file(db).expect("the file"), "put a backup in its place"),
    ("its second half is gone", halve, "put a backup in its place"),
    ("a page of the hosts is garbage", |db| spoil(db, "hosts"), "put a backup in its place"),
    ("a page of the settings is garbage", |db| spoil(db, "config"), "put a backup in its place"),
    ("another program's", of_another_program, "belongs to another program"),
    ("of a newer release", of_a_newer_release, "start the release that wrote it"),
];

#[test]
fn a_damaged_database_stops_the_start_and_is_left_as_it_is() {
    let whole = tempfile::tempdir().expect("a folder");
    filled(whole.path());
    let mut wrong = Vec::new();
    for (what, damage, said) in DAMAGES {
        for clean in [true, false] {
            let folder = tempfile::tempdir().expect("a folder");
            let db = copy(whole.path(), folder.path());
            damage(&db);
            if !clean {
                fs::write(folder.path().join("data/hub.lock"), "4242\ndatabase made").expect("the mark of a hub that crashed");
            }
            let before = fs::read(&db).ok();
            let refused = refuses_to_start(folder.path(), said);
            let kept = fs::read(&db).ok() == before;
            if let (Ok(()), true) = (&refused, kept) {
                continue;
            }
            wrong.push(format!("{what}, clean={clean}, kept={kept}: {refused:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether the start ends with code 1 and a message that names the file and says this.
fn refuses_to_start(folder: &Path, said: &str) -> Result<(), String> {
    let mut command = pulsewarden(folder);
    command.arg("serve").env("API_KEY", KEY);
    let started = HubProcess::try_start_by(command, folder, |_| folder.join("data"));
    let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
    let error = log.lines().filter(|line| line.starts_with("error: ")).collect::<Vec<_>>().join("\n");
    match started {
        Ok(hub) => Err(format!("it started: {}", hub.log())),
        Err(status) if status.code() == Some(1) && error.contains("data/db.sqlite") && error.contains(said) => Ok(()),
        Err(status) => Err(format!("{status}: {log}")),
    }
}

#[test]
fn damage_that_shows_itself_while_the_hub_runs_ends_it_and_nothing_is_acknowledged() {
    let folder = tempfile::tempdir().expect("a folder");
    filled(folder.path());
    let mut hub = start(folder.path());
    let path = Api::new(&hub).add(&json!({"name": "late", "expected_frequency": "1h"}));
    let db = folder.path().join("data/db.sqlite");
    assert_eq!(hub.terminate(), Some(0));
    spoil(&db, "beat_keys");
    hub = start(folder.path());
    let before = fs::read(&db).expect("the file");
    let key = "3b241101-e2bb-4255-8caf-4136c566a962";
    let answer = Client::new(&hub.address).send("POST", &format!("{path}&id={key}"), &[], b"");
    assert!(answer.as_ref().map_or(true, |answer| answer.status == 503), "{answer:?}");
    let ended = hub.wait_for_end().expect("it ends");
    assert_eq!(ended.code(), Some(70), "{}", hub.log());
    assert!(hub.log().contains("damaged"), "{}", hub.log());
    assert!(fs::read(&db).expect("the file") == before, "it was changed");
}

/// A hub with hosts and heartbeats that was stopped in order, so that all of it is in one file.
fn filled(folder: &Path) {
    let hub = start(folder);
    let mut api = Api::new(&hub);
    let mut client = Client::new(&hub.address);
    for n in 0..HOSTS {
        let path = api.add(&json!({"name": format!("host-{n}"), "expected_frequency": "1h", "description": "x".repeat(200)}));
        assert_eq!(client.send("GET", &path, &[], b"").expect("an answer").status, 200);
    }
    assert_eq!(hub.terminate(), Some(0));
}

fn copy(from: &Path, to: &Path) -> PathBuf {
    fs::create_dir(to.join("data")).expect("data/");
    for entry in fs::read_dir(from.join("data")).expect("a folder") {
        let entry = entry.expect("an entry");
        fs::copy(entry.path(), to.join("data").join(entry.file_name())).expect("a copy");
    }
    to.join("data/db.sqlite")
}

fn overwrite(path: &Path, at: u64, bytes: &[u8]) {
    let file = OpenOptions::new().write(true).open(path).expect("the file");
    file.write_all_at(bytes, at).expect("bytes");
}

fn halve(db: &Path) {
    let file = OpenOptions::new().write(true).open(db).expect("the file");
    let pages = file.metadata().expect("its size").len() / PAGE_BYTES;
    file.set_len(pages / 2 * PAGE_BYTES).expect("a shorter file");
}

/// Garbage over the head of a table's first page.
fn spoil(db: &Path, table: &str) {
    let conn = Connection::open(db).expect("the file opens");
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
    let page: u64 = conn.query_row(sql, [table], |row| row.get::<_, i64>(0)).expect("the table") as u64;
    drop(conn);
    overwrite(db, (page - 1) * PAGE_BYTES, &[0xff; 64]);
}

fn of_another_program(db: &Path) {
    fs::remove_file(db).expect("the file");
    let conn = Connection::open(db).expect("a file");
    conn.execute_batch("CREATE TABLE songs (title TEXT)").expect("a table");
}

fn of_a_newer_release(db: &Path) {
    let conn = Connection::open(db).expect("the file opens");
    conn.execute_batch("PRAGMA user_version = 999").expect("a version");
}
