//! Fills a new database with the life of very many invented hosts, to try the hub at size: `cargo run --release --example fill -- --help`.
//!
//! The same numbers and seed make the same hosts and the same history, which ends now: heartbeats and runs, outages and failures with
//! what was told of them, pauses, silences, acknowledgements, hosts that never called.

mod dice;
mod history;
mod host;
mod machine;
mod told;

use actors::clock::Clock;
use clap::Parser;
use history::{Size, fill};
use host::Made;
use std::cell::Cell;
use std::path::PathBuf;
use std::process::ExitCode;
use store::alive::Alive;

/// About what a heartbeat with all that belongs to it takes, in bytes.
const BYTES_A_HEARTBEAT: u64 = 80;

/// Fills a new database with invented hosts and their history.
#[derive(Parser)]
#[command(after_help = "\
Example: a year of 1,000 hosts, and a hub that shows it
  cargo run --release --example fill -- --hosts 1000 --days 365 demo/db.sqlite
  DB_PATH=demo/db.sqlite cargo run --release -- serve")]
struct Args {
    /// Hosts
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    hosts: u64,
    /// Heartbeats of all hosts together, within a few percent
    #[arg(long, default_value_t = 300_000, value_parser = clap::value_parser!(u64).range(0..=300_000_000))]
    heartbeats: u64,
    /// Days the history goes back
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(i64).range(1..=3_650))]
    days: i64,
    /// Decides everything that is left to chance
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The file to make; `secret.key` is made beside it
    database: PathBuf,
}

fn main() -> ExitCode {
    let args = Args::parse();
    if args.database.exists() {
        eprintln!("{} exists already: name a new file", args.database.display());
        return ExitCode::from(2);
    }
    let size = Size { hosts: args.hosts as usize, heartbeats: args.heartbeats, days: args.days, seed: args.seed };
    println!("{}: about {} MB", args.database.display(), args.heartbeats * BYTES_A_HEARTBEAT / 1_000_000);
    let told = Cell::new(0);
    let tell = |made: Made| {
        let percent = (made.heartbeats * 100 / args.heartbeats.max(1)).min(100);
        if percent >= told.get() + 5 {
            told.set(percent);
            println!("{percent:3} %: {} heartbeats, {} incidents", made.heartbeats, made.incidents);
        }
    };
    match fill(&args.database, size, &today(), tell) {
        Ok(made) => {
            println!("{} hosts, {} heartbeats, {} incidents", size.hosts, made.heartbeats, made.incidents);
            println!("every host has the token {}; the first is {}", history::TOKEN, machine::host_id(size.seed, 0));
            ExitCode::SUCCESS
        }
        Err(e) => {
            eprintln!("{}: {e}", args.database.display());
            ExitCode::FAILURE
        }
    }
}

/// The sign of life of a hub that was stopped just now.
fn today() -> Alive {
    let mark = Clock::system().mark();
    Alive { boot_id: mark.boot_id, boot_ms: mark.boot_ms, wall: mark.now.wall, steady: mark.now.steady, beat_mark: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::host::Status;
    use domain::schedule::BusinessHours;
    use domain::time::{Now, Steady, Wall};
    use domain::watch::{Verdict, Watch};
    use std::sync::Arc;
    use store::{Connection, Options, Store, StoreError, TempFolder, beats, hosts};

    const SMALL: Size = Size { hosts: 150, heartbeats: 30_000, days: 20, seed: 7 };

    fn made(folder: &TempFolder) -> (Made, Store) {
        let alive =
            Alive { boot_id: "b".into(), boot_ms: 1, wall: Wall(1_795_420_800_000), steady: Steady(5_000_000_000), beat_mark: 0 };
        let made = fill(&folder.database(), SMALL, &alive, |_| ()).unwrap();
        (made, Store::open(&folder.database(), &Options::default()).unwrap())
    }

    /// Every row of a table, as text.
    fn rows(conn: &Connection, table: &str) -> Result<Vec<String>, StoreError> {
        let mut query = conn.prepare(&format!("SELECT * FROM {table} ORDER BY 1"))?;
        // What seals a token differs each time.
        let kept: Vec<usize> = (0..query.column_count()).filter(|at| query.column_name(*at) != Ok("token")).collect();
        let row = |row: &rusqlite::Row<'_>| kept.iter().map(|at| Ok(format!("{:?}", row.get_ref(*at)?))).collect();
        let rows = query.query_map([], row)?.collect::<rusqlite::Result<Vec<Vec<String>>>>()?;
        Ok(rows.into_iter().map(|row| row.join(" ")).collect())
    }

    #[test]
    fn the_same_seed_makes_the_same_history() {
        let (one, other) = (TempFolder::new().unwrap(), TempFolder::new().unwrap());
        let ((made_once, first), (made_again, second)) = (made(&one), made(&other));
        assert_eq!(made_once, made_again);
        for table in ["hosts", "heartbeats", "alerts", "events", "outbox", "messages", "deliveries"] {
            let all = |store: &Store| store.reader.read(|conn| rows(conn, table)).unwrap();
            assert_eq!(all(&first), all(&second), "{table}");
            assert!(!all(&first).is_empty(), "{table}");
        }
    }

    #[test]
    fn a_hub_that_reads_it_agrees_with_every_row() {
        let folder = TempFolder::new().unwrap();
        let (made, store) = made(&folder);
        let now = Now { wall: Wall(1_795_420_800_000), steady: Steady(5_000_000_000) };
        let all = store.reader.read(|conn| hosts::load_all(conn, &BusinessHours::default())).unwrap();
        let mut heard = 0;
        for record in all.into_iter().map(Result::unwrap) {
            let spec = &record.spec;
            let mut watch = Watch::new(spec.frequency_s, spec.grace_s, Arc::clone(&spec.schedule), record.judged_from);
            (watch.status, watch.paused) = (record.status, record.paused);
            watch.last_seen = record.last_seen.map(|(_, steady)| steady);
            let verdict = watch.evaluate(now);
            assert!(!matches!(verdict, Verdict::Overdue { .. }), "{}: {verdict:?} {record:?}", spec.host_id);
            let read = |conn: &Connection| {
                let kind = domain::incident::AlertType::MissingHeartbeat;
                let open = store::alerts::find_open(conn, Some(record.row), kind, "")?;
                Ok((beats::trail(conn, record.row, record.last_beat_id, usize::MAX)?.len(), open.is_some()))
            };
            let (chain, is_open) = store.reader.read(read).unwrap();
            assert_eq!(is_open, record.status == Status::Down, "{}", spec.host_id);
            heard += chain as u64;
        }
        assert_eq!(heard, made.heartbeats, "each heartbeat is in the chain of its host");
        assert!(made.heartbeats.abs_diff(SMALL.heartbeats) < SMALL.heartbeats / 5, "{made:?}");
        let waiting = store.reader.read(|conn| store::outbox::counts(conn, None)).unwrap();
        assert_eq!((waiting.pending, waiting.sending), (0, 0), "all was told");
        assert_eq!(store.reader.read(|conn| store::open::faults(conn, 10)).unwrap(), Vec::<String>::new());
    }
}
