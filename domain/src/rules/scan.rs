//! Port scans: one source that knocks on many doors in a short time.

use super::book::{Book, Hit};
use super::flow::{EPHEMERAL_FROM, Flow, Outcome};
use super::line;
use super::table::Table;
use super::{Proof, Reading, RuleInfo};
use crate::finding::{Category, Level};
use std::collections::{BTreeSet, VecDeque};

/// Doors (address and port) that make a scan.
const DOORS: usize = 15;
/// Seconds in which they are tried.
const WITHIN_S: i64 = 300;
/// Doors remembered per source.
const MAX_DOORS: usize = 32;
/// Sources remembered.
const MAX_SOURCES: usize = 4_096;

/// Many refused doors, or many ports of one machine.
pub(crate) static PORT_SCAN: RuleInfo = RuleInfo {
    name: "port_scan",
    category: Category::Scan,
    title: "Port scan",
    looks_for: "one source that is refused at many addresses and ports, or tries many ports of one machine",
    threshold: "15 different ones in 5 minutes",
    because: "programs use a handful of ports; background noise on the internet tries about five a minute per target; Snort's and Suricata's low setting start between 5 and 25",
    suggestion: "From outside: nothing answered that was refused, block the source if it goes on. From inside: find out which program on the source does it; a compromised machine looks like this.",
};

struct Door {
    to: String,
    port: u16,
    denied: bool,
    proof: Proof,
}

/// The doors a source tried lately, and when it was last caught.
#[derive(Default)]
struct Source {
    doors: VecDeque<Door>,
    caught_s: Option<i64>,
}

pub(crate) struct Scans {
    sources: Table<Source>,
}

impl Scans {
    pub(crate) fn new() -> Scans {
        Scans { sources: Table::new(MAX_SOURCES) }
    }

    /// When `source` was last caught scanning.
    pub(crate) fn caught_s(&self, source: &str) -> Option<i64> {
        self.sources.get(source)?.caught_s
    }

    pub(crate) fn judge(&mut self, flow: &Flow<'_>, reading: &Reading<'_>, hostile: &mut Table<Option<i64>>, book: &mut Book) {
        let is_denied = flow.outcome == Outcome::Denied;
        // What reaches out to the internet and is let through is browsing; a client's port is an answer of a lost connection.
        if !is_denied && (flow.port >= EPHEMERAL_FROM || flow.is_outward()) {
            return;
        }
        let source = self.sources.at(flow.from);
        let is_new = !source.doors.iter().any(|door| door.to == flow.to && door.port == flow.port);
        if !is_new {
            return;
        }
        source.forget_far_from(reading.at_s);
        source.doors.push_back(Door { to: flow.to.to_owned(), port: flow.port, denied: is_denied, proof: reading.proof() });
        let Some(severity) = source.is_scan(flow) else { return };
        source.caught_s = Some(reading.at_s);
        *hostile.at(flow.from) = Some(reading.at_s);
        book.note(source.hit(flow, severity), source.doors.iter().map(|door| door.proof.clone()));
    }
}

impl Source {
    /// Far in either direction: a clock that is set back must not put hours together.
    fn forget_far_from(&mut self, at_s: i64) {
        while self.doors.len() >= MAX_DOORS || self.doors.front().is_some_and(|door| (at_s - door.proof.at_s).abs() > WITHIN_S) {
            self.doors.pop_front();
        }
    }

    /// How bad, if it is one: from inside it is a machine of one's own that does it.
    fn is_scan(&self, flow: &Flow<'_>) -> Option<Level> {
        let denied = self.doors.iter().filter(|door| door.denied).count();
        let ports = self.doors.iter().filter(|door| door.to == flow.to).count();
        let severity = if line::is_internal(flow.from) { Level::High } else { Level::Medium };
        (denied >= DOORS || ports >= DOORS).then_some(severity)
    }

    fn hit(&self, flow: &Flow<'_>, severity: Level) -> Hit {
        let ports: BTreeSet<u16> = self.doors.iter().map(|door| door.port).collect();
        let machines: BTreeSet<&str> = self.doors.iter().map(|door| door.to.as_str()).collect();
        let shown: Vec<String> = ports.iter().take(8).map(u16::to_string).collect();
        let (ports, machines) = (ports.len(), machines.len());
        Hit {
            rule: &PORT_SCAN,
            subject: flow.from.to_owned(),
            severity,
            title: format!("{} scans ports: {ports} on {machines} machines", flow.from),
            what: format!(
                "{} tried {} different addresses and ports within minutes (ports {}).",
                flow.from,
                self.doors.len(),
                shown.join(", ")
            ),
        }
    }
}
