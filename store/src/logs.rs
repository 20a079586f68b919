//! What is known of a host's log between two looks at it: where to go on, what is usual, and why the last try failed.

use crate::column::wall;
use crate::error::Result;
use domain::time::Wall;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

/// A host's log as the last look left it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogState {
    /// Where the next look begins; JSON of whoever fetches.
    pub cursor: Option<serde_json::Value>,
    /// Lines ever read: numbers go on from here.
    pub lines_read: i64,
    /// The templates, as JSON.
    pub miner: Option<String>,
    /// Which addresses have pseudonyms, sealed.
    pub pseudonyms: Option<Vec<u8>>,
    /// When the last look ended.
    pub analysed_at: Option<Wall>,
    /// Tries that failed since.
    pub failures: u32,
    /// Why the last of them failed.
    pub trouble: Option<String>,
    /// Nothing is tried by itself until a person acts.
    pub stopped: bool,
    /// When the last try was made.
    pub tried_at: Option<Wall>,
}

/// A host whose log is to be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogHost {
    /// `hosts.id`.
    pub row: i64,
    /// Public id.
    pub host_id: String,
    /// JSON of its log settings.
    pub settings: String,
    /// Paused hosts are left alone.
    pub paused: bool,
}

/// The state of a host's log; the beginning of all when there was no look yet.
///
/// # Errors
/// Those of SQLite.
pub fn state(conn: &Connection, host: i64) -> Result<LogState> {
    let mut query = conn.prepare_cached(
        "SELECT cursor, lines_read, miner, pseudonyms, analysed_at, failures, trouble, stopped, tried_at FROM log_states
         WHERE host_id = ?1",
    )?;
    Ok(query.query_row([host], read).optional()?.unwrap_or_default())
}

fn read(row: &Row<'_>) -> rusqlite::Result<LogState> {
    let cursor: Option<String> = row.get(0)?;
    Ok(LogState {
        cursor: cursor.and_then(|text| serde_json::from_str(&text).ok()),
        lines_read: row.get(1)?,
        miner: row.get(2)?,
        pseudonyms: row.get(3)?,
        analysed_at: wall(row, 4)?,
        failures: row.get(5)?,
        trouble: row.get(6)?,
        stopped: row.get(7)?,
        tried_at: wall(row, 8)?,
    })
}

/// The state after a look that was stored; belongs into its transaction. A removed host gets none.
///
/// # Errors
/// Those of SQLite.
pub fn go_on(tx: &Transaction<'_>, host: i64, state: &LogState) -> Result<()> {
    let cursor = state.cursor.as_ref().map(ToString::to_string);
    let mut query = tx.prepare_cached(
        "INSERT INTO log_states (host_id, cursor, lines_read, miner, pseudonyms, analysed_at, tried_at)
         SELECT id, ?2, ?3, ?4, ?5, ?6, ?6 FROM hosts WHERE id = ?1
         ON CONFLICT (host_id) DO UPDATE SET cursor = excluded.cursor, lines_read = excluded.lines_read, miner = excluded.miner,
             pseudonyms = excluded.pseudonyms, analysed_at = excluded.analysed_at, tried_at = excluded.tried_at, failures = 0,
             trouble = NULL, stopped = 0",
    )?;
    let at = state.analysed_at.map(|at| at.0);
    query.execute(params![host, cursor, state.lines_read, state.miner, state.pseudonyms, at])?;
    Ok(())
}

/// A try failed; what was known stays. Answers how many did in a row.
///
/// # Errors
/// Those of SQLite.
pub fn note_trouble(tx: &Transaction<'_>, host: i64, why: &str, stopped: bool, at: Wall) -> Result<u32> {
    let mut query = tx.prepare_cached(
        "INSERT INTO log_states (host_id, failures, trouble, stopped, tried_at) SELECT id, 1, ?2, ?3, ?4 FROM hosts WHERE id = ?1
         ON CONFLICT (host_id) DO UPDATE SET failures = failures + 1, trouble = excluded.trouble, stopped = excluded.stopped,
             tried_at = excluded.tried_at
         RETURNING failures",
    )?;
    Ok(query.query_row(params![host, why, stopped, at.0], |row| row.get(0)).optional()?.unwrap_or(0))
}

