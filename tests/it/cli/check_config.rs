//! `check-config`: every fault at once, the difference of `hosts.yaml`, and no secret anywhere.

use super::{json, run};
use std::fs;
use tempfile::TempDir;

fn folder(settings: &str, hosts: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("config")).expect("config/");
    fs::write(folder.path().join("config/settings.yaml"), settings).expect("settings.yaml");
    fs::write(folder.path().join("config/hosts.yaml"), hosts).expect("hosts.yaml");
    folder
}

#[test]
fn all_faults_of_both_files_and_the_environment_are_told_at_once() {
    let folder = folder("api_prot: 1\napi_key: canary\n", "hosts:\n  - {name: NAS, expected_frequency: 0}\n");
    let done = run(folder.path(), &[("LOG_FORMAT", "xml")], &["check-config"]);
    assert_eq!(done.code, Some(78));
    let expected = [
        "error: config/settings.yaml:1: api_prot: is not known: did you mean api_port?",
        "error: config/settings.yaml:2: api_key: must have at least 16 characters, this one has 6: make one with \"openssl rand -hex 32\"",
        "error: environment: LOG_FORMAT: must be text or json",
        "error: config/hosts.yaml:2: NAS.expected_frequency: must be between 1s and 366d, for example 5m",
    ];
    assert_eq!(done.err.lines().collect::<Vec<_>>(), expected);
    let as_json = run(folder.path(), &[], &["check-config", "--json"]);
    assert_eq!(as_json.code, Some(78));
    let errors = &json(&as_json.out)["errors"];
    assert_eq!(
        (errors[0]["file"].as_str(), errors[0]["line"].as_u64(), errors[0]["key"].as_str()),
        (Some("config/settings.yaml"), Some(1), Some("api_prot"))
    );
    assert!(!format!("{done:?}{as_json:?}").contains("canary"));
}

#[test]
fn a_template_that_the_start_would_refuse_is_told_in_the_same_words() {
    let folder = folder("", "");
    fs::create_dir(folder.path().join("config/templates")).expect("templates/");
    fs::write(folder.path().join("config/templates/host_down.hbs"), "{{hots}} is down").expect("a template");
    let (check, serve) = (run(folder.path(), &[], &["check-config"]), run(folder.path(), &[], &["serve"]));
    assert_eq!((check.code, &check.err), (serve.code, &serve.err));
    assert!(check.code == Some(78) && check.err.contains("templates/host_down.hbs:1: cannot be rendered"), "{}", check.err);
}

#[test]
fn serve_refuses_what_check_config_refuses_in_the_same_words() {
    let folder = folder("api_prot: 1\n", "");
    let (check, serve) = (run(folder.path(), &[], &["check-config"]), run(folder.path(), &[], &["serve"]));
    assert_eq!((check.code, check.err), (serve.code, serve.err));
    assert!(!folder.path().join("data").exists(), "a refused start leaves nothing behind");
}

#[test]
fn before_the_first_start_every_host_of_the_file_is_new() {
    let folder = folder("", "hosts:\n  - {name: NAS, expected_frequency: 5m}\n  - {name: Web, expected_frequency: 5m}\n");
    let done = run(folder.path(), &[], &["check-config", "--json"]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    let answer = json(&done.out);
    assert_eq!(answer["changes"][0], serde_json::json!({"change": "create", "host_id": "nas", "line": 2, "name": "NAS"}));
    assert_eq!(answer["settings"]["API_PORT"], "environment");
    let text = run(folder.path(), &[("DISCORD_WEBHOOK_ULR", "x")], &["check-config"]).out;
    assert!(
        text.contains("names 2 hosts; the next start or SIGHUP would make 2 changes:\n  + nas (line 2): new host NAS\n"),
        "{text}"
    );
    assert!(
        text.contains("warning: environment: DISCORD_WEBHOOK_ULR is not known here, did you mean DISCORD_WEBHOOK_URL?"),
        "{text}"
    );
    assert!(!folder.path().join("data").exists(), "checking leaves nothing behind");
}

#[test]
fn a_secret_in_a_file_is_read_and_a_file_beside_the_variable_refused() {
    let folder = folder("", "");
    fs::write(folder.path().join("key"), "0123456789abcdef\n").expect("key");
    let done = run(folder.path(), &[("API_KEY_FILE", "key")], &["check-config", "--json"]);
    assert_eq!(json(&done.out)["settings"]["API_KEY"], "key");
    let both = run(folder.path(), &[("API_KEY_FILE", "key"), ("API_KEY", "0123456789abcdef")], &["check-config"]);
    assert_eq!(both.err, "error: environment: API_KEY: is set, and API_KEY_FILE too: keep one of them\n");
}
