//! The SpeedActor: how fast the uplink is, told from a test against a server of the user's own. Off unless one is set; never while the
//! uplink is down or in doubt; an alert when two tests in a row are below what the user expects.

mod http;
mod iperf;

use crate::host::Bench;
use crate::outside::LocalOrigins;
use crate::supervision::{Child, Context};
use actix::prelude::*;
use domain::host::Severity;
use domain::incident::{AlertType, Cause, Facts, NewIncident};
use domain::time::Now;
use futures_util::future::LocalBoxFuture;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use store::speed::SpeedTest;
use store::{Transaction, alerts};

/// After the start, so that a hub that restarts often measures no more often for it.
const FIRST_MS: u64 = 120_000;
/// How long the uplink may be down or in doubt before the test is tried again.
const WAIT_MS: u64 = 60_000;
/// A test takes no longer than this: two directions of ten seconds, and what connecting costs.
const TEST_MOST_MS: u64 = 60_000;
/// Tests in a row below a threshold before anybody is told: one may have met a backup that was running.
const SLOW_TESTS: u32 = 2;
/// The same for every time, so that there is one incident at a time.
const MESSAGE: &str = "The internet uplink is slow";

/// How a server is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Downloads a file.
    Http,
    /// LibreSpeed: downloads `garbage.php`, uploads to `empty.php`.
    LibreSpeed,
    /// Runs the `iperf3` of this machine against an iperf3 server.
    Iperf3,
}

impl Method {
    /// The word of the settings and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Http => "http",
            Method::LibreSpeed => "librespeed",
            Method::Iperf3 => "iperf3",
        }
    }

    /// The method that `word` names.
    pub fn parse(word: &str) -> Option<Method> {
        [Method::Http, Method::LibreSpeed, Method::Iperf3].into_iter().find(|method| method.as_str() == word)
    }
}

/// What is measured, how often, and what is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// How.
    pub method: Method,
    /// Of whom: a URL, or for iperf3 a host and perhaps a port.
    pub server: String,
    /// Between two tests, in seconds.
    pub every_s: u32,
    /// Slower towards the hub than this is told.
    pub least_down_kbit_s: Option<i64>,
    /// Slower away from the hub than this is told.
    pub least_up_kbit_s: Option<i64>,
}

/// What a test measured, in kbit/s; a direction that the method does not know is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Speed {
    /// Towards the hub.
    pub down_kbit_s: Option<i64>,
    /// Away from the hub.
    pub up_kbit_s: Option<i64>,
}

/// Measures once; tests put figures without sockets here.
pub trait Meter {
    /// One test; the error says why there is no figure, without the server's URL.
    fn measure(&self) -> LocalBoxFuture<'static, Result<Speed, String>>;
}

/// What it is made of.
pub struct SpeedParts {
    /// What is measured.
    pub plan: Plan,
    /// Makes the meter, on the actor's own thread.
    pub meter: Box<dyn Fn() -> Rc<dyn Meter>>,
}

impl SpeedParts {
    /// Over real sockets; `local` are the servers on this machine that may be asked.
    pub fn real(plan: Plan, local: LocalOrigins, clock: crate::clock::Clock) -> SpeedParts {
        let (method, server) = (plan.method, plan.server.clone());
        let meter = move || -> Rc<dyn Meter> {
            match method {
                Method::Iperf3 => Rc::new(iperf::Iperf::new(&server)),
                Method::Http | Method::LibreSpeed => {
                    Rc::new(http::Download::new(method == Method::LibreSpeed, &server, local.clone(), clock.clone()))
                }
            }
        };
        SpeedParts { plan, meter: Box::new(meter) }
    }
}

/// The speed test.
pub struct SpeedActor {
    bench: Arc<Bench>,
    parts: SpeedParts,
    /// Tests in a row below a threshold.
    slow: u32,
    /// Something may be open: a start does not know.
    told: bool,
}

impl SpeedActor {
    /// A speed test by this plan.
    pub fn new(bench: Arc<Bench>, parts: SpeedParts) -> SpeedActor {
        SpeedActor { bench, parts, slow: 0, told: true }
    }

    fn test(&mut self, ctx: &mut Context<Self>) {
        if self.bench.db.uplink().is_impaired() {
            ctx.run_later(Duration::from_millis(WAIT_MS), Self::test);
            return;
        }
        let meter = (self.parts.meter)();
        let measured = async move {
            let limit = Duration::from_millis(TEST_MOST_MS);
            tokio::time::timeout(limit, meter.measure()).await.unwrap_or_else(|_| Err(format!("no end within {TEST_MOST_MS} ms")))
        };
        ctx.spawn(measured.into_actor(self).map(|done, actor, ctx| actor.keep(done, ctx)));
    }

    fn keep(&mut self, done: Result<Speed, String>, ctx: &mut Context<Self>) {
        ctx.run_later(Duration::from_secs(self.parts.plan.every_s.into()), Self::test);
        let now = self.bench.clock.now();
        let news = self.news(&done, now);
        let (speed, error) = match done {
            Ok(speed) => (speed, None),
            Err(e) => {
                log::warn!("speed test: {e}");
                (Speed::default(), Some(e))
            }
        };
        let test = SpeedTest {
            at: now.wall,
            method: self.parts.plan.method.as_str().to_owned(),
            down_kbit_s: speed.down_kbit_s,
            up_kbit_s: speed.up_kbit_s,
            error,
        };
        let db = self.bench.db.clone();
        let stored = async move {
            db.write_news("speed test", move |tx| {
                store::speed::append(tx, &test)?;
                news.tell(tx, now)
            })
            .await
        };
        ctx.spawn(stored.into_actor(self).map(|done, actor, _| {
            if let Err(e) = done {
                log::error!("speed test: its result was not stored: {e}");
                actor.told = true; // what is open is not known: the next test says it again
            }
        }));
    }

