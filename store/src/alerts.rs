//! Incidents: one open row per host and type, what people said about it, and how it ended.

use crate::column::{self, cut, page_size, wall};
use crate::error::{Result, StoreError, found};
use crate::outbox::{self, Kind};
use domain::host::Severity;
use domain::incident::{AlertType, Facts, NewIncident};
use domain::time::{Now, Steady, Wall};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, Transaction, params};

/// An incident with the names of its host.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// `alerts.id`: never given to another one.
    pub id: i64,
    /// `hosts.id`; `None` for the hub's own. The host may be removed.
    pub host: Option<i64>,
    /// The host's public name.
    pub host_id: Option<String>,
    /// The host's name for people.
    pub host_name: Option<String>,
    /// Kind.
    pub alert_type: AlertType,
    /// How loud.
    pub severity: Severity,
    /// One line for people.
    pub message: String,
    /// What messages are written from.
    pub details: serde_json::Value,
    /// Who said that he knows.
    pub acknowledged: Option<Acknowledged>,
    /// Until when nobody is to be told about it.
    pub silenced_until: Option<Wall>,
    /// When it was opened.
    pub created_at: Wall,
    /// When it was seen, on the hub's own line.
    pub detected: Steady,
    /// When it ended.
    pub resolved_at: Option<Wall>,
    /// How it ended.
    pub resolution: Option<String>,
}

impl Alert {
    /// The details as facts; `None` when another release or kind of alert wrote them.
    pub fn facts(&self) -> Option<Facts> {
        serde_json::from_value(self.details.clone()).ok()
    }

    /// Its acknowledgement, unless that has expired by `now`.
    pub fn known_at(&self, now: Wall) -> Option<&Acknowledged> {
        self.acknowledged.as_ref().filter(|known| known.expires_at.is_none_or(|at| at > now))
    }

    /// Whether it still lasts.
    pub fn is_open(&self) -> bool {
        self.resolved_at.is_none()
    }
}

/// Somebody knows about an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// When he said so.
    pub at: Wall,
    /// Who.
    pub by: String,
    /// What else he said.
    pub note: Option<String>,
    /// After this it counts as not acknowledged.
    pub expires_at: Option<Wall>,
}

/// Which alerts a page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertFilter {
    /// Only open ones, or only ended ones.
    pub open: Option<bool>,
    /// Only acknowledged ones, or only the others; an acknowledgement that expired still counts here.
    pub acknowledged: Option<bool>,
    /// Only of this host (`hosts.id`).
    pub host: Option<i64>,
    /// Only of this kind.
    pub alert_type: Option<AlertType>,
    /// Only this loud.
    pub severity: Option<Severity>,
    /// The cursor of the page before.
    pub before: Option<i64>,
    /// Most alerts on the page, 1 to 1000.
    pub limit: u32,
}

impl Default for AlertFilter {
    fn default() -> AlertFilter {
        AlertFilter { open: None, acknowledged: None, host: None, alert_type: None, severity: None, before: None, limit: 50 }
    }
}

/// Alerts, newest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlertPage {
    /// The alerts.
    pub alerts: Vec<Alert>,
    /// Cursor of the next page, if there is more.
    pub next: Option<i64>,
}

