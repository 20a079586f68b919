//! The supervision engine: keeps actix actors alive, and promises that one child's panic costs one message of that child.
//!
//! The meaning is Erlang/OTP's supervisor; `docs/supervision.md` says case by case where it is the same and where it is not.
//! A [`Tree`] says, as data, which children there are, in start order, and what the failure of one means for the others
//! ([`Strategy`]). A [`ChildSpec`] says which endings lead to a restart, how many restarts are too many, how long to wait
//! before each and how long a child may take to stop. Supervisors nest. The [`Supervisor`] keeps the children by it:
//!
//! * A panic is caught. The child's [`Addr`] stays valid, the messages queued behind the one that panicked are handled,
//!   the sender of that one gets an error, and every timer of the old life is gone.
//! * A restart calls [`Supervised::restarting`] and then [`Actor::started`] again. See [`Child`] for what they must do.
//!   Siblings that are restarted with one that failed keep address and mailbox too: they stop before their next message.
//! * Too many restarts: the supervisor fails with the child, and the one above judges that, up to the top, where [`Exit`]
//!   ends the process; or the child is shown as given up and tried again slowly ([`GiveUp`]).
//! * [`Supervisor::shutdown`] stops the children in the reverse of their start order, each within its limit,
//!   messages already queued first.
//! * A hang is noticed: a wait inside a child that does not end ([`ChildSpec::hang_limit_ms`]) is an ending like a panic; a
//!   turn that blocks the thread ends the process ([`Supervisor::observe`]).
//! * [`Live`] is the live view, readable from any thread; a healthy child of a large group costs it nothing.
//!
//! ```
//! use actix::{Actor, Handler, Message, Supervised, System};
//! use actors::{clock::Clock, supervision::{Child, ChildDef, ChildSpec, Context, Exit, Flags, Strategy, Tree}};
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
//!     // More than 3 restarts of all children together in 5 seconds end the process.
//!     let tree = Tree::new(Flags::new(Strategy::OneForOne, 3, 5_000))
//!         .with(ChildDef::new(ChildSpec::worker("divider"), |_| Divider { calls: 0 }));
//!     let supervisor = tree.start("example", Clock::system(), Exit::process()).await.unwrap();
//!     let divider = supervisor.addr::<Divider>("divider").unwrap();
//!     assert!(divider.send(Divide(1, 0)).await.is_err());  // that message is lost,
//!     assert_eq!(divider.send(Divide(6, 2)).await, Ok(3)); // the child is not
//!     assert_eq!(supervisor.view()[0].restarts, 1);
//!     supervisor.shutdown().await;
//! });
//! ```

mod address;
mod admin;
mod context;
mod core;
mod error;
mod exit;
mod gauge;
mod ground;
mod group;
mod keeper;
mod launch;
mod life;
mod member;
mod naming;
mod observer;
mod patience;
mod spec;
mod start;
mod strategy;
#[cfg(test)]
mod tests;
mod turnstile;
mod view;
mod waiting;

pub use address::Addr;
pub use admin::{Counts, Known};
pub use context::Context;
pub use error::{AdminError, SpecError};
pub use exit::{ESCALATED, Exit};
pub use naming::name_children_in_panics;
pub use observer::{Hang, Observer};
pub use spec::{ChildDef, ChildId, ChildSpec, Flags, GiveUp, Made, NO_LIMIT, Strategy, Tree};
pub use view::{ChildView, ExternalWait, GroupView, Live, State};
pub use waiting::Waiting;

use self::core::Core;
use crate::clock::Clock;
use actix::{Actor, ActorContext, Supervised};
use ground::Ground;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Poll, ready};
use tokio::sync::oneshot;

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

/// A handle that keeps nothing alive: for start functions, which their own supervisor holds.
#[derive(Clone)]
pub struct WeakSupervisor(Weak<Core>);

impl WeakSupervisor {
    /// The supervisor, if it still is.
    pub fn upgrade(&self) -> Option<Supervisor> {
        self.0.upgrade().map(Supervisor)
    }
}

