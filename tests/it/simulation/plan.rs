//! From a seed to a history: fifty machines, a week, and everything that goes wrong in it.

use super::dice::Dice;
use super::history::{D, Event, H, History, HostPlan, Hours, M, Mood, S, Trouble, Way, Weekly, What};
use chrono_tz::Tz;

/// The wall clock at the beginning: the same week without a change of clocks, and weeks that end with one, by zone.
const WEEKS: [(&str, i64); 7] = [
    ("2026-11-23, no change", 1_795_392_000_000),
    ("2026-10-19, Berlin falls back on Sunday", 1_792_368_000_000),
    ("2026-03-23, Berlin springs forward on Sunday", 1_774_224_000_000),
    ("2026-10-26, New York falls back on Sunday", 1_792_972_800_000),
    ("2026-03-02, New York springs forward on Sunday", 1_772_409_600_000),
    ("2026-09-28, Sydney and Lord Howe spring forward", 1_790_553_600_000),
    ("2026-03-30, Sydney and Lord Howe fall back", 1_774_828_800_000),
];
/// With the share of a hundred hosts that have them, in seconds.
const FREQUENCIES: [(i64, i64); 7] = [(4, 60), (14, 300), (30, 900), (55, 3_600), (75, 21_600), (88, 43_200), (100, 86_400)];
const ZONES: [Tz; 6] =
    [Tz::Europe__Berlin, Tz::America__New_York, Tz::Australia__Sydney, Tz::Australia__Lord_Howe, Tz::Asia__Kolkata, Tz::UTC];

/// How large a history is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub hosts: usize,
    pub days: i64,
}

/// What the promise asks for.
pub const WEEK: Size = Size { hosts: 50, days: 7 };

/// The history of `seed`.
pub fn history(seed: u64, size: Size) -> History {
    let mut dice = Dice::of(seed, 0);
    let zero = WEEKS[dice.between(0, WEEKS.len() as i64 - 1) as usize].1;
    let hosts = (0..size.hosts).map(|number| host(number, &mut Dice::of(seed, 1_000 + number as u64))).collect();
    let mut history = History { seed, zero, length: size.days * D, rests: !seed.is_multiple_of(16), hosts, events: Vec::new() };
    let mut writer = EventWriter { history: &mut history, dice };
    writer.machines();
    writer.people();
    writer.peers();
    writer.machine_of_the_hub();
    history.events.sort_by_key(|event| event.at);
    history
}

fn host(number: usize, dice: &mut Dice) -> HostPlan {
    let share = dice.between(1, 100);
    let frequency_s = FREQUENCIES.iter().find(|(below, _)| share <= *below).map_or(3_600, |(_, s)| *s);
    let grace_s = dice.pick(&[0, 30, 60, 60, 300]).max(frequency_s / 20);
    let hours = match dice.between(1, 10) {
        1..=6 => Hours::Always,
        7 => Hours::Windows(business()),
        _ => Hours::Windows(custom(dice)),
    };
    let keeps_hours = matches!(hours, Hours::Windows(_)) && dice.percent(50);
    HostPlan { number, frequency_s, grace_s, hours, keeps_hours, repeats: dice.percent(30) }
}

fn business() -> Weekly {
    Weekly { business: true, zone: Tz::America__New_York, spans: vec![((1..=5).collect(), 8 * 60, 18 * 60)] }
}

/// Nights and mornings, around the hours at which clocks change.
fn custom(dice: &mut Dice) -> Weekly {
    let days = dice.pick(&[&[1_u32, 2, 3, 4, 5, 6, 7][..], &[1, 2, 3, 4, 5], &[6, 7], &[1, 3, 5, 7]]).to_vec();
    let mut spans = Vec::new();
    for _ in 0..dice.between(1, 2) {
        let start = dice.pick(&[0, 30, 90, 120, 135, 150, 180, 420, 540, 1_320]);
        let long = dice.pick(&[20, 45, 60, 90, 240, 480]);
        spans.push((days.clone(), start, if start + long == 1_440 { 1_440 } else { (start + long) % 1_440 }));
    }
    Weekly { business: false, zone: dice.pick(&ZONES), spans }
}

struct EventWriter<'a> {
    history: &'a mut History,
    dice: Dice,
}

