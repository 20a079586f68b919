//! OTP's cases about what may be done to a running supervisor, and what it answers.

use super::super::*;
use super::stage::*;
use domain::restart::Restart;

fn stage() -> Stage {
    Stage::with(flags(Strategy::OneForOne, 2))
}

fn nobody() -> AdminError {
    AdminError::NotFound("nobody".into())
}

#[test]
fn child_adm() {
    at_rest(async {
        let stage = stage();
        let (known, supervisor) = (stage.script.child(permanent("child1")), stage.supervisor.clone());
        supervisor.start_child(&known).await.unwrap();
        let first = stage.addr("child1");
        assert_eq!((stage.known(), stage.counts()), (vec![("child1".into(), State::Running)], [1, 1, 0, 1]));
        assert_eq!(supervisor.start_child(&known).await, Err(AdminError::Running("child1".into())));

        assert_eq!(supervisor.terminate(&"nobody".into()).await, Terminated::NotFound);
        assert_eq!(supervisor.terminate(&"child1".into()).await, Terminated::Stopped);
        assert_eq!((stage.known(), stage.counts()), (vec![("child1".into(), State::Stopped)], [1, 0, 0, 1]));
        assert_eq!(supervisor.terminate(&"child1".into()).await, Terminated::Stopped, "as often as one likes");
        assert_eq!(supervisor.start_child(&known).await, Err(AdminError::Present("child1".into())));

        supervisor.restart_child("child1").await.unwrap();
        assert_eq!(stage.addr("child1").send(Add(1)).await, Ok(1));
        assert!(!first.connected(), "made anew, with a new address");
        assert_eq!(supervisor.restart_child("child1").await, Err(AdminError::Running("child1".into())));
        assert_eq!(supervisor.restart_child("nobody").await, Err(nobody()));

        assert_eq!(supervisor.delete_child("child1"), Err(AdminError::Running("child1".into())));
        assert_eq!(supervisor.delete_child("nobody"), Err(nobody()));
        supervisor.terminate(&"child1".into()).await;
        assert_eq!(supervisor.delete_child("child1"), Ok(()));
        assert_eq!(supervisor.restart_child("child1").await, Err(AdminError::NotFound("child1".into())));
        assert_eq!((stage.known(), stage.counts(), supervisor.view().len()), (vec![], [0, 0, 0, 0], 0));
        supervisor.start_child(&known).await.unwrap();
        assert_eq!(stage.counts(), [1, 1, 0, 1]);
    });
}

#[test]
fn child_adm_simple() {
    at_rest(async {
        let stage = stage();
        let hosts = Arc::new(ChildSpec::many("hosts"));
        stage.supervisor.start_tree(&Tree::new(flags(Strategy::OneForOne, 2)).with(ChildDef::group(&hosts))).await.unwrap();
        assert_eq!((stage.known().len(), stage.counts()), (0, [1, 0, 0, 0]));
        let [a, _b] = ["a", "b"].map(|name| stage.spawn(&hosts, name));
        assert_eq!((stage.known().len(), stage.counts()), (2, [1, 2, 0, 2]));
        assert_eq!(stage.supervisor.terminate(&"a".into()).await, Terminated::Stopped);
        assert!(!a.connected());
        assert_eq!((stage.known(), stage.counts()), (vec![("b".into(), State::Running)], [1, 1, 0, 1]));
        assert_eq!(stage.supervisor.terminate(&"a".into()).await, Terminated::NotFound);
        assert_eq!(stage.supervisor.restart_child("hosts").await, Err(AdminError::Group("hosts".into())));
        assert_eq!(stage.supervisor.delete_child("hosts"), Err(AdminError::Group("hosts".into())));
    });
}

#[test]
fn extra_return() {
    at_rest(async {
        // OTP returns what a start gave besides the process; here that is the typed address, and only under its own type.
        let stage = stage();
        stage.start(permanent("child1")).await;
        assert_eq!(stage.addr("child1").send(Add(4)).await, Ok(4));
        assert!(stage.supervisor.addr::<super::costs::Bare>("child1").is_none());
        stage.supervisor.terminate(&"child1".into()).await;
        assert!(stage.supervisor.addr::<Player>("child1").is_none(), "nothing stale is given out");
        stage.supervisor.restart_child("child1").await.unwrap();
        assert_eq!(stage.addr("child1").send(Add(4)).await, Ok(4));
    });
}

