//! O4: clients that are slow, silent, huge or rude. Each is answered clearly where an answer is possible and let go after its
//! limit; memory and descriptors stay bounded, and honest heartbeats are answered all the while.

use crate::api::KEY;
use crate::gauge::{Peak, descriptors, resident_kib};
use crate::process::{Client, HubProcess, wait_for};
use crate::seeded;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;
use tempfile::TempDir;

/// Small, so that they are met soon; the connections are fewer than the attackers.
const LIMITS: &str =
    "limits:\n  connections: 64\n  header_wait_ms: 600\n  body_wait_ms: 600\n  idle_wait_ms: 600\n  send_wait_ms: 1000\n";
/// However slow the machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// What the hub may take more than before, whatever is sent to it.
const GROWTH_KIB: u64 = 96 << 10;

struct Scene {
    hub: HubProcess,
    _folder: TempDir,
    memory_kib: u64,
    descriptors: usize,
    peak: Peak,
}

impl Scene {
    fn new(limits: &str) -> Scene {
        let folder = seeded::folder(2, |_| 86_400);
        std::fs::create_dir(folder.path().join("config")).expect("config/");
        std::fs::write(folder.path().join("config/settings.yaml"), limits).expect("settings.yaml");
        let hub = HubProcess::start(folder.path(), &[("API_KEY", KEY)]);
        let (memory_kib, descriptors, peak) = (resident_kib(hub.id()), descriptors(hub.id()), Peak::of(hub.id()));
        let scene = Scene { hub, _folder: folder, memory_kib, descriptors, peak };
        scene.an_honest_heartbeat_is_answered();
        scene
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.hub.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
        stream
    }

    fn attack(&self, count: usize, begin: &[u8]) -> Vec<TcpStream> {
        let attacker = |_| {
            let mut stream = self.connect();
            drop(stream.write_all(begin)); // the hub may have hung up already
            stream
        };
        (0..count).map(attacker).collect()
    }

    /// Sends bytes as they are and reads until the hub hangs up.
    fn exchange(&self, request: &[u8]) -> String {
        let mut stream = self.connect();
        drop(stream.write_all(request));
        rest(&mut stream)
    }

    /// Attackers may have taken every connection: then it waits until their time is over.
    fn an_honest_heartbeat_is_answered(&self) {
        let answered = wait_for(PATIENCE, || {
            let answer = Client::new(&self.hub.address).send("GET", &seeded::path(1), &[], b"").ok()?;
            assert_eq!(answer.status, 200, "{}", answer.json());
            Some(())
        });
        assert!(answered.is_some(), "an honest heartbeat is not answered any more");
    }

    /// Nothing of the attack is left.
    fn end(self, what: &str) {
        self.an_honest_heartbeat_is_answered();
        let closed = wait_for(PATIENCE, || (descriptors(self.hub.id()) <= self.descriptors + 3).then_some(()));
        let left = descriptors(self.hub.id());
        assert!(closed.is_some(), "{what}: {left} descriptors are open, {} were before", self.descriptors);
        let growth_kib = self.peak.kib().saturating_sub(self.memory_kib);
        println!(
            "{what}: memory +{:.1} MiB at most, {left} descriptors after it ({} before)",
            growth_kib as f64 / 1_024.0,
            self.descriptors
        );
        assert!(growth_kib <= GROWTH_KIB, "{what}: the hub grew by {growth_kib} KiB");
        assert_eq!(self.hub.terminate(), Some(0));
    }
}