/// Opens an incident and writes a notice `opened` for every enabled channel (due at the end of the host's silence), or joins the one that is open already, which
/// tells nobody anew. Answers its id and whether it is new.
///
/// # Errors
/// Those of SQLite.
pub fn open(tx: &Transaction<'_>, host: Option<i64>, incident: &NewIncident, now: Now) -> Result<(i64, bool)> {
    if let Some(id) = find_open(tx, host, incident.alert_type, &incident.message)? {
        return Ok((id, false));
    }
    let details = serde_json::to_string(&incident.facts).map_err(|e| StoreError::Other(format!("facts of an incident: {e}")))?;
    let mut query = tx.prepare_cached(
        "INSERT INTO alerts (host_id, alert_type, severity, message, details, created_at, detected_steady)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    let kind = incident.alert_type.as_str();
    let id =
        query.insert(params![host, kind, incident.severity.as_str(), incident.message, details, now.wall.0, now.steady.0])?;
    outbox::announce(tx, id, now)?;
    Ok((id, true))
}

/// An open incident grew: it is told anew as it is now, and who knew of it did not know of this.
///
/// # Errors
/// `NotFound` when there is no such open incident; those of SQLite.
pub fn grow(tx: &Transaction<'_>, id: i64, incident: &NewIncident, now: Now) -> Result<()> {
    let details = serde_json::to_string(&incident.facts).map_err(|e| StoreError::Other(format!("facts of an incident: {e}")))?;
    let mut query = tx.prepare_cached(
        "UPDATE alerts SET severity = ?2, message = ?3, details = ?4, acknowledged = 0, acknowledged_at = NULL,
             acknowledged_by = NULL, acknowledge_note = NULL, acknowledge_expires_at = NULL
         WHERE id = ?1 AND resolved_at IS NULL",
    )?;
    found(query.execute(params![id, incident.severity.as_str(), incident.message, details])?)?;
    outbox::announce(tx, id, now)
}

/// The open incident of this host and kind; among the hub's own (`host` is `None`) also of this message.
///
/// # Errors
/// Those of SQLite.
pub fn find_open(conn: &Connection, host: Option<i64>, alert_type: AlertType, message: &str) -> Result<Option<i64>> {
    let mut query = conn.prepare_cached(
        "SELECT id FROM alerts WHERE resolved_at IS NULL AND ifnull(host_id, 0) = ifnull(?1, 0) AND alert_type = ?2
             AND CASE WHEN host_id IS NULL THEN message ELSE '' END = CASE WHEN ?1 IS NULL THEN ?3 ELSE '' END",
    )?;
    Ok(query.query_row(params![host, alert_type.as_str(), message], |row| row.get(0)).optional()?)
}

/// The open incidents of a host.
pub(crate) fn open_of_host(conn: &Connection, host: i64) -> Result<Vec<i64>> {
    let mut query = conn.prepare_cached("SELECT id FROM alerts WHERE resolved_at IS NULL AND ifnull(host_id, 0) = ?1")?;
    Ok(query.query_map([host], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
}

/// Ends an incident and writes `edited` and `recovered` for every channel that was to be told of its opening; while it or its
/// host is silenced, `recovered` is skipped, and so is an opening that still waits. Answers whether it was open.
///
/// # Errors
/// Those of SQLite.
pub fn resolve(tx: &Transaction<'_>, id: i64, resolution: &str, now: Now) -> Result<bool> {
    let mut query =
        tx.prepare_cached("UPDATE alerts SET resolved_at = ?2, resolution = ?3 WHERE id = ?1 AND resolved_at IS NULL")?;
    if query.execute(params![id, now.wall.0, resolution])? == 0 {
        return Ok(false);
    }
    outbox::end(tx, id, now)?;
    Ok(true)
}

/// Ends an incident of which people know without telling them again: its messages follow. Answers whether it was open.
///
/// # Errors
/// Those of SQLite.
pub fn close(tx: &Transaction<'_>, id: i64, resolution: &str, now: Now) -> Result<bool> {
    let mut query =
        tx.prepare_cached("UPDATE alerts SET resolved_at = ?2, resolution = ?3 WHERE id = ?1 AND resolved_at IS NULL")?;
    if query.execute(params![id, now.wall.0, resolution])? == 0 {
        return Ok(false);
    }
    outbox::follow(tx, id, Kind::Edited, now)?;
    Ok(true)
}

/// Somebody knows about an open incident; said again, the newer word counts. Its messages are to be edited. `None` when there
/// is no such open incident.
///
/// # Errors
/// Those of SQLite.
pub fn acknowledge(
    tx: &Transaction<'_>,
    id: i64,
    who: &str,
    note: Option<&str>,
    expires: Option<Wall>,
    now: Now,
) -> Result<Option<Alert>> {
    let mut query = tx.prepare_cached(
        "UPDATE alerts SET acknowledged = 1, acknowledged_at = ?2, acknowledged_by = ?3, acknowledge_note = ?4,
             acknowledge_expires_at = ?5
         WHERE id = ?1 AND resolved_at IS NULL",
    )?;
    if query.execute(params![id, now.wall.0, who, note, expires.map(|at| at.0)])? == 0 {
        return Ok(None);
    }
    outbox::follow(tx, id, Kind::Edited, now)?;
    get(tx, id)
}

/// Tells nobody about this open incident until then; `None`, or an instant that is not in the future, ends the silence. Answers the incident, `None` when there is none.
///
/// # Errors
/// Those of SQLite.
pub fn silence(tx: &Transaction<'_>, id: i64, until: Option<Wall>, now: Now) -> Result<Option<Alert>> {
    let mut query = tx.prepare_cached("UPDATE alerts SET silenced_until = ?2 WHERE id = ?1 AND resolved_at IS NULL")?;
    let until = until.filter(|until| *until > now.wall);
    if query.execute(params![id, until.map(|at| at.0)])? == 0 {
        return Ok(None);
    }
    outbox::follow(tx, id, Kind::Edited, now)?;
    outbox::silence_changed(tx, id, now)?;
    get(tx, id)
}

/// One incident.
///
/// # Errors
/// Those of SQLite.
pub fn get(conn: &Connection, id: i64) -> Result<Option<Alert>> {
    let mut query = conn.prepare_cached(&format!("SELECT {COLUMNS} FROM alerts a {HOST} WHERE a.id = ?1"))?;
    Ok(query.query_row([id], |row| alert(row, 0)).optional()?)
}

/// A page of the alerts `filter` names.
///
/// # Errors
/// Those of SQLite.
pub fn list(conn: &Connection, filter: &AlertFilter) -> Result<AlertPage> {
    let size = page_size(filter.limit);
    let (before, limit) = (filter.before.unwrap_or(i64::MAX), size + 1);
    let (kind, severity) = (filter.alert_type.map(AlertType::as_str), filter.severity.map(Severity::as_str));
    let mut values: Vec<(&str, &dyn ToSql)> = vec![(":before", &before), (":limit", &limit)];
    // The newest of very many open ones, and the few open ones of very many: both want this index.
    let index = if filter.open == Some(true) && filter.host.is_none() { "INDEXED BY alerts_open_newest" } else { "" };
    let mut sql = format!("SELECT {COLUMNS} FROM alerts a {index} {HOST} WHERE a.id < :before");
    match filter.open {
        Some(true) => sql += " AND a.resolved_at IS NULL",
        Some(false) => sql += " AND a.resolved_at IS NOT NULL",
        None => {}
    }
    if let Some(acknowledged) = &filter.acknowledged {
        sql += " AND a.acknowledged = :acknowledged";
        values.push((":acknowledged", acknowledged));
    }
    if let Some(host) = &filter.host {
        sql += " AND a.host_id = :host";
        values.push((":host", host));
    }
    if let Some(kind) = &kind {
        sql += " AND a.alert_type = :kind";
        values.push((":kind", kind));
    }
    if let Some(severity) = &severity {
        sql += " AND a.severity = :severity";
        values.push((":severity", severity));
    }
    sql += " ORDER BY a.id DESC LIMIT :limit";
    let mut query = conn.prepare_cached(&sql)?;
    let alerts = query.query_map(values.as_slice(), |row| alert(row, 0))?.collect::<rusqlite::Result<_>>()?;
    let (alerts, next) = cut(alerts, size, |alert| alert.id);
    Ok(AlertPage { alerts, next })
}

/// How many incidents are open.
///
/// # Errors
/// Those of SQLite.
pub fn count_open(conn: &Connection) -> Result<i64> {
    let sql = "SELECT count(*) FROM alerts INDEXED BY alerts_open_newest WHERE resolved_at IS NULL";
    Ok(conn.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
}

/// Removes at most `limit` incidents that ended before `before` and have nothing left to tell, with their outbox
/// rows and messages.
///
/// # Errors
/// Those of SQLite.
pub fn sweep(tx: &Transaction<'_>, before: Wall, limit: u32) -> Result<usize> {
    let old = "SELECT id FROM alerts a WHERE resolved_at < ?1 AND NOT EXISTS (
             SELECT 1 FROM outbox o WHERE o.alert_id = a.id AND o.state IN ('pending', 'sending')) ORDER BY id LIMIT ?2";
    tx.prepare_cached(&format!("DELETE FROM outbox WHERE alert_id IN ({old})"))?.execute(params![before.0, limit])?;
    let swept = tx.prepare_cached(&format!("DELETE FROM alerts WHERE id IN ({old})"))?.execute(params![before.0, limit])?;
    let unused = "DELETE FROM messages WHERE sent_at < ?1 AND NOT EXISTS (SELECT 1 FROM outbox WHERE message_id = messages.id)";
    tx.prepare_cached(unused)?.execute([before.0])?;
    Ok(swept)
}

/// In the order [`alert`] reads them; needs `alerts a` and [`HOST`].
pub(crate) const COLUMNS: &str = "a.id, a.host_id, h.host_id, h.name, a.alert_type, a.severity, a.message, a.details, a.acknowledged, \
     a.acknowledged_at, a.acknowledged_by, a.acknowledge_note, a.acknowledge_expires_at, a.silenced_until, a.created_at, \
     a.detected_steady, a.resolved_at, a.resolution";
/// How many columns [`COLUMNS`] has.
pub(crate) const COLUMN_COUNT: usize = 18;
/// The host of an alert, if it is still there.
pub(crate) const HOST: &str = "LEFT JOIN hosts h ON h.id = a.host_id";

/// The alert whose columns begin at `from`.
pub(crate) fn alert(row: &Row<'_>, from: usize) -> rusqlite::Result<Alert> {
    let details = column::json(row, from + 7)?;
    // A removed host's names live on in the details.
    let kept = |key: &str| details.get(key).and_then(|name| name.as_str()).map(str::to_owned);
    let (host_id, host_name): (Option<String>, Option<String>) = (row.get(from + 2)?, row.get(from + 3)?);
    let (host_id, host_name) = (host_id.or_else(|| kept("host_id")), host_name.or_else(|| kept("host_name")));
    Ok(Alert {
        id: row.get(from)?,
        host: row.get(from + 1)?,
        host_id,
        host_name: host_name.filter(|name| !name.is_empty()),
        alert_type: alert_type(row, from + 4)?,
        severity: column::word(row, from + 5)?,
        message: row.get(from + 6)?,
        details,
        acknowledged: acknowledged(row, from + 8)?,
        silenced_until: wall(row, from + 13)?,
        created_at: Wall(row.get(from + 14)?),
        detected: Steady(row.get(from + 15)?),
        resolved_at: wall(row, from + 16)?,
        resolution: row.get(from + 17)?,
    })
}

fn alert_type(row: &Row<'_>, at: usize) -> rusqlite::Result<AlertType> {
    let word = row.get_ref(at)?.as_str()?;
    let unknown = || format!("unknown alert type {word}").into();
    AlertType::parse(word).ok_or_else(|| rusqlite::Error::FromSqlConversionFailure(at, rusqlite::types::Type::Text, unknown()))
}

fn acknowledged(row: &Row<'_>, from: usize) -> rusqlite::Result<Option<Acknowledged>> {
    if !row.get::<_, bool>(from)? {
        return Ok(None);
    }
    Ok(Some(Acknowledged {
        at: wall(row, from + 1)?.unwrap_or(Wall(0)),
        by: row.get::<_, Option<String>>(from + 2)?.unwrap_or_default(),
        note: row.get(from + 3)?,
        expires_at: wall(row, from + 4)?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{add, at, does, missed};
    use crate::{Store, channels, temporary};

    fn hub(message: &str) -> NewIncident {
        NewIncident { alert_type: AlertType::SystemError, message: message.into(), ..missed("hub") }
    }

    fn waiting(store: &Store) -> i64 {
        store.reader.read(|conn| outbox::counts(conn, Some(channels::PRIMARY))).unwrap().pending
    }

    #[test]
    fn one_open_incident_a_host_and_type() {
        let (mut store, _folder) = temporary().unwrap();
        let host = does(&mut store.writer, |tx| Ok(add(tx, "nas")));
        let mut open = |host, incident: &NewIncident| does(&mut store.writer, |tx| open(tx, host, incident, at(1)));
        let (first, is_new) = open(Some(host), &missed("nas"));
        assert!(is_new);
        assert_eq!(open(Some(host), &missed("other words")), (first, false));
        assert!(open(Some(host), &NewIncident { alert_type: AlertType::LogFinding, ..missed("nas") }).1);
        let (full, is_new) = open(None, &hub("disk full"));
        assert!(is_new && open(None, &hub("disk slow")).1, "the hub's own differ by what they say");
        assert_eq!(open(None, &hub("disk full")), (full, false));
        assert_eq!((waiting(&store), store.reader.read(count_open).unwrap()), (4, 4));
    }

    #[test]
    fn an_acknowledgement_is_kept_and_edits_the_message_once() {
        let (mut store, _folder) = temporary().unwrap();
        let (id, _) = does(&mut store.writer, |tx| open(tx, None, &hub("x"), at(1)));
        let ack = |tx: &Transaction<'_>, who: &str| acknowledge(tx, id, who, Some("on it"), Some(at(99).wall), at(5));
        does(&mut store.writer, |tx| ack(tx, "ann"));
        let alert = does(&mut store.writer, |tx| ack(tx, "bob")).unwrap();
        let said = alert.acknowledged.unwrap();
        assert_eq!((said.by.as_str(), said.note.as_deref(), said.expires_at), ("bob", Some("on it"), Some(at(99).wall)));
        assert_eq!(waiting(&store), 2, "opened and one edited");
        does(&mut store.writer, |tx| resolve(tx, id, "over", at(6)));
        assert_eq!(does(&mut store.writer, |tx| ack(tx, "late")), None);
        assert_eq!(does(&mut store.writer, |tx| acknowledge(tx, 99, "x", None, None, at(6))), None);
        assert!(!does(&mut store.writer, |tx| resolve(tx, id, "over", at(7))));
        assert_eq!(waiting(&store), 3, "recovered came, the edit was waiting already");
    }

    #[test]
    fn a_silence_is_kept_and_ended() {
        let (mut store, _folder) = temporary().unwrap();
        let (id, _) = does(&mut store.writer, |tx| open(tx, None, &hub("x"), at(1)));
        let until = |until| move |tx: &Transaction<'_>| silence(tx, id, until, at(2));
        assert_eq!(does(&mut store.writer, until(Some(at(60).wall))).unwrap().silenced_until, Some(at(60).wall));
        assert_eq!(does(&mut store.writer, until(None)).unwrap().silenced_until, None);
        does(&mut store.writer, until(Some(at(60).wall)));
        assert_eq!(does(&mut store.writer, until(Some(at(2).wall))).unwrap().silenced_until, None, "until now ends it");
    }

    #[test]
    fn a_list_filters_and_pages() {
        let (mut store, _folder) = temporary().unwrap();
        let host = does(&mut store.writer, |tx| Ok(add(tx, "nas")));
        does(&mut store.writer, |tx| {
            for message in ["a", "b", "c"] {
                open(tx, None, &hub(message), at(1))?;
            }
            open(tx, Some(host), &NewIncident { severity: Severity::Info, ..missed("nas") }, at(1))?;
            resolve(tx, 2, "over", at(2))?;
            acknowledge(tx, 1, "ann", None, None, at(3))
        });
        let ids = |filter: AlertFilter| {
            let page = store.reader.read(|conn| list(conn, &filter)).unwrap();
            (page.alerts.iter().map(|alert| alert.id).collect::<Vec<_>>(), page.next)
        };
        let all = AlertFilter::default();
        assert_eq!(ids(AlertFilter { limit: 2, ..all.clone() }), (vec![4, 3], Some(3)));
        assert_eq!(ids(AlertFilter { before: Some(3), ..all.clone() }), (vec![2, 1], None));
        assert_eq!(ids(AlertFilter { open: Some(true), ..all.clone() }).0, [4, 3, 1]);
        assert_eq!(ids(AlertFilter { open: Some(false), ..all.clone() }).0, [2]);
        assert_eq!(ids(AlertFilter { acknowledged: Some(true), ..all.clone() }).0, [1]);
        assert_eq!(ids(AlertFilter { host: Some(host), open: Some(true), ..all.clone() }).0, [4]);
        assert_eq!(ids(AlertFilter { alert_type: Some(AlertType::MissingHeartbeat), ..all.clone() }).0, [4]);
        assert_eq!(ids(AlertFilter { severity: Some(Severity::Info), ..all }).0, [4]);
    }

    #[test]
    fn sweeping_leaves_what_is_open_or_still_to_be_told() {
        let (mut store, _folder) = temporary().unwrap();
        does(&mut store.writer, |tx| {
            for message in ["told", "waiting", "open"] {
                open(tx, None, &hub(message), at(1))?;
            }
            resolve(tx, 1, "over", at(2))?;
            resolve(tx, 2, "over", at(2))?;
            outbox::mark_sent(tx, &[1], "m", channels::PRIMARY, at(2).wall)?;
            outbox::skip(tx, &[4, 5], "done")
        });
        assert_eq!(does(&mut store.writer, |tx| sweep(tx, at(2).wall, 10)), 0);
        assert_eq!(does(&mut store.writer, |tx| sweep(tx, at(3).wall, 10)), 1);
        let left = store.reader.read(|conn| list(conn, &AlertFilter::default())).unwrap().alerts;
        assert_eq!(left.iter().map(|alert| alert.message.as_str()).collect::<Vec<_>>(), ["open", "waiting"]);
        let messages = store.reader.read(|conn| Ok(conn.query_row("SELECT count(*) FROM messages", [], |r| r.get::<_, i64>(0))?));
        assert_eq!(messages.unwrap(), 0);
    }
}
