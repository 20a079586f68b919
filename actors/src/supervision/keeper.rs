//! A supervisor as the child of another: it obeys as any child does, and what it cannot handle it ends with.

use super::core::{Core, Phase, Verdict};
use super::member::{Asked, Member};
use super::strategy::places;
use super::view::State;
use domain::restart::{Ending, RestartLog};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;
use tokio::time::{Sleep, sleep};

/// What happens to a supervisor.
enum Event {
    Asked(Asked),
    /// One of its children cannot be kept.
    Trouble(String),
    /// Its pause is over.
    Due,
}

/// Keeps the supervisor `core`, which is `kept` to the one above, until it ends.
pub(super) async fn keep(core: Rc<Core>, kept: Kept) {
    let member = Rc::clone(&kept.0);
    let mut log = RestartLog::default();
    let mut due = None;
    loop {
        let ended = match next(&core, &member, due.take()).await {
            Event::Asked(Asked::ToDie) => stop(&core, &member, true).await,
            Event::Asked(Asked::ToStop) => stop(&core, &member, false).await,
            Event::Asked(Asked::ToPark | Asked::ToCut) => park(&core, &member).await,
            Event::Asked(_) | Event::Due => revive(&core, &member).await,
            Event::Trouble(reason) => {
                let verdict = fail(&core, &member, &mut log, reason).await;
                due = pause(&core, &member, verdict);
                if verdict == Verdict::Leave { stop(&core, &member, false).await } else { false }
            }
        };
        if ended {
            return;
        }
    }
}

/// A supervisor to the one above. When its task is dropped with its system, had it begun or not, it has ended too.
pub(super) struct Kept(pub(super) Rc<Member>);

impl Drop for Kept {
    fn drop(&mut self) {
        self.0.end(State::Stopped);
    }
}

async fn next(core: &Core, member: &Member, mut due: Option<Pin<Box<Sleep>>>) -> Event {
    poll_fn(|task| {
        member.listen(task.waker());
        match member.asked() {
            asked @ (Asked::ToDie | Asked::ToStop | Asked::ToPark | Asked::ToCut | Asked::ToRevive) => {
                return Poll::Ready(Event::Asked(asked));
            }
            Asked::Nothing | Asked::Parked | Asked::Parking | Asked::Stopping => {}
        }
        if let Some(reason) = core.trouble.take() {
            return Poll::Ready(Event::Trouble(reason));
        }
        match &mut due {
            Some(due) => due.as_mut().poll(task).map(|()| Event::Due),
            None => Poll::Pending,
        }
    })
    .await
}

async fn stop(core: &Rc<Core>, member: &Rc<Member>, at_once: bool) -> bool {
    if at_once {
        kill(core);
    }
    drop(heed(core, member, core.shutdown()).await);
    let state = if member.state() == State::GivenUp { State::GivenUp } else { State::Stopped };
    core.disappear();
    member.end(state);
    true
}

/// Nobody below gets another turn.
fn kill(core: &Core) {
    for group in core.groups() {
        group.all().iter().for_each(|child| child.kill());
    }
}

/// Does `work`, in which children have their own limits, and obeys meanwhile when its own has passed.
async fn heed<F: Future>(core: &Core, member: &Member, work: F) -> F::Output {
    let mut work = pin!(work);
    poll_fn(|task| {
        member.listen(task.waker());
        match member.asked() {
            Asked::ToDie => kill(core),
            Asked::ToCut => core.groups().iter().for_each(|group| group.all().iter().for_each(|child| child.cut())),
            _ => {}
        }
        work.as_mut().poll(task)
    })
    .await
}

async fn park(core: &Rc<Core>, member: &Rc<Member>) -> bool {
    member.answer(Asked::Parking);
    core.phase.set(Phase::Starting);
    heed(core, member, core.park(&core.groups())).await;
    if member.asked() == Asked::Parking {
        member.enter(State::Restarting);
        member.answer(Asked::Parked);
    }
    false
}

/// All children stop; what the supervisor above makes of it is returned.
async fn fail(core: &Rc<Core>, member: &Rc<Member>, log: &mut RestartLog, reason: String) -> Verdict {
    heed(core, member, core.park(&core.groups())).await;
    member.explain(&reason);
    let Some(above) = member.group.core.upgrade() else { return Verdict::Leave };
    let verdict = above.judge(member, log, &Ending::Panicked(reason.clone()));
    match verdict {
        Verdict::Leave => {}
        Verdict::Again(_) => member.enter(State::Restarting),
        Verdict::Slowly(_) => {
            member.enter(State::GivenUp);
            core.ground.report_give_up(&member.id, &reason);
        }
        Verdict::Together(ms) => {
            member.enter(State::Restarting);
            member.set_failed(true);
            member.answer(Asked::Parked);
            above.restart_together(member, ms);
        }
        Verdict::Escalate => {
            member.enter(State::GivenUp);
            member.answer(Asked::Parked);
            above.escalate(&member.id, &reason);
        }
    }
    verdict
}

fn pause(core: &Core, member: &Member, verdict: Verdict) -> Option<Pin<Box<Sleep>>> {
    let (Verdict::Again(ms) | Verdict::Slowly(ms)) = verdict else { return None };
    log::warn!("{} restarts in {ms} ms after {}", core.path, member.last_reason());
    Some(Box::pin(sleep(Duration::from_millis(ms))))
}

/// Its children begin anew: those of the tree are revived in order, those that were added to groups are gone.
async fn revive(core: &Rc<Core>, member: &Rc<Member>) -> bool {
    member.count_restart();
    member.set_failed(false);
    core.forget_restarts();
    core.failures.borrow_mut().clear();
    core.trouble.take();
    core.phase.set(Phase::Starting);
    heed(core, member, end_added(core)).await;
    let why = format!("restarted with its supervisor {}", member.id);
    let revived = heed(core, member, core.revive(&places(&core.groups()), &why)).await;
    if let Err(Some((_, reason))) = revived {
        core.phase.set(Phase::Failed);
        *core.trouble.borrow_mut() = Some(reason);
    } else if core.phase.get() == Phase::Starting {
        core.take_up_failures();
    }
    if member.asked() == Asked::ToRevive {
        member.answer(Asked::Nothing);
    }
    member.enter(State::Running);
    false
}

/// Children that were added while it ran are not of the tree: as in OTP, a restart begins without them.
async fn end_added(core: &Rc<Core>) {
    for group in core.groups().into_iter().rev().filter(|group| group.slot.added.get()) {
        drop(group.end_all().await);
        core.forget(&group);
    }
}
