//! Web servers: access log lines, scans for what might be there, and requests that try to break in.

use super::book::{Book, Hit};
use super::line;
use super::login::Attempt;
use super::table::Table;
use super::{Proof, Reading, RuleInfo};
use crate::finding::{Category, Level};
use std::collections::VecDeque;

/// Requests of a scanner, different well-known weak spots, or different missing pages, that make a scan.
const SCANNER_REQUESTS: usize = 5;
const PROBES: usize = 8;
const MISSING: usize = 30;
/// Requests that try to break in.
const INJECTIONS: usize = 3;
/// Seconds in which they come.
const WITHIN_S: i64 = 600;
/// Requests remembered per source, and sources.
const MAX_REQUESTS: usize = 32;
const MAX_SOURCES: usize = 4_096;

/// One source that looks for weak spots.
pub(crate) static SCAN: RuleInfo = RuleInfo {
    name: "web_scan",
    category: Category::Scan,
    title: "Web scan",
    looks_for: "one source with a scanner's user agent, asking for well-known weak spots, or for many pages that do not exist",
    threshold: "5 scanner requests, 8 different weak spots or 30 different 404s, in 10 minutes",
    because: "the internet's background noise asks for one or two of these and leaves; visitors and crawlers follow links that exist",
    suggestion: "Check that nothing it asked for was answered with a secret (.env, .git, backups); block the source if it goes on.",
};

/// One source that tries to break in.
pub(crate) static INJECTION: RuleInfo = RuleInfo {
    name: "web_injection",
    category: Category::WebAttack,
    title: "Web attack",
    looks_for: "requests with path traversal, SQL, script, template or command injection",
    threshold: "3 different ones from one source in 10 minutes",
    because: "a visitor's odd search term matches once; tools try many",
    suggestion: "Look for answers with status 200 and an unusual size, update the application, block the source.",
};

/// A line of an access log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request<'a> {
    pub(crate) source: &'a str,
    pub(crate) user: &'a str,
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) status: u16,
    pub(crate) agent: &'a str,
}

impl<'a> Request<'a> {
    /// A refused request is a failed login; 403 only where something was sent.
    pub(crate) fn as_attempt(&self) -> Option<Attempt<'a>> {
        let is_refused = self.status == 401 || (self.status == 403 && self.method == "POST");
        is_refused.then_some(Attempt {
            succeeded: false,
            user: if self.user == "-" { "" } else { self.user },
            source: self.source,
            service: "web",
            times: 1,
            may_be_double: false,
        })
    }
}

/// Common and combined log format, also behind a virtual host's name.
pub(crate) fn request(message: &str) -> Option<Request<'_>> {
    let (head, rest) = message.split_once(" [")?;
    let mut words = head.split(' ');
    let (first, second) = (words.next()?, words.next()?);
    let (source, user) = match words.next() {
        Some(user) if words.next().is_none() => (first, user),
        Some(user) => (second, user),
        None => return None,
    };
    let (_, rest) = rest.split_once("] \"")?;
    let end = unescaped_quote(rest)?;
    let (asked, rest) = (&rest[..end], rest[end + 1..].trim_start());
    let status = rest.split(' ').next()?.parse().ok().filter(|status| (100..600).contains(status))?;
    let agent = rest.trim_end().strip_suffix('"').and_then(|rest| rest.rsplit_once(" \"")).map_or("", |(_, agent)| agent);
    let mut parts = asked.split(' ');
    Some(Request { source, user, method: parts.next().unwrap_or(""), path: parts.next().unwrap_or(""), status, agent })
}

fn unescaped_quote(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    (0..bytes.len()).find(|&at| bytes[at] == b'"' && (at == 0 || bytes[at - 1] != b'\\'))
}

/// Parts of the user agents of scanners, lower-case. Libraries such as curl or python-requests are not scanners.
const SCANNERS: [&str; 28] = [
    "nikto",
    "sqlmap",
    "nmap",
    "masscan",
    "zgrab",
    "gobuster",
    "dirbuster",
    "dirb/",
    "feroxbuster",
    "ffuf",
    "wfuzz",
    "wpscan",
    "nuclei",
    "acunetix",
    "nessus",
    "openvas",
    "qualys",
    "arachni",
    "w3af",
    "skipfish",
    "whatweb",
    "joomscan",
    "havij",
    "burp",
    "zaproxy",
    "jaeles",
    "fimap",
    "commix",
];

/// Where weak spots are known to be, lower-case, as the start of a path segment run.
const WEAK_SPOTS: [&str; 40] = [
    "/.env",
    "/.git",
    "/.svn",
    "/.hg",
    "/.aws",
    "/.ssh",
    "/.ht",
    "/.ds_store",
    "/wp-login",
    "/wp-admin",
    "/wp-includes",
    "/wp-content",
    "/wp-config",
    "/xmlrpc.php",
    "/phpmyadmin",
    "/pma/",
    "/phpinfo",
    "/info.php",
    "/test.php",
    "/config.php",
    "/config.json",
    "/backup",
    "/dump.sql",
    "/database.sql",
    "/db.sql",
    "/server-status",
    "/server-info",
    "/cgi-bin",
    "/web.config",
    "/elmah.axd",
    "/trace.axd",
    "/actuator",
    "/solr/",
    "/jenkins",
    "/manager/html",
    "/owa/",
    "/boaform",
    "/hnap1",
    "/vendor/phpunit",
    "/administrator",
];

