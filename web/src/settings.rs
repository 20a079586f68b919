//! Settings that change while the hub runs: webhooks, the upstream, what was changed by whom, and the undo. Secrets are write-only.

mod view;

pub use view::{AllSettings, RevisionList, RevisionView, UpstreamView, WebhookSettings, WebhookView};
pub(crate) use view::{upstream, webhooks};

use crate::auth::Identity;
use crate::body::{Json, MaybeJson};
use crate::error::ApiError;
use crate::keys::number;
use crate::query::Params;
use crate::state::WebState;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use actors::alert::{SendTest, TestDone};
use actors::settings::{KEYS, PRIMARY, UpstreamDraft, WebhookDraft};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::ToSchema;

/// Longest wait for a test message, in milliseconds.
const TEST_WAIT_MS: u64 = 15_000;

/// Webhooks as they are sent: `url` alone, or `webhooks`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookBody {
    /// Sets the primary webhook and leaves the others; `null` falls back to the environment or the file.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, example = "https://discord.com/api/webhooks/123456/abcdef")]
    url: Option<Option<String>>,
    /// Sets all webhooks of the database; `primary` is the name of the primary one.
    #[schema(value_type = Option<Vec<WebhookEntry>>)]
    webhooks: Option<Vec<WebhookDraft>>,
}

/// A webhook as it is sent.
#[derive(Deserialize, ToSchema)]
pub struct WebhookEntry {
    /// Its name, unique.
    #[schema(example = "primary")]
    pub name: String,
    /// Its URL.
    #[schema(example = "https://discord.com/api/webhooks/123456/abcdef")]
    pub url: String,
}

/// The upstream as it is sent; what is not named stays.
#[derive(Deserialize, ToSchema)]
pub struct UpstreamBody {
    /// Whether it is to be told.
    pub enabled: Option<bool>,
    /// Its URL; `null` removes it.
    #[schema(example = "https://hc-ping.com/your-uuid")]
    pub url: Option<String>,
    /// `GET`, `HEAD` or `POST`.
    #[schema(example = "GET")]
    pub method: Option<String>,
    /// Time between two calls, 60 to 86400.
    #[schema(example = 300, minimum = 60, maximum = 86400)]
    pub interval_seconds: Option<i64>,
}

/// Which webhook is tested.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestBody {
    /// Its name; the primary one when absent.
    #[schema(example = "primary")]
    name: Option<String>,
}

/// What became of a test message.
#[derive(Serialize, ToSchema)]
pub struct TestAnswer {
    /// Always `delivered`: the other side has it.
    #[schema(example = "delivered")]
    pub status: String,
    /// The webhook tested.
    #[schema(example = "primary")]
    pub name: String,
}

fn present<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(value).map(Some)
}

/// The webhooks in force, masked.
///
/// # Errors
/// The store's.
#[utoipa::path(get, path = "/api/v1/settings/webhook", tag = "settings", operation_id = "get_webhook",
    responses((status = 200, body = WebhookSettings)))]
pub(crate) async fn get_webhook(state: web::Data<WebState>, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    Params::of(req.query_string()).done()?;
    Ok(HttpResponse::Ok().json(view::webhooks(&state).await?))
}

/// Changes the webhooks; in force for the next alert.
///
/// # Errors
/// Every wrong field with its fix, or the store.
#[utoipa::path(put, path = "/api/v1/settings/webhook", tag = "settings", operation_id = "set_webhook", request_body = WebhookBody,
    responses((status = 200, body = WebhookSettings)))]
pub(crate) async fn set_webhook(
    state: web::Data<WebState>,
    who: Identity,
    body: Json<WebhookBody>,
) -> Result<HttpResponse, ApiError> {
    let (hub, at) = (&state.hub, state.hub.now().wall);
    match (body.value.url, body.value.webhooks) {
        (Some(url), None) => hub.settings().set_primary(hub.db(), url, &who.who, at).await?,
        (None, Some(webhooks)) => hub.settings().set_webhooks(hub.db(), webhooks, &who.who, at).await?,
        (Some(_), Some(_)) => return Err(ApiError::field("url", "send url or webhooks, not both")),
        (None, None) => return Err(ApiError::field("url", "is missing: send url for the primary webhook, or webhooks for all")),
    }
    Ok(HttpResponse::Ok().json(view::webhooks(&state).await?))
}

/// The upstream as set, masked.
///
/// # Errors
/// None but wrong parameters.
#[utoipa::path(get, path = "/api/v1/settings/upstream", tag = "settings", operation_id = "get_upstream",
    responses((status = 200, body = UpstreamView)))]
pub(crate) async fn get_upstream(state: web::Data<WebState>, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    Params::of(req.query_string()).done()?;
    Ok(HttpResponse::Ok().json(view::upstream(&state)))
}

/// Changes what is named of the upstream.
///
/// # Errors
/// Every wrong field with its fix, or the store.
#[utoipa::path(put, path = "/api/v1/settings/upstream", tag = "settings", operation_id = "set_upstream", request_body = UpstreamBody,
    responses((status = 200, body = UpstreamView)))]
