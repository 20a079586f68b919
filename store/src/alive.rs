//! The hub's last sign of life, and the windows in which it could not hear.

use crate::error::Result;
use domain::time::{Steady, Wall};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

/// How many deaf windows are kept.
pub const WINDOWS_KEPT: i64 = 1_000;

/// The last sign of life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alive {
    /// Which boot of the machine it was.
    pub boot_id: String,
    /// Milliseconds since that boot, suspended time included.
    pub boot_ms: i64,
    /// What the wall clock showed.
    pub wall: Wall,
    /// Where the hub's own line was.
    pub steady: Steady,
    /// Heartbeats after this id may be newer than `hosts.last_seen`.
    pub beat_mark: i64,
}

/// A time in which the hub could not hear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeafWindow {
    /// From when.
    pub from: Steady,
    /// To when.
    pub to: Steady,
    /// Why.
    pub reason: String,
    /// When it was noticed.
    pub created_at: Wall,
}

/// The last sign of life; `None` before the first.
///
/// # Errors
/// Those of SQLite.
pub fn read(conn: &Connection) -> Result<Option<Alive>> {
    let mut query = conn.prepare_cached("SELECT boot_id, boot_ms, wall, steady, beat_mark FROM alive WHERE id = 1")?;
    Ok(query.query_row([], alive).optional()?)
}

/// Writes a sign of life.
///
/// # Errors
/// Those of SQLite.
pub fn write(tx: &Transaction<'_>, alive: &Alive) -> Result<()> {
    let mut query = tx.prepare_cached(
        "INSERT OR REPLACE INTO alive (id, boot_id, boot_ms, wall, steady, beat_mark) VALUES (1, ?1, ?2, ?3, ?4, ?5)",
    )?;
    query.execute(params![alive.boot_id, alive.boot_ms, alive.wall.0, alive.steady.0, alive.beat_mark])?;
    Ok(())
}

/// Notes a deaf window and forgets those beyond the newest [`WINDOWS_KEPT`].
///
/// # Errors
/// Those of SQLite.
pub fn append_deaf(tx: &Transaction<'_>, window: &DeafWindow) -> Result<()> {
    let sql = "INSERT INTO deaf_windows (from_steady, to_steady, reason, created_at) VALUES (?1, ?2, ?3, ?4)";
    let id = tx.prepare_cached(sql)?.insert(params![window.from.0, window.to.0, window.reason, window.created_at.0])?;
    tx.prepare_cached("DELETE FROM deaf_windows WHERE id <= ?1")?.execute([id - WINDOWS_KEPT])?;
    Ok(())
}

/// The deaf windows that ended at `since` or later, in the order they were noted.
///
/// # Errors
/// Those of SQLite.
pub fn deaf_since(conn: &Connection, since: Steady) -> Result<Vec<DeafWindow>> {
    let mut query = conn.prepare_cached(
        "SELECT from_steady, to_steady, reason, created_at FROM deaf_windows WHERE to_steady >= ?1 ORDER BY id",
    )?;
    Ok(query.query_map([since.0], window)?.collect::<rusqlite::Result<_>>()?)
}

fn alive(row: &Row<'_>) -> rusqlite::Result<Alive> {
    Ok(Alive {
        boot_id: row.get(0)?,
        boot_ms: row.get(1)?,
        wall: Wall(row.get(2)?),
        steady: Steady(row.get(3)?),
        beat_mark: row.get(4)?,
    })
}

fn window(row: &Row<'_>) -> rusqlite::Result<DeafWindow> {
    Ok(DeafWindow { from: Steady(row.get(0)?), to: Steady(row.get(1)?), reason: row.get(2)?, created_at: Wall(row.get(3)?) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{at, does};
    use crate::temporary;

    #[test]
    fn the_last_sign_of_life_replaces_the_one_before() {
        let (mut store, _folder) = temporary().unwrap();
        assert_eq!(store.reader.read(read).unwrap(), None);
        let sign = |s: i64| Alive { boot_id: "b".into(), boot_ms: s, wall: at(s).wall, steady: at(s).steady, beat_mark: s * 10 };
        for s in [1, 2] {
            does(&mut store.writer, |tx| write(tx, &sign(s)));
        }
        assert_eq!(store.reader.read(read).unwrap(), Some(sign(2)));
    }

    #[test]
    fn deaf_windows_are_told_from_an_instant_and_bounded() {
        let (mut store, _folder) = temporary().unwrap();
        let window =
            |s: i64| DeafWindow { from: at(s).steady, to: at(s + 1).steady, reason: "suspend".into(), created_at: at(s).wall };
        does(&mut store.writer, |tx| (0..WINDOWS_KEPT + 3).try_for_each(|s| append_deaf(tx, &window(s))));
        let since = |s| store.reader.read(|conn| deaf_since(conn, at(s).steady)).unwrap();
        assert_eq!(since(0).len() as i64, WINDOWS_KEPT);
        assert_eq!(since(WINDOWS_KEPT + 2), [window(WINDOWS_KEPT + 1), window(WINDOWS_KEPT + 2)]);
    }
}
