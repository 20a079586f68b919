//! A place among a supervisor's children: one child, or one group of many, with what it takes to start it again.

use super::core::Core;
use super::ground::Ground;
use super::member::Member;
use super::start::Start;
use super::view::{Board, State};
use super::{ChildId, ChildSpec, GroupEnd, Terminated};
use domain::restart::{Restart, RestartLog};
use std::any::Any;
use std::borrow::Borrow;
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// All children of one spec.
pub(super) struct Group {
    pub(super) spec: Arc<ChildSpec>,
    pub(super) ground: Rc<Ground>,
    pub(super) core: Weak<Core>,
    /// Its name in the log: supervisors and group.
    pub(super) path: Arc<str>,
    pub(super) closing: Cell<bool>,
    pub(super) board: Arc<Board>,
    pub(super) slot: Slot,
    members: RefCell<HashSet<ById>>,
    displaced: RefCell<Vec<Rc<Member>>>,
    bell: Notify,
}

/// What a child of the tree as data is started from, and where its present self is found.
#[derive(Default)]
pub(super) struct Slot {
    pub(super) start: RefCell<Option<Start>>,
    /// An `Addr` of the child's type.
    pub(super) addr: RefCell<Option<Box<dyn Any>>>,
    /// The supervisor, if the child is one.
    pub(super) below: RefCell<Option<Rc<Core>>>,
    /// Whether it was added while its supervisor ran.
    pub(super) added: Cell<bool>,
    /// Starts that failed during a restart of siblings.
    pub(super) failed_starts: RefCell<RestartLog>,
}

impl Group {
    pub(super) fn new(spec: &Arc<ChildSpec>, core: &Rc<Core>, board: Arc<Board>, start: Option<Start>) -> Rc<Group> {
        Rc::new(Group {
            spec: Arc::clone(spec),
            ground: Rc::clone(&core.ground),
            core: Rc::downgrade(core),
            path: format!("{}/{}", core.path, spec.name).into(),
            closing: Cell::new(false),
            board,
            slot: Slot { start: RefCell::new(start), ..Slot::default() },
            members: RefCell::default(),
            displaced: RefCell::default(),
            bell: Notify::new(),
        })
    }

    /// Whether it is one child of a tree as data, which stays known while it does not run.
    pub(super) fn is_kept(&self) -> bool {
        matches!(&*self.slot.start.borrow(), Some(Start::Worker(_) | Start::Supervisor(_)))
    }

    pub(super) fn is_supervisor(&self) -> bool {
        matches!(&*self.slot.start.borrow(), Some(Start::Supervisor(_)))
    }

    /// How many of its children live.
    pub(super) fn active(&self) -> usize {
        let lives = |member: &Member| matches!(member.state(), State::Starting | State::Running);
        self.members.borrow().iter().filter(|entry| lives(&entry.0)).count()
    }

    pub(super) fn len(&self) -> usize {
        self.members.borrow().len() + self.displaced.borrow().len()
    }

    pub(super) fn find(&self, id: &ChildId) -> Option<Rc<Member>> {
        self.members.borrow().get(id).map(|found| Rc::clone(&found.0))
    }

    /// The one child of a group that is not of many.
    pub(super) fn only(&self) -> Option<Rc<Member>> {
        self.members.borrow().iter().next().map(|found| Rc::clone(&found.0))
    }

    /// Lets `member` in. One that lives under the same id is asked to stop, the newer one takes its place.
    pub(super) fn admit(&self, member: &Rc<Member>) {
        let older = self.members.borrow_mut().replace(ById(Rc::clone(member))).map(|entry| entry.0);
        if let Some(older) = older {
            log::error!("{} is started although it lives; the older one is stopped", older.path());
            self.displaced.borrow_mut().push(Rc::clone(&older));
            older.ask_to_stop();
            actix_rt::spawn(end(older));
        }
        member.publish();
        if self.closing.get() {
            member.ask_to_stop();
        }
    }

    pub(super) fn all(&self) -> Vec<Rc<Member>> {
        let members = self.members.borrow();
        members.iter().map(|entry| Rc::clone(&entry.0)).chain(self.displaced.borrow().iter().cloned()).collect()
    }

    /// Stops all its children within the limit; those that did not are dropped, and named.
    pub(super) async fn end_all(&self) -> GroupEnd {
        let before = self.len();
        self.all().iter().for_each(|member| member.ask_to_stop());
        let limit = Duration::from_millis(self.spec.shutdown_limit_ms);
        let mut killed = Vec::new();
        if tokio::time::timeout(limit, self.emptied()).await.is_err() {
            killed = self.kill_all();
            self.emptied().await;
        }
        GroupEnd { name: self.spec.name, stopped: before.saturating_sub(killed.len()), killed }
    }

    /// Stops them all before their next message, to be revived later; those that do not stop in time are cut off. The
    /// temporary ones and those of many end: nobody would start them again.
    pub(super) async fn park(&self) {
        if self.spec.many || self.spec.rule.restart == Restart::Temporary {
            self.end_all().await;
            return;
        }
        let all = self.all();
        all.iter().for_each(|member| member.ask_to_park());
        let still = async {
            for member in &all {
                member.until(|member| member.is_parked() || member.is_gone()).await;
            }
        };
        if tokio::time::timeout(Duration::from_millis(self.spec.shutdown_limit_ms), still).await.is_err() {
            for member in &all {
                member.cut();
                member.until(|member| member.is_parked() || member.is_gone()).await;
            }
        }
    }

    /// Drops all that are left, at their next turn.
    fn kill_all(&self) -> Vec<ChildId> {
        let left = self.all();
        left.iter().for_each(|member| member.kill());
        left.iter().map(|member| member.id.clone()).collect()
    }

    /// Resolves when no child is left.
    async fn emptied(&self) {
        loop {
            let rung = self.bell.notified();
            if self.len() == 0 {
                return;
            }
            rung.await;
        }
    }

    pub(super) fn owns(&self, member: &Member) -> bool {
        self.members.borrow().get(&member.id).is_some_and(|found| std::ptr::eq(&raw const *found.0, member))
    }

    pub(super) fn leave(&self, member: &Rc<Member>) {
        self.board.left();
        if self.owns(member) {
            self.members.borrow_mut().remove(&member.id);
            self.slot.addr.take();
            self.slot.below.take();
        } else {
            self.displaced.borrow_mut().retain(|other| !Rc::ptr_eq(other, member));
        }
        if self.len() == 0 {
            self.forget_if_temporary();
            self.bell.notify_waiters();
        }
    }

    /// A temporary child that ended is not even known any more, as in OTP.
    fn forget_if_temporary(&self) {
        if self.spec.rule.restart == Restart::Temporary
            && self.is_kept()
            && let Some(core) = self.core.upgrade()
        {
            core.forget(self);
        }
    }
}

/// Waits for a child that was asked to stop, and drops it when its limit has passed.
pub(super) async fn end(member: Rc<Member>) -> Terminated {
    let limit = Duration::from_millis(member.group.spec.shutdown_limit_ms);
    if tokio::time::timeout(limit, member.gone()).await.is_ok() {
        return Terminated::Stopped;
    }
    member.kill();
    member.gone().await;
    Terminated::Killed
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
