//! A stage for the tests of the engine: an actor that follows a script, a supervisor in virtual time, and a journal.

use super::super::*;
use actix::prelude::{ActorFutureExt, AsyncContext, Handler, Message, SpawnHandle, System, WrapFuture};
use domain::restart::{Backoff, Restart, Rule};
use std::cell::{Cell, RefCell};
use std::time::Duration;

pub(super) fn at_rest<F: Future>(test: F) -> F::Output {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    System::with_tokio_rt(runtime).block_on(test)
}

pub(super) async fn pass(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

/// What happened, in order, and how the next lives are to go.
#[derive(Clone, Default)]
pub(super) struct Script {
    pub(super) journal: Rc<RefCell<Vec<String>>>,
    pub(super) panics_in_started: Rc<Cell<u32>>,
    pub(super) panics_in_restarting: Rc<Cell<u32>>,
    pub(super) stops_in_started: Rc<Cell<u32>>,
    pub(super) reload_ms: Rc<Cell<u64>>,
    pub(super) ignores_stop: Rc<Cell<bool>>,
    pub(super) stop_takes_ms: Rc<Cell<u64>>,
    pub(super) will: Rc<Cell<Will>>,
    pub(super) clock: Option<Clock>,
}

/// How the next starts of a child go.
#[derive(Clone, Copy, Default)]
pub(super) enum Will {
    #[default]
    Start,
    Ignore,
    Refuse,
    Panic,
}

impl Script {
    pub(super) fn note(&self, what: impl Into<String>) {
        self.journal.borrow_mut().push(what.into());
    }

    /// A script of its own in the same journal.
    pub(super) fn own(&self) -> Script {
        Script { journal: Rc::clone(&self.journal), ..Script::default() }
    }

    /// A child of a tree that follows this script.
    pub(super) fn child(&self, spec: ChildSpec) -> ChildDef {
        let script = self.clone();
        let name = spec.name;
        ChildDef::fallible(spec, move |_| {
            script.note(format!("{name} made"));
            let player = Player { name: name.into(), script: script.clone(), sum: 0, tick: None };
            match script.will.get() {
                Will::Start => Ok(Some(player)),
                Will::Ignore => Ok(None),
                Will::Refuse => Err("told to refuse".to_owned()),
                Will::Panic => panic!("told to panic"),
            }
        })
    }

    pub(super) fn said(&self) -> Vec<String> {
        self.journal.take()
    }

    pub(super) fn count(&self, what: &str) -> usize {
        self.journal.borrow().iter().filter(|line| *line == what).count()
    }
}

pub(super) fn one_less(left: &Cell<u32>) -> bool {
    let more = left.get() > 0;
    left.set(left.get().saturating_sub(1));
    more
}

pub(super) struct Player {
    pub(super) name: String,
    pub(super) script: Script,
    pub(super) sum: u32,
    pub(super) tick: Option<SpawnHandle>,
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
    pub(super) fn arm(&mut self, ms: u64, ctx: &mut Context<Self>) {
        let tick = ctx.run_later(Duration::from_millis(ms), |player, _| player.script.note(format!("{} ticked", player.name)));
        self.tick = Some(tick);
    }
}

#[derive(Message)]
#[rtype(result = "u32")]
pub(super) struct Add(pub(super) u32);

#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Boom(pub(super) &'static str);

#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Halt;

#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Arm(pub(super) u64);

#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct CancelAndBoom;

/// Ends at once, without `stopping`: what OTP's `shutdown` reason comes nearest to.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct HaltNow;

/// Waits inside, for so many milliseconds or for ever; as for somebody outside, if that is named.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Wait(pub(super) Option<u64>, pub(super) Option<&'static str>);

impl Handler<HaltNow> for Player {
    type Result = ();
    fn handle(&mut self, _: HaltNow, ctx: &mut Context<Self>) {
        ctx.terminate();
    }
}

impl Handler<Wait> for Player {
    type Result = ();
    fn handle(&mut self, msg: Wait, ctx: &mut Context<Self>) {
        let external = msg.1.map(Waiting::on);
        let wait = async move {
            match msg.0 {
                Some(ms) => pass(ms).await,
                None => std::future::pending().await,
            }
            drop(external);
        };
        ctx.wait(wait.into_actor(self));
    }
}

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

pub(super) type Escalations = Rc<RefCell<Vec<(ChildId, String)>>>;

pub(super) struct Stage {
    pub(super) supervisor: Supervisor,
    pub(super) clock: Clock,
    pub(super) escalations: Escalations,
    pub(super) script: Script,
}

impl Stage {
    pub(super) fn new() -> Stage {
        Stage::with(Flags::EACH_FOR_ITSELF)
    }

    pub(super) fn with(flags: Flags) -> Stage {
        let (clock, escalations) = (Clock::for_tests(), Escalations::default());
        let seen = Rc::clone(&escalations);
        let exit = Exit::calling(move |id, reason| seen.borrow_mut().push((id.clone(), reason.to_owned())));
        Stage { supervisor: Supervisor::new("test", flags, clock.clone(), exit), clock, escalations, script: Script::default() }
    }

    /// Adds a child that follows the common script.
    pub(super) async fn start(&self, spec: ChildSpec) -> Addr<Player> {
        let name = spec.name;
        self.supervisor.start_child(&self.script.child(spec)).await.unwrap();
        self.addr(name)
    }

    /// Adds children that follow scripts of their own.
    pub(super) async fn start_each<const N: usize>(&self, specs: [ChildSpec; N]) -> [(Addr<Player>, Script); N] {
        let mut started = Vec::new();
        for spec in specs {
            let (script, name) = (self.script.own(), spec.name);
            self.supervisor.start_child(&script.child(spec)).await.unwrap();
            started.push((self.addr(name), script));
        }
        started.try_into().unwrap_or_else(|_| unreachable!())
    }

    pub(super) fn addr(&self, name: &str) -> Addr<Player> {
        self.supervisor.addr(name).unwrap()
    }

    /// What OTP's suite compares: specs, active, supervisors, workers.
    pub(super) fn counts(&self) -> [usize; 4] {
        counts(&self.supervisor)
    }

    pub(super) fn known(&self) -> Vec<(String, State)> {
        self.supervisor.which_children().into_iter().map(|known| (known.id.to_string(), known.state)).collect()
    }

    /// Escalations so far, by child.
    pub(super) fn escalated(&self) -> Vec<String> {
        self.escalations.borrow().iter().map(|(id, _)| id.to_string()).collect()
    }

    pub(super) fn spawn(&self, spec: &Arc<ChildSpec>, name: &'static str) -> Addr<Player> {
        self.spawn_with(spec, name, &self.script)
    }

    pub(super) fn spawn_with(&self, spec: &Arc<ChildSpec>, name: &'static str, script: &Script) -> Addr<Player> {
        let player = Player { name: name.into(), script: script.clone(), sum: 0, tick: None };
        self.supervisor.spawn(spec, ChildId::from(name), |_| player)
    }

    pub(super) fn child(&self, name: &str) -> ChildView {
        self.supervisor.view().into_iter().find(|view| view.id.as_str() == name).unwrap()
    }

    pub(super) fn elapsed_since(&self, start: domain::time::Steady) -> i64 {
        self.clock.steady().since_ms(start)
    }
}

pub(super) fn core(name: &'static str, restart: Restart) -> Arc<ChildSpec> {
    let spec = ChildSpec::core(name);
    Arc::new(ChildSpec { rule: Rule { restart, ..spec.rule }, ..spec })
}

pub(super) fn counts(supervisor: &Supervisor) -> [usize; 4] {
    let counts = supervisor.count_children();
    [counts.specs, counts.active, counts.supervisors, counts.workers]
}

/// A child as OTP's suite has them: only the supervisor counts its restarts, and nothing waits before one.
pub(super) const fn worker(name: &'static str, restart: Restart) -> ChildSpec {
    let mut spec = ChildSpec::worker(name);
    spec.rule.restart = restart;
    spec.rule.backoff = Backoff { first_ms: 0, max_ms: 0 };
    spec.shutdown_limit_ms = 1_000;
    spec
}

pub(super) const fn permanent(name: &'static str) -> ChildSpec {
    worker(name, Restart::Permanent)
}

/// More than `max` restarts in an hour are too many, as mostly in OTP's suite.
pub(super) const fn flags(strategy: Strategy, max: u32) -> Flags {
    Flags::new(strategy, max, 3_600_000)
}
