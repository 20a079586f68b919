//! What may be done to a running supervisor: OTP's `start_child`, `terminate_child`, `restart_child`, `delete_child` and the questions.

use super::address::Addr;
use super::core::{Core, Phase};
use super::group::{self, Group};
use super::launch;
use super::member::Asked;
use super::spec::check_child;
use super::view::State;
use super::{AdminError, Child, ChildDef, ChildId, ChildSpec, Supervisor, Terminated, Terminating};
use std::rc::Rc;
use tokio::sync::oneshot;

/// One child as [`Supervisor::which_children`] tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Which child.
    pub id: ChildId,
    /// What it is doing; [`State::Stopped`] when only its spec is known.
    pub state: State,
    /// Whether it is a supervisor.
    pub is_supervisor: bool,
}

/// How many children a supervisor has, as [`Supervisor::count_children`] tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Children known, running or not; a group of many counts once.
    pub specs: usize,
    /// Children that live.
    pub active: usize,
    /// Supervisors among the children, living or not.
    pub supervisors: usize,
    /// The others.
    pub workers: usize,
}

impl Supervisor {
    /// Adds a child and starts it (OTP: `start_child`). It stops before those that were there already.
    ///
    /// It is not of the tree as data: when the supervisor itself is restarted by the one above, it is gone.
    ///
    /// # Errors
    /// [`AdminError::Running`] and [`AdminError::Present`] when one of this name is known, [`AdminError::Failed`] when its
    /// start fails: it is not known then.
    pub async fn start_child(&self, child: &ChildDef) -> Result<(), AdminError> {
        check_child(child)?;
        self.0.is_up()?;
        if let Some(known) = self.0.named(child.spec.name) {
            return Err(match known.only() {
                Some(member) if member.state() == State::Running => AdminError::Running(known.spec.name.to_owned()),
                _ => AdminError::Present(known.spec.name.to_owned()),
            });
        }
        self.0.start_def(child).await?;
        if let Some(group) = self.0.named(child.spec.name) {
            group.slot.added.set(true);
        }
        Ok(())
    }

    /// Tells a child to handle what is queued and to stop, at once (OTP: `terminate_child`); the limit holds whether or not
    /// the answer is awaited. One that waits for its restart ends at once. A child of the tree stays known, unless it is
    /// temporary; its address is closed for good.
    pub fn terminate(&self, id: &ChildId) -> Terminating {
        let (tell, told) = oneshot::channel();
        let Some(member) = self.0.find(id) else {
            let known = self.0.named(id.as_str()).is_some_and(|group| group.is_kept());
            let _ = tell.send(if known { Terminated::Stopped } else { Terminated::NotFound });
            return Terminating(told);
        };
        member.ask_to_stop();
        actix_rt::spawn(async move {
            let _ = tell.send(group::end(member).await);
        });
        Terminating(told)
    }

    /// Starts a child of the tree that does not run (OTP: `restart_child`). It is made anew and has a new address.
    ///
    /// # Errors
    /// It is not known, runs, is about to be restarted, is a group, or fails to start (it stays known then).
    pub async fn restart_child(&self, name: &str) -> Result<(), AdminError> {
        self.0.is_up()?;
        let group = self.idle(name)?;
        launch::start(&group).await.map_err(|reason| AdminError::Failed { child: name.to_owned(), reason })
    }

    /// Forgets a child of the tree that does not run (OTP: `delete_child`).
    ///
    /// # Errors
    /// It is not known, runs, is about to be restarted, or is a group.
    pub fn delete_child(&self, name: &str) -> Result<(), AdminError> {
        let group = self.idle(name)?;
        self.0.forget(&group);
        Ok(())
    }

    /// Every child that is known, newest first as in OTP (OTP: `which_children`). Of a group those that live.
    pub fn which_children(&self) -> Vec<Known> {
        let mut known = Vec::new();
        for group in self.0.groups().into_iter().rev() {
            let is_supervisor = group.is_supervisor();
            let members = group.all();
            if members.is_empty() && group.is_kept() {
                known.push(Known { id: ChildId::Name(group.spec.name), state: State::Stopped, is_supervisor });
            }
            known.extend(members.iter().map(|m| Known { id: m.id.clone(), state: m.state(), is_supervisor }));
        }
        known
    }

    /// How many there are (OTP: `count_children`), without building a list of them.
    pub fn count_children(&self) -> Counts {
        let mut counts = Counts::default();
        for group in self.0.groups() {
            let (kept, living) = (usize::from(group.is_kept()), group.len());
            counts.specs += if group.spec.many { 1 } else { kept.max(living) };
            counts.active += group.active();
            *if group.is_supervisor() { &mut counts.supervisors } else { &mut counts.workers } += kept.max(living);
        }
        counts
    }

    /// How a child is kept (OTP: `get_childspec`).
    pub fn spec_of(&self, name: &str) -> Option<ChildSpec> {
        self.0.named(name).map(|group| (*group.spec).clone())
    }

    /// The address of a child of the tree, if it has one now and is of this type.
    pub fn addr<A: Child>(&self, name: &str) -> Option<Addr<A>> {
        let group = self.0.named(name)?;
        group.slot.addr.borrow().as_ref()?.downcast_ref::<Addr<A>>().cloned()
    }

    /// A supervisor among the children.
    pub fn below(&self, name: &str) -> Option<Supervisor> {
        let group = self.0.named(name)?;
        group.slot.below.borrow().as_ref().map(|core| Supervisor(Rc::clone(core)))
    }

    /// Lets the next turn of a child panic.
    #[cfg(test)]
    pub(crate) fn poison(&self, id: &ChildId) {
        self.0.find(id).expect("there is such a child").poison();
    }

    fn idle(&self, name: &str) -> Result<Rc<Group>, AdminError> {
        let group = self.0.named(name).ok_or_else(|| AdminError::NotFound(name.to_owned()))?;
        if !group.is_kept() {
            return Err(AdminError::Group(name.to_owned()));
        }
        let Some(member) = group.only() else { return Ok(group) };
        let restarting = member.asked() != Asked::Nothing || member.state() == State::Restarting;
        Err(if restarting { AdminError::Restarting(name.to_owned()) } else { AdminError::Running(name.to_owned()) })
    }
}

impl Core {
    fn is_up(&self) -> Result<(), AdminError> {
        if matches!(self.phase.get(), Phase::Stopping | Phase::Failed) { Err(AdminError::Down) } else { Ok(()) }
    }
}
