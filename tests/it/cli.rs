//! The command line from outside: what it says, what it answers with, and that it works on a real hub.

mod check_config;
mod help;
mod hub;
mod ping;

use crate::process::pulsewarden;
use std::path::Path;

/// What a command did.
#[derive(Debug)]
struct Done {
    code: Option<i32>,
    out: String,
    err: String,
}

/// Runs `pulsewarden ARGS` in `folder` with these variables.
fn run(folder: &Path, variables: &[(&str, &str)], args: &[&str]) -> Done {
    let output = pulsewarden(folder).args(args).envs(variables.iter().copied()).output().expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it prints text");
    Done { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("no JSON ({e}): {text}"))
}
