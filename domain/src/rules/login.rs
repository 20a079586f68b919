//! Logins: who failed, who got in after failing, and who should never log in at all.

mod attempt;

pub(crate) use attempt::{Attempt, attempt, has_event, windows_field};

use super::book::{Book, Hit};
use super::line;
use super::table::Table;
use super::{Proof, Reading, RuleInfo};
use crate::finding::{Category, Level};
use std::collections::{BTreeSet, VecDeque};

/// Failures that make a burst, and the seconds in which they happen.
const BURST: usize = 5;
const BURST_S: i64 = 600;
/// Failures from which on a success is taken for a guessed password, not a typing error.
const GUESSED: usize = 10;
/// Failures for one user, from this many sources, that make a distributed guess.
const USER_FAILURES: usize = 10;
const USER_SOURCES: usize = 3;
/// Seconds a success after failures is connected with them.
const SUCCESS_S: i64 = 3_600;
/// Seconds a source caught attacking is remembered as hostile.
const HOSTILE_S: i64 = 86_400;
/// A doubled report of one failure (PAM and the program) comes within these seconds.
const DOUBLE_S: i64 = 10;
/// Sources and users remembered.
const MAX_SOURCES: usize = 4_096;
const MAX_USERS: usize = 2_048;
/// Failures remembered for one source or user.
const MAX_FAILURES: usize = 20;

/// Failed logins from one source.
pub(crate) static BURST_OF_FAILURES: RuleInfo = RuleInfo {
    name: "login_burst",
    category: Category::Authentication,
    title: "Burst of failed logins",
    looks_for: "failed logins from one source (SSH, su, sudo, web 401 and 403, Windows, VPN and firewall, mail, FTP)",
    threshold: "5 in 10 minutes",
    because: "the default of fail2ban (maxretry 5, findtime 10 m): fewer is a person mistyping",
    suggestion: "Block the source if it is not yours; use keys instead of passwords; rate-limit logins.",
};

/// Failed logins for one user from several sources.
pub(crate) static MANY_SOURCES: RuleInfo = RuleInfo {
    name: "login_many_sources",
    category: Category::Authentication,
    title: "One account guessed from many sources",
    looks_for: "failed logins for one user from different sources",
    threshold: "10 in 10 minutes from at least 3 sources",
    because: "a person fails from one place; guessing spread over sources stays below limits per source",
    suggestion: "Check the account: strong password or key, second factor, and whether one attempt succeeded.",
};

/// A login that worked after many that did not.
pub(crate) static SUCCESS_AFTER_FAILURES: RuleInfo = RuleInfo {
    name: "login_success_after_failures",
    category: Category::Authentication,
    title: "Login succeeded after many failures",
    looks_for: "a successful login from a source with a burst of failed ones before it",
    threshold: "5 failures within the hour before it; critical from 10 on",
    because: "a guessed password looks exactly like this; people rarely need ten attempts",
    suggestion: "Ask the account's owner. If it was not them: end the session, change the password, look at what was done.",
};

/// A login from a source caught attacking.
pub(crate) static FROM_ATTACKER: RuleInfo = RuleInfo {
    name: "login_from_attacker",
    category: Category::Authentication,
    title: "Login from an attacking source",
    looks_for: "a successful login from a source on the internet that scanned or attacked the web server",
    threshold: "one login within 24 hours of the attack",
    because: "nobody who scans a machine should get in",
    suggestion: "Treat the machine as compromised: end the session, take it off the network, look at what was done since.",
};

/// A login of an account that belongs to a program.
pub(crate) static SERVICE_ACCOUNT: RuleInfo = RuleInfo {
    name: "login_service_account",
    category: Category::Authentication,
    title: "Service account logged in",
    looks_for: "a remote login of an account that runs a service (www-data, mysql, nobody …)",
    threshold: "one login",
    because: "these accounts have no password and no shell on every common system; a login means somebody gave them one",
    suggestion: "Find out who set a password or key for the account; lock it and give it no shell.",
};

/// Accounts that only run programs on common systems.
const SERVICE_ACCOUNTS: [&str; 32] = [
    "www-data",
    "apache",
    "apache2",
    "httpd",
    "nginx",
    "http",
    "nobody",
    "daemon",
    "bin",
    "sys",
    "mail",
    "lp",
    "games",
    "man",
    "news",
    "uucp",
    "proxy",
    "list",
    "irc",
    "gnats",
    "mysql",
    "mariadb",
    "postgres",
    "redis",
    "mongodb",
    "memcache",
    "tomcat",
    "named",
    "bind",
    "sshd",
    "messagebus",
    "_apt",
];

#[derive(Clone)]
struct Failure {
    other: String,
    proof: Proof,
}

/// Latest failures of one source (with its users) or one user (with its sources).
#[derive(Default)]
struct Failures {
    latest: VecDeque<Failure>,
    strong_s: Option<i64>,
}

pub(crate) struct Logins {
    by_source: Table<Failures>,
    by_user: Table<Failures>,
}

impl Logins {
    pub(crate) fn new() -> Logins {
        Logins { by_source: Table::new(MAX_SOURCES), by_user: Table::new(MAX_USERS) }
    }

