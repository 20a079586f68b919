//! Logs fetched over SSH from Debian's sshd: each kind of key, each way it can go wrong, and output nobody should send.

use crate::sshd::{Keys, Sshd};
use actors::clock::Clock;
use actors::db::{Db, Limits};
use actors::logs::source::{Cursor, FetchError, FetchLimits, Fetched, LogSource};
use actors::logs::{LogHost, Passphrase, Ssh, SshSettings};
use actors::supervision::{ChildId, ChildSpec, Exit, Supervisor};
use domain::host::HostDraft;
use domain::logs::command::LogCommand;
use domain::logs::target::SshTarget;
use domain::schedule::BusinessHours;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use store::host_keys::{self, KeyState};
use store::{Store, TempFolder, alerts, hosts, outbox};
use tokio::sync::Notify;

/// However slow the machine.
const LIMITS: FetchLimits = FetchLimits {
    connect_wait_ms: 30_000,
    idle_wait_ms: 60_000,
    total_wait_ms: 120_000,
    bytes_most: 4 << 20,
    lines_most: 100_000,
};

/// A store with one host, whose log is fetched.
struct Scene {
    db: Db,
    row: i64,
    clock: Clock,
    keys: Keys,
    _supervisor: Supervisor,
    _folder: TempFolder,
}

impl Scene {
    fn new() -> Scene {
        let clock = Clock::system();
        let (mut store, folder) = store::temporary().expect("a store");
        let draft: HostDraft = serde_json::from_str(r#"{"name":"nas","expected_frequency":300}"#).expect("a draft");
        let (spec, now) = (draft.create(&BusinessHours::default()).expect("a host"), clock.now());
        let row = store.writer.transact(|tx| hosts::insert(tx, &spec, b"sealed", &[7; 32], now)).expect("a row");
        let Store { writer, reader, .. } = store;
        let db = Db::new(writer, 0, reader, clock.clone(), Arc::new(Notify::new()), Limits::default());
        let exit = Exit::calling(|child, why| panic!("{child}: {why}"));
        let supervisor = Supervisor::start("test", clock.clone(), exit.clone());
        let writer = db.actor(exit);
        supervisor.spawn(&Arc::new(ChildSpec::core("db")), ChildId::Name("db"), move |_| writer);
        Scene { db, row, clock, keys: Keys::new(), _supervisor: supervisor, _folder: folder }
    }

    /// A scene with an sshd whose key is accepted.
    async fn with_accepted() -> (Scene, Sshd, Target) {
        let scene = Scene::new();
        let (host, user) = (scene.keys.make("host", "ed25519", ""), scene.keys.make("user", "ed25519", ""));
        let sshd = Sshd::start(&scene.keys, &[&host], &[&user]);
        let target = Target::of(&sshd, &user);
        scene.accept(&target).await;
        (scene, sshd, target)
    }

    fn ssh(&self, passphrase: Option<&str>) -> Ssh {
        let settings = SshSettings { allow_public: false, passphrase: passphrase.map(Passphrase::new) };
        Ssh::new(self.db.clone(), self.clock.clone(), settings)
    }

    async fn fetch_with(
        &self,
        ssh: &Ssh,
        target: &Target,
        since: Option<Cursor>,
        limits: FetchLimits,
    ) -> Result<Fetched, FetchError> {
        let host = LogHost { row: self.row, host_id: "nas".into(), name: "nas".into() };
        ssh.source(host, target.ssh()).fetch(since, limits).await
    }

    async fn fetch(&self, target: &Target) -> Result<Fetched, FetchError> {
        self.fetch_with(&self.ssh(None), target, None, LIMITS).await
    }

    /// What a command prints, as text.
    async fn printed(&self, target: &Target, command: &str) -> Fetched {
        self.fetch(&target.running(command)).await.expect("it was fetched")
    }

    /// Meets the server for the first time, and accepts what it shows.
    async fn accept(&self, target: &Target) {
        let first = self.fetch(target).await.expect_err("nobody has accepted it");
        assert!(matches!(&first, FetchError::Retryable { why, .. } if why.contains("an admin must accept it")), "{first:?}");
        let (row, now) = (self.row, self.clock.now());
        let accept = move |tx: &store::Transaction<'_>| {
            let shown = host_keys::get(tx, row)?.expect("it was shown").shown;
            host_keys::accept(tx, row, &shown.fingerprint, "ann", now)
        };
        self.db.write("accept", accept).await.expect("accepted");
    }

