//! The AlertActor: tells people what the outbox says, in order per host, until it has arrived.
//!
//! It keeps nothing that it could not read from the store again. News wakes it, and it also looks by itself; each channel has
//! a room of its own and is held up by no other. Found "on its way" at a start, a notice is sent again and says so.

mod answer;
mod backoff;
mod direct;
pub mod discord;
mod done;
mod examples;
mod letter;
mod pace;
mod plan;
mod preview;
mod room;
mod rows;
mod status;
#[cfg(test)]
mod tests;
pub mod text;
mod trial;
mod webhook;

pub use direct::StoreRefuses;
pub use preview::{Preview, Previewed};
pub use status::{ChannelStatus, Status};
pub use trial::{SendTest, TestDone};

use crate::clock::{Clock, rest_ms};
use crate::db::Db;
use crate::supervision::{Child, Context};
use actix::prelude::*;
use discord::{Deliver, Discord, Waits, WebhookUrl};
use domain::time::Steady;
use pace::SharedPace;
use room::{Room, Shop, millis};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use store::outbox;
use text::Texts;
use tokio::sync::oneshot;

/// How often it looks by itself.
const LOOK_MS: i64 = 5_000;
/// After the store failed at the start.
const RETRY_MS: i64 = 1_000;

/// Where notices go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// `channels.id`.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Its webhook.
    pub url: WebhookUrl,
}

/// Who knows where notices go now; asked before each pass.
pub trait Channels {
    /// Every channel that has a URL.
    fn channels(&self) -> Vec<Channel>;
}

impl<F: Fn() -> Vec<Channel>> Channels for F {
    fn channels(&self) -> Vec<Channel> {
        self()
    }
}

/// The link that acknowledges an alert (`alerts.id`), if the hub knows its public address.
pub type LinkSigner = Arc<dyn Fn(i64) -> Option<String> + Send + Sync>;

/// How notices leave the hub.
pub struct AlertParts {
    /// Makes the adapter, on the actor's own thread and anew at each of its starts.
    pub deliver: Box<dyn Fn() -> Rc<dyn Deliver>>,
    /// Signs the links in messages.
    pub links: LinkSigner,
    /// The templates.
    pub texts: Texts,
}

impl AlertParts {
    /// Over real sockets.
    pub fn discord(waits: Waits, links: LinkSigner, texts: Texts) -> AlertParts {
        AlertParts { deliver: Box::new(move || Rc::new(Discord::new(waits))), links, texts }
    }
}

/// Begins nothing new and answers when every call in flight has ended; for the shutdown.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Drain;

/// The actor that tells people.
pub struct AlertActor {
    db: Db,
    clock: Clock,
    channels: Arc<dyn Channels>,
    deliver: Box<dyn Fn() -> Rc<dyn Deliver>>,
    links: LinkSigner,
    texts: Rc<Texts>,
    shop: Option<Rc<Shop>>,
    rooms: HashMap<i64, Desk>,
    /// How fast each channel was called. It outlives a panic: the other side counts the calls of the old life too.
    paces: HashMap<i64, (Channel, SharedPace)>,
    /// When it looks again because something is due.
    alarm: Option<Steady>,
    drained: Vec<oneshot::Sender<()>>,
    stopping: bool,
}

/// A room and whether somebody works in it.
enum Desk {
    Idle(Box<Room>),
    /// `true`: there was news meanwhile.
    Busy(bool),
}

impl AlertActor {
    /// An actor over `db` for these channels; to be started under a supervisor.
    pub fn new(db: Db, clock: Clock, channels: Arc<dyn Channels>, parts: AlertParts) -> AlertActor {
        let AlertParts { deliver, links, texts } = parts;
        AlertActor {
            db,
            clock,
            channels,
            deliver,
            links,
            texts: Rc::new(texts),
            shop: None,
            rooms: HashMap::new(),
            paces: HashMap::new(),
            alarm: None,
            drained: Vec::new(),
            stopping: false,
        }
    }

    fn shop(&mut self) -> Rc<Shop> {
        let shop = self.shop.get_or_insert_with(|| {
            Rc::new(Shop {
                db: self.db.clone(),
                clock: self.clock.clone(),
                texts: self.texts.clone(),
                links: self.links.clone(),
                deliver: (self.deliver)(),
                recovered: false.into(),
                trouble: None.into(),
                draining: false.into(),
                held_until: None.into(),
            })
        });
        shop.clone()
    }

