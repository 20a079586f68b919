//! The HostsActor: starts, replaces and ends host actors, and tells all of them what concerns all.

use crate::host::{Bench, DRAIN_MS, Deaf, Edited, HostActor, Nudge};
use crate::incident::not_monitored;
use crate::roster::{HostEntry, Pulse, Roster};
use crate::supervision::{Child, ChildId, ChildSpec, Supervisor};
use actix::prelude::*;
use domain::incident::AlertType;
use domain::schedule::BusinessHours;
use domain::time::Steady;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, PoisonError};
use store::hosts::HostRecord;
use store::{Connection, StoreError};

/// Most deaf windows kept in memory; a host silent through more of them is judged by the newest.
const DEAF_KEPT: usize = 1_000;

/// Owns the set of host actors.
pub struct HostsActor {
    bench: Arc<Bench>,
    roster: Arc<Roster>,
    supervisor: Supervisor,
    spec: Arc<ChildSpec>,
}

/// Watch this host: it is new, or the hub is starting.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Admit(pub Vec<HostRecord>);

/// This host's row changed.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Changed(pub Box<HostRecord>);

/// This host is gone.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Dismiss(pub String);

/// The hub could not hear for a while.
#[derive(Message)]
#[rtype(result = "()")]
pub struct AllDeaf {
    /// The last tick before.
    pub from: Steady,
    /// The first tick after.
    pub to: Steady,
}

/// The wall clock stepped: every window is computed anew.
#[derive(Message)]
#[rtype(result = "()")]
pub struct AllLook;

impl HostsActor {
    /// A keeper of no hosts yet; `spec` is shared by all of them.
    pub fn new(bench: Arc<Bench>, roster: Arc<Roster>, supervisor: Supervisor, spec: Arc<ChildSpec>) -> HostsActor {
        HostsActor { bench, roster, supervisor, spec }
    }

    fn admit(&self, record: HostRecord) {
        let run = record.run.as_ref().map(|(_, steady, _)| *steady);
        let pulse = Pulse::new(record.status, record.last_seen, run, record.last_beat_id);
        let watch = self.bench.watch(&record);
        let entry = Arc::new(entry(record, Arc::new(pulse), OnceLock::new()));
        let (bench, watched) = (self.bench.clone(), entry.clone());
        let id = ChildId::from(&entry.host_id);
        let actor = self.supervisor.spawn(&self.spec, id, move |_| HostActor::new(bench, watched, watch));
        drop(entry.actor.set(actor));
        self.roster.put(entry);
    }

    fn tell_all<M>(&self, message: &M)
    where
        M: Message<Result = ()> + Clone + Send + 'static,
        HostActor: Handler<M>,
    {
        for entry in self.roster.all() {
            if let Some(actor) = entry.actor() {
                actor.do_send(message.clone());
            }
        }
    }
}

fn entry(record: HostRecord, pulse: Arc<Pulse>, actor: OnceLock<Addr<HostActor>>) -> HostEntry {
    HostEntry {
        row: record.row,
        host_id: record.spec.host_id,
        name: record.spec.name.into(),
        token_hash: record.token_hash,
        frequency_s: record.spec.frequency_s,
        grace_s: record.spec.grace_s,
        schedule: record.spec.schedule,
        severity: record.spec.severity,
        paused: record.paused,
        pulse,
        actor,
    }
}

impl Actor for HostsActor {
    type Context = Context<Self>;
}

impl Supervised for HostsActor {}

impl Child for HostsActor {}

impl Handler<Admit> for HostsActor {
    type Result = ();

    fn handle(&mut self, admit: Admit, _: &mut Context<Self>) {
        self.roster.reserve(admit.0.len());
        admit.0.into_iter().for_each(|record| self.admit(record));
    }
}

impl Handler<Changed> for HostsActor {
    type Result = ();

    fn handle(&mut self, changed: Changed, _: &mut Context<Self>) {
        let Some(old) = self.roster.find(changed.0.spec.host_id.as_str()) else {
            return self.admit(*changed.0);
        };
        let watch = self.bench.watch(&changed.0);
        let new = Arc::new(entry(*changed.0, old.pulse.clone(), old.actor.clone()));
        self.roster.put(new.clone());
        if let Some(actor) = new.actor() {
            actor.do_send(Edited { entry: new.clone(), watch });
        }
    }
}

impl Handler<Dismiss> for HostsActor {
    type Result = ();

    fn handle(&mut self, gone: Dismiss, _: &mut Context<Self>) {
        if let Some(entry) = self.roster.remove(&gone.0) {
            drop(self.supervisor.terminate(&ChildId::from(&entry.host_id)));
        }
    }
}

impl Handler<AllDeaf> for HostsActor {
    type Result = ();

    fn handle(&mut self, deaf: AllDeaf, _: &mut Context<Self>) {
        {
            let mut windows = self.bench.deaf.write().unwrap_or_else(PoisonError::into_inner);
            windows.push((deaf.from, deaf.to));
            let surplus = windows.len().saturating_sub(DEAF_KEPT);
            windows.drain(..surplus);
        }
        self.bench.judge_from.store(deaf.to.0 + DRAIN_MS, Ordering::Relaxed);
        self.tell_all(&Deaf { from: deaf.from, to: deaf.to });
    }
}

impl Handler<AllLook> for HostsActor {
    type Result = ();

    fn handle(&mut self, _: AllLook, _: &mut Context<Self>) {
        self.tell_all(&Nudge);
    }
}

/// The host in `row`, whole.
pub(crate) fn read_host(conn: &Connection, row: i64, business: &BusinessHours) -> Result<HostRecord, StoreError> {
    match store::hosts::get(conn, row, business)? {
        None => Err(StoreError::NotFound),
        Some(Ok(record)) => Ok(record),
        Some(Err(broken)) => Err(StoreError::Other(format!("host {} cannot be understood: {}", broken.host_id, broken.why))),
    }
}

/// Opens the incident "not monitored" for a host whose actor keeps failing.
pub(crate) async fn report_not_monitored(bench: &Bench, entry: &HostEntry, why: String) {
    let now = bench.clock.now();
    let (row, incident) = (entry.row, not_monitored(entry, now, why));
    let opened = bench.db.write_news("not monitored", move |tx| store::alerts::open(tx, Some(row), &incident, now)).await;
    if let Err(e) = opened {
        log::error!("host {}: it is not monitored, and the alert about that could not be stored: {e}", entry.host_id);
    }
}

/// Closes that incident when the actor lives again.
pub(crate) async fn report_monitored_again(bench: &Bench, entry: &HostEntry) {
    let (row, now) = (entry.row, bench.clock.now());
    let closed = bench.db.write_news("monitored again", move |tx| {
        let open = store::alerts::find_open(tx, Some(row), AlertType::SystemError, "")?;
        open.map_or(Ok(false), |id| store::alerts::resolve(tx, id, "the host is monitored again", now))
    });
    if let Err(e) = closed.await {
        log::error!("host {}: it is monitored again, and that could not be stored: {e}", entry.host_id);
    }
}
