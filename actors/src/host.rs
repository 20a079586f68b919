//! The HostActor: one monitored host. It owns the heartbeat timer and the schedule window, and decides by its [`Watch`] alone.
//!
//! Heartbeats reach it through its [`Pulse`](crate::roster::Pulse), which it reads whenever it looks; a message is sent only when something
//! other than `last_seen` changed. The timer only wakes; each decision is computed again from state. Its state is
//! rebuilt from the store after a panic, never revived.

use crate::clock::Clock;
use crate::db::{Db, DbError, Judgement};
use crate::incident::overdue;
use crate::roster::HostEntry;
use crate::supervision::Context;
use actix::prelude::*;
use domain::schedule::BusinessHours;
use domain::signal::Signal;
use domain::time::{Now, Steady};
use domain::watch::{Explanation, Reason, Verdict, Watch};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use store::StoreError;
use store::hosts::HostRecord;
use store::verdicts::Basis;

/// A judgement waits for a tick of the hub at most this old: an older one means the hub itself was away.
pub(crate) const TICK_FRESH_MS: i64 = 3_000;
/// How long input that waited in sockets is drained before anything is judged after the hub was away.
pub(crate) const DRAIN_MS: i64 = 1_000;
/// When to look again at a verdict that could not be stored.
const RETRY_MS: u64 = 1_000;
/// When to look again at a host that is never due.
const NEVER_DUE_MS: u64 = 24 * 3_600_000;
/// Timers longer than this are split: nothing is lost by waking once a day.
const SLEEP_MOST_MS: u64 = 24 * 3_600_000;

/// What every host's actor needs from the hub, shared by all of them.
pub struct Bench {
    /// The time.
    pub clock: Clock,
    /// The store.
    pub db: Db,
    /// Business hours as configured.
    pub business: BusinessHours,
    /// The hub's last tick, in steady milliseconds.
    pub tick: AtomicI64,
    /// Nothing is judged before this steady instant.
    pub judge_from: AtomicI64,
    /// When the hub could not hear.
    pub deaf: RwLock<Vec<(Steady, Steady)>>,
}

impl Bench {
    /// Whether the hub has been listening up to now, so that silence means something.
    fn is_listening(&self, now: Now) -> bool {
        now.steady.0 - self.tick.load(Ordering::Relaxed) <= TICK_FRESH_MS
            && now.steady.0 >= self.judge_from.load(Ordering::Relaxed)
    }

    /// The judge of a host as the store knows it, with every later deaf window replayed.
    pub fn watch(&self, record: &HostRecord) -> Watch {
        let mut watch =
            Watch::new(record.spec.frequency_s, record.spec.grace_s, record.spec.schedule.clone(), record.judged_from);
        watch.status = record.status;
        watch.paused = record.paused;
        watch.silenced_until = record.silenced_until;
        watch.last_seen = record.last_seen.map(|(_, steady)| steady);
        watch.run_started = record.run.as_ref().map(|(_, steady, _)| *steady);
        watch.run_extra_s = record.run_extra_s;
        self.replay_absences(&mut watch);
        watch
    }

    /// The judge of a host as memory knows it: for pages, which ask no actor and no store.
    pub(crate) fn watch_now(&self, entry: &HostEntry) -> Watch {
        let mut watch = Watch::new(entry.frequency_s, entry.grace_s, entry.schedule.clone(), entry.judged_from);
        watch.status = entry.pulse.status();
        watch.paused = entry.paused;
        watch.silenced_until = entry.silenced_until;
        watch.last_seen = entry.pulse.last_seen();
        watch.run_started = entry.pulse.run_started();
        watch.run_extra_s = entry.pulse.run_extra_s();
        self.replay_absences(&mut watch);
        watch
    }

    fn replay_absences(&self, watch: &mut Watch) {
        let life = watch.last_seen.map_or(watch.judged_from, |seen| seen.max(watch.judged_from));
        let now = self.clock.now();
        for (from, to) in self.deaf.read().unwrap_or_else(PoisonError::into_inner).iter().filter(|w| w.1 > life) {
            watch.on_deaf((*from).max(life), *to, now);
        }
    }
}

/// Something other than `last_seen` changed: look again.
#[derive(Message, Clone, Copy)]
#[rtype(result = "()")]
pub struct Nudge;

