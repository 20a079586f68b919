//! What `--help` says, verb by verb, as people read it. `UPDATE_SNAPSHOTS=1` accepts what is seen now.

use super::run;
use std::path::{Path, PathBuf};

/// A terminal that is not wide.
const COLUMNS: &str = "100";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/snapshots")
}

/// The words of every verb, those of the program itself (none) first.
fn verbs(command: &clap::Command, words: &[String]) -> Vec<Vec<String>> {
    let mut all = vec![words.to_vec()];
    for verb in command.get_subcommands() {
        all.extend(verbs(verb, &[words, &[verb.get_name().to_owned()]].concat()));
    }
    all
}

/// The name of every verb's snapshot, and what the verb prints now.
fn all() -> Vec<(String, String)> {
    let folder = tempfile::tempdir().expect("a folder");
    let help = |words: Vec<String>| {
        let args: Vec<&str> = words.iter().map(String::as_str).chain(["--help"]).collect();
        let done = run(folder.path(), &[("COLUMNS", COLUMNS)], &args);
        assert_eq!(done.code, Some(0), "{args:?}");
        ([&["pulsewarden".to_owned()], &words[..]].concat().join("-"), done.out)
    };
    verbs(&pulsewarden::cli::command(), &[]).into_iter().map(help).collect()
}

#[test]
fn the_help_of_every_verb_is_as_accepted() {
    let mut different = Vec::new();
    for (name, help) in all() {
        let path = folder().join(format!("{name}.txt"));
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            std::fs::create_dir_all(folder()).expect("a folder for snapshots");
            std::fs::write(&path, &help).expect("the snapshot is written");
        }
        if std::fs::read_to_string(&path).unwrap_or_default() != help {
            different.push(format!("--- {} is not what is printed now:\n{help}", path.display()));
        }
    }
    assert!(different.is_empty(), "{}\nUPDATE_SNAPSHOTS=1 accepts this", different.join("\n"));
}

#[test]
fn every_verb_has_an_example_and_says_its_exit_codes() {
    for (name, help) in all() {
        assert!(help.contains("Examples:"), "{name}");
        let has_codes = help.contains("Exit codes:") || name == "pulsewarden-openapi";
        assert!(has_codes, "{name}");
    }
}

#[test]
fn no_help_shows_the_value_of_a_secret_variable() {
    let folder = tempfile::tempdir().expect("a folder");
    for args in [&["host", "list", "--help"][..], &["ping", "--help"], &["explain", "--help"]] {
        let done = run(folder.path(), &[("API_KEY", "canary-canary-canary"), ("HEARTBEAT_URL", "http://h/canary")], args);
        assert_eq!(done.code, Some(0));
        assert!(!done.out.contains("canary"), "{}", done.out);
    }
}

#[test]
fn a_wrong_command_line_ends_with_2_and_says_what_is_right() {
    let folder = tempfile::tempdir().expect("a folder");
    for args in [
        &["host", "add", "x"][..],
        &["host", "add", "x", "--every", "soon"],
        &["ping", "http://h/", "--fail", "--start"],
        &["fly"],
    ] {
        let done = run(folder.path(), &[], args);
        assert_eq!(done.code, Some(2), "{args:?}: {}", done.err);
        assert!(done.err.contains("--help"), "{}", done.err);
    }
}
