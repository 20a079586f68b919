//! What a page shows of a supervisor: readable from any thread, and free for every healthy child of a large group.

use super::gauge::Gauge;
use super::{ChildId, ChildSpec};
use domain::time::Steady;
use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// What a child is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It was created and has not had its first turn.
    Starting,
    /// It lives.
    Running,
    /// It ended and waits for its restart.
    Restarting,
    /// It was restarted too often.
    GivenUp,
    /// It ended and stays so.
    Stopped,
}

/// Something outside of the process that a child waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ExternalWait {
    /// What it waits for.
    pub on: &'static str,
    /// Since when, on the steady timeline.
    pub since: Steady,
}

/// One child as a page shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChildView {
    /// The name of its group.
    pub group: &'static str,
    /// Which child.
    pub id: ChildId,
    /// What it is doing.
    pub state: State,
    /// How often it was restarted since it was started.
    pub restarts: u32,
    /// Why it ended last.
    pub last_reason: Option<Arc<str>>,
    /// Messages that wait for it.
    pub mailbox_depth: u32,
    /// When it last handled one.
    pub last_message: Option<Steady>,
    /// Since when it lives this life of its; nothing while it does not.
    pub alive_since: Option<Steady>,
    /// What it waits for outside, the longest wait first.
    pub waiting_on: Vec<ExternalWait>,
}

/// One group of children as a page shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GroupView {
    /// The supervisor it belongs to, with those above it.
    pub supervisor: String,
    /// Its name.
    pub name: &'static str,
    /// Whether its child is a supervisor.
    pub is_supervisor: bool,
    /// Whether there are many.
    pub many: bool,
    /// How many children it has now, given up ones included.
    pub children: usize,
    /// Of these, how many live.
    pub running: usize,
    /// Restarts of all its children, ended ones included.
    pub restarts: u64,
    /// How many children are worth showing.
    pub stories: usize,
    /// These children, or a page of them.
    pub shown: Vec<ChildView>,
}

/// The live view of one tree; clones show the same.
#[derive(Clone, Default)]
pub struct Live(Arc<RwLock<Vec<Arc<Board>>>>);

impl Live {
    /// Every group, in start order; the groups of a supervisor follow it.
    pub fn groups(&self) -> Vec<GroupView> {
        self.boards().iter().map(|board| board.view(None, usize::MAX)).collect()
    }

    /// As [`Live::groups`], with at most `most` children each, those after the id `after`: when all of 100,000 have a story,
    /// nobody wants to build that list at once.
    pub fn page(&self, after: Option<&str>, most: usize) -> Vec<GroupView> {
        self.boards().iter().map(|board| board.view(after, most)).collect()
    }

    /// The children worth showing, group by group in start order, by id within each.
    pub fn children(&self) -> Vec<ChildView> {
        self.boards().iter().flat_map(|board| board.view(None, usize::MAX).shown).collect()
    }

    /// The child with this id, if it is worth showing.
    pub fn child(&self, group: &str, id: &str) -> Option<ChildView> {
        self.boards().iter().filter(|board| board.name == group).find_map(|board| board.child(id))
    }

    /// How many children were given up, without building the rest of the view.
    pub fn given_up(&self) -> usize {
        self.boards().iter().map(|board| board.rows().values().filter(|row| row.state == State::GivenUp).count()).sum()
    }

    pub(super) fn add_group(&self, supervisor: &str, spec: &ChildSpec, is_supervisor: bool) -> Arc<Board> {
        let board = Arc::new(Board {
            supervisor: supervisor.to_owned(),
            name: spec.name,
            is_supervisor,
            many: spec.many,
            ..Board::default()
        });
        self.0.write().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&board));
        board
    }

    pub(super) fn remove_group(&self, gone: &Arc<Board>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).retain(|board| !Arc::ptr_eq(board, gone));
    }

    fn boards(&self) -> Vec<Arc<Board>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

// Names sort before keys; there are few of them.
fn start(after: Option<&str>) -> Bound<ChildId> {
    after.map_or(Bound::Unbounded, |after| Bound::Included(ChildId::Key(after.into())))
}

/// The notice board of one group: counters, and a row for each child worth showing.
#[derive(Default)]
pub(super) struct Board {
    supervisor: String,
    name: &'static str,
    is_supervisor: bool,
    many: bool,
    children: AtomicUsize,
    restarts: AtomicU64,
    rows: Mutex<BTreeMap<ChildId, Row>>,
}

/// What is shown of one child; its figures are read from its dials when somebody looks.
struct Row {
    gauge: Arc<Gauge>,
    state: State,
    restarts: u32,
    last_reason: Option<Arc<str>>,
    waits: Vec<ExternalWait>,
}

