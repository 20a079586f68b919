//! The Config page: where alerts go, who is told that the hub lives, what is public, and every change with its undo.

use crate::error::ApiError;
use crate::query::Params;
use crate::render::{self, Flash, FormError, see_other};
use crate::settings::{self, RevisionView, UpstreamView, WebhookView};
use crate::source;
use crate::state::WebState;
use crate::viewer::{CheckedForm, Viewer};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use actors::alert::Preview;
use actors::settings::{PRIMARY, PublicDraft, SettingsError, Source, UpstreamDraft, WebhookDraft};
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
struct Fields {
    name: String,
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

async fn shown(
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

/// Sets a webhook; the name decides which.
///
/// # Errors
/// The store's; wrong fields are told on the page.
#[utoipa::path(post, path = "/config/webhook", tag = "pages", operation_id = "set_webhook_page",
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "`name=primary&url=https://…`"),
    responses((status = 303, description = "To the Config page"),
        (status = 422, content_type = "text/html", body = String, description = "The page, with what is wrong")))]
pub(crate) async fn set_webhook(
    state: web::Data<WebState>,
    req: HttpRequest,
    sent: CheckedForm,
) -> Result<HttpResponse, ApiError> {
    let field = |name| sent.form.get(name).unwrap_or_default().trim().to_owned();
    let (name, url) = (field("name"), field("url"));
    let name = if name.is_empty() { PRIMARY.to_owned() } else { name };
    let mut drafts = stored(&state);
    let at = drafts.iter().position(|draft| draft.name == name).unwrap_or(drafts.len());

    if at < drafts.len() {
        drafts[at].url = url;
    } else {
        drafts.push(WebhookDraft { name: name.clone(), url });
    }
    let (hub, now) = (&state.hub, state.hub.now().wall);
    match hub.settings().set_webhooks(hub.db(), drafts, &sent.viewer.who, now).await {
        Ok(()) => {
            Ok(see_other(&state, "/config", Flash::good(format!("Webhook {name} is set. Send a test message, to be sure."))))
        }
        Err(SettingsError::Fields(fields)) => {
            let errors = fields.iter().map(|e| webhook_error(&e.field, &e.message)).collect();
            shown(&state, &req, &sent.viewer, StatusCode::UNPROCESSABLE_ENTITY, None, Fields { name }, errors).await
        }
        Err(e) => Err(e.into()),
    }
}

/// `webhooks[1].url` is the input `url` of the form that was sent.
fn webhook_error(field: &str, message: &str) -> FormError {
    FormError::new(if field.ends_with("name") { "name" } else { "url" }, message)
}

/// The webhooks the database has, as drafts with their URLs.
fn stored(state: &WebState) -> Vec<WebhookDraft> {
    let webhooks = state.hub.settings().webhooks().into_iter().map(|(_, webhook)| webhook);
    let stored = webhooks.filter(|webhook| webhook.source == Source::Database);
    stored.map(|webhook| WebhookDraft { name: webhook.name, url: webhook.url }).collect()
}

/// Removes a webhook of the database; one of the environment or the file shows through then.
///
/// # Errors
/// The store's.
#[utoipa::path(post, path = "/config/webhook/remove", tag = "pages", operation_id = "remove_webhook_page",
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "`name=primary`"),
    responses((status = 303, description = "To the Config page")))]
pub(crate) async fn remove_webhook(state: web::Data<WebState>, sent: CheckedForm) -> Result<HttpResponse, ApiError> {
    let name = sent.form.get("name").unwrap_or_default();
    let mut drafts = stored(&state);
    let before = drafts.len();
    drafts.retain(|draft| draft.name != name);
    if drafts.len() == before {
        return Ok(see_other(&state, "/config", Flash::bad("There is no such webhook in the database.")));
    }
    let (hub, now) = (&state.hub, state.hub.now().wall);
    hub.settings().set_webhooks(hub.db(), drafts, &sent.viewer.who, now).await?;
    Ok(see_other(&state, "/config", Flash::good(format!("Webhook {name} was removed; undo it below."))))
}

/// Sends a test message and tells what became of it.
///
/// # Errors
/// None; what went wrong is told on the page.
#[utoipa::path(post, path = "/config/webhook/test", tag = "pages", operation_id = "test_webhook_page",
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "`name=primary`"),
    responses((status = 303, description = "To the Config page")))]
pub(crate) async fn test_webhook(state: web::Data<WebState>, sent: CheckedForm) -> HttpResponse {
    let name = sent.form.get("name").unwrap_or(PRIMARY);
    let flash = match settings::send_test(&state, name).await {
        Ok(()) => Flash::good(format!("The test message was delivered to {name}.")),
        Err(e) => Flash::bad(super::trouble::sentence(&e.to_string())),
    };
    see_other(&state, "/config", flash)
}

