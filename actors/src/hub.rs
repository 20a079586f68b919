//! The hub as the rest of the program sees it: one handle to hosts, incidents and the state of everything, started and stopped as a value.

mod logs;
mod start;
#[cfg(test)]
mod tests;
mod tree;

pub use start::{HubParts, NetParts, Running};

/// The group of all host actors in the supervision tree.
pub const HOSTS_GROUP: &str = tree::HOSTS.name;

use crate::alert::{self, AlertActor, ChannelStatus};
use crate::clock::{Clock, Mark};
use crate::db::{Db, DbError};
use crate::host::{Bench, Explain};
use crate::hosts::{Admit, Changed, Dismiss, HostsActor, read_host};
use crate::internet::InternetActor;
use crate::llm::LlmActor;
use crate::logs::{Analysts, Intake, LogsActor};
use crate::roster::{HostEntry, Roster};
use crate::settings::Settings;
use crate::supervision::{Addr, ChildId, ChildView, Live, State};
use crate::{uplink, upstream};
use actix::prelude::*;
use domain::field::FieldError;
use domain::host::{HostDraft, HostId, HostSpec, Status};
use domain::time::{Now, Wall};
use domain::watch::{Explanation, Verdict};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use store::alerts::Alert;
use store::hosts::HostRecord;
use store::seal::Keyring;
use store::{StoreError, alerts, hosts};

/// A tick later than this makes the hub unhealthy.
const TICK_LATE_MS: i64 = 5_000;
/// A hub that has not committed for this long is unhealthy: its own sign of life is due every two seconds.
const COMMIT_OLD_MS: i64 = 15_000;
/// A store that refused a transaction within this time is unhealthy.
const FAILURE_FRESH_MS: i64 = 10_000;
/// The longest an acknowledgement or a silence may last.
const SILENCE_MOST_MS: i64 = 30 * 86_400_000;

/// A handle to the running hub; clones share it. Usable from any thread.
#[derive(Clone)]
pub struct Hub(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) bench: Arc<Bench>,
    pub(crate) roster: Arc<Roster>,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) hosts: Addr<HostsActor>,
    pub(crate) alerts: Addr<AlertActor>,
    pub(crate) internet: Option<Addr<InternetActor>>,
    pub(crate) upstream: upstream::Shown,
    pub(crate) llm: Addr<LlmActor>,
    pub(crate) logs: Addr<LogsActor>,
    pub(crate) analysts: Arc<Analysts>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) live: Live,
    pub(crate) lag_most_ms: Arc<AtomicI64>,
    /// Counts the commits that changed a host, in their order.
    pub(crate) revisions: Arc<AtomicU64>,
    /// Where log lines come from, once it is opened.
    pub(crate) intake: OnceLock<Arc<Intake>>,
}

/// Why the hub did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The input is wrong: every field with its fix.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Fields(Vec<FieldError>),
    /// Another one has this name already.
    #[error("{0}")]
    Taken(FieldError),
    /// It cannot be done as things are; how they could be.
    #[error("{0}")]
    NotNow(String),
    /// The incident has ended already.
    #[error("the incident is over: there is nothing left to acknowledge or silence")]
    Over,
    /// There is no such thing.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The store could not.
    #[error(transparent)]
    Db(DbError),
}

impl From<FieldError> for HubError {
    fn from(e: FieldError) -> HubError {
        HubError::Fields(vec![e])
    }
}

impl From<Vec<FieldError>> for HubError {
    fn from(errors: Vec<FieldError>) -> HubError {
        HubError::Fields(errors)
    }
}

impl From<DbError> for HubError {
    fn from(e: DbError) -> HubError {
        let DbError::Store(inner) = &e else { return HubError::Db(e) };
        match &**inner {
            StoreError::Taken { field, message } => HubError::Taken(FieldError::new(field.clone(), message.clone())),
            StoreError::Refused { field, message } => HubError::Fields(vec![FieldError::new(field.clone(), message.clone())]),
            StoreError::NotFound => HubError::NotFound("row"),
            _ => HubError::Db(e),
        }
    }
}

