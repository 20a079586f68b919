//! The verbs on a real hub: a host's whole life, `hosts.yaml`, health, and what is said when no hub is there.

use super::{json, run};
use crate::process::{HubProcess, wait_for};
use std::fs;
use std::path::Path;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn a_host_lives_its_life_from_the_command_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let hub = HubProcess::start(here, &[("LOG_FORMAT", "json")]);
    let added = run(
        here,
        &[],
        &["host", "add", "Office NAS", "--id", "nas", "--every", "5m", "--grace", "2m", "--tag", "office", "--json"],
    );
    assert_eq!(added.code, Some(0), "{}", added.err);
    let url = json(&added.out)["heartbeat_url"].as_str().expect("a URL").to_owned();
    let token = url.split_once("token=").expect("a token").1.to_owned();

    assert_eq!(run(here, &[], &["ping", &url, "--message", "hello"]).code, Some(0));
    let listed = json(&run(here, &[], &["host", "list", "--json", "--status", "up"]).out);
    assert_eq!((listed["hosts"][0]["host_id"].as_str(), listed["hosts"][0]["status"].as_str()), (Some("nas"), Some("up")));
    assert_eq!(run(here, &[], &["host", "list", "--text", "nobody"]).out, "No host matches.\n");
    let table = run(here, &[], &["host", "list"]).out;
    assert!(table.starts_with("HOST  NAME        STATUS  LAST SEEN") && table.contains("nas   Office NAS  up"), "{table}");
    let shown = run(here, &[], &["host", "show", "nas"]).out;
    assert!(shown.contains(&token) && shown.contains("5 min"), "{shown}");
    let explained = run(here, &[], &["explain", "nas"]);
    assert!(explained.code == Some(0) && !explained.out.trim().is_empty(), "{explained:?}");
    assert_eq!(run(here, &[], &["host", "pause", "nas"]).code, Some(0));
    assert_eq!(run(here, &[], &["host", "resume", "nas"]).code, Some(0));

    let rotated = run(here, &[], &["host", "rotate-token", "nas", "--json"]);
    let new_url = json(&rotated.out)["heartbeat_url"].as_str().expect("a URL").to_owned();
    assert_eq!(run(here, &[], &["ping", &url]).code, Some(1), "the old URL is refused");
    assert_eq!(run(here, &[], &["ping", &new_url]).code, Some(0));

    assert_eq!(run(here, &[], &["host", "remove", "nas"]).code, Some(0));
    let gone = run(here, &[], &["host", "show", "nas"]);
    assert_eq!(gone.code, Some(3), "{gone:?}");
    assert_eq!(run(here, &[], &["healthcheck"]).out, "healthy\n");
    no_secret_is_logged(&hub, &token);
    assert_eq!(hub.terminate(), Some(0));
}

#[test]
fn a_host_due_by_a_crontab_line_is_added_seen_and_explained() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let hub = HubProcess::start(here, &[]);
    let add = ["host", "add", "Dump", "--cron", "0 2 * * *", "--timezone", "Europe/Berlin", "--grace", "10m"];
    let added = run(here, &[], &add);
    assert_eq!(added.code, Some(0), "{}", added.err);
    let told = "Dump is watched as dump: due at 02:00 every day (0 2 * * *, Europe/Berlin) with 10 min grace.\n";
    assert!(added.out.starts_with(told), "{}", added.out);
    let url = added.out.split_whitespace().find(|word| word.starts_with("http")).expect("a URL");
    assert_eq!(run(here, &[], &["ping", url]).code, Some(0));
    let explained = run(here, &[], &["explain", "dump"]).out;
    assert!(explained.contains("02:10:00 = due ") && explained.contains("02:00:00 (0 2 * * *) + 10 min grace"), "{explained}");
    let shown = json(&run(here, &[], &["host", "show", "dump", "--json"]).out);
    let next = shown["next_expected_by"].as_str().expect("a time");
    assert!(next.ends_with(":00:00.000Z") && (next.contains("T00:") || next.contains("T01:")), "{next}");
    assert_eq!(shown["expected_frequency_seconds"], 86_400);
    let wrong = run(here, &[], &["host", "add", "Other", "--cron", "0 2 * * *", "--timezone", "Berlin"]);
    assert_eq!(wrong.code, Some(1), "{wrong:?}");
    assert!(wrong.err.contains("did you mean Europe/Berlin?"), "{}", wrong.err);
    assert_eq!(hub.terminate(), Some(0));
}

/// Every line is JSON, and none holds the token.
fn no_secret_is_logged(hub: &HubProcess, token: &str) {
    let log = hub.log();
    assert!(!log.contains(token));
    for line in log.lines() {
        let record = json(line);
        assert!(record["time"].is_string() && record["level"].is_string() && record["message"].is_string(), "{line}");
    }
}

#[test]
fn everything_wrong_with_a_new_host_is_told_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let _hub = HubProcess::start(folder.path(), &[]);
    let done = run(folder.path(), &[], &["host", "add", "x", "--every", "0", "--grace", "31d", "--id", "-"]);
    assert_eq!(done.code, Some(1));
    for field in ["host_id", "expected_frequency", "grace_period"] {
        assert!(done.err.contains(&format!("error: {field}: ")), "{}", done.err);
    }
    let added = run(folder.path(), &[], &["host", "add", "Web", "--every", "5m"]).out;
    assert!(added.contains("Web is watched as web: every 5 min with 60 s grace, always."), "{added}");
    assert!(added.contains("*/5 * * * * curl -fsS") && added.contains("set PUBLIC_URL"), "{added}");
}