impl EventWriter<'_> {
    fn add(&mut self, at: i64, what: What) {
        let ends = at + what.ms();
        if at > M && ends < self.history.length - M {
            self.history.events.push(Event { at, what });
        }
    }

    fn some_time(&mut self) -> i64 {
        let last = self.history.length - H;
        self.dice.between(5 * M, last)
    }

    /// Half of the time anywhere, half of the time close to what has been planned already: that is where mistakes live.
    fn some_edge(&mut self) -> i64 {
        let near = [-1_500, -700, -50, 0, 1, 20, 400, 1_000, 2_500, 10_000];
        if self.history.events.is_empty() || self.dice.percent(50) {
            return self.some_time();
        }
        let which = self.dice.between(0, self.history.events.len() as i64 - 1) as usize;
        let Event { at, what } = self.history.events[which].clone();
        let edge = match what {
            // About when it is overdue.
            What::Dead { host, .. } => at + self.threshold(host) - self.dice.between(0, self.history.hosts[host].frequency_s * S),
            _ if self.dice.percent(50) => at + what.ms(),
            _ => at,
        };
        (edge + self.dice.pick(&near)).clamp(5 * M, self.history.length - H)
    }

    fn threshold(&self, host: usize) -> i64 {
        (self.history.hosts[host].frequency_s + self.history.hosts[host].grace_s) * S
    }

    fn some_host(&mut self) -> usize {
        self.dice.between(0, self.history.hosts.len() as i64 - 1) as usize
    }

    fn a_while(&mut self) -> i64 {
        let most = self.dice.pick(&[30 * S, 5 * M, H, 8 * H]);
        self.dice.between(S, most)
    }

    fn machines(&mut self) {
        for _ in 0..self.history.hosts.len() {
            let (at, host) = (self.some_time(), self.some_host());
            let ms = self.threshold(host) * self.dice.between(50, 300) / 100 + self.a_while();
            self.add(at, What::Dead { host, ms });
        }
        // A switch fails: many at once.
        let (at, ms) = (self.some_time(), self.dice.between(2 * H, 10 * H));
        for host in 0..self.history.hosts.len() {
            if self.dice.percent(60) {
                self.add(at, What::Dead { host, ms });
            }
        }
        for _ in 0..6 {
            let (at, host) = (self.some_edge(), self.some_host());
            self.add(at, What::Fail { host });
        }
        for _ in 0..8 {
            let (at, host) = (self.some_edge(), self.some_host());
            let limit = self.history.hosts[host].grace_s.max(1) * S;
            let ms = limit * self.dice.between(20, 180) / 100;
            self.add(at, What::Run { host, ms });
        }
    }

    fn people(&mut self) {
        for _ in 0..5 {
            let (at, host, ms) = (self.some_edge(), self.some_host(), self.a_while());
            self.add(at, What::Pause { host, ms });
            let (at, host, ms) = (self.some_edge(), self.some_host(), self.a_while());
            self.add(at, What::Silence { host, ms });
            let (at, host, ms) = (self.some_edge(), self.some_host(), self.a_while() + M);
            let HostPlan { frequency_s, grace_s, .. } = self.history.hosts[host];
            let frequency_s = self.dice.pick(&[(frequency_s / 2).max(30), frequency_s, frequency_s * 3]);
            let grace_s = self.dice.pick(&[grace_s, grace_s + 120]);
            self.add(at, What::Edit { host, frequency_s, grace_s, ms });
            let (at, host) = (self.some_edge(), self.some_host());
            self.add(at, What::Acknowledge { host });
        }
        for _ in 0..2 {
            let (at, host) = (self.some_edge(), self.some_host());
            self.add(at, What::Replace { host });
        }
    }

    fn peers(&mut self) {
        for _ in 0..10 {
            let (at, ms, mood) = (self.some_edge(), self.a_while(), self.some_mood());
            let ms = if mood == Mood::Panic { 10 * M } else { ms }; // until it has happened twice
            self.add(at, What::Discord { mood, ms });
        }
    }

    fn some_mood(&mut self) -> Mood {
        let wait_ms = self.dice.between(300, 90_000) as u64;
        self.dice.pick(&[
            Mood::Down,
            Mood::Error500,
            Mood::Reset,
            Mood::Hang,
            Mood::Swallow,
            Mood::Limited(wait_ms),
            Mood::Forgetful,
            Mood::Gone,
            Mood::Panic,
        ])
    }

    fn machine_of_the_hub(&mut self) {
        for _ in 0..10 {
            let (at, trouble) = (self.some_edge(), self.some_trouble());
            let ms = self.dice.between(S, 2 * M);
            self.add(at, What::Store { trouble, ms });
        }
        for _ in 0..3 {
            let (at, times) = (self.some_edge(), if self.dice.percent(15) { 7 } else { 1 });
            let host = self.some_host();
            self.add(at, What::PanicHost { host, times });
            let (at, by) = (self.some_edge(), self.some_step());
            self.add(at, What::Step { by });
            let at = self.some_edge();
            let ms = self.some_nap();
            self.add(at, What::Sleep { ms });
            let at = self.some_edge();
            let ms = self.some_nap();
            self.add(at, What::Stall { ms });
        }
        for way in [Way::Orderly, Way::Orderly, Way::Killed, Way::Killed, Way::Killed, Way::Killed, Way::Rebooted] {
            let at = self.some_edge();
            let most = self.dice.pick(&[5 * S, 2 * M, H, 6 * H]);
            let ms = self.dice.between(S, most);
            self.add(at, What::Stop { way, ms });
        }
    }

    fn some_trouble(&mut self) -> Trouble {
        let late_ms = self.dice.pick(&[20, 400, 3_000, 12_000]);
        self.dice.pick(&[
            Trouble::RolledBack,
            Trouble::RolledBack,
            Trouble::DiskFull,
            Trouble::Panic,
            Trouble::LateCommit(late_ms),
            Trouble::LateAnswer(late_ms),
            Trouble::UnknownDone,
            Trouble::UnknownLost,
        ])
    }

    /// Neither so small that nobody need notice, nor so near the limit that either is right.
    fn some_step(&mut self) -> i64 {
        let by = self.dice.pick(&[2 * S, M, 2 * H, 9 * H, D]) + self.dice.between(0, 900);
        if self.dice.percent(50) { by } else { -by }
    }

    fn some_nap(&mut self) -> i64 {
        if self.dice.percent(25) {
            return self.dice.between(100, 900);
        }
        let most = self.dice.pick(&[10 * S, 5 * M, 3 * H]);
        self.dice.between(4 * S, most)
    }
}
