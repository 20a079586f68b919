//! What a page shows of a supervisor: readable from any thread, and free for every healthy child of a large group.

use super::{ChildId, ChildSpec};
use serde::Serialize;
use std::collections::BTreeMap;
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
}

/// One group of children as a page shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GroupView {
    /// Its name.
    pub name: &'static str,
    /// How many children it has now, given up ones included.
    pub children: usize,
    /// Restarts of all its children, ended ones included.
    pub restarts: u64,
    /// The children worth showing.
    pub shown: Vec<ChildView>,
}

/// The live view of one supervisor; clones show the same.
#[derive(Clone, Default)]
pub struct Live(Arc<RwLock<Vec<Arc<Board>>>>);

impl Live {
    /// Every group, in start order.
    pub fn groups(&self) -> Vec<GroupView> {
        self.boards().iter().map(|board| board.view()).collect()
    }

    /// The children worth showing, group by group in start order, by id within each.
    pub fn children(&self) -> Vec<ChildView> {
        self.boards().iter().flat_map(|board| board.view().shown).collect()
    }

    pub(super) fn add_group(&self, spec: &ChildSpec) -> Arc<Board> {
        let board = Arc::new(Board { name: spec.name, many: spec.many, ..Board::default() });
        self.0.write().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&board));
        board
    }

    fn boards(&self) -> Vec<Arc<Board>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The notice board of one group: counters, and a row for each child worth showing.
#[derive(Default)]
pub(super) struct Board {
    name: &'static str,
    many: bool,
    children: AtomicUsize,
    restarts: AtomicU64,
    rows: Mutex<BTreeMap<ChildId, ChildView>>,
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

    /// Shows what is true of a child now; an ended one of a large group is not shown any more.
    pub(super) fn show(&self, id: &ChildId, state: State, restarts: u32) {
        if self.many && state == State::Stopped {
            self.rows().remove(id);
            return;
        }
        let mut rows = self.rows();
        let row = rows.entry(id.clone()).or_insert_with(|| ChildView {
            group: self.name,
            id: id.clone(),
            state,
            restarts,
            last_reason: None,
        });
        (row.state, row.restarts) = (state, restarts);
    }

    /// Keeps why a child ended last.
    pub(super) fn explain(&self, id: &ChildId, state: State, restarts: u32, reason: &str) {
        let mut rows = self.rows();
        let row = ChildView { group: self.name, id: id.clone(), state, restarts, last_reason: Some(reason.into()) };
        rows.insert(id.clone(), row);
    }

    pub(super) fn last_reason(&self, id: &ChildId) -> Option<Arc<str>> {
        self.rows().get(id).and_then(|row| row.last_reason.clone())
    }

    fn view(&self) -> GroupView {
        GroupView {
            name: self.name,
            children: self.children.load(Ordering::Relaxed),
            restarts: self.restarts.load(Ordering::Relaxed),
            shown: self.rows().values().cloned().collect(),
        }
    }

    fn rows(&self) -> MutexGuard<'_, BTreeMap<ChildId, ChildView>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
