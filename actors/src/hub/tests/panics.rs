//! K1: a thousand random panics in a hub under load, against an oracle that knows only who sent what and when.

use super::{World, world};
use crate::db::Beat;
use crate::host::{Crash, Explain};
use crate::supervision::ChildId;
use domain::host::Status;
use domain::incident::AlertType;
use domain::signal::Signal;
use std::collections::{BTreeMap, HashMap, HashSet};
use store::StoreError;
use store::alerts::AlertFilter;

const SEED: u64 = 20_261_123;
const PANICS: usize = 1_000;
const HOSTS: u64 = 50;
/// Every fifth host falls silent now and then.
const SILENT_EVERY: u64 = 5;
const DURATION_MS: u64 = 5_400_000;
const LOOK_EVERY_MS: u64 = 90_000;
/// 5 m expected, 1 m grace.
const PATIENCE_MS: i64 = 360_000;
/// Around a deadline the oracle has no opinion: the verdict is looked for and stored there.
const EDGE_MS: i64 = 2_000;
/// P11: a host that panicked is rebuilt within this.
const REBUILT_WITHIN_MS: i64 = 100;

/// Splitmix64: one seed, one story.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % below
    }
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Beat(u64),
    CrashHost(u64),
    /// The writer panics on a request, with a heartbeat of this host behind it in the same batch.
    CrashWriter(u64),
    CrashCore(&'static str),
    Look,
}

/// The story by time in milliseconds: beats, panics and looks.
fn story(dice: &mut Dice) -> BTreeMap<(u64, usize), Event> {
    let mut events = BTreeMap::new();
    let mut add = |at: u64, event| {
        let nth = events.len();
        events.insert((at, nth), event);
    };
    for host in 0..HOSTS {
        let mut at = dice.roll(60_000);
        while at < DURATION_MS {
            add(at, Event::Beat(host));
            let silent = host.is_multiple_of(SILENT_EVERY) && dice.roll(6) == 0;
            at += if silent { 500_000 + dice.roll(300_000) } else { 30_000 + dice.roll(120_000) };
        }
    }
    for at in (1..DURATION_MS / LOOK_EVERY_MS).map(|n| n * LOOK_EVERY_MS) {
        add(at, Event::Look);
    }
    for (at, event) in panics(dice) {
        add(at, event);
    }
    events
}

/// At random, but no child more often than it may: that it is given up then is another test's.
fn panics(dice: &mut Dice) -> Vec<(u64, Event)> {
    let mut times: Vec<u64> = (0..PANICS).map(|_| 20_000 + dice.roll(DURATION_MS - 40_000)).collect();
    times.sort_unstable();
    let mut last: HashMap<String, u64> = HashMap::new();
    let mut allowed = |name: String, at: u64, pause: u64| {
        let free = last.get(&name).is_none_or(|last| at - last > pause);
        if free {
            last.insert(name, at);
        }
        free
    };
    let mut all = Vec::new();
    for at in times {
        let core = ["db", "alert", "host keeper", "alive"][dice.roll(4) as usize];
        if dice.roll(6) == 0 && allowed(core.to_owned(), at, 20_000) {
            let event = if core == "db" { Event::CrashWriter(1 + dice.roll(SILENT_EVERY - 1)) } else { Event::CrashCore(core) };
            all.push((at, event));
            continue;
        }
        let host = (0..).map(|_| dice.roll(HOSTS)).find(|host| allowed(format!("h{host}"), at, 10_000)).unwrap_or(0);
        all.push((at, Event::CrashHost(host)));
    }
    all
}

/// What the oracle knows of a host: nothing but what was sent.
#[derive(Default)]
struct Known {
    last: Option<i64>,
    silences: usize,
    acknowledged: HashSet<i64>,
    crashes: u32,
}

impl Known {
    /// A sign of life at `at`; a gap longer than the hub's patience was a silence that had to be told.
    fn heard(&mut self, at: i64) {
        if self.last.is_some_and(|last| at - last > PATIENCE_MS) {
            self.silences += 1;
        }
        self.last = Some(at);
    }

    /// What the hub must say at `at`; nothing around a deadline, and of one that was never heard.
    fn status(&self, at: i64) -> Option<Status> {
        let quiet = at - self.last?;
        match quiet - PATIENCE_MS {
            over if over > EDGE_MS => Some(Status::Down),
            over if over < -EDGE_MS => Some(Status::Up),
            _ => None,
        }
    }
}

#[derive(Default)]
struct Oracle {
    hosts: Vec<Known>,
    core_crashes: HashMap<&'static str, u32>,
    refused: u32,
    slowest_ms: i64,
    looks: u32,
}

async fn play(w: &World, oracle: &mut Oracle, event: Event) {
    match event {
        Event::Beat(host) => beat(w, oracle, host).await,
        Event::CrashHost(host) => {
            oracle.hosts[host as usize].crashes += 1;
            let entry = w.running.hub.roster().find(&name(host)).unwrap();
            let actor = entry.actor().unwrap();
            let before = w.clock.steady();
            actor.do_send(Crash("at random"));
            actor.send(Explain).await.expect("the message queued behind is answered");
            oracle.slowest_ms = oracle.slowest_ms.max(w.clock.steady().since_ms(before));
        }
        Event::CrashWriter(host) => {
            *oracle.core_crashes.entry("db").or_default() += 1;
            let db = w.running.hub.db().clone();
            let panics = db.write("panic", |_| -> Result<(), StoreError> { panic!("at random") });
            let (panicked, ()) = tokio::join!(panics, beat(w, oracle, host));
            assert!(panicked.is_err());
        }
        Event::CrashCore(core) => {
            *oracle.core_crashes.entry(core).or_default() += 1;
            w.running.supervisor.poison(&ChildId::Name(core));
        }
        Event::Look => look(w, oracle).await,
    }
}

