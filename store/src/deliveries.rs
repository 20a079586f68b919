//! Each attempt to deliver, for the person who asks why nothing came; only the newest are kept.

use crate::column::{cut, page_size};
use crate::error::Result;
use domain::time::Wall;
use rusqlite::{Connection, Row, Transaction, params};

/// How many attempts are kept.
pub const KEPT: i64 = 10_000;

/// An attempt to note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewDelivery<'a> {
    /// `channels.id`.
    pub channel: i64,
    /// When.
    pub at: Wall,
    /// What came of it, in a word: `delivered`, `retry`, `refused`.
    pub outcome: &'a str,
    /// The answer's status, if there was one.
    pub http_status: Option<u16>,
    /// What went wrong, without any secret.
    pub error: Option<&'a str>,
    /// The notices it carried.
    pub outbox_ids: &'a [i64],
}

/// An attempt as kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// `deliveries.id`.
    pub id: i64,
    /// `channels.id`.
    pub channel: i64,
    /// When.
    pub at: Wall,
    /// What came of it.
    pub outcome: String,
    /// The answer's status, if there was one.
    pub http_status: Option<u16>,
    /// What went wrong.
    pub error: Option<String>,
    /// The notices it carried.
    pub outbox_ids: Vec<i64>,
}

/// Attempts, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryPage {
    /// The attempts.
    pub deliveries: Vec<Delivery>,
    /// Cursor of the next page, if there is more.
    pub next: Option<i64>,
}

/// Notes an attempt and forgets those beyond the newest [`KEPT`].
///
/// # Errors
/// Those of SQLite.
pub fn record(tx: &Transaction<'_>, delivery: &NewDelivery<'_>) -> Result<i64> {
    let mut query = tx.prepare_cached(
        "INSERT INTO deliveries (channel_id, at, outcome, http_status, error, outbox_ids) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let NewDelivery { channel, at, outcome, http_status, error, outbox_ids } = *delivery;
    let ids = serde_json::Value::from(outbox_ids).to_string();
    let id = query.insert(params![channel, at.0, outcome, http_status, error, ids])?;
    tx.prepare_cached("DELETE FROM deliveries WHERE id <= ?1")?.execute([id - KEPT])?;
    Ok(id)
}

/// Attempts on one channel or on all, before the cursor `before`.
///
/// # Errors
/// Those of SQLite.
pub fn list(conn: &Connection, channel: Option<i64>, before: Option<i64>, limit: u32) -> Result<DeliveryPage> {
    let size = page_size(limit);
    let mut query = conn.prepare_cached(
        "SELECT id, channel_id, at, outcome, http_status, error, outbox_ids FROM deliveries
         WHERE id < ?1 AND (?2 IS NULL OR channel_id = ?2) ORDER BY id DESC LIMIT ?3",
    )?;
    let rows = query.query_map(params![before.unwrap_or(i64::MAX), channel, size + 1], delivery)?;
    let (deliveries, next) = cut(rows.collect::<rusqlite::Result<_>>()?, size, |delivery| delivery.id);
    Ok(DeliveryPage { deliveries, next })
}

/// Attempts that carried notices about this incident, the newest first, at most `limit`.
///
/// # Errors
/// Those of SQLite.
pub fn of_alert(conn: &Connection, alert: i64, limit: u32) -> Result<Vec<Delivery>> {
    let mut query = conn.prepare_cached(
        "SELECT d.id, d.channel_id, d.at, d.outcome, d.http_status, d.error, d.outbox_ids FROM deliveries d
         WHERE EXISTS (SELECT 1 FROM json_each(d.outbox_ids) j JOIN outbox o ON o.id = j.value WHERE o.alert_id = ?1)
           AND d.at >= (SELECT min(created_at) FROM outbox WHERE alert_id = ?1)
         ORDER BY d.id DESC LIMIT ?2",
    )?;
    let rows = query.query_map(params![alert, page_size(limit)], delivery)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn delivery(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    Ok(Delivery {
        id: row.get(0)?,
        channel: row.get(1)?,
        at: Wall(row.get(2)?),
        outcome: row.get(3)?,
        http_status: row.get(4)?,
        error: row.get(5)?,
        outbox_ids: serde_json::from_str(row.get_ref(6)?.as_str()?).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{at, does};
    use crate::temporary;

    #[test]
    fn only_the_newest_are_kept() {
        let (mut store, _folder) = temporary().unwrap();
        does(&mut store.writer, |tx| {
            for n in 0..KEPT + 5 {
                let (outcome, http_status) = ("retry", Some(503));
                record(
                    tx,
                    &NewDelivery { channel: 1 + n % 2, at: at(n).wall, outcome, http_status, error: None, outbox_ids: &[n, 7] },
                )?;
            }
            Ok(())
        });
        let kept = |conn: &Connection| Ok(conn.query_row("SELECT count(*) FROM deliveries", [], |row| row.get::<_, i64>(0))?);
        assert_eq!(store.reader.read(kept).unwrap(), KEPT);
        let page = store.reader.read(|conn| list(conn, Some(1), None, 2)).unwrap();
        assert_eq!(page.deliveries.iter().map(|delivery| delivery.id).collect::<Vec<_>>(), [KEPT + 5, KEPT + 3]);
        assert_eq!((page.deliveries[0].outbox_ids.as_slice(), page.next), (&[KEPT + 4, 7][..], Some(KEPT + 3)));
    }

    #[test]
    fn attempts_of_an_incident_are_those_that_carried_its_notices() {
        let (mut store, _folder) = temporary().unwrap();
        let attempt = |n: i64, outbox_ids| NewDelivery {
            channel: 1,
            at: at(n).wall,
            outcome: "delivered",
            http_status: Some(200),
            error: None,
            outbox_ids,
        };
        does(&mut store.writer, |tx| {
            for (id, alert) in [(1, 10), (2, 20), (3, 10)] {
                tx.execute(
                    "INSERT INTO outbox (id, channel_id, alert_id, kind, next_attempt_at, created_at) VALUES (?1, 1, ?2, 'opened', 0, ?3)",
                    params![id, alert, at(id).wall.0],
                )?;
            }
            [(1, &[1][..]), (2, &[2]), (3, &[2, 3]), (4, &[9])]
                .into_iter()
                .try_for_each(|(n, ids)| record(tx, &attempt(n, ids)).map(drop))
        });
        let ids = |alert| {
            let found = store.reader.read(|conn| of_alert(conn, alert, 10)).unwrap();
            found.into_iter().map(|delivery| delivery.id).collect::<Vec<_>>()
        };
        assert_eq!((ids(10), ids(20), ids(30)), (vec![3, 1], vec![3, 2], vec![]));
    }
}
