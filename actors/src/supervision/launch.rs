//! Starts children of a tree as data, in order, and supervisors below supervisors.

use super::core::{Core, Phase};
use super::gauge::Gauge;
use super::group::Group;
use super::member::Member;
use super::spec::Tree;
use super::start::Start;
use super::view::State;
use super::{AdminError, ChildDef, ChildId, keeper};
use domain::restart::Restart;
use std::pin::Pin;
use std::rc::Rc;

impl Core {
    /// Starts the children of a tree in order. When one fails, those before it are stopped again, in reverse.
    pub(super) async fn start_tree(self: &Rc<Core>, tree: &Tree) -> Result<(), AdminError> {
        self.phase.set(Phase::Starting);
        for child in &tree.children {
            if let Err(e) = self.start_def(child).await {
                drop(self.shutdown().await);
                return Err(e);
            }
        }
        self.take_up_failures();
        Ok(())
    }

    /// Starts one child; one that fails is not even known afterwards, as in OTP.
    pub(super) async fn start_def(self: &Rc<Core>, def: &ChildDef) -> Result<(), AdminError> {
        if matches!(def.start, Start::Group) {
            self.group(&def.spec);
            return Ok(());
        }
        let group = self.add(&def.spec, Some(def.start.clone()));
        match start(&group).await {
            Ok(()) => Ok(()),
            Err(reason) => {
                self.forget(&group);
                Err(AdminError::Failed { child: group.spec.name.to_owned(), reason })
            }
        }
    }
}

/// Starts the child of a place, and waits until its first turn is over; boxed, because supervisors nest.
pub(super) fn start(group: &Rc<Group>) -> Pin<Box<dyn Future<Output = Result<(), String>> + '_>> {
    Box::pin(async move {
        let known = group.slot.start.borrow().clone();
        match known {
            Some(Start::Worker(worker)) => start_worker(group, &*worker).await,
            Some(Start::Supervisor(tree)) => start_supervisor(group, &tree).await,
            Some(Start::Group) | None => Err("it is no single child".to_owned()),
        }
    })
}

async fn start_worker(group: &Rc<Group>, worker: &dyn super::start::WorkerStart) -> Result<(), String> {
    let Some(begun) = worker.start(group)? else {
        ignored(group);
        return Ok(());
    };
    *group.slot.addr.borrow_mut() = Some(begun.addr);
    begun.first_turn.await.unwrap_or_else(|_| Err("it was stopped in its start".to_owned()))
}

/// There was nothing to do: the child stays known, unless it is temporary.
fn ignored(group: &Rc<Group>) {
    match (group.spec.rule.restart, group.core.upgrade()) {
        (Restart::Temporary, Some(core)) => core.forget(group),
        _ => group.board.show(&ChildId::Name(group.spec.name), &Gauge::shared(), State::Stopped, 0, true),
    }
}

async fn start_supervisor(group: &Rc<Group>, tree: &Tree) -> Result<(), String> {
    let Some(above) = group.core.upgrade() else { return Err("its supervisor is gone".to_owned()) };
    let member = Member::join(group, ChildId::Name(group.spec.name), Gauge::shared());
    group.admit(&member);
    let core = Core::new(group.path.to_string(), &above.ground, tree.flags, &above.live);
    // It is set here and nowhere else.
    let _ = core.above.set(Rc::downgrade(&member));
    *group.slot.below.borrow_mut() = Some(Rc::clone(&core));
    if let Err(e) = core.start_tree(tree).await {
        member.end(State::Stopped);
        core.disappear();
        return Err(e.to_string());
    }
    member.enter(State::Running);
    actix_rt::spawn(keeper::keep(core, keeper::Kept(member)));
    Ok(())
}

impl Core {
    /// Takes all of its children out of the view.
    pub(super) fn disappear(&self) {
        for group in self.groups() {
            if let Some(below) = group.slot.below.take() {
                below.disappear();
            }
            self.forget(&group);
        }
    }
}
