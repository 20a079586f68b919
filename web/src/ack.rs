//! The link in a message: looking at it changes nothing (preview bots look too), its one button acknowledges.

use crate::error::ApiError;
use crate::page::{escape, page};
use crate::state::WebState;
use crate::{alerts, time_text};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use actors::hub::HubError;
use actors::link::{LinkError, open_ack};
use store::alerts::{Acknowledged, Alert};

pub use actors::link::ack_link;

/// How an acknowledgement through a link is signed.
const BY_LINK: &str = "link in the message";

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
    let facts = facts(&alert);
    Ok(match in_force(&state, &alert) {
        _ if !alert.is_open() => page(StatusCode::OK, "This alert has ended", &facts),
        Some(known) => {
            let who = escape(&known.by);
            page(
                StatusCode::OK,
                "Already acknowledged",
                &format!("<p>Acknowledged by {who} at {}.</p>{facts}", time_text::text(known.at)),
            )
        }
        None => {
            let button = "<form method=\"post\"><button type=\"submit\">Acknowledge</button></form>";
            page(StatusCode::OK, "Acknowledge this alert?", &format!("{facts}{button}"))
        }
    })
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
    let facts = facts(&alert);
    if !alert.is_open() {
        return Ok(page(StatusCode::OK, "This alert has ended", &facts));
    }
    if in_force(&state, &alert).is_some() {
        return Ok(page(StatusCode::OK, "Already acknowledged", &facts));
    }
    match state.hub.acknowledge(alert.id, BY_LINK.to_owned(), None, None).await {
        Ok(_) => Ok(page(StatusCode::OK, "Acknowledged", &facts)),
        Err(HubError::Over | HubError::NotFound(_)) => Ok(page(StatusCode::OK, "This alert has ended", &facts)),
        Err(e) => Err(e.into()),
    }
}

/// The alert the link names, or the page that says why it names none.
async fn linked(state: &WebState, req: &HttpRequest) -> Result<Result<Alert, HttpResponse>, ApiError> {
    let token = req.match_info().get("token").unwrap_or_default();
    let id = match open_ack(state.hub.keyring(), token, state.hub.now().wall) {
        Ok(id) => id,
        Err(LinkError::Expired) => {
            let body = "<p>Acknowledge the alert on the hub itself, or through a newer message.</p>";
            return Ok(Err(page(StatusCode::GONE, "This link has expired", body)));
        }
        Err(LinkError::Forged) => return Ok(Err(unknown())),
    };
    Ok(alerts::find(state, id).await?.ok_or_else(unknown))
}

/// The acknowledgement, if it has not expired: after that the link may give another.
fn in_force<'a>(state: &WebState, alert: &'a Alert) -> Option<&'a Acknowledged> {
    let now = state.hub.now().wall;
    alert.acknowledged.as_ref().filter(|known| known.expires_at.is_none_or(|at| at > now))
}

fn unknown() -> HttpResponse {
    let body = "<p>Copy the whole link from the message, and check that it belongs to this hub.</p>";
    page(StatusCode::NOT_FOUND, "This link is not valid", body)
}

fn facts(alert: &Alert) -> String {
    let host = alert.host_name.as_deref().map(|name| format!("<dt>Host</dt><dd>{}</dd>", escape(name))).unwrap_or_default();
    format!(
        "<dl><dt>What</dt><dd>{}</dd>{host}<dt>Severity</dt><dd>{}</dd><dt>Since</dt><dd>{}</dd></dl>",
        escape(&alert.message),
        alert.severity.as_str(),
        time_text::text(alert.created_at)
    )
}
