//! Hosts as kept: their description, their state and their run, one row each.

use crate::column::{self, cut, instant, page_size, wall};
use crate::error::{Result, StoreError, found};
use crate::{alerts, events, host_keys, outbox, syslog_sources};
use domain::host::{HostId, HostSpec, Status};
use domain::log_settings::LogSettings;
use domain::schedule::{BusinessHours, Schedule};
use domain::time::{Now, Steady, Wall};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, Transaction, params};
use std::collections::HashMap;
use std::sync::Arc;

/// A host's row.
#[derive(Clone, Debug, PartialEq)]
pub struct HostRecord {
    /// `hosts.id`: never given to another host.
    pub row: i64,
    /// What its owner described.
    pub spec: HostSpec,
    /// SHA-256 of its token.
    pub token_hash: [u8; 32],
    /// What its state is known to be.
    pub status: Status,
    /// Since when.
    pub status_since: Wall,
    /// Why, in words.
    pub status_reason: String,
    /// When it was last heard; written behind, see `alive.beat_mark`.
    pub last_seen: Option<(Wall, Steady)>,
    /// Newest beat of its chain; written behind too.
    pub last_beat_id: Option<i64>,
    /// Creation or last resume: what a host never seen is judged from.
    pub judged_from: Steady,
    /// The run in progress: when it began, on both lines, and its id.
    pub run: Option<(Wall, Steady, Option<String>)>,
    /// How much longer that run asked to be given, in seconds.
    pub run_extra_s: u32,
    /// Whether nobody is to be told and nothing judged.
    pub paused: bool,
    /// Until when nobody is to be told.
    pub silenced_until: Option<Wall>,
    /// When it was added.
    pub created_at: Wall,
    /// When its description last changed.
    pub updated_at: Wall,
}

/// A host whose row cannot be understood: shown and told, while all others are watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenHost {
    /// `hosts.id`.
    pub row: i64,
    /// Its public name, as kept.
    pub host_id: String,
    /// Its name for people.
    pub name: String,
    /// What is wrong with it.
    pub why: String,
}

/// Most time a run can ask for beyond its limit, in seconds: a week.
pub const RUN_EXTRA_MOST_S: u32 = 7 * 86_400;

/// A host's row, understood or not.
pub type Loaded = std::result::Result<HostRecord, BrokenHost>;

/// Which hosts a page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostFilter {
    /// Only those in this state.
    pub status: Option<Status>,
    /// Only those paused, or not paused.
    pub paused: Option<bool>,
    /// Only those with this tag.
    pub tag: Option<String>,
    /// Only those with this text in name, id or description.
    pub text: Option<String>,
    /// The cursor of the page before.
    pub after: Option<i64>,
    /// Most hosts on the page, 1 to 1000.
    pub limit: u32,
}

impl Default for HostFilter {
    fn default() -> HostFilter {
        HostFilter { status: None, paused: None, tag: None, text: None, after: None, limit: 50 }
    }
}

/// A page of hosts, in the order they were added.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostPage {
    /// The hosts.
    pub hosts: Vec<Loaded>,
    /// Cursor of the next page, if there is more.
    pub next: Option<i64>,
}

/// How many hosts are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatusCounts {
    /// Heard in time; paused ones are not counted here.
    pub up: i64,
    /// Down; paused ones are not counted here.
    pub down: i64,
    /// Never heard; paused ones are not counted here.
    pub unknown: i64,
    /// Paused, whatever their state.
    pub paused: i64,
}

impl StatusCounts {
    /// All hosts.
    pub fn total(&self) -> i64 {
        self.up + self.down + self.unknown + self.paused
    }
}

/// Adds a host and answers its row.
///
/// # Errors
/// `Taken` naming `name` or `host_id`.
pub fn insert(tx: &Transaction<'_>, spec: &HostSpec, token_sealed: &[u8], token_hash: &[u8; 32], now: Now) -> Result<i64> {
    let mut query = tx.prepare_cached(
        "INSERT INTO hosts (name, host_id, heartbeat_url, token, token_hash, expected_frequency_seconds, schedule_type,
             schedule_config, grace_period_seconds, severity, tags, description, status_since, judged_from_steady, created_at,
             updated_at, log_analysis)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?13, ?13, ?15)",
    )?;
    let row = query.insert(params![
        spec.name,
        spec.host_id.as_str(),
        url_path(&spec.host_id),
        token_sealed,
        token_hash,
        spec.frequency_s,
        spec.schedule.kind(),
        config_text(&spec.schedule),
        spec.grace_s,
        spec.severity.as_str(),
        tags_text(&spec.tags),
        spec.description,
        now.wall.0,
        now.steady.0,
        log_text(spec),
    ])?;
    events::append(tx, Some(row), now.wall, "created", "")?;
    Ok(row)
}

