//! What each look at a host's log came to, newest first, for as long as a host's history is kept.

use crate::column::{cut, page_size};
use crate::error::Result;
use domain::finding::{Finding, Level};
use domain::time::Wall;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, Transaction, params};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Analyses kept of one host.
pub const KEPT_PER_HOST: u32 = 500;

/// A look at a host's log, ready to be kept.
#[derive(Clone, Debug, PartialEq)]
pub struct NewAnalysis {
    /// Where the lines came from, for people.
    pub log_source: String,
    /// Lines that were read.
    pub lines: i64,
    /// The model that answered; `None` when local rules were alone.
    pub model: Option<String>,
    /// What was found.
    pub findings: Vec<Finding>,
    /// The rest.
    pub details: Details,
    /// When it ended.
    pub at: Wall,
}

/// What else is known of a look: figures, and what became of the model's part.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Details {
    /// How long it took, in milliseconds.
    pub duration_ms: i64,
    /// Bytes of the lines as they arrived.
    pub bytes_read: u64,
    /// Number of the first line: evidence is numbered from there.
    pub first_line: u64,
    /// Different templates among the lines.
    pub templates: u64,
    /// Of these, new, rare or suddenly frequent ones.
    pub remarkable: u64,
    /// There was more than may be read at once.
    pub was_cut: bool,
    /// What whoever fetched wants known.
    pub note: Option<String>,
    /// How the command ended.
    pub exit_code: Option<i32>,
    /// The beginning of its complaints, redacted.
    pub stderr: String,
    /// What was taken out of the lines, by kind.
    pub redactions: BTreeMap<String, u64>,
    /// Findings nobody had seen before.
    pub new_findings: u64,
    /// What became of the model's part: `answered`, `nothing_new`, `not_configured`, `budget` …
    pub llm: String,
    /// More about it, in words.
    pub llm_note: Option<String>,
    /// Lines sent to the model.
    pub lines_sent: u64,
    /// Findings of the model that were not believed, by reason.
    pub dropped: BTreeMap<String, u32>,
}

/// A look as kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Analysis {
    /// `log_analyses.id`.
    pub id: i64,
    /// `hosts.id`.
    pub host: i64,
    /// The host's public id.
    pub host_id: String,
    /// Where the lines came from.
    pub log_source: String,
    /// Lines that were read.
    pub lines: i64,
    /// The model that answered.
    pub model: Option<String>,
    /// What was found.
    pub findings: Vec<Finding>,
    /// The worst level found, `None` for nothing.
    pub severity: Option<Level>,
    /// When it ended.
    pub at: Wall,
    /// The rest.
    pub details: Details,
}

/// Which looks a page shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnalysisFilter {
    /// Only of this host (`hosts.id`).
    pub host: Option<i64>,
    /// Only with this worst level.
    pub severity: Option<Level>,
    /// The cursor of the page before.
    pub before: Option<i64>,
    /// Most of them, 1 to 1000.
    pub limit: u32,
}

/// Keeps a look and answers its id; the oldest beyond [`KEPT_PER_HOST`] go.
///
/// # Errors
/// Those of SQLite.
pub fn insert(tx: &Transaction<'_>, host: i64, analysis: &NewAnalysis) -> Result<i64> {
    let worst = analysis.findings.iter().map(|finding| finding.severity).max();
    let mut query = tx.prepare_cached(
        "INSERT INTO log_analyses (host_id, log_source, lines_analyzed, llm_model, findings, severity, created_at, details)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    let id = query.insert(params![
        host,
        analysis.log_source,
        analysis.lines,
        analysis.model,
        text(&analysis.findings)?,
        worst.map_or("none", Level::as_str),
        analysis.at.0,
        text(&analysis.details)?,
    ])?;
    let old = "DELETE FROM log_analyses WHERE host_id = ?1 AND id <= (
             SELECT id FROM log_analyses WHERE host_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)";
    tx.prepare_cached(old)?.execute(params![host, KEPT_PER_HOST])?;
    Ok(id)
}

/// Says how many findings of a look were new, which is known only when they are kept.
///
/// # Errors
/// Those of SQLite.
pub fn note_new(tx: &Transaction<'_>, id: i64, new: i64) -> Result<()> {
    let sql = "UPDATE log_analyses SET details = json_set(details, '$.new_findings', ?2) WHERE id = ?1";
    tx.prepare_cached(sql)?.execute(params![id, new])?;
    Ok(())
}

