//! The supervisor's promises in virtual time; where OTP's `supervisor_SUITE` has the case, it has its name.

use super::*;
use actix::dev::ContextFut;
use actix::prelude::{ActorFutureExt, AsyncContext, Handler, MailboxError, Message, SpawnHandle, System, WrapFuture};
use futures_util::future::{join_all, join3};
use std::cell::Cell;
use std::collections::HashSet;

fn at_rest<F: Future>(test: F) -> F::Output {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    System::with_tokio_rt(runtime).block_on(test)
}

async fn pass(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

/// What happened, in order, and how the next lives are to go.
#[derive(Clone, Default)]
struct Script {
    journal: Rc<RefCell<Vec<String>>>,
    panics_in_started: Rc<Cell<u32>>,
    panics_in_restarting: Rc<Cell<u32>>,
    stops_in_started: Rc<Cell<u32>>,
    reload_ms: Rc<Cell<u64>>,
    ignores_stop: Rc<Cell<bool>>,
    stop_takes_ms: Rc<Cell<u64>>,
    clock: Option<Clock>,
}

impl Script {
    fn note(&self, what: impl Into<String>) {
        self.journal.borrow_mut().push(what.into());
    }

    fn said(&self) -> Vec<String> {
        self.journal.take()
    }

    fn count(&self, what: &str) -> usize {
        self.journal.borrow().iter().filter(|line| *line == what).count()
    }
}

fn one_less(left: &Cell<u32>) -> bool {
    let more = left.get() > 0;
    left.set(left.get().saturating_sub(1));
    more
}

struct Player {
    name: String,
    script: Script,
    sum: u32,
    tick: Option<SpawnHandle>,
}

impl Actor for Player {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.script.note(format!("{} started", self.name));
        assert!(!one_less(&self.script.panics_in_started), "in started");
        if one_less(&self.script.stops_in_started) {
            ctx.stop();
        }
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        self.script.note(format!("{} stopped", self.name));
    }
}

impl Supervised for Player {
    fn restarting(&mut self, ctx: &mut Context<Self>) {
        let at = self.script.clock.as_ref().map(|clock| format!(" at {}", clock.steady().0));
        self.script.note(format!("{} restarting{}", self.name, at.unwrap_or_default()));
        assert!(!one_less(&self.script.panics_in_restarting), "in restarting");
        (self.sum, self.tick) = (0, None);
        if self.script.reload_ms.get() > 0 {
            let reload = pass(self.script.reload_ms.get()).into_actor(self);
            ctx.wait(reload.map(|(), player, ctx| player.arm(1_000, ctx)));
        }
    }
}

impl Child for Player {
    fn stop_requested(&mut self, ctx: &mut Context<Self>) {
        self.script.note(format!("{} asked to stop", self.name));
        if self.script.ignores_stop.get() {
            return;
        }
        match self.script.stop_takes_ms.get() {
            0 => ctx.stop(),
            ms => drop(ctx.run_later(Duration::from_millis(ms), |_, ctx| ctx.stop())),
        }
    }
}

impl Player {
    fn arm(&mut self, ms: u64, ctx: &mut Context<Self>) {
        let tick = ctx.run_later(Duration::from_millis(ms), |player, _| player.script.note(format!("{} ticked", player.name)));
        self.tick = Some(tick);
    }
}

#[derive(Message)]
#[rtype(result = "u32")]
struct Add(u32);