    async fn key(&self) -> Option<host_keys::HostKey> {
        let row = self.row;
        self.db.read(move |conn| host_keys::get(conn, row)).await.expect("read")
    }
}

/// Where and with what.
#[derive(Clone)]
struct Target {
    host: String,
    port: u16,
    key: String,
    command: String,
}

impl Target {
    fn of(sshd: &Sshd, key: &Path) -> Target {
        Target { host: "127.0.0.1".into(), port: sshd.port, key: key.display().to_string(), command: "echo hello".into() }
    }

    fn running(&self, command: &str) -> Target {
        Target { command: command.to_owned(), ..self.clone() }
    }

    fn ssh(&self) -> SshTarget {
        let command = LogCommand::parse(&self.command).expect("a command");
        SshTarget { host: self.host.clone(), port: self.port, user: Sshd::user(), key_path: self.key.clone(), command }
    }
}

fn text(fetched: &Fetched) -> Vec<String> {
    fetched.lines.iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect()
}

/// What `ssh-keygen` says a key's fingerprint is.
fn fingerprint(key: &Path) -> String {
    let said = std::process::Command::new("ssh-keygen").arg("-lf").arg(key.with_extension("pub")).output().expect("ssh-keygen");
    String::from_utf8_lossy(&said.stdout).split(' ').nth(1).expect("a fingerprint").to_owned()
}

#[actix_web::test]
async fn every_kind_of_host_key_is_pinned_and_every_kind_of_user_key_gets_in() {
    for (host, user) in [
        ("ed25519", "rsa-3072"),
        ("rsa-3072", "ecdsa-256"),
        ("ecdsa-256", "ecdsa-384"),
        ("ecdsa-384", "ecdsa-521"),
        ("ecdsa-521", "ed25519"),
    ] {
        let scene = Scene::new();
        let (host_key, user_key) = (scene.keys.make("host", host, ""), scene.keys.make("user", user, ""));
        let sshd = Sshd::start(&scene.keys, &[&host_key], &[&user_key]);
        let target = Target::of(&sshd, &user_key);
        scene.accept(&target).await;
        assert_eq!(scene.key().await.expect("known").shown.fingerprint, fingerprint(&host_key), "{host}");
        let fetched = scene.fetch(&target).await.unwrap_or_else(|e| panic!("{host} {user}: {e}"));
        assert_eq!((text(&fetched), fetched.exit_code, fetched.was_cut), (vec!["hello".into()], Some(0), false), "{host} {user}");
    }
}

#[actix_web::test]
async fn an_encrypted_key_is_opened_with_the_passphrase_and_with_no_other() {
    let scene = Scene::new();
    let host = scene.keys.make("host", "ed25519", "");
    for kind in ["ed25519", "rsa-2048", "ecdsa-256"] {
        let locked = scene.keys.make("locked", kind, "correct horse");
        let sshd = Sshd::start(&scene.keys, &[&host], &[&locked]);
        let target = Target::of(&sshd, &locked);
        let without = scene.fetch(&target).await.unwrap_err();
        assert!(matches!(&without, FetchError::Refused { why } if why.contains("SSH_KEY_PASSPHRASE")), "{without:?}");
        let wrong = scene.fetch_with(&scene.ssh(Some("battery staple")), &target, None, LIMITS).await.unwrap_err();
        assert!(
            matches!(&wrong, FetchError::Refused { why } if why.contains("cannot be opened") && !why.contains("staple")),
            "{wrong:?}"
        );
        let right = scene.ssh(Some("correct horse"));
        if scene.key().await.is_none() || scene.key().await.is_some_and(|known| known.address != target.ssh().address()) {
            let first = scene.fetch_with(&right, &target, None, LIMITS).await.unwrap_err();
            assert!(matches!(first, FetchError::Retryable { .. }));
            let (row, now, shown) = (scene.row, scene.clock.now(), fingerprint(&host));
            scene.db.write("accept", move |tx| host_keys::accept(tx, row, &shown, "ann", now)).await.expect("accepted");
        }
        let fetched = scene.fetch_with(&right, &target, None, LIMITS).await.expect(kind);
        assert_eq!(text(&fetched), ["hello"]);
    }
}

