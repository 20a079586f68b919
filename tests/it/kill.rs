//! D1: kill -9 with 64 writers and an oracle outside the process. What was answered 200 is on disk, once.
//!
//! In short: fifty kills under load. `PULSEWARDEN_TORTURE=1`: hundreds, every third of them while the hub starts, from the
//! first look at its files to the open port, also while the schema is made.

use crate::api::KEY;
use crate::process::{HubProcess, is_torture, pulsewarden, stopwatch};
use crate::writers::{Load, Pen, compare, start};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

const WRITERS: usize = 64;
const KILLS: usize = 50;
const KILLS_OF_TORTURE: u64 = 600;
/// Load between two kills: enough for hundreds of commits.
const LOAD: Duration = Duration::from_millis(150);
/// A start takes less than this; a kill falls somewhere in it.
const START_MS: u64 = 120;
/// The promise, for the long form.
const READY_WITHIN: Duration = Duration::from_secs(2);

#[test]
fn no_acknowledged_heartbeat_is_lost_or_doubled_over_fifty_kills() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut pens = Pen::many(&start(folder.path()), WRITERS, 0);
    let mut ready = Vec::new();
    for round in 0..KILLS {
        let hub = start(folder.path());
        ready.push(hub.started_in);
        pens = write_until_killed(hub, pens, round as u64);
    }
    let hub = start(folder.path());
    ready.push(hub.started_in);
    assert_eq!(hub.terminate(), Some(0), "an orderly stop");
    let slowest = ready.iter().max().expect("starts were measured");
    let found = compare(folder.path(), &pens);
    println!("D1: {KILLS} kills, {WRITERS} writers: {found:?}, slowest start {slowest:?}");
    assert!(found.acknowledged > KILLS * WRITERS, "the load was real: {found:?}");
    assert_eq!((found.missing, found.doubled), (0, 0));
}

#[test]
fn a_hub_killed_while_it_starts_starts_again_and_has_lost_nothing() {
    let rounds = if is_torture() { KILLS_OF_TORTURE } else { 24 };
    let first = tempfile::tempdir().expect("a folder");
    let fresh = (0..rounds / 2).map(|n| killed_while_starting(first.path(), n * START_MS * 1_000 / (rounds / 2))).count();
    let folder = tempfile::tempdir().expect("a folder");
    let mut pens = Pen::many(&start(folder.path()), WRITERS, 0);
    let mut slowest = Duration::ZERO;
    for round in 0..rounds / 3 {
        let hub = start(folder.path());
        slowest = slowest.max(hub.started_in);
        pens = write_until_killed(hub, pens, round);
        for again in 0..2 {
            killed_while_starting(folder.path(), (round * 2 + again) * 7_919 % (START_MS * 1_000));
        }
    }
    for folder in [&first, &folder] {
        assert_eq!(start(folder.path()).terminate(), Some(0), "an orderly stop");
    }
    let found = compare(folder.path(), &pens);
    println!(
        "D1: {fresh} kills while the database is made, {} under load, {} while it is recovered: {found:?}, slowest start {slowest:?}",
        rounds / 3,
        rounds / 3 * 2
    );
    assert_eq!((found.missing, found.doubled), (0, 0));
    assert!(found.acknowledged > 0 && compare(first.path(), &[]).stored == 0);
    assert!(!is_torture() || slowest <= READY_WITHIN, "{slowest:?}");
}

fn write_until_killed(hub: HubProcess, pens: Vec<Pen>, round: u64) -> Vec<Pen> {
    let load = Load::start(&hub, pens);
    // The kill falls at another moment of the commit cycle each round.
    let until = stopwatch() + LOAD + Duration::from_millis(round * 7 % 40);
    std::thread::sleep(until - stopwatch());
    hub.kill();
    load.end()
}

/// Starts a hub and kills it so many microseconds later, wherever it is by then.
fn killed_while_starting(folder: &Path, after_us: u64) {
    let mut command = pulsewarden(folder);
    command.arg("serve").env("API_KEY", KEY).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the hub starts");
    std::thread::sleep(Duration::from_micros(after_us));
    child.kill().expect("it is ours");
    child.wait().expect("it ends");
}
