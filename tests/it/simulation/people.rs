//! Machines that say something and people who change something, as clients of the hub.

use super::agenda::Deed;
use super::history::{HostPlan, Hours, S, Weekly};
use super::trace::{Answer, Change, Changed, Heard, Watched};
use super::world::{Shared, sleep, webhook};
use actors::db::{Beat, DbError};
use actors::host::Crash;
use actors::hub::Hub;
use domain::duration::Seconds;
use domain::host::HostDraft;
use domain::signal::Signal;
use domain::time::Wall;
use serde_json::json;
use std::rc::Rc;
use store::alerts::{self, AlertFilter};

/// A request that waited in the socket while the machine slept is still there after so long.
const SOCKET_WAITS: i64 = 10 * S;
/// A client tries again after this, so many times.
const TRY_AGAIN: i64 = 5 * S;
const ATTEMPTS: u32 = 5;
/// A person tries again after this.
const PERSON_TRIES_AGAIN: i64 = 20 * S;

/// A host as it is added.
pub fn draft(plan: &HostPlan) -> HostDraft {
    let (schedule_type, schedule_config) = match &plan.hours {
        Hours::Always => (None, None),
        Hours::Windows(weekly) if weekly.business => (Some("business_hours".to_owned()), None),
        Hours::Windows(weekly) => (Some("custom".to_owned()), Some(config(weekly))),
    };
    HostDraft {
        name: Some(format!("host-{:02}", plan.number)),
        expected_frequency: Some(Seconds::Number(plan.frequency_s)),
        grace_period: Some(Seconds::Number(plan.grace_s)),
        schedule_type,
        schedule_config,
        ..HostDraft::default()
    }
}

fn config(weekly: &Weekly) -> serde_json::Value {
    let time = |minute: &i64| format!("{:02}:{:02}", minute / 60, minute % 60);
    let windows: Vec<_> =
        weekly.spans.iter().map(|(days, start, end)| json!({"days": days, "start": time(start), "end": time(end)})).collect();
    json!({"timezone": weekly.zone.name(), "windows": windows})
}

/// Does one thing while the hub runs.
pub async fn act(shared: &Rc<Shared>, hub: &Hub, at: i64, deed: Deed) {
    match deed {
        Deed::Say { host, signal, tag, attempt } => say(shared, hub, at, host, signal, tag, attempt),
        Deed::Replace(host) => replace(shared, hub, host).await,
        Deed::Acknowledge(host) => acknowledge(shared, hub, host),
        Deed::PanicHost(host) => panic_host(shared, hub, host),
        Deed::Store(trouble, ms) => shared.trouble(trouble, ms),
        Deed::Discord(mood, ms) => be(shared, mood, ms),
        Deed::SetWebhook => set_webhook(shared, hub),
        Deed::Pause(_) | Deed::Resume(_) | Deed::Silence(..) | Deed::Edit { .. } => change(shared, hub, deed),
        Deed::Step(_) | Deed::Sleep(_) | Deed::Stall(_) | Deed::Stop(..) => unreachable!("the world does that"),
    }
}

/// What happens until `until` while the hub is away.
pub fn while_away(shared: &Rc<Shared>, until: i64, rebooted: bool) {
    give_up_waiting(shared, until);
    loop {
        let due = shared.agenda.borrow_mut().take(until - 1);
        let Some((at, deed)) = due else { return };
        shared.away_at.set(at);
        match deed {
            Deed::Say { host, signal, tag, attempt } => again(shared, at, host, signal, tag, attempt),
            Deed::Discord(mood, ms) => be(shared, mood, ms),
            // After a boot only the wall clock tells how long it was: nobody sets it meanwhile.
            Deed::Step(_) if rebooted => {}
            Deed::Step(by) => step_while_away(shared, at, by),
            Deed::Pause(_)
            | Deed::Resume(_)
            | Deed::Silence(..)
            | Deed::Edit { .. }
            | Deed::SetWebhook
            | Deed::Acknowledge(_) => {
                shared.add(until + 3 * S, deed);
            }
            Deed::Replace(_) | Deed::PanicHost(_) | Deed::Store(..) | Deed::Sleep(_) | Deed::Stall(_) | Deed::Stop(..) => {}
        }
    }
}

