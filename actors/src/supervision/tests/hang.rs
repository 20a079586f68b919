//! Hung children: a wait inside one that never ends, a turn that blocks the thread, and all that only looks like it.

use super::super::*;
use super::stage::*;
use std::sync::mpsc;
use std::time::Duration;

const MINUTE_MS: u64 = 60_000;

#[test]
fn a_wait_inside_that_never_ends_is_an_ending_and_what_is_queued_behind_is_handled() {
    at_rest(async {
        let stage = Stage::new();
        let a = stage.start(ChildSpec::core("a")).await;
        let start = stage.clock.steady();
        a.do_send(Wait(None, None));
        let (first, second) = (a.send(Add(1)), a.send(Add(1)));
        assert_eq!((first.await, second.await), (Ok(1), Ok(2)));
        assert_eq!(stage.elapsed_since(start) as u64, MINUTE_MS);
        let child = stage.child("a");
        assert_eq!((child.restarts, child.state), (1, State::Running));
        assert_eq!(child.last_reason.as_deref(), Some("it hung: a wait inside it has not ended for 60000 ms, 2 messages wait"));
    });
}

#[test]
fn a_child_that_hangs_again_and_again_is_given_up_as_one_that_panics() {
    at_rest(async {
        let stage = Stage::new();
        let a = stage.start(ChildSpec { hang_limit_ms: 10_000, ..ChildSpec::core("a") }).await;
        for _ in 0..4 {
            a.do_send(Wait(None, None));
        }
        pass(45_000).await;
        assert_eq!(stage.escalated(), ["a"]);
        assert!(stage.escalations.borrow()[0].1.starts_with("it hung"));
    });
}

#[test]
fn a_long_wait_for_somebody_outside_is_no_hang_and_is_shown() {
    at_rest(async {
        let stage = Stage::new();
        let a = stage.start(ChildSpec::core("a")).await;
        a.do_send(Wait(Some(10 * MINUTE_MS), Some("discord")));
        let queued = a.send(Add(1));
        pass(9 * MINUTE_MS).await;
        let child = stage.child("a");
        assert_eq!((child.restarts, child.mailbox_depth), (0, 1));
        assert_eq!(child.waiting_on.iter().map(|wait| wait.on).collect::<Vec<_>>(), ["discord"]);
        assert_eq!(stage.elapsed_since(child.waiting_on[0].since) as u64, 9 * MINUTE_MS);
        assert_eq!(queued.await, Ok(1));
        assert!(stage.child("a").waiting_on.is_empty());
    });
}

#[test]
fn a_row_of_short_waits_is_progress() {
    at_rest(async {
        let stage = Stage::new();
        let a = stage.start(ChildSpec::core("a")).await;
        for _ in 0..100 {
            a.do_send(Wait(Some(MINUTE_MS - 1), None));
        }
        assert_eq!(a.send(Add(1)).await, Ok(1));
        assert_eq!(stage.child("a").restarts, 0);
    });
}

#[test]
fn without_a_limit_a_wait_may_last_for_ever() {
    at_rest(async {
        let stage = Stage::new();
        let a = stage.start(ChildSpec { hang_limit_ms: 0, ..ChildSpec::core("a") }).await;
        a.do_send(Wait(None, None));
        pass(1_000 * MINUTE_MS).await;
        assert_eq!((stage.child("a").restarts, stage.child("a").state), (0, State::Running));
    });
}

#[test]
fn an_idle_child_and_one_with_a_far_timer_are_no_hang() {
    at_rest(async {
        let stage = Stage::new();
        let [(a, _), (b, script)] = stage.start_each([ChildSpec::core("a"), ChildSpec::core("b")]).await;
        b.do_send(Arm(1_000 * MINUTE_MS));
        pass(1_000 * MINUTE_MS + 1).await;
        assert_eq!((script.count("b ticked"), stage.child("a").restarts, stage.child("b").restarts), (1, 0, 0));
        assert!(a.connected());
    });
}