/// How the hub is, part by part.
#[derive(Debug, Clone)]
pub struct Health {
    /// The parts, in a fixed order.
    pub components: Vec<Component>,
}

/// One part of the hub and how it is.
#[derive(Debug, Clone)]
pub struct Component {
    /// Its name: store, timers, alerts, supervision.
    pub name: &'static str,
    /// Whether it does its work.
    pub ok: bool,
    /// In words, with figures and units.
    pub detail: String,
}

impl Health {
    /// Whether every part does its work.
    pub fn ok(&self) -> bool {
        self.components.iter().all(|c| c.ok)
    }
}

/// A host with the secret that was made for it, shown once more on demand only.
#[derive(Debug)]
pub struct NewHost {
    /// The host as stored.
    pub record: HostRecord,
    /// Its token in clear.
    pub token: String,
}

impl Hub {
    pub(crate) fn new(inner: Inner) -> Hub {
        Hub(Arc::new(inner))
    }

    /// The time, both lines.
    pub fn now(&self) -> Now {
        self.0.bench.clock.now()
    }

    /// The clock everything here runs on.
    pub fn clock(&self) -> &Clock {
        &self.0.bench.clock
    }

    /// Where the steady timeline is.
    pub fn mark(&self) -> Mark {
        self.0.bench.clock.mark()
    }

    /// The store.
    pub fn db(&self) -> &Db {
        &self.0.bench.db
    }

    /// Every watched host.
    pub fn roster(&self) -> &Roster {
        &self.0.roster
    }

    /// What seals and signs.
    pub fn keyring(&self) -> &Arc<Keyring> {
        &self.0.keyring
    }

    /// Settings that may change while the hub runs.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The actor that tells people.
    pub fn alerts(&self) -> &Addr<AlertActor> {
        &self.0.alerts
    }

    /// The last round of the uplink's monitor; none before the first, or without a monitor.
    pub fn uplink(&self) -> Option<uplink::Seen> {
        self.db().uplink().seen()
    }

    /// The monitor of the uplink, if there is one.
    pub fn internet(&self) -> Option<&Addr<InternetActor>> {
        self.0.internet.as_ref()
    }

    /// How the dead man's switch stands.
    pub fn upstream(&self) -> upstream::Standing {
        self.0.upstream.get()
    }

    /// Where log lines come from; none in a hub that takes no logs.
    pub fn intake(&self) -> Option<&Arc<Intake>> {
        self.0.intake.get()
    }

    /// The tree of supervised actors.
    pub fn supervision(&self) -> &Live {
        &self.0.live
    }

    /// One supervised actor by its group and id. A host without a story is not in the view: it is found by its address.
    pub fn child(&self, group: &str, id: &str) -> Option<ChildView> {
        let told = self.0.live.child(group, id);
        if told.is_some() || group != HOSTS_GROUP {
            return told;
        }
        let entry = self.0.roster.find(id)?;
        let actor = entry.actor()?;
        let alive_since = actor.alive_since();
        Some(ChildView {
            group: HOSTS_GROUP,
            id: ChildId::from(&entry.host_id),
            state: if alive_since.is_some() { State::Running } else { State::Starting },
            restarts: 0,
            last_reason: None,
            mailbox_depth: actor.mailbox_depth(),
            last_message: actor.last_message(),
            alive_since,
            waiting_on: Vec::new(),
        })
    }

    /// Finds the host whose token hashes to the same: an unknown host and a wrong token look the same, also to a stopwatch.
    pub fn prove(&self, host_id: &str, token: &str) -> Option<Arc<HostEntry>> {
        let hash = store::seal::hash_token(token);
        let entry = self.0.roster.find(host_id);
        let expected = entry.as_ref().map_or([0; 32], |e| e.token_hash);
        let same: bool = subtle::ConstantTimeEq::ct_eq(&hash[..], &expected[..]).into();
        entry.filter(|_| same)
    }

