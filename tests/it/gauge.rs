//! What a process takes of the machine, as the kernel counts it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Resident memory in KiB.
pub fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process lives");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux tells it");
    line.trim().trim_end_matches(" kB").parse().expect("a number of KiB")
}

/// Open descriptors.
pub fn descriptors(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).expect("the process lives").count()
}

/// Watches a process's memory until it is asked for the most it saw.
pub struct Peak {
    most: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    watcher: Option<JoinHandle<()>>,
}

impl Peak {
    pub fn of(pid: u32) -> Peak {
        let (most, over) = (Arc::new(AtomicU64::new(resident_kib(pid))), Arc::new(AtomicBool::new(false)));
        let (kept, ended) = (most.clone(), over.clone());
        let watch = move || {
            while !ended.load(Ordering::Relaxed) {
                kept.fetch_max(resident_kib(pid), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(20));
            }
        };
        Peak { most, over, watcher: Some(std::thread::spawn(watch)) }
    }

    /// The most, in KiB. The process must live until now.
    pub fn kib(mut self) -> u64 {
        self.end();
        self.most.load(Ordering::Relaxed)
    }

    fn end(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(watcher) = self.watcher.take() {
            drop(watcher.join());
        }
    }
}

impl Drop for Peak {
    fn drop(&mut self) {
        self.end();
    }
}
