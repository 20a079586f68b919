//! Who is watched: every host by its public id, with the one cell that says when it was last alive.

mod order;
mod text;

pub use order::ByName;
pub(crate) use text::search_text;
pub use text::{NAME_ENDS, TAG_ENDS};

use crate::host::HostActor;
use crate::supervision::Addr;
use domain::host::{HostId, Severity, Status};
use domain::schedule::Schedule;
use domain::time::{Now, Steady, Wall};
use order::Order;
use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

const NEVER: i64 = i64::MIN;

/// A host's inbox of size one: the newest sign of life replaces the older ones, so a heartbeat reaches its actor
/// without waking it and a queue of them cannot build up. Outlives restarts of the actor and edits of the host.
#[derive(Debug)]
pub struct Pulse {
    life_wall: AtomicI64,
    life_steady: AtomicI64,
    run_started: AtomicI64,
    run_extra_s: AtomicU32,
    last_beat: AtomicI64,
    due: AtomicI64,
    status: AtomicU8,
    unwritten: AtomicBool,
}

impl Pulse {
    /// A pulse as the store knew it.
    pub fn new(status: Status, seen: Option<(Wall, Steady)>, run_started: Option<Steady>, last_beat: Option<i64>) -> Pulse {
        Pulse {
            life_wall: AtomicI64::new(seen.map_or(NEVER, |s| s.0.0)),
            life_steady: AtomicI64::new(seen.map_or(NEVER, |s| s.1.0)),
            run_started: AtomicI64::new(run_started.map_or(NEVER, |s| s.0)),
            run_extra_s: AtomicU32::new(0),
            last_beat: AtomicI64::new(last_beat.unwrap_or(0)),
            due: AtomicI64::new(NEVER),
            status: AtomicU8::new(status as u8),
            unwritten: AtomicBool::new(false),
        }
    }

    /// Notes that the host lived at `at`; an older sign of life changes nothing.
    pub fn live(&self, at: Now) {
        if self.life_steady.fetch_max(at.steady.0, Ordering::AcqRel) <= at.steady.0 {
            self.life_wall.store(at.wall.0, Ordering::Release);
        }
    }

    /// When the host was last alive on the steady timeline.
    pub fn last_seen(&self) -> Option<Steady> {
        some(self.life_steady.load(Ordering::Acquire)).map(Steady)
    }

    /// When the host was last alive by the wall clock of that moment.
    pub fn last_seen_wall(&self) -> Option<Wall> {
        some(self.life_wall.load(Ordering::Acquire)).map(Wall)
    }

    /// The status last committed.
    pub fn status(&self) -> Status {
        match self.status.load(Ordering::Acquire) {
            1 => Status::Up,
            2 => Status::Down,
            _ => Status::Unknown,
        }
    }

    /// When the open run began, if one is open.
    pub fn run_started(&self) -> Option<Steady> {
        some(self.run_started.load(Ordering::Acquire)).map(Steady)
    }

    /// How much longer the open run asked to be given, in seconds.
    pub fn run_extra_s(&self) -> u32 {
        self.run_extra_s.load(Ordering::Acquire)
    }

    /// The newest row of the host's chain of heartbeats.
    pub fn last_beat(&self) -> Option<i64> {
        Some(self.last_beat.load(Ordering::Acquire)).filter(|id| *id > 0)
    }

    /// The deadline the host's actor last computed: in force until something is heard. None when it is never due.
    pub fn due(&self) -> Option<Steady> {
        some(self.due.load(Ordering::Relaxed)).map(Steady)
    }

    /// Said by the host's actor whenever it looks.
    pub(crate) fn set_due(&self, due: Option<Steady>) {
        self.due.store(due.map_or(NEVER, |at| at.0), Ordering::Relaxed);
    }

    // The rest is for the writer alone (db.rs): it follows the transaction, and is undone with it.
    pub(crate) fn set_status(&self, status: Status) {
        self.status.store(status as u8, Ordering::Release);
    }

    pub(crate) fn set_run(&self, started: Option<Steady>, extra_s: u32) {
        self.run_extra_s.store(extra_s, Ordering::Release);
        self.run_started.store(started.map_or(NEVER, |s| s.0), Ordering::Release);
    }

    pub(crate) fn set_last_beat(&self, id: Option<i64>) {
        self.last_beat.store(id.unwrap_or(0), Ordering::Release);
    }

