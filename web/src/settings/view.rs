//! Settings as the API shows them: no secret comes back.

use crate::error::ApiError;
use crate::state::WebState;
use crate::time_text;
use actors::settings::{ShownRevision, mask};
use serde::Serialize;
use store::channels;
use utoipa::ToSchema;

/// The webhooks in force.
#[derive(Serialize, ToSchema)]
pub struct WebhookSettings {
    /// The primary one's masked URL; none when nothing sets one.
    #[schema(required, example = "https://discord.com/api/webhooks/123…/••••")]
    pub url: Option<String>,
    /// All of them, the primary one first.
    pub webhooks: Vec<WebhookView>,
}

/// A webhook in force.
#[derive(Serialize, ToSchema)]
pub struct WebhookView {
    /// Its name.
    #[schema(example = "primary")]
    pub name: String,
    /// Its URL, masked.
    #[schema(example = "https://discord.com/api/webhooks/123…/••••")]
    pub url: String,
    /// `database`, `environment` or `file`.
    #[schema(example = "database")]
    pub source: String,
    /// Why nothing is sent to it until it is changed.
    #[schema(required)]
    pub stopped_reason: Option<String>,
    /// What went wrong last.
    #[schema(required)]
    pub last_error: Option<String>,
    /// When something last arrived.
    #[schema(required, format = DateTime)]
    pub last_success_at: Option<String>,
}

/// The outside service that is to be told the hub lives.
#[derive(Serialize, ToSchema)]
pub struct UpstreamView {
    /// Whether it is to be told.
    pub enabled: bool,
    /// Its URL, masked.
    #[schema(required, example = "https://hc-ping.com/••••")]
    pub url: Option<String>,
    /// `GET`, `HEAD` or `POST`.
    #[schema(example = "GET")]
    pub method: String,
    /// Time between two calls.
    #[schema(example = 300)]
    pub interval_seconds: u32,
    /// Whether it is told now.
    #[schema(example = false)]
    pub active: bool,
    /// Why it is not told now.
    pub note: String,
}

/// Everything that can be set.
#[derive(Serialize, ToSchema)]
pub struct AllSettings {
    /// The webhooks.
    pub webhook: WebhookSettings,
    /// The upstream.
    pub upstream: UpstreamView,
}

/// A change of a setting.
#[derive(Serialize, ToSchema)]
pub struct RevisionView {
    /// Its number.
    pub id: i64,
    /// `webhooks` or `upstream`.
    #[schema(example = "webhooks")]
    pub key: String,
    /// What it was, masked; none when it was not set.
    #[schema(required)]
    pub old: Option<serde_json::Value>,
    /// What it became, masked; none when it is no longer set.
    #[schema(required)]
    pub new: Option<serde_json::Value>,
    /// Who changed it.
    #[schema(example = "key admin")]
    pub changed_by: String,
    /// When.
    #[schema(format = DateTime)]
    pub changed_at: String,
}

/// Changes, the newest first.
#[derive(Serialize, ToSchema)]
pub struct RevisionList {
    /// The changes.
    pub revisions: Vec<RevisionView>,
    /// `cursor` of the next page, if there is one.
    #[schema(required)]
    pub next_cursor: Option<i64>,
}

impl RevisionView {
    pub(crate) fn of(revision: ShownRevision) -> RevisionView {
        let ShownRevision { id, key, old, new, changed_by, changed_at } = revision;
        RevisionView { id, key, old, new, changed_by, changed_at: time_text::text(changed_at) }
    }
}

pub(crate) async fn webhooks(state: &WebState) -> Result<WebhookSettings, ApiError> {
    let rows = state.hub.db().read(channels::list).await?;
    let in_force = state.hub.settings().webhooks();
    let webhooks: Vec<WebhookView> = in_force
        .into_iter()
        .map(|(id, webhook)| {
            let row = rows.iter().find(|row| row.id == id);
            WebhookView {
                url: mask(&webhook.url),
                name: webhook.name,
                source: webhook.source.as_str().to_owned(),
                stopped_reason: row.and_then(|row| row.stopped_reason.clone()),
                last_error: row.and_then(|row| row.last_error.clone()),
                last_success_at: row.and_then(|row| row.last_success_at).map(time_text::text),
            }
        })
        .collect();
    let primary = webhooks.iter().find(|webhook| webhook.name == actors::settings::PRIMARY);
    Ok(WebhookSettings { url: primary.map(|webhook| webhook.url.clone()), webhooks })
}

pub(crate) fn upstream(state: &WebState) -> UpstreamView {
    let upstream = state.hub.settings().upstream();
    UpstreamView {
        enabled: upstream.enabled,
        url: upstream.url.as_deref().map(mask),
        method: upstream.method.as_str().to_owned(),
        interval_seconds: upstream.interval_s,
        active: false,
        note: "stored and checked; the monitor that calls it arrives in a later version".to_owned(),
    }
}
