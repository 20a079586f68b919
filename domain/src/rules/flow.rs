//! Connections as firewalls log them: Cisco ASA, netfilter (iptables, ufw, nft), pfSense's filterlog.

use super::line::{self, Line};

/// What became of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Allowed,
    Denied,
}

/// A connection, seen from the side that opened it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flow<'a> {
    pub(crate) outcome: Outcome,
    pub(crate) protocol: &'a str,
    pub(crate) from: &'a str,
    pub(crate) to: &'a str,
    pub(crate) port: u16,
}

impl Flow<'_> {
    /// Whether it goes from inside to the internet.
    pub(crate) fn is_outward(&self) -> bool {
        line::is_internal(self.from) && line::is_public(self.to)
    }
}

/// Ports from here on are what clients pick for themselves (Linux from 32768, Windows and IANA from 49152).
pub(crate) const EPHEMERAL_FROM: u16 = 32_768;

/// The connection a line tells of. Answers to connections somebody else opened (from a service's port to a client's) are not
/// connections: firewalls log late ones as blocked, and they look like scans.
pub(crate) fn flow<'a>(line: &Line<'a>) -> Option<Flow<'a>> {
    if let Some(code) = line.app.strip_prefix("%ASA-").or_else(|| line.app.strip_prefix("%FTD-")) {
        return asa(code.split_once('-')?.1, line.message);
    }
    if line.app == "filterlog" {
        return filterlog(line.message);
    }
    if line.message.contains(" SRC=") || line.message.starts_with("SRC=") {
        return netfilter(line.message);
    }
    None
}

fn asa<'a>(code: &str, message: &'a str) -> Option<Flow<'a>> {
    match code {
        "302013" | "302015" => asa_built(message),
        "106023" => asa_denied(message),
        "106001" | "106006" | "106007" => {
            let rest = message.split_once(" from ")?.1;
            between(Outcome::Denied, protocol(message), rest, " to ")
        }
        "106100" => asa_access_list(message),
        "710003" => between(Outcome::Denied, protocol(message), message.split_once(" from ")?.1, " to "),
        _ => None,
    }
}

/// `Built inbound TCP connection 7 for IF:A/P (A/P) to IF:A/P (A/P)`. Inbound, the first opened it; outbound, Cisco
/// writes the foreign side first but not every exporter does, so the side with the client's port opened it.
fn asa_built(message: &str) -> Option<Flow<'_>> {
    let rest = message.strip_prefix("Built ")?;
    let (direction, rest) = rest.split_once(' ')?;
    let protocol = rest.split(' ').next()?;
    let (first, second) = rest.split_once(" for ")?.1.split_once(" to ")?;
    let (first, second) = (endpoint(first)?, endpoint(second)?);
    let (from, to) = match direction {
        "inbound" => (first, second),
        _ if first.1 != second.1 && first.1.max(second.1) >= EPHEMERAL_FROM => {
            if first.1 > second.1 {
                (first, second)
            } else {
                (second, first)
            }
        }
        _ => (second, first),
    };
    Some(Flow { outcome: Outcome::Allowed, protocol, from: from.0, to: to.0, port: to.1 })
}

/// `Deny tcp src IF:A/P dst IF:A/P by access-group "…"`.
fn asa_denied(message: &str) -> Option<Flow<'_>> {
    let (head, rest) = message.split_once(" src ")?;
    between(Outcome::Denied, head.rsplit(' ').next()?, rest, " dst ")
}

/// `access-list X denied tcp IF/A(P) -> IF/A(P) hit-cnt 1`.
fn asa_access_list(message: &str) -> Option<Flow<'_>> {
    let outcome = if message.contains(" permitted ") { Outcome::Allowed } else { Outcome::Denied };
    let (head, tail) = message.split_once(" -> ")?;
    let mut words = head.rsplit(' ');
    let (source, protocol) = (words.next()?, words.next()?);
    let (from, to) = (bracketed(source)?, bracketed(tail.split(' ').next()?)?);
    opened(outcome, protocol, from, to)
}

fn bracketed(text: &str) -> Option<(&str, u16)> {
    let (address, port) = text.split_once('/')?.1.split_once('(')?;
    Some((address, port.split(')').next()?.parse().ok()?))
}

fn between<'a>(outcome: Outcome, protocol: &'a str, rest: &'a str, separator: &str) -> Option<Flow<'a>> {
    let (from, to) = rest.split_once(separator)?;
    opened(outcome, protocol, endpoint(from)?, endpoint(to)?)
}

fn opened<'a>(outcome: Outcome, protocol: &'a str, from: (&'a str, u16), to: (&'a str, u16)) -> Option<Flow<'a>> {
    let is_answer = from.1 < 1_024 && from.1 != 0 && to.1 >= EPHEMERAL_FROM;
    (!is_answer).then_some(Flow { outcome, protocol, from: from.0, to: to.0, port: to.1 })
}

/// `outside:1.2.3.4/443 (…)` or `1.2.3.4/443`: address and port. A name may stand for an address.
fn endpoint(text: &str) -> Option<(&str, u16)> {
    let word = text.trim_start().split([' ', '(']).next()?;
    let (host, port) = word.rsplit_once('/')?;
    let address = match host.split_once(':') {
        Some((interface, rest)) if !host.parse::<std::net::Ipv6Addr>().is_ok_and(|_| !interface.is_empty()) => rest,
        _ => host,
    };
    Some((address, port.trim_end_matches([',', ';']).parse().ok()?))
}

fn protocol(message: &str) -> &str {
    message.split(' ').find(|word| ["TCP", "UDP", "tcp", "udp"].contains(word)).unwrap_or("tcp")
}

