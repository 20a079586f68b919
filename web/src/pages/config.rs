//! The Config page: where alerts go, who is told that the hub lives, what is public, and every change with its undo.

use crate::error::ApiError;
use crate::query::Params;
use crate::render::{self, FormError};
use crate::settings::{self, RevisionView, UpstreamView, WebhookView};
use crate::source;
use crate::state::WebState;
use crate::viewer::Viewer;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use actors::alert::Preview;
use actors::settings::{PRIMARY, Source};
use serde::Serialize;
use serde_json::Value;
use std::time::Duration;

/// Longest wait for the preview of messages, in milliseconds.
const PREVIEW_WAIT_MS: u64 = 1_000;
/// Changes on a page.
const REVISIONS: u32 = 20;

#[derive(Serialize)]
struct Page {
    webhooks: Vec<Hook>,
    has_primary: bool,
    upstream: UpstreamView,
    upstream_every: String,
    public: Public,
    messages: Vec<Embed>,
    addresses: Vec<Address>,
    revisions: Vec<Change>,
    older: Option<String>,
    past: bool,
    form: Fields,
    errors: Vec<FormError>,
}

/// A webhook with what its buttons need.
#[derive(Serialize)]
struct Hook {
    #[serde(flatten)]
    view: WebhookView,
    primary: bool,
    stored: bool,
    state: &'static str,
}

#[derive(Serialize)]
struct Public {
    enabled: bool,
    tag: String,
    title: String,
    url: String,
}

/// A message as Discord would show it.
#[derive(Serialize)]
struct Embed {
    state: &'static str,
    title: String,
    description: String,
    fields: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    name: String,
    value: String,
}

/// An address to copy.
#[derive(Serialize)]
struct Address {
    name: &'static str,
    value: String,
}

/// A change of a setting.
#[derive(Serialize)]
struct Change {
    id: i64,
    what: &'static str,
    old: String,
    new: String,
    by: String,
    at: String,
}

/// What was typed into a form that is shown again.
#[derive(Default, Serialize)]
pub(super) struct Fields {
    pub(super) name: String,
}

/// The Config page.
///
/// # Errors
/// Wrong parameters, or the store.
#[utoipa::path(get, path = "/config", tag = "pages", operation_id = "config_page",
    params(("revisions" = Option<i64>, Query, minimum = 0, description = "Where the list of changes begins")),
    responses((status = 200, content_type = "text/html", body = String, description = "The page")))]
pub(crate) async fn show(state: web::Data<WebState>, req: HttpRequest, viewer: Viewer) -> Result<HttpResponse, ApiError> {
    let mut params = Params::of(req.query_string());
    let cursor = params.one_of("revisions", "must be a number of a change", |text| text.parse().ok());
    params.done()?;
    shown(&state, &req, &viewer, StatusCode::OK, cursor, Fields::default(), Vec::new()).await
}

/// The page, perhaps with what was typed into a form and what is wrong with it.
pub(super) async fn shown(
    state: &WebState,
    req: &HttpRequest,
    viewer: &Viewer,
    status: StatusCode,
    cursor: Option<i64>,
    form: Fields,
    errors: Vec<FormError>,
) -> Result<HttpResponse, ApiError> {
    let webhooks: Vec<Hook> = settings::webhooks(state).await?.webhooks.into_iter().map(hook).collect();
    let (changes, next) = state.hub.settings().revisions(state.hub.db(), None, cursor, REVISIONS).await?;
    let (public, base) = (state.hub.settings().public(), source::base_url(req, state));
    let upstream = settings::upstream(state);
    let page = Page {
        has_primary: webhooks.iter().any(|hook| hook.primary),
        webhooks,
        upstream_every: super::host_form::written(upstream.interval_seconds),
        upstream,
        public: Public { enabled: public.enabled, tag: public.tag, title: public.title, url: format!("{base}/status") },
        messages: messages(state).await,
        addresses: addresses(&base),
        revisions: changes.into_iter().map(|revision| change(RevisionView::of(revision))).collect(),
        older: next.map(|at| format!("/config?revisions={at}")),
        past: cursor.is_some(),
        form,
        errors,
    };
    Ok(render::page(state, req, status, "config", "Config", "config", Some(viewer), &page))
}

fn hook(view: WebhookView) -> Hook {
    let state = match (&view.stopped_reason, &view.last_error, &view.last_success_at) {
        (Some(_), ..) => "stopped",
        (None, Some(_), _) => "late",
        (None, None, Some(_)) => "up",
        (None, None, None) => "unknown",
    };
    Hook { primary: view.name == PRIMARY, stored: view.source == Source::Database.as_str(), view, state }
}

/// The messages about an example; none when the actor that writes them has no time.
async fn messages(state: &WebState) -> Vec<Embed> {
    let asked = state.hub.alerts().send(Preview).timeout(Duration::from_millis(PREVIEW_WAIT_MS));
    asked.await.map_or_else(|_| Vec::new(), |seen| vec![embed("down", &seen.opened), embed("up", &seen.recovered)])
}

fn embed(state: &'static str, body: &Value) -> Embed {
    let embed = &body["embeds"][0];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let line = |field: &Value| Line { name: text(&field["name"]), value: text(&field["value"]) };
    Embed {
        state,
        title: text(&embed["title"]),
        description: text(&embed["description"]),
        fields: embed["fields"].as_array().into_iter().flatten().map(line).collect(),
    }
}

fn addresses(base: &str) -> Vec<Address> {
    let address = |name, value: String| Address { name, value };
    vec![
        address("This hub", base.to_owned()),
        address("Heartbeats (each host has its own with a token)", format!("{base}/api/v1/heartbeat/{{host_id}}?token=…")),
        address("API", format!("{base}/api/v1")),
        address("Description of the API for programs", format!("{base}/api/v1/openapi.json")),
        address("Health, for a monitor that watches this hub", format!("{base}/api/v1/health")),
    ]
}

fn change(revision: RevisionView) -> Change {
    let what = match revision.key.as_str() {
        "webhooks" => "Webhooks",
        "upstream" => "Upstream",
        "public" => "Public pages",
        _ => "Setting",
    };
    Change {
        id: revision.id,
        what,
        old: told(revision.old.as_ref()),
        new: told(revision.new.as_ref()),
        by: revision.changed_by,
        at: revision.changed_at,
    }
}

/// A setting in words: `primary: https://…; second: https://…`.
fn told(value: Option<&Value>) -> String {
    let text = |value: &Value| match value {
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match value {
        None => "not set".to_owned(),
        Some(Value::Array(list)) => {
            let one = |entry: &Value| format!("{}: {}", text(&entry["name"]), text(&entry["url"]));
            list.iter().map(one).collect::<Vec<_>>().join("; ")
        }
        Some(Value::Object(object)) => {
            object.iter().map(|(key, value)| format!("{key} {}", text(value))).collect::<Vec<_>>().join(", ")
        }
        Some(other) => text(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn settings_are_told_in_words() {
        assert_eq!(told(None), "not set");
        assert_eq!(told(Some(&json!([{"name": "primary", "url": "https://x/••••"}]))), "primary: https://x/••••");
        assert_eq!(told(Some(&json!({"enabled": true, "url": null}))), "enabled yes, url none");
    }
}
