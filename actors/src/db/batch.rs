//! One transaction of the writer: run every job, commit, answer; or undo, and say so.

use super::beat::{seen_of, write_seen};
use super::{Beat, BeatDone, DbError, Finish, Job, Judgement, Shared, in_savepoint, lost};
use crate::clock::Mark;
use crate::gate::Permit;
use crate::host::Nudge;
use crate::roster::{HostEntry, Pulse};
use domain::host::Status;
use domain::time::Now;
use domain::time::Steady;
use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use store::{Certainty, StoreError, Transaction, Writer, alive, verdicts};
use tokio::sync::oneshot;

/// Hosts whose `last_seen` one sign of life writes at most: each is a page of its own, and heartbeats wait meanwhile.
const FLUSH_PER_ALIVE: usize = 2_000;
/// How many heartbeats `hosts.last_seen` may be behind before batches write some of it: what a start must read again.
const BEHIND_MOST: i64 = 2_000_000;
/// A failure within this time of the one before is not logged again.
const QUIET_MS: i64 = 5_000;
/// Beats whose distance between wall and steady time differs from the last sign of life's by more than this need one of their own.
const STEP_MS: i64 = 500;
/// Hosts a batch writes when too far behind.
const FLUSH_PER_BATCH: usize = 64;

/// The writer's side: its connection, and which hosts' `last_seen` is newer than their row.
pub(super) struct Side {
    writer: Option<Writer>,
    unwritten: VecDeque<Unwritten>,
    flushed: Vec<Unwritten>,
    newest: i64,
    /// The last sign of life: a start tells the steady time of the beats after it by its two clocks.
    mark: Mark,
    /// What the first job that panicked in this batch said; it is thrown again when the others have been answered.
    panic: Option<Box<dyn Any + Send>>,
    #[cfg(feature = "faults")]
    pub(super) fault: crate::faults::Fault,
    #[cfg(feature = "faults")]
    pub(super) late: Option<Done>,
}

struct Unwritten {
    first_beat: i64,
    row: i64,
    pulse: Arc<Pulse>,
}

/// What one batch has done to memory, so that it can be undone, and whom it must tell.
#[derive(Default)]
pub(super) struct Turn {
    undo: Vec<Undo>,
    /// Hosts this batch put at the end of [`Side::unwritten`].
    noted: usize,
    changed: Vec<Arc<HostEntry>>,
    pub(super) news: bool,
    beats: u64,
}

enum Undo {
    Beat(Arc<Pulse>, Option<i64>),
    Run(Arc<Pulse>, Option<Steady>, u32),
    Status(Arc<Pulse>, Status),
}

impl Turn {
    pub(super) fn remember_beat(&mut self, entry: &HostEntry, previous: Option<i64>) {
        self.undo.push(Undo::Beat(entry.pulse.clone(), previous));
        self.beats += 1;
    }

    pub(super) fn remember_run(&mut self, entry: &Arc<HostEntry>) {
        self.undo.push(Undo::Run(entry.pulse.clone(), entry.pulse.run_started(), entry.pulse.run_extra_s()));
        self.changed.push(entry.clone());
    }

    pub(super) fn remember_status(&mut self, entry: &Arc<HostEntry>) {
        self.undo.push(Undo::Status(entry.pulse.clone(), entry.pulse.status()));
        self.changed.push(entry.clone());
    }

    /// Takes back everything after the first `kept` steps.
    fn undo_to(&mut self, kept: usize) {
        for step in self.undo.drain(kept..).rev() {
            match step {
                Undo::Beat(pulse, id) => pulse.set_last_beat(id),
                Undo::Run(pulse, started, extra_s) => pulse.set_run(started, extra_s),
                Undo::Status(pulse, status) => pulse.set_status(status),
            }
        }
    }
}

