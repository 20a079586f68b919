//! What a process takes of the machine, as the kernel counts it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Resident memory in KiB.
pub fn resident_kib(pid: u32) -> u64 {
    resident(pid).expect("the process lives")
}

/// `None` for a process that has ended.
fn resident(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
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
                let Some(kib) = resident(pid) else { return };
                kept.fetch_max(kib, Ordering::Relaxed);
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
