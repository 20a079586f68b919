//! How the file is opened: one hub at a time, durable, never recreated, brought to the newest schema.

use crate::error::{Result, StoreError, is_fatal_code};
use crate::lock::{LOCK_NAME, Lock};
use crate::migrate;
use crate::reader::{Reader, ReaderLimits};
use crate::writer::Writer;
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::hooks::Wal;
use rusqlite::{Connection, OpenFlags};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What every SQLite file begins with.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// Pages after which a commit also writes back (4 MiB).
const CHECKPOINT_PAGES: i32 = 1_000;
/// Bytes of log kept allocated between write-backs.
const LOG_KEPT_BYTES: u32 = 32 << 20;
/// Statements a connection keeps prepared.
const PREPARED: usize = 128;
/// Checked after an unclean stop: small, and the hub cannot judge without them. Heartbeats would take too long at start.
const CHECKED_TABLES: [&str; 6] = ["hosts", "alerts", "outbox", "channels", "config", "alive"];

/// Sizes and limits of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Connections that read.
    pub readers: u32,
    /// Page cache of the writer.
    pub writer_cache_kib: u32,
    /// Page cache of each reader.
    pub reader_cache_kib: u32,
    /// How long the writer waits for a lock.
    pub busy_timeout_ms: u64,
    /// How long a read waits for a free connection.
    pub reader_wait_ms: u64,
    /// How long one read may take.
    pub reader_limit_ms: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            readers: 4,
            writer_cache_kib: 16 << 10,
            reader_cache_kib: 2 << 10,
            busy_timeout_ms: 6_000,
            reader_wait_ms: 2_000,
            reader_limit_ms: 5_000,
        }
    }
}

/// An open database: its parts go to whoever needs them.
pub struct Store {
    /// The one connection that writes; it holds the lock.
    pub writer: Writer,
    /// The connections that read.
    pub reader: Reader,
}

impl Store {
    /// Opens the database at `path`, creating folder and file when there is none, and brings it to the newest schema.
    ///
    /// # Errors
    /// `Locked` when another hub runs, `Corrupt` for a damaged or foreign file (left untouched), `TooNew`, `ReadOnly`, `Full`,
    /// `Refused` when the path cannot be used.
    pub fn open(path: &Path, options: &Options) -> Result<Store> {
        let folder = folder_of(path);
        let mut making = DirBuilder::new();
        making.recursive(true).mode(0o700).create(&folder).map_err(|e| StoreError::file(&folder, &e))?;
        let mut lock = Lock::take(&folder.join(LOCK_NAME))?;
        let is_new = prepare_file(path, &folder, lock.kept_a_database)?;
        let mut conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        migrate::check_owner(&conn)?;
        if conn.is_readonly("main")? {
            return Err(StoreError::ReadOnly);
        }
        set_up_writer(&conn, options)?;
        if !is_new && lock.was_unclean {
            quick_check(&conn)?;
        }
        migrate::run(&mut conn)?;
        lock.keeps_a_database()?;
        let manager = SqliteConnectionManager::file(path)
            .with_flags(OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .with_init(reader_init(options));
        let reader = Reader::new(manager, &options.limits())?;
        Ok(Store { writer: Writer::new(conn, wal_of(path), lock), reader })
    }

    /// Opens an existing database for reading only, beside a running hub or on a file system that cannot be written.
    ///
    /// # Errors
    /// As [`Store::open`], and `Refused` when there is no such file or a hub must bring it to the newest schema first.
    pub fn open_read_only(path: &Path, options: &Options) -> Result<Reader> {
        check_file(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
        let mut uri = uri_of(path, "");
        if let Err(error) = looked_at(&uri, flags) {
            // Without a log everything is in the file itself; with one, leaving it out would show an old state.
            let has_log = fs::metadata(wal_of(path)).is_ok_and(|log| log.len() > 0);
            if has_log || matches!(error, StoreError::Corrupt(_) | StoreError::TooNew { .. } | StoreError::Refused { .. }) {
                return Err(error);
            }
            uri = uri_of(path, "?immutable=1");
            looked_at(&uri, flags)?;
        }
        let manager = SqliteConnectionManager::file(uri).with_flags(flags).with_init(reader_init(options));
        Reader::new(manager, &options.limits())
    }
}

impl Options {
    fn limits(&self) -> ReaderLimits {
        ReaderLimits { count: self.readers.max(1), wait_ms: self.reader_wait_ms, limit_ms: self.reader_limit_ms }
    }
}

/// Reads the whole database and names what is wrong with it, at most `limit` faults; slow on a large one.
///
/// # Errors
/// When it cannot even be read.
pub fn faults(conn: &Connection, limit: u32) -> Result<Vec<String>> {
    let mut query = conn.prepare(&format!("PRAGMA integrity_check({})", limit.max(1)))?;
    let lines = query.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(lines.into_iter().filter(|line| line != "ok").collect())
}

pub(crate) fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

fn wal_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    PathBuf::from(name)
}

/// Makes the file if there is none (private from its first moment, its name durable); answers whether it is new.
/// One that was there and is gone or empty is not made again: whoever lost it must know.
fn prepare_file(path: &Path, folder: &Path, was_there: bool) -> Result<bool> {
    let log_bytes = fs::metadata(wal_of(path)).map_or(0, |log| log.len());
    let empty = fs::metadata(path).map_or(true, |file| file.len() == 0);
    if empty && log_bytes > 0 {
        return Err(StoreError::Corrupt(format!("{} is missing or empty, but its log is not", path.display())));
    }
    if empty && was_there {
        let (path, lock) = (path.display(), folder.join(LOCK_NAME));
        let text = format!("{path} is missing or empty, but there was one; to begin anew remove {} as well", lock.display());
        return Err(StoreError::Corrupt(text));
    }
    if !empty {
        check_file(path)?;
        return Ok(false);
    }
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path);
    file.and_then(|file| file.sync_all()).map_err(|e| StoreError::file(path, &e))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|e| StoreError::file(folder, &e))?;
    Ok(true)
}