#[actix_web::test]
async fn a_refused_key_is_offered_once_and_needs_a_person() {
    let (scene, sshd, target) = Scene::with_accepted().await;
    let stranger = scene.keys.make("stranger", "ed25519", "");
    let stopped = scene.fetch(&Target::of(&sshd, &stranger)).await.unwrap_err();
    assert!(matches!(&stopped, FetchError::Stopped { why } if why.contains("authorized_keys")), "{stopped:?}");
    assert_eq!(text(&scene.fetch(&target).await.expect("the right one")), ["hello"]);
    for wrong in ["host.pub", "authorized", "nothing"] {
        let path = scene.keys.folder().join(wrong);
        let refused = scene.fetch(&Target { key: path.display().to_string(), ..target.clone() }).await.unwrap_err();
        assert!(matches!(&refused, FetchError::Refused { why } if why.contains("the private key")), "{refused:?}");
    }
}

#[actix_web::test]
async fn a_changed_host_key_is_a_hard_stop_and_told_once() {
    let (scene, sshd, target) = Scene::with_accepted().await;
    let (port, user) = (sshd.port, scene.keys.folder().join("user"));
    drop(sshd);
    let other = scene.keys.make("other", "ed25519", "");
    let sshd = Sshd::start_on(port, &scene.keys, &[&other], &[&user]);
    for _ in 0..3 {
        let stopped = scene.fetch(&target).await.unwrap_err();
        assert!(matches!(&stopped, FetchError::Stopped { why } if why.contains("has changed")), "{stopped:?}");
    }
    let known = scene.key().await.expect("known");
    assert_eq!((known.state, known.offered.expect("shown").fingerprint), (KeyState::Changed, fingerprint(&other)));
    let (open, pending) =
        scene.db.read(|conn| Ok((alerts::count_open(conn)?, outbox::counts(conn, None)?.pending))).await.expect("read");
    assert_eq!((open, pending), (1, 1));
    drop(sshd);
    assert!(matches!(scene.fetch(&target).await, Err(FetchError::Stopped { .. })), "it is not even called");

    let sshd = Sshd::start_on(port, &scene.keys, &[&other], &[&user]);
    let (row, now, shown) = (scene.row, scene.clock.now(), fingerprint(&other));
    scene.db.write("accept", move |tx| host_keys::accept(tx, row, &shown, "ann", now)).await.expect("accepted");
    assert_eq!(text(&scene.fetch(&target).await.expect("accepted")), ["hello"]);
    assert_eq!(scene.db.read(alerts::count_open).await.expect("read"), 0);
    drop(sshd);
}

#[actix_web::test]
async fn a_server_shows_the_pinned_kind_of_several_keys_and_losing_it_is_a_change() {
    let scene = Scene::new();
    let (ecdsa, rsa) = (scene.keys.make("ecdsa", "ecdsa-256", ""), scene.keys.make("rsa", "rsa-2048", ""));
    let (ed25519, user) = (scene.keys.make("ed", "ed25519", ""), scene.keys.make("user", "ed25519", ""));
    let sshd = Sshd::start(&scene.keys, &[&rsa], &[&user]);
    let target = Target::of(&sshd, &user);
    scene.accept(&target).await;
    let port = sshd.port;
    drop(sshd);
    let sshd = Sshd::start_on(port, &scene.keys, &[&ed25519, &ecdsa, &rsa], &[&user]);
    assert_eq!(text(&scene.fetch(&target).await.expect("the same key is still there")), ["hello"]);
    drop(sshd);
    let _sshd = Sshd::start_on(port, &scene.keys, &[&ed25519], &[&user]);
    assert!(matches!(scene.fetch(&target).await, Err(FetchError::Stopped { .. })));
    let known = scene.key().await.expect("known");
    assert_eq!((known.state, known.offered), (KeyState::Changed, None));
}