/// Replaces a host's description.
///
/// # Errors
/// `NotFound`, or `Taken` naming `name` or `host_id`.
pub fn update(tx: &Transaction<'_>, row: i64, spec: &HostSpec, now: Now) -> Result<()> {
    let mut query = tx.prepare_cached(
        "UPDATE hosts SET name = ?2, host_id = ?3, heartbeat_url = ?4, expected_frequency_seconds = ?5, schedule_type = ?6,
             schedule_config = ?7, grace_period_seconds = ?8, severity = ?9, tags = ?10, description = ?11, updated_at = ?12,
             log_analysis = ?13
         WHERE id = ?1",
    )?;
    let changed = query.execute(params![
        row,
        spec.name,
        spec.host_id.as_str(),
        url_path(&spec.host_id),
        spec.frequency_s,
        spec.schedule.kind(),
        config_text(&spec.schedule),
        spec.grace_s,
        spec.severity.as_str(),
        tags_text(&spec.tags),
        spec.description,
        now.wall.0,
        log_text(spec),
    ])?;
    found(changed)?;
    events::append(tx, Some(row), now.wall, "changed", "")?;
    Ok(())
}

/// Removes a host. Its alerts stay, closed and with its name in their details; what was still to be told is skipped.
///
/// # Errors
/// `NotFound`.
pub fn delete(tx: &Transaction<'_>, row: i64, now: Now) -> Result<()> {
    tx.execute(
        "UPDATE alerts SET details = json_set(CASE WHEN json_valid(details) THEN details ELSE '{}' END,
             '$.host_name', h.name, '$.host_id', h.host_id)
         FROM hosts h WHERE h.id = ?1 AND alerts.host_id = ?1",
        [row],
    )?;
    outbox::skip_host(tx, row, "host removed")?;
    tx.execute(
        "UPDATE alerts SET resolved_at = ?2, resolution = 'host removed' WHERE host_id = ?1 AND resolved_at IS NULL",
        params![row, now.wall.0],
    )?;
    tx.execute("DELETE FROM beat_keys WHERE host_id = ?1", [row])?;
    crate::logs::forget(tx, row)?;
    host_keys::forget(tx, row, now)?;
    syslog_sources::forget_host(tx, row)?;
    let name: Option<String> = tx.query_row("DELETE FROM hosts WHERE id = ?1 RETURNING name", [row], |r| r.get(0)).optional()?;
    let name = name.ok_or(StoreError::NotFound)?;
    events::append(tx, Some(row), now.wall, "removed", &name)?;
    Ok(())
}

/// The host in `row`.
///
/// # Errors
/// Those of SQLite.
pub fn get(conn: &Connection, row: i64, business: &BusinessHours) -> Result<Option<Loaded>> {
    one(conn, "WHERE id = ?1", &row, business)
}

/// The host with the public name `host_id`.
///
/// # Errors
/// Those of SQLite.
pub fn find(conn: &Connection, host_id: &str, business: &BusinessHours) -> Result<Option<Loaded>> {
    one(conn, "WHERE host_id = ?1", &host_id, business)
}

/// All hosts; equal schedules share one `Arc`.
///
/// # Errors
/// Those of SQLite; a host that cannot be understood is a [`BrokenHost`] in its place.
pub fn load_all(conn: &Connection, business: &BusinessHours) -> Result<Vec<Loaded>> {
    let count: i64 = conn.query_row("SELECT count(*) FROM hosts", [], |row| row.get(0))?;
    let mut query = conn.prepare_cached(&format!("SELECT {COLUMNS} FROM hosts ORDER BY id"))?;
    let mut hosts = Vec::with_capacity(usize::try_from(count).unwrap_or(0));
    let (mut rows, mut schedules) = (query.query([])?, Schedules::new(business));
    while let Some(row) = rows.next()? {
        hosts.push(loaded(row, &mut schedules)?);
    }
    Ok(hosts)
}

