//! What was done about a channel, written down: which notices are told or wait again, and each attempt for the delivery log.

use super::answer::{Outcome, Reply, Scope};
use domain::time::{Now, Steady, Wall};
use store::deliveries::{self, NewDelivery};
use store::{StoreError, Transaction, channels, outbox};

/// One call and what came of it, for the person who asks why nothing came.
#[derive(Clone)]
pub(super) struct Attempt {
    at: Wall,
    outcome: &'static str,
    status: Option<u16>,
    error: Option<String>,
}

/// A step that was taken, to be written down.
#[derive(Clone)]
pub(super) struct Done {
    pub(super) channel: i64,
    pub(super) rows: Vec<i64>,
    pub(super) now: Now,
    pub(super) attempts: Vec<Attempt>,
    pub(super) asked: Asked,
}

/// The silence that answers asked for: a start must know of it.
#[derive(Clone, Copy, Default)]
pub(super) struct Asked {
    pub(super) here: Option<Steady>,
    pub(super) everywhere: Option<Steady>,
}

impl Asked {
    /// What this one answer asked for.
    fn by(reply: &Reply, now: Steady) -> Asked {
        let later = |ms: u64| now.plus_ms(i64::try_from(ms).unwrap_or(i64::MAX));
        let spent = (reply.pause_ms > 0).then(|| later(reply.pause_ms));
        match &reply.outcome {
            Outcome::Retry { after_ms: Some(ms), scope: Scope::Everywhere, .. } => {
                Asked { here: spent, everywhere: Some(later(*ms)) }
            }
            Outcome::Retry { after_ms: Some(ms), .. } => Asked { here: spent.max(Some(later(*ms))), everywhere: None },
            _ => Asked { here: spent, everywhere: None },
        }
    }

    fn keep(self, tx: &Transaction<'_>, channel: i64) -> Result<(), StoreError> {
        for (whose, until) in [(Some(channel), self.here), (None, self.everywhere)] {
            until.map_or(Ok(()), |until| channels::hold(tx, whose, until))?;
        }
        Ok(())
    }
}

impl Done {
    /// `told` is in the message now; `left` was not named after all and waits for the next.
    pub(super) fn sent(&self, tx: &Transaction<'_>, told: &[i64], left: &[i64], remote_id: &str) -> Result<(), StoreError> {
        outbox::mark_sent(tx, told, remote_id, self.channel, self.now.wall)?;
        let unnamed: Vec<i64> = self.rows.iter().filter(|id| left.contains(id)).copied().collect();
        outbox::mark_retry(tx, &unnamed, self.now.steady, "not named in the smaller form", false)?;
        channels::set_success(tx, self.channel, self.now.wall)?;
        self.log(tx)
    }

    pub(super) fn edited(&self, tx: &Transaction<'_>) -> Result<(), StoreError> {
        outbox::mark_edited(tx, &self.rows, self.now.wall)?;
        channels::set_success(tx, self.channel, self.now.wall)?;
        self.log(tx)
    }

    pub(super) fn retry(&self, tx: &Transaction<'_>, next: Steady, error: &str, ambiguous: bool) -> Result<(), StoreError> {
        outbox::mark_retry(tx, &self.rows, next, error, ambiguous)?;
        channels::set_error(tx, self.channel, error)?;
        self.log(tx)
    }

    pub(super) fn refused(&self, tx: &Transaction<'_>, error: &str) -> Result<(), StoreError> {
        outbox::mark_refused(tx, &self.rows, error)?;
        channels::set_error(tx, self.channel, error)?;
        self.log(tx)
    }

    pub(super) fn stopped(&self, tx: &Transaction<'_>, reason: &str) -> Result<(), StoreError> {
        self.retry(tx, self.now.steady, reason, false)?;
        channels::set_stopped(tx, self.channel, Some(reason))
    }

    fn log(&self, tx: &Transaction<'_>) -> Result<(), StoreError> {
        for attempt in &self.attempts {
            record(tx, self.channel, attempt, &self.rows)?;
        }
        self.asked.keep(tx, self.channel)
    }
}

fn record(tx: &Transaction<'_>, channel: i64, attempt: &Attempt, outbox_ids: &[i64]) -> Result<(), StoreError> {
    let Attempt { at, outcome, status, error } = attempt;
    let delivery = NewDelivery { channel, at: *at, outcome, http_status: *status, error: error.as_deref(), outbox_ids };
    deliveries::record(tx, &delivery).map(drop)
}

impl Attempt {
    /// The line about this answer.
    pub(super) fn new(reply: &Reply, at: Wall) -> Attempt {
        let (outcome, error) = match &reply.outcome {
            Outcome::Delivered { .. } => ("delivered", None),
            Outcome::Edited => ("edited", None),
            Outcome::Retry { error, .. } => ("retry", Some(error.clone())),
            Outcome::Refused { error, .. } => ("refused", Some(error.clone())),
        };
        Attempt { at, outcome, status: reply.status, error }
    }
}

/// Writes down what came of a message that belongs to no incident.
pub(super) fn record_reply(tx: &Transaction<'_>, channel: i64, reply: &Reply, now: Now) -> Result<(), StoreError> {
    let attempt = Attempt::new(reply, now.wall);
    match &attempt.error {
        None => channels::set_success(tx, channel, now.wall)?,
        Some(error) => channels::set_error(tx, channel, error)?,
    }
    Asked::by(reply, now.steady).keep(tx, channel)?;
    record(tx, channel, &attempt, &[])
}