    pub(crate) fn judge(
        &mut self,
        attempt: &Attempt<'_>,
        reading: &Reading<'_>,
        hostile: &mut Table<Option<i64>>,
        book: &mut Book,
    ) {
        if attempt.succeeded {
            self.accepted(attempt, reading, hostile, book);
        } else {
            self.failed(attempt, reading, book);
        }
    }

    fn failed(&mut self, attempt: &Attempt<'_>, reading: &Reading<'_>, book: &mut Book) {
        let place = attempt.place();
        let source = self.by_source.at(&place);
        if attempt.may_be_double && source.strong_s.is_some_and(|at_s| (reading.at_s - at_s).abs() <= DOUBLE_S) {
            return;
        }
        if !attempt.may_be_double {
            source.strong_s = Some(reading.at_s);
        }
        let count = usize::from(attempt.times).min(MAX_FAILURES);
        source.add(attempt.user, count, reading);
        let recent = source.within(BURST_S, reading.at_s);
        if recent.len() >= BURST {
            book.note(burst(attempt, &recent), recent.iter().map(|failure| failure.proof.clone()));
        }
        if attempt.user.is_empty() {
            return;
        }
        let user = self.by_user.at(attempt.user);
        user.add(attempt.source, count, reading);
        let recent = user.within(BURST_S, reading.at_s);
        let sources: BTreeSet<&str> = recent.iter().map(|failure| failure.other.as_str()).collect();
        if recent.len() >= USER_FAILURES && sources.len() >= USER_SOURCES {
            book.note(spread(attempt.user, recent.len(), sources.len()), recent.iter().map(|failure| failure.proof.clone()));
        }
    }

    fn accepted(&mut self, attempt: &Attempt<'_>, reading: &Reading<'_>, hostile: &Table<Option<i64>>, book: &mut Book) {
        let (user, source) = (attempt.user, attempt.source);
        let failures = self.by_source.get(source).map(|known| known.within(SUCCESS_S, reading.at_s)).unwrap_or_default();
        if failures.len() >= BURST {
            let severity = if failures.len() >= GUESSED { Level::Critical } else { Level::High };
            let title = format!("{user} logged in from {source} after {} failures", failures.len());
            let what = "The source had failed before it got in.".to_owned();
            let hit = Hit { rule: &SUCCESS_AFTER_FAILURES, subject: format!("{user} {source}"), severity, title, what };
            book.note(hit, failures.iter().map(|failure| failure.proof.clone()).chain([reading.proof()]));
        }
        let caught_s = hostile.get(source).copied().flatten();
        if line::is_public(source) && caught_s.is_some_and(|at_s| (0..=HOSTILE_S).contains(&(reading.at_s - at_s))) {
            let title = format!("{user} logged in from {source}, which attacked before");
            let what = format!("{source} was seen scanning or attacking before this login.");
            let subject = format!("{user} {source}");
            book.note(Hit { rule: &FROM_ATTACKER, subject, severity: Level::Critical, title, what }, [reading.proof()]);
        }
        if attempt.is_remote() && SERVICE_ACCOUNTS.contains(&user) {
            let title = format!("Service account {user} logged in from {source}");
            let what = format!("{user} runs a service; nobody should log in as it.");
            let subject = format!("{user} {source}");
            book.note(Hit { rule: &SERVICE_ACCOUNT, subject, severity: Level::High, title, what }, [reading.proof()]);
        }
    }
}

fn burst(attempt: &Attempt<'_>, recent: &[Failure]) -> Hit {
    let users: BTreeSet<&str> = recent.iter().map(|failure| failure.other.as_str()).filter(|user| !user.is_empty()).collect();
    let shown: Vec<&str> = users.iter().copied().take(5).collect();
    let whom = if shown.is_empty() { String::new() } else { format!(" for {}", shown.join(", ")) };
    let source = &attempt.place();
    // One of one's own machines that guesses passwords is worse than the internet doing what it always does.
    let severity = if line::is_internal(source) && users.len() > 2 { Level::High } else { Level::Medium };
    Hit {
        rule: &BURST_OF_FAILURES,
        subject: source.clone(),
        severity,
        title: format!("Failed logins from {source}"),
        what: format!("At least {} failed {} logins from {source} within 10 minutes{whom}.", recent.len(), attempt.service),
    }
}

fn spread(user: &str, failures: usize, sources: usize) -> Hit {
    Hit {
        rule: &MANY_SOURCES,
        subject: user.to_owned(),
        severity: Level::Medium,
        title: format!("{user} is guessed from many sources"),
        what: format!("At least {failures} failed logins for {user} from {sources} sources within 10 minutes."),
    }
}

impl Failures {
    fn add(&mut self, other: &str, count: usize, reading: &Reading<'_>) {
        let other = super::table::clipped(other);
        for _ in 0..count {
            if self.latest.len() >= MAX_FAILURES {
                self.latest.pop_front();
            }
            self.latest.push_back(Failure { other: other.to_owned(), proof: reading.proof() });
        }
    }

    /// The failures of the `span_s` before `at_s`. A line a little out of order counts, a clock set back by hours does not.
    fn within(&self, span_s: i64, at_s: i64) -> Vec<Failure> {
        let is_near = |failure: &&Failure| (-DOUBLE_S..=span_s).contains(&(at_s - failure.proof.at_s));
        self.latest.iter().filter(is_near).cloned().collect()
    }
}
