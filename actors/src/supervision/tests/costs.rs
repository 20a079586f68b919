//! The view of large groups, names in panics, and what a child costs.

use super::super::life::Life;
use super::super::member::Member;
use super::super::*;
use super::stage::*;
use actix::dev::ContextFut;
use domain::restart::Restart;
use std::collections::HashSet;

#[test]
fn healthy_children_of_a_large_group_are_counted_not_listed() {
    at_rest(async {
        let stage = Stage::new();
        let hosts = Arc::new(ChildSpec::many("host"));
        let addrs: Vec<_> = (0..1_000)
            .map(|n| {
                let player = Player { name: n.to_string(), script: stage.script.clone(), sum: 0, tick: None };
                stage.supervisor.spawn(&hosts, ChildId::Key(n.to_string().into()), |_| player)
            })
            .collect();
        let _db = stage.spawn(&core("db", Restart::Permanent), "db");
        assert_eq!(stage.child("db").state, State::Starting);
        pass(1).await;
        addrs[77].send(Boom("x")).await.unwrap_err();
        pass(1).await;
        let live = stage.supervisor.live();
        let read_elsewhere = std::thread::spawn(move || (live.groups()[0].children, live.children())).join().unwrap();
        assert_eq!(read_elsewhere.0, 1_000);
        let ids: HashSet<_> = read_elsewhere.1.iter().map(|child| child.id.to_string()).collect();
        assert_eq!(ids, HashSet::from(["77".to_owned(), "db".to_owned()]));
        let json = serde_json::to_value(stage.child("77")).unwrap();
        assert_eq!((&json["group"], &json["id"], &json["state"]), (&"host".into(), &"77".into(), &"running".into()));
    });
}

#[test]
fn with_the_hook_a_reason_names_its_place() {
    name_children_in_panics();
    at_rest(async {
        let stage = Stage::new();
        let a = stage.spawn(&core("a", Restart::Permanent), "a");
        a.send(Boom("x")).await.unwrap_err();
        let reason = stage.child("a").last_reason.unwrap();
        assert!(reason.starts_with("x (") && reason.contains("stage.rs:"), "{reason}");
    });
}

#[test]
fn a_healthy_child_costs_less_than_200_bytes_beyond_actix() {
    let own = size_of::<Life<Player>>() - size_of::<ContextFut<Player, Context<Player>>>();
    let member = size_of::<Member>() + 2 * size_of::<usize>();
    let index = 2 * (size_of::<usize>() + 1);
    println!(
        "life {own} B + member {member} B + index at most {index} B; actix: {} B",
        size_of::<ContextFut<Player, Context<Player>>>()
    );
    assert!(own + member + index < 200);
}

fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

struct Plain;
impl Actor for Plain {
    type Context = actix::Context<Self>;
}

pub(super) struct Bare;
impl Actor for Bare {
    type Context = Context<Self>;
}
impl Supervised for Bare {}
impl Child for Bare {}

const MANY: usize = 100_000;

#[test]
#[ignore = "a measurement: run it alone with --release -- --ignored --nocapture"]
fn measure_100_000_children() {
    at_rest(async {
        let before = resident_kib();
        let plain: Vec<_> = (0..MANY).map(|_| Plain.start()).collect();
        pass(1).await;
        let middle = resident_kib();
        let stage = Stage::new();
        let spec = Arc::new(ChildSpec::many("host"));
        let began = stage.clock.steady();
        let ids: Vec<ChildId> = (0..MANY).map(|n| ChildId::Key(n.to_string().into())).collect();
        let after_ids = resident_kib();
        let kept: Vec<_> = ids.iter().map(|id| stage.supervisor.spawn(&spec, id.clone(), |_| Bare)).collect();
        pass(1).await;
        let after = resident_kib();
        let each = |kib: usize| kib * 1024 / MANY;
        println!(
            "plain actix {} B each, supervised {} B each, ids {} B each",
            each(middle - before),
            each(after - after_ids),
            each(after_ids - middle)
        );
        assert_eq!(stage.supervisor.shutdown().await[0].stopped, MANY);
        assert!(stage.elapsed_since(began) < 10 && plain.len() == kept.len());
    });
}
