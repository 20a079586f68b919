//! The dashboard: how many hosts are in which state, and a page of them with their last heartbeats and next alert.

use super::{Link, heartbeat_url};
use crate::error::ApiError;
use crate::fleet::{self, FleetCounts, FleetPage, FleetQuery, FleetRow, Shown, Slot, Sort};
use crate::render;
use crate::state::WebState;
use crate::viewer::{Role, Viewer};
use crate::{source, time_text};
use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use domain::host::Status;
use serde::Serialize;
use std::collections::HashMap;

#[derive(Serialize)]
struct Page {
    sentence: String,
    first_run: bool,
    has_webhook: bool,
    tiles: Vec<Tile>,
    filter: Filter,
    filtered: bool,
    tags: Vec<String>,
    sorts: Vec<Choice>,
    shown: String,
    rows: Vec<Row>,
    pages: bool,
    previous: Option<String>,
    next: Option<String>,
}

/// A state with how many hosts are in it; pressing it shows only those.
#[derive(Serialize)]
struct Tile {
    key: &'static str,
    count: usize,
    href: String,
    current: bool,
}

#[derive(Serialize)]
struct Filter {
    q: String,
    tag: String,
    status: Option<&'static str>,
}

#[derive(Serialize)]
struct Choice {
    key: &'static str,
    name: &'static str,
    current: bool,
}

#[derive(Serialize)]
struct Row {
    host_id: String,
    name: String,
    tags: Vec<Tag>,
    status: &'static str,
    silenced_until: Option<String>,
    last_seen: Option<String>,
    next_alert: Option<String>,
    next_note: &'static str,
    uptime: Option<String>,
    strip: Vec<&'static str>,
    url: Option<String>,
}

#[derive(Serialize)]
struct Tag {
    name: String,
    href: String,
}

const SORTS: [(Sort, &str); 4] =
    [(Sort::Status, "Worst first"), (Sort::Name, "By name"), (Sort::LastSeen, "Heard last"), (Sort::NextAlert, "Next alert")];

/// Sends to the dashboard.
#[utoipa::path(get, path = "/", tag = "pages", operation_id = "root", security(()),
    responses((status = 303, description = "To the dashboard")))]
pub(crate) async fn root() -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, "/dashboard")).finish()
}

/// The dashboard.
///
/// # Errors
/// Wrong parameters, or the store.
#[utoipa::path(get, path = "/dashboard", tag = "pages", operation_id = "dashboard",
    params(
        ("q" = Option<String>, Query, description = "Words in name, id, tags or description"),
        ("tag" = Option<String>, Query, description = "Only hosts with this tag"),
        ("status" = Option<String>, Query, description = "Only `up`, `late`, `down`, `unknown`, `paused` or `silenced` ones"),
        ("sort" = Option<String>, Query, description = "`status`, `name`, `last_seen` or `next_alert`"),
        ("dir" = Option<String>, Query, description = "`asc` or `desc`"),
        ("cursor" = Option<String>, Query, description = "Where the page begins"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "Hosts on the page, 50 if not said"),
    ),
    responses((status = 200, content_type = "text/html", body = String, description = "The page")))]
pub(crate) async fn show(state: web::Data<WebState>, req: HttpRequest, viewer: Viewer) -> Result<HttpResponse, ApiError> {
    let query = FleetQuery::parse(req.query_string())?;
    let found = fleet::list(&state, &query).await?;
    let urls = if viewer.role == Role::Admin { urls(&state, &req, &found.rows).await? } else { HashMap::new() };
    // Seen in the tab of a browser that shows another one.
    let title = match found.counts.down {
        0 => "Dashboard".to_owned(),
        down => format!("{down} down · Dashboard"),
    };
    let page = page(&state, &query, found, urls);
    Ok(render::page(&state, &req, StatusCode::OK, "dashboard", &title, "dashboard", Some(&viewer), &page))
}

/// The heartbeat URLs of these hosts, with their tokens.
async fn urls(state: &WebState, req: &HttpRequest, rows: &[FleetRow]) -> Result<HashMap<String, String>, ApiError> {
    let base = source::base_url(req, state);
    let hosts: Vec<(String, i64)> = rows
        .iter()
        .filter_map(|row| Some((row.host_id.as_str().to_owned(), state.hub.roster().find(row.host_id.as_str())?.row)))
        .collect();
    let keyring = state.hub.keyring().clone();
    let read = state.hub.db().read(move |conn| {
        let mut urls = HashMap::with_capacity(hosts.len());
        for (host_id, row) in hosts {
            let clear = keyring.open("host token", &store::hosts::token_sealed(conn, row)?)?;
            if let Ok(token) = String::from_utf8(clear) {
                let url = heartbeat_url(&base, &host_id, &token);
                urls.insert(host_id, url);
            }
        }
        Ok(urls)
    });
    Ok(read.await?)
}

/// The dashboard, under its name in the API.
///
/// # Errors
/// As [`show`].
#[utoipa::path(get, path = "/api/v1/dashboard", tag = "pages", operation_id = "dashboard_api",
    responses((status = 200, content_type = "text/html", body = String, description = "As /dashboard, with the same parameters")))]
pub(crate) async fn show_api(state: web::Data<WebState>, req: HttpRequest, viewer: Viewer) -> Result<HttpResponse, ApiError> {
    show(state, req, viewer).await
}

