//! The AlertActor: tells people what the outbox says, in order per host, until it has arrived.
//!
//! It keeps nothing that it could not read from the store again. News wakes it, and it also looks by itself; each channel has
//! a room of its own and is held up by no other. Found "on its way" at a start, a notice is sent again and says so.

mod answer;
mod backoff;
pub mod discord;
mod done;
mod examples;
mod letter;
mod pace;
mod plan;
mod room;
mod rows;
#[cfg(test)]
mod tests;
pub mod text;
mod webhook;

use crate::clock::Clock;
use crate::db::{Db, DbError};
use crate::supervision::Child;
use actix::prelude::*;
use discord::{Deliver, Discord, Outcome, Waits, WebhookUrl};
use domain::notice;
use domain::time::{Steady, Wall};
use room::{Room, Shop, millis};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use store::{channels, outbox};
use text::Texts;
use tokio::sync::oneshot;

/// How often it looks by itself.
const LOOK_MS: i64 = 5_000;
/// After the store failed at the start.
const RETRY_MS: i64 = 1_000;
/// A notice that waits longer than this makes the alerts unhealthy.
const WAITING_OLD_MS: i64 = 300_000;

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

/// Begins nothing new and answers when every call in flight has ended; for the shutdown.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Drain;

/// How each channel is.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Result<Vec<ChannelStatus>, DbError>")]
pub struct Status;

/// How a channel is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelStatus {
    /// `channels.id`.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Notices not told yet.
    pub waiting: i64,
    /// When the oldest of them was written.
    pub oldest: Option<Wall>,
    /// How long that is ago, in milliseconds.
    pub oldest_age_ms: i64,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// Why nothing is sent until somebody changes the channel.
    pub stopped: Option<String>,
}

impl ChannelStatus {
    /// Whether people hear what they are to hear.
    pub fn ok(&self) -> bool {
        self.stopped.is_none() && self.oldest_age_ms <= WAITING_OLD_MS
    }

    /// In words: `primary: 3 waiting, the oldest for 2 s`.
    pub fn detail(&self) -> String {
        let mut text = format!("{}: {} waiting", self.name, self.waiting);
        if self.waiting > 0 {
            text += &format!(", the oldest for {} s", self.oldest_age_ms / 1_000);
        }
        match (&self.stopped, &self.last_error) {
            (Some(reason), _) => text + &format!(", stopped: {reason}"),
            (None, Some(error)) => text + &format!(", last error: {error}"),
            (None, None) => text,
        }
    }
}

/// The actor that tells people.
pub struct AlertActor {
    db: Db,
    clock: Clock,
    channels: Arc<dyn Channels>,
    deliver: Box<dyn Fn() -> Rc<dyn Deliver>>,
    links: LinkSigner,
    texts: Rc<Texts>,
    shop: Option<Rc<Shop>>,
    /// What was on its way when the last life ended is known to wait again.
    ready: bool,
    rooms: HashMap<i64, Desk>,
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
            ready: false,
            rooms: HashMap::new(),
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
                actor.ready = true;
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
        ctx.run_later(millis(LOOK_MS), Self::look_by_itself);
    }

    /// Lets somebody work in every room that is free.
    fn look(&mut self, ctx: &mut Context<Self>) {
        let shop = self.shop();
        if !self.ready || shop.draining.get() {
            return;
        }
        let channels = self.channels.channels();
        self.rooms.retain(|id, desk| matches!(desk, Desk::Busy(_)) || channels.iter().any(|channel| channel.id == *id));
        for channel in channels {
            let id = channel.id;
            let room = match self.rooms.insert(id, Desk::Busy(false)) {
                Some(Desk::Busy(_)) => {
                    self.rooms.insert(id, Desk::Busy(true));
                    continue;
                }
                Some(Desk::Idle(room)) if room.channel == channel => *room,
                _ => Room::new(channel),
            };
            let work = room::work(shop.clone(), room).into_actor(self);
            ctx.spawn(work.map(|(room, wake), actor, ctx| actor.leave(room, wake, ctx)));
        }
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
        ctx.run_later(millis(LOOK_MS), Self::look_by_itself);
    }
}

impl Supervised for AlertActor {
    fn restarting(&mut self, _: &mut Context<Self>) {
        // Whoever worked in a room is gone with the old life.
        self.rooms.clear();
        self.drained.clear();
        (self.shop, self.ready, self.alarm) = (None, false, None);
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
    let (at, id, kept) = (shop.clock.now().wall, channel.id, reply.clone());
    if let Err(e) = shop.db.write("record test message", move |tx| done::record_reply(tx, id, &kept, at)).await {
        log::error!("channel {}: the test message could not be recorded: {e}", channel.name);
    }
    let error = match reply.outcome {
        Outcome::Delivered { .. } | Outcome::Edited => None,
        Outcome::Retry { error, .. } | Outcome::Refused { error, .. } => Some(error),
    };
    TestDone { delivered: error.is_none(), status: reply.status, error }
}

impl Handler<Status> for AlertActor {
    type Result = ResponseFuture<Result<Vec<ChannelStatus>, DbError>>;

    fn handle(&mut self, _: Status, _: &mut Context<Self>) -> Self::Result {
        let (db, now) = (self.db.clone(), self.clock.now().wall);
        Box::pin(async move { db.read(move |conn| statuses(conn, now)).await })
    }
}

fn statuses(conn: &store::Connection, now: Wall) -> Result<Vec<ChannelStatus>, store::StoreError> {
    let mut all = Vec::new();
    for channel in channels::list(conn)? {
        let counts = outbox::counts(conn, Some(channel.id))?;
        all.push(ChannelStatus {
            id: channel.id,
            name: channel.name,
            waiting: counts.pending + counts.sending,
            oldest: counts.oldest,
            oldest_age_ms: counts.oldest.map_or(0, |at| now.0.saturating_sub(at.0).max(0)),
            last_error: channel.last_error,
            stopped: channel.stopped_reason,
        });
    }
    Ok(all)
}