pub(crate) async fn set_upstream(
    state: web::Data<WebState>,
    who: Identity,
    body: Json<UpstreamDraft>,
) -> Result<HttpResponse, ApiError> {
    let (hub, at) = (&state.hub, state.hub.now().wall);
    hub.settings().set_upstream(hub.db(), &body.value, &who.who, at).await?;
    Ok(HttpResponse::Ok().json(view::upstream(&state)))
}

/// Everything that can be set, masked.
///
/// # Errors
/// The store's.
#[utoipa::path(get, path = "/api/v1/settings/all", tag = "settings", operation_id = "get_all_settings",
    responses((status = 200, body = AllSettings)))]
pub(crate) async fn all(state: web::Data<WebState>, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    Params::of(req.query_string()).done()?;
    everything(&state).await
}

async fn everything(state: &WebState) -> Result<HttpResponse, ApiError> {
    let webhook = view::webhooks(state).await?;
    Ok(HttpResponse::Ok().json(AllSettings { webhook, upstream: view::upstream(state) }))
}

/// What was changed by whom, masked, the newest first.
///
/// # Errors
/// Wrong parameters, or the store.
#[utoipa::path(get, path = "/api/v1/settings/revisions", tag = "settings", operation_id = "list_revisions",
    params(
        ("key" = Option<String>, Query, description = "Only of `webhooks`, `upstream` or `public`"),
        ("cursor" = Option<i64>, Query, minimum = 0, description = "`next_cursor` of the page before"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "Changes on the page, 50 if not said"),
    ),
    responses((status = 200, body = RevisionList)))]
pub(crate) async fn revisions(state: web::Data<WebState>, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    let mut params = Params::of(req.query_string());
    let key = params.one_of("key", "must be webhooks, upstream or public", |text| KEYS.into_iter().find(|key| *key == text));
    let (cursor, limit) = (params.cursor(), params.limit());
    params.done()?;
    let (revisions, next_cursor) = state.hub.settings().revisions(state.hub.db(), key, cursor, limit).await?;
    let revisions = revisions.into_iter().map(RevisionView::of).collect();
    Ok(HttpResponse::Ok().json(RevisionList { revisions, next_cursor }))
}

/// Sets a setting back to what it was before a change, as a change of its own.
///
/// # Errors
/// An unknown revision, an address that is not allowed any more, or the store.
#[utoipa::path(post, path = "/api/v1/settings/revisions/{id}/undo", tag = "settings", operation_id = "undo_revision",
    params(("id" = i64, Path, description = "Number of the revision")), responses((status = 200, body = AllSettings)))]
pub(crate) async fn undo(state: web::Data<WebState>, who: Identity, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    let id = number(&req, "revision")?;
    let (hub, at) = (&state.hub, state.hub.now().wall);
    hub.settings().undo(hub.db(), id, &who.who, at).await?;
    everything(&state).await
}

/// Sends a test message to one webhook and waits for what becomes of it.
///
/// # Errors
/// An unknown or unset webhook, or 503 with what the other side said.
#[utoipa::path(post, path = "/api/v1/settings/webhook/test", tag = "settings", operation_id = "test_webhook",
    request_body = Option<TestBody>, responses((status = 200, body = TestAnswer)))]
pub(crate) async fn test_webhook(state: web::Data<WebState>, body: MaybeJson<TestBody>) -> Result<HttpResponse, ApiError> {
    let name = body.0.name.unwrap_or_else(|| PRIMARY.to_owned());
    send_test(&state, &name).await?;
    Ok(HttpResponse::Ok().json(TestAnswer { status: "delivered".into(), name }))
}

/// Sends a test message to the webhook of this name and waits for what becomes of it.
///
/// # Errors
/// An unknown or unset webhook, or 503 with what the other side said.
pub(crate) async fn send_test(state: &WebState, name: &str) -> Result<(), ApiError> {
    let webhooks = state.hub.settings().webhooks();
    let Some((channel, _)) = webhooks.into_iter().find(|(_, webhook)| webhook.name == name) else {
        return Err(ApiError::field("name", "has no URL: set the webhook first"));
    };
    let asked = state.hub.alerts().send(SendTest { channel }).timeout(Duration::from_millis(TEST_WAIT_MS));
    match asked.await {
        Ok(done) if done.delivered => Ok(()),
        Ok(done) => Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "not_delivered", not_delivered(done))),
        Err(_) => Err(ApiError::unavailable("no_answer", "the test message got no answer in time: see the delivery log")),
    }
}

/// Why a test message did not arrive; the adapter leaves secrets out.
fn not_delivered(done: TestDone) -> String {
    let why = done.error.unwrap_or_else(|| "the other side did not say why".to_owned());
    match done.status {
        Some(status) => format!("the test message was not delivered: {why} (HTTP {status})"),
        None => format!("the test message was not delivered: {why}"),
    }
}
