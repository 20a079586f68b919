//! Shutdown and termination: order, limits, and who is still kept meanwhile.

use super::super::*;
use super::stage::*;
use domain::restart::Restart;

#[test]
fn shutdown_stops_groups_in_reverse_start_order_and_handles_what_is_queued() {
    at_rest(async {
        let stage = Stage::new();
        let hosts = Arc::new(ChildSpec::many("host"));
        let db = stage.spawn(&core("db", Restart::Permanent), "db");
        let [_h1, h2] = ["h1", "h2"].map(|name| stage.spawn(&hosts, name));
        let _web = stage.spawn(&core("web", Restart::Permanent), "web");
        pass(1).await;
        stage.script.said();
        let queued = (db.send(Add(3)), h2.send(Add(4)));
        let ends = stage.supervisor.shutdown().await;
        let end = |name, stopped| GroupEnd { name, stopped, killed: vec![] };
        assert_eq!(ends, [end("web", 1), end("host", 2), end("db", 1)]);
        assert_eq!((queued.0.await, queued.1.await), (Ok(3), Ok(4)));
        let mut said = stage.script.said();
        said.retain(|line| line.ends_with("stopped"));
        said[1..3].sort();
        assert_eq!(said, ["web stopped", "h1 stopped", "h2 stopped", "db stopped"]);
        assert!(stage.supervisor.view().iter().all(|child| child.state == State::Stopped && child.restarts == 0));
    });
}

#[test]
fn a_child_that_does_not_stop_is_dropped_at_its_limit() {
    at_rest(async {
        let stage = Stage::new();
        let stubborn = Script::default();
        stubborn.ignores_stop.set(true);
        let a = stage.spawn(&core("a", Restart::Permanent), "a");
        let b = stage.spawn_with(&core("b", Restart::Permanent), "b", &stubborn);
        stage.script.stop_takes_ms.set(300);
        let start = stage.clock.steady();
        let ends = stage.supervisor.shutdown().await;
        assert_eq!(ends[0], GroupEnd { name: "b", stopped: 0, killed: vec![ChildId::Name("b")] });
        assert_eq!(ends[1], GroupEnd { name: "a", stopped: 1, killed: vec![] });
        assert_eq!(stage.elapsed_since(start), 5_000 + 300);
        assert_eq!(stubborn.said(), ["b started", "b asked to stop"], "no turn after that");
        assert!(!a.connected() && !b.connected());
    });
}

#[test]
fn shutdown_timeout_is_shared_by_the_children_of_a_group() {
    at_rest(async {
        let stage = Stage::new();
        stage.script.ignores_stop.set(true);
        let hosts = Arc::new(ChildSpec::many("host"));
        let _hosts = ["h1", "h2", "h3"].map(|name| stage.spawn(&hosts, name));
        let start = stage.clock.steady();
        let ends = stage.supervisor.shutdown().await;
        assert_eq!((ends[0].stopped, ends[0].killed.len()), (0, 3));
        assert_eq!(stage.elapsed_since(start), 2_000);
    });
}

#[test]
fn brutal_kill_gives_no_turn() {
    at_rest(async {
        let stage = Stage::new();
        let spec = Arc::new(ChildSpec { shutdown_limit_ms: 0, ..ChildSpec::core("a") });
        let a = stage.spawn(&spec, "a");
        a.send(Add(1)).await.unwrap();
        let ends = stage.supervisor.shutdown().await;
        assert_eq!(ends[0].killed, [ChildId::Name("a")]);
        assert!(!a.connected(), "it is gone when shutdown says so");
        assert_eq!(stage.script.said(), ["a started"]);
    });
}

#[test]
fn shutdown_waits_for_a_reload_in_progress() {
    at_rest(async {
        let stage = Stage::new();
        stage.script.reload_ms.set(500);
        let a = stage.spawn(&Arc::new(ChildSpec::many("a")), "a");
        a.do_send(Boom("x"));
        let queued = a.send(Add(2));
        pass(100).await;
        let ends = stage.supervisor.shutdown().await;
        assert_eq!((ends[0].stopped, queued.await), (1, Ok(2)));
    });
}

#[test]
fn a_child_that_rests_stops_at_once() {
    at_rest(async {
        let stage = Stage::new();
        stage.script.panics_in_started.set(6);
        let a = stage.spawn(&Arc::new(ChildSpec::many("host")), "a");
        pass(2_000).await;
        let start = stage.clock.steady();
        assert_eq!(stage.supervisor.shutdown().await[0].stopped, 1);
        assert_eq!((stage.elapsed_since(start), a.connected()), (0, false));
    });
}

