//! A small HTTP client for the hub's API: knows its error shape, waits for nothing long, and never follows a redirect with a key.

use super::{CliError, Exit};
use crate::config::Secret;
use awc::error::{ConnectError, SendRequestError};
use awc::http::{Method, StatusCode};
use serde_json::Value;
use std::time::Duration;

const CONNECT_WAIT: Duration = Duration::from_secs(3);
const ANSWER_WAIT: Duration = Duration::from_secs(15);
/// A thousand hosts with all their fields.
const ANSWER_BYTES: usize = 16 << 20;

/// The hub to talk to.
pub(super) struct Client {
    base: String,
    key: Option<Secret>,
    http: awc::Client,
}

/// What the hub answered.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) retry_after_s: Option<u64>,
    pub(super) body: Vec<u8>,
}

impl Client {
    /// A client for the hub at `base`; must be made inside an actix system.
    pub(super) fn new(base: &str, key: Option<Secret>) -> Client {
        let connector = awc::Connector::new().timeout(CONNECT_WAIT);
        let builder = awc::Client::builder().connector(connector).timeout(ANSWER_WAIT).disable_redirects();
        let agent = concat!("pulsewarden/", env!("CARGO_PKG_VERSION"));
        Client {
            base: base.trim_end_matches('/').to_owned(),
            key,
            http: builder.add_default_header(("User-Agent", agent)).finish(),
        }
    }

    /// The hub's address.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// Calls the API; the answer's JSON if it says yes.
    pub(super) async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, CliError> {
        let body = body.map(ToString::to_string);
        let answer = self
            .send(method, &format!("{}{path}", self.base), body.as_deref().map(|text| ("application/json", text)), &[])
            .await?;
        if answer.status.is_success() {
            return Ok(serde_json::from_slice(&answer.body).unwrap_or_default());
        }
        Err(refusal(&answer))
    }

    /// Sends one request and reads its whole answer, whatever it says.
    pub(super) async fn send(
        &self,
        method: Method,
        url: &str,
        body: Option<(&str, &str)>,
        headers: &[(&str, &str)],
    ) -> Result<Answer, CliError> {
        let mut request = self.http.request(method, url);
        for header in headers {
            request = request.insert_header(*header);
        }
        if let Some(key) = &self.key {
            request = request.bearer_auth(key.expose());
        }
        let sent = match body {
            Some((kind, text)) => request.content_type(kind).send_body(text.to_owned()).await,
            None => request.send().await,
        };
        let mut response = sent.map_err(|e| self.unreachable(&e))?;
        let retry_after_s = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        let body = response
            .body()
            .limit(ANSWER_BYTES)
            .await
            .map_err(|e| CliError::new(Exit::Failed, format!("the answer was cut off: {e}")))?;
        Ok(Answer { status: response.status(), retry_after_s, body: body.to_vec() })
    }

    /// The error names the hub and never the whole URL, which may hold a token.
    fn unreachable(&self, error: &SendRequestError) -> CliError {
        let base = &self.base;
        match error {
            SendRequestError::Connect(ConnectError::Io(e)) if e.kind() == std::io::ErrorKind::ConnectionRefused => {
                CliError::new(Exit::Unreachable, format!("no hub runs at {base}: start it with \"pulsewarden serve\""))
            }
            SendRequestError::Url(_) => CliError::new(Exit::Usage, "this is no whole http or https URL"),
            SendRequestError::Connect(e) => CliError::new(Exit::Unreachable, format!("{base} cannot be reached: {e}")),
            SendRequestError::Timeout => {
                CliError::new(Exit::Unreachable, format!("{base} did not answer within {} s", ANSWER_WAIT.as_secs()))
            }
            other => CliError::new(Exit::Unreachable, format!("{base} did not answer: {other}")),
        }
    }
}

/// The hub's "no" in words: everything that is wrong, a line each.
pub(super) fn refusal(answer: &Answer) -> CliError {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let one = |error: &Value| match (error["field"].as_str(), error["message"].as_str()) {
        (Some(field), Some(message)) => Some(format!("{field}: {message}")),
        (None, Some(message)) => Some(message.to_owned()),
        (_, None) => None,
    };
    let several = body["error"]["fields"].as_array().map(|errors| errors.iter().filter_map(one).collect::<Vec<_>>().join("\n"));
    let told = several.or_else(|| one(&body["error"])).unwrap_or_else(|| format!("the hub answered {}", answer.status));
    match answer.status {
        StatusCode::NOT_FOUND => CliError::new(Exit::NotFound, told),
        StatusCode::UNAUTHORIZED => CliError::new(Exit::Failed, format!("{told} (--api-key or API_KEY gives a key)")),
        _ => CliError::new(Exit::Failed, told),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(status: u16, body: &str) -> (Exit, String) {
        let answer =
            Answer { status: StatusCode::from_u16(status).unwrap(), retry_after_s: None, body: body.as_bytes().to_vec() };
        let error = refusal(&answer);
        (error.exit, error.message)
    }

    #[test]
    fn a_refusal_is_told_in_the_hubs_words_with_the_field() {
        let body = r#"{"error":{"code":"invalid","message":"must be between 1s and 366d","field":"expected_frequency"}}"#;
        assert_eq!(told(422, body), (Exit::Failed, "expected_frequency: must be between 1s and 366d".into()));
        let two = r#"{"error":{"code":"invalid","message":"x","field":"a","fields":[{"field":"a","message":"x"},{"field":"b","message":"y"}]}}"#;
        assert_eq!(told(422, two).1, "a: x\nb: y");
        assert_eq!(told(404, r#"{"error":{"code":"not_found","message":"there is no such host"}}"#).0, Exit::NotFound);
        assert_eq!(told(502, "<html>"), (Exit::Failed, "the hub answered 502 Bad Gateway".into()));
    }
}
