//! Who may sign in: a name, a hash of the password, a role. There is always an admin once there was one.

use crate::column::{wall, word};
use crate::error::{Result, StoreError, found};
use domain::field::FieldError;
use domain::time::Wall;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use std::str::FromStr;

/// What somebody who is signed in may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Everything.
    Admin,
    /// Look.
    Viewer,
}

impl Role {
    /// The word the API and the database use.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Admin => "admin",
            Role::Viewer => "viewer",
        }
    }
}

impl FromStr for Role {
    type Err = FieldError;

    fn from_str(text: &str) -> std::result::Result<Role, FieldError> {
        match text {
            "admin" => Ok(Role::Admin),
            "viewer" => Ok(Role::Viewer),
            _ => Err(FieldError::new("role", "must be admin or viewer")),
        }
    }
}

/// A user as kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// `users.id`.
    pub id: i64,
    /// Unique, whatever its case.
    pub name: String,
    /// What he may do.
    pub role: Role,
    /// When he was added.
    pub created_at: Wall,
    /// When he last signed in.
    pub last_login_at: Option<Wall>,
}

const COLUMNS: &str = "id, name, role, created_at, last_login_at";

/// Adds a user; his id.
///
/// # Errors
/// `Taken` naming `name`.
pub fn create(tx: &Transaction<'_>, name: &str, password_hash: &str, role: Role, at: Wall) -> Result<i64> {
    let sql = "INSERT INTO users (name, password_hash, role, created_at, password_changed_at) VALUES (?1, ?2, ?3, ?4, ?4)";
    Ok(tx.prepare_cached(sql)?.insert(params![name, password_hash, role.as_str(), at.0])?)
}

/// All users, in the order of their names.
///
/// # Errors
/// Those of SQLite.
pub fn list(conn: &Connection) -> Result<Vec<User>> {
    let mut query = conn.prepare_cached(&format!("SELECT {COLUMNS} FROM users ORDER BY name"))?;
    Ok(query.query_map([], user)?.collect::<rusqlite::Result<_>>()?)
}

/// The user of this name with the hash of his password.
///
/// # Errors
/// Those of SQLite.
pub fn find(conn: &Connection, name: &str) -> Result<Option<(User, String)>> {
    let mut query = conn.prepare_cached(&format!("SELECT {COLUMNS}, password_hash FROM users WHERE name = ?1"))?;
    Ok(query.query_row([name], |row| Ok((user(row)?, row.get(5)?))).optional()?)
}

/// The user with this id.
///
/// # Errors
/// `NotFound`.
pub fn get(conn: &Connection, id: i64) -> Result<User> {
    let mut query = conn.prepare_cached(&format!("SELECT {COLUMNS} FROM users WHERE id = ?1"))?;
    query.query_row([id], user).optional()?.ok_or(StoreError::NotFound)
}

/// Whether somebody may do everything.
///
/// # Errors
/// Those of SQLite.
pub fn has_admin(conn: &Connection) -> Result<bool> {
    Ok(conn.query_row("SELECT EXISTS (SELECT 1 FROM users WHERE role = 'admin')", [], |row| row.get(0))?)
}

/// Whether this is still the hash of the user's password.
///
/// # Errors
/// Those of SQLite.
pub fn has_password_hash(conn: &Connection, id: i64, password_hash: &str) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM users WHERE id = ?1 AND password_hash = ?2)";
    Ok(conn.prepare_cached(sql)?.query_row(params![id, password_hash], |row| row.get(0))?)
}

/// Sets another password and ends every session of the user but the one with the hash `kept`.
///
/// # Errors
/// `NotFound`.
pub fn set_password(tx: &Transaction<'_>, id: i64, password_hash: &str, kept: Option<&[u8; 32]>, at: Wall) -> Result<()> {
    let sql = "UPDATE users SET password_hash = ?2, password_changed_at = ?3 WHERE id = ?1";
    found(tx.execute(sql, params![id, password_hash, at.0])?)?;
    crate::sessions::end_others(tx, id, kept)
}