/// Another description is another try: the last one's trouble counts no more. With `from_the_start` the next look begins where
/// nothing is known, because the lines come from elsewhere.
///
/// # Errors
/// Those of SQLite.
pub fn forgive(tx: &Transaction<'_>, host: i64, from_the_start: bool) -> Result<()> {
    let sql =
        "UPDATE log_states SET failures = 0, trouble = NULL, stopped = 0, tried_at = iif(failures > 0 OR ?2, NULL, tried_at),
             cursor = iif(?2, NULL, cursor) WHERE host_id = ?1";
    tx.prepare_cached(sql)?.execute(params![host, from_the_start])?;
    Ok(())
}

/// Every host with log settings, by row.
///
/// # Errors
/// Those of SQLite.
pub fn hosts(conn: &Connection) -> Result<Vec<LogHost>> {
    let sql = "SELECT id, host_id, log_analysis, paused FROM hosts INDEXED BY hosts_with_logs WHERE log_analysis IS NOT NULL
         ORDER BY id";
    let mut query = conn.prepare_cached(sql)?;
    let host = |row: &Row<'_>| Ok(LogHost { row: row.get(0)?, host_id: row.get(1)?, settings: row.get(2)?, paused: row.get(3)? });
    Ok(query.query_map([], host)?.collect::<rusqlite::Result<_>>()?)
}

/// Forgets all that was found in the log of a removed host; what left the hub for it stays in the ledger.
pub(crate) fn forget(tx: &Transaction<'_>, host: i64) -> Result<()> {
    for table in ["log_states", "log_findings", "log_analyses"] {
        tx.prepare_cached(&format!("DELETE FROM {table} WHERE host_id = ?1"))?.execute([host])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{add, at, does};
    use crate::{hosts as all_hosts, temporary};

    fn looked(lines: i64) -> LogState {
        LogState {
            cursor: Some(serde_json::json!({"offset": lines})),
            lines_read: lines,
            miner: Some("{}".into()),
            pseudonyms: Some(b"sealed".to_vec()),
            analysed_at: Some(at(1).wall),
            tried_at: Some(at(1).wall),
            ..LogState::default()
        }
    }

    #[test]
    fn a_failed_try_moves_nothing_and_a_stored_look_ends_the_trouble() {
        let (mut store, _folder) = temporary().unwrap();
        let host = does(&mut store.writer, |tx| Ok(add(tx, "nas")));
        does(&mut store.writer, |tx| go_on(tx, host, &looked(7)));
        for n in 1..=2 {
            assert_eq!(i64::from(does(&mut store.writer, |tx| note_trouble(tx, host, "refused", n == 2, at(n).wall))), n);
        }
        let failed = store.reader.read(|conn| state(conn, host)).unwrap();
        assert_eq!((failed.cursor, failed.lines_read), (looked(7).cursor, 7));
        assert_eq!((failed.failures, failed.trouble.as_deref(), failed.stopped), (2, Some("refused"), true));
        does(&mut store.writer, |tx| go_on(tx, host, &looked(9)));
        assert_eq!(store.reader.read(|conn| state(conn, host)).unwrap(), looked(9));
    }

    #[test]
    fn a_removed_host_leaves_no_state_and_gets_none_later() {
        let (mut store, _folder) = temporary().unwrap();
        let host = does(&mut store.writer, |tx| Ok(add(tx, "nas")));
        does(&mut store.writer, |tx| go_on(tx, host, &looked(7)));
        does(&mut store.writer, |tx| all_hosts::delete(tx, host, at(2)));
        does(&mut store.writer, |tx| go_on(tx, host, &looked(8)));
        assert_eq!(does(&mut store.writer, |tx| note_trouble(tx, host, "late", false, at(3).wall)), 0);
        assert_eq!(store.reader.read(|conn| state(conn, host)).unwrap(), LogState::default());
    }
}