#[test]
fn a_process_that_was_stopped_or_asleep_is_no_hang_and_a_step_of_the_wall_clock_neither() {
    at_rest(async {
        let stage = Stage::new();
        let a = stage.start(ChildSpec::core("a")).await;
        a.do_send(Wait(None, None));
        for _ in 0..3 {
            pass(10_000).await;
            stage.clock.step_wall(86_400_000);
            // Nobody runs for an hour, as with SIGSTOP or a machine that sleeps: then all timers are due at once.
            tokio::time::advance(Duration::from_secs(3_600)).await;
        }
        assert_eq!(stage.child("a").restarts, 0, "30 s of running time, three hours of nothing");
        pass(25_000).await;
        assert_eq!(stage.child("a").restarts, 0);
        pass(20_000).await;
        assert_eq!(stage.child("a").restarts, 1, "but a real hang is still noticed, when it has run for long enough");
    });
}

/// A child that blocks its thread until somebody outside lets it go.
struct Blocker;

impl actix::Actor for Blocker {
    type Context = Context<Self>;
}

impl actix::Supervised for Blocker {}

impl Child for Blocker {}

#[derive(actix::Message)]
#[rtype(result = "()")]
struct Block(mpsc::Sender<()>, mpsc::Receiver<()>);

impl actix::Handler<Block> for Blocker {
    type Result = ();
    fn handle(&mut self, msg: Block, _: &mut Context<Self>) {
        msg.0.send(()).unwrap();
        let _ = msg.1.recv();
    }
}

/// Much longer than any loaded machine needs; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_turn_that_blocks_the_thread_is_noticed_from_another_and_named() {
    let (blocks, blocked) = mpsc::channel();
    let (let_go, held) = mpsc::channel();
    let (tell, told) = mpsc::channel();
    let actors = std::thread::spawn(move || {
        actix::System::new().block_on(async {
            let supervisor = Supervisor::start("test", Clock::system(), Exit::calling(|_, _| ()));
            let observer = supervisor.observe_with(200, move |hang| tell.send(hang.clone()).unwrap()).unwrap();
            let spec = Arc::new(ChildSpec::many("hosts"));
            let addr = supervisor.spawn(&spec, "nas".into(), |_| Blocker);
            addr.send(Block(blocks, held)).await.unwrap();
            drop(observer);
        });
    });
    blocked.recv_timeout(PATIENCE).unwrap();
    let hang = told.recv_timeout(PATIENCE).unwrap();
    assert_eq!((hang.child.as_str(), hang.for_ms), ("hosts/nas", 200));
    let_go.send(()).unwrap();
    actors.join().unwrap();
}

#[test]
fn a_process_whose_thread_is_blocked_ends_with_code_70() {
    let me = std::env::current_exe().unwrap();
    let test = "supervision::tests::hang::blocks_its_own_process";
    let mut child = std::process::Command::new(me);
    let ended = child.args([test, "--exact", "--ignored", "--nocapture"]).env("PULSEWARDEN_TEST_BLOCKS", "1").output().unwrap();
    assert_eq!(ended.status.code(), Some(ESCALATED), "{}", String::from_utf8_lossy(&ended.stderr));
}

#[test]
#[ignore = "run by a_process_whose_thread_is_blocked_ends_with_code_70, in a process of its own"]
fn blocks_its_own_process() {
    if std::env::var_os("PULSEWARDEN_TEST_BLOCKS").is_none() {
        return;
    }
    actix::System::new().block_on(async {
        let supervisor = Supervisor::start("test", Clock::system(), Exit::process());
        let _observer = supervisor.observe(200).unwrap();
        let addr = supervisor.spawn(&Arc::new(ChildSpec::core("db")), "db".into(), |_| Blocker);
        let (blocks, _blocked) = mpsc::channel();
        let (_let_go, held) = mpsc::channel();
        addr.send(Block(blocks, held)).await.unwrap();
    });
}
