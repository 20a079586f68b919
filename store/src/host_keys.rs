//! By which key each host's SSH server is known: pending until an admin accepts it, and a hard stop once another one is shown.

use crate::column::wall;
use crate::error::{Result, StoreError};
use crate::{alerts, events, logs};
use domain::host::Severity;
use domain::incident::{AlertType, Cause, Facts, NewIncident};
use domain::time::{Now, Wall};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

/// A server's public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownKey {
    /// `ssh-ed25519` and so on.
    pub algorithm: String,
    /// As SSH writes it.
    pub key: Vec<u8>,
    /// `SHA256:…`, as `ssh-keygen -l` prints it.
    pub fingerprint: String,
}

/// How much a key is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Seen once; nothing is read from the host before an admin accepts it.
    Pending,
    /// The server must show this one.
    Accepted,
    /// The server showed another one: nothing is read before an admin says which is right.
    Changed,
}

impl KeyState {
    /// The word the API and the database use.
    pub fn as_str(self) -> &'static str {
        match self {
            KeyState::Pending => "pending",
            KeyState::Accepted => "accepted",
            KeyState::Changed => "changed",
        }
    }
}

/// What is known of a host's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostKey {
    /// `host:port` it was seen at.
    pub address: String,
    /// How much it is worth.
    pub state: KeyState,
    /// The key itself.
    pub shown: ShownKey,
    /// When it was first seen.
    pub seen_at: Wall,
    /// When and by whom it was accepted.
    pub accepted: Option<(Wall, String)>,
    /// What the server showed instead; none although the state is `Changed`: it has no key of this kind any more.
    pub offered: Option<ShownKey>,
    /// When it did.
    pub offered_at: Option<Wall>,
    /// The incident that tells of it.
    pub alert: Option<i64>,
}

/// Of which host a key is spoken.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    /// `hosts.id`.
    pub row: i64,
    /// Its public id.
    pub host_id: &'a str,
    /// Its name for people.
    pub name: &'a str,
}

const COLUMNS: &str = "address, state, algorithm, key, fingerprint, seen_at, accepted_at, accepted_by, offered_algorithm, offered_key, \
     offered_fingerprint, offered_at, alert_id";

/// What is known of the key of the host in `row`.
///
/// # Errors
/// Those of SQLite.
pub fn get(conn: &Connection, row: i64) -> Result<Option<HostKey>> {
    let mut query = conn.prepare_cached(&format!("SELECT {COLUMNS} FROM host_keys WHERE host_id = ?1"))?;
    Ok(query.query_row([row], host_key).optional()?)
}

