//! The DbActor: the one writer of the store. All that is waiting goes into one transaction, and nobody is answered before its COMMIT.
//!
//! Requests wait in one queue, in order. When there is work, one blocking thread takes everything that waits (up to
//! [`Limits::batch_jobs`]), runs it in one transaction, commits with `synchronous=FULL` and answers; what arrives
//! meanwhile is the next batch. So one fsync serves as many heartbeats as came in during the last one.
//!
//! What the writer keeps in memory (status, chain and `last_seen` of each host's [`Pulse`]) follows the transaction and
//! is undone with it.

mod batch;
mod beat;
#[cfg(feature = "faults")]
mod faulty;

pub use beat::{Beat, BeatDone};

use crate::clock::{Clock, Mark};
use crate::gate::{Full, Gate, Permit};
use crate::refusal::Refusals;
use crate::roster::HostEntry;
use crate::supervision::{Addr, ChildId, Context, Exit};
use actix::prelude::*;
use batch::Side;
use domain::incident::NewIncident;
use domain::time::{Now, Steady};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use store::verdicts::Basis;
use store::{Certainty, Connection, Reader, StoreError, Transaction, Writer};
use tokio::sync::{Notify, oneshot};

/// Bounds of the writer's queue and waits.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Requests that may wait for the store before new ones are refused.
    pub waiting_requests: usize,
    /// Most jobs in one transaction.
    pub batch_jobs: usize,
    /// Longest wait for an answer of the store, in milliseconds.
    pub reply_wait_ms: u64,
    /// Work on the actor's own thread: for simulations, where one seed must be one history.
    pub in_place: bool,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { waiting_requests: 20_000, batch_jobs: 4_096, reply_wait_ms: 10_000, in_place: false }
    }
}

/// Why a request to the store has no result.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DbError {
    /// Certainly not done: the batch was rolled back, or the store refused it.
    #[error("not stored: {0}")]
    NotDone(String),
    /// The disk is full.
    #[error("not stored: the disk is full")]
    DiskFull,
    /// It may have been done: ask the store again before trusting memory.
    #[error("it is unknown whether this was stored: {0}")]
    Unknown(String),
    /// No room in the queue.
    #[error(transparent)]
    Overloaded(#[from] Full),
    /// The hub is stopping.
    #[error("the hub is stopping")]
    Stopping,
    /// The store's own answer to this one request.
    #[error(transparent)]
    Store(Arc<StoreError>),
}

impl From<StoreError> for DbError {
    fn from(e: StoreError) -> DbError {
        DbError::Store(Arc::new(e))
    }
}

/// Writes that change nothing anybody looks at.
const HOUSEKEEPING: [&str; 3] = ["sweep keys", "touch key", "touch session"];

/// A handle to the writer and the readers; clones share them.
#[derive(Clone)]
pub struct Db(Arc<Shared>);

pub(crate) struct Shared {
    queue: Mutex<Queue>,
    actor: OnceLock<Addr<DbActor>>,
    side: Mutex<Side>,
    reader: Reader,
    gate: Arc<Gate>,
    clock: Clock,
    news: Arc<Notify>,
    limits: Limits,
    stats: Stats,
    refusals: Refusals,
}

#[derive(Default)]
struct Queue {
    jobs: Vec<Job>,
    working: bool,
    closed: bool,
}

/// What the writer has done, for health and metrics.
#[derive(Debug, Default)]
pub struct Stats {
    /// Transactions committed.
    pub commits: AtomicU64,
    /// Jobs in them.
    pub jobs: AtomicU64,
    /// Heartbeats in them.
    pub beats: AtomicU64,
    /// What was stored beside heartbeats that change nothing: whoever shows the hub looks again when it grows.
    pub changes: Arc<AtomicU64>,
    /// Transactions rolled back.
    pub rollbacks: AtomicU64,
    /// When the last commit returned, in steady milliseconds.
    pub last_commit: AtomicI64,
    /// When the last rollback happened, in steady milliseconds; 0 for never.
    pub last_failure: AtomicI64,
}