/// The host was edited, paused, silenced or resumed.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Edited {
    /// The host as the rest of the hub now sees it.
    pub entry: Arc<HostEntry>,
    /// Its judge, made from the committed row.
    pub watch: Watch,
    /// Which row that was.
    pub basis: Basis,
}

/// The hub was away between two instants.
#[derive(Message, Clone, Copy)]
#[rtype(result = "()")]
pub struct Deaf {
    /// The last tick before.
    pub from: Steady,
    /// The first tick after.
    pub to: Steady,
}

/// Why is the host up, late or down, and when would it alert?
#[derive(Message)]
#[rtype(result = "Explanation")]
pub struct Explain;

/// Panics in the handler, with the state half-changed: for the tests of supervision.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Crash(pub &'static str);

/// One monitored host.
pub struct HostActor {
    bench: Arc<Bench>,
    entry: Arc<HostEntry>,
    watch: Watch,
    basis: Basis,
    timer: SpawnHandle,
    judging: bool,
    /// A panic was here: nothing is believed before the row is read again.
    stale: bool,
}

impl HostActor {
    /// An actor for `entry`, judged by `watch`, which was made from the row that `basis` names.
    pub fn new(bench: Arc<Bench>, entry: Arc<HostEntry>, watch: Watch, basis: Basis) -> HostActor {
        HostActor { bench, entry, watch, basis, timer: SpawnHandle::default(), judging: false, stale: false }
    }
}

impl Actor for HostActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.look(ctx);
    }
}

impl Supervised for HostActor {
    fn restarting(&mut self, ctx: &mut Context<Self>) {
        self.timer = SpawnHandle::default();
        self.judging = false;
        self.stale = true;
        self.reload(ctx);
    }
}

impl crate::supervision::Child for HostActor {}

impl Handler<Nudge> for HostActor {
    type Result = ();

    fn handle(&mut self, _: Nudge, ctx: &mut Context<Self>) {
        self.look(ctx);
    }
}

impl Handler<Edited> for HostActor {
    type Result = ();

    fn handle(&mut self, edited: Edited, ctx: &mut Context<Self>) {
        self.entry = edited.entry;
        (self.watch, self.basis) = (edited.watch, edited.basis);
        self.look(ctx);
    }
}

impl Handler<Deaf> for HostActor {
    type Result = ();

    fn handle(&mut self, deaf: Deaf, ctx: &mut Context<Self>) {
        self.catch_up();
        self.watch.on_deaf(deaf.from, deaf.to, self.bench.clock.now());
        self.look(ctx);
    }
}

impl Handler<Explain> for HostActor {
    type Result = MessageResult<Explain>;

    fn handle(&mut self, _: Explain, _: &mut Context<Self>) -> MessageResult<Explain> {
        self.catch_up();
        MessageResult(self.watch.explain(self.bench.clock.now()))
    }
}

impl Handler<Crash> for HostActor {
    type Result = ();

    fn handle(&mut self, crash: Crash, _: &mut Context<Self>) {
        // Half-changed, as a real panic may leave it: who believes this state afterwards judges no more.
        self.watch.paused = true;
        panic!("{}", crash.0);
    }
}

impl HostActor {
    /// Takes over what the pulse has heard and the writer has committed.
    fn catch_up(&mut self) {
        let pulse = &self.entry.pulse;
        let pushed = self.watch.run_started;
        if let Some(seen) = pulse.last_seen()
            && self.watch.last_seen.is_none_or(|known| seen > known)
        {
            self.watch.on_beat(Signal::Success, seen);
        }
        self.watch.status = pulse.status();
        self.watch.run_started = match (pushed, pulse.run_started()) {
            (Some(pushed), Some(told)) => Some(pushed.max(told)), // an absence of the hub pushes a run, the pulse does not know
            (_, told) => told,
        };
        self.watch.run_extra_s = pulse.run_extra_s();
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        if self.judging || self.stale {
            return; // the answer looks again
        }
        self.catch_up();
        let now = self.bench.clock.now();
        let verdict = self.watch.evaluate(now);
        self.entry.pulse.set_due(match verdict {
            Verdict::Waiting { deadline } | Verdict::Overdue { deadline, .. } => Some(deadline),
            Verdict::Paused | Verdict::Down | Verdict::NeverDue => None,
        });
        match verdict {
            Verdict::Overdue { .. } if !self.bench.is_listening(now) => self.wake_in(DRAIN_MS as u64 / 4, ctx),
            Verdict::Overdue { deadline, reason } => self.judge(now, deadline, reason, ctx),
            Verdict::Waiting { .. } => match self.watch.wake_at(now) {
                Some(at) => self.wake_in(u64::try_from(at.since_ms(now.steady)).unwrap_or(0), ctx),
                None => self.wake_in(NEVER_DUE_MS, ctx),
            },
            Verdict::NeverDue => self.wake_in(NEVER_DUE_MS, ctx),
            Verdict::Paused | Verdict::Down => {
                ctx.cancel_future(self.timer);
            }
        }
    }

