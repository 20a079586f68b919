//! A store that lives as long as a test.

use crate::error::{Result, StoreError};
use crate::open::{Options, Store};
use std::path::{Path, PathBuf};

/// A folder that is removed when this is dropped. Keep it longer than the store in it.
pub struct TempFolder(PathBuf);

impl TempFolder {
    /// A new, empty, private folder under the system's folder for such things.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new() -> Result<TempFolder> {
        use std::os::unix::fs::DirBuilderExt;
        let path = std::env::temp_dir().join(format!("pulsewarden-{}", crate::seal::new_token()));
        let made = std::fs::DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|e| StoreError::file(&path, &e))?;
        Ok(TempFolder(path))
    }

    /// Where the folder is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Where [`temporary`] keeps its database.
    pub fn database(&self) -> PathBuf {
        self.0.join("db.sqlite")
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A new store in a folder of its own, for tests of this and other crates.
///
/// # Errors
/// As [`Store::open`].
pub fn temporary() -> Result<(Store, TempFolder)> {
    let folder = TempFolder::new()?;
    let store = Store::open(&folder.database(), &Options::default())?;
    Ok((store, folder))
}