/// Gives the user another role; in force with his next request.
///
/// # Errors
/// `NotFound`, or `Refused` when no admin would be left.
pub fn set_role(tx: &Transaction<'_>, id: i64, role: Role) -> Result<()> {
    let before = get(tx, id)?.role;
    tx.execute("UPDATE users SET role = ?2 WHERE id = ?1", params![id, role.as_str()])?;
    an_admin_is_left(tx, before)
}

/// Removes the user and his sessions.
///
/// # Errors
/// `NotFound`, or `Refused` when no admin would be left.
pub fn remove(tx: &Transaction<'_>, id: i64) -> Result<()> {
    let before = get(tx, id)?.role;
    crate::sessions::end_others(tx, id, None)?;
    tx.execute("DELETE FROM users WHERE id = ?1", [id])?;
    an_admin_is_left(tx, before)
}

/// Notes that the user signed in.
///
/// # Errors
/// Those of SQLite.
pub fn note_login(tx: &Transaction<'_>, id: i64, at: Wall) -> Result<()> {
    tx.execute("UPDATE users SET last_login_at = ?2 WHERE id = ?1", params![id, at.0])?;
    Ok(())
}

/// Who was no admin before is not the last one.
fn an_admin_is_left(tx: &Transaction<'_>, before: Role) -> Result<()> {
    if before != Role::Admin || has_admin(tx)? {
        Ok(())
    } else {
        Err(StoreError::refused("role", "this is the last admin: make another one first"))
    }
}

pub(crate) fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: row.get(0)?,
        name: row.get(1)?,
        role: word(row, 2)?,
        created_at: Wall(row.get(3)?),
        last_login_at: wall(row, 4)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{at, does};
    use crate::temporary;

    #[test]
    fn a_name_is_one_persons_whatever_its_case_and_the_last_admin_stays() {
        let (mut store, _folder) = temporary().unwrap();
        let ada = does(&mut store.writer, |tx| create(tx, "Ada", "hash", Role::Admin, at(1).wall));
        let twin = store.writer.transact(|tx| create(tx, "ada", "hash", Role::Viewer, at(1).wall)).unwrap_err();
        assert!(matches!(twin.error, StoreError::Taken { field, .. } if field == "name"));
        assert_eq!(store.reader.read(|conn| find(conn, "ADA")).unwrap().unwrap().0.id, ada);
        for refused in [
            store.writer.transact(|tx| set_role(tx, ada, Role::Viewer)).unwrap_err(),
            store.writer.transact(|tx| remove(tx, ada)).unwrap_err(),
        ] {
            assert!(matches!(refused.error, StoreError::Refused { .. }), "{:?}", refused.error);
        }
        assert_eq!(store.reader.read(|conn| get(conn, ada)).unwrap().role, Role::Admin, "nothing was changed");
        let bob = does(&mut store.writer, |tx| create(tx, "bob", "hash", Role::Admin, at(2).wall));
        does(&mut store.writer, |tx| remove(tx, ada));
        assert_eq!(store.reader.read(list).unwrap().iter().map(|user| user.id).collect::<Vec<_>>(), [bob]);
        assert_eq!(store.writer.transact(|tx| remove(tx, ada)).unwrap_err().error, StoreError::NotFound);
    }

    #[test]
    fn who_is_no_admin_is_not_the_last_one() {
        let (mut store, _folder) = temporary().unwrap();
        let eve = does(&mut store.writer, |tx| create(tx, "eve", "hash", Role::Viewer, at(1).wall));
        assert!(!store.reader.read(has_admin).unwrap());
        does(&mut store.writer, |tx| set_role(tx, eve, Role::Viewer));
        does(&mut store.writer, |tx| remove(tx, eve));
        assert_eq!(store.reader.read(list).unwrap(), []);
    }
}
