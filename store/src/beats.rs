//! The append-only log of heartbeats, and the keys that make a retry count once.

use crate::column::page_size;
use crate::error::Result;
use domain::signal::Signal;
use domain::time::{Steady, Wall};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use std::collections::HashMap;

/// Keys forgotten in one transaction.
const KEYS_AT_ONCE: u32 = 1_000;

/// A heartbeat to append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewBeat<'a> {
    /// `hosts.id`.
    pub host: i64,
    /// When it was heard.
    pub at: Wall,
    /// Whence it came.
    pub source_ip: Option<&'a str>,
    /// JSON, only when the caller sent more than the plain beat.
    pub metadata: Option<&'a str>,
    /// What it said.
    pub signal: Signal,
    /// How long the run took that it ends.
    pub duration_ms: Option<i64>,
    /// The host's beat before this one.
    pub previous: Option<i64>,
}

/// A heartbeat as kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// `heartbeats.id`.
    pub id: i64,
    /// `hosts.id`.
    pub host: i64,
    /// When it was heard.
    pub at: Wall,
    /// Whence it came.
    pub source_ip: Option<String>,
    /// JSON text.
    pub metadata: Option<String>,
    /// What it said.
    pub signal: Signal,
    /// How long the run took that it ended.
    pub duration_ms: Option<i64>,
    /// The host's beat before this one; that row may be swept already.
    pub previous: Option<i64>,
}

/// Beats of one host, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BeatPage {
    /// The beats.
    pub beats: Vec<Beat>,
    /// Where the next page begins, if there is more.
    pub next: Option<i64>,
}

/// What the log knows about a host that its row may not know yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BeatsSince {
    /// `hosts.id`; the host may be removed meanwhile.
    pub host: i64,
    /// Its newest beat.
    pub newest_id: i64,
    /// When its newest beat that is a sign of life (success, fail, exit code) was heard.
    pub life: Option<Wall>,
}

/// Appends a heartbeat and answers its id. The hot path: one prepared statement, no index.
///
/// # Errors
/// Those of SQLite.
pub fn insert(tx: &Transaction<'_>, beat: &NewBeat<'_>) -> Result<i64> {
    let mut query = tx.prepare_cached(
        "INSERT INTO heartbeats (host_id, timestamp, source_ip, metadata, signal, duration_ms, previous_id)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    let NewBeat { host, at, source_ip, metadata, signal, duration_ms, previous } = *beat;
    Ok(query.insert(params![host, at.0, source_ip, metadata, signal.code(), duration_ms, previous])?)
}

/// The beat that `key` of this host stood for the first time.
///
/// # Errors
/// Those of SQLite.
pub fn find_key(conn: &Connection, host: i64, key: &str) -> Result<Option<i64>> {
    let mut query = conn.prepare_cached("SELECT heartbeat_id FROM beat_keys WHERE host_id = ?1 AND key = ?2")?;
    Ok(query.query_row(params![host, key], |row| row.get(0)).optional()?)
}

/// Remembers that `key` of this host stands for beat `id`.
///
/// # Errors
/// `Taken` when it stands for another one already.
pub fn remember_key(tx: &Transaction<'_>, host: i64, key: &str, id: i64, at: Wall) -> Result<()> {
    let mut query =
        tx.prepare_cached("INSERT INTO beat_keys (host_id, key, heartbeat_id, created_at) VALUES (?1, ?2, ?3, ?4)")?;
    query.execute(params![host, key, id, at.0])?;
    Ok(())
}

/// Forgets at most a thousand keys older than `before`, the oldest first; answers how many. To be called again soon: a day's
/// keys at once would hold up every heartbeat.
///
/// # Errors
/// Those of SQLite.
pub fn sweep_keys(tx: &Transaction<'_>, before: Wall) -> Result<usize> {
    let mut query = tx.prepare_cached(
        "DELETE FROM beat_keys WHERE (host_id, key) IN (
             SELECT host_id, key FROM beat_keys INDEXED BY beat_keys_oldest WHERE created_at < ?1 ORDER BY created_at LIMIT ?2)",
    )?;
    Ok(query.execute(params![before.0, KEYS_AT_ONCE])?)
}

