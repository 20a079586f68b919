//! One transaction of the writer: run every job, commit, answer; or undo, and say so.

use super::beat::{flush_seen, write_seen};
use super::{BeatDone, DbError, Finish, Job, Judgement, Shared, lost};
use crate::clock::Mark;
use crate::gate::Permit;
use crate::host::Nudge;
use crate::roster::{HostEntry, Pulse};
use domain::host::Status;
use domain::time::Steady;
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
/// Hosts a batch writes when too far behind.
const FLUSH_PER_BATCH: usize = 64;

/// The writer's side: its connection, and which hosts' `last_seen` is newer than their row.
pub(super) struct Side {
    writer: Option<Writer>,
    unwritten: VecDeque<Unwritten>,
    flushed: Vec<Unwritten>,
    newest: i64,
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
    changed: Vec<Arc<HostEntry>>,
    pub(super) news: bool,
    beats: u64,
}

enum Undo {
    Beat(Arc<Pulse>, Option<i64>),
    Run(Arc<Pulse>, Option<Steady>),
    Status(Arc<Pulse>, Status),
}

impl Turn {
    pub(super) fn remember_beat(&mut self, entry: &HostEntry, previous: Option<i64>) {
        self.undo.push(Undo::Beat(entry.pulse.clone(), previous));
        self.beats += 1;
    }

    pub(super) fn remember_run(&mut self, entry: &Arc<HostEntry>) {
        self.undo.push(Undo::Run(entry.pulse.clone(), entry.pulse.run_started()));
        self.changed.push(entry.clone());
    }

    pub(super) fn remember_status(&mut self, entry: &Arc<HostEntry>) {
        self.undo.push(Undo::Status(entry.pulse.clone(), entry.pulse.status()));
        self.changed.push(entry.clone());
    }

    fn undo(&mut self) {
        for step in self.undo.drain(..).rev() {
            match step {
                Undo::Beat(pulse, id) => pulse.set_last_beat(id),
                Undo::Run(pulse, started) => pulse.set_run(started),
                Undo::Status(pulse, status) => pulse.set_status(status),
            }
        }
    }
}

/// An answer that waits for the COMMIT.
enum Answer {
    Beat(BeatDone, Permit, oneshot::Sender<Result<BeatDone, DbError>>),
    Judged(bool, oneshot::Sender<Result<bool, DbError>>),
    Alive(oneshot::Sender<Result<(), DbError>>),
    Op(Finish),
}

