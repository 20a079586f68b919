//! A week of fifty hosts in virtual time: crashes, restarts, two steps of the wall clock and a Discord outage, against an
//! independent model. Each life of the hub is the real actors over the real file; a crash drops them without a word.

mod discord;
mod model;
mod plan;

use actors::alert::AlertParts;
use actors::alert::discord::AllowedHosts;
use actors::alert::text::Texts;
use actors::clock::Clock;
use actors::db::{Beat, Limits};
use actors::hub::{HubParts, Running};
use actors::settings::Settings;
use actors::supervision::Exit;
use discord::Memory;
use domain::duration::Seconds;
use domain::host::HostDraft;
use domain::schedule::BusinessHours;
use domain::signal::Signal;
use domain::time::Wall;
use model::Outage;
use plan::{M, MONDAY, Plan, S};
use rusqlite::Connection;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use store::seal::Keyring;
use store::{Options, Store};

const HOSTS: usize = 50;
const WEBHOOK: &str = "https://discord.com/api/webhooks/1/memory";
/// A verdict may come this much later than the model's second.
const LATE: i64 = 4 * S;

/// What happens at an instant of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    Step(i64),
    Discord(bool),
    Beat(usize),
}

#[test]
fn a_week_of_fifty_hosts_keeps_its_promises() {
    let seed = std::env::var("WEEK_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(20_261_123);
    let plan = Plan::new(seed, HOSTS);
    // In memory where the machine has such a folder: a week has hundreds of thousands of commits.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
    let memory = Memory::default();
    let mut began = 0;
    for absence in plan.absences.iter().map(Some).chain([None]) {
        let until = absence.map_or(plan.length, |a| a.from);
        let orderly = absence.is_none_or(|a| !a.killed);
        live(folder.path(), &plan, &memory, (began, until), orderly);
        began = absence.map_or(until, |a| a.to);
    }
    let told = Told::read(&folder.path().join("db.sqlite"));
    println!(
        "week: seed {seed}, {} beats, {} incidents, {} messages, {} calls while Discord was away",
        told.beats,
        told.incidents.len(),
        memory.sent().len(),
        memory.refused()
    );
    compare(&plan, &told.incidents);
    check_delivery(&told, &memory);
    assert!(told.incidents.len() > 20 && memory.refused() > 0, "the week was eventful");
}

/// One life of the hub, from start to stop or crash.
fn live(folder: &Path, plan: &Plan, memory: &Memory, (from, until): (i64, i64), orderly: bool) {
    let build = || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime");
    actix::System::with_tokio_rt(build).block_on(async {
        let clock = Clock::virtual_on_boot(Wall(MONDAY + from + plan.wall_ahead(from)), from);
        let running = start(folder, &clock, memory).await;
        if from == 0 {
            add_hosts(&running, plan).await;
        }
        let zero = tokio_now() - Duration::from_millis(from as u64);
        for (at, happening) in happenings(plan, from, until) {
            tokio::time::sleep_until(zero + Duration::from_millis(at as u64)).await;
            happen(&running, plan, &clock, memory, happening).await;
        }
        tokio::time::sleep_until(zero + Duration::from_millis(until as u64)).await;
        if orderly {
            running.stop().await;
        }
    });
}

async fn start(folder: &Path, clock: &Clock, memory: &Memory) -> Running {
    let mut store = Store::open(&folder.join("db.sqlite"), &Options::default()).expect("the store opens");
    let keyring = Arc::new(Keyring::load_or_create(&folder.join("secret.key")).expect("a key"));
    let env = vec![("primary".to_owned(), WEBHOOK.to_owned())];
    let at = clock.now().wall;
    let settings = store
        .writer
        .transact(|tx| Settings::load(tx, keyring.clone(), env, vec![], AllowedHosts::default(), at))
        .expect("settings load");
    let parts = HubParts {
        store,
        keyring,
        clock: clock.clone(),
        limits: Limits { in_place: true, ..Limits::default() },
        business: BusinessHours::default(),
        settings: Arc::new(settings),
        alert: in_memory(memory.clone()),
        exit: Exit::calling(|child, reason| panic!("{child} gave up: {reason}")),
    };
    Running::start(parts).await.expect("the hub starts")
}

fn in_memory(memory: Memory) -> AlertParts {
    AlertParts { deliver: Box::new(move || Rc::new(memory.clone())), links: Arc::new(|_| None), texts: Texts::default() }
}

async fn add_hosts(running: &Running, plan: &Plan) {
    for host in &plan.hosts {
        let draft = HostDraft {
            name: Some(host.name.clone()),
            expected_frequency: Some(Seconds::Number(host.frequency_s)),
            grace_period: Some(Seconds::Number(host.grace_s)),
            schedule_type: host.office_hours.then(|| "business_hours".to_owned()),
            ..HostDraft::default()
        };
        running.hub.create_host(&draft).await.expect("the host is added");
    }
}

fn happenings(plan: &Plan, from: i64, until: i64) -> Vec<(i64, Happening)> {
    let beats = plan.hosts.iter().enumerate().flat_map(|(i, h)| h.beats.iter().map(move |at| (*at, Happening::Beat(i))));
    let steps = plan.steps.iter().map(|(at, by)| (*at, Happening::Step(*by)));
    let discord = [(plan.discord_down.0, Happening::Discord(true)), (plan.discord_down.1, Happening::Discord(false))];
    let mut all: Vec<_> = beats.chain(steps).chain(discord).filter(|(at, _)| (from..until).contains(at)).collect();
    all.sort();
    all
}

async fn happen(running: &Running, plan: &Plan, clock: &Clock, memory: &Memory, happening: Happening) {
    match happening {
        Happening::Step(by) => clock.step_wall(by),
        Happening::Discord(away) => memory.set_away(away),
        Happening::Beat(host) => {
            let entry = running.hub.roster().find(&plan.hosts[host].name).expect("the host is watched");
            let beat = Beat {
                entry,
                at: clock.now(),
                signal: Signal::Success,
                source_ip: None,
                metadata: None,
                key: None,
                run_id: None,
            };
            running.hub.db().beat(beat).await.expect("the heartbeat is stored");
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "the test's own timetable, in tokio's virtual time")]
fn tokio_now() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

/// What the hub left on disk, read with nothing of its own code.
struct Told {
    beats: i64,
    /// Host, down and up on the steady line since the start of the week, alert id.
    incidents: Vec<(usize, i64, Option<i64>, i64)>,
    /// Rows of the outbox: alert, kind, state.
    outbox: Vec<(i64, String, String)>,
}

impl Told {
    fn read(file: &Path) -> Told {
        let db = Connection::open(file).expect("the file opens");
        let sound: String = db.query_row("PRAGMA integrity_check", [], |r| r.get(0)).expect("it can be checked");
        assert_eq!(sound, "ok");
        let beats = db.query_row("SELECT count(*) FROM heartbeats", [], |r| r.get(0)).expect("a count");
        let mut query = db
            .prepare("SELECT h.name, a.detected_steady, a.resolved_at - a.created_at, a.id FROM alerts a JOIN hosts h ON h.id = a.host_id ORDER BY a.id")
            .expect("the tables are there");
        let incidents = query
            .query_map([], |r| {
                let (name, down, length): (String, i64, Option<i64>) = (r.get(0)?, r.get(1)?, r.get(2)?);
                let host = name.trim_start_matches("host-").parse().expect("a number");
                Ok((host, down - MONDAY, length.map(|l| down - MONDAY + l), r.get(3)?))
            })
            .expect("readable")
            .collect::<Result<_, _>>()
            .expect("readable");
        let mut query = db.prepare("SELECT alert_id, kind, state FROM outbox ORDER BY id").expect("the table is there");
        let outbox = query
            .query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))
            .expect("readable")
            .collect::<Result<_, _>>()
            .expect("readable");
        Told { beats, incidents, outbox }
    }
}

