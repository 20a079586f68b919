//! A Discord without sockets: in every mood it can be in, with its own eyes on the rate limits.

use super::dice::Dice;
use super::history::{Mood, S};
use super::world::Shared;
use actors::alert::discord::{Call, Deliver, Headers, Outcome, Reply, Scope, WebhookUrl, judge};
use futures_util::future::LocalBoxFuture;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::rc::{Rc, Weak};
use std::time::Duration;

/// What Discord itself is seen to allow: calls within so many milliseconds.
const LIMITS: [(usize, i64); 2] = [(5, 2 * S), (30, 60 * S)];

/// One message that is there.
#[derive(Clone, Debug)]
pub struct Sent {
    pub at: i64,
    pub id: String,
    pub body: String,
    /// The sender was told so.
    pub answered: bool,
    /// It took the place of one that was gone.
    pub replaces: bool,
}

/// What it knows.
pub struct Discord {
    pub sent: Vec<Sent>,
    /// Changes of messages that it accepted.
    pub edits: Vec<(i64, String)>,
    pub violations: Vec<String>,
    /// When the actor that called panicked.
    pub panics: Vec<i64>,
    mood: Mood,
    until: i64,
    left: u32,
    calls: Vec<i64>,
    held_until: i64,
    gone: HashSet<String>,
    answered_gone: bool,
    dice: Dice,
}

/// What becomes of a call.
enum Fate {
    Accept { answer: bool, wait_ms: i64 },
    Refuse(u16, Value),
    Nobody,
    Panic { after: bool },
}

impl Discord {
    pub fn new(seed: u64) -> Discord {
        Discord {
            sent: Vec::new(),
            edits: Vec::new(),
            violations: Vec::new(),
            panics: Vec::new(),
            mood: Mood::Well,
            until: 0,
            left: 0,
            calls: Vec::new(),
            held_until: 0,
            gone: HashSet::new(),
            answered_gone: false,
            dice: Dice::of(seed, 2),
        }
    }

    /// It is like that until then.
    pub fn be(&mut self, mood: Mood, until: i64, url: &str) {
        (self.mood, self.until, self.left) = (mood, until, 2);
        if mood == Mood::Gone {
            self.gone.insert(url.to_owned());
        }
    }

    /// The hub begins anew and knows nothing of what it called before.
    pub fn forget_caller(&mut self) {
        self.calls.clear();
        self.held_until = 0;
    }

    fn count(&mut self, now: i64) {
        if now < self.held_until {
            let early = self.held_until - now;
            self.violations.push(format!("called at {now}, {early} ms before it was allowed to"));
        }
        self.calls.push(now);
        for (most, window) in LIMITS {
            let within = self.calls.iter().rev().take_while(|at| **at > now - window).count();
            if within > most {
                self.violations.push(format!("{within} calls in {window} ms at {now}"));
            }
        }
    }

    fn fate(&mut self, call: Call, now: i64, url: &str) -> (Fate, &'static str) {
        if self.gone.contains(url) {
            return (Fate::Refuse(404, json!({"code": 10_015, "message": "Unknown Webhook"})), "discord: webhook gone");
        }
        let mood = if now < self.until { self.mood } else { Mood::Well };
        let arrives = self.dice.percent(50);
        match mood {
            Mood::Well | Mood::Gone => (Fate::Accept { answer: true, wait_ms: self.dice.between(20, 300) }, ""),
            Mood::Down => (Fate::Nobody, "discord: down"),
            Mood::Error500 => (Fate::Refuse(500, json!({"message": "oops"})), "discord: 500"),
            Mood::Limited(ms) => {
                self.held_until = now + ms as i64;
                let body = json!({"message": "You are being rate limited.", "retry_after": ms as f64 / 1_000.0, "global": false});
                (Fate::Refuse(429, body), "discord: 429")
            }
            Mood::Reset if !arrives => (Fate::Accept { answer: false, wait_ms: -100 }, "discord: reset before arrival"),
            Mood::Reset => (Fate::Accept { answer: false, wait_ms: 100 }, "discord: reset after arrival"),
            Mood::Hang if !arrives => (Fate::Accept { answer: false, wait_ms: -10_000 }, "discord: hang, never arrives"),
            Mood::Hang => (Fate::Accept { answer: false, wait_ms: 10_000 }, "discord: hang after arrival"),
            Mood::Swallow => (Fate::Accept { answer: false, wait_ms: 50 }, "discord: accepted, no answer"),
            Mood::Forgetful if call == Call::Edit => {
                (Fate::Refuse(404, json!({"code": 10_008, "message": "Unknown Message"})), "discord: message gone")
            }
            Mood::Panic if self.left > 0 => {
                self.left -= 1;
                (Fate::Panic { after: arrives }, if arrives { "alert actor: panic after arrival" } else { "alert actor: panic" })
            }
            Mood::Forgetful | Mood::Panic => (Fate::Accept { answer: true, wait_ms: 30 }, ""),
        }
    }

