//! A web server of ours in another namespace: this very test binary, run again, answering as a connectivity check or as a portal.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

const ADDRESS: &str = "PULSEWARDEN_TEST_SERVER";
const PORTAL: &str = "PULSEWARDEN_TEST_PORTAL";
/// As cargo's test harness knows it.
const NAME: &str = "uplink::server::serves_until_it_is_killed";

/// Lets `command` become the server on `address`.
pub(super) fn describe(command: &mut Command, address: &str, portal: bool) {
    command.arg(std::env::current_exe().expect("this binary")).args(["--exact", NAME, "--ignored", "--nocapture"]);
    command.env(ADDRESS, address).env(PORTAL, if portal { "1" } else { "0" });
}

#[test]
#[ignore = "the server itself: the test of the uplink runs it in a namespace"]
fn serves_until_it_is_killed() {
    let Ok(address) = std::env::var(ADDRESS) else { return };
    let portal = std::env::var(PORTAL).as_deref() == Ok("1");
    let listener = TcpListener::bind(&address).expect("an address of the namespace");
    for stream in listener.incoming().flatten() {
        std::thread::spawn(move || answer(stream, portal));
    }
}

fn answer(mut stream: TcpStream, portal: bool) {
    drop(stream.set_read_timeout(Some(Duration::from_secs(10))));
    let mut bytes = [0; 4 << 10];
    let read = stream.read(&mut bytes).unwrap_or(0);
    let request = String::from_utf8_lossy(&bytes[..read]).into_owned();
    let path = request.split(' ').nth(1).unwrap_or_default();
    let (status, more, body) = match path {
        _ if portal => ("302 Found", "Location: http://login.example.net/\r\n", "please log in"),
        "/generate_204" => ("204 No Content", "", ""),
        "/success.txt" => ("200 OK", "", "success\n"),
        _ => ("404 Not Found", "", ""),
    };
    let text = format!("HTTP/1.1 {status}\r\n{more}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
    drop(stream.write_all(text.as_bytes()));
}
