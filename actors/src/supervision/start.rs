//! How a child begins: its actor is made, its life runs, and whoever asked for it hears how its first turn went.

use super::address::Addr;
use super::context::Context;
use super::group::Group;
use super::life::Life;
use super::member::Member;
use super::naming;
use super::spec::{Made, Tree};
use super::{Child, ChildId};
use actix::dev::ContextFut;
use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use tokio::sync::oneshot;

/// How the first turn of a child went.
pub(super) type FirstTurn = oneshot::Receiver<Result<(), String>>;

/// What a child's place among its siblings begins with.
#[derive(Clone)]
pub(super) enum Start {
    /// Nothing: children come one by one.
    Group,
    Worker(Rc<dyn WorkerStart>),
    Supervisor(Rc<Tree>),
}

impl fmt::Debug for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Start::Group => f.write_str("Group"),
            Start::Worker(_) => f.write_str("Worker"),
            Start::Supervisor(tree) => f.debug_tuple("Supervisor").field(tree).finish(),
        }
    }
}

/// A start function without its actor's type.
pub(super) trait WorkerStart {
    /// Makes the actor and lets it live; nothing when there is nothing to do.
    fn start(&self, group: &Rc<Group>) -> Result<Option<Begun>, String>;
}

/// A child that was begun.
pub(super) struct Begun {
    /// An [`Addr`] of its type.
    pub(super) addr: Box<dyn Any>,
    pub(super) first_turn: FirstTurn,
}

/// A start function and its actor's type.
pub(super) struct Starter<A, F> {
    make: F,
    of: PhantomData<fn() -> A>,
}

impl<A: Child, F: Fn(&mut Context<A>) -> Made<A> + 'static> Starter<A, F> {
    pub(super) fn new(make: F) -> Starter<A, F> {
        Starter { make, of: PhantomData }
    }
}

impl<A: Child, F: Fn(&mut Context<A>) -> Made<A> + 'static> WorkerStart for Starter<A, F> {
    fn start(&self, group: &Rc<Group>) -> Result<Option<Begun>, String> {
        let id = ChildId::Name(group.spec.name);
        let (tell, first_turn) = oneshot::channel();
        let made = catch_unwind(AssertUnwindSafe(|| begin(group, id, &self.make, Some(tell))));
        let addr = made.unwrap_or_else(|payload| Err(naming::reason(&*payload)))?;
        Ok(addr.map(|addr| Begun { addr: Box::new(addr), first_turn }))
    }
}

/// Makes an actor and lets it live as a child of `group`.
pub(super) fn begin<A: Child>(
    group: &Rc<Group>,
    id: ChildId,
    make: impl FnOnce(&mut Context<A>) -> Made<A>,
    tell: Option<oneshot::Sender<Result<(), String>>>,
) -> Result<Option<Addr<A>>, String> {
    let gauge = super::gauge::Gauge::shared();
    let (mut ctx, mailbox) = Context::new(&gauge);
    let Some(actor) = make(&mut ctx)? else { return Ok(None) };
    let fut = ContextFut::new(ctx, actor, mailbox);
    let addr = Addr::new(fut.address(), gauge.clone());
    let member = Member::join(group, id, gauge);
    group.admit(&member);
    actix_rt::spawn(Life::new(fut, member, tell));
    Ok(Some(addr))
}
