//! What the supervisor and a child's life share: who it is, what was asked of it, how it is; and the groups they form.

use super::view::{Board, State};
use super::{ChildId, ChildSpec, Exit, OnTrouble};
use crate::clock::Clock;
use std::borrow::Borrow;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use tokio::sync::Notify;

type OnRecovery = Rc<dyn Fn(&ChildId)>;

/// What all children of one supervisor stand on.
pub(super) struct Ground {
    name: &'static str,
    pub(super) clock: Clock,
    exit: Exit,
    escalated: Cell<bool>,
    pub(super) on_give_up: RefCell<Option<OnTrouble>>,
    pub(super) on_recovery: RefCell<Option<OnRecovery>>,
}

impl Ground {
    pub(super) fn new(name: &'static str, clock: Clock, exit: Exit) -> Ground {
        let (on_give_up, on_recovery) = (RefCell::default(), RefCell::default());
        Ground { name, clock, exit, escalated: Cell::new(false), on_give_up, on_recovery }
    }

    pub(super) fn escalate(&self, id: &ChildId, reason: &str) {
        if !self.escalated.replace(true) {
            guarded("the exit", || self.exit.escalate(id, reason));
        }
    }

    pub(super) fn report_give_up(&self, id: &ChildId, reason: &str) {
        let hook = self.on_give_up.borrow().clone();
        if let Some(hook) = hook {
            guarded("on_give_up", || hook(id, reason));
        }
    }

    pub(super) fn report_recovery(&self, id: &ChildId) {
        let hook = self.on_recovery.borrow().clone();
        if let Some(hook) = hook {
            guarded("on_recovery", || hook(id));
        }
    }
}

// A hook runs in a child's turn, but outside what that turn catches.
fn guarded(what: &str, hook: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(hook)).is_err() {
        log::error!("{what} panicked");
    }
}

/// All children of one spec.
pub(super) struct Group {
    pub(super) spec: Arc<ChildSpec>,
    pub(super) ground: Rc<Ground>,
    pub(super) closing: Cell<bool>,
    board: Arc<Board>,
    members: RefCell<HashSet<ById>>,
    displaced: RefCell<Vec<Rc<Member>>>,
    bell: Notify,
}

impl Group {
    pub(super) fn new(spec: &Arc<ChildSpec>, ground: &Rc<Ground>, board: Arc<Board>) -> Rc<Group> {
        Rc::new(Group {
            spec: Arc::clone(spec),
            ground: Rc::clone(ground),
            closing: Cell::new(false),
            board,
            members: RefCell::default(),
            displaced: RefCell::default(),
            bell: Notify::new(),
        })
    }

    pub(super) fn path(&self) -> String {
        format!("{}/{}", self.ground.name, self.spec.name)
    }

    pub(super) fn len(&self) -> usize {
        self.members.borrow().len() + self.displaced.borrow().len()
    }

    pub(super) fn find(&self, id: &ChildId) -> Option<Rc<Member>> {
        self.members.borrow().get(id).map(|found| Rc::clone(&found.0))
    }

    /// Lets `member` in. One that lives under the same id is asked to stop and returned.
    pub(super) fn replace(&self, member: &Rc<Member>) -> Option<Rc<Member>> {
        let older = self.members.borrow_mut().replace(ById(Rc::clone(member))).map(|entry| entry.0);
        if let Some(older) = &older {
            self.displaced.borrow_mut().push(Rc::clone(older));
            older.ask_to_stop();
        }
        member.publish();
        if self.closing.get() {
            member.ask_to_stop();
        }
        older
    }

    pub(super) fn ask_all_to_stop(&self) {
        for member in self.all() {
            member.ask_to_stop();
        }
    }

    /// Drops all that are left, at their next turn.
    pub(super) fn kill_all(&self) -> Vec<ChildId> {
        let left = self.all();
        for member in &left {
            member.kill();
        }
        left.iter().map(|member| member.id.clone()).collect()
    }

    /// Resolves when no child is left.
    pub(super) async fn emptied(&self) {
        loop {
            let rung = self.bell.notified();
            if self.len() == 0 {
                return;
            }
            rung.await;
        }
    }

    fn all(&self) -> Vec<Rc<Member>> {
        let members = self.members.borrow();
        members.iter().map(|entry| Rc::clone(&entry.0)).chain(self.displaced.borrow().iter().cloned()).collect()
    }

    fn owns(&self, member: &Member) -> bool {
        self.members.borrow().get(&member.id).is_some_and(|found| std::ptr::eq(&raw const *found.0, member))
    }

