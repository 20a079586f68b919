//! Random faults and kills, a seed at a time: the long form. A failing seed prints itself; `PULSEWARDEN_SEED` plays it again.

use super::scene::Scene;
use crate::discord_peer::{Limit, Mode, Rude};
use std::time::Duration;

/// Hosts of one seed, each with one outage.
const HOSTS: usize = 24;
/// Seeds that run beside each other: they mostly wait.
const BESIDE: usize = 6;
/// A minute of silence, many failures in a row, and a slow machine.
const PATIENCE: Duration = Duration::from_secs(900);

/// A small generator, so that a seed plays the same faults again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn fault(&mut self) -> Mode {
        let seconds = 0.3 + self.roll(20) as f64 / 10.0;
        match self.roll(22) {
            0 => Mode::Status(500),
            1 => Mode::Status(503),
            2 => Mode::AcceptThenDrop,
            3 => Mode::Reset,
            4 => Mode::Rude(Rude::Garbage),
            5 => Mode::Rude(Rude::NoId),
            6 => Mode::Rude(Rude::Huge),
            7 => Mode::RateLimit(Limit::Json(seconds)),
            8 => Mode::RateLimit(Limit::BodyOnly(seconds)),
            9 => Mode::RateLimit(Limit::HeadersOnly(1 + self.roll(2))),
            10 => Mode::RateLimit(Limit::Shared(seconds)),
            11 => Mode::RateLimit(Limit::Global(seconds)),
            12 => Mode::RateLimit(Limit::Cloudflare(Some(1))),
            13 => Mode::RateLimit(Limit::Spent(seconds)),
            14 => Mode::Drip(1),
            15 => Mode::Hang,
            16 => Mode::Slow(100 + self.roll(900)),
            _ => Mode::Ok,
        }
    }
}

fn one(seed: u64) -> (usize, usize) {
    let (mut dice, mut scene) = (Dice(seed), Scene::new(HOSTS));
    let (mut next, mut open) = (1, Vec::new());
    while next <= HOSTS || !open.is_empty() {
        let faults: Vec<Mode> = (0..=dice.roll(2)).map(|_| dice.fault()).collect();
        scene.peer.then(faults);
        match dice.roll(12) {
            0..=4 if next <= HOSTS => {
                scene.fail(next);
                open.push(next);
                next += 1;
            }
            5..=7 if !open.is_empty() => {
                let at = dice.roll(open.len() as u64) as usize;
                scene.mend(open.swap_remove(at));
            }
            8 if !open.is_empty() => scene.acknowledge(open[dice.roll(open.len() as u64) as usize]),
            9 => scene.kill_anytime(),
            10 => {
                scene.peer.set_mode([Mode::Down, Mode::Away][dice.roll(2) as usize].clone());
                std::thread::sleep(Duration::from_millis(dice.roll(1_500)));
                scene.peer.set_mode(Mode::Ok);
            }
            _ => std::thread::sleep(Duration::from_millis(dice.roll(3_000))),
        }
    }
    let kills = scene.truth.kills.len();
    (scene.end(PATIENCE), kills)
}

#[test]
#[ignore = "minutes: make torture; PULSEWARDEN_SEEDS says how many"]
fn random_faults_and_kills_lose_nothing() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = number("PULSEWARDEN_SEED").unwrap_or(1);
    let count = if number("PULSEWARDEN_SEED").is_some() { 1 } else { number("PULSEWARDEN_SEEDS").unwrap_or(12) };
    let mut seeds: Vec<u64> = (first..first + count).collect();
    while !seeds.is_empty() {
        let now: Vec<u64> = seeds.drain(..seeds.len().min(BESIDE)).collect();
        let runs: Vec<_> = now.into_iter().map(|seed| (seed, std::thread::spawn(move || one(seed)))).collect();
        for (seed, run) in runs {
            let (repeats, kills) = run.join().unwrap_or_else(|_| panic!("PULSEWARDEN_SEED={seed}"));
            println!("seed {seed}: {HOSTS} outages, {kills} kills, {repeats} repeats, 0 faults");
        }
    }
}