fn text(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|e| crate::StoreError::Other(format!("a log analysis: {e}")))
}

const COLUMNS: &str = "a.id, a.host_id, h.host_id, a.log_source, a.lines_analyzed, a.llm_model, a.findings, a.severity, \
     a.created_at, a.details";

/// A page of looks, the newest first.
///
/// # Errors
/// Those of SQLite.
pub fn list(conn: &Connection, filter: &AnalysisFilter) -> Result<(Vec<Analysis>, Option<i64>)> {
    let size = page_size(filter.limit);
    let (before, limit) = (filter.before.unwrap_or(i64::MAX), size + 1);
    let severity = filter.severity.map(Level::as_str);
    let mut values: Vec<(&str, &dyn ToSql)> = vec![(":before", &before), (":limit", &limit)];
    let mut sql = format!("SELECT {COLUMNS} FROM log_analyses a JOIN hosts h ON h.id = a.host_id WHERE a.id < :before");
    if let Some(host) = &filter.host {
        sql += " AND a.host_id = :host";
        values.push((":host", host));
    }
    if let Some(severity) = &severity {
        sql += " AND a.severity = :severity";
        values.push((":severity", severity));
    }
    sql += " ORDER BY a.id DESC LIMIT :limit";
    let mut query = conn.prepare_cached(&sql)?;
    let rows = query.query_map(values.as_slice(), analysis)?.collect::<rusqlite::Result<_>>()?;
    Ok(cut(rows, size, |analysis: &Analysis| analysis.id))
}

/// One look.
///
/// # Errors
/// Those of SQLite.
pub fn get(conn: &Connection, id: i64) -> Result<Option<Analysis>> {
    let sql = format!("SELECT {COLUMNS} FROM log_analyses a JOIN hosts h ON h.id = a.host_id WHERE a.id = ?1");
    Ok(conn.prepare_cached(&sql)?.query_row([id], analysis).optional()?)
}

fn analysis(row: &Row<'_>) -> rusqlite::Result<Analysis> {
    let severity: String = row.get(7)?;
    Ok(Analysis {
        id: row.get(0)?,
        host: row.get(1)?,
        host_id: row.get(2)?,
        log_source: row.get(3)?,
        lines: row.get(4)?,
        model: row.get(5)?,
        findings: serde_json::from_str(row.get_ref(6)?.as_str()?).unwrap_or_default(),
        severity: Level::parse(&severity),
        at: Wall(row.get(8)?),
        details: serde_json::from_str(row.get_ref(9)?.as_str()?).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{add, at, does};
    use crate::temporary;

    fn look(n: i64) -> NewAnalysis {
        NewAnalysis {
            log_source: "syslog".into(),
            lines: n,
            model: None,
            findings: Vec::new(),
            details: Details { llm: "not_configured".into(), ..Details::default() },
            at: at(1).wall,
        }
    }

    #[test]
    fn looks_are_listed_newest_first_and_only_so_many_are_kept() {
        let (mut store, _folder) = temporary().unwrap();
        let host = does(&mut store.writer, |tx| Ok(add(tx, "nas")));
        let most = i64::from(KEPT_PER_HOST);
        does(&mut store.writer, |tx| (0..most + 3).try_for_each(|n| insert(tx, host, &look(n)).map(drop)));
        let all = AnalysisFilter { limit: 1_000, ..AnalysisFilter::default() };
        let (kept, next) = store.reader.read(|conn| list(conn, &all)).unwrap();
        assert_eq!((kept.len() as i64, kept[0].lines, next), (most, most + 2, None));
        let few = AnalysisFilter { limit: 2, ..all.clone() };
        let (page, next) = store.reader.read(|conn| list(conn, &few)).unwrap();
        let (second, _) = store.reader.read(|conn| list(conn, &AnalysisFilter { before: next, ..few.clone() })).unwrap();
        assert_eq!((page[1].lines, second[0].lines), (most + 1, most));
        let found = store.reader.read(|conn| get(conn, page[0].id)).unwrap().unwrap();
        assert_eq!((found.host_id.as_str(), found.severity, found.details.llm.as_str()), ("nas", None, "not_configured"));
        let critical = AnalysisFilter { severity: Some(Level::Critical), ..all };
        assert_eq!(store.reader.read(|conn| list(conn, &critical)).unwrap().0, []);
    }
}
