//! Incidents: listed, shown with what was told about them, acknowledged and silenced.

mod view;

pub(crate) use view::notices;
pub use view::{AlertDetail, AlertList, AlertView, NoticeView};

use crate::auth::Identity;
use crate::body::{self, Json, MaybeJson};
use crate::error::ApiError;
use crate::hosts::SecondsText;
use crate::keys::number;
use crate::query::Params;
use crate::state::WebState;
use actix_web::{HttpRequest, HttpResponse, web};
use domain::duration::Seconds;
use domain::host::Severity;
use domain::incident::AlertType;
use serde::Deserialize;
use std::ops::RangeInclusive;
use store::alerts::{self, Alert, AlertFilter};
use utoipa::ToSchema;

/// Longest name of who acknowledges.
const BY_MAX_CHARS: usize = 100;
/// Longest note.
pub(crate) const NOTE_MAX_CHARS: usize = 1_000;
/// Shortest and longest acknowledgement: 1 s to 30 d.
pub(crate) const LENGTH_S: RangeInclusive<u32> = 1..=30 * 86_400;
/// Shortest and longest silence: 30 d, and 0 ends it.
pub(crate) const SILENCE_S: RangeInclusive<u32> = 0..=30 * 86_400;

/// Who knows of an incident; everything may be left out, the body too.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Acknowledge {
    /// Who; the key's name when absent.
    #[schema(example = "Ada", max_length = 100)]
    by: Option<String>,
    /// What else is to be said.
    #[schema(example = "disk is on its way", max_length = 1000)]
    note: Option<String>,
    /// After this long it counts as not acknowledged.
    #[schema(value_type = Option<SecondsText>)]
    expires_in: Option<Seconds>,
}

/// For how long nobody is to be told.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Silence {
    /// At most 30 d; 0 ends the silence.
    #[serde(rename = "for")]
    #[schema(value_type = SecondsText)]
    length: Seconds,
}

/// Lists alerts, the newest first.
///
/// # Errors
/// Wrong parameters, or the store.
#[utoipa::path(get, path = "/api/v1/alerts", tag = "alerts", operation_id = "list_alerts",
    params(
        ("open" = Option<bool>, Query, description = "Only open ones, or only ended ones"),
        ("acknowledged" = Option<bool>, Query, description = "Only acknowledged ones, or only the others"),
        ("host" = Option<String>, Query, description = "Only of the host with this public id"),
        ("type" = Option<String>, Query, description = "Only `missing_heartbeat`, `log_finding`, `internet` or `system_error`"),
        ("severity" = Option<String>, Query, description = "Only `info`, `warning` or `critical`"),
        ("cursor" = Option<i64>, Query, minimum = 0, description = "`next_cursor` of the page before"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "Alerts on the page, 50 if not said"),
    ),
    responses((status = 200, body = AlertList)))]
pub(crate) async fn list(state: web::Data<WebState>, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    let Some(filter) = filter(&state, &req)? else {
        return Ok(HttpResponse::Ok().json(AlertList { alerts: Vec::new(), next_cursor: None }));
    };
    let page = state.hub.db().read(move |conn| alerts::list(conn, &filter)).await?;
    let alerts = page.alerts.into_iter().map(AlertView::of).collect();
    Ok(HttpResponse::Ok().json(AlertList { alerts, next_cursor: page.next }))
}

/// The filter, or none when it names a host that is not there.
fn filter(state: &WebState, req: &HttpRequest) -> Result<Option<AlertFilter>, ApiError> {
    let mut params = Params::of(req.query_string());
    let mut filter = AlertFilter {
        open: params.flag("open"),
        acknowledged: params.flag("acknowledged"),
        host: None,
        alert_type: params.one_of("type", "must be missing_heartbeat, log_finding, internet or system_error", AlertType::parse),
        severity: params.parsed::<Severity>("severity"),
        before: params.cursor(),
        limit: params.limit(),
    };
    let host = params.text("host");
    params.done()?;
    if let Some(host_id) = host {
        let Some(entry) = state.hub.roster().find(&host_id) else { return Ok(None) };
        filter.host = Some(entry.row);
    }
    Ok(Some(filter))
}

/// One alert, with what was told about it and where.
///
/// # Errors
/// An unknown alert, or the store.
#[utoipa::path(get, path = "/api/v1/alerts/{id}", tag = "alerts", operation_id = "get_alert",
    params(("id" = i64, Path, description = "Number of the alert")), responses((status = 200, body = AlertDetail)))]
pub(crate) async fn get(state: web::Data<WebState>, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    Params::of(req.query_string()).done()?;
    let id = number(&req, "alert")?;
    let read = state.hub.db().read(move |conn| match alerts::get(conn, id)? {
        Some(alert) => Ok(Some((alert, view::notices(conn, id)?))),
        None => Ok(None),
    });
    let (alert, notices) = read.await?.ok_or_else(|| ApiError::not_found("alert"))?;
    Ok(HttpResponse::Ok().json(AlertDetail { alert: AlertView::of(alert), notices }))
}

/// Says that somebody knows.
///
/// # Errors
/// Wrong fields, an unknown alert, one that has ended, or the store.
#[utoipa::path(post, path = "/api/v1/alerts/{id}/acknowledge", tag = "alerts", operation_id = "acknowledge_alert",
    params(("id" = i64, Path, description = "Number of the alert")), request_body = Option<Acknowledge>,
    responses((status = 200, body = AlertView)))]
pub(crate) async fn acknowledge(
    state: web::Data<WebState>,
    who: Identity,
    req: HttpRequest,
    said: MaybeJson<Acknowledge>,
) -> Result<HttpResponse, ApiError> {
    let MaybeJson(said) = said;
    let by = match &said.by {
        Some(by) => body::plain_text("by", by, BY_MAX_CHARS)?,
        None => who.who.to_string(),
    };
    let note = said.note.as_deref().map(|note| body::plain_text("note", note, NOTE_MAX_CHARS)).transpose()?;
    let for_ms = said.expires_in.as_ref().map(|length| milliseconds("expires_in", length, LENGTH_S)).transpose()?;
    let alert = state.hub.acknowledge(number(&req, "alert")?, by, note, for_ms).await?;
    Ok(HttpResponse::Ok().json(AlertView::of(alert)))
}

/// Tells nobody about an alert and its host for a while; 0 ends the silence.
///
/// # Errors
/// Wrong fields, an unknown alert, one that has ended, or the store.
#[utoipa::path(post, path = "/api/v1/alerts/{id}/silence", tag = "alerts", operation_id = "silence_alert",
    params(("id" = i64, Path, description = "Number of the alert")), request_body = Silence,
    responses((status = 200, body = AlertView)))]
pub(crate) async fn silence(state: web::Data<WebState>, req: HttpRequest, said: Json<Silence>) -> Result<HttpResponse, ApiError> {
    let for_ms = milliseconds("for", &said.value.length, SILENCE_S)?;
    let alert = state.hub.silence(number(&req, "alert")?, for_ms).await?;
    Ok(HttpResponse::Ok().json(AlertView::of(alert)))
}

fn milliseconds(field: &str, length: &Seconds, range: RangeInclusive<u32>) -> Result<i64, ApiError> {
    Ok(i64::from(length.within(field, range)?) * 1_000)
}

/// The alert with this number.
///
/// # Errors
/// The store's.
pub(crate) async fn find(state: &WebState, id: i64) -> Result<Option<Alert>, ApiError> {
    Ok(state.hub.db().read(move |conn| alerts::get(conn, id)).await?)
}
