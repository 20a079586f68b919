//! Hosts that call, one thread each, and what each of them really did: who was certainly never silent for too long must not
//! be alerted, however slow the machine was; of a host whose own calls came late, nothing is claimed.

use crate::process::{Client, HubProcess, stopwatch};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// An instant known no better than between two readings of the clock.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Not before.
    pub earliest: Instant,
    /// Not after.
    pub latest: Instant,
}

impl Moment {
    /// The moment in which `done` happened.
    pub fn of<T>(done: impl FnOnce() -> T) -> (Moment, T) {
        let earliest = stopwatch();
        let value = done();
        (Moment { earliest, latest: stopwatch() }, value)
    }
}

/// A time in which the hub heard nobody: it listened at most until `from` and not again before `to`.
#[derive(Clone, Copy, Debug)]
pub struct Absence {
    pub from: Instant,
    pub to: Instant,
}

/// What one host did: its signs of life that the hub has confirmed, its creation first.
pub struct Record {
    pub host: String,
    pub lives: Vec<Moment>,
}

impl Record {
    /// Whether the hub, had it been there but for `absences`, may have seen this host silent for `allowed` before `until`.
    ///
    /// An absence pushes the deadline to its end plus `allowed`, but three times `allowed` of listening are the most that any
    /// number of absences can add.
    pub fn may_be_overdue(&self, allowed: Duration, absences: &[Absence], until: Instant) -> bool {
        let heard = self.lives.iter().map(|life| life.latest).skip(1).chain([until]);
        let gaps = self.lives.iter().zip(heard).filter(|(life, _)| life.earliest < until);
        gaps.map(|(life, next)| listened(life.earliest, next.min(until), absences)).any(|stretches| {
            stretches.iter().any(|stretch| *stretch > allowed) || stretches.iter().sum::<Duration>() > 3 * allowed
        })
    }
}

/// The stretches between `from` and `to` that lie outside of `absences`, which are in order.
fn listened(from: Instant, to: Instant, absences: &[Absence]) -> Vec<Duration> {
    let (mut at, mut stretches) = (from, Vec::new());
    for absence in absences.iter().filter(|absence| absence.to > from && absence.from < to) {
        stretches.push(absence.from.saturating_duration_since(at));
        at = absence.to;
    }
    stretches.push(to.saturating_duration_since(at));
    stretches
}

/// Hosts that call in the background, whatever they are answered.
pub struct Callers {
    address: Arc<Mutex<String>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Record>>,
}

impl Callers {
    /// Nobody yet.
    pub fn new(hub: &HubProcess) -> Callers {
        Callers { address: Arc::new(Mutex::new(hub.address.clone())), stop: Arc::default(), threads: Vec::new() }
    }

    /// One more, which was made at `made` and calls `path` from now on.
    pub fn add(&mut self, host: &str, path: String, every: Duration, made: Moment) {
        let (address, stop) = (self.address.clone(), self.stop.clone());
        let record = Record { host: host.to_owned(), lives: vec![made] };
        self.threads.push(std::thread::spawn(move || call(record, &path, every, &address, &stop)));
    }

    /// The hub is elsewhere now.
    pub fn go_to(&self, hub: &HubProcess) {
        self.address.lock().expect("no poison").clone_from(&hub.address);
    }

    /// Ends all calls and tells what each of them was.
    pub fn end(self) -> Vec<Record> {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().map(|thread| thread.join().expect("it ends")).collect()
    }
}

fn call(mut record: Record, path: &str, every: Duration, address: &Mutex<String>, stop: &AtomicBool) -> Record {
    let mut client = Client::new("");
    while !stop.load(Ordering::Relaxed) {
        client.go_to(&address.lock().expect("no poison"));
        let (moment, answer) = Moment::of(|| client.send("GET", path, &[], b""));
        // Refused or cut off: the hub may have heard it or not, so it proves nothing.
        if answer.is_ok_and(|answer| answer.status == 200) {
            record.lives.push(moment);
        }
        std::thread::sleep(every);
    }
    record
}

#[test]
fn the_oracle_of_silence_knows_absences_and_gives_no_benefit_to_calls_that_came_in_time() {
    let zero = stopwatch();
    let at = |s: u64| zero + Duration::from_secs(s);
    let life = |s| Moment { earliest: at(s), latest: at(s) };
    let overdue = |lives: &[u64], absences: &[(u64, u64)], until| {
        let record = Record { host: "nas".into(), lives: lives.iter().map(|s| life(*s)).collect() };
        let absences: Vec<_> = absences.iter().map(|(from, to)| Absence { from: at(*from), to: at(*to) }).collect();
        record.may_be_overdue(Duration::from_secs(4), &absences, at(until))
    };
    assert!(!overdue(&[0, 4, 8], &[], 12) && overdue(&[0, 4, 9], &[], 12) && overdue(&[0, 4], &[], 9));
    assert!(!overdue(&[0, 15], &[(3, 12)], 16), "3 s before the absence and 3 s after it");
    assert!(overdue(&[0, 17], &[(3, 12)], 18), "5 s after the absence");
    assert!(overdue(&[0, 15], &[(5, 12)], 16), "overdue before the hub was away");
    assert!(overdue(&[0, 40], &[(3, 10), (13, 20), (23, 30), (33, 37)], 40), "15 s of listening in four pieces");
}
