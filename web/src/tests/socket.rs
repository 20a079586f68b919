//! Over a real socket: what only the whole server shows.

use crate::testing::Bed;
use crate::{WebLimits, serve};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn served(bed: &Bed) -> (SocketAddr, actix_web::dev::ServerHandle) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = serve(listener, bed.state.clone()).unwrap();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    (address, handle)
}

async fn raw(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut text)).await;
    assert!(read.is_ok(), "no end of {request}");
    String::from_utf8(text).unwrap()
}

#[actix_web::test]
async fn head_has_the_headers_of_get_and_no_body() {
    let bed = Bed::new().await;
    let token = bed.host("web-01").await;
    let (address, handle) = served(&bed).await;
    let head =
        raw(address, &format!("HEAD /heartbeat/web-01?token={token} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    assert!(head.contains("x-content-type-options: nosniff"));
    handle.stop(false).await;
}

#[actix_web::test]
async fn a_chunked_body_that_nobody_reads_to_its_end_closes_its_connection() {
    let bed = Bed::new().await;
    let (address, handle) = served(&bed).await;
    for path in ["/heartbeat/nobody", "/api/v1/hosts", "/api/v1/health", "/nothing"] {
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
        let answer = raw(address, &head).await;
        assert!(answer.starts_with("HTTP/1.1 4") && answer.contains("connection: close"), "{path}: {answer}");
    }
    handle.stop(false).await;
}

#[actix_web::test]
async fn a_slow_body_is_408_and_nothing_is_stored() {
    let limits = WebLimits { body_wait_ms: 200, ..WebLimits::default() };
    let bed = Bed::with(limits, Vec::new()).await;
    let token = bed.host("web-01").await;
    let (address, handle) = served(&bed).await;
    let head =
        format!("POST /heartbeat/web-01?token={token} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 10\r\n\r\nabc");
    let answer = raw(address, &head).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains(r#""code":"timeout""#), "{answer}");
    assert_eq!(bed.get("/api/v1/hosts/web-01/heartbeats").await.json()["heartbeats"], serde_json::json!([]));
    handle.stop(false).await;
}

#[actix_web::test]
async fn a_body_said_to_be_too_large_is_refused_before_it_is_sent() {
    let bed = Bed::new().await;
    let token = bed.host("web-01").await;
    let (address, handle) = served(&bed).await;
    let head = format!(
        "POST /heartbeat/web-01?token={token} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 99999999\r\n\r\n"
    );
    let answer = raw(address, &head).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    handle.stop(false).await;
}

#[actix_web::test]
async fn a_head_that_never_ends_is_closed() {
    let limits = WebLimits { header_wait_ms: 200, ..WebLimits::default() };
    let bed = Bed::with(limits, Vec::new()).await;
    let (address, handle) = served(&bed).await;
    let answer = raw(address, "GET /heartbeat/x HTTP/1.1\r\nHost: x\r\nX-Slow: ").await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "{answer}");
    handle.stop(false).await;
}
