//! Compares what the hub told with the model, host by host, walking along what was heard and changed.

use super::disk::Incident;
use super::history::History;
use super::history::{Hours, M, S, clock};
use super::model::{Deaf, Edge, Model, deaf_times};
use super::trace::{Answer, Change, Changed, Heard, Trace};
use super::windows;
use super::world::Outcome;
use std::cell::Cell;

/// P6: a verdict is committed within this.
const DETECTION: i64 = S;
/// After the store, the hub or an actor is itself again: the next try, the drain of the sockets, the next tick.
const RECOVERY: i64 = 3 * S;

/// What is wrong with the incidents, in words; empty when all is well.
pub fn incidents(history: &History, outcome: &Outcome) -> Vec<String> {
    let deaf = deaf_times(&outcome.trace);
    let mut wrong = Vec::new();
    for who in 0..outcome.trace.watched.len() {
        let walk = Walk::new(history, outcome, &deaf, who);
        if let Err(what) = walk.go() {
            wrong.push(what);
        }
    }
    wrong
}

/// Something that was heard or changed about the host.
enum Fact<'a> {
    Heard(&'a Heard),
    Changed(&'a Change),
    End,
}

struct Walk<'a> {
    outcome: &'a Outcome,
    who: usize,
    name: String,
    open: Option<Vec<(i64, i64)>>,
    deaf: &'a [Deaf],
    history: &'a History,
    incidents: Vec<&'a Incident>,
    /// Between these either answer is right: a change was under way, or its answer was lost.
    unsure: Vec<(i64, i64)>,
}

