//! Syslog from real senders (util-linux' `logger`, rsyslogd) in each form they have, and from senders nobody should have.

use crate::api::{Api, KEY};
use crate::process::{HubProcess, wait_for};
use crate::seeded;
use actors::clock::Clock;
use actors::logs::source::{Cursor, FetchLimits, Fetched, LogSource};
use actors::logs::spool::{SpoolLimits, Spools};
use actors::logs::{Listeners, SyslogLimits, receive};
use actors::supervision::{Exit, Supervisor};
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use store::syslog_sources::SyslogSource;

/// However slow the machine.
const PATIENCE: Duration = Duration::from_secs(30);
const HOST: i64 = 1;
const LIMITS: SpoolLimits = SpoolLimits { host_bytes: 1 << 20, all_bytes: 2 << 20, message_bytes: 8_192 };

/// Both receivers on loopback; 127.0.0.1 is a host, other addresses are nobody.
struct Scene {
    spools: Spools,
    udp: SocketAddr,
    tcp: SocketAddr,
    cursor: Option<Cursor>,
    supervisor: Supervisor,
}

impl Scene {
    async fn new() -> Scene {
        Scene::with(SyslogLimits::default()).await
    }

    async fn with(limits: SyslogLimits) -> Scene {
        let clock = Clock::system();
        let spools = Spools::new(LIMITS);
        spools.bind(&[SyslogSource { address: IpAddr::from([127, 0, 0, 1]), host: HOST }]);
        let (udp, tcp) = (UdpSocket::bind("127.0.0.1:0").expect("a port"), TcpListener::bind("127.0.0.1:0").expect("a port"));
        let addresses = (udp.local_addr().expect("its address"), tcp.local_addr().expect("its address"));
        let supervisor = Supervisor::start("test", clock.clone(), Exit::calling(|child, why| panic!("{child}: {why}")));
        let listeners = Listeners { udp: Some(udp), tcp: Some(tcp) };
        receive(&supervisor, listeners, &spools, &clock, limits).await.expect("they start");
        Scene { spools, udp: addresses.0, tcp: addresses.1, cursor: None, supervisor }
    }

    /// Waits until this many messages came, and reads them.
    async fn read(&mut self, count: usize) -> Vec<String> {
        let spools = self.spools.clone();
        until(|| spools.counts(HOST).waiting >= count, || format!("{:?}", spools.counts(HOST))).await;
        let fetched = self.fetch().await;
        fetched.lines.iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect()
    }

    async fn fetch(&mut self) -> Fetched {
        let source = self.spools.source(HOST);
        let fetched = source.fetch(self.cursor.take(), FetchLimits::default()).await.expect("a spool always answers");
        // Analysed and stored: the next read lets it go.
        self.cursor = Some(fetched.cursor.clone());
        source.fetch(self.cursor.clone(), FetchLimits { lines_most: 0, ..FetchLimits::default() }).await.expect("again");
        fetched
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.tcp).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
        stream
    }
}

async fn until(mut done: impl FnMut() -> bool, told: impl Fn() -> String) {
    let wait = async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{}", told()));
}

/// Whether the other side hangs up.
async fn is_closed(mut stream: TcpStream) -> bool {
    let read = tokio::task::spawn_blocking(move || stream.read(&mut [0; 16]));
    matches!(read.await.expect("it ran"), Ok(0) | Err(_))
}

async fn logger(arguments: &[&str], port: u16, message: &str) {
    let port = port.to_string();
    let mut logger = Command::new("logger");
    logger
        .args(["-n", "127.0.0.1", "-P", &port, "-p", "auth.warning", "-t", "sshd", "--id=77"])
        .args(arguments)
        .arg("--")
        .arg(message);
    let done = tokio::task::spawn_blocking(move || logger.status());
    assert!(done.await.expect("it ran").expect("logger, see scripts/install-test-tools.sh").success());
}

#[actix_web::test]
async fn loggers_messages_arrive_in_each_of_its_forms() {
    let mut scene = Scene::new().await;
    for (nth, format) in ["--rfc3164", "--rfc5424"].into_iter().enumerate() {
        for (way, port) in [("-d", scene.udp.port()), ("-T", scene.tcp.port())] {
            for counted in [false, true] {
                if counted && way == "-d" {
                    continue;
                }
                let message = format!("Failed password for root, form {nth} {way} {counted}");
                let arguments: &[&str] = if counted { &[format, way, "--octet-count"] } else { &[format, way] };
                logger(arguments, port, &message).await;
                let lines = scene.read(1).await;
                assert_eq!(lines.len(), 1, "{lines:?}");
                assert!(lines[0].starts_with("<36>") && lines[0].ends_with(&message), "{lines:?}");
                let line = domain::rules::line::parse(&lines[0], 4_000_000_000);
                assert_eq!((line.app, line.message), ("sshd", message.as_str()), "{lines:?}");
                assert!(line.at_s.is_some());
            }
        }
    }
    assert_eq!(scene.spools.counts(HOST).dropped, 0);
    scene.supervisor.shutdown().await;
}

