//! The readers: a small pool of connections that cannot write, and a limit on how long each may be held.

use crate::error::{Result, StoreError};
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::Connection;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How often a running read is looked at.
const TICK_MS: u64 = 100;
/// SQLite's virtual-machine steps between two looks at the limit: well under a millisecond.
const STEPS_PER_LOOK: i32 = 4_000;

/// A handle to the pool of read-only connections; clones share it.
#[derive(Clone)]
pub struct Reader {
    shared: Arc<Shared>,
}

struct Shared {
    pool: r2d2::Pool<SqliteConnectionManager>,
    ticker: Arc<Ticker>,
    limit_ticks: u64,
}

/// How a pool of readers is made.
pub(crate) struct ReaderLimits {
    pub(crate) count: u32,
    pub(crate) wait_ms: u64,
    pub(crate) limit_ms: u64,
}

impl Reader {
    pub(crate) fn new(manager: SqliteConnectionManager, limits: &ReaderLimits) -> Result<Reader> {
        let pool = r2d2::Pool::builder()
            .max_size(limits.count)
            .connection_timeout(Duration::from_millis(limits.wait_ms))
            .idle_timeout(None)
            .max_lifetime(None)
            .test_on_check_out(false)
            .error_handler(Box::new(r2d2::NopErrorHandler))
            .build(manager)
            .map_err(|e| StoreError::Other(format!("the readers could not be opened: {e}")))?;
        let ticker = Ticker::start().map_err(|e| StoreError::Other(format!("no thread for the readers' limit: {e}")))?;
        let limit_ticks = limits.limit_ms.div_ceil(TICK_MS).max(1);
        Ok(Reader { shared: Arc::new(Shared { pool, ticker, limit_ticks }) })
    }

    /// Runs `work` on a free connection; all its queries see one state of the database.
    ///
    /// # Errors
    /// `Busy` when no connection came free in time or the read took longer than its limit; else what `work` answered.
    pub fn read<R>(&self, work: impl FnOnce(&Connection) -> Result<R>) -> Result<R> {
        let conn = self.shared.pool.get().map_err(|e| StoreError::Busy(format!("no reader came free: {e}")))?;
        let _running = Running::begin(&self.shared.ticker);
        let ends = self.shared.ticker.ticks.load(Ordering::Relaxed) + self.shared.limit_ticks;
        let ticker = Arc::clone(&self.shared.ticker);
        conn.progress_handler(STEPS_PER_LOOK, Some(move || ticker.ticks.load(Ordering::Relaxed) > ends))?;
        if !conn.is_autocommit() {
            conn.execute_batch("ROLLBACK")?;
        }
        let tx = conn.unchecked_transaction()?;
        work(&tx)
    }
}

/// Counts tenths of seconds while reads run: the store asks no clock, and an idle hub is not woken for this.
struct Ticker {
    ticks: AtomicU64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    running: usize,
    closed: bool,
}

impl Ticker {
    fn start() -> std::io::Result<Arc<Ticker>> {
        let ticker = Arc::new(Ticker { ticks: AtomicU64::new(0), state: Mutex::default(), changed: Condvar::new() });
        let own = Arc::clone(&ticker);
        std::thread::Builder::new().name("store-ticker".into()).spawn(move || own.run())?;
        Ok(ticker)
    }

    fn run(&self) {
        loop {
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let idle = |state: &mut State| state.running == 0 && !state.closed;
            let state = self.changed.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner);
            if state.closed {
                return;
            }
            drop(state);
            std::thread::sleep(Duration::from_millis(TICK_MS));
            self.ticks.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_one();
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.ticker.change(|state| state.closed = true);
    }
}

/// One read in progress.
struct Running<'a>(&'a Ticker);

impl<'a> Running<'a> {
    fn begin(ticker: &'a Ticker) -> Running<'a> {
        ticker.change(|state| state.running += 1);
        Running(ticker)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.change(|state| state.running -= 1);
    }
}

#[cfg(test)]
mod tests {
    use crate::sample::{add, does};
    use crate::{Options, Store, StoreError, TempFolder, hosts, temporary};

    #[test]
    fn a_reader_cannot_write() {
        let (store, _folder) = temporary().unwrap();
        let written = store.reader.read(|conn| Ok(conn.execute("DELETE FROM hosts", [])?));
        assert_eq!(written, Err(StoreError::ReadOnly));
    }

    #[test]
    fn one_read_sees_one_state() {
        let (mut store, _folder) = temporary().unwrap();
        let reader = store.reader.clone();
        let counted = reader.read(|conn| {
            let before = hosts::count(conn)?.total();
            does(&mut store.writer, |tx| Ok(add(tx, "nas")));
            Ok((before, hosts::count(conn)?.total()))
        });
        assert_eq!(counted.unwrap(), (0, 0));
        assert_eq!(reader.read(hosts::count).unwrap().total(), 1);
    }

    #[test]
    fn a_read_beyond_its_limit_is_ended_and_its_connection_serves_again() {
        let folder = TempFolder::new().unwrap();
        let options = Options { readers: 1, reader_limit_ms: 200, reader_wait_ms: 100, ..Options::default() };
        let store = Store::open(&folder.database(), &options).unwrap();
        let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
        let ended = store.reader.read(|conn| Ok(conn.query_row(endless, [], |row| row.get::<_, i64>(0))?));
        assert!(matches!(ended, Err(StoreError::Busy(_))), "{ended:?}");
        assert_eq!(store.reader.read(hosts::count).unwrap().total(), 0);
    }

    #[test]
    fn no_free_reader_is_busy_after_the_wait() {
        let folder = TempFolder::new().unwrap();
        let options = Options { readers: 1, reader_wait_ms: 50, ..Options::default() };
        let store = Store::open(&folder.database(), &options).unwrap();
        let inner = store.reader.clone();
        let busy = store.reader.read(|_| inner.read(hosts::count).map(|counts| counts.total()));
        assert!(matches!(busy, Err(StoreError::Busy(_))), "{busy:?}");
    }
}
