//! Settings as the API shows them: no secret comes back.

use crate::error::ApiError;
use crate::state::WebState;
use crate::time_text;
use actors::settings::{ShownRevision, mask};
use actors::upstream::Standing;
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
    /// How it stands, in words: why it is not told, if it is not.
    pub note: String,
    /// When a success last arrived there, in this run of the hub.
    #[schema(required, format = DateTime)]
    pub last_success_at: Option<String>,
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
    let (upstream, standing) = (state.hub.settings().upstream(), state.hub.upstream());
    UpstreamView {
        enabled: upstream.enabled,
        url: upstream.url.as_deref().map(mask),
        method: upstream.method.as_str().to_owned(),
        interval_seconds: upstream.interval_s,
        active: upstream.enabled && is_active(&standing),
        note: note(upstream.enabled, &standing),
        last_success_at: standing.last_success.map(|at| time_text::text(at.wall)),
    }
}

/// The last thing that was to be told arrived, and it was that the hub lives.
fn is_active(standing: &Standing) -> bool {
    let taken = standing.last_call.as_ref().is_some_and(|(_, error)| error.is_none());
    taken && standing.silent_because.is_empty() && standing.last_success.is_some()
}

fn note(enabled: bool, standing: &Standing) -> String {
    let failed = standing.last_call.as_ref().and_then(|(_, error)| error.as_deref());
    match (enabled, failed) {
        (false, _) => "not enabled".to_owned(),
        _ if !standing.silent_because.is_empty() => {
            format!("not told that the hub lives: {}", standing.silent_because.join("; "))
        }
        (true, Some(error)) => format!("the last call failed: {error}"),
        (true, None) if standing.last_success.is_none() => "not called yet".to_owned(),
        (true, None) => "told that the hub lives".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::time::{Now, Steady, Wall};

    #[test]
    fn the_note_says_why_the_upstream_is_not_told() {
        let at = Now { wall: Wall(0), steady: Steady(0) };
        let well = Standing { last_success: Some(at), last_call: Some((at, None)), silent_because: Vec::new() };
        assert!(is_active(&well) && note(true, &well) == "told that the hub lives");
        let silent = Standing { silent_because: vec!["an alert waits".into()], ..well.clone() };
        assert!(!is_active(&silent) && note(true, &silent).ends_with("an alert waits"));
        let failed = Standing { last_call: Some((at, Some("HTTP 404".into()))), ..well };
        assert!(!is_active(&failed) && note(true, &failed).ends_with("HTTP 404"));
        assert_eq!((note(false, &failed).as_str(), note(true, &Standing::default()).as_str()), ("not enabled", "not called yet"));
    }
}
