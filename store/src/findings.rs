//! Findings, each once by its fingerprint: found again it counts up, and what has been told is not told again.

use crate::column::page_size;
use crate::error::Result;
use domain::finding::{Finding, Level};
use domain::time::Wall;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, Transaction, params};

/// Findings kept of one host; those not seen for longest go.
pub const KEPT_PER_HOST: u32 = 2_000;
/// Not seen for this long, a finding counts as a new one: 30 days.
pub const FORGOTTEN_AFTER_MS: i64 = 30 * 86_400_000;

/// What keeping a finding showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// `log_findings.id`.
    pub id: i64,
    /// Nobody had seen it before, or not for a long time.
    pub is_new: bool,
    /// An incident has told of it already.
    pub was_told: bool,
}

/// A finding as kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// `log_findings.id`.
    pub id: i64,
    /// `hosts.id`.
    pub host: i64,
    /// The host's public id.
    pub host_id: String,
    /// The host's name for people.
    pub host_name: String,
    /// As found last.
    pub finding: Finding,
    /// When it was found first.
    pub first_seen_at: Wall,
    /// When it was found last.
    pub last_seen_at: Wall,
    /// How many looks found it.
    pub times: i64,
    /// The last of them.
    pub analysis: i64,
    /// The incident that told of it.
    pub alert: Option<i64>,
}

/// Which findings a page shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FindingFilter {
    /// Only of this host (`hosts.id`).
    pub host: Option<i64>,
    /// Only of this level.
    pub severity: Option<Level>,
    /// Only of this category.
    pub category: Option<String>,
    /// The cursor of the page before.
    pub before: Option<i64>,
    /// Most of them, 1 to 1000.
    pub limit: u32,
}

/// Keeps a finding of the look `analysis`.
///
/// # Errors
/// Those of SQLite.
pub fn record(tx: &Transaction<'_>, host: i64, analysis: i64, finding: &Finding, at: Wall) -> Result<Recorded> {
    let json = serde_json::to_string(finding).map_err(|e| crate::StoreError::Other(format!("a finding: {e}")))?;
    let mut query =
        tx.prepare_cached("SELECT id, last_seen_at, alert_id FROM log_findings WHERE host_id = ?1 AND fingerprint = ?2")?;
    let known = query.query_row(params![host, finding.fingerprint], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, Option<i64>>(2)?))
    });
    let (severity, category) = (finding.severity.as_str(), finding.category.as_str());
    let Some((id, seen, alert)) = known.optional()? else {
        let mut query = tx.prepare_cached(
            "INSERT INTO log_findings (host_id, fingerprint, severity, category, title, finding, first_seen_at, last_seen_at,
                 analysis_id)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8)",
        )?;
        let id = query.insert(params![host, finding.fingerprint, severity, category, finding.title, json, at.0, analysis])?;
        return Ok(Recorded { id, is_new: true, was_told: false });
    };
    let is_forgotten = seen < at.0.saturating_sub(FORGOTTEN_AFTER_MS);
    let alert = alert.filter(|_| !is_forgotten);
    let mut query = tx.prepare_cached(
        "UPDATE log_findings SET severity = ?2, category = ?3, title = ?4, finding = ?5, last_seen_at = max(last_seen_at, ?6),
             times = times + 1, analysis_id = ?7, alert_id = ?8 WHERE id = ?1",
    )?;
    query.execute(params![id, severity, category, finding.title, json, at.0, analysis, alert])?;
    Ok(Recorded { id, is_new: is_forgotten, was_told: alert.is_some() })
}

/// Notes that the incident `alert` tells of a finding.
///
/// # Errors
/// Those of SQLite.
pub fn note_told(tx: &Transaction<'_>, id: i64, alert: i64) -> Result<()> {
    tx.prepare_cached("UPDATE log_findings SET alert_id = ?2 WHERE id = ?1")?.execute([id, alert])?;
    Ok(())
}

/// Lets those go that were not seen for longest, beyond [`KEPT_PER_HOST`].
///
/// # Errors
/// Those of SQLite.
pub fn trim(tx: &Transaction<'_>, host: i64) -> Result<usize> {
    let mut query = tx.prepare_cached(
        "DELETE FROM log_findings WHERE id IN (
             SELECT id FROM log_findings WHERE host_id = ?1 ORDER BY last_seen_at DESC LIMIT -1 OFFSET ?2)",
    )?;
    Ok(query.execute(params![host, KEPT_PER_HOST])?)
}

const COLUMNS: &str =
    "f.id, f.host_id, h.host_id, h.name, f.finding, f.first_seen_at, f.last_seen_at, f.times, f.analysis_id, f.alert_id";

/// A page of findings, the newest first.
///
/// # Errors
/// Those of SQLite.
pub fn list(conn: &Connection, filter: &FindingFilter) -> Result<(Vec<Found>, Option<i64>)> {
    let size = page_size(filter.limit);
    let (before, limit) = (filter.before.unwrap_or(i64::MAX), size + 1);
    let severity = filter.severity.map(Level::as_str);
    let mut values: Vec<(&str, &dyn ToSql)> = vec![(":before", &before), (":limit", &limit)];
    let mut sql = format!("SELECT {COLUMNS} FROM log_findings f JOIN hosts h ON h.id = f.host_id WHERE f.id < :before");
    if let Some(host) = &filter.host {
        sql += " AND f.host_id = :host";
        values.push((":host", host));
    }
    if let Some(severity) = &severity {
        sql += " AND f.severity = :severity";
        values.push((":severity", severity));
    }
    if let Some(category) = &filter.category {
        sql += " AND f.category = :category";
        values.push((":category", category));
    }
    sql += " ORDER BY f.id DESC LIMIT :limit";
    let mut query = conn.prepare_cached(&sql)?;
    let mut found = Vec::new();
    let mut rows = query.query(values.as_slice())?;
    let mut last = None;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        count += 1;
        if count <= size {
            last = Some(row.get(0)?);
            // One that another release wrote is left out, and the page goes on.
            found.extend(one(row)?);
        }
    }
    Ok((found, last.filter(|_| count > size)))
}