    pub(crate) fn mark_unwritten(&self) -> bool {
        !self.unwritten.swap(true, Ordering::AcqRel)
    }

    pub(crate) fn mark_written(&self) {
        self.unwritten.store(false, Ordering::Release);
    }
}

fn some(value: i64) -> Option<i64> {
    (value != NEVER).then_some(value)
}

/// One host as the rest of the hub sees it. An edit makes a new entry around the same pulse.
#[derive(Debug)]
pub struct HostEntry {
    /// `hosts.id`.
    pub row: i64,
    /// Public id.
    pub host_id: HostId,
    /// Name for people.
    pub name: Box<str>,
    /// What pages search and sort by: name, id, tags and description in lower case, each ended by [`NAME_ENDS`], the tags
    /// each between two [`TAG_ENDS`].
    pub text: Box<str>,
    /// SHA-256 of the token.
    pub token_hash: [u8; 32],
    /// Longest expected time between heartbeats, in seconds.
    pub frequency_s: u32,
    /// Extra time before anybody is told, in seconds.
    pub grace_s: u32,
    /// When the host is expected at all.
    pub schedule: Arc<Schedule>,
    /// How loud its alerts are.
    pub severity: Severity,
    /// Whether the user has paused it.
    pub paused: bool,
    /// Until when nobody is told.
    pub silenced_until: Option<Wall>,
    /// Creation or last resume: what a host never seen is judged from.
    pub judged_from: Steady,
    /// Which of its host's commits made this entry: an older one never replaces a newer.
    pub revision: u64,
    /// The newest sign of life.
    pub pulse: Arc<Pulse>,
    pub(crate) actor: OnceLock<Addr<HostActor>>,
}

impl HostEntry {
    /// The actor that watches this host, once it runs.
    pub fn actor(&self) -> Option<&Addr<HostActor>> {
        self.actor.get()
    }
}

struct ById(Arc<HostEntry>);

impl Hash for ById {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.host_id.as_str().hash(state);
    }
}

impl PartialEq for ById {
    fn eq(&self, other: &ById) -> bool {
        self.0.host_id == other.0.host_id
    }
}

impl Eq for ById {}

impl Borrow<str> for ById {
    fn borrow(&self) -> &str {
        self.0.host_id.as_str()
    }
}

/// All hosts, shared by every thread: read on each heartbeat, written when a host is added, edited or removed.
#[derive(Default)]
pub struct Roster {
    hosts: RwLock<HashSet<ById>>,
    order: Order,
}

impl Roster {
    /// The host with this id.
    pub fn find(&self, host_id: &str) -> Option<Arc<HostEntry>> {
        self.hosts.read().unwrap_or_else(PoisonError::into_inner).get(host_id).map(|h| h.0.clone())
    }

    /// Puts `entry` in, in the place of an older one with the same id.
    pub fn put(&self, entry: &Arc<HostEntry>) {
        let mut hosts = self.hosts.write().unwrap_or_else(PoisonError::into_inner);
        let old = hosts.replace(ById(entry.clone()));
        self.order.note(old.as_ref().map(|h| &h.0), Some(entry));
    }

    /// Takes the host with this id out.
    pub fn remove(&self, host_id: &str) -> Option<Arc<HostEntry>> {
        let mut hosts = self.hosts.write().unwrap_or_else(PoisonError::into_inner);
        let old = hosts.take(host_id)?.0;
        self.order.note(Some(&old), None);
        Some(old)
    }

    /// Every host by name, for pages: the same snapshot for all who look until a host is added, changed or removed.
    pub fn by_name(&self) -> ByName {
        self.order.look(|| {
            let hosts = self.hosts.read().unwrap_or_else(PoisonError::into_inner);
            hosts.iter().map(|h| h.0.clone()).collect()
        })
    }

    /// How many hosts there are.
    pub fn len(&self) -> usize {
        self.hosts.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether no host is watched.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every host, in the order of their rows: what all are told is told in the same order each time.
    pub fn all(&self) -> Vec<Arc<HostEntry>> {
        let hosts = self.hosts.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = hosts.iter().map(|h| h.0.clone()).collect();
        drop(hosts);
        all.sort_unstable_by_key(|entry| entry.row);
        all
    }

    pub(crate) fn reserve(&self, more: usize) {
        self.hosts.write().unwrap_or_else(PoisonError::into_inner).reserve(more);
    }
}
