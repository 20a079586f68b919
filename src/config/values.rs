//! What the text of each setting may be. Pure: text in, value or fix out; the fix never repeats the text, which may be a secret.

use awc::http::Uri;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::str::FromStr;

/// Shortest secret a person may give, in characters.
pub const SECRET_MIN_CHARS: usize = 16;
/// Longer URLs are refused by what they are sent to.
const URL_MAX_BYTES: usize = 2_048;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// A network whose `X-Forwarded-For` is believed, such as `10.0.0.0/8`; prints as it is parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    /// An address of the network.
    pub address: IpAddr,
    /// How many of its leading bits name the network.
    pub prefix: u8,
}

impl FromStr for Cidr {
    type Err = String;

    fn from_str(text: &str) -> Result<Cidr, String> {
        let fix = || "must be networks such as 10.0.0.0/8, 172.18.0.1 or fd00::/8".to_owned();
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| fix())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(most), |prefix| prefix.parse().map_err(|_| fix()))?;
        if prefix > most {
            return Err(format!("must be networks such as 10.0.0.0/8; after the slash comes a number up to {most}"));
        }
        Ok(Cidr { address, prefix })
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// The address to listen on.
pub(super) fn listen_host(text: &str) -> Result<IpAddr, String> {
    if text == "localhost" {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    bare.parse().map_err(|_| {
        "must be an address of this machine: 0.0.0.0 for all, 127.0.0.1 for this machine only, or :: for IPv6".into()
    })
}

/// The port to listen on; 0 is any free one.
pub(super) fn port(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| "must be a port number from 0 to 65535, for example 8080; 0 takes any free one".into())
}

/// A secret that is long enough.
pub(super) fn secret(text: &str) -> Result<super::Secret, String> {
    let chars = text.chars().count();
    if chars < SECRET_MIN_CHARS {
        return Err(format!(
            "must have at least {SECRET_MIN_CHARS} characters, this one has {chars}: make one with \"openssl rand -hex 32\""
        ));
    }
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err("must not contain spaces or control characters".into());
    }
    Ok(super::Secret::new(text))
}

/// The file of a `sqlite:///relative` or `sqlite:////absolute` URL.
pub(super) fn database(text: &str) -> Result<PathBuf, String> {
    const EXAMPLES: &str =
        "sqlite:///data/db.sqlite (below the working directory) or sqlite:////var/lib/pulsewarden/db.sqlite (absolute)";
    let Some(rest) = text.strip_prefix("sqlite:") else {
        return Err(format!("must be a SQLite file, for example {EXAMPLES}"));
    };
    let path = rest
        .strip_prefix("///")
        .ok_or_else(|| format!("must have three slashes and a path, or four for an absolute one: {EXAMPLES}"))?;
    if path.is_empty() || path.ends_with('/') || path.contains([':', '?', '#', '\0']) {
        return Err(format!("must name a file, without options: {EXAMPLES}"));
    }
    Ok(PathBuf::from(path))
}

/// An http or https URL without a user name; `what` is an example of one.
pub(super) fn url(text: &str, example: &str) -> Result<String, String> {
    let fix = || format!("must be a whole http or https URL without a user name, for example {example}");
    let uri: Uri = text.parse().map_err(|_| fix())?;
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
    if !is_web
        || authority.contains('@')
        || uri.host().is_none_or(str::is_empty)
        || text.len() > URL_MAX_BYTES
        || text.contains('#')
    {
        return Err(fix());
    }
    Ok(text.to_owned())
}

/// The base of copied URLs, without a slash at its end.
pub(super) fn public_url(text: &str) -> Result<String, String> {
    let example = "https://hub.example.org";
    let url = url(text, example)?;
    if url.contains('?') {
        return Err(format!("must have nothing after the path, for example {example}"));
    }
    if url.chars().any(|c| matches!(c, '\'' | '"' | '<' | '>' | '\\' | '`' | '$')) {
        return Err(format!("must not contain quotes, brackets, backslashes or dollar signs, for example {example}"));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// A level as a filter of env_logger.
pub(super) fn log_level(text: &str) -> Result<String, String> {
    let level = text.to_lowercase();
    match level.as_str() {
        "off" | "error" | "warn" | "info" | "debug" | "trace" => Ok(level),
        "warning" => Ok("warn".into()),
        _ => Err("must be ERROR, WARN, INFO, DEBUG, TRACE or OFF".into()),
    }
}

pub(super) fn log_format(text: &str) -> Result<LogFormat, String> {
    match text.to_lowercase().as_str() {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("must be text or json".into()),
    }
}

pub(super) fn switch(text: &str) -> Result<bool, String> {
    match text.to_lowercase().as_str() {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        _ => Err("must be true or false".into()),
    }
}

/// The parts of a list: separated by commas or white space.
pub(super) fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c == ',' || c.is_whitespace()).filter(|part| !part.is_empty())
}

pub(super) fn cidrs(text: &str) -> Result<Vec<Cidr>, String> {
    parts(text).map(str::parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_slashes_are_relative_and_four_absolute() {
        assert_eq!(database("sqlite:///data/db.sqlite"), Ok(PathBuf::from("data/db.sqlite")));
        assert_eq!(database("sqlite:////var/lib/db"), Ok(PathBuf::from("/var/lib/db")));
        for wrong in [
            "",
            "data/db",
            "sqlite://data/db",
            "sqlite:data",
            "sqlite:///",
            "sqlite:///data/",
            "sqlite:///:memory:",
            "postgres://h/db",
            "sqlite:///x?mode=ro",
        ] {
            assert!(database(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn addresses_ports_and_networks_are_what_they_say() {
        assert_eq!(listen_host("localhost"), Ok("127.0.0.1".parse().unwrap()));
        assert_eq!(listen_host("[::1]"), Ok("::1".parse().unwrap()));
        assert!(listen_host("example.org").is_err());
        assert_eq!((port("0"), port("65535")), (Ok(0), Ok(65_535)));
        assert!(port("65536").is_err() && port("-1").is_err() && port("http").is_err());
        let networks: Vec<String> = cidrs("10.0.0.0/8, 192.168.1.1 fd00::/8").unwrap().iter().map(Cidr::to_string).collect();
        assert_eq!(networks, ["10.0.0.0/8", "192.168.1.1/32", "fd00::/8"]);
        assert!(cidrs("10.0.0.0/33").is_err() && cidrs("proxy").is_err() && cidrs("10.0.0.0/").is_err());
    }

    #[test]
    fn urls_are_whole_and_carry_no_user_name() {
        for wrong in ["", "/x", "hub.example.org", "ftp://x/", "http://", "https://a b/", "https://user:pw@x/", "https://x/#part"]
        {
            assert!(url(wrong, "x").is_err(), "{wrong}");
        }
        assert_eq!(public_url("https://hub.example.org/watch/"), Ok("https://hub.example.org/watch".into()));
        assert!(public_url("https://hub.example.org/?a").is_err());
        assert!(public_url("https://hub.example.org/'x").is_err());
    }

    #[test]
    fn a_short_secret_is_refused_without_being_shown() {
        let error = secret("hunter2").unwrap_err();
        assert!(error.contains("this one has 7") && !error.contains("hunter2"));
        assert_eq!(secret("sixteen-letters!").unwrap().expose(), "sixteen-letters!");
        assert!(secret("sixteen letters!!").is_err());
    }
}