/// One heartbeat: it counts as a sign of life whatever becomes of its row.
async fn beat(w: &World, oracle: &mut Oracle, host: u64) {
    let entry = w.running.hub.roster().find(&name(host)).unwrap();
    let at = w.clock.now();
    let beat = Beat { entry, at, signal: Signal::Success, source_ip: None, metadata: None, key: None, run_id: None, for_s: 0 };
    let known = &mut oracle.hosts[host as usize];
    known.heard(at.steady.0);
    match w.running.hub.db().beat(beat).await {
        Ok(done) => assert!(known.acknowledged.insert(done.id), "an id is given once"),
        Err(_) => oracle.refused += 1,
    }
}

async fn look(w: &World, oracle: &mut Oracle) {
    for (host, known) in oracle.hosts.iter().enumerate() {
        let at = w.clock.steady().0;
        let told = w.running.hub.host(&name(host as u64)).await.unwrap().status;
        if let Some(expected) = known.status(at) {
            let quiet = at - known.last.unwrap_or(at);
            assert_eq!(told, expected, "h{host} at {at}, {quiet} ms after its last sign of life, seed {SEED}");
            oracle.looks += 1;
        }
    }
}

fn name(host: u64) -> String {
    format!("h{host}")
}

/// Every row of a host, by walking its chain.
async fn stored(w: &World, host: u64) -> HashSet<i64> {
    let entry = w.running.hub.roster().find(&name(host)).unwrap();
    let (row, newest) = (entry.row, entry.pulse.last_beat());
    let page = w.running.hub.db().read(move |conn| store::beats::page(conn, row, newest, 500)).await.unwrap();
    assert!(page.next.is_none() && page.beats.len() < 500, "the chain is whole and fits a page");
    page.beats.iter().map(|beat| beat.id).collect()
}

async fn incidents(w: &World, alert_type: AlertType) -> usize {
    let filter = AlertFilter { alert_type: Some(alert_type), limit: 1_000, ..AlertFilter::default() };
    w.running.hub.db().read(move |conn| store::alerts::list(conn, &filter)).await.unwrap().alerts.len()
}

#[test]
fn a_thousand_random_panics_under_load_lose_no_heartbeat_and_raise_no_false_alert() {
    crate::supervision::name_children_in_panics(); // one line each, not a thousand backtraces
    world(async |w| {
        let mut oracle = Oracle { hosts: (0..HOSTS).map(|_| Known::default()).collect(), ..Oracle::default() };
        for host in 0..HOSTS {
            w.host(&name(host), "").await;
        }
        let mut dice = Dice(SEED);
        let story = story(&mut dice);
        let zero = w.clock.steady().0;
        for ((at, _), event) in story {
            let gone = u64::try_from(w.clock.steady().0 - zero).unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(at.saturating_sub(gone))).await;
            play(w, &mut oracle, event).await;
        }
        tokio::time::sleep(std::time::Duration::from_secs(10)).await;
        let end = w.clock.steady().0;
        let open = oracle.hosts.iter().filter(|known| known.last.is_some_and(|last| end - last > PATIENCE_MS)).count();
        let silences: usize = oracle.hosts.iter().map(|known| known.silences).sum::<usize>() + open;
        let acknowledged: usize = oracle.hosts.iter().map(|known| known.acknowledged.len()).sum();
        println!(
            "seed {SEED}: {PANICS} panics, {acknowledged} heartbeats acknowledged, {} refused, {silences} silences told, {} \
             statuses compared, slowest rebuild {} ms",
            oracle.refused, oracle.looks, oracle.slowest_ms
        );

        for host in 0..HOSTS {
            let rows = stored(w, host).await;
            let missing: Vec<_> = oracle.hosts[host as usize].acknowledged.difference(&rows).collect();
            assert!(missing.is_empty(), "h{host} lost acknowledged heartbeats {missing:?}");
        }
        assert_eq!(incidents(w, AlertType::MissingHeartbeat).await, silences, "every silence is told, and nothing else");
        assert_eq!(incidents(w, AlertType::SystemError).await, 0, "nobody was given up");
        assert_eq!(oracle.refused, 0, "a request that panics costs the heartbeats of its batch nothing");
        assert!(silences > 20 && oracle.looks > 2_000 && acknowledged > 2_000, "the story is worth its name");

        let live = w.running.hub.supervision();
        let crashes: u32 = oracle.hosts.iter().map(|known| known.crashes).sum();
        let groups: HashMap<_, _> = live.groups().into_iter().map(|group| (group.name, group.restarts)).collect();
        assert_eq!(groups["hosts"], u64::from(crashes));
        for (core, crashes) in &oracle.core_crashes {
            assert!(*crashes > 5, "{core} panicked {crashes} times only");
            assert_eq!(groups[core], u64::from(*crashes), "{core}");
        }
        for (host, known) in oracle.hosts.iter().enumerate() {
            let told = live.child("hosts", &name(host as u64)).map_or(0, |child| child.restarts);
            assert_eq!(told, known.crashes, "h{host}");
        }
        assert_eq!(crashes as usize + oracle.core_crashes.values().sum::<u32>() as usize, PANICS);
        assert!(oracle.slowest_ms <= REBUILT_WITHIN_MS, "{} ms", oracle.slowest_ms);
        assert_eq!(w.escalated.get(), 0);
    });
}