/// A page of the hosts `filter` names.
///
/// # Errors
/// Those of SQLite.
pub fn list(conn: &Connection, filter: &HostFilter, business: &BusinessHours) -> Result<HostPage> {
    let size = page_size(filter.limit);
    let (after, limit) = (filter.after.unwrap_or(0), size + 1);
    let status = filter.status.map(Status::as_str);
    let text = filter.text.as_deref().map(like);
    let mut sql = format!("SELECT {COLUMNS} FROM hosts WHERE id > :after");
    let mut values: Vec<(&str, &dyn ToSql)> = vec![(":after", &after), (":limit", &limit)];
    if let Some(status) = &status {
        sql += " AND status = :status";
        values.push((":status", status));
    }
    if let Some(paused) = &filter.paused {
        sql += " AND paused = :paused";
        values.push((":paused", paused));
    }
    if let Some(tag) = &filter.tag {
        sql += " AND EXISTS (SELECT 1 FROM json_each(tags) WHERE value = :tag)";
        values.push((":tag", tag));
    }
    if let Some(text) = &text {
        sql += " AND (name LIKE :text ESCAPE '\\' OR host_id LIKE :text ESCAPE '\\' OR description LIKE :text ESCAPE '\\')";
        values.push((":text", text));
    }
    sql += " ORDER BY id LIMIT :limit";
    let mut query = conn.prepare_cached(&sql)?;
    let (mut rows, mut schedules, mut hosts) = (query.query(values.as_slice())?, Schedules::new(business), Vec::new());
    while let Some(row) = rows.next()? {
        hosts.push(loaded(row, &mut schedules)?);
    }
    let (hosts, next) = cut(hosts, size, row_of);
    Ok(HostPage { hosts, next })
}

/// Pauses or resumes a host; a resumed one is judged from now. Answers whether that changed anything.
///
/// # Errors
/// `NotFound`.
pub fn set_paused(tx: &Transaction<'_>, row: i64, paused: bool, now: Now) -> Result<bool> {
    let was: bool = tx.query_row("SELECT paused FROM hosts WHERE id = ?1", [row], |r| r.get(0))?;
    if was == paused {
        return Ok(false);
    }
    let judged_from = (!paused).then_some(now.steady.0);
    tx.execute(
        "UPDATE hosts SET paused = ?2, judged_from_steady = ifnull(?3, judged_from_steady) WHERE id = ?1",
        params![row, paused, judged_from],
    )?;
    events::append(tx, Some(row), now.wall, if paused { "paused" } else { "resumed" }, "")?;
    Ok(true)
}

/// Tells nobody about this host until then, which what waits about it follows; `None`, or an instant that is not in the
/// future, ends a silence.
///
/// # Errors
/// `NotFound`.
pub fn set_silenced(tx: &Transaction<'_>, row: i64, until: Option<Wall>, now: Now) -> Result<()> {
    let until = until.filter(|until| *until > now.wall);
    let event = match until {
        Some(until) => ("silenced", format!("until {}", until.rfc3339())),
        None => ("unsilenced", String::new()),
    };
    silence(tx, row, until, &event, now)
}

fn silence(tx: &Transaction<'_>, row: i64, until: Option<Wall>, event: &(&str, String), now: Now) -> Result<()> {
    let changed = tx.execute("UPDATE hosts SET silenced_until = ?2 WHERE id = ?1", params![row, until.map(|until| until.0)])?;
    found(changed)?;
    for alert in alerts::open_of_host(tx, row)? {
        outbox::silence_changed(tx, alert, now)?;
    }
    events::append(tx, Some(row), now.wall, event.0, &event.1)?;
    Ok(())
}

/// Gives a host another token; the old one is worth nothing from this commit on.
///
/// # Errors
/// `NotFound`.
pub fn rotate_token(tx: &Transaction<'_>, row: i64, token_sealed: &[u8], token_hash: &[u8; 32], now: Now) -> Result<()> {
    let changed = tx.execute(
        "UPDATE hosts SET token = ?2, token_hash = ?3, updated_at = ?4 WHERE id = ?1",
        params![row, token_sealed, token_hash, now.wall.0],
    )?;
    found(changed)?;
    events::append(tx, Some(row), now.wall, "token rotated", "")?;
    Ok(())
}

/// How a host is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// Public id.
    pub host_id: String,
    /// For people.
    pub name: String,
}