    /// Adds a host and starts watching it.
    ///
    /// # Errors
    /// Every wrong field, a name that is taken, or the store.
    pub async fn create_host(&self, draft: &HostDraft) -> Result<NewHost, HubError> {
        let spec = draft.create(&self.0.bench.business)?;
        self.create_with_token(spec, store::seal::new_token()).await
    }

    /// Adds a host whose token the user chose, as `hosts.yaml` may.
    ///
    /// # Errors
    /// A name that is taken, or the store.
    pub async fn create_with_token(&self, spec: HostSpec, token: String) -> Result<NewHost, HubError> {
        let (sealed, hash) = (self.0.keyring.seal("host token", token.as_bytes()), store::seal::hash_token(&token));
        let (now, business) = (self.now(), self.0.bench.business.clone());
        let (revisions, keeper) = (self.0.revisions.clone(), self.0.hosts.clone());
        let create = move |tx: &store::Transaction<'_>| {
            let row = hosts::insert(tx, &spec, &sealed, &hash, now)?;
            Ok((read_host(tx, row, &business)?, next(&revisions)))
        };
        let admit = move |(record, revision): &(HostRecord, u64)| keeper.do_send(Admit(vec![record.clone()], *revision));
        let stored = self.db().write_and_tell("create host", create, admit);
        let (record, revision) = stored.await?;
        self.tell(Admit(vec![record.clone()], revision)).await;
        self.tell_logs();
        log::info!("host {} is watched from now on", record.spec.host_id);
        Ok(NewHost { record, token })
    }

    /// Changes the fields a draft names; `host_id` cannot change, because machines know it.
    ///
    /// # Errors
    /// Every wrong field, an unknown host, or the store.
    pub async fn update_host(&self, host_id: &str, draft: HostDraft) -> Result<HostRecord, HubError> {
        if draft.host_id.as_deref().is_some_and(|new| new != host_id) {
            return Err(
                FieldError::new("host_id", "cannot change: machines call this id; remove the host and add a new one").into()
            );
        }
        let row = self.entry(host_id)?.row;
        let (now, business, revisions) = (self.now(), self.0.bench.business.clone(), self.0.revisions.clone());
        // Read and written in one transaction: two edits at once must not undo each other.
        let update = move |tx: &store::Transaction<'_>| {
            let old = read_host(tx, row, &business)?;
            let spec = match draft.overlay(&old.spec, &business) {
                Ok(spec) => spec,
                Err(fields) => return Ok(Err(fields)),
            };
            hosts::update(tx, row, &spec, now)?;
            Ok(Ok((read_host(tx, row, &business)?, next(&revisions))))
        };
        let change = self.changer();
        let tell = move |done: &Result<(HostRecord, u64), Vec<FieldError>>| done.iter().for_each(&change);
        let changed = self.db().write_and_tell("update host", update, tell);
        let (record, revision) = changed.await??;
        Ok(self.changed(record, revision).await)
    }

    /// Stops judging a host until it is resumed.
    ///
    /// # Errors
    /// An unknown host, or the store.
    pub async fn pause_host(&self, host_id: &str) -> Result<HostRecord, HubError> {
        self.change_host("pause host", host_id, |tx, row, now| hosts::set_paused(tx, row, true, now).map(drop)).await
    }

    /// Judges a paused host again, from now.
    ///
    /// # Errors
    /// An unknown host, or the store.
    pub async fn resume_host(&self, host_id: &str) -> Result<HostRecord, HubError> {
        self.change_host("resume host", host_id, |tx, row, now| hosts::set_paused(tx, row, false, now).map(drop)).await
    }

    /// Pushes a host's deadline until `until`; none ends the silence.
    ///
    /// # Errors
    /// An unknown host, or the store.
    pub async fn silence_host(&self, host_id: &str, until: Option<Wall>) -> Result<HostRecord, HubError> {
        self.change_host("silence host", host_id, move |tx, row, now| hosts::set_silenced(tx, row, until, now)).await
    }

    /// A host asks not to be missed until then; it cannot shorten what a person has set.
    ///
    /// # Errors
    /// An unknown host, or the store.
    pub async fn snooze_host(&self, host_id: &str, until: Wall) -> Result<HostRecord, HubError> {
        self.change_host("snooze host", host_id, move |tx, row, now| hosts::snooze(tx, row, until, now)).await
    }

    /// Gives a host a new token; the old one is refused from the commit on.
    ///
    /// # Errors
    /// An unknown host, or the store.
    pub async fn rotate_token(&self, host_id: &str) -> Result<NewHost, HubError> {
        self.set_token(host_id, store::seal::new_token()).await
    }

    /// Gives a host the token its owner chose.
    ///
    /// # Errors
    /// As [`Hub::rotate_token`].
    pub async fn set_token(&self, host_id: &str, token: String) -> Result<NewHost, HubError> {
        let (sealed, hash) = (self.0.keyring.seal("host token", token.as_bytes()), store::seal::hash_token(&token));
        let record = self
            .change_host("rotate token", host_id, move |tx, row, now| hosts::rotate_token(tx, row, &sealed, &hash, now))
            .await?;
        Ok(NewHost { record, token })
    }

    /// Removes a host; its incidents stay readable.
    ///
    /// # Errors
    /// An unknown host, or the store.
    pub async fn remove_host(&self, host_id: &str) -> Result<(), HubError> {
        let entry = self.entry(host_id)?;
        let now = self.now();
        let row = entry.row;
        let (keeper, gone) = (self.0.hosts.clone(), host_id.to_owned());
        let dismiss = move |(): &()| keeper.do_send(Dismiss(gone, row));
        self.db().write_and_tell("remove host", move |tx| hosts::delete(tx, row, now), dismiss).await?;
        self.tell(Dismiss(host_id.to_owned(), row)).await;
        self.tell_logs();
        if let Some(intake) = self.intake() {
            intake.spools().dismiss(row);
        }
        log::info!("host {host_id} is no longer watched");
        Ok(())
    }

    /// A host's row, with the `last_seen` and status the hub knows now.
    ///
    /// # Errors
    /// An unknown host, or the store.
    pub async fn host(&self, host_id: &str) -> Result<HostRecord, HubError> {
        let entry = self.entry(host_id)?;
        let (row, business) = (entry.row, self.0.bench.business.clone());
        let mut record = self.db().read(move |conn| read_host(conn, row, &business)).await?;
        self.freshen(&mut record);
        Ok(record)
    }

    /// Puts what the pulse has heard into a row that may be two seconds behind.
    pub fn freshen(&self, record: &mut HostRecord) {
        if let Some(entry) = self.0.roster.find(record.spec.host_id.as_str()) {
            record.last_seen = entry.pulse.last_seen_wall().zip(entry.pulse.last_seen()).or(record.last_seen);
            record.last_beat_id = entry.pulse.last_beat().or(record.last_beat_id);
        }
    }

    /// The token of a host in clear, so that its URL can be shown again.
    ///
    /// # Errors
    /// An unknown host, the store, or a key that does not fit the database.
    pub async fn token_of(&self, host_id: &str) -> Result<String, HubError> {
        let row = self.entry(host_id)?.row;
        let sealed = self.db().read(move |conn| hosts::token_sealed(conn, row)).await?;
        let clear = self.0.keyring.open("host token", &sealed).map_err(DbError::from)?;
        String::from_utf8(clear).map_err(|_| HubError::NotFound("token"))
    }

    /// Why the host is up, late or down, and when it would alert.
    ///
    /// # Errors
    /// An unknown host, or an actor that does not answer.
    pub async fn explain(&self, host_id: &str) -> Result<Explanation, HubError> {
        let entry = self.entry(host_id)?;
        let Some(actor) = entry.actor() else { return Err(HubError::NotFound("host")) };
        let asked = actor.send(Explain).timeout(Duration::from_secs(5)).await;
        let mut said = asked.map_err(|e| HubError::Db(DbError::NotDone(format!("the host's actor did not answer: {e}"))))?;
        let overdue = said.deadline.is_some_and(|deadline| deadline < self.now().wall);
        if overdue && entry.is_behind_uplink() && self.db().uplink().is_down() {
            said.text.push_str("; not judged while the uplink is down");
        }
        if said.status == Status::Down {
            let host = self.host(host_id).await?;
            let since = host.status_since.utc().format("%Y-%m-%d %H:%M:%S UTC");
            said.text = format!("down since {since}: {}; its next success brings it up", host.status_reason);
        }
        Ok(said)
    }

    /// When somebody is told if nothing more is heard of this host; none while it is paused, down or never due.
    pub fn next_alert(&self, entry: &HostEntry) -> Option<Wall> {
        let now = self.now();
        match self.0.bench.watch_now(entry).evaluate(now) {
            Verdict::Waiting { deadline } | Verdict::Overdue { deadline, .. } => Some(now.wall_at(deadline)),
            Verdict::Paused | Verdict::Down | Verdict::NeverDue => None,
        }
    }

    /// Says that somebody knows of an incident.
    ///
    /// # Errors
    /// An unknown or closed incident, or the store.
    pub async fn acknowledge(
        &self,
        alert: i64,
        who: String,
        note: Option<String>,
        for_ms: Option<i64>,
    ) -> Result<Alert, HubError> {
        let now = self.now();
        let expires = for_ms.map(|ms| now.wall.plus_ms(ms.clamp(0, SILENCE_MOST_MS)));
        let done = self.db().write_news("acknowledge", move |tx| {
            open_or_over(alerts::acknowledge(tx, alert, &who, note.as_deref(), expires, now)?, tx, alert)
        });
        done.await?.ok_or(HubError::Over)
    }

    /// Silences an incident's host (and the incident's further messages) for `for_ms`.
    ///
    /// # Errors
    /// An unknown or closed incident, or the store.
    pub async fn silence(&self, alert: i64, for_ms: i64) -> Result<Alert, HubError> {
        let now = self.now();
        let until = now.wall.plus_ms(for_ms.clamp(0, SILENCE_MOST_MS));
        let done =
            self.db().write_news("silence", move |tx| open_or_over(alerts::silence(tx, alert, Some(until), now)?, tx, alert));
        let silenced = done.await?.ok_or(HubError::Over)?;
        if let Some(host_id) = silenced.host_id.clone() {
            match self.silence_host(&host_id, Some(until)).await {
                Ok(_) | Err(HubError::NotFound(_)) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(silenced)
    }

    /// How the hub is.
    pub async fn health(&self) -> Health {
        let tick_age = self.now().steady.0 - self.0.bench.tick.load(Ordering::Relaxed);
        let lag = self.0.lag_most_ms.load(Ordering::Relaxed);
        let mut components = vec![
            self.store_component(),
            Component {
                name: "timers",
                ok: tick_age <= TICK_LATE_MS,
                detail: format!("last tick {tick_age} ms ago, worst lateness {lag} ms"),
            },
        ];
        components.push(self.alerts_component().await);
        components.push(self.supervision_component());
        Health { components }
    }

    /// A small change may still find room on a full disk: what was refused a moment ago counts too.
    fn store_component(&self) -> Component {
        let commit_age = self.db().since_commit_ms();
        let failure_age = self.now().steady.0 - self.db().stats().last_failure.load(Ordering::Relaxed);
        if failure_age <= FAILURE_FRESH_MS {
            return Component { name: "store", ok: false, detail: format!("a transaction was refused {failure_age} ms ago") };
        }
        Component { name: "store", ok: commit_age <= COMMIT_OLD_MS, detail: format!("last commit {commit_age} ms ago") }
    }

    async fn alerts_component(&self) -> Component {
        let asked = self.0.alerts.send(alert::Status).timeout(Duration::from_secs(5)).await;
        let channels = match asked {
            Ok(Ok(channels)) => channels,
            Ok(Err(e)) => return Component { name: "alerts", ok: false, detail: e.to_string() },
            Err(e) => return Component { name: "alerts", ok: false, detail: format!("the alert actor did not answer: {e}") },
        };
        let detail = channels.iter().map(ChannelStatus::detail).collect::<Vec<_>>().join("; ");
        let detail = if channels.is_empty() { "no webhook is set: nobody is told".to_owned() } else { detail };
        Component { name: "alerts", ok: channels.iter().all(ChannelStatus::ok), detail }
    }

    fn supervision_component(&self) -> Component {
        let given_up = self.0.live.given_up();
        Component {
            name: "supervision",
            ok: given_up == 0,
            detail: format!("{given_up} actors given up, {} hosts watched", self.0.roster.len()),
        }
    }

    fn entry(&self, host_id: &str) -> Result<Arc<HostEntry>, HubError> {
        self.0.roster.find(host_id).ok_or(HubError::NotFound("host"))
    }

    async fn change_host<F>(&self, name: &'static str, host_id: &str, change: F) -> Result<HostRecord, HubError>
    where
        F: FnOnce(&store::Transaction<'_>, i64, Now) -> Result<(), StoreError> + Send + 'static,
    {
        let row = self.entry(host_id)?.row;
        let (now, business, revisions) = (self.now(), self.0.bench.business.clone(), self.0.revisions.clone());
        let change = move |tx: &store::Transaction<'_>| {
            change(tx, row, now)?;
            Ok((read_host(tx, row, &business)?, next(&revisions)))
        };
        let (record, revision) = self.db().write_and_tell(name, change, self.changer()).await?;
        Ok(self.changed(record, revision).await)
    }

    /// Tells the keeper of hosts what the writer has committed: also when whoever asked has stopped waiting.
    fn changer(&self) -> impl Fn(&(HostRecord, u64)) + Send + 'static {
        let keeper = self.0.hosts.clone();
        move |(record, revision)| keeper.do_send(Changed(Box::new(record.clone()), *revision))
    }

    async fn changed(&self, mut record: HostRecord, revision: u64) -> HostRecord {
        self.freshen(&mut record);
        self.tell(Changed(Box::new(record.clone()), revision)).await;
        self.tell_logs();
        record
    }

    /// What is committed must reach the actors before the caller is answered.
    async fn tell<M>(&self, message: M)
    where
        M: Message<Result = ()> + Send + 'static,
        HostsActor: Handler<M>,
    {
        if let Err(e) = self.0.hosts.send(message).await {
            log::error!("hosts: the committed change is applied only at the next start: {e}");
        }
    }
}

/// The number of a commit that changes a host; taken by the writer, so it follows the order of commits.
fn next(revisions: &AtomicU64) -> u64 {
    revisions.fetch_add(1, Ordering::Relaxed) + 1
}

/// The incident if it changed; `None` if it is over; an error naming it if there never was one.
fn open_or_over(changed: Option<Alert>, tx: &store::Transaction<'_>, alert: i64) -> Result<Option<Alert>, StoreError> {
    if changed.is_none() && alerts::get(tx, alert)?.is_none() {
        return Err(StoreError::NotFound);
    }
    Ok(changed)
}

/// A host's URL path for heartbeats, without its token.
pub fn heartbeat_path(host_id: &HostId) -> String {
    format!("/api/v1/heartbeat/{host_id}")
}
