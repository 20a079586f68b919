//! The link in a message: looking at it changes nothing (preview bots look too), its one button acknowledges.

use crate::error::ApiError;
use crate::render;
use crate::state::WebState;
use crate::{alerts, time_text};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use actors::hub::HubError;
use actors::link::{LinkError, open_ack};
use serde::Serialize;
use store::alerts::{Acknowledged, Alert};

pub use actors::link::ack_link;

/// How an acknowledgement through a link is signed.
const BY_LINK: &str = "link in the message";

const ENDED: &str = "This alert has ended";
const KNOWN: &str = "Already acknowledged";

#[derive(Serialize)]
struct Page {
    heading: &'static str,
    paragraphs: Vec<&'static str>,
    facts: Option<Told>,
    button: bool,
}

/// What somebody must know to answer.
#[derive(Serialize)]
struct Told {
    what: String,
    host: Option<String>,
    severity: &'static str,
    since: String,
    acknowledged_by: Option<String>,
    acknowledged_at: Option<String>,
}

/// Shows the incident and the button.
///
/// # Errors
/// The store's; a link that is worth nothing is a page.
#[utoipa::path(get, path = "/ack/{token}", tag = "pages", operation_id = "show_acknowledge", security(()),
    params(("token" = String, Path, description = "The signed token of the message")),
    responses((status = 200, content_type = "text/html", body = String, description = "A page with one button"),
        (status = 404, content_type = "text/html", body = String, description = "The hub never made this link"),
        (status = 410, content_type = "text/html", body = String, description = "The link has expired")))]
pub(crate) async fn show(state: web::Data<WebState>, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    let alert = match linked(&state, &req).await? {
        Ok(alert) => alert,
        Err(worthless) => return Ok(worthless),
    };
    // After it has expired the link may give another.
    let known = alert.known_at(state.hub.now().wall);
    let heading = match (alert.is_open(), &known) {
        (false, _) => ENDED,
        (true, Some(_)) => KNOWN,
        (true, None) => "Acknowledge this alert?",
    };
    let button = alert.is_open() && known.is_none();
    Ok(page(&state, &req, StatusCode::OK, &Page { facts: Some(Told::of(&alert, known)), button, ..Page::headed(heading) }))
}

/// Acknowledges.
///
/// # Errors
/// The store's; a link that is worth nothing is a page.
#[utoipa::path(post, path = "/ack/{token}", tag = "pages", operation_id = "acknowledge_by_link", security(()),
    params(("token" = String, Path, description = "The signed token of the message")),
    responses((status = 200, content_type = "text/html", body = String, description = "Acknowledged, or ended already"),
        (status = 404, content_type = "text/html", body = String, description = "The hub never made this link"),
        (status = 410, content_type = "text/html", body = String, description = "The link has expired")))]
pub(crate) async fn acknowledge(state: web::Data<WebState>, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    let alert = match linked(&state, &req).await? {
        Ok(alert) => alert,
        Err(worthless) => return Ok(worthless),
    };
    // After it has expired the link may give another.
    let known = alert.known_at(state.hub.now().wall);
    let heading = match (alert.is_open(), known) {
        (false, _) => ENDED,
        (true, Some(_)) => KNOWN,
        (true, None) => match state.hub.acknowledge(alert.id, BY_LINK.to_owned(), None, None).await {
            Ok(_) => "Acknowledged",
            Err(HubError::Over | HubError::NotFound(_)) => ENDED,
            Err(e) => return Err(e.into()),
        },
    };
    let facts = Some(Told::of(&alert, known));
    Ok(page(&state, &req, StatusCode::OK, &Page { facts, ..Page::headed(heading) }))
}

/// The alert the link names, or the page that says why it names none.
async fn linked(state: &WebState, req: &HttpRequest) -> Result<Result<Alert, HttpResponse>, ApiError> {
    let token = req.match_info().get("token").unwrap_or_default();
    let id = match open_ack(state.hub.keyring(), token, state.hub.now().wall) {
        Ok(id) => id,
        Err(LinkError::Expired) => {
            let text = "Acknowledge the alert on the hub itself, or through a newer message.";
            let expired = Page { paragraphs: vec![text], ..Page::headed("This link has expired") };
            return Ok(Err(page(state, req, StatusCode::GONE, &expired)));
        }
        Err(LinkError::Forged) => return Ok(Err(unknown(state, req))),
    };
    Ok(alerts::find(state, id).await?.ok_or_else(|| unknown(state, req)))
}

fn unknown(state: &WebState, req: &HttpRequest) -> HttpResponse {
    let text = "Copy the whole link from the message, and check that it belongs to this hub.";
    page(state, req, StatusCode::NOT_FOUND, &Page { paragraphs: vec![text], ..Page::headed("This link is not valid") })
}

fn page(state: &WebState, req: &HttpRequest, status: StatusCode, page: &Page) -> HttpResponse {
    render::page(state, req, status, "ack", page.heading, "ack", None, page)
}

impl Page {
    fn headed(heading: &'static str) -> Page {
        Page { heading, paragraphs: Vec::new(), facts: None, button: false }
    }
}

impl Told {
    fn of(alert: &Alert, known: Option<&Acknowledged>) -> Told {
        Told {
            what: alert.message.clone(),
            host: alert.host_name.clone(),
            severity: alert.severity.as_str(),
            since: time_text::text(alert.created_at),
            acknowledged_by: known.map(|known| known.by.clone()),
            acknowledged_at: known.map(|known| time_text::text(known.at)),
        }
    }
}
