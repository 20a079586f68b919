//! The real adapter against real sockets: what it sends, what it refuses, and what it never repeats.

use super::*;
use std::cell::RefCell;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A service that answers each call with `answer` and keeps what it was sent.
async fn service(answer: &'static str) -> (SocketAddr, Rc<RefCell<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, heard) = (listener.local_addr().unwrap(), Rc::new(RefCell::new(Vec::new())));
    let kept = heard.clone();
    actix_rt::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let (mut text, mut bytes) = (String::new(), [0; 16 << 10]);
            while !is_whole(&text) {
                let read = socket.read(&mut bytes).await.unwrap_or(0);
                if read == 0 {
                    break;
                }
                text.push_str(&String::from_utf8_lossy(&bytes[..read]));
            }
            kept.borrow_mut().push(text);
            drop(socket.write_all(answer.as_bytes()).await);
        }
    });
    (address, heard)
}

fn is_whole(text: &str) -> bool {
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    body.len() >= length.unwrap_or(0)
}

fn outside(address: SocketAddr) -> Outside {
    Outside::new(LocalOrigins::parse(&[format!("http://{address}")]).unwrap())
}

fn call(url: String) -> Call {
    Call { method: Method::Get, url, body: None }
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK";

#[actix_rt::test]
async fn a_call_is_made_as_it_was_asked_for() {
    let (address, heard) = service(OK).await;
    let body = "é".repeat(BODY_MAX_BYTES);
    let post = Call { method: Method::Post, url: format!("http://{address}/ping/x?a=b"), body: Some(body) };
    outside(address).call(post).await.unwrap();
    let text = heard.borrow()[0].clone();
    assert!(text.starts_with("POST /ping/x?a=b HTTP/1.1\r\n"), "{text:.80}");
    assert!(text.to_lowercase().contains("user-agent: pulsewarden/"));
    assert_eq!(text.split_once("\r\n\r\n").unwrap().1.len(), BODY_MAX_BYTES);
}

#[actix_rt::test]
async fn redirects_and_errors_are_no_success_and_are_not_followed() {
    for (answer, expected) in [
        ("HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", "redirect"),
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", "404"),
        ("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", "500"),
        ("", "closed without an answer"),
    ] {
        let (address, heard) = service(answer).await;
        let error = outside(address).call(call(format!("http://{address}/top-secret"))).await.unwrap_err();
        assert!(error.contains(expected) && !error.contains("top-secret"), "{error}");
        assert_eq!(heard.borrow().len(), 1);
    }
}

#[actix_rt::test]
async fn what_must_not_be_called_is_never_connected_to() {
    let (address, heard) = service(OK).await;
    let strict = Outside::new(LocalOrigins::default());
    let port = address.port();
    for host in ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "169.254.1.1", "localhost", "127.1", "0x7f000001"] {
        let error = strict.call(call(format!("http://{host}:{port}/top-secret"))).await.unwrap_err();
        assert!(!error.contains("top-secret"), "{error}");
    }
    assert!(heard.borrow().is_empty());
}
