//! Restarts of siblings together: stopped in reverse start order, revived in start order, one failure at a time.

use super::ChildId;
use super::Strategy;
use super::core::{Core, Phase};
use super::group::Group;
use super::launch;
use super::member::Member;
use std::rc::Rc;
use std::time::Duration;

/// A start function that fails again and again in a restart is not called more often than this.
const START_AGAIN_LEAST_MS: u64 = 50;

impl Core {
    /// `member` has failed and is parked: after `ms` milliseconds it is revived together with its siblings.
    pub(super) fn restart_together(self: &Rc<Core>, member: &Rc<Member>, ms: u64) {
        self.failures.borrow_mut().push_back((Rc::clone(member), ms));
        if self.phase.get() == Phase::Running {
            self.take_up_failures();
        }
    }

    /// Handles what failed while nobody had time for it; to be called when the children are started or revived.
    pub(super) fn take_up_failures(self: &Rc<Core>) {
        if self.failures.borrow().is_empty() {
            self.phase.set(Phase::Running);
            return;
        }
        self.phase.set(Phase::Restarting);
        actix_rt::spawn(work(Rc::clone(self)));
    }

    fn next_failure(&self) -> Option<(Rc<Member>, u64)> {
        // One that was revived with its siblings meanwhile, or has ended, is no failure any more.
        std::iter::from_fn(|| self.failures.borrow_mut().pop_front()).find(|(member, _)| member.is_parked())
    }

    /// Who is restarted with `failed`, in start order.
    fn together_with(&self, failed: &Member) -> Vec<Rc<Group>> {
        let groups = self.groups();
        match self.flags.strategy {
            Strategy::OneForAll => groups,
            Strategy::OneForOne | Strategy::RestForOne => {
                groups.into_iter().skip_while(|group| !Rc::ptr_eq(group, &failed.group)).collect()
            }
        }
    }

    /// Stops them in the reverse of their order, to be revived.
    pub(super) async fn park(&self, groups: &[Rc<Group>]) {
        for group in groups.iter().rev() {
            group.park().await;
        }
    }

    /// Revives them in their order, and starts those that did not run; ends early when one fails.
    ///
    /// # Errors
    /// The start of one that did not run, and why it failed; nothing when a revived one failed, which has been judged already.
    pub(super) async fn revive(self: &Rc<Core>, places: &[Place], why: &str) -> Result<(), Option<(Rc<Group>, String)>> {
        for Place { group, ran } in places {
            if *ran {
                for member in group.all() {
                    revive(&member, why).await;
                    if member.is_parked() {
                        return Err(None);
                    }
                }
            } else if group.is_kept() && !group.closing.get() {
                launch::start(group).await.map_err(|reason| Some((Rc::clone(group), reason)))?;
            }
        }
        Ok(())
    }
}

/// A place among the children, and whether a child was there when the restart began.
pub(super) struct Place {
    group: Rc<Group>,
    ran: bool,
}

pub(super) fn places(groups: &[Rc<Group>]) -> Vec<Place> {
    groups.iter().map(|group| Place { group: Rc::clone(group), ran: group.len() > 0 || group.spec.many }).collect()
}

async fn work(core: Rc<Core>) {
    while let Some((failed, ms)) = core.next_failure() {
        restart(&core, &failed, ms).await;
        if core.phase.get() != Phase::Restarting {
            return; // it stops, or has failed
        }
    }
    core.phase.set(Phase::Running);
}

async fn restart(core: &Rc<Core>, failed: &Rc<Member>, mut ms: u64) {
    let groups = core.together_with(failed);
    let why = format!("restarted together with {}", failed.id);
    let places = places(&groups);
    loop {
        core.park(&groups).await;
        if ms > 0 {
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
        if core.phase.get() != Phase::Restarting {
            return;
        }
        let Err(Some((group, reason))) = core.revive(&places, &why).await else { return };
        let Some(again_ms) = may_start_again(core, &group) else {
            return core.escalate(&ChildId::Name(group.spec.name), &reason);
        };
        ms = again_ms;
    }
}

/// How long to wait before a start that failed is tried again; nothing when it failed too often.
fn may_start_again(core: &Core, group: &Group) -> Option<u64> {
    let rule = group.spec.rule;
    let nth = group.slot.failed_starts.borrow_mut().note(core.ground.clock.steady(), rule.intensity)?;
    core.may_restart().then(|| rule.backoff.before(nth).max(START_AGAIN_LEAST_MS))
}

async fn revive(member: &Rc<Member>, why: &str) {
    use super::member::Asked;
    if !member.is_parked() {
        return;
    }
    if !member.has_failed() {
        member.explain(why);
    }
    member.ask_to_revive();
    member.until(|member| member.asked() != Asked::ToRevive || member.is_gone()).await;
}