fn step_while_away(shared: &Rc<Shared>, at: i64, by: i64) {
    let mut trace = shared.trace.borrow_mut();
    trace.steps.push((at, by));
    trace.fire("clock: set while the hub is away");
}

/// Whoever waited for an answer when the hub ended sees the connection break.
fn give_up_waiting(shared: &Rc<Shared>, until: i64) {
    let left: Vec<Heard> = {
        let trace = shared.trace.borrow();
        let since = trace.lives.last().map_or(0, |life| life.start);
        let waiting = trace.heard.iter().rev().take_while(|heard| heard.at >= since);
        waiting.filter(|heard| heard.answer == Answer::None).cloned().collect()
    };
    for heard in left {
        let host = shared.trace.borrow().watched[heard.who].number;
        again(shared, until.min(heard.at + TRY_AGAIN), host, heard.signal, heard.tag, 1);
    }
}

fn be(shared: &Rc<Shared>, mood: super::history::Mood, ms: i64) {
    let url = webhook(shared.webhooks.get());
    shared.discord.borrow_mut().be(mood, shared.now() + ms, &url);
}

fn again(shared: &Rc<Shared>, at: i64, host: usize, signal: Signal, tag: String, attempt: u32) {
    if shared.history.hosts[host].repeats && attempt < ATTEMPTS {
        shared.add(at + TRY_AGAIN, Deed::Say { host, signal, tag, attempt: attempt + 1 });
    }
}

fn say(shared: &Rc<Shared>, hub: &Hub, at: i64, host: usize, signal: Signal, tag: String, attempt: u32) {
    if shared.now() - at > SOCKET_WAITS {
        return again(shared, shared.now(), host, signal, tag, attempt);
    }
    let Some(entry) = hub.roster().find(&shared.host_name(host)) else { return };
    let (now, who) = (hub.now(), shared.current.borrow()[host]);
    let which = {
        let mut trace = shared.trace.borrow_mut();
        let heard = Heard { who, at: shared.now(), wall: now.wall.0, signal, answer: Answer::None, tag: tag.clone() };
        trace.heard.push(heard);
        trace.heard.len() - 1
    };
    let key = shared.history.hosts[host].repeats.then(|| tag.clone());
    let beat =
        Beat { entry, at: now, signal, source_ip: None, metadata: Some(format!("\"{tag}\"")), key, run_id: None, for_s: 0 };
    let (shared, db) = (shared.clone(), hub.db().clone());
    actix_rt::spawn(async move {
        let answer = match db.beat(beat).await {
            Ok(_) => Answer::Stored,
            Err(DbError::Unknown(_)) => Answer::Unknown,
            Err(_) => Answer::Refused,
        };
        shared.answered(which, answer);
        if answer != Answer::Stored {
            shared.trace.borrow_mut().fire(if answer == Answer::Refused { "heartbeat: 503" } else { "heartbeat: unknown" });
            again(&shared, shared.now(), host, signal, tag, attempt);
        }
    });
}

