//! The dead man's switch of the real program over real sockets: a service on this machine is called once the hub has proved that it
//! works, and no more once it is killed. The URL is in no log.

use crate::api::{Api, KEY, PATIENCE};
use crate::process::{HubProcess, wait_for};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const CHECK: &str = "/ping/3c5b4a86-1b1c-4ab4-8d0e-5a3a7bd5c2a1";

/// A service that takes everything and keeps the first line of each request.
fn service() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let heard = Arc::new(Mutex::new(Vec::new()));
    let kept = heard.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut bytes = [0; 4 << 10];
            let read = stream.read(&mut bytes).unwrap_or(0);
            let text = String::from_utf8_lossy(&bytes[..read]).into_owned();
            kept.lock().expect("a list").push(text.lines().next().unwrap_or_default().to_owned());
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK"));
        }
    });
    (address, heard)
}

#[test]
fn the_real_program_proves_itself_to_a_service_and_a_dead_one_does_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let (address, heard) = service();
    let hub = HubProcess::start(folder.path(), &[("API_KEY", KEY), ("UPSTREAM_ALLOWED_HOSTS", &address)]);
    let mut api = Api::new(&hub);
    let set = json!({"enabled": true, "url": format!("{address}{CHECK}"), "interval_seconds": 60});
    assert_eq!(api.put("/api/v1/settings/upstream", set.to_string().as_bytes()).status, 200);
    let early = api.get("/api/v1/settings/upstream").json();
    assert_eq!(early["active"], false, "{early}");
    assert!(heard.lock().expect("a list").is_empty(), "nothing is proved yet");
    let count = || heard.lock().expect("a list").len();
    wait_for(2 * PATIENCE, || (count() > 0).then_some(())).unwrap_or_else(|| panic!("never called: {}", hub.log()));
    assert_eq!(heard.lock().expect("a list")[0], format!("GET {CHECK} HTTP/1.1"));
    let active = wait_for(PATIENCE, || (api.get("/api/v1/settings/upstream").json()["active"] == true).then_some(()));
    assert!(active.is_some(), "{}", api.get("/api/v1/settings/upstream").json());
    assert!(!hub.log().contains(CHECK), "the URL is a secret: {}", hub.log());
    hub.kill();
    let before = count();
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(count(), before);
}

#[test]
fn this_machine_is_not_called_unless_the_operator_said_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let (address, heard) = service();
    let hub = HubProcess::start(folder.path(), &[("API_KEY", KEY)]);
    let mut api = Api::new(&hub);
    let set = json!({"enabled": true, "url": format!("{address}{CHECK}"), "interval_seconds": 60});
    assert_eq!(api.put("/api/v1/settings/upstream", set.to_string().as_bytes()).status, 200);
    let look = || {
        let note = api.get("/api/v1/settings/upstream").json()["note"].as_str().unwrap_or_default().to_owned();
        note.contains("never called").then_some(note)
    };
    let note = wait_for(2 * PATIENCE, look).unwrap_or_else(|| panic!("it did not say why: {}", hub.log()));
    assert!(!note.contains(CHECK) && heard.lock().expect("a list").is_empty(), "{note}");
}
