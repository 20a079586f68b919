//! The UpstreamActor: tells an outside service that the hub lives, and only when it does: when the canary inside was seen to miss its
//! deadline, the last commit is fresh, timers are on time, and no alert waits. It stops telling when it cannot prove that.
//!
//! Settings count within a second. Each call is about the moment it is made: a success that could not be sent is never sent later.

mod canary;
mod proof;
pub mod style;

use crate::host::Bench;
use crate::outside::{Call, Caller};
use crate::settings::{Settings, Upstream};
use crate::supervision::{Child, ChildSpec, Context, Supervisor};
use actix::prelude::*;
use canary::Canary;
use domain::time::{Now, Steady};
use proof::Proof;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use style::Style;

/// Between two looks at the settings, the clock and the canary.
const LOOK_MS: u64 = 1_000;
/// After a call that failed: it is not the old one that is made again, but a new one with new proof.
const RETRY_MS: i64 = 30_000;

/// What it is made of.
pub struct UpstreamParts {
    /// Makes what calls, on the actor's own thread and anew at each of its starts.
    pub caller: Box<dyn Fn() -> Rc<dyn Caller>>,
}

/// How it stands, for pages and the API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// When a success last arrived.
    pub last_success: Option<Now>,
    /// When it was last tried to tell anything, and what became of that when it failed.
    pub last_call: Option<(Now, Option<String>)>,
    /// Why no success is told now.
    pub silent_because: Vec<String>,
}

/// A handle to [`Standing`]; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Shown(Arc<Mutex<Standing>>);

impl Shown {
    /// How it stands now.
    pub fn get(&self) -> Standing {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut Standing)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// The dead man's switch.
pub struct UpstreamActor {
    bench: Arc<Bench>,
    settings: Arc<Settings>,
    parts: UpstreamParts,
    supervisor: Supervisor,
    spec: Arc<ChildSpec>,
    shown: Shown,
    /// What was in force at the last look.
    known: Upstream,
    /// Since when it has been in force: the canary needs a moment.
    since: Option<Now>,
    canary: Canary,
    next: Steady,
    calling: bool,
}

impl UpstreamActor {
    /// A switch for what `settings` say; its canary is kept by `supervisor` under `spec`.
    pub fn new(
        bench: Arc<Bench>,
        settings: Arc<Settings>,
        parts: UpstreamParts,
        supervisor: Supervisor,
        spec: Arc<ChildSpec>,
        shown: Shown,
    ) -> UpstreamActor {
        let canary = Canary::new(&bench);
        let (known, next) = (Upstream::default(), Steady(i64::MIN));
        UpstreamActor { bench, settings, parts, supervisor, spec, shown, known, since: None, canary, next, calling: false }
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        ctx.run_later(Duration::from_millis(LOOK_MS), Self::look);
        let (wanted, now) = (self.settings.upstream(), self.bench.clock.now());
        if wanted != self.known {
            self.known = wanted;
            self.since = self.known.enabled.then_some(now);
            self.next = now.steady;
            self.shown.change(|standing| *standing = Standing::default());
        }
        if !self.known.enabled {
            return;
        }
        self.feed(now, ctx);
        if now.steady >= self.next && !self.calling {
            self.prove(now, ctx);
        }
    }

    /// Lets the canary live and miss its deadline in turn.
    fn feed(&mut self, now: Now, ctx: &mut Context<Self>) {
        if !self.canary.is_watched() {
            let (bench, entry) = (self.bench.clone(), self.canary.entry());
            let actor = self.supervisor.spawn(&self.spec, canary::ID, move |_| canary::actor(bench, entry));
            self.canary.watched_by(actor);
        }
        if !self.canary.wants_to_be_heard(now.steady) {
            return;
        }
        let (db, at) = (self.bench.db.clone(), now.steady);
        let heard = async move { db.write("canary", move |tx| store::canary::beat(tx, at)).await };
        ctx.spawn(heard.into_actor(self).map(move |done, actor, _| match done {
            Ok(()) => actor.canary.heard(now),
            Err(e) => log::warn!("upstream: the canary was not heard: {e}"),
        }));
    }

    fn prove(&mut self, now: Now, ctx: &mut Context<Self>) {
        self.calling = true;
        let (bench, missed, since) = (self.bench.clone(), self.canary.missed(), self.since);
        let proved = async move { Proof::gather(&bench, missed, since, now).await };
        ctx.spawn(proved.into_actor(self).map(move |proof, actor, ctx| actor.tell(&proof, now, ctx)));
    }

    fn tell(&mut self, proof: &Proof, now: Now, ctx: &mut Context<Self>) {
        let faults = proof.faults();
        let (known, interval_ms) = (self.known.clone(), i64::from(self.known.interval_s) * 1_000);
        self.shown.change(|standing| standing.silent_because.clone_from(&faults));
        let Some(url) = known.url.as_deref() else { return self.rest(now, LOOK_MS as i64) };
        if !faults.is_empty() && proof.is_early() {
            return self.rest(now, LOOK_MS as i64); // nothing is known yet, for good or bad
        }
        let call = if faults.is_empty() {
            Some(Style::of(url).success(url, known.method))
        } else {
            log::warn!("upstream: not told that the hub lives: {}", faults.join("; "));
            Style::of(url).failure(url, &faults.join("; "))
        };
        match call {
            Some(call) => self.send(call, faults.is_empty(), now, interval_ms, ctx),
            None => self.rest(now, RETRY_MS.min(interval_ms)), // silence is the alarm; the hub may be well again soon
        }
    }

    fn send(&mut self, call: Call, success: bool, now: Now, interval_ms: i64, ctx: &mut Context<Self>) {
        let caller = (self.parts.caller)();
        let called = async move { caller.call(call).await };
        ctx.spawn(called.into_actor(self).map(move |done, actor, _| {
            if let Err(e) = &done {
                log::warn!("upstream: the call failed: {e}");
            }
            let taken = done.is_ok();
            actor.shown.change(|standing| {
                standing.last_call = Some((now, done.err()));
                if success && taken {
                    standing.last_success = Some(now);
                }
            });
            // A failure that was told is told again at the next turn; one that ends is told soon.
            actor.rest(now, if taken && success { interval_ms } else { RETRY_MS.min(interval_ms) });
        }));
    }

    fn rest(&mut self, began: Now, ms: i64) {
        self.calling = false;
        self.next = began.steady.plus_ms(ms);
    }
}

impl Actor for UpstreamActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.look(ctx);
    }
}

impl Supervised for UpstreamActor {
    fn restarting(&mut self, _: &mut Context<Self>) {
        self.calling = false; // started() follows and arms the next look
    }
}

impl Child for UpstreamActor {}
