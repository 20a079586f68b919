//! O2, the figures: what the hub can take, and what is left of it when twice as much is offered. Long; with `--release`.

use crate::process::{HubProcess, stopwatch};
use crate::seeded;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Hosts that are heard.
const HOSTS: usize = 1_000;
/// Hosts that fall silent while too much is offered.
const SILENT: usize = 200;
/// How long each part is measured.
const TIME: Duration = Duration::from_secs(8);
/// Threads of the client.
const THREADS: usize = 2;

/// What clients saw.
#[derive(Default)]
struct Seen {
    good: Vec<Duration>,
    refused: Vec<Duration>,
    other: usize,
}

impl Seen {
    fn add(&mut self, more: Seen) {
        self.good.extend(more.good);
        self.refused.extend(more.refused);
        self.other += more.other;
    }

    fn per_second(count: usize) -> f64 {
        count as f64 / TIME.as_secs_f64()
    }
}

/// When the next request is due: a clock that all connections share.
struct Pace {
    began: Instant,
    rate: Option<f64>,
    next: AtomicU64,
}

impl Pace {
    /// Waits for a turn; `None` when the time is over.
    async fn turn(&self) -> Option<()> {
        if let Some(rate) = self.rate {
            let due = self.began + Duration::from_secs_f64(self.next.fetch_add(1, Ordering::Relaxed) as f64 / rate);
            if due > stopwatch() {
                tokio::time::sleep_until(due.into()).await;
            }
        }
        (self.began.elapsed() < TIME).then_some(())
    }
}

/// Offers so much a second over so many connections, or as much as is answered.
fn offer(address: &str, connections: usize, rate: Option<f64>) -> Seen {
    let pace = Arc::new(Pace { began: stopwatch(), rate, next: AtomicU64::new(0) });
    let thread = |index: usize| {
        let (address, pace) = (address.to_owned(), pace.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let mut tasks = tokio::task::JoinSet::new();
                for n in (index..connections).step_by(THREADS) {
                    tasks.spawn(client(address.clone(), n, pace.clone()));
                }
                let mut seen = Seen::default();
                while let Some(done) = tasks.join_next().await {
                    seen.add(done.expect("no client panics"));
                }
                seen
            })
        })
    };
    let threads: Vec<_> = (0..THREADS).map(thread).collect();
    let mut seen = Seen::default();
    threads.into_iter().for_each(|thread| seen.add(thread.join().expect("no client panics")));
    seen
}

async fn client(address: String, n: usize, pace: Arc<Pace>) -> Seen {
    let mut seen = Seen::default();
    let mut stream = TcpStream::connect(&address).await.expect("the hub listens");
    stream.set_nodelay(true).expect("an option of every socket");
    let (mut buffer, mut host) = (vec![0; 4_096], n);
    while pace.turn().await.is_some() {
        host = (host + 7) % HOSTS;
        let request = format!("GET {} HTTP/1.1\r\nHost: t\r\n\r\n", seeded::path(host + 1));
        let began = stopwatch();
        let status = match stream.write_all(request.as_bytes()).await {
            Ok(()) => answer(&mut stream, &mut buffer).await,
            Err(_) => None,
        };
        match status {
            Some(200) => seen.good.push(began.elapsed()),
            Some(503) => seen.refused.push(began.elapsed()),
            _ => {
                seen.other += 1;
                break;
            }
        }
    }
    seen
}

/// The status of one answer, read to its end.
async fn answer(stream: &mut TcpStream, buffer: &mut [u8]) -> Option<u16> {
    let mut used = 0;
    loop {
        used += stream.read(&mut buffer[used..]).await.ok().filter(|read| *read > 0)?;
        let text = std::str::from_utf8(&buffer[..used]).ok()?;
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length: usize = head.split("content-length: ").nth(1)?.split("\r\n").next()?.parse().ok()?;
        if body.len() >= length {
            return head.get(9..12)?.parse().ok();
        }
    }
}

fn quantile(times: &mut [Duration], at: f64) -> Duration {
    times.sort_unstable();
    times.get(((times.len().max(1) - 1) as f64 * at) as usize).copied().unwrap_or_default()
}

/// How late each verdict was on disk, in milliseconds, as the hub logged it.
fn lags(hub: &HubProcess) -> Vec<f64> {
    hub.log().lines().filter_map(|line| line.split("on disk ").nth(1)?.split(' ').next()?.parse().ok()).collect()
}

#[test]
#[ignore = "figures of a quiet machine: make torture, with --release"]
fn at_twice_the_ceiling_most_of_it_remains_and_absence_is_still_seen() {
    for waiting in [20_000, 256] {
        let folder = seeded::folder(HOSTS + SILENT, |n| if n <= HOSTS { 86_400 } else { 26 + (n % 6) as i64 });
        std::fs::create_dir(folder.path().join("config")).expect("config/");
        let limits = format!("limits:\n  ingest_waiting_requests: {waiting}\n");
        std::fs::write(folder.path().join("config/settings.yaml"), limits).expect("settings.yaml");
        let hub = HubProcess::start(folder.path(), &[]);
        drop(offer(&hub.address, 200, None)); // a host's first heartbeat changes its state
        let mut peak = offer(&hub.address, 200, None);
        let ceiling = Seen::per_second(peak.good.len());
        let mut twice = offer(&hub.address, 2_000, Some(2.0 * ceiling));
        let offered = Seen::per_second(twice.good.len() + twice.refused.len());
        let goodput = Seen::per_second(twice.good.len());
        let lags = lags(&hub);
        let worst = lags.iter().copied().fold(0.0, f64::max);
        println!(
            "ingest_waiting_requests {waiting}: ceiling {ceiling:.0}/s (p99 {:?}); offered {offered:.0}/s over 2000 connections: \
             goodput {goodput:.0}/s = {:.0} % (p50 {:?}, p99 {:?}), refused {:.0}/s (p50 {:?}, p99 {:?}), other {}; {} verdicts, \
             the latest {worst:.0} ms after its deadline",
            quantile(&mut peak.good, 0.99),
            100.0 * goodput / ceiling,
            quantile(&mut twice.good, 0.5),
            quantile(&mut twice.good, 0.99),
            Seen::per_second(twice.refused.len()),
            quantile(&mut twice.refused, 0.5),
            quantile(&mut twice.refused, 0.99),
            twice.other,
            lags.len(),
        );
        assert_eq!((peak.other, twice.other), (0, 0), "every request is answered");
        assert!(goodput >= 0.5 * ceiling, "{goodput} of {ceiling}");
        assert!(!lags.is_empty() && worst <= 1_000.0, "{} verdicts, the latest {worst} ms late", lags.len());
    }
}
