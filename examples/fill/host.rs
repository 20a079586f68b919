//! One host on its way through its history: what it says, when it is missed, and what the hub writes about that.

use super::machine::Plan;
use super::told::tell;
use domain::host::Status;
use domain::incident::{AlertType, Cause, Facts, NewIncident};
use domain::signal::Signal;
use domain::time::{Now, Wall};
use domain::watch::{Verdict, Watch};
use std::sync::Arc;
use store::beats::{self, NewBeat};
use store::{StoreError, Transaction, alerts, hosts, verdicts};

/// Of ten thousand heartbeats, how many are followed by a silence that is too long.
const OUTAGES: u64 = 20;
/// Of ten thousand heartbeats, how many tell of a failure.
const FAILURES: u64 = 40;
/// Of ten thousand heartbeats, how many bring a text.
const TEXTS: u64 = 300;

/// What happens to a host next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// A sign of life, or the start of a run.
    Call,
    /// The end of a run.
    Finish,
    /// The hub notices that nothing was heard.
    Overdue,
    /// Somebody pauses it.
    Pause,
    /// Somebody resumes it.
    Resume,
}

/// When what happens, at most two things.
pub(crate) type Next = [Option<(i64, Step)>; 2];

/// How much was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Made {
    /// Heartbeats.
    pub(crate) heartbeats: u64,
    /// Incidents.
    pub(crate) incidents: u64,
}

/// A host and how far it is.
pub(crate) struct Host {
    row: i64,
    pub(crate) plan: Plan,
    watch: Watch,
    ip: String,
    newest: Option<i64>,
    began: Option<Now>,
    incident: Option<i64>,
}

impl Host {
    /// The host in `row`, of which nothing was heard yet.
    pub(crate) fn new(row: i64, n: usize, plan: Plan, added: Now) -> Host {
        let spec = &plan.spec;
        let watch = Watch::new(spec.frequency_s, spec.grace_s, Arc::clone(&spec.schedule), added.steady);
        let ip = format!("10.{}.{}.{}", n >> 16 & 255, n >> 8 & 255, n & 255);
        Host { row, plan, watch, ip, newest: None, began: None, incident: None }
    }

    /// When it calls for the first time.
    pub(crate) fn first(&mut self, from: i64) -> i64 {
        let at = from + self.plan.dice.within(0, i64::from(self.plan.spec.frequency_s) * 1_000);
        self.by_its_line(at)
    }

    /// Does one step of its history; answers what follows from it.
    pub(crate) fn take(&mut self, tx: &Transaction<'_>, step: Step, now: Now, made: &mut Made) -> Result<Next, StoreError> {
        match step {
            Step::Pause => self.pause(tx, now).map(|()| [None, None]),
            Step::Resume => self.resume(tx, now),
            Step::Overdue => self.miss(tx, now, made).map(|()| [None, None]),
            Step::Call if now.wall.0 >= self.plan.dies_at => Ok([None, None]),
            Step::Call if self.plan.is_job => self.start(tx, now, made),
            Step::Call | Step::Finish => {
                self.live(tx, now, made)?;
                Ok(self.next(now))
            }
        }
    }

    fn pause(&mut self, tx: &Transaction<'_>, now: Now) -> Result<(), StoreError> {
        self.watch.pause();
        hosts::set_paused(tx, self.row, true, now).map(drop)
    }

    fn resume(&mut self, tx: &Transaction<'_>, now: Now) -> Result<Next, StoreError> {
        self.watch.resume(now.steady);
        hosts::set_paused(tx, self.row, false, now)?;
        Ok([None, self.deadline(now).map(|at| (at + 1, Step::Overdue))])
    }

    fn start(&mut self, tx: &Transaction<'_>, now: Now, made: &mut Made) -> Result<Next, StoreError> {
        self.beat(tx, now, Signal::Start, None, made)?;
        self.began = Some(now);
        let grace_ms = i64::from(self.plan.spec.grace_s) * 1_000;
        let takes = self.plan.dice.within(grace_ms / 20, grace_ms / 2);
        Ok([Some((now.wall.0 + takes, Step::Finish)), None])
    }

    fn live(&mut self, tx: &Transaction<'_>, now: Now, made: &mut Made) -> Result<(), StoreError> {
        // A paused host is not judged, whatever it says.
        let fails = self.plan.dice.happens(FAILURES) && !self.watch.paused;
        let signal = match (fails, self.plan.is_job) {
            (false, _) => Signal::Success,
            (true, false) => Signal::Fail,
            (true, true) => Signal::Exit(2),
        };
        let took = self.began.take().map(|began| now.steady.since_ms(began.steady));
        self.beat(tx, now, signal, took, made)?;
        if fails && self.incident.is_none() {
            let code = if let Signal::Exit(code) = signal { Some(code) } else { None };
            self.go_down(tx, now, Cause::Failed(code), made)?;
        }
        let is_news = self.watch.last_seen.is_none() || self.incident.is_some();
        self.watch.on_beat(signal, now.steady);
        if !fails && is_news {
            verdicts::go_up(tx, self.row, now, "heartbeat received")?;
            self.incident = None;
            tell(tx, &mut self.plan.dice, now)?;
        }
        Ok(())
    }

