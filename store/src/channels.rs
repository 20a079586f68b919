//! Where notices go; the primary webhook is always there, with or without a URL.

use crate::column::wall;
use crate::error::{Result, StoreError};
use crate::outbox;
use domain::time::{Steady, Wall};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use std::fmt;

/// The row of the primary webhook.
pub const PRIMARY: i64 = 1;

/// A channel as kept. Its URL is sealed and not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Channel {
    /// `channels.id`: never given to another one.
    pub id: i64,
    /// What kind of service it is: `discord`.
    pub kind: String,
    /// Its name, unique.
    pub name: String,
    /// Its URL, sealed; `None` when the database sets none.
    pub url_sealed: Option<Vec<u8>>,
    /// Whether new notices are written for it.
    pub enabled: bool,
    /// Why nothing is sent until somebody changes it.
    pub stopped_reason: Option<String>,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// When something last arrived.
    pub last_success_at: Option<Wall>,
    /// When it was last changed by a person.
    pub updated_at: Wall,
    /// The other side asked not to be called before.
    pub held_until: Option<Steady>,
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("has_url", &self.url_sealed.is_some())
            .field("enabled", &self.enabled)
            .field("stopped_reason", &self.stopped_reason)
            .finish_non_exhaustive()
    }
}

/// A channel to add (`id` is `None`) or to change.
#[derive(Clone, Copy)]
pub struct ChannelEdit<'a> {
    /// The row to change.
    pub id: Option<i64>,
    /// Its name, unique.
    pub name: &'a str,
    /// Its URL, sealed.
    pub url_sealed: Option<&'a [u8]>,
    /// Whether new notices are written for it.
    pub enabled: bool,
}

const COLUMNS: &str = "id, kind, name, url, enabled, stopped_reason, last_error, last_success_at, updated_at, held_until";

/// All channels, the primary one first.
///
/// # Errors
/// Those of SQLite.
pub fn list(conn: &Connection) -> Result<Vec<Channel>> {
    let mut query = conn.prepare_cached(&format!("SELECT {COLUMNS} FROM channels ORDER BY id"))?;
    Ok(query.query_map([], channel)?.collect::<rusqlite::Result<_>>()?)
}

/// One channel.
///
/// # Errors
/// Those of SQLite.
pub fn get(conn: &Connection, id: i64) -> Result<Option<Channel>> {
    let mut query = conn.prepare_cached(&format!("SELECT {COLUMNS} FROM channels WHERE id = ?1"))?;
    Ok(query.query_row([id], channel).optional()?)
}

/// Adds or changes a channel and answers its row; a changed one is no longer stopped, and what waited for a disabled one is
/// skipped.
///
/// # Errors
/// `Taken` naming `name`, `NotFound`.
pub fn upsert(tx: &Transaction<'_>, edit: &ChannelEdit<'_>, at: Wall) -> Result<i64> {
    let ChannelEdit { id, name, url_sealed, enabled } = *edit;
    let Some(id) = id else {
        let mut query = tx.prepare_cached("INSERT INTO channels (name, url, enabled, updated_at) VALUES (?1, ?2, ?3, ?4)")?;
        return Ok(query.insert(params![name, url_sealed, enabled, at.0])?);
    };
    let changed = tx.execute(
        "UPDATE channels SET name = ?2, url = ?3, enabled = ?4, updated_at = ?5, stopped_reason = NULL, last_error = NULL,
             held_until = CASE WHEN url IS ?3 THEN held_until END WHERE id = ?1",
        params![id, name, url_sealed, enabled, at.0],
    )?;
    if changed == 0 {
        return Err(StoreError::NotFound);
    }
    if !enabled {
        outbox::skip_channel(tx, id)?;
    }
    Ok(id)
}

/// Removes a channel; what waited for it is skipped.
///
/// # Errors
/// `NotFound`, and `Refused` for the primary one, which can be disabled instead.
pub fn remove(tx: &Transaction<'_>, id: i64) -> Result<()> {
    if id == PRIMARY {
        return Err(StoreError::refused("channel", "the primary webhook cannot be removed: disable it instead"));
    }
    if tx.execute("DELETE FROM channels WHERE id = ?1", [id])? == 0 {
        return Err(StoreError::NotFound);
    }
    outbox::skip_channel(tx, id)?;
    Ok(())
}

/// Stops a channel for this reason, or lets it go on.
///
/// # Errors
/// Those of SQLite.
pub fn set_stopped(tx: &Transaction<'_>, id: i64, reason: Option<&str>) -> Result<()> {
    tx.execute("UPDATE channels SET stopped_reason = ?2 WHERE id = ?1", params![id, reason])?;
    Ok(())
}

/// Notes what went wrong last.
///
/// # Errors
/// Those of SQLite.
pub fn set_error(tx: &Transaction<'_>, id: i64, error: &str) -> Result<()> {
    tx.prepare_cached("UPDATE channels SET last_error = ?2 WHERE id = ?1")?.execute(params![id, error])?;
    Ok(())
}

