//! Fills a new database with years of somebody else's life: `cargo run --release --example fill -- HOSTS HEARTBEATS DAYS DATABASE [SEED]`.
//!
//! The same numbers and seed make the same hosts and the same history, ending now. Start a hub on it with `DB_PATH=DATABASE`.

mod dice;
mod history;
mod machine;

use actors::clock::Clock;
use history::{Made, Size, fill};
use std::cell::Cell;
use std::path::PathBuf;
use std::process::ExitCode;
use store::alive::Alive;

const USAGE: &str = "usage: fill HOSTS HEARTBEATS DAYS DATABASE [SEED], for example: fill 1000 300000 30 data/db.sqlite";
/// Heartbeats between two lines of progress.
const TELL_EVERY: u64 = 1_000_000;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some((size, database)) = parse(&args) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    if database.exists() {
        eprintln!("{} exists already: name a new file", database.display());
        return ExitCode::from(2);
    }
    let mark = Clock::system().mark();
    let alive =
        Alive { boot_id: mark.boot_id, boot_ms: mark.boot_ms, wall: mark.now.wall, steady: mark.now.steady, beat_mark: 0 };
    let told = Cell::new(0);
    let tell = |made: Made| {
        if made.heartbeats >= told.get() + TELL_EVERY {
            told.set(made.heartbeats);
            println!("{} heartbeats, {} incidents", made.heartbeats, made.alerts);
        }
    };
    match fill(&database, size, alive, tell) {
        Ok(made) => {
            println!("{}: {} hosts, {} heartbeats, {} incidents", database.display(), size.hosts, made.heartbeats, made.alerts);
            println!("every host has the token {}; the first is {}", history::TOKEN, history::host_id(size.seed, 0));
            ExitCode::SUCCESS
        }
        Err(e) => {
            eprintln!("{}: {e}", database.display());
            ExitCode::FAILURE
        }
    }
}

fn parse(args: &[String]) -> Option<(Size, PathBuf)> {
    let [hosts, heartbeats, days, database, rest @ ..] = args else { return None };
    let seed = match rest {
        [] => 1,
        [seed] => seed.parse().ok()?,
        _ => return None,
    };
    let size = Size { hosts: hosts.parse().ok()?, heartbeats: heartbeats.parse().ok()?, days: days.parse().ok()?, seed };
    (size.hosts > 0 && size.days > 0).then(|| (size, PathBuf::from(database)))
}
