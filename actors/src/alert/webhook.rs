//! A webhook's URL: parsed once, allowed by the operator ever after, and never printed with its token.

use domain::field::FieldError;
use std::fmt;

/// Where alerts may go when the operator says nothing else.
const DISCORD_HOSTS: [&str; 4] = ["discord.com", "discordapp.com", "ptb.discord.com", "canary.discord.com"];
/// The version every call names: without one Discord falls back to an old one.
const API: &str = "/api/v10/webhooks";
const ID_MAX_CHARS: usize = 20;
const TOKEN_MAX_CHARS: usize = 128;
const URL_MAX_CHARS: usize = 512;
const EXAMPLE: &str =
    "for example https://discord.com/api/webhooks/1234567890/abcdef, as Discord's \"Copy Webhook URL\" gives it";

/// Scheme, host and port: where a call goes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    secure: bool,
    host: String,
    port: u16,
}

impl Origin {
    /// The origin that `text` (without a path) names.
    fn parse(secure: bool, text: &str) -> Option<Origin> {
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().ok().filter(|port| *port != 0)?),
            None => (text, if secure { 443 } else { 80 }),
        };
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'-';
        let named = !host.is_empty() && host.len() <= 253 && host.bytes().all(allowed);
        named.then(|| Origin { secure, host: host.to_ascii_lowercase(), port })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, usual) = if self.secure { ("https", 443) } else { ("http", 80) };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port == usual { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

/// The hosts alerts may be sent to; only the operator can change them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHosts(Vec<Origin>);

impl Default for AllowedHosts {
    /// Discord's own, over https.
    fn default() -> AllowedHosts {
        AllowedHosts(DISCORD_HOSTS.iter().filter_map(|host| Origin::parse(true, host)).collect())
    }
}

impl AllowedHosts {
    /// The hosts of `entries`: names (https), or whole origins such as `http://127.0.0.1:9000`.
    ///
    /// # Errors
    /// The first entry that is neither, with its fix.
    ///
    /// ```
    /// use actors::alert::discord::AllowedHosts;
    /// assert!(AllowedHosts::parse(&["discord.com", "http://127.0.0.1:9000"]).is_ok());
    /// assert!(AllowedHosts::parse(&["discord.com/api"]).is_err());
    /// ```
    pub fn parse<S: AsRef<str>>(entries: &[S]) -> Result<AllowedHosts, FieldError> {
        let one = |entry: &S| {
            let entry = entry.as_ref().trim();
            let (secure, rest) = without_scheme(entry).unwrap_or((true, entry));
            let wrong = || format!("'{entry}' must be a host such as discord.com or an origin such as http://127.0.0.1:9000");
            Origin::parse(secure, rest.trim_end_matches('/')).ok_or_else(|| FieldError::new("webhook_allowed_hosts", wrong()))
        };
        Ok(AllowedHosts(entries.iter().map(one).collect::<Result<_, _>>()?))
    }

    fn names(&self) -> String {
        self.0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}

/// A Discord webhook's URL. The token in it is a secret: neither Debug nor Display print it.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookUrl {
    origin: Origin,
    id: String,
    token: String,
    thread: Option<String>,
}

impl WebhookUrl {
    /// The webhook that `url` names, if its host is allowed.
    ///
    /// # Errors
    /// Names the field `url` and the fix; never repeats the URL.
    ///
    /// ```
    /// use actors::alert::discord::{AllowedHosts, WebhookUrl};
    /// let url = WebhookUrl::parse("https://discord.com/api/webhooks/123/secret", &AllowedHosts::default()).unwrap();
    /// assert_eq!(url.to_string(), "https://discord.com/api/webhooks/123/…");
    /// assert!(WebhookUrl::parse("https://evil.example/api/webhooks/123/secret", &AllowedHosts::default()).is_err());
    /// ```
    pub fn parse(url: &str, allowed: &AllowedHosts) -> Result<WebhookUrl, FieldError> {
        let wrong = |fix: String| FieldError::new("url", fix);
        let url = url.trim();
        if url.is_empty() || url.len() > URL_MAX_CHARS || !url.bytes().all(|b| b.is_ascii_graphic() && b != b'\\') {
            return Err(wrong(format!("must be a webhook URL, {EXAMPLE}")));
        }
        let (secure, rest) = without_scheme(url).ok_or_else(|| wrong(format!("must begin with https://, {EXAMPLE}")))?;
        let (authority, path) = rest.split_once('/').ok_or_else(|| wrong(format!("has no path, {EXAMPLE}")))?;
        let origin = Origin::parse(secure, authority).ok_or_else(|| wrong(format!("has no plain host name, {EXAMPLE}")))?;
        if !allowed.0.contains(&origin) {
            return Err(wrong(format!("{origin} is not allowed: use one of {}", allowed.names())));
        }
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let (id, token) = parts(path).ok_or_else(|| wrong(format!("must end in /api/webhooks/ID/TOKEN, {EXAMPLE}")))?;
        let thread = thread_of(query).map_err(|()| wrong("may have ?thread_id=NUMBER after it and nothing else".into()))?;
        Ok(WebhookUrl { origin, id: id.to_owned(), token: token.to_owned(), thread })
    }

    /// The whole URL with its token, to be sealed or called and nothing else.
    pub fn expose(&self) -> String {
        let thread = self.thread.as_ref().map(|id| format!("?thread_id={id}")).unwrap_or_default();
        format!("{}/api/webhooks/{}/{}{thread}", self.origin, self.id, self.token)
    }

    /// Where a message is posted so that the answer names it.
    pub(super) fn post(&self) -> String {
        self.call("", &[("wait", Some("true")), ("thread_id", self.thread.as_deref())])
    }

    /// Where the message `id` is changed.
    pub(super) fn message(&self, id: &str) -> String {
        self.call(&format!("/messages/{id}"), &[("thread_id", self.thread.as_deref())])
    }

    /// Where the webhook itself is looked at.
    pub(super) fn probe(&self) -> String {
        self.call("", &[])
    }

    fn call(&self, below: &str, query: &[(&str, Option<&str>)]) -> String {
        let given: Vec<String> = query.iter().filter_map(|(key, value)| value.map(|v| format!("{key}={v}"))).collect();
        let query = if given.is_empty() { String::new() } else { format!("?{}", given.join("&")) };
        format!("{}{API}/{}/{}{below}{query}", self.origin, self.id, self.token)
    }
}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/api/webhooks/{}/…", self.origin, self.id)
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookUrl({self})")
    }
}

