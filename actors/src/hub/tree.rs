//! The hub's supervision tree, as data: who is kept, in which order they start, and what the failure of one means.
//!
//! ```text
//! hub          one_for_one; a core actor that restarts more than 3 times in 60 s ends the process (code 70)
//! ├ db           permanent
//! ├ alert        permanent
//! ├ llm          permanent
//! ├ host keeper  permanent
//! ├ hosts        many, transient; more than 5 restarts in 30 s: given up, told, tried every 5 minutes
//! ├ log keeper   permanent
//! ├ logs         many, transient: one for each host whose log is read, kept as hosts are
//! ├ alive        permanent
//! ├ internet monitor, speed test, upstream monitor   permanent; more than 5 restarts in 60 s: given up, tried every 5 minutes
//! ├ canary       the one host inside: transient
//! └ syslog udp, syslog tcp   added where they are configured; more than 5 restarts in 30 s: given up, tried every 5 minutes
//! ```
//!
//! *Why `one_for_one`.* Nobody here holds what only one life of a sibling knows. The queue, the pulses and the outbox outlive the
//! DbActor: whoever waited for it hears "unknown" and asks again, and addresses stay valid. The AlertActor begins from the
//! outbox, a host from its row, the keeper from the roster. Restarting them with the writer would turn one lost batch into
//! 100,000 reloads from the store that has just failed.
//!
//! *Why this order.* It is the order in which they need each other, and shutdown goes backwards: nobody ticks any more, hosts judge
//! no more, notices in flight end, the writer closes last.

use super::start::Made;
use crate::alert::AlertActor;
use crate::alive::AliveActor;
use crate::hosts::HostsActor;
use crate::internet::InternetActor;
use crate::llm::LlmActor;
use crate::logs::{Desk, LogsActor};
use crate::speed::SpeedActor;
use crate::supervision::{Addr, AdminError, ChildDef, ChildSpec, Flags, GiveUp, Supervisor, Tree};
use crate::upstream::UpstreamActor;
use domain::restart::Intensity;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

/// A single turn of an actor longer than this blocks all of them: the process ends. Starting 100,000 hosts takes one to two seconds.
pub(super) const TURN_MOST_MS: u64 = 60_000;

/// How long a stop waits for a call of Discord's in flight: less than for all actors, so that the store is still closed last.
const LAST_CALL_MS: u64 = 2_000;

/// What holds for the whole tree. Each core actor has its own allowance; together they have none.
pub(super) const FLAGS: Flags = Flags::EACH_FOR_ITSELF;

const DB: ChildSpec = ChildSpec::core("db");
const ALERT: ChildSpec = ChildSpec { shutdown_limit_ms: LAST_CALL_MS, ..ChildSpec::core("alert") };
const LLM: ChildSpec = ChildSpec::core("llm");
const HOST_KEEPER: ChildSpec = ChildSpec::core("host keeper");
/// The group of all host actors.
pub(super) const HOSTS: ChildSpec = ChildSpec::many("hosts");
const LOG_KEEPER: ChildSpec = ChildSpec::core("log keeper");
/// The group of all that read a host's log.
const LOGS: ChildSpec = ChildSpec::many("logs");
const ALIVE: ChildSpec = ChildSpec::core("alive");
const INTERNET: ChildSpec = watcher("internet monitor");
const UPSTREAM: ChildSpec = watcher("upstream monitor");
const SPEED: ChildSpec = watcher("speed test");
/// The group of the built-in canary.
const CANARY: ChildSpec = ChildSpec::many("canary");

/// What looks at the outside: the hub lives without it.
const fn watcher(name: &'static str) -> ChildSpec {
    let mut spec = ChildSpec::worker(name);
    spec.rule.intensity = Intensity { max_restarts: 5, period_ms: 60_000 };
    spec.on_give_up = GiveUp::RetryEvery(300_000);
    spec
}

/// The tree over what `made` holds; `supervisor` will keep it.
pub(super) fn tree(made: &Rc<Made>, supervisor: &Supervisor) -> Tree {
    let (hosts, logs) = (Arc::new(HOSTS), Arc::new(LOGS));
    let tree = Tree::new(FLAGS)
        .with(db(made))
        .with(alert(made))
        .with(llm(made))
        .with(keeper(made, supervisor, &hosts))
        .with(ChildDef::group(&hosts))
        .with(log_keeper(made, supervisor, &logs))
        .with(ChildDef::group(&logs))
        .with(alive(made));
    outside(tree, made, supervisor)
}

