//! A Discord without sockets: keeps what it is sent, and can be away.

use actors::alert::discord::{Deliver, Outcome, Reply, Scope, WebhookUrl};
use futures_util::future::LocalBoxFuture;
use serde_json::Value;
use std::sync::{Arc, Mutex};

/// Every body it accepted, in order; `edit_of` names the message an edit changed.
#[derive(Clone, Default)]
pub struct Memory(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    away: bool,
    refused: usize,
    sent: Vec<Sent>,
}

/// One accepted call.
#[derive(Clone)]
pub struct Sent {
    pub edit_of: Option<usize>,
    pub body: Value,
}

impl Memory {
    pub fn set_away(&self, away: bool) {
        self.0.lock().expect("no poison").away = away;
    }

    /// Everything accepted so far.
    pub fn sent(&self) -> Vec<Sent> {
        self.0.lock().expect("no poison").sent.clone()
    }

    /// Calls that found nobody.
    pub fn refused(&self) -> usize {
        self.0.lock().expect("no poison").refused
    }

    fn take(&self, edit_of: Option<usize>, body: Value) -> Reply {
        let mut inner = self.0.lock().expect("no poison");
        if inner.away {
            inner.refused += 1;
            let outcome = Outcome::Retry { after_ms: None, error: "away".into(), scope: Scope::Channel, ambiguous: false };
            return Reply { outcome, status: None, pause_ms: 0 };
        }
        let id = inner.sent.len() + 1;
        inner.sent.push(Sent { edit_of, body });
        let outcome = if edit_of.is_some() { Outcome::Edited } else { Outcome::Delivered { remote_id: id.to_string() } };
        Reply { outcome, status: Some(200), pause_ms: 0 }
    }
}

impl Deliver for Memory {
    fn post(&self, _: &WebhookUrl, body: Value) -> LocalBoxFuture<'static, Reply> {
        let reply = self.take(None, body);
        Box::pin(async move { reply })
    }

    fn edit(&self, _: &WebhookUrl, remote_id: &str, body: Value) -> LocalBoxFuture<'static, Reply> {
        let reply = self.take(remote_id.parse().ok(), body);
        Box::pin(async move { reply })
    }

    fn probe(&self, _: &WebhookUrl) -> LocalBoxFuture<'static, Reply> {
        Box::pin(async { Reply { outcome: Outcome::Edited, status: Some(200), pause_ms: 0 } })
    }
}
