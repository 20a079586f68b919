//! The AliveActor: the hub's own heartbeat. It ticks every second, writes the sign of life, and notices when the hub was away.
//!
//! A tick that comes more than two seconds late means that nobody was listening: a deaf window. It is stored, and every
//! watch is told before anything is judged again.

use crate::alert::AlertActor;
use crate::clock::rest_ms;
use crate::db::DbError;
use crate::host::Bench;
use crate::hosts::{AllDeaf, AllLook, HostsActor};
use crate::refusal;
use crate::supervision::{Addr, Context};
use actix::prelude::*;
use domain::time::{Now, Steady};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use store::alive::DeafWindow;

/// Between two ticks.
const TICK_MS: i64 = 1_000;
/// A tick later than this is a deaf window.
const LATE_MS: i64 = 2_000;
/// A change of the distance between wall and steady time larger than this is a step of the wall clock.
const STEP_MS: i64 = 500;
/// Ticks between two sweeps of expired idempotency keys, a bounded number each.
const SWEEP_TICKS: u64 = 5;
/// How long an idempotency key is remembered.
const KEYS_KEPT_MS: i64 = 24 * 3_600_000;

/// Ticks, and says on disk that the hub is alive.
pub struct AliveActor {
    bench: Arc<Bench>,
    hosts: Addr<HostsActor>,
    alerts: Addr<AlertActor>,
    last: Option<Now>,
    /// When the next tick is due after it.
    due_ms: i64,
    ticks: u64,
    writing: bool,
    /// The worst lateness of a tick seen, in milliseconds.
    lag_most_ms: Arc<AtomicI64>,
}

impl AliveActor {
    /// A pacemaker for `hosts`; it tells `alerts` when the store refuses to write.
    pub fn new(bench: Arc<Bench>, hosts: Addr<HostsActor>, alerts: Addr<AlertActor>, lag_most_ms: Arc<AtomicI64>) -> AliveActor {
        AliveActor { bench, hosts, alerts, last: None, due_ms: TICK_MS, ticks: 0, writing: false, lag_most_ms }
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        let now = self.bench.clock.now();
        let last = self.last.replace(now).unwrap_or(now);
        self.ticks += 1;
        let late_ms = now.steady.since_ms(last.steady) - self.due_ms;
        self.lag_most_ms.fetch_max(late_ms, Ordering::Relaxed);
        if late_ms > LATE_MS {
            self.was_away(last.steady, now, ctx);
        }
        self.due_ms = rest_ms(TICK_MS);
        self.bench.tick.store(now.steady.0 + self.due_ms - TICK_MS, Ordering::Relaxed);
        let step_ms = now.offset_ms() - last.offset_ms();
        if step_ms.abs() > STEP_MS {
            log::warn!("the wall clock stepped by {step_ms} ms: schedule windows are computed anew, deadlines are not moved");
            self.hosts.do_send(AllLook);
            self.write_alive(ctx);
        } else if self.ticks.is_multiple_of(2) {
            self.write_alive(ctx);
        }
        refusal::look(&self.bench, &self.alerts, now);
        if self.ticks.is_multiple_of(SWEEP_TICKS) {
            self.sweep(now, ctx);
        }
        ctx.run_later(Duration::from_millis(self.due_ms as u64), Self::tick);
    }

    fn was_away(&mut self, from: Steady, now: Now, ctx: &mut Context<Self>) {
        let gap_ms = now.steady.since_ms(from);
        log::warn!("the hub did not run for {gap_ms} ms: deadlines inside or after that are pushed, nothing is judged by it");
        // Before the tick is fresh again, so that no host judges in between.
        self.bench.judge_from.fetch_max(now.steady.0 + crate::host::DRAIN_MS, Ordering::Relaxed);
        self.hosts.do_send(AllDeaf { from, to: now.steady });
        let db = self.bench.db.clone();
        let stored = async move {
            let window = DeafWindow { from, to: now.steady, reason: "the hub did not run".into(), created_at: now.wall };
            db.write("deaf window", move |tx| store::alive::append_deaf(tx, &window)).await
        };
        ctx.spawn(stored.into_actor(self).map(|done, _, _| {
            if let Err(e) = done {
                log::error!("the deaf window could not be stored: {e}");
            }
        }));
    }

    fn write_alive(&mut self, ctx: &mut Context<Self>) {
        if std::mem::replace(&mut self.writing, true) {
            return;
        }
        let db = self.bench.db.clone();
        let written = async move { db.alive().await }.into_actor(self);
        ctx.spawn(written.map(|done, actor, _| {
            actor.writing = false;
            if let Err(e) = done {
                log::error!("the sign of life could not be stored: {e}");
                actor.note_silence_of_the_disk(&e);
            }
        }));
    }

    /// A disk that does not even answer refuses, too.
    fn note_silence_of_the_disk(&self, error: &DbError) {
        let Bench { clock, db, .. } = &*self.bench;
        if matches!(error, DbError::Unknown(_)) {
            db.refusals().note(clock.now(), "the disk does not answer".into(), db.beats_stored());
        }
    }

    fn sweep(&mut self, now: Now, ctx: &mut Context<Self>) {
        let db = self.bench.db.clone();
        let before = now.wall.plus_ms(-KEYS_KEPT_MS);
        let swept = async move { db.write("sweep keys", move |tx| store::beats::sweep_keys(tx, before)).await };
        ctx.spawn(swept.into_actor(self).map(|done, _, _| {
            if let Err(e) = done {
                log::warn!("expired idempotency keys were not swept: {e}");
            }
        }));
    }
}

impl Actor for AliveActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        // After a panic `last` stays: the time until the next tick is judged as any other gap.
        if self.last.is_none() {
            let now = self.bench.clock.now();
            self.last = Some(now);
            self.bench.tick.store(now.steady.0, Ordering::Relaxed);
        }
        self.write_alive(ctx);
        self.due_ms = TICK_MS;
        ctx.run_later(Duration::from_millis(TICK_MS as u64), Self::tick);
    }
}

impl Supervised for AliveActor {
    fn restarting(&mut self, _: &mut Context<Self>) {
        self.writing = false; // started() follows and arms the next tick
    }
}

impl crate::supervision::Child for AliveActor {}
