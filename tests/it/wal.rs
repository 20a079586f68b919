//! P14, the log: while a reader is held open and 64 writers write, the write-ahead log stays below its bound; when the reader is
//! gone, it is written back.
//!
//! The hub ends its own reads after 5 s; this reader is another program's, which nobody ends.

use crate::process::{is_torture, stopwatch};
use crate::writers::{Load, Pen, compare, start};
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;

const WRITERS: usize = 64;
/// Each heartbeat is three pages.
const PADDING_BYTES: usize = 9_500;
/// The promise; and what the short form asserts, which does not write enough to break the promise itself.
const WAL_MOST_BYTES: u64 = 256 << 20;
const WAL_MOST_BYTES_SHORT: u64 = 160 << 20;
/// Twice as much, in heartbeats of three pages of 4 KiB each.
const BEATS: i64 = 2 * 256 * 1_024 / 12;
const BEATS_SHORT: i64 = 2 * 120 * 1_024 / 12;
/// Readers one after the other, each held for a while, with no moment between two of them in which there is none.
const HELD: Duration = Duration::from_millis(700);
/// Enough for a machine that writes a megabyte a second.
const PATIENCE: Duration = Duration::from_secs(600);

#[test]
fn the_log_stays_bounded_while_readers_follow_each_other_and_writers_write() {
    let (beats, most) = if is_torture() { (BEATS, WAL_MOST_BYTES) } else { (BEATS_SHORT, WAL_MOST_BYTES_SHORT) };
    let folder = tempfile::tempdir().expect("a folder");
    let hub = start(folder.path());
    let load = Load::start(&hub, Pen::many(&hub, WRITERS, PADDING_BYTES));
    let (mut largest, began) = (0, stopwatch());
    let (mut held, mut written) = reader(folder.path());
    while written < beats {
        std::thread::sleep(HELD);
        let (next, newest) = reader(folder.path());
        (held, written) = (next, newest); // the one before ends here
        largest = largest.max(log_bytes(folder.path()));
        assert!(stopwatch() - began < PATIENCE, "{written} heartbeats in {PATIENCE:?}");
    }
    let with_readers = stopwatch() - began;
    drop(held);
    std::thread::sleep(HELD);
    let pens = load.end();
    largest = largest.max(log_bytes(folder.path()));
    assert_eq!(hub.terminate(), Some(0));
    let (found, mib) = (compare(folder.path(), &pens), largest >> 20);
    println!("P14: {found:?} with readers held for {with_readers:?}: the log had {mib} MiB at most");
    assert!(largest <= most, "{mib} MiB");
    assert_eq!((found.missing, found.doubled), (0, 0));
}

/// A read that has begun and does not end by itself, and the newest heartbeat it sees.
fn reader(folder: &Path) -> (Connection, i64) {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(folder.join("data/db.sqlite"), flags).expect("the file opens");
    conn.execute_batch("BEGIN").expect("a transaction");
    let newest = conn.query_row("SELECT ifnull(max(id), 0) FROM heartbeats", [], |row| row.get(0)).expect("a read");
    (conn, newest)
}

fn log_bytes(folder: &Path) -> u64 {
    std::fs::metadata(folder.join("data/db.sqlite-wal")).map_or(0, |log| log.len())
}
