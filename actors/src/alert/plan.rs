//! What a channel does next, read in one snapshot: the step, what its message is written from, and the rows it settles.

use super::rows;
use domain::incident::{Cause, Facts};
use domain::notice::{Acknowledged, Incident};
use domain::policy::{self, Act, Reason, Step, Waiting};
use domain::time::{Now, Steady, Wall};
use std::collections::HashMap;
use store::alerts::Alert;
use store::outbox::{self, Kind, OutboxItem};
use store::{Connection, Result, channels};

/// Rows looked at for one step: more incidents than one message can name.
const WINDOW: u32 = 1_000;

/// What a channel does next.
pub(super) enum Next {
    /// This.
    Step(Box<Plan>),
    /// Nothing before that instant, or before there is news.
    Wait(Option<Steady>),
    /// Nothing before that instant: the other side asked for it.
    Held(Steady),
    /// Nothing until a person changes the channel.
    Stopped,
}

/// A step with all it is written from.
pub(super) struct Plan {
    pub(super) act: Act,
    pub(super) reason: Reason,
    /// What is told, in order, each with the rows that are settled by it.
    pub(super) told: Vec<(Incident, Vec<i64>)>,
    /// Rows settled together with the first of `told`: changes that are told by the same edit.
    pub(super) also: Vec<i64>,
    pub(super) possible_repeat: bool,
    /// Attempts made before.
    pub(super) attempts: u32,
    /// The message to change.
    pub(super) old: Option<OldMessage>,
}

/// A message that exists at the other side.
#[derive(Clone)]
pub(super) struct OldMessage {
    pub(super) remote_id: String,
    pub(super) sent_at: Wall,
    /// The rows it told of.
    pub(super) rows: Vec<i64>,
}

impl Plan {
    /// The rows settled when the first `named` incidents are told, and the rows left for the next message.
    pub(super) fn split(&self, named: usize) -> (Vec<i64>, Vec<i64>) {
        let rows = |told: &[(Incident, Vec<i64>)]| told.iter().flat_map(|(_, rows)| rows.iter().copied()).collect::<Vec<_>>();
        let (first, rest) = self.told.split_at(named.min(self.told.len()));
        ([rows(first), self.also.clone()].concat(), rows(rest))
    }
}

/// What `channel` does next.
pub(super) fn read(conn: &Connection, channel: i64, now: Now) -> Result<Next> {
    let kept = channels::get(conn, channel)?;
    if kept.as_ref().is_some_and(|kept| kept.stopped_reason.is_some()) {
        return Ok(Next::Stopped);
    }
    if let Some(until) = kept.and_then(|kept| kept.held_until).filter(|until| *until > now.steady) {
        return Ok(Next::Held(until));
    }
    let items = window(conn, channel, now)?;
    let waiting: Vec<Waiting> = items.iter().map(waiting).collect();
    let Some(step) = policy::next(&waiting) else {
        let due = outbox::next_due(conn, channel)?;
        return Ok(Next::Wait(due.filter(|at| *at > now.steady)));
    };
    Ok(Next::Step(Box::new(plan(conn, step, &items, now)?)))
}

fn window(conn: &Connection, channel: i64, now: Now) -> Result<Vec<OutboxItem>> {
    let mut items = outbox::waiting(conn, channel, now.steady, WINDOW)?;
    if items.len() == WINDOW as usize && items.iter().all(|item| item.kind == Kind::Edited) {
        for id in rows::news_behind_edits(conn, channel, now.steady, WINDOW.into())? {
            items.push(outbox::get(conn, id)?);
        }
    }
    Ok(items)
}

fn waiting(item: &OutboxItem) -> Waiting {
    let kind = match item.kind {
        Kind::Opened => policy::Kind::Opened,
        Kind::Edited => policy::Kind::Edited,
        Kind::Recovered => policy::Kind::Recovered,
    };
    Waiting { id: item.id, alert: item.alert.id, kind, message: item.message.as_ref().map(|(id, _)| *id) }
}

fn plan(conn: &Connection, step: Step, items: &[OutboxItem], now: Now) -> Result<Plan> {
    let by_id: HashMap<i64, &OutboxItem> = items.iter().map(|item| (item.id, item)).collect();
    let rows = step.rows();
    let settled = || rows.iter().filter_map(|id| by_id.get(id).copied());
    let mut plan = Plan {
        act: step.act,
        reason: step.reason,
        told: Vec::new(),
        also: Vec::new(),
        possible_repeat: settled().any(|item| item.maybe_repeat && item.kind != Kind::Edited),
        attempts: settled().map(|item| item.attempts).max().unwrap_or(0),
        old: None,
    };
    if let (Act::Edit(message), Some(first)) = (step.act, settled().next()) {
        edit(conn, &mut plan, message, first, now)?;
        plan.also.extend(rows.iter().filter(|id| !plan.also.contains(id)).copied().collect::<Vec<_>>());
        return Ok(plan);
    }
    for told in step.told {
        let item = told.rows.first().and_then(|id| by_id.get(id));
        plan.told.extend(item.map(|item| (incident(&item.alert, now.wall), told.rows)));
    }
    Ok(plan)
}

/// A change tells how all incidents of the message are now, so every change that waits for it is settled at once.
fn edit(conn: &Connection, plan: &mut Plan, message: i64, first: &OutboxItem, now: Now) -> Result<()> {
    let alerts = outbox::alerts_of_message(conn, message)?;
    plan.told = alerts.iter().map(|alert| (incident(alert, now.wall), Vec::new())).collect();
    plan.also = rows::edits_of_message(conn, first.channel, message)?;
    let (sent_at, rows) = (rows::sent_at(conn, message)?, rows::rows_of_message(conn, first.channel, message)?);
    plan.old = first.message.clone().map(|(_, remote_id)| OldMessage { remote_id, sent_at, rows });
    Ok(())
}

/// What messages are written from; an acknowledgement that has expired does not count.
pub(super) fn incident(alert: &Alert, now: Wall) -> Incident {
    let known = alert.known_at(now);
    let host_name = alert.host_name.clone().filter(|_| alert.host.is_some());
    let mut facts = alert.facts().unwrap_or_else(|| bare_facts(alert));
    if facts.cause == Cause::Hub && facts.why.is_empty() {
        facts.why.clone_from(&alert.message);
    }
    Incident {
        alert: alert.id,
        alert_type: alert.alert_type,
        severity: alert.severity,
        host_id: alert.host_id.clone().filter(|_| host_name.is_some()),
        host_name,
        facts,
        acknowledged: known.map(|known| Acknowledged { by: known.by.clone(), note: known.note.clone(), at: known.at }),
        resolved_at: alert.resolved_at,
        resolution: alert.resolution.clone(),
    }
}

/// For an alert whose details this release cannot read.
fn bare_facts(alert: &Alert) -> Facts {
    Facts {
        host_id: alert.host_id.clone(),
        host_name: alert.host_name.clone().unwrap_or_default(),
        cause: Cause::Hub,
        last_seen_at: None,
        expected_every_s: 0,
        grace_s: 0,
        deadline_at: None,
        detected_at: alert.created_at,
        why: alert.message.clone(),
    }
}
