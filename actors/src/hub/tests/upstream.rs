//! The dead man's switch against a service in memory that keeps time as healthchecks does: it is told only while the hub works, and
//! when it is not told it raises the alarm.

use super::{Memory, World, life_with};
use crate::clock::Clock;
use crate::hub::NetParts;
use crate::outside::{Call, Caller};
use crate::settings::UpstreamDraft;
use crate::upstream::UpstreamParts;
use domain::host::Status;
use futures_util::future::LocalBoxFuture;
use serde_json::json;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;
use store::TempFolder;

const CHECK: &str = "https://hc-ping.com/3c5b4a86-1b1c-4ab4-8d0e-5a3a7bd5c2a1";
/// What the check at the service is set to.
const PERIOD_S: i64 = 300;
const GRACE_S: i64 = 120;

/// healthchecks: a check is up after a success, down after a failure, and down when period and grace are over.
#[derive(Clone)]
struct Service(Rc<ServiceState>);

struct ServiceState {
    clock: RefCell<Option<Clock>>,
    zero: i64,
    pings: RefCell<Vec<(i64, Call)>>,
    gone: Cell<bool>,
}

impl Service {
    fn new() -> Service {
        let state = ServiceState {
            clock: RefCell::default(),
            zero: 1_795_420_800_000,
            pings: RefCell::default(),
            gone: Cell::new(false),
        };
        Service(Rc::new(state))
    }

    fn parts(&self, clock: &Clock) -> NetParts {
        *self.0.clock.borrow_mut() = Some(clock.clone());
        let service = self.clone();
        let caller = Box::new(move || Rc::new(service.clone()) as Rc<dyn Caller>);
        NetParts { upstream: Some(UpstreamParts { caller }), ..NetParts::default() }
    }

    /// Seconds at which a success came.
    fn successes(&self) -> Vec<i64> {
        self.0.pings.borrow().iter().filter(|(_, call)| call.url == CHECK).map(|(at, _)| *at).collect()
    }

    /// What failures said, with their second.
    fn failures(&self) -> Vec<(i64, String)> {
        let failed = |(at, call): &(i64, Call)| Some((*at, call.body.clone().filter(|_| call.url == format!("{CHECK}/fail"))?));
        self.0.pings.borrow().iter().filter_map(failed).collect()
    }

    /// When it raises the alarm, if it is asked at `second`: after a failure at once, after a silence when that is too long.
    fn alarms(&self, second: i64) -> Vec<i64> {
        let (mut alarms, mut due, mut down) = (Vec::new(), None::<i64>, false);
        for (at, call) in self.0.pings.borrow().iter().filter(|(at, _)| *at <= second) {
            if let Some(late) = due.filter(|late| late < at && !down) {
                alarms.push(late);
                down = true;
            }
            let well = call.url == CHECK;
            if !well && !down {
                alarms.push(*at);
            }
            (down, due) = (!well, well.then_some(at + PERIOD_S + GRACE_S));
        }
        alarms.extend(due.filter(|late| *late < second && !down));
        alarms
    }
}

impl Caller for Service {
    fn call(&self, call: Call) -> LocalBoxFuture<'static, Result<(), String>> {
        if self.0.gone.get() {
            return Box::pin(async { Err("no connection".to_owned()) });
        }
        let now = self.0.clock.borrow().as_ref().expect("a clock").steady().0;
        self.0.pings.borrow_mut().push(((now - self.0.zero) / 1_000, call));
        Box::pin(async { Ok(()) })
    }
}

impl World {
    async fn upstream(&self, draft: serde_json::Value) {
        let draft: UpstreamDraft = serde_json::from_value(draft).unwrap();
        let hub = &self.running.hub;
        hub.settings().set_upstream(hub.db(), &draft, "ana", hub.now().wall).await.unwrap();
    }
}

impl World {
    /// The writer takes nothing, as on a disk that was mounted anew for reading only.
    async fn query_only(&self) {
        // Its own batch already takes part in it.
        drop(self.running.hub.db().write("query only", |tx| Ok(tx.execute_batch("PRAGMA query_only = ON")?)).await);
    }
}

fn story(tell: impl AsyncFnOnce(&World, &Service)) {
    let (folder, service) = (TempFolder::new().unwrap(), Service::new());
    life_with(
        &folder,
        0,
        Memory::default(),
        |clock: &Clock| service.parts(clock),
        async |w| {
            w.upstream(json!({"enabled": true, "url": CHECK, "interval_seconds": PERIOD_S})).await;
            tell(w, &service).await;
        },
    );
}

#[test]
fn it_is_told_every_interval_once_the_canary_was_seen_to_die_and_not_before() {
    story(async |w, service| {
        w.at(3_600).await;
        let told = service.successes();
        assert!((30..60).contains(&told[0]), "{told:?}");
        assert!(told.len() == 12 && told.windows(2).all(|pair| (300..=302).contains(&(pair[1] - pair[0]))), "{told:?}");
        assert_eq!((service.failures(), service.alarms(3_600)), (vec![], vec![]));
    });
}

