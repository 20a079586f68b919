//! From an opened store to a watching hub, and back: the order in which the actors start and stop.

use super::{Hub, Inner, tree};
use crate::alert::{AlertActor, AlertParts};
use crate::clock::{Clock, Mark};
use crate::db::{Db, DbError, Limits};
use crate::host::{Bench, DRAIN_MS, TICK_FRESH_MS};
use crate::hosts::{AllDeaf, HostsActor, report_monitored_again, report_not_monitored, resolve_not_monitored};
use crate::internet::InternetParts;
use crate::llm::LlmActor;
use crate::logs::{Analysts, Intake, Listeners, LogParts};
use crate::roster::Roster;
use crate::settings::Settings;
use crate::speed::SpeedParts;
use crate::supervision::{Addr, Exit, GroupEnd, Observer, Supervisor};
use crate::upstream::{self, UpstreamParts};
use domain::schedule::BusinessHours;
use domain::time::{Now, Steady};
use domain::uplink::is_beyond_uplink;
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock, RwLock};
use std::time::Duration;
use store::alive::DeafWindow;
use store::hosts::HostRecord;
use store::seal::Keyring;
use store::{Store, StoreError, Writer, alive, beats, hosts, outages};
use tokio::sync::Notify;

/// How long a stop waits for the last sign of life.
const LAST_SIGN: Duration = Duration::from_secs(1);
/// How long a stop waits for all actors together; with the web server's own limit it stays under ten seconds.
const ALL_ACTORS: Duration = Duration::from_secs(3);

/// What a hub is made of.
pub struct HubParts {
    /// The opened store.
    pub store: Store,
    /// What seals and signs.
    pub keyring: Arc<Keyring>,
    /// The time.
    pub clock: Clock,
    /// Bounds of the writer.
    pub limits: Limits,
    /// Business hours as configured.
    pub business: BusinessHours,
    /// Settings that may change while the hub runs.
    pub settings: Arc<Settings>,
    /// How notices leave.
    pub alert: AlertParts,
    /// How logs are read.
    pub logs: LogParts,
    /// What an escalation does.
    pub exit: Exit,
    /// What looks at the outside.
    pub net: NetParts,
}

/// What looks at the outside; by default nothing does.
#[derive(Default)]
pub struct NetParts {
    /// The monitor of the uplink.
    pub internet: Option<InternetParts>,
    /// The dead man's switch.
    pub upstream: Option<UpstreamParts>,
    /// The speed test.
    pub speed: Option<SpeedParts>,
}

/// What the children of the tree are made of.
pub(super) struct Made {
    pub(super) bench: Arc<Bench>,
    pub(super) roster: Arc<Roster>,
    pub(super) settings: Arc<Settings>,
    /// How notices leave, for the alert actor.
    pub(super) alert: Cell<Option<AlertParts>>,
    /// How logs are read, and who reads them.
    pub(super) log_parts: LogParts,
    pub(super) analysts: Arc<Analysts>,
    pub(super) keyring: Arc<Keyring>,
    pub(super) exit: Exit,
    pub(super) lag_most_ms: Arc<AtomicI64>,
    /// The hosts the start found, for the first life of the keeper.
    pub(super) recovered: RefCell<Vec<HostRecord>>,
    /// Which of them were last heard over the uplink.
    pub(super) beyond: RefCell<HashSet<i64>>,
    pub(super) internet: Cell<Option<InternetParts>>,
    pub(super) upstream: Cell<Option<UpstreamParts>>,
    pub(super) speed: Cell<Option<SpeedParts>>,
    pub(super) upstream_shown: upstream::Shown,
    /// The keeper's address, once it has one.
    pub(super) hosts: OnceLock<Addr<HostsActor>>,
    /// The alert actor's address, once it has one.
    pub(super) alerts: OnceLock<Addr<AlertActor>>,
    /// The address of the actor that asks models, once it has one.
    pub(super) llm: OnceLock<Addr<LlmActor>>,
}

/// A hub that runs; it lives on the thread that started it.
pub struct Running {
    /// The handle for everybody else.
    pub hub: Hub,
    pub(super) supervisor: Supervisor,
    observer: Option<Observer>,
    /// Up to when the start has told the hosts that nobody listened.
    deaf_until: Steady,
}

impl Running {
    /// Recovers what the last run left, starts every actor and returns when all deadlines are armed.
    ///
    /// # Errors
    /// What the store says; nothing runs then.
    pub async fn start(parts: HubParts) -> Result<Running, StoreError> {
        let running = Running::start_unheard(parts).await?;
        running.judge_soon();
        Ok(running)
    }

