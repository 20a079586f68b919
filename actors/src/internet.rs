//! The InternetActor: whether the uplink works, told from a round of probes every five minutes, at once when somebody must know, and
//! every few seconds while it does not work or is in doubt.
//!
//! While the uplink is down, verdicts on hosts behind it are held ([`Uplink`](crate::uplink::Uplink)); when it is back, that time counts
//! as one in which they could not be heard, and one incident tells all of it. What it holds is a lease: should it end or hang, hosts are
//! judged without it.

mod outage;

use crate::host::Bench;
use crate::hosts::HostsActor;
use crate::outside::{Call, Caller};
use crate::probe::Probes;
use crate::supervision::{Addr, Child, Context};
use crate::uplink::{ANSWER_MOST_MS, Seen, State};
use crate::upstream::style::Style;
use actix::prelude::*;
use domain::time::{Now, Steady};
use domain::uplink::{Judged, Standing, Step, judge};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use store::outages::Outage;

/// Between two rounds while all is well, unless set otherwise.
pub const EVERY_S: u32 = 300;
/// Before a round that confirms or dispels a doubt: long enough for a router that blinked.
const CONFIRM_MS: i64 = 5_000;
/// Between two rounds while the uplink is down.
const DOWN_EVERY_MS: i64 = 15_000;
/// A round of probes never takes longer than this.
const ROUND_MOST_MS: i64 = 12_000;
/// How much longer than the next round may take what is said counts.
const LEASE_SPARE_MS: i64 = 10_000;
/// After the store failed.
const RETRY_MS: u64 = 1_000;

/// What the monitor is made of.
pub struct InternetParts {
    /// Makes the probes, on the actor's own thread and anew at each of its starts.
    pub probes: Box<dyn Fn() -> Rc<dyn Probes>>,
    /// Makes what calls the reporting URL.
    pub caller: Box<dyn Fn() -> Rc<dyn Caller>>,
    /// `HEALTHCHECKS_URL`, a secret: told after each round what the uplink is.
    pub report_to: Option<String>,
    /// Between two rounds while all is well, in seconds.
    pub every_s: u32,
}

/// Asks for a round at once.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct CheckNow;

/// The monitor of the uplink.
pub struct InternetActor {
    bench: Arc<Bench>,
    hosts: Addr<HostsActor>,
    parts: InternetParts,
    probes: Option<Rc<dyn Probes>>,
    standing: Standing,
    since: Option<Now>,
    outage: Option<Outage>,
    /// A round is under way, or what it told is being stored.
    busy: bool,
    /// The store was asked which outage lasts.
    ready: bool,
    timer: SpawnHandle,
    reported: Option<Steady>,
}

impl InternetActor {
    /// A monitor that tells `hosts` when the uplink was down.
    pub fn new(bench: Arc<Bench>, hosts: Addr<HostsActor>, parts: InternetParts) -> InternetActor {
        InternetActor {
            bench,
            hosts,
            parts,
            probes: None,
            standing: Standing::new(),
            since: None,
            outage: None,
            busy: false,
            ready: false,
            timer: SpawnHandle::default(),
            reported: None,
        }
    }

    /// An outage that began in an earlier life lasts until a round says otherwise.
    fn recover(&mut self, ctx: &mut Context<Self>) {
        let db = self.bench.db.clone();
        let read = async move { db.read(store::outages::lasting).await };
        ctx.spawn(read.into_actor(self).map(|lasting, actor, ctx| match lasting {
            Ok(lasting) => actor.begin(lasting, ctx),
            Err(e) => {
                log::error!("uplink: the store could not be asked for an outage that lasts: {e}");
                ctx.run_later(Duration::from_millis(RETRY_MS), Self::recover);
            }
        }));
    }

    fn begin(&mut self, lasting: Option<Outage>, ctx: &mut Context<Self>) {
        self.ready = true;
        if let Some(outage) = lasting {
            self.standing = Standing::down(outage.verdict);
            self.since = Some(outage.began);
            self.bench.db.uplink().set(State::Down);
            self.outage = Some(outage);
        }
        self.check(ctx);
    }

    /// Hosts that wait for an answer ask by this.
    fn listen(&mut self, ctx: &mut Context<Self>) {
        let uplink = self.bench.db.uplink().clone();
        ctx.spawn(async move { uplink.asked().await }.into_actor(self).map(|(), actor, ctx| {
            actor.check(ctx);
            actor.listen(ctx);
        }));
    }

    fn check(&mut self, ctx: &mut Context<Self>) {
        if !self.ready || std::mem::replace(&mut self.busy, true) {
            return;
        }
        ctx.cancel_future(self.timer);
        let began = self.bench.clock.now();
        self.bench.db.uplink().renew(began.steady.plus_ms(ROUND_MOST_MS + LEASE_SPARE_MS));
        let probes = self.probes.get_or_insert_with(|| (self.parts.probes)()).clone();
        let round = async move { tokio::time::timeout(millis(ROUND_MOST_MS), probes.round()).await };
        ctx.spawn(round.into_actor(self).map(move |round, actor, ctx| match round {
            Ok(round) => actor.heard(judge(&round), began, ctx),
            Err(_) => {
                log::error!("uplink: a round of probes did not end within {ROUND_MOST_MS} ms, which is a fault of the hub's own");
                actor.rest(CONFIRM_MS, ctx);
            }
        }));
    }

