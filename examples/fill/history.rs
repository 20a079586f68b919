//! The history of very many hosts, written into a database as a hub would have: one log in the order of time, a chain a host,
//! incidents that end, events that tell of them, and rows that agree with all that.

use super::machine::Plan;
use domain::host::{HostId, Severity};
use domain::incident::{Cause, Facts};
use domain::schedule::BusinessHours;
use domain::signal::Signal;
use domain::time::{Now, Wall};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::Path;
use store::alive::{self, Alive};
use store::beats::{self, NewBeat};
use store::seal::{Keyring, hash_token};
use store::{Options, Store, StoreError, Transaction, events, hosts};

/// One token for all hosts; looked up and proved like any other.
pub(crate) const TOKEN: &str = "fill-token-fill-token-fill-token-fill-token-0";
/// Steps of the history in one transaction.
const STEPS_AT_ONCE: usize = 200_000;
const DAY_MS: i64 = 86_400_000;

/// How much is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Hosts.
    pub(crate) hosts: usize,
    /// Heartbeats, within a few percent.
    pub(crate) heartbeats: u64,
    /// Days the history goes back.
    pub(crate) days: i64,
    /// Decides everything.
    pub(crate) seed: u64,
}

/// What was made.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Made {
    /// Heartbeats.
    pub(crate) heartbeats: u64,
    /// Incidents.
    pub(crate) alerts: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// A sign of life, or the start of a run.
    Call,
    /// The end of a run.
    Finish,
    /// The hub notices that nothing was heard.
    Overdue,
    Pause,
    Resume,
}

struct Host {
    row: i64,
    plan: Plan,
    ip: String,
    newest: Option<i64>,
    seen: Option<i64>,
    began: Option<i64>,
    alert: Option<i64>,
    /// Since when it is up or down.
    since: Option<(bool, i64)>,
    paused: bool,
}

struct History {
    hosts: Vec<Host>,
    due: BinaryHeap<Reverse<(i64, usize, Step)>>,
    end: i64,
    made: Made,
}

/// Makes `database` and its key, with `size` of history that ends at `now`; tells how far it is.
///
/// # Errors
/// What the store says.
pub(crate) fn fill(database: &Path, size: Size, mark: Alive, tell: impl Fn(Made)) -> Result<Made, StoreError> {
    let folder = database.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|e| StoreError::Io(e.to_string()))?;
    let keyring = Keyring::load_or_create(&folder.join("secret.key"))?;
    let mut store = Store::open(database, &Options { writer_cache_kib: 256 << 10, ..Options::default() })?;
    let now = Now { wall: mark.wall, steady: mark.steady };
    let mut history = store.writer.transact(|tx| History::begin(tx, size, &keyring, now)).map_err(|e| e.error)?;
    while !history.due.is_empty() {
        store.writer.transact(|tx| history.go_on(tx)).map_err(|e| e.error)?;
        tell(history.made);
    }
    let made = history.made;
    store.writer.transact(|tx| history.end(tx, now, &mark)).map_err(|e| e.error)?;
    store.writer.checkpoint()?;
    Ok(made)
}

impl History {
    fn begin(tx: &Transaction<'_>, size: Size, keyring: &Keyring, now: Now) -> Result<History, StoreError> {
        let span = (now.wall.0 - size.days * DAY_MS, now.wall.0);
        let every_ms = (span.1 - span.0) * size.hosts as i64 / (size.heartbeats.max(1) as i64);
        let (sealed, hash) = (keyring.seal("host token", TOKEN.as_bytes()), hash_token(TOKEN));
        let mut history = History { hosts: Vec::new(), due: BinaryHeap::new(), end: now.wall.0, made: Made::default() };
        for n in 0..size.hosts {
            let mut plan = Plan::new(size.seed, n, span, every_ms);
            let spec = plan.draft.create(&BusinessHours::default()).expect("invented hosts are valid");
            let created = if plan.is_silent { span.1 - 60_000 } else { span.0 };
            let row =
                hosts::insert(tx, &spec, &sealed, &hash, Now { wall: Wall(created), steady: now.steady_at(Wall(created)) })?;
            if !plan.is_silent {
                history.due.push(Reverse((span.0 + plan.dice.within(0, plan.every_ms), n, Step::Call)));
            }
            for (at, step) in plan.pause.iter().flat_map(|(from, to)| [(*from, Step::Pause), (*to, Step::Resume)]) {
                history.due.push(Reverse((at, n, step)));
            }
            let ip = format!("10.{}.{}.{}", n >> 16 & 255, n >> 8 & 255, n & 255);
            history.hosts.push(Host {
                row,
                plan,
                ip,
                newest: None,
                seen: None,
                began: None,
                alert: None,
                since: None,
                paused: false,
            });
        }
        Ok(history)
    }

