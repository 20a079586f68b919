//! `make bench`, the log part: what redaction, mining and reduction cost on one core, how right the templates are, and that
//! memory stays where it is. Ratios against the simplest thing that reads the same bytes, in the same run, are what counts.

#[allow(dead_code, unreachable_pub, reason = "shared with the tests, which use more of it")]
#[path = "../../domain/tests/behaviour/log_data.rs"]
mod log_data;
#[path = "../../domain/tests/behaviour/log_lines.rs"]
mod log_lines;
#[allow(dead_code, clippy::unwrap_used, reason = "shared with the tests, which use more of it")]
#[path = "../../domain/tests/behaviour/loghub.rs"]
mod loghub;
#[allow(dead_code, reason = "shared with the other benchmark, which uses more of it")]
#[path = "../hub/table.rs"]
mod table;

use actors::clock::Clock;
use domain::redact::{Redactor, clean};
use domain::reduce::{Reduced, Reducer};
use domain::rules::line;
use domain::template::Miner;
use domain::time::Wall;
use std::hint::black_box;
use table::Table;

/// Bytes that each round of redaction reads of one log.
const ROUND_BYTES: usize = 50_000_000;
/// Lines of each round of mining.
const ROUND_LINES: usize = 1_000_000;
/// Lines of which no two are alike.
const FLOOD_LINES: u64 = 10_000_000;
/// After so many of them the memory has its size.
const FLOOD_START: u64 = 100_000;
/// The year lines without one are read in.
const NOW_S: i64 = 1_715_700_000;
const BUDGET_TOKENS: usize = 20_000;
const LOGS: [&str; 7] = [
    "loghub/OpenSSH_2k.log",
    "loghub/Linux_2k.log",
    "loghub/Apache_2k.log",
    "firewall/web_access.log",
    "firewall/web_syslog.log",
    "firewall/cisco_asa.log",
    "injection/log_srv_syslog.log",
];
/// Lines made of nothing but the beginnings of secrets.
const HOSTILE: [&str; 8] = ["sk-", "eyJ-", "://", "token=", "password ", "mysql -p", "cookie:\\\"", "1.1.1.1."];
const HOSTILE_BYTES: usize = 8_000;

fn main() {
    if std::env::args().any(|a| a == "--list" || a == "--test") {
        return; // cargo test asks; there is nothing to test here
    }
    let rounds = std::env::var("BENCH_ROUNDS").ok().and_then(|s| s.parse().ok()).unwrap_or(5);
    let logs: Vec<_> = LOGS.into_iter().filter_map(|name| Some((name, log_data::text(name)?))).collect();
    let (clock, mut table) = (Clock::system(), Table::default());
    accuracy(&mut table);
    for (name, text) in &logs {
        redaction(&mut table, &clock, rounds, name, text);
    }
    hostile(&mut table, &clock);
    let mixed: Vec<_> = logs.iter().flat_map(|(_, text)| text.lines()).map(str::to_owned).collect();
    mining(&mut table, &clock, rounds, "the test logs", &mixed);
    mining(&mut table, &clock, rounds, "made-up lines of 200 kinds", &log_lines::ordinary(20_000));
    budget(&mut table);
    flood(&mut table, &clock);
    print!("{table}");
}

/// Runs `work` and says how many seconds it took.
fn seconds(clock: &Clock, work: impl FnOnce()) -> f64 {
    let start = clock.steady();
    work();
    clock.steady().since_ms(start).max(1) as f64 / 1_000.0
}

fn accuracy(table: &mut Table) {
    for name in loghub::NAMES {
        let Some((lines, labels)) = loghub::read(name) else { return };
        let message = |text: &str| line::parse(text, NOW_S).message.to_owned();
        let raw: Vec<_> = lines.iter().map(|text| message(text)).collect();
        let mut redactor = Redactor::default();
        let redacted: Vec<_> = lines.iter().map(|text| message(&redactor.line(text))).collect();
        for (what, messages) in [("whole lines", raw), ("redacted lines", redacted)] {
            let mined = loghub::mine(&mut Miner::default(), messages.iter().map(String::as_str));
            let accuracy = loghub::grouping_accuracy(&mined, &labels);
            table.one(&format!("grouping accuracy, {name}, {what}"), accuracy, "at least 0.95");
        }
    }
}

/// Cleaning and redaction, against copying the same lines.
fn redaction(table: &mut Table, clock: &Clock, rounds: usize, name: &str, text: &str) {
    let times = ROUND_BYTES.div_ceil(text.len());
    let megabytes = (times * text.len()) as f64 / 1e6;
    let (mut rates, mut ratios) = (vec![], vec![]);
    for _ in 0..rounds {
        let copied = seconds(clock, || {
            (0..times).for_each(|_| {
                text.as_bytes()
                    .split(|b| *b == b'\n')
                    .for_each(|line| drop(black_box(String::from_utf8_lossy(line).into_owned())))
            });
        });
        let mut redactor = Redactor::default();
        let redacted = seconds(clock, || {
            for line in (0..times).flat_map(|_| text.as_bytes().split(|b| *b == b'\n')) {
                black_box(redactor.line(&clean(line).text));
            }
        });
        rates.push(megabytes / redacted);
        ratios.push(redacted / copied);
    }
    table.row(&format!("clean and redact, MB/s, {name}"), &rates, "at least 100");
    table.row("  times as long as copying the lines", &ratios, "");
}

