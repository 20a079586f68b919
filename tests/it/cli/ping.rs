//! `ping` against a peer that answers as it is told: tries again when that helps, counts once, follows nobody elsewhere.

use super::run;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

/// Answers one connection after the other with these, and gives back what it was sent.
fn peer(answers: &'static [&'static str]) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let served =
        thread::spawn(move || answers.iter().map(|answer| serve(&listener.accept().expect("a call").0, answer)).collect());
    (address, served)
}

fn serve(stream: &TcpStream, answer: &str) -> String {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        head += &line;
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    let mut out = stream;
    write!(out, "HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").expect("an answer");
    head + &String::from_utf8_lossy(&body)
}

fn key_of(request: &str) -> String {
    let line = request.lines().find(|line| line.to_lowercase().starts_with("idempotency-key:")).expect("a key");
    line.split_once(':').expect("a header").1.trim().to_owned()
}

#[test]
fn a_busy_hub_is_asked_again_under_the_same_key() {
    let (address, served) = peer(&["503 Busy\r\nRetry-After: 1", "200 OK"]);
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("{address}/api/v1/heartbeat/web?token=canary");
    let done = run(folder.path(), &[], &["ping", &url, "--exit-code", "3", "--message", "disk full"]);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    let requests = served.join().expect("the peer ends");
    assert!(requests[0].starts_with("POST /api/v1/heartbeat/web/3?token=canary HTTP/1.1"), "{}", requests[0]);
    assert!(requests[0].ends_with("\r\ndisk full"), "{}", requests[0]);
    assert_eq!(key_of(&requests[0]), key_of(&requests[1]));
}

#[test]
fn a_no_is_taken_for_a_no_and_a_redirect_is_not_followed() {
    let folder = tempfile::tempdir().expect("a folder");
    for (answer, told) in [("401 Unauthorized", "401"), ("302 Found\r\nLocation: http://127.0.0.1:9/", "302")] {
        let answers: &'static [&'static str] = Box::leak(Box::new([answer]));
        let (address, served) = peer(answers);
        let done = run(folder.path(), &[], &["ping", &format!("{address}/x?token=canary")]);
        assert_eq!(done.code, Some(1), "{done:?}");
        assert!(done.err.contains(told) && !done.err.contains("canary"), "{}", done.err);
        assert_eq!(served.join().expect("the peer ends").len(), 1);
    }
}

#[test]
fn without_a_hub_the_exit_code_is_4_and_the_token_is_not_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let done = run(folder.path(), &[], &["ping", "http://127.0.0.1:9/x?token=canary"]);
    assert_eq!(done.code, Some(4));
    assert!(done.err.starts_with("error: no hub runs at http://127.0.0.1:9: ") && !done.err.contains("canary"), "{}", done.err);
}