/// An answer that waits for the COMMIT.
enum Answer {
    Beat(BeatDone, Arc<HostEntry>, Permit, oneshot::Sender<Result<BeatDone, DbError>>),
    Judged(bool, oneshot::Sender<Result<bool, DbError>>),
    Alive(oneshot::Sender<Result<(), DbError>>),
    Op(Finish),
}

impl Answer {
    fn give(self, committed: Result<(), DbError>) {
        // A receiver that is gone has stopped waiting; what is on disk stays there.
        match self {
            Answer::Beat(done, _, permit, reply) => {
                drop(permit);
                drop(reply.send(committed.map(|()| done)));
            }
            Answer::Judged(holds, reply) => drop(reply.send(committed.map(|()| holds))),
            Answer::Alive(reply) => drop(reply.send(committed)),
            Answer::Op(finish) => finish(committed),
        }
    }
}

impl Job {
    fn refuse(self, why: DbError) {
        match self {
            Job::Beat(_, _, reply) => drop(reply.send(Err(why))),
            Job::Judge(_, reply) => drop(reply.send(Err(why))),
            Job::Alive(_, reply) => drop(reply.send(Err(why))),
            Job::Op(_, op) => drop(op), // its reply is inside: the caller hears that the writer was interrupted
        }
    }
}

/// Whether this error leaves nothing to go on with in the same transaction.
pub(super) fn ends_batch(error: &StoreError) -> bool {
    error.is_fatal() || matches!(error, StoreError::Full | StoreError::ReadOnly)
}

impl Side {
    /// `newest` is the last heartbeat's id when the store was opened.
    pub(super) fn new(writer: Writer, newest: i64, mark: Mark) -> Side {
        Side {
            writer: Some(writer),
            unwritten: VecDeque::new(),
            flushed: Vec::new(),
            newest,
            mark,
            panic: None,
            #[cfg(feature = "faults")]
            fault: crate::faults::Fault::None,
            #[cfg(feature = "faults")]
            late: None,
        }
    }

    /// One transaction for all of `jobs`; the error is one that ends the process.
    pub(super) fn commit(&mut self, shared: &Shared, jobs: &mut Vec<Job>) -> Result<(), StoreError> {
        let count = jobs.len() as u64;
        let (newest, mark) = (self.newest, self.mark.clone());
        let (mut turn, mut answers) = (Turn::default(), Vec::with_capacity(jobs.len()));
        let mut waiting = std::mem::take(jobs).into_iter();
        let Some(mut writer) = self.writer.take() else {
            return Err(StoreError::Other("the writer is gone".into()));
        };
        let ended = catch_unwind(AssertUnwindSafe(|| {
            writer.transact(|tx| {
                for job in waiting.by_ref() {
                    self.run(tx, &mut turn, job, &mut answers)?;
                }
                self.catch_up(tx)?;
                #[cfg(feature = "faults")]
                self.fault.before_commit()?;
                Ok(())
            })
        }));
        self.writer = Some(writer);
        #[cfg(feature = "faults")]
        let ended = ended.map(|done| self.fault.after_commit(done));
        let panicked = self.panic.take();
        let done = match ended {
            Ok(Ok(())) => {
                self.flushed.clear();
                self.answer(shared, Done { turn, answers, count });
                Ok(())
            }
            Ok(Err(failed)) => {
                self.undo(turn, newest, mark);
                self.give_up(shared, answers, waiting, &failed.error, failed.certainty)
            }
            Err(panic) => {
                self.undo(turn, newest, mark);
                let why = StoreError::Other("the writer panicked on another request of the same batch".into());
                drop(self.give_up(shared, answers, waiting, &why, Certainty::NotDone));
                resume_unwind(panic)
            }
        };
        // The others have their answers: now the actor may end of it and be restarted.
        panicked.map_or(done, |panic| resume_unwind(panic))
    }

    #[cfg(not(feature = "faults"))]
    #[allow(clippy::unused_self, reason = "with faults an answer may be late")]
    fn answer(&mut self, shared: &Shared, done: Done) {
        done.tell(shared);
    }

