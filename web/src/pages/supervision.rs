//! The tree of supervised actors: state, restarts, last reason, what waits for each, and when it last did something.

use crate::error::ApiError;
use crate::query::Params;
use crate::render;
use crate::state::WebState;
use crate::supervision::{SupervisedGroup, groups};
use crate::time_text;
use crate::viewer::Viewer;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;

/// Actors listed of one group.
const LISTED: usize = 50;

#[derive(Serialize)]
struct Page {
    at: String,
    sentence: String,
    health: Vec<Part>,
    groups: Vec<Group>,
}

#[derive(Serialize)]
struct Part {
    name: &'static str,
    state: &'static str,
    detail: String,
}

#[derive(Serialize)]
struct Group {
    #[serde(flatten)]
    view: SupervisedGroup,
    /// One actor that is listed: it needs no row for its place as well.
    single: bool,
    href: String,
    /// Those without anything to tell are not listed.
    quiet: usize,
    next: Option<String>,
}

/// The tree.
///
/// # Errors
/// Wrong parameters, or no such group.
#[utoipa::path(get, path = "/supervision", tag = "pages", operation_id = "supervision_page",
    params(
        ("group" = Option<String>, Query, description = "Only this group"),
        ("after" = Option<String>, Query, description = "Where the list of the group begins"),
    ),
    responses((status = 200, content_type = "text/html", body = String, description = "The page")))]
pub(crate) async fn show(state: web::Data<WebState>, req: HttpRequest, viewer: Viewer) -> Result<HttpResponse, ApiError> {
    let mut params = Params::of(req.query_string());
    let (group, after) = (params.text("group"), params.text("after"));
    params.done()?;
    if after.is_some() && group.is_none() {
        return Err(ApiError::field("after", "needs group: each has pages of its own"));
    }
    let mut all = groups(&state, after.as_deref(), LISTED);
    if let Some(name) = &group {
        all.retain(|view| view.name == *name);
        if all.is_empty() {
            return Err(ApiError::not_found("group"));
        }
    }
    let health = state.hub.health().await;
    let part = |part: &actors::hub::Component| Part {
        name: part.name,
        state: if part.ok { "up" } else { "down" },
        detail: part.detail.clone(),
    };
    let page = Page {
        at: time_text::text(state.hub.now().wall),
        sentence: sentence(&all),
        health: health.components.iter().map(part).collect(),
        groups: all.into_iter().map(shown).collect(),
    };
    Ok(render::page(&state, &req, StatusCode::OK, "supervision", "Supervision", "supervision", Some(&viewer), &page))
}

fn shown(view: SupervisedGroup) -> Group {
    let href = super::Link::to("/supervision").with("group", Some(&view.name)).text();
    let next = view
        .next_after
        .as_deref()
        .map(|after| super::Link::to("/supervision").with("group", Some(&view.name)).with("after", Some(after)).text());
    Group {
        single: view.kind == "actor" && view.listed.len() == 1,
        quiet: if view.kind == "many" { view.children - view.stories.min(view.children) } else { 0 },
        href,
        next,
        view,
    }
}

fn sentence(groups: &[SupervisedGroup]) -> String {
    let children: usize = groups.iter().map(|group| group.children).sum();
    let running: usize = groups.iter().map(|group| group.running).sum();
    let restarts: u64 = groups.iter().map(|group| group.restarts).sum();
    let all = if running == children { "all of them run".to_owned() } else { format!("{running} of them run") };
    format!("{children} actors, {all}; {restarts} restarts since the start.")
}
