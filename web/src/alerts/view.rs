//! Incidents as the API shows them.

use crate::time_text;
use domain::time::Wall;
use serde::Serialize;
use store::alerts::Alert;
use store::{Connection, StoreError};
use utoipa::ToSchema;

/// Most notices shown of one incident.
const NOTICES_MOST: i64 = 200;

/// An incident.
#[derive(Serialize, ToSchema)]
pub struct AlertView {
    /// Its number.
    pub id: i64,
    /// Public id of its host; none for the hub's own.
    #[schema(required, example = "web-01")]
    pub host_id: Option<String>,
    /// Name of its host for people.
    #[schema(required)]
    pub host_name: Option<String>,
    /// `missing_heartbeat`, `log_finding`, `internet` or `system_error`.
    #[schema(example = "missing_heartbeat")]
    pub alert_type: String,
    /// `info`, `warning` or `critical`.
    #[schema(example = "critical")]
    pub severity: String,
    /// One line for people.
    pub message: String,
    /// The facts.
    #[schema(value_type = Object)]
    pub details: serde_json::Value,
    /// Whether it still lasts.
    pub open: bool,
    /// Whether somebody said that he knows.
    pub acknowledged: bool,
    /// When.
    #[schema(required, format = DateTime)]
    pub acknowledged_at: Option<String>,
    /// Who.
    #[schema(required)]
    pub acknowledged_by: Option<String>,
    /// What else he said.
    #[schema(required)]
    pub acknowledge_note: Option<String>,
    /// After this it counts as not acknowledged.
    #[schema(required, format = DateTime)]
    pub acknowledge_expires_at: Option<String>,
    /// Until when nobody is told.
    #[schema(required, format = DateTime)]
    pub silenced_until: Option<String>,
    /// When it began.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it ended.
    #[schema(required, format = DateTime)]
    pub resolved_at: Option<String>,
    /// How it ended.
    #[schema(required)]
    pub resolution: Option<String>,
}

/// A page of alerts, the newest first.
#[derive(Serialize, ToSchema)]
pub struct AlertList {
    /// The alerts.
    pub alerts: Vec<AlertView>,
    /// `cursor` of the next page, if there is one.
    #[schema(required)]
    pub next_cursor: Option<i64>,
}

/// An incident with its notices.
#[derive(Serialize, ToSchema)]
pub struct AlertDetail {
    /// The incident.
    #[serde(flatten)]
    pub alert: AlertView,
    /// What was told about it, or is to be, the oldest first.
    pub notices: Vec<NoticeView>,
}

/// One message about an incident to one channel.
#[derive(Serialize, ToSchema)]
pub struct NoticeView {
    /// Its number.
    pub id: i64,
    /// Name of the channel, if it is still there.
    #[schema(required, example = "primary")]
    pub channel: Option<String>,
    /// `opened`, `edited` or `recovered`.
    pub kind: String,
    /// `pending`, `sending`, `sent`, `refused` or `skipped`.
    pub state: String,
    /// Attempts so far.
    pub attempts: i64,
    /// Whether an earlier attempt may have arrived.
    pub maybe_repeat: bool,
    /// When it was written.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it arrived.
    #[schema(required, format = DateTime)]
    pub sent_at: Option<String>,
    /// Why it was sent or not.
    #[schema(required)]
    pub reason: Option<String>,
    /// What went wrong last.
    #[schema(required)]
    pub error: Option<String>,
}

impl AlertView {
    /// `alert` for a client.
    pub fn of(alert: Alert) -> AlertView {
        let open = alert.is_open();
        let acknowledged = alert.acknowledged;
        AlertView {
            id: alert.id,
            host_id: alert.host_id,
            host_name: alert.host_name,
            alert_type: alert.alert_type.as_str().to_owned(),
            severity: alert.severity.as_str().to_owned(),
            message: alert.message,
            details: alert.details,
            open,
            acknowledged: acknowledged.is_some(),
            acknowledged_at: acknowledged.as_ref().map(|a| time_text::text(a.at)),
            acknowledge_expires_at: acknowledged.as_ref().and_then(|a| a.expires_at).map(time_text::text),
            acknowledge_note: acknowledged.as_ref().and_then(|a| a.note.clone()),
            acknowledged_by: acknowledged.map(|a| a.by),
            silenced_until: alert.silenced_until.map(time_text::text),
            created_at: time_text::text(alert.created_at),
            resolved_at: alert.resolved_at.map(time_text::text),
            resolution: alert.resolution,
        }
    }
}

/// What the outbox holds about one incident.
pub(crate) fn notices(conn: &Connection, alert: i64) -> Result<Vec<NoticeView>, StoreError> {
    let mut query = conn.prepare_cached(
        "SELECT o.id, c.name, o.kind, o.state, o.attempts, o.maybe_repeat, o.created_at, o.sent_at, o.reason, o.error
         FROM outbox o LEFT JOIN channels c ON c.id = o.channel_id WHERE o.alert_id = ?1 ORDER BY o.id LIMIT ?2",
    )?;
    let (mut rows, mut notices) = (query.query([alert, NOTICES_MOST])?, Vec::new());
    while let Some(row) = rows.next()? {
        notices.push(NoticeView {
            id: row.get(0)?,
            channel: row.get(1)?,
            kind: row.get(2)?,
            state: row.get(3)?,
            attempts: row.get(4)?,
            maybe_repeat: row.get(5)?,
            created_at: time_text::text(Wall(row.get(6)?)),
            sent_at: row.get::<_, Option<i64>>(7)?.map(|at| time_text::text(Wall(at))),
            reason: row.get(8)?,
            error: row.get(9)?,
        });
    }
    Ok(notices)
}
