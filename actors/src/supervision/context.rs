//! The context a supervised actor runs in: actix's own machinery, with messages and waits counted on their way.
//!
//! actix keeps its mailbox private, and says nothing of a `ctx.wait` that never ends. `ContextFut` is generic over the
//! context, so this type, which packs its own envelopes, sees both without a second queue.

use super::address::{self, Addr};
use super::gauge::Gauge;
use actix::dev::{AsyncContextParts, ContextParts, Envelope, EnvelopeProxy, Mailbox, MessageResponse, OneshotSender, ToEnvelope};
use actix::fut::ActorFuture;
use actix::{Actor, ActorContext, ActorState, AsyncContext, Handler, Message, SpawnHandle};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

/// Where a supervised actor lives; `type Context = Context<Self>`. It is used as actix's own.
pub struct Context<A: Actor<Context = Context<A>>> {
    parts: ContextParts<A>,
    gauge: Arc<Gauge>,
}

impl<A: Actor<Context = Context<A>>> Context<A> {
    pub(super) fn new(gauge: &Arc<Gauge>) -> (Context<A>, Mailbox<A>) {
        let mailbox = Mailbox::default();
        (Context { parts: ContextParts::new(mailbox.sender_producer()), gauge: Arc::clone(gauge) }, mailbox)
    }

    /// The actor's own address.
    pub fn address(&self) -> Addr<A> {
        Addr::new(self.parts.address(), Arc::clone(&self.gauge))
    }

    /// Waits as the engine itself does: nobody takes that for a hang.
    pub(super) fn wait_uncounted(&mut self, fut: impl ActorFuture<A, Output = ()> + 'static) {
        self.parts.wait(fut);
    }
}

impl<A: Actor<Context = Context<A>>> ActorContext for Context<A> {
    fn stop(&mut self) {
        self.parts.stop();
    }

    fn terminate(&mut self) {
        self.parts.terminate();
    }

    fn state(&self) -> ActorState {
        self.parts.state()
    }
}

impl<A: Actor<Context = Context<A>>> AsyncContext<A> for Context<A> {
    fn address(&self) -> actix::Addr<A> {
        self.parts.address()
    }

    fn spawn<F: ActorFuture<A, Output = ()> + 'static>(&mut self, fut: F) -> SpawnHandle {
        self.parts.spawn(fut)
    }

    fn wait<F: ActorFuture<A, Output = ()> + 'static>(&mut self, fut: F) {
        self.gauge.open_wait();
        self.parts.wait(Wait { fut: Box::pin(fut), gauge: Arc::clone(&self.gauge) });
    }

    fn waiting(&self) -> bool {
        self.parts.waiting()
    }

    fn cancel_future(&mut self, handle: SpawnHandle) -> bool {
        self.parts.cancel_future(handle)
    }
}

impl<A: Actor<Context = Context<A>>> AsyncContextParts<A> for Context<A> {
    fn parts(&mut self) -> &mut ContextParts<A> {
        &mut self.parts
    }
}

/// A `ctx.wait` that is counted for as long as it is open, however it ends.
struct Wait<A: Actor> {
    fut: Pin<Box<dyn ActorFuture<A, Output = ()>>>,
    gauge: Arc<Gauge>,
}

impl<A: Actor<Context = Context<A>>> ActorFuture<A> for Wait<A> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, actor: &mut A, ctx: &mut Context<A>, task: &mut std::task::Context<'_>) -> Poll<()> {
        self.fut.as_mut().poll(actor, ctx, task)
    }
}

impl<A: Actor> Drop for Wait<A> {
    fn drop(&mut self) {
        self.gauge.end_wait();
    }
}

impl<A, M> ToEnvelope<A, M> for Context<A>
where
    A: Actor<Context = Context<A>> + Handler<M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn pack(msg: M, reply: Option<OneshotSender<M::Result>>) -> Envelope<A> {
        Envelope::with_proxy(Box::new(Letter { msg: Some(msg), reply, counted: address::is_counted() }))
    }
}

/// A message in the mailbox.
struct Letter<M: Message> {
    msg: Option<M>,
    reply: Option<OneshotSender<M::Result>>,
    counted: bool,
}

impl<A, M> EnvelopeProxy<A> for Letter<M>
where
    A: Actor<Context = Context<A>> + Handler<M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn handle(&mut self, actor: &mut A, ctx: &mut Context<A>) {
        ctx.gauge.received(self.counted);
        let reply = self.reply.take();
        // As in actix: whoever has given up waiting is not served.
        if reply.as_ref().is_some_and(OneshotSender::is_closed) {
            return;
        }
        if let Some(msg) = self.msg.take() {
            actor.handle(msg, ctx).handle(ctx, reply);
        }
    }
}