/// How the host in `row` is called.
///
/// # Errors
/// `NotFound`.
pub fn names(conn: &Connection, row: i64) -> Result<Names> {
    let mut query = conn.prepare_cached("SELECT host_id, name FROM hosts WHERE id = ?1")?;
    Ok(query.query_row([row], |row| Ok(Names { host_id: row.get(0)?, name: row.get(1)? }))?)
}

/// A host's sealed token.
///
/// # Errors
/// `NotFound`.
pub fn token_sealed(conn: &Connection, row: i64) -> Result<Vec<u8>> {
    Ok(conn.prepare_cached("SELECT token FROM hosts WHERE id = ?1")?.query_row([row], |r| r.get(0))?)
}

/// How many hosts are in which state.
///
/// # Errors
/// Those of SQLite.
pub fn count(conn: &Connection) -> Result<StatusCounts> {
    let mut query = conn.prepare_cached("SELECT status, paused, count(*) FROM hosts GROUP BY status, paused")?;
    let (mut rows, mut counts) = (query.query([])?, StatusCounts::default());
    while let Some(row) = rows.next()? {
        let slot = match (row.get(1)?, column::word::<Status>(row, 0)?) {
            (true, _) => &mut counts.paused,
            (false, Status::Up) => &mut counts.up,
            (false, Status::Down) => &mut counts.down,
            (false, Status::Unknown) => &mut counts.unknown,
        };
        *slot += row.get::<_, i64>(2)?;
    }
    Ok(counts)
}

/// A run of this host began; one still open is forgotten.
///
/// # Errors
/// `NotFound`.
pub fn start_run(tx: &Transaction<'_>, row: i64, now: Now, rid: Option<&str>) -> Result<()> {
    let mut query = tx.prepare_cached(
        "UPDATE hosts SET run_started_at = ?2, run_started_steady = ?3, run_rid = ?4, run_extra_seconds = 0 WHERE id = ?1",
    )?;
    found(query.execute(params![row, now.wall.0, now.steady.0, rid])?)
}

/// The run of this host ended; answers when it began. A finish that names another run than the one in progress ends nothing.
///
/// # Errors
/// `NotFound`.
pub fn end_run(tx: &Transaction<'_>, row: i64, rid: Option<&str>) -> Result<Option<(Wall, Steady)>> {
    let mut query = tx.prepare_cached("SELECT run_started_at, run_started_steady, run_rid FROM hosts WHERE id = ?1")?;
    let (began, own): (_, Option<String>) = query.query_row([row], |r| Ok((instant(r, 0, 1)?, r.get(2)?)))?;
    let is_other = matches!((rid, &own), (Some(rid), Some(own)) if rid != own);
    if began.is_none() || is_other {
        return Ok(None);
    }
    let mut query = tx.prepare_cached(
        "UPDATE hosts SET run_started_at = NULL, run_started_steady = NULL, run_rid = NULL, run_extra_seconds = 0 WHERE id = ?1",
    )?;
    query.execute([row])?;
    Ok(began)
}

/// Gives the open run of this host `seconds` more; how much it has now. A call that names another run than the open one gives
/// nothing.
///
/// # Errors
/// `Refused` naming `signal` when no run, or another one, is open.
pub fn extend_run(tx: &Transaction<'_>, row: i64, rid: Option<&str>, seconds: u32) -> Result<u32> {
    let mut query = tx.prepare_cached(
        "UPDATE hosts SET run_extra_seconds = min(run_extra_seconds + ?2, ?4)
         WHERE id = ?1 AND run_started_steady IS NOT NULL AND (?3 IS NULL OR run_rid IS NULL OR run_rid = ?3) RETURNING run_extra_seconds",
    )?;
    let given = query.query_row(params![row, seconds, rid, RUN_EXTRA_MOST_S], |row| row.get(0)).optional()?;
    given.ok_or_else(|| StoreError::refused("signal", "no such run is open: send start first, or silence the host by snooze"))
}

/// The host asks itself not to be missed until then. It cannot shorten what a person has set.
///
/// # Errors
/// `NotFound`.
pub fn snooze(tx: &Transaction<'_>, row: i64, until: Wall, now: Now) -> Result<()> {
    let mut query = tx.prepare_cached("SELECT silenced_until FROM hosts WHERE id = ?1")?;
    let kept: Option<Option<i64>> = query.query_row([row], |row| row.get(0)).optional()?;
    let kept = kept.ok_or(StoreError::NotFound)?.map(Wall).filter(|kept| *kept >= until);
    match kept {
        Some(_) => Ok(()),
        None => silence(tx, row, Some(until), &("snoozed", format!("by the host itself until {}", until.rfc3339())), now),
    }
}