fn check_file(path: &Path) -> Result<()> {
    let mut head = Vec::with_capacity(MAGIC.len());
    let read = File::open(path).and_then(|file| file.take(MAGIC.len() as u64).read_to_end(&mut head));
    read.map_err(|e| StoreError::file(path, &e))?;
    if head == MAGIC {
        return Ok(());
    }
    Err(StoreError::Corrupt(format!("{} is not a SQLite database", path.display())))
}

fn set_up_writer(conn: &Connection, options: &Options) -> Result<()> {
    conn.busy_timeout(Duration::from_millis(options.busy_timeout_ms))?;
    conn.set_prepared_statement_cache_capacity(PREPARED);
    let mode = write_ahead(conn)?;
    if mode != "wal" {
        return Err(StoreError::Other(format!("this file system cannot keep a write-ahead log (journal mode {mode})")));
    }
    conn.execute_batch(&format!(
        "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0;
         PRAGMA cache_size = -{}; PRAGMA journal_size_limit = {LOG_KEPT_BYTES};
         PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;",
        options.writer_cache_kib
    ))?;
    conn.wal_hook(Some(write_back));
    Ok(())
}

/// Called after each commit. SQLite's own write-back drops its errors and tries again on the same connection; here one of the
/// disk becomes the COMMIT's, of which nobody knows then whether it was done, and the process ends. A reader in the way or a
/// full disk costs nothing but a longer log.
fn write_back(log: &Wal, pages: i32) -> rusqlite::Result<()> {
    if pages < CHECKPOINT_PAGES {
        return Ok(());
    }
    let done = log.checkpoint();
    let is_fatal = |e: &rusqlite::Error| e.sqlite_error().is_some_and(|e| is_fatal_code(e.extended_code));
    if done.as_ref().is_err_and(is_fatal) { done } else { Ok(()) }
}

