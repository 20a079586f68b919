//! All hosts in the order of their names, for pages: sorted when somebody looks, and kept sorted at the cost of what changed since.

use super::HostEntry;
use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Changes remembered between two looks; with more the next look sorts all hosts again.
const CHANGES_MOST: usize = 4_096;
/// Hosts put in one by one; more are sorted in together.
const INSERTS_MOST: usize = 64;

/// Hosts by name, as they were at one instant.
pub type ByName = Arc<Vec<Arc<HostEntry>>>;

/// What pages list. Whoever changes a host only notes it; whoever looks does the sorting, one at a time.
#[derive(Default)]
pub(super) struct Order {
    sorted: Mutex<ByName>,
    changes: Mutex<Changes>,
}

/// What happened since `sorted` was made; nothing is noted before the first look.
#[derive(Default)]
struct Changes {
    follows: bool,
    come: Vec<Arc<HostEntry>>,
    gone: Vec<Arc<HostEntry>>,
}

impl Order {
    /// Notes that a host came, went, or both: was replaced. Called in the order of the changes.
    pub(super) fn note(&self, gone: Option<&Arc<HostEntry>>, come: Option<&Arc<HostEntry>>) {
        let mut changes = lock(&self.changes);
        if !changes.follows {
            return;
        }
        changes.gone.extend(gone.cloned());
        changes.come.extend(come.cloned());
        if changes.come.len() + changes.gone.len() > CHANGES_MOST {
            *changes = Changes::default();
            drop(changes);
            // Nobody has looked for long: what went must not stay in memory for him.
            if let Ok(mut sorted) = self.sorted.try_lock() {
                *sorted = ByName::default();
            }
        }
    }

    /// The hosts by name; `all` answers every host there is and is asked only when there is nothing to go on from.
    pub(super) fn look(&self, all: impl FnOnce() -> Vec<Arc<HostEntry>>) -> ByName {
        let mut sorted = lock(&self.sorted);
        let begun = std::mem::replace(&mut lock(&self.changes).follows, true);
        if !begun {
            // From here on changes are noted: those in between may be told twice, and are looked for below.
            let mut hosts = all();
            hosts.sort_unstable_by(compare);
            *sorted = Arc::new(hosts);
        }
        let mut changes = lock(&self.changes);
        let (come, gone) = (std::mem::take(&mut changes.come), std::mem::take(&mut changes.gone));
        drop(changes);
        if !come.is_empty() || !gone.is_empty() {
            merge(Arc::make_mut(&mut sorted), come, &gone);
        }
        sorted.clone()
    }
}

fn merge(sorted: &mut Vec<Arc<HostEntry>>, mut come: Vec<Arc<HostEntry>>, gone: &[Arc<HostEntry>]) {
    let gone: HashSet<*const HostEntry> = gone.iter().map(Arc::as_ptr).collect();
    if !gone.is_empty() {
        sorted.retain(|entry| !gone.contains(&Arc::as_ptr(entry)));
        come.retain(|entry| !gone.contains(&Arc::as_ptr(entry)));
    }
    if come.len() > INSERTS_MOST {
        sorted.extend(come);
        sorted.sort_by(compare); // one long run and one short: this costs a merge
        sorted.dedup_by(|a, b| a.row == b.row);
        return;
    }
    for entry in come {
        if let Err(at) = sorted.binary_search_by(|known| compare(known, &entry)) {
            sorted.insert(at, entry);
        }
    }
}

/// By name, then by id, both in lower case, which the text begins with.
fn compare(a: &Arc<HostEntry>, b: &Arc<HostEntry>) -> Ordering {
    a.text.cmp(&b.text).then(a.row.cmp(&b.row))
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}
