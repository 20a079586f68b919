//! A supervisor's insides: its children in start order, what it makes of an ending, and how it stops.

use super::ground::Ground;
use super::group::Group;
use super::member::Member;
use super::spec::Flags;
use super::start::Start;
use super::view::Live;
use super::{ChildId, ChildSpec, GiveUp, GroupEnd, Strategy};
use domain::restart::{Decision, Ending, Intensity, RestartLog};
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};
use std::sync::Arc;

/// What a supervisor is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It starts its children, or revives all of them.
    Starting,
    /// It keeps its children.
    Running,
    /// It restarts siblings of one that failed.
    Restarting,
    /// It stops its children for good.
    Stopping,
    /// It has failed.
    Failed,
}

/// What follows an ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is done.
    Leave,
    /// It alone is restarted after this many milliseconds.
    Again(u64),
    /// It and its siblings are, after this many milliseconds.
    Together(u64),
    /// It is given up and tried every so many milliseconds.
    Slowly(u64),
    /// The supervisor fails with it.
    Escalate,
}

pub(super) struct Core {
    /// Its name in the log: that of the supervisors above it, and its own.
    pub(super) path: String,
    pub(super) ground: Rc<Ground>,
    pub(super) flags: Flags,
    pub(super) live: Live,
    pub(super) phase: Cell<Phase>,
    /// Children that failed and wait for a restart together with their siblings, each with the pause before it.
    pub(super) failures: RefCell<VecDeque<(Rc<Member>, u64)>>,
    /// What it is to the supervisor above it; nothing at the top.
    pub(super) above: OnceCell<Weak<Member>>,
    /// Why it failed, until the supervisor above has heard.
    pub(super) trouble: RefCell<Option<String>>,
    groups: RefCell<Vec<Rc<Group>>>,
    log: RefCell<RestartLog>,
}

impl Core {
    pub(super) fn new(path: String, ground: &Rc<Ground>, flags: Flags, live: &Live) -> Rc<Core> {
        Rc::new(Core {
            path,
            ground: Rc::clone(ground),
            flags,
            live: live.clone(),
            phase: Cell::new(Phase::Running),
            failures: RefCell::default(),
            above: OnceCell::new(),
            trouble: RefCell::default(),
            groups: RefCell::default(),
            log: RefCell::default(),
        })
    }

    pub(super) fn groups(&self) -> Vec<Rc<Group>> {
        self.groups.borrow().clone()
    }

    /// The group of this very spec; a new one if there is none.
    pub(super) fn group(self: &Rc<Core>, spec: &Arc<ChildSpec>) -> Rc<Group> {
        let known = self.groups.borrow().iter().find(|group| Arc::ptr_eq(&group.spec, spec)).cloned();
        known.unwrap_or_else(|| self.add(spec, None))
    }

    pub(super) fn add(self: &Rc<Core>, spec: &Arc<ChildSpec>, start: Option<Start>) -> Rc<Group> {
        let is_supervisor = matches!(start, Some(Start::Supervisor(_)));
        let board = self.live.add_group(&self.path, spec, is_supervisor);
        let group = Group::new(spec, self, board, start);
        self.groups.borrow_mut().push(Rc::clone(&group));
        group
    }

    pub(super) fn named(&self, name: &str) -> Option<Rc<Group>> {
        self.groups.borrow().iter().find(|group| group.spec.name == name).cloned()
    }

    pub(super) fn find(&self, id: &ChildId) -> Option<Rc<Member>> {
        self.groups.borrow().iter().find_map(|group| group.find(id))
    }

    /// Takes a child out of the tree, and out of the view.
    pub(super) fn forget(&self, gone: &Group) {
        self.groups.borrow_mut().retain(|group| !std::ptr::eq(&raw const **group, gone));
        self.live.remove_group(&gone.board);
    }

    /// What follows `ending` of `member`. Each restart is noted with the child and with its supervisor.
    pub(super) fn judge(&self, member: &Member, log: &mut RestartLog, ending: &Ending) -> Verdict {
        let (spec, now) = (&member.group.spec, self.ground.clock.steady());
        let decision = spec.rule.decide(log, ending, now);
        let ms = match (decision, spec.on_give_up) {
            (Decision::Leave, _) => return Verdict::Leave,
            (Decision::RestartAfter(ms), GiveUp::RetryEvery(_)) => return Verdict::Again(ms),
            (Decision::GiveUp, GiveUp::RetryEvery(ms)) => return Verdict::Slowly(ms),
            (Decision::GiveUp, GiveUp::Escalate) => return Verdict::Escalate,
            (Decision::RestartAfter(ms), GiveUp::Escalate) => ms,
        };
        if !self.may_restart() {
            return Verdict::Escalate;
        }
        match self.flags.strategy {
            // Who is stopping restarts nobody's siblings: some have stopped for good.
            Strategy::OneForAll | Strategy::RestForOne if self.phase.get() == Phase::Stopping => Verdict::Leave,
            Strategy::OneForAll | Strategy::RestForOne if !spec.many => Verdict::Together(ms),
            _ => Verdict::Again(ms),
        }
    }

    /// Notes a restart with the supervisor; `false` when it is one too many.
    pub(super) fn may_restart(&self) -> bool {
        let intensity = self.flags.intensity;
        intensity == Intensity::UNLIMITED || self.log.borrow_mut().note(self.ground.clock.steady(), intensity).is_some()
    }

    pub(super) fn forget_restarts(&self) {
        self.log.borrow_mut().forget();
    }

    /// The supervisor fails, because of `id`: the one above judges that, or the process ends.
    pub(super) fn escalate(self: &Rc<Core>, id: &ChildId, reason: &str) {
        if matches!(self.phase.get(), Phase::Failed | Phase::Stopping) {
            return;
        }
        self.phase.set(Phase::Failed);
        log::error!("{}: {id} cannot be kept: {reason}", self.path);
        if let Some(above) = self.above.get() {
            *self.trouble.borrow_mut() = Some(format!("{id} cannot be kept: {reason}"));
            if let Some(above) = above.upgrade() {
                above.wake();
            }
            return;
        }
        self.ground.escalate(id, reason);
        let core = Rc::clone(self);
        actix_rt::spawn(async move { drop(core.shutdown().await) });
    }

    /// Stops every child: place by place in the reverse of their start order, each within its limit.
    pub(super) async fn shutdown(self: &Rc<Core>) -> Vec<GroupEnd> {
        if self.phase.get() != Phase::Failed {
            self.phase.set(Phase::Stopping);
        }
        let mut ends = Vec::new();
        while let Some(group) = self.next_to_close() {
            ends.push(close(&group).await);
        }
        ends
    }

    fn next_to_close(&self) -> Option<Rc<Group>> {
        self.groups.borrow().iter().rev().find(|group| !group.closing.get()).cloned()
    }
}

async fn close(group: &Rc<Group>) -> GroupEnd {
    group.closing.set(true);
    let before = group.len();
    match group.spec.shutdown_limit_ms {
        super::NO_LIMIT => log::info!("stopping {}: {before} running", group.path),
        limit_ms => log::info!("stopping {}: {before} running, {limit_ms} ms at most", group.path),
    }
    let end = group.end_all().await;
    log::info!("stopped {}: {} by themselves, {} killed", group.path, end.stopped, end.killed.len());
    end
}
