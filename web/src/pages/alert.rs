//! One incident: what happened when, who knows, what was told where; acknowledged and silenced here.

use super::alerts::{state_of, type_words};
use crate::alerts::{LENGTH_S, NOTE_MAX_CHARS, NoticeView, SILENCE_S, notices};
use crate::body::plain_text;
use crate::error::ApiError;
use crate::keys::number;
use crate::query::Params;
use crate::render::{self, Flash, see_other};
use crate::state::WebState;
use crate::time_text;
use crate::viewer::{CheckedForm, Viewer};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use actors::hub::HubError;
use domain::duration::{Seconds, words, words_ms};
use domain::field::FieldError;
use domain::time::Wall;
use serde::Serialize;
use std::ops::RangeInclusive;
use store::alerts::{self, Alert};
use store::channels;
use store::deliveries::{self, Delivery};

/// Attempts shown.
const ATTEMPTS_MOST: u32 = 100;

#[derive(Serialize)]
struct Page {
    id: i64,
    state: &'static str,
    severity: &'static str,
    kind: &'static str,
    message: String,
    why: String,
    host_id: Option<String>,
    host_name: Option<String>,
    since: String,
    ended: Option<String>,
    length: String,
    resolution: Option<String>,
    acknowledged_by: Option<String>,
    acknowledged_at: Option<String>,
    acknowledged_until: Option<String>,
    note: Option<String>,
    silenced_until: Option<String>,
    open: bool,
    timeline: Vec<Step>,
    attempts: Vec<Attempt>,
}

/// Something in the life of an incident.
#[derive(Serialize)]
struct Step {
    at: String,
    mark: &'static str,
    text: String,
    more: Option<String>,
}

/// An attempt to deliver something about it.
#[derive(Serialize)]
pub(super) struct Attempt {
    at: String,
    channel: String,
    outcome: String,
    good: bool,
    http_status: Option<u16>,
    error: Option<String>,
}

/// The page of an incident.
///
/// # Errors
/// An unknown alert, or the store.
#[utoipa::path(get, path = "/alerts/{id}", tag = "pages", operation_id = "alert_page",
    params(("id" = i64, Path, description = "Number of the alert")),
    responses((status = 200, content_type = "text/html", body = String, description = "The page")))]
pub(crate) async fn show(state: web::Data<WebState>, req: HttpRequest, viewer: Viewer) -> Result<HttpResponse, ApiError> {
    Params::of(req.query_string()).done()?;
    let id = number(&req, "alert")?;
    let read = state.hub.db().read(move |conn| match alerts::get(conn, id)? {
        Some(alert) => {
            Ok(Some((alert, notices(conn, id)?, deliveries::of_alert(conn, id, ATTEMPTS_MOST)?, channels::list(conn)?)))
        }
        None => Ok(None),
    });
    let (alert, told, tried, channels) = read.await?.ok_or_else(|| ApiError::not_found("alert"))?;
    let attempts = tried.into_iter().map(|delivery| attempt(delivery, &channels)).collect();
    let page = page(alert, told, attempts, state.hub.now().wall);
    let title = format!("Alert {id}");
    Ok(render::page(&state, &req, StatusCode::OK, "alert", &title, "alerts", Some(&viewer), &page))
}

fn page(alert: Alert, told: Vec<NoticeView>, attempts: Vec<Attempt>, now: Wall) -> Page {
    let facts = alert.facts();
    let known = alert.acknowledged.clone();
    Page {
        id: alert.id,
        state: state_of(&alert, now),
        severity: alert.severity.as_str(),
        kind: type_words(alert.alert_type),
        why: facts.map(|facts| facts.why).filter(|why| *why != alert.message).unwrap_or_default(),
        timeline: timeline(&alert, told),
        since: time_text::text(alert.created_at),
        ended: alert.resolved_at.map(time_text::text),
        length: words_ms(alert.resolved_at.unwrap_or(now).0 - alert.created_at.0),
        acknowledged_at: known.as_ref().map(|known| time_text::text(known.at)),
        acknowledged_until: known.as_ref().and_then(|known| known.expires_at).map(time_text::text),
        note: known.as_ref().and_then(|known| known.note.clone()),
        acknowledged_by: known.map(|known| known.by),
        silenced_until: alert.silenced_until.filter(|until| *until > now).map(time_text::text),
        open: alert.is_open(),
        message: alert.message,
        host_id: alert.host_id,
        host_name: alert.host_name,
        resolution: alert.resolution,
        attempts,
    }
}

/// What happened to the incident, in order.
fn timeline(alert: &Alert, told: Vec<NoticeView>) -> Vec<Step> {
    let mut steps = vec![Step { at: time_text::text(alert.created_at), mark: "down", text: alert.message.clone(), more: None }];
    if let Some(known) = &alert.acknowledged {
        let text = format!("Acknowledged by {}", known.by);
        steps.push(Step { at: time_text::text(known.at), mark: "acknowledged", text, more: known.note.clone() });
    }
    if let Some(at) = alert.resolved_at {
        let text = "Ended".to_owned();
        steps.push(Step { at: time_text::text(at), mark: "up", text, more: alert.resolution.clone() });
    }
    steps.extend(told.into_iter().map(step));
    steps.sort_by(|a, b| a.at.cmp(&b.at));
    steps
}