/// What a request holds only when it wants to break in; matched after percent-decoding, lower-case.
const BREAK_INS: [&str; 26] = [
    "../../",
    "..\\..\\",
    "/etc/passwd",
    "/etc/shadow",
    "win.ini",
    "boot.ini",
    "union select",
    "union all select",
    "' or '1'='1",
    "' or 1=1",
    "\" or \"1\"=\"1",
    "sleep(",
    "benchmark(",
    "waitfor delay",
    "information_schema",
    "<script",
    "javascript:alert",
    "onerror=",
    "${jndi:",
    "{{7*7}}",
    "${7*7}",
    "php://input",
    "php://filter",
    ";wget ",
    "|wget ",
    "cmd.exe",
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    Scanner,
    WeakSpot,
    Missing,
    BreakIn,
}

struct Seen {
    sign: Sign,
    path: String,
    proof: Proof,
}

#[derive(Default)]
struct Source {
    seen: VecDeque<Seen>,
}

pub(crate) struct Web {
    sources: Table<Source>,
}

impl Web {
    pub(crate) fn new() -> Web {
        Web { sources: Table::new(MAX_SOURCES) }
    }

    pub(crate) fn judge(
        &mut self,
        request: &Request<'_>,
        reading: &Reading<'_>,
        hostile: &mut Table<Option<i64>>,
        book: &mut Book,
    ) {
        let Some(sign) = sign(request) else { return };
        let source = self.sources.at(request.source);
        source.remember(sign, request.path, reading);
        let scan = source.scan(request.source);
        let attack = source.attack(request.source);
        if scan.is_some() || attack.is_some() {
            *hostile.at(request.source) = Some(reading.at_s);
        }
        for hit in scan.into_iter().chain(attack) {
            let is_attack = hit.rule.name == INJECTION.name;
            let proofs = source.seen.iter().filter(|seen| (seen.sign == Sign::BreakIn) == is_attack);
            book.note(hit, proofs.map(|seen| seen.proof.clone()));
        }
    }
}

fn sign(request: &Request<'_>) -> Option<Sign> {
    let path = decoded(request.path);
    if BREAK_INS.iter().any(|text| path.contains(text)) {
        return Some(Sign::BreakIn);
    }
    let agent = request.agent.to_ascii_lowercase();
    if SCANNERS.iter().any(|name| agent.contains(name)) {
        return Some(Sign::Scanner);
    }
    // Who is served the page of a WordPress that is there is a visitor or its editor.
    let is_served = (200..300).contains(&request.status) || request.status == 304;
    if !is_served && WEAK_SPOTS.iter().any(|spot| path.contains(spot)) {
        return Some(Sign::WeakSpot);
    }
    (request.status == 404).then_some(Sign::Missing)
}

/// Percent-decoded twice (attackers encode twice), `+` as a blank, lower-case.
fn decoded(path: &str) -> String {
    let once = decoded_once(path.as_bytes());
    let twice = decoded_once(&once);
    String::from_utf8_lossy(&twice).to_lowercase()
}

fn decoded_once(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let hex = text.get(at + 1..at + 3).filter(|_| text[at] == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(if text[at] == b'+' { b' ' } else { text[at] });
                at += 1;
            }
        }
    }
    decoded
}

impl Source {
    fn remember(&mut self, sign: Sign, path: &str, reading: &Reading<'_>) {
        while self.seen.len() >= MAX_REQUESTS
            || self.seen.front().is_some_and(|seen| (reading.at_s - seen.proof.at_s).abs() > WITHIN_S)
        {
            self.seen.pop_front();
        }
        let path = super::table::clipped(path.split('?').next().unwrap_or("")).to_owned();
        let is_known = sign != Sign::Scanner && sign != Sign::BreakIn && self.seen.iter().any(|seen| seen.path == path);
        if !is_known {
            self.seen.push_back(Seen { sign, path, proof: reading.proof() });
        }
    }

    fn count(&self, sign: Sign) -> usize {
        self.seen.iter().filter(|seen| seen.sign == sign).count()
    }

    fn scan(&self, source: &str) -> Option<Hit> {
        let (scanner, spots, missing) = (self.count(Sign::Scanner), self.count(Sign::WeakSpot), self.count(Sign::Missing));
        let what = if scanner >= SCANNER_REQUESTS {
            format!("{source} sent at least {scanner} requests with a scanner's user agent")
        } else if spots >= PROBES {
            format!("{source} asked for at least {spots} well-known weak spots")
        } else if spots + missing >= MISSING {
            format!("{source} asked for at least {} pages that do not exist", spots + missing)
        } else {
            return None;
        };
        let severity = if line::is_internal(source) { Level::High } else { Level::Medium };
        let title = format!("{source} scans the web server");
        Some(Hit { rule: &SCAN, subject: source.to_owned(), severity, title, what: format!("{what} within 10 minutes.") })
    }

    fn attack(&self, source: &str) -> Option<Hit> {
        let attempts = self.count(Sign::BreakIn);
        (attempts >= INJECTIONS).then(|| Hit {
            rule: &INJECTION,
            subject: source.to_owned(),
            severity: Level::High,
            title: format!("{source} tries to break into the web server"),
            what: format!("At least {attempts} requests within 10 minutes hold code or paths out of the web root."),
        })
    }
}
