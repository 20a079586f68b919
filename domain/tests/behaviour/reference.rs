//! Crontab lines against `cronsim` from PyPI, which healthchecks lives on: the same occurrences in ten zones over a year.
//!
//! Skipped, loudly, where the reference cannot be installed; never in CI. What differs, and why ours follows crontab(5), is in
//! [`is_known_to_differ`] and in `docs/schedules.md`.

use crate::brute::HOUR;
use chrono::NaiveDate;
use chrono_tz::Tz;
use domain::crontab::Crontab;
use domain::time::Wall;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

const YEAR_S: i64 = 365 * 86_400;
/// A line that occurs more often is compared for some days around the year instead of all of it, in the short form.
const OFTEN: usize = 1_500;

const ZONES: [Tz; 10] = [
    Tz::UTC,
    Tz::Europe__Berlin,
    Tz::Europe__London,
    Tz::America__New_York,
    Tz::America__Sao_Paulo,
    Tz::Asia__Kathmandu,
    Tz::Asia__Tokyo,
    Tz::Australia__Sydney,
    Tz::Pacific__Chatham,
    Tz::Africa__Casablanca,
];

/// Lines people write.
const USUAL: [&str; 60] = [
    "* * * * *",
    "*/5 * * * *",
    "*/7 * * * *",
    "0 * * * *",
    "30 * * * *",
    "15,45 * * * *",
    "0 */2 * * *",
    "30 */3 * * *",
    "0 0 * * *",
    "0 2 * * *",
    "30 2 * * *",
    "0 3 * * *",
    "30 1 * * *",
    "59 23 * * *",
    "0,30 2 * * *",
    "0,30 1-3 * * *",
    "*/30 2 * * *",
    "*/15 1-3 * * *",
    "0-59/20 2 * * *",
    "5/15 2 * * *",
    "5/15 * * * *",
    "0 9-17 * * 1-5",
    "*/10 9-17 * * mon-fri",
    "0 0 * * 0",
    "0 0 * * 7",
    "0 0 * * sun",
    "0 0 * * 5-7",
    "0 0 * * 0-7",
    "0 0 * * */2",
    "0 0 * * 1/2",
    "0 0 1 * *",
    "0 0 15 * *",
    "0 0 1,15 * *",
    "0 0 31 * *",
    "0 0 29 2 *",
    "0 0 1 1 *",
    "0 12 * jan,jul *",
    "0 12 * 2-5/2 *",
    "0 12 1 */3 *",
    "0 0 13 * 5",
    "0 0 */13 * 5",
    "0 0 13 * */5",
    "0 0 1-7 * 1",
    "0 0 *,1 * 1",
    "0 0 1,* * 1",
    "30 2 * 3,10 0",
    "30 2 25-31 3 *",
    "0 0 L * *",
    "0 0 LW * *",
    "0 0 1,L * *",
    "0 0 * * 5L",
    "0 0 * * 0L,3L",
    "0 0 * * MON#1",
    "0 0 * * 7#5",
    "0 0 L * 1",
    "0 0 L * MON#2",
    "0 0 15,LW * *",
    "1-59/2 */4 * * *",
    "0 1-23/2 * * *",
    "17 4 8-14 * *",
];

/// Where cronsim does otherwise on purpose or by mistake, and crontab(5) is on our side: all such cases, by name.
fn is_known_to_differ(request: &Request, ours: &str, theirs: &str) -> Option<&'static str> {
    let line = request.line.as_str();
    if line.split_whitespace().count() == 6 && ours == "refused" {
        return Some("six fields are no crontab: cronsim takes the first for seconds");
    }
    let impossible = |errors: Vec<domain::field::FieldError>| errors[0].message.starts_with("no date is");
    if theirs.is_empty() && Crontab::parse(line).is_err_and(impossible) {
        return Some("a line that never occurs is refused here: cronsim sees only some of them and looks for 50 years");
    }
    if request.zone == Tz::Pacific__Chatham && is_hour_lost_after_a_gap(request, ours, theirs) {
        return Some(
            "where clocks jump at 02:45, cronsim steps from a time that does not exist and loses the hour after the gap",
        );
    }
    for term in line.split([' ', ',']) {
        let Some((range, _)) = term.split_once('/') else { continue };
        if range.split_once('-').is_some_and(|(from, to)| from == to) {
            return Some("7-7/5 is the range of one number with a step, 7: cronsim reads 7/5, from 7 to the end");
        }
        if range.starts_with(['L', 'l']) && ours == "refused" {
            return Some("a step after L has no meaning: refused here, ignored by cronsim");
        }
    }
    None
}

