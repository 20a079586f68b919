//! The supervision engine: keeps actix actors alive, and promises that one child's panic costs one message of that child.
//!
//! The meaning is Erlang/OTP's `one_for_one` supervisor. A [`ChildSpec`] says, as data, which endings lead to a restart,
//! how many restarts are too many, how long to wait before each and how long a child may take to stop. The
//! [`Supervisor`] starts children by it:
//!
//! * A panic is caught. The child's `Addr` stays valid, the messages queued behind the one that panicked are handled,
//!   the sender of that one gets an error, and every timer of the old life is gone.
//! * A restart calls [`Supervised::restarting`] and then [`Actor::started`] again. See [`Child`] for what they must do.
//! * Too many restarts: the supervisor escalates ([`Exit`]), or shows the child as given up and tries again slowly.
//! * [`Supervisor::shutdown`] stops the groups in the reverse of their start order, each child within its limit,
//!   messages already queued first.
//! * [`Live`] is the live view, readable from any thread; a healthy child of a large group costs it nothing.
//!
//! ```
//! use actix::{Actor, Context, Handler, Message, Supervised, System};
//! use actors::{clock::Clock, supervision::{Child, ChildId, ChildSpec, Exit, Supervisor}};
//! use std::sync::Arc;
//!
//! struct Divider { calls: u32 }
//! impl Actor for Divider { type Context = Context<Self>; }
//! impl Supervised for Divider {
//!     fn restarting(&mut self, _: &mut Context<Self>) { self.calls = 0 } // from the store, in real life
//! }
//! impl Child for Divider {}
//!
//! #[derive(Message)]
//! #[rtype(result = "u32")]
//! struct Divide(u32, u32);
//! impl Handler<Divide> for Divider {
//!     type Result = u32;
//!     fn handle(&mut self, msg: Divide, _: &mut Context<Self>) -> u32 { self.calls += 1; msg.0 / msg.1 }
//! }
//!
//! System::new().block_on(async {
//!     let supervisor = Supervisor::start("example", Clock::system(), Exit::process());
//!     let spec = Arc::new(ChildSpec::many("divider"));
//!     let divider = supervisor.spawn(&spec, ChildId::from("one"), |_| Divider { calls: 0 });
//!     assert!(divider.send(Divide(1, 0)).await.is_err());  // that message is lost,
//!     assert_eq!(divider.send(Divide(6, 2)).await, Ok(3)); // the child is not
//!     assert_eq!(supervisor.view()[0].restarts, 1);
//!     supervisor.shutdown().await;
//! });
//! ```

mod life;
mod member;
mod naming;
#[cfg(test)]
mod tests;
mod view;

pub use naming::name_children_in_panics;
pub use view::{ChildView, GroupView, Live, State};

use crate::clock::Clock;
use actix::{Actor, ActorContext, Addr, Context, Supervised};
use domain::restart::{Backoff, Intensity, Restart, Rule};
use life::Life;
use member::{Ground, Group, Member};
use serde::{Serialize, Serializer};
use std::cell::RefCell;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;
use tokio::sync::oneshot;

/// The exit code of a process whose supervisor gave up on a child it cannot do without (`EX_SOFTWARE`).
pub const ESCALATED: i32 = 70;

const HOST_RETRY_MS: u64 = 300_000;

/// An actor that can be supervised.
///
/// Its state is what it was when it panicked, half-changed perhaps: `restarting()` rebuilds it from the store (or
/// `ctx.wait`s for a reload, during which messages wait too) and keeps nothing. Timers of the old life are gone and
/// `started()` runs again after `restarting()`, so kept [`actix::SpawnHandle`]s must be forgotten. A cancellation that
/// was asked for in the very turn that panicked is still pending in actix and counts against the *new* life's handles,
/// which are numbered from 1 again: an actor that ever calls `cancel_future` arms its timers when its reload is done,
/// not in `restarting()` or `started()` themselves.
pub trait Child: Actor<Context = Context<Self>> + Supervised {
    /// The supervisor asks the child to stop; every message that was queued has been handled and no `ctx.wait` is open.
    ///
    /// Futures spawned in the context end when it stops. A child with answers still in flight overrides this and
    /// calls `ctx.stop()` when they are done; its shutdown limit ends the wait.
    fn stop_requested(&mut self, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}

/// Which child it is: a name known at compile time, or a key of one of many.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChildId {
    /// One of a kind, such as `db`.
    Name(&'static str),
    /// One of many, such as a host's id.
    Key(Arc<str>),
}

impl ChildId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        match self {
            ChildId::Name(name) => name,
            ChildId::Key(key) => key,
        }
    }
}

