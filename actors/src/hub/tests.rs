//! The whole hub in virtual time, told as timetables. Discord is in memory; the store is a real file.

mod logs;
mod panics;
mod refusal;
mod speed;
mod uplink;
mod upstream;

use super::{HubParts, NetParts, Running};
use crate::alert::AlertParts;
use crate::alert::discord::{AllowedHosts, Deliver, Outcome, Reply, Scope, WebhookUrl};
use crate::alert::text::Texts;
use crate::clock::Clock;
use crate::db::{Beat, DbError, Limits};
use crate::host::Crash;
use crate::logs::LogParts;
use crate::settings::Settings;
use crate::supervision::Exit;
use domain::host::{HostDraft, Status};
use domain::schedule::BusinessHours;
use domain::signal::Signal;
use futures_util::future::LocalBoxFuture;
use serde_json::Value;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use store::seal::Keyring;
use store::{Options, Store, StoreError, TempFolder};

/// Messages by title, in order; edits are marked.
#[derive(Clone, Default)]
struct Memory(Rc<RefCell<Vec<String>>>, Rc<Line>);

/// The line to Discord: whether it is cut, and what went over it.
#[derive(Default)]
struct Line {
    cut: Cell<bool>,
    bodies: RefCell<Vec<Value>>,
}

impl Memory {
    fn take(&self, prefix: &str, body: &Value) -> Reply {
        if self.1.cut.get() {
            let (error, scope) = ("no connection".to_owned(), Scope::Channel);
            let outcome = Outcome::Retry { after_ms: None, error, scope, ambiguous: false };
            return Reply { outcome, status: None, pause_ms: 0 };
        }
        self.1.bodies.borrow_mut().push(body.clone());
        let mut said = self.0.borrow_mut();
        said.push(format!("{prefix}{}", body["embeds"][0]["title"].as_str().unwrap_or("?")));
        let outcome = if prefix.is_empty() { Outcome::Delivered { remote_id: said.len().to_string() } } else { Outcome::Edited };
        Reply { outcome, status: Some(200), pause_ms: 0 }
    }
}

impl Deliver for Memory {
    fn post(&self, _: &WebhookUrl, body: Value) -> LocalBoxFuture<'static, Reply> {
        let reply = self.take("", &body);
        Box::pin(async move { reply })
    }

    fn edit(&self, _: &WebhookUrl, _: &str, body: Value) -> LocalBoxFuture<'static, Reply> {
        let reply = self.take("edit: ", &body);
        Box::pin(async move { reply })
    }

    fn probe(&self, _: &WebhookUrl) -> LocalBoxFuture<'static, Reply> {
        Box::pin(async { Reply { outcome: Outcome::Edited, status: Some(200), pause_ms: 0 } })
    }
}

/// A hub and its timetable: seconds count from its start, 2026-11-23 08:00:00 UTC.
struct World {
    running: Running,
    clock: Clock,
    said: Memory,
    zero: i64,
    escalated: Rc<Cell<u32>>,
}

fn world(story: impl AsyncFnOnce(&World)) {
    let folder = TempFolder::new().unwrap();
    life(&folder, 0, story);
}

/// One life of a hub in `folder`, `after_s` seconds after the first one began; it ends without a word, as by kill -9.
fn life(folder: &TempFolder, after_s: i64, story: impl AsyncFnOnce(&World)) {
    life_with(folder, after_s, Memory::default(), |_| NetParts::default(), story);
}

/// The same, with a line to Discord and a look at the outside.
fn life_with(
    folder: &TempFolder,
    after_s: i64,
    said: Memory,
    net: impl FnOnce(&Clock) -> NetParts,
    story: impl AsyncFnOnce(&World),
) {
    life_of(folder, after_s, said, |clock, parts| HubParts { net: net(clock), ..parts }, story);
}