pub(crate) enum Job {
    Beat(Beat, Permit, oneshot::Sender<Result<BeatDone, DbError>>),
    Judge(Judgement, oneshot::Sender<Result<bool, DbError>>),
    Alive(Mark, oneshot::Sender<Result<(), DbError>>),
    Op(&'static str, Op),
}

type Op = Box<dyn FnOnce(&Transaction<'_>) -> (Result<(), StoreError>, Finish) + Send>;
type Finish = Box<dyn FnOnce(Result<(), DbError>) + Send>;

/// A host actor's verdict on its way to disk. It holds only if the host was neither heard nor changed meanwhile.
pub(crate) struct Judgement {
    pub(crate) entry: Arc<HostEntry>,
    pub(crate) seen: Option<Steady>,
    /// What else the verdict was made from.
    pub(crate) basis: Basis,
    pub(crate) now: Now,
    pub(crate) incident: NewIncident,
}

impl Db {
    /// A handle over an opened store; nothing is written before [`Db::start`].
    pub fn new(writer: Writer, newest_beat: i64, reader: Reader, clock: Clock, news: Arc<Notify>, limits: Limits) -> Db {
        let now = clock.steady();
        Db(Arc::new(Shared {
            queue: Mutex::default(),
            actor: OnceLock::new(),
            side: Mutex::new(Side::new(writer, newest_beat, clock.mark())),
            reader,
            gate: Gate::new(limits.waiting_requests),
            clock,
            news,
            limits,
            stats: Stats { last_commit: AtomicI64::new(now.0), ..Stats::default() },
            refusals: Refusals::default(),
        }))
    }

    /// The actor that serves this handle; to be started once, under a supervisor.
    pub fn actor(&self, exit: Exit) -> DbActor {
        DbActor { shared: self.0.clone(), exit }
    }

    /// Stores a heartbeat; the answer comes after its COMMIT.
    ///
    /// The host's pulse has it at once, whatever becomes of the row.
    ///
    /// # Errors
    /// [`DbError::Overloaded`] at once when too many wait; afterwards whatever the store says.
    pub async fn beat(&self, beat: Beat) -> Result<BeatDone, DbError> {
        if beat.signal.is_life() {
            beat.entry.pulse.live(beat.at);
        }
        let permit = self.0.gate.enter()?;
        let (reply, answer) = oneshot::channel();
        self.offer(Job::Beat(beat, permit, reply))?;
        self.wait(answer).await
    }

    /// Runs `change` in the writer's next transaction, in a savepoint of its own, and answers after the COMMIT.
    ///
    /// # Errors
    /// The error of `change` itself, with only its own effects undone, or the failure of the whole transaction.
    pub async fn write<T, F>(&self, name: &'static str, change: F) -> Result<T, DbError>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.write_and_tell(name, change, |_| {}).await
    }

    /// Like [`Db::write`], and once it is committed the writer itself calls `tell` with the result: also when whoever asked has
    /// stopped waiting, so that memory follows the store however late it was.
    ///
    /// # Errors
    /// As [`Db::write`].
    pub async fn write_and_tell<T, F, G>(&self, name: &'static str, change: F, tell: G) -> Result<T, DbError>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
        G: FnOnce(&T) + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        // Not the whole of it: a job that waits in the queue must not keep the queue, and with it the store, alive.
        let changes = Arc::clone(&self.0.stats.changes);
        let finish = move |committed: Result<(), DbError>, value: T, reply: oneshot::Sender<Result<T, DbError>>| {
            if committed.is_ok() {
                if !HOUSEKEEPING.contains(&name) {
                    changes.fetch_add(1, Ordering::Release);
                }
                tell(&value);
            }
            drop(reply.send(committed.map(|()| value)));
        };
        let op: Op = Box::new(move |tx| match in_savepoint(tx, change) {
            Ok(value) => (Ok(()), Box::new(move |committed| finish(committed, value, reply))),
            Err(e) if batch::ends_batch(&e) => {
                (Err(e), Box::new(move |lost| drop(reply.send(Err(lost.err().unwrap_or(DbError::Stopping))))))
            }
            Err(e) => (Ok(()), Box::new(move |_| drop(reply.send(Err(e.into()))))),
        });
        self.offer(Job::Op(name, op))?;
        self.wait(answer).await
    }

    /// Like [`Db::write`], but tells the alert actor that the outbox may have grown.
    ///
    /// # Errors
    /// As [`Db::write`].
    pub async fn write_news<T, F>(&self, name: &'static str, change: F) -> Result<T, DbError>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let done = self.write(name, change).await;
        if done.is_ok() {
            self.0.news.notify_one();
        }
        done
    }

    /// Runs `query` on a reader, off the actors' thread.
    ///
    /// # Errors
    /// What the query or the pool says.
    pub async fn read<T, F>(&self, query: F) -> Result<T, DbError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        if self.0.limits.in_place {
            return self.0.reader.read(query).map_err(DbError::from);
        }
        let reader = self.0.reader.clone();
        match tokio::task::spawn_blocking(move || reader.read(query)).await {
            Ok(done) => done.map_err(DbError::from),
            Err(panic) => Err(DbError::NotDone(format!("the query failed: {panic}"))),
        }
    }

    pub(crate) async fn judge(&self, judgement: Judgement) -> Result<bool, DbError> {
        let (reply, answer) = oneshot::channel();
        self.offer(Job::Judge(judgement, reply))?;
        self.wait(answer).await
    }

    /// Writes the hub's sign of life and the `last_seen` of hosts heard since.
    ///
    /// # Errors
    /// As [`Db::write`].
    pub async fn alive(&self) -> Result<(), DbError> {
        let (reply, answer) = oneshot::channel();
        self.offer(Job::Alive(self.0.clock.mark(), reply))?;
        self.wait(answer).await
    }

    /// Takes nothing new from here on.
    pub fn close(&self) {
        self.queue().closed = true;
    }

    /// Waits for the newest rows of the outbox: notified after each commit that added one.
    pub fn news(&self) -> Arc<Notify> {
        self.0.news.clone()
    }

    /// The gate in front of the queue.
    pub fn gate(&self) -> &Arc<Gate> {
        &self.0.gate
    }

    /// What the writer has done.
    pub fn stats(&self) -> &Stats {
        &self.0.stats
    }

    /// Since when the store refuses to write, if it does.
    pub(crate) fn refusals(&self) -> &Refusals {
        &self.0.refusals
    }

    /// How many heartbeats were stored.
    pub(crate) fn beats_stored(&self) -> u64 {
        self.0.stats.beats.load(Ordering::Relaxed)
    }

    /// Milliseconds since the last commit returned.
    pub fn since_commit_ms(&self) -> i64 {
        self.0.clock.steady().0 - self.0.stats.last_commit.load(Ordering::Relaxed)
    }

    async fn wait<T>(&self, answer: oneshot::Receiver<Result<T, DbError>>) -> Result<T, DbError> {
        match tokio::time::timeout(Duration::from_millis(self.0.limits.reply_wait_ms), answer).await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) => Err(DbError::Unknown("the writer was interrupted".into())),
            Err(_) => Err(DbError::Unknown(format!("no answer of the store within {} ms", self.0.limits.reply_wait_ms))),
        }
    }

    fn offer(&self, job: Job) -> Result<(), DbError> {
        let mut queue = self.queue();
        if queue.closed {
            return Err(DbError::Stopping);
        }
        queue.jobs.push(job);
        if std::mem::replace(&mut queue.working, true) {
            return Ok(());
        }
        drop(queue);
        match self.0.actor.get() {
            Some(actor) => actor.do_send(Work),
            None => self.queue().working = false, // started() looks into the queue
        }
        Ok(())
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Everything that waits, up to one batch; `false` and "not working" when nothing does.
    fn take(&self, into: &mut Vec<Job>) -> bool {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.jobs.is_empty() {
            queue.working = false;
            return false;
        }
        let most = self.limits.batch_jobs;
        if queue.jobs.len() <= most {
            std::mem::swap(&mut queue.jobs, into);
        } else {
            into.extend(queue.jobs.drain(..most));
        }
        true
    }

    /// Works until the queue is empty; the error is one that ends the process.
    fn work(&self) -> Result<(), StoreError> {
        let mut side = self.side.lock().unwrap_or_else(PoisonError::into_inner);
        let mut jobs = Vec::new();
        while self.take(&mut jobs) {
            side.commit(self, &mut jobs)?;
        }
        Ok(())
    }
}