#[test]
fn count_children() {
    at_rest(async {
        let stage = stage();
        let hosts = Arc::new(ChildSpec { rule: worker("", Restart::Temporary).rule, ..ChildSpec::many("hosts") });
        let spawn = |n: u32| {
            let player = Player { name: n.to_string(), script: stage.script.clone(), sum: 0, tick: None };
            stage.supervisor.spawn(&hosts, ChildId::Key(n.to_string().into()), |_| player)
        };
        let first: Vec<_> = (0..1_000).map(spawn).collect();
        assert_eq!((stage.known().len(), stage.counts()), (1_000, [1, 1_000, 0, 1_000]));
        let second: Vec<_> = (1_000..2_000).map(spawn).collect();
        assert_eq!((stage.known().len(), stage.counts()), (2_000, [1, 2_000, 0, 2_000]));
        assert_eq!(stage.known().len(), 2_000, "asking changes nothing");
        for addr in first.iter().chain(&second) {
            addr.do_send(Boom("die"));
        }
        pass(1).await;
        assert_eq!(stage.counts(), [1, 0, 0, 0]);
    });
}

#[test]
fn count_children_supervisor() {
    at_rest(async {
        let stage = stage();
        let below = Tree::new(flags(Strategy::OneForOne, 2)).with(stage.script.child(permanent("inner")));
        stage.supervisor.start_child(&ChildDef::supervisor(ChildSpec::supervisor("below"), below)).await.unwrap();
        stage.start(permanent("child1")).await;
        assert_eq!(stage.counts(), [2, 2, 1, 1]);
        stage.supervisor.terminate(&"below".into()).await;
        assert_eq!(stage.counts(), [2, 1, 1, 1], "it is known, and does not live");
    });
}

#[test]
fn count_restarting_children() {
    at_rest(async {
        let stage = Stage::with(flags(Strategy::OneForOne, 100));
        let mut slow = permanent("a");
        slow.rule.backoff = domain::restart::Backoff { first_ms: 1_000, max_ms: 1_000 };
        let slow = [slow.clone(), ChildSpec { name: "b", ..slow.clone() }, ChildSpec { name: "c", ..slow }];
        let [(a, _), (b, _), _c] = stage
            .start_each(slow.map(|mut spec| {
                spec.rule.intensity = domain::restart::Intensity { max_restarts: 99, period_ms: 60_000 };
                spec
            }))
            .await;
        for addr in [&a, &b] {
            addr.do_send(Boom("once"));
            addr.do_send(Boom("twice: it waits a second"));
        }
        pass(500).await;
        assert_eq!(stage.counts(), [3, 1, 0, 3]);
        assert_eq!(
            stage.known(),
            [("c".into(), State::Running), ("b".into(), State::Restarting), ("a".into(), State::Restarting)]
        );
        pass(1_000).await;
        assert_eq!(stage.counts(), [3, 3, 0, 3]);
    });
}

#[test]
fn which_children() {
    at_rest(async {
        let stage = stage();
        stage.start_each([permanent("a"), worker("b", Restart::Transient), permanent("c")]).await;
        stage.addr("b").send(Halt).await.unwrap();
        pass(1).await;
        assert_eq!(stage.known(), [("c".into(), State::Running), ("b".into(), State::Stopped), ("a".into(), State::Running)]);
    });
}

#[test]
fn order_of_children() {
    at_rest(async {
        let stage = Stage::with(flags(Strategy::RestForOne, 10));
        let players = stage.start_each(["a", "b", "c", "d", "e"].map(permanent)).await;
        stage.supervisor.terminate(&"c".into()).await;
        stage.supervisor.restart_child("c").await.unwrap();
        stage.script.said();
        players[1].0.do_send(Boom("x"));
        pass(10).await;
        let said = stage.script.said();
        let order = |what: &str| said.iter().filter_map(|line| line.strip_suffix(what)).collect::<Vec<_>>().concat();
        assert_eq!((order(" stopped"), order(" restarting")), ("edc".into(), "bcde".into()), "a child keeps its place");
    });
}

#[test]
fn do_not_save_start_parameters_for_temporary_children() {
    at_rest(async {
        let stage = stage();
        let large = Rc::new([0u8; 1_000]);
        for (nth, restart) in [Restart::Temporary, Restart::Transient].into_iter().enumerate() {
            let (script, kept) = (stage.script.clone(), Rc::clone(&large));
            let def = ChildDef::new(worker(["a", "b"][nth], restart), move |_| {
                assert_eq!(kept.len(), 1_000);
                Player { name: "x".into(), script: script.clone(), sum: 0, tick: None }
            });
            stage.supervisor.start_child(&def).await.unwrap();
        }
        assert_eq!(Rc::strong_count(&large), 3);
        for name in ["a", "b"] {
            stage.addr(name).send(Halt).await.unwrap();
        }
        pass(1).await;
        assert_eq!(Rc::strong_count(&large), 2, "only the transient one may be started again");
    });
}