/// What a person changes about a host; tried again until it is done.
fn change(shared: &Rc<Shared>, hub: &Hub, deed: Deed) {
    let (host, what) = match deed {
        Deed::Pause(host) => (host, Changed::Paused),
        Deed::Resume(host) => (host, Changed::Resumed),
        Deed::Silence(host, ms) => (host, Changed::Silenced(hub.now().wall.0 + ms)),
        Deed::Edit { host, frequency_s, grace_s } => (host, Changed::Numbers { frequency_s, grace_s }),
        _ => return,
    };
    let (who, name) = (shared.current.borrow()[host], shared.host_name(host));
    let (shared, hub) = (shared.clone(), hub.clone());
    actix_rt::spawn(async move {
        let which = {
            let mut trace = shared.trace.borrow_mut();
            trace.changes.push(Change { who, at: shared.now(), wall: hub.now().wall.0, what, done: None });
            trace.changes.len() - 1
        };
        let done = match what {
            Changed::Paused => hub.pause_host(&name).await,
            Changed::Resumed => hub.resume_host(&name).await,
            Changed::Silenced(until) => hub.silence_host(&name, Some(Wall(until))).await,
            Changed::Numbers { frequency_s, grace_s } => hub.update_host(&name, numbers(frequency_s, grace_s)).await,
        };
        let mut trace = shared.trace.borrow_mut();
        match done {
            Ok(_) => {
                trace.changes[which].done = Some(shared.now());
                trace.fire(match what {
                    Changed::Paused => "person: pause",
                    Changed::Resumed => "person: resume",
                    Changed::Silenced(_) => "person: silence",
                    Changed::Numbers { .. } => "person: edit",
                });
            }
            Err(_) => {
                trace.fire("person: refused, tries again");
                shared.add(shared.now() + PERSON_TRIES_AGAIN, deed);
            }
        }
    });
}

fn numbers(frequency_s: i64, grace_s: i64) -> HostDraft {
    let (expected_frequency, grace_period) = (Some(Seconds::Number(frequency_s)), Some(Seconds::Number(grace_s)));
    HostDraft { expected_frequency, grace_period, ..HostDraft::default() }
}

/// Removes a host and adds it again; only where the store does as it is told, so that it is one instant.
async fn replace(shared: &Rc<Shared>, hub: &Hub, host: usize) {
    if shared.in_trouble() {
        return;
    }
    let name = shared.host_name(host);
    hub.remove_host(&name).await.expect("the host is removed");
    let new = hub.create_host(&draft(&shared.history.hosts[host])).await.expect("the host is added again");
    let mut trace = shared.trace.borrow_mut();
    let old = std::mem::replace(&mut shared.current.borrow_mut()[host], trace.watched.len());
    trace.watched[old].gone = Some(shared.now());
    trace.watched.push(Watched { number: host, name, row: new.record.row, born: shared.now(), gone: None });
    trace.fire("person: removes and adds again");
}

fn acknowledge(shared: &Rc<Shared>, hub: &Hub, host: usize) {
    let row = shared.trace.borrow().watched[shared.current.borrow()[host]].row;
    let (shared, hub) = (shared.clone(), hub.clone());
    actix_rt::spawn(async move {
        let filter = AlertFilter { open: Some(true), host: Some(row), ..AlertFilter::default() };
        let open = hub.db().read(move |conn| alerts::list(conn, &filter)).await;
        for alert in open.map(|page| page.alerts).unwrap_or_default() {
            if hub.acknowledge(alert.id, "ann".into(), None, None).await.is_ok() {
                shared.trace.borrow_mut().fire("person: acknowledge");
            }
        }
    });
}

fn panic_host(shared: &Rc<Shared>, hub: &Hub, host: usize) {
    let entry = hub.roster().find(&shared.host_name(host));
    let Some(actor) = entry.as_ref().and_then(|entry| entry.actor()) else { return };
    actor.do_send(Crash("injected"));
    let (now, who) = (shared.now(), shared.current.borrow()[host]);
    let mut trace = shared.trace.borrow_mut();
    trace.fire("host actor: panic");
    trace.panics.push((who, now, now));
}

/// Sets another webhook where the old one is gone; tried again until it is done.
fn set_webhook(shared: &Rc<Shared>, hub: &Hub) {
    let which = shared.webhooks.get() + 1;
    let (shared, hub) = (shared.clone(), hub.clone());
    actix_rt::spawn(async move {
        let at = hub.now().wall;
        while hub.settings().set_primary(hub.db(), Some(webhook(which)), "ann", at).await.is_err() {
            sleep(PERSON_TRIES_AGAIN).await;
        }
        shared.webhooks.set(shared.webhooks.get().max(which));
        shared.trace.borrow_mut().fire("person: sets a webhook");
    });
}