    #[cfg(feature = "faults")]
    fn answer(&mut self, shared: &Shared, done: Done) {
        match self.fault {
            crate::faults::Fault::LateAnswer(_) if self.panic.is_none() => self.late = Some(done),
            _ => done.tell(shared),
        }
    }

    /// Memory becomes what it was before the batch, ids included: SQLite gives the same ones again.
    fn undo(&mut self, mut turn: Turn, newest: i64, mark: Mark) {
        turn.undo_to(0);
        self.forget_noted(turn.noted);
        for host in self.flushed.drain(..).rev() {
            host.pulse.mark_unwritten();
            self.unwritten.push_front(host);
        }
        (self.newest, self.mark) = (newest, mark);
        // Whoever looked meanwhile believed what did not come to be.
        for entry in turn.changed {
            nudge(&entry);
        }
    }

    /// Answers everybody of a batch that did not happen; the error is one that ends the process.
    fn give_up(
        &mut self,
        shared: &Shared,
        answers: Vec<Answer>,
        waiting: impl ExactSizeIterator<Item = Job>,
        error: &StoreError,
        certainty: Certainty,
    ) -> Result<(), StoreError> {
        count_rollback(shared, answers.len() + waiting.len(), error);
        for answer in answers {
            if let Answer::Beat(_, entry, ..) = &answer {
                self.note_refused(entry);
            }
            answer.give(Err(lost(error, certainty)));
        }
        for job in waiting {
            if let Job::Beat(beat, ..) = &job {
                self.note_refused(&beat.entry);
            }
            job.refuse(lost(error, Certainty::NotDone));
        }
        // What may or may not be on disk cannot be matched with memory: only a start from disk can.
        if error.is_fatal() || certainty == Certainty::Unknown { Err(error.clone()) } else { Ok(()) }
    }

    fn forget_noted(&mut self, count: usize) {
        for _ in 0..count {
            if let Some(host) = self.unwritten.pop_back() {
                host.pulse.mark_written();
            }
        }
    }

    fn run(&mut self, tx: &Transaction<'_>, turn: &mut Turn, job: Job, answers: &mut Vec<Answer>) -> Result<(), StoreError> {
        match job {
            Job::Beat(beat, permit, reply) => {
                let done = self.try_beat(tx, turn, &beat);
                match done {
                    Ok(done) => answers.push(Answer::Beat(done, beat.entry, permit, reply)),
                    Err(e) if ends_batch(&e) => {
                        answers.push(Answer::Beat(BeatDone { id: 0, repeated: false }, beat.entry, permit, reply));
                        return Err(e);
                    }
                    Err(e) => {
                        self.note_unwritten(turn, self.next_id(), &beat.entry); // refused, and yet a sign of life
                        drop(reply.send(Err(e.into())));
                    }
                }
                Ok(())
            }
            Job::Judge(judgement, reply) => {
                let done = self.attempt(tx, turn, |_, turn| write_judgement(tx, turn, &judgement));
                match done {
                    Ok(holds) => answers.push(Answer::Judged(holds, reply)),
                    Err(e) if ends_batch(&e) => {
                        answers.push(Answer::Judged(false, reply));
                        return Err(e);
                    }
                    Err(e) => drop(reply.send(Err(e.into()))),
                }
                Ok(())
            }
            Job::Alive(mark, reply) => {
                answers.push(Answer::Alive(reply));
                self.write_alive(tx, &mark)
            }
            Job::Op(name, op) => {
                // Its caller hears that the writer was interrupted: the reply went down with it.
                let Some((done, finish)) = self.contained(tx, |_| op(tx))? else { return Ok(()) };
                answers.push(Answer::Op(finish));
                done.inspect_err(|e| log::error!("store: {name}: {e}"))
            }
        }
    }

