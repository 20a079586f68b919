//! What supervision costs: messages through a supervised child against a plain actix actor, with and without somebody who
//! looks at a tree of 100,000 children ten times a second; and the memory of a child. Ratios within one run are what counts.

use actix::{Actor, Handler, Message, Supervised, System};
use actors::clock::Clock;
use actors::supervision::{Addr, Child, ChildId, ChildSpec, Context, Exit, Supervisor};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const CHILDREN: usize = 100_000;
/// Children of these with something to tell, so that a look has something to show.
const STORIES: usize = 1_000;
/// Messages between two answers that are waited for.
const BURST: u32 = 1_000;
const ROUND_MS: i64 = 1_000;
const LOOKS_A_SECOND: u32 = 10;

#[derive(Message)]
#[rtype(result = "u64")]
struct Add(u64);

#[derive(Message)]
#[rtype(result = "()")]
struct Panic;

struct Plain(u64);

impl Actor for Plain {
    type Context = actix::Context<Self>;
}

impl Handler<Add> for Plain {
    type Result = u64;
    fn handle(&mut self, add: Add, _: &mut actix::Context<Self>) -> u64 {
        self.0 += add.0;
        self.0
    }
}

struct Kept(u64);

impl Actor for Kept {
    type Context = Context<Self>;
}

impl Supervised for Kept {}

impl Child for Kept {}

impl Handler<Add> for Kept {
    type Result = u64;
    fn handle(&mut self, add: Add, _: &mut Context<Self>) -> u64 {
        self.0 += add.0;
        self.0
    }
}

impl Handler<Panic> for Kept {
    type Result = ();
    fn handle(&mut self, _: Panic, _: &mut Context<Self>) {
        panic!("a story")
    }
}

/// Messages a second: `burst` sends [`BURST`] of them and waits for the last.
async fn rate(clock: &Clock, burst: impl AsyncFn()) -> f64 {
    let (start, mut sent) = (clock.steady(), 0.0);
    loop {
        burst().await;
        sent += f64::from(BURST);
        let gone_ms = clock.steady().since_ms(start);
        if gone_ms >= ROUND_MS {
            return sent * 1_000.0 / gone_ms as f64;
        }
    }
}

async fn plain_rate(clock: &Clock, addr: &actix::Addr<Plain>) -> f64 {
    rate(clock, async || {
        (1..BURST).for_each(|_| addr.do_send(Add(1)));
        black_box(addr.send(Add(1)).await.expect("it lives"));
    })
    .await
}

async fn kept_rate(clock: &Clock, addr: &Addr<Kept>) -> f64 {
    rate(clock, async || {
        (1..BURST).for_each(|_| addr.do_send(Add(1)));
        black_box(addr.send(Add(1)).await.expect("it lives"));
    })
    .await
}

/// One message at a time, each answer waited for: every message is a turn of its own.
async fn turns(clock: &Clock, plain: &actix::Addr<Plain>, kept: &Addr<Kept>) -> (f64, f64) {
    let one = rate(clock, async || {
        for _ in 0..BURST {
            black_box(plain.send(Add(1)).await.expect("it lives"));
        }
    });
    let plain = one.await;
    let one = rate(clock, async || {
        for _ in 0..BURST {
            black_box(kept.send(Add(1)).await.expect("it lives"));
        }
    });
    (plain, one.await)
}

fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
    line.split_whitespace().next().and_then(|kib| kib.parse::<usize>().ok()).unwrap_or(0) * 1024
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Looks at the whole view ten times a second from a thread of its own, until told to stop.
struct Reader {
    stop: Arc<AtomicBool>,
    looks: Arc<AtomicU64>,
    thread: std::thread::JoinHandle<()>,
}

impl Reader {
    fn start(supervisor: &Supervisor) -> Reader {
        let (stop, looks, live) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)), supervisor.live());
        let (stopped, count) = (Arc::clone(&stop), Arc::clone(&looks));
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                black_box(live.groups());
                count.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(Duration::from_secs(1) / LOOKS_A_SECOND);
            }
        });
        Reader { stop, looks, thread }
    }

    fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        drop(self.thread.join());
        self.looks.load(Ordering::Relaxed)
    }
}

async fn measure(rounds: usize) {
    let clock = Clock::system();
    let before = resident_bytes();
    let many_plain: Vec<_> = (0..CHILDREN).map(|_| Plain(0).start()).collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let between = resident_bytes();
    let supervisor = Supervisor::start("bench", clock.clone(), Exit::process());
    let spec = Arc::new(ChildSpec::many("children"));
    let many: Vec<_> =
        (0..CHILDREN).map(|n| supervisor.spawn(&spec, ChildId::Key(format!("child-{n}").into()), |_| Kept(0))).collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let after = resident_bytes();
    println!(
        "bytes a child: plain actix {}, supervised {} (its id of about 28 bytes included)",
        (between - before) / CHILDREN,
        (after - between) / CHILDREN
    );
    for addr in &many[..STORIES] {
        let _ = addr.send(Panic).await;
    }

    let (plain, kept) = (&many_plain[0], &many[CHILDREN - 1]);
    let (mut quiet, mut watched, mut ratios, mut turn_ratios, mut looked) = (vec![], vec![], vec![], vec![], vec![]);
    for _ in 0..rounds {
        let bare = plain_rate(&clock, plain).await;
        let mine = kept_rate(&clock, kept).await;
        ratios.push(mine / bare);
        quiet.push(mine);
        let reader = Reader::start(&supervisor);
        let seen = kept_rate(&clock, kept).await;
        println!("  plain {bare:.0}/s, supervised {mine:.0}/s, watched {seen:.0}/s ({} looks)", reader.stop());
        looked.push(seen / mine);
        watched.push(seen);
        let (bare, mine) = turns(&clock, plain, kept).await;
        println!("  one at a time: plain {bare:.0}/s, supervised {mine:.0}/s");
        turn_ratios.push(mine / bare);
    }
    println!("messages a second, supervised: {:.0} (median of {rounds}), watched: {:.0}", median(quiet), median(watched));
    println!("supervised to plain, in bursts of {BURST}: {:.2}", median(ratios));
    println!("supervised to plain, one at a time: {:.2}", median(turn_ratios));
    println!("watched at {LOOKS_A_SECOND} Hz ({CHILDREN} children, {STORIES} with a story) to unwatched: {:.2}", median(looked));
}

fn main() {
    if std::env::args().any(|a| a == "--list" || a == "--test") {
        return; // cargo test asks; there is nothing to test here
    }
    std::panic::set_hook(Box::new(|_| ()));
    let rounds = std::env::var("BENCH_ROUNDS").ok().and_then(|s| s.parse().ok()).unwrap_or(5);
    System::new().block_on(measure(rounds));
}
