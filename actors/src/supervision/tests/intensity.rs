//! Restart intensity, back-off and giving up, with the slow retry that OTP does not have.

use super::super::*;
use super::stage::*;
use domain::restart::Restart;
use std::cell::RefCell;

#[test]
fn the_first_restart_is_immediate_and_later_ones_back_off() {
    at_rest(async {
        let mut stage = Stage::new();
        stage.script.clock = Some(stage.clock.clone());
        let a = stage.spawn(&Arc::new(ChildSpec::many("a")), "a");
        let start = stage.clock.steady().0;
        for _ in 0..5 {
            a.do_send(Boom("x"));
        }
        a.send(Add(1)).await.unwrap();
        let due = [0, 50, 150, 350, 750].map(|ms| format!("a restarting at {}", start + ms));
        let seen: Vec<_> = stage.script.said().into_iter().filter(|line| line.contains("restarting")).collect();
        assert_eq!(seen, due);
        assert_eq!(stage.child("a").state, State::Running);
    });
}

#[test]
fn while_it_backs_off_it_is_shown_as_restarting_and_has_no_turn() {
    at_rest(async {
        let stage = Stage::new();
        let a = stage.spawn(&Arc::new(ChildSpec::many("a")), "a");
        a.do_send(Boom("x"));
        a.do_send(Boom("y"));
        pass(1).await;
        assert_eq!((stage.child("a").state, stage.child("a").restarts), (State::Restarting, 1));
        assert_eq!(stage.script.count("a restarting"), 1);
    });
}

#[test]
fn the_restart_intensity_window_includes_its_edge() {
    for (gap_ms, escalates) in [(59_999, true), (60_000, true), (60_001, false)] {
        at_rest(async {
            let stage = Stage::new();
            let a = stage.spawn(&core("a", Restart::Permanent), "a");
            a.do_send(Boom("1"));
            pass(gap_ms - 1_000).await;
            a.do_send(Boom("2"));
            a.do_send(Boom("3"));
            pass(1_000).await;
            a.do_send(Boom("4"));
            pass(1_000).await;
            assert_eq!(!stage.escalations.borrow().is_empty(), escalates, "after {gap_ms} ms");
        });
    }
}

#[test]
fn a_child_worn_out_escalates_once_and_its_neighbours_are_stopped_not_restarted() {
    at_rest(async {
        let stage = Stage::new();
        let [a, b, c] = ["a", "b", "c"].map(|name| stage.spawn(&core(name, Restart::Permanent), name));
        for _ in 0..3 {
            a.do_send(Boom("worn out"));
            b.do_send(Boom("also worn out"));
        }
        pass(10_000).await;
        assert_eq!((c.send(Add(1)).await, stage.child("c").restarts), (Ok(1), 0));
        assert!(stage.escalations.borrow().is_empty());
        a.do_send(Boom("worn out"));
        b.do_send(Boom("also worn out"));
        pass(10_000).await;
        let escalations = stage.escalations.take();
        assert_eq!(escalations.len(), 1, "exactly once for all children");
        assert_eq!(escalations[0].0, ChildId::Name("a"));
        assert!(escalations[0].1.starts_with("worn out"));
        assert_eq!((stage.child("a").state, a.connected()), (State::GivenUp, false));
        assert_eq!((stage.child("c").state, stage.child("c").restarts, c.connected()), (State::Stopped, 0, false));
    });
}

fn reports(stage: &Stage) -> Rc<RefCell<Vec<String>>> {
    let reports = Rc::new(RefCell::new(Vec::new()));
    let (gave_up, recovered) = (Rc::clone(&reports), Rc::clone(&reports));
    stage.supervisor.on_give_up(move |id, reason| {
        let reason = reason.split(' ').next().unwrap();
        gave_up.borrow_mut().push(format!("{id} given up: {reason}"));
    });
    stage.supervisor.on_recovery(move |id| recovered.borrow_mut().push(format!("{id} recovered")));
    reports
}

#[test]
fn a_child_given_up_is_reported_retried_and_recovers_with_its_queue() {
    at_rest(async {
        let stage = Stage::new();
        let reports = reports(&stage);
        let a = stage.spawn(&Arc::new(ChildSpec::many("host")), "a");
        for _ in 0..6 {
            a.do_send(Boom("poison"));
        }
        let waiting = a.send(Add(7));
        pass(2_000).await;
        assert_eq!(*reports.borrow(), ["a given up: poison"]);
        assert_eq!((stage.child("a").state, stage.child("a").restarts), (State::GivenUp, 5));
        assert_eq!(waiting.await, Ok(7), "messages wait for the retry");
        assert_eq!(stage.child("a").state, State::Running);
        pass(29_000).await;
        assert_eq!(reports.borrow().len(), 1);
        pass(1_001).await;
        assert_eq!(*reports.borrow(), ["a given up: poison", "a recovered"]);
        for _ in 0..5 {
            a.do_send(Boom("much later"));
        }
        let start = stage.clock.steady();
        assert_eq!(a.send(Add(1)).await, Ok(1), "a recovered child has its full intensity again");
        assert_eq!((stage.elapsed_since(start), reports.borrow().len()), (750, 2));
        assert!(stage.escalations.borrow().is_empty());
    });
}

#[test]
fn a_retry_that_fails_waits_again_without_a_second_report() {
    at_rest(async {
        let stage = Stage::new();
        let reports = reports(&stage);
        stage.script.panics_in_started.set(8);
        let a = stage.spawn(&Arc::new(ChildSpec::many("host")), "a");
        pass(2_000).await;
        assert_eq!(stage.script.count("a started"), 6);
        pass(300_000).await;
        assert_eq!((stage.script.count("a started"), stage.child("a").state), (7, State::GivenUp));
        pass(300_000).await;
        assert_eq!((stage.script.count("a started"), stage.child("a").state), (8, State::GivenUp));
        assert_eq!(a.send(Add(1)).await, Ok(1));
        pass(30_001).await;
        assert_eq!(*reports.borrow(), ["a given up: in", "a recovered"]);
    });
}

#[test]
fn a_hook_that_panics_harms_nobody() {
    at_rest(async {
        let stage = Stage::new();
        stage.supervisor.on_give_up(|_, _| panic!("in the hook"));
        stage.script.panics_in_started.set(6);
        let a = stage.spawn(&Arc::new(ChildSpec::many("host")), "a");
        assert_eq!(a.send(Add(1)).await, Ok(1));
    });
}
