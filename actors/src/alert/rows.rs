//! Questions about outbox rows that only the alert rooms ask: each sees the same snapshot as the step it belongs to.

use domain::time::{Steady, Wall};
use store::{Connection, Result};

/// The rows that wait to change `message`, whether due or not.
pub(super) fn edits_of_message(conn: &Connection, channel: i64, message: i64) -> Result<Vec<i64>> {
    let sql = "SELECT DISTINCT e.id FROM outbox o JOIN outbox e ON e.alert_id = o.alert_id
         WHERE o.message_id = ?2 AND o.kind = 'opened' AND e.channel_id = ?1 AND e.kind = 'edited' AND e.state = 'pending'
         ORDER BY e.id";
    let mut query = conn.prepare_cached(sql)?;
    Ok(query.query_map([channel, message], |row| row.get(0))?.collect::<std::result::Result<_, _>>()?)
}

/// The rows that `message` told of: they belong to the message that takes its place.
pub(super) fn rows_of_message(conn: &Connection, channel: i64, message: i64) -> Result<Vec<i64>> {
    let mut query = conn.prepare_cached("SELECT id FROM outbox WHERE message_id = ?2 AND channel_id = ?1 ORDER BY id")?;
    Ok(query.query_map([channel, message], |row| row.get(0))?.collect::<std::result::Result<_, _>>()?)
}

/// What is new and due behind so many changes that they fill the window: people hear of a new outage before old messages
/// are brought up to date. A row waits behind an earlier one of its host that is on its way or not yet due.
pub(super) fn news_behind_edits(conn: &Connection, channel: i64, now: Steady, limit: i64) -> Result<Vec<i64>> {
    let sql = "SELECT o.id FROM outbox o INDEXED BY outbox_waiting JOIN alerts a ON a.id = o.alert_id
         WHERE o.channel_id = ?1 AND o.state IN ('pending', 'sending') AND o.state = 'pending' AND o.kind <> 'edited'
           AND o.next_attempt_at <= ?2
           AND NOT EXISTS (
             SELECT 1 FROM alerts b JOIN outbox w ON w.alert_id = b.id
             WHERE (b.id = a.id OR b.host_id = a.host_id) AND w.channel_id = ?1 AND w.id < o.id
               AND (w.state = 'sending' OR (w.state = 'pending' AND w.next_attempt_at > ?2)))
         ORDER BY o.id LIMIT ?3";
    let mut query = conn.prepare_cached(sql)?;
    Ok(query.query_map([channel, now.0, limit], |row| row.get(0))?.collect::<std::result::Result<_, _>>()?)
}

/// When `message` was delivered.
pub(super) fn sent_at(conn: &Connection, message: i64) -> Result<Wall> {
    let mut query = conn.prepare_cached("SELECT sent_at FROM messages WHERE id = ?1")?;
    Ok(Wall(query.query_row([message], |row| row.get(0))?))
}
