//! When the uplink was down, why, and how many hosts could not be judged meanwhile.

use crate::column::{cut, page_size};
use crate::error::{Result, StoreError};
use domain::time::{Now, Steady, Wall};
use domain::uplink::{Judged, Verdict};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

/// How many outages are kept.
pub const OUTAGES_KEPT: i64 = 10_000;
/// Most gaps a start replays.
const GAPS_MAX: i64 = 1_000;

/// A time in which the uplink was down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outage {
    /// `outages.id`.
    pub id: i64,
    /// What was down, as last seen.
    pub verdict: Verdict,
    /// What it was told from.
    pub evidence: Vec<String>,
    /// When the first round that said so began.
    pub began: Now,
    /// When the last round before it was well; none: the hub never saw it well before.
    pub good: Option<Steady>,
    /// When it was over.
    pub ended: Option<Now>,
    /// Hosts whose deadline fell into it.
    pub unjudged: Option<i64>,
    /// The incident people are told about.
    pub alert: Option<i64>,
}

impl Outage {
    /// From when on silence of hosts behind the uplink means nothing.
    pub fn deaf_from(&self) -> Steady {
        self.good.unwrap_or(self.began.steady).min(self.began.steady)
    }
}

/// Outages, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutagePage {
    /// The outages.
    pub outages: Vec<Outage>,
    /// Cursor of the next page, if there is more.
    pub next: Option<i64>,
}

const COLUMNS: &str = "id, verdict, evidence, began_at, began_steady, good_steady, ended_at, ended_steady, unjudged, alert_id";

/// Begins an outage, and forgets those beyond the newest [`OUTAGES_KEPT`]. Answers its id.
///
/// # Errors
/// Those of SQLite; also when another one is open.
pub fn begin(tx: &Transaction<'_>, judged: &Judged, began: Now, good: Option<Steady>, alert: i64) -> Result<i64> {
    let sql = "INSERT INTO outages (verdict, evidence, began_at, began_steady, good_steady, alert_id)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let evidence = written(&judged.evidence)?;
    let values = params![judged.verdict.as_str(), evidence, began.wall.0, began.steady.0, good.map(|good| good.0), alert];
    let id = tx.prepare_cached(sql)?.insert(values)?;
    tx.prepare_cached("DELETE FROM outages WHERE id <= ?1 AND ended_at IS NOT NULL")?.execute([id - OUTAGES_KEPT])?;
    Ok(id)
}

/// What is down is seen to be something else.
///
/// # Errors
/// Those of SQLite.
pub fn change(tx: &Transaction<'_>, id: i64, judged: &Judged) -> Result<()> {
    let sql = "UPDATE outages SET verdict = ?2, evidence = ?3 WHERE id = ?1 AND ended_at IS NULL";
    tx.prepare_cached(sql)?.execute(params![id, judged.verdict.as_str(), written(&judged.evidence)?])?;
    Ok(())
}

/// Ends an outage; answers whether it was open.
///
/// # Errors
/// Those of SQLite.
pub fn end(tx: &Transaction<'_>, id: i64, at: Now, unjudged: usize) -> Result<bool> {
    let sql = "UPDATE outages SET ended_at = ?2, ended_steady = ?3, unjudged = ?4 WHERE id = ?1 AND ended_at IS NULL";
    let unjudged = i64::try_from(unjudged).unwrap_or(i64::MAX);
    Ok(tx.prepare_cached(sql)?.execute(params![id, at.wall.0, at.steady.0, unjudged])? == 1)
}

/// The outage that lasts.
///
/// # Errors
/// Those of SQLite.
pub fn lasting(conn: &Connection) -> Result<Option<Outage>> {
    let sql = format!("SELECT {COLUMNS} FROM outages WHERE ended_at IS NULL");
    Ok(conn.prepare_cached(&sql)?.query_row([], outage).optional()?)
}

/// Outages before the cursor `before`, the newest first.
///
/// # Errors
/// Those of SQLite.
pub fn list(conn: &Connection, before: Option<i64>, limit: u32) -> Result<OutagePage> {
    let size = page_size(limit);
    let sql = format!("SELECT {COLUMNS} FROM outages WHERE id < ?1 ORDER BY id DESC LIMIT ?2");
    let mut query = conn.prepare_cached(&sql)?;
    let rows = query.query_map([before.unwrap_or(i64::MAX), i64::from(size) + 1], outage)?;
    let (outages, next) = cut(rows.collect::<rusqlite::Result<_>>()?, size, |outage| outage.id);
    Ok(OutagePage { outages, next })
}

