//! Movement from machine to machine inside: remote control of a neighbour that was never controlled from there before.

use super::book::{Book, Hit};
use super::flow::{Flow, Outcome};
use super::line;
use super::scan::Scans;
use super::table::Table;
use super::{Proof, Reading, RuleInfo};
use crate::finding::{Category, Level};
use std::collections::VecDeque;

/// Ports a machine is controlled by: SSH, Telnet, SMB, RDP, WinRM, VNC. Not RPC (135): every member of
/// a domain speaks it with its controller.
const CONTROL_PORTS: [(u16, &str); 7] =
    [(22, "SSH"), (23, "Telnet"), (445, "SMB"), (3389, "RDP"), (5900, "VNC"), (5985, "WinRM"), (5986, "WinRM")];
/// Seconds after a scan in which a new connection is its fruit.
const AFTER_SCAN_S: i64 = 3_600;
/// New neighbours that make a fan-out, and the seconds in which they are reached.
const NEIGHBOURS: usize = 5;
const FAN_OUT_S: i64 = 3_600;
/// Seconds of log after which a connection that was not seen before is new.
const LEARN_S: i64 = 3_600;
/// Pairs and sources remembered.
const MAX_PAIRS: usize = 8_192;
const MAX_SOURCES: usize = 2_048;

/// A scanner inside that then gets in.
pub(crate) static AFTER_SCAN: RuleInfo = RuleInfo {
    name: "lateral_after_scan",
    category: Category::Network,
    title: "Remote control after a scan",
    looks_for: "a machine inside that scanned and then opens SSH, RDP, SMB, WinRM or VNC to one it never controlled before",
    threshold: "one connection within 1 hour of the scan",
    because: "looking for a door and then walking through it is what an intruder does; a machine's usual neighbours are not counted",
    suggestion: "Take the source off the network and check the machine it reached: who logged in there, from when on.",
};

/// One machine inside that suddenly controls many.
pub(crate) static FAN_OUT: RuleInfo = RuleInfo {
    name: "lateral_fan_out",
    category: Category::Network,
    title: "One machine controls many new ones",
    looks_for: "SSH, RDP, WinRM, VNC or SMB from one machine inside to others inside that it never controlled before",
    threshold: "5 new ones within 1 hour, after 1 hour of log to learn from",
    because: "administrators and file clients return to the same machines; worms and intruders meet new ones",
    suggestion: "If no administrator or deployment did this, take the source off the network and check what it reached.",
};

#[derive(Default)]
struct Reached {
    recent: VecDeque<(String, Proof)>,
}

pub(crate) struct Lateral {
    known: Table<Option<i64>>,
    sources: Table<Reached>,
    first_s: Option<i64>,
}

impl Lateral {
    pub(crate) fn new() -> Lateral {
        Lateral { known: Table::new(MAX_PAIRS), sources: Table::new(MAX_SOURCES), first_s: None }
    }

    pub(crate) fn judge(&mut self, flow: &Flow<'_>, reading: &Reading<'_>, scans: &Scans, book: &mut Book) {
        let first_s = *self.first_s.get_or_insert(reading.at_s);
        let Some((_, service)) = CONTROL_PORTS.iter().find(|(port, _)| *port == flow.port) else { return };
        if flow.outcome == Outcome::Denied || !line::is_internal(flow.from) || !line::is_internal(flow.to) || flow.from == flow.to
        {
            return;
        }
        let known = self.known.at(&format!("{} {}:{}", flow.from, flow.to, flow.port));
        if known.replace(reading.at_s).is_some() {
            return;
        }
        let scanned = scans.caught_s(flow.from).is_some_and(|at_s| (0..=AFTER_SCAN_S).contains(&(reading.at_s - at_s)));
        if scanned {
            let what = format!("{} scanned, and then opened {service} to {}, which it had not done before.", flow.from, flow.to);
            let title = format!("{} opened {service} to {} after scanning", flow.from, flow.to);
            let subject = format!("{} {}:{}", flow.from, flow.to, flow.port);
            book.note(Hit { rule: &AFTER_SCAN, subject, severity: Level::High, title, what }, [reading.proof()]);
        }
        if reading.at_s - first_s >= LEARN_S {
            self.count(flow, service, reading, book);
        }
    }

    fn count(&mut self, flow: &Flow<'_>, service: &str, reading: &Reading<'_>, book: &mut Book) {
        let recent = &mut self.sources.at(flow.from).recent;
        while recent.len() >= 2 * NEIGHBOURS
            || recent.front().is_some_and(|(_, proof)| (reading.at_s - proof.at_s).abs() > FAN_OUT_S)
        {
            recent.pop_front();
        }
        if recent.iter().any(|(to, _)| to == flow.to) {
            return;
        }
        recent.push_back((flow.to.to_owned(), reading.proof()));
        if recent.len() < NEIGHBOURS {
            return;
        }
        let title = format!("{} controls {} machines it did not before", flow.from, recent.len());
        let what =
            format!("{} opened remote control ({service} the last) to {} new machines within an hour.", flow.from, recent.len());
        let hit = Hit { rule: &FAN_OUT, subject: flow.from.to_owned(), severity: Level::High, title, what };
        book.note(hit, recent.iter().map(|(_, proof)| proof.clone()));
    }
}