/// The same, of a hub that reads logs.
fn life_reading(folder: &TempFolder, after_s: i64, logs: LogParts, story: impl AsyncFnOnce(&World)) {
    life_of(folder, after_s, Memory::default(), |_, parts| HubParts { logs, ..parts }, story);
}

fn life_of(
    folder: &TempFolder,
    after_s: i64,
    said: Memory,
    with: impl FnOnce(&Clock, HubParts) -> HubParts,
    story: impl AsyncFnOnce(&World),
) {
    let build = || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    actix::System::with_tokio_rt(build).block_on(async {
        let start = domain::time::Wall(1_795_420_800_000);
        let clock = Clock::virtual_on_boot(start.plus_ms(after_s * 1_000), after_s * 1_000);
        let escalated = Rc::new(Cell::new(0));
        let parts = with(&clock, parts(folder, &clock, said.clone(), escalated.clone()));
        let running = Running::start(parts).await.unwrap();
        let world = World { running, clock, said, zero: start.0, escalated };
        story(&world).await;
    });
}

fn parts(folder: &TempFolder, clock: &Clock, said: Memory, escalated: Rc<Cell<u32>>) -> HubParts {
    let mut store = Store::open(&folder.database(), &Options::default()).unwrap();
    let keyring = Arc::new(Keyring::from_secret("sixteen characters").unwrap());
    let env = vec![("primary".to_owned(), "https://discord.com/api/webhooks/1/memory".to_owned())];
    let (key, at) = (keyring.clone(), clock.now().wall);
    let settings = store.writer.transact(|tx| Settings::load(tx, key, env, vec![], AllowedHosts::default(), at)).unwrap();
    let alert =
        AlertParts { deliver: Box::new(move || Rc::new(said.clone())), links: Arc::new(|_| None), texts: Texts::default() };
    HubParts {
        store,
        keyring,
        clock: clock.clone(),
        limits: Limits { in_place: true, ..Limits::default() },
        business: BusinessHours::default(),
        settings: Arc::new(settings),
        alert,
        logs: LogParts::none(),
        exit: Exit::calling(move |_, _| escalated.set(escalated.get() + 1)),
        net: NetParts::default(),
    }
}

impl World {
    /// Sleeps until `second` of the timetable.
    async fn at(&self, second: i64) -> &World {
        let gone_ms = self.clock.steady().0 - self.zero;
        let wait_ms = u64::try_from(second * 1_000 - gone_ms).expect("a timetable goes forward");
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        self
    }

