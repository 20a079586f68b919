//! The command line from outside: what it says, what it answers with, and that it works on a real hub.

mod check_config;
mod help;
mod hub;
mod ping;

use crate::process::pulsewarden;
use rustix::process::{Pid, Signal, kill_process};
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc::channel;
use std::time::Duration;

/// How long a command may take: those that ask a hub wait 30 s for it at most.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a command did.
#[derive(Debug)]
pub struct Done {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// Runs `pulsewarden ARGS` in `folder` with these variables. One that does not end, such as a hub that should have refused to
/// start, is killed.
pub fn run(folder: &Path, variables: &[(&str, &str)], args: &[&str]) -> Done {
    let mut command = pulsewarden(folder);
    command.args(args).envs(variables.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("the program runs");
    let (pid, (done, ended)) = (Pid::from_child(&child), channel());
    std::thread::spawn(move || done.send(child.wait_with_output()));
    let output = ended.recv_timeout(PATIENCE).unwrap_or_else(|_| {
        let _ = kill_process(pid, Signal::KILL);
        panic!("{args:?} did not end within {PATIENCE:?}");
    });
    let output = output.expect("its output");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it prints text");
    Done { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

pub fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("no JSON ({e}): {text}"))
}

#[test]
fn a_reader_that_has_seen_enough_is_no_fault() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = crate::process::pulsewarden(folder.path());
    let mut child = command.arg("openapi").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    drop(child.stdout.take());
    let done = child.wait_with_output().expect("it ends");
    assert_eq!((done.status.code(), String::from_utf8_lossy(&done.stderr).as_ref()), (Some(0), ""));
}
