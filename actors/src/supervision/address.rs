//! The address of a supervised child: actix's own, with each message counted in, so that the depth of a mailbox can be told.

use super::context::Context;
use super::gauge::Gauge;
use actix::dev::{Request, SendError, ToEnvelope};
use actix::{Actor, Handler, Message, Recipient};
use domain::time::Steady;
use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

thread_local! {
    // Between here and the packing of the message there is only actix's own code, on this thread.
    static COUNTS: Cell<bool> = const { Cell::new(false) };
}

/// Whether the message that is being packed comes through an [`Addr`]; asked once for each.
pub(super) fn is_counted() -> bool {
    COUNTS.replace(false)
}

/// A child's address. It outlives the child's panics, and is closed when the child has ended for good.
pub struct Addr<A: Actor<Context = Context<A>>> {
    to: actix::Addr<A>,
    gauge: Arc<Gauge>,
}

impl<A: Actor<Context = Context<A>>> Addr<A> {
    pub(super) fn new(to: actix::Addr<A>, gauge: Arc<Gauge>) -> Addr<A> {
        Addr { to, gauge }
    }

    /// Whether the child can still be reached.
    pub fn connected(&self) -> bool {
        self.to.connected()
    }

    /// Sends without an answer; the message is lost when the child has ended.
    pub fn do_send<M>(&self, msg: M)
    where
        M: Message + Send + 'static,
        M::Result: Send,
        A: Handler<M>,
    {
        self.counted(|to| to.do_send(msg));
    }

    /// Sends and waits for the answer, for ever if no timeout is set on it.
    pub fn send<M>(&self, msg: M) -> Request<A, M>
    where
        M: Message + Send + 'static,
        M::Result: Send,
        A: Handler<M>,
    {
        self.counted(|to| to.send(msg))
    }

    /// Sends if the mailbox has room.
    ///
    /// # Errors
    /// The message, when the mailbox is full or closed.
    pub fn try_send<M>(&self, msg: M) -> Result<(), SendError<M>>
    where
        M: Message + Send + 'static,
        M::Result: Send,
        A: Handler<M>,
    {
        self.counted(|to| to.try_send(msg))
    }

    /// An address for one kind of message. What is sent through it is not counted in the mailbox's depth.
    pub fn recipient<M>(self) -> Recipient<M>
    where
        M: Message + Send + 'static,
        M::Result: Send,
        A: Handler<M>,
        Context<A>: ToEnvelope<A, M>,
    {
        self.to.recipient()
    }

    /// Messages sent through addresses like this one that wait in the mailbox now.
    pub fn mailbox_depth(&self) -> u32 {
        self.gauge.queued()
    }

    /// When the child last handled a message.
    pub fn last_message(&self) -> Option<Steady> {
        self.gauge.last_message()
    }

    /// Since when the child lives this life of its.
    pub fn alive_since(&self) -> Option<Steady> {
        self.gauge.alive_since()
    }

    // A message that actix holds back (its sender's own last one filled the mailbox) is packed later, and then not counted.
    fn counted<T>(&self, send: impl FnOnce(&actix::Addr<A>) -> T) -> T {
        COUNTS.set(true);
        let sent = send(&self.to);
        if !COUNTS.replace(false) {
            self.gauge.sent();
        }
        sent
    }
}

impl<A: Actor<Context = Context<A>>> Clone for Addr<A> {
    fn clone(&self) -> Addr<A> {
        Addr { to: self.to.clone(), gauge: Arc::clone(&self.gauge) }
    }
}

impl<A: Actor<Context = Context<A>>> PartialEq for Addr<A> {
    fn eq(&self, other: &Addr<A>) -> bool {
        self.to == other.to
    }
}

impl<A: Actor<Context = Context<A>>> Eq for Addr<A> {}

impl<A: Actor<Context = Context<A>>> fmt::Debug for Addr<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Addr(connected: {}, queued: {})", self.connected(), self.mailbox_depth())
    }
}