impl fmt::Display for ChildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ChildId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl From<&'static str> for ChildId {
    fn from(name: &'static str) -> ChildId {
        ChildId::Name(name)
    }
}

impl From<&domain::host::HostId> for ChildId {
    fn from(id: &domain::host::HostId) -> ChildId {
        ChildId::Key(id.as_str().into())
    }
}

/// What happens to a child that was restarted too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GiveUp {
    /// The supervisor cannot do without it: [`Exit`] is called, the child stays down.
    Escalate,
    /// It is shown as given up, reported through [`Supervisor::on_give_up`], and tried once every so many milliseconds.
    /// A try that lives through the intensity's period has recovered ([`Supervisor::on_recovery`]).
    RetryEvery(u64),
}

/// How children of one kind are kept; one value is shared by all of them, and they form one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildSpec {
    /// The group's name in the log and in the view.
    pub name: &'static str,
    /// Whether there are many: then the view lists only those with a story to tell, and ended ones vanish from it.
    pub many: bool,
    /// Which endings lead to a restart, how many are too many, how long to wait. A permanent child is also kept when
    /// nobody holds its address; the others end then.
    pub rule: Rule,
    /// How long a child may take to stop, in milliseconds; then it is dropped. 0 is OTP's `brutal_kill`.
    pub shutdown_limit_ms: u64,
    /// What follows too many restarts.
    pub on_give_up: GiveUp,
}

impl ChildSpec {
    /// A core actor: permanent, and more than 3 restarts in 60 s escalate.
    pub const fn core(name: &'static str) -> ChildSpec {
        ChildSpec {
            name,
            many: false,
            rule: Rule {
                restart: Restart::Permanent,
                intensity: Intensity { max_restarts: 3, period_ms: 60_000 },
                backoff: Backoff { first_ms: 50, max_ms: 5_000 },
            },
            shutdown_limit_ms: 5_000,
            on_give_up: GiveUp::Escalate,
        }
    }

    /// One of many, such as a host: transient, and more than 5 restarts in 30 s are given up and tried every 5 minutes.
    pub const fn many(name: &'static str) -> ChildSpec {
        ChildSpec {
            name,
            many: true,
            rule: Rule {
                restart: Restart::Transient,
                intensity: Intensity { max_restarts: 5, period_ms: 30_000 },
                backoff: Backoff { first_ms: 50, max_ms: 5_000 },
            },
            shutdown_limit_ms: 2_000,
            on_give_up: GiveUp::RetryEvery(HOST_RETRY_MS),
        }
    }
}

/// What an escalation does: in production it ends the process, in a test it tells the test.
#[derive(Clone)]
pub struct Exit(OnTrouble);

type OnTrouble = Rc<dyn Fn(&ChildId, &str)>;

impl Exit {
    /// Ends the process with code [`ESCALATED`], for compose or systemd to start again.
    pub fn process() -> Exit {
        Exit::calling(|_, _| {
            log::logger().flush();
            std::process::exit(ESCALATED)
        })
    }

    /// Calls `act` with the child that could not be kept and its last reason.
    pub fn calling(act: impl Fn(&ChildId, &str) + 'static) -> Exit {
        Exit(Rc::new(act))
    }

    /// Escalates. A supervisor does so once.
    pub fn escalate(&self, child: &ChildId, reason: &str) {
        (self.0)(child, reason);
    }
}

/// How a group of children ended in an orderly shutdown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupEnd {
    /// The group's name.
    pub name: &'static str,
    /// How many stopped by themselves.
    pub stopped: usize,
    /// Those that did not stop within their limit and were dropped.
    pub killed: Vec<ChildId>,
}

/// How a child ended that was told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terminated {
    /// There is no such child.
    NotFound,
    /// It handled what was queued and stopped.
    Stopped,
    /// It did not stop within its limit and was dropped.
    Killed,
}

/// Resolves when a terminated child has ended; dropping it changes nothing.
pub struct Terminating(oneshot::Receiver<Terminated>);

impl Future for Terminating {
    type Output = Terminated;

    fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<Terminated> {
        Poll::Ready(ready!(Pin::new(&mut self.0).poll(cx)).unwrap_or(Terminated::NotFound))
    }
}

/// A cheap handle to one supervisor; it lives on the thread of its children. [`Live`] is for the other threads.
#[derive(Clone)]
pub struct Supervisor(Rc<Core>);

struct Core {
    ground: Rc<Ground>,
    groups: RefCell<Vec<Rc<Group>>>,
    live: Live,
}

