//! Local rules: what a host's log shows by itself, with no model. They read line by line in bounded memory and set the floor
//! that a model can only raise.
//!
//! A [`Rules`] value is kept from one analysis of a host to the next, so that a burst across two analyses is one burst. It
//! reads lines that are already cleaned and redacted, is told the time, and never asks. Every rule says in [`RuleInfo`]
//! what it looks for, from which number on, and where that number comes from.

pub mod line;

mod beacon;
mod book;
mod config;
mod flow;
mod lateral;
mod login;
mod privilege;
mod scan;
mod system;
mod table;
mod web;

pub use book::MAX_SUBJECTS_PER_RULE;

use crate::finding::{Category, Finding, Level};
use crate::injection;
use crate::time::Wall;
use book::{Book, Hit, Proof};
use line::Line;

/// What a rule is, for the page and the documentation.
#[derive(Debug, PartialEq, Eq)]
pub struct RuleInfo {
    /// Its name, as stored with a finding.
    pub name: &'static str,
    /// What its findings are about.
    pub category: Category,
    /// Its name for people.
    pub title: &'static str,
    /// What it looks for.
    pub looks_for: &'static str,
    /// From which number on, in which time.
    pub threshold: &'static str,
    /// Where that number comes from.
    pub because: &'static str,
    /// What to do about a finding.
    pub suggestion: &'static str,
}

/// Every local rule.
pub const ALL: [&RuleInfo; 23] = [
    &login::BURST_OF_FAILURES,
    &login::MANY_SOURCES,
    &login::SUCCESS_AFTER_FAILURES,
    &login::FROM_ATTACKER,
    &login::SERVICE_ACCOUNT,
    &scan::PORT_SCAN,
    &web::SCAN,
    &web::INJECTION,
    &privilege::NEW_ACCOUNT,
    &privilege::ADMIN_GROUP,
    &privilege::KEY_OR_SUDOERS,
    &privilege::LOG_CLEARED,
    &config::FIREWALL,
    &config::DEVICE,
    &system::DISK_FULL,
    &system::FILESYSTEM,
    &system::OUT_OF_MEMORY,
    &system::CRASH_LOOP,
    &system::SEGFAULT,
    &beacon::BEACON,
    &lateral::AFTER_SCAN,
    &lateral::FAN_OUT,
    &PROMPT_INJECTION,
];

/// Log text that gives a model orders; see [`crate::injection`].
pub static PROMPT_INJECTION: RuleInfo = RuleInfo {
    name: "prompt_injection",
    category: Category::PromptInjection,
    title: "Log text gives orders to a model",
    looks_for: "text that speaks to whoever analyses the log instead of telling what happened",
    threshold: "one line",
    because: "no program has a reason to write it, so it was put there",
    suggestion: "Find out who could write this text into the log (a user name, a request, a user agent) and treat that source as hostile.",
};

/// The rules of one host, with what they remember.
pub struct Rules {
    memory: Memory,
    book: Book,
    last_s: Option<i64>,
}

/// What the rules remember between lines: bounded tables only.
struct Memory {
    logins: login::Logins,
    scans: scan::Scans,
    web: web::Web,
    beacons: beacon::Beacons,
    lateral: lateral::Lateral,
    system: system::System,
    /// Sources caught attacking, with when, for the rules that connect one thing with another.
    hostile: table::Table<Option<i64>>,
}

/// A line in hand, with everything a rule needs to judge it.
struct Reading<'a> {
    number: u64,
    at_s: i64,
    text: &'a str,
    line: Line<'a>,
}

impl Reading<'_> {
    fn proof(&self) -> Proof {
        Proof::new(self.number, self.at_s, self.text)
    }
}

impl Default for Rules {
    fn default() -> Rules {
        Rules::new()
    }
}

impl Rules {
    /// Rules that remember nothing yet.
    pub fn new() -> Rules {
        let memory = Memory {
            logins: login::Logins::new(),
            scans: scan::Scans::new(),
            web: web::Web::new(),
            beacons: beacon::Beacons::new(),
            lateral: lateral::Lateral::new(),
            system: system::System::new(),
            hostile: table::Table::new(2_048),
        };
        Rules { memory, book: Book::default(), last_s: None }
    }

    /// Reads line `number` of the log. Numbers go on from one analysis to the next, as the memory does, or evidence of a burst over
    /// two analyses would name the wrong lines. A line without a time happened with the one before it; one from the future happens now.
    ///
    /// ```
    /// use domain::{rules::Rules, time::Wall};
    /// let mut rules = Rules::new();
    /// rules.read(1, "kernel: Out of memory: Killed process 812 (mysqld) total-vm:9000kB", Wall(0));
    /// let found = rules.take();
    /// assert_eq!((found[0].title.as_str(), found[0].evidence[0]), ("The kernel killed mysqld: out of memory", 1));
    /// ```
    pub fn read(&mut self, number: u64, text: &str, now: Wall) {
        let now_s = now.0.div_euclid(1_000);
        let line = line::parse(text, now_s);
        let at_s = line.at_s.or(self.last_s).unwrap_or(now_s).min(now_s.saturating_add(86_400));
        self.last_s = Some(at_s);
        let reading = Reading { number, at_s, text, line };
        self.memory.judge(&reading, &mut self.book);
        if let Some(seen) = injection::detect(text) {
            self.book.note(injected(&seen), [reading.proof()]);
        }
    }

    /// What has been found since the last time, worst first. What was seen is remembered: a burst that goes on is found again,
    /// under the same fingerprint.
    pub fn take(&mut self) -> Vec<Finding> {
        let mut found = self.book.take();
        found.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.evidence.cmp(&b.evidence)));
        found
    }
}

impl Memory {
    fn judge(&mut self, reading: &Reading<'_>, book: &mut Book) {
        if let Some(attempt) = login::attempt(&reading.line) {
            self.logins.judge(&attempt, reading, &mut self.hostile, book);
        }
        if let Some(flow) = flow::flow(&reading.line) {
            self.scans.judge(&flow, reading, &mut self.hostile, book);
            self.beacons.judge(&flow, reading, book);
            self.lateral.judge(&flow, reading, &self.scans, book);
        } else if let Some(request) = web::request(reading.line.message) {
            if let Some(attempt) = request.as_attempt() {
                self.logins.judge(&attempt, reading, &mut self.hostile, book);
            }
            self.web.judge(&request, reading, &mut self.hostile, book);
        } else {
            privilege::judge(reading, book);
            config::judge(reading, book);
            self.system.judge(reading, book);
        }
    }
}

fn injected(seen: &injection::Seen) -> Hit {
    Hit {
        rule: &PROMPT_INJECTION,
        subject: seen.kind().to_owned(),
        severity: Level::High,
        title: format!("Log text gives orders to a model ({})", seen.kind().replace('_', " ")),
        what: format!("Signs: {}.", seen.signs().join(", ")),
    }
}
