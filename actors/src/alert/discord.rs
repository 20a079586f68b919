//! Discord's webhooks over HTTP: three calls, each answered by a [`Reply`], whatever the other side does.

pub use super::answer::{Call, Headers, Outcome, Refusal, Reply, Scope, judge};
pub use super::webhook::{AllowedHosts, WebhookUrl};

use super::answer::{unanswered, unread};
use awc::error::{ConnectError, SendRequestError};
use awc::http::Method;
use awc::{Client, ClientRequest, Connector};
use futures_util::future::LocalBoxFuture;
use serde_json::Value;
use std::time::Duration;

/// In the form Discord's documentation asks for; without it the request is blocked.
pub const USER_AGENT: &str = concat!("DiscordBot (https://pulsewarden.invalid, ", env!("CARGO_PKG_VERSION"), ")");
/// Longest answer that is read.
pub const ANSWER_MAX_BYTES: usize = 64 << 10;

/// How long a call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waits {
    /// To get a connection, in milliseconds.
    pub connect_ms: u64,
    /// For the whole call, in milliseconds.
    pub total_ms: u64,
}

impl Default for Waits {
    fn default() -> Waits {
        Waits { connect_ms: 5_000, total_ms: 10_000 }
    }
}

/// How messages reach the other side; tests put a peer without sockets here.
pub trait Deliver {
    /// Posts a new message.
    fn post(&self, url: &WebhookUrl, body: Value) -> LocalBoxFuture<'static, Reply>;
    /// Changes a message.
    fn edit(&self, url: &WebhookUrl, remote_id: &str, body: Value) -> LocalBoxFuture<'static, Reply>;
    /// Asks whether the webhook is there.
    fn probe(&self, url: &WebhookUrl) -> LocalBoxFuture<'static, Reply>;
}

/// The adapter over real sockets.
pub struct Discord {
    client: Client,
    total: Duration,
}

impl Discord {
    /// A client of its own; to be made on the thread that uses it.
    pub fn new(waits: Waits) -> Discord {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Another thread may be first, which is as good.
            drop(rustls::crypto::ring::default_provider().install_default());
        }
        let connect = Duration::from_millis(waits.connect_ms);
        let total = Duration::from_millis(waits.total_ms);
        let client = Client::builder()
            .connector(Connector::new().timeout(connect).handshake_timeout(connect))
            .timeout(total)
            .disable_redirects()
            .add_default_header(("User-Agent", USER_AGENT))
            .finish();
        Discord { client, total }
    }

    fn send(&self, call: Call, request: ClientRequest, body: Option<Value>) -> LocalBoxFuture<'static, Reply> {
        let total = self.total;
        Box::pin(async move {
            let exchange = tokio::time::timeout(total, exchange(call, request, body));
            exchange.await.unwrap_or_else(|_| unanswered(&format!("no answer within {} ms", total.as_millis()), call, true))
        })
    }
}

impl Deliver for Discord {
    fn post(&self, url: &WebhookUrl, body: Value) -> LocalBoxFuture<'static, Reply> {
        self.send(Call::Post, self.client.request(Method::POST, url.post()), Some(body))
    }

    fn edit(&self, url: &WebhookUrl, remote_id: &str, body: Value) -> LocalBoxFuture<'static, Reply> {
        self.send(Call::Edit, self.client.request(Method::PATCH, url.message(remote_id)), Some(body))
    }

    fn probe(&self, url: &WebhookUrl) -> LocalBoxFuture<'static, Reply> {
        self.send(Call::Probe, self.client.request(Method::GET, url.probe()), None)
    }
}

async fn exchange(call: Call, request: ClientRequest, body: Option<Value>) -> Reply {
    let sent = match body {
        Some(body) => request.send_json(&body).await,
        None => request.send().await,
    };
    let mut answer = match sent {
        Ok(answer) => answer,
        Err(e) => return failed(&e, call),
    };
    let status = answer.status().as_u16();
    let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let headers = Headers {
        retry_after: header("retry-after"),
        remaining: header("x-ratelimit-remaining"),
        reset_after: header("x-ratelimit-reset-after"),
        global: header("x-ratelimit-global"),
        scope: header("x-ratelimit-scope"),
    };
    match answer.body().limit(ANSWER_MAX_BYTES).await {
        Ok(body) => judge(call, status, &headers, &body),
        Err(_) if status == 429 => judge(call, status, &headers, b""),
        Err(e) => unread(status, &format!("HTTP {status}, but the answer could not be read: {e}"), call),
    }
}

/// An error before any answer; only one from before the request was written means that it certainly did not arrive.
fn failed(error: &SendRequestError, call: Call) -> Reply {
    match error {
        SendRequestError::Url(_) => unanswered("the URL cannot be called", call, false),
        SendRequestError::Connect(ConnectError::Timeout) => unanswered("no connection within the limit", call, false),
        // What awc calls this is a connection that ended where an answer should have begun.
        SendRequestError::Connect(ConnectError::Disconnected) => {
            unanswered("the connection was closed without an answer", call, true)
        }
        SendRequestError::Connect(e @ ConnectError::H2(_)) => unanswered(&format!("the connection broke: {e}"), call, true),
        SendRequestError::Connect(e) => unanswered(&format!("no connection: {e}"), call, false),
        other => unanswered(&format!("the connection broke: {other}"), call, true),
    }
}