/// Everything until the end of the connection, however it comes.
fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    if let Err(e) = stream.read_to_end(&mut answer) {
        assert!(!matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "the hub keeps the connection");
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// Sends a byte now and then until the hub hangs up.
fn drip(mut stream: TcpStream, bytes: &[u8]) -> String {
    for byte in bytes.iter().cycle() {
        std::thread::sleep(Duration::from_millis(40));
        if stream.write_all(&[*byte]).is_err() {
            break;
        }
        stream.set_read_timeout(Some(Duration::from_millis(1))).expect("a limit");
        match stream.peek(&mut [0]) {
            Ok(_) => break,
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
    }
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    rest(&mut stream)
}

fn head(path: &str, more: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: test\r\n{more}")
}

#[test]
fn heads_and_bodies_that_trickle_are_ended_at_their_limit() {
    let scene = Scene::new(LIMITS);
    let body = head(&seeded::path(2), "Content-Length: 100000\r\n\r\n");
    let chunks = head(&seeded::path(2), "Transfer-Encoding: chunked\r\n\r\n");
    let attacks = [
        ("a head, byte by byte", head(&seeded::path(2), "X-Slow: "), &b"x"[..]),
        ("a body, byte by byte", body, b"x"),
        ("a chunked body, byte by byte", chunks, b"1\r\nx\r\n"),
    ];
    std::thread::scope(|scope| {
        for (what, begin, bytes) in &attacks {
            let scene = &scene;
            scope.spawn(move || {
                for answer in scene.attack(8, begin.as_bytes()).into_iter().map(|stream| drip(stream, bytes)) {
                    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{what}: {answer}");
                }
            });
        }
        (0..20).for_each(|_| scene.an_honest_heartbeat_is_answered());
    });
    scene.end("trickles");
}

#[test]
fn more_silent_connections_than_there_is_room_for_keep_nobody_out() {
    let scene = Scene::new(LIMITS);
    let mut idle = scene.attack(120, b"");
    idle.extend(scene.attack(40, b"GET /api/v1/health HTTP/1.1\r\nHost: test\r\n\r\n"));
    scene.an_honest_heartbeat_is_answered();
    for mut stream in idle {
        let answer = rest(&mut stream);
        assert!(["", "HTTP/1.1 408", "HTTP/1.1 200"].iter().any(|start| answer.get(..12).unwrap_or("") == *start), "{answer}");
    }
    scene.end("silent connections");
}

#[test]
fn who_never_reads_the_answers_is_let_go() {
    let scene = Scene::new(LIMITS);
    let path = "/api/v1/openapi.json";
    let requests = format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").repeat(2_000);
    // Each costs what actix decodes ahead of 128 KiB of small requests: measured, 12 MiB.
    let mut deaf: Vec<TcpStream> = (0..6).map(|_| scene.connect()).collect();
    for stream in &mut deaf {
        stream.set_nonblocking(true).expect("it can be");
        drop(stream.write(requests.as_bytes())); // as much as it takes
    }
    scene.an_honest_heartbeat_is_answered();
    scene.end("answers that nobody reads");
    drop(deaf);
}

#[test]
fn what_is_too_large_or_malformed_gets_a_clear_4xx() {
    let scene = Scene::new(LIMITS);
    let beat = seeded::path(2);
    let close = "Connection: close\r\n";
    let many: String = (0..5_000).map(|n| format!("X-{n}: y\r\n")).collect();
    let chunks = "ffff\r\n".to_owned() + &"x".repeat(0xffff) + "\r\n";
    let table: [(&str, String, &[&str]); 9] = [
        ("a huge header", head(&beat, &format!("X-Padding: {}\r\n\r\n", "x".repeat(1 << 20))), &["431", "400", ""]),
        ("many headers", head(&beat, &format!("{many}\r\n")), &["431", "400", ""]),
        ("a huge body that is announced", head(&beat, &format!("{close}Content-Length: 99999999999\r\n\r\n")), &["413"]),
        ("a length that is none", head(&beat, "Content-Length: -1\r\n\r\n"), &["400"]),
        ("two lengths", head(&beat, "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"), &["400"]),
        ("length and chunks", head(&beat, "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), &["400"]),
        (
            "chunks without end",
            head(&beat, &format!("{close}Transfer-Encoding: chunked\r\n\r\n{}", chunks.repeat(40))),
            &["413", ""],
        ),
        (
            "a chunk beyond all numbers",
            head(&beat, &format!("{close}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n")),
            &["400", ""],
        ),
        ("a chunk that is none", head(&beat, &format!("{close}Transfer-Encoding: chunked\r\n\r\nzz\r\n")), &["400", ""]),
    ];
    for (what, request, statuses) in table {
        let answer = scene.exchange(request.as_bytes());
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(statuses.contains(&status), "{what}: {answer:.200}");
    }
    let half = {
        let mut stream = scene.connect();
        stream.write_all(head(&beat, "Content-Length: 0\r\n\r\n").as_bytes()).expect("it reads");
        stream.shutdown(Shutdown::Write).expect("it is open");
        rest(&mut stream)
    };
    assert!(half.starts_with("HTTP/1.1 200"), "who has said everything may stop speaking before he hears: {half}");
    let cut = {
        let mut stream = scene.connect();
        stream.write_all(head(&beat, "Content-Length: 10\r\n\r\nabc").as_bytes()).expect("it reads");
        stream.shutdown(Shutdown::Write).expect("it is open");
        rest(&mut stream)
    };
    assert!(!cut.starts_with("HTTP/1.1 200"), "half a body is no heartbeat: {cut}");
    scene.end("sizes and malformed requests");
}

#[test]
fn requests_in_one_go_are_answered_in_order() {
    let scene = Scene::new(LIMITS);
    let (beat, wrong) =
        (head(&seeded::path(2), "Content-Length: 0\r\n\r\n"), head("/api/v1/nothing", "Content-Length: 0\r\n\r\n"));
    let last = head(&seeded::path(2), "Content-Length: 0\r\nConnection: close\r\n\r\n");
    let answer = scene.exchange((format!("{beat}{wrong}").repeat(200) + &last).as_bytes());
    let statuses: Vec<&str> = answer.split("HTTP/1.1 ").skip(1).map(|text| text.split(' ').next().unwrap_or_default()).collect();
    let expected: Vec<&str> = ["200", "401"].repeat(200).into_iter().chain(["200"]).collect();
    assert_eq!(statuses, expected);
    scene.end("pipelining");
}

#[test]
#[ignore = "thousands of connections: make torture"]
fn thousands_of_idle_connections_cost_little_and_keep_nobody_out() {
    let scene = Scene::new("limits:\n  header_wait_ms: 20000\n  idle_wait_ms: 20000\n");
    let idle = scene.attack(8_000, b"GET /api/v1/health HTTP/1.1\r\nHost: test\r\n");
    (0..50).for_each(|_| scene.an_honest_heartbeat_is_answered());
    println!("{} descriptors with {} idle connections", descriptors(scene.hub.id()), idle.len());
    for mut stream in idle {
        rest(&mut stream);
    }
    scene.end("8000 idle connections");
}