    fn beat(
        &mut self,
        tx: &Transaction<'_>,
        now: Now,
        signal: Signal,
        duration_ms: Option<i64>,
        made: &mut Made,
    ) -> Result<(), StoreError> {
        let text = self.plan.dice.happens(TEXTS).then(|| {
            let free = self.plan.dice.within(1, 99);
            let text = format!("disk {free} % free\nload {}.{free:02}\nqueue {}\n", free / 9, free * 7);
            serde_json::json!({"body": text.repeat(4), "content_type": "text/plain", "user_agent": "curl/8.5.0"}).to_string()
        });
        let (host, at, previous) = (self.row, now.wall, self.newest);
        let (source_ip, metadata) = (Some(self.ip.as_str()), text.as_deref());
        self.newest = Some(beats::insert(tx, &NewBeat { host, at, source_ip, metadata, signal, duration_ms, previous })?);
        made.heartbeats += 1;
        Ok(())
    }

    /// When it is heard again, and when it is missed if that is too late.
    fn next(&mut self, now: Now) -> Next {
        let every_ms = i64::from(self.plan.spec.frequency_s) * 1_000;
        let deadline = self.deadline(now);
        let heard = match deadline {
            Some(deadline) if self.plan.dice.happens(OUTAGES) => deadline + every_ms * self.plan.dice.within(1, 11),
            // A crontab line says itself when.
            _ if self.plan.spec.schedule.cron().is_some() => now.wall.0,
            _ => now.wall.0 + every_ms * self.plan.dice.within(92, 100) / 100,
        };
        let heard = self.by_its_line(heard);
        let is_missed = |deadline: &i64| heard > *deadline || heard >= self.plan.dies_at;
        [Some((heard, Step::Call)), deadline.filter(is_missed).map(|at| (at + 1, Step::Overdue))]
    }

    /// The last instant at which it is in time, by the hub's own judge.
    fn deadline(&self, now: Now) -> Option<i64> {
        match self.watch.evaluate(now) {
            Verdict::Waiting { deadline } | Verdict::Overdue { deadline, .. } => Some(now.wall_at(deadline).0),
            // Down: it said so itself. It is heard again before long.
            Verdict::Down => Some(now.wall.0 + self.watch.threshold_ms()),
            Verdict::Paused | Verdict::NeverDue => None,
        }
    }

    /// `at`, or for a host with a crontab line a moment after the next time the line says.
    fn by_its_line(&mut self, at: i64) -> i64 {
        let grace_ms = i64::from(self.plan.spec.grace_s) * 1_000;
        let due = self.plan.spec.schedule.cron().and_then(|cron| cron.next_after(Wall(at)));
        due.map_or(at, |due| due.0 + self.plan.dice.within(200, grace_ms / 4))
    }

    fn miss(&mut self, tx: &Transaction<'_>, now: Now, made: &mut Made) -> Result<(), StoreError> {
        match self.watch.evaluate(now) {
            Verdict::Overdue { .. } => self.go_down(tx, now, Cause::Missed, made),
            _ => Ok(()),
        }
    }

    fn go_down(&mut self, tx: &Transaction<'_>, now: Now, cause: Cause, made: &mut Made) -> Result<(), StoreError> {
        self.write_seen(tx, now)?;
        let why = match cause {
            Cause::Missed => self.watch.explain(now).text,
            _ => "it said so itself".to_owned(),
        };
        let spec = &self.plan.spec;
        let facts = Facts {
            host_id: Some(spec.host_id.to_string()),
            host_name: spec.name.clone(),
            cause,
            last_seen_at: self.watch.last_seen.map(|seen| now.wall_at(seen)),
            expected_every_s: spec.frequency_s,
            grace_s: spec.grace_s,
            deadline_at: (cause == Cause::Missed).then(|| now.wall.plus_ms(-1)),
            detected_at: now.wall,
            why: why.clone(),
        };
        let (alert_type, severity, message) = (AlertType::MissingHeartbeat, spec.severity, facts.headline());
        let incident = NewIncident { alert_type, severity, message, facts };
        self.incident = verdicts::go_down(tx, self.row, self.watch.last_seen, now, &why, &incident)?;
        assert!(self.incident.is_some(), "{} was up and its row says the same", self.plan.spec.host_id);
        self.watch.status = Status::Down;
        made.incidents += 1;
        tell(tx, &mut self.plan.dice, now)
    }

    fn write_seen(&self, tx: &Transaction<'_>, now: Now) -> Result<(), StoreError> {
        let seen = self.watch.last_seen.map(|seen| (now.wall_at(seen), seen));
        self.newest.map_or(Ok(()), |newest| beats::flush_seen(tx, self.row, seen, newest))
    }

    /// What its row holds today besides: when it was heard, a run in progress, a pause, a silence, who knows of its incident.
    pub(crate) fn end(&mut self, tx: &Transaction<'_>, now: Now) -> Result<(), StoreError> {
        self.write_seen(tx, now)?;
        if let Some(began) = self.began {
            hosts::start_run(tx, self.row, began, None)?;
        }
        if self.plan.is_paused {
            self.pause(tx, now)?;
        }
        if let Some(for_ms) = self.plan.silenced_ms {
            hosts::set_silenced(tx, self.row, Some(now.wall.plus_ms(for_ms)), now)?;
        }
        if let Some(alert) = self.incident
            && self.plan.dice.happens(3_000)
        {
            alerts::acknowledge(tx, alert, "Ada", Some("the disk is on its way"), None, now)?;
            tell(tx, &mut self.plan.dice, now)?;
        }
        Ok(())
    }
}