impl Answer {
    fn give(self, committed: Result<(), DbError>) {
        // A receiver that is gone has stopped waiting; what is on disk stays there.
        match self {
            Answer::Beat(done, permit, reply) => {
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
    pub(super) fn new(writer: Writer, newest: i64) -> Side {
        Side { writer: Some(writer), unwritten: VecDeque::new(), flushed: Vec::new(), newest }
    }

    /// One transaction for all of `jobs`; the error is one that ends the process.
    pub(super) fn commit(&mut self, shared: &Shared, jobs: &mut Vec<Job>) -> Result<(), StoreError> {
        let count = jobs.len() as u64;
        let (mut turn, mut answers) = (Turn::default(), Vec::with_capacity(jobs.len()));
        let Some(mut writer) = self.writer.take() else {
            return Err(StoreError::Other("the writer is gone".into()));
        };
        let ended = catch_unwind(AssertUnwindSafe(|| {
            writer.transact(|tx| {
                for job in jobs.drain(..) {
                    self.run(tx, &mut turn, job, &mut answers)?;
                }
                self.catch_up(tx)
            })
        }));
        self.writer = Some(writer);
        match ended {
            Ok(Ok(())) => {
                self.flushed.clear();
                count_commit(shared, count, turn.beats);
                tell(shared, turn);
                answers.into_iter().for_each(|a| a.give(Ok(())));
                Ok(())
            }
            Ok(Err(failed)) => {
                self.undo(&mut turn);
                self.give_up(shared, answers, jobs, &failed.error, failed.certainty)
            }
            Err(panic) => {
                self.undo(&mut turn);
                let why = StoreError::Other("the writer panicked on another request of the same batch".into());
                drop(self.give_up(shared, answers, jobs, &why, Certainty::NotDone));
                resume_unwind(panic)
            }
        }
    }

    fn undo(&mut self, turn: &mut Turn) {
        turn.undo();
        for host in self.flushed.drain(..).rev() {
            host.pulse.mark_unwritten();
            self.unwritten.push_front(host);
        }
    }

    fn give_up(
        &mut self,
        shared: &Shared,
        answers: Vec<Answer>,
        rest: &mut Vec<Job>,
        error: &StoreError,
        certainty: Certainty,
    ) -> Result<(), StoreError> {
        log::error!("store: a batch of {} was rolled back: {error}", answers.len() + rest.len());
        shared.stats.rollbacks.fetch_add(1, Ordering::Relaxed);
        shared.stats.last_failure.store(shared.clock.steady().0, Ordering::Relaxed);
        for answer in answers {
            answer.give(Err(lost(error, certainty)));
        }
        for job in rest.drain(..) {
            job.refuse(lost(error, Certainty::NotDone));
        }
        if error.is_fatal() { Err(StoreError::Io(error.to_string())) } else { Ok(()) }
    }

    fn run(&mut self, tx: &Transaction<'_>, turn: &mut Turn, job: Job, answers: &mut Vec<Answer>) -> Result<(), StoreError> {
        match job {
            Job::Beat(beat, permit, reply) => match self.write_beat(tx, turn, &beat) {
                Ok(done) => {
                    self.newest = self.newest.max(done.id);
                    answers.push(Answer::Beat(done, permit, reply));
                    Ok(())
                }
                Err(e) => {
                    answers.push(Answer::Beat(BeatDone { id: 0, repeated: false }, permit, reply));
                    Err(e)
                }
            },
            Job::Judge(judgement, reply) => {
                let done = self.write_judgement(tx, turn, &judgement);
                answers.push(Answer::Judged(*done.as_ref().unwrap_or(&false), reply));
                done.map(|_| ())
            }
            Job::Alive(mark, reply) => {
                answers.push(Answer::Alive(reply));
                self.write_alive(tx, &mark)
            }
            Job::Op(name, op) => {
                let (done, finish) = op(tx);
                answers.push(Answer::Op(finish));
                done.inspect_err(|e| log::error!("store: {name}: {e}"))
            }
        }
    }

    /// A verdict holds only while nothing was heard since it was made: memory is asked first, the row decides.
    fn write_judgement(&mut self, tx: &Transaction<'_>, turn: &mut Turn, judgement: &Judgement) -> Result<bool, StoreError> {
        let entry = &judgement.entry;
        if entry.pulse.last_seen() != judgement.seen || entry.pulse.status() == Status::Down {
            return Ok(false);
        }
        let seen = flush_seen(tx, entry)?;
        let incident = &judgement.incident;
        if verdicts::go_down(tx, entry.row, seen, judgement.now, &incident.facts.why, incident)?.is_none() {
            return Ok(false);
        }
        turn.remember_status(entry);
        turn.news = true;
        entry.pulse.set_status(Status::Down);
        Ok(true)
    }

    pub(super) fn note_unwritten(&mut self, beat: i64, entry: &Arc<HostEntry>) {
        if entry.pulse.mark_unwritten() {
            self.unwritten.push_back(Unwritten { first_beat: beat, row: entry.row, pulse: entry.pulse.clone() });
        }
    }

    fn write_alive(&mut self, tx: &Transaction<'_>, mark: &Mark) -> Result<(), StoreError> {
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
            write_seen(tx, row, &pulse)?;
        }
        Ok(())
    }
}

fn count_commit(shared: &Shared, jobs: u64, beats: u64) {
    let stats = &shared.stats;
    stats.commits.fetch_add(1, Ordering::Relaxed);
    stats.jobs.fetch_add(jobs, Ordering::Relaxed);
    stats.beats.fetch_add(beats, Ordering::Relaxed);
    stats.last_commit.store(shared.clock.steady().0, Ordering::Relaxed);
}

fn tell(shared: &Shared, turn: Turn) {
    for entry in turn.changed {
        if let Some(actor) = entry.actor() {
            actor.do_send(Nudge);
        }
    }
    if turn.news {
        shared.news.notify_one();
    }
}