    fn leave(&self, member: &Member) {
        self.board.left();
        if self.owns(member) {
            self.members.borrow_mut().remove(&member.id);
        } else {
            self.displaced.borrow_mut().retain(|other| !std::ptr::eq(&raw const **other, member));
        }
        if self.len() == 0 {
            self.bell.notify_waiters();
        }
    }
}

struct ById(Rc<Member>);

impl Borrow<ChildId> for ById {
    fn borrow(&self) -> &ChildId {
        &self.0.id
    }
}

impl PartialEq for ById {
    fn eq(&self, other: &ById) -> bool {
        self.0.id == other.0.id
    }
}

impl Eq for ById {}

impl Hash for ById {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.id.hash(state);
    }
}

/// What was asked of a child from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// To go on.
    Nothing,
    /// To handle what is queued and stop.
    ToStop,
    /// The same, and it knows.
    Stopping,
    /// To be gone.
    ToDie,
}

/// One child as both its life and its supervisor know it.
pub(super) struct Member {
    pub(super) id: ChildId,
    pub(super) group: Rc<Group>,
    waker: Cell<Option<Waker>>,
    bell: OnceCell<Box<Notify>>,
    asked: Cell<Asked>,
    state: Cell<State>,
    gone: Cell<bool>,
    restarts: Cell<u32>,
}

impl Member {
    pub(super) fn join(group: &Rc<Group>, id: ChildId) -> Rc<Member> {
        group.board.joined();
        Rc::new(Member {
            id,
            group: Rc::clone(group),
            waker: Cell::default(),
            bell: OnceCell::new(),
            asked: Cell::new(Asked::Nothing),
            state: Cell::new(State::Starting),
            gone: Cell::new(false),
            restarts: Cell::new(0),
        })
    }

    /// Its name in the log: supervisor, group and id.
    pub(super) fn path(&self) -> String {
        if self.group.spec.name == self.id.as_str() { self.group.path() } else { format!("{}/{}", self.group.path(), self.id) }
    }

    pub(super) fn asked(&self) -> Asked {
        self.asked.get()
    }

    pub(super) fn knows_it_stops(&self) {
        self.asked.set(Asked::Stopping);
    }

    pub(super) fn ask_to_stop(&self) {
        if self.asked.get() == Asked::Nothing {
            self.asked.set(Asked::ToStop);
            self.wake();
        }
    }

    pub(super) fn kill(&self) {
        self.asked.set(Asked::ToDie);
        log::warn!("{} did not stop within {} ms and is dropped", self.path(), self.group.spec.shutdown_limit_ms);
        self.wake();
    }

    /// Remembers whom to wake when something is asked of the child.
    pub(super) fn listen(&self, waker: &Waker) {
        let known = self.waker.take().filter(|known| known.will_wake(waker));
        self.waker.set(Some(known.unwrap_or_else(|| waker.clone())));
    }

    pub(super) fn restarts(&self) -> u32 {
        self.restarts.get()
    }

    pub(super) fn enter(&self, state: State) {
        if self.state.replace(state) != state {
            self.publish();
        }
    }

    pub(super) fn count_restart(&self) {
        self.restarts.set(self.restarts.get().saturating_add(1));
        self.group.board.restarted();
    }

    pub(super) fn explain(&self, reason: &str) {
        if self.group.owns(self) {
            self.group.board.explain(&self.id, self.state.get(), self.restarts.get(), reason);
        }
    }

    pub(super) fn last_reason(&self) -> Arc<str> {
        self.group.board.last_reason(&self.id).unwrap_or_default()
    }

    pub(super) fn publish(&self) {
        let (state, restarts) = (self.state.get(), self.restarts.get());
        let worth_it = !self.group.spec.many || restarts > 0 || !matches!(state, State::Starting | State::Running);
        if worth_it && self.group.owns(self) {
            self.group.board.show(&self.id, state, restarts);
        }
    }

    /// Ends for good; a second time changes nothing.
    pub(super) fn end(&self, state: State) {
        if self.gone.get() {
            return;
        }
        self.enter(state);
        self.gone.set(true);
        self.waker.take();
        self.group.leave(self);
        if let Some(bell) = self.bell.get() {
            bell.notify_waiters();
        }
    }

    /// Resolves when the child has ended.
    pub(super) async fn gone(&self) {
        let bell = self.bell.get_or_init(Box::default);
        loop {
            let rung = bell.notified();
            if self.gone.get() {
                return;
            }
            rung.await;
        }
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake_by_ref();
            self.waker.set(Some(waker));
        }
    }
}
