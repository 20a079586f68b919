//! Bad input over the real port: a clear answer that names the field and the fix, nothing stored, nothing crashed.

use crate::api::{Api, KEY};
use crate::cli::run;
use crate::process::{Client, HubProcess};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

/// More than a heartbeat's body may have.
const TOO_LARGE_BYTES: usize = (1 << 20) + 1;

#[test]
fn impossible_hosts_are_refused_by_field_and_fix() {
    let folder = tempfile::tempdir().expect("a folder");
    let hub = HubProcess::start(folder.path(), &[("API_KEY", KEY)]);
    let mut api = Api::new(&hub);
    let window = |zone: &str, start: &str, end: &str| {
        json!({"schedule_type": "custom",
            "schedule_config": {"timezone": zone, "windows": [{"days": [1], "start": start, "end": end}]}})
    };
    let table = [
        (json!({"expected_frequency": 0}), "expected_frequency", "must be between 1s and 366d"),
        (json!({"expected_frequency": "367d"}), "expected_frequency", "must be between 1s and 366d"),
        (json!({"grace_period": "31d"}), "grace_period", "30d"),
        (window("Mars/Olympus", "08:00", "10:00"), "schedule_config.timezone", "Europe/Berlin"),
        (window("UTC", "08:00", "08:00"), "schedule_config.windows[0].end", "must differ from start"),
        (window("UTC", "25:00", "26:00"), "schedule_config.windows[0].start", "08:00"),
        (
            json!({"schedule_type": "custom", "schedule_config": {"timezone": "UTC", "windows": []}}),
            "schedule_config.windows",
            "at least one",
        ),
        (json!({"expected_frequenzy": 5}), "expected_frequenzy", "expected_frequency"),
        (json!({"name": "x".repeat(10_000)}), "name", "100"),
        (json!({"name": "a\0b"}), "name", "control"),
        (json!({"host_id": "ü"}), "host_id", "A-Z a-z 0-9"),
    ];
    for (change, field, fix) in table {
        let mut draft = json!({"name": "nas", "expected_frequency": "5m"});
        draft.as_object_mut().expect("a map").extend(change.as_object().expect("a map").clone());
        let answer = api.post("/api/v1/hosts", draft.to_string().as_bytes());
        let error = &answer.json()["error"];
        let told = error["message"].as_str().unwrap_or_default();
        assert_eq!((answer.status, error["field"].as_str()), (422, Some(field)), "{draft}: {error}");
        assert!(told.contains(fix), "{draft}: {error}");
    }
    for (body, status) in [(&b"{\"name\":\"\xff\"}"[..], 422), (b"\0", 422), (b"", 422), (&[b' '; 300_000], 413)] {
        let answer = api.post("/api/v1/hosts", body);
        assert!(answer.status == status && answer.json()["error"]["message"].is_string(), "{answer:?}");
    }
    assert_eq!(api.get("/api/v1/hosts").json()["hosts"], json!([]), "nothing of it was stored");
    assert_eq!(hub.terminate(), Some(0));
}

