//! The host inside the hub that is never heard in time on purpose: its beat, and the verdict that it missed one.
//!
//! It is no row of `hosts`, so no list, count, export or message can show it.

use crate::error::Result;
use domain::time::{Now, Steady};
use rusqlite::{Transaction, params};

/// The row its actor is known by: never one of `hosts`, whose ids begin at 1.
pub const ROW: i64 = 0;

/// It is heard.
///
/// # Errors
/// Those of SQLite.
pub fn beat(tx: &Transaction<'_>, at: Steady) -> Result<()> {
    let sql = "INSERT INTO canary (id, last_seen_steady, status) VALUES (1, ?1, 'up')
               ON CONFLICT (id) DO UPDATE SET last_seen_steady = ?1, status = 'up'";
    tx.prepare_cached(sql)?.execute([at.0])?;
    Ok(())
}

/// It is down, if it was not already and nothing was heard of it since `expect_last_seen`: the same guard as for a real host.
///
/// # Errors
/// Those of SQLite.
pub fn go_down(tx: &Transaction<'_>, expect_last_seen: Option<Steady>, now: Now) -> Result<bool> {
    let sql = "UPDATE canary SET status = 'down', missed_at = ?2 WHERE id = 1 AND status <> 'down' AND last_seen_steady IS ?1";
    let changed = tx.prepare_cached(sql)?.execute(params![expect_last_seen.map(|at| at.0), now.wall.0])?;
    Ok(changed == 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{at, does};
    use crate::temporary;

    #[test]
    fn it_goes_down_once_for_each_beat_and_only_when_nothing_was_heard_since() {
        let (mut store, _folder) = temporary().unwrap();
        assert!(!does(&mut store.writer, |tx| go_down(tx, None, at(1))), "never heard: there is nothing to miss");
        for s in [10, 70] {
            does(&mut store.writer, |tx| beat(tx, at(s).steady));
            assert!(!does(&mut store.writer, |tx| go_down(tx, Some(at(s - 1).steady), at(s + 30))), "heard since");
            assert!(does(&mut store.writer, |tx| go_down(tx, Some(at(s).steady), at(s + 30))));
            assert!(!does(&mut store.writer, |tx| go_down(tx, Some(at(s).steady), at(s + 31))), "once");
        }
    }

    #[test]
    fn no_host_is_ever_given_its_row() {
        let (mut store, _folder) = temporary().unwrap();
        assert!(does(&mut store.writer, |tx| Ok(crate::sample::add(tx, "nas"))) > ROW);
    }
}