    async fn host(&self, name: &str, more: &str) {
        let draft = format!(r#"{{"name":"{name}","expected_frequency":"5m","grace_period":"1m"{more}}}"#);
        let draft: HostDraft = serde_json::from_str(&draft).unwrap();
        self.running.hub.create_host(&draft).await.unwrap();
    }

    async fn signal(&self, name: &str, signal: Signal) -> Result<(), DbError> {
        self.signal_from(None, name, signal).await
    }

    /// Heard from this address.
    async fn signal_from(&self, source: Option<&str>, name: &str, signal: Signal) -> Result<(), DbError> {
        self.take(source, name, signal, 0).await
    }

    async fn signal_for(&self, name: &str, signal: Signal, for_s: u32) -> Result<(), DbError> {
        self.take(None, name, signal, for_s).await
    }

    async fn take(&self, source: Option<&str>, name: &str, signal: Signal, for_s: u32) -> Result<(), DbError> {
        let source_ip = source.map(|ip| ip.parse().unwrap());
        let entry = self.running.hub.roster().find(name).unwrap();
        let beat = Beat { entry, at: self.clock.now(), signal, source_ip, metadata: None, key: None, run_id: None, for_s };
        self.running.hub.db().beat(beat).await.map(drop)
    }

    async fn beat(&self, name: &str) {
        self.signal(name, Signal::Success).await.unwrap();
    }

    /// What the store says, after everything under way has settled.
    async fn status(&self, name: &str) -> Status {
        tokio::time::sleep(Duration::from_millis(20)).await;
        self.running.hub.host(name).await.unwrap().status
    }

    fn said(&self) -> Vec<String> {
        self.said.0.borrow().clone()
    }

    fn crash(&self, name: &str) {
        self.running.hub.roster().find(name).unwrap().actor().unwrap().do_send(Crash("told to"));
    }
}

#[test]
fn a_beat_during_the_grace_keeps_the_host_up_and_silence_is_told_at_the_deadline() {
    world(async |w| {
        w.host("nas", "").await;
        w.at(10).await.beat("nas").await;
        w.at(365).await.beat("nas").await; // the deadline was 370
        assert_eq!(w.at(724).await.status("nas").await, Status::Up);
        assert_eq!(w.at(726).await.status("nas").await, Status::Down);
        assert_eq!(w.said(), ["Alert: Host Down"]);
        w.at(800).await.beat("nas").await;
        assert_eq!(w.status("nas").await, Status::Up);
        assert_eq!(w.at(810).await.said().len(), 3, "the edit and the recovery: {:?}", w.said());
    });
}

#[test]
fn a_host_never_heard_is_judged_from_its_creation() {
    world(async |w| {
        w.at(100).await.host("new", "").await;
        assert_eq!(w.at(459).await.status("new").await, Status::Unknown);
        assert_eq!(w.at(461).await.status("new").await, Status::Down);
    });
}

#[test]
fn a_reported_failure_alerts_at_once_and_a_success_recovers() {
    world(async |w| {
        w.host("job", "").await;
        w.at(10).await.signal("job", Signal::Exit(3)).await.unwrap();
        assert_eq!(w.at(11).await.status("job").await, Status::Down);
        assert_eq!(w.said(), ["Alert: Job Failed"]);
        w.at(20).await.signal("job", Signal::Exit(0)).await.unwrap();
        assert_eq!(w.status("job").await, Status::Up);
    });
}

#[test]
fn a_started_job_must_finish_within_its_grace() {
    world(async |w| {
        w.host("job", "").await;
        w.at(10).await.beat("job").await;
        w.at(20).await.signal("job", Signal::Start).await.unwrap();
        assert_eq!(w.at(79).await.status("job").await, Status::Up);
        assert_eq!(w.at(81).await.status("job").await, Status::Down);
    });
}

#[test]
fn a_run_that_asks_for_more_time_gets_it_over_a_panic_and_a_new_run_does_not() {
    world(async |w| {
        w.host("job", "").await;
        w.at(10).await.beat("job").await;
        assert!(w.signal_for("job", Signal::Extend, 60).await.is_err(), "there is no run");
        w.at(20).await.signal("job", Signal::Start).await.unwrap();
        w.at(70).await.signal_for("job", Signal::Extend, 60).await.unwrap();
        w.at(100).await.crash("job");
        assert_eq!(w.at(139).await.status("job").await, Status::Up);
        assert_eq!(w.at(141).await.status("job").await, Status::Down);
        w.at(150).await.beat("job").await;
        w.at(160).await.signal("job", Signal::Start).await.unwrap();
        assert_eq!(w.at(221).await.status("job").await, Status::Down);
    });
}

#[test]
fn a_host_that_asks_for_silence_is_missed_after_it_and_cannot_shorten_a_persons() {
    world(async |w| {
        w.host("nas", "").await;
        w.at(10).await.beat("nas").await;
        let until = w.clock.now().wall.plus_ms(1_000_000);
        w.running.hub.snooze_host("nas", until).await.unwrap();
        let shorter = w.running.hub.snooze_host("nas", until.plus_ms(-500_000)).await.unwrap();
        assert_eq!(shorter.silenced_until, Some(until));
        assert_eq!(w.at(1_010 + 359).await.status("nas").await, Status::Up);
        assert_eq!(w.at(1_010 + 361).await.status("nas").await, Status::Down);
    });
}

#[test]
fn after_a_panic_the_host_is_judged_as_before_and_by_what_was_heard_meanwhile() {
    world(async |w| {
        w.host("nas", "").await;
        w.at(10).await.beat("nas").await;
        w.at(200).await.crash("nas");
        w.beat("nas").await;
        assert_eq!(w.at(559).await.status("nas").await, Status::Up);
        assert_eq!(w.at(561).await.status("nas").await, Status::Down);
        assert_eq!(w.escalated.get(), 0);
    });
}

#[test]
fn a_host_that_keeps_panicking_is_told_as_not_monitored_and_the_others_live_on() {
    world(async |w| {
        w.host("sick", "").await;
        w.host("well", "").await;
        for second in 10..17 {
            w.at(second).await.crash("sick");
        }
        w.at(60).await.beat("well").await;
        assert!(w.said().contains(&"Alert: Host Not Monitored".to_owned()), "{:?}", w.said());
        assert_eq!(w.at(421).await.status("well").await, Status::Down, "its neighbour is judged on time");
        assert_eq!(w.escalated.get(), 0);
    });
}

#[test]
fn a_panic_in_the_writer_loses_its_own_batch_only_and_says_so() {
    world(async |w| {
        w.host("nas", "").await;
        w.at(10).await.beat("nas").await;
        let before = w.running.hub.roster().find("nas").unwrap().pulse.last_beat();
        let db = w.running.hub.db().clone();
        let panics = db.write("panic", |_| -> Result<(), StoreError> { panic!("told to") });
        let (own, neighbour) = tokio::join!(panics, w.signal("nas", Signal::Success));
        assert!(own.is_err());
        drop(neighbour); // the same batch or the next one: both are honest
        w.at(20).await.beat("nas").await;
        let pulse = w.running.hub.roster().find("nas").unwrap().pulse.clone();
        assert!(pulse.last_beat() > before);
        let page = w.running.hub.db().read(move |c| store::beats::page(c, 1, pulse.last_beat(), 10)).await.unwrap();
        assert!(page.next.is_none() && page.beats.last().unwrap().previous.is_none(), "the chain is whole: {page:?}");
        assert_eq!(w.escalated.get(), 0);
    });
}

#[test]
fn a_writer_that_keeps_panicking_ends_the_process() {
    world(async |w| {
        for second in 10..15 {
            w.at(second).await;
            let _ = w.running.hub.db().write("panic", |_| -> Result<(), StoreError> { panic!("told to") }).await;
        }
        assert_eq!(w.at(30).await.escalated.get(), 1);
    });
}

#[test]
fn a_step_of_the_wall_clock_neither_fires_nor_clears() {
    world(async |w| {
        w.host("nas", "").await;
        w.at(10).await.beat("nas").await;
        w.clock.step_wall(86_400_000);
        assert_eq!(w.at(300).await.status("nas").await, Status::Up);
        w.clock.step_wall(-2 * 86_400_000);
        assert_eq!(w.at(369).await.status("nas").await, Status::Up);
        assert_eq!(w.at(371).await.status("nas").await, Status::Down);
    });
}

#[test]
fn yesterdays_silence_is_told_after_the_window_has_been_open_long_enough() {
    world(async |w| {
        // 08:00 UTC is 09:00 in Berlin; the window opens at 10:00 there, 3600 s into the story.
        let windows = r#","schedule_type":"custom","schedule_config":{"timezone":"Europe/Berlin",
            "windows":[{"days":[1,2,3,4,5,6,7],"start":"10:00","end":"12:00"}]}"#;
        w.host("office", windows).await;
        assert_eq!(w.at(3_600 + 359).await.status("office").await, Status::Unknown);
        assert_eq!(w.at(3_600 + 361).await.status("office").await, Status::Down);
    });
}