#[test]
fn a_panic_while_stopping_is_the_end() {
    at_rest(async {
        let stage = Stage::new();
        let a = stage.spawn(&core("a", Restart::Permanent), "a");
        pass(1).await;
        a.do_send(Boom("x"));
        assert_eq!(stage.supervisor.shutdown().await[0].stopped, 1);
        assert_eq!((stage.child("a").state, stage.child("a").restarts), (State::Stopped, 0));
    });
}

#[test]
fn a_group_whose_turn_has_not_come_is_still_supervised_during_shutdown() {
    at_rest(async {
        let stage = Stage::new();
        let a = stage.spawn(&core("a", Restart::Permanent), "a");
        let slow = Script::default();
        slow.stop_takes_ms.set(1_000);
        let hosts = Arc::new(ChildSpec::many("host"));
        let _b = stage.spawn_with(&hosts, "b", &slow);
        let supervisor = stage.supervisor.clone();
        let closing = actix_rt::spawn(async move { supervisor.shutdown().await });
        pass(500).await;
        a.send(Boom("x")).await.unwrap_err();
        assert_eq!(a.send(Add(1)).await, Ok(1));
        let late = stage.spawn(&hosts, "late");
        let ends = closing.await.unwrap();
        assert_eq!((ends[0].name, ends[0].killed.len(), ends[1].name), ("host", 0, "a"));
        assert!(!late.connected(), "a child started too late is stopped too");
    });
}

#[test]
fn terminate_ends_one_child_and_its_id_is_free_again() {
    at_rest(async {
        let stage = Stage::new();
        let hosts = Arc::new(ChildSpec::many("host"));
        let [a, b] = ["a", "b"].map(|name| stage.spawn(&hosts, name));
        let queued = a.send(Add(9));
        assert_eq!(stage.supervisor.terminate(&ChildId::Name("a")).await, Terminated::Stopped);
        assert_eq!((queued.await, a.connected(), b.send(Add(1)).await), (Ok(9), false, Ok(1)));
        assert_eq!(stage.supervisor.terminate(&ChildId::Name("a")).await, Terminated::NotFound);
        let again = stage.spawn(&hosts, "a");
        assert_eq!(again.send(Add(2)).await, Ok(2));
        stage.script.ignores_stop.set(true);
        assert_eq!(stage.supervisor.terminate(&ChildId::Name("a")).await, Terminated::Killed);
        assert_eq!(stage.supervisor.live().groups()[0].children, 1);
    });
}

#[test]
fn a_second_child_of_the_same_id_takes_the_place_of_the_first() {
    at_rest(async {
        let stage = Stage::new();
        let hosts = Arc::new(ChildSpec::many("host"));
        let older = stage.spawn(&hosts, "a");
        older.send(Boom("x")).await.unwrap_err();
        let newer = stage.spawn(&hosts, "a");
        pass(1).await;
        assert_eq!((older.connected(), newer.send(Add(1)).await), (false, Ok(1)));
        assert_eq!(stage.supervisor.live().groups()[0].children, 1);
        newer.send(Boom("y")).await.unwrap_err();
        assert!(stage.child("a").last_reason.unwrap().starts_with('y'));
        assert_eq!(stage.supervisor.shutdown().await[0].stopped, 1);
    });
}

// Reachability.

#[test]
fn a_permanent_child_lives_without_an_address_and_is_restarted_without_one() {
    at_rest(async {
        let stage = Stage::new();
        let a = stage.spawn(&core("a", Restart::Permanent), "a");
        a.do_send(Boom("x"));
        drop(a);
        pass(100_000).await;
        assert_eq!((stage.child("a").state, stage.child("a").restarts), (State::Running, 1));
    });
}

#[test]
fn a_transient_child_without_an_address_is_restarted_after_a_panic_and_ends_when_idle() {
    at_rest(async {
        let stage = Stage::new();
        let a = stage.spawn(&core("a", Restart::Transient), "a");
        a.do_send(Boom("x"));
        stage.script.reload_ms.set(10);
        drop(a);
        pass(500).await;
        assert_eq!((stage.child("a").state, stage.child("a").restarts), (State::Running, 1));
        pass(1_000).await;
        assert_eq!((stage.child("a").state, stage.script.count("a ticked")), (State::Stopped, 1));
    });
}

#[test]
fn a_system_that_is_dropped_gives_its_children_no_turn() {
    let script = Script::default();
    at_rest(async {
        let stage = Stage::new();
        let _a = stage.spawn_with(&core("a", Restart::Permanent), "a", &script);
    });
    assert!(script.said().is_empty());
}
