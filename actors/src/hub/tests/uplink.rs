//! The uplink is cut while hosts are watched: what is held, what is told, and when. In virtual time, over a network in memory.

use super::{Memory, World, life_with};
use crate::clock::Clock;
use crate::hub::NetParts;
use crate::internet::{EVERY_S, InternetParts};
use crate::outside::{Call, Caller};
use crate::probe::Probes;
use domain::host::Status;
use domain::signal::Signal;
use domain::uplink::{Dns, Gateway, Probe, Round, Verdict, Web};
use futures_util::future::LocalBoxFuture;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;
use store::TempFolder;

const REMOTE: &str = "203.0.113.7";
const LOCAL: &str = "192.168.1.7";
const CHECK: &str = "https://hc-ping.com/3c5b4a86-1b1c-4ab4-8d0e-5a3a7bd5c2a1";

/// The way outside.
#[derive(Clone, Default)]
struct Way(Rc<WayState>);

#[derive(Default)]
struct WayState {
    cut: Cell<bool>,
    /// How many of the next rounds lose everything.
    lost: Cell<u32>,
    /// Probes hang for ever.
    hangs: Cell<bool>,
    rounds: Cell<u32>,
    calls: RefCell<Vec<Call>>,
}

impl Way {
    fn parts(&self, report_to: Option<&str>) -> NetParts {
        let (probes, caller) = (self.clone(), self.clone());
        let internet = InternetParts {
            probes: Box::new(move || Rc::new(probes.clone())),
            caller: Box::new(move || Rc::new(caller.clone())),
            report_to: report_to.map(str::to_owned),
            every_s: EVERY_S,
        };
        NetParts { internet: Some(internet), ..NetParts::default() }
    }

    fn is_dead(&self) -> bool {
        let lost = self.0.lost.get();
        self.0.lost.set(lost.saturating_sub(1));
        self.0.cut.get() || lost > 0
    }

    fn calls(&self) -> Vec<String> {
        self.0.calls.borrow().iter().map(|call| call.url.rsplit('/').next().unwrap_or_default().to_owned()).collect()
    }
}

impl Probes for Way {
    fn round(&self) -> LocalBoxFuture<'static, Round> {
        self.0.rounds.set(self.0.rounds.get() + 1);
        let (dead, hangs) = (self.is_dead(), self.0.hangs.get());
        Box::pin(async move {
            let wait = if hangs { Duration::from_secs(86_400) } else { Duration::from_millis(if dead { 4_000 } else { 60 }) };
            tokio::time::sleep(wait).await;
            let no = || "4000 ms".to_owned();
            let dns = if dead { Dns::Silent(no()) } else { Dns::Resolved(9) };
            let web = if dead { Web::NoName(no()) } else { Web::AsExpected(30) };
            Round {
                dns: vec![Probe { target: "1.1.1.1".into(), heard: dns }],
                web: vec![Probe { target: "http://probe.example/".into(), heard: web }],
                gateway: Some(Probe { target: "192.168.1.1".into(), heard: Gateway::Answered("ping", 1) }),
                ..Round::default()
            }
        })
    }
}

impl Caller for Way {
    fn call(&self, call: Call) -> LocalBoxFuture<'static, Result<(), String>> {
        if !self.0.cut.get() {
            self.0.calls.borrow_mut().push(call);
        }
        let cut = self.0.cut.get();
        Box::pin(async move { if cut { Err("no connection".to_owned()) } else { Ok(()) } })
    }
}

/// A story with an uplink that can be cut: for the hub's probes, for Discord and for whoever is remote.
fn story(tell: impl AsyncFnOnce(&World, &Way)) {
    let (folder, way) = (TempFolder::new().unwrap(), Way::default());
    let net = way.parts(None);
    life_with(&folder, 0, Memory::default(), |_: &Clock| net, async |w| tell(w, &way).await);
}

impl World {
    async fn heard(&self, name: &str, from: &str) {
        self.signal_from(Some(from), name, Signal::Success).await.unwrap();
    }

    fn cut(&self, way: &Way, cut: bool) {
        way.0.cut.set(cut);
        self.said.1.cut.set(cut);
    }

    fn verdict(&self) -> Option<Verdict> {
        self.running.hub.uplink().map(|seen| seen.judged.verdict)
    }
}

