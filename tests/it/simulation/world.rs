//! The world the hub lives in: one history from its first to its last instant, through all lives of the hub.

use super::agenda::{Agenda, Deed};
use super::dice::Dice;
use super::discord::{Discord, Line};
use super::disk::Told;
use super::history::{H, History, M, S, Trouble, Way};
use super::people;
use super::trace::{Answer, Life, Trace, Watched};
use actors::alert::AlertParts;
use actors::alert::discord::AllowedHosts;
use actors::alert::text::Texts;
use actors::clock::Clock;
use actors::db::Limits;
use actors::faults::{self, Fault};
use actors::hub::{Hub, HubParts, NetParts, Running};
use actors::logs::LogParts;
use actors::settings::Settings;
use actors::supervision::Exit;
use domain::schedule::BusinessHours;
use domain::time::Wall;
use std::cell::{Cell, RefCell};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use store::seal::Keyring;
use store::{Options, Store};
use tokio::sync::Notify;

/// What is left after everything that goes wrong: time for all to be told.
const AFTERMATH: i64 = 2 * H;
/// Longest rest of a timer that only looks.
const REST_MOST: i64 = 5 * M;
/// A step of the wall clock is on disk this long after it, unless the store is in trouble.
const WRITTEN_WITHIN: i64 = 5 * S;

/// What all parts of the world share; lives of the hub come and go.
pub struct Shared {
    pub history: History,
    pub trace: RefCell<Trace>,
    pub discord: RefCell<Discord>,
    pub agenda: RefCell<Agenda>,
    /// Which of `watched` a host of the history is now.
    pub current: RefCell<Vec<usize>>,
    /// How many webhooks there have been.
    pub webhooks: Cell<u32>,
    clock: RefCell<Option<Clock>>,
    /// What time it is while no hub runs.
    pub away_at: Cell<i64>,
    store: RefCell<StoreMood>,
    busy: Vec<(i64, i64)>,
    pub busy_until: Cell<i64>,
    exit: RefCell<Option<String>>,
    changed: Notify,
}

struct StoreMood {
    trouble: Option<Trouble>,
    until: i64,
    left: u32,
    dice: Dice,
}

/// Everything there is to judge a history by.
pub struct Outcome {
    pub trace: Trace,
    pub told: Told,
    pub discord: Discord,
}

/// How a life of the hub ended.
enum End {
    Over,
    Away { ms: i64, rebooted: bool },
}

/// Lets it all happen.
pub fn run(history: &History) -> Outcome {
    // In memory where the machine has such a folder: there are tens of thousands of commits.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
    let shared = Rc::new(Shared::new(history));
    let _planned = faults::plan(Planned(shared.clone()));
    let (mut began, mut boots, mut boot_zero) = (0, 0, 0);
    loop {
        let machine = (format!("boot {boots}"), began - boot_zero);
        match live(folder.path(), &shared, began, &machine) {
            End::Over => break,
            End::Away { ms, rebooted } => {
                began = shared.trace.borrow().lives.last().map_or(began, |life| life.end) + ms;
                people::while_away(&shared, began, rebooted);
                boots += u32::from(rebooted);
                boot_zero = if rebooted { began - 20 * S } else { boot_zero };
            }
        }
    }
    let told = Told::read(&folder.path().join("db.sqlite"), history.zero);
    let discord = std::mem::replace(&mut *shared.discord.borrow_mut(), Discord::new(0));
    Outcome { trace: shared.trace.take(), told, discord }
}

/// One life of the hub, from its start to its end.
fn live(folder: &Path, shared: &Rc<Shared>, began: i64, (boot, boot_ms): &(String, i64)) -> End {
    let build = || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime");
    actix::System::with_tokio_rt(build).block_on(async {
        let wall = shared.history.zero + began + shared.trace.borrow().ahead(began);
        let clock = Clock::virtual_machine(boot, *boot_ms, Wall(wall));
        shared.discord.borrow_mut().forget_caller();
        shared.exit.take();
        shared.away_at.set(began);
        let running = start(folder, shared, &clock).await;
        *shared.clock.borrow_mut() = Some(clock.clone());
        assert_eq!(shared.now(), began, "elapsed time goes on over a restart");
        shared.busy_until.set(began + 20 * S);
        shared.trace.borrow_mut().lives.push(Life { start: began, listening: None, end: i64::MAX, orderly: false });
        let end = story(shared, running, &clock).await;
        shared.away_at.set(shared.now());
        shared.clock.take();
        if let Some(life) = shared.trace.borrow_mut().lives.last_mut() {
            life.end = shared.now();
        }
        end
    })
}

