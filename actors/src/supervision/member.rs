//! What the supervisor and a child's life share: who it is, what was asked of it, how it is.

use super::ChildId;
use super::gauge::Gauge;
use super::group::Group;
use super::view::State;
use std::cell::{Cell, OnceCell};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use tokio::sync::Notify;

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
    /// To stop before the next message and wait for its revival.
    ToPark,
    /// The same, and it knows.
    Parking,
    /// To wait for its revival at once.
    ToCut,
    /// It waits for its revival.
    Parked,
    /// To live again.
    ToRevive,
}

/// One child as both its life and its supervisor know it.
pub(super) struct Member {
    pub(super) id: ChildId,
    pub(super) group: Rc<Group>,
    pub(super) gauge: Arc<Gauge>,
    waker: Cell<Option<Waker>>,
    bell: OnceCell<Box<Notify>>,
    asked: Cell<Asked>,
    state: Cell<State>,
    gone: Cell<bool>,
    failed: Cell<bool>,
    #[cfg(test)]
    poisoned: Cell<bool>,
    restarts: Cell<u32>,
}

impl Member {
    pub(super) fn join(group: &Rc<Group>, id: ChildId, gauge: Arc<Gauge>) -> Rc<Member> {
        group.board.joined();
        Rc::new(Member {
            id,
            group: Rc::clone(group),
            gauge,
            waker: Cell::default(),
            bell: OnceCell::new(),
            asked: Cell::new(Asked::Nothing),
            state: Cell::new(State::Starting),
            gone: Cell::new(false),
            failed: Cell::new(false),
            #[cfg(test)]
            poisoned: Cell::new(false),
            restarts: Cell::new(0),
        })
    }

    /// Its name in the log: supervisors, group and id.
    pub(super) fn path(&self) -> String {
        let group = &self.group.path;
        if self.group.spec.name == self.id.as_str() { group.to_string() } else { format!("{group}/{}", self.id) }
    }

    pub(super) fn asked(&self) -> Asked {
        self.asked.get()
    }

    /// The next turn panics, in whatever it does: for tests with actors that know no message for it.
    #[cfg(test)]
    pub(super) fn poison(&self) {
        self.poisoned.set(true);
        self.wake();
    }

    #[cfg(test)]
    pub(super) fn take_poison(&self) {
        assert!(!self.poisoned.replace(false), "poisoned");
    }

    /// Its life says how far it is with what was asked.
    pub(super) fn answer(&self, asked: Asked) {
        self.asked.set(asked);
        self.ring();
    }

    pub(super) fn ask_to_stop(&self) {
        match self.asked.get() {
            Asked::ToStop | Asked::Stopping | Asked::ToDie => {}
            // It is stopping already; now for good.
            Asked::Parking => self.asked.set(Asked::Stopping),
            _ => self.ask(Asked::ToStop),
        }
    }

    pub(super) fn ask_to_park(&self) {
        if matches!(self.asked.get(), Asked::Nothing | Asked::ToRevive) {
            self.ask(if self.group.spec.shutdown_limit_ms == 0 { Asked::ToCut } else { Asked::ToPark });
        }
    }

    pub(super) fn cut(&self) {
        if matches!(self.asked.get(), Asked::ToPark | Asked::Parking) {
            log::warn!("{} did not stop within {} ms and is cut off", self.path(), self.group.spec.shutdown_limit_ms);
            self.ask(Asked::ToCut);
        }
    }

    pub(super) fn ask_to_revive(&self) {
        if self.asked.get() == Asked::Parked {
            self.ask(Asked::ToRevive);
        }
    }

    pub(super) fn kill(&self) {
        if self.asked.get() == Asked::ToDie {
            return;
        }
        log::warn!("{} did not stop within {} ms and is dropped", self.path(), self.group.spec.shutdown_limit_ms);
        self.ask(Asked::ToDie);
    }

    fn ask(&self, asked: Asked) {
        self.asked.set(asked);
        self.wake();
    }

    pub(super) fn is_parked(&self) -> bool {
        self.asked.get() == Asked::Parked
    }

    /// Remembers whom to wake when something is asked of the child.
    pub(super) fn listen(&self, waker: &Waker) {
        let known = self.waker.take().filter(|known| known.will_wake(waker));
        self.waker.set(Some(known.unwrap_or_else(|| waker.clone())));
    }

    pub(super) fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake_by_ref();
            self.waker.set(Some(waker));
        }
    }

    /// Whether it is parked because it failed itself, not because of a sibling.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.get()
    }

    pub(super) fn set_failed(&self, failed: bool) {
        self.failed.set(failed);
    }

    pub(super) fn restarts(&self) -> u32 {
        self.restarts.get()
    }

    pub(super) fn state(&self) -> State {
        self.state.get()
    }

    pub(super) fn enter(&self, state: State) {
        if self.state.replace(state) == state {
            return;
        }
        let since = (state == State::Running).then(|| self.group.ground.clock.steady());
        self.gauge.lives_since(since);
        self.publish();
        self.ring();
    }

    pub(super) fn count_restart(&self) {
        self.restarts.set(self.restarts.get().saturating_add(1));
        self.group.board.restarted();
    }

    pub(super) fn explain(&self, reason: &str) {
        if self.group.owns(self) {
            self.group.board.explain(&self.id, &self.gauge, self.state.get(), self.restarts.get(), reason);
        }
    }

    pub(super) fn last_reason(&self) -> Arc<str> {
        self.group.board.last_reason(&self.id).unwrap_or_default()
    }

    pub(super) fn waits_for(&self, what: &'static str) {
        if self.group.owns(self) && !self.gone.get() {
            let since = self.group.ground.clock.steady();
            self.group.board.waits(&self.id, &self.gauge, self.state.get(), self.restarts.get(), (what, since));
        }
    }

    pub(super) fn waits_no_more_for(&self, what: &'static str) {
        if self.group.owns(self) {
            self.group.board.waits_no_more(&self.id, what);
        }
    }

    pub(super) fn publish(&self) {
        let (state, restarts) = (self.state.get(), self.restarts.get());
        let worth_it = !self.group.spec.many || restarts > 0 || !matches!(state, State::Starting | State::Running);
        if self.group.owns(self) {
            self.group.board.show(&self.id, &self.gauge, state, restarts, worth_it);
        }
    }

    /// Ends for good; a second time changes nothing.
    pub(super) fn end(self: &Rc<Self>, state: State) {
        if self.gone.get() {
            return;
        }
        self.enter(state);
        self.gone.set(true);
        self.waker.take();
        self.group.leave(self);
        self.ring();
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone.get()
    }

    /// Resolves when the child has ended.
    pub(super) async fn gone(&self) {
        self.until(Member::is_gone).await;
    }

    /// Resolves when the child is as it should be.
    pub(super) async fn until(&self, is_so: impl Fn(&Member) -> bool) {
        let bell = self.bell.get_or_init(Box::default);
        loop {
            let rung = bell.notified();
            if is_so(self) {
                return;
            }
            rung.await;
        }
    }

    fn ring(&self) {
        if let Some(bell) = self.bell.get() {
            bell.notify_waiters();
        }
    }
}
