//! The HostsActor: starts, replaces and ends host actors, and tells all of them what concerns all.

use crate::db::DbError;
use crate::host::{Bench, DRAIN_MS, Deaf, Edited, HostActor, Nudge};
use crate::incident::not_monitored;
use crate::roster::{HostEntry, Pulse, Roster, search_text};
use crate::supervision::{Addr, Child, ChildId, ChildSpec, Context, Supervisor};
use actix::prelude::*;
use domain::incident::AlertType;
use domain::schedule::BusinessHours;
use domain::time::{Now, Steady};
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Duration;
use store::alerts::AlertFilter;
use store::hosts::HostRecord;
use store::verdicts::Basis;
use store::{Connection, StoreError, Transaction};

/// Most deaf windows kept in memory; a host silent through more of them is judged by the newest.
const DEAF_KEPT: usize = 1_000;

/// Owns the set of host actors.
pub struct HostsActor {
    bench: Arc<Bench>,
    roster: Arc<Roster>,
    supervisor: Supervisor,
    spec: Arc<ChildSpec>,
    /// Hosts to watch from its first turn on.
    recovered: Vec<HostRecord>,
}

/// Watch these hosts, as committed in this revision: they are new.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Admit(pub Vec<HostRecord>, pub u64);

/// This host's row changed, in this revision.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Changed(pub Box<HostRecord>, pub u64);

/// This host, by id and row, is gone.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Dismiss(pub String, pub i64);

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
    /// A keeper of the hosts the hub found at its start; `spec` is shared by all hosts.
    pub fn new(
        bench: Arc<Bench>,
        roster: Arc<Roster>,
        supervisor: Supervisor,
        spec: Arc<ChildSpec>,
        recovered: Vec<HostRecord>,
    ) -> HostsActor {
        HostsActor { bench, roster, supervisor, spec, recovered }
    }

    fn admit_all(&self, records: Vec<HostRecord>, revision: u64) {
        self.roster.reserve(records.len());
        records.into_iter().for_each(|record| self.admit(record, revision));
    }

    fn admit(&self, record: HostRecord, revision: u64) {
        if self.roster.find(record.spec.host_id.as_str()).is_some_and(|known| known.row == record.row) {
            return; // told twice: by the writer and by whoever asked
        }
        let run = record.run.as_ref().map(|(_, steady, _)| *steady);
        let pulse = Pulse::new(record.status, record.last_seen, run, record.last_beat_id);
        pulse.set_run(run, record.run_extra_s);
        let (watch, basis) = (self.bench.watch(&record), Basis::of(&record));
        let entry = Arc::new(entry(record, revision, Arc::new(pulse), OnceLock::new()));
        let (bench, watched) = (self.bench.clone(), entry.clone());
        let id = ChildId::from(&entry.host_id);
        let actor = self.supervisor.spawn(&self.spec, id, move |_| HostActor::new(bench, watched, watch, basis));
        drop(entry.actor.set(actor));
        self.roster.put(&entry);
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

fn entry(record: HostRecord, revision: u64, pulse: Arc<Pulse>, actor: OnceLock<Addr<HostActor>>) -> HostEntry {
    HostEntry {
        row: record.row,
        text: search_text(&record.spec),
        silenced_until: record.silenced_until,
        judged_from: record.judged_from,
        host_id: record.spec.host_id,
        name: record.spec.name.into(),
        token_hash: record.token_hash,
        frequency_s: record.spec.frequency_s,
        grace_s: record.spec.grace_s,
        schedule: record.spec.schedule,
        severity: record.spec.severity,
        paused: record.paused,
        revision,
        pulse,
        actor,
    }
}

impl Actor for HostsActor {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Context<Self>) {
        let recovered = std::mem::take(&mut self.recovered);
        self.admit_all(recovered, 0);
    }
}

impl Supervised for HostsActor {}

impl Child for HostsActor {}

impl Handler<Admit> for HostsActor {
    type Result = ();

    fn handle(&mut self, admit: Admit, _: &mut Context<Self>) {
        self.admit_all(admit.0, admit.1);
    }
}

impl Handler<Changed> for HostsActor {
    type Result = ();

    fn handle(&mut self, changed: Changed, _: &mut Context<Self>) {
        let Changed(mut record, revision) = changed;
        // Answers of the store may overtake each other, and the host may be gone or another one by now.
        let known = self.roster.find(record.spec.host_id.as_str()).filter(|e| e.row == record.row && e.revision < revision);
        let Some(old) = known else { return };
        // The row may be behind what was heard.
        record.last_seen = old.pulse.last_seen_wall().zip(old.pulse.last_seen()).or(record.last_seen);
        let (watch, basis) = (self.bench.watch(&record), Basis::of(&record));
        let new = Arc::new(entry(*record, revision, old.pulse.clone(), old.actor.clone()));
        self.roster.put(&new);
        if let Some(actor) = new.actor() {
            actor.do_send(Edited { entry: new.clone(), watch, basis });
        }
    }
}

impl Handler<Dismiss> for HostsActor {
    type Result = ();

    fn handle(&mut self, gone: Dismiss, _: &mut Context<Self>) {
        let Dismiss(host_id, row) = gone;
        if self.roster.find(&host_id).is_none_or(|entry| entry.row != row) {
            return; // a new host has the id by now
        }
        if let Some(entry) = self.roster.remove(&host_id) {
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

/// Between two tries to store what must be told.
const TELL_AGAIN: Duration = Duration::from_secs(5);

/// Opens the incident "not monitored" for a host whose actor keeps failing.
pub(crate) async fn report_not_monitored(bench: &Bench, entry: &HostEntry, why: String) {
    let (row, incident) = (entry.row, not_monitored(entry, bench.clock.now(), why));
    until_stored(bench, "not monitored", || {
        let (now, incident) = (bench.clock.now(), incident.clone());
        move |tx: &Transaction<'_>| store::alerts::open(tx, Some(row), &incident, now).map(drop)
    })
    .await;
}

/// Closes that incident when the actor lives again.
pub(crate) async fn report_monitored_again(bench: &Bench, entry: &HostEntry) {
    let row = entry.row;
    until_stored(bench, "monitored again", || {
        let now = bench.clock.now();
        move |tx: &Transaction<'_>| {
            let open = store::alerts::find_open(tx, Some(row), AlertType::SystemError, "")?;
            open.map_or(Ok(()), |id| store::alerts::resolve(tx, id, "the host is monitored again", now).map(drop))
        }
    })
    .await;
}

/// Every host is watched anew after a start: what was open about that is over.
pub(crate) fn resolve_not_monitored(tx: &Transaction<'_>, now: Now) -> Result<(), StoreError> {
    let filter =
        AlertFilter { open: Some(true), alert_type: Some(AlertType::SystemError), limit: 1_000, ..AlertFilter::default() };
    for alert in store::alerts::list(tx, &filter)?.alerts.iter().filter(|a| a.host.is_some()) {
        store::alerts::resolve(tx, alert.id, "the hub was started again", now)?;
    }
    Ok(())
}

/// Tries until it is stored: what must be told.
pub(crate) async fn until_stored<F>(bench: &Bench, what: &'static str, make: impl Fn() -> F)
where
    F: FnOnce(&Transaction<'_>) -> Result<(), StoreError> + Send + 'static,
{
    loop {
        match bench.db.write_news(what, make()).await {
            Ok(()) | Err(DbError::Stopping) => return,
            Err(e) => log::error!("{what}: this could not be stored and is tried again: {e}"),
        }
        tokio::time::sleep(TELL_AGAIN).await;
    }
}