/// Runs `change` so that its failure undoes its own effects only. When even that fails, the transaction is gone with it.
fn in_savepoint<T>(
    tx: &Transaction<'_>,
    change: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    tx.execute_batch("SAVEPOINT job")?;
    let failed = match change(tx) {
        Ok(value) => return tx.execute_batch("RELEASE job").map(|()| value).map_err(StoreError::from),
        Err(e) => e,
    };
    let undone = tx.execute_batch("ROLLBACK TO job; RELEASE job");
    if undone.is_err() || tx.is_autocommit() {
        // SQLite has rolled back by itself, as it does when the disk is full: nothing more may be done in this batch.
        return Err(if batch::ends_batch(&failed) { failed } else { StoreError::Full });
    }
    Err(failed)
}

fn lost(error: &StoreError, certainty: Certainty) -> DbError {
    match (error, certainty) {
        (StoreError::Full, _) => DbError::DiskFull,
        (e, Certainty::NotDone) => DbError::NotDone(e.to_string()),
        (e, Certainty::Unknown) => DbError::Unknown(e.to_string()),
    }
}

/// The actor that owns the writer. A panic in a batch rolls it back, answers its callers "not stored" and restarts the
/// actor; an I/O error or a corrupt file ends the process, because the same connection must never be tried again.
pub struct DbActor {
    shared: Arc<Shared>,
    exit: Exit,
}

