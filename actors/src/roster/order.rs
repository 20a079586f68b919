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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster::{Pulse, Roster, search_text};
    use domain::host::{HostDraft, Status};
    use domain::schedule::BusinessHours;
    use domain::time::Steady;
    use std::sync::OnceLock;

    fn entry(row: i64, name: &str, host_id: &str, revision: u64) -> Arc<HostEntry> {
        let json = serde_json::json!({"name": name, "host_id": host_id, "expected_frequency": 300});
        let draft: HostDraft = serde_json::from_value(json).unwrap();
        let spec = draft.create(&BusinessHours::default()).unwrap();
        Arc::new(HostEntry {
            row,
            text: search_text(&spec),
            host_id: spec.host_id,
            name: spec.name.into(),
            token_hash: [0; 32],
            frequency_s: spec.frequency_s,
            grace_s: spec.grace_s,
            schedule: spec.schedule,
            severity: spec.severity,
            paused: false,
            behind_uplink: None,
            silenced_until: None,
            judged_from: Steady(0),
            revision,
            pulse: Arc::new(Pulse::new(Status::Unknown, None, None, None)),
            actor: OnceLock::new(),
        })
    }

    fn shown(roster: &Roster) -> Vec<(String, u64)> {
        roster.by_name().iter().map(|entry| (entry.text.to_string(), entry.revision)).collect()
    }

    fn expected(roster: &Roster) -> Vec<(String, u64)> {
        let mut all: Vec<_> = roster.all().iter().map(|entry| (entry.text.to_string(), entry.revision)).collect();
        all.sort();
        all
    }

    /// A small generator: what it makes is decided by its seed.
    fn dice(seed: &mut u64, sides: u64) -> u64 {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 33) % sides
    }

    #[test]
    fn whatever_comes_goes_or_is_renamed_between_looks_each_look_shows_all_by_name() {
        for mut seed in 1..=60_u64 {
            let (roster, began) = (Roster::default(), seed);
            for step in 0..60 {
                // Now and then more at once than is put in one by one.
                let changes = if dice(&mut seed, 8) == 0 { 150 } else { dice(&mut seed, 6) };
                for n in 0..changes {
                    let id = dice(&mut seed, 40);
                    let host_id = format!("h{id}");
                    if dice(&mut seed, 3) == 0 {
                        drop(roster.remove(&host_id));
                    } else {
                        let name = format!("{}{}", ["a", "B", "b"][dice(&mut seed, 3) as usize], dice(&mut seed, 9));
                        roster.put(&entry(id as i64, &name, &host_id, step * 1_000 + n));
                    }
                }
                assert_eq!(shown(&roster), expected(&roster), "seed {began}, step {step}");
            }
        }
    }

    #[test]
    fn more_changes_than_are_remembered_make_the_next_look_begin_anew_and_keep_nothing_meanwhile() {
        let roster = Roster::default();
        let first = entry(1, "first", "first", 0);
        roster.put(&first);
        assert_eq!(roster.by_name().len(), 1);
        for n in 0..=CHANGES_MOST as i64 {
            roster.put(&entry(1, "first", "first", n as u64));
        }
        assert_eq!(Arc::strong_count(&first), 1, "nobody keeps what was replaced");
        roster.put(&entry(2, "Another", "another", 0));
        assert_eq!(shown(&roster), expected(&roster));
    }
}
