//! Where people are signed in: found by the hash of a cookie, ended by time, by themselves, or by another password.

use crate::error::Result;
use crate::users::{self, User};
use domain::time::Wall;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

/// A session that nobody used for so long is over, in milliseconds.
pub const IDLE_MOST_MS: i64 = 7 * 86_400_000;
/// A session is over so long after its beginning, in milliseconds.
pub const LIFE_MOST_MS: i64 = 30 * 86_400_000;
/// Sessions of one user; the one that was not used for the longest time goes first.
const PER_USER_MOST: i64 = 50;

/// A session as kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 of the cookie's value.
    pub token_hash: [u8; 32],
    /// When he signed in.
    pub created_at: Wall,
    /// When it was last used, to the minute.
    pub last_used_at: Wall,
    /// What the browser called itself.
    pub agent: String,
    /// From where he signed in.
    pub source_ip: Option<String>,
}

impl Session {
    /// Whether it is not over by rest or age.
    pub fn lives(&self, at: Wall) -> bool {
        self.last_used_at.0 >= at.0 - IDLE_MOST_MS && self.created_at.0 >= at.0 - LIFE_MOST_MS
    }
}

/// A session that begins.
pub struct NewSession<'a> {
    /// SHA-256 of the cookie's value.
    pub token_hash: [u8; 32],
    /// Whose.
    pub user: i64,
    /// What the browser calls itself.
    pub agent: &'a str,
    /// From where.
    pub source_ip: Option<&'a str>,
}

/// Begins a session, and sweeps what is over.
///
/// # Errors
/// Those of SQLite.
pub fn begin(tx: &Transaction<'_>, new: &NewSession<'_>, at: Wall) -> Result<()> {
    tx.execute(
        "DELETE FROM sessions WHERE last_used_at < ?1 OR created_at < ?2",
        params![at.0 - IDLE_MOST_MS, at.0 - LIFE_MOST_MS],
    )?;
    tx.execute(
        "DELETE FROM sessions WHERE user_id = ?1 AND token_hash NOT IN
             (SELECT token_hash FROM sessions WHERE user_id = ?1 ORDER BY last_used_at DESC LIMIT ?2)",
        params![new.user, PER_USER_MOST - 1],
    )?;
    let sql =
        "INSERT INTO sessions (token_hash, user_id, created_at, last_used_at, agent, source_ip) VALUES (?1, ?2, ?3, ?3, ?4, ?5)";
    tx.execute(sql, params![new.token_hash, new.user, at.0, new.agent, new.source_ip])?;
    users::note_login(tx, new.user, at)
}

/// The session with this hash and its user, unless it is over.
///
/// # Errors
/// Those of SQLite.
pub fn find(conn: &Connection, token_hash: &[u8; 32], at: Wall) -> Result<Option<(Session, User)>> {
    let sql = "SELECT u.id, u.name, u.role, u.created_at, u.last_login_at, s.created_at, s.last_used_at, s.agent, s.source_ip
         FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.token_hash = ?1 AND s.last_used_at >= ?2 AND s.created_at >= ?3";
    let row = conn.prepare_cached(sql)?.query_row(params![token_hash, at.0 - IDLE_MOST_MS, at.0 - LIFE_MOST_MS], |row| {
        let session = Session {
            token_hash: *token_hash,
            created_at: Wall(row.get(5)?),
            last_used_at: Wall(row.get(6)?),
            agent: row.get(7)?,
            source_ip: row.get(8)?,
        };
        Ok((session, users::user(row)?))
    });
    Ok(row.optional()?)
}

/// The sessions of a user, the last used first.
///
/// # Errors
/// Those of SQLite.
pub fn of_user(conn: &Connection, user: i64) -> Result<Vec<Session>> {
    let sql = "SELECT token_hash, created_at, last_used_at, agent, source_ip FROM sessions WHERE user_id = ?1
         ORDER BY last_used_at DESC, token_hash";
    let mut query = conn.prepare_cached(sql)?;
    let sessions = query.query_map([user], |row| {
        Ok(Session {
            token_hash: row.get(0)?,
            created_at: Wall(row.get(1)?),
            last_used_at: Wall(row.get(2)?),
            agent: row.get(3)?,
            source_ip: row.get(4)?,
        })
    })?;
    Ok(sessions.collect::<rusqlite::Result<_>>()?)
}