#[derive(Message)]
#[rtype(result = "()")]
struct Boom(&'static str);

#[derive(Message)]
#[rtype(result = "()")]
struct Halt;

#[derive(Message)]
#[rtype(result = "()")]
struct Arm(u64);

#[derive(Message)]
#[rtype(result = "()")]
struct CancelAndBoom;

impl Handler<Add> for Player {
    type Result = u32;
    fn handle(&mut self, msg: Add, _: &mut Context<Self>) -> u32 {
        self.sum += msg.0;
        self.sum
    }
}

impl Handler<Boom> for Player {
    type Result = ();
    fn handle(&mut self, msg: Boom, _: &mut Context<Self>) {
        self.sum = 1_000_000;
        panic!("{}", msg.0);
    }
}

impl Handler<Halt> for Player {
    type Result = ();
    fn handle(&mut self, _: Halt, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}

impl Handler<Arm> for Player {
    type Result = ();
    fn handle(&mut self, msg: Arm, ctx: &mut Context<Self>) {
        self.arm(msg.0, ctx);
    }
}

impl Handler<CancelAndBoom> for Player {
    type Result = ();
    fn handle(&mut self, _: CancelAndBoom, ctx: &mut Context<Self>) {
        ctx.cancel_future(self.tick.take().unwrap());
        panic!("after a cancellation");
    }
}

type Escalations = Rc<RefCell<Vec<(ChildId, String)>>>;

struct Stage {
    supervisor: Supervisor,
    clock: Clock,
    escalations: Escalations,
    script: Script,
}

impl Stage {
    fn new() -> Stage {
        let (clock, escalations) = (Clock::for_tests(), Escalations::default());
        let seen = Rc::clone(&escalations);
        let exit = Exit::calling(move |id, reason| seen.borrow_mut().push((id.clone(), reason.to_owned())));
        Stage { supervisor: Supervisor::start("test", clock.clone(), exit), clock, escalations, script: Script::default() }
    }

    fn spawn(&self, spec: &Arc<ChildSpec>, name: &'static str) -> Addr<Player> {
        self.spawn_with(spec, name, &self.script)
    }

    fn spawn_with(&self, spec: &Arc<ChildSpec>, name: &'static str, script: &Script) -> Addr<Player> {
        let player = Player { name: name.into(), script: script.clone(), sum: 0, tick: None };
        self.supervisor.spawn(spec, ChildId::from(name), |_| player)
    }

    fn child(&self, name: &str) -> ChildView {
        self.supervisor.view().into_iter().find(|view| view.id.as_str() == name).unwrap()
    }

    fn elapsed_since(&self, start: domain::time::Steady) -> i64 {
        self.clock.steady().since_ms(start)
    }
}

fn core(name: &'static str, restart: Restart) -> Arc<ChildSpec> {
    let spec = ChildSpec::core(name);
    Arc::new(ChildSpec { rule: Rule { restart, ..spec.rule }, ..spec })
}

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

// Restart intensity, back-off, giving up.

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
fn one_for_one_escalation() {
    at_rest(async {
        let stage = Stage::new();
        let [a, b, c] = ["a", "b", "c"].map(|name| stage.spawn(&core(name, Restart::Permanent), name));
        for _ in 0..4 {
            a.do_send(Boom("worn out"));
            b.do_send(Boom("also worn out"));
        }
        pass(10_000).await;
        let escalations = stage.escalations.take();
        assert_eq!(escalations.len(), 1, "exactly once for all children");
        assert_eq!(escalations[0].0, ChildId::Name("a"));
        assert!(escalations[0].1.starts_with("worn out"));
        assert_eq!((stage.child("a").state, a.connected()), (State::GivenUp, false));
        assert_eq!((c.send(Add(1)).await, stage.child("c").restarts), (Ok(1), 0));
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

// Shutdown and termination.

#[test]
fn shutdown_stops_groups_in_reverse_start_order_and_handles_what_is_queued() {
    at_rest(async {
        let stage = Stage::new();
        let hosts = Arc::new(ChildSpec::many("host"));
        let db = stage.spawn(&core("db", Restart::Permanent), "db");
        let [_h1, h2] = ["h1", "h2"].map(|name| stage.spawn(&hosts, name));
        let _web = stage.spawn(&core("web", Restart::Permanent), "web");
        pass(1).await;
        stage.script.said();
        let queued = (db.send(Add(3)), h2.send(Add(4)));
        let ends = stage.supervisor.shutdown().await;
        let end = |name, stopped| GroupEnd { name, stopped, killed: vec![] };
        assert_eq!(ends, [end("web", 1), end("host", 2), end("db", 1)]);
        assert_eq!((queued.0.await, queued.1.await), (Ok(3), Ok(4)));
        let mut said = stage.script.said();
        said.retain(|line| line.ends_with("stopped"));
        said[1..3].sort();
        assert_eq!(said, ["web stopped", "h1 stopped", "h2 stopped", "db stopped"]);
        assert!(stage.supervisor.view().iter().all(|child| child.state == State::Stopped && child.restarts == 0));
    });
}

#[test]
fn a_child_that_does_not_stop_is_dropped_at_its_limit() {
    at_rest(async {
        let stage = Stage::new();
        let stubborn = Script::default();
        stubborn.ignores_stop.set(true);
        let a = stage.spawn(&core("a", Restart::Permanent), "a");
        let b = stage.spawn_with(&core("b", Restart::Permanent), "b", &stubborn);
        stage.script.stop_takes_ms.set(300);
        let start = stage.clock.steady();
        let ends = stage.supervisor.shutdown().await;
        assert_eq!(ends[0], GroupEnd { name: "b", stopped: 0, killed: vec![ChildId::Name("b")] });
        assert_eq!(ends[1], GroupEnd { name: "a", stopped: 1, killed: vec![] });
        assert_eq!(stage.elapsed_since(start), 5_000 + 300);
        assert_eq!(stubborn.said(), ["b started", "b asked to stop"], "no turn after that");
        assert!(!a.connected() && !b.connected());
    });
}

#[test]
fn shutdown_timeout_is_shared_by_the_children_of_a_group() {
    at_rest(async {
        let stage = Stage::new();
        stage.script.ignores_stop.set(true);
        let hosts = Arc::new(ChildSpec::many("host"));
        let _hosts = ["h1", "h2", "h3"].map(|name| stage.spawn(&hosts, name));
        let start = stage.clock.steady();
        let ends = stage.supervisor.shutdown().await;
        assert_eq!((ends[0].stopped, ends[0].killed.len()), (0, 3));
        assert_eq!(stage.elapsed_since(start), 2_000);
    });
}

#[test]
fn brutal_kill_gives_no_turn() {
    at_rest(async {
        let stage = Stage::new();
        let spec = Arc::new(ChildSpec { shutdown_limit_ms: 0, ..ChildSpec::core("a") });
        let a = stage.spawn(&spec, "a");
        a.send(Add(1)).await.unwrap();
        let ends = stage.supervisor.shutdown().await;
        assert_eq!(ends[0].killed, [ChildId::Name("a")]);
        assert!(!a.connected(), "it is gone when shutdown says so");
        assert_eq!(stage.script.said(), ["a started"]);
    });
}

#[test]
fn shutdown_waits_for_a_reload_in_progress() {
    at_rest(async {
        let stage = Stage::new();
        stage.script.reload_ms.set(500);
        let a = stage.spawn(&Arc::new(ChildSpec::many("a")), "a");
        a.do_send(Boom("x"));
        let queued = a.send(Add(2));
        pass(100).await;
        let ends = stage.supervisor.shutdown().await;
        assert_eq!((ends[0].stopped, queued.await), (1, Ok(2)));
    });
}

#[test]
fn a_child_that_rests_stops_at_once() {
    at_rest(async {
        let stage = Stage::new();
        stage.script.panics_in_started.set(6);
        let a = stage.spawn(&Arc::new(ChildSpec::many("host")), "a");
        pass(2_000).await;
        let start = stage.clock.steady();
        assert_eq!(stage.supervisor.shutdown().await[0].stopped, 1);
        assert_eq!((stage.elapsed_since(start), a.connected()), (0, false));
    });
}

#[test]
fn a_panic_while_stopping_is_the_end() {
    at_rest(async {
        let stage = Stage::new();
        let a = stage.spawn(&core("a", Restart::Permanent), "a");
        pass(1).await;
        a.do_send(Boom("x"));
        assert_eq!(stage.supervisor.shutdown().await[0].stopped, 1);
        assert_eq!((stage.child("a").state, stage.child("a").restarts), (State::Stopped, 0));
    });
}

#[test]
fn a_group_whose_turn_has_not_come_is_still_supervised_during_shutdown() {
    at_rest(async {
        let stage = Stage::new();
        let a = stage.spawn(&core("a", Restart::Permanent), "a");
        let slow = Script::default();
        slow.stop_takes_ms.set(1_000);
        let hosts = Arc::new(ChildSpec::many("host"));
        let _b = stage.spawn_with(&hosts, "b", &slow);
        let supervisor = stage.supervisor.clone();
        let closing = actix_rt::spawn(async move { supervisor.shutdown().await });
        pass(500).await;
        a.send(Boom("x")).await.unwrap_err();
        assert_eq!(a.send(Add(1)).await, Ok(1));
        let late = stage.spawn(&hosts, "late");
        let ends = closing.await.unwrap();
        assert_eq!((ends[0].name, ends[0].killed.len(), ends[1].name), ("host", 0, "a"));
        assert!(!late.connected(), "a child started too late is stopped too");
    });
}

#[test]
fn terminate_ends_one_child_and_its_id_is_free_again() {
    at_rest(async {
        let stage = Stage::new();
        let hosts = Arc::new(ChildSpec::many("host"));
        let [a, b] = ["a", "b"].map(|name| stage.spawn(&hosts, name));
        let queued = a.send(Add(9));
        assert_eq!(stage.supervisor.terminate(&ChildId::Name("a")).await, Terminated::Stopped);
        assert_eq!((queued.await, a.connected(), b.send(Add(1)).await), (Ok(9), false, Ok(1)));
        assert_eq!(stage.supervisor.terminate(&ChildId::Name("a")).await, Terminated::NotFound);
        let again = stage.spawn(&hosts, "a");
        assert_eq!(again.send(Add(2)).await, Ok(2));
        stage.script.ignores_stop.set(true);
        assert_eq!(stage.supervisor.terminate(&ChildId::Name("a")).await, Terminated::Killed);
        assert_eq!(stage.supervisor.live().groups()[0].children, 1);
    });
}

#[test]
fn a_second_child_of_the_same_id_takes_the_place_of_the_first() {
    at_rest(async {
        let stage = Stage::new();
        let hosts = Arc::new(ChildSpec::many("host"));
        let older = stage.spawn(&hosts, "a");
        older.send(Boom("x")).await.unwrap_err();
        let newer = stage.spawn(&hosts, "a");
        pass(1).await;
        assert_eq!((older.connected(), newer.send(Add(1)).await), (false, Ok(1)));
        assert_eq!(stage.supervisor.live().groups()[0].children, 1);
        newer.send(Boom("y")).await.unwrap_err();
        assert!(stage.child("a").last_reason.unwrap().starts_with('y'));
        assert_eq!(stage.supervisor.shutdown().await[0].stopped, 1);
    });
}

// Reachability.

#[test]
fn a_permanent_child_lives_without_an_address_and_is_restarted_without_one() {
    at_rest(async {
        let stage = Stage::new();
        let a = stage.spawn(&core("a", Restart::Permanent), "a");
        a.do_send(Boom("x"));
        drop(a);
        pass(100_000).await;
        assert_eq!((stage.child("a").state, stage.child("a").restarts), (State::Running, 1));
    });
}

#[test]
fn a_transient_child_without_an_address_is_restarted_after_a_panic_and_ends_when_idle() {
    at_rest(async {
        let stage = Stage::new();
        let a = stage.spawn(&core("a", Restart::Transient), "a");
        a.do_send(Boom("x"));
        stage.script.reload_ms.set(10);
        drop(a);
        pass(500).await;
        assert_eq!((stage.child("a").state, stage.child("a").restarts), (State::Running, 1));
        pass(1_000).await;
        assert_eq!((stage.child("a").state, stage.script.count("a ticked")), (State::Stopped, 1));
    });
}

#[test]
fn a_system_that_is_dropped_gives_its_children_no_turn() {
    let script = Script::default();
    at_rest(async {
        let stage = Stage::new();
        let _a = stage.spawn_with(&core("a", Restart::Permanent), "a", &script);
    });
    assert!(script.said().is_empty());
}

// The view, names, and what a child costs.

#[test]
fn healthy_children_of_a_large_group_are_counted_not_listed() {
    at_rest(async {
        let stage = Stage::new();
        let hosts = Arc::new(ChildSpec::many("host"));
        let addrs: Vec<_> = (0..1_000)
            .map(|n| {
                let player = Player { name: n.to_string(), script: stage.script.clone(), sum: 0, tick: None };
                stage.supervisor.spawn(&hosts, ChildId::Key(n.to_string().into()), |_| player)
            })
            .collect();
        let _db = stage.spawn(&core("db", Restart::Permanent), "db");
        assert_eq!(stage.child("db").state, State::Starting);
        pass(1).await;
        addrs[77].send(Boom("x")).await.unwrap_err();
        pass(1).await;
        let live = stage.supervisor.live();
        let read_elsewhere = std::thread::spawn(move || (live.groups()[0].children, live.children())).join().unwrap();
        assert_eq!(read_elsewhere.0, 1_000);
        let ids: HashSet<_> = read_elsewhere.1.iter().map(|child| child.id.to_string()).collect();
        assert_eq!(ids, HashSet::from(["77".to_owned(), "db".to_owned()]));
        let json = serde_json::to_value(stage.child("77")).unwrap();
        assert_eq!((&json["group"], &json["id"], &json["state"]), (&"host".into(), &"77".into(), &"running".into()));
    });
}

#[test]
fn with_the_hook_a_reason_names_its_place() {
    name_children_in_panics();
    at_rest(async {
        let stage = Stage::new();
        let a = stage.spawn(&core("a", Restart::Permanent), "a");
        a.send(Boom("x")).await.unwrap_err();
        let reason = stage.child("a").last_reason.unwrap();
        assert!(reason.starts_with("x (") && reason.contains("tests.rs:"), "{reason}");
    });
}

#[test]
fn a_healthy_child_costs_less_than_200_bytes_beyond_actix() {
    let own = size_of::<Life<Player>>() - size_of::<ContextFut<Player, Context<Player>>>();
    let member = size_of::<Member>() + 2 * size_of::<usize>();
    let index = 2 * (size_of::<usize>() + 1);
    println!(
        "life {own} B + member {member} B + index at most {index} B; actix: {} B",
        size_of::<ContextFut<Player, Context<Player>>>()
    );
    assert!(own + member + index < 200);
}

fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

struct Bare;
impl Actor for Bare {
    type Context = Context<Self>;
}
impl Supervised for Bare {}
impl Child for Bare {}

const MANY: usize = 100_000;

#[test]
#[ignore = "a measurement: run it alone with --release -- --ignored --nocapture"]
fn measure_100_000_children() {
    at_rest(async {
        let before = resident_kib();
        let plain: Vec<_> = (0..MANY).map(|_| Bare.start()).collect();
        pass(1).await;
        let middle = resident_kib();
        let stage = Stage::new();
        let spec = Arc::new(ChildSpec::many("host"));
        let began = stage.clock.steady();
        let ids: Vec<ChildId> = (0..MANY).map(|n| ChildId::Key(n.to_string().into())).collect();
        let after_ids = resident_kib();
        let kept: Vec<_> = ids.iter().map(|id| stage.supervisor.spawn(&spec, id.clone(), |_| Bare)).collect();
        pass(1).await;
        let after = resident_kib();
        let each = |kib: usize| kib * 1024 / MANY;
        println!(
            "plain actix {} B each, supervised {} B each, ids {} B each",
            each(middle - before),
            each(after - after_ids),
            each(after_ids - middle)
        );
        assert_eq!(stage.supervisor.shutdown().await[0].stopped, MANY);
        assert!(stage.elapsed_since(began) < 10 && plain.len() == kept.len());
    });
}
