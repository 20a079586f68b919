//! Where syslog messages wait until they are read: in memory, because unredacted lines belong on no disk; bounded for each host, so that the
//! flood of one takes nothing from another; and every message that is not kept is counted.
//!
//! What is full takes nothing new: a flood cannot push out what was said before it.

use super::source::{Cursor, FetchError, FetchLimits, Fetched, LogSource};
use crate::link::hex;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use store::syslog_sources::SyslogSource;

/// What a line costs beside its bytes.
const LINE_COST_BYTES: usize = 64;
/// Addresses that send and belong to nobody, of which the last are remembered.
const STRANGERS_MOST: usize = 64;

/// Bounds of what waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpoolLimits {
    /// Of one host.
    pub host_bytes: usize,
    /// Of all together.
    pub all_bytes: usize,
    /// Of one message; a longer one is cut.
    pub message_bytes: usize,
}

impl Default for SpoolLimits {
    fn default() -> SpoolLimits {
        SpoolLimits { host_bytes: 8 << 20, all_bytes: 128 << 20, message_bytes: 16 << 10 }
    }
}

/// What became of the messages of one host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpoolCounts {
    /// Messages that came.
    pub received: u64,
    /// Of these, not kept because the spool was full.
    pub dropped: u64,
    /// Of these, cut because they were too long.
    pub cut: u64,
    /// Messages that wait.
    pub waiting: usize,
    /// Their bytes.
    pub waiting_bytes: usize,
}

/// An address that sends and is bound to no host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stranger {
    /// Which.
    pub address: IpAddr,
    /// How many messages or connections were refused.
    pub refused: u64,
}

/// All spools; clones share them. Usable from any thread.
#[derive(Clone)]
pub struct Spools(Arc<Shared>);

struct Shared {
    limits: SpoolLimits,
    /// Another one in each process: a place in a spool that is gone means nothing.
    epoch: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    owners: HashMap<IpAddr, i64>,
    spools: HashMap<i64, Spool>,
    strangers: VecDeque<Stranger>,
    bytes: usize,
}

#[derive(Default)]
struct Spool {
    lines: VecDeque<Vec<u8>>,
    /// The number of the first of them.
    first: u64,
    bytes: usize,
    counts: SpoolCounts,
}

/// A place in a spool, as the store keeps it.
#[derive(Serialize, Deserialize)]
struct Place {
    spool: String,
    next: u64,
    dropped: u64,
}

impl Spools {
    /// Empty ones.
    pub fn new(limits: SpoolLimits) -> Spools {
        let mut random = [0; 8];
        // Without random bytes two runs could be taken for one; lines would be read twice or too late, not lost.
        let _ = getrandom::fill(&mut random);
        Spools(Arc::new(Shared { limits, epoch: hex(&random), state: Mutex::default() }))
    }

    /// Bounds of what waits.
    pub fn limits(&self) -> SpoolLimits {
        self.0.limits
    }

    /// Whose messages are taken from now on; what waits of hosts that have no address any more is let go.
    pub fn bind(&self, sources: &[SyslogSource]) {
        let mut state = self.state();
        state.owners = sources.iter().map(|source| (source.address.to_canonical(), source.host)).collect();
        let State { owners, spools, strangers, bytes } = &mut *state;
        spools.retain(|host, spool| {
            let is_bound = owners.values().any(|owner| owner == host);
            *bytes -= if is_bound { 0 } else { spool.bytes };
            is_bound
        });
        strangers.retain(|stranger| !owners.contains_key(&stranger.address));
    }

    /// Takes nothing from a host any more, and lets go what waits of it.
    pub fn dismiss(&self, host: i64) {
        let mut state = self.state();
        state.owners.retain(|_, owner| *owner != host);
        let gone = state.spools.remove(&host).map_or(0, |spool| spool.bytes);
        state.bytes -= gone;
    }

    /// Whether messages of this address are taken; one that belongs to nobody is noted.
    pub fn admits(&self, from: IpAddr) -> bool {
        let mut state = self.state();
        let from = from.to_canonical();
        let is_known = state.owners.contains_key(&from);
        if !is_known {
            state.refuse(from);
        }
        is_known
    }