impl Supervisor {
    /// A supervisor without children, called `name` in the log.
    pub fn start(name: &'static str, clock: Clock, exit: Exit) -> Supervisor {
        let ground = Rc::new(Ground::new(name, clock, exit));
        Supervisor(Rc::new(Core { ground, groups: RefCell::default(), live: Live::default() }))
    }

    /// Calls `act` with the child and the reason each time one is given up, for the hub to alert somebody.
    pub fn on_give_up(&self, act: impl Fn(&ChildId, &str) + 'static) {
        *self.0.ground.on_give_up.borrow_mut() = Some(Rc::new(act));
    }

    /// Calls `act` with each child that was given up and lives again.
    pub fn on_recovery(&self, act: impl Fn(&ChildId) + 'static) {
        *self.0.ground.on_recovery.borrow_mut() = Some(Rc::new(act));
    }

    /// Starts a child and returns its address, which outlives its panics.
    ///
    /// Children of one spec form one group; groups stop in the reverse order of their first child. `make` runs here
    /// and now: a panic in it is the caller's. A child that still lives under the same spec and id is told to stop,
    /// the newer one takes its place. Must be called on the thread of an actix system.
    pub fn spawn<A: Child>(&self, spec: &Arc<ChildSpec>, id: ChildId, make: impl FnOnce(&mut Context<A>) -> A) -> Addr<A> {
        let mut ctx = Context::new();
        let actor = make(&mut ctx);
        let fut = ctx.into_future(actor);
        let addr = fut.address();
        let group = self.group(spec);
        let member = Member::join(&group, id);
        if let Some(older) = group.replace(&member) {
            log::error!("{} is started although it lives; the older one is stopped", older.path());
            actix_rt::spawn(end(older));
        }
        actix_rt::spawn(Life::new(fut, member));
        addr
    }

    /// Tells a child to handle what is queued and to stop, at once; the limit holds whether or not the answer is awaited.
    pub fn terminate(&self, id: &ChildId) -> Terminating {
        let (tx, rx) = oneshot::channel();
        let found = self.0.groups.borrow().iter().find_map(|group| group.find(id));
        let Some(member) = found else {
            let _ = tx.send(Terminated::NotFound);
            return Terminating(rx);
        };
        member.ask_to_stop();
        actix_rt::spawn(async move {
            let _ = tx.send(end(member).await);
        });
        Terminating(rx)
    }

    /// Stops every child: group by group in the reverse of their start order, the children of a group together, each
    /// within its limit. A child that panics now is not restarted; children of groups whose turn has not come still are.
    pub async fn shutdown(&self) -> Vec<GroupEnd> {
        let mut ends = Vec::new();
        while let Some(group) = self.next_to_close() {
            ends.push(close(&group).await);
        }
        ends
    }

    /// The children worth showing: all of a small group, those with restarts or not running of a large one.
    pub fn view(&self) -> Vec<ChildView> {
        self.0.live.children()
    }

    /// The live view, for other threads.
    pub fn live(&self) -> Live {
        self.0.live.clone()
    }

    fn group(&self, spec: &Arc<ChildSpec>) -> Rc<Group> {
        let mut groups = self.0.groups.borrow_mut();
        if let Some(group) = groups.iter().find(|group| Arc::ptr_eq(&group.spec, spec)) {
            return Rc::clone(group);
        }
        let group = Group::new(spec, &self.0.ground, self.0.live.add_group(spec));
        groups.push(Rc::clone(&group));
        group
    }

    fn next_to_close(&self) -> Option<Rc<Group>> {
        self.0.groups.borrow().iter().rev().find(|group| !group.closing.get()).cloned()
    }
}

/// Waits for a child that was asked to stop, and drops it when its limit has passed.
async fn end(member: Rc<Member>) -> Terminated {
    let limit = Duration::from_millis(member.group.spec.shutdown_limit_ms);
    if tokio::time::timeout(limit, member.gone()).await.is_ok() {
        return Terminated::Stopped;
    }
    member.kill();
    member.gone().await;
    Terminated::Killed
}

async fn close(group: &Rc<Group>) -> GroupEnd {
    group.closing.set(true);
    let before = group.len();
    log::info!("stopping {}: {before} running, {} ms at most", group.path(), group.spec.shutdown_limit_ms);
    group.ask_all_to_stop();
    let limit = Duration::from_millis(group.spec.shutdown_limit_ms);
    let mut killed = Vec::new();
    if tokio::time::timeout(limit, group.emptied()).await.is_err() {
        killed = group.kill_all();
        group.emptied().await;
    }
    log::info!("stopped {}: {} by themselves, {} killed", group.path(), before.saturating_sub(killed.len()), killed.len());
    GroupEnd { name: group.spec.name, stopped: before.saturating_sub(killed.len()), killed }
}
