//! What must still be told: written with the change it tells of, taken away only when it was told or is not to be.

use crate::alerts::{self, Alert};
use crate::column::wall;
use crate::error::Result;
use domain::time::{Now, Steady, Wall};
use rusqlite::{Connection, Row, Transaction, params};
use std::collections::HashSet;

/// What is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A new message: the incident began.
    Opened,
    /// The incident's message follows its state.
    Edited,
    /// A new message: the incident ended.
    Recovered,
}

/// How far a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Waiting.
    Pending,
    /// On its way: found at a start, it may have arrived.
    Sending,
    /// Told.
    Sent,
    /// The other side will never take it.
    Refused,
    /// Not to be told, for the reason kept.
    Skipped,
}

/// A notice that waits, with all that is needed to write it.
#[derive(Clone, Debug, PartialEq)]
pub struct OutboxItem {
    /// `outbox.id`.
    pub id: i64,
    /// `channels.id`.
    pub channel: i64,
    /// The incident as it is now.
    pub alert: Alert,
    /// What is to be told.
    pub kind: Kind,
    /// How far it is.
    pub state: State,
    /// Attempts so far.
    pub attempts: u32,
    /// Whether an earlier attempt may have arrived: the message must say so.
    pub maybe_repeat: bool,
    /// When it was written.
    pub created_at: Wall,
    /// Not before this instant.
    pub next_attempt_at: Steady,
    /// The message that told of the incident's opening on this channel: `messages.id` and the other side's id.
    pub message: Option<(i64, String)>,
}

/// How much waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutboxCounts {
    /// Waiting.
    pub pending: i64,
    /// On their way.
    pub sending: i64,
    /// When the oldest of both was written; what a silence holds back does not count.
    pub oldest: Option<Wall>,
}

impl Kind {
    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Opened => "opened",
            Kind::Edited => "edited",
            Kind::Recovered => "recovered",
        }
    }

    fn parse(word: &str) -> Kind {
        match word {
            "opened" => Kind::Opened,
            "edited" => Kind::Edited,
            _ => Kind::Recovered,
        }
    }
}

impl State {
    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::Sending => "sending",
            State::Sent => "sent",
            State::Refused => "refused",
            State::Skipped => "skipped",
        }
    }
}

/// Why a notice is held back, or is never told.
const SILENCED: &str = "silenced";
const UPLINK_DOWN: &str = "uplink down";
/// Why what waited for a channel is not told there any more.
const CHANNEL_REMOVED: &str = "channel removed";

/// Writes a notice `opened` for every enabled channel, due at the end of the silence if there is one.
pub(crate) fn announce(tx: &Transaction<'_>, alert: i64, now: Now) -> Result<()> {
    let silence = silence_of(tx, alert, now)?;
    let mut query = tx.prepare_cached(
        "INSERT INTO outbox (channel_id, alert_id, kind, next_attempt_at, created_at, reason)
         SELECT id, ?1, 'opened', ?2, ?3, ?4 FROM channels WHERE enabled = 1 ORDER BY id",
    )?;
    query.execute(params![alert, silence.unwrap_or(now.steady).0, now.wall.0, silence.map(|_| SILENCED)])?;
    Ok(())
}

/// Writes a notice `opened` for every incident that is open and was not to be told on this channel: it came later. Without
/// a silence it is due at once.
///
/// # Errors
/// Those of SQLite.
pub fn catch_up(tx: &Transaction<'_>, channel: i64, at: Wall) -> Result<usize> {
    // An incident's own pair of times gives the distance between the two lines: good enough for the end of a silence.
    let mut query = tx.prepare_cached(
        "INSERT INTO outbox (channel_id, alert_id, kind, next_attempt_at, created_at, reason)
         SELECT ?1, id, 'opened', detected_steady + iif(quiet > ?2, quiet - created_at, 0), ?2, iif(quiet > ?2, ?3, NULL) FROM (
             SELECT a.id, a.created_at, a.detected_steady, max(ifnull(a.silenced_until, 0), ifnull(h.silenced_until, 0)) AS quiet
             FROM alerts a INDEXED BY alerts_open_newest LEFT JOIN hosts h ON h.id = a.host_id
             WHERE a.resolved_at IS NULL AND NOT EXISTS (
                 SELECT 1 FROM outbox o
                 WHERE o.alert_id = a.id AND o.channel_id = ?1 AND o.kind = 'opened' AND o.state <> 'skipped'))
         ORDER BY id",
    )?;
    Ok(query.execute(params![channel, at.0, SILENCED])?)
}

