//! The outside service that is told the hub lives: kept and checked here; the actor that tells it is the UpstreamActor.

use super::webhook::{mask, open_url};
use crate::link::hex;
use domain::field::FieldError;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::RangeInclusive;
use store::seal::Keyring;

const PURPOSE: &str = "upstream url";
const URL_MAX_CHARS: usize = 2_048;
/// Shortest and longest time between two pings.
const INTERVAL_S: RangeInclusive<u32> = 60..=86_400;
const DEFAULT_INTERVAL_S: u32 = 300;

/// How the upstream is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// GET.
    #[default]
    Get,
    /// HEAD.
    Head,
    /// POST.
    Post,
}

impl Method {
    /// The word the API uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
        }
    }
}

/// The upstream as set. Its URL is a secret and not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Whether it is to be told.
    pub enabled: bool,
    /// Its URL in clear, if one is set.
    pub url: Option<String>,
    /// How it is called.
    pub method: Method,
    /// Time between two calls, in seconds.
    pub interval_s: u32,
}

impl Default for Upstream {
    fn default() -> Upstream {
        Upstream { enabled: false, url: None, method: Method::Get, interval_s: DEFAULT_INTERVAL_S }
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Upstream({})", self.shown())
    }
}

impl Upstream {
    /// As JSON for people, the URL masked.
    pub fn shown(&self) -> serde_json::Value {
        let url = self.url.as_deref().map(mask);
        serde_json::json!({"enabled": self.enabled, "url": url, "method": self.method.as_str(), "interval_seconds": self.interval_s})
    }
}

/// A change of the upstream as it arrives: what it does not name stays.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpstreamDraft {
    /// Whether it is to be told.
    #[serde(default)]
    pub enabled: Option<bool>,
    /// Its URL; `null` removes it, absent keeps it.
    #[serde(default, deserialize_with = "present")]
    pub url: Option<Option<String>>,
    /// `GET`, `HEAD` or `POST`.
    #[serde(default)]
    pub method: Option<String>,
    /// Time between two calls.
    #[serde(default)]
    pub interval_seconds: Option<i64>,
}

fn present<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(value).map(Some)
}

impl UpstreamDraft {
    /// `old` with what this names.
    ///
    /// # Errors
    /// Every wrong field with its fix.
    pub fn over(&self, old: &Upstream) -> Result<Upstream, Vec<FieldError>> {
        let (mut new, mut errors) = (old.clone(), Vec::new());
        new.enabled = self.enabled.unwrap_or(old.enabled);
        if let Some(url) = &self.url {
            new.url = url.as_deref().map(str::trim).map(str::to_owned);
            errors.extend(new.url.as_deref().and_then(wrong_url));
        }
        if let Some(method) = &self.method {
            match method_of(method) {
                Some(method) => new.method = method,
                None => errors.push(FieldError::new("method", "must be GET, HEAD or POST")),
            }
        }
        if let Some(interval) = self.interval_seconds {
            match u32::try_from(interval).ok().filter(|s| INTERVAL_S.contains(s)) {
                Some(seconds) => new.interval_s = seconds,
                None => errors.push(FieldError::new("interval_seconds", "must be 60 to 86400, for example 300")),
            }
        }
        if new.enabled && new.url.is_none() {
            errors.push(FieldError::new("url", "is missing: give the URL to call, for example https://hc-ping.com/your-uuid"));
        }
        if errors.is_empty() { Ok(new) } else { Err(errors) }
    }
}

fn method_of(text: &str) -> Option<Method> {
    [Method::Get, Method::Head, Method::Post].into_iter().find(|method| method.as_str().eq_ignore_ascii_case(text))
}

fn wrong_url(url: &str) -> Option<FieldError> {
    let fix = "must be a whole http or https URL without a user name, for example https://hc-ping.com/your-uuid";
    let parsed: Option<awc::http::Uri> = url.parse().ok().filter(|_| url.chars().count() <= URL_MAX_CHARS);
    let good = parsed.is_some_and(|uri| {
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some_and(|host| !host.is_empty())
            && !authority.contains('@')
    });
    (!good).then(|| FieldError::new("url", fix))
}

#[derive(Serialize, Deserialize)]
struct Kept {
    enabled: bool,
    url: Option<String>,
    method: Method,
    interval_seconds: u32,
}

/// The text kept in `config`.
pub(super) fn sealed(upstream: &Upstream, keyring: &Keyring) -> String {
    let url = upstream.url.as_ref().map(|url| hex(&keyring.seal(PURPOSE, url.as_bytes())));
    let kept = Kept { enabled: upstream.enabled, url, method: upstream.method, interval_seconds: upstream.interval_s };
    serde_json::to_string(&kept).expect("text and numbers serialise")
}

/// What [`sealed`] wrote; what cannot be read is told and counts as not set.
pub(super) fn opened(text: &str, keyring: &Keyring) -> Upstream {
    let kept: Kept = match serde_json::from_str(text) {
        Ok(kept) => kept,
        Err(e) => {
            log::error!("settings: the stored upstream cannot be read: {e}");
            return Upstream::default();
        }
    };
    let sealed_url = kept.url.is_some();
    let url = kept.url.and_then(|url| open_url(&url, keyring, PURPOSE));
    if sealed_url && url.is_none() {
        log::error!("settings: the URL of the upstream was sealed with another secret key: set it again");
    }
    Upstream { enabled: kept.enabled && url.is_some(), url, method: kept.method, interval_s: kept.interval_seconds }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(draft: serde_json::Value) -> Vec<String> {
        let draft: UpstreamDraft = serde_json::from_value(draft).unwrap();
        draft.over(&Upstream::default()).map_or_else(|errors| errors.into_iter().map(|e| e.field).collect(), |_| Vec::new())
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let wrong = serde_json::json!({"enabled": true, "url": "ftp://x", "method": "PUT", "interval_seconds": 59});
        assert_eq!(fields(wrong), ["url", "method", "interval_seconds"]);
        for url in ["", "hc-ping.com/x", "http://", "https://user:pw@host/", "https://a b/", "/x"] {
            assert_eq!(fields(serde_json::json!({"url": url})), ["url"], "{url}");
        }
        assert_eq!(fields(serde_json::json!({"interval_seconds": 86_401})), ["interval_seconds"]);
        assert!(fields(serde_json::json!({"url": "http://10.0.0.2:3001/api/push/x", "interval_seconds": 86_400})).is_empty());
    }

    #[test]
    fn enabled_without_a_url_is_refused_and_an_absent_url_is_kept() {
        assert_eq!(fields(serde_json::json!({"enabled": true})), ["url"]);
        let old = Upstream { url: Some("https://hc-ping.com/x".into()), ..Upstream::default() };
        let draft: UpstreamDraft = serde_json::from_value(serde_json::json!({"enabled": true})).unwrap();
        assert_eq!(draft.over(&old).unwrap().url, old.url);
        let draft: UpstreamDraft = serde_json::from_value(serde_json::json!({"url": null})).unwrap();
        assert_eq!(draft.over(&old).unwrap().url, None);
    }

    #[test]
    fn what_was_sealed_opens_again_and_shows_no_secret() {
        let keyring = Keyring::from_secret("a secret for tests").unwrap();
        let upstream = Upstream { enabled: true, url: Some("https://hc-ping.com/secret".into()), ..Upstream::default() };
        let text = sealed(&upstream, &keyring);
        assert!(!text.contains("secret"));
        assert_eq!(opened(&text, &keyring), upstream);
        assert!(!format!("{upstream:?}").contains("secret"));
    }
}