fn url_path(host_id: &HostId) -> String {
    format!("/api/v1/heartbeat/{host_id}")
}

fn config_text(schedule: &Schedule) -> Option<String> {
    schedule.config().map(|config| config.to_string())
}

fn tags_text(tags: &[String]) -> String {
    serde_json::Value::from(tags).to_string()
}

/// `text` anywhere, its `%` and `_` meaning themselves.
fn like(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern + "%"
}

fn row_of(host: &Loaded) -> i64 {
    match host {
        Ok(host) => host.row,
        Err(broken) => broken.row,
    }
}

/// In the order [`loaded`] and [`spec_of`] read them.
const COLUMNS: &str = "id, name, host_id, expected_frequency_seconds, grace_period_seconds, schedule_type, schedule_config, severity, \
     tags, description, token_hash, status, status_since, status_reason, last_seen, last_seen_steady, last_beat_id, \
     judged_from_steady, run_started_at, run_started_steady, run_rid, paused, silenced_until, created_at, updated_at, run_extra_seconds, \
     log_analysis";

fn one(conn: &Connection, condition: &str, key: &dyn ToSql, business: &BusinessHours) -> Result<Option<Loaded>> {
    let mut query = conn.prepare_cached(&format!("SELECT {COLUMNS} FROM hosts {condition}"))?;
    let mut rows = query.query([key])?;
    match rows.next()? {
        Some(row) => Ok(Some(loaded(row, &mut Schedules::new(business))?)),
        None => Ok(None),
    }
}

fn loaded(row: &Row<'_>, schedules: &mut Schedules<'_>) -> rusqlite::Result<Loaded> {
    let spec = match spec_of(row, schedules) {
        Ok(spec) => spec,
        Err(why) => return Ok(Err(BrokenHost { row: row.get(0)?, host_id: row.get(2)?, name: row.get(1)?, why })),
    };
    let run = instant(row, 18, 19)?;
    let rid: Option<String> = row.get(20)?;
    Ok(Ok(HostRecord {
        row: row.get(0)?,
        spec,
        token_hash: row.get(10)?,
        status: column::word(row, 11)?,
        status_since: Wall(row.get(12)?),
        status_reason: row.get(13)?,
        last_seen: instant(row, 14, 15)?,
        last_beat_id: row.get(16)?,
        judged_from: Steady(row.get(17)?),
        run: run.map(|(wall, steady)| (wall, steady, rid)),
        paused: row.get(21)?,
        silenced_until: wall(row, 22)?,
        created_at: Wall(row.get(23)?),
        updated_at: Wall(row.get(24)?),
        run_extra_s: row.get(25)?,
    }))
}

fn spec_of(row: &Row<'_>, schedules: &mut Schedules<'_>) -> std::result::Result<HostSpec, String> {
    let told = |e: rusqlite::Error| e.to_string();
    let text = |at: usize| row.get_ref(at).and_then(|value| Ok(value.as_str()?)).map_err(told);
    let config = row.get_ref(6).and_then(|value| Ok(value.as_str_or_null()?)).map_err(told)?;
    Ok(HostSpec {
        name: text(1)?.to_owned(),
        host_id: text(2)?.parse().map_err(|e: domain::field::FieldError| e.to_string())?,
        frequency_s: row.get(3).map_err(told)?,
        grace_s: row.get(4).map_err(told)?,
        schedule: schedules.get(text(5)?, config)?,
        severity: column::word(row, 7).map_err(told)?,
        tags: tags_of(text(8)?)?,
        description: text(9)?.to_owned(),
        log_analysis: logs_of(row.get_ref(26).and_then(|value| Ok(value.as_str_or_null()?)).map_err(told)?)?,
    })
}

fn logs_of(text: Option<&str>) -> std::result::Result<Option<Arc<LogSettings>>, String> {
    text.map(|text| serde_json::from_str(text).map(Arc::new).map_err(|e| format!("log_analysis: {e}"))).transpose()
}

fn log_text(spec: &HostSpec) -> Option<String> {
    spec.log_analysis.as_ref().and_then(|settings| serde_json::to_string(settings).ok())
}