    fn wake_in(&mut self, ms: u64, ctx: &mut Context<Self>) {
        ctx.cancel_future(self.timer);
        let wait = Duration::from_millis(ms.clamp(1, SLEEP_MOST_MS));
        self.timer = ctx.run_later(wait, |actor, ctx| actor.look(ctx));
    }

    /// Asks the store to make the verdict true; the row decides, not this memory.
    fn judge(&mut self, now: Now, deadline: Steady, reason: Reason, ctx: &mut Context<Self>) {
        self.judging = true;
        ctx.cancel_future(self.timer);
        // "up: last seen …; overdue since …": the first half is what it was until now.
        let text = self.watch.explain(now).text;
        let why = text.split_once("; ").map_or(text.clone(), |(_, since)| since.to_owned());
        let incident = overdue(&self.entry, now, deadline, reason, why);
        let judgement =
            Judgement { entry: self.entry.clone(), seen: self.entry.pulse.last_seen(), basis: self.basis, now, incident };
        let db = self.bench.db.clone();
        let asked = async move { db.judge(judgement).await }.into_actor(self);
        ctx.spawn(asked.map(move |answer, actor, ctx| actor.judged(answer, deadline, ctx)));
    }

    fn judged(&mut self, answer: Result<bool, DbError>, deadline: Steady, ctx: &mut Context<Self>) {
        self.judging = false;
        match answer {
            Ok(holds) => {
                if holds {
                    let lag_ms = self.bench.clock.steady().since_ms(deadline);
                    log::warn!("host {} is down: on disk {lag_ms} ms after its deadline", self.entry.host_id);
                }
                self.look_again(holds, ctx);
            }
            Err(DbError::Stopping) => {}
            Err(e) => {
                log::warn!("host {}: the verdict could not be stored, trying again: {e}", self.entry.host_id);
                self.wake_in(RETRY_MS, ctx);
            }
        }
    }

    /// A verdict that did not hold is made again from the row, and not at once: memory and row may disagree for good.
    fn look_again(&mut self, held: bool, ctx: &mut Context<Self>) {
        self.catch_up();
        let still = matches!(self.watch.evaluate(self.bench.clock.now()), Verdict::Overdue { .. });
        if held || !still {
            return self.look(ctx);
        }
        ctx.cancel_future(self.timer);
        self.timer = ctx.run_later(Duration::from_millis(RETRY_MS), |actor, ctx| actor.reload(ctx));
    }

    /// Rebuilds the judge from the store before any queued message is handled.
    fn reload(&mut self, ctx: &mut Context<Self>) {
        let (db, row, business) = (self.bench.db.clone(), self.entry.row, self.bench.business.clone());
        let read = async move { db.read(move |conn| crate::hosts::read_host(conn, row, &business)).await }.into_actor(self);
        ctx.wait(read.map(|record, actor, ctx| match record {
            Ok(record) => {
                (actor.watch, actor.basis) = (actor.bench.watch(&record), Basis::of(&record));
                actor.stale = false;
                actor.look(ctx);
            }
            Err(DbError::Store(e)) if matches!(*e, StoreError::NotFound) => ctx.stop(), // removed meanwhile
            Err(e) => {
                log::error!("host {}: it could not be read again and is not judged until it can: {e}", actor.entry.host_id);
                actor.timer = ctx.run_later(Duration::from_millis(RETRY_MS), |actor, ctx| actor.reload(ctx));
            }
        }));
    }
}
