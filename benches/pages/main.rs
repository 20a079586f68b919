//! `make bench`, the page part: how long a page takes and how large it is with very many hosts and heartbeats stored, asked by
//! somebody signed in, while heartbeats keep coming. The release binary answers over the loopback, one page at a time.
//!
//! `BENCH_HOSTS` and `BENCH_HEARTBEATS` make it smaller than the 100,000 and 30,000,000 the goals are for (about 2 GB of disk under
//! `target/`, removed at the end); `BENCH_LOOKS` is how often each page is asked for.

mod beater;
#[path = "../../examples/fill/dice.rs"]
mod dice;
#[path = "../../examples/fill/history.rs"]
mod history;
#[path = "../../examples/fill/host.rs"]
mod host;
mod looks;
#[path = "../../examples/fill/machine.rs"]
mod machine;
mod paint;
#[allow(dead_code, unreachable_pub, reason = "shared with the tests, which use more of it")]
#[path = "../../tests/support/process.rs"]
mod process;
#[path = "../hub/table.rs"]
mod table;
#[path = "../../examples/fill/told.rs"]
mod told;
mod visitor;

use actors::clock::Clock;
use beater::Beater;
use dice::Dice;
use history::{Size, fill};
use host::Made;
use process::{HubProcess, stopwatch};
use std::cell::Cell;
use std::path::Path;
use store::alive::Alive;
use store::seal::Keyring;
use table::{Table, quantile};
use visitor::Visitor;

/// The goals of every page.
const GOAL_MS: &str = "p95 at most 50";
const GOAL_KB: &str = "at most 200";
const GOAL_PAINT_MS: &str = "at most 1000";
/// Between two lines of progress.
const TELL_EVERY: u64 = 5_000_000;
/// Looks that warm up what a hub in use has warm.
const WARM_UP: usize = 20;
/// Each page is painted so often.
const PAINTS: usize = 5;
/// What 100,000 hosts that are heard every five minutes send, a second.
const BEATS_A_SECOND: u64 = 333;

fn main() {
    if std::env::args().any(|a| a == "--list" || a == "--test") {
        return; // cargo test asks; there is nothing to test here
    }
    let size = Size {
        hosts: number("BENCH_HOSTS", 100_000) as usize,
        heartbeats: number("BENCH_HEARTBEATS", 30_000_000),
        days: 30,
        seed: 1,
    };
    let looks = number("BENCH_LOOKS", 200) as usize;
    let folder = tempfile::Builder::new().prefix("pages").tempdir_in(env!("CARGO_TARGET_TMPDIR"));
    let folder = folder.expect("the target folder can be written");
    let data = folder.path().join("data");
    let mut table = Table::default();
    let made = make(&data.join("db.sqlite"), size, &mut table);
    let hub = HubProcess::start(folder.path(), &[]);
    table.one("start to armed and answering with them, s", hub.started_in.as_secs_f64(), "at most 3");
    let keyring = Keyring::load_or_create(&data.join("secret.key")).expect("the key is there");
    let mut visitor = Visitor::sign_in(&hub.address, &web::auth::operator_key(&keyring));
    visitor.publish("eu");
    let beater = Beater::start(&hub.address, size, BEATS_A_SECOND);
    let mut dice = Dice::new(7);
    for page in looks::pages(size, made.incidents, &mut visitor) {
        measure(&mut table, &mut visitor, &page, &mut dice, looks);
    }
    table.one("heartbeats answered meanwhile, a second", beater.stop(), "");
    first_paint(&mut table, &hub.address, &visitor, size);
    print!("{table}");
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Fills a database that ends now.
fn make(database: &Path, size: Size, table: &mut Table) -> Made {
    let (began, told) = (stopwatch(), Cell::new(0));
    let mark = Clock::system().mark();
    let alive =
        Alive { boot_id: mark.boot_id, boot_ms: mark.boot_ms, wall: mark.now.wall, steady: mark.now.steady, beat_mark: 0 };
    let made = fill(database, size, &alive, |made| {
        if made.heartbeats >= told.get() + TELL_EVERY {
            told.set(made.heartbeats);
            eprintln!("{} heartbeats stored", made.heartbeats);
        }
    });
    let made = made.expect("a database can be filled");
    table.one("hosts", size.hosts as f64, "");
    table.one("heartbeats stored", made.heartbeats as f64, "");
    table.one("incidents stored", made.incidents as f64, "");
    table.one("  time to fill, s", (stopwatch() - began).as_secs_f64(), "");
    table.one("  size of the database, MB", std::fs::metadata(database).map_or(0.0, |file| file.len() as f64 / 1e6), "");
    made
}

fn measure(table: &mut Table, visitor: &mut Visitor, page: &looks::Page, dice: &mut Dice, looks: usize) {
    let (mut ms, mut kb) = (Vec::new(), Vec::new());
    for n in 0..WARM_UP + looks {
        let path = (page.path)(dice);
        let (took_ms, bytes) = visitor.look(&path);
        if n >= WARM_UP {
            ms.push(took_ms);
            kb.push(bytes as f64 / 1_000.0);
        }
    }
    let of = |q| quantile(&ms, q);
    table.row(&format!("{}, ms: p50, p95, worst", page.name), &[of(0.5), of(0.95), of(1.0)], GOAL_MS);
    table.one("  largest, kB", quantile(&kb, 1.0), GOAL_KB);
}

fn first_paint(table: &mut Table, address: &str, visitor: &Visitor, size: Size) {
    let pages = [
        ("dashboard", "/dashboard".to_owned()),
        ("search", "/dashboard?q=tokyo".to_owned()),
        ("a host's page", format!("/hosts/{}", machine::host_id(size.seed, 17))),
        ("alerts", "/alerts".to_owned()),
    ];
    let paths: Vec<&str> = pages.iter().map(|(_, path)| path.as_str()).collect();
    match paint::measure(address, visitor.cookie(), &paths, PAINTS) {
        Ok(figures) => {
            for ((name, _), ms) in pages.iter().zip(figures) {
                table.row(&format!("first paint in Chromium, ms: {name}, {PAINTS} times"), &ms, GOAL_PAINT_MS);
            }
        }
        Err(why) => eprintln!("bench: first paint is not measured: {why}"),
    }
}
