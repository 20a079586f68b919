//! What is due next: the history's events taken apart into deeds, and every machine's heartbeats.

use super::dice::Dice;
use super::history::{History, HostPlan, Hours, Mood, S, Trouble, Way, What};
use super::windows;
use domain::signal::Signal;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// One thing to do.
#[derive(Clone, Debug)]
pub enum Deed {
    Say { host: usize, signal: Signal, tag: String, attempt: u32 },
    Pause(usize),
    Resume(usize),
    Silence(usize, i64),
    Edit { host: usize, frequency_s: i64, grace_s: i64 },
    Replace(usize),
    Acknowledge(usize),
    PanicHost(usize),
    Store(Trouble, i64),
    Discord(Mood, i64),
    SetWebhook,
    Step(i64),
    Sleep(i64),
    Stall(i64),
    Stop(Way, i64),
}

/// A machine's next heartbeat.
struct Machine {
    plan: HostPlan,
    dice: Dice,
    said: u64,
    dead: Vec<(i64, i64)>,
    /// When it works, on its own clock, which is right.
    hours: Option<Vec<(i64, i64)>>,
}

/// Everything that is still to be done, in order.
pub struct Agenda {
    deeds: BTreeMap<(i64, u64), Deed>,
    added: u64,
    beats: BinaryHeap<Reverse<(i64, usize)>>,
    machines: Vec<Machine>,
}

impl Agenda {
    pub fn new(history: &History) -> Agenda {
        let machines = history.hosts.iter().map(|plan| machine(history, plan)).collect();
        let mut agenda = Agenda { deeds: BTreeMap::new(), added: 0, beats: BinaryHeap::new(), machines };
        for (i, machine) in agenda.machines.iter_mut().enumerate() {
            let first = machine.dice.between(0, machine.plan.frequency_s * S);
            agenda.beats.push(Reverse((first, i)));
        }
        for event in &history.events {
            agenda.take_apart(event.at, &event.what, history);
        }
        agenda
    }

    /// Something more to do.
    pub fn add(&mut self, at: i64, deed: Deed) {
        self.added += 1;
        self.deeds.insert((at, self.added), deed);
    }

    /// When the next thing is due.
    pub fn next_at(&self) -> Option<i64> {
        let deed = self.deeds.first_key_value().map(|((at, _), _)| *at);
        let beat = self.beats.peek().map(|Reverse((at, _))| *at);
        deed.into_iter().chain(beat).min()
    }

    /// The next thing that is due by `now`, with when it was.
    pub fn take(&mut self, now: i64) -> Option<(i64, Deed)> {
        loop {
            let at = self.next_at().filter(|at| *at <= now)?;
            match self.deeds.first_entry().filter(|first| first.key().0 == at) {
                Some(first) => return Some((at, first.remove())),
                None => {
                    if let Some(deed) = self.beat(at) {
                        return Some((at, deed));
                    }
                }
            }
        }
    }

    /// The machine whose turn it is, if it lives and is at work.
    fn beat(&mut self, at: i64) -> Option<Deed> {
        let Reverse((_, which)) = self.beats.pop()?;
        let machine = &mut self.machines[which];
        // Late by up to half the grace: never overdue while the machine lives.
        let (frequency, grace) = (machine.plan.frequency_s * S, machine.plan.grace_s * S);
        let next = at + frequency * machine.dice.between(80, 100) / 100 + machine.dice.between(0, (grace / 2).min(30 * S));
        self.beats.push(Reverse((next.max(at + S), which)));
        machine.said += 1;
        let tag = format!("{:02}-{}", machine.plan.number, machine.said);
        let dead = machine.dead.iter().any(|(from, to)| (*from..*to).contains(&at));
        let resting = machine.hours.as_ref().is_some_and(|hours| !hours.iter().any(|(from, to)| (*from..*to).contains(&at)));
        (!dead && !resting).then_some(Deed::Say { host: which, signal: Signal::Success, tag, attempt: 1 })
    }

    fn take_apart(&mut self, at: i64, what: &What, history: &History) {
        let which = |number: usize| history.hosts.iter().position(|host| host.number == number);
        let Some(host) = what.host().map_or(Some(0), which) else { return };
        let say =
            |signal| Deed::Say { host, signal, tag: format!("{:02}-{at}-{signal:?}", history.hosts[host].number), attempt: 9 };
        match *what {
            What::Dead { .. } => {}
            What::Fail { .. } => self.add(at, say(Signal::Exit(3))),
            What::Run { ms, .. } => {
                self.add(at, say(Signal::Start));
                self.add(at + ms, say(Signal::Success));
            }
            What::Pause { ms, .. } => {
                self.add(at, Deed::Pause(host));
                self.add(at + ms, Deed::Resume(host));
            }
            What::Silence { ms, .. } => self.add(at, Deed::Silence(host, ms)),
            What::Edit { frequency_s, grace_s, ms, .. } => {
                let HostPlan { frequency_s: old, grace_s: grace, .. } = history.hosts[host];
                self.add(at, Deed::Edit { host, frequency_s, grace_s });
                self.add(at + ms, Deed::Edit { host, frequency_s: old, grace_s: grace });
            }
            What::Replace { .. } => self.add(at, Deed::Replace(host)),
            What::Acknowledge { .. } => self.add(at, Deed::Acknowledge(host)),
            What::PanicHost { times, .. } => (0..times).for_each(|i| self.add(at + i * S, Deed::PanicHost(host))),
            What::Store { trouble, ms } => self.add(at, Deed::Store(trouble, ms)),
            What::Discord { mood, ms } => {
                self.add(at, Deed::Discord(mood, ms));
                if mood == Mood::Gone {
                    self.add(at + ms, Deed::SetWebhook);
                }
            }
            What::Step { by } => self.add(at, Deed::Step(by)),
            What::Sleep { ms } => self.add(at, Deed::Sleep(ms)),
            What::Stall { ms } => self.add(at, Deed::Stall(ms)),
            What::Stop { way, ms } => self.add(at, Deed::Stop(way, ms)),
        }
    }
}

fn machine(history: &History, plan: &HostPlan) -> Machine {
    let dead = history.events.iter().filter_map(|event| match event.what {
        What::Dead { host, ms } if host == plan.number => Some((event.at, event.at + ms)),
        _ => None,
    });
    let dice = Dice::of(history.seed, 5_000 + plan.number as u64);
    let hours = match &plan.hours {
        Hours::Windows(weekly) if plan.keeps_hours => Some(weekly),
        _ => None,
    };
    let hours = hours.map(|weekly| windows::open(weekly, history.zero, history.length));
    let hours = hours.map(|open| open.iter().map(|(from, to)| (from - history.zero, to - history.zero)).collect());
    Machine { plan: plan.clone(), dice, said: 0, dead: dead.collect(), hours }
}