    fn go_on(&mut self, tx: &Transaction<'_>) -> Result<(), StoreError> {
        for _ in 0..STEPS_AT_ONCE {
            let Some(Reverse((at, n, step))) = self.due.pop() else { break };
            if at >= self.end {
                self.due.clear();
                break;
            }
            let host = &mut self.hosts[n];
            let next = host.take(tx, step, at, &mut self.made)?;
            self.due.extend(next.into_iter().flatten().map(|(at, step)| Reverse((at, n, step))));
        }
        Ok(())
    }

    /// What a hub keeps in its rows, as of the last heartbeat.
    fn end(&mut self, tx: &Transaction<'_>, now: Now, mark: &Alive) -> Result<(), StoreError> {
        let sql = "UPDATE hosts SET status = ?2, status_since = ifnull(?3, status_since), status_reason = ?4 WHERE id = ?1";
        let mut state = tx.prepare(sql)?;
        for host in &self.hosts {
            if let Some(newest) = host.newest {
                let seen = host.seen.map(|at| (Wall(at), now.steady_at(Wall(at))));
                beats::flush_seen(tx, host.row, seen, newest)?;
            }
            let (word, reason) = match host.since {
                None => ("unknown", ""),
                Some((true, _)) => ("up", "heartbeat received"),
                Some((false, _)) => ("down", "nothing was heard in time"),
            };
            state.execute(rusqlite::params![host.row, word, host.since.map(|(_, at)| at), reason])?;
            if host.plan.is_paused {
                hosts::set_paused(tx, host.row, true, now)?;
            }
        }
        alive::write(tx, &Alive { beat_mark: beats::newest_id(tx)?, ..mark.clone() })
    }
}

type Next = [Option<(i64, Step)>; 2];

impl Host {
    fn take(&mut self, tx: &Transaction<'_>, step: Step, at: i64, made: &mut Made) -> Result<Next, StoreError> {
        match step {
            Step::Pause | Step::Resume => {
                self.paused = step == Step::Pause;
                events::append(tx, Some(self.row), Wall(at), if self.paused { "paused" } else { "resumed" }, "")?;
                Ok([None, None])
            }
            Step::Overdue if self.paused || self.alert.is_some() => Ok([None, None]),
            Step::Overdue => self.go_down(tx, at, Cause::Missed, made).map(|()| [None, None]),
            Step::Call if at >= self.plan.dies_at => Ok([None, None]),
            Step::Call if self.plan.is_job => {
                self.beat(tx, at, Signal::Start, None, made)?;
                self.began = Some(at);
                let takes = self.plan.dice.within(self.plan.grace_ms / 20, self.plan.grace_ms / 2);
                Ok([Some((at + takes, Step::Finish)), None])
            }
            Step::Call | Step::Finish => {
                self.live(tx, at, made)?;
                Ok(self.next(at))
            }
        }
    }