    /// Takes a message of this address, if it belongs to a host and there is room.
    pub fn take(&self, from: IpAddr, message: &[u8]) {
        let limits = self.0.limits;
        let mut state = self.state();
        let from = from.to_canonical();
        let Some(host) = state.owners.get(&from).copied() else { return state.refuse(from) };
        let line = one_line(&message[..message.len().min(limits.message_bytes)]);
        if line.is_empty() {
            return;
        }
        let cost = line.len() + LINE_COST_BYTES;
        let State { spools, bytes, .. } = &mut *state;
        let spool = spools.entry(host).or_default();
        spool.counts.received += 1;
        spool.counts.cut += u64::from(message.len() > limits.message_bytes);
        if spool.bytes + cost > limits.host_bytes || *bytes + cost > limits.all_bytes {
            spool.counts.dropped += 1;
            return;
        }
        spool.lines.push_back(line);
        spool.bytes += cost;
        *bytes += cost;
    }

    /// What became of the messages of a host.
    pub fn counts(&self, host: i64) -> SpoolCounts {
        self.state().spools.get(&host).map_or_else(SpoolCounts::default, |spool| SpoolCounts {
            waiting: spool.lines.len(),
            waiting_bytes: spool.bytes,
            ..spool.counts
        })
    }

    /// Who sends and belongs to nobody, the latest last.
    pub fn strangers(&self) -> Vec<Stranger> {
        self.state().strangers.iter().cloned().collect()
    }

    /// The log of a host, as far as it has sent one.
    pub fn source(&self, host: i64) -> SpoolSource {
        SpoolSource { spools: self.clone(), host }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn refuse(&mut self, from: IpAddr) {
        if let Some(known) = self.strangers.iter_mut().find(|stranger| stranger.address == from) {
            known.refused += 1;
            return;
        }
        if self.strangers.len() == STRANGERS_MOST {
            self.strangers.pop_front();
        }
        self.strangers.push_back(Stranger { address: from, refused: 1 });
    }
}

/// A message as one line: a line break inside it is shown as rsyslog shows it, so that no part of it passes for a message of its own.
fn one_line(message: &[u8]) -> Vec<u8> {
    let message = message.strip_prefix(b"\xef\xbb\xbf").unwrap_or(message);
    let end = message.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r' | b'\0' | b' ')).map_or(0, |last| last + 1);
    let mut line = Vec::with_capacity(end);
    for byte in &message[..end] {
        match byte {
            b'\n' => line.extend_from_slice(b"#012"),
            byte => line.push(*byte),
        }
    }
    line
}

/// The messages of one host.
pub struct SpoolSource {
    spools: Spools,
    host: i64,
}

impl LogSource for SpoolSource {
    fn fetch(&self, since: Option<Cursor>, limits: FetchLimits) -> BoxFuture<'_, Result<Fetched, FetchError>> {
        async move { Ok(self.read(since, limits)) }.boxed()
    }
}

