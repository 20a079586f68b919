//! What strangers may see, if an admin says so: a status page and badges of the hosts with one tag. No ids of tokens, no reasons,
//! no addresses: a name, a state, an uptime.

use super::dashboard::{percent, status_of};
use crate::error::ApiError;
use crate::fleet::{self, FleetQuery, FleetRow};
use crate::hosts::id_in;
use crate::query::Params;
use crate::render;
use crate::state::WebState;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use actors::settings::Public;
use domain::host::Status;
use serde::Serialize;

/// Hosts of the status page.
const HOSTS_MAX: u32 = 100;
/// Width of a letter in a badge, about.
const LETTER: usize = 7;
/// Longest name in a badge.
const BADGE_CHARS: usize = 40;

#[derive(Serialize)]
struct Page {
    title: String,
    worst: &'static str,
    sentence: &'static str,
    rows: Vec<Row>,
    more: usize,
}

#[derive(Serialize)]
struct Row {
    name: String,
    status: &'static str,
    uptime: Option<String>,
    strip: Vec<&'static str>,
}

/// The public status page.
///
/// # Errors
/// 404 unless it is switched on; the store's.
#[utoipa::path(get, path = "/status", tag = "pages", operation_id = "status_page", security(()),
    responses((status = 200, content_type = "text/html", body = String, description = "The page, if it is switched on")))]
pub(crate) async fn show(state: web::Data<WebState>, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    Params::of(req.query_string()).done()?;
    let public = switched_on(&state)?;
    let query = FleetQuery { tag: Some(public.tag.clone()), limit: HOSTS_MAX, ..FleetQuery::default() };
    let found = fleet::list(&state, &query).await?;
    let more = found.matching - found.rows.len().min(found.matching);
    let rows: Vec<Row> = found.rows.into_iter().filter(|row| has(&row.tags, &public)).map(row).collect();
    let down = rows.iter().any(|row| row.status == "down");
    let (worst, sentence) = match (rows.is_empty(), down) {
        (true, _) => ("unknown", "Nothing is shown here yet."),
        (false, true) => ("down", "Something is down."),
        (false, false) => ("up", "Everything works."),
    };
    let page = Page { title: public.title, worst, sentence, rows, more };
    Ok(render::page(&state, &req, StatusCode::OK, "status", &page.title, "status", None, &page))
}

/// What is public, or that there is nothing: to strangers a switched-off page looks like one that never was.
fn switched_on(state: &WebState) -> Result<Public, ApiError> {
    let public = state.hub.settings().public();
    if public.enabled { Ok(public) } else { Err(ApiError::not_found("page")) }
}

fn has(tags: &[String], public: &Public) -> bool {
    tags.contains(&public.tag)
}

fn row(row: FleetRow) -> Row {
    Row {
        // Late is the owner's business: the grace is there for it.
        status: status_of(row.status, row.paused, false),
        uptime: row.uptime_30d.map(percent),
        strip: row.strip.iter().map(super::dashboard::slot).collect(),
        name: row.name,
    }
}

/// A picture that says the state of a host.
///
/// # Errors
/// 404 unless badges are switched on and the host has the tag; the store's.
#[utoipa::path(get, path = "/badge/{host_id}.svg", tag = "pages", operation_id = "badge", security(()),
    params(("host_id" = String, Path, description = "Public id of the host")),
    responses((status = 200, content_type = "image/svg+xml", body = String, description = "The picture, if it is switched on")))]
pub(crate) async fn badge(state: web::Data<WebState>, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    Params::of(req.query_string()).done()?;
    let public = switched_on(&state)?;
    let record = state.hub.host(id_in(&req)?).await?;
    if !has(&record.spec.tags, &public) {
        return Err(ApiError::not_found("host"));
    }
    let word = status_of(record.status, record.paused, false);
    let mut response = HttpResponse::with_body(StatusCode::OK, drawn(&record.spec.name, word)).map_into_boxed_body();
    let map = response.headers_mut();
    crate::headers::api(map);
    map.insert(CONTENT_TYPE, HeaderValue::from_static("image/svg+xml"));
    map.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

fn drawn(name: &str, word: &str) -> String {
    let name: String = name.chars().take(BADGE_CHARS).collect();
    let colour = match word {
        _ if word == Status::Up.as_str() => "#116b3a",
        _ if word == Status::Down.as_str() => "#ad1530",
        _ => "#4c5567",
    };
    let (left, right) = (name.chars().count() * LETTER + 14, word.len() * LETTER + 14);
    let (width, name_at, word_at) = (left + right, left / 2, left + right / 2);
    let name = render::escape(&name);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"20\" role=\"img\" aria-label=\"{name}: {word}\">\
         <title>{name}: {word}</title><rect width=\"{width}\" height=\"20\" rx=\"4\" fill=\"#30363f\"/>\
         <path d=\"M{left} 0h{inner}a4 4 0 0 1 4 4v12a4 4 0 0 1-4 4h-{inner}z\" fill=\"{colour}\"/>\
         <g fill=\"#fff\" font-family=\"Verdana,DejaVu Sans,sans-serif\" font-size=\"11\" text-anchor=\"middle\">\
         <text x=\"{name_at}\" y=\"14\" textLength=\"{name_length}\" lengthAdjust=\"spacingAndGlyphs\">{name}</text><text x=\"{word_at}\" y=\"14\">{word}</text></g></svg>",
        inner = right - 4,
        name_length = left - 14,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_badge_is_a_picture_whatever_the_name_is() {
        let svg = drawn("<script>\"&", "up");
        assert!(svg.contains("&lt;script&gt;&quot;&amp;: up") && !svg.contains("<script>"), "{svg}");
        assert!(drawn(&"x".repeat(200), "down").contains(&"x".repeat(BADGE_CHARS)));
    }
}