    /// When it is heard again, and when it is missed if that is too late.
    fn next(&mut self, at: i64) -> Next {
        let dice = &mut self.plan.dice;
        let every = self.plan.every_ms;
        let outage = dice.happens(20);
        let rest = if outage { every * dice.within(2, 12) } else { every * dice.within(92, 100) / 100 };
        let deadline = at + every + self.plan.grace_ms;
        let late = at + rest > deadline || at + rest >= self.plan.dies_at;
        [Some((at + rest, Step::Call)), late.then_some((deadline, Step::Overdue))]
    }

    fn live(&mut self, tx: &Transaction<'_>, at: i64, made: &mut Made) -> Result<(), StoreError> {
        let fails = self.plan.dice.happens(40);
        let signal = match (fails, self.plan.is_job) {
            (false, _) => Signal::Success,
            (true, false) => Signal::Fail,
            (true, true) => Signal::Exit(2),
        };
        let took = self.began.take().map(|began| at - began);
        self.beat(tx, at, signal, took, made)?;
        self.seen = Some(at);
        if fails && self.alert.is_none() {
            return self.go_down(tx, at, Cause::Failed(None), made);
        }
        if !fails && self.since.is_none_or(|(up, _)| !up) {
            events::append(tx, Some(self.row), Wall(at), "up", "heartbeat received")?;
            self.since = Some((true, at));
            if let Some(alert) = self.alert.take() {
                let sql = "UPDATE alerts SET resolved_at = ?2, resolution = 'heartbeat received' WHERE id = ?1";
                tx.prepare_cached(sql)?.execute([alert, at])?;
            }
        }
        Ok(())
    }

    fn beat(
        &mut self,
        tx: &Transaction<'_>,
        at: i64,
        signal: Signal,
        took: Option<i64>,
        made: &mut Made,
    ) -> Result<(), StoreError> {
        let talks = self.plan.dice.happens(300);
        let body = talks.then(|| {
            let free = self.plan.dice.within(1, 99);
            let text = format!("disk {free} % free\nload {}.{free:02}\nqueue {}\n", free / 9, free * 7);
            serde_json::json!({"body": text.repeat(4), "content_type": "text/plain", "user_agent": "curl/8.5.0"}).to_string()
        });
        let id = beats::insert(
            tx,
            &NewBeat {
                host: self.row,
                at: Wall(at),
                source_ip: Some(&self.ip),
                metadata: body.as_deref(),
                signal,
                duration_ms: took,
                previous: self.newest,
            },
        )?;
        self.newest = Some(id);
        made.heartbeats += 1;
        Ok(())
    }

    fn go_down(&mut self, tx: &Transaction<'_>, at: i64, cause: Cause, made: &mut Made) -> Result<(), StoreError> {
        let facts = Facts {
            host_id: self.plan.draft.host_id.clone(),
            host_name: self.plan.draft.name.clone().unwrap_or_default(),
            cause,
            last_seen_at: self.seen.map(Wall),
            expected_every_s: (self.plan.every_ms / 1_000) as u32,
            grace_s: (self.plan.grace_ms / 1_000) as u32,
            deadline_at: Some(Wall(at)),
            detected_at: Wall(at),
            why: "nothing was heard in time".into(),
        };
        let details = serde_json::to_string(&facts).map_err(|e| StoreError::Other(e.to_string()))?;
        let mut query = tx.prepare_cached(
            "INSERT INTO alerts (host_id, alert_type, severity, message, details, created_at, detected_steady)
             VALUES (?1, 'missing_heartbeat', ?2, ?3, ?4, ?5, 0)",
        )?;
        let id = query.insert(rusqlite::params![self.row, Severity::Critical.as_str(), facts.headline(), details, at])?;
        events::append(tx, Some(self.row), Wall(at), "down", "nothing was heard in time")?;
        (self.alert, self.since) = (Some(id), Some((false, at)));
        made.alerts += 1;
        Ok(())
    }
}

/// The public name of the `n`-th host of `seed`.
pub(crate) fn host_id(seed: u64, n: usize) -> HostId {
    let id = Plan::new(seed, n, (0, 1), 60_000).draft.host_id.unwrap_or_default();
    id.parse().expect("invented ids are valid")
}
