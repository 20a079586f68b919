//! Management API keys: told once, kept as a hash, named, scoped and revocable.

use crate::column::{wall, word};
use crate::error::{Result, found};
use crate::seal;
use domain::field::FieldError;
use domain::time::Wall;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use std::str::FromStr;

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Look.
    Read,
    /// Look and change.
    Write,
}

impl Scope {
    /// The word the API and the database use.
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Write => "write",
        }
    }
}

impl FromStr for Scope {
    type Err = FieldError;

    fn from_str(text: &str) -> std::result::Result<Scope, FieldError> {
        match text {
            "read" => Ok(Scope::Read),
            "write" => Ok(Scope::Write),
            _ => Err(FieldError::new("scope", "must be read or write")),
        }
    }
}

/// A key as kept; the secret itself is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// `api_keys.id`.
    pub id: i64,
    /// Its name, unique.
    pub name: String,
    /// What it may do.
    pub scope: Scope,
    /// When it was made.
    pub created_at: Wall,
    /// When it was last used.
    pub last_used_at: Option<Wall>,
    /// Since when it is worth nothing.
    pub revoked_at: Option<Wall>,
}

const COLUMNS: &str = "id, name, scope, created_at, last_used_at, revoked_at";

/// Makes a key; answers its row and its secret, which is told this once only.
///
/// # Errors
/// `Taken` naming `name`.
pub fn create(tx: &Transaction<'_>, name: &str, scope: Scope, at: Wall) -> Result<(i64, String)> {
    let secret = seal::new_api_key();
    let mut query = tx.prepare_cached("INSERT INTO api_keys (name, key_hash, scope, created_at) VALUES (?1, ?2, ?3, ?4)")?;
    let id = query.insert(params![name, seal::hash_token(&secret), scope.as_str(), at.0])?;
    Ok((id, secret))
}

/// The key with this hash ([`seal::hash_token`]), unless it is revoked. Found by the hash, so timing tells nothing of the key.
///
/// # Errors
/// Those of SQLite.
pub fn find(conn: &Connection, hash: &[u8; 32]) -> Result<Option<ApiKey>> {
    let mut query = conn.prepare_cached(&format!("SELECT {COLUMNS} FROM api_keys WHERE key_hash = ?1 AND revoked_at IS NULL"))?;
    Ok(query.query_row([hash], key).optional()?)
}

/// All keys, revoked ones too.
///
/// # Errors
/// Those of SQLite.
pub fn list(conn: &Connection) -> Result<Vec<ApiKey>> {
    let mut query = conn.prepare_cached(&format!("SELECT {COLUMNS} FROM api_keys ORDER BY id"))?;
    Ok(query.query_map([], key)?.collect::<rusqlite::Result<_>>()?)
}

/// Makes a key worth nothing; revoking twice changes nothing.
///
/// # Errors
/// `NotFound`.
pub fn revoke(tx: &Transaction<'_>, id: i64, at: Wall) -> Result<()> {
    let changed = tx.execute("UPDATE api_keys SET revoked_at = ifnull(revoked_at, ?2) WHERE id = ?1", params![id, at.0])?;
    found(changed)
}

/// Notes that a key was used.
///
/// # Errors
/// Those of SQLite.
pub fn touch(tx: &Transaction<'_>, id: i64, at: Wall) -> Result<()> {
    tx.prepare_cached("UPDATE api_keys SET last_used_at = ?2 WHERE id = ?1")?.execute(params![id, at.0])?;
    Ok(())
}

fn key(row: &Row<'_>) -> rusqlite::Result<ApiKey> {
    Ok(ApiKey {
        id: row.get(0)?,
        name: row.get(1)?,
        scope: word(row, 2)?,
        created_at: Wall(row.get(3)?),
        last_used_at: wall(row, 4)?,
        revoked_at: wall(row, 5)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::StoreError;
    use crate::sample::{at, does};
    use crate::temporary;

    #[test]
    fn a_key_is_found_by_its_hash_until_it_is_revoked() {
        let (mut store, _folder) = temporary().unwrap();
        let (id, secret) = does(&mut store.writer, |tx| create(tx, "ci", Scope::Read, at(1).wall));
        let hash = seal::hash_token(&secret);
        let by_hash = |store: &crate::Store| store.reader.read(|conn| find(conn, &hash)).unwrap();
        assert_eq!(by_hash(&store).unwrap().scope, Scope::Read);
        assert_eq!(store.reader.read(|conn| find(conn, &seal::hash_token("pw_guess"))).unwrap(), None);
        does(&mut store.writer, |tx| touch(tx, id, at(2).wall));
        assert_eq!(by_hash(&store).unwrap().last_used_at, Some(at(2).wall));
        does(&mut store.writer, |tx| {
            revoke(tx, id, at(3).wall)?;
            revoke(tx, id, at(4).wall)
        });
        assert_eq!(by_hash(&store), None);
        assert_eq!(store.reader.read(list).unwrap()[0].revoked_at, Some(at(3).wall));
        assert_eq!(store.writer.transact(|tx| revoke(tx, 99, at(5).wall)).unwrap_err().error, StoreError::NotFound);
        let twin = store.writer.transact(|tx| create(tx, "ci", Scope::Write, at(6).wall)).unwrap_err();
        assert!(matches!(twin.error, StoreError::Taken { field, .. } if field == "name"));
    }

    #[test]
    fn the_secret_is_nowhere_in_the_file() {
        let (mut store, folder) = temporary().unwrap();
        let (_, secret) = does(&mut store.writer, |tx| create(tx, "ci", Scope::Write, at(1).wall));
        store.writer.checkpoint().unwrap();
        let bytes = std::fs::read(folder.database()).unwrap();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
    }
}
