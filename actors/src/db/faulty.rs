//! The writer in place, meeting the faults a simulation has planned; in the program this file does not exist.

use super::batch::Done;
use super::{DbActor, Job};
use crate::faults::{self, Fault};
use crate::supervision::Context;
use actix::prelude::*;
use std::sync::PoisonError;
use std::time::Duration;
use store::StoreError;

impl DbActor {
    /// Works until the queue is empty, or a slow disk makes everybody wait.
    pub(super) fn work_in_place(&mut self, ctx: &mut Context<Self>) {
        let mut jobs = Vec::new();
        while self.shared.take(&mut jobs) {
            match faults::next() {
                Fault::LateCommit(ms) => return self.commit_later(std::mem::take(&mut jobs), ms, ctx),
                fault => match self.commit(&mut jobs, fault) {
                    Ok(None) => {}
                    Ok(Some(done)) => return self.answer_later(done, fault, ctx),
                    Err(fatal) => return self.end(&fatal),
                },
            }
        }
    }

    fn commit(&mut self, jobs: &mut Vec<Job>, fault: Fault) -> Result<Option<Done>, StoreError> {
        let mut side = self.shared.side.lock().unwrap_or_else(PoisonError::into_inner);
        side.fault = fault;
        side.commit(&self.shared, jobs)?;
        Ok(side.late.take())
    }

    fn commit_later(&mut self, mut jobs: Vec<Job>, ms: u64, ctx: &mut Context<Self>) {
        ctx.run_later(Duration::from_millis(ms), move |actor, ctx| match actor.commit(&mut jobs, Fault::None) {
            Ok(_) => actor.work_in_place(ctx),
            Err(fatal) => actor.end(&fatal),
        });
    }

    fn answer_later(&mut self, done: Done, fault: Fault, ctx: &mut Context<Self>) {
        let Fault::LateAnswer(ms) = fault else { return };
        ctx.run_later(Duration::from_millis(ms), move |actor, ctx| {
            done.tell(&actor.shared);
            actor.work_in_place(ctx);
        });
    }
}
