//! A child's life as one future: it lets the actor have its turns, catches its panics, rests, revives it, and ends.

use super::member::{Asked, Member};
use super::view::State;
use super::{Child, GiveUp, naming};
use actix::dev::ContextFut;
use actix::fut::ActorFuture;
use actix::{ActorContext, Addr, AsyncContext, Context};
use domain::restart::{Decision, Ending, Restart, RestartLog};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as Task, Poll, ready};
use std::time::Duration;
use tokio::time::{Sleep, sleep};

const STOPPED_BY_ITSELF: &str = "it stopped by itself";

/// The future a supervised child runs as.
pub(super) struct Life<A: Child> {
    fut: ContextFut<A, Context<A>>,
    member: Rc<Member>,
    trouble: Option<Box<Trouble>>,
    // A permanent child lives on when nobody else holds its address.
    _held: Option<Box<Addr<A>>>,
}

/// What only a child that ended at least once must remember.
#[derive(Default)]
struct Trouble {
    log: RestartLog,
    pause: Pause,
    given_up: bool,
}

#[derive(Default)]
enum Pause {
    /// It lives.
    #[default]
    Over,
    /// It is revived at its next turn; the neighbours have theirs first.
    Turn,
    /// It is revived after this.
    Rest(Pin<Box<Sleep>>),
    /// It was given up and lives again; if it still does after this, it has recovered.
    Probation(Pin<Box<Sleep>>),
}

impl<A: Child> Life<A> {
    pub(super) fn new(fut: ContextFut<A, Context<A>>, member: Rc<Member>) -> Life<A> {
        let permanent = member.group.spec.rule.restart == Restart::Permanent;
        let held = permanent.then(|| Box::new(fut.address()));
        Life { fut, member, trouble: None, _held: held }
    }

    fn resting(&self) -> bool {
        self.trouble.as_ref().is_some_and(|trouble| matches!(trouble.pause, Pause::Turn | Pause::Rest(_)))
    }

    /// Obeys what was asked from outside; `true` when that means to end here.
    fn obeys_by_ending(&mut self) -> bool {
        match self.member.asked() {
            Asked::ToDie => true,
            Asked::ToStop if self.resting() => true,
            Asked::ToStop => {
                self.member.knows_it_stops();
                self.fut.ctx().spawn(StopRequest);
                false
            }
            Asked::Nothing | Asked::Stopping => false,
        }
    }

    /// Rests until it is time and revives the actor; an error is the panic of the revival.
    fn rest(&mut self, task: &mut Task<'_>) -> Poll<Result<(), String>> {
        let Some(trouble) = &mut self.trouble else { return Poll::Ready(Ok(())) };
        match &mut trouble.pause {
            Pause::Over | Pause::Probation(_) => return Poll::Ready(Ok(())),
            Pause::Turn => {}
            Pause::Rest(sleep) => ready!(sleep.as_mut().poll(task)),
        }
        trouble.pause = Pause::Over;
        if trouble.given_up {
            let period_ms = self.member.group.spec.rule.intensity.period_ms;
            trouble.pause = Pause::Probation(Box::pin(sleep(Duration::from_millis(period_ms))));
        }
        Poll::Ready(self.revive())
    }

    fn revive(&mut self) -> Result<(), String> {
        self.member.count_restart();
        // actix refuses to restart a context that nobody can reach.
        let _reachable = self.fut.address();
        caught(|| self.fut.restart()).map(drop)
    }

    /// Gives the actor its turn.
    fn live(&mut self, task: &mut Task<'_>) -> Poll<()> {
        match caught(|| Pin::new(&mut self.fut).poll(task)) {
            Ok(Poll::Pending) => {
                self.member.enter(State::Running);
                self.watch_probation(task);
                Poll::Pending
            }
            Ok(Poll::Ready(())) => self.ended(&Ending::Stopped, task),
            Err(reason) => self.ended(&Ending::Panicked(reason), task),
        }
    }

    fn watch_probation(&mut self, task: &mut Task<'_>) {
        let Some(trouble) = &mut self.trouble else { return };
        let Pause::Probation(sleep) = &mut trouble.pause else { return };
        if sleep.as_mut().poll(task).is_ready() {
            self.trouble = None;
            log::info!("{} has recovered", self.member.path());
            self.member.group.ground.report_recovery(&self.member.id);
        }
    }