/// Removes at most `limit` of the oldest beats, up to the first one not older than `before`, never the newest; answers how many.
///
/// # Errors
/// Those of SQLite.
pub fn sweep(tx: &Transaction<'_>, before: Wall, limit: u32) -> Result<usize> {
    let mut query = tx.prepare_cached(
        "DELETE FROM heartbeats WHERE id <= (
             SELECT max(id) FROM (SELECT id FROM heartbeats ORDER BY id LIMIT ?2)
         ) AND id < ifnull(
             (SELECT min(id) FROM (SELECT id, timestamp FROM heartbeats ORDER BY id LIMIT ?2) WHERE timestamp >= ?1),
             (SELECT max(id) FROM heartbeats)
         )",
    )?;
    Ok(query.execute(params![before.0, limit])?)
}

/// Writes behind what was heard of a host: `last_seen` (which never moves back) and the newest beat of its chain.
///
/// # Errors
/// Those of SQLite; a host that is gone is none.
pub fn flush_seen(tx: &Transaction<'_>, host: i64, seen: Option<(Wall, Steady)>, last_beat_id: i64) -> Result<()> {
    let mut query = tx.prepare_cached(
        "UPDATE hosts SET
             last_seen = CASE WHEN ?3 >= ifnull(last_seen_steady, ?3) THEN ?2 ELSE last_seen END,
             last_seen_steady = CASE WHEN ?3 >= ifnull(last_seen_steady, ?3) THEN ?3 ELSE last_seen_steady END,
             last_beat_id = max(ifnull(last_beat_id, ?4), ?4)
         WHERE id = ?1",
    )?;
    query.execute(params![host, seen.map(|(wall, _)| wall.0), seen.map(|(_, steady)| steady.0), last_beat_id])?;
    Ok(())
}

/// What was heard after beat `mark`, one row a host, in no order.
///
/// # Errors
/// Those of SQLite.
pub fn since_mark(conn: &Connection, mark: i64) -> Result<Vec<BeatsSince>> {
    let mut query = conn.prepare_cached("SELECT id, host_id, timestamp, signal FROM heartbeats WHERE id > ?1 ORDER BY id")?;
    let mut rows = query.query([mark])?;
    let mut hosts: HashMap<i64, BeatsSince> = HashMap::new();
    while let Some(row) = rows.next()? {
        let (newest_id, host) = (row.get(0)?, row.get(1)?);
        let known = hosts.entry(host).or_insert(BeatsSince { host, newest_id, life: None });
        known.newest_id = newest_id;
        if Signal::from_code(row.get(3)?).is_life() {
            known.life = Some(Wall(row.get(2)?));
        }
    }
    Ok(hosts.into_values().collect())
}

/// Where each host (`hosts.id`) was last heard from, as far as it was told.
///
/// # Errors
/// Those of SQLite.
pub fn last_sources(conn: &Connection) -> Result<Vec<(i64, String)>> {
    let sql = "SELECT h.id, b.source_ip FROM hosts h JOIN heartbeats b ON b.id = h.last_beat_id WHERE b.source_ip IS NOT NULL";
    let mut query = conn.prepare_cached(sql)?;
    Ok(query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?)
}

/// The id of the newest beat of all, 0 when there is none.
///
/// # Errors
/// Those of SQLite.
pub fn newest_id(conn: &Connection) -> Result<i64> {
    Ok(conn.prepare_cached("SELECT ifnull(max(id), 0) FROM heartbeats")?.query_row([], |row| row.get(0))?)
}

/// One beat.
///
/// # Errors
/// Those of SQLite.
pub fn get(conn: &Connection, id: i64) -> Result<Option<Beat>> {
    let mut query = conn.prepare_cached(
        "SELECT id, host_id, timestamp, source_ip, metadata, signal, duration_ms, previous_id FROM heartbeats WHERE id = ?1",
    )?;
    Ok(query.query_row([id], beat).optional()?)
}

/// A host's beats from beat `from` (its newest, or a page's `next`) backwards. A beat of another host ends the walk, so a
/// cursor from outside shows nobody else's.
///
/// # Errors
/// Those of SQLite.
pub fn page(conn: &Connection, host: i64, from: Option<i64>, limit: u32) -> Result<BeatPage> {
    let size = page_size(limit) as usize;
    let mut page = BeatPage { beats: Vec::new(), next: from };
    while let Some(id) = page.next.filter(|_| page.beats.len() < size) {
        let Some(beat) = get(conn, id)?.filter(|beat| beat.host == host) else {
            page.next = None;
            break;
        };
        // Only backwards: a damaged chain must not become a circle.
        page.next = beat.previous.filter(|previous| *previous < id);
        page.beats.push(beat);
    }
    Ok(page)
}