/// A running rsyslogd.
struct Rsyslogd(Child);

impl Rsyslogd {
    fn start(folder: &Path, udp: u16, tcp: u16) -> Rsyslogd {
        let socket = folder.join("log");
        let action = |protocol: &str, port: u16, more: &str| {
            format!("*.* action(type=\"omfwd\" target=\"127.0.0.1\" port=\"{port}\" protocol=\"{protocol}\" {more})\n")
        };
        let config = format!(
            "global(workDirectory=\"{}\")\nmodule(load=\"imuxsock\" SysSock.Use=\"off\")\ninput(type=\"imuxsock\" Socket=\"{}\")\n{}{}{}{}{}",
            folder.display(),
            socket.display(),
            action("udp", udp, ""),
            action("tcp", tcp, ""),
            action("tcp", tcp, "template=\"RSYSLOG_ForwardFormat\""),
            action("tcp", tcp, "template=\"RSYSLOG_SyslogProtocol23Format\" TCP_Framing=\"octet-counted\""),
            action("udp", udp, "template=\"RSYSLOG_SyslogProtocol23Format\""),
        );
        let path = folder.join("rsyslog.conf");
        std::fs::write(&path, config).expect("rsyslog.conf");
        let mut command = Command::new("/usr/sbin/rsyslogd");
        command.args(["-n", "-f"]).arg(&path).arg("-i").arg(folder.join("pid")).stdin(Stdio::null()).stdout(Stdio::null());
        Rsyslogd(command.stderr(Stdio::null()).spawn().expect("rsyslogd, see scripts/install-test-tools.sh"))
    }
}

impl Drop for Rsyslogd {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[actix_web::test]
async fn rsyslogd_forwards_in_each_of_its_forms() {
    let mut scene = Scene::new().await;
    let folder = tempfile::tempdir().expect("a folder");
    let _rsyslogd = Rsyslogd::start(folder.path(), scene.udp.port(), scene.tcp.port());
    let socket = folder.path().join("log");
    until(|| socket.exists(), || "rsyslogd does not listen".into()).await;
    let sent = |message: &'static str| {
        let mut logger = Command::new("logger");
        logger.args(["-t", "su", "-p", "auth.notice", "-u"]).arg(&socket).arg("--").arg(message);
        assert!(logger.status().expect("logger").success());
    };
    sent("one session opened for user root");
    sent("two: ünïcode & <markup>");
    let mut lines = Vec::new();
    while lines.iter().filter(|line: &&String| line.contains("su")).count() < 10 {
        lines.extend(scene.read(1).await);
    }
    for message in ["one session opened for user root", "two: ünïcode & <markup>"] {
        let same: Vec<_> = lines.iter().filter(|line| line.trim_end().ends_with(message)).collect();
        assert_eq!(same.len(), 5, "{lines:?}");
        for line in same {
            let parsed = domain::rules::line::parse(line, 4_000_000_000);
            assert_eq!((parsed.app, parsed.message.trim()), ("su", message), "{line}");
        }
    }
    scene.supervisor.shutdown().await;
}

#[actix_web::test]
async fn who_is_bound_to_no_host_is_not_heard() {
    let scene = Scene::new().await;
    let stranger = UdpSocket::bind("127.0.0.2:0").expect("a port");
    stranger.send_to(b"<13>let me in", scene.udp).expect("sent");
    let spools = scene.spools.clone();
    until(|| !spools.strangers().is_empty(), || "it is not seen".into()).await;
    assert_eq!((spools.strangers()[0].address, spools.counts(HOST).received), (IpAddr::from([127, 0, 0, 2]), 0));
    spools.bind(&[]);
    assert!(is_closed(scene.connect()).await, "the door is closed at once");
    assert_eq!(spools.strangers().last().map(|stranger| stranger.address), Some(IpAddr::from([127, 0, 0, 1])));
    scene.supervisor.shutdown().await;
}

