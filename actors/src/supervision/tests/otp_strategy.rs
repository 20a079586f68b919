//! OTP's cases about strategies: who is restarted with whom, in which order, and when that is too often.

use super::super::*;
use super::stage::*;
use actix::prelude::MailboxError;
use domain::restart::{Intensity, Restart};

/// The journal's lines about some children, in order, as `what who`.
fn order(stage: &Stage, whats: &[&str]) -> Vec<String> {
    let said = stage.script.said();
    said.into_iter().filter(|line| whats.iter().any(|what| line.ends_with(what))).collect()
}

fn restarts(stage: &Stage) -> Vec<u32> {
    stage.supervisor.view().iter().map(|child| child.restarts).collect()
}

#[test]
fn one_for_one() {
    at_rest(async {
        let stage = Stage::with(flags(Strategy::OneForOne, 2));
        let [(a, _), (b, _)] = stage.start_each([permanent("child1"), permanent("child2")]).await;
        a.send(Boom("x")).await.unwrap_err();
        assert_eq!(a.send(Add(1)).await, Ok(1));
        assert_eq!((restarts(&stage), stage.counts()), (vec![1, 0], [2, 2, 0, 2]));
        b.send(Boom("x")).await.unwrap_err();
        pass(1).await;
        assert!(stage.escalated().is_empty());
        a.send(Boom("the third of all")).await.unwrap_err();
        pass(1).await;
        assert_eq!((stage.escalated(), a.connected(), b.connected()), (vec!["child1".to_owned()], false, false));
    });
}

#[test]
fn one_for_one_escalation() {
    at_rest(async {
        let stage = Stage::with(flags(Strategy::OneForOne, 4));
        let [(a, failing), (b, _)] = stage.start_each([permanent("child1"), permanent("child2")]).await;
        failing.panics_in_restarting.set(u32::MAX);
        a.send(Boom("abnormal")).await.unwrap_err();
        pass(1).await;
        assert_eq!(stage.escalated(), ["child1"]);
        assert_eq!((failing.count("child1 restarting"), b.connected(), stage.script.count("child2 stopped")), (4, false, 1));
    });
}

#[test]
fn one_for_all() {
    at_rest(async {
        let stage = Stage::with(flags(Strategy::OneForAll, 2));
        let [(a, _), (b, _), (c, _)] = stage.start_each([permanent("a"), permanent("b"), permanent("c")]).await;
        c.send(Add(5)).await.unwrap();
        stage.script.said();
        b.send(Boom("x")).await.unwrap_err();
        assert_eq!((a.send(Add(1)).await, b.send(Add(1)).await, c.send(Add(1)).await), (Ok(1), Ok(1), Ok(1)), "no old state");
        let expected = ["c stopped", "a stopped", "a restarting", "b restarting", "c restarting"];
        assert_eq!(order(&stage, &["stopped", "restarting"]), expected, "backwards and forwards");
        assert_eq!((restarts(&stage), stage.counts()), (vec![1, 1, 1], [3, 3, 0, 3]));
        assert_eq!(stage.child("a").last_reason.as_deref(), Some("restarted together with b"));
        assert!(stage.child("b").last_reason.unwrap().starts_with('x'));
        for addr in [&a, &c] {
            addr.send(Boom("y")).await.unwrap_err();
            pass(1).await;
        }
        assert_eq!((stage.escalated(), a.connected()), (vec!["c".to_owned()], false), "one restart of all counts once");
    });
}

#[test]
fn messages_to_a_sibling_that_is_being_restarted_wait_for_its_next_life() {
    at_rest(async {
        let stage = Stage::with(flags(Strategy::OneForAll, 2));
        let [(a, _), (b, slow)] = stage.start_each([permanent("a"), permanent("b")]).await;
        b.send(Add(100)).await.unwrap();
        slow.reload_ms.set(40);
        assert_eq!(a.send(Boom("x")).await, Err(MailboxError::Closed));
        pass(10).await;
        let (first, second) = (b.send(Add(1)), b.send(Add(1)));
        assert_eq!((b.mailbox_depth(), first.await, second.await), (2, Ok(1), Ok(2)));
        assert_eq!(stage.script.count("b restarting"), 1);
    });
}

