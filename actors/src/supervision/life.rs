//! A child's life as one future: it lets the actor have its turns, catches its panics, rests, revives it, and ends.

use super::context::Context;
use super::core::Verdict;
use super::member::{Asked, Member};
use super::patience::{HangWatch, hung};
use super::view::State;
use super::{Child, naming};
use actix::ActorContext;
use actix::AsyncContext;
use actix::dev::ContextFut;
use actix::fut::ActorFuture;
use domain::restart::{Ending, Restart, RestartLog};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as Task, Poll, ready};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Sleep, sleep};

const STOPPED_BY_ITSELF: &str = "it stopped by itself";

type FirstTurn = oneshot::Sender<Result<(), String>>;

/// The future a supervised child runs as.
pub(super) struct Life<A: Child> {
    fut: ContextFut<A, Context<A>>,
    member: Rc<Member>,
    trouble: Option<Box<Trouble>>,
    // A permanent child lives on when nobody else holds its address.
    _held: Option<Box<actix::Addr<A>>>,
}

/// What only a child must remember that began with somebody waiting for it, that ended, or that waits.
#[derive(Default)]
struct Trouble {
    log: RestartLog,
    pause: Pause,
    given_up: bool,
    first_turn: Option<FirstTurn>,
    hang: Option<HangWatch>,
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
    /// It is revived when its supervisor says so.
    Parked,
    /// It was given up and lives again; if it still does after this, it has recovered.
    Probation(Pin<Box<Sleep>>),
}

/// How a turn begins, after what was asked from outside.
enum Obeyed {
    GoOn,
    Ended,
    Parked,
}

impl<A: Child> Life<A> {
    pub(super) fn new(fut: ContextFut<A, Context<A>>, member: Rc<Member>, tell: Option<FirstTurn>) -> Life<A> {
        let permanent = member.group.spec.rule.restart == Restart::Permanent;
        let held = permanent.then(|| Box::new(fut.address()));
        let trouble = tell.map(|tell| Box::new(Trouble { first_turn: Some(tell), ..Trouble::default() }));
        Life { fut, member, trouble, _held: held }
    }

    fn lives(&self) -> bool {
        self.trouble.as_ref().is_none_or(|trouble| matches!(trouble.pause, Pause::Over | Pause::Probation(_)))
    }

    /// Obeys what was asked from outside.
    fn obey(&mut self) -> Obeyed {
        match self.member.asked() {
            Asked::Nothing | Asked::Stopping | Asked::Parking => return Obeyed::GoOn,
            Asked::ToDie => return Obeyed::Ended,
            Asked::ToStop if !self.lives() => return Obeyed::Ended,
            Asked::ToStop => {
                self.member.answer(Asked::Stopping);
                self.fut.ctx().spawn(StopRequest);
            }
            // Before the next message: those that are queued are for the next life.
            Asked::ToPark if self.lives() => {
                self.member.answer(Asked::Parking);
                self.fut.ctx().wait_uncounted(StopRequest);
            }
            Asked::ToPark | Asked::ToCut => {
                self.park();
                return Obeyed::Parked;
            }
            Asked::Parked => return Obeyed::Parked,
            Asked::ToRevive => self.trouble.get_or_insert_default().pause = Pause::Turn,
        }
        Obeyed::GoOn
    }

    /// Rests until it is time and revives the actor; an error is the panic of the revival.
    fn rest(&mut self, task: &mut Task<'_>) -> Poll<Result<(), String>> {
        let Some(trouble) = &mut self.trouble else { return Poll::Ready(Ok(())) };
        match &mut trouble.pause {
            Pause::Over | Pause::Probation(_) => return Poll::Ready(Ok(())),
            Pause::Turn => {}
            Pause::Rest(sleep) => ready!(sleep.as_mut().poll(task)),
            Pause::Parked => return Poll::Pending,
        }
        trouble.pause = Pause::Over;
        trouble.hang = None;
        if trouble.given_up {
            let period_ms = self.member.group.spec.rule.intensity.period_ms;
            trouble.pause = Pause::Probation(Box::pin(sleep(Duration::from_millis(period_ms))));
        }
        Poll::Ready(self.revive())
    }