fn without_scheme(url: &str) -> Option<(bool, &str)> {
    let scheme = |name: &str| url.get(..name.len()).filter(|start| start.eq_ignore_ascii_case(name)).map(|_| &url[name.len()..]);
    scheme("https://").map(|rest| (true, rest)).or_else(|| scheme("http://").map(|rest| (false, rest)))
}

/// Id and token of `api/webhooks/ID/TOKEN` or `api/v10/webhooks/ID/TOKEN`.
fn parts(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_suffix('/').unwrap_or(path).strip_prefix("api/")?;
    let (first, below) = rest.split_once('/')?;
    let version = first.strip_prefix('v').is_some_and(|n| (1..=3).contains(&n.len()) && n.bytes().all(|b| b.is_ascii_digit()));
    let rest = if version { below.strip_prefix("webhooks/")? } else { rest.strip_prefix("webhooks/")? };
    let (id, token) = rest.split_once('/')?;
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let token_fits = (1..=TOKEN_MAX_CHARS).contains(&token.len()) && token.bytes().all(word);
    (is_snowflake(id) && token_fits).then_some((id, token))
}

fn thread_of(query: &str) -> Result<Option<String>, ()> {
    match query.strip_prefix("thread_id=") {
        None if query.is_empty() => Ok(None),
        Some(id) if is_snowflake(id) => Ok(Some(id.to_owned())),
        _ => Err(()),
    }
}