fn page(state: &WebState, query: &FleetQuery, found: FleetPage, mut urls: HashMap<String, String>) -> Page {
    let counts = found.counts;
    let filtered = query.text.is_some() || query.tag.is_some() || query.status.is_some();
    let same = |cursor: Option<&str>| link(query, query.status).with("cursor", cursor).text();
    let (previous, next) = (found.previous.as_deref().map(|c| same(Some(c))), found.next.as_deref().map(|c| same(Some(c))));
    let mut tags: Vec<String> = found.rows.iter().flat_map(|row| row.tags.clone()).collect();
    tags.sort_unstable();
    tags.dedup();
    Page {
        sentence: sentence(&counts),
        first_run: counts.total == 0 && !filtered,
        has_webhook: !state.hub.settings().channels().is_empty(),
        tiles: tiles(query, &counts),
        filter: Filter {
            q: query.text.clone().unwrap_or_default(),
            tag: query.tag.clone().unwrap_or_default(),
            status: query.status.map(Shown::as_str),
        },
        filtered,
        tags,
        sorts: SORTS.map(|(sort, name)| Choice { key: sort.as_str(), name, current: sort == query.sort }).into(),
        shown: shown(found.rows.len(), found.matching),
        rows: found
            .rows
            .into_iter()
            .map(|row| {
                let url = urls.remove(row.host_id.as_str());
                shown_row(row, url)
            })
            .collect(),
        pages: previous.is_some() || next.is_some(),
        previous,
        next,
    }
}

/// The same page with another state.
fn link(query: &FleetQuery, status: Option<Shown>) -> Link {
    let sort = (query.sort != Sort::default()).then_some(query.sort.as_str());
    Link::to("/dashboard")
        .with("q", query.text.as_deref())
        .with("tag", query.tag.as_deref())
        .with("status", status.map(Shown::as_str))
        .with("sort", sort)
        .with("dir", query.descending.then_some("desc"))
        .with("limit", (query.limit != FleetQuery::default().limit).then(|| query.limit.to_string()).as_deref())
}

fn tiles(query: &FleetQuery, counts: &FleetCounts) -> Vec<Tile> {
    let all = [
        ("all", None, counts.total),
        ("down", Some(Shown::Down), counts.down),
        ("late", Some(Shown::Late), counts.late),
        ("up", Some(Shown::Up), counts.up),
        ("unknown", Some(Shown::Unknown), counts.unknown),
        ("paused", Some(Shown::Paused), counts.paused),
        ("silenced", Some(Shown::Silenced), counts.silenced),
    ];
    let tile = |(key, shown, count)| Tile { key, count, href: link(query, shown).text(), current: query.status == shown };
    all.map(tile).into()
}

/// What somebody wants to know first, in one sentence.
fn sentence(counts: &FleetCounts) -> String {
    let FleetCounts { down, late, total, .. } = *counts;
    let be = |n| if n == 1 { "is" } else { "are" };
    match (total, down, late) {
        (0, ..) => "No host is watched yet.".to_owned(),
        (_, 0, 0) => "Everything that calls is heard in time.".to_owned(),
        (_, 0, late) => format!("Nothing is down; {late} {} late.", be(late)),
        (_, down, 0) => format!("{down} of {total} {} down.", be(down)),
        (_, down, late) => format!("{down} of {total} {} down, {late} {} late.", be(down), be(late)),
    }
}

fn shown(rows: usize, matching: usize) -> String {
    let hosts = if matching == 1 { "host" } else { "hosts" };
    if rows == matching { format!("{matching} {hosts}") } else { format!("{rows} of {matching} {hosts}") }
}

fn shown_row(row: FleetRow, url: Option<String>) -> Row {
    let status = status_of(row.status, row.paused, row.late);
    let tag = |name: String| Tag { href: Link::to("/dashboard").with("tag", Some(&name)).text(), name };
    Row {
        host_id: row.host_id.as_str().to_owned(),
        name: row.name,
        tags: row.tags.into_iter().map(tag).collect(),
        status,
        silenced_until: row.silenced_until.map(time_text::text),
        last_seen: row.last_seen.map(time_text::text),
        next_alert: row.next_alert.map(time_text::text),
        next_note: match status {
            "paused" => "paused: not judged",
            "down" => "alert is open",
            _ => "not expected now",
        },
        // Of a host that never called it would praise what nobody knows.
        uptime: row.uptime_30d.filter(|_| row.last_seen.is_some() || row.status == Status::Down).map(percent),
        strip: row.strip.iter().map(slot).collect(),
        url,
    }
}

/// The word of a host's state as pages show it.
pub(super) fn status_of(status: Status, paused: bool, late: bool) -> &'static str {
    match (paused, status, late) {
        (true, ..) => "paused",
        (_, Status::Up, true) => "late",
        _ => status.as_str(),
    }
}

/// One slot of a strip as the helper that draws it knows it.
pub(super) fn slot(slot: &Slot) -> &'static str {
    slot.kind.as_str()
}

/// `99.98 %`; 100 only when nothing was missed.
pub(super) fn percent(share: f64) -> String {
    if share >= 100.0 {
        return "100 %".to_owned();
    }
    // Cut, not rounded: 99.999 % is not 100 %.
    format!("{:.2} %", (share * 100.0).floor() / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_percent_means_nothing_was_missed() {
        let cases = [(100.0, "100 %"), (99.999_9, "99.99 %"), (99.5, "99.50 %"), (0.0, "0.00 %")];
        for (share, text) in cases {
            assert_eq!(percent(share), text);
        }
    }

    #[test]
    fn the_sentence_says_the_worst_first() {
        let counts = |down, late, total| FleetCounts { down, late, total, ..FleetCounts::default() };
        assert_eq!(sentence(&counts(0, 0, 0)), "No host is watched yet.");
        assert_eq!(sentence(&counts(0, 0, 3)), "Everything that calls is heard in time.");
        assert_eq!(sentence(&counts(1, 0, 3)), "1 of 3 is down.");
        assert_eq!(sentence(&counts(2, 1, 3)), "2 of 3 are down, 1 is late.");
    }
}