    /// What the test changes: a test that failed says nothing about the speed.
    fn news(&mut self, done: &Result<Speed, String>, now: Now) -> News {
        let Ok(speed) = done else { return News::None };
        let Some(why) = slower(speed, &self.parts.plan) else {
            self.slow = 0;
            let over = std::mem::take(&mut self.told);
            return if over { News::Over(in_words(speed)) } else { News::None };
        };
        self.slow = self.slow.saturating_add(1);
        if self.slow < SLOW_TESTS {
            return News::None;
        }
        self.told = true;
        News::Slow(Box::new(incident(&why, now)))
    }
}

enum News {
    None,
    Slow(Box<NewIncident>),
    Over(String),
}

impl News {
    fn tell(self, tx: &Transaction<'_>, now: Now) -> Result<(), store::StoreError> {
        match self {
            News::None => Ok(()),
            News::Slow(incident) => alerts::open(tx, None, &incident, now).map(drop),
            News::Over(text) => match alerts::find_open(tx, None, AlertType::Internet, MESSAGE)? {
                Some(alert) => alerts::resolve(tx, alert, &text, now).map(drop),
                None => Ok(()),
            },
        }
    }
}

/// Which direction is slower than expected, in words.
fn slower(speed: &Speed, plan: &Plan) -> Option<String> {
    let below = |name: &str, measured: Option<i64>, least: Option<i64>| {
        let (measured, least) = (measured?, least?);
        (measured < least).then(|| format!("{name} {} Mbit/s, expected are {}", mbit(measured), mbit(least)))
    };
    let both = [below("down", speed.down_kbit_s, plan.least_down_kbit_s), below("up", speed.up_kbit_s, plan.least_up_kbit_s)];
    let all: Vec<String> = both.into_iter().flatten().collect();
    (!all.is_empty()).then(|| all.join("; "))
}

fn in_words(speed: &Speed) -> String {
    let part = |name: &str, kbit: Option<i64>| kbit.map(|kbit| format!("{name} {} Mbit/s", mbit(kbit)));
    let parts: Vec<String> = [part("down", speed.down_kbit_s), part("up", speed.up_kbit_s)].into_iter().flatten().collect();
    format!("as fast as expected: {}", parts.join(", "))
}

/// `12.3`.
fn mbit(kbit: i64) -> String {
    format!("{}.{}", kbit / 1_000, kbit % 1_000 / 100)
}

/// kbit/s of so many bytes in so many milliseconds.
fn kbit_s(bytes: u64, ms: i64) -> i64 {
    let bits = i64::try_from(bytes.saturating_mul(8)).unwrap_or(i64::MAX);
    bits / ms.max(1)
}

fn incident(why: &str, now: Now) -> NewIncident {
    let facts = Facts {
        host_id: None,
        host_name: String::new(),
        cause: Cause::Hub,
        last_seen_at: None,
        expected_every_s: 0,
        grace_s: 0,
        deadline_at: None,
        detected_at: now.wall,
        why: format!("{MESSAGE}: {why}"),
    };
    NewIncident { alert_type: AlertType::Internet, severity: Severity::Warning, message: MESSAGE.to_owned(), facts }
}

impl Actor for SpeedActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.run_later(Duration::from_millis(FIRST_MS), Self::test);
    }
}

impl Supervised for SpeedActor {}

impl Child for SpeedActor {}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(down: Option<i64>, up: Option<i64>) -> Plan {
        let server = "https://speed.lan/file".to_owned();
        Plan { method: Method::Http, server, every_s: 3_600, least_down_kbit_s: down, least_up_kbit_s: up }
    }

    #[test]
    fn only_what_was_measured_and_is_expected_can_be_too_slow() {
        let speed = Speed { down_kbit_s: Some(49_999), up_kbit_s: None };
        assert_eq!(slower(&speed, &plan(None, None)), None);
        assert_eq!(slower(&speed, &plan(Some(49_999), Some(10_000))), None);
        let why = slower(&speed, &plan(Some(50_000), None)).unwrap();
        assert_eq!(why, "down 49.9 Mbit/s, expected are 50.0");
    }

    #[test]
    fn figures_are_bits_of_bytes() {
        assert_eq!(kbit_s(1_250_000, 1_000), 10_000);
        assert_eq!((kbit_s(0, 0), kbit_s(u64::MAX, 1)), (0, i64::MAX));
        assert_eq!(
            in_words(&Speed { down_kbit_s: Some(100_250), up_kbit_s: Some(9_040) }),
            "as fast as expected: down 100.2 Mbit/s, up 9.0 Mbit/s"
        );
    }

    #[test]
    fn every_word_names_its_method() {
        for method in [Method::Http, Method::LibreSpeed, Method::Iperf3] {
            assert_eq!(Method::parse(method.as_str()), Some(method));
        }
        assert_eq!(Method::parse("ookla"), None);
    }
}
