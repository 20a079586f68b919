//! The delivery log: each attempt to tell somebody, and what the other side said.

use super::Link;
use super::alert::{Attempt, attempt};
use crate::error::ApiError;
use crate::query::Params;
use crate::render;
use crate::state::WebState;
use crate::viewer::Viewer;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use store::{channels, deliveries};

/// Attempts on a page.
const ROWS: u32 = 50;

#[derive(Serialize)]
struct Page {
    attempts: Vec<Attempt>,
    channels: Vec<String>,
    channel: String,
    has_webhook: bool,
    pages: bool,
    previous: Option<String>,
    next: Option<String>,
}

/// The delivery log.
///
/// # Errors
/// Wrong parameters, or the store.
#[utoipa::path(get, path = "/deliveries", tag = "pages", operation_id = "deliveries_page",
    params(
        ("webhook" = Option<String>, Query, description = "Only attempts on the webhook with this name"),
        ("cursor" = Option<i64>, Query, minimum = 0, description = "Where the page begins"),
    ),
    responses((status = 200, content_type = "text/html", body = String, description = "The page")))]
pub(crate) async fn show(state: web::Data<WebState>, req: HttpRequest, viewer: Viewer) -> Result<HttpResponse, ApiError> {
    let mut params = Params::of(req.query_string());
    let (name, cursor) = (params.text("webhook"), params.cursor());
    params.done()?;
    let wanted = name.clone();
    let read = state.hub.db().read(move |conn| {
        let channels = channels::list(conn)?;
        let channel = wanted.map(|name| channels.iter().find(|channel| channel.name == name).map_or(0, |channel| channel.id));
        Ok((deliveries::list(conn, channel, cursor, ROWS)?, channels))
    });
    let (log, channels) = read.await?;
    let link = |cursor: Option<i64>| {
        let cursor = cursor.map(|at| at.to_string());
        Link::to("/deliveries").with("webhook", name.as_deref()).with("cursor", cursor.as_deref()).text()
    };
    let next = log.next.map(|at| link(Some(at)));
    let page = Page {
        attempts: log.deliveries.into_iter().map(|delivery| attempt(delivery, &channels)).collect(),
        pages: next.is_some() || cursor.is_some(),
        previous: cursor.map(|_| link(None)),
        next,
        channels: channels.into_iter().map(|channel| channel.name).collect(),
        channel: name.clone().unwrap_or_default(),
        has_webhook: !state.hub.settings().channels().is_empty(),
    };
    Ok(render::page(&state, &req, StatusCode::OK, "deliveries", "Deliveries", "deliveries", Some(&viewer), &page))
}
