//! Hosts: listed, added, changed, paused and removed.

mod history;
mod uptime;
mod view;

pub(crate) use history::{__path_events, __path_explain, __path_heartbeats, events, explain, heartbeats};
pub use history::{BeatList, BeatView, EventList, EventView, ExplainView};
pub(crate) use uptime::{__path_uptime, uptime};
pub use uptime::{OutageView, UptimeView, WindowView};
pub(crate) use view::next_expected_by;
pub use view::{BrokenView, HostBody, HostList, HostView, LogBody, SecondsText};

use crate::auth::Identity;
use crate::body::Json;
use crate::error::ApiError;
use crate::query::Params;
use crate::state::WebState;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use domain::host::{HostDraft, Status};
use store::hosts::{self, HostFilter};
use view::Viewer;

/// Longest text searched for.
const SEARCH_MAX_CHARS: usize = 200;

/// The host id in the path; one that is impossible names nothing.
pub(crate) fn id_in(req: &HttpRequest) -> Result<&str, ApiError> {
    let id = req.match_info().get("host_id").unwrap_or_default();
    if domain::host::HostId::is_valid(id) { Ok(id) } else { Err(ApiError::not_found("host")) }
}

/// Lists hosts.
///
/// # Errors
/// Wrong parameters, or the store.
#[utoipa::path(get, path = "/api/v1/hosts", tag = "hosts", operation_id = "list_hosts",
    params(
        ("status" = Option<String>, Query, description = "Only those `up`, `down` or `unknown`"),
        ("paused" = Option<bool>, Query, description = "Only those paused, or not paused"),
        ("tag" = Option<String>, Query, description = "Only those with this tag"),
        ("text" = Option<String>, Query, description = "Only those with this text in name, id or description"),
        ("cursor" = Option<i64>, Query, minimum = 0, description = "`next_cursor` of the page before"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "Hosts on the page, 50 if not said"),
    ),
    responses((status = 200, body = HostList)))]
pub(crate) async fn list(state: web::Data<WebState>, who: Identity, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    let filter = filter(&req)?;
    let viewer = Viewer::new(&req, &state, &who);
    let (business, with_tokens) = (state.business.clone(), who.may_write());
    let read = state.hub.db().read(move |conn| {
        let page = hosts::list(conn, &filter, &business)?;
        let mut tokens = Vec::new();
        for host in page.hosts.iter().flatten().filter(|_| with_tokens) {
            tokens.push(hosts::token_sealed(conn, host.row)?);
        }
        Ok((page, tokens))
    });
    let (page, tokens) = read.await?;
    Ok(HttpResponse::Ok().json(viewer.list(page, tokens).await))
}

fn filter(req: &HttpRequest) -> Result<HostFilter, ApiError> {
    let mut params = Params::of(req.query_string());
    let filter = HostFilter {
        status: params.parsed::<Status>("status"),
        paused: params.flag("paused"),
        tag: params.text("tag"),
        text: params.text("text"),
        after: params.cursor(),
        limit: params.limit(),
    };
    params.done()?;
    if filter.text.as_deref().is_some_and(|text| text.chars().count() > SEARCH_MAX_CHARS) {
        return Err(ApiError::field("text", format!("must have at most {SEARCH_MAX_CHARS} characters")));
    }
    Ok(filter)
}

/// Adds a host and starts watching it.
///
/// # Errors
/// Every wrong field, a name that is taken, or the store.
#[utoipa::path(post, path = "/api/v1/hosts", tag = "hosts", operation_id = "create_host", request_body = HostBody,
    responses((status = 201, body = HostView, headers(("Location" = String, description = "Where the host is")))))]
pub(crate) async fn create(
    state: web::Data<WebState>,
    who: Identity,
    req: HttpRequest,
    draft: Json<HostDraft>,
) -> Result<HttpResponse, ApiError> {
    let made = state.hub.create_host(&draft.value).await.map_err(|e| as_written(e.into(), &draft))?;
    let location = format!("/api/v1/hosts/{}", made.record.spec.host_id);
    let view = Viewer::new(&req, &state, &who).host(made.record, Some(made.token)).await;
    Ok(HttpResponse::Created().insert_header((LOCATION, location)).json(view))
}

