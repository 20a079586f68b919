//! The release binary as a stranger runs it, over a store filled beforehand.

use crate::process::{HubProcess, wait_for};
use crate::seed::many_hosts;
use std::path::PathBuf;
use std::time::Duration;
use store::{Options, Store, beats};
use tempfile::TempDir;

/// A frequency no bench lives to see.
pub(crate) const EVERY_HOUR: i64 = 3_600;

/// A hub process over a seeded folder.
pub(crate) struct Running {
    process: HubProcess,
    pub(crate) address: String,
    pub(crate) started_in: Duration,
    folder: PathBuf,
}

/// A data folder with `count` hosts.
pub(crate) fn seed(count: usize, every_s: i64) -> TempDir {
    seed_with(count, |_| every_s)
}

/// Like [`seed`], but the last `silent` hosts are due within 5 to 25 seconds and nobody will beat for them.
pub(crate) fn seed_silent(count: usize, silent: usize) -> TempDir {
    seed_with(count, move |i| if i < count - silent { EVERY_HOUR } else { 5 + (i % 20) as i64 })
}

fn seed_with(count: usize, every_s: impl Fn(usize) -> i64) -> TempDir {
    let folder = tempfile::Builder::new()
        .prefix("bench")
        .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
        .expect("the target folder can be written");
    many_hosts(folder.path(), count, every_s);
    folder
}

impl Running {
    pub(crate) fn start(folder: &TempDir) -> Running {
        let process = HubProcess::start(folder.path(), &[]);
        Running { address: process.address.clone(), started_in: process.started_in, process, folder: folder.path().to_path_buf() }
    }

    /// Resident memory in kB once it has settled.
    pub(crate) fn resident_kb(&self) -> f64 {
        std::thread::sleep(Duration::from_secs(3));
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("the hub lives");
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).expect("Linux tells it");
        line.trim().trim_end_matches(" kB").parse().expect("a number of kB")
    }

    /// Kills the hub and counts the rows it leaves.
    pub(crate) fn stored_beats(self) -> i64 {
        self.process.kill();
        let store = Store::open(&self.folder.join("data/db.sqlite"), &Options::default()).expect("the store opens again");
        beats::newest_id(store.writer.conn()).expect("it counts")
    }

    pub(crate) fn kill(self) {
        self.process.kill();
    }

    /// How late each verdict was on disk, in milliseconds, as the hub logged it.
    pub(crate) fn detection_lags(&self, expected: usize, patience: Duration) -> Vec<f64> {
        let read = || -> Vec<f64> {
            let log = self.process.log();
            log.lines().filter_map(|l| l.split("on disk ").nth(1)?.split(' ').next()?.parse().ok()).collect()
        };
        let mut lags = read();
        let _ = wait_for(patience, || {
            std::thread::sleep(Duration::from_millis(200));
            lags = read();
            (lags.len() >= expected).then_some(())
        });
        lags
    }
}