/// Asks for the write-ahead log and tells the mode it is now. Asked to its end: what fails while the mode is written comes after
/// the row, and `query_row` would not look there.
fn write_ahead(conn: &Connection) -> Result<String> {
    let mut query = conn.prepare("PRAGMA journal_mode = WAL")?;
    let modes = query.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
    Ok(modes.into_iter().next().unwrap_or_default())
}

fn reader_init(options: &Options) -> impl Fn(&mut Connection) -> rusqlite::Result<()> + Send + Sync + 'static {
    let (cache_kib, busy) = (options.reader_cache_kib, Duration::from_millis(options.busy_timeout_ms));
    move |conn| {
        conn.busy_timeout(busy)?;
        conn.set_prepared_statement_cache_capacity(PREPARED);
        conn.execute_batch(&format!(
            "PRAGMA query_only = ON; PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0; PRAGMA cache_size = -{cache_kib};
             PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;"
        ))
    }
}

fn quick_check(conn: &Connection) -> Result<()> {
    for table in CHECKED_TABLES {
        let known = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1";
        if conn.query_row(known, [table], |row| row.get::<_, i64>(0))? == 0 {
            continue;
        }
        let verdict: String = conn.query_row(&format!("PRAGMA quick_check({table})"), [], |row| row.get(0))?;
        if verdict != "ok" {
            return Err(StoreError::Corrupt(format!("table {table}: {verdict}")));
        }
    }
    Ok(())
}

fn looked_at(uri: &str, flags: OpenFlags) -> Result<()> {
    let conn = Connection::open_with_flags(uri, flags)?;
    migrate::check_owner(&conn)?;
    migrate::check_newest(&conn)
}