/// A heartbeat without what it said besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// `heartbeats.id`.
    pub id: i64,
    /// When it was heard.
    pub at: Wall,
    /// What it said.
    pub signal: Signal,
    /// How long the run took that it ended.
    pub duration_ms: Option<i64>,
}

/// At most `most` of a host's heartbeats from beat `from` backwards, the newest first, without their bodies.
///
/// # Errors
/// Those of SQLite.
pub fn trail(conn: &Connection, host: i64, from: Option<i64>, most: usize) -> Result<Vec<Trace>> {
    let sql = "SELECT timestamp, signal, duration_ms, previous_id FROM heartbeats WHERE id = ?1 AND host_id = ?2";
    let mut query = conn.prepare_cached(sql)?;
    let (mut trail, mut next) = (Vec::with_capacity(most.min(64)), from);
    while let Some(id) = next.filter(|_| trail.len() < most) {
        let found = query.query_row([id, host], |row| {
            let (at, signal) = (Wall(row.get(0)?), Signal::from_code(row.get(1)?));
            Ok((Trace { id, at, signal, duration_ms: row.get(2)? }, row.get::<_, Option<i64>>(3)?))
        });
        let Some((trace, previous)) = found.optional()? else { break };
        trail.push(trace);
        next = previous.filter(|previous| *previous < id); // as in `page`
    }
    Ok(trail)
}