/// What waits about this incident waits until `until`: it says itself that nobody can be reached. What is on its way goes on.
///
/// # Errors
/// Those of SQLite.
pub fn hold(tx: &Transaction<'_>, alert: i64, until: Steady) -> Result<usize> {
    let mut query = tx.prepare_cached(
        "UPDATE outbox SET next_attempt_at = max(next_attempt_at, ?2), reason = ?3 WHERE alert_id = ?1 AND state = 'pending'",
    )?;
    Ok(query.execute(params![alert, until.0, UPLINK_DOWN])?)
}

/// What [`hold`] held is due now.
///
/// # Errors
/// Those of SQLite.
pub fn release(tx: &Transaction<'_>, alert: i64, now: Steady) -> Result<usize> {
    let sql = "UPDATE outbox SET next_attempt_at = ?2, reason = NULL WHERE alert_id = ?1 AND state = 'pending' AND reason = ?3";
    Ok(tx.prepare_cached(sql)?.execute(params![alert, now.0, UPLINK_DOWN])?)
}

/// Ends everything that waits for a channel that is no more, or has no URL.
pub(crate) fn skip_channel(tx: &Transaction<'_>, channel: i64) -> Result<usize> {
    let sql = "UPDATE outbox SET state = 'skipped', reason = ?2 WHERE channel_id = ?1 AND state IN ('pending', 'sending')";
    Ok(tx.prepare_cached(sql)?.execute(params![channel, CHANNEL_REMOVED])?)
}

/// Until when nobody is to be told of this incident: it is silenced, or its host is; `None` when neither is.
fn silence_of(conn: &Connection, alert: i64, now: Now) -> Result<Option<Steady>> {
    let mut query = conn.prepare_cached(
        "SELECT max(ifnull(a.silenced_until, 0), ifnull(h.silenced_until, 0))
         FROM alerts a LEFT JOIN hosts h ON h.id = a.host_id WHERE a.id = ?1",
    )?;
    let until = Wall(query.query_row([alert], |row| row.get(0))?);
    Ok((until > now.wall).then(|| now.steady_at(until)))
}

/// A silence of this incident or its host has changed: its opening, if it still waits, is told at the silence's end.
pub(crate) fn silence_changed(tx: &Transaction<'_>, alert: i64, now: Now) -> Result<()> {
    if let Some(until) = silence_of(tx, alert, now)? {
        let mut query = tx.prepare_cached(
            "UPDATE outbox SET next_attempt_at = iif(reason IS ?3, ?2, max(next_attempt_at, ?2)), reason = ?3
             WHERE alert_id = ?1 AND kind = 'opened' AND state = 'pending'",
        )?;
        query.execute(params![alert, until.0, SILENCED])?;
        return Ok(());
    }
    let sql = "UPDATE outbox SET next_attempt_at = ?2, reason = NULL WHERE alert_id = ?1 AND state = 'pending' AND reason = ?3";
    tx.prepare_cached(sql)?.execute(params![alert, now.steady.0, SILENCED])?;
    Ok(())
}

/// Writes what an incident's end has to say: `edited` and `recovered` where its opening was told. While it is silenced,
/// nothing new is posted, and where its opening still waits nothing is told at all.
pub(crate) fn end(tx: &Transaction<'_>, alert: i64, now: Now) -> Result<()> {
    let silenced = silence_of(tx, alert, now)?.is_some();
    if silenced {
        let mut query = tx.prepare_cached(
            "UPDATE outbox SET state = 'skipped', reason = ?2 WHERE alert_id = ?1 AND state = 'pending' AND channel_id IN (
                 SELECT channel_id FROM outbox WHERE alert_id = ?1 AND kind = 'opened' AND state = 'pending')",
        )?;
        query.execute(params![alert, SILENCED])?;
    }
    follow(tx, alert, Kind::Edited, now)?;
    follow(tx, alert, Kind::Recovered, now)?;
    if silenced {
        let sql =
            "UPDATE outbox SET state = 'skipped', reason = ?2 WHERE alert_id = ?1 AND state = 'pending' AND kind = 'recovered'";
        tx.prepare_cached(sql)?.execute(params![alert, SILENCED])?;
    }
    Ok(())
}

