//! What can go wrong with the store, named by what a caller can do about it.

use rusqlite::ffi;
use std::path::Path;

/// What every function of the store answers.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// A failure of the store, by what the caller can do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No space: say 503, keep reading, try again when space is back.
    #[error("the disk is full")]
    Full,
    /// The file or its file system cannot be written: serve pages read-only.
    #[error("the database is read-only")]
    ReadOnly,
    /// The file is damaged or no database: keep it, write nothing, tell a person.
    #[error("the database is damaged: {0}")]
    Corrupt(String),
    /// The disk failed: never retry on this connection; stop and start again.
    #[error("the disk failed: {0}")]
    Io(String),
    /// Somebody else was in the way for too long: try again.
    #[error("the database is busy: {0}")]
    Busy(String),
    /// A value that must be unique exists already.
    #[error("{field}: {message}")]
    Taken {
        /// The column that must be unique.
        field: String,
        /// What to do about it.
        message: String,
    },
    /// There is no such row.
    #[error("not found")]
    NotFound,
    /// A newer release wrote this file.
    #[error(
        "the database has version {found}, this release knows up to {known}: start the release that wrote it, or a newer one"
    )]
    TooNew {
        /// Version of the file.
        found: i64,
        /// Newest version this release knows.
        known: i64,
    },
    /// Another hub works on this file.
    #[error("another hub{} holds {path}: stop it first", pid.map(|p| format!(" (process {p})")).unwrap_or_default())]
    Locked {
        /// Its process id, when it wrote one.
        pid: Option<u32>,
        /// The lock file.
        path: String,
    },
    /// A value the store does not accept.
    #[error("{field}: {message}")]
    Refused {
        /// The field or setting at fault.
        field: String,
        /// What is wrong and what would be right.
        message: String,
    },
    /// Anything else: a bug or a surprise.
    #[error("{0}")]
    Other(String),
}

/// Whether a failed write may nevertheless be on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// Certainly nothing was written.
    NotDone,
    /// It may be on disk or not: reload before trusting memory.
    Unknown,
}

/// A transaction that failed, and whether it may have happened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct TransactError {
    /// What went wrong.
    pub error: StoreError,
    /// Whether it may be on disk.
    pub certainty: Certainty,
}

impl TransactError {
    /// A failure after which certainly nothing was written.
    pub fn not_done(error: StoreError) -> TransactError {
        TransactError { error, certainty: Certainty::NotDone }
    }
}

impl StoreError {
    /// Whether a COMMIT that failed this way may be on disk.
    pub fn certainty(&self) -> Certainty {
        match self {
            StoreError::Io(_) | StoreError::Corrupt(_) | StoreError::Other(_) => Certainty::Unknown,
            _ => Certainty::NotDone,
        }
    }

    /// Whether this connection must not be used again.
    pub fn is_fatal(&self) -> bool {
        matches!(self, StoreError::Io(_) | StoreError::Corrupt(_))
    }

    pub(crate) fn refused(field: &str, message: impl Into<String>) -> StoreError {
        StoreError::Refused { field: field.to_owned(), message: message.into() }
    }

