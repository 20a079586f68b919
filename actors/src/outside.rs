//! Calls to services a person named: the name is resolved here, each address is checked before anything connects to it, and no
//! redirect is followed. What is called is a secret: no error repeats it.

mod address;
mod resolve;

pub use address::{LocalOrigins, may_call};
pub(crate) use resolve::system as resolve;

use crate::settings::{Method, mask};
use awc::error::{ConnectError, SendRequestError};
use awc::http::Uri;
use awc::{Client, Connector};
use futures_util::future::LocalBoxFuture;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

/// In full: some services refuse calls without one.
const USER_AGENT: &str = concat!("Pulsewarden/", env!("CARGO_PKG_VERSION"));
/// To get a connection.
const CONNECT_MS: u64 = 5_000;
/// For the whole call: what services of this kind ask their callers to wait at most.
const TOTAL_MS: u64 = 10_000;
/// Longest body that is sent: what healthchecks keeps of one.
pub(crate) const BODY_MAX_BYTES: usize = 10_000;

/// A call about to be made.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    /// How.
    pub method: Method,
    /// The whole URL, a secret.
    pub url: String,
    /// What is sent with it, for people at the other side.
    pub body: Option<String>,
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Call({} {}, {:?})", self.method.as_str(), mask(&self.url), self.body)
    }
}

/// How calls leave; tests put a service without sockets here.
pub trait Caller {
    /// Makes a call; the error says why it was not taken, without the URL.
    fn call(&self, call: Call) -> LocalBoxFuture<'static, Result<(), String>>;
}

/// The adapter over real sockets.
pub struct Outside {
    client: Client,
    local: Rc<LocalOrigins>,
}

impl Outside {
    /// A client of its own; to be made on the thread that uses it. `local` are the services on this machine that may be called.
    pub fn new(local: LocalOrigins) -> Outside {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Another thread may be first, which is as good.
            drop(rustls::crypto::ring::default_provider().install_default());
        }
        let connect = Duration::from_millis(CONNECT_MS);
        let client = Client::builder()
            .connector(Connector::new().timeout(connect).handshake_timeout(connect))
            .timeout(Duration::from_millis(TOTAL_MS))
            .disable_redirects()
            .add_default_header(("User-Agent", USER_AGENT))
            .finish();
        Outside { client, local: Rc::new(local) }
    }
}

impl Caller for Outside {
    fn call(&self, call: Call) -> LocalBoxFuture<'static, Result<(), String>> {
        let (client, local) = (self.client.clone(), self.local.clone());
        Box::pin(async move {
            let exchange = tokio::time::timeout(Duration::from_millis(TOTAL_MS), exchange(client, local, call));
            exchange.await.unwrap_or_else(|_| Err(format!("no answer within {TOTAL_MS} ms")))
        })
    }
}

async fn exchange(client: Client, local: Rc<LocalOrigins>, call: Call) -> Result<(), String> {
    let uri: Uri = call.url.parse().map_err(|_| "the URL cannot be called".to_owned())?;
    let address = checked_address(&uri, &local).await?;
    let method = match call.method {
        Method::Get => awc::http::Method::GET,
        Method::Head => awc::http::Method::HEAD,
        Method::Post => awc::http::Method::POST,
    };
    // A connection that was kept may be closed at the other side by now.
    let request = client.request(method, uri).address(address).force_close();
    let sent = match call.body {
        Some(body) => request.content_type("text/plain; charset=utf-8").send_body(cut(body)).await,
        None => request.send().await,
    };
    let status = sent.map_err(|e| failed(&e))?.status().as_u16();
    match status {
        200..=299 => Ok(()),
        300..=399 => Err(format!("HTTP {status}: a redirect, which is not followed; give the address it leads to")),
        404 => Err("HTTP 404: the other side does not know this address".to_owned()),
        _ => Err(format!("HTTP {status}")),
    }
}

/// Where the call goes: an address of the URL's host that may be called.
pub(crate) async fn checked_address(uri: &Uri, local: &LocalOrigins) -> Result<SocketAddr, String> {
    let host = uri.host().ok_or("the URL has no host")?;
    let secure = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let found = resolve(host).await.map_err(|e| format!("its host cannot be resolved: {e}"))?;
    let allowed = found.iter().copied().find(|ip| may_call(*ip, secure, host, port, local));
    let address = allowed.ok_or("its host has only addresses that are never called (this machine, link-local, multicast)")?;
    Ok(SocketAddr::new(address, port))
}

fn cut(mut body: String) -> String {
    let mut end = body.len().min(BODY_MAX_BYTES);
    while !body.is_char_boundary(end) {
        end -= 1;
    }
    body.truncate(end);
    body
}

/// Without the address: awc's own texts may hold it.
fn failed(error: &SendRequestError) -> String {
    match error {
        SendRequestError::Connect(ConnectError::Timeout) => format!("no connection within {CONNECT_MS} ms"),
        SendRequestError::Connect(ConnectError::Disconnected) => "the connection was closed without an answer".to_owned(),
        SendRequestError::Connect(ConnectError::Io(e)) => format!("no connection: {e}"),
        SendRequestError::Connect(_) => "no connection".to_owned(),
        SendRequestError::Timeout => format!("no answer within {TOTAL_MS} ms"),
        _ => "the connection broke".to_owned(),
    }
}

#[cfg(test)]
mod tests;