/// Writes a later notice for every channel that has an `opened` one which was not skipped; one that waits already is enough, since what it says is
/// read when it is sent.
pub(crate) fn follow(tx: &Transaction<'_>, alert: i64, kind: Kind, now: Now) -> Result<()> {
    let mut query = tx.prepare_cached(
        "INSERT INTO outbox (channel_id, alert_id, kind, next_attempt_at, created_at)
         SELECT DISTINCT channel_id, ?1, ?2, ?3, ?4 FROM outbox o
         WHERE alert_id = ?1 AND kind = 'opened' AND state <> 'skipped' AND NOT EXISTS (
             SELECT 1 FROM outbox w
             WHERE w.alert_id = ?1 AND w.channel_id = o.channel_id AND w.kind = ?2 AND w.state = 'pending')
         ORDER BY channel_id",
    )?;
    query.execute(params![alert, kind.as_str(), now.steady.0, now.wall.0])?;
    Ok(())
}

/// Ends everything that waits about a host.
pub(crate) fn skip_host(tx: &Transaction<'_>, host: i64, reason: &str) -> Result<usize> {
    let mut query = tx.prepare_cached(
        "UPDATE outbox SET state = 'skipped', reason = ?2
         WHERE state IN ('pending', 'sending') AND alert_id IN (SELECT id FROM alerts WHERE host_id = ?1)",
    )?;
    Ok(query.execute(params![host, reason])?)
}

/// What is due on a channel, oldest first, at most `limit`. A notice whose host has an earlier one on its way or not yet due
/// waits behind it, so that no message overtakes another of the same host.
///
/// # Errors
/// Those of SQLite.
pub fn waiting(conn: &Connection, channel: i64, now: Steady, limit: u32) -> Result<Vec<OutboxItem>> {
    let mut items = Vec::new();
    for id in due(conn, channel, now, limit as usize)? {
        items.push(get(conn, id)?);
    }
    Ok(items)
}

fn due(conn: &Connection, channel: i64, now: Steady, limit: usize) -> Result<Vec<i64>> {
    let mut query = conn.prepare_cached(
        "SELECT o.id, o.state = 'pending' AND o.next_attempt_at <= ?2, a.host_id, o.alert_id
         FROM outbox o INDEXED BY outbox_waiting JOIN alerts a ON a.id = o.alert_id
         WHERE o.channel_id = ?1 AND o.state IN ('pending', 'sending') ORDER BY o.id",
    )?;
    let mut rows = query.query(params![channel, now.0])?;
    let (mut ids, mut held) = (Vec::new(), HashSet::new());
    while ids.len() < limit {
        let Some(row) = rows.next()? else { break };
        let (host, alert): (Option<i64>, i64) = (row.get(2)?, row.get(3)?);
        // The hub's own incidents have no host: each is its own line.
        let line = (host, if host.is_none() { alert } else { 0 });
        if row.get(1)? && !held.contains(&line) {
            ids.push(row.get(0)?);
        } else {
            held.insert(line);
        }
    }
    Ok(ids)
}

/// One notice.
///
/// # Errors
/// `NotFound`.
pub fn get(conn: &Connection, id: i64) -> Result<OutboxItem> {
    let mut query = conn.prepare_cached(&format!(
        "SELECT {}, o.id, o.channel_id, o.kind, o.state, o.attempts, o.maybe_repeat, o.created_at, o.next_attempt_at, m.id,
             m.remote_id
         FROM outbox o JOIN alerts a ON a.id = o.alert_id {}
         LEFT JOIN messages m ON m.id = (
             SELECT max(t.message_id) FROM outbox t
             WHERE t.alert_id = o.alert_id AND t.channel_id = o.channel_id AND t.kind = 'opened')
         WHERE o.id = ?1",
        alerts::COLUMNS,
        alerts::HOST
    ))?;
    Ok(query.query_row([id], item)?)
}

fn item(row: &Row<'_>) -> rusqlite::Result<OutboxItem> {
    let at = |column: usize| alerts::COLUMN_COUNT + column;
    let (message, remote): (Option<i64>, Option<String>) = (row.get(at(8))?, row.get(at(9))?);
    Ok(OutboxItem {
        id: row.get(at(0))?,
        channel: row.get(at(1))?,
        alert: alerts::alert(row, 0)?,
        kind: Kind::parse(row.get_ref(at(2))?.as_str()?),
        state: state_of(row.get_ref(at(3))?.as_str()?),
        attempts: row.get(at(4))?,
        maybe_repeat: row.get(at(5))?,
        created_at: Wall(row.get(at(6))?),
        next_attempt_at: Steady(row.get(at(7))?),
        message: message.zip(remote),
    })
}