#[derive(Message)]
#[rtype(result = "()")]
struct Work;

impl Actor for DbActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        drop(self.shared.actor.set(ctx.address()));
        self.look(ctx);
    }
}

impl Supervised for DbActor {
    fn restarting(&mut self, ctx: &mut Context<Self>) {
        self.look(ctx);
    }
}

impl crate::supervision::Child for DbActor {}

impl DbActor {
    /// Takes up whatever waits, also what was queued before the start or behind a panic.
    fn look(&mut self, ctx: &mut Context<Self>) {
        let waits = {
            let mut queue = self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.working = !queue.jobs.is_empty();
            queue.working
        };
        if waits {
            ctx.notify(Work);
        }
    }
}

impl DbActor {
    #[cfg(not(feature = "faults"))]
    fn work_in_place(&mut self, _: &mut Context<Self>) {
        if let Err(fatal) = self.shared.work() {
            self.end(&fatal);
        }
    }

    fn end(&self, fatal: &StoreError) {
        self.exit.escalate(&ChildId::Name("db"), &format!("the store failed: {fatal}"));
    }
}

impl Handler<Work> for DbActor {
    type Result = ();

    fn handle(&mut self, _: Work, ctx: &mut Context<Self>) {
        if self.shared.limits.in_place {
            return self.work_in_place(ctx);
        }
        let shared = self.shared.clone();
        let work = tokio::task::spawn_blocking(move || shared.work());
        let work = work.into_actor(self).map(|ended, actor, _| match ended {
            Ok(Ok(())) => {}
            Ok(Err(fatal)) => actor.end(&fatal),
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        });
        ctx.spawn(work);
    }
}
