//! How success and failure are said to the services people use: told from the URL alone.

use crate::outside::Call;
use crate::settings::Method;

/// Whose URL it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// healthchecks.io and its kin: `…/fail` with the reason as the body.
    Healthchecks,
    /// Uptime Kuma's push monitors: `?status=down&msg=…`.
    Kuma,
    /// Something else: only success can be said, silence is the alarm.
    Plain,
}

impl Style {
    /// The style of `url`.
    ///
    /// ```
    /// use actors::upstream::style::Style;
    /// assert_eq!(Style::of("https://hc-ping.com/3c5b4a86-1b1c-4ab4-8d0e-5a3a7bd5c2a1"), Style::Healthchecks);
    /// assert_eq!(Style::of("http://kuma.lan:3001/api/push/abc?status=up&msg=OK&ping="), Style::Kuma);
    /// assert_eq!(Style::of("https://example.org/alive"), Style::Plain);
    /// ```
    pub fn of(url: &str) -> Style {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let path = path.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
        let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
        if path.starts_with("api/push/") || path.contains("/api/push/") {
            return Style::Kuma;
        }
        let last = path.rsplit('/').next().unwrap_or_default();
        let is_check = uuid::Uuid::try_parse(last).is_ok() && last.len() == 36;
        let by_slug = path.starts_with("ping/") && path.split('/').count() == 3;
        if host.eq_ignore_ascii_case("hc-ping.com") || is_check || by_slug { Style::Healthchecks } else { Style::Plain }
    }

    /// The call that says: it works.
    pub fn success(self, url: &str, method: Method) -> Call {
        let url = match self {
            Style::Kuma => with_query(url, &[("status", "up"), ("msg", "OK")]),
            Style::Healthchecks | Style::Plain => url.to_owned(),
        };
        Call { method, url, body: None }
    }

    /// The call that says that it does not, and why; none where that cannot be said.
    pub fn failure(self, url: &str, why: &str) -> Option<Call> {
        match self {
            Style::Healthchecks => Some(Call { method: Method::Post, url: below(url, "fail"), body: Some(why.to_owned()) }),
            Style::Kuma => {
                let url = with_query(url, &[("status", "down"), ("msg", &short(why))]);
                Some(Call { method: Method::Get, url, body: None })
            }
            Style::Plain => None,
        }
    }
}

/// `url` with one more step of its path, before the query.
fn below(url: &str, step: &str) -> String {
    let (path, query) = url.split_once('?').map_or((url, None), |(path, query)| (path, Some(query)));
    let path = path.trim_end_matches('/');
    query.map_or_else(|| format!("{path}/{step}"), |query| format!("{path}/{step}?{query}"))
}

/// `url` with these parameters in the place of those of the same name.
fn with_query(url: &str, values: &[(&str, &str)]) -> String {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let named = |pair: &str| pair.split('=').next().unwrap_or_default().to_owned();
    let kept = query.split('&').filter(|pair| !pair.is_empty() && values.iter().all(|(name, _)| *name != named(pair)));
    let mut pairs: Vec<String> = kept.map(str::to_owned).collect();
    pairs.extend(values.iter().map(|(name, value)| format!("{name}={}", encoded(value))));
    format!("{path}?{}", pairs.join("&"))
}

/// What fits into a query.
fn short(why: &str) -> String {
    why.chars().take(200).collect()
}

fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHECK: &str = "3c5b4a86-1b1c-4ab4-8d0e-5a3a7bd5c2a1";

    #[test]
    fn services_are_known_by_their_urls() {
        let healthchecks = [
            format!("https://hc-ping.com/{CHECK}"),
            format!("https://hc-ping.com:443/{CHECK}/"),
            "https://HC-PING.com/key/slug".to_owned(),
            format!("http://health.lan:8000/ping/{CHECK}"),
            "https://health.lan/ping/22-char-ping-key/my-hub?create=1".to_owned(),
        ];
        for url in healthchecks {
            assert_eq!(Style::of(&url), Style::Healthchecks, "{url}");
        }
        for url in ["http://10.0.0.2:3001/api/push/abcDEF", "https://kuma.example/base/api/push/x?status=up&msg=OK&ping="] {
            assert_eq!(Style::of(url), Style::Kuma, "{url}");
        }
        for url in [
            "https://example.org",
            "https://example.org/ping",
            "https://hc-ping.com.evil.example/x",
            "https://example.org/api/pushed",
        ] {
            assert_eq!(Style::of(url), Style::Plain, "{url}");
        }
    }

    #[test]
    fn failure_goes_to_fail_with_the_reason_and_keeps_the_query() {
        let url = format!("https://hc-ping.com/{CHECK}");
        let call = Style::Healthchecks.failure(&format!("{url}/?create=1"), "an alert waits").unwrap();
        assert_eq!((call.url, call.body.as_deref()), (format!("{url}/fail?create=1"), Some("an alert waits")));
        assert_eq!(call.method, Method::Post);
        let success = Style::Healthchecks.success(&url, Method::Head);
        assert_eq!((success.url, success.method, success.body), (url, Method::Head, None));
    }

    #[test]
    fn kuma_is_told_by_its_parameters() {
        let url = "http://kuma/api/push/x?status=up&msg=OK&ping=";
        let down = Style::Kuma.failure(url, "a & b: ü").unwrap();
        assert_eq!(down.url, "http://kuma/api/push/x?ping=&status=down&msg=a%20%26%20b%3A%20%C3%BC");
        assert_eq!(Style::Kuma.success("http://kuma/api/push/x", Method::Get).url, "http://kuma/api/push/x?status=up&msg=OK");
    }

    #[test]
    fn elsewhere_only_success_can_be_said() {
        assert_eq!(Style::Plain.failure("https://example.org/alive", "why"), None);
    }
}