fn state_of(word: &str) -> State {
    match word {
        "pending" => State::Pending,
        "sending" => State::Sending,
        "sent" => State::Sent,
        "refused" => State::Refused,
        _ => State::Skipped,
    }
}

/// How much waits on a channel, or on all of them.
///
/// # Errors
/// Those of SQLite.
pub fn counts(conn: &Connection, channel: Option<i64>) -> Result<OutboxCounts> {
    let mut query = conn.prepare_cached(
        "SELECT count(*) FILTER (WHERE state = 'pending'), count(*) FILTER (WHERE state = 'sending'),
             min(created_at) FILTER (WHERE reason IS NOT 'silenced')
         FROM outbox INDEXED BY outbox_waiting WHERE state IN ('pending', 'sending') AND (?1 IS NULL OR channel_id = ?1)",
    )?;
    let counts = |row: &Row<'_>| Ok(OutboxCounts { pending: row.get(0)?, sending: row.get(1)?, oldest: wall(row, 2)? });
    Ok(query.query_row([channel], counts)?)
}

/// When the first notice of a channel is due that is not yet; `None` when nothing waits.
///
/// # Errors
/// Those of SQLite.
pub fn next_due(conn: &Connection, channel: i64) -> Result<Option<Steady>> {
    let mut query = conn.prepare_cached(
        "SELECT min(next_attempt_at) FROM outbox INDEXED BY outbox_waiting
         WHERE channel_id = ?1 AND state IN ('pending', 'sending') AND state = 'pending'",
    )?;
    Ok(query.query_row([channel], |row| row.get::<_, Option<i64>>(0))?.map(Steady))
}

/// These are on their way now, for the policy's `reason`: one more attempt each. Answers how many still waited.
///
/// # Errors
/// Those of SQLite.
pub fn mark_sending(tx: &Transaction<'_>, ids: &[i64], reason: &str) -> Result<usize> {
    let sql = "UPDATE outbox SET state = 'sending', attempts = attempts + 1, reason = ?2 WHERE id = ?1 AND state = 'pending'";
    let mut query = tx.prepare_cached(sql)?;
    let mut marked = 0;
    for id in ids {
        marked += query.execute(params![id, reason])?;
    }
    Ok(marked)
}

/// These were not sent after all and wait again: the attempt does not count, and nothing can have arrived.
///
/// # Errors
/// Those of SQLite.
pub fn put_back(tx: &Transaction<'_>, ids: &[i64]) -> Result<()> {
    let sql = "UPDATE outbox SET state = 'pending', attempts = max(attempts - 1, 0) WHERE id = ?1 AND state = 'sending'";
    let mut query = tx.prepare_cached(sql)?;
    for id in ids {
        query.execute([id])?;
    }
    Ok(())
}

/// These were told by the one message `remote_id`; answers its row in `messages`.
///
/// # Errors
/// Those of SQLite.
pub fn mark_sent(tx: &Transaction<'_>, ids: &[i64], remote_id: &str, channel: i64, at: Wall) -> Result<i64> {
    let mut query = tx.prepare_cached("INSERT INTO messages (channel_id, remote_id, sent_at) VALUES (?1, ?2, ?3)")?;
    let message = query.insert(params![channel, remote_id, at.0])?;
    sent(tx, ids, Some(message), at)?;
    Ok(message)
}

/// These were told by changing a message that exists.
///
/// # Errors
/// Those of SQLite.
pub fn mark_edited(tx: &Transaction<'_>, ids: &[i64], at: Wall) -> Result<()> {
    sent(tx, ids, None, at)
}

fn sent(tx: &Transaction<'_>, ids: &[i64], message: Option<i64>, at: Wall) -> Result<()> {
    let sql = "UPDATE outbox SET state = 'sent', sent_at = ?2, message_id = ?3, error = NULL WHERE id = ?1";
    let mut query = tx.prepare_cached(sql)?;
    for id in ids {
        query.execute(params![id, at.0, message])?;
    }
    Ok(())
}

