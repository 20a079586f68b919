//! The test message: sent at once, past the outbox, and answered with what became of it.

use super::discord::Outcome;
use super::room::Shop;
use super::{AlertActor, Channel, Desk, done};
use crate::supervision::Context;
use actix::prelude::*;
use domain::notice;

/// Sends a message that says the channel works.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "TestDone")]
pub struct SendTest {
    /// `channels.id`.
    pub channel: i64,
}

/// What became of a test message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestDone {
    /// Whether it arrived.
    pub delivered: bool,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// What went wrong, without any secret.
    pub error: Option<String>,
}

impl Handler<SendTest> for AlertActor {
    type Result = ResponseActFuture<Self, TestDone>;

    fn handle(&mut self, test: SendTest, _: &mut Context<Self>) -> ResponseActFuture<Self, TestDone> {
        let found = self.channels.channels().into_iter().find(|channel| channel.id == test.channel);
        let shop = self.shop();
        let held = self.held_ms(test.channel);
        let sent = async move {
            let Some(channel) = found else { return TestDone::failed("no webhook is set for this channel".into()) };
            if held > 0 {
                return TestDone::failed(format!("the other side asked for a pause: try again in {} s", (held + 999) / 1_000));
            }
            send_test(&shop, &channel).await
        };
        Box::pin(sent.into_actor(self).map(|done, actor, ctx| {
            if done.delivered {
                actor.look(ctx); // a channel that was stopped goes on
            }
            done
        }))
    }
}

impl AlertActor {
    /// How long a channel must not be called yet, in milliseconds, as far as nobody is working in it.
    fn held_ms(&mut self, channel: i64) -> i64 {
        let now = self.clock.steady();
        let everywhere = self.shop().held_until.get().map_or(0, |until| until.since_ms(now));
        match self.rooms.get(&channel) {
            Some(Desk::Idle(room)) => room.ready_at(now).since_ms(now).max(everywhere),
            _ => everywhere,
        }
    }
}

impl TestDone {
    fn failed(error: String) -> TestDone {
        TestDone { delivered: false, status: None, error: Some(error) }
    }
}

async fn send_test(shop: &Shop, channel: &Channel) -> TestDone {
    let body = notice::test(&channel.name, shop.clock.now().wall);
    let reply = shop.deliver.post(&channel.url, body).await;
    let (now, id, kept) = (shop.clock.now(), channel.id, reply.clone());
    if let Err(e) = shop.db.write("record test message", move |tx| done::record_reply(tx, id, &kept, now)).await {
        log::error!("channel {}: the test message could not be recorded: {e}", channel.name);
    }
    let error = match reply.outcome {
        Outcome::Delivered { .. } | Outcome::Edited => None,
        Outcome::Retry { error, .. } | Outcome::Refused { error, .. } => Some(error),
    };
    TestDone { delivered: error.is_none(), status: reply.status, error }
}
