//! Which host a syslog sender is: addresses that a person bound to hosts. The name inside a message proves nothing.

use crate::error::{Result, StoreError};
use rusqlite::{Connection, Row, Transaction, params};
use std::net::IpAddr;

/// Most addresses of one host.
pub const ADDRESSES_MOST: usize = 16;

/// An address and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyslogSource {
    /// As the hub sees the sender.
    pub address: IpAddr,
    /// `hosts.id`.
    pub host: i64,
}

/// All of them.
///
/// # Errors
/// Those of SQLite.
pub fn list(conn: &Connection) -> Result<Vec<SyslogSource>> {
    let mut query = conn.prepare_cached("SELECT address, host_id FROM syslog_sources ORDER BY address")?;
    Ok(query.query_map([], source)?.filter_map(|row| row.transpose()).collect::<rusqlite::Result<_>>()?)
}

/// Those of one host.
///
/// # Errors
/// Those of SQLite.
pub fn of_host(conn: &Connection, host: i64) -> Result<Vec<IpAddr>> {
    let mut query = conn.prepare_cached("SELECT address, host_id FROM syslog_sources WHERE host_id = ?1 ORDER BY address")?;
    let rows = query.query_map([host], source)?.filter_map(|row| row.transpose());
    rows.map(|row| Ok(row?.address)).collect()
}

/// Binds just these addresses to a host; whatever else was bound to it is not any more.
///
/// # Errors
/// `Refused` naming `addresses` when there are too many or one is bound to another host.
pub fn set(tx: &Transaction<'_>, host: i64, addresses: &[IpAddr], who: &str, at: domain::time::Wall) -> Result<()> {
    if addresses.len() > ADDRESSES_MOST {
        return Err(StoreError::refused("addresses", format!("must be at most {ADDRESSES_MOST}")));
    }
    forget_host(tx, host)?;
    for address in addresses {
        let text = address.to_canonical().to_string();
        let bound = tx.execute(
            "INSERT INTO syslog_sources (address, host_id, created_at, created_by) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (address) DO UPDATE SET created_at = ?3 WHERE host_id = ?2",
            params![text, host, at.0, who],
        )?;
        if bound == 0 {
            return Err(StoreError::refused("addresses", format!("{text} is bound to another host: take it away there first")));
        }
    }
    Ok(())
}

/// Binds nothing to a host any more.
///
/// # Errors
/// Those of SQLite.
pub fn forget_host(tx: &Transaction<'_>, host: i64) -> Result<()> {
    tx.execute("DELETE FROM syslog_sources WHERE host_id = ?1", [host])?;
    Ok(())
}

/// A row whose address is none is left out.
fn source(row: &Row<'_>) -> rusqlite::Result<Option<SyslogSource>> {
    let host = row.get(1)?;
    Ok(row.get_ref(0)?.as_str()?.parse().ok().map(|address| SyslogSource { address, host }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{add, at, does};
    use crate::{hosts, temporary};

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_is_one_hosts_only_and_is_known_in_each_of_its_forms() {
        let (mut store, _folder) = temporary().unwrap();
        let (a, b) = does(&mut store.writer, |tx| Ok((add(tx, "a"), add(tx, "b"))));
        does(&mut store.writer, |tx| set(tx, a, &[ip("10.0.0.1"), ip("::ffff:10.0.0.2"), ip("10.0.0.1")], "ann", at(1).wall));
        assert_eq!(store.reader.read(|conn| of_host(conn, a)).unwrap(), [ip("10.0.0.1"), ip("10.0.0.2")]);
        let taken = store.writer.transact(|tx| set(tx, b, &[ip("10.0.0.2")], "ann", at(2).wall)).unwrap_err();
        assert!(taken.error.to_string().contains("10.0.0.2 is bound to another host"));
        does(&mut store.writer, |tx| set(tx, a, &[ip("fd00::1")], "ann", at(3).wall));
        does(&mut store.writer, |tx| set(tx, b, &[ip("10.0.0.2")], "ann", at(4).wall));
        assert_eq!(store.reader.read(list).unwrap().len(), 2);
        does(&mut store.writer, |tx| hosts::delete(tx, b, at(5)));
        assert_eq!(store.reader.read(list).unwrap(), [SyslogSource { address: ip("fd00::1"), host: a }]);
        let many: Vec<IpAddr> = (0..17).map(|n| IpAddr::from([10, 0, 1, n])).collect();
        assert!(store.writer.transact(|tx| set(tx, a, &many, "ann", at(6).wall)).is_err());
    }
}
