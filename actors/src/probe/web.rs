//! A web endpoint: whether it says exactly what it must, so that a login page in its place is seen. A connection of its own each time,
//! no redirect followed.

use super::Endpoint;
use crate::clock::Clock;
use crate::outside::resolve;
use awc::error::{ConnectError, SendRequestError};
use awc::{Client, Connector};
use domain::uplink::{Probe, Web};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

/// To get a connection: the kernel tries again after one and after three seconds.
const CONNECT_MS: u64 = 4_000;
/// For the answer after that.
const ANSWER_MS: u64 = 4_000;
/// For name, connection and answer.
const TOTAL_MS: u64 = 8_000;
/// What is read of an answer.
const BODY_MAX_BYTES: usize = 4 << 10;
/// What is told of an answer nobody expected.
const TOLD_MAX_CHARS: usize = 80;

pub(super) async fn probe(endpoint: &Endpoint, clock: &Clock) -> Probe<Web> {
    let began = clock.steady();
    let asked = tokio::time::timeout(Duration::from_millis(TOTAL_MS), ask(endpoint)).await;
    let heard = match asked {
        Ok(Ok(())) => Web::AsExpected(clock.steady().since_ms(began)),
        Ok(Err(heard)) => heard,
        Err(_) => Web::Silent(format!("{TOTAL_MS} ms")),
    };
    Probe { target: endpoint.to_string(), heard }
}

async fn ask(endpoint: &Endpoint) -> Result<(), Web> {
    let addresses = resolve(&endpoint.host).await.map_err(Web::NoName)?;
    let ip = addresses.first().ok_or_else(|| Web::NoName("it has no address".to_owned()))?;
    let address = SocketAddr::new(*ip, endpoint.port);
    let client = client();
    let mut answer = client.get(&endpoint.url).address(address).send().await.map_err(|e| failed(&e))?;
    let status = answer.status().as_u16();
    if status != endpoint.status {
        let leads = answer.headers().get("location").and_then(|to| to.to_str().ok());
        return Err(other(endpoint, &leads.map_or(format!("HTTP {status}"), |to| format!("HTTP {status} to {}", told(to)))));
    }
    if endpoint.body.is_empty() {
        return Ok(());
    }
    let body = answer.body().limit(BODY_MAX_BYTES).await.map_err(|e| Web::Broken(e.to_string()))?;
    let text = String::from_utf8_lossy(&body);
    if text.starts_with(&endpoint.body) { Ok(()) } else { Err(other(endpoint, &format!("HTTP {status}: {}", told(&text)))) }
}

/// Over TLS nobody can answer in the place of another: what it says is its own affair, and no captive portal.
fn other(endpoint: &Endpoint, what: &str) -> Web {
    if endpoint.secure { Web::Broken(format!("another answer: {what}")) } else { Web::Otherwise(what.to_owned()) }
}

/// One line of what somebody else sent.
fn told(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(TOLD_MAX_CHARS).collect();
    clean.trim().to_owned()
}

fn client() -> Client {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        drop(rustls::crypto::ring::default_provider().install_default());
    }
    let connect = Duration::from_millis(CONNECT_MS);
    Client::builder()
        .connector(Connector::new().timeout(connect).handshake_timeout(connect))
        .timeout(Duration::from_millis(ANSWER_MS))
        .disable_redirects()
        .add_default_header(("Connection", "close"))
        .add_default_header(("User-Agent", "Pulsewarden connectivity check"))
        .finish()
}

fn failed(error: &SendRequestError) -> Web {
    match error {
        SendRequestError::Connect(ConnectError::Timeout) => Web::Silent(format!("{CONNECT_MS} ms")),
        // What TLS refuses comes as data that is not valid.
        SendRequestError::Connect(ConnectError::Io(e)) if e.kind() == ErrorKind::InvalidData => Web::Broken(e.to_string()),
        SendRequestError::Connect(ConnectError::Io(e)) => Web::Silent(e.to_string()),
        SendRequestError::Connect(ConnectError::Disconnected) => Web::Broken("closed without an answer".to_owned()),
        SendRequestError::Timeout => Web::Broken(format!("no answer within {ANSWER_MS} ms")),
        other => Web::Broken(other.to_string()),
    }
}
