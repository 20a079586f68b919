//! The client: wrk, with one small script that walks over the hosts.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// What one run of the client saw.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) per_second: f64,
    pub(crate) p99_ms: f64,
    pub(crate) errors: u64,
}

const SCRIPT: &str = include_str!("beats.lua");

pub(crate) fn is_installed() -> bool {
    Command::new("wrk").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// Runs the client to its end.
pub(crate) fn run(address: &str, hosts: usize, connections: usize, time: Duration) -> Load {
    let output = command(address, hosts, connections, time).output().expect("wrk runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let last = text.lines().rev().find_map(|l| l.strip_prefix("figures ")).unwrap_or_else(|| panic!("wrk said: {text}"));
    let figures: Vec<f64> = last.split(' ').map(|f| f.parse().expect("a figure")).collect();
    Load { per_second: figures[0], p99_ms: figures[1], errors: figures[2] as u64 }
}

/// A client that runs beside what is measured.
pub(crate) struct Background(Child);

impl Background {
    pub(crate) fn wait(mut self) {
        drop(self.0.wait());
    }
}

pub(crate) fn background(address: &str, hosts: usize, connections: usize, time: Duration) -> Background {
    Background(command(address, hosts, connections, time).stdout(Stdio::null()).spawn().expect("wrk runs"))
}

fn command(address: &str, hosts: usize, connections: usize, time: Duration) -> Command {
    let script = std::env::temp_dir().join(format!("pulsewarden-bench-{}.lua", std::process::id()));
    std::fs::write(&script, SCRIPT).expect("the temporary folder can be written");
    let mut wrk = Command::new("wrk");
    let (c, d) = (connections.to_string(), format!("{}s", time.as_secs()));
    wrk.args(["-t2", "-c", &c, "-d", &d, "--timeout", "10s", "-s"]).arg(script);
    wrk.arg(format!("http://{address}")).env("BENCH_HOSTS", hosts.to_string()).env("BENCH_TOKEN", crate::seed::TOKEN);
    wrk
}
