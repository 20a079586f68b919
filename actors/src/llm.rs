//! The LlmActor: asks a model about log lines, a few questions at a time, and promises that what leaves is in the ledger first.
//!
//! It owns what is known of the endpoint: which form of request it understands, and until when it must not be asked because its
//! configuration is wrong or its money is spent. It keeps no question and no answer. Without an endpoint it says so, at once.

mod ask;
mod call;
mod config;

pub use ask::{Ask, Asked, Became};
pub use config::{LlmConfig, LlmLimits};

use crate::clock::Clock;
use crate::db::Db;
use crate::supervision::{Child, Context};
use actix::prelude::*;
use ask::Office;
use std::collections::VecDeque;
use std::rc::Rc;
use tokio::sync::oneshot;

/// How the model's side is, for the page and for health.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LlmState {
    /// The model asked; `None` when none is configured.
    pub model: Option<String>,
    /// The style its server is spoken to in.
    pub style: Option<&'static str>,
    /// Why it is not asked now: a wrong configuration, money that is spent.
    pub trouble: Option<String>,
}

/// Asks how the model's side is.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "LlmState")]
pub struct LlmStatus;

/// The actor that asks models.
pub struct LlmActor {
    db: Db,
    clock: Clock,
    config: Option<Rc<LlmConfig>>,
    limits: LlmLimits,
    office: Option<Rc<Office>>,
    waiting: VecDeque<(Ask, oneshot::Sender<Asked>)>,
    busy: usize,
}

impl LlmActor {
    /// An actor for this endpoint, or for none; to be started under a supervisor.
    pub fn new(db: Db, clock: Clock, config: Option<LlmConfig>, limits: LlmLimits) -> LlmActor {
        LlmActor { db, clock, config: config.map(Rc::new), limits, office: None, waiting: VecDeque::new(), busy: 0 }
    }

    /// Made on the actor's own thread: the client belongs to it.
    fn office(&mut self) -> Option<Rc<Office>> {
        let config = self.config.clone()?;
        let make = || Rc::new(Office::new(self.db.clone(), self.clock.clone(), config, self.limits));
        Some(self.office.get_or_insert_with(make).clone())
    }

    /// Takes up the next questions, while there is room.
    fn work(&mut self, ctx: &mut Context<Self>) {
        while self.busy < self.limits.calls_at_once {
            let Some((ask, reply)) = self.waiting.pop_front() else { return };
            if reply.is_closed() {
                continue;
            }
            let Some(office) = self.office() else { return };
            self.busy += 1;
            let asked = async move {
                // Whoever stopped waiting needs no answer.
                let _ = reply.send(ask::ask(&office, &ask).await);
            };
            ctx.spawn(asked.into_actor(self).map(|(), actor, ctx| {
                actor.busy -= 1;
                actor.work(ctx);
            }));
        }
    }
}

impl Actor for LlmActor {
    type Context = Context<Self>;
}

impl Supervised for LlmActor {
    fn restarting(&mut self, _: &mut Context<Self>) {
        // Whoever asked hears that there is no answer; the ledger has what was sent.
        self.waiting.clear();
        (self.office, self.busy) = (None, 0);
    }
}

impl Child for LlmActor {}

impl Handler<Ask> for LlmActor {
    type Result = ResponseFuture<Asked>;

    fn handle(&mut self, ask: Ask, ctx: &mut Context<Self>) -> ResponseFuture<Asked> {
        if self.config.is_none() {
            return Box::pin(async { Asked::only(Became::NotConfigured, None) });
        }
        if self.waiting.len() >= self.limits.waiting_questions_most {
            let why = format!("more than {} questions wait for the model", self.limits.waiting_questions_most);
            return Box::pin(async { Asked::only(Became::Failed, Some(why)) });
        }
        let (reply, answer) = oneshot::channel();
        self.waiting.push_back((ask, reply));
        self.work(ctx);
        let lost = || Asked::only(Became::Failed, Some("the question was lost when the actor was restarted".to_owned()));
        Box::pin(async move { answer.await.unwrap_or_else(|_| lost()) })
    }
}

impl Handler<LlmStatus> for LlmActor {
    type Result = MessageResult<LlmStatus>;

    fn handle(&mut self, _: LlmStatus, _: &mut Context<Self>) -> MessageResult<LlmStatus> {
        let trouble = self.office.as_ref().and_then(|office| office.trouble());
        MessageResult(LlmState {
            model: self.config.as_ref().map(|config| config.model.clone()),
            style: self.config.as_ref().map(|config| config.style().as_str()),
            trouble,
        })
    }
}