fn beat(row: &Row<'_>) -> rusqlite::Result<Beat> {
    Ok(Beat {
        id: row.get(0)?,
        host: row.get(1)?,
        at: Wall(row.get(2)?),
        source_ip: row.get(3)?,
        metadata: row.get(4)?,
        signal: Signal::from_code(row.get(5)?),
        duration_ms: row.get(6)?,
        previous: row.get(7)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{add, at, does};
    use crate::{StoreError, hosts, temporary};
    use domain::schedule::BusinessHours;

    fn beat(host: i64, s: i64, signal: Signal, previous: Option<i64>) -> NewBeat<'static> {
        NewBeat { host, at: at(s).wall, source_ip: Some("::1"), metadata: None, signal, duration_ms: None, previous }
    }

    #[test]
    fn a_chain_is_paged_backwards_and_shows_nobody_elses() {
        let (mut store, _folder) = temporary().unwrap();
        let (mine, other) = does(&mut store.writer, |tx| {
            let (mut mine, mut other) = (Vec::new(), Vec::new());
            for n in 0..5 {
                mine.push(insert(tx, &beat(1, n, Signal::Success, mine.last().copied()))?);
                other.push(insert(tx, &beat(2, n, Signal::Start, other.last().copied()))?);
            }
            Ok((mine, other))
        });
        let read = |from, limit| store.reader.read(|conn| page(conn, 1, from, limit)).unwrap();
        let ids = |page: &BeatPage| page.beats.iter().map(|beat| beat.id).collect::<Vec<_>>();
        let first = read(Some(mine[4]), 2);
        assert_eq!((ids(&first), first.next), (vec![mine[4], mine[3]], Some(mine[2])));
        let rest = read(first.next, 100);
        assert_eq!((ids(&rest), rest.next), (vec![mine[2], mine[1], mine[0]], None));
        assert_eq!(read(Some(other[4]), 2), BeatPage::default());
        assert_eq!(read(None, 2), BeatPage::default());
        assert_eq!(first.beats[0].source_ip.as_deref(), Some("::1"));
        let trail = |from, most| store.reader.read(|conn| trail(conn, 1, from, most)).unwrap();
        assert_eq!(trail(Some(mine[4]), 2).iter().map(|t| t.id).collect::<Vec<_>>(), [mine[4], mine[3]]);
        assert_eq!((trail(Some(mine[4]), 99).len(), trail(Some(other[4]), 9).len(), trail(None, 9).len()), (5, 0, 0));
    }

    #[test]
    fn a_circle_ends() {
        let (mut store, _folder) = temporary().unwrap();
        let id = does(&mut store.writer, |tx| insert(tx, &beat(1, 0, Signal::Log, Some(1))));
        let page = store.reader.read(|conn| page(conn, 1, Some(id), 10)).unwrap();
        assert_eq!((page.beats.len(), page.next), (1, None));
    }

    #[test]
    fn a_key_counts_once_until_it_is_swept() {
        let (mut store, _folder) = temporary().unwrap();
        does(&mut store.writer, |tx| remember_key(tx, 1, "k", 42, at(10).wall));
        let find = |store: &crate::Store, host| store.reader.read(|conn| find_key(conn, host, "k")).unwrap();
        assert_eq!((find(&store, 1), find(&store, 2)), (Some(42), None));
        let twice = store.writer.transact(|tx| remember_key(tx, 1, "k", 43, at(11).wall)).unwrap_err();
        assert!(matches!(twice.error, StoreError::Taken { .. }));
        assert_eq!(does(&mut store.writer, |tx| sweep_keys(tx, at(10).wall)), 0);
        assert_eq!(does(&mut store.writer, |tx| sweep_keys(tx, at(11).wall)), 1);
        assert_eq!(find(&store, 1), None);
    }

    #[test]
    fn keys_are_swept_oldest_first_a_thousand_at_a_time() {
        let (mut store, _folder) = temporary().unwrap();
        does(&mut store.writer, |tx| (0..1_500).try_for_each(|n| remember_key(tx, 1, &n.to_string(), n, at(1_500 - n).wall)));
        let mut sweep = || does(&mut store.writer, |tx| sweep_keys(tx, at(1_401).wall));
        assert_eq!((sweep(), sweep(), sweep()), (1_000, 400, 0));
    }

    #[test]
    fn last_seen_never_moves_back() {
        let (mut store, _folder) = temporary().unwrap();
        let host = does(&mut store.writer, |tx| Ok(add(tx, "nas")));
        let mut flush = |seen: Option<i64>, id| {
            does(&mut store.writer, |tx| {
                flush_seen(tx, host, seen.map(|s| (at(s).wall, at(s).steady)), id)?;
                let host = hosts::get(tx, host, &BusinessHours::default())?.unwrap().unwrap();
                Ok((host.last_seen.map(|(_, steady)| steady), host.last_beat_id))
            })
        };
        assert_eq!(flush(None, 3), (None, Some(3)), "a start is no sign of life");
        assert_eq!(flush(Some(20), 5), (Some(at(20).steady), Some(5)));
        assert_eq!(flush(Some(10), 4), (Some(at(20).steady), Some(5)));
        assert_eq!(flush(None, 6), (Some(at(20).steady), Some(6)));
    }

    #[test]
    fn what_came_after_the_mark_is_told_by_host_and_life() {
        let (mut store, _folder) = temporary().unwrap();
        does(&mut store.writer, |tx| {
            insert(tx, &beat(1, 1, Signal::Success, None))?;
            insert(tx, &beat(1, 2, Signal::Exit(3), None))?;
            insert(tx, &beat(1, 3, Signal::Log, None))?;
            insert(tx, &beat(2, 4, Signal::Start, None))
        });
        let mut since = store.reader.read(|conn| since_mark(conn, 1)).unwrap();
        since.sort_by_key(|beats| beats.host);
        let expected = [(1, 3, Some(at(2).wall)), (2, 4, None)];
        assert_eq!(since, expected.map(|(host, newest_id, life)| BeatsSince { host, newest_id, life }));
        assert_eq!(store.reader.read(|conn| since_mark(conn, 4)).unwrap(), []);
    }

    #[test]
    fn sweeping_takes_the_oldest_and_never_the_newest() {
        let (mut store, _folder) = temporary().unwrap();
        does(&mut store.writer, |tx| (0..10).try_for_each(|n| insert(tx, &beat(1, n, Signal::Success, None)).map(|_| ())));
        let mut swept = |before: i64, limit| does(&mut store.writer, |tx| sweep(tx, at(before).wall, limit));
        assert_eq!(swept(4, 3), 3);
        assert_eq!(swept(4, 3), 1);
        assert_eq!(swept(4, 3), 0);
        assert_eq!(swept(1_000, 1_000), 5);
        assert_eq!(swept(1_000, 1_000), 0);
        assert_eq!(store.reader.read(newest_id).unwrap(), 10);
    }
}
