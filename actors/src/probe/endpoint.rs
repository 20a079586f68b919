//! A web endpoint and what it must say, written as one URL: `http://host/path#204` or `http://host/path#200:begins like this`.

use std::fmt;
use std::str::FromStr;

const URL_MAX_BYTES: usize = 512;
const EXAMPLE: &str = "for example http://connectivitycheck.gstatic.com/generate_204#204 or http://host/success.txt#200:success";

/// Who is asked and what is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// What is called.
    pub url: String,
    /// Whether over TLS.
    pub secure: bool,
    /// Its host, perhaps an address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Path and query.
    pub path: String,
    /// The status it must answer.
    pub status: u16,
    /// What its body must begin with.
    pub body: String,
}

impl Endpoint {
    /// The endpoint that `text` describes.
    ///
    /// # Errors
    /// The fix.
    ///
    /// ```
    /// use actors::probe::Endpoint;
    /// let endpoint = Endpoint::parse("http://detectportal.firefox.com/success.txt#200:success").unwrap();
    /// assert_eq!((endpoint.status, endpoint.body.as_str()), (200, "success"));
    /// assert_eq!(endpoint.to_string(), "http://detectportal.firefox.com/success.txt");
    /// ```
    pub fn parse(text: &str) -> Result<Endpoint, String> {
        let fix = |what: &str| format!("{what}, {EXAMPLE}");
        let (url, expected) = text.split_once('#').ok_or_else(|| fix("must end in # and the expected status"))?;
        let (status, body) = expected.split_once(':').unwrap_or((expected, ""));
        let status: u16 =
            status.parse().ok().filter(|n| (200..600).contains(n)).ok_or_else(|| fix("has no status from 200 to 599 after #"))?;
        let uri =
            awc::http::Uri::from_str(url).ok().filter(|_| url.len() <= URL_MAX_BYTES).ok_or_else(|| fix("must be a URL"))?;
        let secure = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(fix("must begin with http:// or https://")),
        };
        let host = uri
            .host()
            .filter(|host| !host.is_empty() && !url.contains('@'))
            .ok_or_else(|| fix("must have a host and no user name"))?;
        Ok(Endpoint {
            secure,
            host: host.to_owned(),
            port: uri.port_u16().unwrap_or(if secure { 443 } else { 80 }),
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            status,
            body: body.to_owned(),
            url: url.to_owned(),
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_expected_stands_behind_the_url() {
        let plain = Endpoint::parse("https://[2001:db8::1]:8443/x?y=1#204").unwrap();
        assert_eq!((plain.secure, plain.host.as_str(), plain.port), (true, "[2001:db8::1]", 8_443));
        assert_eq!((plain.path.as_str(), plain.status, plain.body.as_str()), ("/x?y=1", 204, ""));
        let body = Endpoint::parse("http://host/#200:a:b").unwrap();
        assert_eq!((body.port, body.body.as_str()), (80, "a:b"));
    }

    #[test]
    fn everything_else_is_refused_with_an_example() {
        for text in [
            "",
            "http://host/",
            "http://host/#",
            "http://host/#99",
            "http://host/#ok",
            "ftp://host/#200",
            "http:///#200",
            "http://u@host/#200",
            "host#200",
        ] {
            assert!(Endpoint::parse(text).expect_err(text).contains("for example"), "{text}");
        }
        for (text, _) in super::super::ENDPOINTS.iter().zip(0..) {
            assert!(Endpoint::parse(text).is_ok(), "{text}");
        }
    }
}
