//! One channel's room: it takes one step after the other, and every step is committed as "on its way" before the network is
//! touched and settled after it. Rooms share nothing but the store.

use super::answer::{Outcome, Refusal, Reply, Scope};
use super::backoff::backoff_ms;
use super::direct::Trouble;
use super::discord::Deliver;
use super::done::{Asked, Attempt, Done};
use super::letter::Letter;
use super::pace::SharedPace;
use super::plan::{self, Next, Plan};
use super::text::Texts;
use super::{Channel, LinkSigner};
use crate::clock::Clock;
use crate::db::{Db, DbError};
use crate::supervision::Waiting;
use domain::notice::Form;
use domain::policy::Act;
use domain::time::{Steady, Wall};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;
use store::{StoreError, Transaction, outbox};

/// After the store failed.
const STORE_RETRY_MS: u64 = 1_000;
/// After a failure of the whole channel the others go first, so that one message the other side chokes on cannot hold them up.
const STAND_BACK_MS: i64 = 500;
/// A webhook that refused a message and yet exists is tried once more after this long.
const SUSPECT_MS: i64 = 60_000;

/// Who waits for his turn looks this often whether the hub stops.
const DRAIN_LOOK_MS: i64 = 250;

/// What all rooms use.
pub(super) struct Shop {
    pub(super) db: Db,
    pub(super) clock: Clock,
    pub(super) texts: Rc<Texts>,
    pub(super) links: LinkSigner,
    pub(super) deliver: Rc<dyn Deliver>,
    /// What was on its way when the last life ended is known to wait again.
    pub(super) recovered: Cell<bool>,
    /// The store refuses to write, which people are told past it.
    pub(super) trouble: RefCell<Option<Trouble>>,
    /// Nothing new is begun.
    pub(super) draining: Cell<bool>,
    /// The other side asked everybody to wait until then.
    pub(super) held_until: Cell<Option<Steady>>,
}

/// What is known of a channel beyond its rows; it may be forgotten at any time.
pub(super) struct Room {
    pub(super) channel: Channel,
    /// Since when the store refused to write, as it was last told here.
    pub(super) trouble_told: Option<Wall>,
    pace: SharedPace,
    /// Failures of the channel as a whole since something last arrived.
    failures: u32,
    /// It refused, and a probe found it in order.
    suspect: bool,
    /// When a row that was put back is due.
    retry_at: Option<Steady>,
    /// An answer asked for silence until then.
    asked: Option<Steady>,
}

impl Room {
    pub(super) fn new(channel: Channel, pace: SharedPace) -> Room {
        Room { channel, trouble_told: None, pace, failures: 0, suspect: false, retry_at: None, asked: None }
    }

    /// The first instant at which the channel may be called.
    pub(super) fn ready_at(&self, now: Steady) -> Steady {
        self.pace.borrow().ready_at(now)
    }

    /// Failures of the channel as a whole since something last arrived.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    pub(super) fn arrived(&mut self) {
        (self.failures, self.suspect) = (0, false);
    }

    fn wake_at(&mut self, due: Option<Steady>, now: Steady) -> Option<Steady> {
        self.retry_at = self.retry_at.filter(|at| *at > now);
        [self.retry_at, due].into_iter().flatten().min()
    }
}

/// The last answer to a letter.
struct Sent {
    outcome: Outcome,
    attempts: Vec<Attempt>,
    /// How many of the plan's incidents the last body named.
    named: usize,
}

/// Takes steps until nothing is due; answers the room and when to come back.
pub(super) async fn work(shop: Rc<Shop>, mut room: Room) -> (Room, Option<Steady>) {
    loop {
        let now = shop.clock.now();
        if shop.draining.get() {
            return (room, None);
        }
        let ready = shop.ready_at(&room, now.steady);
        if ready > now.steady {
            return (room, Some(ready));
        }
        let id = room.channel.id;
        let next = shop.db.read(move |conn| plan::read(conn, id, now)).await;
        if !matches!(next, Ok(Next::Stopped | Next::Held(_))) {
            if let Some(trouble) = shop.untold_trouble(&room) {
                shop.tell_trouble(&mut room, trouble).await;
                continue;
            }
            if !shop.recovered.get() {
                return (room, None);
            }
        }
        let done = match next {
            Ok(Next::Stopped) => return (room, None),
            Ok(Next::Held(until)) => return (room, Some(until)),
            Ok(Next::Wait(due)) => {
                let wake = room.wake_at(due, now.steady);
                return (room, wake);
            }
            Ok(Next::Step(plan)) => shop.carry_out(&mut room, &plan).await,
            Err(e) => Err(e),
        };
        if let Err(e) = done {
            log::error!("channel {}: the next step waits for the store: {e}", room.channel.name);
            return (room, Some(shop.clock.steady().plus_ms(STORE_RETRY_MS as i64)));
        }
    }
}

impl Shop {
    fn ready_at(&self, room: &Room, now: Steady) -> Steady {
        self.held_until.get().map_or(now, |until| until.max(now)).max(room.ready_at(now))
    }