    fn ended(&mut self, ending: &Ending, task: &mut Task<'_>) -> Poll<()> {
        if self.member.asked() != Asked::Nothing {
            return self.ended_while_stopping(ending);
        }
        self.member.explain(reason(ending));
        let at = self.member.group.ground.clock.steady();
        let rule = self.member.group.spec.rule;
        let trouble = self.trouble.get_or_insert_default();
        match rule.decide(&mut trouble.log, ending, at) {
            Decision::Leave => self.leave(ending),
            Decision::RestartAfter(ms) if !trouble.given_up => self.pause(ms, State::Restarting, task),
            Decision::RestartAfter(_) | Decision::GiveUp => self.give_up(task),
        }
    }

    fn ended_while_stopping(&mut self, ending: &Ending) -> Poll<()> {
        if let Ending::Panicked(reason) = ending {
            log::warn!("{} panicked while it stopped: {reason}", self.member.path());
            self.member.explain(reason);
        }
        self.finish(State::Stopped)
    }

    fn leave(&mut self, ending: &Ending) -> Poll<()> {
        match ending {
            Ending::Panicked(reason) => log::warn!("{} panicked and is not restarted: {reason}", self.member.path()),
            Ending::Stopped => log::debug!("{} is done", self.member.path()),
        }
        self.finish(State::Stopped)
    }

    fn pause(&mut self, ms: u64, state: State, task: &mut Task<'_>) -> Poll<()> {
        let member = &self.member;
        log::warn!(
            "{} ended: {}; restart {} in {ms} ms",
            member.path(),
            member.last_reason(),
            member.restarts().saturating_add(1)
        );
        member.enter(state);
        let trouble = self.trouble.get_or_insert_default();
        trouble.pause = if ms == 0 { Pause::Turn } else { Pause::Rest(Box::pin(sleep(Duration::from_millis(ms)))) };
        // Polled again at once: to have its turn, or to register the sleep.
        task.waker().wake_by_ref();
        Poll::Pending
    }

    fn give_up(&mut self, task: &mut Task<'_>) -> Poll<()> {
        let member = Rc::clone(&self.member);
        let reason = member.last_reason();
        let again = std::mem::replace(&mut self.trouble.get_or_insert_default().given_up, true);
        match member.group.spec.on_give_up {
            GiveUp::Escalate => {
                log::error!("{} was restarted too often and is needed: {reason}", member.path());
                let done = self.finish(State::GivenUp);
                member.group.ground.escalate(&member.id, &reason);
                done
            }
            GiveUp::RetryEvery(ms) => {
                let paused = self.pause(ms, State::GivenUp, task);
                if !again {
                    log::error!("{} was restarted too often and is given up: {reason}", member.path());
                    member.group.ground.report_give_up(&member.id, &reason);
                }
                paused
            }
        }
    }

    fn finish(&mut self, state: State) -> Poll<()> {
        // Otherwise dropping the context gives the actor one more turn, outside of everything that is caught here.
        self.fut.ctx().terminate();
        self.member.end(state);
        Poll::Ready(())
    }
}

impl<A: Child> Future for Life<A> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<()> {
        let this = self.get_mut();
        this.member.listen(task.waker());
        let _turn = naming::Turn::of(&this.member);
        if this.obeys_by_ending() {
            return this.finish(State::Stopped);
        }
        match this.rest(task) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(reason)) => this.ended(&Ending::Panicked(reason), task),
            Poll::Ready(Ok(())) => this.live(task),
        }
    }
}

impl<A: Child> Drop for Life<A> {
    fn drop(&mut self) {
        let _ = self.finish(State::Stopped);
    }
}

fn reason(ending: &Ending) -> &str {
    match ending {
        Ending::Panicked(reason) => reason,
        Ending::Stopped => STOPPED_BY_ITSELF,
    }
}

fn caught<T>(turn: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(turn)).map_err(|payload| naming::reason(&*payload))
}

/// Spawned into a context as its last item: by the time it is polled, no `ctx.wait` is open and the mailbox is empty.
struct StopRequest;

impl<A: Child> ActorFuture<A> for StopRequest {
    type Output = ();

    fn poll(self: Pin<&mut Self>, actor: &mut A, ctx: &mut Context<A>, _: &mut Task<'_>) -> Poll<()> {
        actor.stop_requested(ctx);
        Poll::Ready(())
    }
}