/// Whether all they lack is what ours has in the hours after a clock change (which brute force proves elsewhere).
fn is_hour_lost_after_a_gap(request: &Request, ours: &str, theirs: &str) -> bool {
    if [ours, theirs].contains(&"refused") {
        return false;
    }
    let set = |text: &str| text.split_whitespace().map(|minute| minute.parse().unwrap()).collect::<BTreeSet<i64>>();
    let (ours, theirs) = (set(ours), set(theirs));
    let jumps = crate::brute::jumps(request.zone, 2026..2028);
    let just_after = |minute: &i64| {
        let at = (request.from_s + minute * 60) * 1_000;
        jumps.iter().any(|jump| (*jump..jump + 2 * HOUR).contains(&at))
    };
    ours.is_superset(&theirs) && ours.difference(&theirs).all(just_after)
}

/// A small generator: the same lines from the same seed on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn field(&mut self, low: u64, high: u64) -> String {
        let terms: Vec<String> = (0..1 + self.roll(8) / 6).map(|_| self.term(low, high)).collect();
        terms.join(",")
    }

    fn term(&mut self, low: u64, high: u64) -> String {
        let span = high - low + 1;
        let (a, b) = (low + self.roll(span), low + self.roll(span));
        let base = match self.roll(6) {
            0 | 1 => "*".to_owned(),
            2 | 3 => format!("{}-{}", a.min(b), a.max(b)),
            _ => a.to_string(),
        };
        if self.roll(3) == 0 { format!("{base}/{}", 1 + self.roll(span)) } else { base }
    }

    fn line(&mut self) -> String {
        let day = match self.roll(12) {
            0 => "L".to_owned(),
            1 => "LW".to_owned(),
            _ => self.field(1, 31),
        };
        let weekday = match self.roll(12) {
            0 => format!("{}L", self.roll(8)),
            1 => format!("{}#{}", ["sun", "MON", "tue", "3", "thu", "fri", "SAT", "7"][self.roll(8) as usize], 1 + self.roll(5)),
            _ => self.field(0, 7),
        };
        // Most people name few minutes; without that nearly every line would occur all the time.
        let minute = if self.roll(3) == 0 { self.field(0, 59) } else { self.roll(60).to_string() };
        [minute, self.field(0, 23), day, self.field(1, 12), weekday].join(" ")
    }

    /// A line with one character replaced: often wrong.
    fn broken(&mut self) -> String {
        let mut line: Vec<char> = self.line().chars().collect();
        let at = self.roll(line.len() as u64) as usize;
        line[at] = ['*', '/', '-', ',', '9', '0', 'L', '#', ' ', 'x'][self.roll(10) as usize];
        line.into_iter().collect()
    }
}

struct Request {
    zone: Tz,
    from_s: i64,
    to_s: i64,
    line: String,
}

impl Request {
    fn ours(&self) -> String {
        let Ok(crontab) = Crontab::parse(&self.line) else { return "refused".to_owned() };
        let to = Wall(self.to_s * 1_000);
        let minutes = crontab.occurrences(self.zone, Wall(self.from_s * 1_000)).take_while(|at| *at <= to);
        minutes.map(|at| ((at.0 / 1_000 - self.from_s) / 60).to_string()).collect::<Vec<_>>().join(" ")
    }
}

/// The reference's answers; `None`: it cannot be installed here.
fn theirs(requests: &[Request]) -> Option<Vec<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let made = Command::new(root.join("scripts/python-reference.sh")).output();
    let python = match &made {
        Ok(made) if made.status.success() => String::from_utf8(made.stdout.clone()).unwrap(),
        other => {
            let why = other.as_ref().map_or_else(ToString::to_string, |made| String::from_utf8_lossy(&made.stderr).into_owned());
            assert!(std::env::var_os("CI").is_none(), "the reference must be there in CI: {why}");
            eprintln!("SKIPPED: crontab lines were NOT compared with cronsim, its Python environment cannot be made: {why}");
            return None;
        }
    };
    let mut child = Command::new(python.trim())
        .arg(root.join("domain/tests/reference/occurrences.py"))
        .env("PYTHONTZPATH", "")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let text: String = requests.iter().map(|r| format!("{}\t{}\t{}\t{}\n", r.zone.name(), r.from_s, r.to_s, r.line)).collect();
    let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "the reference ended with {}", output.status);
    Some(String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect())
}