fn hostile(table: &mut Table, clock: &Clock) {
    let rate = |piece: &&str| {
        let line = piece.repeat(HOSTILE_BYTES / piece.len());
        let mut redactor = Redactor::default();
        let took = seconds(clock, || (0..200).for_each(|_| drop(black_box(redactor.line(&line)))));
        (200 * line.len()) as f64 / 1e6 / took
    };
    let rates: Vec<_> = HOSTILE.iter().map(rate).collect();
    table.row("redact, MB/s, lines made of beginnings", &rates, "");
}

/// Mining with the headers taken off, against cutting the same lines into words.
fn mining(table: &mut Table, clock: &Clock, rounds: usize, what: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    let log = || lines.iter().cycle().take(ROUND_LINES);
    let (mut rates, mut ratios, mut whole, mut templates) = (vec![], vec![], vec![], 0);
    for _ in 0..rounds {
        let split = seconds(clock, || log().for_each(|line| drop(black_box(line.split_ascii_whitespace().collect::<Vec<_>>()))));
        let mut miner = Miner::default();
        let mined = seconds(clock, || {
            for text in log() {
                black_box(miner.observe(line::parse(text, NOW_S).message, Wall(0)));
            }
        });
        templates = miner.len();
        rates.push(ROUND_LINES as f64 / mined);
        ratios.push(mined / split);
        let all = seconds(clock, || drop(black_box(reduced(log().map(String::as_str)))));
        whole.push(ROUND_LINES as f64 / all);
    }
    table.row(&format!("header and template, lines/s, {what} ({templates} templates)"), &rates, "at least 500000");
    table.row("  times as long as cutting lines into words", &ratios, "");
    table.row("  clean, redact, header, template and reduce, lines/s", &whole, "");
}

/// The whole way of a log: cleaned, redacted, mined, reduced.
fn reduced<'a>(lines: impl Iterator<Item = &'a str>) -> Reduced {
    let (mut redactor, mut miner) = (Redactor::default(), Miner::default());
    let mut reducer = Reducer::new(&mut miner);
    for text in lines {
        let cleaned = clean(text.as_bytes());
        let text = redactor.line(&cleaned.text);
        reducer.push(&text, line::parse(&text, NOW_S).message, Wall(0));
    }
    reducer.finish(Wall(0), BUDGET_TOKENS)
}

fn budget(table: &mut Table) {
    let (ordinary, rare) = (log_lines::ordinary(20_000), log_lines::rare(60));
    let every = ROUND_LINES / rare.len();
    let at = |n: usize| {
        if n.is_multiple_of(every) && n / every < rare.len() { &rare[n / every] } else { &ordinary[n % ordinary.len()] }
    };
    let result = reduced((0..ROUND_LINES).map(|n| at(n).as_str()));
    let survived = rare.iter().filter(|line| result.lines.iter().any(|sent| sent.text == **line)).count();
    table.one("a million lines, tokens after reduction", result.tokens as f64, "at most 20000");
    table.one(&format!("  of {} rare lines in it, still there", rare.len()), survived as f64, "all");
}

fn flood(table: &mut Table, clock: &Clock) {
    let mut miner = Miner::default();
    observe(&mut miner, 0..FLOOD_START);
    let (resident, stored) = (resident_bytes(), stored_bytes(&miner));
    let took = seconds(clock, || observe(&mut miner, FLOOD_START..FLOOD_LINES));
    let made = seconds(clock, || (FLOOD_START..FLOOD_LINES).for_each(|n| drop(black_box(log_lines::flood(n)))));
    let lines = (FLOOD_LINES - FLOOD_START) as f64;
    table.one("ten million lines, no two alike: lines/s, without making them", lines / (took - made), "");
    table.one("  templates kept at the end", miner.len() as f64, "at most 2000");
    table.one("  stored state after 100,000 lines, kB", stored as f64 / 1e3, "");
    table.one("  stored state at the end, kB", stored_bytes(&miner) as f64 / 1e3, "the same");
    table.one("  resident memory added after the first 100,000 lines, MB", (resident_bytes() - resident) / 1e6, "none");
}

fn observe(miner: &mut Miner, lines: std::ops::Range<u64>) {
    for n in lines {
        black_box(miner.observe(&log_lines::flood(n), Wall(0)));
    }
}

fn stored_bytes(miner: &Miner) -> usize {
    serde_json::to_vec(miner).map_or(0, |json| json.len())
}

fn resident_bytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
    line.split_whitespace().next().and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(0.0) * 1_024.0
}
