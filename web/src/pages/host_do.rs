//! What is done to a host from its page: paused, resumed, silenced, given a new token, removed.

use crate::alerts::SILENCE_S;
use crate::error::ApiError;
use crate::hosts::id_in;
use crate::render::{self, Flash, see_other};
use crate::state::WebState;
use crate::viewer::{CheckedForm, Viewer};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use actors::hub::HubError;
use actors::logs::Begun;
use domain::duration::{Seconds, words};
use serde::Serialize;

#[derive(Serialize)]
struct Question {
    heading: String,
    text: &'static str,
    action: String,
    button: &'static str,
    back: String,
}

/// Stops judging a host.
///
/// # Errors
/// An unknown host, or the store.
#[utoipa::path(post, path = "/hosts/{host_id}/pause", tag = "pages", operation_id = "pause_host_page",
    params(("host_id" = String, Path, description = "Public id of the host")),
    responses((status = 303, description = "To the host")))]
pub(crate) async fn pause(state: web::Data<WebState>, req: HttpRequest, _sent: CheckedForm) -> Result<HttpResponse, ApiError> {
    let record = state.hub.pause_host(id_in(&req)?).await?;
    back(&state, &req, format!("{} is paused: nobody is told about it until you resume it.", record.spec.name))
}

/// Judges a paused host again.
///
/// # Errors
/// An unknown host, or the store.
#[utoipa::path(post, path = "/hosts/{host_id}/resume", tag = "pages", operation_id = "resume_host_page",
    params(("host_id" = String, Path, description = "Public id of the host")),
    responses((status = 303, description = "To the host")))]
pub(crate) async fn resume(state: web::Data<WebState>, req: HttpRequest, _sent: CheckedForm) -> Result<HttpResponse, ApiError> {
    let record = state.hub.resume_host(id_in(&req)?).await?;
    back(&state, &req, format!("{} is watched again, from now on.", record.spec.name))
}

/// Looks at the host's log now.
///
/// # Errors
/// An unknown host, or the store.
#[utoipa::path(post, path = "/hosts/{host_id}/analyze", tag = "pages", operation_id = "analyze_host_page",
    params(("host_id" = String, Path, description = "Public id of the host")),
    responses((status = 303, description = "To the host")))]
pub(crate) async fn analyze(state: web::Data<WebState>, req: HttpRequest, _sent: CheckedForm) -> Result<HttpResponse, ApiError> {
    let host_id = id_in(&req)?;
    let flash = match state.hub.analyze(host_id).await {
        Ok(Begun::Now) => Flash::good("Its log is being read. What is found shows here.".to_owned()),
        Ok(Begun::Already) => Flash::good("Its log is being read already.".to_owned()),
        Err(HubError::NotNow(why)) => Flash::bad(format!("Not read: {why}.")),
        Err(e) => return Err(e.into()),
    };
    Ok(see_other(&state, &path(host_id), flash))
}

/// Tells nobody about a host for a while; 0 ends the silence.
///
/// # Errors
/// An unknown host, or the store; a wrong length is told on the page.
#[utoipa::path(post, path = "/hosts/{host_id}/silence", tag = "pages", operation_id = "silence_host_page",
    params(("host_id" = String, Path, description = "Public id of the host")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "`for=2h`"),
    responses((status = 303, description = "To the host")))]
pub(crate) async fn silence(state: web::Data<WebState>, req: HttpRequest, sent: CheckedForm) -> Result<HttpResponse, ApiError> {
    let host_id = id_in(&req)?;
    let length = Seconds::Text(sent.form.get("for").unwrap_or_default().trim().to_owned());
    let seconds = match length.within("for", SILENCE_S) {
        Ok(seconds) => seconds,
        Err(e) => return Ok(see_other(&state, &path(host_id), Flash::bad(format!("Not silenced: the length {}.", e.message)))),
    };
    let until = (seconds > 0).then(|| state.hub.now().wall.plus_ms(i64::from(seconds) * 1_000));
    let record = state.hub.silence_host(host_id, until).await?;
    let name = record.spec.name;
    back(
        &state,
        &req,
        match seconds {
            0 => format!("The silence of {name} has ended."),
            _ => format!("Nobody is told about {name} for {}.", words(seconds.into())),
        },
    )
}