/// These are tried again, not before `next`; `maybe_repeat` when the failed attempt may have arrived.
///
/// # Errors
/// Those of SQLite.
pub fn mark_retry(tx: &Transaction<'_>, ids: &[i64], next: Steady, error: &str, maybe_repeat: bool) -> Result<()> {
    let mut query = tx.prepare_cached(
        "UPDATE outbox SET state = 'pending', next_attempt_at = ?2, error = ?3, maybe_repeat = max(maybe_repeat, ?4)
         WHERE id = ?1 AND state IN ('pending', 'sending')",
    )?;
    for id in ids {
        query.execute(params![id, next.0, error, maybe_repeat])?;
    }
    Ok(())
}

/// These wait until `until` for the policy's `reason`: no attempt is counted.
///
/// # Errors
/// Those of SQLite.
pub fn postpone(tx: &Transaction<'_>, ids: &[i64], until: Steady, reason: &str) -> Result<()> {
    let mut query =
        tx.prepare_cached("UPDATE outbox SET next_attempt_at = ?2, reason = ?3 WHERE id = ?1 AND state = 'pending'")?;
    for id in ids {
        query.execute(params![id, until.0, reason])?;
    }
    Ok(())
}

/// The other side will never take these.
///
/// # Errors
/// Those of SQLite.
pub fn mark_refused(tx: &Transaction<'_>, ids: &[i64], error: &str) -> Result<()> {
    let sql = "UPDATE outbox SET state = 'refused', error = ?2 WHERE id = ?1 AND state IN ('pending', 'sending')";
    let mut query = tx.prepare_cached(sql)?;
    for id in ids {
        query.execute(params![id, error])?;
    }
    Ok(())
}

/// These are not to be told, for the policy's `reason`.
///
/// # Errors
/// Those of SQLite.
pub fn skip(tx: &Transaction<'_>, ids: &[i64], reason: &str) -> Result<()> {
    let sql = "UPDATE outbox SET state = 'skipped', reason = ?2 WHERE id = ?1 AND state IN ('pending', 'sending')";
    let mut query = tx.prepare_cached(sql)?;
    for id in ids {
        query.execute(params![id, reason])?;
    }
    Ok(())
}

/// After a start: what was on its way waits again, and may have arrived. Answers how many.
///
/// # Errors
/// Those of SQLite.
pub fn recover(tx: &Transaction<'_>) -> Result<usize> {
    // The settled rows are many and hold none: the index of the waiting ones is enough.
    let sql = "UPDATE outbox INDEXED BY outbox_waiting SET state = 'pending', maybe_repeat = 1
         WHERE state IN ('pending', 'sending') AND state = 'sending'";
    Ok(tx.execute(sql, [])?)
}