/// Whether `id` is one of Discord's ids, and so harmless in a path.
pub(super) fn is_snowflake(id: &str) -> bool {
    (1..=ID_MAX_CHARS).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<WebhookUrl, FieldError> {
        WebhookUrl::parse(url, &AllowedHosts::default())
    }

    #[test]
    fn discords_own_urls_are_taken_in_all_their_forms() {
        for url in [
            "https://discord.com/api/webhooks/123/aB-_9",
            "https://discordapp.com/api/webhooks/123/aB-_9",
            "https://ptb.discord.com/api/webhooks/123/aB-_9",
            "HTTPS://Canary.Discord.com:443/api/v10/webhooks/123/aB-_9/",
            "  https://discord.com/api/v9/webhooks/123/aB-_9\n",
        ] {
            let parsed = parse(url).unwrap();
            assert!(parsed.post().ends_with("/api/v10/webhooks/123/aB-_9?wait=true"), "{url}");
        }
        let thread = parse("https://discord.com/api/webhooks/1/t?thread_id=42").unwrap();
        assert_eq!(thread.post(), "https://discord.com/api/v10/webhooks/1/t?wait=true&thread_id=42");
        assert_eq!(thread.message("7"), "https://discord.com/api/v10/webhooks/1/t/messages/7?thread_id=42");
        assert_eq!(parse(&thread.expose()).unwrap(), thread);
    }

    #[test]
    fn everything_else_is_refused_by_the_field_url() {
        for url in [
            "",
            "discord.com/api/webhooks/1/t",
            "http://discord.com/api/webhooks/1/t",
            "https://discord.com",
            "https://discord.com/",
            "https://discord.com:8443/api/webhooks/1/t",
            "https://discord.com.evil.example/api/webhooks/1/t",
            "https://evil.example/api/webhooks/1/t",
            "https://discord.com@evil.example/api/webhooks/1/t",
            "https://user:pw@discord.com/api/webhooks/1/t",
            "https://discord.com./api/webhooks/1/t",
            "https://discord.com\\@evil.example/api/webhooks/1/t",
            "https://discord.com/api/webhooks/1/t/slack",
            "https://discord.com/api/webhooks/1/../2/t",
            "https://discord.com/api/webhooks/one/t",
            "https://discord.com/api/webhooks/1/t%2f",
            "https://discord.com/api/webhooks/1/t#x",
            "https://discord.com/api/webhooks/1/t?wait=false",
            "https://discord.com/api/webhooks/1/t?thread_id=x",
            "https://127.0.0.1/api/webhooks/1/t",
            "https://[::1]/api/webhooks/1/t",
            "https://dıscord.com/api/webhooks/1/t",
            "https://discord.com/api/webhooks/1/\u{200b}",
            &format!("https://discord.com/api/webhooks/1/{}", "t".repeat(129)),
        ] {
            assert_eq!(parse(url).expect_err(url).field, "url", "{url}");
        }
    }

    #[test]
    fn an_operator_may_allow_a_local_peer_and_only_that_port() {
        let allowed = AllowedHosts::parse(&["http://127.0.0.1:9000", "chat.example"]).unwrap();
        assert!(WebhookUrl::parse("http://127.0.0.1:9000/api/webhooks/1/t", &allowed).is_ok());
        assert!(WebhookUrl::parse("https://chat.example/api/webhooks/1/t", &allowed).is_ok());
        for url in [
            "http://127.0.0.1:9001/api/webhooks/1/t",
            "https://127.0.0.1:9000/api/webhooks/1/t",
            "https://discord.com/api/webhooks/1/t",
        ] {
            assert!(WebhookUrl::parse(url, &allowed).is_err(), "{url}");
        }
        for entry in ["", "https://", "a b", "discord.com/x", "host:0", "user@host"] {
            assert_eq!(AllowedHosts::parse(&[entry]).expect_err(entry).field, "webhook_allowed_hosts");
        }
    }

    #[test]
    fn the_token_is_never_printed() {
        let url = parse("https://discord.com/api/webhooks/123/very-secret").unwrap();
        assert!(!format!("{url} {url:?}").contains("secret"));
        let error = parse("https://evil.example/api/webhooks/123/very-secret").unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
