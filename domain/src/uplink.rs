//! The uplink: from what each probe of one round heard to one verdict, with its evidence in words. Pure.
//!
//! A verdict blames the nearest thing that certainly failed, and nothing is blamed for what could not be tried: without the
//! permission to ping, a gateway is unknown, never down. One probe alone proves nothing bad: a single server may be ill.

mod address;
mod standing;

pub use address::is_beyond_uplink;
pub use standing::{CONFIRM_ROUNDS, Standing, Step};

use serde::{Deserialize, Serialize};
use std::fmt;

/// What the uplink is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It works.
    Online,
    /// Addresses answer, names are not resolved.
    Dns,
    /// The gateway does not answer: the local network or the router.
    Gateway,
    /// The gateway answers and nothing behind it does.
    Isp,
    /// Somebody else answers in the place of the web.
    CaptivePortal,
    /// Nothing answers, and whose fault it is cannot be told.
    Offline,
}

impl Verdict {
    const ALL: [Verdict; 6] =
        [Verdict::Online, Verdict::Dns, Verdict::Gateway, Verdict::Isp, Verdict::CaptivePortal, Verdict::Offline];

    /// The word people read.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Online => "online",
            Verdict::Dns => "dns",
            Verdict::Gateway => "gateway",
            Verdict::Isp => "isp",
            Verdict::CaptivePortal => "captive portal",
            Verdict::Offline => "offline",
        }
    }

    /// The verdict that `word` names.
    ///
    /// ```
    /// use domain::uplink::Verdict;
    /// assert_eq!(Verdict::parse("captive portal"), Some(Verdict::CaptivePortal));
    /// ```
    pub fn parse(word: &str) -> Option<Verdict> {
        Verdict::ALL.into_iter().find(|verdict| verdict.as_str() == word)
    }

    /// What it means, in a few words.
    pub fn meaning(self) -> &'static str {
        match self {
            Verdict::Online => "the internet answers",
            Verdict::Dns => "addresses answer, but names are not resolved",
            Verdict::Gateway => "the gateway does not answer",
            Verdict::Isp => "the gateway answers, nothing behind it does",
            Verdict::CaptivePortal => "something else answers in the place of the web",
            Verdict::Offline => "nothing answers",
        }
    }

    /// Whether it works.
    pub fn is_online(self) -> bool {
        self == Verdict::Online
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What was asked of whom in one round.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Each DNS server, asked directly.
    pub dns: Vec<Probe<Dns>>,
    /// Addresses to which a connection was tried, no name needed.
    pub reach: Vec<Probe<Reach>>,
    /// Each web endpoint.
    pub web: Vec<Probe<Web>>,
    /// The gateway.
    pub gateway: Option<Probe<Gateway>>,
}

/// What one probe heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe<T> {
    /// Who was asked: an address or a host, never a secret.
    pub target: String,
    /// What came of it.
    pub heard: T,
}

/// What a DNS server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dns {
    /// It resolved the name, after so many milliseconds.
    Resolved(i64),
    /// It answered, but not with an address: it can be reached.
    Refused(String),
    /// Nothing came back.
    Silent(String),
}

/// Whether an address could be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It accepted or refused the connection itself, after so many milliseconds.
    Answered(i64),
    /// Nothing came back.
    Silent(String),
}

/// What a web endpoint said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Web {
    /// What was expected, after so many milliseconds.
    AsExpected(i64),
    /// Something else over plain HTTP: a redirect, a login page.
    Otherwise(String),
    /// Its name could not be resolved.
    NoName(String),
    /// It could be connected to, but the exchange failed: a reset, a certificate of somebody else.
    Broken(String),
    /// No connection.
    Silent(String),
}

/// What is known of the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gateway {
    /// It answered, in this way, after so many milliseconds.
    Answered(&'static str, i64),
    /// It was tried in a way that counts, and did not answer.
    Silent(String),
    /// The hub may not ping, and nothing else gave evidence.
    NotPermitted(String),
    /// There is no route to the outside.
    NoRoute,
}

/// A verdict and what it was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Judged {
    /// What the uplink is.
    pub verdict: Verdict,
    /// What each probe heard, a line each, the reason for the verdict first.
    pub evidence: Vec<String>,
}

impl Judged {
    /// The evidence in one line.
    pub fn in_words(&self) -> String {
        self.evidence.join("; ")
    }
}

/// The verdict on one round.
///
/// ```
/// use domain::uplink::{Dns, Gateway, Probe, Round, Verdict, Web, judge};
/// let probe = |target: &str| target.to_owned();
/// let round = Round {
///     dns: vec![Probe { target: probe("1.1.1.1"), heard: Dns::Silent("no answer in 2 s".into()) }],
///     web: vec![Probe { target: probe("example.org"), heard: Web::NoName("no answer in 2 s".into()) }],
///     gateway: Some(Probe { target: probe("192.0.2.1"), heard: Gateway::Answered("ping", 1) }),
///     ..Round::default()
/// };
/// let judged = judge(&round);
/// assert_eq!(judged.verdict, Verdict::Isp);
/// assert_eq!(judged.evidence[0], "the gateway answers, nothing behind it does");
/// ```
pub fn judge(round: &Round) -> Judged {
    let seen = Seen::of(round);
    let verdict = seen.verdict();
    let mut evidence = vec![seen.reason(verdict)];
    evidence.extend(lines(round));
    Judged { verdict, evidence }
}

