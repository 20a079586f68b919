//! Webhooks: how they are checked, sealed, masked, and how their channels follow them.

use super::{PRIMARY, WEBHOOKS_MAX};
use crate::alert::discord::{AllowedHosts, WebhookUrl};
use crate::link::{hex, unhex};
use domain::field::FieldError;
use domain::time::Wall;
use serde::{Deserialize, Serialize};
use std::fmt;
use store::channels::{self, ChannelEdit};
use store::seal::Keyring;
use store::{Connection, StoreError, Transaction, outbox};

const PURPOSE: &str = "webhook url";
const NAME_MAX_CHARS: usize = 64;
/// What stands for a secret.
const HIDDEN: &str = "••••";

/// Where a webhook comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Set from the page or the API.
    Database,
    /// `DISCORD_WEBHOOK_URL`.
    Environment,
    /// `config/settings.yaml`.
    File,
}

impl Source {
    /// The word the API uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Source::Database => "database",
            Source::Environment => "environment",
            Source::File => "file",
        }
    }
}

/// A webhook in force. Its URL is a secret and not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its name, unique.
    pub name: String,
    /// Its URL in clear.
    pub url: String,
    /// Where it comes from.
    pub source: Source,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("name", &self.name).field("url", &mask(&self.url)).field("source", &self.source).finish()
    }
}

/// A webhook as it arrives: nothing believed.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookDraft {
    /// Its name, unique; `primary` is the one that environment and file set too.
    pub name: String,
    /// Its URL.
    pub url: String,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    name: String,
    url: String,
}

/// `url` as it may be shown: enough to recognise it, not enough to use it.
///
/// ```
/// assert_eq!(actors::settings::mask("https://discord.com/api/webhooks/12345/secret"), "https://discord.com/api/webhooks/123…/••••");
/// ```
pub fn mask(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return HIDDEN.to_owned() };
    let (authority, path) = rest.split_once(['/', '?', '#']).unwrap_or((rest, ""));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let Some(id) = path.strip_prefix("api/webhooks/").and_then(|rest| rest.split('/').next()) else {
        return format!("{scheme}://{host}/{HIDDEN}");
    };
    let start: String = id.chars().take(3).filter(char::is_ascii_digit).collect();
    format!("{scheme}://{host}/api/webhooks/{start}…/{HIDDEN}")
}

/// The webhooks that `drafts` describe.
pub(super) fn checked(drafts: Vec<WebhookDraft>, allowed: &AllowedHosts) -> Result<Vec<Webhook>, Vec<FieldError>> {
    let mut errors = Vec::new();
    if drafts.len() > WEBHOOKS_MAX {
        return Err(vec![FieldError::new("webhooks", format!("at most {WEBHOOKS_MAX} webhooks, these are {}", drafts.len()))]);
    }
    let mut webhooks: Vec<Webhook> = Vec::with_capacity(drafts.len());
    for (i, draft) in drafts.into_iter().enumerate() {
        let at = format!("webhooks[{i}]");
        let name = draft.name.trim().to_owned();
        let chars = name.chars().count();
        if !(1..=NAME_MAX_CHARS).contains(&chars) || name.chars().any(char::is_control) {
            let fix = format!("must have 1 to {NAME_MAX_CHARS} characters and no control characters, for example primary");
            errors.push(FieldError::new(format!("{at}.name"), fix));
        } else if webhooks.iter().any(|known| known.name == name) {
            errors.push(FieldError::new(format!("{at}.name"), "is used twice: give each webhook its own name"));
        }
        match WebhookUrl::parse(&draft.url, allowed) {
            Ok(url) => webhooks.push(Webhook { name, url: url.expose(), source: Source::Database }),
            Err(e) => errors.push(FieldError::new(format!("{at}.url"), e.message)),
        }
    }
    if errors.is_empty() { Ok(webhooks) } else { Err(errors) }
}

