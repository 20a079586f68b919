//! The lock beside the database: one hub at a time, and what the next one must know of the last.

use crate::error::{Result, StoreError};
use crate::open::folder_of;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Name of the lock file.
pub(crate) const LOCK_NAME: &str = "hub.lock";
/// What it says once there is a database.
const KEPT: &str = "database made";

/// Whether a hub works on the database at `path` now: what lies beside it may be left over from one that crashed.
pub fn is_in_use(path: &Path) -> bool {
    let Ok(file) = File::open(folder_of(path).join(LOCK_NAME)) else { return false };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// The lock that keeps a second hub away: held by the kernel, so it never outlives its process. The file's content tells
/// how the last holder ended (its process id stands there while it runs and after a crash, not after a clean stop), and
/// whether there ever was a database beside it.
pub(crate) struct Lock {
    file: File,
    path: PathBuf,
    /// The last holder crashed.
    pub(crate) was_unclean: bool,
    /// There was a database beside it.
    pub(crate) kept_a_database: bool,
}

impl Lock {
    pub(crate) fn take(path: &Path) -> Result<Lock> {
        let told = |e: std::io::Error| StoreError::file(path, &e);
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
        let file = opened.map_err(told)?;
        let locked = file.try_lock();
        let mut text = String::new();
        (&file).take(32).read_to_string(&mut text).map_err(told)?;
        let pid = text.lines().find_map(|line| line.trim().parse().ok());
        match locked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::Locked { pid, path: path.display().to_string() }),
            Err(TryLockError::Error(e)) => return Err(told(e)),
        }
        let kept_a_database = text.lines().any(|line| line == KEPT);
        let mut lock = Lock { file, path: path.to_path_buf(), was_unclean: pid.is_some(), kept_a_database };
        lock.write(true).and_then(|()| lock.file.sync_all()).map_err(told)?;
        Ok(lock)
    }

    /// From now on a missing database is one that was lost.
    pub(crate) fn keeps_a_database(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.kept_a_database, true) {
            return Ok(());
        }
        self.write(true).map_err(|e| StoreError::file(&self.path, &e))
    }

    fn write(&mut self, runs: bool) -> std::io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        let pid = if runs { format!("{}\n", std::process::id()) } else { String::new() };
        let kept = if self.kept_a_database { KEPT } else { "" };
        self.file.write_all(format!("{pid}{kept}").trim_end().as_bytes())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A full disk or a panic keeps the mark: the next start then checks, which is the safe side.
        if !std::thread::panicking() {
            let _ = self.write(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, Store, temporary};
    use std::fs;

    #[test]
    fn a_second_hub_is_told_who_holds_the_file() {
        let (store, folder) = temporary().unwrap();
        let refused = Store::open(&folder.database(), &Options::default()).map(|_| ()).unwrap_err();
        assert!(matches!(&refused, StoreError::Locked { pid: Some(pid), .. } if *pid == std::process::id()), "{refused:?}");
        drop(store);
        Store::open(&folder.database(), &Options::default()).unwrap();
    }

    #[test]
    fn a_clean_stop_leaves_no_mark_and_an_unclean_one_is_checked() {
        let (store, folder) = temporary().unwrap();
        let lock = folder.path().join(LOCK_NAME);
        assert!(!fs::read_to_string(&lock).unwrap().is_empty());
        assert!(is_in_use(&folder.database()));
        drop(store);
        assert!(!is_in_use(&folder.database()));
        assert_eq!(fs::read_to_string(&lock).unwrap(), KEPT);
        fs::write(&lock, "4242\n").unwrap();
        Store::open(&folder.database(), &Options::default()).unwrap();
    }

    #[test]
    fn a_database_that_was_lost_is_not_made_again_unless_told_to() {
        let (store, folder) = temporary().unwrap();
        drop(store);
        drop(fs::remove_file(folder.path().join("db.sqlite-wal")));
        for lose in [|path: &Path| fs::remove_file(path).unwrap(), |path: &Path| fs::write(path, "").unwrap()] {
            lose(&folder.database());
            let refused = Store::open(&folder.database(), &Options::default()).map(|_| ()).unwrap_err();
            assert!(matches!(&refused, StoreError::Corrupt(text) if text.contains("remove")), "{refused:?}");
            assert!(fs::metadata(folder.database()).map_or(0, |file| file.len()) == 0, "nothing was made");
            fs::write(folder.database(), "").unwrap();
        }
        fs::remove_file(folder.path().join(LOCK_NAME)).unwrap();
        Store::open(&folder.database(), &Options::default()).unwrap();
    }
}
