//! The live view: depth, last message, life and waits of each child, told truly and from any thread.

use super::super::*;
use super::stage::*;

#[test]
fn the_depth_of_a_mailbox_is_what_was_sent_and_not_yet_handled() {
    at_rest(async {
        let stage = Stage::new();
        let a = stage.start(ChildSpec::core("a")).await;
        assert_eq!(a.mailbox_depth(), 0);
        a.do_send(Wait(Some(100), None));
        pass(1).await;
        let answers: Vec<_> = (0..40).map(|_| a.clone().send(Add(1))).collect();
        a.do_send(Boom("x"));
        a.do_send(Add(1));
        assert_eq!((a.mailbox_depth(), stage.child("a").mailbox_depth), (42, 42));
        drop(answers); // nobody waits any more: they are taken out all the same
        pass(200).await;
        assert_eq!((a.mailbox_depth(), stage.child("a").restarts), (0, 1));
    });
}

#[test]
fn a_full_mailbox_refuses_and_is_not_miscounted() {
    at_rest(async {
        let stage = Stage::new();
        let a = stage.start(ChildSpec::core("a")).await;
        a.do_send(Wait(Some(100), None));
        pass(1).await;
        let taken = (0..100).filter(|_| a.try_send(Add(1)).is_ok()).count();
        assert!(taken > 0 && taken < 100, "{taken}");
        assert_eq!(a.mailbox_depth() as usize, taken);
        // Sent by one address that is full: actix holds the last one back and packs it later, uncounted.
        let held_back = a.send(Add(1));
        held_back.await.unwrap();
        pass(100).await;
        assert_eq!(a.mailbox_depth(), 0);
        stage.supervisor.terminate(&"a".into()).await;
        a.do_send(Add(1));
        assert_eq!(a.mailbox_depth(), 0, "what nobody will handle is not counted");
    });
}

#[test]
fn messages_that_wait_for_a_restart_are_counted() {
    at_rest(async {
        let stage = Stage::new();
        let a = stage.spawn(&Arc::new(ChildSpec::many("hosts")), "a");
        for _ in 0..6 {
            a.do_send(Boom("poison"));
        }
        for _ in 0..9 {
            a.do_send(Add(1));
        }
        pass(2_000).await;
        let child = stage.child("a");
        assert_eq!((child.state, child.mailbox_depth, child.alive_since), (State::GivenUp, 9, None));
    });
}

#[test]
fn the_last_message_and_the_life_are_told_with_their_times() {
    at_rest(async {
        let stage = Stage::new();
        let zero = stage.clock.steady();
        let a = stage.start(ChildSpec::core("a")).await;
        assert_eq!((a.last_message(), a.alive_since()), (None, Some(zero)));
        pass(1_000).await;
        a.send(Add(1)).await.unwrap();
        pass(1_000).await;
        assert_eq!(a.last_message(), Some(zero.plus_ms(1_000)));
        a.send(Boom("x")).await.unwrap_err();
        pass(1_000).await;
        let child = stage.child("a");
        assert_eq!((child.last_message, child.alive_since), (Some(zero.plus_ms(2_000)), Some(zero.plus_ms(2_000))));
    });
}

#[test]
fn an_actor_that_writes_to_itself_is_counted_too() {
    at_rest(async {
        let stage = Stage::new();
        let spec = Arc::new(ChildSpec::core("a"));
        let a = stage.supervisor.spawn(&spec, "a".into(), |ctx: &mut Context<Player>| {
            ctx.address().do_send(Add(1));
            Player { name: "a".into(), script: Script::default(), sum: 0, tick: None }
        });
        assert_eq!(a.mailbox_depth(), 1);
        assert_eq!((a.send(Add(1)).await, a.mailbox_depth()), (Ok(2), 0));
    });
}

#[test]
fn senders_on_many_threads_and_a_reader_see_one_truth_in_the_end() {
    at_rest(async {
        let stage = Stage::new();
        let a = stage.start(ChildSpec::core("a")).await;
        let live = stage.supervisor.live();
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (a, live) = (a.clone(), live.clone());
                std::thread::spawn(move || {
                    for _ in 0..1_000 {
                        a.do_send(Add(1));
                        assert!(live.child("a", "a").unwrap().mailbox_depth <= 4_000);
                    }
                })
            })
            .collect();
        while a.send(Add(0)).await.unwrap() < 4_000 {
            tokio::task::yield_now().await;
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(a.mailbox_depth(), 0);
    });
}

#[test]
fn the_view_shows_the_tree_with_its_supervisors() {
    at_rest(async {
        let stage = Stage::new();
        let one = flags(Strategy::OneForOne, 1);
        let inner = Tree::new(one).with(stage.script.child(permanent("inner")));
        let top = Tree::new(one)
            .with(stage.script.child(permanent("first")))
            .with(ChildDef::supervisor(ChildSpec::supervisor("below"), inner))
            .with(ChildDef::group(&Arc::new(ChildSpec::many("hosts"))));
        let top = top.start("top", stage.clock.clone(), Exit::calling(|_, _| ())).await.unwrap();
        let told: Vec<_> =
            top.live().groups().into_iter().map(|g| (g.supervisor, g.name, g.is_supervisor, g.many, g.running)).collect();
        let expected = [
            ("top", "first", false, false, 1),
            ("top", "below", true, false, 1),
            ("top/below", "inner", false, false, 1),
            ("top", "hosts", false, true, 0),
        ];
        assert_eq!(told, expected.map(|(sup, name, is_sup, many, running)| (sup.to_owned(), name, is_sup, many, running)));
    });
}

#[test]
fn a_wait_of_one_of_many_is_a_story_as_long_as_it_lasts() {
    at_rest(async {
        let stage = Stage::new();
        let hosts = Arc::new(ChildSpec::many("hosts"));
        let [a, _b] = ["a", "b"].map(|name| stage.spawn(&hosts, name));
        a.do_send(Wait(Some(1_000), Some("ssh")));
        pass(500).await;
        assert_eq!(stage.supervisor.view().iter().map(|child| child.id.to_string()).collect::<Vec<_>>(), ["a"]);
        pass(1_000).await;
        assert!(stage.supervisor.view().is_empty());
    });
}