    /// Like [`Running::start`], but nothing is judged before [`Running::is_listening`] was said: a start may take longer than
    /// a host may be silent.
    ///
    /// # Errors
    /// What the store says; nothing runs then.
    pub async fn start_unheard(parts: HubParts) -> Result<Running, StoreError> {
        let HubParts { store, keyring, clock, limits, business, settings, alert, logs, exit, net } = parts;
        let Store { mut writer, reader, .. } = store;
        let recovered = recover(&mut writer, &clock, &business)?;
        let news = Arc::new(Notify::new());
        let db = Db::new(writer, recovered.newest_beat, reader, clock.clone(), news, limits);
        recovered.gaps.iter().for_each(|(from, to)| db.uplink().add_gap(*from, *to));
        let bench = Arc::new(Bench {
            tick: AtomicI64::new(clock.steady().0),
            judge_from: AtomicI64::new(i64::MAX),
            deaf: RwLock::new(recovered.deaf),
            clock: clock.clone(),
            db: db.clone(),
            business,
        });

        let supervisor = Supervisor::new("hub", tree::FLAGS, clock, exit.clone());
        let made = Rc::new(Made {
            bench: bench.clone(),
            roster: Arc::default(),
            settings: settings.clone(),
            alert: Cell::new(Some(alert)),
            log_parts: logs,
            analysts: Arc::default(),
            keyring: keyring.clone(),
            exit,
            lag_most_ms: Arc::default(),
            recovered: RefCell::new(recovered.hosts),
            beyond: RefCell::new(recovered.beyond),
            internet: Cell::new(net.internet),
            upstream: Cell::new(net.upstream),
            speed: Cell::new(net.speed),
            upstream_shown: upstream::Shown::default(),
            hosts: OnceLock::new(),
            alerts: OnceLock::new(),
            llm: OnceLock::new(),
        });
        alert_on_give_up(&supervisor, &bench, &made.roster);
        let started = tree::start(&made, &supervisor).await;
        let addrs = started.map_err(|e| StoreError::Other(format!("the actors could not be started: {e}")))?;

        let hub = Hub::new(Inner {
            bench,
            roster: made.roster.clone(),
            keyring,
            hosts: addrs.hosts,
            alerts: addrs.alerts,
            internet: addrs.internet,
            upstream: made.upstream_shown.clone(),
            llm: addrs.llm,
            logs: addrs.logs,
            analysts: made.analysts.clone(),
            settings,
            live: supervisor.live(),
            lag_most_ms: made.lag_most_ms.clone(),
            revisions: Arc::default(),
            intake: OnceLock::new(),
        });
        Ok(Running { hub, supervisor, observer: None, deaf_until: recovered.until })
    }

    /// Lets log lines come in: hosts may be read, and `listeners` are listened to.
    ///
    /// # Errors
    /// What the store says, or a receiver that cannot be started.
    pub async fn take_logs(&self, intake: Arc<Intake>, listeners: Listeners) -> Result<(), StoreError> {
        intake.open(&self.hub, &self.supervisor, listeners).await?;
        let _ = self.hub.0.intake.set(intake);
        Ok(())
    }

    /// Watches the actors' thread from another one: a turn that does not end ends the process. Not in virtual time, where a
    /// thread of its own would see another time.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn watch_for_hangs(&mut self) -> std::io::Result<()> {
        self.observer = Some(self.supervisor.observe(tree::TURN_MOST_MS)?);
        Ok(())
    }

    /// Says that heartbeats are taken from now on: the time since the start counts as not listening, and what waits in sockets is
    /// drained before anything is judged.
    ///
    /// # Errors
    /// What the store says.
    pub async fn is_listening(&self) -> Result<(), DbError> {
        let now = self.hub.now();
        let (from, to) = (self.deaf_until, now.steady.max(self.deaf_until));
        let window = DeafWindow { from, to, reason: "the hub was starting".into(), created_at: now.wall };
        self.hub.db().write("deaf window", move |tx| alive::append_deaf(tx, &window)).await?;
        self.hub.0.hosts.do_send(AllDeaf { from, to });
        self.judge_soon();
        Ok(())
    }

    /// What waits in sockets is drained first.
    fn judge_soon(&self) {
        let soon = self.hub.now().steady.0 + DRAIN_MS;
        self.hub.0.bench.judge_from.store(soon, Ordering::Relaxed);
    }

    /// Ends the hub in order: hosts judge no more, what is accepted is stored, notices in flight end, the store closes last.
    pub async fn stop(self) -> Vec<GroupEnd> {
        let accepted = tokio::time::timeout(LAST_SIGN, self.last_sign()).await;
        if !matches!(accepted, Ok(Ok(()))) {
            log::warn!("stopping: the last sign of life was not written");
        }
        log::info!("stopping: actors, in reverse order of their start");
        let ends = tokio::time::timeout(ALL_ACTORS, self.supervisor.shutdown()).await.unwrap_or_else(|_| {
            log::error!("stopping: not every actor ended within {} s; what is committed is safe", ALL_ACTORS.as_secs());
            Vec::new()
        });
        self.hub.db().close();
        ends
    }

    /// A stop right after the machine slept comes before the tick that would have noticed: the last sign of life must not hide it.
    async fn last_sign(&self) -> Result<(), DbError> {
        let now = self.hub.now();
        let from = Steady(self.hub.0.bench.tick.load(Ordering::Relaxed));
        if now.steady.since_ms(from) > TICK_FRESH_MS {
            let window = DeafWindow { from, to: now.steady, reason: "the hub did not run".into(), created_at: now.wall };
            self.hub.db().write("deaf window", move |tx| alive::append_deaf(tx, &window)).await?;
        }
        self.hub.db().alive().await
    }
}

