//! One invented host: what it is called, how often it is heard, what goes wrong with it.

use super::dice::Dice;
use domain::duration::Seconds;
use domain::host::HostDraft;

const PLACES: [&str; 8] = ["Frankfurt", "Zürich", "Dublin", "Virginia", "Oregon", "Tokyo", "Sydney", "São Paulo"];
const ROLES: [&str; 8] = ["web", "db", "cache", "mail", "backup", "queue", "build", "edge"];
const REGIONS: [&str; 4] = ["eu", "us", "ap", "sa"];

/// What is decided about a host before its history begins.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Its description.
    pub(crate) draft: HostDraft,
    /// Expected time between two heartbeats.
    pub(crate) every_ms: i64,
    /// Grace.
    pub(crate) grace_ms: i64,
    /// It tells when it starts and when it ends.
    pub(crate) is_job: bool,
    /// It was added and has not been heard.
    pub(crate) is_silent: bool,
    /// It is paused today.
    pub(crate) is_paused: bool,
    /// From when on nothing is heard of it.
    pub(crate) dies_at: i64,
    /// When it was paused and resumed.
    pub(crate) pause: Option<(i64, i64)>,
    /// Its own chance.
    pub(crate) dice: Dice,
}

impl Plan {
    /// The `n`-th host of `seed`, whose history goes from `from` to `to`, heard every `every_ms` milliseconds more or less.
    pub(crate) fn new(seed: u64, n: usize, (from, to): (i64, i64), every_ms: i64) -> Plan {
        let mut dice = Dice::new(seed ^ (n as u64).wrapping_mul(0x2545_f491_4f6c_dd1d));
        let role = dice.one_of(&ROLES);
        // A job says two things a run.
        let is_job = role == "backup" || role == "build";
        let every_ms = if is_job { every_ms * 2 } else { every_ms };
        let every_ms = (every_ms / 1_000).max(60) * 1_000;
        let grace_ms = (every_ms / 4 / 1_000).clamp(60, 3_600) * 1_000;
        let dies = dice.happens(100);
        let paused_before = dice.happens(300);
        let pause = (from + dice.within(0, (to - from) * 3 / 4), dice.within(3_600_000, 3 * 86_400_000));
        Plan {
            draft: draft(n, role, every_ms, grace_ms, &mut dice),
            every_ms,
            grace_ms,
            is_job,
            is_silent: dice.happens(50),
            is_paused: dice.happens(50),
            dies_at: if dies { to - dice.within(0, 2 * 86_400_000) } else { i64::MAX },
            pause: paused_before.then_some((pause.0, (pause.0 + pause.1).min(to - 1))),
            dice,
        }
    }
}

fn draft(n: usize, role: &str, every_ms: i64, grace_ms: i64, dice: &mut Dice) -> HostDraft {
    let place = dice.one_of(&PLACES);
    let tags = [dice.one_of(&REGIONS).to_owned(), role.to_owned(), format!("team-{}", dice.within(1, 12))];
    let description = if dice.happens(2_000) { format!("{role} of customer {}", dice.within(1, 900)) } else { String::new() };
    HostDraft {
        name: Some(format!("{role}-{n:06} {place}")),
        host_id: Some(format!("{role}-{n:06}")),
        expected_frequency: Some(Seconds::Number(every_ms / 1_000)),
        grace_period: Some(Seconds::Number(grace_ms / 1_000)),
        tags: Some(tags.to_vec()),
        description: Some(description),
        ..HostDraft::default()
    }
}
