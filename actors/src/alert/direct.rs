//! The one message that goes past the outbox: the store refuses to write, so nothing can be marked as on its way.
//!
//! Each channel is told once; a restart of the actor in between may tell it again. The end of it is an ordinary incident.

use super::answer::Outcome;
use super::backoff::backoff_ms;
use super::room::{Room, Shop, later};
use super::{AlertActor, answer::Scope};
use crate::supervision::Context;
use actix::prelude::*;
use domain::notice;
use domain::time::Wall;

/// Since when the store refuses to write, and why; none when it takes writes again. May be said any number of times.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct StoreRefuses(pub Option<(Wall, String)>);

/// A time in which the store refuses to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    since: Wall,
    why: String,
}

impl Handler<StoreRefuses> for AlertActor {
    type Result = ();

    fn handle(&mut self, StoreRefuses(refusal): StoreRefuses, ctx: &mut Context<Self>) {
        let trouble = refusal.map(|(since, why)| Trouble { since, why });
        let before = self.shop().trouble.replace(trouble.clone());
        if trouble.is_some() && before.map(|before| before.since) != trouble.map(|trouble| trouble.since) {
            self.look(ctx);
        }
    }
}

impl Shop {
    /// Whether there is anything a room could do.
    pub(super) fn has_work(&self) -> bool {
        !self.draining.get() && (self.recovered.get() || self.trouble.borrow().is_some())
    }

    /// What this channel must be told past the store.
    pub(super) fn untold_trouble(&self, room: &Room) -> Option<Trouble> {
        self.trouble.borrow().clone().filter(|trouble| room.trouble_told != Some(trouble.since))
    }

    /// Tells it; a channel that refuses the message is not asked again, one that is not there is tried again while it lasts.
    pub(super) async fn tell_trouble(&self, room: &mut Room, trouble: Trouble) {
        if !self.take_turn(room).await {
            return;
        }
        let body = notice::store_refuses(&trouble.why, trouble.since, self.clock.now().wall);
        let reply = self.deliver.post(&room.channel.url, body).await;
        self.note(room, &reply);
        let name = &room.channel.name;
        match reply.outcome {
            Outcome::Delivered { .. } | Outcome::Edited => {
                log::warn!("channel {name}: told directly that the store refuses to write: {}", trouble.why);
                room.trouble_told = Some(trouble.since);
                room.arrived();
            }
            Outcome::Refused { error, .. } => {
                log::error!("channel {name}: refused to be told that the store refuses to write: {error}");
                room.trouble_told = Some(trouble.since);
            }
            Outcome::Retry { after_ms, error, scope, .. } => {
                log::warn!("channel {name}: could not be told that the store refuses to write: {error}");
                let wait_ms = after_ms.unwrap_or_else(|| backoff_ms(room.failures(), room.channel.id));
                let until = later(self.clock.steady(), wait_ms);
                self.hold(room, if scope == Scope::Message { Scope::Channel } else { scope }, until);
            }
        }
    }
}