#[test]
fn hosts_yaml_is_shown_by_check_config_and_applied_at_the_start_and_on_sighup() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    fs::create_dir(here.join("config")).expect("config/");
    write_hosts(here, "5m");
    let hub = HubProcess::start(here, &[("WEB_TOKEN", "0123456789abcdef")]);
    let every = || json(&run(here, &[], &["host", "show", "web", "--json"]).out)["expected_frequency_seconds"].as_u64();
    assert_eq!(every(), Some(300));
    let url = format!("http://{}/api/v1/heartbeat/web?token=0123456789abcdef", hub.address);
    assert_eq!(run(here, &[], &["ping", &url]).code, Some(0));

    write_hosts(here, "10m");
    let checked = json(&run(here, &[("WEB_TOKEN", "0123456789abcdef")], &["check-config", "--json"]).out);
    let expected = serde_json::json!([{"change": "update", "host_id": "web", "line": 2,
        "differences": [{"field": "expected_frequency", "from": "5 min", "to": "10 min"}]}]);
    assert_eq!(checked["changes"], expected);
    let pid = rustix::process::Pid::from_raw(hub.id().try_into().expect("a process id")).expect("not zero");
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).expect("it is ours");
    assert!(wait_for(PATIENCE, || (every() == Some(600)).then_some(())).is_some(), "SIGHUP applies the file: {}", hub.log());
    let checked = json(&run(here, &[("WEB_TOKEN", "0123456789abcdef")], &["check-config", "--json"]).out);
    assert_eq!(checked["changes"], serde_json::json!([]));
}

fn write_hosts(folder: &Path, every: &str) {
    let text = format!("hosts:\n  - name: Web\n    token: ${{WEB_TOKEN}}\n    expected_frequency: {every}\n");
    fs::write(folder.join("config/hosts.yaml"), text).expect("hosts.yaml");
}

#[test]
fn without_a_hub_every_verb_says_how_to_start_one() {
    let folder = tempfile::tempdir().expect("a folder");
    for args in [&["host", "list"][..], &["host", "show", "x"], &["explain", "x"], &["host", "add", "x", "--every", "5m"]] {
        let done = run(folder.path(), &[], args);
        assert_eq!(done.code, Some(4), "{done:?}");
        assert!(done.err.contains("start it with \"pulsewarden serve\""), "{}", done.err);
    }
    let sick = run(folder.path(), &[], &["healthcheck", "--url", "http://127.0.0.1:9"]);
    assert_eq!(sick.code, Some(1), "docker knows 0 and 1 only: {sick:?}");
}

#[test]
fn the_local_key_is_never_sent_to_another_hub() {
    let folder = tempfile::tempdir().expect("a folder");
    let hub = HubProcess::start(folder.path(), &[]);
    let done = run(folder.path(), &[("PULSEWARDEN_URL", "http://127.0.0.1:9")], &["host", "list"]);
    assert_eq!(done.code, Some(2), "{done:?}");
    let wrong = run(folder.path(), &[("API_KEY", "not-the-right-key")], &["host", "list"]);
    assert_eq!(wrong.code, Some(1), "{wrong:?}");
    assert!(!wrong.err.contains("not-the-right-key"));
    drop(hub);
}

#[test]
fn the_api_description_needs_no_hub() {
    let folder = tempfile::tempdir().expect("a folder");
    let done = run(folder.path(), &[], &["openapi"]);
    assert!(json(&done.out)["paths"]["/api/v1/hosts"].is_object());
    assert!(!folder.path().join("data").exists());
}

#[test]
fn what_a_killed_hub_left_behind_is_told_no_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    HubProcess::start(here, &[]).kill();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let left = serde_json::json!({"url": format!("http://{}", listener.local_addr().expect("an address")), "pid": 1}).to_string();
    fs::write(here.join("data/hub.json"), left).expect("a file");
    listener.set_nonblocking(true).expect("a listener");
    for variables in [&[][..], &[("API_KEY", "0123456789abcdef0123456789abcdef")]] {
        let done = run(here, variables, &["host", "list"]);
        assert!(done.code == Some(4) && done.err.contains("no hub runs here"), "{done:?}");
    }
    assert!(listener.accept().is_err(), "somebody called");
}

#[test]
fn a_key_that_does_not_fit_the_database_stops_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    assert_eq!(HubProcess::start(here, &[]).terminate(), Some(0));
    let (key, away) = (here.join("data/secret.key"), here.join("data/away"));
    fs::rename(&key, &away).expect("a key");
    let other = [("API_PORT", "0"), ("API_SECRET_KEY", "another-secret-of-thirty-two-bytes")];
    for variables in [&other[..1], &other] {
        let done = run(here, variables, &["serve"]);
        assert!(done.code == Some(1) && done.err.contains("secret.key") && done.err.contains("API_SECRET_KEY"), "{done:?}");
        assert!(!key.exists(), "no key is made in the place of the right one");
    }
    fs::rename(&away, &key).expect("the key");
    assert_eq!(HubProcess::start(here, &[]).terminate(), Some(0));
}