/// The incidents a message told of, in the order they were written.
///
/// # Errors
/// Those of SQLite.
pub fn alerts_of_message(conn: &Connection, message: i64) -> Result<Vec<Alert>> {
    let mut query = conn.prepare_cached(&format!(
        "SELECT {} FROM alerts a {} WHERE a.id IN (SELECT alert_id FROM outbox WHERE message_id = ?1) ORDER BY a.id",
        alerts::COLUMNS,
        alerts::HOST
    ))?;
    Ok(query.query_map([message], |row| alerts::alert(row, 0))?.collect::<rusqlite::Result<_>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{add, at, does, missed};
    use crate::{Store, TempFolder, channels::PRIMARY, temporary, verdicts};

    /// Hosts 1 and 2 went down, and 1 came up again: notices 1 and 2 opened, 3 edited, 4 recovered.
    fn with_notices() -> (Store, TempFolder) {
        let (mut store, folder) = temporary().unwrap();
        does(&mut store.writer, |tx| {
            for name in ["one", "two"] {
                let host = add(tx, name);
                verdicts::go_down(tx, host, None, at(10), "overdue", &missed(name))?;
            }
            verdicts::go_up(tx, 1, at(20), "heard")
        });
        (store, folder)
    }

    fn ids(store: &Store, s: i64, limit: u32) -> Vec<i64> {
        let items = store.reader.read(|conn| waiting(conn, PRIMARY, at(s).steady, limit)).unwrap();
        items.iter().map(|item| item.id).collect()
    }

    fn one(store: &Store, id: i64) -> OutboxItem {
        store.reader.read(|conn| get(conn, id)).unwrap()
    }

    #[test]
    fn what_waits_comes_oldest_first_and_when_it_is_due() {
        let (store, _folder) = with_notices();
        assert_eq!(ids(&store, 9, 10), Vec::<i64>::new());
        assert_eq!(ids(&store, 10, 10), [1, 2]);
        assert_eq!(ids(&store, 20, 10), [1, 2, 3, 4]);
        assert_eq!(ids(&store, 20, 3), [1, 2, 3]);
        let other = store.reader.read(|conn| waiting(conn, 2, at(20).steady, 9)).unwrap();
        assert_eq!(other, []);
        assert_eq!(store.reader.read(|conn| next_due(conn, PRIMARY)).unwrap(), Some(at(10).steady));
    }

    #[test]
    fn no_notice_overtakes_another_of_its_host() {
        let (mut store, _folder) = with_notices();
        does(&mut store.writer, |tx| mark_sending(tx, &[1], "due"));
        assert_eq!(ids(&store, 20, 10), [2]);
        does(&mut store.writer, |tx| mark_retry(tx, &[1], at(60).steady, "503", false));
        assert_eq!(ids(&store, 59, 10), [2]);
        assert_eq!(ids(&store, 60, 10), [1, 2, 3, 4]);
        let item = one(&store, 1);
        assert_eq!((item.attempts, item.maybe_repeat, item.state), (1, false, State::Pending));
    }

    #[test]
    fn a_sent_message_is_known_to_its_later_notices() {
        let (mut store, _folder) = with_notices();
        assert_eq!(does(&mut store.writer, |tx| mark_sending(tx, &[1, 2], "digest")), 2);
        assert_eq!(does(&mut store.writer, |tx| mark_sending(tx, &[1], "digest")), 0, "it is on its way already");
        let message = does(&mut store.writer, |tx| mark_sent(tx, &[1, 2], "d-77", PRIMARY, at(30).wall));
        assert_eq!(one(&store, 3).message, Some((message, "d-77".into())));
        let told = store.reader.read(|conn| alerts_of_message(conn, message)).unwrap();
        assert_eq!(told.iter().map(|alert| alert.host_name.as_deref()).collect::<Vec<_>>(), [Some("one"), Some("two")]);
        does(&mut store.writer, |tx| mark_edited(tx, &[3], at(31).wall));
        let later = does(&mut store.writer, |tx| mark_sent(tx, &[4], "d-78", PRIMARY, at(32).wall));
        assert_ne!(later, message);
        assert_eq!(one(&store, 4).message, Some((message, "d-77".into())), "the message of the opening");
        assert_eq!(ids(&store, 99, 10), Vec::<i64>::new());
    }

    #[test]
    fn what_was_on_its_way_at_a_crash_may_be_a_repeat() {
        let (mut store, folder) = with_notices();
        does(&mut store.writer, |tx| mark_sending(tx, &[1], "due"));
        drop(store);
        let mut store = Store::open(&folder.database(), &crate::Options::default()).unwrap();
        assert_eq!(does(&mut store.writer, recover), 1);
        assert_eq!(does(&mut store.writer, recover), 0);
        assert!(one(&store, 1).maybe_repeat && !one(&store, 2).maybe_repeat);
        does(&mut store.writer, |tx| mark_retry(tx, &[1], at(30).steady, "500", false));
        assert!(one(&store, 1).maybe_repeat, "once doubtful, always doubtful");
        assert_eq!(ids(&store, 30, 1), [1]);
    }

    #[test]
    fn refused_skipped_and_postponed_wait_no_more() {
        let (mut store, _folder) = with_notices();
        does(&mut store.writer, |tx| {
            mark_refused(tx, &[1], "404")?;
            skip(tx, &[3, 4], "silenced")?;
            postpone(tx, &[2], at(500).steady, "maintenance")
        });
        assert_eq!(ids(&store, 499, 10), Vec::<i64>::new());
        assert_eq!(ids(&store, 500, 10), [2]);
        assert_eq!((one(&store, 1).state, one(&store, 3).state, one(&store, 2).attempts), (State::Refused, State::Skipped, 0));
        does(&mut store.writer, |tx| mark_retry(tx, &[1, 3], at(1).steady, "late", true));
        assert_eq!(one(&store, 1).state, State::Refused, "what is settled stays so");
    }

    #[test]
    fn the_counts_tell_the_oldest() {
        let (mut store, _folder) = with_notices();
        does(&mut store.writer, |tx| mark_sending(tx, &[2], "due"));
        let all = store.reader.read(|conn| counts(conn, None)).unwrap();
        assert_eq!(all, OutboxCounts { pending: 3, sending: 1, oldest: Some(at(10).wall) });
        assert_eq!(store.reader.read(|conn| counts(conn, Some(2))).unwrap(), OutboxCounts::default());
    }

    #[test]
    fn what_was_not_sent_after_all_waits_as_before() {
        let (mut store, _folder) = with_notices();
        does(&mut store.writer, |tx| mark_sending(tx, &[1], "due"));
        does(&mut store.writer, |tx| put_back(tx, &[1, 2]));
        let item = one(&store, 1);
        assert_eq!((item.state, item.attempts, item.maybe_repeat), (State::Pending, 0, false));
        assert_eq!(ids(&store, 20, 10), [1, 2, 3, 4]);
    }

    #[test]
    fn what_a_silence_holds_back_is_not_old() {
        let (mut store, _folder) = temporary().unwrap();
        does(&mut store.writer, |tx| {
            let host = add(tx, "nas");
            crate::hosts::set_silenced(tx, host, Some(at(60).wall), at(1))?;
            verdicts::go_down(tx, host, None, at(10), "failed", &missed("nas"))
        });
        let counts = store.reader.read(|conn| counts(conn, None)).unwrap();
        assert_eq!((counts.pending, counts.oldest), (1, None));
    }

    #[test]
    fn a_channel_that_comes_later_is_told_once_of_what_is_open() {
        let (mut store, _folder) = with_notices();
        let edit = crate::channels::ChannelEdit { id: None, name: "late", url_sealed: None, enabled: true };
        let late = does(&mut store.writer, |tx| crate::channels::upsert(tx, &edit, at(30).wall));
        let catch = |tx: &Transaction<'_>| catch_up(tx, late, at(30).wall);
        assert_eq!((does(&mut store.writer, catch), does(&mut store.writer, catch)), (1, 0));
        let items = store.reader.read(|conn| waiting(conn, late, at(30).steady, 9)).unwrap();
        assert_eq!(items.iter().map(|item| (item.alert.id, item.kind)).collect::<Vec<_>>(), [(2, Kind::Opened)]);
        does(&mut store.writer, |tx| {
            skip_channel(tx, late)?;
            crate::hosts::set_silenced(tx, 2, Some(at(90).wall), at(31))?;
            catch_up(tx, late, at(40).wall)
        });
        let due = |s| store.reader.read(|conn| waiting(conn, late, at(s).steady, 9)).unwrap().len();
        assert_eq!((due(89), due(90)), (0, 1), "a silence is kept for the late one too");
    }

    #[test]
    fn what_is_held_waits_and_is_due_when_it_is_released() {
        let (mut store, _folder) = temporary().unwrap();
        let alert = does(&mut store.writer, |tx| Ok(alerts::open(tx, None, &missed("x"), at(1))?.0));
        let waits = |store: &crate::Store, s: i64| {
            store.reader.read(|conn| waiting(conn, crate::channels::PRIMARY, at(s).steady, 9)).unwrap().len()
        };
        assert_eq!(does(&mut store.writer, |tx| hold(tx, alert, at(60).steady)), 1);
        does(&mut store.writer, |tx| hold(tx, alert, at(50).steady));
        assert_eq!((waits(&store, 59), waits(&store, 60)), (0, 1), "never shortened");
        assert_eq!(does(&mut store.writer, |tx| release(tx, alert, at(20).steady)), 1);
        assert_eq!((waits(&store, 19), waits(&store, 20)), (0, 1));
        assert_eq!(does(&mut store.writer, |tx| release(tx, alert, at(21).steady)), 0);
    }

    #[test]
    fn a_channel_that_was_never_told_is_told_of_no_end() {
        let (mut store, _folder) = with_notices();
        let edit = crate::channels::ChannelEdit { id: None, name: "late", url_sealed: None, enabled: true };
        let late = does(&mut store.writer, |tx| crate::channels::upsert(tx, &edit, at(30).wall));
        does(&mut store.writer, |tx| verdicts::go_up(tx, 2, at(40), "heard")).unwrap();
        assert_eq!(store.reader.read(|conn| counts(conn, Some(late))).unwrap().pending, 0);
    }
}