async fn start(folder: &Path, shared: &Rc<Shared>, clock: &Clock) -> Running {
    let mut store =
        Store::open(&folder.join("db.sqlite"), &Options { readers: 1, ..Options::default() }).expect("the store opens");
    let keyring = Arc::new(Keyring::load_or_create(&folder.join("secret.key")).expect("a key"));
    let env = vec![("primary".to_owned(), webhook(0))];
    let (key, at) = (keyring.clone(), clock.now().wall);
    let settings = store.writer.transact(|tx| Settings::load(tx, key, env, vec![], AllowedHosts::default(), at));
    let line = Rc::downgrade(shared);
    let told = Rc::downgrade(shared);
    let parts = HubParts {
        store,
        keyring,
        clock: clock.clone(),
        limits: Limits { in_place: true, ..Limits::default() },
        business: BusinessHours::default(),
        settings: Arc::new(settings.expect("settings load")),
        alert: AlertParts {
            deliver: Box::new(move || Rc::new(Line(line.clone()))),
            links: Arc::new(|_| None),
            texts: Texts::default(),
        },
        logs: LogParts::none(),
        exit: Exit::calling(move |child, reason| {
            if let Some(shared) = told.upgrade() {
                shared.exit.borrow_mut().get_or_insert(format!("{child}: {reason}"));
                shared.changed.notify_one();
            }
        }),
        net: NetParts::default(),
    };
    Running::start_unheard(parts).await.expect("the hub starts")
}

/// The webhook that is set after so many others.
pub fn webhook(which: u32) -> String {
    format!("https://discord.com/api/webhooks/{}/memory", which + 1)
}

async fn story(shared: &Rc<Shared>, running: Running, clock: &Clock) -> End {
    if shared.now() == 0 {
        add_hosts(shared, &running.hub).await;
    }
    let pause = Dice::of(shared.history.seed, shared.now() as u64).between(0, 2 * S);
    sleep(pause).await;
    if running.is_listening().await.is_err() || shared.exit.borrow().is_some() {
        return exited(shared);
    }
    if let Some(life) = shared.trace.borrow_mut().lives.last_mut() {
        life.listening = Some(shared.now());
    }
    let over = shared.history.length + AFTERMATH;
    loop {
        let next = shared.agenda.borrow().next_at().unwrap_or(over).min(over);
        let now = shared.now();
        if next > now {
            tokio::select! {
                () = sleep(next - now) => {}
                () = shared.changed.notified() => {}
            }
        }
        if shared.exit.borrow().is_some() {
            return exited(shared);
        }
        if shared.now() >= over {
            running.stop().await;
            return End::Over;
        }
        let due = shared.agenda.borrow_mut().take(shared.now());
        match due {
            None => {}
            Some((_, Deed::Stop(way, ms))) => return end(shared, running, way, ms).await,
            Some((_, Deed::Sleep(ms))) => nap(shared, ms, "machine: sleep", |_| clock.sleep_machine(ms)).await,
            Some((_, Deed::Stall(ms))) => {
                nap(shared, ms, "hub: stall", |_| ()).await;
                tokio::time::advance(Duration::from_millis(ms as u64)).await;
            }
            Some((_, Deed::Step(by))) => {
                shared.step(by);
                clock.step_wall(by);
            }
            Some((at, deed)) => people::act(shared, &running.hub, at, deed).await,
        }
    }
}

async fn nap(shared: &Rc<Shared>, ms: i64, kind: &'static str, sleep: impl Fn(i64)) {
    let now = shared.now();
    let mut trace = shared.trace.borrow_mut();
    trace.naps.push((now, now + ms));
    trace.fire(kind);
    sleep(ms);
}

fn exited(shared: &Rc<Shared>) -> End {
    shared.trace.borrow_mut().fire("hub: exit 70");
    End::Away { ms: Dice::of(shared.history.seed, shared.now() as u64).between(S, 10 * S), rebooted: false }
}

async fn end(shared: &Rc<Shared>, running: Running, way: Way, ms: i64) -> End {
    // After a boot only the wall clock tells how long it was: a step that the hub had no time to write down cannot be known then.
    let way = if way == Way::Rebooted && shared.has_unwritten_step() { Way::Killed } else { way };
    let kind = match way {
        Way::Orderly => "hub: stop",
        Way::Killed => "hub: kill",
        Way::Rebooted => "machine: reboot",
    };
    shared.trace.borrow_mut().fire(kind);
    if way == Way::Orderly {
        if let Some(life) = shared.trace.borrow_mut().lives.last_mut() {
            life.orderly = true;
        }
        running.stop().await;
    }
    End::Away { ms, rebooted: way == Way::Rebooted }
}

async fn add_hosts(shared: &Rc<Shared>, hub: &Hub) {
    for (number, plan) in shared.history.hosts.iter().enumerate() {
        let new = hub.create_host(&people::draft(plan)).await.expect("the host is added");
        let mut trace = shared.trace.borrow_mut();
        shared.current.borrow_mut().push(trace.watched.len());
        trace.watched.push(Watched {
            number,
            name: shared.host_name(number),
            row: new.record.row,
            born: shared.now(),
            gone: None,
        });
    }
}

pub async fn sleep(ms: i64) {
    tokio::time::sleep(Duration::from_millis(ms.max(0) as u64)).await;
}

