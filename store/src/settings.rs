//! Runtime settings and every change to them. Secret values arrive sealed, as base64 text; masks are the web's business.

use crate::column::{cut, page_size};
use crate::error::Result;
use domain::time::Wall;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

/// Where the fingerprint of the key is kept that secrets are sealed with.
pub const KEY_FINGERPRINT: &str = "key_fingerprint";

/// A setting as kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name.
    pub key: String,
    /// Its value as text.
    pub value: String,
    /// When it was last changed.
    pub updated_at: Wall,
}

/// One change of one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// `config_revisions.id`.
    pub id: i64,
    /// The setting.
    pub key: String,
    /// What it was; `None`: not set.
    pub old_value: Option<String>,
    /// What it became; `None`: no longer set.
    pub new_value: Option<String>,
    /// Who changed it.
    pub changed_by: String,
    /// When.
    pub changed_at: Wall,
}

/// Changes, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RevisionPage {
    /// The changes.
    pub revisions: Vec<Revision>,
    /// Cursor of the next page, if there is more.
    pub next: Option<i64>,
}

/// A setting's value.
///
/// # Errors
/// Those of SQLite.
pub fn get(conn: &Connection, key: &str) -> Result<Option<String>> {
    let mut query = conn.prepare_cached("SELECT value FROM config WHERE key = ?1")?;
    Ok(query.query_row([key], |row| row.get(0)).optional()?)
}

/// Whether secrets in this database were sealed with the key of `fingerprint`; the first one asked for is kept. It is no
/// setting of people: no revision, no undo. Answers the fingerprint kept if it is another one.
///
/// # Errors
/// Those of SQLite.
pub fn other_key(tx: &Transaction<'_>, fingerprint: &str, at: Wall) -> Result<Option<String>> {
    let Some(known) = get(tx, KEY_FINGERPRINT)? else {
        tx.execute(
            "INSERT INTO config (key, value, updated_at) VALUES (?1, ?2, ?3)",
            params![KEY_FINGERPRINT, fingerprint, at.0],
        )?;
        return Ok(None);
    };
    Ok((known != fingerprint).then_some(known))
}

/// All settings, by name.
///
/// # Errors
/// Those of SQLite.
pub fn all(conn: &Connection) -> Result<Vec<Setting>> {
    let mut query = conn.prepare_cached("SELECT key, value, updated_at FROM config ORDER BY key")?;
    let setting = |row: &Row<'_>| Ok(Setting { key: row.get(0)?, value: row.get(1)?, updated_at: Wall(row.get(2)?) });
    Ok(query.query_map([], setting)?.collect::<rusqlite::Result<_>>()?)
}

/// Sets a setting (`None`: no longer set). Answers the change's id, `None` when nothing changed.
///
/// # Errors
/// Those of SQLite.
pub fn set(tx: &Transaction<'_>, key: &str, value: Option<&str>, who: &str, at: Wall) -> Result<Option<i64>> {
    let old = get(tx, key)?;
    if old.as_deref() == value {
        return Ok(None);
    }
    match value {
        Some(value) => tx.execute(
            "INSERT INTO config (key, value, updated_at) VALUES (?1, ?2, ?3)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at",
            params![key, value, at.0],
        )?,
        None => tx.execute("DELETE FROM config WHERE key = ?1", [key])?,
    };
    let mut query = tx.prepare_cached(
        "INSERT INTO config_revisions (key, old_value, new_value, changed_by, changed_at) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    Ok(Some(query.insert(params![key, old, value, who, at.0])?))
}

/// Sets the setting back to what it was before `revision`, as a change of its own. Answers that change's id, `None` when
/// nothing changed.
///
/// # Errors
/// `NotFound`.
pub fn undo(tx: &Transaction<'_>, revision: i64, who: &str, at: Wall) -> Result<Option<i64>> {
    let sql = "SELECT key, old_value FROM config_revisions WHERE id = ?1";
    let (key, old): (String, Option<String>) = tx.query_row(sql, [revision], |row| Ok((row.get(0)?, row.get(1)?)))?;
    set(tx, &key, old.as_deref(), who, at)
}

/// Changes of one setting or of all, before the cursor `before`.
///
/// # Errors
/// Those of SQLite.
pub fn revisions(conn: &Connection, key: Option<&str>, before: Option<i64>, limit: u32) -> Result<RevisionPage> {
    let size = page_size(limit);
    let mut query = conn.prepare_cached(
        "SELECT id, key, old_value, new_value, changed_by, changed_at FROM config_revisions
         WHERE id < ?1 AND (?2 IS NULL OR key = ?2) ORDER BY id DESC LIMIT ?3",
    )?;
    let rows = query.query_map(params![before.unwrap_or(i64::MAX), key, size + 1], revision)?;
    let (revisions, next) = cut(rows.collect::<rusqlite::Result<_>>()?, size, |revision| revision.id);
    Ok(RevisionPage { revisions, next })
}

fn revision(row: &Row<'_>) -> rusqlite::Result<Revision> {
    Ok(Revision {
        id: row.get(0)?,
        key: row.get(1)?,
        old_value: row.get(2)?,
        new_value: row.get(3)?,
        changed_by: row.get(4)?,
        changed_at: Wall(row.get(5)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::StoreError;
    use crate::sample::{at, does};
    use crate::temporary;

    #[test]
    fn the_first_key_is_kept_and_another_one_is_told() {
        let (mut store, _folder) = temporary().unwrap();
        let mut other = |key| does(&mut store.writer, |tx| other_key(tx, key, at(1).wall));
        assert_eq!((other("aa"), other("aa"), other("bb")), (None, None, Some("aa".into())));
        assert_eq!(store.reader.read(|conn| revisions(conn, None, None, 9)).unwrap().revisions, []);
    }

    #[test]
    fn every_change_is_a_revision_and_can_be_undone() {
        let (mut store, _folder) = temporary().unwrap();
        let mut set = |value, s: i64| does(&mut store.writer, |tx| set(tx, "webhook.url", value, "ann", at(s).wall));
        let first = set(Some("one"), 1).unwrap();
        assert_eq!(set(Some("one"), 2), None, "nothing changed");
        let second = set(Some("two"), 3).unwrap();
        does(&mut store.writer, |tx| undo(tx, second, "bob", at(4).wall));
        assert_eq!(store.reader.read(|conn| get(conn, "webhook.url")).unwrap().as_deref(), Some("one"));
        does(&mut store.writer, |tx| undo(tx, first, "bob", at(5).wall));
        assert_eq!(store.reader.read(all).unwrap(), []);
        let page = store.reader.read(|conn| revisions(conn, Some("webhook.url"), None, 3)).unwrap();
        assert_eq!((page.revisions.len(), page.next), (3, Some(second)));
        assert_eq!((page.revisions[0].old_value.as_deref(), page.revisions[0].new_value.as_deref()), (Some("one"), None));
        assert_eq!(page.revisions[0].changed_by, "bob");
        assert_eq!(store.writer.transact(|tx| undo(tx, 99, "x", at(6).wall)).unwrap_err().error, StoreError::NotFound);
    }
}