#[test]
fn a_sibling_that_is_stopped_for_a_restart_handles_no_further_message_in_its_old_life() {
    at_rest(async {
        let stage = Stage::with(flags(Strategy::OneForAll, 2));
        let [(a, _), (b, slow)] = stage.start_each([permanent("a"), permanent("b")]).await;
        b.send(Add(100)).await.unwrap();
        slow.reload_ms.set(50);
        b.do_send(Wait(Some(300), None)); // it is in the middle of something when its sibling fails
        pass(1).await;
        let queued = b.send(Add(1));
        a.send(Boom("x")).await.unwrap_err();
        let start = stage.clock.steady();
        assert_eq!(queued.await, Ok(1), "handled, by the new life");
        assert_eq!(stage.elapsed_since(start), 299 + 50, "after what it was doing and its reload");
    });
}

#[test]
fn a_sibling_that_does_not_stop_for_a_restart_is_cut_off_at_its_limit_and_lives_again() {
    at_rest(async {
        let stage = Stage::with(flags(Strategy::OneForAll, 2));
        let [(a, _), (b, stubborn)] = stage.start_each([permanent("a"), permanent("b")]).await;
        b.send(Add(100)).await.unwrap();
        stubborn.ignores_stop.set(true);
        let start = stage.clock.steady();
        a.send(Boom("x")).await.unwrap_err();
        assert_eq!((a.send(Add(1)).await, stage.elapsed_since(start)), (Ok(1), 1_000));
        assert_eq!((b.send(Add(1)).await, stubborn.count("b stopped"), b.connected()), (Ok(1), 0, true));
    });
}

#[test]
fn one_for_all_escalation() {
    at_rest(async {
        let stage = Stage::with(flags(Strategy::OneForAll, 4));
        let [(a, _), (b, failing)] = stage.start_each([permanent("child1"), permanent("child2")]).await;
        failing.panics_in_restarting.set(u32::MAX);
        a.send(Boom("abnormal")).await.unwrap_err();
        pass(10).await;
        assert_eq!((stage.escalated(), a.connected(), b.connected()), (vec!["child2".to_owned()], false, false));
        assert_eq!(failing.count("child2 restarting"), 4);
    });
}

#[test]
fn one_for_all_other_child_fails_restart() {
    at_rest(async {
        let stage = Stage::with(flags(Strategy::OneForAll, 3));
        let [(a, _), (b, failing)] = stage.start_each([permanent("child1"), permanent("child2")]).await;
        stage.script.said();
        failing.panics_in_restarting.set(1);
        a.send(Boom("die")).await.unwrap_err();
        assert_eq!((a.send(Add(1)).await, b.send(Add(1)).await), (Ok(1), Ok(1)));
        pass(10).await;
        let story = [
            "child2 stopped",
            "child1 restarting",
            "child2 restarting",
            "child1 stopped",
            "child1 restarting",
            "child2 restarting",
        ];
        assert_eq!(order(&stage, &["stopped", "restarting"]), story, "the one that was up already begins again");
        assert!(stage.escalated().is_empty());
    });
}

#[test]
fn simple_one_for_one() {
    at_rest(async {
        let stage = Stage::with(flags(Strategy::OneForOne, 2));
        let spec = ChildSpec { many: true, ..permanent("child") };
        let spec = Arc::new(spec);
        let [a, b] = ["a", "b"].map(|name| stage.spawn(&spec, name));
        a.send(Boom("x")).await.unwrap_err();
        assert_eq!((a.send(Add(1)).await, stage.counts()), (Ok(1), [1, 2, 0, 2]));
        b.send(Boom("x")).await.unwrap_err();
        pass(1).await;
        assert!(stage.escalated().is_empty());
        b.send(Boom("x")).await.unwrap_err();
        pass(1).await;
        assert_eq!((stage.escalated(), a.connected()), (vec!["b".to_owned()], false));
    });
}

#[test]
fn simple_one_for_one_extra() {
    at_rest(async {
        // What a start gives besides the process is the typed address, and it is good for the next life too.
        let stage = Stage::with(flags(Strategy::OneForOne, 2));
        let spec = Arc::new(ChildSpec { many: true, ..permanent("child") });
        let addrs = ["a", "b"].map(|name| stage.spawn(&spec, name));
        addrs[0].send(Boom("x")).await.unwrap_err();
        for addr in &addrs {
            assert_eq!(addr.send(Add(3)).await, Ok(3));
        }
    });
}

