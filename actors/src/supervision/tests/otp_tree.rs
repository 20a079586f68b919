//! Supervisors below supervisors: OTP's case `tree`, escalation level by level, and the order in which a tree stops.

use super::super::*;
use super::stage::*;

fn sup(name: &'static str, flags: Flags, children: impl IntoIterator<Item = ChildDef>) -> ChildDef {
    let tree = children.into_iter().fold(Tree::new(flags), Tree::with);
    let mut spec = ChildSpec::supervisor(name);
    spec.rule.backoff = domain::restart::Backoff { first_ms: 0, max_ms: 0 };
    ChildDef::supervisor(spec, tree)
}

#[test]
fn tree() {
    at_rest(async {
        let stage = Stage::with(flags(Strategy::OneForAll, 4));
        let (one, two) = (stage.script.child(permanent("child1")), stage.script.child(permanent("child2")));
        let inner = flags(Strategy::OneForOne, 4);
        let top = Tree::new(flags(Strategy::OneForAll, 4)).with(sup("sup1", inner, [one, two])).with(sup("sup2", inner, []));
        stage.supervisor.start_tree(&top).await.unwrap();
        assert_eq!(stage.counts(), [2, 2, 2, 0]);
        let [sup1, sup2] = ["sup1", "sup2"].map(|name| stage.supervisor.below(name).unwrap());
        assert_eq!((counts(&sup1), counts(&sup2)), ([2, 2, 0, 2], [0, 0, 0, 0]));

        // Children that are not of the tree.
        let failing = stage.script.own();
        sup2.start_child(&failing.child(permanent("child3"))).await.unwrap();
        sup2.start_child(&stage.script.child(permanent("child4"))).await.unwrap();
        let [child3, child4] = ["child3", "child4"].map(|name| sup2.addr::<Player>(name).unwrap());
        let child1 = sup1.addr::<Player>("child1").unwrap();
        child1.send(Add(10)).await.unwrap();

        // Only the one that dies is restarted.
        child4.send(Boom("x")).await.unwrap_err();
        assert_eq!((child4.send(Add(1)).await, child3.connected(), child1.send(Add(1)).await), (Ok(1), true, Ok(11)));
        assert_eq!((counts(&sup1), counts(&sup2)), ([2, 2, 0, 2], [2, 2, 0, 2]));

        // One that cannot be restarted takes its supervisor with it, and that one, by one_for_all, its sibling.
        failing.panics_in_restarting.set(u32::MAX);
        child3.send(Boom("x")).await.unwrap_err();
        pass(1_000).await;
        assert_eq!((stage.counts(), counts(&sup1), counts(&sup2)), ([2, 2, 2, 0], [2, 2, 0, 2], [0, 0, 0, 0]));
        assert_eq!(child1.send(Add(1)).await, Ok(1), "begun anew, at its old address");
        assert!(!child3.connected() && !child4.connected(), "those that were added are gone");
        assert!(stage.child("sup2").last_reason.unwrap().contains("child3 cannot be kept: in restarting"));
        assert!(stage.escalated().is_empty());
    });
}

#[test]
fn escalation_climbs_level_by_level_to_the_exit() {
    at_rest(async {
        let stage = Stage::new();
        let failing = stage.script.own();
        let one = flags(Strategy::OneForOne, 1);
        let bottom = sup("bottom", one, [failing.child(permanent("worker"))]);
        let middle = sup("middle", one, [stage.script.child(permanent("beside")), bottom]);
        let top = Tree::new(one).with(stage.script.child(permanent("first"))).with(middle);
        let exits = stage.escalations.clone();
        let exit = Exit::calling(move |id, reason| exits.borrow_mut().push((id.clone(), reason.to_owned())));
        let top = top.start("top", stage.clock.clone(), exit).await.unwrap();
        let worker = top.below("middle").unwrap().below("bottom").unwrap().addr::<Player>("worker").unwrap();
        stage.script.said();
        failing.panics_in_restarting.set(u32::MAX);
        worker.do_send(Boom("x"));
        pass(10).await;
        let escalations = stage.escalations.take();
        assert_eq!(escalations.len(), 1);
        assert_eq!(escalations[0].0, ChildId::Name("middle"));
        let path = "bottom cannot be kept: worker cannot be kept: in restarting";
        assert!(escalations[0].1.starts_with(path), "{}", escalations[0].1);
        // Each level allows one restart: the worker's own, the bottom's with the worker again failing twice, and so on.
        let said = stage.script.said();
        let count = |what: &str| said.iter().filter(|line| *line == what).count();
        assert_eq!((count("worker restarting"), count("beside restarting"), count("first restarting")), (7, 1, 0));
        assert_eq!(count("first stopped"), 1, "the exit returned, so all are stopped");
        assert!(!worker.connected() && top.view().iter().all(|child| matches!(child.state, State::Stopped | State::GivenUp)));
    });
}

