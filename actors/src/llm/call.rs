//! One request to a model's server over real sockets, and what came back, whatever the other side does.

use super::{LlmConfig, LlmLimits};
use awc::error::{ConnectError, SendRequestError};
use awc::{Client, Connector};
use domain::prompt::Headers;
use std::time::Duration;

/// How the hub calls itself.
const USER_AGENT: &str = concat!("Pulsewarden/", env!("CARGO_PKG_VERSION"));
/// Longest name a server may give to a request.
const REQUEST_ID_MAX_CHARS: usize = 200;

/// What a server answered.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) headers: Headers,
    /// The server's own name for the request.
    pub(super) request_id: Option<String>,
    /// What a gateway says it cost, in millionths of a US dollar.
    pub(super) cost_micros: Option<i64>,
    pub(super) body: Vec<u8>,
}

/// No answer. `may_have_arrived`: then it may cost something.
#[derive(Debug)]
pub(super) struct Unanswered {
    pub(super) why: String,
    pub(super) may_have_arrived: bool,
}

/// A client of its own; to be made on the thread that uses it. The key goes to the one address only: redirects are not followed.
pub(super) fn client(limits: &LlmLimits) -> Client {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Another thread may be first, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
    }
    let connect = Duration::from_millis(limits.connect_wait_ms);
    Client::builder()
        .connector(Connector::new().timeout(connect).handshake_timeout(connect))
        .timeout(Duration::from_millis(limits.answer_wait_ms))
        .disable_redirects()
        .add_default_header(("User-Agent", USER_AGENT))
        .finish()
}

/// Sends `body` and reads the whole answer.
pub(super) async fn call(client: &Client, config: &LlmConfig, limits: &LlmLimits, body: Vec<u8>) -> Result<Answered, Unanswered> {
    let total = Duration::from_millis(limits.answer_wait_ms);
    let late = || Unanswered { why: format!("no answer within {} ms", limits.answer_wait_ms), may_have_arrived: true };
    tokio::time::timeout(total, exchange(client, config, limits, body)).await.unwrap_or_else(|_| Err(late()))
}

async fn exchange(client: &Client, config: &LlmConfig, limits: &LlmLimits, body: Vec<u8>) -> Result<Answered, Unanswered> {
    let mut request = client.post(&config.url).insert_header(("Content-Type", "application/json"));
    for (name, value) in config.key.iter().flat_map(|key| config.style().auth_headers(key)) {
        request = request.insert_header((name, value));
    }
    let mut answer = request.send_body(body).await.map_err(|e| failed(&e))?;
    let status = answer.status().as_u16();
    let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let headers = Headers {
        retry_after: header("retry-after"),
        retry_after_ms: header("retry-after-ms"),
        should_retry: header("x-should-retry"),
    };
    let request_id = header("request-id").or_else(|| header("x-request-id"));
    let request_id = request_id.map(|id| id.chars().take(REQUEST_ID_MAX_CHARS).collect());
    let cost = header("x-litellm-response-cost").and_then(|text| text.parse::<f64>().ok());
    let cost_micros = cost.filter(|dollars| (0.0..1e6).contains(dollars)).map(|dollars| (dollars * 1e6).round() as i64);
    let read = answer.body().limit(limits.answer_bytes_most).await;
    let body = match read {
        Ok(body) => body.to_vec(),
        // An error's text is not needed to know what it is.
        Err(_) if status != 200 => Vec::new(),
        Err(e) => {
            return Err(Unanswered {
                why: format!("HTTP {status}, but the answer could not be read: {e}"),
                may_have_arrived: true,
            });
        }
    };
    Ok(Answered { status, headers, request_id, cost_micros, body })
}

/// An error before any answer; only one from before the request was written means that it certainly did not arrive.
fn failed(error: &SendRequestError) -> Unanswered {
    let unanswered = |why: String, may_have_arrived| Unanswered { why, may_have_arrived };
    match error {
        SendRequestError::Url(_) => unanswered("the URL cannot be called".into(), false),
        SendRequestError::Connect(ConnectError::Disconnected) => {
            unanswered("the connection was closed without an answer".into(), true)
        }
        SendRequestError::Connect(ConnectError::H2(e)) => unanswered(format!("the connection broke: {e}"), true),
        SendRequestError::Connect(e) => unanswered(format!("no connection: {e}"), false),
        other => unanswered(format!("the connection broke: {other}"), true),
    }
}