#[test]
fn simple_one_for_one_escalation() {
    at_rest(async {
        let stage = Stage::with(flags(Strategy::OneForOne, 4));
        let spec = Arc::new(ChildSpec { many: true, ..permanent("child") });
        let failing = stage.script.own();
        failing.panics_in_restarting.set(u32::MAX);
        let (a, b) = (stage.spawn_with(&spec, "a", &failing), stage.spawn(&spec, "b"));
        a.send(Boom("abnormal")).await.unwrap_err();
        pass(1).await;
        assert_eq!((stage.escalated(), b.connected()), (vec!["a".to_owned()], false));
    });
}

#[test]
fn simple_one_for_one_corruption() {
    at_rest(async {
        // A child that dies while another is being started must not take its place among them.
        let stage = Stage::with(flags(Strategy::OneForOne, 2));
        let spec = Arc::new(ChildSpec { rule: worker("", Restart::Temporary).rule, ..ChildSpec::many("child") });
        let a = stage.spawn(&spec, "a");
        a.do_send(Boom("x"));
        let b = stage.spawn(&spec, "b");
        pass(1).await;
        assert_eq!((stage.counts(), b.send(Add(1)).await), ([1, 1, 0, 1], Ok(1)));
        assert_eq!(stage.supervisor.terminate(&"b".into()).await, Terminated::Stopped);
        assert_eq!(stage.counts(), [1, 0, 0, 0]);
    });
}

#[test]
fn rest_for_one() {
    at_rest(async {
        let stage = Stage::with(flags(Strategy::RestForOne, 2));
        let [(a, _), (b, _), (c, _)] = stage.start_each([permanent("a"), permanent("b"), permanent("c")]).await;
        for addr in [&a, &b, &c] {
            addr.send(Add(10)).await.unwrap();
        }
        stage.script.said();
        b.send(Boom("x")).await.unwrap_err();
        assert_eq!((a.send(Add(1)).await, b.send(Add(1)).await, c.send(Add(1)).await), (Ok(11), Ok(1), Ok(1)));
        assert_eq!(order(&stage, &["stopped", "restarting"]), ["c stopped", "b restarting", "c restarting"]);
        assert_eq!((restarts(&stage), stage.counts()), (vec![0, 1, 1], [3, 3, 0, 3]));
        c.send(Boom("y")).await.unwrap_err();
        assert_eq!((b.send(Add(1)).await, restarts(&stage)), (Ok(2), vec![0, 1, 2]));
        b.send(Boom("z")).await.unwrap_err();
        pass(1).await;
        assert_eq!(stage.escalated(), ["b"]);
    });
}

#[test]
fn rest_for_one_escalation() {
    at_rest(async {
        let stage = Stage::with(flags(Strategy::RestForOne, 4));
        let [(a, _), (b, failing)] = stage.start_each([permanent("child1"), permanent("child2")]).await;
        failing.panics_in_restarting.set(u32::MAX);
        a.send(Boom("abnormal")).await.unwrap_err();
        pass(10).await;
        assert_eq!((stage.escalated(), a.connected(), b.connected()), (vec!["child2".to_owned()], false, false));
    });
}

#[test]
fn rest_for_one_other_child_fails_restart() {
    at_rest(async {
        let stage = Stage::with(flags(Strategy::RestForOne, 3));
        let [(a, _), (b, failing)] = stage.start_each([permanent("child1"), permanent("child2")]).await;
        stage.script.said();
        failing.panics_in_restarting.set(1);
        a.send(Boom("die")).await.unwrap_err();
        assert_eq!((a.send(Add(1)).await, b.send(Add(1)).await), (Ok(1), Ok(1)));
        pass(10).await;
        let story = ["child2 stopped", "child1 restarting", "child2 restarting", "child2 restarting"];
        assert_eq!(order(&stage, &["stopped", "restarting"]), story, "the one before it stays up");
    });
}