/// `path` as SQLite's URI, every byte that means something there escaped.
fn uri_of(path: &Path, query: &str) -> String {
    use std::os::unix::ffi::OsStrExt;
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => uri.push(char::from(*byte)),
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri + query
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{add, does};
    use crate::{TempFolder, hosts, temporary};
    use std::os::unix::fs::PermissionsExt;

    fn pragma(conn: &Connection, name: &str) -> String {
        conn.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, rusqlite::types::Value>(0))
            .map(|value| match value {
                rusqlite::types::Value::Integer(n) => n.to_string(),
                rusqlite::types::Value::Text(text) => text,
                other => panic!("{name}: {other:?}"),
            })
            .unwrap()
    }

    #[test]
    fn the_pragmas_are_really_set() {
        let (store, _folder) = temporary().unwrap();
        let writer = store.writer.conn();
        for (name, value) in [
            ("journal_mode", "wal"),
            ("synchronous", "2"),
            ("foreign_keys", "1"),
            ("temp_store", "2"),
            ("cache_size", "-16384"),
            ("journal_size_limit", "33554432"),
            ("busy_timeout", "6000"),
        ] {
            assert_eq!(pragma(writer, name), value, "{name}");
        }
        let read =
            store.reader.read(|conn| Ok((pragma(conn, "query_only"), pragma(conn, "cache_size"), pragma(conn, "journal_mode"))));
        assert_eq!(read.unwrap(), ("1".into(), "-2048".into(), "wal".into()));
    }

    #[test]
    fn folder_and_file_are_made_and_private() {
        let folder = TempFolder::new().unwrap();
        let path = folder.path().join("deep/er/db.sqlite");
        let store = Store::open(&path, &Options::default()).unwrap();
        for file in ["db.sqlite", "db.sqlite-wal", "hub.lock"] {
            let mode = fs::metadata(path.with_file_name(file)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
        drop(store);
    }

    #[test]
    fn a_store_opened_again_has_kept_everything() {
        let (mut store, folder) = temporary().unwrap();
        does(&mut store.writer, |tx| Ok(add(tx, "nas")));
        drop(store);
        let store = Store::open(&folder.database(), &Options::default()).unwrap();
        assert_eq!(store.reader.read(hosts::count).unwrap().total(), 1);
    }

    #[test]
    fn damage_found_after_an_unclean_stop_is_refused() {
        let (mut store, folder) = temporary().unwrap();
        let pages: i64 = does(&mut store.writer, |tx| {
            (0..200).for_each(|n| {
                add(tx, &format!("host-{n}"));
            });
            Ok(tx.query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'hosts'", [], |row| row.get(0))?)
        });
        store.writer.checkpoint().unwrap();
        drop(store);
        let mut bytes = fs::read(folder.database()).unwrap();
        let from = (pages as usize - 1) * 4096;
        bytes[from + 8..from + 64].fill(0xEE);
        fs::write(folder.database(), &bytes).unwrap();
        fs::write(folder.path().join(LOCK_NAME), "4242\n").unwrap();
        let refused = Store::open(&folder.database(), &Options::default()).map(|_| ()).unwrap_err();
        assert!(matches!(refused, StoreError::Corrupt(_)), "{refused:?}");
    }

    #[test]
    fn a_file_that_is_no_database_is_refused_and_untouched() {
        let folder = TempFolder::new().unwrap();
        for garbage in [&b"not a database, but somebody's only copy"[..], b"x", b"SQLite format 3\0 and then nothing of it"] {
            fs::write(folder.database(), garbage).unwrap();
            let refused = Store::open(&folder.database(), &Options::default()).map(|_| ()).unwrap_err();
            assert!(matches!(refused, StoreError::Corrupt(_)), "{refused:?}");
            assert_eq!(fs::read(folder.database()).unwrap(), garbage);
        }
    }

    #[test]
    fn a_lost_file_beside_its_log_is_not_made_anew() {
        let folder = TempFolder::new().unwrap();
        fs::write(wal_of(&folder.database()), b"frames").unwrap();
        let refused = Store::open(&folder.database(), &Options::default()).map(|_| ()).unwrap_err();
        assert!(matches!(refused, StoreError::Corrupt(_)), "{refused:?}");
        assert!(!folder.database().exists());
    }

    #[test]
    fn the_database_of_another_program_is_refused_and_untouched() {
        let folder = TempFolder::new().unwrap();
        let foreign = Connection::open(folder.database()).unwrap();
        foreign.execute_batch("CREATE TABLE bookmarks (url TEXT)").unwrap();
        drop(foreign);
        let before = fs::read(folder.database()).unwrap();
        let refused = Store::open(&folder.database(), &Options::default()).map(|_| ()).unwrap_err();
        assert!(matches!(refused, StoreError::Refused { .. }), "{refused:?}");
        assert_eq!(fs::read(folder.database()).unwrap(), before);
    }

    #[test]
    fn a_newer_file_is_refused() {
        let (mut store, folder) = temporary().unwrap();
        does(&mut store.writer, |tx| Ok(tx.execute_batch("PRAGMA user_version = 999")?));
        drop(store);
        let refused = Store::open(&folder.database(), &Options::default()).map(|_| ()).unwrap_err();
        assert!(matches!(refused, StoreError::TooNew { found: 999, .. }), "{refused:?}");
    }

    #[test]
    fn read_only_reads_beside_a_hub_and_without_one() {
        let (mut store, folder) = temporary().unwrap();
        does(&mut store.writer, |tx| Ok(add(tx, "nas")));
        let beside = Store::open_read_only(&folder.database(), &Options::default()).unwrap();
        assert_eq!(beside.read(hosts::count).unwrap().total(), 1);
        drop((beside, store));
        let alone = Store::open_read_only(&folder.database(), &Options::default()).unwrap();
        assert_eq!(alone.read(hosts::count).unwrap().total(), 1);
        assert!(alone.read(|conn| Ok(conn.execute("DELETE FROM hosts", [])?)).is_err());
        let missing = Store::open_read_only(&folder.path().join("none.sqlite"), &Options::default()).map(|_| ());
        assert!(matches!(missing, Err(StoreError::Refused { .. })), "{missing:?}");
    }

    #[test]
    fn a_sound_database_has_no_faults() {
        let (store, _folder) = temporary().unwrap();
        assert_eq!(store.reader.read(|conn| faults(conn, 10)).unwrap(), Vec::<String>::new());
    }
}