/// Something arrived: the last error is over.
///
/// # Errors
/// Those of SQLite.
pub fn set_success(tx: &Transaction<'_>, id: i64, at: Wall) -> Result<()> {
    let sql = "UPDATE channels SET last_success_at = ?2, last_error = NULL, stopped_reason = NULL WHERE id = ?1";
    tx.prepare_cached(sql)?.execute(params![id, at.0])?;
    Ok(())
}

/// The other side asked for silence until then: this channel, or every one. It never shortens an earlier wish.
///
/// # Errors
/// Those of SQLite.
pub fn hold(tx: &Transaction<'_>, id: Option<i64>, until: Steady) -> Result<()> {
    let sql = "UPDATE channels SET held_until = max(ifnull(held_until, ?2), ?2) WHERE ?1 IS NULL OR id = ?1";
    tx.prepare_cached(sql)?.execute(params![id, until.0])?;
    Ok(())
}

fn channel(row: &Row<'_>) -> rusqlite::Result<Channel> {
    Ok(Channel {
        id: row.get(0)?,
        kind: row.get(1)?,
        name: row.get(2)?,
        url_sealed: row.get(3)?,
        enabled: row.get(4)?,
        stopped_reason: row.get(5)?,
        last_error: row.get(6)?,
        last_success_at: wall(row, 7)?,
        updated_at: Wall(row.get(8)?),
        held_until: row.get::<_, Option<i64>>(9)?.map(Steady),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{add, at, does, missed};
    use crate::{outbox, temporary, verdicts};

    #[test]
    fn a_changed_channel_is_no_longer_stopped() {
        let (mut store, _folder) = temporary().unwrap();
        does(&mut store.writer, |tx| {
            set_error(tx, PRIMARY, "404")?;
            set_stopped(tx, PRIMARY, Some("the webhook is gone"))
        });
        let primary = store.reader.read(|conn| get(conn, PRIMARY)).unwrap().unwrap();
        assert_eq!(
            (primary.stopped_reason.as_deref(), primary.last_error.as_deref()),
            (Some("the webhook is gone"), Some("404"))
        );
        let edit = ChannelEdit { id: Some(PRIMARY), name: "primary", url_sealed: Some(b"sealed url"), enabled: true };
        assert_eq!(does(&mut store.writer, |tx| upsert(tx, &edit, at(5).wall)), PRIMARY);
        does(&mut store.writer, |tx| set_success(tx, PRIMARY, at(6).wall));
        let primary = store.reader.read(|conn| get(conn, PRIMARY)).unwrap().unwrap();
        assert_eq!((primary.stopped_reason.as_deref(), primary.last_error.as_deref()), (None, None));
        assert_eq!((primary.last_success_at, primary.url_sealed.as_deref()), (Some(at(6).wall), Some(&b"sealed url"[..])));
        assert!(!format!("{primary:?}").contains("115"), "no byte of the URL is printed");
    }

    #[test]
    fn a_wait_that_was_asked_for_is_kept_until_the_channel_is_another() {
        let (mut store, _folder) = temporary().unwrap();
        let edit = ChannelEdit { id: None, name: "second", url_sealed: Some(b"sealed url"), enabled: true };
        let second = does(&mut store.writer, |tx| {
            let second = upsert(tx, &edit, at(0).wall)?;
            hold(tx, Some(second), Steady(9_000))?;
            hold(tx, None, Steady(7_000))?;
            upsert(tx, &ChannelEdit { id: Some(second), ..edit }, at(1).wall)
        });
        let held = |store: &crate::Store, id| store.reader.read(|conn| get(conn, id)).unwrap().unwrap().held_until;
        assert_eq!((held(&store, PRIMARY), held(&store, second)), (Some(Steady(7_000)), Some(Steady(9_000))));
        let other = ChannelEdit { id: Some(second), url_sealed: Some(b"another url"), ..edit };
        does(&mut store.writer, |tx| upsert(tx, &other, at(2).wall));
        assert_eq!(held(&store, second), None);
    }

    #[test]
    fn a_removed_channel_takes_its_notices_with_it_and_the_primary_stays() {
        let (mut store, _folder) = temporary().unwrap();
        let edit = ChannelEdit { id: None, name: "second", url_sealed: None, enabled: true };
        let second = does(&mut store.writer, |tx| {
            let second = upsert(tx, &edit, at(0).wall)?;
            let host = add(tx, "nas");
            verdicts::go_down(tx, host, None, at(1), "overdue", &missed("nas"))?;
            remove(tx, second)?;
            Ok(second)
        });
        assert_eq!(store.reader.read(|conn| outbox::counts(conn, None)).unwrap().pending, 1);
        assert!(matches!(store.writer.transact(|tx| remove(tx, PRIMARY)).unwrap_err().error, StoreError::Refused { .. }));
        assert_eq!(store.writer.transact(|tx| remove(tx, second)).unwrap_err().error, StoreError::NotFound);
        assert_ne!(does(&mut store.writer, |tx| upsert(tx, &edit, at(2).wall)), second);
        let twin = store.writer.transact(|tx| upsert(tx, &edit, at(3).wall)).unwrap_err();
        assert!(matches!(twin.error, StoreError::Taken { field, .. } if field == "name"));
    }
}