impl SpoolSource {
    /// What waits; what came before `since` was analysed and stored, and is let go.
    fn read(&self, since: Option<Cursor>, limits: FetchLimits) -> Fetched {
        let place = since.and_then(|cursor| Place::deserialize(cursor.0).ok());
        let is_gone = place.as_ref().is_some_and(|place| place.spool != self.spools.0.epoch);
        let place = place.filter(|_| !is_gone);
        let mut state = self.spools.state();
        let State { spools, bytes, .. } = &mut *state;
        let spool = spools.entry(self.host).or_default();
        let next = place.as_ref().map_or(spool.first, |place| place.next);
        while spool.first < next {
            let Some(line) = spool.lines.pop_front() else { break };
            spool.first += 1;
            spool.bytes -= line.len() + LINE_COST_BYTES;
            *bytes -= line.len() + LINE_COST_BYTES;
        }
        let mut room = limits.bytes_most;
        let fits = |line: &&Vec<u8>| {
            let fits = line.len() < room;
            room -= if fits { line.len() } else { 0 };
            fits
        };
        let lines: Vec<Vec<u8>> = spool.lines.iter().take(limits.lines_most).take_while(fits).cloned().collect();
        let dropped = spool.counts.dropped - place.map_or(0, |place| place.dropped).min(spool.counts.dropped);
        let place =
            Place { spool: self.spools.0.epoch.clone(), next: spool.first + lines.len() as u64, dropped: spool.counts.dropped };
        let notes = [
            is_gone.then(|| "the hub was restarted: what it had not read of syslog by then is lost".to_owned()),
            (dropped > 0).then(|| format!("{dropped} messages were dropped: more came than may wait for one read")),
        ];
        let notes: Vec<String> = notes.into_iter().flatten().collect();
        Fetched {
            was_cut: lines.len() < spool.lines.len() || dropped > 0,
            lines,
            cursor: Cursor(serde_json::to_value(&place).unwrap_or_default()),
            exit_code: None,
            stderr: String::new(),
            note: (!notes.is_empty()).then(|| notes.join("; ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: FetchLimits =
        FetchLimits { connect_wait_ms: 1, idle_wait_ms: 1, total_wait_ms: 1, bytes_most: 1_000, lines_most: 100 };

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    fn spools() -> Spools {
        let spools = Spools::new(SpoolLimits { host_bytes: 1_000, all_bytes: 1_500, message_bytes: 100 });
        let source = |last, host| SyslogSource { address: ip(last), host };
        spools.bind(&[source(1, 1), source(2, 2), source(3, 2)]);
        spools
    }

    fn text(fetched: &Fetched) -> Vec<String> {
        fetched.lines.iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect()
    }

    #[test]
    fn lines_are_read_again_until_the_store_has_what_was_made_of_them() {
        let spools = spools();
        spools.take(ip(1), b"<13>one\n");
        let source = spools.source(1);
        let first = source.read(None, LIMITS);
        assert_eq!(text(&first), ["<13>one"]);
        spools.take(ip(1), b"<13>two");
        assert_eq!(text(&source.read(None, LIMITS)), ["<13>one", "<13>two"], "the analysis was not stored");
        assert_eq!(text(&source.read(Some(first.cursor.clone()), LIMITS)), ["<13>two"]);
        assert_eq!(spools.counts(1).waiting, 1);
        let restarted = super::Spools::new(SpoolLimits::default());
        let after = restarted.source(1).read(Some(first.cursor), LIMITS);
        assert!(after.lines.is_empty() && after.note.is_some_and(|note| note.contains("restarted")));
    }

    #[test]
    fn a_full_spool_keeps_what_it_has_counts_the_rest_and_takes_nothing_from_another_host() {
        let spools = spools();
        for n in 0..50 {
            spools.take(ip(1), format!("<13>message {n}").as_bytes());
        }
        let counts = spools.counts(1);
        assert!(counts.waiting_bytes <= 1_000 && counts.dropped == 50 - counts.waiting as u64, "{counts:?}");
        spools.take(ip(2), b"<13>other");
        assert_eq!(text(&spools.source(2).read(None, LIMITS)), ["<13>other"]);
        let read = spools.source(1).read(None, LIMITS);
        assert_eq!((text(&read)[0].as_str(), read.was_cut), ("<13>message 0", true));
        assert!(read.note.is_some_and(|note| note.contains("messages were dropped")));
        let next = spools.source(1).read(Some(read.cursor), LIMITS);
        assert_eq!((next.lines.len(), next.note, next.was_cut), (0, None, false));
        assert_eq!(spools.counts(1).waiting_bytes, 0);
    }

    #[test]
    fn who_belongs_to_nobody_is_refused_and_remembered() {
        let spools = spools();
        for n in 0..200 {
            spools.take(IpAddr::from([192, 0, 2, n]), b"<13>x");
        }
        assert!(!spools.admits(ip(9)) && !spools.admits(ip(9)) && spools.admits(ip(3)));
        let strangers = spools.strangers();
        assert_eq!((strangers.len(), strangers.last()), (64, Some(&Stranger { address: ip(9), refused: 2 })));
        spools.bind(&[SyslogSource { address: "::ffff:10.0.0.9".parse().unwrap(), host: 9 }]);
        spools.take(ip(9), b"<13>mine now");
        assert_eq!((spools.counts(9).received, spools.strangers().len()), (1, 63));
    }

    #[test]
    fn a_message_is_one_line_whatever_is_in_it() {
        let spools = spools();
        for message in [&b"\xef\xbb\xbf<13>bom"[..], b"<13>a\nMay 14 sshd: forged\n", b"\n", b"", &[b'x'; 500], b"<13>\xff\0z \0"]
        {
            spools.take(ip(1), message);
        }
        let expected = ["<13>bom", "<13>a#012May 14 sshd: forged", &"x".repeat(100), "<13>\u{fffd}\0z"];
        assert_eq!(text(&spools.source(1).read(None, LIMITS)), expected);
        assert_eq!((spools.counts(1).received, spools.counts(1).cut), (4, 1));
    }

    #[test]
    fn what_waits_of_a_host_that_is_not_bound_any_more_is_let_go() {
        let spools = spools();
        spools.take(ip(1), b"<13>one");
        spools.take(ip(2), b"<13>two");
        spools.dismiss(1);
        spools.take(ip(1), b"<13>from nobody now");
        assert_eq!((spools.counts(1), spools.counts(2).waiting, spools.strangers().len()), (SpoolCounts::default(), 1, 1));
        spools.bind(&[]);
        assert_eq!((spools.counts(2), spools.state().bytes), (SpoolCounts::default(), 0));
    }
}