/// One host.
///
/// # Errors
/// An unknown host, or the store.
#[utoipa::path(get, path = "/api/v1/hosts/{host_id}", tag = "hosts", operation_id = "get_host",
    params(("host_id" = String, Path, description = "Public id of the host")), responses((status = 200, body = HostView)))]
pub(crate) async fn get(state: web::Data<WebState>, who: Identity, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    Params::of(req.query_string()).done()?;
    let record = state.hub.host(id_in(&req)?).await?;
    shown(&state, &who, &req, record).await
}

/// Changes the fields that are named.
///
/// # Errors
/// Every wrong field, a name that is taken, an unknown host, or the store.
#[utoipa::path(patch, path = "/api/v1/hosts/{host_id}", tag = "hosts", operation_id = "update_host", request_body = HostBody,
    params(("host_id" = String, Path, description = "Public id of the host")), responses((status = 200, body = HostView)))]
pub(crate) async fn update(
    state: web::Data<WebState>,
    who: Identity,
    req: HttpRequest,
    draft: Json<HostDraft>,
) -> Result<HttpResponse, ApiError> {
    let changed = state.hub.update_host(id_in(&req)?, draft.value.clone()).await;
    let record = changed.map_err(|e| as_written(e.into(), &draft))?;
    shown(&state, &who, &req, record).await
}

/// Removes a host; its alerts stay readable.
///
/// # Errors
/// An unknown host, or the store.
#[utoipa::path(delete, path = "/api/v1/hosts/{host_id}", tag = "hosts", operation_id = "remove_host",
    params(("host_id" = String, Path, description = "Public id of the host")), responses((status = 204)))]
pub(crate) async fn remove(state: web::Data<WebState>, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    state.hub.remove_host(id_in(&req)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Stops judging a host until it is resumed.
///
/// # Errors
/// An unknown host, or the store.
#[utoipa::path(post, path = "/api/v1/hosts/{host_id}/pause", tag = "hosts", operation_id = "pause_host",
    params(("host_id" = String, Path, description = "Public id of the host")), responses((status = 200, body = HostView)))]
pub(crate) async fn pause(state: web::Data<WebState>, who: Identity, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    let record = state.hub.pause_host(id_in(&req)?).await?;
    shown(&state, &who, &req, record).await
}

/// Judges a paused host again, from now.
///
/// # Errors
/// An unknown host, or the store.
#[utoipa::path(post, path = "/api/v1/hosts/{host_id}/resume", tag = "hosts", operation_id = "resume_host",
    params(("host_id" = String, Path, description = "Public id of the host")), responses((status = 200, body = HostView)))]
pub(crate) async fn resume(state: web::Data<WebState>, who: Identity, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    let record = state.hub.resume_host(id_in(&req)?).await?;
    shown(&state, &who, &req, record).await
}

/// Gives a host a new token; the old one is refused from now on.
///
/// # Errors
/// An unknown host, or the store.
#[utoipa::path(post, path = "/api/v1/hosts/{host_id}/rotate-token", tag = "hosts", operation_id = "rotate_token",
    params(("host_id" = String, Path, description = "Public id of the host")), responses((status = 200, body = HostView)))]
pub(crate) async fn rotate_token(state: web::Data<WebState>, who: Identity, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    let made = state.hub.rotate_token(id_in(&req)?).await?;
    let view = Viewer::new(&req, &state, &who).host(made.record, Some(made.token)).await;
    Ok(HttpResponse::Ok().json(view))
}

async fn shown(
    state: &web::Data<WebState>,
    who: &Identity,
    req: &HttpRequest,
    record: hosts::HostRecord,
) -> Result<HttpResponse, ApiError> {
    let token = if who.may_write() { Some(state.hub.token_of(record.spec.host_id.as_str()).await?) } else { None };
    let mut view = Viewer::new(req, state, who).host(record, token).await;
    view.token = None; // part of the URL; by itself only when it is new
    Ok(HttpResponse::Ok().json(view))
}

/// The error with the names the client used: the long ones of the API unless the short ones were written.
fn as_written(error: ApiError, draft: &Json<HostDraft>) -> ApiError {
    let mut error = error;
    for (short, long) in [("expected_frequency", "expected_frequency_seconds"), ("grace_period", "grace_period_seconds")] {
        if !draft.has(short) {
            error = error.renamed(short, long);
        }
    }
    error
}
