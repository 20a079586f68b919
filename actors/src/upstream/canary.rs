//! The canary: a host inside the hub that is heard once a minute or so and then misses its deadline on purpose. It is watched by a
//! real HostActor, judged by the real judge and written by the real writer, so its death proves that a real one would be seen.
//!
//! It is in no list, no row of `hosts` and no message ([`store::canary`]).

use crate::host::{Bench, HostActor};
use crate::roster::{HostEntry, Pulse};
use crate::supervision::{Addr, ChildId};
use domain::host::{HostId, Severity, Status};
use domain::schedule::Schedule;
use domain::time::{Now, Steady};
use domain::watch::Watch;
use std::sync::{Arc, OnceLock};
use store::verdicts::Basis;

/// Its name in the supervision tree; with a space, so that no host has it.
pub(super) const ID: ChildId = ChildId::Name("built-in canary");
/// What it is expected every.
const FREQUENCY_S: u32 = 30;
/// Between its death and its next life.
const DEAD_MS: i64 = 30_000;
/// Heard this long ago and not seen to be dead: it is heard again, and the round counts for nothing.
const LOST_MS: i64 = 120_000;

/// What is known of it.
pub(super) struct Canary {
    entry: Arc<HostEntry>,
    actor: Option<Addr<HostActor>>,
    heard: Option<Now>,
    /// When it was last seen to have missed its deadline.
    missed: Option<Steady>,
}

impl Canary {
    pub(super) fn new(bench: &Bench) -> Canary {
        Canary { entry: Arc::new(entry(bench)), actor: None, heard: None, missed: None }
    }

    pub(super) fn entry(&self) -> Arc<HostEntry> {
        self.entry.clone()
    }

    pub(super) fn is_watched(&self) -> bool {
        self.actor.as_ref().is_some_and(Addr::connected)
    }

    pub(super) fn watched_by(&mut self, actor: Addr<HostActor>) {
        self.actor = Some(actor);
    }

    /// Looks whether it is dead by now; whether it is to be heard.
    pub(super) fn wants_to_be_heard(&mut self, now: Steady) -> bool {
        let Some(heard) = self.heard else { return true };
        if self.entry.pulse.status() == Status::Down && self.missed.is_none_or(|missed| missed < heard.steady) {
            self.missed = Some(now);
        }
        match self.missed {
            Some(missed) if missed >= heard.steady => now.since_ms(missed) >= DEAD_MS,
            _ => now.since_ms(heard.steady) >= LOST_MS,
        }
    }

    /// It is on disk that it was heard at `at`.
    pub(super) fn heard(&mut self, at: Now) {
        self.heard = Some(at);
        self.entry.pulse.live(at);
        self.entry.pulse.set_status(Status::Up);
        if let Some(actor) = &self.actor {
            actor.do_send(crate::host::Nudge);
        }
    }

    pub(super) fn missed(&self) -> Option<Steady> {
        self.missed
    }
}

/// Its actor: an ordinary one.
pub(super) fn actor(bench: Arc<Bench>, entry: Arc<HostEntry>) -> HostActor {
    let watch = Watch::new(entry.frequency_s, entry.grace_s, entry.schedule.clone(), entry.judged_from);
    let basis = Basis { updated_at: bench.clock.now().wall, judged_from: entry.judged_from, silenced_until: None };
    HostActor::new(bench, entry, watch, basis)
}

fn entry(bench: &Bench) -> HostEntry {
    HostEntry {
        row: store::canary::ROW,
        host_id: HostId::from_name("canary").expect("a valid id"),
        name: "built-in canary".into(),
        text: "".into(),
        token_hash: [0; 32],
        frequency_s: FREQUENCY_S,
        grace_s: 0,
        schedule: Arc::new(Schedule::Always),
        severity: Severity::Info,
        behind_uplink: Some(false),
        paused: false,
        silenced_until: None,
        judged_from: bench.clock.steady(),
        revision: 0,
        // Down: until it is heard there is nothing to miss.
        pulse: Arc::new(Pulse::new(Status::Down, None, None, None)),
        actor: OnceLock::new(),
    }
}