    fn revive(&mut self) -> Result<(), String> {
        self.member.count_restart();
        self.member.set_failed(false);
        // actix refuses to restart a context that nobody can reach.
        let _reachable = self.fut.address();
        caught(|| self.fut.restart()).map(drop)
    }

    /// Gives the actor its turn.
    fn live(&mut self, task: &mut Task<'_>) -> Poll<()> {
        let turn = caught(|| {
            #[cfg(test)]
            self.member.take_poison();
            Pin::new(&mut self.fut).poll(task)
        });
        let member = &self.member;
        member.gauge.end_turn(|| member.group.ground.clock.steady());
        match turn {
            Ok(Poll::Pending) => self.goes_on(task),
            Ok(Poll::Ready(())) => self.ended(&Ending::Stopped, task),
            Err(reason) => self.ended(&Ending::Panicked(reason), task),
        }
    }

    fn goes_on(&mut self, task: &mut Task<'_>) -> Poll<()> {
        self.member.enter(State::Running);
        if let Some(tell) = self.trouble.as_mut().and_then(|trouble| trouble.first_turn.take()) {
            // Whoever asked may have gone.
            let _ = tell.send(Ok(()));
        }
        self.watch_probation(task);
        match self.watch_waits(task) {
            Some(hung) => self.ended(&hung, task),
            None => Poll::Pending,
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

    /// Counts how long it has been waiting inside itself; an ending when that is too long.
    fn watch_waits(&mut self, task: &mut Task<'_>) -> Option<Ending> {
        let limit_ms = self.member.group.spec.hang_limit_ms;
        if limit_ms == 0 || !self.member.gauge.waits_inside() {
            if let Some(trouble) = &mut self.trouble {
                trouble.hang = None;
            }
            return None;
        }
        let (gauge, clock) = (&self.member.gauge, &self.member.group.ground.clock);
        let hang = &mut self.trouble.get_or_insert_default().hang;
        let watch = hang.get_or_insert_with(|| HangWatch::new(limit_ms, gauge, clock));
        watch.is_over(gauge, clock, task).then(|| hung(limit_ms, gauge))
    }

    fn ended(&mut self, ending: &Ending, task: &mut Task<'_>) -> Poll<()> {
        match self.member.asked() {
            Asked::ToStop | Asked::Stopping | Asked::ToDie => return self.ended_while_stopping(ending),
            Asked::ToPark | Asked::Parking | Asked::ToCut | Asked::Parked => return self.ended_while_parking(ending),
            Asked::Nothing | Asked::ToRevive => self.member.explain(reason(ending)),
        }
        let trouble = self.trouble.get_or_insert_default();
        if let Some(tell) = trouble.first_turn.take() {
            let _ = tell.send(Err(reason(ending).to_owned()));
            return self.finish(State::Stopped);
        }
        let Some(core) = self.member.group.core.upgrade() else { return self.finish(State::Stopped) };
        match core.judge(&self.member, &mut trouble.log, ending) {
            Verdict::Leave => self.leave(ending),
            Verdict::Again(ms) if !trouble.given_up => self.pause(ms, State::Restarting, task),
            Verdict::Again(_) => self.retry_slowly(task),
            Verdict::Slowly(ms) => self.give_up(ms, task),
            Verdict::Together(ms) => {
                self.member.set_failed(true);
                self.member.enter(State::Restarting);
                self.park();
                core.restart_together(&self.member, ms);
                Poll::Pending
            }
            Verdict::Escalate => {
                self.member.enter(State::GivenUp);
                self.park();
                core.escalate(&self.member.id, reason(ending));
                Poll::Pending
            }
        }
    }

    fn ended_while_stopping(&mut self, ending: &Ending) -> Poll<()> {
        if let Some(reason) = ending.text() {
            log::warn!("{} ended while it stopped: {reason}", self.member.path());
            self.member.explain(reason);
        }
        self.finish(State::Stopped)
    }

    fn ended_while_parking(&mut self, ending: &Ending) -> Poll<()> {
        if let Some(reason) = ending.text() {
            log::warn!("{} ended while it stopped for its siblings: {reason}", self.member.path());
            self.member.explain(reason);
        }
        self.park();
        Poll::Pending
    }

    fn leave(&mut self, ending: &Ending) -> Poll<()> {
        match ending.text() {
            Some(reason) => log::warn!("{} ended and is not restarted: {reason}", self.member.path()),
            None => log::debug!("{} is done", self.member.path()),
        }
        self.finish(State::Stopped)
    }

    /// Has no turn until its supervisor revives it.
    fn park(&mut self) {
        self.trouble.get_or_insert_default().pause = Pause::Parked;
        if self.member.state() != State::GivenUp {
            self.member.enter(State::Restarting);
        }
        self.member.answer(Asked::Parked);
    }

    fn pause(&mut self, ms: u64, state: State, task: &mut Task<'_>) -> Poll<()> {
        let member = &self.member;
        let nth = member.restarts().saturating_add(1);
        log::warn!("{} ended: {}; restart {nth} in {ms} ms", member.path(), member.last_reason());
        member.enter(state);
        let trouble = self.trouble.get_or_insert_default();
        trouble.pause = if ms == 0 { Pause::Turn } else { Pause::Rest(Box::pin(sleep(Duration::from_millis(ms)))) };
        // Polled again at once: to have its turn, or to register the sleep.
        task.waker().wake_by_ref();
        Poll::Pending
    }

    /// It failed again before it had recovered.
    fn retry_slowly(&mut self, task: &mut Task<'_>) -> Poll<()> {
        match self.member.group.spec.on_give_up {
            super::GiveUp::RetryEvery(ms) => self.give_up(ms, task),
            super::GiveUp::Escalate => self.finish(State::GivenUp),
        }
    }

    fn give_up(&mut self, ms: u64, task: &mut Task<'_>) -> Poll<()> {
        let again = std::mem::replace(&mut self.trouble.get_or_insert_default().given_up, true);
        let paused = self.pause(ms, State::GivenUp, task);
        if !again {
            let reason = self.member.last_reason();
            log::error!("{} was restarted too often and is given up: {reason}", self.member.path());
            self.member.group.ground.report_give_up(&self.member.id, &reason);
        }
        paused
    }

    fn finish(&mut self, state: State) -> Poll<()> {
        // Otherwise dropping the context gives the actor one more turn, outside of everything that is caught here.
        self.fut.ctx().terminate();
        let given_up = self.member.state() == State::GivenUp && self.member.asked() != Asked::Nothing;
        self.member.end(if given_up { State::GivenUp } else { state });
        Poll::Ready(())
    }

    fn turn(&mut self, task: &mut Task<'_>) -> Poll<()> {
        match self.obey() {
            Obeyed::Ended => return self.finish(State::Stopped),
            Obeyed::Parked => return Poll::Pending,
            Obeyed::GoOn => {}
        }
        match self.rest(task) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(reason)) => self.ended(&Ending::Panicked(reason), task),
            Poll::Ready(Ok(())) => self.live(task),
        }
    }
}

impl<A: Child> Future for Life<A> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<()> {
        let this = self.get_mut();
        this.member.listen(task.waker());
        let member = Rc::clone(&this.member);
        let _turn = naming::Turn::of(&member);
        let done = this.turn(task);
        if member.asked() == Asked::ToRevive {
            member.answer(Asked::Nothing);
        }
        done
    }
}

impl<A: Child> Drop for Life<A> {
    fn drop(&mut self) {
        let _ = self.finish(State::Stopped);
    }
}

fn reason(ending: &Ending) -> &str {
    ending.text().unwrap_or(STOPPED_BY_ITSELF)
}

fn caught<T>(turn: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(turn)).map_err(|payload| naming::reason(&*payload))
}

/// Put into a context: by the time it is polled, no `ctx.wait` is open. As a spawned item it also comes after all that is queued.
struct StopRequest;

impl<A: Child> ActorFuture<A> for StopRequest {
    type Output = ();

    fn poll(self: Pin<&mut Self>, actor: &mut A, ctx: &mut Context<A>, _: &mut Task<'_>) -> Poll<()> {
        actor.stop_requested(ctx);
        Poll::Ready(())
    }
}
