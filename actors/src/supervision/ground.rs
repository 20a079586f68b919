//! What all supervisors of one tree stand on: the time, the way out, and who is told of trouble.

use super::ChildId;
use super::exit::{Exit, OnTrouble};
use super::turnstile::Turnstile;
use crate::clock::Clock;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

type OnRecovery = Rc<dyn Fn(&ChildId)>;

pub(super) struct Ground {
    pub(super) clock: Clock,
    pub(super) turnstile: Arc<Turnstile>,
    exit: Exit,
    escalated: Cell<bool>,
    pub(super) on_give_up: RefCell<Option<OnTrouble>>,
    pub(super) on_recovery: RefCell<Option<OnRecovery>>,
}

impl Ground {
    pub(super) fn new(clock: Clock, exit: Exit) -> Ground {
        let (on_give_up, on_recovery) = (RefCell::default(), RefCell::default());
        Ground { clock, turnstile: Arc::default(), exit, escalated: Cell::new(false), on_give_up, on_recovery }
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
