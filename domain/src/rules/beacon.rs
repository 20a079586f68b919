//! Beacons: a machine inside that calls the same address outside like clockwork.

use super::book::{Book, Hit};
use super::flow::{Flow, Outcome};
use super::table::Table;
use super::{Proof, Reading, RuleInfo};
use crate::finding::{Category, Level};
use std::collections::VecDeque;

/// Calls that make a beacon.
const CALLS: usize = 8;
/// Calls closer together than this are one: a page loads with several connections.
const APART_S: i64 = 20;
/// A shorter period is a chatty program, a longer one a daily job.
const PERIOD_S: std::ops::RangeInclusive<i64> = 30..=14_400;
/// Greatest spread (standard deviation over mean) of the gaps.
const MAX_SPREAD: f64 = 0.20;
/// Pairs remembered.
const MAX_PAIRS: usize = 8_192;
/// Services that are meant to call by the clock: DNS, NTP, and SNMP, syslog.
const CLOCKWORK_PORTS: [u16; 6] = [53, 123, 161, 162, 514, 853];

/// Regular calls to one address outside.
pub(crate) static BEACON: RuleInfo = RuleInfo {
    name: "beacon",
    category: Category::Network,
    title: "Regular calls to one address outside",
    looks_for: "connections from one machine inside to one public address and port at even intervals of 30 s to 4 h",
    threshold: "8 in a row whose gaps spread by at most 20 % of their mean",
    because: "people and browsers come in bursts (spread above 50 %); remote control software calls with a jitter of 0 to 20 % by default",
    suggestion: "Find the program that makes these calls. Update checks and monitoring agents do it too: if it is one, note it; if nobody knows it, take the machine off the network.",
};

#[derive(Default)]
struct Pair {
    calls: VecDeque<Proof>,
}

pub(crate) struct Beacons {
    pairs: Table<Pair>,
}

impl Beacons {
    pub(crate) fn new() -> Beacons {
        Beacons { pairs: Table::new(MAX_PAIRS) }
    }

    pub(crate) fn judge(&mut self, flow: &Flow<'_>, reading: &Reading<'_>, book: &mut Book) {
        if flow.outcome == Outcome::Denied || !flow.is_outward() || CLOCKWORK_PORTS.contains(&flow.port) {
            return;
        }
        let key = format!("{} {}:{}", flow.from, flow.to, flow.port);
        let calls = &mut self.pairs.at(&key).calls;
        if calls.back().is_some_and(|last| last.at_s - reading.at_s > *PERIOD_S.start()) {
            calls.clear(); // the clock was set back: gaps over it mean nothing
        }
        // A long burst becomes calls 20 s apart, which is below the shortest period.
        if calls.back().is_some_and(|last| (reading.at_s - last.at_s) < APART_S) {
            return;
        }
        if calls.len() >= CALLS {
            calls.pop_front();
        }
        calls.push_back(reading.proof());
        let Some(period_s) = period_s(calls) else { return };
        let hit = Hit {
            rule: &BEACON,
            subject: key,
            severity: Level::Medium,
            title: format!("{} calls {}:{} every {}", flow.from, flow.to, flow.port, spoken(period_s)),
            what: format!("The last {CALLS} connections came about {} apart, evenly as a program makes them.", spoken(period_s)),
        };
        book.note(hit, calls.iter().cloned());
    }
}

/// The period of `calls`, if they have one.
fn period_s(calls: &VecDeque<Proof>) -> Option<i64> {
    if calls.len() < CALLS {
        return None;
    }
    let gaps: Vec<f64> = calls.iter().zip(calls.iter().skip(1)).map(|(a, b)| (b.at_s - a.at_s) as f64).collect();
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
    let is_even = PERIOD_S.contains(&(mean as i64)) && variance.sqrt() <= mean * MAX_SPREAD;
    is_even.then_some(mean as i64)
}

fn spoken(period_s: i64) -> String {
    match period_s {
        ..120 => format!("{period_s} s"),
        120..7_200 => format!("{} min", (period_s + 30) / 60),
        _ => format!("{} h", (period_s + 1_800) / 3_600),
    }
}