#[test]
fn a_time_the_hub_did_not_run_pushes_deadlines_instead_of_firing_them() {
    world(async |w| {
        w.host("nas", "").await;
        w.host("dead", "").await;
        w.at(10).await.beat("dead").await;
        w.at(300).await.beat("nas").await;
        assert_eq!(w.at(371).await.status("dead").await, Status::Down);
        w.at(400).await;
        tokio::time::advance(Duration::from_secs(600)).await; // SIGSTOP, suspend: the tick comes late
        assert_eq!(w.at(1_300).await.status("nas").await, Status::Up);
        assert_eq!(w.at(1_359).await.status("nas").await, Status::Up);
        assert_eq!(w.at(1_365).await.status("nas").await, Status::Down, "window end 1000 + 300 + 60");
        assert_eq!(w.said().iter().filter(|t| t.contains("Alert")).count(), 2, "{:?}", w.said());
    });
}

#[test]
fn a_restart_judges_as_the_running_hub_would_have() {
    let folder = TempFolder::new().unwrap();
    life(&folder, 0, async |w| {
        w.host("nas", "").await;
        w.host("dead", "").await;
        w.at(10).await.beat("dead").await;
        w.at(300).await.beat("nas").await;
        assert_eq!(w.at(371).await.status("dead").await, Status::Down);
        w.at(375).await;
    });
    life(&folder, 975, async |w| {
        assert_eq!(w.at(1_330).await.status("nas").await, Status::Up);
        assert_eq!(w.at(1_337).await.status("nas").await, Status::Down, "975 + 300 + 60");
        assert_eq!(w.said(), ["Alert: Host Down"], "the dead one is not told again");
    });
    life(&folder, 2_000, async |w| {
        w.at(2_010).await.beat("dead").await;
        w.at(2_020).await;
        assert_eq!(w.said().iter().filter(|t| t.contains("Recovered")).count(), 1, "{:?}", w.said());
    });
}