#[test]
fn a_hub_that_was_off_for_ten_minutes_alerts_nobody_and_its_watcher_has_raised_the_alarm() {
    let (folder, service) = (TempFolder::new().unwrap(), Service::new());
    life_with(
        &folder,
        0,
        Memory::default(),
        |clock: &Clock| service.parts(clock),
        async |w| {
            w.upstream(json!({"enabled": true, "url": CHECK, "interval_seconds": PERIOD_S})).await;
            w.host("nas", "").await;
            for second in [10, 300, 590] {
                w.at(second).await.beat("nas").await;
            }
            w.at(600).await;
        },
    );
    life_with(
        &folder,
        1_200,
        Memory::default(),
        |clock: &Clock| service.parts(clock),
        async |w| {
            for second in [1_210, 1_500, 1_790] {
                assert_eq!(w.at(second).await.status("nas").await, Status::Up);
                w.beat("nas").await;
            }
            assert_eq!(w.said(), Vec::<String>::new(), "no false alert");
            assert_eq!(w.status("nas").await, Status::Up);
            let told = service.successes();
            assert!(!told.iter().any(|at| (600..1_230).contains(at)), "silent while off, and until it is proved again: {told:?}");
            let alarms = service.alarms(1_800);
            assert!(alarms.len() == 1 && (600..1_200).contains(&alarms[0]), "{alarms:?} after {told:?}");
            assert!(told.iter().any(|at| (1_230..1_300).contains(at)), "{told:?}");
        },
    );
}

#[test]
fn a_hub_that_was_stopped_tells_one_new_success_and_no_old_one() {
    story(async |w, service| {
        w.at(600).await;
        let before = service.successes().len();
        tokio::time::advance(Duration::from_secs(600)).await;
        w.at(1_205).await;
        assert!(service.successes().len() <= before + 1, "{:?}", service.successes());
        w.at(1_400).await;
        let after: Vec<i64> = service.successes().split_off(before);
        assert!(after.len() == 1 && after[0] >= 1_200, "{after:?}");
        assert_eq!(service.alarms(1_400).len(), 1);
    });
}

#[test]
fn what_could_not_be_sent_is_not_sent_later() {
    story(async |w, service| {
        w.at(400).await;
        service.0.gone.set(true);
        let before = service.successes().len();
        w.at(3_000).await;
        assert!(w.running.hub.upstream().last_call.is_some_and(|(_, error)| error.as_deref() == Some("no connection")));
        service.0.gone.set(false);
        w.at(3_040).await;
        assert_eq!(service.successes().len(), before + 1, "one, about now");
        w.at(3_200).await;
        assert_eq!(service.successes().len(), before + 1);
    });
}

#[test]
fn an_alert_that_nobody_gets_is_told_as_a_failure_with_its_reason() {
    story(async |w, service| {
        w.host("nas", "").await;
        w.at(10).await.beat("nas").await;
        w.said.1.cut.set(true);
        w.at(1_000).await;
        let failures = service.failures();
        assert!(!failures.is_empty() && failures[0].1.contains("an alert has not been delivered"), "{failures:?}");
        let first = failures[0].0;
        assert!(first >= 370 + 300 && !service.successes().iter().any(|at| *at >= first), "{:?}", service.successes());
        assert!(!w.running.hub.upstream().silent_because.is_empty());
        w.said.1.cut.set(false);
        w.at(1_700).await;
        assert!(service.successes().iter().any(|at| *at > 1_000), "well again");
        assert_eq!(service.alarms(1_700).len(), 1);
    });
}

#[test]
fn a_store_that_takes_nothing_ends_the_successes() {
    story(async |w, service| {
        w.at(200).await;
        w.query_only().await;
        w.at(1_200).await;
        let told = service.successes();
        assert!(told.iter().all(|at| *at < 220), "{told:?}");
        let failures = service.failures();
        assert!(failures.iter().any(|(_, why)| why.contains("the last commit is")), "{failures:?}");
    });
}

#[test]
fn settings_count_at_once_and_without_a_restart() {
    story(async |w, service| {
        w.at(100).await;
        w.upstream(json!({"interval_seconds": 60, "method": "POST"})).await;
        w.at(400).await;
        let told = service.successes();
        assert!(told.len() >= 6, "{told:?}");
        assert_eq!(service.0.pings.borrow().last().unwrap().1.method.as_str(), "POST");
        w.upstream(json!({"enabled": false})).await;
        let count = service.successes().len();
        w.at(1_000).await;
        assert_eq!(service.successes().len(), count);
        w.upstream(json!({"enabled": true, "url": "http://kuma.lan/api/push/abc"})).await;
        w.at(1_100).await;
        let last = service.0.pings.borrow().last().unwrap().1.url.clone();
        assert_eq!(last, "http://kuma.lan/api/push/abc?status=up&msg=OK");
    });
}

#[test]
fn the_canary_is_in_no_list_no_message_and_no_history() {
    story(async |w, _| {
        w.host("nas", "").await;
        for second in (10..1_200).step_by(60) {
            w.at(second).await.beat("nas").await;
        }
        let hub = &w.running.hub;
        assert_eq!(w.said(), Vec::<String>::new());
        assert_eq!(hub.roster().len(), 1);
        let (events, alerts, beats, status) = hub
            .db()
            .read(|conn| {
                let events = store::events::list(conn, None, None, 100)?.events.len();
                let alerts = store::alerts::list(conn, &store::alerts::AlertFilter::default())?.alerts.len();
                let of_canary = "SELECT count(*) FROM heartbeats WHERE host_id = 0";
                let beats: i64 = conn.query_row(of_canary, [], |row| row.get(0))?;
                let status: String = conn.query_row("SELECT status FROM canary", [], |row| row.get(0))?;
                Ok((events, alerts, beats, status))
            })
            .await
            .unwrap();
        assert!(events <= 2 && alerts == 0 && beats == 0, "{events} events, {alerts} alerts, {beats} beats");
        assert!(["up", "down"].contains(&status.as_str()));
    });
}