    fn accept(&mut self, now: i64, edit_of: Option<&str>, body: &Value) -> String {
        let Some(id) = edit_of else {
            let id = format!("1{:017}", self.sent.len());
            let replaces = std::mem::take(&mut self.answered_gone);
            self.sent.push(Sent { at: now, id: id.clone(), body: body.to_string(), answered: false, replaces });
            return id;
        };
        if !self.sent.iter().any(|sent| sent.id == id) {
            self.violations.push(format!("an edit of message {id}, which never was"));
        }
        self.edits.push((now, id.to_owned()));
        id.to_owned()
    }
}

/// How the hub reaches it.
pub struct Line(pub Weak<Shared>);

impl Line {
    fn call(&self, call: Call, url: &WebhookUrl, edit_of: Option<String>, body: Value) -> LocalBoxFuture<'static, Reply> {
        let Some(shared) = self.0.upgrade() else { return Box::pin(std::future::pending()) };
        let now = shared.now();
        let (fate, kind) = {
            let mut discord = shared.discord.borrow_mut();
            discord.count(now);
            discord.fate(call, now, &url.expose())
        };
        if !kind.is_empty() {
            shared.trace.borrow_mut().fire(kind);
        }
        Box::pin(carry(shared, call, fate, edit_of, body))
    }
}

async fn carry(shared: Rc<Shared>, call: Call, fate: Fate, edit_of: Option<String>, body: Value) -> Reply {
    let accept = |edit_of: Option<&str>| shared.discord.borrow_mut().accept(shared.now(), edit_of, &body);
    match fate {
        Fate::Nobody => unanswered(false),
        Fate::Refuse(status, said) => {
            wait(80).await;
            let gone = status == 404 && call == Call::Edit;
            shared.discord.borrow_mut().answered_gone = gone;
            judge(call, status, &Headers::default(), said.to_string().as_bytes())
        }
        Fate::Panic { after } => {
            wait(40).await;
            if after && call != Call::Probe {
                accept(edit_of.as_deref());
            }
            shared.discord.borrow_mut().panics.push(shared.now());
            panic!("injected: the adapter of Discord");
        }
        Fate::Accept { answer: false, wait_ms } => {
            if wait_ms > 0 && call != Call::Probe {
                wait(20).await;
                accept(edit_of.as_deref());
            }
            wait(wait_ms.abs()).await;
            unanswered(call == Call::Post)
        }
        Fate::Accept { answer: true, wait_ms } => {
            wait(wait_ms / 2).await;
            if call == Call::Probe {
                return judge(call, 200, &Headers::default(), b"{}");
            }
            let id = accept(edit_of.as_deref());
            wait(wait_ms / 2).await;
            if let Some(sent) = shared.discord.borrow_mut().sent.iter_mut().rev().find(|sent| sent.id == id) {
                sent.answered = true;
            }
            judge(call, 200, &Headers::default(), json!({"id": id}).to_string().as_bytes())
        }
    }
}

async fn wait(ms: i64) {
    tokio::time::sleep(Duration::from_millis(ms.max(0) as u64)).await;
}

fn unanswered(ambiguous: bool) -> Reply {
    let outcome = Outcome::Retry { after_ms: None, error: "no answer".into(), scope: Scope::Channel, ambiguous };
    Reply { outcome, status: None, pause_ms: 0 }
}

impl Deliver for Line {
    fn post(&self, url: &WebhookUrl, body: Value) -> LocalBoxFuture<'static, Reply> {
        self.call(Call::Post, url, None, body)
    }

    fn edit(&self, url: &WebhookUrl, remote_id: &str, body: Value) -> LocalBoxFuture<'static, Reply> {
        self.call(Call::Edit, url, Some(remote_id.to_owned()), body)
    }

    fn probe(&self, url: &WebhookUrl) -> LocalBoxFuture<'static, Reply> {
        self.call(Call::Probe, url, None, Value::Null)
    }
}