impl<'a> Walk<'a> {
    fn new(history: &'a History, outcome: &'a Outcome, deaf: &'a [Deaf], who: usize) -> Walk<'a> {
        let watched = &outcome.trace.watched[who];
        let plan = &history.hosts[watched.number];
        let open = match &plan.hours {
            Hours::Always => None,
            Hours::Windows(weekly) => Some(windows::open(weekly, history.zero, history.length)),
        };
        let own = |incident: &&Incident| incident.row == Some(watched.row) && incident.kind == "missing_heartbeat";
        let incidents = outcome.told.incidents.iter().filter(own).collect();
        let name = format!("{} (row {})", watched.name, watched.row);
        Walk { outcome, who, name, open, deaf, history, incidents, unsure: Vec::new() }
    }

    fn go(mut self) -> Result<(), String> {
        let trace = &self.outcome.trace;
        let watched = &trace.watched[self.who];
        let plan = &self.history.hosts[watched.number];
        let open = self.open.clone();
        let mut model = Model {
            trace,
            deaf: self.deaf,
            zero: self.history.zero,
            open: open.as_deref(),
            threshold: (plan.frequency_s + plan.grace_s) * S,
            limit: if plan.grace_s == 0 { plan.frequency_s } else { plan.grace_s } * S,
            seen: None,
            judged: watched.born,
            paused: false,
            silenced: None,
            run: None,
            reading: Cell::default(),
        };
        let (mut at, mut next, mut down) = (watched.born, 0, None);
        for (then, fact) in self.facts() {
            if down.is_none() {
                down = self.between(&model, at, then, &mut next)?;
            }
            at = then;
            match fact {
                Fact::Heard(heard) => self.hear(&mut model, heard, &mut next, &mut down)?,
                Fact::Changed(change) => self.change(&mut model, change),
                Fact::End => {}
            }
        }
        match self.incidents.get(next) {
            Some(more) => Err(self.says(&format!("one incident too many: {more:?}"))),
            None => Ok(()),
        }
    }

    /// Everything in order; changes that never came to be are left out.
    fn facts(&self) -> Vec<(i64, Fact<'a>)> {
        let trace = &self.outcome.trace;
        let mine = |change: &&Change| change.who == self.who && self.came_to_be(change);
        let heard = trace.heard.iter().filter(|heard| heard.who == self.who).map(|heard| (heard.at, Fact::Heard(heard)));
        let changes = trace.changes.iter().filter(mine).map(|change| (change.at, Fact::Changed(change)));
        let mut facts: Vec<_> = heard.chain(changes).collect();
        facts.sort_by_key(|(at, _)| *at);
        let end = trace.watched[self.who].gone.unwrap_or_else(|| trace.lives.last().map_or(0, |life| life.end));
        facts.push((end, Fact::End));
        facts
    }

    fn came_to_be(&self, change: &Change) -> bool {
        let kind = match change.what {
            Changed::Numbers { .. } => "changed",
            Changed::Paused => "paused",
            Changed::Resumed => "resumed",
            Changed::Silenced(_) => "silenced",
        };
        let row = self.outcome.trace.watched[self.who].row;
        self.outcome.told.events.iter().any(|(host, at, what)| *host == row && *at == change.wall && what == kind)
    }

    /// From one fact to the next the host is overdue or it is not.
    fn between(&self, model: &Model<'_>, from: i64, to: i64, next: &mut usize) -> Result<Option<&'a Incident>, String> {
        let incident = self.incidents.get(*next).filter(|incident| incident.detected <= to && incident.cause != "failed");
        let late = model.due(from, to, Edge::Late);
        let allowed = late.map(|late| self.allowed(late));
        let Some(incident) = incident else {
            return match allowed {
                Some(allowed) if allowed < to => Err(self.says(&format!(
                    "overdue since {} and nobody was told by {}",
                    clock(late.unwrap_or(0)),
                    clock(allowed)
                ))),
                _ => Ok(None),
            };
        };
        let early = model.due(from, to, Edge::Early);
        if incident.detected == to && early.is_none() {
            return Ok(None); // by what is heard or changed at that instant
        }
        *next += 1;
        if self.is_unsure(incident.detected) {
            return Ok(Some(incident));
        }
        if early.is_none_or(|early| incident.detected < early) {
            let when = early.map_or("not before the next sign of life".to_owned(), |early| format!("from {} on", clock(early)));
            return Err(self.says(&format!("called down at {}, but overdue {when}: {incident:?}", clock(incident.detected))));
        }
        if allowed.is_some_and(|allowed| incident.detected > allowed) {
            let due = clock(late.unwrap_or(0));
            return Err(self.says(&format!("overdue since {due}, called down only at {}", clock(incident.detected))));
        }
        Ok(Some(incident))
    }

    fn hear(
        &self,
        model: &mut Model<'_>,
        heard: &Heard,
        next: &mut usize,
        down: &mut Option<&'a Incident>,
    ) -> Result<(), String> {
        let stored = self.outcome.told.beats.contains_key(&heard.tag) && heard.answer != Answer::Refused;
        if !heard.signal.is_life() {
            if stored && heard.signal == domain::signal::Signal::Start {
                model.run = model.run.max(Some(heard.at));
            }
            return Ok(());
        }
        // P2: it lives, whatever the store says.
        model.seen = model.seen.max(Some(heard.at));
        if stored {
            model.run = None;
        }
        if heard.signal.is_success() {
            return self.recover(heard, down);
        }
        let failed = self.incidents.get(*next).filter(|i| i.cause == "failed" && i.created_wall == heard.wall);
        if down.is_none() && !model.paused && heard.answer == Answer::Stored && failed.is_none() {
            return Err(self.says(&format!("reported a failure at {} and nobody was told", clock(heard.at))));
        }
        if let Some(incident) = failed {
            *next += 1;
            *down = Some(incident);
        }
        Ok(())
    }

    /// The first success that is stored ends the incident, and no other does.
    fn recover(&self, heard: &Heard, down: &mut Option<&'a Incident>) -> Result<(), String> {
        let Some(incident) = *down else { return Ok(()) };
        let ended = incident.resolved_wall == Some(heard.wall) && incident.resolution.as_deref() == Some("heartbeat received");
        let repeated = self.outcome.trace.heard.iter().any(|other| other.tag == heard.tag && other.at < heard.at);
        if !ended && heard.answer == Answer::Stored && !repeated {
            return Err(self.says(&format!("heard at {}, and yet {incident:?}", clock(heard.at))));
        }
        if ended {
            *down = None;
        }
        Ok(())
    }

    fn change(&mut self, model: &mut Model<'_>, change: &Change) {
        match change.what {
            Changed::Numbers { frequency_s, grace_s } => {
                model.threshold = (frequency_s + grace_s) * S;
                model.limit = if grace_s == 0 { frequency_s } else { grace_s } * S;
            }
            Changed::Paused => model.paused = true,
            Changed::Resumed if model.paused => {
                model.paused = false;
                model.judged = model.judged.max(change.at);
            }
            Changed::Resumed => {}
            Changed::Silenced(until) => model.silenced = Some(until),
        }
        // When it came into force exactly is known only if it was done at once.
        if change.done != Some(change.at) {
            let end = change.done.unwrap_or(change.at + M);
            self.unsure.push((change.at, end + RECOVERY));
        }
    }

    fn is_unsure(&self, at: i64) -> bool {
        self.unsure.iter().any(|(from, to)| (*from..=*to).contains(&at))
    }

    /// Until when somebody must be told of what is overdue at `due`: P6, and later where the hub could not.
    fn allowed(&self, due: i64) -> i64 {
        let mut until = due + DETECTION;
        let disturbances = self.disturbances();
        loop {
            let hit = disturbances.iter().find(|(from, to)| *from <= until && *to >= due && to + RECOVERY > until);
            match hit {
                Some((_, to)) => until = to + RECOVERY,
                None => return until,
            }
        }
    }

    fn disturbances(&self) -> Vec<(i64, i64)> {
        let trace: &Trace = &self.outcome.trace;
        let mut all = trace.troubles.clone();
        all.extend(trace.naps.iter().copied());
        all.extend(&self.unsure);
        all.extend(trace.lives.windows(2).map(|pair| (pair[0].end, pair[1].listening.unwrap_or(pair[1].start))));
        if self.open.is_some() {
            all.extend(trace.steps.iter().map(|(at, _)| (*at, *at)));
        }
        let panics: Vec<i64> = trace.panics.iter().filter(|(who, ..)| *who == self.who).map(|(_, at, _)| *at).collect();
        // Given up after more than five in thirty seconds: tried again after five minutes.
        let rest = if panics.len() > 5 { 6 * M } else { 0 };
        all.extend(panics.iter().map(|at| (*at, *at + rest)));
        all
    }

    fn says(&self, what: &str) -> String {
        format!("{}: {what}", self.name)
    }
}