    /// What was on its way when the last life ended waits again; nothing is sent before that is stored.
    fn recover(&mut self, ctx: &mut Context<Self>) {
        let db = self.db.clone();
        let recovered = async move { db.write("recover notices", outbox::recover).await };
        ctx.spawn(recovered.into_actor(self).map(|done, actor, ctx| match done {
            Ok(count) => {
                if count > 0 {
                    log::warn!("{count} notices were on their way when the hub stopped: they are sent again as possible repeats");
                }
                actor.shop().recovered.set(true);
                actor.look(ctx);
            }
            Err(e) => {
                log::error!("notices wait for the store: {e}");
                ctx.run_later(millis(RETRY_MS), Self::recover);
            }
        }));
    }

    fn listen(&mut self, ctx: &mut Context<Self>) {
        let news = self.db.news();
        ctx.spawn(async move { news.notified().await }.into_actor(self).map(|(), actor, ctx| {
            actor.look(ctx);
            actor.listen(ctx);
        }));
    }

    fn look_by_itself(&mut self, ctx: &mut Context<Self>) {
        self.look(ctx);
        ctx.run_later(millis(rest_ms(LOOK_MS)), Self::look_by_itself);
    }

    /// Lets somebody work in every room that is free.
    fn look(&mut self, ctx: &mut Context<Self>) {
        let shop = self.shop();
        if !shop.has_work() {
            return;
        }
        let channels = self.channels.channels();
        self.rooms.retain(|id, desk| matches!(desk, Desk::Busy(_)) || channels.iter().any(|channel| channel.id == *id));
        self.paces.retain(|id, _| channels.iter().any(|channel| channel.id == *id));
        for channel in channels {
            let id = channel.id;
            let room = match self.rooms.insert(id, Desk::Busy(false)) {
                Some(Desk::Busy(_)) => {
                    self.rooms.insert(id, Desk::Busy(true));
                    continue;
                }
                Some(Desk::Idle(room)) if room.channel == channel => *room,
                _ => self.furnish(channel),
            };
            let work = room::work(shop.clone(), room).into_actor(self);
            ctx.spawn(work.map(|(room, wake), actor, ctx| actor.leave(room, wake, ctx)));
        }
    }

    /// A new room; the pace is the known one unless the channel was changed.
    fn furnish(&mut self, channel: Channel) -> Room {
        let known = self.paces.entry(channel.id).or_insert_with(|| (channel.clone(), SharedPace::default()));
        if known.0 != channel {
            *known = (channel.clone(), SharedPace::default());
        }
        let pace = known.1.clone();
        Room::new(channel, pace)
    }

    /// Nothing is due in this room any more.
    fn leave(&mut self, room: Room, wake: Option<Steady>, ctx: &mut Context<Self>) {
        let id = room.channel.id;
        let news = matches!(self.rooms.insert(id, Desk::Idle(Box::new(room))), Some(Desk::Busy(true)));
        if self.shop().draining.get() {
            return self.finish_if_idle(ctx);
        }
        if let Some(at) = wake {
            self.set_alarm(at, ctx);
        }
        if news {
            self.look(ctx);
        }
    }

    /// Looks again at `at`; there is at most one alarm that is not older than the others.
    fn set_alarm(&mut self, at: Steady, ctx: &mut Context<Self>) {
        let now = self.clock.steady();
        if self.alarm.is_some_and(|set| set > now && set <= at) {
            return;
        }
        self.alarm = Some(at);
        ctx.run_later(millis(at.since_ms(now).max(1)), |actor, ctx| {
            actor.alarm = None;
            actor.look(ctx);
        });
    }

    fn finish_if_idle(&mut self, ctx: &mut Context<Self>) {
        if self.rooms.values().any(|desk| matches!(desk, Desk::Busy(_))) {
            return;
        }
        for drained in self.drained.drain(..) {
            // Who gave up waiting needs no answer.
            let _ = drained.send(());
        }
        if self.stopping {
            ctx.stop();
        }
    }
}

impl Actor for AlertActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.recover(ctx);
        self.listen(ctx);
        ctx.run_later(millis(rest_ms(LOOK_MS)), Self::look_by_itself);
    }
}

impl Supervised for AlertActor {
    fn restarting(&mut self, _: &mut Context<Self>) {
        // Whoever worked in a room is gone with the old life.
        self.rooms.clear();
        self.drained.clear();
        (self.shop, self.alarm) = (None, None);
    }
}

impl Child for AlertActor {
    fn stop_requested(&mut self, ctx: &mut Context<Self>) {
        self.shop().draining.set(true);
        self.stopping = true;
        self.finish_if_idle(ctx);
    }
}

impl Handler<Drain> for AlertActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Drain, ctx: &mut Context<Self>) -> ResponseFuture<()> {
        let (done, drained) = oneshot::channel();
        self.shop().draining.set(true);
        self.drained.push(done);
        self.finish_if_idle(ctx);
        Box::pin(async move { drop(drained.await) })
    }
}