/// One finding.
///
/// # Errors
/// Those of SQLite.
pub fn get(conn: &Connection, id: i64) -> Result<Option<Found>> {
    let sql = format!("SELECT {COLUMNS} FROM log_findings f JOIN hosts h ON h.id = f.host_id WHERE f.id = ?1");
    Ok(conn.prepare_cached(&sql)?.query_row([id], one).optional()?.flatten())
}

/// How many findings of each level there are, seen since `since`.
///
/// # Errors
/// Those of SQLite.
pub fn counts(conn: &Connection, since: Wall) -> Result<Vec<(Level, i64)>> {
    let mut query =
        conn.prepare_cached("SELECT severity, count(*) FROM log_findings WHERE last_seen_at >= ?1 GROUP BY severity")?;
    let rows = query.query_map([since.0], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
    let mut counts = Vec::new();
    for row in rows {
        let (word, count) = row?;
        counts.extend(Level::parse(&word).map(|level| (level, count)));
    }
    counts.sort_by_key(|(level, _)| std::cmp::Reverse(*level));
    Ok(counts)
}

fn one(row: &Row<'_>) -> rusqlite::Result<Option<Found>> {
    let Ok(finding) = serde_json::from_str(row.get_ref(4)?.as_str()?) else { return Ok(None) };
    Ok(Some(Found {
        id: row.get(0)?,
        host: row.get(1)?,
        host_id: row.get(2)?,
        host_name: row.get(3)?,
        finding,
        first_seen_at: Wall(row.get(5)?),
        last_seen_at: Wall(row.get(6)?),
        times: row.get(7)?,
        analysis: row.get(8)?,
        alert: row.get(9)?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{add, at, does};
    use crate::temporary;
    use domain::finding::{Category, Origin};

    fn finding(subject: &str, severity: Level) -> Finding {
        Finding {
            severity,
            category: Category::Scan,
            title: format!("Scan by {subject}"),
            explanation: String::new(),
            evidence: vec![1],
            lines: vec!["a line".into()],
            suggestion: String::new(),
            origin: Origin::Rule("port_scan".into()),
            fingerprint: domain::finding::rule_fingerprint("port_scan", subject),
            remarks: Vec::new(),
        }
    }

    #[test]
    fn the_same_finding_is_one_and_told_once_until_it_was_long_away() {
        let (mut store, _folder) = temporary().unwrap();
        let host = does(&mut store.writer, |tx| Ok(add(tx, "nas")));
        let mut see = |analysis, s: i64| {
            does(&mut store.writer, |tx| {
                let seen = record(tx, host, analysis, &finding("10.0.0.7", Level::Critical), at(s).wall)?;
                note_told(tx, seen.id, 5)?;
                Ok((seen.is_new, seen.was_told))
            })
        };
        assert_eq!(see(1, 0), (true, false));
        assert_eq!(see(2, 60), (false, true));
        assert_eq!(see(3, 60 + 31 * 86_400), (true, false));
        let (all, _) = store.reader.read(|conn| list(conn, &FindingFilter { limit: 9, ..FindingFilter::default() })).unwrap();
        assert_eq!((all.len(), all[0].times, all[0].analysis, all[0].first_seen_at), (1, 3, 3, at(0).wall));
    }

    #[test]
    fn a_page_filters_and_the_oldest_beyond_the_limit_go() {
        let (mut store, _folder) = temporary().unwrap();
        let host = does(&mut store.writer, |tx| Ok(add(tx, "nas")));
        does(&mut store.writer, |tx| {
            for n in 0..KEPT_PER_HOST + 2 {
                let level = if n % 2 == 0 { Level::High } else { Level::Low };
                record(tx, host, 1, &finding(&n.to_string(), level), at(n.into()).wall)?;
            }
            trim(tx, host)
        });
        let all = FindingFilter { limit: 1_000, ..FindingFilter::default() };
        let read = |filter: FindingFilter| store.reader.read(|conn| list(conn, &filter)).unwrap();
        let (first, next) = read(all.clone());
        let (second, end) = read(FindingFilter { before: next, ..all.clone() });
        assert_eq!((first.len() + second.len(), end), (KEPT_PER_HOST as usize, None));
        assert_eq!(second.last().unwrap().finding.title, "Scan by 2");
        assert!(
            read(FindingFilter { severity: Some(Level::High), ..all.clone() })
                .0
                .iter()
                .all(|f| f.finding.severity == Level::High)
        );
        assert_eq!(read(FindingFilter { category: Some("memory".into()), ..all.clone() }).0, []);
        assert_eq!(read(FindingFilter { host: Some(host + 1), ..all }).0, []);
        let counts = store.reader.read(|conn| counts(conn, at(0).wall)).unwrap();
        assert_eq!(counts, [(Level::High, 1_000), (Level::Low, 1_000)]);
    }
}