    async fn carry_out(&self, room: &mut Room, plan: &Plan) -> Result<(), DbError> {
        let now = self.clock.now();
        let reason = plan.reason.as_str();
        let letter = if plan.act == Act::Skip { None } else { Letter::new(plan, &self.texts, |id| (self.links)(id), now.wall) };
        let Some(letter) = letter else {
            let (rows, _) = plan.split(usize::MAX);
            return self.db.write("skip notices", move |tx| outbox::skip(tx, &rows, reason)).await;
        };
        let (body, named) = letter.body(Form::Full);
        let (rows, _) = plan.split(named);
        self.mark_sending(room, &rows, reason).await?;
        match self.send(room, plan, &letter, body, named).await {
            Some(sent) => self.settle(room, plan, rows, sent).await,
            None => self.insist(room, "put back", move |tx| outbox::put_back(tx, &rows)).await,
        }
        Ok(())
    }

    /// Commits that these rows are on their way; all of them or none.
    async fn mark_sending(&self, room: &mut Room, rows: &[i64], reason: &'static str) -> Result<(), DbError> {
        let ids = rows.to_vec();
        let marked = self.db.write("mark sending", move |tx| {
            let marked = outbox::mark_sending(tx, &ids, reason)?;
            // Somebody removed a host meanwhile: look again.
            if marked == ids.len() { Ok(()) } else { Err(StoreError::Busy("the notices changed meanwhile".into())) }
        });
        let Err(e) = marked.await else { return Ok(()) };
        if matches!(e, DbError::Unknown(_)) {
            // They may be marked, and certainly nothing was sent.
            let (ids, now) = (rows.to_vec(), self.clock.steady());
            let back = move |tx: &Transaction<'_>| outbox::mark_retry(tx, &ids, now, "not sent: the store did not answer", false);
            self.insist(room, "unmark sending", back).await;
        }
        Err(e)
    }

    /// Sends the letter, in a smaller form if the other side refuses a larger one, as a new message if the old one is gone.
    /// `None` when the hub stops and nothing is there: not sent yet, or refused.
    async fn send(&self, room: &mut Room, plan: &Plan, letter: &Letter, body: serde_json::Value, named: usize) -> Option<Sent> {
        let (mut body, mut named, mut form) = (body, named, Form::Full);
        let mut old = plan.old.as_ref().map(|old| old.remote_id.as_str());
        let mut attempts = Vec::new();
        loop {
            if !self.take_turn(room).await {
                return None;
            }
            let waiting = Waiting::on("discord");
            let reply = match old {
                Some(remote_id) => self.deliver.edit(&room.channel.url, remote_id, body).await,
                None => self.deliver.post(&room.channel.url, body).await,
            };
            drop(waiting);
            attempts.push(self.note(room, &reply));
            let Outcome::Refused { kind, .. } = &reply.outcome else {
                return Some(Sent { outcome: reply.outcome, attempts, named });
            };
            match (kind, form) {
                (Refusal::Gone, _) if old.is_some() => (old, form) = (None, Form::Full),
                (Refusal::Filtered, Form::Full) => form = Form::Unquoted,
                (Refusal::Message, Form::Full) | (Refusal::Message | Refusal::Filtered, Form::Unquoted) => form = Form::Minimal,
                _ => return Some(Sent { outcome: reply.outcome, attempts, named }),
            }
            (body, named) = letter.body(form);
        }
    }

    /// Waits until the channel may be called, and counts the call. `false` when the hub stops: it is not to be called.
    pub(super) async fn take_turn(&self, room: &mut Room) -> bool {
        loop {
            if self.draining.get() {
                return false;
            }
            let now = self.clock.steady();
            let wait_ms = self.ready_at(room, now).since_ms(now);
            if wait_ms <= 0 {
                room.pace.borrow_mut().call(now);
                return true;
            }
            tokio::time::sleep(millis(wait_ms.min(DRAIN_LOOK_MS))).await;
        }
    }

    /// What an answer says about the next call, and the line about it in the delivery log.
    pub(super) fn note(&self, room: &mut Room, reply: &Reply) -> Attempt {
        let now = self.clock.now();
        if reply.pause_ms > 0 {
            let until = later(now.steady, reply.pause_ms);
            room.asked = room.asked.max(Some(until));
            room.pace.borrow_mut().hold(until);
        }
        Attempt::new(reply, now.wall)
    }