fn start_of(year: i32) -> i64 {
    NaiveDate::from_ymd_opt(year, 1, 1).unwrap().and_time(chrono::NaiveTime::MIN).and_utc().timestamp()
}

/// What to ask about one line in one zone: the year, or three days around each clock change and each quarter of a year.
fn requests(zone: Tz, year: i32, line: &str, whole: bool) -> Vec<Request> {
    let from_s = start_of(year);
    let request = |from_s: i64, to_s: i64| Request { zone, from_s, to_s, line: line.to_owned() };
    let often = Crontab::parse(line).is_ok_and(|crontab| {
        let mut occurrences = crontab.occurrences(zone, Wall(from_s * 1_000)).take_while(|at| at.0 < (from_s + YEAR_S) * 1_000);
        occurrences.nth(OFTEN).is_some()
    });
    if whole || !often {
        return vec![request(from_s, from_s + YEAR_S)];
    }
    let quarters = (0..4).map(|quarter| from_s + quarter * YEAR_S / 4 + 86_400);
    let around = crate::brute::jumps(zone, year..year + 1).into_iter().map(|at| at / 1_000);
    around.chain(quarters).map(|at| request(at - 86_400, at + 86_400)).collect()
}

/// Compares and returns how many occurrences were the same; the lines that differ are told all at once.
fn compare(requests: &[Request]) -> usize {
    let Some(theirs) = theirs(requests) else { return 0 };
    assert_eq!(theirs.len(), requests.len());
    let (mut same, mut different) = (0, Vec::new());
    for (request, theirs) in requests.iter().zip(theirs) {
        let ours = request.ours();
        if ours == theirs {
            same += ours.split_whitespace().count();
        } else if let Some(why) = is_known_to_differ(request, &ours, &theirs) {
            eprintln!("{} in {} differs as it should: {why}", request.line, request.zone);
        } else {
            let difference = first_difference(&ours, &theirs);
            different.push(format!("{} in {} from {}: {difference}", request.line, request.zone, request.from_s));
        }
    }
    assert!(different.is_empty(), "{} of {} differ:\n{}", different.len(), requests.len(), different.join("\n"));
    same
}

fn first_difference(ours: &str, theirs: &str) -> String {
    let pair = ours.split(' ').zip(theirs.split(' ')).find(|(ours, theirs)| ours != theirs);
    pair.map_or("one ends sooner".to_owned(), |(ours, theirs)| format!("ours {ours}, theirs {theirs}"))
}

fn lines(seed: u64, random: usize, broken: usize) -> Vec<String> {
    let mut dice = Dice(seed);
    let mut lines: Vec<String> = USUAL.iter().map(ToString::to_string).collect();
    lines.extend((0..random).map(|_| dice.line()));
    lines.extend((0..broken).map(|_| dice.broken()));
    lines
}

#[test]
fn four_hundred_lines_occur_when_cronsim_says() {
    let lines = lines(20_261_126, 240, 100);
    let usual = USUAL.len();
    let in_zones = lines.iter().enumerate().flat_map(|(i, line)| {
        // Each of the usual lines in every zone, each of the others in one.
        let zones: Vec<Tz> = if i < usual { ZONES.to_vec() } else { vec![ZONES[i % ZONES.len()]] };
        zones.into_iter().flat_map(|zone| requests(zone, 2026, line, false)).collect::<Vec<_>>()
    });
    let same = compare(&in_zones.collect::<Vec<_>>());
    eprintln!("{same} occurrences are the same");
}

#[test]
#[ignore = "minutes: cargo test --release -p pulsewarden-domain --test behaviour -- --ignored --nocapture every_line"]
fn every_line_occurs_in_every_zone_all_year_when_cronsim_says() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let mut same = 0;
    for year in [2026, 2027] {
        for zone in ZONES {
            let asked: Vec<_> = lines(seed, 400, 100).iter().flat_map(|line| requests(zone, year, line, true)).collect();
            same += compare(&asked);
            eprintln!("seed {seed}, {year}, {zone}: {same} occurrences are the same so far");
        }
    }
}
