//! What happened to a host, in words, for people and for explain.

use crate::column::{cut, page_size};
use crate::error::Result;
use domain::time::Wall;
use rusqlite::{Connection, Row, Transaction, params};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// `events.id`.
    pub id: i64,
    /// `hosts.id`; `None` for the hub itself.
    pub host: Option<i64>,
    /// When.
    pub at: Wall,
    /// What, in a word or two: `down`, `up`, `paused`.
    pub kind: String,
    /// More about it.
    pub detail: String,
}

/// Events, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventPage {
    /// The events.
    pub events: Vec<Event>,
    /// Cursor of the next page, if there is more.
    pub next: Option<i64>,
}

/// Appends an event and answers its id.
///
/// # Errors
/// Those of SQLite.
pub fn append(tx: &Transaction<'_>, host: Option<i64>, at: Wall, kind: &str, detail: &str) -> Result<i64> {
    let mut query = tx.prepare_cached("INSERT INTO events (host_id, at, kind, detail) VALUES (?1, ?2, ?3, ?4)")?;
    Ok(query.insert(params![host, at.0, kind, detail])?)
}

/// Events of one host, or of all and the hub itself, before the cursor `before`.
///
/// # Errors
/// Those of SQLite.
pub fn list(conn: &Connection, host: Option<i64>, before: Option<i64>, limit: u32) -> Result<EventPage> {
    let size = page_size(limit);
    let sql = match host {
        Some(_) => "SELECT id, host_id, at, kind, detail FROM events WHERE host_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3",
        None => "SELECT id, host_id, at, kind, detail FROM events WHERE ?1 IS NULL AND id < ?2 ORDER BY id DESC LIMIT ?3",
    };
    let mut query = conn.prepare_cached(sql)?;
    let rows = query.query_map(params![host, before.unwrap_or(i64::MAX), size + 1], event)?;
    let (events, next) = cut(rows.collect::<rusqlite::Result<_>>()?, size, |event| event.id);
    Ok(EventPage { events, next })
}

/// Removes at most `limit` events older than `before`, the oldest first; answers how many.
///
/// # Errors
/// Those of SQLite.
pub fn sweep(tx: &Transaction<'_>, before: Wall, limit: u32) -> Result<usize> {
    let mut query = tx.prepare_cached(
        "DELETE FROM events WHERE id IN (SELECT id FROM (SELECT id, at FROM events ORDER BY id LIMIT ?2) WHERE at < ?1)",
    )?;
    Ok(query.execute(params![before.0, limit])?)
}

fn event(row: &Row<'_>) -> rusqlite::Result<Event> {
    Ok(Event { id: row.get(0)?, host: row.get(1)?, at: Wall(row.get(2)?), kind: row.get(3)?, detail: row.get(4)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{at, does};
    use crate::temporary;

    #[test]
    fn events_are_paged_newest_first_and_swept_oldest_first() {
        let (mut store, _folder) = temporary().unwrap();
        does(&mut store.writer, |tx| {
            (0..6).try_for_each(|n| append(tx, Some(n % 2), at(n).wall, "up", "").map(|_| ()))?;
            append(tx, None, at(9).wall, "started", "the hub")
        });
        let ids = |host, before, limit| {
            let page = store.reader.read(|conn| list(conn, host, before, limit)).unwrap();
            (page.events.iter().map(|event| event.id).collect::<Vec<_>>(), page.next)
        };
        assert_eq!(ids(Some(1), None, 2), (vec![6, 4], Some(4)));
        assert_eq!(ids(Some(1), Some(4), 2), (vec![2], None));
        assert_eq!(ids(None, None, 1), (vec![7], Some(7)));
        assert_eq!(does(&mut store.writer, |tx| sweep(tx, at(3).wall, 2)), 2);
        assert_eq!(does(&mut store.writer, |tx| sweep(tx, at(3).wall, 2)), 1);
    }
}
