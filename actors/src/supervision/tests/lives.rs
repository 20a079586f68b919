//! One life after another: what a panic costs, and what it does not.

use super::super::*;
use super::stage::*;
use actix::prelude::MailboxError;
use domain::restart::{Backoff, Intensity, Restart, Rule};
use futures_util::future::{join_all, join3};

// OTP: one life after a normal or an abnormal end, by restart type.

#[test]
fn permanent_normal() {
    at_rest(async {
        let stage = Stage::new();
        let a = stage.spawn(&core("a", Restart::Permanent), "a");
        a.send(Add(5)).await.unwrap();
        a.send(Halt).await.unwrap();
        assert_eq!(a.send(Add(1)).await, Ok(1), "reached anew, with nothing of the old state");
        let view = stage.child("a");
        assert_eq!((view.state, view.restarts, view.last_reason.as_deref()), (State::Running, 1, Some("it stopped by itself")));
    });
}

#[test]
fn permanent_abnormal() {
    at_rest(async {
        let stage = Stage::new();
        let a = stage.spawn(&core("a", Restart::Permanent), "a");
        assert_eq!(a.send(Boom("no disk")).await, Err(MailboxError::Closed));
        assert_eq!(a.send(Add(1)).await, Ok(1));
        let view = stage.child("a");
        assert_eq!((view.state, view.restarts), (State::Running, 1));
        assert!(view.last_reason.unwrap().starts_with("no disk"));
    });
}

#[test]
fn transient_normal() {
    at_rest(async {
        let stage = Stage::new();
        let a = stage.spawn(&core("a", Restart::Transient), "a");
        a.send(Halt).await.unwrap();
        pass(1).await;
        assert!(!a.connected());
        assert_eq!((stage.child("a").state, stage.child("a").restarts), (State::Stopped, 0));
    });
}

#[test]
fn transient_abnormal() {
    at_rest(async {
        let stage = Stage::new();
        let a = stage.spawn(&core("a", Restart::Transient), "a");
        a.send(Boom("x")).await.unwrap_err();
        assert_eq!(a.send(Add(1)).await, Ok(1));
        assert_eq!(stage.child("a").restarts, 1);
    });
}

#[test]
fn temporary_normal() {
    at_rest(async {
        let stage = Stage::new();
        let a = stage.spawn(&core("a", Restart::Temporary), "a");
        a.send(Halt).await.unwrap();
        pass(1).await;
        assert_eq!((stage.child("a").state, a.connected()), (State::Stopped, false));
    });
}

#[test]
fn temporary_abnormal() {
    at_rest(async {
        let stage = Stage::new();
        let a = stage.spawn(&core("a", Restart::Temporary), "a");
        a.send(Boom("x")).await.unwrap_err();
        pass(1).await;
        let view = stage.child("a");
        assert_eq!((view.state, view.restarts, a.connected()), (State::Stopped, 0, false));
        assert!(view.last_reason.unwrap().starts_with('x'));
        assert!(stage.escalations.borrow().is_empty());
    });
}

// One message is lost, nothing else.

#[test]
fn the_address_stays_valid_and_messages_queued_behind_a_panic_are_handled() {
    at_rest(async {
        let stage = Stage::new();
        let a = stage.spawn(&Arc::new(ChildSpec::many("a")), "a");
        let (before, lost, behind) = join3(a.send(Add(1)), a.send(Boom("x")), join_all((0..10).map(|_| a.send(Add(2))))).await;
        assert_eq!((before, lost), (Ok(1), Err(MailboxError::Closed)));
        assert_eq!(behind, (1..=10).map(|n| Ok(2 * n)).collect::<Vec<_>>());
        assert_eq!(stage.script.said(), ["a started", "a restarting", "a started"]);
    });
}

#[test]
fn messages_wait_for_the_reload() {
    at_rest(async {
        let stage = Stage::new();
        stage.script.reload_ms.set(40);
        let a = stage.spawn(&Arc::new(ChildSpec::many("a")), "a");
        a.do_send(Boom("x"));
        let start = stage.clock.steady();
        assert_eq!(a.send(Add(2)).await, Ok(2));
        assert_eq!(stage.elapsed_since(start), 40);
    });
}