impl Board {
    pub(super) fn joined(&self) {
        self.children.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn left(&self) {
        self.children.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn restarted(&self) {
        self.restarts.fetch_add(1, Ordering::Relaxed);
    }

    /// Shows what is true of a child now, if it is worth it or shown already; an ended one of a large group is not shown any more.
    pub(super) fn show(&self, id: &ChildId, gauge: &Arc<Gauge>, state: State, restarts: u32, worth_it: bool) {
        if self.many && state == State::Stopped {
            self.rows().remove(id);
            return;
        }
        if !worth_it && !self.rows().contains_key(id) {
            return;
        }
        self.change(id, gauge, |row| (row.state, row.restarts) = (state, restarts));
    }

    /// Keeps why a child ended last.
    pub(super) fn explain(&self, id: &ChildId, gauge: &Arc<Gauge>, state: State, restarts: u32, reason: &str) {
        self.change(id, gauge, |row| {
            (row.state, row.restarts, row.last_reason) = (state, restarts, Some(reason.into()));
        });
    }

    /// Shows what a child waits for outside.
    pub(super) fn waits(&self, id: &ChildId, gauge: &Arc<Gauge>, state: State, restarts: u32, wait: (&'static str, Steady)) {
        self.change(id, gauge, |row| {
            (row.state, row.restarts) = (state, restarts);
            row.waits.push(ExternalWait { on: wait.0, since: wait.1 });
        });
    }

    pub(super) fn waits_no_more(&self, id: &ChildId, what: &'static str) {
        let mut rows = self.rows();
        let Some(row) = rows.get_mut(id) else { return };
        if let Some(at) = row.waits.iter().position(|wait| wait.on == what) {
            row.waits.remove(at);
        }
        // Its wait was the only story it had to tell.
        if self.many && row.waits.is_empty() && row.restarts == 0 && row.last_reason.is_none() && row.state == State::Running {
            rows.remove(id);
        }
    }

    pub(super) fn last_reason(&self, id: &ChildId) -> Option<Arc<str>> {
        self.rows().get(id).and_then(|row| row.last_reason.clone())
    }

    fn change(&self, id: &ChildId, gauge: &Arc<Gauge>, change: impl FnOnce(&mut Row)) {
        let mut rows = self.rows();
        let row = rows.entry(id.clone()).or_insert_with(|| Row {
            gauge: Arc::clone(gauge),
            state: State::Starting,
            restarts: 0,
            last_reason: None,
            waits: Vec::new(),
        });
        // A newer child of the same id has a story of its own.
        if !Arc::ptr_eq(&row.gauge, gauge) {
            (row.gauge, row.last_reason) = (Arc::clone(gauge), None);
            row.waits.clear();
        }
        change(row);
    }

    fn view(&self, after: Option<&str>, most: usize) -> GroupView {
        let rows = self.rows();
        let children = self.children.load(Ordering::Relaxed);
        let down = rows.values().filter(|row| matches!(row.state, State::Restarting | State::GivenUp)).count();
        GroupView {
            supervisor: self.supervisor.clone(),
            name: self.name,
            is_supervisor: self.is_supervisor,
            many: self.many,
            children,
            running: children.saturating_sub(down),
            restarts: self.restarts.load(Ordering::Relaxed),
            stories: rows.len(),
            shown: rows
                .range((start(after), Bound::Unbounded))
                .filter(|(id, _)| after.is_none_or(|after| id.as_str() > after))
                .take(most)
                .map(|(id, row)| self.shown(id, row))
                .collect(),
        }
    }

    fn child(&self, id: &str) -> Option<ChildView> {
        let rows = self.rows();
        let key = ChildId::Key(id.into());
        let found = rows.get_key_value(&key);
        // Only children of their own kind have names, and those are few.
        let found = found.or_else(|| rows.iter().take_while(|(known, _)| **known < key).find(|(known, _)| known.as_str() == id));
        found.map(|(known, row)| self.shown(known, row))
    }

    fn shown(&self, id: &ChildId, row: &Row) -> ChildView {
        ChildView {
            group: self.name,
            id: id.clone(),
            state: row.state,
            restarts: row.restarts,
            last_reason: row.last_reason.clone(),
            mailbox_depth: row.gauge.queued(),
            last_message: row.gauge.last_message(),
            alive_since: row.gauge.alive_since(),
            waiting_on: row.waits.clone(),
        }
    }

    fn rows(&self) -> MutexGuard<'_, BTreeMap<ChildId, Row>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
