//! The history of very many hosts, written into a new database as a hub would have: one log in the order of time, incidents that
//! begin and end, what was told of them, and rows that agree with all that.

use super::host::{Host, Made, Step};
use super::machine::Plan;
use domain::time::{Now, Wall};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::Path;
use store::alive::{self, Alive};
use store::seal::{Keyring, hash_token};
use store::{Options, Store, StoreError, Transaction, beats, hosts};

/// One token for all hosts; looked up and proved like any other.
pub(crate) const TOKEN: &str = "fill-token-fill-token-fill-token-fill-token-0";
/// Steps of the history in one transaction.
const STEPS_AT_ONCE: usize = 200_000;
/// Page cache of the writer while it fills.
const CACHE_KIB: u32 = 256 << 10;
const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;

/// How much is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Hosts.
    pub(crate) hosts: usize,
    /// Heartbeats, within a few percent.
    pub(crate) heartbeats: u64,
    /// Days the history goes back.
    pub(crate) days: i64,
    /// Decides everything.
    pub(crate) seed: u64,
}

struct History {
    hosts: Vec<Host>,
    due: BinaryHeap<Reverse<(i64, usize, Step)>>,
    end: Now,
    made: Made,
}

/// Makes `database`, and the key beside it if there is none, with `size` of history that ends at `mark`; tells how far it is.
///
/// # Errors
/// What the store says.
pub(crate) fn fill(database: &Path, size: Size, mark: &Alive, tell: impl Fn(Made)) -> Result<Made, StoreError> {
    let folder = database.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|e| StoreError::Io(e.to_string()))?;
    let keyring = Keyring::load_or_create(&folder.join("secret.key"))?;
    let mut store = Store::open(database, &Options { writer_cache_kib: CACHE_KIB, ..Options::default() })?;
    let now = Now { wall: mark.wall, steady: mark.steady };
    let mut history = store.writer.transact(|tx| History::begin(tx, size, &keyring, now)).map_err(|e| e.error)?;
    while !history.due.is_empty() {
        store.writer.transact(|tx| history.go_on(tx)).map_err(|e| e.error)?;
        tell(history.made);
    }
    store.writer.transact(|tx| history.end(tx, mark)).map_err(|e| e.error)?;
    store.writer.checkpoint()?;
    Ok(history.made)
}

impl History {
    fn begin(tx: &Transaction<'_>, size: Size, keyring: &Keyring, end: Now) -> Result<History, StoreError> {
        let span = (end.wall.0 - size.days * DAY_MS, end.wall.0);
        let every_ms = (span.1 - span.0) * size.hosts as i64 / (size.heartbeats.max(1) as i64);
        let (sealed, hash) = (keyring.seal("host token", TOKEN.as_bytes()), hash_token(TOKEN));
        let mut history = History { hosts: Vec::with_capacity(size.hosts), due: BinaryHeap::new(), end, made: Made::default() };
        for n in 0..size.hosts {
            let plan = Plan::new(size.seed, n, span, every_ms);
            let added = history.at(if plan.is_new { span.1 - MINUTE_MS } else { span.0 });
            let row = hosts::insert(tx, &plan.spec, &sealed, &hash, added)?;
            history.enlist(n, Host::new(row, n, plan, added), span.0);
        }
        Ok(history)
    }

    fn enlist(&mut self, n: usize, mut host: Host, from: i64) {
        if !host.plan.is_new {
            self.due.push(Reverse((host.first(from), n, Step::Call)));
            let pause = host.plan.pause.into_iter().flat_map(|(from, to)| [(from, Step::Pause), (to, Step::Resume)]);
            self.due.extend(pause.map(|(at, step)| Reverse((at, n, step))));
        }
        self.hosts.push(host);
    }

    fn go_on(&mut self, tx: &Transaction<'_>) -> Result<(), StoreError> {
        for _ in 0..STEPS_AT_ONCE {
            let Some(Reverse((at, n, step))) = self.due.pop() else { break };
            if at >= self.end.wall.0 {
                self.due.clear();
                break;
            }
            let now = self.at(at);
            let next = self.hosts[n].take(tx, step, now, &mut self.made)?;
            self.due.extend(next.into_iter().flatten().map(|(at, step)| Reverse((at, n, step))));
        }
        Ok(())
    }

    fn end(&mut self, tx: &Transaction<'_>, mark: &Alive) -> Result<(), StoreError> {
        for host in &mut self.hosts {
            host.end(tx, self.end)?;
        }
        alive::write(tx, &Alive { beat_mark: beats::newest_id(tx)?, ..mark.clone() })
    }

    /// An instant of the history on both lines: the clock was never set.
    fn at(&self, wall: i64) -> Now {
        Now { wall: Wall(wall), steady: self.end.steady_at(Wall(wall)) }
    }
}
