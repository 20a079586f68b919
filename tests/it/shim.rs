//! The disk that fails on command (`tests/shim/iofail.c`): built with `cc`, preloaded into the hub, its counters read here.

use crate::process::pulsewarden;
use rustix::time::{ClockId, clock_gettime};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// Which calls may fail, by the shim's names.
pub const KINDS: [&str; 4] = ["write", "sync", "truncate", "allocate"];
/// The input/output error of a broken disk.
pub const EIO: i32 = 5;
/// No space left.
pub const ENOSPC: i32 = 28;
/// Not an error: half of the bytes are written.
pub const SHORT: i32 = 0;

/// One fault.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// Which calls: an index of [`KINDS`].
    pub kind: usize,
    /// The first that fails, from 1; 0 for none.
    pub at: u64,
    /// With what.
    pub error: i32,
    /// Whether all after it fail too.
    pub lasting: bool,
    /// Only on this file; 0 for any. See [`Report::file`].
    pub file: u64,
}

impl Fault {
    /// Nothing fails, everything is counted.
    pub const NONE: Fault = Fault { kind: 0, at: 0, error: EIO, lasting: false, file: 0 };
}

/// The built library.
pub struct Shim(TempDir);

impl Shim {
    pub fn build() -> Shim {
        let folder = tempfile::tempdir().expect("a folder");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/shim/iofail.c");
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o"]).arg(folder.path().join("iofail.so"));
        let built = cc.args([source, "-ldl"]).output().expect("a C compiler");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        Shim(folder)
    }

    /// A hub in `folder` whose disk fails as `fault` says; what happened is told by the report.
    pub fn hub(&self, folder: &Path, fault: Fault) -> (Command, Report) {
        let folder = folder.canonicalize().expect("the folder is there");
        let report = folder.join("iofail.report");
        drop(std::fs::remove_file(&report)); // of an earlier life
        let mut command = pulsewarden(&folder);
        command.arg("serve").env("LD_PRELOAD", self.0.path().join("iofail.so"));
        command.env("IOFAIL_FOLDER", folder.join("data")).env("IOFAIL_REPORT", &report);
        let numbers = [
            ("IOFAIL_AT", fault.at),
            ("IOFAIL_ERRNO", fault.error as u64),
            ("IOFAIL_LASTING", fault.lasting.into()),
            ("IOFAIL_FILE", fault.file),
        ];
        command.env("IOFAIL_KIND", KINDS[fault.kind]).envs(numbers.map(|(name, number)| (name, number.to_string())));
        (command, Report(report))
    }
}

/// What the shim counts, also while the hub runs and after its end.
pub struct Report(PathBuf);

impl Report {
    /// Calls of a kind so far.
    pub fn counted(&self, kind: usize) -> u64 {
        self.word(kind)
    }

    /// How often a call was made to fail.
    pub fn fired(&self) -> u64 {
        self.word(4)
    }

    /// What failed first: 1 the database, 2 its log, 3 its shared memory, 4 another file.
    pub fn file(&self) -> u64 {
        self.word(6)
    }

    /// Writes to the log that returned, and how many of them a later sync has made durable.
    pub fn log_writes_and_synced(&self) -> (u64, u64) {
        (self.word(7), self.word(8))
    }

    /// How long ago the first call failed.
    pub fn since_fired(&self) -> Option<Duration> {
        let now = clock_gettime(ClockId::Monotonic);
        let now = Duration::new(now.tv_sec as u64, now.tv_nsec as u32);
        let at = self.word(5);
        (at > 0).then(|| now.saturating_sub(Duration::from_nanos(at)))
    }

    /// Zero also before the hub has begun.
    fn word(&self, at: usize) -> u64 {
        let mut bytes = [0; 8];
        let file = std::fs::File::open(&self.0);
        match file.and_then(|file| file.read_exact_at(&mut bytes, at as u64 * 8)) {
            Ok(()) => u64::from_ne_bytes(bytes),
            Err(_) => 0,
        }
    }
}
