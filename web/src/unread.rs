//! A chunked body that was answered before it was read to its end closes its connection.
//!
//! actix would go on reading such a body, however long it is and however slowly it comes, as soon as nobody holds it any more: one
//! stranger could keep a connection for ever. While somebody still holds it when the answer ends, the connection is closed.

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::error::PayloadError;
use actix_web::http::header::TRANSFER_ENCODING;
use actix_web::web::Bytes;
use actix_web::{HttpMessage, HttpResponse};
use futures_util::Stream;
use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// A request's body, held while somebody else reads it.
#[derive(Clone)]
pub(crate) struct Held(Rc<RefCell<Payload>>);

impl Held {
    /// Takes hold of the body of `req`, if it is one that would be read on.
    pub(crate) fn of(req: &mut ServiceRequest) -> Option<Held> {
        req.headers().get(TRANSFER_ENCODING)?;
        let held = Held::new(req.take_payload());
        req.set_payload(Payload::Stream { payload: Box::pin(held.clone()) });
        Some(held)
    }

    /// Holds `payload`, which nobody will read any further.
    pub(crate) fn new(payload: Payload) -> Held {
        Held(Rc::new(RefCell::new(payload)))
    }

    /// The same answer, with the request's body held until it is written.
    pub(crate) fn until_answered(self, answer: HttpResponse) -> HttpResponse {
        answer.map_body(|_, body| self.until_written(body))
    }

    /// The same for the body of an answer.
    pub(crate) fn until_written(self, body: BoxBody) -> BoxBody {
        // Without a body the answer is written at once, and nothing could be held.
        if matches!(body.size(), BodySize::None | BodySize::Sized(0)) { body } else { BoxBody::new(Answer { body, _held: self }) }
    }
}

impl Stream for Held {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_next(cx)
    }
}

/// An answer's body beside the request's.
struct Answer {
    body: BoxBody,
    _held: Held,
}

impl MessageBody for Answer {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(cx)
    }
}
