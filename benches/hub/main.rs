//! `make bench`: one run, one table. The release binary against a bare actix-web server, same machine, same client (wrk).
//!
//! Ratios within one run are what counts; absolute figures belong to the machine they were measured on.

mod hello;
mod hub;
mod load;
#[allow(dead_code, unreachable_pub, reason = "shared with the tests, which use more of it")]
#[path = "../../tests/support/process.rs"]
mod process;
#[allow(dead_code, unreachable_pub, reason = "shared with the tests, which use more of it")]
#[path = "../../tests/support/seed.rs"]
mod seed;
mod table;

use std::time::Duration;
use table::Table;

/// Hosts of the large hub.
const MANY: usize = 100_000;
/// Hosts of the throughput runs.
const SOME: usize = 1_000;

/// Enough for each of [`MANY`] hosts to be heard once.
const WARM_UP: Duration = Duration::from_secs(10);

fn main() {
    if std::env::args().any(|a| a == "--hello-server") {
        return hello::serve();
    }
    if std::env::args().any(|a| a == "--list" || a == "--test") {
        return; // cargo test asks; there is nothing to test here
    }
    if !load::is_installed() {
        eprintln!("bench: wrk is missing: run scripts/install-bench-tools.sh");
        std::process::exit(1);
    }
    let seconds = std::env::var("BENCH_SECONDS").ok().and_then(|s| s.parse().ok()).unwrap_or(8);
    let rounds = std::env::var("BENCH_ROUNDS").ok().and_then(|s| s.parse().ok()).unwrap_or(5);
    let mut table = Table::default();
    throughput(&mut table, rounds, Duration::from_secs(seconds));
    size_and_start(&mut table);
    detection(&mut table);
    print!("{table}");
}

/// Durable heartbeats against "hello", in turn, so that a drifting machine drifts under both.
fn throughput(table: &mut Table, rounds: usize, time: Duration) {
    for (hosts, connections) in [(SOME, 256), (MANY, 256)] {
        let (mut hello, mut beats, mut ratios, mut p99) = (vec![], vec![], vec![], vec![]);
        let folder = hub::seed(hosts, hub::EVERY_HOUR);
        let hub = hub::Running::start(&folder);
        let bare = hello::Running::start();
        // A host's first heartbeat changes its state; measured is what comes ever after.
        let _ = load::run(&hub.address, hosts, connections, WARM_UP);
        for _ in 0..rounds {
            let h = load::run(&bare.address, hosts, connections, time);
            let b = load::run(&hub.address, hosts, connections, time);
            assert_eq!(b.errors, 0, "every heartbeat must be answered 200: {b:?}");
            ratios.push(b.per_second / h.per_second);
            hello.push(h.per_second);
            beats.push(b.per_second);
            p99.push(b.p99_ms);
        }
        let stored = hub.stored_beats();
        let what = format!("{hosts} hosts, {connections} connections, {rounds} rounds of {} s", time.as_secs());
        table.row(&format!("bare actix-web hello, requests/s ({what})"), &hello, "");
        table.row(&format!("durable heartbeats/s ({what})"), &beats, "");
        table.row("  ratio heartbeat/hello, round by round", &ratios, "at least 0.5, aim 0.7");
        table.row("  heartbeat latency p99, ms", &p99, "");
        table.one("  rows stored by this hub", stored as f64, "");
    }
}

fn size_and_start(table: &mut Table) {
    let nothing = hub::seed(0, hub::EVERY_HOUR);
    let empty = hub::Running::start(&nothing);
    let idle_kb = empty.resident_kb();
    drop(empty);
    let folder = hub::seed(MANY, hub::EVERY_HOUR);
    let mut starts = vec![];
    let mut per_host = vec![];
    for _ in 0..3 {
        let hub = hub::Running::start(&folder);
        starts.push(hub.started_in.as_secs_f64());
        per_host.push((hub.resident_kb() - idle_kb) / MANY as f64);
        hub.kill();
    }
    table.one("resident memory of an idle hub, MB", idle_kb / 1024.0, "at most 25");
    table.row(&format!("resident memory per host with {MANY} hosts, kB"), &per_host, "at most 2");
    table.row(&format!("start to armed and answering with {MANY} hosts, after kill -9, s"), &starts, "at most 3");
}

/// 2,000 of 100,000 hosts fall silent while the others are under load; the hub logs how late each verdict was on disk.
fn detection(table: &mut Table) {
    let silent = 2_000;
    let folder = hub::seed_silent(MANY, silent);
    let hub = hub::Running::start(&folder);
    let busy = load::background(&hub.address, MANY - silent, 32, Duration::from_secs(40));
    let lags = hub.detection_lags(silent, Duration::from_secs(60));
    busy.wait();
    table.one(
        &format!("detection lag p50, ms ({} of {silent} silent hosts, {MANY} hosts, under load)", lags.len()),
        table::quantile(&lags, 0.5),
        "",
    );
    table.one("detection lag p99, ms", table::quantile(&lags, 0.99), "at most 100");
    table.one("detection lag worst, ms", table::quantile(&lags, 1.0), "at most 1000");
}