    /// An error of the file system while working on `path`.
    pub(crate) fn file(path: &Path, error: &std::io::Error) -> StoreError {
        use std::io::ErrorKind::{NotADirectory, NotFound, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        let text = format!("{}: {error}", path.display());
        match error.kind() {
            StorageFull | QuotaExceeded => StoreError::Full,
            ReadOnlyFilesystem => StoreError::ReadOnly,
            PermissionDenied | NotFound | NotADirectory => StoreError::Refused { field: "database".into(), message: text },
            _ => StoreError::Io(text),
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> StoreError {
        match error {
            rusqlite::Error::SqliteFailure(code, text) => {
                let text = text.unwrap_or_else(|| code.to_string());
                from_code(code.extended_code, &text)
            }
            rusqlite::Error::QueryReturnedNoRows => StoreError::NotFound,
            other => StoreError::Other(other.to_string()),
        }
    }
}

/// Whether a connection that answered this must not be used again.
pub(crate) fn is_fatal_code(extended: i32) -> bool {
    from_code(extended, "").is_fatal()
}

fn from_code(extended: i32, text: &str) -> StoreError {
    let told = || format!("{text} (SQLite code {extended})");
    match extended {
        // A full tmpfs shows itself first where the shared-memory file grows.
        ffi::SQLITE_IOERR_SHMSIZE => return StoreError::Full,
        // The file was moved away under us: what we write would vanish.
        ffi::SQLITE_READONLY_DBMOVED => return StoreError::Io(told()),
        ffi::SQLITE_IOERR_NOMEM => return StoreError::Other(told()),
        _ => {}
    }
    match extended & 0xff {
        ffi::SQLITE_FULL => StoreError::Full,
        ffi::SQLITE_READONLY => StoreError::ReadOnly,
        ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB => StoreError::Corrupt(told()),
        ffi::SQLITE_IOERR => StoreError::Io(told()),
        ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED => StoreError::Busy(told()),
        ffi::SQLITE_INTERRUPT => StoreError::Busy("the query took too long and was ended".into()),
        ffi::SQLITE_TOOBIG => StoreError::refused("value", "is too long to keep"),
        ffi::SQLITE_CONSTRAINT => from_constraint(extended, text),
        _ => StoreError::Other(told()),
    }
}

/// SQLite says `UNIQUE constraint failed: hosts.name`, `NOT NULL constraint failed: …`, `CHECK constraint failed: severity IN (…)`,
/// `cannot store TEXT value in INTEGER column hosts.last_seen`.
fn from_constraint(extended: i32, text: &str) -> StoreError {
    let first = match text.rsplit_once("failed: ") {
        Some((_, at)) => at.split([' ', ',', '(']).find(|part| !part.is_empty()).unwrap_or(at),
        None => text.rsplit(' ').next().unwrap_or(text),
    };
    let field = first.rsplit_once('.').map_or(first, |(_, column)| column).to_owned();
    match extended {
        ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID => {
            let message = format!("is taken: another one has this {field}, choose a different one");
            StoreError::Taken { field, message }
        }
        _ => StoreError::Refused { field, message: format!("is not accepted by the database: {text}") },
    }
}

/// That a statement about one row has changed it.
///
/// # Errors
/// `NotFound` when there was none.
pub(crate) fn found(changed: usize) -> Result<()> {
    if changed == 0 { Err(StoreError::NotFound) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{add, at, does, spec};
    use crate::{hosts, temporary};

    #[test]
    fn a_unique_violation_names_the_field() {
        let (mut store, _folder) = temporary().unwrap();
        does(&mut store.writer, |tx| Ok(add(tx, "nas")));
        let mut twin = spec("other");
        twin.name = "nas".into();
        let failed = store.writer.transact(|tx| hosts::insert(tx, &twin, b"", &[0; 32], at(1))).unwrap_err();
        assert!(matches!(&failed.error, StoreError::Taken { field, .. } if field == "name"), "{failed:?}");
        let mut twin = spec("nas");
        twin.name = "other".into();
        let failed = store.writer.transact(|tx| hosts::insert(tx, &twin, b"", &[0; 32], at(1))).unwrap_err();
        assert_eq!(failed.to_string(), "host_id: is taken: another one has this host_id, choose a different one");
        assert_eq!(failed.certainty, Certainty::NotDone);
    }

    #[test]
    fn a_check_violation_and_a_wrong_type_name_the_field() {
        let (mut store, _folder) = temporary().unwrap();
        let row = does(&mut store.writer, |tx| Ok(add(tx, "nas")));
        for (sql, column) in [
            ("UPDATE hosts SET expected_frequency_seconds = 0 WHERE id = ?1", "expected_frequency_seconds"),
            ("UPDATE hosts SET status = 'so so' WHERE id = ?1", "status"),
            ("UPDATE hosts SET last_seen = 'noon' WHERE id = ?1", "last_seen"),
            ("UPDATE hosts SET name = NULL WHERE id = ?1", "name"),
        ] {
            let failed = store.writer.transact(|tx| Ok(tx.execute(sql, [row])?)).unwrap_err();
            assert!(matches!(&failed.error, StoreError::Refused { field, .. } if field.contains(column)), "{failed:?}");
        }
    }

    #[test]
    fn every_code_says_what_to_do() {
        let of = |code| from_code(code, "text");
        assert_eq!(of(ffi::SQLITE_FULL), StoreError::Full);
        assert_eq!(of(ffi::SQLITE_IOERR_SHMSIZE), StoreError::Full);
        assert_eq!(of(ffi::SQLITE_READONLY_DIRECTORY), StoreError::ReadOnly);
        assert!(of(ffi::SQLITE_READONLY_DBMOVED).is_fatal());
        assert!(of(ffi::SQLITE_IOERR_FSYNC).is_fatal() && of(ffi::SQLITE_NOTADB).is_fatal());
        assert_eq!(of(ffi::SQLITE_IOERR_FSYNC).certainty(), Certainty::Unknown);
        assert_eq!(of(ffi::SQLITE_BUSY_SNAPSHOT).certainty(), Certainty::NotDone);
        assert!(matches!(of(ffi::SQLITE_INTERRUPT), StoreError::Busy(_)));
    }
}