/// The text kept in `config`.
pub(super) fn sealed(webhooks: &[Webhook], keyring: &Keyring) -> String {
    let kept: Vec<Kept> =
        webhooks.iter().map(|w| Kept { name: w.name.clone(), url: hex(&keyring.seal(PURPOSE, w.url.as_bytes())) }).collect();
    serde_json::to_string(&kept).expect("text serialises")
}

/// What [`sealed`] wrote; an entry that cannot be opened is told and left out.
pub(super) fn opened(text: &str, keyring: &Keyring) -> Vec<Webhook> {
    let kept: Vec<Kept> = serde_json::from_str(text).unwrap_or_else(|e| {
        log::error!("settings: the stored webhooks cannot be read: {e}");
        Vec::new()
    });
    let open = |kept: Kept| match open_url(&kept.url, keyring, PURPOSE) {
        Some(url) => Some(Webhook { name: kept.name, url, source: Source::Database }),
        None => {
            log::error!("settings: the URL of webhook {} was sealed with another secret key: set it again", kept.name);
            None
        }
    };
    kept.into_iter().filter_map(open).collect()
}

pub(super) fn open_url(sealed: &str, keyring: &Keyring, purpose: &str) -> Option<String> {
    let clear = keyring.open(purpose, &unhex(sealed)?).ok()?;
    String::from_utf8(clear).ok()
}

/// Webhooks as JSON for people.
pub(super) fn shown(webhooks: &[Webhook]) -> serde_json::Value {
    webhooks.iter().map(|w| serde_json::json!({"name": w.name, "url": mask(&w.url)})).collect()
}

/// Makes the rows of `channels` those of `webhooks`: the primary one stays without them, disabled; others go.
pub(super) fn sync(tx: &Transaction<'_>, webhooks: &[Webhook], keyring: &Keyring, at: Wall) -> Result<(), StoreError> {
    let rows = channels::list(tx)?;
    for row in &rows {
        let wanted = webhooks.iter().any(|webhook| webhook.name == row.name);
        match (row.id == channels::PRIMARY, wanted) {
            (_, true) => {}
            (false, false) => channels::remove(tx, row.id)?,
            (true, false) if row.enabled || row.url_sealed.is_some() => {
                channels::upsert(tx, &ChannelEdit { id: Some(row.id), name: PRIMARY, url_sealed: None, enabled: false }, at)?;
            }
            (true, false) => {}
        }
    }
    for webhook in webhooks {
        let row = rows.iter().find(|row| row.name == webhook.name);
        if row.is_some_and(|row| row.enabled && is_same(row, webhook, keyring)) {
            continue; // an edit would let a stopped channel go on
        }
        let sealed = (webhook.source == Source::Database).then(|| keyring.seal(PURPOSE, webhook.url.as_bytes()));
        let edit = ChannelEdit { id: row.map(|row| row.id), name: &webhook.name, url_sealed: sealed.as_deref(), enabled: true };
        let id = channels::upsert(tx, &edit, at)?;
        if row.is_none_or(|row| !row.enabled) {
            // People who set their first webhook in the middle of an outage hear of it.
            outbox::catch_up(tx, id, at)?;
        }
    }
    Ok(())
}

fn is_same(row: &channels::Channel, webhook: &Webhook, keyring: &Keyring) -> bool {
    match &row.url_sealed {
        None => webhook.source != Source::Database,
        Some(sealed) => {
            webhook.source == Source::Database && keyring.open(PURPOSE, sealed).is_ok_and(|url| url == webhook.url.as_bytes())
        }
    }
}

/// Each webhook with the row of its channel; one without a row yet is left out.
pub(super) fn with_rows(conn: &Connection, webhooks: Vec<Webhook>) -> Result<Vec<(i64, Webhook)>, StoreError> {
    let rows = channels::list(conn)?;
    let row_of = |webhook: &Webhook| rows.iter().find(|row| row.name == webhook.name).map(|row| row.id);
    Ok(webhooks.into_iter().filter_map(|webhook| Some((row_of(&webhook)?, webhook))).collect())
}