/// Changes the upstream; an empty URL keeps the one that is set.
///
/// # Errors
/// The store's; wrong fields are told on the page.
#[utoipa::path(post, path = "/config/upstream", tag = "pages", operation_id = "set_upstream_page",
    request_body(content = String, content_type = "application/x-www-form-urlencoded",
        description = "`enabled=on&url=https://…&method=GET&interval=5m`"),
    responses((status = 303, description = "To the Config page"),
        (status = 422, content_type = "text/html", body = String, description = "The page, with what is wrong")))]
pub(crate) async fn set_upstream(
    state: web::Data<WebState>,
    req: HttpRequest,
    sent: CheckedForm,
) -> Result<HttpResponse, ApiError> {
    let field = |name| sent.form.get(name).map(str::trim).filter(|text| !text.is_empty());
    let remove = field("forget").is_some();
    let interval = field("interval").map(domain::duration::parse);
    let draft = UpstreamDraft {
        enabled: Some(field("enabled").is_some()),
        url: if remove { Some(None) } else { field("url").map(|url| Some(url.to_owned())) },
        method: field("method").map(str::to_owned),
        // What is no length is out of every range.
        interval_seconds: interval.map(|seconds| seconds.ok().and_then(|seconds| i64::try_from(seconds).ok()).unwrap_or(0)),
    };
    let (hub, now) = (&state.hub, state.hub.now().wall);
    match hub.settings().set_upstream(hub.db(), &draft, &sent.viewer.who, now).await {
        Ok(()) => Ok(see_other(&state, "/config", Flash::good("The upstream was changed."))),
        Err(SettingsError::Fields(fields)) => {
            let errors = fields.iter().map(|e| upstream_error(&e.field, &e.message)).collect();
            shown(&state, &req, &sent.viewer, StatusCode::UNPROCESSABLE_ENTITY, None, Fields::default(), errors).await
        }
        Err(e) => Err(e.into()),
    }
}

fn upstream_error(field: &str, message: &str) -> FormError {
    match field {
        "url" => FormError::named("upstream-url", "Upstream URL", message),
        "interval_seconds" => FormError::new("interval", "must be 60s to 1d, for example 5m"),
        other => FormError::new(other, message),
    }
}

/// Switches the public status page and the badges on or off.
///
/// # Errors
/// The store's; wrong fields are told on the page.
#[utoipa::path(post, path = "/config/public", tag = "pages", operation_id = "set_public_page",
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "`enabled=on&tag=public&title=…`"),
    responses((status = 303, description = "To the Config page"),
        (status = 422, content_type = "text/html", body = String, description = "The page, with what is wrong")))]
pub(crate) async fn set_public(
    state: web::Data<WebState>,
    req: HttpRequest,
    sent: CheckedForm,
) -> Result<HttpResponse, ApiError> {
    let field = |name| sent.form.get(name).map(str::trim).filter(|text| !text.is_empty());
    let draft = PublicDraft {
        enabled: field("enabled").is_some(),
        tag: field("tag").unwrap_or_default().to_owned(),
        title: field("title").unwrap_or_default().to_owned(),
    };
    let (hub, now) = (&state.hub, state.hub.now().wall);
    let done = match draft.enabled {
        true => "The status page and the badges are public now.",
        false => "Nothing is public now.",
    };
    match hub.settings().set_public(hub.db(), draft, &sent.viewer.who, now).await {
        Ok(()) => Ok(see_other(&state, "/config", Flash::good(done))),
        Err(SettingsError::Fields(fields)) => {
            let errors = FormError::of(&fields);
            shown(&state, &req, &sent.viewer, StatusCode::UNPROCESSABLE_ENTITY, None, Fields::default(), errors).await
        }
        Err(e) => Err(e.into()),
    }
}

/// Sets a setting back to what it was before a change.
///
/// # Errors
/// The store's; what cannot be undone is told on the page.
#[utoipa::path(post, path = "/config/revisions/{id}/undo", tag = "pages", operation_id = "undo_revision_page",
    params(("id" = i64, Path, description = "Number of the revision")),
    responses((status = 303, description = "To the Config page")))]
pub(crate) async fn undo(state: web::Data<WebState>, req: HttpRequest, sent: CheckedForm) -> Result<HttpResponse, ApiError> {
    let id = crate::keys::number(&req, "revision")?;
    let (hub, now) = (&state.hub, state.hub.now().wall);
    match hub.settings().undo(hub.db(), id, &sent.viewer.who, now).await {
        Ok(()) => Ok(see_other(&state, "/config", Flash::good(format!("Change {id} was undone, as a change of its own.")))),
        Err(SettingsError::Fields(fields)) => {
            let why = fields.first().map_or("", |e| e.message.as_str());
            Ok(see_other(&state, "/config", Flash::bad(format!("Not undone: what was set then is not allowed now: {why}."))))
        }
        Err(e) => Err(e.into()),
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

    #[test]
    fn mistakes_of_a_webhook_are_at_the_inputs_of_its_form() {
        assert_eq!(webhook_error("webhooks[3].name", "x").input, "name");
        assert_eq!(webhook_error("webhooks[0].url", "x").input, "url");
    }
}