impl Shared {
    fn new(history: &History) -> Shared {
        let mut busy: Vec<(i64, i64)> = Vec::new();
        for (from, to) in history.busy() {
            match busy.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => busy.push((from, to)),
            }
        }
        Shared {
            history: history.clone(),
            trace: RefCell::default(),
            discord: RefCell::new(Discord::new(history.seed)),
            agenda: RefCell::new(Agenda::new(history)),
            current: RefCell::default(),
            webhooks: Cell::new(0),
            clock: RefCell::default(),
            away_at: Cell::new(0),
            store: RefCell::new(StoreMood { trouble: None, until: 0, left: 0, dice: Dice::of(history.seed, 3) }),
            busy,
            busy_until: Cell::new(0),
            exit: RefCell::default(),
            changed: Notify::new(),
        }
    }

    /// Elapsed time since the beginning.
    pub fn now(&self) -> i64 {
        self.clock.borrow().as_ref().map_or(self.away_at.get(), |clock| clock.steady().0 - self.history.zero)
    }

    /// The wall clock moves.
    pub fn step(&self, by: i64) {
        let now = self.now();
        let mut trace = self.trace.borrow_mut();
        trace.steps.push((now, by));
        trace.fire(if by > 0 { "clock: forwards" } else { "clock: backwards" });
    }

    /// Whether the wall clock was set so lately, or in such trouble, that no sign of life may be on disk since.
    fn has_unwritten_step(&self) -> bool {
        let (now, trace) = (self.now(), self.trace.borrow());
        trace.steps.iter().any(|(at, _)| {
            let kept_from = |(from, to): &(i64, i64)| *from <= at + WRITTEN_WITHIN && now <= to + WRITTEN_WITHIN;
            now <= at + WRITTEN_WITHIN || trace.troubles.iter().any(kept_from)
        })
    }

    /// Something more to do: the story looks again when it sleeps.
    pub fn add(&self, at: i64, deed: Deed) {
        self.busy_until.set(self.busy_until.get().max(at + 20 * S));
        self.agenda.borrow_mut().add(at, deed);
        self.changed.notify_one();
    }

    /// The store goes wrong for a while.
    pub fn trouble(&self, trouble: Trouble, ms: i64) {
        let now = self.now();
        let left = match trouble {
            Trouble::Panic => 2,
            Trouble::UnknownDone | Trouble::UnknownLost => 1,
            _ => u32::MAX,
        };
        let mut store = self.store.borrow_mut();
        (store.trouble, store.until, store.left) = (Some(trouble), now + ms, left);
        let late = match trouble {
            Trouble::LateCommit(ms) | Trouble::LateAnswer(ms) => ms as i64 * 2,
            _ => 0,
        };
        self.trace.borrow_mut().troubles.push((now, now + ms + late));
    }

    /// Whether the store may do something else than what it is asked.
    pub fn in_trouble(&self) -> bool {
        self.trace.borrow().troubles.iter().any(|(from, to)| (*from..*to).contains(&self.now()))
    }

    fn fault(&self) -> Fault {
        let now = self.now();
        let mut store = self.store.borrow_mut();
        let Some(trouble) = store.trouble.filter(|_| now < store.until && store.left > 0) else { return Fault::None };
        if self.exit.borrow().is_some() || !store.dice.percent(60) {
            return Fault::None;
        }
        store.left -= 1;
        let (fault, kind) = match trouble {
            Trouble::RolledBack => (Fault::RolledBack, "store: rolled back"),
            Trouble::DiskFull => (Fault::DiskFull, "store: disk full"),
            Trouble::Panic => (Fault::Panic, "store: panic"),
            Trouble::LateCommit(ms) => (Fault::LateCommit(ms), "store: late commit"),
            Trouble::LateAnswer(ms) => (Fault::LateAnswer(ms), "store: late answer"),
            Trouble::UnknownDone => (Fault::UnknownDone, "store: unknown, done"),
            Trouble::UnknownLost => (Fault::UnknownLost, "store: unknown, lost"),
        };
        self.trace.borrow_mut().fire(kind);
        fault
    }

    fn rest_ms(&self, usual_ms: i64) -> i64 {
        let now = self.now();
        if !self.history.rests || now < self.busy_until.get() {
            return usual_ms;
        }
        let next = self.busy.partition_point(|(_, to)| *to <= now);
        let Some((from, _)) = self.busy.get(next) else { return usual_ms };
        (from - now).min(REST_MOST).max(usual_ms)
    }

    /// What people read it as.
    pub fn host_name(&self, host: usize) -> String {
        format!("host-{:02}", self.history.hosts[host].number)
    }

    /// Records what became of a heartbeat.
    pub fn answered(&self, which: usize, answer: Answer) {
        self.trace.borrow_mut().heard[which].answer = answer;
    }
}

struct Planned(Rc<Shared>);

impl faults::Plan for Planned {
    fn fault(&mut self) -> Fault {
        self.0.fault()
    }

    fn rest_ms(&mut self, usual_ms: i64) -> i64 {
        self.0.rest_ms(usual_ms)
    }
}