#[test]
fn hanging_restart_loop_rest_for_one() {
    at_rest(async {
        let stage = Stage::with(Flags::new(Strategy::RestForOne, 8, 10_000));
        let mut slow = permanent("child2");
        slow.rule.intensity = Intensity { max_restarts: 99, period_ms: 3_600_000 };
        slow.rule.backoff = domain::restart::Backoff { first_ms: 60_000, max_ms: 60_000 };
        let [_a, (b, failing), (c, _)] = stage.start_each([permanent("child1"), slow, permanent("child3")]).await;
        failing.panics_in_restarting.set(u32::MAX);
        b.do_send(Boom("x"));
        pass(2_000).await;
        let (running, restarting) = (State::Running, State::Restarting);
        let known = |two, three| vec![("child3".to_owned(), three), ("child2".to_owned(), two), ("child1".to_owned(), running)];
        assert_eq!((stage.known(), stage.counts()), (known(restarting, restarting), [3, 1, 0, 3]));
        assert_eq!(stage.supervisor.delete_child("child3"), Err(AdminError::Restarting("child3".into())));
        assert_eq!(stage.supervisor.terminate(&"child2".into()).await, Terminated::Stopped);
        pass(100_000).await;
        assert_eq!((stage.known(), c.send(Add(1)).await), (known(State::Stopped, running), Ok(1)), "the rest goes on without it");
        failing.panics_in_restarting.set(0);
        stage.supervisor.restart_child("child2").await.unwrap();
        failing.panics_in_restarting.set(u32::MAX);
        stage.addr("child2").do_send(Boom("x"));
        pass(2_000).await;
        let start = stage.clock.steady();
        stage.supervisor.shutdown().await;
        assert_eq!((stage.elapsed_since(start), stage.counts()), (0, [3, 0, 0, 3]));
    });
}

#[test]
fn a_child_that_had_ended_is_started_again_with_its_siblings() {
    at_rest(async {
        // As in OTP: a restart of all begins all that are known, also a transient one that was done.
        let stage = Stage::with(flags(Strategy::OneForAll, 4));
        let [(a, _), (done, _)] = stage.start_each([permanent("a"), worker("b", Restart::Transient)]).await;
        done.send(Halt).await.unwrap();
        pass(1).await;
        a.send(Boom("x")).await.unwrap_err();
        pass(1).await;
        assert_eq!(
            (stage.addr("b").send(Add(1)).await, done.connected()),
            (Ok(1), false),
            "made anew: its old address was closed"
        );
    });
}

#[test]
fn a_group_of_many_among_siblings_is_one_for_one_inside_and_ends_with_a_restart_of_all() {
    at_rest(async {
        let stage = Stage::with(flags(Strategy::OneForAll, 4));
        let [(a, _)] = stage.start_each([permanent("a")]).await;
        let hosts = Arc::new(ChildSpec::many("hosts"));
        let [h1, h2] = ["h1", "h2"].map(|name| stage.spawn(&hosts, name));
        h1.send(Boom("x")).await.unwrap_err();
        assert_eq!((h1.send(Add(1)).await, a.send(Add(1)).await), (Ok(1), Ok(1)));
        assert_eq!(stage.child("a").restarts, 0);
        a.send(Boom("x")).await.unwrap_err();
        pass(1).await;
        assert!(!h1.connected() && !h2.connected() && a.connected());
        assert_eq!(stage.spawn(&hosts, "h1").send(Add(1)).await, Ok(1), "whoever starts them starts them again");
    });
}

#[test]
fn two_that_fail_at_once_are_restarted_once() {
    at_rest(async {
        let stage = Stage::with(flags(Strategy::OneForAll, 4));
        let [(a, _), (b, _)] = stage.start_each([permanent("a"), permanent("b")]).await;
        a.do_send(Boom("x"));
        b.do_send(Boom("y"));
        pass(10).await;
        assert_eq!((restarts(&stage), a.send(Add(1)).await, b.send(Add(1)).await), (vec![1, 1], Ok(1), Ok(1)));
    });
}

#[test]
fn shutdown_in_the_middle_of_a_restart_ends_all() {
    at_rest(async {
        let stage = Stage::with(flags(Strategy::OneForAll, 4));
        let [(a, _), (b, slow)] = stage.start_each([permanent("a"), permanent("b")]).await;
        slow.stop_takes_ms.set(500);
        a.do_send(Boom("x"));
        pass(100).await;
        let start = stage.clock.steady();
        let ends = stage.supervisor.shutdown().await;
        assert!(ends.iter().all(|end| end.killed.is_empty()), "{ends:?}");
        pass(100_000).await;
        assert_eq!((stage.elapsed_since(start) <= 100_500, a.connected(), b.connected()), (true, false, false));
        assert_eq!(stage.script.count("a restarting") + stage.script.count("b restarting"), 0);
    });
}