/// A round, counted.
struct Seen {
    /// Web endpoints that said what was expected.
    right: usize,
    /// Endpoints at which something else answered.
    wrong: usize,
    web: usize,
    /// Endpoints that have a name, and how many of those names were resolved.
    named: usize,
    resolved: usize,
    dns: usize,
    dns_resolved: usize,
    /// Something outside was heard at all.
    outside: bool,
    gateway: Option<Gateway>,
}

impl Seen {
    fn of(round: &Round) -> Seen {
        let count = |matches: fn(&Web) -> bool| round.web.iter().filter(|probe| matches(&probe.heard)).count();
        let named = round.web.iter().filter(|probe| !is_address(&probe.target));
        let dns_heard = round.dns.iter().any(|probe| !matches!(probe.heard, Dns::Silent(_)));
        let reached = round.reach.iter().any(|probe| matches!(probe.heard, Reach::Answered(_)));
        let web_heard = count(|web| !matches!(web, Web::NoName(_) | Web::Silent(_))) > 0;
        Seen {
            right: count(|web| matches!(web, Web::AsExpected(_))),
            wrong: count(|web| matches!(web, Web::Otherwise(_))),
            web: round.web.len(),
            named: named.clone().count(),
            resolved: named.filter(|probe| !matches!(probe.heard, Web::NoName(_))).count(),
            dns: round.dns.len(),
            dns_resolved: round.dns.iter().filter(|probe| matches!(probe.heard, Dns::Resolved(_))).count(),
            outside: dns_heard || reached || web_heard,
            gateway: round.gateway.as_ref().map(|probe| probe.heard.clone()),
        }
    }

    /// Whether any name at all was resolved: by the system for the web, or by a server asked directly where no endpoint has a name.
    fn names_work(&self) -> bool {
        if self.named > 0 { self.resolved > 0 } else { self.dns == 0 || self.dns_resolved > 0 }
    }

    fn verdict(&self) -> Verdict {
        if self.outside && !self.names_work() {
            return Verdict::Dns;
        }
        if self.right > 0 {
            return Verdict::Online;
        }
        if self.wrong > 0 {
            return Verdict::CaptivePortal;
        }
        if self.outside {
            // Nobody set a web endpoint, or the web alone is filtered away.
            return if self.web == 0 && self.dns_resolved > 0 { Verdict::Online } else { Verdict::Isp };
        }
        match self.gateway {
            Some(Gateway::Answered(..)) => Verdict::Isp,
            Some(Gateway::Silent(_)) => Verdict::Gateway,
            Some(Gateway::NotPermitted(_) | Gateway::NoRoute) | None => Verdict::Offline,
        }
    }

    fn reason(&self, verdict: Verdict) -> String {
        let unsure = match (verdict, &self.gateway) {
            (Verdict::Offline, Some(Gateway::NoRoute)) => ": this machine has no route to the outside",
            (Verdict::Offline, Some(Gateway::NotPermitted(_))) => {
                "; whether the gateway does is not known: the hub has no permission to ping"
            }
            (Verdict::Offline, _) => "; which gateway to ask is not known",
            (Verdict::Isp, _) if self.outside => {
                return "servers outside answer, but no web endpoint does".to_owned();
            }
            (Verdict::Dns, _) if self.dns_resolved > 0 => {
                return "names are not resolved by this machine's own resolver, although servers outside resolve them".to_owned();
            }
            _ => "",
        };
        format!("{}{unsure}", verdict.meaning())
    }
}

fn lines(round: &Round) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    lines.extend(round.gateway.iter().map(|probe| format!("gateway {}: {}", probe.target, probe.heard)));
    lines.extend(round.dns.iter().map(|probe| format!("DNS {}: {}", probe.target, probe.heard)));
    lines.extend(round.reach.iter().map(|probe| format!("address {}: {}", probe.target, probe.heard)));
    lines.extend(round.web.iter().map(|probe| format!("web {}: {}", probe.target, probe.heard)));
    lines
}

/// Whether an endpoint needs no name: its host is an address.
fn is_address(target: &str) -> bool {
    let host = target.split_once("://").map_or(target, |(_, rest)| rest);
    let host = host.split('/').next().unwrap_or_default();
    let bare = host.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(inside, _)| inside);
    let without_port = host.rsplit_once(':').map_or(host, |(name, _)| name);
    [bare.unwrap_or(host), without_port].iter().any(|text| text.parse::<std::net::IpAddr>().is_ok())
}

impl fmt::Display for Dns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dns::Resolved(ms) => write!(f, "resolved in {ms} ms"),
            Dns::Refused(why) => write!(f, "answers, but does not resolve ({why})"),
            Dns::Silent(why) => write!(f, "no answer ({why})"),
        }
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reach::Answered(ms) => write!(f, "answers in {ms} ms"),
            Reach::Silent(why) => write!(f, "no answer ({why})"),
        }
    }
}

impl fmt::Display for Web {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Web::AsExpected(ms) => write!(f, "as expected in {ms} ms"),
            Web::Otherwise(what) => write!(f, "something else answers ({what})"),
            Web::NoName(why) => write!(f, "its name is not resolved ({why})"),
            Web::Broken(why) => write!(f, "connected, and then failed ({why})"),
            Web::Silent(why) => write!(f, "no connection ({why})"),
        }
    }
}

impl fmt::Display for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Gateway::Answered(how, ms) => write!(f, "answers ({how}, {ms} ms)"),
            Gateway::Silent(why) => write!(f, "no answer ({why})"),
            Gateway::NotPermitted(why) => write!(f, "not known: no permission to ping ({why})"),
            Gateway::NoRoute => f.write_str("there is none: no route to the outside"),
        }
    }
}

#[cfg(test)]
mod tests;