#[test]
fn do_not_save_child_specs_for_temporary_children() {
    for ends in ["stops", "panics", "is told to"] {
        for strategy in [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne] {
            at_rest(async {
                let stage = Stage::with(flags(strategy, 10));
                let def = stage.script.child(worker("a", Restart::Temporary));
                stage.supervisor.start_child(&def).await.unwrap();
                match ends {
                    "stops" => stage.addr("a").send(Halt).await.unwrap(),
                    "panics" => drop(stage.addr("a").send(Boom("x")).await),
                    _ => drop(stage.supervisor.terminate(&"a".into()).await),
                }
                pass(1).await;
                assert_eq!((stage.counts(), stage.supervisor.view().len()), ([0; 4], 0), "it {ends}");
                assert_eq!(stage.supervisor.start_child(&def).await, Ok(()), "its name is free");
            });
        }
    }
}

#[test]
fn simple_global_supervisor() {
    at_rest(async {
        // OTP finds its children by global names; here that is the name in the tree, and the address is kept at restarts.
        let stage = Stage::new();
        let middle = Tree::new(flags(Strategy::OneForAll, 3)).with(stage.script.child(permanent("server")));
        let top = Tree::new(flags(Strategy::OneForAll, 3)).with(ChildDef::supervisor(ChildSpec::supervisor("middle"), middle));
        let top = top.start("top", stage.clock.clone(), Exit::calling(|_, _| ())).await.unwrap();
        let server = top.below("middle").unwrap().addr::<Player>("server").unwrap();
        server.send(Boom("killed")).await.unwrap_err();
        assert_eq!(server.send(Add(1)).await, Ok(1));
        server.send(Halt).await.unwrap();
        assert_eq!(server.send(Add(1)).await, Ok(1), "by itself");
        let middle = top.below("middle").unwrap();
        middle.terminate(&"server".into()).await;
        middle.restart_child("server").await.unwrap();
        assert_eq!(middle.addr::<Player>("server").unwrap().send(Add(2)).await, Ok(2));
        top.shutdown().await;
        assert!(top.below("middle").is_none() && !server.connected());
    });
}

#[test]
fn simple_one_for_one_scale_many_temporary_children() {
    at_rest(async {
        // OTP compares times; here the work is counted: ending a child must not look at the others.
        let stage = stage();
        let hosts = Arc::new(ChildSpec { rule: worker("", Restart::Temporary).rule, ..ChildSpec::many("hosts") });
        let ids: Vec<ChildId> = (0..10_000).map(|n| ChildId::Key(n.to_string().into())).collect();
        let start = stage.clock.steady();
        for id in &ids {
            let player = Player { name: id.to_string(), script: stage.script.clone(), sum: 0, tick: None };
            drop(stage.supervisor.spawn(&hosts, id.clone(), |_| player));
        }
        let ended = futures_util::future::join_all(ids.iter().map(|id| stage.supervisor.terminate(id))).await;
        assert!(ended.iter().all(|how| *how == Terminated::Stopped));
        assert_eq!((stage.counts(), stage.elapsed_since(start)), ([1, 0, 0, 0], 0));
    });
}

#[test]
fn scale_start_stop_many_children() {
    at_rest(async {
        let stage = stage();
        let hosts = Arc::new(ChildSpec::many("hosts"));
        for _round in 0..3 {
            for n in 0..3_000 {
                let player = Player { name: String::new(), script: Script::default(), sum: 0, tick: None };
                stage.supervisor.spawn(&hosts, ChildId::Key(n.to_string().into()), |_| player);
            }
            pass(1).await;
            assert_eq!(stage.counts(), [1, 0, 0, 0], "a transient child that nobody can reach is done");
        }
    });
}

#[test]
fn format_log_1() {
    at_rest(async {
        // The text of a report is what the view shows: who, how often, why, cut to a length a page can show.
        let stage = Stage::with(flags(Strategy::OneForOne, 10));
        let a = stage.start(permanent("a")).await;
        let long: &'static str = Box::leak("é".repeat(5_000).into_boxed_str());
        a.send(Boom(long)).await.unwrap_err();
        a.send(Add(1)).await.unwrap();
        let child = stage.child("a");
        assert_eq!((child.restarts, child.state), (1, State::Running));
        let reason = child.last_reason.unwrap();
        assert!(reason.starts_with("éé") && reason.chars().count() < 700, "{}", reason.chars().count());
    });
}