#[test]
fn a_paused_host_is_not_judged_and_a_resumed_one_from_then_on() {
    world(async |w| {
        w.host("nas", "").await;
        w.at(10).await.beat("nas").await;
        w.at(20).await.running.hub.pause_host("nas").await.unwrap();
        assert_eq!(w.at(5_000).await.status("nas").await, Status::Up);
        w.running.hub.resume_host("nas").await.unwrap();
        assert_eq!(w.at(5_358).await.status("nas").await, Status::Up);
        assert_eq!(w.at(5_362).await.status("nas").await, Status::Down);
    });
}

#[test]
fn a_silenced_host_is_judged_after_its_silence() {
    world(async |w| {
        w.host("nas", "").await;
        w.at(10).await.beat("nas").await;
        let until = w.clock.now().wall.plus_ms(1_000_000);
        w.running.hub.silence_host("nas", Some(until)).await.unwrap();
        assert_eq!(w.at(1_360).await.status("nas").await, Status::Up);
        assert_eq!(w.at(1_372).await.status("nas").await, Status::Down);
    });
}

#[test]
fn an_edit_is_in_force_at_once() {
    world(async |w| {
        w.host("nas", "").await;
        w.at(10).await.beat("nas").await;
        let faster: HostDraft = serde_json::from_str(r#"{"expected_frequency":"30s","grace_period":"10s"}"#).unwrap();
        w.at(20).await.running.hub.update_host("nas", faster).await.unwrap();
        assert_eq!(w.at(49).await.status("nas").await, Status::Up);
        assert_eq!(w.at(51).await.status("nas").await, Status::Down);
    });
}

#[test]
fn a_removed_host_is_told_no_more() {
    world(async |w| {
        w.host("nas", "").await;
        w.at(10).await.beat("nas").await;
        w.at(20).await.running.hub.remove_host("nas").await.unwrap();
        w.at(1_000).await;
        assert!(w.said().is_empty() && w.running.hub.roster().is_empty());
        assert!(w.running.hub.host("nas").await.is_err());
    });
}

#[test]
fn a_rolled_back_batch_leaves_the_recovery_mark_and_the_chain_true() {
    let folder = TempFolder::new().unwrap();
    life(&folder, 0, async |w| {
        w.host("nas", "").await;
        w.host("pi", "").await;
        w.at(10).await.beat("nas").await;
        // Fails after the beats of its batch were written: ids 2 and 3 are given out and taken back.
        let db = w.running.hub.db().clone();
        let full = db.write("full", |_| -> Result<(), StoreError> { Err(StoreError::Full) });
        let (pi, nas, full) = tokio::join!(w.signal("pi", Signal::Success), w.signal("nas", Signal::Success), full);
        assert!(full.is_err());
        assert!(pi.is_err() == nas.is_err(), "one batch or none");
        w.at(13).await.beat("pi").await; // after a sign of life was written
        w.at(14).await.beat("nas").await;
    });
    life(&folder, 20, async |w| {
        let newest = |name: &str| w.running.hub.roster().find(name).unwrap().pulse.last_beat();
        assert!(newest("nas") > newest("pi") && newest("pi") > Some(1), "the start knows the newest beats: {:?}", newest("nas"));
        let (row, from) = (1, newest("nas"));
        let page = w.running.hub.db().read(move |c| store::beats::page(c, row, from, 10)).await.unwrap();
        assert!(page.beats.len() >= 2 && page.beats.last().unwrap().previous.is_none(), "{page:?}");
    });
}

#[test]
fn an_incident_about_the_watching_itself_ends_with_a_restart() {
    let folder = TempFolder::new().unwrap();
    life(&folder, 0, async |w| {
        w.host("sick", "").await;
        for second in 10..17 {
            w.at(second).await.crash("sick");
        }
        w.at(20).await;
        assert!(w.said().contains(&"Alert: Host Not Monitored".to_owned()), "{:?}", w.said());
    });
    life(&folder, 60, async |w| {
        w.at(62).await;
        let open = w.running.hub.db().read(store::alerts::count_open).await.unwrap();
        assert_eq!(open, 0);
    });
}

#[test]
fn a_machine_without_a_clock_of_its_own_does_not_fire_at_its_start() {
    let folder = TempFolder::new().unwrap();
    life(&folder, 0, async |w| {
        w.host("nas", "").await;
        w.at(100).await.beat("nas").await;
        w.at(455).await;
    });
    // The same wall time as at the last sign of life, on another boot: nothing seems to have passed.
    life(&folder, -10_000_000, async |w| {
        let hub = &w.running.hub;
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(hub.host("nas").await.unwrap().status, Status::Up, "its deadline was 5 s away, and nobody could hear it");
    });
}

#[test]
fn a_host_that_is_removed_and_made_again_is_watched() {
    world(async |w| {
        w.host("nas", "").await;
        let hub = &w.running.hub;
        let (gone, _) = tokio::join!(hub.remove_host("nas"), tokio::task::yield_now());
        gone.unwrap();
        w.host("nas", "").await;
        w.at(100).await.beat("nas").await;
        assert_eq!(w.at(461).await.status("nas").await, Status::Down);
    });
}

#[test]
fn a_start_that_takes_long_judges_nobody_before_heartbeats_are_taken() {
    let folder = TempFolder::new().unwrap();
    life(&folder, 0, async |w| {
        w.host("nas", "").await;
        w.at(10).await.beat("nas").await;
        w.at(20).await;
    });
    let build = || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    actix::System::with_tokio_rt(build).block_on(async {
        let start = domain::time::Wall(1_795_420_800_000);
        let clock = Clock::virtual_on_boot(start.plus_ms(60_000), 60_000);
        let running = Running::start_unheard(parts(&folder, &clock, Memory::default(), Rc::default())).await.unwrap();
        let status = async || running.hub.host("nas").await.unwrap().status;
        tokio::time::sleep(Duration::from_secs(1_000)).await;
        assert_eq!(status().await, Status::Up, "nobody could be heard yet");
        running.is_listening().await.unwrap();
        tokio::time::sleep(Duration::from_secs(359)).await;
        assert_eq!(status().await, Status::Up);
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(status().await, Status::Down, "silent for longer than allowed since then");
    });
}
