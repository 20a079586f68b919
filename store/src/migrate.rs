//! How an older file becomes the newest schema: numbered steps, each one transaction, the number kept in `user_version`.

use crate::error::{Result, StoreError};
use rusqlite::{Connection, TransactionBehavior};

/// Marks a file as Pulsewarden's, so that somebody else's database is never touched: `PWRD`.
const APPLICATION_ID: i64 = 0x5057_5244;

/// Every released step, oldest first. A released step never changes; the newest state is `schema.sql`.
const STEPS: [&str; 8] = [
    include_str!("../migrations/0001_first.sql"),
    include_str!("../migrations/0002_channels_held.sql"),
    include_str!("../migrations/0003_fast_pages.sql"),
    include_str!("../migrations/0004_users.sql"),
    include_str!("../migrations/0005_longer_runs.sql"),
    include_str!("../migrations/0006_uplink.sql"),
    include_str!("../migrations/0007_host_keys.sql"),
    include_str!("../migrations/0008_logs.sql"),
];

/// Refuses a database of another program or of a newer release. Reads only.
pub(crate) fn check_owner(conn: &Connection) -> Result<()> {
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let owner: i64 = conn.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    if tables > 0 && owner != APPLICATION_ID {
        return Err(StoreError::refused(
            "database",
            "this file belongs to another program: name a file of its own for Pulsewarden",
        ));
    }
    let (found, known) = (version(conn)?, newest());
    if found > known { Err(StoreError::TooNew { found, known }) } else { Ok(()) }
}

/// Refuses a database that a hub must bring to the newest schema first.
pub(crate) fn check_newest(conn: &Connection) -> Result<()> {
    if version(conn)? == newest() {
        return Ok(());
    }
    Err(StoreError::refused("database", "this file has an older schema: start the hub once to bring it up to date"))
}

/// Runs every step the file has not seen.
pub(crate) fn run(conn: &mut Connection) -> Result<()> {
    let found = version(conn)?;
    for (number, step) in (1..).zip(STEPS).filter(|(number, _)| *number > found) {
        let tx = conn.transaction_with_behavior(TransactionBehavior::Exclusive)?;
        tx.execute_batch(step)?;
        tx.execute_batch(&format!("PRAGMA user_version = {number}; PRAGMA application_id = {APPLICATION_ID};"))?;
        tx.commit()?;
        log::info!("the database is now at version {number}");
    }
    Ok(())
}

fn version(conn: &Connection) -> Result<i64> {
    Ok(conn.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

fn newest() -> i64 {
    STEPS.len() as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::temporary;

    /// Every object with its text, white space and comments made equal.
    fn shape(conn: &Connection) -> Vec<(String, String, String)> {
        let sql = "SELECT type, name, ifnull(sql, '') FROM sqlite_schema ORDER BY type, name";
        let mut query = conn.prepare(sql).unwrap();
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?))).unwrap();
        rows.map(|row| row.map(|(kind, name, sql)| (kind, name, plain(&sql))).unwrap()).collect()
    }

    fn plain(sql: &str) -> String {
        let code = sql.lines().map(|line| line.split("--").next().unwrap_or_default());
        let words = code.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ");
        words.replace(" ,", ",").replace(" )", ")") // a column that was added stands otherwise
    }

    #[test]
    fn the_migrations_end_exactly_at_the_schema() {
        let newest = Connection::open_in_memory().unwrap();
        newest.execute_batch(include_str!("../../schema.sql")).unwrap();
        let mut migrated = Connection::open_in_memory().unwrap();
        run(&mut migrated).unwrap();
        assert_eq!(shape(&migrated), shape(&newest));
        assert!(shape(&newest).len() > 20);
    }

    #[test]
    fn every_step_runs_once() {
        let mut conn = Connection::open_in_memory().unwrap();
        run(&mut conn).unwrap();
        run(&mut conn).unwrap();
        assert_eq!(version(&conn).unwrap(), newest());
        check_owner(&conn).unwrap();
        check_newest(&conn).unwrap();
    }

    #[test]
    fn the_primary_webhook_is_there_from_the_start() {
        let (store, _folder) = temporary().unwrap();
        let all = store.reader.read(crate::channels::list).unwrap();
        assert_eq!((all.len(), all[0].id, all[0].name.as_str()), (1, crate::channels::PRIMARY, "primary"));
    }
}