    /// A plain heartbeat is one insert; whatever does more fails alone.
    fn try_beat(&mut self, tx: &Transaction<'_>, turn: &mut Turn, beat: &Beat) -> Result<BeatDone, StoreError> {
        self.mark_step(tx, beat.at)?; // outside of the savepoint: what it flushes does not go with it
        let done = if beat.is_plain() {
            self.write_beat(tx, turn, beat)
        } else {
            self.attempt(tx, turn, |side, turn| side.write_beat(tx, turn, beat))
        }?;
        self.newest = self.newest.max(done.id);
        Ok(done)
    }

    /// Runs `step` so that its failure takes back its own effects only, on disk and in memory.
    fn attempt<T>(
        &mut self,
        tx: &Transaction<'_>,
        turn: &mut Turn,
        step: impl FnOnce(&mut Side, &mut Turn) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let (undo, noted) = (turn.undo.len(), turn.noted);
        let done = self.contained(tx, |side| in_savepoint(tx, |_| step(side, turn)));
        let done = done.and_then(|done| done.unwrap_or_else(|| Err(StoreError::Other("the writer panicked on it".into()))));
        done.inspect_err(|_| {
            turn.undo_to(undo);
            self.forget_noted(turn.noted - noted);
            turn.noted = noted;
        })
    }

    /// Runs `job`, which has a savepoint of its own: a panic takes back what it has written and leaves the batch to the others.
    fn contained<T>(&mut self, tx: &Transaction<'_>, job: impl FnOnce(&mut Side) -> T) -> Result<Option<T>, StoreError> {
        match catch_unwind(AssertUnwindSafe(|| job(self))) {
            Ok(done) => Ok(Some(done)),
            Err(panic) => {
                tx.execute_batch("ROLLBACK TO job; RELEASE job")?;
                log::error!("store: the writer panicked on a request; the others of its batch go on");
                self.panic.get_or_insert(panic);
                Ok(None)
            }
        }
    }

    /// The row was refused, the sign of life was not: it is written with the next sign of life of the hub, so that a start knows it.
    fn note_refused(&mut self, entry: &HostEntry) {
        if entry.pulse.mark_unwritten() {
            let first_beat = self.newest + 1;
            self.unwritten.push_back(Unwritten { first_beat, row: entry.row, pulse: entry.pulse.clone() });
        }
    }

    pub(super) fn note_unwritten(&mut self, turn: &mut Turn, beat: i64, entry: &HostEntry) {
        if entry.pulse.mark_unwritten() {
            turn.noted += 1;
            self.unwritten.push_back(Unwritten { first_beat: beat, row: entry.row, pulse: entry.pulse.clone() });
        }
    }

    /// The id the next heartbeat will have.
    pub(super) fn next_id(&self) -> i64 {
        self.newest + 1
    }

    /// A start tells a beat's steady time from its wall time by the last sign of life, so none may follow one from before a step
    /// of the wall clock.
    pub(super) fn mark_step(&mut self, tx: &Transaction<'_>, at: Now) -> Result<(), StoreError> {
        if (self.mark.now.offset_ms() - at.offset_ms()).abs() <= STEP_MS {
            return Ok(());
        }
        // The same instant by the clock as it is now: whether the hub was there since is not for a beat to say.
        let mut mark = self.mark.clone();
        mark.now.wall = at.wall_at(mark.now.steady);
        self.flush(tx, usize::MAX)?;
        self.write_alive(tx, &mark)
    }

    fn write_alive(&mut self, tx: &Transaction<'_>, mark: &Mark) -> Result<(), StoreError> {
        self.mark = mark.clone();
        self.flush(tx, FLUSH_PER_ALIVE)?;
        let beat_mark = match self.unwritten.front() {
            Some(first) => first.first_beat - 1,
            None => self.newest,
        };
        let Mark { boot_id, boot_ms, now } = mark.clone();
        alive::write(tx, &alive::Alive { boot_id, boot_ms, wall: now.wall, steady: now.steady, beat_mark })
    }

