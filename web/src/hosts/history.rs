//! What happened to a host: its heartbeats, its events, and why it is what it is.

use super::id_in;
use crate::error::ApiError;
use crate::query::Params;
use crate::state::WebState;
use crate::time_text;
use actix_web::{HttpRequest, HttpResponse, web};
use domain::signal::Signal;
use serde::Serialize;
use store::{beats, events};
use utoipa::ToSchema;

/// A heartbeat.
#[derive(Serialize, ToSchema)]
pub struct BeatView {
    /// Its number.
    pub id: i64,
    /// When it was heard.
    #[schema(format = DateTime)]
    pub timestamp: String,
    /// `success`, `start`, `fail`, `log` or `exit`.
    #[schema(example = "success")]
    pub signal: String,
    /// The exit code, when that is the signal.
    #[schema(required)]
    pub exit_code: Option<u8>,
    /// How long the run took that it ended, in milliseconds.
    #[schema(required)]
    pub duration_ms: Option<i64>,
    /// Whence it came.
    #[schema(required)]
    pub source_ip: Option<String>,
    /// What else was sent.
    #[schema(required, value_type = Option<Object>)]
    pub metadata: Option<serde_json::Value>,
}

/// Heartbeats of a host, the newest first.
#[derive(Serialize, ToSchema)]
pub struct BeatList {
    /// The heartbeats.
    pub heartbeats: Vec<BeatView>,
    /// `cursor` of the next page, if there is one.
    #[schema(required)]
    pub next_cursor: Option<i64>,
}

/// Something that happened to a host.
#[derive(Serialize, ToSchema)]
pub struct EventView {
    /// Its number.
    pub id: i64,
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
    /// What, in a word or two.
    #[schema(example = "down")]
    pub kind: String,
    /// More about it.
    pub detail: String,
}

/// Events of a host, the newest first.
#[derive(Serialize, ToSchema)]
pub struct EventList {
    /// The events.
    pub events: Vec<EventView>,
    /// `cursor` of the next page, if there is one.
    #[schema(required)]
    pub next_cursor: Option<i64>,
}

/// Why a host is up, late or down.
#[derive(Serialize, ToSchema)]
pub struct ExplainView {
    /// Its name in URLs.
    pub host_id: String,
    /// `up`, `down` or `unknown`.
    #[schema(example = "up")]
    pub status: String,
    /// One sentence, in the schedule's zone.
    pub explanation: String,
    /// When somebody is told if nothing is heard.
    #[schema(required, format = DateTime)]
    pub alert_due_at: Option<String>,
}

/// A host's heartbeats, the newest first.
///
/// # Errors
/// An unknown host, wrong parameters, or the store.
#[utoipa::path(get, path = "/api/v1/hosts/{host_id}/heartbeats", tag = "hosts", operation_id = "list_heartbeats",
    params(
        ("host_id" = String, Path, description = "Public id of the host"),
        ("cursor" = Option<i64>, Query, minimum = 0, description = "`next_cursor` of the page before"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "Heartbeats on the page, 50 if not said"),
    ),
    responses((status = 200, body = BeatList)))]
pub(crate) async fn heartbeats(state: web::Data<WebState>, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    let (cursor, limit) = paging(&req)?;
    let entry = state.hub.roster().find(id_in(&req)?).ok_or_else(|| ApiError::not_found("host"))?;
    let (row, from) = (entry.row, cursor.or(entry.pulse.last_beat()));
    let page = match from {
        Some(from) => state.hub.db().read(move |conn| beats::page(conn, row, Some(from), limit)).await?,
        None => beats::BeatPage::default(),
    };
    let heartbeats = page.beats.into_iter().map(beat).collect();
    Ok(HttpResponse::Ok().json(BeatList { heartbeats, next_cursor: page.next }))
}

/// A host's events, the newest first.
///
/// # Errors
/// An unknown host, wrong parameters, or the store.
#[utoipa::path(get, path = "/api/v1/hosts/{host_id}/events", tag = "hosts", operation_id = "list_host_events",
    params(
        ("host_id" = String, Path, description = "Public id of the host"),
        ("cursor" = Option<i64>, Query, minimum = 0, description = "`next_cursor` of the page before"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "Events on the page, 50 if not said"),
    ),
    responses((status = 200, body = EventList)))]
pub(crate) async fn events(state: web::Data<WebState>, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    let (cursor, limit) = paging(&req)?;
    let row = state.hub.roster().find(id_in(&req)?).ok_or_else(|| ApiError::not_found("host"))?.row;
    let page = state.hub.db().read(move |conn| events::list(conn, Some(row), cursor, limit)).await?;
    let shown = |e: events::Event| EventView { id: e.id, at: time_text::text(e.at), kind: e.kind, detail: e.detail };
    Ok(HttpResponse::Ok().json(EventList { events: page.events.into_iter().map(shown).collect(), next_cursor: page.next }))
}

/// Why a host is up, late or down, and when it would alert, in one sentence.
///
/// # Errors
/// An unknown host, or one whose actor does not answer.
#[utoipa::path(get, path = "/api/v1/hosts/{host_id}/explain", tag = "hosts", operation_id = "explain_host",
    params(("host_id" = String, Path, description = "Public id of the host")), responses((status = 200, body = ExplainView)))]
pub(crate) async fn explain(state: web::Data<WebState>, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    Params::of(req.query_string()).done()?;
    let host_id = id_in(&req)?;
    let explained = state.hub.explain(host_id).await?;
    Ok(HttpResponse::Ok().json(ExplainView {
        host_id: host_id.to_owned(),
        status: explained.status.as_str().to_owned(),
        explanation: explained.text,
        alert_due_at: explained.deadline.map(time_text::text),
    }))
}

fn paging(req: &HttpRequest) -> Result<(Option<i64>, u32), ApiError> {
    let mut params = Params::of(req.query_string());
    let (cursor, limit) = (params.cursor(), params.limit());
    params.done()?;
    Ok((cursor, limit))
}

fn beat(beat: beats::Beat) -> BeatView {
    BeatView {
        id: beat.id,
        timestamp: time_text::text(beat.at),
        signal: beat.signal.word().to_owned(),
        exit_code: if let Signal::Exit(code) = beat.signal { Some(code) } else { None },
        duration_ms: beat.duration_ms,
        source_ip: beat.source_ip,
        metadata: beat.metadata.map(|text| serde_json::from_str(&text).unwrap_or(serde_json::Value::String(text))),
    }
}
