//! One invented host: what it is called, how often it is heard, what goes wrong with it.

use super::dice::Dice;
use domain::duration::Seconds;
use domain::host::{HostDraft, HostId, HostSpec};
use domain::schedule::BusinessHours;
use serde_json::json;

const PLACES: [&str; 8] = ["Frankfurt", "Zürich", "Dublin", "Virginia", "Oregon", "Tokyo", "Sydney", "São Paulo"];
const ROLES: [&str; 8] = ["web", "db", "cache", "mail", "backup", "queue", "build", "edge"];
const REGIONS: [&str; 4] = ["eu", "us", "ap", "sa"];
/// Minutes that divide an hour or, in whole hours, a day: what a crontab line can say with a step.
const STEPS_MIN: [i64; 12] = [5, 10, 15, 30, 60, 120, 180, 240, 360, 480, 720, 1_440];
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// What is decided about a host before its history begins.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Its description.
    pub(crate) spec: HostSpec,
    /// It tells when it starts and when it ends.
    pub(crate) is_job: bool,
    /// It was added a minute ago and has not been heard.
    pub(crate) is_new: bool,
    /// It is paused today.
    pub(crate) is_paused: bool,
    /// For how long nobody is told of it from today on, in milliseconds.
    pub(crate) silenced_ms: Option<i64>,
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
        let (mut dice, role) = begin(seed, n);
        let is_job = role == "backup" || role == "build";
        // A job says two things a run.
        let every_ms = if is_job { every_ms * 2 } else { every_ms };
        let spec = draft(n, role, (every_ms / 1_000).clamp(60, 30 * 86_400), is_job, &mut dice);
        let spec = spec.create(&BusinessHours::default()).expect("invented hosts are valid");
        let is_paused_once = dice.happens(300);
        let begins = from + dice.within(0, (to - from) * 3 / 4);
        let ends = (begins + dice.within(HOUR_MS, 3 * DAY_MS)).min(to - 1);
        let dies = dice.happens(100);
        Plan {
            spec,
            is_job,
            is_new: dice.happens(50),
            is_paused: dice.happens(50),
            silenced_ms: dice.happens(40).then(|| dice.within(1, 72) * HOUR_MS),
            dies_at: if dies { to - dice.within(0, 2 * DAY_MS) } else { i64::MAX },
            pause: (is_paused_once && begins < ends).then_some((begins, ends)),
            dice,
        }
    }
}

/// The public name of the `n`-th host of `seed`.
pub(crate) fn host_id(seed: u64, n: usize) -> HostId {
    id_text(n, begin(seed, n).1).parse().expect("invented ids are valid")
}

fn begin(seed: u64, n: usize) -> (Dice, &'static str) {
    let mut dice = Dice::new(seed ^ (n as u64).wrapping_mul(0x2545_f491_4f6c_dd1d));
    let role = dice.one_of(&ROLES);
    (dice, role)
}

fn id_text(n: usize, role: &str) -> String {
    format!("{role}-{n:06}")
}

fn draft(n: usize, role: &str, every_s: i64, is_job: bool, dice: &mut Dice) -> HostDraft {
    let id = id_text(n, role);
    let tags = vec![dice.one_of(&REGIONS).to_owned(), role.to_owned(), format!("team-{}", dice.within(1, 12))];
    let description = if dice.happens(2_000) { format!("{role} of customer {}", dice.within(1, 900)) } else { String::new() };
    let severity = ["critical", "warning", "info"][usize::from(dice.happens(4_000)) + usize::from(dice.happens(1_000))];
    let grace_s = (every_s / 4).clamp(60, 3_600);
    let draft = HostDraft {
        name: Some(format!("{id} {}", dice.one_of(&PLACES))),
        host_id: Some(id),
        grace_period: Some(Seconds::Number(grace_s)),
        severity: Some(severity.to_owned()),
        tags: Some(tags),
        description: Some(description),
        ..HostDraft::default()
    };
    if is_job && dice.happens(1_500) {
        let config =
            json!({"cron": crontab(every_s / 60, dice), "timezone": dice.one_of(&["UTC", "Europe/Berlin", "Asia/Tokyo"])});
        return HostDraft { schedule_type: Some("cron".to_owned()), schedule_config: Some(config), ..draft };
    }
    let office = !is_job && dice.happens(500);
    let schedule_type = Some(if office { "business_hours" } else { "always" }.to_owned());
    HostDraft { expected_frequency: Some(Seconds::Number(every_s)), schedule_type, ..draft }
}

/// A line that comes round about every so many minutes.
fn crontab(every_min: i64, dice: &mut Dice) -> String {
    let step = STEPS_MIN.into_iter().find(|step| *step >= every_min).unwrap_or(1_440);
    match step {
        ..60 => format!("{}-59/{step} * * * *", dice.within(0, step - 1)),
        60..1_440 => format!("{} */{} * * *", dice.within(0, 59), step / 60),
        _ => format!("{} {} * * *", dice.within(0, 59), dice.within(0, 23)),
    }
}