/// From when to when nobody behind the uplink could be heard, over the newest outages that are over, in their order.
///
/// # Errors
/// Those of SQLite.
pub fn gaps(conn: &Connection) -> Result<Vec<(Steady, Steady)>> {
    let sql = "SELECT min(ifnull(good_steady, began_steady), began_steady), ended_steady FROM outages
               WHERE ended_steady IS NOT NULL ORDER BY id DESC LIMIT ?1";
    let mut query = conn.prepare_cached(sql)?;
    let rows = query.query_map([GAPS_MAX], |row| Ok((Steady(row.get(0)?), Steady(row.get(1)?))))?;
    let mut gaps: Vec<_> = rows.collect::<rusqlite::Result<_>>()?;
    gaps.reverse();
    Ok(gaps)
}

fn written(evidence: &[String]) -> Result<String> {
    serde_json::to_string(evidence).map_err(|e| StoreError::Other(format!("evidence of an outage: {e}")))
}

fn outage(row: &Row<'_>) -> rusqlite::Result<Outage> {
    let both = |wall: Option<i64>, steady: Option<i64>| Some(Now { wall: Wall(wall?), steady: Steady(steady?) });
    let (verdict, evidence): (String, String) = (row.get(1)?, row.get(2)?);
    Ok(Outage {
        id: row.get(0)?,
        // A word of a later release: it was not online.
        verdict: Verdict::parse(&verdict).unwrap_or(Verdict::Offline),
        evidence: serde_json::from_str(&evidence).unwrap_or_default(),
        began: Now { wall: Wall(row.get(3)?), steady: Steady(row.get(4)?) },
        good: row.get::<_, Option<i64>>(5)?.map(Steady),
        ended: both(row.get(6)?, row.get(7)?),
        unjudged: row.get(8)?,
        alert: row.get(9)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{at, does};
    use crate::temporary;

    fn judged(verdict: Verdict) -> Judged {
        Judged { verdict, evidence: vec!["nothing answers".into()] }
    }

    #[test]
    fn an_outage_begins_changes_and_ends_once() {
        let (mut store, _folder) = temporary().unwrap();
        let id = does(&mut store.writer, |tx| begin(tx, &judged(Verdict::Isp), at(10), Some(at(5).steady), 7));
        does(&mut store.writer, |tx| change(tx, id, &judged(Verdict::Gateway)));
        let lasts = store.reader.read(lasting).unwrap().unwrap();
        assert_eq!((lasts.id, lasts.verdict, lasts.began, lasts.deaf_from()), (id, Verdict::Gateway, at(10), at(5).steady));
        assert_eq!((lasts.evidence.len(), lasts.alert, lasts.ended), (1, Some(7), None));
        assert!(store.writer.transact(|tx| begin(tx, &judged(Verdict::Isp), at(11), None, 8)).is_err(), "one at a time");
        assert!(does(&mut store.writer, |tx| end(tx, id, at(90), 9)));
        assert!(!does(&mut store.writer, |tx| end(tx, id, at(91), 0)));
        does(&mut store.writer, |tx| change(tx, id, &judged(Verdict::Dns)));
        assert_eq!(store.reader.read(lasting).unwrap(), None);
        let page = store.reader.read(|conn| list(conn, None, 10)).unwrap();
        let over = &page.outages[0];
        assert_eq!((over.verdict, over.ended, over.unjudged), (Verdict::Gateway, Some(at(90)), Some(9)));
        assert_eq!(store.reader.read(gaps).unwrap(), [(at(5).steady, at(90).steady)]);
    }

    #[test]
    fn lists_go_backwards_page_by_page_and_gaps_forwards() {
        let (mut store, _folder) = temporary().unwrap();
        does(&mut store.writer, |tx| {
            (1..=5).try_for_each(|n| {
                let id = begin(tx, &judged(Verdict::Isp), at(n * 100), None, n)?;
                end(tx, id, at(n * 100 + 50), 0).map(drop)
            })
        });
        let first = store.reader.read(|conn| list(conn, None, 3)).unwrap();
        let second = store.reader.read(|conn| list(conn, first.next, 3)).unwrap();
        let begun = |page: &OutagePage| page.outages.iter().map(|o| o.began).collect::<Vec<_>>();
        assert_eq!((begun(&first), begun(&second)), (vec![at(500), at(400), at(300)], vec![at(200), at(100)]));
        assert_eq!(second.next, None);
        let gaps = store.reader.read(gaps).unwrap();
        assert_eq!((gaps.len(), gaps[0], gaps[4].0), (5, (at(100).steady, at(150).steady), at(500).steady));
    }
}