/// Gives a host a new token.
///
/// # Errors
/// An unknown host, or the store.
#[utoipa::path(post, path = "/hosts/{host_id}/rotate-token", tag = "pages", operation_id = "rotate_token_page",
    params(("host_id" = String, Path, description = "Public id of the host")),
    responses((status = 303, description = "To the host")))]
pub(crate) async fn rotate_token(
    state: web::Data<WebState>,
    req: HttpRequest,
    _sent: CheckedForm,
) -> Result<HttpResponse, ApiError> {
    state.hub.rotate_token(id_in(&req)?).await?;
    back(
        &state,
        &req,
        "The heartbeat URL has a new token; calls with the old one are refused. Copy the new URL to the machine.".into(),
    )
}

/// Asks before a token is replaced.
///
/// # Errors
/// An unknown host.
#[utoipa::path(get, path = "/hosts/{host_id}/rotate-token", tag = "pages", operation_id = "rotate_token_question",
    params(("host_id" = String, Path, description = "Public id of the host")),
    responses((status = 200, content_type = "text/html", body = String, description = "A page with one button")))]
pub(crate) async fn ask_rotate(state: web::Data<WebState>, req: HttpRequest, viewer: Viewer) -> Result<HttpResponse, ApiError> {
    let text = "The machine must be given the new URL: calls with the old one are refused at once, and the host goes down if nobody changes it.";
    ask(&state, &req, &viewer, ("Give a new token to", text, "rotate-token", "Make a new token")).await
}

/// Asks before a host is removed.
///
/// # Errors
/// An unknown host.
#[utoipa::path(get, path = "/hosts/{host_id}/remove", tag = "pages", operation_id = "remove_host_question",
    params(("host_id" = String, Path, description = "Public id of the host")),
    responses((status = 200, content_type = "text/html", body = String, description = "A page with one button")))]
pub(crate) async fn ask_remove(state: web::Data<WebState>, req: HttpRequest, viewer: Viewer) -> Result<HttpResponse, ApiError> {
    let text = "It is no longer watched, its URL is refused and its heartbeats are deleted. Its alerts stay readable. This cannot be undone; to stop alerts for a while, pause it.";
    ask(&state, &req, &viewer, ("Remove", text, "remove", "Remove this host")).await
}

/// Removes a host.
///
/// # Errors
/// An unknown host, or the store.
#[utoipa::path(post, path = "/hosts/{host_id}/remove", tag = "pages", operation_id = "remove_host_page",
    params(("host_id" = String, Path, description = "Public id of the host")),
    responses((status = 303, description = "To the dashboard")))]
pub(crate) async fn remove(state: web::Data<WebState>, req: HttpRequest, _sent: CheckedForm) -> Result<HttpResponse, ApiError> {
    let host_id = id_in(&req)?;
    let name = state.hub.host(host_id).await?.spec.name;
    state.hub.remove_host(host_id).await?;
    Ok(see_other(&state, "/dashboard", Flash::good(format!("{name} was removed."))))
}

async fn ask(
    state: &WebState,
    req: &HttpRequest,
    viewer: &Viewer,
    (what, text, action, button): (&str, &'static str, &str, &'static str),
) -> Result<HttpResponse, ApiError> {
    let host_id = id_in(req)?;
    let name = state.hub.host(host_id).await?.spec.name;
    let heading = format!("{what} {name}?");
    let question =
        Question { heading: heading.clone(), text, action: format!("/hosts/{host_id}/{action}"), button, back: path(host_id) };
    Ok(render::page(state, req, StatusCode::OK, "question", &heading, "dashboard", Some(viewer), &question))
}

fn path(host_id: &str) -> String {
    format!("/hosts/{host_id}")
}

fn back(state: &WebState, req: &HttpRequest, done: String) -> Result<HttpResponse, ApiError> {
    Ok(see_other(state, &path(id_in(req)?), Flash::good(done)))
}
