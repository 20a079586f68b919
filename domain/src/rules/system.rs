//! The machine itself: full disks, failing file systems, memory that ran out, programs that crash.

use super::book::{Book, Hit};
use super::table::{Table, clipped};
use super::{Proof, Reading, RuleInfo};
use crate::finding::{Category, Level};
use std::collections::VecDeque;

/// Failures of one unit that make a loop; kernel-reported crashes of one program that make it more than bad luck.
const FAILURES: usize = 3;
const SEGFAULTS: usize = 3;
/// systemd's restart counter from which on a unit does not stay up.
const RESTARTS: u64 = 5;
/// Seconds in which they happen.
const WITHIN_S: i64 = 600;
/// Units and programs remembered.
const MAX_UNITS: usize = 1_024;

/// A disk is full.
pub(crate) static DISK_FULL: RuleInfo = RuleInfo {
    name: "disk_full",
    category: Category::Storage,
    title: "Disk full",
    looks_for: "\"No space left on device\", \"Disk quota exceeded\", \"file system full\"",
    threshold: "one line",
    because: "programs say it only when a write has failed",
    suggestion: "Free space or grow the file system; check inodes too (df -i).",
};

/// A file system or disk fails.
pub(crate) static FILESYSTEM: RuleInfo = RuleInfo {
    name: "filesystem_error",
    category: Category::Storage,
    title: "File system error",
    looks_for: "errors the kernel reports for a file system or a block device; critical when it is remounted read-only",
    threshold: "one line",
    because: "the kernel says it only when data could not be read or written",
    suggestion: "Check the backup first, then the disk (smartctl) and the file system (fsck).",
};

/// The kernel killed a program.
pub(crate) static OUT_OF_MEMORY: RuleInfo = RuleInfo {
    name: "out_of_memory",
    category: Category::Memory,
    title: "Out of memory",
    looks_for: "a program killed by the kernel's OOM killer or by systemd-oomd",
    threshold: "one",
    because: "the machine had no memory left and something was ended in the middle of its work",
    suggestion: "Check what used the memory; restart what was killed; limit it or add memory.",
};

/// A service that does not stay up.
pub(crate) static CRASH_LOOP: RuleInfo = RuleInfo {
    name: "crash_loop",
    category: Category::Crash,
    title: "Service does not stay up",
    looks_for: "a unit that fails again and again",
    threshold: "3 failures in 10 minutes, a restart counter of 5, or systemd giving up (\"Start request repeated too quickly\")",
    because: "systemd itself gives up after 5 starts in 10 s; slower loops go on for ever",
    suggestion: "Read the unit's log just before each failure (journalctl -u).",
};

/// A program crashes.
pub(crate) static SEGFAULT: RuleInfo = RuleInfo {
    name: "segfault",
    category: Category::Crash,
    title: "Program crashes",
    looks_for: "memory faults the kernel reports for one program (segfault, general protection, invalid opcode)",
    threshold: "3 in 10 minutes",
    because: "one crash is a bug or a bad bit; several are a broken program, bad memory or somebody exploiting it",
    suggestion: "Update the program; test the memory if several programs crash; look at what was sent to it.",
};

pub(crate) struct System {
    units: Table<VecDeque<Proof>>,
}

impl System {
    pub(crate) fn new() -> System {
        System { units: Table::new(MAX_UNITS) }
    }

    pub(crate) fn judge(&mut self, reading: &Reading<'_>, book: &mut Book) {
        let (app, message) = (reading.line.app, reading.line.message);
        // What people type is not what happened.
        if app == "sudo" || app == "CRON" {
            return;
        }
        let hit = disk_full(app, message)
            .or_else(|| if is_kernel(app) { filesystem(message) } else { None })
            .or_else(|| out_of_memory(app, message));
        if let Some(hit) = hit {
            book.note(hit, [reading.proof()]);
            return;
        }
        if let Some((hit, threshold)) = crash(app, message) {
            self.repeated(hit, threshold, reading, book);
        }
    }

    fn repeated(&mut self, hit: Hit, threshold: usize, reading: &Reading<'_>, book: &mut Book) {
        let seen = self.units.at(&format!("{} {}", hit.rule.name, hit.subject));
        while seen.len() >= FAILURES.max(SEGFAULTS)
            || seen.front().is_some_and(|proof| (reading.at_s - proof.at_s).abs() > WITHIN_S)
        {
            seen.pop_front();
        }
        seen.push_back(reading.proof());
        if seen.len() >= threshold {
            book.note(hit, seen.iter().cloned());
        }
    }
}

fn is_kernel(app: &str) -> bool {
    app == "kernel" || app.is_empty()
}

