//! OTP's cases about starting: of the tree, of children, and what becomes of those that do not start.

use super::super::*;
use super::stage::*;
use domain::restart::Restart;

fn on_stage(max: u32) -> Stage {
    Stage::with(flags(Strategy::OneForOne, max))
}

#[test]
fn sup_start_normal() {
    at_rest(async {
        let stage = Stage::new();
        let tree = Tree::new(flags(Strategy::OneForOne, 2))
            .with(stage.script.child(permanent("a")))
            .with(stage.script.child(permanent("b")))
            .with(stage.script.child(permanent("c")));
        let supervisor = tree.start("top", stage.clock.clone(), Exit::calling(|_, _| ())).await.unwrap();
        assert_eq!(stage.script.said(), ["a made", "a started", "b made", "b started", "c made", "c started"]);
        let ends = supervisor.shutdown().await;
        assert_eq!(ends.iter().map(|end| (end.name, end.stopped)).collect::<Vec<_>>(), [("c", 1), ("b", 1), ("a", 1)]);
        let stopped: Vec<_> = stage.script.said().into_iter().filter(|line| line.ends_with(" stopped")).collect();
        assert_eq!(stopped, ["c stopped", "b stopped", "a stopped"]);
    });
}

#[test]
fn sup_start_ignore_child() {
    at_rest(async {
        let stage = on_stage(2);
        stage.script.will.set(Will::Ignore);
        stage.supervisor.start_child(&stage.script.child(permanent("child1"))).await.unwrap();
        stage.script.will.set(Will::Start);
        stage.start(permanent("child2")).await;
        assert_eq!(stage.known(), [("child2".into(), State::Running), ("child1".into(), State::Stopped)]);
        assert_eq!(stage.counts(), [2, 1, 0, 2]);
        assert!(stage.supervisor.addr::<Player>("child1").is_none());
        stage.supervisor.restart_child("child1").await.unwrap();
        assert_eq!(stage.addr("child1").send(Add(1)).await, Ok(1), "another time there is something to do");
    });
}

#[test]
fn sup_start_ignore_temporary_child() {
    at_rest(async {
        let stage = Stage::new();
        let ignoring = stage.script.own();
        ignoring.will.set(Will::Ignore);
        let tree = Tree::new(flags(Strategy::OneForOne, 2))
            .with(ignoring.child(worker("child1", Restart::Temporary)))
            .with(stage.script.child(worker("child2", Restart::Temporary)));
        let supervisor = tree.start("top", stage.clock.clone(), Exit::calling(|_, _| ())).await.unwrap();
        assert_eq!(supervisor.which_children().len(), 1, "its spec is not kept");
        assert_eq!(counts(&supervisor), [1, 1, 0, 1]);
    });
}

#[test]
fn sup_start_ignore_temporary_child_start_child() {
    at_rest(async {
        let stage = on_stage(2);
        stage.script.will.set(Will::Ignore);
        stage.supervisor.start_child(&stage.script.child(worker("child1", Restart::Temporary))).await.unwrap();
        stage.script.will.set(Will::Start);
        stage.start(worker("child2", Restart::Temporary)).await;
        assert_eq!(stage.known(), [("child2".into(), State::Running)]);
        assert_eq!(stage.counts(), [1, 1, 0, 1]);
    });
}

#[test]
fn sup_start_error_return() {
    at_rest(async {
        let stage = Stage::new();
        let (refusing, exits) = (stage.script.own(), stage.escalations.clone());
        refusing.will.set(Will::Refuse);
        let tree = Tree::new(flags(Strategy::OneForOne, 2))
            .with(stage.script.child(permanent("a")))
            .with(stage.script.child(permanent("b")))
            .with(refusing.child(permanent("c")))
            .with(stage.script.child(permanent("d")));
        let exit = Exit::calling(move |id, reason| exits.borrow_mut().push((id.clone(), reason.into())));
        let failed = tree.start("top", stage.clock.clone(), exit).await.err().unwrap();
        assert_eq!(failed, AdminError::Failed { child: "c".into(), reason: "told to refuse".into() });
        let said = stage.script.said();
        assert_eq!(said[..5], ["a made", "a started", "b made", "b started", "c made"]);
        let stopped: Vec<_> = said[5..].iter().filter(|line| line.ends_with(" stopped")).collect();
        assert_eq!(stopped, ["b stopped", "a stopped"], "those before it, in reverse; those after it never began");
        pass(100_000).await;
        assert!(stage.script.said().is_empty() && stage.escalations.borrow().is_empty(), "nothing is tried again");
    });
}