fn step(notice: NoticeView) -> Step {
    let channel = notice.channel.unwrap_or_else(|| "a removed webhook".to_owned());
    let what = match notice.kind.as_str() {
        "opened" => "The alert",
        "edited" => "An edit of the message",
        _ => "The recovery",
    };
    let (mark, text) = match notice.state.as_str() {
        "sent" => ("bell", format!("{what} was sent to {channel}")),
        "refused" => ("down", format!("{what} was refused by {channel}")),
        "skipped" => ("silenced", format!("{what} was not sent to {channel}")),
        _ => ("unknown", format!("{what} waits to be sent to {channel} ({} attempts so far)", notice.attempts)),
    };
    let more = [notice.reason, notice.error].into_iter().flatten().collect::<Vec<_>>().join("; ");
    Step { at: notice.sent_at.unwrap_or(notice.created_at), mark, text, more: (!more.is_empty()).then_some(more) }
}

/// An attempt for people.
pub(super) fn attempt(delivery: Delivery, channels: &[channels::Channel]) -> Attempt {
    let channel = channels.iter().find(|channel| channel.id == delivery.channel).map(|channel| channel.name.clone());
    Attempt {
        at: time_text::text(delivery.at),
        channel: channel.unwrap_or_else(|| "removed".to_owned()),
        good: matches!(delivery.outcome.as_str(), "delivered" | "edited"),
        outcome: delivery.outcome,
        http_status: delivery.http_status,
        error: delivery.error,
    }
}

/// Says that somebody knows.
///
/// # Errors
/// An unknown alert, or the store; wrong fields are told on the page.
#[utoipa::path(post, path = "/alerts/{id}/acknowledge", tag = "pages", operation_id = "acknowledge_page",
    params(("id" = i64, Path, description = "Number of the alert")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "`note=…&for=4h`"),
    responses((status = 303, description = "To the alert")))]
pub(crate) async fn acknowledge(
    state: web::Data<WebState>,
    req: HttpRequest,
    sent: CheckedForm,
) -> Result<HttpResponse, ApiError> {
    let id = number(&req, "alert")?;
    let field = |name| sent.form.get(name).map(str::trim).filter(|text| !text.is_empty());
    // A note of several lines is one line in messages.
    let note = field("note").map(|note| note.split_whitespace().collect::<Vec<_>>().join(" "));
    if note.as_deref().is_some_and(|note| plain_text("note", note, NOTE_MAX_CHARS).is_err()) {
        return Ok(back(
            &state,
            id,
            Flash::bad(format!("Not acknowledged: the note may have at most {NOTE_MAX_CHARS} characters.")),
        ));
    }
    let for_ms = match field("for").map(|text| length(text, LENGTH_S)).transpose() {
        Ok(for_ms) => for_ms,
        Err(e) => return Ok(back(&state, id, Flash::bad(format!("Not acknowledged: the length {}.", e.message)))),
    };
    let done = state.hub.acknowledge(id, sent.viewer.who.to_string(), note, for_ms).await;
    told(&state, id, done, "Acknowledged: the message says so too.".to_owned())
}

/// Tells nobody about an alert and its host for a while; 0 ends the silence.
///
/// # Errors
/// An unknown alert, or the store; a wrong length is told on the page.
#[utoipa::path(post, path = "/alerts/{id}/silence", tag = "pages", operation_id = "silence_page",
    params(("id" = i64, Path, description = "Number of the alert")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "`for=2h`"),
    responses((status = 303, description = "To the alert")))]
pub(crate) async fn silence(state: web::Data<WebState>, req: HttpRequest, sent: CheckedForm) -> Result<HttpResponse, ApiError> {
    let id = number(&req, "alert")?;
    let for_ms = match length(sent.form.get("for").unwrap_or_default().trim(), SILENCE_S) {
        Ok(for_ms) => for_ms,
        Err(e) => return Ok(back(&state, id, Flash::bad(format!("Not silenced: the length {}.", e.message)))),
    };
    let done = match u64::try_from(for_ms / 1_000) {
        Ok(0) | Err(_) => "The silence has ended.".to_owned(),
        Ok(seconds) => format!("Nobody is told about this for {}.", words(seconds)),
    };
    told(&state, id, state.hub.silence(id, for_ms).await, done)
}

fn length(text: &str, range: RangeInclusive<u32>) -> Result<i64, FieldError> {
    Ok(i64::from(Seconds::Text(text.to_owned()).within("for", range)?) * 1_000)
}

fn told(state: &WebState, id: i64, done: Result<Alert, HubError>, good: String) -> Result<HttpResponse, ApiError> {
    match done {
        Ok(_) => Ok(back(state, id, Flash::good(good))),
        Err(HubError::Over) => Ok(back(state, id, Flash::bad("This incident has ended: there is nothing left to do."))),
        Err(e) => Err(e.into()),
    }
}

fn back(state: &WebState, id: i64, flash: Flash) -> HttpResponse {
    see_other(state, &format!("/alerts/{id}"), flash)
}