    fn heard(&mut self, judged: Judged, began: Now, ctx: &mut Context<Self>) {
        let step = self.standing.take(judged.verdict, began);
        let uplink = self.bench.db.uplink().clone();
        match step {
            Step::Same if judged.verdict.is_online() => {
                uplink.heard(began.steady);
                uplink.set(State::Up);
            }
            Step::Doubt => {
                log::info!("uplink: {} is in doubt: {}", judged.verdict, judged.in_words());
                if self.outage.is_none() {
                    uplink.set(State::Doubt);
                }
            }
            Step::Down { .. } => uplink.set(State::Down),
            Step::Same | Step::Other | Step::Up => {}
        }
        if matches!(step, Step::Up | Step::Down { .. }) || self.since.is_none() {
            self.since = Some(if let Step::Down { since, .. } = step { since } else { began });
        }
        self.hold_on(step);
        let settled = outage::settle(self.bench.clone(), self.hosts.clone(), self.outage.take(), step, judged.clone());
        ctx.spawn(settled.into_actor(self).map(move |outage, actor, ctx| {
            actor.outage = outage;
            actor.settled(step, judged, began, ctx);
        }));
    }

    fn settled(&mut self, step: Step, judged: Judged, began: Now, ctx: &mut Context<Self>) {
        if step == Step::Up {
            let uplink = self.bench.db.uplink();
            uplink.heard(began.steady);
            uplink.set(State::Up);
        }
        let wait_ms = self.hold_on(step);
        let next = self.bench.clock.steady().plus_ms(wait_ms);
        let since = self.since.unwrap_or(began);
        self.report(step, &judged, ctx);
        let confirmed = step != Step::Doubt;
        self.bench.db.uplink().show(Seen { at: began, judged, confirmed, since, next });
        self.rest(wait_ms, ctx);
    }

    /// Renews the lease up to the next round's end; answers how long that round is off.
    fn hold_on(&self, step: Step) -> i64 {
        let online = self.standing.verdict().is_some_and(domain::uplink::Verdict::is_online);
        let wait_ms = match step {
            Step::Doubt => CONFIRM_MS,
            _ if online => i64::from(self.parts.every_s) * 1_000,
            _ => DOWN_EVERY_MS,
        };
        let until = self.bench.clock.steady().plus_ms(wait_ms + ROUND_MOST_MS.max(ANSWER_MOST_MS) + LEASE_SPARE_MS);
        self.bench.db.uplink().renew(until);
        wait_ms
    }

    fn rest(&mut self, wait_ms: i64, ctx: &mut Context<Self>) {
        self.busy = false;
        ctx.cancel_future(self.timer);
        self.timer = ctx.run_later(millis(wait_ms), Self::check);
    }

    /// Tells the outside service: success when online; when not, failure with the evidence, which may or may not get there. Never
    /// about a doubt, and not more often than rounds are due.
    fn report(&mut self, step: Step, judged: &Judged, ctx: &mut Context<Self>) {
        let (Some(url), now) = (self.parts.report_to.as_deref(), self.bench.clock.steady()) else { return };
        let due_ms = i64::from(self.parts.every_s) * 1_000 - CONFIRM_MS;
        let news = matches!(step, Step::Up | Step::Down { .. });
        let due = self.reported.is_none_or(|last| now.since_ms(last) >= due_ms);
        if step == Step::Doubt || !(news || due) {
            return;
        }
        let call = if judged.verdict.is_online() {
            Some(Style::of(url).success(url, crate::settings::Method::Get))
        } else {
            Style::of(url).failure(url, &format!("{}: {}", judged.verdict, judged.in_words()))
        };
        let Some(call) = call else { return };
        self.reported = Some(now);
        self.send(call, ctx);
    }

    fn send(&mut self, call: Call, ctx: &mut Context<Self>) {
        let caller = (self.parts.caller)();
        let called = async move { caller.call(call).await };
        ctx.spawn(called.into_actor(self).map(|done, _, _| {
            if let Err(e) = done {
                log::warn!("uplink: HEALTHCHECKS_URL was not told: {e}");
            }
        }));
    }
}

impl Actor for InternetActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        // A deadline that passes before the first round waits for it.
        self.bench.db.uplink().renew(self.bench.clock.steady().plus_ms(ROUND_MOST_MS + LEASE_SPARE_MS));
        self.listen(ctx);
        self.recover(ctx);
    }
}

impl Supervised for InternetActor {
    fn restarting(&mut self, _: &mut Context<Self>) {
        // What is known is on disk; a round tells the rest.
        (self.probes, self.outage, self.busy, self.ready) = (None, None, false, false);
        self.standing = Standing::new();
    }
}

impl Child for InternetActor {}

impl Handler<CheckNow> for InternetActor {
    type Result = ();

    fn handle(&mut self, _: CheckNow, ctx: &mut Context<Self>) {
        self.check(ctx);
    }
}

fn millis(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}
