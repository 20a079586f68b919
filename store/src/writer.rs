//! The single writer: one connection, one transaction at a time, and the truth about how each ended.

use crate::error::{Result, StoreError, TransactError};
use crate::lock::Lock;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::path::PathBuf;

/// Above this many bytes the log is written back at once, even if readers must be waited for.
const WAL_RESET_BYTES: u64 = 96 << 20;
/// After a write-back that did not succeed: how much the log may grow before the next.
const WAL_STEP_BYTES: u64 = 16 << 20;
/// Transactions between two looks at the log's size; a look is a system call on the hot path.
const LOOK_EVERY: u32 = 32;

/// The one connection that writes. Dropping it releases the file for another hub.
pub struct Writer {
    conn: Connection,
    wal: PathBuf,
    reset_above: u64,
    unlooked: u32,
    broken: Option<StoreError>,
    // Last: the lock goes only after the connection.
    _lock: Lock,
}

impl Writer {
    pub(crate) fn new(conn: Connection, wal: PathBuf, lock: Lock) -> Writer {
        Writer { conn, wal, reset_above: WAL_RESET_BYTES, unlooked: 0, broken: None, _lock: lock }
    }

    /// Runs `work` in one `BEGIN IMMEDIATE … COMMIT`; when this answers `Ok`, everything is on disk.
    ///
    /// # Errors
    /// What `work` answered (rolled back, certainly not done), or what COMMIT answered with its own certainty. After a fatal
    /// error every later call is refused: the connection must not be used again.
    pub fn transact<R>(&mut self, work: impl FnOnce(&Transaction<'_>) -> Result<R>) -> Result<R, TransactError> {
        if let Some(error) = &self.broken {
            return Err(TransactError::not_done(error.clone()));
        }
        let done = transact(&mut self.conn, work);
        match &done {
            Ok(_) => self.bound_log(),
            Err(failed) => self.note(&failed.error),
        }
        done
    }

    /// Whether a fatal error ended this writer.
    pub fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    /// The connection, to look at what it sees itself.
    pub fn conn(&self) -> &Connection {
        &self.conn
    }

    /// Writes the whole log back into the database and empties it, waiting for readers up to the busy timeout.
    ///
    /// # Errors
    /// `Busy` when a reader stayed in the way; nothing is lost then.
    pub fn checkpoint(&mut self) -> Result<()> {
        let done = self.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
        match done.map_err(StoreError::from) {
            Ok(0) => Ok(()),
            Ok(_) => Err(StoreError::Busy("a reader kept the log from being written back".into())),
            Err(error) => {
                self.note(&error);
                Err(error)
            }
        }
    }

    fn note(&mut self, error: &StoreError) {
        if error.is_fatal() {
            log::error!("the writer stops: {error}");
            self.broken = Some(error.clone());
        }
    }

    /// Readers that follow each other closely could keep SQLite's own checkpoints from ever starting the log anew.
    fn bound_log(&mut self) {
        self.unlooked += 1;
        if self.unlooked < LOOK_EVERY {
            return;
        }
        self.unlooked = 0;
        let size = std::fs::metadata(&self.wal).map_or(0, |file| file.len());
        if size <= self.reset_above {
            return;
        }
        match self.checkpoint() {
            Ok(()) => self.reset_above = WAL_RESET_BYTES,
            Err(error) => {
                log::warn!("the write-ahead log has {size} bytes and could not be written back: {error}");
                self.reset_above = size + WAL_STEP_BYTES;
            }
        }
    }
}

fn transact<R>(conn: &mut Connection, work: impl FnOnce(&Transaction<'_>) -> Result<R>) -> Result<R, TransactError> {
    let begun = conn.transaction_with_behavior(TransactionBehavior::Immediate);
    let tx = begun.map_err(|e| TransactError::not_done(e.into()))?;
    // An error or a panic here drops the transaction, and that rolls it back.
    let value = work(&tx).map_err(TransactError::not_done)?;
    tx.commit().map_err(|e| {
        let error = StoreError::from(e);
        TransactError { certainty: error.certainty(), error }
    })?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use crate::error::{Certainty, StoreError};
    use crate::sample::{add, at, does};
    use crate::{beats, hosts, temporary};
    use domain::signal::Signal;

    fn beat(host: i64) -> beats::NewBeat<'static> {
        let (source_ip, metadata) = (None, None);
        beats::NewBeat { host, at: at(1).wall, source_ip, metadata, signal: Signal::Success, duration_ms: None, previous: None }
    }

    #[test]
    fn an_error_inside_rolls_back() {
        let (mut store, _folder) = temporary().unwrap();
        let failed = store.writer.transact(|tx| {
            add(tx, "nas");
            Err::<(), _>(StoreError::NotFound)
        });
        assert_eq!(failed.unwrap_err().certainty, Certainty::NotDone);
        assert_eq!(store.reader.read(hosts::count).unwrap().total(), 0);
    }

    #[test]
    fn a_panic_inside_rolls_back_and_the_writer_goes_on() {
        let (mut store, _folder) = temporary().unwrap();
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _ = store.writer.transact::<()>(|tx| {
                add(tx, "nas");
                panic!("on purpose")
            });
        }));
        assert!(caught.is_err());
        does(&mut store.writer, |tx| Ok(add(tx, "pi")));
        assert_eq!(store.reader.read(hosts::count).unwrap().total(), 1);
    }

    #[test]
    fn a_full_disk_is_full_and_not_done_and_passes_when_space_is_back() {
        let (mut store, _folder) = temporary().unwrap();
        let host = does(&mut store.writer, |tx| Ok(add(tx, "nas")));
        let pages: i64 = store.writer.conn().query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        let limit = |pages: i64, store: &crate::Store| {
            store.writer.conn().query_row(&format!("PRAGMA max_page_count = {pages}"), [], |row| row.get::<_, i64>(0)).unwrap()
        };
        limit(pages + 1, &store);
        let fill = |tx: &crate::Transaction<'_>| (0..2_000).try_for_each(|_| beats::insert(tx, &beat(host)).map(|_| ()));
        let failed = store.writer.transact(fill).unwrap_err();
        assert_eq!((failed.error, failed.certainty), (StoreError::Full, Certainty::NotDone));
        assert!(!store.writer.is_broken());
        assert_eq!(store.reader.read(beats::newest_id).unwrap(), 0, "pages still read, and none of it is there");
        limit(pages + 1_000, &store);
        does(&mut store.writer, fill);
        assert_eq!(store.reader.read(beats::newest_id).unwrap(), 2_000);
    }

    #[test]
    fn after_a_fatal_error_the_connection_is_never_used_again() {
        let (mut store, _folder) = temporary().unwrap();
        let fatal = StoreError::Io("the disk is gone".into());
        let failed = store.writer.transact(|_| Err::<(), _>(fatal.clone())).unwrap_err();
        assert_eq!(failed.error, fatal);
        let refused = store.writer.transact(|tx| Ok(add(tx, "nas"))).unwrap_err();
        assert_eq!((refused.error, refused.certainty), (fatal, Certainty::NotDone));
        assert!(store.writer.is_broken());
    }

    #[test]
    fn the_log_is_written_back_beside_a_reader_or_says_busy() {
        let folder = crate::TempFolder::new().unwrap();
        let options = crate::Options { busy_timeout_ms: 50, ..crate::Options::default() };
        let mut store = crate::Store::open(&folder.database(), &options).unwrap();
        let host = does(&mut store.writer, |tx| Ok(add(tx, "nas")));
        let reader = store.reader.clone();
        reader
            .read(|conn| {
                hosts::count(conn)?;
                does(&mut store.writer, |tx| beats::insert(tx, &beat(host)));
                assert!(matches!(store.writer.checkpoint(), Err(StoreError::Busy(_))));
                Ok(())
            })
            .unwrap();
        store.writer.checkpoint().unwrap();
        assert_eq!(std::fs::metadata(folder.path().join("db.sqlite-wal")).unwrap().len(), 0);
    }
}
