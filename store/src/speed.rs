//! How fast the uplink was, test by test.

use crate::error::Result;
use domain::time::Wall;
use rusqlite::{Connection, Row, Transaction, params};

/// How many tests are kept.
pub const TESTS_KEPT: i64 = 2_000;

/// One speed test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpeedTest {
    /// When.
    pub at: Wall,
    /// `http`, `librespeed` or `iperf3`.
    pub method: String,
    /// Towards the hub, in kbit/s.
    pub down_kbit_s: Option<i64>,
    /// Away from the hub, in kbit/s.
    pub up_kbit_s: Option<i64>,
    /// Why there is no figure.
    pub error: Option<String>,
}

/// Keeps a test and forgets those beyond the newest [`TESTS_KEPT`].
///
/// # Errors
/// Those of SQLite.
pub fn append(tx: &Transaction<'_>, test: &SpeedTest) -> Result<i64> {
    let sql = "INSERT INTO speed_tests (at, method, down_kbit_s, up_kbit_s, error) VALUES (?1, ?2, ?3, ?4, ?5)";
    let id = tx.prepare_cached(sql)?.insert(params![test.at.0, test.method, test.down_kbit_s, test.up_kbit_s, test.error])?;
    tx.prepare_cached("DELETE FROM speed_tests WHERE id <= ?1")?.execute([id - TESTS_KEPT])?;
    Ok(id)
}

/// The newest tests, the newest first.
///
/// # Errors
/// Those of SQLite.
pub fn newest(conn: &Connection, limit: u32) -> Result<Vec<SpeedTest>> {
    let sql = "SELECT at, method, down_kbit_s, up_kbit_s, error FROM speed_tests ORDER BY id DESC LIMIT ?1";
    let mut query = conn.prepare_cached(sql)?;
    Ok(query.query_map([limit], test)?.collect::<rusqlite::Result<_>>()?)
}

fn test(row: &Row<'_>) -> rusqlite::Result<SpeedTest> {
    Ok(SpeedTest {
        at: Wall(row.get(0)?),
        method: row.get(1)?,
        down_kbit_s: row.get(2)?,
        up_kbit_s: row.get(3)?,
        error: row.get(4)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{at, does};
    use crate::temporary;

    #[test]
    fn tests_are_told_newest_first_and_bounded() {
        let (mut store, _folder) = temporary().unwrap();
        let test =
            |s: i64| SpeedTest { at: at(s).wall, method: "http".into(), down_kbit_s: Some(s), up_kbit_s: None, error: None };
        does(&mut store.writer, |tx| (0..TESTS_KEPT + 2).try_for_each(|s| append(tx, &test(s)).map(drop)));
        assert_eq!(store.reader.read(|conn| newest(conn, 2)).unwrap(), [test(TESTS_KEPT + 1), test(TESTS_KEPT)]);
        assert_eq!(store.reader.read(|conn| newest(conn, 9_999)).unwrap().len() as i64, TESTS_KEPT);
    }
}