/// What looks at the outside, if anything does. The monitor of the uplink starts before anybody is judged: a lease holds hosts
/// behind it until the first round.
fn outside(mut tree: Tree, made: &Rc<Made>, supervisor: &Supervisor) -> Tree {
    if let Some(parts) = made.internet.take() {
        let (made, parts) = (Rc::clone(made), Cell::new(Some(parts)));
        tree = tree.with(ChildDef::fallible(INTERNET, move |_| {
            let hosts = made.hosts.get().cloned().ok_or("the host keeper has no address")?;
            let parts = parts.take().ok_or("the internet monitor was started before")?;
            Ok(Some(InternetActor::new(made.bench.clone(), hosts, parts)))
        }));
    }
    if let Some(parts) = made.speed.take() {
        let (made, parts) = (Rc::clone(made), Cell::new(Some(parts)));
        tree = tree.with(ChildDef::fallible(SPEED, move |_| {
            let parts = parts.take().ok_or("the speed test was started before")?;
            Ok(Some(SpeedActor::new(made.bench.clone(), parts)))
        }));
    }
    if let Some(parts) = made.upstream.take() {
        let (made, supervisor, canaries) = (Rc::clone(made), supervisor.downgrade(), Arc::new(CANARY));
        let (parts, group) = (Cell::new(Some(parts)), ChildDef::group(&canaries));
        tree = tree.with(ChildDef::fallible(UPSTREAM, move |_| {
            let supervisor = supervisor.upgrade().ok_or("its supervisor is gone")?;
            let parts = parts.take().ok_or("the upstream monitor was started before")?;
            let (bench, settings, shown) = (made.bench.clone(), made.settings.clone(), made.upstream_shown.clone());
            Ok(Some(UpstreamActor::new(bench, settings, parts, supervisor, canaries.clone(), shown)))
        }));
        tree = tree.with(group);
    }
    tree
}

fn db(made: &Rc<Made>) -> ChildDef {
    let made = Rc::clone(made);
    ChildDef::new(DB, move |_| made.bench.db.actor(made.exit.clone()))
}

fn alert(made: &Rc<Made>) -> ChildDef {
    let made = Rc::clone(made);
    ChildDef::fallible(ALERT, move |ctx| {
        let _ = made.alerts.set(ctx.address());
        // Restarts keep the actor; nothing in the hub starts it a second time.
        let parts = made.alert.take().ok_or("the alert actor was started before")?;
        let known = made.settings.clone();
        Ok(Some(AlertActor::new(made.bench.db.clone(), made.bench.clock.clone(), Arc::new(move || known.channels()), parts)))
    })
}

fn llm(made: &Rc<Made>) -> ChildDef {
    let made = Rc::clone(made);
    ChildDef::new(LLM, move |ctx| {
        let _ = made.llm.set(ctx.address());
        let parts = &made.log_parts;
        LlmActor::new(made.bench.db.clone(), made.bench.clock.clone(), parts.llm.clone(), parts.llm_limits)
    })
}

fn log_keeper(made: &Rc<Made>, supervisor: &Supervisor, logs: &Arc<ChildSpec>) -> ChildDef {
    let (made, supervisor, logs) = (Rc::clone(made), supervisor.downgrade(), Arc::clone(logs));
    ChildDef::fallible(LOG_KEEPER, move |_| {
        let llm = made.llm.get().cloned().ok_or("the actor that asks models has no address")?;
        let supervisor = supervisor.upgrade().ok_or("its supervisor is gone")?;
        let (db, clock, keyring) = (made.bench.db.clone(), made.bench.clock.clone(), made.keyring.clone());
        let desk = Desk::new(db, clock, keyring, made.log_parts.clone(), llm, made.analysts.clone());
        Ok(Some(LogsActor::new(Arc::new(desk), supervisor, Arc::clone(&logs))))
    })
}

fn keeper(made: &Rc<Made>, supervisor: &Supervisor, hosts: &Arc<ChildSpec>) -> ChildDef {
    let (made, supervisor, hosts) = (Rc::clone(made), supervisor.downgrade(), Arc::clone(hosts));
    ChildDef::fallible(HOST_KEEPER, move |ctx| {
        // Set once: a keeper that is restarted keeps its address.
        let _ = made.hosts.set(ctx.address());
        let (recovered, beyond, hosts) = (made.recovered.take(), made.beyond.take(), Arc::clone(&hosts));
        let supervisor = supervisor.upgrade().ok_or("its supervisor is gone")?;
        Ok(Some(HostsActor::new(made.bench.clone(), made.roster.clone(), supervisor, hosts, recovered, beyond)))
    })
}

fn alive(made: &Rc<Made>) -> ChildDef {
    let made = Rc::clone(made);
    ChildDef::fallible(ALIVE, move |_| {
        // It is declared after the keeper, so the keeper has an address by now.
        let hosts = made.hosts.get().cloned().ok_or("the host keeper has no address")?;
        let alerts = made.alerts.get().cloned().ok_or("the alert actor has no address")?;
        Ok(Some(AliveActor::new(made.bench.clone(), hosts, alerts, made.lag_most_ms.clone())))
    })
}

/// Starts the tree, and says where its actors are.
pub(super) async fn start(made: &Rc<Made>, supervisor: &Supervisor) -> Result<Addrs, AdminError> {
    supervisor.start_tree(&tree(made, supervisor)).await?;
    let not_found = |name: &str| AdminError::NotFound(name.to_owned());
    Ok(Addrs {
        alerts: supervisor.addr(ALERT.name).ok_or_else(|| not_found(ALERT.name))?,
        internet: supervisor.addr(INTERNET.name),
        hosts: supervisor.addr(HOST_KEEPER.name).ok_or_else(|| not_found(HOST_KEEPER.name))?,
        llm: supervisor.addr(LLM.name).ok_or_else(|| not_found(LLM.name))?,
        logs: supervisor.addr(LOG_KEEPER.name).ok_or_else(|| not_found(LOG_KEEPER.name))?,
    })
}

/// The addresses others need.
pub(super) struct Addrs {
    pub(super) alerts: Addr<AlertActor>,
    pub(super) hosts: Addr<HostsActor>,
    pub(super) internet: Option<Addr<InternetActor>>,
    pub(super) llm: Addr<LlmActor>,
    pub(super) logs: Addr<LogsActor>,
}