fn tags_of(text: &str) -> std::result::Result<Vec<String>, String> {
    if text == "[]" {
        return Ok(Vec::new());
    }
    serde_json::from_str(text).map_err(|e| format!("tags: {e}"))
}

/// Schedules already parsed, by their text: 100,000 hosts have few different ones.
struct Schedules<'a> {
    business: &'a BusinessHours,
    known: HashMap<String, std::result::Result<Arc<Schedule>, String>>,
    key: String,
}

impl<'a> Schedules<'a> {
    fn new(business: &'a BusinessHours) -> Schedules<'a> {
        Schedules { business, known: HashMap::new(), key: String::new() }
    }

    fn get(&mut self, kind: &str, config: Option<&str>) -> std::result::Result<Arc<Schedule>, String> {
        self.key.clear();
        self.key.extend([kind, "\0", config.unwrap_or_default()]);
        if let Some(known) = self.known.get(&self.key) {
            return known.clone();
        }
        let parsed = parse(kind, config, self.business).map(Arc::new);
        self.known.insert(self.key.clone(), parsed.clone());
        parsed
    }
}

fn parse(kind: &str, config: Option<&str>, business: &BusinessHours) -> std::result::Result<Schedule, String> {
    let config =
        config.map(serde_json::from_str::<serde_json::Value>).transpose().map_err(|e| format!("schedule_config: {e}"))?;
    Schedule::parse(kind, config.as_ref(), business)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{add, at, does, missed, spec};
    use crate::{Store, alerts, temporary, verdicts};

    fn load(store: &Store, row: i64) -> HostRecord {
        store.reader.read(|conn| get(conn, row, &BusinessHours::default())).unwrap().unwrap().unwrap()
    }

    fn custom(name: &str) -> HostSpec {
        let config =
            serde_json::json!({"timezone": "Europe/Berlin", "windows": [{"days": [1], "start": "08:00", "end": "10:00"}]});
        let schedule = Schedule::parse("custom", Some(&config), &BusinessHours::default()).unwrap();
        HostSpec { schedule: Arc::new(schedule), tags: vec!["web".into(), "a\"b".into()], ..spec(name) }
    }

    #[test]
    fn a_host_comes_back_as_it_was_written() {
        let (mut store, _folder) = temporary().unwrap();
        let row = does(&mut store.writer, |tx| insert(tx, &custom("nas"), b"sealed", &[9; 32], at(5)));
        let host = load(&store, row);
        assert_eq!((&host.spec, host.token_hash, host.status), (&custom("nas"), [9; 32], Status::Unknown));
        assert_eq!((host.judged_from, host.created_at, host.last_seen), (at(5).steady, at(5).wall, None));
        assert_eq!(store.reader.read(|conn| token_sealed(conn, row)).unwrap(), b"sealed");
        let found = store.reader.read(|conn| find(conn, "nas", &BusinessHours::default())).unwrap();
        assert_eq!(found.unwrap().unwrap(), host);
        assert!(store.reader.read(|conn| find(conn, "none", &BusinessHours::default())).unwrap().is_none());
    }

    #[test]
    fn an_update_replaces_the_description_and_nothing_else() {
        let (mut store, _folder) = temporary().unwrap();
        let row = does(&mut store.writer, |tx| Ok(add(tx, "nas")));
        does(&mut store.writer, |tx| update(tx, row, &custom("pi"), at(9)));
        let host = load(&store, row);
        assert_eq!(
            (&host.spec, host.token_hash, host.created_at, host.updated_at),
            (&custom("pi"), [7; 32], at(0).wall, at(9).wall)
        );
        let missing = store.writer.transact(|tx| update(tx, 99, &spec("x"), at(9))).unwrap_err();
        assert_eq!(missing.error, StoreError::NotFound);
    }

    #[test]
    fn equal_schedules_are_one() {
        let (mut store, _folder) = temporary().unwrap();
        does(&mut store.writer, |tx| {
            for name in ["a", "b"] {
                insert(tx, &custom(name), b"", &[0; 32], at(0))?;
            }
            Ok(add(tx, "c"))
        });
        let all = store.reader.read(|conn| load_all(conn, &BusinessHours::default())).unwrap();
        let schedules: Vec<_> = all.iter().map(|host| Arc::clone(&host.as_ref().unwrap().spec.schedule)).collect();
        assert!(Arc::ptr_eq(&schedules[0], &schedules[1]) && !Arc::ptr_eq(&schedules[0], &schedules[2]));
    }

    #[test]
    fn a_broken_row_stops_no_other() {
        let (mut store, _folder) = temporary().unwrap();
        for (name, sql) in [
            ("a", "UPDATE hosts SET schedule_type = 'moon phase' WHERE name = 'a'"),
            ("b", "UPDATE hosts SET schedule_type = 'custom', schedule_config = '{' WHERE name = 'b'"),
            ("c", "UPDATE hosts SET host_id = 'not an id' WHERE name = 'c'"),
            ("d", "UPDATE hosts SET tags = 'web' WHERE name = 'd'"),
        ] {
            does(&mut store.writer, |tx| {
                add(tx, name);
                Ok(tx.execute(sql, [])?)
            });
        }
        does(&mut store.writer, |tx| Ok(add(tx, "sound")));
        let all = store.reader.read(|conn| load_all(conn, &BusinessHours::default())).unwrap();
        let broken: Vec<_> = all.iter().filter_map(|host| host.as_ref().err()).collect();
        assert_eq!(broken.iter().map(|host| host.name.as_str()).collect::<Vec<_>>(), ["a", "b", "c", "d"]);
        assert!(broken.iter().all(|host| !host.why.is_empty()), "{broken:?}");
        assert_eq!(all.iter().filter(|host| host.is_ok()).count(), 1);
    }

    #[test]
    fn a_list_filters_and_pages() {
        let (mut store, _folder) = temporary().unwrap();
        does(&mut store.writer, |tx| {
            for n in 0..5 {
                add(tx, &format!("web-{n}"));
            }
            insert(tx, &custom("100%_db"), b"", &[0; 32], at(0))?;
            verdicts::go_up(tx, 2, at(1), "heard")
        });
        let names = |filter: HostFilter| {
            let page = store.reader.read(|conn| list(conn, &filter, &BusinessHours::default())).unwrap();
            (page.hosts.into_iter().map(|host| host.unwrap().spec.name).collect::<Vec<_>>(), page.next)
        };
        let all = HostFilter::default();
        assert_eq!(names(HostFilter { limit: 2, ..all.clone() }), (vec!["web-0".into(), "web-1".into()], Some(2)));
        assert_eq!(names(HostFilter { limit: 2, after: Some(4), ..all.clone() }), (vec!["web-4".into(), "100%_db".into()], None));
        assert_eq!(names(HostFilter { status: Some(Status::Up), ..all.clone() }).0, ["web-1"]);
        assert_eq!(names(HostFilter { tag: Some("web".into()), ..all.clone() }).0, ["100%_db"]);
        assert_eq!(names(HostFilter { text: Some("0%_".into()), ..all.clone() }).0, ["100%_db"]);
        assert_eq!(names(HostFilter { text: Some("WEB-3".into()), ..all.clone() }).0, ["web-3"]);
        assert_eq!(names(HostFilter { paused: Some(true), ..all }).0, Vec::<String>::new());
    }

    #[test]
    fn a_resumed_host_is_judged_from_then() {
        let (mut store, _folder) = temporary().unwrap();
        let row = does(&mut store.writer, |tx| Ok(add(tx, "nas")));
        assert!(does(&mut store.writer, |tx| set_paused(tx, row, true, at(10))));
        assert!(!does(&mut store.writer, |tx| set_paused(tx, row, true, at(11))));
        let host = load(&store, row);
        assert_eq!((host.paused, host.judged_from), (true, at(0).steady));
        assert!(does(&mut store.writer, |tx| set_paused(tx, row, false, at(20))));
        let host = load(&store, row);
        assert_eq!((host.paused, host.judged_from), (false, at(20).steady));
        assert_eq!(store.writer.transact(|tx| set_paused(tx, 99, true, at(1))).unwrap_err().error, StoreError::NotFound);
    }

    #[test]
    fn silence_and_token_are_replaced() {
        let (mut store, _folder) = temporary().unwrap();
        let row = does(&mut store.writer, |tx| Ok(add(tx, "nas")));
        does(&mut store.writer, |tx| {
            set_silenced(tx, row, Some(at(60).wall), at(1))?;
            rotate_token(tx, row, b"new", &[1; 32], at(2))
        });
        let host = load(&store, row);
        assert_eq!((host.silenced_until, host.token_hash), (Some(at(60).wall), [1; 32]));
        does(&mut store.writer, |tx| set_silenced(tx, row, None, at(3)));
        assert_eq!(load(&store, row).silenced_until, None);
    }

    #[test]
    fn a_run_ends_only_by_its_own_name() {
        let (mut store, _folder) = temporary().unwrap();
        let row = does(&mut store.writer, |tx| Ok(add(tx, "job")));
        does(&mut store.writer, |tx| start_run(tx, row, at(5), Some("r1")));
        assert_eq!(load(&store, row).run, Some((at(5).wall, at(5).steady, Some("r1".into()))));
        assert_eq!(does(&mut store.writer, |tx| end_run(tx, row, Some("r2"))), None);
        assert_eq!(does(&mut store.writer, |tx| end_run(tx, row, Some("r1"))), Some((at(5).wall, at(5).steady)));
        assert_eq!(does(&mut store.writer, |tx| end_run(tx, row, None)), None);
        assert_eq!(load(&store, row).run, None);
    }

    #[test]
    fn a_removed_host_leaves_its_alerts_and_never_its_row() {
        let (mut store, _folder) = temporary().unwrap();
        let row = does(&mut store.writer, |tx| Ok(add(tx, "nas")));
        let alert = does(&mut store.writer, |tx| verdicts::go_down(tx, row, None, at(1), "late", &missed("old name"))).unwrap();
        does(&mut store.writer, |tx| delete(tx, row, at(2)));
        let kept = store.reader.read(|conn| alerts::get(conn, alert)).unwrap().unwrap();
        assert_eq!((kept.host_name.as_deref(), kept.resolution.as_deref()), (Some("nas"), Some("host removed")));
        let counts = store.reader.read(|conn| outbox::counts(conn, None)).unwrap();
        assert_eq!(counts, outbox::OutboxCounts::default());
        assert_ne!(does(&mut store.writer, |tx| Ok(add(tx, "nas"))), row);
        assert_eq!(store.writer.transact(|tx| delete(tx, row, at(3))).unwrap_err().error, StoreError::NotFound);
    }

    #[test]
    fn states_are_counted() {
        let (mut store, _folder) = temporary().unwrap();
        does(&mut store.writer, |tx| {
            let rows: Vec<_> = ["a", "b", "c", "d"].map(|name| add(tx, name)).into();
            verdicts::go_up(tx, rows[0], at(1), "heard")?;
            verdicts::go_down(tx, rows[1], None, at(1), "late", &missed("b"))?;
            set_paused(tx, rows[2], true, at(1))
        });
        let counts = store.reader.read(count).unwrap();
        assert_eq!(counts, StatusCounts { up: 1, down: 1, unknown: 1, paused: 1 });
        assert_eq!(counts.total(), 4);
    }

    #[test]
    #[ignore = "a measurement: run it with --release --no-capture"]
    #[expect(clippy::disallowed_methods, reason = "a measurement reads the real clock")]
    fn a_hundred_thousand_hosts_load_and_open_fast() {
        let (mut store, folder) = temporary().unwrap();
        does(&mut store.writer, |tx| {
            (0..100_000).try_for_each(|n| insert(tx, &custom(&format!("host-{n}")), &[1; 84], &[2; 32], at(0)).map(|_| ()))
        });
        let begun = std::time::Instant::now();
        let all = store.reader.read(|conn| load_all(conn, &BusinessHours::default())).unwrap();
        println!("load_all of {}: {:?}", all.len(), begun.elapsed());
        let begun = std::time::Instant::now();
        println!("count {:?}: {:?}", store.reader.read(count).unwrap(), begun.elapsed());
        let filter = HostFilter { text: Some("nothing has this".into()), ..HostFilter::default() };
        let begun = std::time::Instant::now();
        store.reader.read(|conn| list(conn, &filter, &BusinessHours::default())).unwrap();
        println!("text search without a hit: {:?}", begun.elapsed());
        drop(store);
        for mark in ["", "1\n"] {
            std::fs::write(folder.path().join("hub.lock"), mark).unwrap();
            let begun = std::time::Instant::now();
            Store::open(&folder.database(), &crate::Options::default()).unwrap();
            println!("open after {} stop: {:?}", if mark.is_empty() { "a clean" } else { "an unclean" }, begun.elapsed());
        }
    }
}