#[test]
fn a_timer_of_the_old_life_never_fires_in_the_new() {
    at_rest(async {
        let stage = Stage::new();
        let a = stage.spawn(&Arc::new(ChildSpec::many("a")), "a");
        a.send(Arm(100)).await.unwrap();
        a.send(Boom("x")).await.unwrap_err();
        pass(1_000).await;
        assert_eq!(stage.script.count("a ticked"), 0);
        a.send(Arm(100)).await.unwrap();
        pass(1_000).await;
        assert_eq!(stage.script.count("a ticked"), 1);
    });
}

#[test]
fn a_cancellation_left_over_from_the_old_life_misses_a_timer_armed_after_the_reload() {
    at_rest(async {
        let stage = Stage::new();
        stage.script.reload_ms.set(10);
        let a = stage.spawn(&Arc::new(ChildSpec::many("a")), "a");
        a.send(Arm(100)).await.unwrap();
        a.send(CancelAndBoom).await.unwrap_err();
        pass(2_000).await;
        assert_eq!(stage.script.count("a ticked"), 1, "both timers have handle 1");
    });
}

#[test]
fn a_thousand_panics_of_one_do_not_disturb_its_neighbours() {
    at_rest(async {
        let stage = Stage::new();
        let spec = ChildSpec::many("host");
        let intensity = Intensity { max_restarts: 2_000, period_ms: 1 };
        let spec =
            Arc::new(ChildSpec { rule: Rule { intensity, backoff: Backoff { first_ms: 0, max_ms: 0 }, ..spec.rule }, ..spec });
        let noisy = stage.spawn(&spec, "noisy");
        let quiet: Vec<_> = ["b", "c", "d"].map(|name| stage.spawn(&spec, name)).into();
        for nth in 1..=1_000 {
            noisy.do_send(Boom("again"));
            let answers = join_all(quiet.iter().map(|addr| addr.send(Add(1)))).await;
            assert!(answers.iter().all(|answer| *answer == Ok(nth)));
        }
        noisy.send(Add(1)).await.unwrap();
        let group = &stage.supervisor.live().groups()[0];
        assert_eq!((group.children, group.restarts, group.shown.len()), (4, 1_000, 1));
        assert_eq!((group.shown[0].id.as_str(), group.shown[0].restarts), ("noisy", 1_000));
    });
}

// Panics where the actor is not yet itself.

#[test]
fn a_panic_in_started_is_an_ending_like_any_other() {
    at_rest(async {
        let stage = Stage::new();
        stage.script.panics_in_started.set(2);
        let a = stage.spawn(&core("a", Restart::Permanent), "a");
        assert_eq!(a.send(Add(1)).await, Ok(1));
        assert_eq!(stage.child("a").restarts, 2);
    });
}

#[test]
fn a_panic_in_restarting_is_an_ending_like_any_other() {
    at_rest(async {
        let stage = Stage::new();
        stage.script.panics_in_restarting.set(2);
        let a = stage.spawn(&core("a", Restart::Permanent), "a");
        a.send(Boom("x")).await.unwrap_err();
        assert_eq!(a.send(Add(1)).await, Ok(1));
        assert_eq!(stage.child("a").restarts, 3);
        assert_eq!(stage.script.count("a restarting"), 3);
    });
}

#[test]
fn a_reload_that_always_panics_escalates() {
    at_rest(async {
        let stage = Stage::new();
        stage.script.panics_in_restarting.set(u32::MAX);
        let a = stage.spawn(&core("a", Restart::Permanent), "a");
        a.send(Boom("x")).await.unwrap_err();
        pass(10_000).await;
        assert_eq!(stage.escalations.borrow().len(), 1);
        assert!(stage.escalations.borrow()[0].1.starts_with("in restarting"));
    });
}

#[test]
fn an_actor_that_stops_itself_in_started_does_not_spin() {
    at_rest(async {
        let stage = Stage::new();
        stage.script.stops_in_started.set(u32::MAX);
        let _a = stage.spawn(&core("a", Restart::Permanent), "a");
        pass(60_000).await;
        assert_eq!(stage.script.count("a started"), 4);
        assert_eq!(*stage.escalations.borrow(), [(ChildId::Name("a"), "it stopped by itself".to_owned())]);
    });
}