/// `[UFW BLOCK] IN=eth0 OUT= SRC=A DST=A … PROTO=TCP SPT=1 DPT=2`.
fn netfilter(message: &str) -> Option<Flow<'_>> {
    let value = |key: &str| {
        let start = message.find(key).filter(|&at| at == 0 || message.as_bytes()[at - 1] == b' ')? + key.len();
        message[start..].split(' ').next()
    };
    let (from, to, protocol) = (value("SRC=")?, value("DST=")?, value("PROTO=")?);
    let port: u16 = value("DPT=").and_then(|port| port.parse().ok())?;
    let client: u16 = value("SPT=").and_then(|port| port.parse().ok()).unwrap_or(0);
    let prefix = message.split("IN=").next().unwrap_or("").to_ascii_uppercase();
    let denies = ["BLOCK", "DROP", "REJECT", "DENY", "DENIED", "INVALID"].iter().any(|word| prefix.contains(word));
    let outcome = if denies { Outcome::Denied } else { Outcome::Allowed };
    opened(outcome, protocol, (from, client), (to, port))
}

/// pfSense and OPNsense: commas, version 4 and 6 with their own columns.
fn filterlog(message: &str) -> Option<Flow<'_>> {
    let mut fields = message.trim().split(',');
    let action = fields.nth(6)?;
    let version = fields.nth(1)?;
    let (protocol, from, to) = match version {
        "4" => (fields.nth(7)?, fields.nth(1)?, fields.next()?),
        "6" => (fields.nth(3)?, fields.nth(2)?, fields.next()?),
        _ => return None,
    };
    let client: u16 = fields.next()?.parse().ok()?;
    let port: u16 = fields.next()?.parse().ok()?;
    let outcome = if action == "pass" { Outcome::Allowed } else { Outcome::Denied };
    opened(outcome, protocol, (from, client), (to, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str) -> Option<(Outcome, String, String, u16)> {
        flow(&line::parse(text, 1_715_700_000)).map(|flow| (flow.outcome, flow.from.into(), flow.to.into(), flow.port))
    }

    fn is(outcome: Outcome, from: &str, to: &str, port: u16) -> Option<(Outcome, String, String, u16)> {
        Some((outcome, from.into(), to.into(), port))
    }

    #[test]
    fn every_firewall_s_form_is_read() {
        let text = "<166>May 14 12:00:51 fw %ASA-6-302013: Built inbound TCP connection 1 for outside:9.9.9.9/5342 (9.9.9.9/5342) to dmz:10.0.0.1/443 (8.8.8.8/443)";
        assert_eq!(seen(text), is(Outcome::Allowed, "9.9.9.9", "10.0.0.1", 443));
        let text = "%ASA-6-302013: Built outbound TCP connection 1 for outside:9.9.9.9/443 (9.9.9.9/443) to inside:10.0.0.1/51000 (8.8.8.8/51000)";
        assert_eq!(seen(text), is(Outcome::Allowed, "10.0.0.1", "9.9.9.9", 443));
        let text = "May 14 2024 12:00:51: %ASA-4-106023: Deny tcp src dmz:10.0.0.1/40000 dst inside:10.0.1.1/22 by access-group \"x\" [0x0, 0x0]";
        assert_eq!(seen(text), is(Outcome::Denied, "10.0.0.1", "10.0.1.1", 22));
        let text = "%ASA-6-106100: access-list out denied tcp outside/9.9.9.9(4000) -> inside/10.0.0.1(22) hit-cnt 1 first hit";
        assert_eq!(seen(text), is(Outcome::Denied, "9.9.9.9", "10.0.0.1", 22));
        let text = "%ASA-3-710003: TCP access denied by ACL from 9.9.9.9/4000 to outside:8.8.8.8/22";
        assert_eq!(seen(text), is(Outcome::Denied, "9.9.9.9", "8.8.8.8", 22));
        let text = "%ASA-2-106001: Inbound TCP connection denied from 9.9.9.9/4000 to 8.8.8.8/22 flags SYN on interface outside";
        assert_eq!(seen(text), is(Outcome::Denied, "9.9.9.9", "8.8.8.8", 22));
        let text =
            "May 14 12:00:51 h kernel: [1.2] [UFW BLOCK] IN=e OUT= SRC=9.9.9.9 DST=10.0.0.1 LEN=4 PROTO=TCP SPT=4000 DPT=23 SYN";
        assert_eq!(seen(text), is(Outcome::Denied, "9.9.9.9", "10.0.0.1", 23));
        let text = "<134>May 14 12:00:51 filterlog[9]: 5,,,1000000103,em0,match,block,in,4,0x0,,64,1,0,none,6,tcp,60,9.9.9.9,10.0.0.1,4000,23,0,S,1,,64240,,";
        assert_eq!(seen(text), is(Outcome::Denied, "9.9.9.9", "10.0.0.1", 23));
        let text = "<134>May 14 12:00:51 filterlog[9]: 5,,,1000000105,em0,match,pass,in,6,0x00,0x0,64,tcp,6,40,2001:db8::1,fd00::2,4000,22,0,S";
        assert_eq!(seen(text), is(Outcome::Allowed, "2001:db8::1", "fd00::2", 22));
    }

    #[test]
    fn late_answers_are_not_connections() {
        let text = "kernel: [UFW BLOCK] IN=e OUT= SRC=9.9.9.9 DST=10.0.0.1 PROTO=TCP SPT=443 DPT=51000 ACK RST";
        assert_eq!(seen(text), None);
    }
}