#[test]
fn a_tree_stops_in_the_reverse_of_its_start_order_at_every_level() {
    at_rest(async {
        let stage = Stage::new();
        let def = |name| stage.script.child(permanent(name));
        let one = flags(Strategy::OneForOne, 1);
        let top = Tree::new(one)
            .with(def("a"))
            .with(sup("s", one, [def("b"), sup("t", one, [def("c"), def("d")]), def("e")]))
            .with(def("f"));
        let top = top.start("top", stage.clock.clone(), Exit::calling(|_, _| ())).await.unwrap();
        let said = stage.script.said();
        let order = |said: &[String], what: &str| said.iter().filter_map(|line| line.strip_suffix(what)).collect::<String>();
        assert_eq!(order(&said, " started"), "abcdef");
        top.shutdown().await;
        assert_eq!(order(&stage.script.said(), " stopped"), "fedcba");
    });
}

#[test]
fn a_stubborn_child_deep_below_does_not_keep_its_supervisor_longer_than_its_own_limit() {
    at_rest(async {
        let stage = Stage::new();
        let stubborn = stage.script.own();
        stubborn.ignores_stop.set(true);
        let one = flags(Strategy::OneForOne, 1);
        let top = Tree::new(one).with(sup("s", one, [stubborn.child(permanent("b"))]));
        let top = top.start("top", stage.clock.clone(), Exit::calling(|_, _| ())).await.unwrap();
        let start = stage.clock.steady();
        let ends = top.shutdown().await;
        assert_eq!((ends[0].name, ends[0].killed.len(), stage.elapsed_since(start)), ("s", 0, 1_000));
    });
}

#[test]
fn a_supervisor_that_is_killed_takes_all_below_with_it() {
    at_rest(async {
        let stage = Stage::new();
        let stubborn = stage.script.own();
        stubborn.ignores_stop.set(true);
        let one = flags(Strategy::OneForOne, 1);
        let inner = Tree::new(one).with(stubborn.child(ChildSpec { shutdown_limit_ms: NO_LIMIT, ..permanent("b") }));
        let spec = ChildSpec { shutdown_limit_ms: 3_000, ..ChildSpec::supervisor("s") };
        let top = Tree::new(one).with(ChildDef::supervisor(spec, inner));
        let top = top.start("top", stage.clock.clone(), Exit::calling(|_, _| ())).await.unwrap();
        let b = top.below("s").unwrap().addr::<Player>("b").unwrap();
        let start = stage.clock.steady();
        assert_eq!(top.shutdown().await[0].killed, [ChildId::Name("s")]);
        assert_eq!((stage.elapsed_since(start), b.connected()), (3_000, false));
    });
}

#[test]
fn a_supervisor_that_was_terminated_is_started_anew_with_its_children() {
    at_rest(async {
        let stage = Stage::new();
        let one = flags(Strategy::OneForOne, 1);
        let top = Tree::new(one).with(sup("s", one, [stage.script.child(permanent("b"))]));
        let top = top.start("top", stage.clock.clone(), Exit::calling(|_, _| ())).await.unwrap();
        let before = top.below("s").unwrap().addr::<Player>("b").unwrap();
        assert_eq!(top.terminate(&"s".into()).await, Terminated::Stopped);
        assert!(!before.connected() && top.below("s").is_none());
        assert_eq!(top.view().len(), 1, "what was below is no longer shown");
        top.restart_child("s").await.unwrap();
        assert_eq!(top.below("s").unwrap().addr::<Player>("b").unwrap().send(Add(1)).await, Ok(1));
    });
}

#[test]
fn a_system_that_is_dropped_lets_go_of_a_whole_tree() {
    let kept = Rc::new(());
    at_rest(async {
        let stage = Stage::new();
        let held = Rc::clone(&kept);
        let child = ChildDef::new(permanent("b"), move |_| {
            let _ = &held;
            Player { name: "b".into(), script: Script::default(), sum: 0, tick: None }
        });
        stage.supervisor.start_child(&sup("s", flags(Strategy::OneForOne, 1), [child])).await.unwrap();
        assert!(Rc::strong_count(&kept) > 1);
    });
    assert_eq!(Rc::strong_count(&kept), 1);
}

#[test]
fn a_system_that_is_dropped_lets_go_of_one_child() {
    let kept = Rc::new(());
    at_rest(async {
        let stage = Stage::new();
        let held = Rc::clone(&kept);
        let child = ChildDef::new(permanent("b"), move |_| {
            let _ = &held;
            Player { name: "b".into(), script: Script::default(), sum: 0, tick: None }
        });
        stage.supervisor.start_child(&child).await.unwrap();
        assert!(Rc::strong_count(&kept) > 1);
    });
    assert_eq!(Rc::strong_count(&kept), 1);
}