#[actix_web::test]
async fn exit_codes_and_complaints_are_kept_and_a_failed_command_moves_nothing() {
    let (scene, _sshd, target) = Scene::with_accepted().await;
    let fetched = scene.printed(&target, "echo out; echo complaint >&2; exit 7").await;
    assert_eq!((text(&fetched), fetched.exit_code, fetched.stderr.as_str()), (vec!["out".into()], Some(7), "complaint\n"));
    let killed = scene.printed(&target, "echo out; kill -9 $$").await;
    assert_eq!((text(&killed), killed.exit_code), (vec!["out".into()], None));
    assert!(killed.stderr.contains("KILL"), "{}", killed.stderr);
    let missing = target.running("cat /no/such/log");
    let since = Some(Cursor(serde_json::json!({"somewhere": 1})));
    let failed = scene.fetch_with(&scene.ssh(None), &missing, since.clone(), LIMITS).await.expect("an answer");
    assert_eq!((failed.lines.len(), failed.exit_code, Some(failed.cursor)), (0, Some(1), since));
    assert!(failed.stderr.contains("No such file") && failed.note.is_some_and(|note| note.contains("was not read")));
    let loud = scene.printed(&target, "head -c 1000000 /dev/zero | tr '\\0' e >&2; echo done").await;
    assert_eq!((text(&loud), loud.stderr.len()), (vec!["done".into()], 4_096));
}

#[actix_web::test]
async fn slow_output_is_waited_for_no_longer_than_the_limits() {
    let (scene, _sshd, target) = Scene::with_accepted().await;
    let ssh = scene.ssh(None);
    let stalls = target.running("echo first; sleep 600; echo second");
    let idle = FetchLimits { idle_wait_ms: 1_500, ..LIMITS };
    let fetched = scene.fetch_with(&ssh, &stalls, None, idle).await.expect("what came");
    assert_eq!((text(&fetched), fetched.was_cut, fetched.exit_code), (vec!["first".into()], true, None));
    assert!(fetched.note.is_some_and(|note| note.contains("did not end")));
    let drips = target.running("while :; do echo drip; sleep 0.05; done");
    let total = FetchLimits { total_wait_ms: 1_500, ..LIMITS };
    let fetched = scene.fetch_with(&ssh, &drips, None, total).await.expect("what came");
    assert!(fetched.was_cut && text(&fetched).iter().all(|line| line == "drip") && fetched.note.is_some());
    let silent = scene.fetch_with(&ssh, &target.running("sleep 600"), None, idle).await.unwrap_err();
    assert!(matches!(&silent, FetchError::Retryable { why, .. } if why.contains("printed nothing")), "{silent:?}");
    let waits = scene.printed(&target, "echo a; sleep 1; echo b").await;
    assert_eq!((text(&waits), waits.was_cut), (vec!["a".into(), "b".into()], false), "slow is not too slow");
}

#[actix_web::test]
async fn huge_and_hostile_output_is_capped_and_told_as_it_is() {
    let (scene, _sshd, target) = Scene::with_accepted().await;
    let flood = scene.printed(&target, "yes 'a line of a flood'").await;
    assert!(flood.was_cut && flood.exit_code.is_none());
    assert!(flood.lines.iter().map(|line| line.len() + 1).sum::<usize>() <= LIMITS.bytes_most);
    let long = scene.printed(&target, "head -c 100000000 /dev/zero | tr '\\0' x").await;
    assert_eq!((long.lines.len(), long.lines[0].len(), long.was_cut), (1, 65_536, true));
    let odd = scene.printed(&target, "printf '\\033[2Jred\\r\\na\\0b\\n\\377\\376\\n\\n<b>&\\nno line break'").await;
    let expected: [&[u8]; 6] = [b"\x1b[2Jred", b"a\0b", b"\xff\xfe", b"", b"<b>&", b"no line break"];
    assert_eq!(odd.lines, expected);
    assert_eq!((odd.exit_code, odd.was_cut), (Some(0), false));
    let few = FetchLimits { lines_most: 10, ..LIMITS };
    let many = scene.fetch_with(&scene.ssh(None), &target.running("seq 1000"), None, few).await.expect("some");
    assert_eq!((many.lines.len(), many.was_cut), (10, true));
}

#[actix_web::test]
async fn a_connection_that_drops_is_tried_again_later_and_its_lines_are_not_believed() {
    let (scene, sshd, target) = Scene::with_accepted().await;
    let dropped = scene.fetch(&target.running("seq 1000; kill -9 $PPID; sleep 5")).await.unwrap_err();
    assert!(matches!(&dropped, FetchError::Retryable { why, .. } if why.contains("lost")), "{dropped:?}");
    drop(sshd);
    let refused = scene.fetch(&target).await.unwrap_err();
    assert!(matches!(&refused, FetchError::Retryable { .. }), "{refused:?}");
}