fn disk_full(app: &str, message: &str) -> Option<Hit> {
    let phrases = ["No space left on device", "Disk quota exceeded", "file system full", "filesystem full", "ENOSPC"];
    phrases.iter().any(|phrase| message.contains(phrase)).then(|| Hit {
        rule: &DISK_FULL,
        subject: if app.is_empty() { "disk".to_owned() } else { app.to_owned() },
        severity: Level::Critical,
        title: "Disk full".to_owned(),
        what: format!("{} could not write.", if app.is_empty() { "A program" } else { app }),
    })
}

fn filesystem(message: &str) -> Option<Hit> {
    let is_read_only = message.contains("emounting filesystem read-only") || message.contains("Remounting read-only");
    let phrases = [
        "EXT4-fs error",
        "EXT3-fs error",
        "EXT2-fs error",
        "XFS (",
        "BTRFS error",
        "BTRFS critical",
        "Buffer I/O error",
        "blk_update_request",
        "I/O error, dev",
    ];
    let phrase = phrases.iter().find(|phrase| message.contains(*phrase)).filter(|phrase| {
        // XFS and the block layer also report plain events under these words.
        !["XFS (", "blk_update_request"].contains(*phrase) || message.contains("rror") || message.contains("orruption")
    });
    if phrase.is_none() && !is_read_only {
        return None;
    }
    let device = ["device ", "dev "].iter().find_map(|key| message.split_once(*key)).map_or("", |(_, rest)| rest);
    let device = device.split([')', ',', ' ', ':']).next().unwrap_or("");
    let severity = if is_read_only { Level::Critical } else { Level::High };
    let subject = if device.is_empty() { "disk" } else { device };
    let what = if is_read_only {
        "The kernel made a file system read-only."
    } else {
        "The kernel reports errors of a file system or disk."
    };
    Some(Hit {
        rule: &FILESYSTEM,
        subject: subject.to_owned(),
        severity,
        title: format!("File system error on {subject}"),
        what: what.to_owned(),
    })
}

/// `Out of memory: Killed process 812 (mysqld) …`, `Memory cgroup out of memory: Kill process …`, systemd-oomd.
fn out_of_memory(app: &str, message: &str) -> Option<Hit> {
    let victim = if is_kernel(app) {
        let at = message.find("ut of memory: Kill").or_else(|| message.find("ut of Memory: Kill"))?;
        message[at..].split_once('(').and_then(|(_, rest)| rest.split(')').next()).unwrap_or("a process")
    } else if app == "systemd-oomd" && message.starts_with("Killed ") {
        message["Killed ".len()..].split(' ').next()?
    } else if app == "systemd" && message.contains("Failed with result 'oom-kill'") {
        message.split(':').next()?
    } else {
        return None;
    };
    let title = format!("The kernel killed {victim}: out of memory");
    Some(Hit {
        rule: &OUT_OF_MEMORY,
        subject: victim.to_owned(),
        severity: Level::High,
        title,
        what: "No memory was left.".to_owned(),
    })
}

/// The hit a crash would make, and how many of them it takes.
fn crash(app: &str, message: &str) -> Option<(Hit, usize)> {
    if is_kernel(app) {
        let message = message.strip_prefix('[').and_then(|rest| rest.split_once("] ")).map_or(message, |(_, rest)| rest);
        let is_fault = message.contains(" segfault at ")
            || message.contains("general protection fault")
            || message.contains("trap invalid opcode");
        let program = message.split('[').next().filter(|name| is_fault && !name.is_empty())?;
        let title = format!("{} crashes", clipped(program));
        let what = "The kernel reported memory faults of the same program.".to_owned();
        return Some((
            Hit { rule: &SEGFAULT, subject: clipped(program).to_owned(), severity: Level::Medium, title, what },
            SEGFAULTS,
        ));
    }
    if app != "systemd" && app != "supervisord" {
        return None;
    }
    let (unit, said) = message.split_once(": ")?;
    let counter = said.split_once("restart counter is at ").and_then(|(_, n)| n.trim_end_matches('.').parse::<u64>().ok());
    let threshold = match said {
        _ if counter.is_some_and(|count| count >= RESTARTS) => 1,
        said if said.starts_with("Start request repeated too quickly") => 1,
        said if said.starts_with("Main process exited, code=") && !said.contains("status=0/SUCCESS") => FAILURES,
        _ => return None,
    };
    let what = format!("{unit} failed again and again; the last word: {said}");
    Some((
        Hit {
            rule: &CRASH_LOOP,
            subject: unit.to_owned(),
            severity: Level::High,
            title: format!("{unit} does not stay up"),
            what,
        },
        threshold,
    ))
}
