//! OTP's cases about restart types beyond one life, and about restarts counted for all children together.

use super::super::*;
use super::stage::*;
use domain::restart::Restart;

fn stage() -> Stage {
    Stage::with(flags(Strategy::OneForOne, 2))
}

#[test]
fn permanent_shutdown() {
    at_rest(async {
        let stage = stage();
        let a = stage.start(permanent("a")).await;
        a.send(HaltNow).await.unwrap();
        assert_eq!((a.send(Add(1)).await, stage.counts()), (Ok(1), [1, 1, 0, 1]));
        a.send(Halt).await.unwrap();
        assert_eq!((a.send(Add(1)).await, stage.child("a").restarts), (Ok(1), 2));
    });
}

#[test]
fn transient_shutdown() {
    at_rest(async {
        let stage = stage();
        stage.start(worker("a", Restart::Transient)).await.send(HaltNow).await.unwrap();
        pass(1).await;
        assert_eq!((stage.known(), stage.counts()), (vec![("a".into(), State::Stopped)], [1, 0, 0, 1]));
        stage.supervisor.restart_child("a").await.unwrap();
        stage.addr("a").send(Halt).await.unwrap();
        pass(1).await;
        assert_eq!(stage.counts(), [1, 0, 0, 1]);
    });
}

#[test]
fn temporary_shutdown() {
    at_rest(async {
        let stage = stage();
        for _twice in 0..2 {
            stage.start(worker("a", Restart::Temporary)).await.send(HaltNow).await.unwrap();
            pass(1).await;
            assert_eq!((stage.known(), stage.counts()), (vec![], [0, 0, 0, 0]));
        }
    });
}

#[test]
fn temporary_bystander() {
    for strategy in [Strategy::OneForAll, Strategy::RestForOne] {
        at_rest(async {
            let stage = Stage::with(flags(strategy, 2));
            let [(first, _), (bystander, script)] =
                stage.start_each([permanent("child1"), worker("child2", Restart::Temporary)]).await;
            first.send(Halt).await.unwrap();
            pass(10).await;
            assert_eq!(first.send(Add(1)).await, Ok(1));
            assert!(!bystander.connected() && script.count("child2 restarting") == 0);
            assert_eq!(stage.known(), [("child1".into(), State::Running)], "neither restarted nor known");
            assert!(stage.escalated().is_empty());
        });
    }
}

#[test]
fn multiple_restarts() {
    at_rest(async {
        let stage = Stage::with(Flags::new(Strategy::OneForOne, 1, 1_000));
        let a = stage.start(permanent("a")).await;
        for nth in 1..=4 {
            a.send(Boom("abnormal")).await.unwrap_err();
            pass(2_100).await;
            assert_eq!((a.send(Add(1)).await, stage.child("a").restarts), (Ok(1), nth));
        }
        stage.supervisor.terminate(&"a".into()).await;
        assert_eq!(stage.supervisor.delete_child("a"), Ok(()));
        assert!(stage.escalated().is_empty());
    });
}

#[test]
fn hanging_restart_loop() {
    at_rest(async {
        let stage = Stage::with(Flags::new(Strategy::OneForOne, 8, 10_000));
        let mut slow = permanent("child1");
        slow.rule.backoff = domain::restart::Backoff { first_ms: 60_000, max_ms: 60_000 };
        slow.rule.intensity = domain::restart::Intensity { max_restarts: 99, period_ms: 3_600_000 };
        let a = stage.start(slow.clone()).await;
        stage.script.panics_in_restarting.set(u32::MAX);
        a.do_send(Boom("x"));
        pass(2_000).await;
        let name = || "child1".to_owned();
        let def = stage.script.child(slow);
        assert_eq!(stage.supervisor.start_child(&def).await, Err(AdminError::Present(name())));
        assert_eq!(stage.supervisor.restart_child("child1").await, Err(AdminError::Restarting(name())));
        assert_eq!(stage.supervisor.delete_child("child1"), Err(AdminError::Restarting(name())));
        assert_eq!((stage.known(), stage.counts()), (vec![(name(), State::Restarting)], [1, 0, 0, 1]));
        let start = stage.clock.steady();
        assert_eq!(stage.supervisor.terminate(&"child1".into()).await, Terminated::Stopped);
        assert_eq!((stage.known(), stage.elapsed_since(start)), (vec![(name(), State::Stopped)], 0), "at once");
        stage.script.panics_in_restarting.set(0);
        stage.supervisor.restart_child("child1").await.unwrap();
        stage.script.panics_in_restarting.set(u32::MAX);
        stage.addr("child1").do_send(Boom("x"));
        pass(2_000).await;
        let start = stage.clock.steady();
        stage.supervisor.shutdown().await;
        assert_eq!((stage.elapsed_since(start), stage.counts()), (0, [1, 0, 0, 1]), "the supervisor does not hang in the loop");
    });
}

#[test]
fn hanging_restart_loop_simple() {
    at_rest(async {
        let stage = stage();
        let hosts = Arc::new(ChildSpec::many("hosts"));
        let a = stage.spawn(&hosts, "a");
        stage.script.panics_in_restarting.set(u32::MAX);
        a.send(Boom("x")).await.unwrap_err();
        pass(10_000).await;
        assert_eq!(stage.known(), [("a".into(), State::GivenUp)]);
        assert_eq!(stage.supervisor.terminate(&"a".into()).await, Terminated::Stopped);
        assert!(stage.known().is_empty());
        stage.spawn(&hosts, "a").do_send(Boom("x"));
        pass(10_000).await;
        let start = stage.clock.steady();
        stage.supervisor.shutdown().await;
        assert_eq!(stage.elapsed_since(start), 0);
    });
}