#[actix_web::test]
async fn huge_odd_and_endless_messages_are_bounded() {
    let mut scene = Scene::new().await;
    let mut stream = scene.connect();
    let sending = tokio::task::spawn_blocking(move || {
        for _ in 0..320 {
            stream.write_all(&[b'x'; 32_768]).expect("taken");
        }
        stream.write_all(b"\n<13>after ten megabytes\n\n\n<13>\xff\xfe\0<13>no break at the end").expect("taken");
    });
    let lines = scene.read(4).await;
    sending.await.expect("sent");
    assert_eq!(lines[0], "x".repeat(8_192));
    assert_eq!(lines[1..], ["<13>after ten megabytes", "<13>\u{fffd}\u{fffd}", "<13>no break at the end"]);
    assert_eq!(scene.spools.counts(HOST).cut, 1);

    let mut counted = scene.connect();
    counted.write_all(b"999999 <13>a count that no message may have").expect("taken");
    assert!(is_closed(counted).await);

    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    for datagram in [&b""[..], b"\n", &[b'y'; 60_000], b"<13>a\n<13>b"] {
        socket.send_to(datagram, scene.udp).expect("sent");
    }
    assert_eq!(scene.read(2).await, ["y".repeat(8_192), "<13>a#012<13>b".into()]);
    scene.supervisor.shutdown().await;
}

#[actix_web::test]
async fn a_flood_is_counted_where_it_is_not_kept_and_what_came_before_it_stays() {
    let mut scene = Scene::new().await;
    let mut stream = scene.connect();
    stream.write_all(b"<13>before the flood\n").expect("taken");
    let sending = tokio::task::spawn_blocking(move || {
        let line = format!("<13>{}\n", "z".repeat(1_000));
        for _ in 0..5_000 {
            stream.write_all(line.as_bytes()).expect("taken");
        }
    });
    let spools = scene.spools.clone();
    until(|| spools.counts(HOST).received == 5_001, || format!("{:?}", spools.counts(HOST))).await;
    sending.await.expect("sent");
    let counts = spools.counts(HOST);
    assert!(counts.waiting_bytes <= LIMITS.host_bytes && counts.dropped == 5_001 - counts.waiting as u64, "{counts:?}");
    let fetched = scene.fetch().await;
    assert_eq!((fetched.lines[0].as_slice(), fetched.was_cut), (&b"<13>before the flood"[..], true));
    assert!(fetched.note.is_some_and(|note| note.contains(&counts.dropped.to_string())));
    scene.supervisor.shutdown().await;
}

#[actix_web::test]
async fn slow_idle_and_too_many_connections_are_let_go() {
    let limits =
        SyslogLimits { connections_per_sender: 3, idle_wait_ms: 60_000, message_wait_ms: 1_500, ..SyslogLimits::default() };
    let mut scene = Scene::with(limits).await;
    let mut slow = scene.connect();
    slow.write_all(b"<13>half a mess").expect("taken");
    let mut drip = scene.connect();
    let mut dripping = drip.try_clone().expect("a handle");
    let dripped = tokio::task::spawn_blocking(move || {
        // Never silent for long, and never done.
        while drip.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let (mut patient, rejected) = (scene.connect(), scene.connect());
    assert!(is_closed(rejected).await, "a fourth connection is one too many");
    assert!(is_closed(slow).await, "half a message for longer than it may take");
    let closed = tokio::task::spawn_blocking(move || matches!(dripping.read(&mut [0; 16]), Ok(0) | Err(_)));
    assert!(closed.await.expect("it ran"), "a message that never ends");
    dripped.await.expect("it gave up");
    patient.write_all(b"<13>silent until now\n").expect("taken");
    let lines = scene.read(3).await;
    assert!(lines.contains(&"<13>silent until now".to_owned()) && lines.contains(&"<13>half a mess".to_owned()), "{lines:?}");
    assert!(!is_closed_now(&scene.connect()), "there is room again");
    scene.supervisor.shutdown().await;
}

/// Whether the other side has hung up already; one that is still there says nothing.
fn is_closed_now(stream: &TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_millis(200))).expect("a limit");
    matches!((&mut &*stream).read(&mut [0; 16]), Ok(0))
}

#[test]
fn a_hub_receives_from_senders_that_are_bound_over_its_api() {
    let folder = seeded::folder(1, |_| 86_400);
    let port = UdpSocket::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address").port();
    let address = format!("127.0.0.1:{port}");
    let hub = HubProcess::start(folder.path(), &[("API_KEY", KEY), ("SYSLOG_UDP", &address), ("SYSLOG_TCP", &address)]);
    let mut api = Api::new(&hub);
    let path = format!("/api/v1/hosts/{}/syslog", seeded::name(1));
    let bound = api.put(&path, br#"{"addresses":["127.0.0.1"]}"#);
    assert_eq!((bound.status, &bound.json()["addresses"]), (200, &serde_json::json!(["127.0.0.1"])));
    let sender = UdpSocket::bind("127.0.0.1:0").expect("a port");
    sender.send_to(b"<13>over UDP", &address).expect("sent");
    TcpStream::connect(&address).and_then(|mut stream| stream.write_all(b"<13>over TCP\n")).expect("sent");
    let received = wait_for(PATIENCE, || Some(api.get(&path).json()).filter(|seen| seen["received"] == 2));
    assert!(received.is_some(), "{}", hub.log());
}