#[test]
fn strangers_and_garbage_get_a_clear_4xx_and_only_what_was_answered_200_is_stored() {
    let folder = tempfile::tempdir().expect("a folder");
    let hub = HubProcess::start(folder.path(), &[("API_KEY", KEY)]);
    let mut api = Api::new(&hub);
    let path = api.add(&json!({"name": "nas", "expected_frequency": "5m"}));
    let token = path.split_once('?').expect("a token").1;

    let mut client = Client::new(&hub.address);
    let mut ask = |path: &str, body: &[u8]| client.send("POST", path, &[], body).expect("an answer");
    let wrong = ask("/api/v1/heartbeat/nas?token=wrong", b"");
    let unknown = ask(&format!("/api/v1/heartbeat/nobody?{token}"), b"");
    assert_eq!((wrong.status, unknown.status, &wrong.body), (401, 401, &unknown.body));
    assert!(!wrong.body.is_empty());
    let (named, unnamed) = (names(&wrong.headers), names(&unknown.headers));
    assert_eq!(named, unnamed, "the headers tell nothing either");
    assert_eq!(ask(&path, &vec![b'x'; TOO_LARGE_BYTES]).status, 413);

    let long = "x".repeat(10_000);
    let garbage: [(&str, Vec<u8>, &[u16]); 7] = [
        ("a NUL in the path", get(b"/heartbeat/na\0s"), &[400]),
        ("a path that is no UTF-8", get(b"/heartbeat/\xff\xfe"), &[400, 401]),
        ("the same in the query", get(b"/heartbeat/nas?token=\xff\xfe"), &[400, 401]),
        ("the same, escaped", get(b"/heartbeat/%ff%00?token=%ff%00"), &[401]),
        ("a name of 10 kB", get(format!("/heartbeat/{long}?{token}").as_bytes()), &[414]),
        ("a header that is no UTF-8", with(&path, b"Authorization: Bearer \xff\r\n", b""), &[200]),
        ("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec(), &[400]),
    ];
    for (what, request, statuses) in garbage {
        let (status, body) = exchange(&hub, &request);
        assert!(statuses.contains(&status), "{what}: {status} {body}");
    }
    for body in [&b"\xff\xfe\0\x01"[..], b"\0", &[b'x'; 10_001]] {
        assert_eq!(ask(&path, body).status, 200, "any bytes are a heartbeat's body");
    }
    let beats = api.get("/api/v1/hosts/nas/heartbeats").json();
    assert_eq!(beats["heartbeats"].as_array().map(Vec::len), Some(4), "{beats}");
    assert_eq!(hub.terminate(), Some(0));
    assert_eq!(own_errors(&folder.path().join("log")), Vec::<String>::new());
}

#[test]
fn headers_beyond_their_limit_are_refused_on_every_route() {
    let folder = tempfile::tempdir().expect("a folder");
    let hub = HubProcess::start(folder.path(), &[("API_KEY", KEY)]);
    let path = Api::new(&hub).add(&json!({"name": "nas", "expected_frequency": "5m"}));
    let headers = format!("X-Padding: {}\r\n", "x".repeat(100_000));
    for path in ["/api/v1/health", path.as_str()] {
        let (status, body) = exchange(&hub, &with(path, headers.as_bytes(), b""));
        assert_eq!(status, 431, "{path}: {body}");
    }
}

#[test]
fn a_start_with_an_unknown_key_is_refused_and_the_running_hub_serves_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let hub = HubProcess::start(here, &[("API_KEY", KEY)]);
    std::fs::create_dir(here.join("config")).expect("config/");
    std::fs::write(here.join("config/settings.yaml"), "log_level: INFO\nlimits:\n  conections: 5\n").expect("settings.yaml");
    let refused = run(here, &[], &["serve"]);
    assert_eq!(refused.code, Some(78), "{refused:?}");
    assert_eq!(refused.err, "error: config/settings.yaml:3: limits.conections: is not known: did you mean connections?\n");
    std::fs::remove_file(here.join("config/settings.yaml")).expect("it is there");
    let second = run(here, &[], &["serve"]);
    assert!(second.code != Some(0) && second.err.contains("stop it first"), "a second hub on the same file: {second:?}");
    assert_eq!(Api::new(&hub).get("/api/v1/hosts").status, 200);
    assert_eq!(run(here, &[], &["healthcheck"]).code, Some(0), "the file that says where the hub is was left alone");
    assert_eq!(hub.terminate(), Some(0));
}

fn names(headers: &[(String, String)]) -> Vec<(&str, Option<&str>)> {
    headers.iter().map(|(name, value)| (name.as_str(), (name != "date").then_some(value.as_str()))).collect()
}

fn get(target: &[u8]) -> Vec<u8> {
    [&b"GET "[..], target, b" HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"].concat()
}

fn with(path: &str, headers: &[u8], body: &[u8]) -> Vec<u8> {
    let head = format!("POST {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    [head.as_bytes(), headers, b"\r\n", body].concat()
}

/// Sends bytes as they are; the status and everything after the head.
fn exchange(hub: &HubProcess, request: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(&hub.address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a limit");
    // The hub may hang up before it has read everything; what it said is what counts.
    drop(stream.write_all(request));
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or_else(|| panic!("no answer: {text:?}"));
    (status, text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
}

/// Lines of the log that tell of a failure of the hub itself; the HTTP library calls garbage an error.
fn own_errors(log: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let wrong = |line: &&str| line.contains("panic") || (line.contains("ERROR") && !line.contains("actix_http::"));
    text.lines().filter(wrong).map(str::to_owned).collect()
}