#[actix_web::test]
async fn what_is_no_ssh_server_is_given_up_on() {
    let scene = Scene::new();
    let key = scene.keys.make("user", "ed25519", "");
    for speech in [&b""[..], b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-x\r\n\0\0\0\x0c\x0a\x14garbage garbage"] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its address").port();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                drop(stream.write_all(speech));
                std::thread::park(); // and says nothing more
            }
        });
        let target = Target { host: "localhost".into(), port, key: key.display().to_string(), command: "true".into() };
        let limits = FetchLimits { connect_wait_ms: 1_000, ..LIMITS };
        let failed = scene.fetch_with(&scene.ssh(None), &target, None, limits).await.unwrap_err();
        assert!(matches!(&failed, FetchError::Retryable { .. }), "{failed:?}");
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a caller");
        while stream.write_all(&[b'x'; 65_536]).is_ok() {} // a greeting without an end
    });
    let target = Target { host: "127.0.0.1".into(), port, key: key.display().to_string(), command: "true".into() };
    let limits = FetchLimits { connect_wait_ms: 5_000, ..LIMITS };
    assert!(matches!(scene.fetch_with(&scene.ssh(None), &target, None, limits).await, Err(FetchError::Retryable { .. })));
    assert_eq!(scene.key().await, None);
}

#[actix_web::test]
async fn machines_outside_of_the_own_network_are_not_called() {
    let scene = Scene::new();
    let key = scene.keys.make("user", "ed25519", "");
    for host in ["203.0.113.5", "2001:db8::5", "::ffff:203.0.113.5", "0.0.0.0"] {
        let target = Target { host: host.into(), port: 22, key: key.display().to_string(), command: "true".into() };
        let refused = scene.fetch(&target).await.unwrap_err();
        assert!(matches!(&refused, FetchError::Refused { why } if why.contains("SSH_ALLOW_PUBLIC")), "{host}: {refused:?}");
    }
}

#[actix_web::test]
async fn only_what_is_new_since_the_last_check_is_told_over_growth_rotation_and_truncation() {
    let (scene, _sshd, target) = Scene::with_accepted().await;
    let (ssh, log) = (scene.ssh(None), scene.keys.folder().join("app.log"));
    let append = |range: std::ops::Range<u32>| {
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(&log).expect("the log");
        range.for_each(|n| writeln!(file, "line {n}").expect("written"));
    };
    let lines = |range: std::ops::Range<u32>| range.map(|n| format!("line {n}")).collect::<Vec<_>>();
    for command in ["tail -c +{{offset}} LOG", "tail -n {{lines}} LOG", "cat LOG"] {
        drop(std::fs::remove_file(&log));
        let target = target.running(&command.replace("LOG", &log.display().to_string()));
        let mut cursor = None;
        append(0..100);
        for (change, expected) in [("", 0..100), ("grow", 100..200), ("", 200..200), ("rotate", 200..230), ("truncate", 230..240)]
        {
            match change {
                "grow" => append(100..200),
                "rotate" => {
                    std::fs::rename(&log, log.with_extension("1")).expect("rotated");
                    append(200..230);
                }
                "truncate" => {
                    std::fs::write(&log, "").expect("truncated");
                    append(230..240);
                }
                _ => {}
            }
            let fetched = scene.fetch_with(&ssh, &target, cursor.take(), LIMITS).await.expect("fetched");
            assert_eq!(text(&fetched), lines(expected), "{command} {change}");
            assert_eq!(fetched.note.is_some(), matches!(change, "rotate" | "truncate"), "{command} {change}");
            cursor = Some(fetched.cursor);
        }
    }
}

#[actix_web::test]
async fn a_fetch_that_is_given_up_on_leaves_no_connection_behind() {
    let (scene, sshd, target) = Scene::with_accepted().await;
    let (ssh, endless) = (scene.ssh(None), target.running("while :; do echo x; sleep 0.01; done"));
    let fetch = scene.fetch_with(&ssh, &endless, None, LIMITS);
    assert!(tokio::time::timeout(Duration::from_secs(2), fetch).await.is_err());
    let ours = format!("127.0.0.1:{:04X}", sshd.port);
    let port = format!(":{:04X} ", sshd.port);
    let is_open = || {
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
        table.lines().any(|line| {
            line.split_whitespace().nth(2).is_some_and(|to| format!("{to} ").ends_with(&port)) && line.contains(" 01 ")
        })
    };
    for _ in 0..500 {
        if !is_open() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("a connection to {ours} is still open");
}