struct Recovered {
    until: Steady,
    newest_beat: i64,
    hosts: Vec<HostRecord>,
    deaf: Vec<(Steady, Steady)>,
    /// When the uplink was down.
    gaps: Vec<(Steady, Steady)>,
    /// Hosts last heard over it.
    beyond: HashSet<i64>,
}

/// Continues the timeline, writes down what only the log of heartbeats knew, and notes since when nobody listened.
fn recover(writer: &mut Writer, clock: &Clock, business: &BusinessHours) -> Result<Recovered, StoreError> {
    let last = alive::read(writer.conn())?;
    let mark = last.as_ref().map(|l| Mark {
        boot_id: l.boot_id.clone(),
        boot_ms: l.boot_ms,
        now: Now { wall: l.wall, steady: l.steady },
    });
    if let Some(mark) = &mark {
        clock.resume_from(mark);
    }
    let newest_beat = writer
        .transact(|tx| {
            write_seen(tx, last.as_ref().map_or(0, |l| l.beat_mark), mark.as_ref().map(|m| m.now))?;
            beats::newest_id(tx)
        })
        .map_err(|e| e.error)?;
    let hosts = load(writer, business)?;
    let now = clock.now();
    // A store without a sign of life was filled by a tool: nobody has listened for any of its hosts yet. And a machine without
    // a clock of its own may say that no time has passed: the absence is noted all the same.
    let away = mark.as_ref().map_or(Steady(0), |m| m.now.steady);
    let until = now.steady.max(away.plus_ms(1));
    if mark.is_some() || !hosts.is_empty() {
        let ms = until.since_ms(away);
        log::info!(
            "nobody listened {}: deadlines inside or after that are pushed",
            mark.map_or("yet".into(), |_| format!("for {ms} ms"))
        );
        let window = DeafWindow { from: away, to: until, reason: "the hub was not running".into(), created_at: now.wall };
        let restarted = |tx: &store::Transaction<'_>| {
            resolve_not_monitored(tx, now)?;
            alive::append_deaf(tx, &window)
        };
        writer.transact(restarted).map_err(|e| e.error)?;
    }
    let deaf = alive::deaf_since(writer.conn(), Steady(i64::MIN))?.into_iter().map(|w| (w.from, w.to)).collect();
    let gaps = outages::gaps(writer.conn())?;
    let beyond = beyond_uplink(writer)?;
    Ok(Recovered { until, newest_beat, hosts, deaf, gaps, beyond })
}

fn beyond_uplink(writer: &Writer) -> Result<HashSet<i64>, StoreError> {
    let sources = beats::last_sources(writer.conn())?;
    let is_beyond = |source: &str| source.parse().is_ok_and(is_beyond_uplink);
    Ok(sources.into_iter().filter(|(_, source)| is_beyond(source)).map(|(row, _)| row).collect())
}

/// `hosts.last_seen` is written behind the heartbeats; this brings it up to them.
fn write_seen(tx: &store::Transaction<'_>, beat_mark: i64, then: Option<Now>) -> Result<(), StoreError> {
    for newer in beats::since_mark(tx, beat_mark)? {
        let seen = newer.life.map(|wall| (wall, then.map_or(Steady(wall.0), |then| then.steady_at(wall))));
        beats::flush_seen(tx, newer.host, seen, newer.newest_id)?;
    }
    Ok(())
}

/// Every host that can be watched; one whose row no longer makes sense is named and left out, not the others.
fn load(writer: &mut Writer, business: &BusinessHours) -> Result<Vec<HostRecord>, StoreError> {
    let mut whole = Vec::new();
    for loaded in hosts::load_all(writer.conn(), business)? {
        match loaded {
            Ok(record) => whole.push(record),
            Err(broken) => log::error!("host {} is not watched: {}", broken.host_id, broken.why),
        }
    }
    Ok(whole)
}

fn alert_on_give_up(supervisor: &Supervisor, bench: &Arc<Bench>, roster: &Arc<Roster>) {
    let (b, r) = (bench.clone(), roster.clone());
    supervisor.on_give_up(move |child, reason| {
        if let Some(entry) = r.find(child.as_str()) {
            let (bench, reason) = (b.clone(), reason.to_owned());
            actix_rt::spawn(async move { report_not_monitored(&bench, &entry, reason).await });
        }
    });
    let (b, r) = (bench.clone(), roster.clone());
    supervisor.on_recovery(move |child| {
        if let Some(entry) = r.find(child.as_str()) {
            let bench = b.clone();
            actix_rt::spawn(async move { report_monitored_again(&bench, &entry).await });
        }
    });
}