/// Notes that a session was used.
///
/// # Errors
/// Those of SQLite.
pub fn touch(tx: &Transaction<'_>, token_hash: &[u8; 32], at: Wall) -> Result<()> {
    tx.prepare_cached("UPDATE sessions SET last_used_at = max(last_used_at, ?2) WHERE token_hash = ?1")?
        .execute(params![token_hash, at.0])?;
    Ok(())
}

/// Ends one session; one that is over already changes nothing.
///
/// # Errors
/// Those of SQLite.
pub fn end(tx: &Transaction<'_>, token_hash: &[u8; 32]) -> Result<()> {
    tx.execute("DELETE FROM sessions WHERE token_hash = ?1", [token_hash])?;
    Ok(())
}

/// Ends every session of a user but `kept`.
///
/// # Errors
/// Those of SQLite.
pub fn end_others(tx: &Transaction<'_>, user: i64, kept: Option<&[u8; 32]>) -> Result<()> {
    let kept = kept.map_or(&[][..], |hash| &hash[..]);
    tx.execute("DELETE FROM sessions WHERE user_id = ?1 AND token_hash <> ?2", params![user, kept])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{at, does};
    use crate::temporary;
    use crate::users::Role;

    #[test]
    fn a_session_ends_by_rest_by_age_by_itself_and_by_another_password() {
        let (mut store, _folder) = temporary().unwrap();
        let zero = at(1).wall;
        let user = does(&mut store.writer, |tx| users::create(tx, "ada", "hash", Role::Admin, zero));
        let signs_in = |store: &mut crate::Store, n: u8| {
            let new = NewSession { token_hash: [n; 32], user, agent: "browser", source_ip: None };
            does(&mut store.writer, |tx| begin(tx, &new, zero));
        };
        let lives = |store: &crate::Store, n: u8, ms: i64| {
            store.reader.read(move |conn| find(conn, &[n; 32], zero.plus_ms(ms))).unwrap().is_some()
        };
        (1..=3).for_each(|n| signs_in(&mut store, n));
        assert!(lives(&store, 1, IDLE_MOST_MS) && !lives(&store, 1, IDLE_MOST_MS + 1));
        for day in (6..30).step_by(6) {
            does(&mut store.writer, |tx| touch(tx, &[1; 32], zero.plus_ms(day * 86_400_000)));
        }
        assert!(lives(&store, 1, LIFE_MOST_MS) && !lives(&store, 1, LIFE_MOST_MS + 1), "use does not make it live for ever");
        does(&mut store.writer, |tx| end(tx, &[2; 32]));
        assert!(!lives(&store, 2, 0));
        does(&mut store.writer, |tx| users::set_password(tx, user, "other", Some(&[3; 32]), zero));
        assert!(!lives(&store, 1, 0) && lives(&store, 3, 0));
        does(&mut store.writer, |tx| end_others(tx, user, None));
        assert_eq!(store.reader.read(|conn| of_user(conn, user)).unwrap(), []);
    }

    #[test]
    fn one_user_cannot_fill_the_table() {
        let (mut store, _folder) = temporary().unwrap();
        let user = does(&mut store.writer, |tx| users::create(tx, "ada", "hash", Role::Admin, at(0).wall));
        for n in 0..60_u8 {
            let new = NewSession { token_hash: [n; 32], user, agent: "", source_ip: Some("192.0.2.1") };
            does(&mut store.writer, |tx| begin(tx, &new, at(i64::from(n)).wall));
        }
        let left = store.reader.read(|conn| of_user(conn, user)).unwrap();
        assert_eq!((left.len(), left[0].token_hash), (PER_USER_MOST as usize, [59; 32]));
    }
}
