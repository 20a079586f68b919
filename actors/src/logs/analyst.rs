//! The AnalystActor: reads one host's log, on its schedule and on demand, one look at a time.
//!
//! The timer only wakes; what is due is computed from what the store says of the last look. A look in flight when the actor ends has
//! stored nothing, so the next one reads the same lines again.

use super::desk::{Desk, Target};
use super::look::{self, Looked, NotLooked};
use super::memory::Memory;
use super::news;
use super::source::FetchError;
use crate::supervision::{Child, Context, Waiting};
use actix::prelude::*;
use domain::time::Wall;
use std::sync::Arc;
use std::time::Duration;
use store::host_keys::KeyState;
use store::logs::LogState;
use store::{StoreError, Transaction, host_keys, hosts, logs};

/// The first look at a host's log after its description, and looks that are overdue at a start, are spread over this time.
const SPREAD_MS: i64 = 30_000;
/// The first wait after a failed look; doubled each time.
const RETRY_MS: u64 = 60_000;
/// How often an analyst that is stopped looks whether it still is.
const STOPPED_LOOK: Duration = Duration::from_secs(30);
/// After the store failed at the start.
const STORE_RETRY: Duration = Duration::from_secs(5);

/// Looks at the log now.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Begun")]
pub struct Analyze;

/// What became of a demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// A look has begun.
    Now,
    /// One was under way.
    Already,
}

/// The host's description changed.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Described(pub(super) Target);

/// Reads one host's log.
pub struct AnalystActor {
    desk: Arc<Desk>,
    target: Target,
    memory: Option<Memory>,
    busy: bool,
    /// Which alarm counts: older ones that go off do nothing.
    alarm: u64,
    /// The longest wait whoever failed to fetch asks for.
    patience: Option<Duration>,
}

impl AnalystActor {
    /// An analyst for `target`; to be started under a supervisor.
    pub fn new(desk: Arc<Desk>, target: Target) -> AnalystActor {
        AnalystActor { desk, target, memory: None, busy: false, alarm: 0, patience: None }
    }

    /// Sets the alarm by what the store says of the last look.
    fn plan(&mut self, ctx: &mut Context<Self>) {
        let (db, row) = (self.desk.db.clone(), self.target.row);
        let read = async move { db.read(move |conn| logs::state(conn, row)).await };
        ctx.spawn(read.into_actor(self).map(|read, actor, ctx| match read {
            Ok(state) => {
                let now = actor.desk.clock.now().wall;
                // The alarm that is set rings for an older plan.
                actor.alarm += 1;
                let patience = actor.patience.take().map_or(u64::MAX, |wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
                if let Some(wait) = wait_ms(&actor.target, &state, now, actor.desk.limits.retry_wait_ms_most) {
                    actor.wake_in(wait.min(patience), ctx);
                } else if state.stopped {
                    actor.ask_again(ctx);
                }
            }
            Err(e) => {
                log::warn!("logs: the schedule of {} could not be read: {e}", actor.target.host_id);
                ctx.run_later(STORE_RETRY, Self::plan);
            }
        }));
    }

    /// A person may have put it right meanwhile, without a word to this actor.
    fn ask_again(&mut self, ctx: &mut Context<Self>) {
        let set = self.alarm;
        ctx.run_later(STOPPED_LOOK, move |actor, ctx| {
            if actor.alarm == set && !actor.busy {
                actor.plan(ctx);
            }
        });
    }

    fn wake_in(&mut self, wait_ms: u64, ctx: &mut Context<Self>) {
        self.alarm += 1;
        let set = self.alarm;
        ctx.run_later(Duration::from_millis(wait_ms), move |actor, ctx| {
            if actor.alarm == set && !actor.busy {
                actor.begin(false, ctx);
            }
        });
    }

    fn begin(&mut self, on_demand: bool, ctx: &mut Context<Self>) {
        self.busy = true;
        let (desk, target, memory) = (self.desk.clone(), self.target.clone(), self.memory.take());
        let looking = async move {
            let _waiting = Waiting::on("a log");
            look::look(desk, target, memory, on_demand).await
        };
        ctx.spawn(looking.into_actor(self).map(|looked, actor, ctx| actor.settle(looked, ctx)));
    }

    /// A look has ended.
    fn settle(&mut self, looked: Looked, ctx: &mut Context<Self>) {
        let Looked { memory, result } = looked;
        self.memory = memory;
        let host_id = self.target.host_id.clone();
        let (why, stopped, at_most) = match result {
            Ok(id) => {
                log::debug!("logs: analysis {id} of {host_id} is stored");
                return self.rest(ctx);
            }
            Err(NotLooked::Failed(why)) => (why, false, None),
            Err(NotLooked::Fetch(FetchError::Retryable { why, at_most_wait })) => (why, false, at_most_wait),
            Err(NotLooked::Fetch(FetchError::Stopped { why } | FetchError::Refused { why })) => (why, true, None),
        };
        log::warn!("logs: the log of {host_id} could not be analysed: {why}");
        let (db, row, now) = (self.desk.db.clone(), self.target.row, self.desk.clock.now());
        let note = move |tx: &Transaction<'_>| {
            logs::note_trouble(tx, row, &why, stopped, now.wall)?;
            match hosts::names(tx, row) {
                Ok(names) if stopped && !is_told_already(tx, row)? => news::stopped(tx, &names, &why, now),
                _ => Ok(()),
            }
        };
        let noted = async move { db.write_news("log trouble", note).await };
        ctx.spawn(noted.into_actor(self).map(move |noted, actor, ctx| {
            if let Err(e) = noted {
                log::warn!("logs: the trouble with {} could not be noted: {e}", actor.target.host_id);
            }
            actor.patience = at_most;
            actor.rest(ctx);
        }));
    }