/// Each outage of the model was told once, nothing else was told; at the edges of an absence either answer is right.
fn compare(plan: &Plan, incidents: &[(usize, i64, Option<i64>, i64)]) {
    let mut expected = model::outages(plan);
    let unsure = expected.iter().filter(|o| o.unsure).count();
    println!("week: the model expects {} outages, {unsure} of them at an edge", expected.len());
    assert!(unsure * 4 <= expected.len(), "the model must know most answers");
    for (host, down, up, id) in incidents {
        let fits = |o: &Outage| o.host == *host && (down - o.down).abs() <= LATE;
        match expected.iter().position(fits) {
            Some(at) => {
                let outage = expected.swap_remove(at);
                let same_end = match (outage.up, up) {
                    (Some(a), Some(b)) => {
                        (a - b).abs() <= LATE || plan.steps.iter().any(|(when, _)| (outage.down..=a).contains(when))
                    }
                    (a, b) => a.is_none() == b.is_none(),
                };
                assert!(same_end || outage.unsure, "alert {id} of host {host}: {outage:?}, but it ended at {up:?}");
            }
            None => {
                let edge = plan.absences.iter().any(|a| (down - a.to).abs() <= 5 * M || (down - a.from).abs() <= 5 * S);
                assert!(edge, "seed {}: alert {id}: host {host} was called down at {down} and was not", plan.seed);
            }
        }
    }
    let missed: Vec<_> = expected.iter().filter(|o| !o.unsure && o.down + LATE < plan.length).collect();
    assert!(missed.is_empty(), "seed {}: outages nobody was told of: {missed:?}", plan.seed);
}

/// Everything was delivered, once, and in order for each host.
fn check_delivery(told: &Told, memory: &Memory) {
    let left: Vec<_> = told.outbox.iter().filter(|(_, _, state)| state == "pending" || state == "sending").collect();
    assert!(left.is_empty(), "undelivered: {left:?}");
    let posts: Vec<String> = memory.sent().iter().filter(|s| s.edit_of.is_none()).map(|s| s.body.to_string()).collect();
    for (host, _, _, id) in &told.incidents {
        let name = format!("host-{host:02}");
        assert!(posts.iter().any(|p| p.contains(&name)), "alert {id} of {name} is named in no message");
    }
    let openings = told.outbox.iter().filter(|(_, kind, _)| kind == "opened").count();
    assert_eq!(openings, told.incidents.len(), "one opening an incident");
    let titles = |word: &str| posts.iter().filter(|p| p.contains(word)).count();
    assert!(titles("Alert: Host Down") <= openings, "no opening was posted twice");
}
