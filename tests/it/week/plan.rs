//! The week as it will happen, made from a seed before anything runs: when each host beats, when the hub is away, when clocks step.

/// Milliseconds of a second, a minute, an hour, a day.
pub const S: i64 = 1_000;
pub const M: i64 = 60 * S;
pub const H: i64 = 60 * M;
pub const D: i64 = 24 * H;

/// 2026-11-23 00:00:00 UTC, a Monday, by the wall clock and by the steady line.
pub const MONDAY: i64 = 1_795_392_000_000;

/// One host and what it will do.
pub struct HostPlan {
    pub name: String,
    pub frequency_s: i64,
    pub grace_s: i64,
    pub office_hours: bool,
    /// Instants since the start of the week, in order.
    pub beats: Vec<i64>,
}

/// When the hub does not run: from, to, and whether it was killed rather than stopped.
#[derive(Clone, Copy, Debug)]
pub struct Absence {
    pub from: i64,
    pub to: i64,
    pub killed: bool,
}

/// Everything that will happen.
pub struct Plan {
    pub seed: u64,
    pub hosts: Vec<HostPlan>,
    pub absences: Vec<Absence>,
    /// At an instant, the wall clock moves by so many milliseconds.
    pub steps: Vec<(i64, i64)>,
    /// Discord does not answer.
    pub discord_down: (i64, i64),
    pub length: i64,
}

impl Plan {
    /// A week of `count` hosts.
    pub fn new(seed: u64, count: usize) -> Plan {
        let mut dice = Dice(seed);
        let length = 7 * D;
        let hosts = (0..count).map(|i| host(i, length, &mut dice)).collect();
        let mut absences = Vec::new();
        let mut at = 6 * H;
        for gap in [20 * S, 4 * M, 10 * M, 90 * S, 3 * H, 45 * S, 30 * M] {
            at += dice.between(12 * H, 20 * H);
            absences.push(Absence { from: at, to: at + gap, killed: dice.between(0, 2) < 2 });
        }
        let steps = vec![(D + 7 * H, 2 * H), (4 * D + 3 * H, -90 * M)];
        Plan { seed, hosts, absences, steps, discord_down: (2 * D + 6 * H, 2 * D + 12 * H), length }
    }

    /// How far the wall clock is ahead of the steady line at `at`.
    pub fn wall_ahead(&self, at: i64) -> i64 {
        self.steps.iter().filter(|(when, _)| *when <= at).map(|(_, by)| by).sum()
    }
}

fn host(i: usize, length: i64, dice: &mut Dice) -> HostPlan {
    let frequency_s = [60, 300, 900, 3_600][i % 4];
    let deaths: Vec<(i64, i64)> = (0..dice.between(0, 2))
        .map(|_| {
            let from = dice.between(H, length - 8 * H);
            (from, from + dice.between(10 * M, 8 * H))
        })
        .collect();
    let mut beats = Vec::new();
    let mut at = dice.between(0, frequency_s * S);
    while at < length {
        if !deaths.iter().any(|(from, to)| (*from..*to).contains(&at)) {
            beats.push(at);
        }
        // Late by up to half the grace: never overdue while the host lives.
        at += frequency_s * S * dice.between(80, 100) / 100 + dice.between(0, 30 * S);
    }
    HostPlan { name: format!("host-{i:02}"), frequency_s, grace_s: 60, office_hours: i % 5 == 4, beats }
}

/// SplitMix64: a seed is the whole week.
pub struct Dice(pub u64);

impl Dice {
    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let span = (high - low + 1) as u64;
        low + ((z ^ (z >> 31)) % span) as i64
    }
}