    fn rest(&mut self, ctx: &mut Context<Self>) {
        self.busy = false;
        self.plan(ctx);
    }
}

/// A changed host key has an incident of its own.
fn is_told_already(tx: &Transaction<'_>, row: i64) -> Result<bool, StoreError> {
    Ok(host_keys::get(tx, row)?.is_some_and(|key| key.state == KeyState::Changed))
}

/// How long until the next look; `None` when there is none by itself.
fn wait_ms(target: &Target, state: &LogState, now: Wall, retry_most_ms: u64) -> Option<u64> {
    if !target.settings.enabled || target.paused || state.stopped {
        return None;
    }
    let frequency_ms = i64::from(target.settings.frequency_s) * 1_000;
    let spread_ms = i64::try_from(spread(&target.host_id) % SPREAD_MS.unsigned_abs()).unwrap_or(0);
    let Some(tried_at) = state.tried_at else { return u64::try_from(spread_ms).ok() };
    let pause_ms = match state.failures {
        0 => frequency_ms,
        n => {
            let doubled = RETRY_MS.saturating_mul(1 << n.saturating_sub(1).min(20)).min(retry_most_ms);
            i64::try_from(doubled).unwrap_or(i64::MAX).min(frequency_ms)
        }
    };
    // A wall clock that was set back must not put a look off for ever.
    let wait = tried_at.0.saturating_add(pause_ms).saturating_sub(now.0).min(pause_ms);
    u64::try_from(if wait <= 0 { spread_ms } else { wait }).ok()
}

/// A number that is a host's own.
fn spread(host_id: &str) -> u64 {
    host_id.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

impl Actor for AnalystActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.plan(ctx);
    }
}

impl Supervised for AnalystActor {
    fn restarting(&mut self, _: &mut Context<Self>) {
        (self.memory, self.busy) = (None, false);
    }
}

impl Child for AnalystActor {}

impl Handler<Analyze> for AnalystActor {
    type Result = MessageResult<Analyze>;

    fn handle(&mut self, _: Analyze, ctx: &mut Context<Self>) -> MessageResult<Analyze> {
        if self.busy {
            return MessageResult(Begun::Already);
        }
        self.begin(true, ctx);
        MessageResult(Begun::Now)
    }
}

impl Handler<Described> for AnalystActor {
    type Result = ();

    fn handle(&mut self, described: Described, ctx: &mut Context<Self>) {
        let Described(target) = described;
        let is_moved = target.settings.source() != self.target.settings.source()
            || target.settings.log_command != self.target.settings.log_command;
        self.target = target;
        let (db, row) = (self.desk.db.clone(), self.target.row);
        // Another description is another try.
        let forgive = move |tx: &Transaction<'_>| logs::forgive(tx, row, is_moved);
        if is_moved {
            self.memory = None;
        }
        let forgiven = async move { db.write("log described", forgive).await };
        ctx.spawn(forgiven.into_actor(self).map(|forgiven, actor, ctx| {
            if let Err(e) = forgiven {
                log::warn!("logs: the trouble with {} could not be forgotten: {e}", actor.target.host_id);
            }
            if !actor.busy {
                actor.plan(ctx);
            }
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::log_settings::LogSettings;

    fn target(enabled: bool, paused: bool) -> Target {
        let settings = LogSettings { enabled, frequency_s: 1_800, ..LogSettings::default() };
        Target { row: 1, host_id: "nas".into(), settings: Arc::new(settings), paused }
    }

    #[test]
    fn a_look_is_due_a_period_after_the_last_and_failures_are_tried_sooner_but_ever_later() {
        let state = |failures, s: i64| LogState { failures, tried_at: Some(Wall(s * 1_000)), ..LogState::default() };
        let wait = |state: &LogState, s: i64| wait_ms(&target(true, false), state, Wall(s * 1_000), 3_600_000);
        assert_eq!(wait(&state(0, 100), 400), Some(1_500_000));
        assert!(wait(&state(0, 100), 9_999).is_some_and(|ms| ms < 30_000), "overdue");
        assert_eq!(wait(&state(0, 9_999), 0), Some(1_800_000), "the clock was set back");
        assert!(wait(&LogState::default(), 0).is_some_and(|ms| ms < 30_000), "never looked");
        let failed: Vec<_> = (1..=7).map(|n| wait(&state(n, 0), 0).unwrap() / 60_000).collect();
        assert_eq!(failed, [1, 2, 4, 8, 16, 30, 30]);
    }

    #[test]
    fn nothing_is_due_by_itself_where_a_person_must_act() {
        let stopped = LogState { stopped: true, ..LogState::default() };
        for (target, state) in [
            (target(false, false), LogState::default()),
            (target(true, true), LogState::default()),
            (target(true, false), stopped),
        ] {
            assert_eq!(wait_ms(&target, &state, Wall(0), 1), None);
        }
    }
}
