//! OTP's cases about stopping: for ever, within a limit, brutally, and when stop and failure meet.

use super::super::*;
use super::stage::*;
use domain::restart::Restart;

fn stage() -> Stage {
    Stage::with(flags(Strategy::OneForOne, 2))
}

fn limited(name: &'static str, shutdown_limit_ms: u64) -> ChildSpec {
    ChildSpec { shutdown_limit_ms, ..permanent(name) }
}

#[test]
fn sup_stop_infinity() {
    at_rest(async {
        let stage = stage();
        let [(a, slow), (b, _)] = stage.start_each([limited("a", NO_LIMIT), limited("b", NO_LIMIT)]).await;
        slow.stop_takes_ms.set(100_000_000);
        let start = stage.clock.steady();
        let ends = stage.supervisor.shutdown().await;
        assert!(ends.iter().all(|end| end.killed.is_empty() && end.stopped == 1));
        assert_eq!((stage.elapsed_since(start), a.connected(), b.connected()), (100_000_000, false, false));
    });
}

#[test]
fn sup_stop_timeout() {
    at_rest(async {
        let stage = stage();
        let [_a, (b, stubborn)] = stage.start_each([limited("a", 1_000), limited("b", 1_000)]).await;
        b.do_send(Wait(None, None));
        pass(1).await;
        let start = stage.clock.steady();
        let ends = stage.supervisor.shutdown().await;
        assert_eq!(ends.iter().map(|end| (end.name, end.killed.len())).collect::<Vec<_>>(), [("b", 1), ("a", 0)]);
        assert_eq!((stage.elapsed_since(start), stubborn.count("b stopped")), (1_000, 0));
    });
}

#[test]
fn sup_stop_brutal_kill() {
    at_rest(async {
        let stage = stage();
        stage.start_each([limited("a", 1_000), limited("b", 0)]).await;
        let start = stage.clock.steady();
        let ends = stage.supervisor.shutdown().await;
        assert_eq!(ends[0].killed, [ChildId::Name("b")]);
        assert_eq!((stage.script.count("a stopped"), stage.script.count("b stopped")), (1, 0));
        assert_eq!(stage.elapsed_since(start), 0);
    });
}

#[test]
fn sup_stop_timeout_dynamic() {
    at_rest(async {
        let stage = stage();
        let hosts = Arc::new(ChildSpec { shutdown_limit_ms: 1_000, ..ChildSpec::many("hosts") });
        let _quick: Vec<_> = ["a", "b", "c"].map(|name| stage.spawn(&hosts, name)).into();
        let stubborn = stage.script.own();
        stubborn.ignores_stop.set(true);
        let _stuck: Vec<_> = ["d", "e"].map(|name| stage.spawn_with(&hosts, name, &stubborn)).into();
        pass(1).await;
        let start = stage.clock.steady();
        let mut ends = stage.supervisor.shutdown().await;
        ends[0].killed.sort();
        assert_eq!((ends[0].stopped, &ends[0].killed[..]), (3, &["d".into(), "e".into()][..]));
        assert_eq!(stage.elapsed_since(start), 1_000, "one limit for all of them, not one each");
    });
}

#[test]
fn sup_stop_brutal_kill_dynamic() {
    at_rest(async {
        let stage = stage();
        let hosts = Arc::new(ChildSpec { shutdown_limit_ms: 0, ..ChildSpec::many("hosts") });
        let addrs = ["a", "b", "c"].map(|name| stage.spawn(&hosts, name));
        pass(1).await;
        assert_eq!(stage.supervisor.shutdown().await[0].killed.len(), 3);
        assert!(addrs.iter().all(|addr| !addr.connected()) && stage.script.said().len() == 3, "no turn for any");
    });
}

#[test]
fn sup_stop_race() {
    at_rest(async {
        // A child that ends by itself in the very moment it is told to.
        let stage = stage();
        let [(a, _), (b, _)] = stage.start_each([permanent("a"), permanent("b")]).await;
        b.do_send(Halt);
        a.do_send(Boom("x"));
        let ends = stage.supervisor.shutdown().await;
        assert_eq!(ends.iter().map(|end| (end.stopped, end.killed.len())).collect::<Vec<_>>(), [(1, 0), (1, 0)]);
        assert!(stage.escalated().is_empty() && stage.known().iter().all(|(_, state)| *state == State::Stopped));
    });
}

#[test]
fn sup_stop_non_shutdown_exit_dynamic() {
    at_rest(async {
        let stage = stage();
        let hosts = Arc::new(ChildSpec::many("hosts"));
        let addrs = ["a", "b", "c"].map(|name| stage.spawn(&hosts, name));
        pass(1).await;
        addrs[0].do_send(Boom("while it stops"));
        addrs[1].do_send(Halt);
        let end = &stage.supervisor.shutdown().await[0];
        assert_eq!((end.stopped, end.killed.len(), stage.script.count("a restarting")), (3, 0, 0));
    });
}

#[test]
fn simple_one_for_one_shutdown() {
    at_rest(async {
        let stage = stage();
        let hosts = Arc::new(ChildSpec { shutdown_limit_ms: 2_000, ..ChildSpec::many("hosts") });
        let kept = [1_000, 1_000, 5_000].map(|ms| {
            let script = stage.script.own();
            script.stop_takes_ms.set(ms);
            let player = Player { name: "h".into(), script, sum: 0, tick: None };
            let id = ChildId::Key(format!("{ms} {}", stage.supervisor.count_children().active).into());
            stage.supervisor.spawn(&hosts, id, |_| player)
        });
        pass(1).await;
        let start = stage.clock.steady();
        let end = &stage.supervisor.shutdown().await[0];
        assert_eq!((end.stopped, end.killed.len(), stage.elapsed_since(start)), (2, 1, 2_000));
        drop(kept);
    });
}

#[test]
fn child_unlink() {
    at_rest(async {
        // OTP: a child that frees itself from its supervisor must not hang it. Here: one that refuses to stop and one that floods itself.
        let stage = stage();
        let [(a, script)] = stage.start_each([permanent("naughty")]).await;
        script.ignores_stop.set(true);
        let start = stage.clock.steady();
        assert_eq!(stage.supervisor.terminate(&"naughty".into()).await, Terminated::Killed);
        assert_eq!((stage.elapsed_since(start), a.connected()), (1_000, false));
        assert_eq!(stage.counts(), [1, 0, 0, 1], "the supervisor answers");
        stage.supervisor.restart_child("naughty").await.unwrap();
    });
}

#[test]
fn faulty_application_shutdown() {
    at_rest(async {
        // The error of a start deep below reaches whoever starts the whole, with its place.
        let stage = Stage::new();
        let faulty = stage.script.own();
        faulty.will.set(Will::Panic);
        let server = Tree::new(flags(Strategy::OneForOne, 2)).with(faulty.child(permanent("server")));
        let app = Tree::new(flags(Strategy::OneForOne, 2))
            .with(stage.script.child(worker("first", Restart::Permanent)))
            .with(ChildDef::supervisor(ChildSpec::supervisor("below"), server));
        let failed = app.start("app", stage.clock.clone(), Exit::calling(|_, _| ())).await.err().unwrap();
        let AdminError::Failed { child, reason } = failed else { panic!("{failed}") };
        assert_eq!(child, "below");
        assert!(reason.contains("server could not be started: told to panic"), "{reason}");
        assert_eq!(stage.script.count("first stopped"), 1);
    });
}