#[test]
fn sup_start_fail() {
    for in_first_turn in [false, true] {
        at_rest(async {
            let stage = Stage::new();
            let failing = stage.script.own();
            if in_first_turn {
                failing.panics_in_started.set(1);
            } else {
                failing.will.set(Will::Panic);
            }
            let tree = Tree::new(flags(Strategy::OneForOne, 2))
                .with(stage.script.child(permanent("a")))
                .with(failing.child(permanent("b")));
            let failed = tree.start("top", stage.clock.clone(), Exit::calling(|_, _| ())).await.err().unwrap();
            let AdminError::Failed { child, reason } = failed else { panic!("{failed}") };
            assert_eq!(
                (child.as_str(), reason.starts_with(if in_first_turn { "in started" } else { "told to panic" })),
                ("b", true)
            );
            assert_eq!(stage.script.count("a stopped"), 1);
            assert_eq!(stage.script.count("b started"), usize::from(in_first_turn), "it is not restarted");
        });
    }
}

#[test]
fn sup_start_child_returns_error() {
    at_rest(async {
        let stage = on_stage(2);
        for (will, reason) in [(Will::Refuse, "told to refuse"), (Will::Panic, "told to panic")] {
            stage.script.will.set(will);
            let failed = stage.supervisor.start_child(&stage.script.child(permanent("child1"))).await.unwrap_err();
            assert!(matches!(&failed, AdminError::Failed { reason: said, .. } if said.starts_with(reason)), "{failed}");
            assert!(stage.known().is_empty(), "it is not even known");
        }
        assert!(stage.escalated().is_empty());
    });
}

#[test]
fn sup_start_restart_child_returns_error() {
    at_rest(async {
        let stage = on_stage(2);
        stage.start(permanent("child1")).await;
        stage.supervisor.terminate(&"child1".into()).await;
        stage.script.will.set(Will::Refuse);
        assert!(matches!(stage.supervisor.restart_child("child1").await, Err(AdminError::Failed { .. })));
        assert_eq!(stage.known(), [("child1".into(), State::Stopped)], "it stays known");
    });
}

#[test]
fn sup_start_map() {
    at_rest(async {
        let stage = Stage::new();
        let below = Tree::new(Flags::new(Strategy::OneForOne, 1, 5_000));
        let tree = Tree::new(Flags::new(Strategy::OneForOne, 1, 5_000))
            .with(stage.script.child(ChildSpec::worker("child1")))
            .with(stage.script.child(ChildSpec { shutdown_limit_ms: 0, ..ChildSpec::worker("child2") }))
            .with(ChildDef::supervisor(ChildSpec::supervisor("child3"), below));
        let top = tree.start("top", stage.clock.clone(), Exit::calling(|_, _| ())).await.unwrap();
        let read = |name: &str| top.spec_of(name).map(|spec| (spec.rule.restart, spec.shutdown_limit_ms));
        assert_eq!(read("child1"), Some((Restart::Permanent, 5_000)));
        assert_eq!(read("child2"), Some((Restart::Permanent, 0)));
        assert_eq!(read("child3"), Some((Restart::Permanent, NO_LIMIT)));
        assert_eq!(read("child4"), None);
        assert_eq!(counts(&top), [3, 3, 1, 2]);
        top.shutdown().await;
    });
}

#[test]
fn sup_start_map_faulty_specs() {
    let script = Script::default();
    let none = script.child(permanent(""));
    let tree = |child: ChildDef| Tree::new(flags(Strategy::OneForOne, 2)).with(child);
    assert_eq!(tree(none).check(), Err(SpecError::NoName));
    assert_eq!(tree(script.child(ChildSpec::many("hosts"))).check(), Err(SpecError::Many("hosts")));
    assert_eq!(tree(ChildDef::group(&Arc::new(permanent("a")))).check(), Err(SpecError::NotMany("a")));
    let deep = ChildDef::supervisor(ChildSpec::supervisor("below"), tree(script.child(permanent(""))));
    assert_eq!(tree(deep).check(), Err(SpecError::NoName), "at any depth");
}

#[test]
fn child_specs() {
    at_rest(async {
        let stage = on_stage(2);
        let twice = Tree::new(flags(Strategy::OneForOne, 2))
            .with(stage.script.child(permanent("a")))
            .with(stage.script.child(permanent("a")));
        assert_eq!(twice.check(), Err(SpecError::Duplicate("a")));
        assert_eq!(
            twice.start("top", stage.clock.clone(), Exit::calling(|_, _| ())).await.err(),
            Some(SpecError::Duplicate("a").into())
        );
        let mut endless = permanent("a");
        endless.rule.intensity.max_restarts = 3;
        let refused = stage.supervisor.start_child(&stage.script.child(endless)).await;
        assert_eq!(refused, Err(SpecError::NoPeriod("a").into()));
        assert!(stage.script.said().is_empty() && stage.known().is_empty(), "nothing was begun");
        for spec in [worker("b", Restart::Transient), worker("c", Restart::Temporary), ChildSpec::core("d")] {
            stage.start(spec).await;
        }
    });
}

#[test]
fn sup_flags() {
    let none = Tree::new(Flags::new(Strategy::OneForOne, 2, 0));
    assert_eq!(none.check(), Err(SpecError::NoPeriod("its flags")));
    assert_eq!(Tree::new(Flags::EACH_FOR_ITSELF).check(), Ok(()));
    assert_eq!(Tree::new(Flags::new(Strategy::RestForOne, 0, 1)).check(), Ok(()));
}