/// Names in the messages about hosts that are down, each message of its own or in a digest.
fn down_in(said: &Memory) -> BTreeSet<String> {
    let bodies = said.1.bodies.borrow();
    let texts = bodies.iter().filter(|body| body["embeds"][0]["title"] == "Alert: Host Down").map(ToString::to_string);
    texts.flat_map(|text| (0..20).map(name).filter(|name| text.contains(name.as_str())).collect::<Vec<_>>()).collect()
}

fn name(n: usize) -> String {
    format!("host-{n:02}")
}

/// Nine of twenty hosts are remote. Four of those die while the uplink is cut, five call again afterwards.
#[test]
fn fourteen_minutes_without_an_uplink_are_one_message_and_then_exactly_the_dead() {
    const CUT: i64 = 1_000;
    const BACK: i64 = CUT + 14 * 60;
    const END: i64 = BACK + 1_200;
    story(async |w, way| {
        for n in 0..20 {
            w.host(&name(n), "").await;
        }
        for second in (10..END).step_by(10) {
            w.at(second).await;
            w.cut(way, (CUT..BACK).contains(&second));
            for n in (0..20_usize).filter(|n| second % 300 == (*n as i64 + 1) * 10) {
                let (remote, dead) = (n < 9, n < 4 && second >= CUT);
                let cut_off = remote && (CUT..BACK).contains(&second);
                if !dead && !cut_off {
                    w.heard(&name(n), if remote { REMOTE } else { LOCAL }).await;
                }
            }
            if second == BACK - 10 {
                assert_eq!(w.said(), Vec::<String>::new(), "nothing could be told");
                for n in 0..20 {
                    assert_eq!(w.status(&name(n)).await, Status::Up, "{} was judged in the outage", name(n));
                }
                let open = w.running.hub.db().read(store::alerts::count_open).await.unwrap();
                assert_eq!(open, 1, "the uplink alone");
                assert_eq!(w.verdict(), Some(Verdict::Isp));
            }
        }
        let said = w.said();
        let about = |word: &str| said.iter().filter(|title| title.contains(word)).count();
        assert_eq!((about("Internet"), about("Alert: Host Down"), said.len()), (1, 4, 5), "{said:?}");
        let told = w.said.1.bodies.borrow()[0].to_string();
        assert!(said[0] == "Resolved: Internet Down" && told.contains("9 hosts unjudged"), "{told}");
        // Nobody was due before the round at 08:20, so nobody asked earlier.
        assert!(told.contains("uplink down 08:20 to 08:31 UTC (isp)"), "{told}");
        assert_eq!(down_in(&w.said), (0..4).map(name).collect());
        for n in 0..20 {
            let expected = if n < 4 { Status::Down } else { Status::Up };
            assert_eq!(w.status(&name(n)).await, expected, "{}", name(n));
        }
        let page = w.running.hub.db().read(|conn| store::outages::list(conn, None, 10)).await.unwrap();
        assert_eq!((page.outages.len(), page.outages[0].verdict, page.outages[0].unjudged), (1, Verdict::Isp, Some(9)));
    });
}

#[test]
fn a_dead_remote_host_is_told_within_a_second_of_its_deadline_while_the_uplink_works() {
    story(async |w, way| {
        w.host("web", "").await;
        w.at(10).await.heard("web", REMOTE).await;
        let before = way.0.rounds.get();
        assert_eq!(w.at(369).await.status("web").await, Status::Up);
        assert_eq!(w.at(371).await.status("web").await, Status::Down);
        assert!(way.0.rounds.get() > before, "the uplink was asked first");
        assert_eq!(w.said(), ["Alert: Host Down"]);
    });
}