/// How many hosts wait for an admin's word about their key.
///
/// # Errors
/// Those of SQLite.
pub fn count_waiting(conn: &Connection) -> Result<i64> {
    let sql = "SELECT count(*) FROM host_keys WHERE state <> 'accepted'";
    Ok(conn.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
}

/// A server at `address` was asked for the first time and showed this key. Whatever was pending or belonged to another address makes room
/// for it; the accepted key of another address stays accepted when it is the same.
///
/// # Errors
/// Those of SQLite; `Refused` when another key is accepted for this address, which only [`offer`] may change.
pub fn first_seen(tx: &Transaction<'_>, owner: Owner<'_>, address: &str, shown: &ShownKey, at: Wall) -> Result<HostKey> {
    let known = get(tx, owner.row)?;
    let is_settled = |known: &HostKey| known.address == address && known.state != KeyState::Pending;
    if known.as_ref().is_some_and(is_settled) {
        return Err(StoreError::refused("host_key", "another key is accepted for this address"));
    }
    let same = known.filter(|known| known.state == KeyState::Accepted && known.shown.key == shown.key);
    if same.is_some() {
        tx.execute("UPDATE host_keys SET address = ?2 WHERE host_id = ?1", params![owner.row, address])?;
        return get(tx, owner.row)?.ok_or(StoreError::NotFound);
    }
    tx.execute(
        "INSERT OR REPLACE INTO host_keys (host_id, address, state, algorithm, key, fingerprint, seen_at)
         VALUES (?1, ?2, 'pending', ?3, ?4, ?5, ?6)",
        params![owner.row, address, shown.algorithm, shown.key, shown.fingerprint, at.0],
    )?;
    let detail = format!("{address} shows {} {}: an admin must accept it", shown.algorithm, shown.fingerprint);
    events::append(tx, Some(owner.row), at, "SSH host key is new", &detail)?;
    get(tx, owner.row)?.ok_or(StoreError::NotFound)
}

/// The server showed another key than the accepted one (or none of its kind): a hard stop, and an incident, once. Answers whether it is
/// new; what is not accepted cannot change.
///
/// # Errors
/// Those of SQLite.
pub fn offer(tx: &Transaction<'_>, owner: Owner<'_>, address: &str, offered: Option<&ShownKey>, now: Now) -> Result<bool> {
    let mut query = tx.prepare_cached(
        "UPDATE host_keys SET state = 'changed', offered_algorithm = ?2, offered_key = ?3, offered_fingerprint = ?4, offered_at = ?5
         WHERE host_id = ?1 AND state = 'accepted'",
    )?;
    let (algorithm, key) = (offered.map(|shown| &shown.algorithm), offered.map(|shown| &shown.key));
    let fingerprint = offered.map(|shown| &shown.fingerprint);
    if query.execute(params![owner.row, algorithm, key, fingerprint, now.wall.0])? == 0 {
        return Ok(false);
    }
    let incident = changed(owner, address, offered, now);
    events::append(tx, Some(owner.row), now.wall, "SSH host key changed", &incident.facts.why)?;
    // One of the hub's own: an open incident about the host itself must not swallow it.
    let (alert, _) = alerts::open(tx, None, &incident, now)?;
    tx.execute("UPDATE host_keys SET alert_id = ?2 WHERE host_id = ?1", [owner.row, alert])?;
    Ok(true)
}

fn changed(owner: Owner<'_>, address: &str, offered: Option<&ShownKey>, now: Now) -> NewIncident {
    let shows = offered.map_or_else(|| "no key of the accepted kind".to_owned(), |shown| shown.fingerprint.clone());
    let why = format!(
        "The SSH host key of '{}' has changed: {address} now shows {shows}. Its log is not read until an admin accepts it or forgets the \
         old one; if nobody reinstalled that machine, somebody may be listening in between",
        owner.name
    );
    let facts = Facts {
        host_id: Some(owner.host_id.to_owned()),
        host_name: owner.name.to_owned(),
        cause: Cause::Hub,
        last_seen_at: None,
        expected_every_s: 0,
        grace_s: 0,
        deadline_at: None,
        detected_at: now.wall,
        why,
    };
    let message = facts.headline();
    NewIncident { alert_type: AlertType::SystemError, severity: Severity::Critical, message, facts }
}

/// An admin says that the key with this fingerprint is the right one: the pending one, the one that was shown instead, or the old one
/// after all. The incident of a change ends.
///
/// # Errors
/// `NotFound` when there is no key at all, `Refused` naming `fingerprint` when it is none of them: another one may have been shown
/// since he looked.
pub fn accept(tx: &Transaction<'_>, row: i64, fingerprint: &str, who: &str, now: Now) -> Result<HostKey> {
    let known = get(tx, row)?.ok_or(StoreError::NotFound)?;
    let shown = [Some(&known.shown), known.offered.as_ref()].into_iter().flatten();
    let Some(shown) = shown.into_iter().find(|shown| shown.fingerprint == fingerprint) else {
        return Err(StoreError::refused(
            "fingerprint",
            "is not the one that was shown: look again, and compare it with the machine's",
        ));
    };
    if known.state == KeyState::Accepted {
        return Ok(known);
    }
    tx.execute(
        "UPDATE host_keys SET state = 'accepted', algorithm = ?2, key = ?3, fingerprint = ?4, accepted_at = ?5, accepted_by = ?6,
             offered_algorithm = NULL, offered_key = NULL, offered_fingerprint = NULL, offered_at = NULL, alert_id = NULL
         WHERE host_id = ?1",
        params![row, shown.algorithm, shown.key, shown.fingerprint, now.wall.0, who],
    )?;
    end_alert(tx, &known, &format!("the key was accepted by {who}"), now)?;
    logs::forgive(tx, row, false)?;
    events::append(tx, Some(row), now.wall, "SSH host key accepted", &format!("{fingerprint}, by {who}"))?;
    get(tx, row)?.ok_or(StoreError::NotFound)
}

/// Forgets the key: the next contact is a first one. Answers whether there was one.
///
/// # Errors
/// Those of SQLite.
pub fn forget(tx: &Transaction<'_>, row: i64, now: Now) -> Result<bool> {
    let Some(known) = get(tx, row)? else { return Ok(false) };
    tx.execute("DELETE FROM host_keys WHERE host_id = ?1", [row])?;
    end_alert(tx, &known, "the key was forgotten", now)?;
    logs::forgive(tx, row, false)?;
    Ok(true)
}

fn end_alert(tx: &Transaction<'_>, known: &HostKey, why: &str, now: Now) -> Result<()> {
    match known.alert {
        Some(alert) => alerts::resolve(tx, alert, why, now).map(drop),
        None => Ok(()),
    }
}

fn host_key(row: &Row<'_>) -> rusqlite::Result<HostKey> {
    let state = match row.get_ref(1)?.as_str()? {
        "accepted" => KeyState::Accepted,
        "changed" => KeyState::Changed,
        _ => KeyState::Pending,
    };
    let accepted: Option<String> = row.get(7)?;
    Ok(HostKey {
        address: row.get(0)?,
        state,
        shown: ShownKey { algorithm: row.get(2)?, key: row.get(3)?, fingerprint: row.get(4)? },
        seen_at: Wall(row.get(5)?),
        accepted: wall(row, 6)?.zip(accepted),
        offered: offered(row)?,
        offered_at: wall(row, 11)?,
        alert: row.get(12)?,
    })
}

fn offered(row: &Row<'_>) -> rusqlite::Result<Option<ShownKey>> {
    let (algorithm, key, fingerprint): (Option<String>, Option<Vec<u8>>, Option<String>) =
        (row.get(8)?, row.get(9)?, row.get(10)?);
    Ok(algorithm.zip(key).zip(fingerprint).map(|((algorithm, key), fingerprint)| ShownKey { algorithm, key, fingerprint }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{add, at, does};
    use crate::{Store, channels, hosts, outbox, temporary};

    fn shown(name: &str) -> ShownKey {
        ShownKey { algorithm: "ssh-ed25519".into(), key: name.into(), fingerprint: format!("SHA256:{name}") }
    }

    fn owner(row: i64) -> Owner<'static> {
        Owner { row, host_id: "nas", name: "nas" }
    }

    fn known(store: &Store, row: i64) -> HostKey {
        store.reader.read(|conn| get(conn, row)).unwrap().unwrap()
    }

    fn waiting(store: &Store) -> i64 {
        store.reader.read(|conn| outbox::counts(conn, Some(channels::PRIMARY))).unwrap().pending
    }

    fn with_accepted() -> (Store, crate::TempFolder, i64) {
        let (mut store, folder) = temporary().unwrap();
        let row = does(&mut store.writer, |tx| {
            let row = add(tx, "nas");
            first_seen(tx, owner(row), "nas:22", &shown("one"), at(1).wall)?;
            accept(tx, row, "SHA256:one", "ann", at(2))?;
            Ok(row)
        });
        (store, folder, row)
    }

    #[test]
    fn a_first_key_is_pending_until_an_admin_accepts_just_that_one() {
        let (mut store, _folder) = temporary().unwrap();
        let row = does(&mut store.writer, |tx| Ok(add(tx, "nas")));
        does(&mut store.writer, |tx| first_seen(tx, owner(row), "nas:22", &shown("one"), at(1).wall));
        assert_eq!(known(&store, row).state, KeyState::Pending);
        let other = store.writer.transact(|tx| accept(tx, row, "SHA256:two", "ann", at(2))).unwrap_err().error;
        assert!(matches!(other, StoreError::Refused { field, .. } if field == "fingerprint"));
        // Shown another one before anybody accepted: the newer one counts, and the fingerprint that was looked at does not fit.
        does(&mut store.writer, |tx| first_seen(tx, owner(row), "nas:22", &shown("two"), at(3).wall));
        assert!(store.writer.transact(|tx| accept(tx, row, "SHA256:one", "ann", at(4))).is_err());
        let accepted = does(&mut store.writer, |tx| accept(tx, row, "SHA256:two", "ann", at(5)));
        assert_eq!((accepted.state, accepted.accepted), (KeyState::Accepted, Some((at(5).wall, "ann".into()))));
        assert_eq!(store.reader.read(count_waiting).unwrap(), 0);
    }

    #[test]
    fn a_changed_key_stops_and_is_told_once_until_somebody_decides() {
        let (mut store, _folder, row) = with_accepted();
        assert!(does(&mut store.writer, |tx| offer(tx, owner(row), "nas:22", Some(&shown("two")), at(3))));
        assert!(!does(&mut store.writer, |tx| offer(tx, owner(row), "nas:22", Some(&shown("three")), at(4))));
        let key = known(&store, row);
        assert_eq!((key.state, key.shown, key.offered), (KeyState::Changed, shown("one"), Some(shown("two"))));
        assert_eq!(waiting(&store), 1);
        let alert = store.reader.read(|conn| alerts::get(conn, key.alert.unwrap())).unwrap().unwrap();
        assert!(alert.message.contains("SHA256:two") && alert.severity == Severity::Critical && alert.is_open());
        assert!(store.writer.transact(|tx| first_seen(tx, owner(row), "nas:22", &shown("two"), at(5).wall)).is_err());
        does(&mut store.writer, |tx| accept(tx, row, "SHA256:two", "ann", at(6)));
        let key = known(&store, row);
        assert_eq!((key.state, key.shown, key.offered, key.alert), (KeyState::Accepted, shown("two"), None, None));
        assert!(!store.reader.read(|conn| alerts::get(conn, alert.id)).unwrap().unwrap().is_open());
    }

    #[test]
    fn the_old_key_may_be_right_after_all_and_a_second_change_is_told_again() {
        let (mut store, _folder, row) = with_accepted();
        does(&mut store.writer, |tx| offer(tx, owner(row), "nas:22", None, at(3)));
        assert_eq!(known(&store, row).offered, None);
        does(&mut store.writer, |tx| accept(tx, row, "SHA256:one", "ann", at(4)));
        assert_eq!(known(&store, row).shown, shown("one"));
        assert!(does(&mut store.writer, |tx| offer(tx, owner(row), "nas:22", Some(&shown("two")), at(5))));
    }

    #[test]
    fn a_machine_with_another_address_is_the_same_only_by_its_key() {
        let (mut store, _folder, row) = with_accepted();
        let moved = does(&mut store.writer, |tx| first_seen(tx, owner(row), "10.0.0.9:22", &shown("one"), at(3).wall));
        assert_eq!((moved.state, moved.address.as_str()), (KeyState::Accepted, "10.0.0.9:22"));
        let other = does(&mut store.writer, |tx| first_seen(tx, owner(row), "10.0.0.7:22", &shown("two"), at(4).wall));
        assert_eq!((other.state, other.accepted), (KeyState::Pending, None));
    }

    #[test]
    fn forgetting_and_removing_end_the_incident() {
        let (mut store, _folder, row) = with_accepted();
        does(&mut store.writer, |tx| offer(tx, owner(row), "nas:22", Some(&shown("two")), at(3)));
        assert!(does(&mut store.writer, |tx| forget(tx, row, at(4))));
        assert!(!does(&mut store.writer, |tx| forget(tx, row, at(4))));
        assert_eq!(store.reader.read(alerts::count_open).unwrap(), 0);
        does(&mut store.writer, |tx| {
            first_seen(tx, owner(row), "nas:22", &shown("two"), at(5).wall)?;
            hosts::delete(tx, row, at(6))
        });
        assert_eq!(store.reader.read(|conn| get(conn, row)).unwrap(), None);
    }
}