    async fn settle(&self, room: &mut Room, plan: &Plan, rows: Vec<i64>, sent: Sent) {
        let now = self.clock.now();
        let mut done = Done { channel: room.channel.id, rows, now, attempts: sent.attempts, asked: self.asked(room) };
        match sent.outcome {
            Outcome::Delivered { remote_id } => {
                room.arrived();
                let old = plan.old.as_ref().map(|old| old.rows.clone()).unwrap_or_default();
                let (told, left) = plan.split(sent.named);
                self.insist(room, "mark sent", move |tx| done.sent(tx, &[&told[..], &old].concat(), &left, &remote_id)).await;
            }
            Outcome::Edited => {
                room.arrived();
                self.insist(room, "mark edited", move |tx| done.edited(tx)).await;
            }
            Outcome::Retry { after_ms, error, scope, ambiguous } => {
                let next = self.put_off(room, plan, &done.rows, after_ms, scope, now.steady);
                done.asked = self.asked(room);
                log::warn!(
                    "channel {}: {} notices are tried again in {} ms: {error}",
                    room.channel.name,
                    done.rows.len(),
                    next.since_ms(now.steady)
                );
                self.insist(room, "mark retry", move |tx| done.retry(tx, next, &error, ambiguous)).await;
            }
            Outcome::Refused { kind: Refusal::Channel, error } => self.channel_refused(room, plan, done, error).await,
            Outcome::Refused { error, .. } => {
                log::error!("channel {}: refused in every form, given up: {error}", room.channel.name);
                self.insist(room, "mark refused", move |tx| done.refused(tx, &error)).await;
            }
        }
    }

    /// Who waits how long after a failed attempt; answers when these rows are due again.
    fn put_off(&self, room: &mut Room, plan: &Plan, rows: &[i64], after_ms: Option<u64>, scope: Scope, now: Steady) -> Steady {
        let seed = rows.first().copied().unwrap_or(0);
        let own = later(now, backoff_ms(plan.attempts, seed));
        let next = match (scope, after_ms) {
            (Scope::Message, after_ms) => after_ms.map_or(own, |ms| later(now, ms)),
            (_, Some(ms)) => {
                let until = self.hold(room, scope, later(now, ms));
                room.asked = room.asked.max(Some(until));
                until
            }
            (_, None) => {
                let held = self.hold(room, scope, later(now, backoff_ms(room.failures, seed)));
                held.max(own).plus_ms(STAND_BACK_MS)
            }
        };
        room.retry_at = Some(room.retry_at.filter(|at| *at > now).map_or(next, |at| at.min(next)));
        next
    }

    fn asked(&self, room: &Room) -> Asked {
        Asked { here: room.asked, everywhere: self.held_until.get() }
    }

    pub(super) fn hold(&self, room: &mut Room, scope: Scope, until: Steady) -> Steady {
        room.failures = room.failures.saturating_add(1);
        room.pace.borrow_mut().hold(until);
        if scope == Scope::Everywhere {
            self.held_until.set(self.held_until.get().max(Some(until)));
        }
        until
    }

    /// The channel itself refused: one look whether it is there, and if it is not, or refuses once more, it is stopped.
    async fn channel_refused(&self, room: &mut Room, plan: &Plan, mut done: Done, error: String) {
        if room.suspect {
            return self.stop(room, done, error).await;
        }
        if !self.take_turn(room).await {
            let next = done.now.steady;
            return self.insist(room, "mark retry", move |tx| done.retry(tx, next, &error, false)).await;
        }
        let probe = self.deliver.probe(&room.channel.url).await;
        done.attempts.push(self.note(room, &probe));
        done.now = self.clock.now();
        match probe.outcome {
            Outcome::Refused { error: again, .. } => {
                let why = if again == error { error } else { format!("{error}; asked again: {again}") };
                self.stop(room, done, why).await;
            }
            Outcome::Retry { after_ms, scope, .. } => {
                let next = self.put_off(room, plan, &done.rows, after_ms, scope, done.now.steady);
                done.asked = self.asked(room);
                self.insist(room, "mark retry", move |tx| done.retry(tx, next, &error, false)).await;
            }
            Outcome::Delivered { .. } | Outcome::Edited => {
                room.suspect = true;
                let next = self.hold(room, Scope::Channel, done.now.steady.plus_ms(SUSPECT_MS));
                self.insist(room, "mark retry", move |tx| done.retry(tx, next, &error, false)).await;
            }
        }
    }

    async fn stop(&self, room: &mut Room, done: Done, reason: String) {
        log::error!("channel {} is stopped until somebody changes it: {reason}", room.channel.name);
        room.suspect = false;
        self.insist(room, "stop channel", move |tx| done.stopped(tx, &reason)).await;
    }

    /// Writes what has happened at the other side. It cannot be taken back, so it is tried until it is stored: the rows
    /// stay "on their way" meanwhile, and a crash makes them possible repeats.
    async fn insist<F>(&self, room: &mut Room, name: &'static str, change: F)
    where
        F: FnOnce(&Transaction<'_>) -> Result<(), StoreError> + Clone + Send + 'static,
    {
        let mut wait_ms = STORE_RETRY_MS;
        while let Err(e) = self.db.write(name, change.clone()).await {
            log::error!("{name}: what happened could not be stored: {e}");
            if self.draining.get() || matches!(e, DbError::Stopping) {
                return;
            }
            if let Some(trouble) = self.untold_trouble(room) {
                self.tell_trouble(room, trouble).await;
            }
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
            wait_ms = (wait_ms * 2).min(30_000);
        }
    }
}

pub(super) fn later(now: Steady, ms: u64) -> Steady {
    now.plus_ms(i64::try_from(ms).unwrap_or(i64::MAX))
}

pub(super) fn millis(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}
