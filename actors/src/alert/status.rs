//! How each channel is: what waits, since when, and why.

use super::AlertActor;
use crate::db::DbError;
use crate::supervision::Context;
use actix::prelude::*;
use domain::time::Wall;
use store::{channels, outbox};

/// A notice that waits longer than this makes the alerts unhealthy.
const WAITING_OLD_MS: i64 = 300_000;

/// How each channel is that is enabled and has a URL.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Result<Vec<ChannelStatus>, DbError>")]
pub struct Status;

/// How a channel is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelStatus {
    /// `channels.id`.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Notices not told yet.
    pub waiting: i64,
    /// When the oldest of them was written.
    pub oldest: Option<Wall>,
    /// How long that is ago, in milliseconds.
    pub oldest_age_ms: i64,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// Why nothing is sent until somebody changes the channel.
    pub stopped: Option<String>,
}

impl ChannelStatus {
    /// Whether people hear what they are to hear.
    pub fn ok(&self) -> bool {
        self.stopped.is_none() && self.oldest_age_ms <= WAITING_OLD_MS
    }

    /// In words: `primary: 3 waiting, the oldest for 2 s`.
    pub fn detail(&self) -> String {
        let mut text = format!("{}: {} waiting", self.name, self.waiting);
        if self.waiting > 0 {
            text += &format!(", the oldest for {} s", self.oldest_age_ms / 1_000);
        }
        match (&self.stopped, &self.last_error) {
            (Some(reason), _) => text + &format!(", stopped: {reason}"),
            (None, Some(error)) => text + &format!(", last error: {error}"),
            (None, None) => text,
        }
    }
}

impl Handler<Status> for AlertActor {
    type Result = ResponseFuture<Result<Vec<ChannelStatus>, DbError>>;

    fn handle(&mut self, _: Status, _: &mut Context<Self>) -> Self::Result {
        let (db, now) = (self.db.clone(), self.clock.now().wall);
        let with_url: Vec<i64> = self.channels.channels().into_iter().map(|channel| channel.id).collect();
        Box::pin(async move { db.read(move |conn| statuses(conn, &with_url, now)).await })
    }
}

fn statuses(conn: &store::Connection, with_url: &[i64], now: Wall) -> Result<Vec<ChannelStatus>, store::StoreError> {
    let mut all = Vec::new();
    for channel in channels::list(conn)?.into_iter().filter(|channel| channel.enabled && with_url.contains(&channel.id)) {
        let counts = outbox::counts(conn, Some(channel.id))?;
        all.push(ChannelStatus {
            id: channel.id,
            name: channel.name,
            waiting: counts.pending + counts.sending,
            oldest: counts.oldest,
            oldest_age_ms: counts.oldest.map_or(0, |at| now.0.saturating_sub(at.0).max(0)),
            last_error: channel.last_error,
            stopped: channel.stopped_reason,
        });
    }
    Ok(all)
}