#[test]
fn a_host_of_the_local_network_is_judged_in_an_outage_and_its_tag_decides_otherwise() {
    story(async |w, way| {
        w.host("near", "").await;
        w.host("tagged", r#","tags":["uplink"]"#).await;
        w.host("vpn", r#","tags":["no-uplink"]"#).await;
        w.at(10).await;
        w.heard("near", LOCAL).await;
        w.heard("tagged", LOCAL).await;
        w.heard("vpn", REMOTE).await;
        w.at(20).await.cut(way, true);
        assert_eq!(w.at(372).await.status("near").await, Status::Down);
        assert_eq!(w.status("vpn").await, Status::Down);
        assert_eq!(w.at(600).await.status("tagged").await, Status::Up);
        let said = w.running.hub.explain("tagged").await.unwrap().text;
        assert!(said.ends_with("not judged while the uplink is down"), "{said}");
        w.cut(way, false);
        assert_eq!(w.at(900).await.status("tagged").await, Status::Up);
        assert_eq!(w.at(1_000).await.status("tagged").await, Status::Down, "silent for longer than allowed since then");
    });
}

#[test]
fn one_lost_round_is_no_outage_and_costs_a_dead_host_some_seconds() {
    story(async |w, way| {
        w.host("web", "").await;
        w.at(10).await.heard("web", REMOTE).await;
        w.at(365).await;
        way.0.lost.set(1);
        assert_eq!(w.at(374).await.status("web").await, Status::Up, "the uplink is in doubt");
        assert_eq!(w.at(385).await.status("web").await, Status::Down);
        assert_eq!(w.said(), ["Alert: Host Down"]);
        assert_eq!(w.running.hub.db().read(store::outages::lasting).await.unwrap(), None);
    });
}

#[test]
fn a_monitor_that_hangs_silences_nobody() {
    story(async |w, way| {
        w.host("web", "").await;
        w.at(10).await.heard("web", REMOTE).await;
        way.0.hangs.set(true);
        assert_eq!(w.at(400).await.status("web").await, Status::Down);
    });
}

#[test]
fn an_outage_outlives_the_hub_and_ends_in_its_next_life() {
    let (folder, said) = (TempFolder::new().unwrap(), Memory::default());
    let way = Way::default();
    life_with(
        &folder,
        0,
        said.clone(),
        |_: &Clock| way.parts(None),
        async |w| {
            w.host("web", "").await;
            w.at(10).await.heard("web", REMOTE).await;
            w.at(20).await.cut(&way, true);
            w.at(350).await;
        },
    );
    life_with(
        &folder,
        400,
        said.clone(),
        |_: &Clock| way.parts(None),
        async |w| {
            assert_eq!(w.at(1_500).await.status("web").await, Status::Up, "held since the first life");
            w.cut(&way, false);
            w.at(1_560).await;
            assert_eq!(w.said(), ["Resolved: Internet Down"], "one incident over both lives");
        },
    );
    life_with(
        &folder,
        1_600,
        said,
        |_: &Clock| way.parts(None),
        async |w| {
            assert_eq!(w.at(1_850).await.status("web").await, Status::Up, "a start replays the gap");
            assert_eq!(w.at(1_970).await.status("web").await, Status::Down);
        },
    );
}

#[test]
fn the_outside_service_hears_success_failure_and_no_doubt() {
    let (folder, way) = (TempFolder::new().unwrap(), Way::default());
    let net = way.parts(Some(CHECK));
    life_with(
        &folder,
        0,
        Memory::default(),
        |_: &Clock| net,
        async |w| {
            let id = CHECK.rsplit('/').next().unwrap();
            w.at(610).await;
            assert_eq!(way.calls(), [id; 3], "at the start and every five minutes");
            way.0.lost.set(1);
            w.at(905).await;
            assert_eq!(way.calls().len(), 3, "a doubt is not told");
            w.at(910).await;
            assert_eq!(way.calls(), [id; 4]);
            way.0.lost.set(3); // the calls get through: names fail, say
            w.at(1_300).await;
            assert_eq!(way.calls()[4..], ["fail", id]);
            let fail = way.0.calls.borrow()[4].clone();
            assert!(fail.body.is_some_and(|body| body.starts_with("isp: ")));
        },
    );
}

#[test]
fn where_nobody_watches_the_uplink_hosts_are_judged_as_ever() {
    let folder = TempFolder::new().unwrap();
    life_with(
        &folder,
        0,
        Memory::default(),
        |_: &Clock| NetParts::default(),
        async |w| {
            w.host("web", "").await;
            w.at(10).await.heard("web", REMOTE).await;
            assert_eq!(w.at(371).await.status("web").await, Status::Down);
        },
    );
}