    /// Keeps what a start must read again bounded, also under a load that no sign of life could write down.
    fn catch_up(&mut self, tx: &Transaction<'_>) -> Result<(), StoreError> {
        match self.unwritten.front() {
            Some(first) if self.newest - first.first_beat > BEHIND_MOST => self.flush(tx, FLUSH_PER_BATCH),
            _ => Ok(()),
        }
    }

    fn flush(&mut self, tx: &Transaction<'_>, most: usize) -> Result<(), StoreError> {
        for _ in 0..most.min(self.unwritten.len()) {
            let Some(next) = self.unwritten.pop_front() else { break };
            next.pulse.mark_written();
            let (row, pulse) = (next.row, next.pulse.clone());
            self.flushed.push(next);
            write_seen(tx, row, seen_of(&pulse), &pulse)?;
        }
        Ok(())
    }
}

/// A committed batch that nobody has heard of yet.
pub(super) struct Done {
    turn: Turn,
    answers: Vec<Answer>,
    count: u64,
}

impl Done {
    /// Counts it, wakes whom it concerns and answers its callers.
    pub(super) fn tell(self, shared: &Shared) {
        count_commit(shared, self.count, self.turn.beats);
        tell(shared, self.turn);
        self.answers.into_iter().for_each(|answer| answer.give(Ok(())));
    }
}

fn count_commit(shared: &Shared, jobs: u64, beats: u64) {
    let stats = &shared.stats;
    stats.commits.fetch_add(1, Ordering::Relaxed);
    stats.jobs.fetch_add(jobs, Ordering::Relaxed);
    stats.beats.fetch_add(beats, Ordering::Relaxed);
    stats.last_commit.store(shared.clock.steady().0, Ordering::Relaxed);
}

/// A full disk refuses hundreds of batches a second: said once, then only counted while it lasts.
fn count_rollback(shared: &Shared, size: usize, error: &StoreError) {
    let now = shared.clock.steady().0;
    if matches!(error, StoreError::Full | StoreError::ReadOnly) {
        shared.refusals.note(shared.clock.now(), error.to_string(), shared.stats.beats.load(Ordering::Relaxed));
    }
    let rollbacks = shared.stats.rollbacks.fetch_add(1, Ordering::Relaxed) + 1;
    let before = shared.stats.last_failure.swap(now, Ordering::Relaxed);
    let level = if now - before > QUIET_MS { log::Level::Error } else { log::Level::Debug };
    log::log!(level, "store: a batch of {size} was rolled back ({rollbacks} so far): {error}");
}

/// A verdict holds only while nothing was heard since it was made: memory is asked first, the row decides.
fn write_judgement(tx: &Transaction<'_>, turn: &mut Turn, judgement: &Judgement) -> Result<bool, StoreError> {
    let entry = &judgement.entry;
    let seen = seen_of(&entry.pulse);
    let steady = seen.map(|(_, steady)| steady);
    if steady != judgement.seen || entry.pulse.status() == Status::Down {
        return Ok(false);
    }
    // An edit or a silence may have been committed while the verdict waited in the queue.
    if !verdicts::is_judged_by(tx, entry.row, &judgement.basis)? {
        return Ok(false);
    }
    write_seen(tx, entry.row, seen, &entry.pulse)?;
    let incident = &judgement.incident;
    if verdicts::go_down(tx, entry.row, steady, judgement.now, &incident.facts.why, incident)?.is_none() {
        return Ok(false);
    }
    turn.remember_status(entry);
    turn.news = true;
    entry.pulse.set_status(Status::Down);
    Ok(true)
}

fn nudge(entry: &HostEntry) {
    if let Some(actor) = entry.actor() {
        actor.do_send(Nudge);
    }
}

fn tell(shared: &Shared, turn: Turn) {
    if !turn.changed.is_empty() || turn.news {
        shared.stats.changes.fetch_add(1, Ordering::Release);
    }
    for entry in turn.changed {
        nudge(&entry);
    }
    if turn.news {
        shared.news.notify_one();
    }
}