impl Tree {
    /// Starts the tree, called `name` in the log: every child in order, each one's first turn over before the next is begun.
    ///
    /// # Errors
    /// The data makes no sense, or a start function or the first turn of a child failed. Those before it are stopped again
    /// then, in reverse, and nothing is restarted: whoever starts a tree decides.
    pub async fn start(&self, name: &str, clock: Clock, exit: Exit) -> Result<Supervisor, AdminError> {
        let supervisor = Supervisor::new(name, self.flags, clock, exit);
        supervisor.start_tree(self).await?;
        Ok(supervisor)
    }
}

impl Supervisor {
    /// A supervisor without children, called `name` in the log, which restarts each for itself.
    pub fn start(name: &str, clock: Clock, exit: Exit) -> Supervisor {
        Supervisor::new(name, Flags::EACH_FOR_ITSELF, clock, exit)
    }

    /// A supervisor without children yet, for a tree whose start functions need the supervisor itself.
    pub fn new(name: &str, flags: Flags, clock: Clock, exit: Exit) -> Supervisor {
        Supervisor(Core::new(name.to_owned(), &Rc::new(Ground::new(clock, exit)), flags, &Live::default()))
    }

    /// Starts the children of `tree` as [`Tree::start`] does; its flags are those of [`Supervisor::new`].
    ///
    /// # Errors
    /// As [`Tree::start`].
    pub async fn start_tree(&self, tree: &Tree) -> Result<(), AdminError> {
        tree.check()?;
        self.0.start_tree(tree).await
    }

    /// A handle for start functions.
    pub fn downgrade(&self) -> WeakSupervisor {
        WeakSupervisor(Rc::downgrade(&self.0))
    }

    /// Calls `act` with the child and the reason each time one is given up, for the hub to alert somebody.
    pub fn on_give_up(&self, act: impl Fn(&ChildId, &str) + 'static) {
        *self.0.ground.on_give_up.borrow_mut() = Some(Rc::new(act));
    }

    /// Calls `act` with each child that was given up and lives again.
    pub fn on_recovery(&self, act: impl Fn(&ChildId) + 'static) {
        *self.0.ground.on_recovery.borrow_mut() = Some(Rc::new(act));
    }

    /// Starts one of many and returns its address, which outlives its panics.
    ///
    /// Children of one spec form one group (OTP: `simple_one_for_one`); groups stop in the reverse order of their first child,
    /// or of their place in the tree. `make` runs here and now: a panic in it is the caller's. A child that still lives
    /// under the same spec and id is told to stop, the newer one takes its place. Its first turn is its own: a failure
    /// in it is an ending like any other. Must be called on the thread of an actix system.
    pub fn spawn<A: Child>(&self, spec: &Arc<ChildSpec>, id: ChildId, make: impl FnOnce(&mut Context<A>) -> A) -> Addr<A> {
        let begun = start::begin(&self.0.group(spec), id, |ctx| Ok(Some(make(ctx))), None);
        begun.ok().flatten().expect("a start that gives an actor begins it")
    }

    /// Stops every child: place by place in the reverse of their start order, the children of a group together, each
    /// within its limit. A child that panics now is not restarted; those whose turn has not come still are, but not their
    /// siblings with them.
    pub async fn shutdown(&self) -> Vec<GroupEnd> {
        self.0.shutdown().await
    }

    /// The children worth showing: all of a small group, those with restarts or not running of a large one.
    pub fn view(&self) -> Vec<ChildView> {
        self.0.live.children()
    }

    /// The live view of the whole tree, for other threads.
    pub fn live(&self) -> Live {
        self.0.live.clone()
    }

    /// Watches this thread from another: a single turn of a child that lasts longer than `limit_ms` ends the process with
    /// code [`ESCALATED`], after the log has said whose turn it is. It watches until the observer is dropped.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn observe(&self, limit_ms: u64) -> std::io::Result<Observer> {
        self.observe_with(limit_ms, observer::end_on_hang)
    }

    /// As [`Supervisor::observe`], but calls `act`, on the observer's thread and once.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn observe_with(&self, limit_ms: u64, act: impl FnOnce(&Hang) + Send + 'static) -> std::io::Result<Observer> {
        let ground = &self.0.ground;
        Observer::start(Arc::clone(&ground.turnstile), ground.clock.clone(), limit_ms, act)
    }
}
