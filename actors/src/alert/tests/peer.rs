//! A Discord without sockets: it keeps messages, does what it is told, and looks whether each call was committed first.

use crate::alert::answer::{Call, Headers, Outcome, Reply, judge};
use crate::alert::discord::{Deliver, WebhookUrl};
use crate::clock::Clock;
use crate::db::Db;
use domain::time::Steady;
use futures_util::future::LocalBoxFuture;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

/// What the peer does with a call.
#[derive(Clone)]
pub(super) enum Do {
    /// What Discord does.
    Accept,
    /// Answers without doing anything.
    Say(u16, Value),
    /// Does it and then breaks the connection.
    AcceptAndDrop,
    /// Nobody is there.
    Down,
    /// Does it after so many milliseconds.
    Slow(u64),
    /// Never answers.
    Hang,
    /// The adapter has a bug.
    Panic,
}

pub(super) struct Told {
    pub(super) id: String,
    pub(super) url: String,
    pub(super) body: Value,
    pub(super) edits: usize,
}

type Rule = Box<dyn Fn(Call, &Value) -> Option<Do>>;

#[derive(Default)]
struct State {
    script: VecDeque<Do>,
    rule: Option<Rule>,
    by_channel: BTreeMap<String, Do>,
    told: Vec<Told>,
    calls: Vec<(Steady, Call, String)>,
    uncommitted: usize,
    doubtful: usize,
    ids: usize,
}

/// A handle to the peer; clones share it.
#[derive(Clone)]
pub(super) struct Peer {
    state: Rc<RefCell<State>>,
    db: Db,
    clock: Clock,
}

impl Peer {
    pub(super) fn new(db: Db, clock: Clock) -> Peer {
        Peer { state: Rc::default(), db, clock }
    }

    /// The next calls go like this, later ones as usual.
    pub(super) fn then(&self, script: impl IntoIterator<Item = Do>) {
        self.state.borrow_mut().script.extend(script);
    }

    /// Every call for which `rule` says so goes like that.
    pub(super) fn whenever(&self, rule: impl Fn(Call, &Value) -> Option<Do> + 'static) {
        self.state.borrow_mut().rule = Some(Box::new(rule));
    }

    /// Calls to this channel go like this.
    pub(super) fn for_channel(&self, channel: i64, what: Do) {
        self.state.borrow_mut().by_channel.insert(format!("/webhooks/{channel}/"), what);
    }

    pub(super) fn heal(&self) {
        let mut state = self.state.borrow_mut();
        state.script.clear();
        state.by_channel.clear();
        state.rule = None;
    }

    /// Titles and hosts of every message, in order, as they are now.
    pub(super) fn read(&self) -> Vec<String> {
        self.state.borrow().told.iter().map(|told| summary(&told.body)).collect()
    }

    pub(super) fn bodies(&self) -> Vec<Value> {
        self.state.borrow().told.iter().map(|told| told.body.clone()).collect()
    }

    pub(super) fn told_to(&self, channel: i64) -> Vec<String> {
        let part = format!("/webhooks/{channel}/");
        self.state.borrow().told.iter().filter(|told| told.url.contains(&part)).map(|told| summary(&told.body)).collect()
    }

    pub(super) fn edits(&self) -> usize {
        self.state.borrow().told.iter().map(|told| told.edits).sum()
    }

    pub(super) fn calls(&self) -> Vec<(Steady, Call)> {
        self.state.borrow().calls.iter().map(|(at, call, _)| (*at, *call)).collect()
    }

    /// Answers after which a message may exist although the hub cannot know.
    pub(super) fn doubtful(&self) -> usize {
        self.state.borrow().doubtful
    }

    /// Calls that were made before they were committed as on their way.
    pub(super) fn uncommitted(&self) -> usize {
        self.state.borrow().uncommitted
    }

    fn call(&self, call: Call, url: String, id: Option<String>, body: Value) -> LocalBoxFuture<'static, Reply> {
        let peer = self.clone();
        Box::pin(async move {
            let what = peer.decide(call, &url, &body);
            let past_the_outbox = ["Test: ", "Database Refuses Writes"].iter().any(|title| body.to_string().contains(title));
            if call != Call::Probe && !past_the_outbox {
                peer.look_for_the_commit().await;
            }
            match what {
                Do::Panic => panic!("the adapter broke"),
                Do::Hang => std::future::pending().await,
                Do::Down => broken(false),
                Do::Say(status, body) => {
                    peer.state.borrow_mut().doubtful += usize::from(status >= 500);
                    judge(call, status, &Headers::default(), body.to_string().as_bytes())
                }
                Do::Accept => peer.accept(call, &url, id, body),
                Do::Slow(ms) => {
                    tokio::time::sleep(Duration::from_millis(ms)).await;
                    peer.accept(call, &url, id, body)
                }
                Do::AcceptAndDrop => {
                    drop(peer.accept(call, &url, id, body));
                    peer.state.borrow_mut().doubtful += 1;
                    broken(call == Call::Post)
                }
            }
        })
    }

    fn decide(&self, call: Call, url: &str, body: &Value) -> Do {
        let mut state = self.state.borrow_mut();
        state.calls.push((self.clock.steady(), call, url.to_owned()));
        let of_channel = state.by_channel.iter().find(|(part, _)| url.contains(*part)).map(|(_, what)| what.clone());
        let ruled = || state.rule.as_ref().and_then(|rule| rule(call, body));
        of_channel.or_else(ruled).or_else(|| state.script.pop_front()).unwrap_or(Do::Accept)
    }

    async fn look_for_the_commit(&self) {
        let counts = self.db.read(|conn| store::outbox::counts(conn, None)).await.unwrap();
        self.state.borrow_mut().uncommitted += usize::from(counts.sending == 0);
    }

    fn accept(&self, call: Call, url: &str, id: Option<String>, body: Value) -> Reply {
        let mut state = self.state.borrow_mut();
        let mut answer = json!({});
        match (call, id) {
            (Call::Edit, Some(id)) => {
                let Some(told) = state.told.iter_mut().find(|told| told.id == id) else {
                    return judge(call, 404, &Headers::default(), br#"{"code":10008,"message":"Unknown Message"}"#);
                };
                (told.body, told.edits) = (body, told.edits + 1);
            }
            (Call::Probe, _) => {}
            _ => {
                state.ids += 1;
                let id = format!("{}", 1_000 + state.ids);
                answer = json!({"id": id});
                state.told.push(Told { id, url: url.to_owned(), body, edits: 0 });
            }
        }
        judge(call, 200, &Headers::default(), answer.to_string().as_bytes())
    }

    /// Somebody deletes every message there.
    pub(super) fn forget(&self) {
        self.state.borrow_mut().told.clear();
    }
}

fn broken(ambiguous: bool) -> Reply {
    let (error, scope) = ("the connection broke".into(), crate::alert::discord::Scope::Channel);
    Reply { outcome: Outcome::Retry { after_ms: None, error, scope, ambiguous }, status: None, pause_ms: 0 }
}

/// `Alert: Host Down h1`, and what else tests look at.
fn summary(body: &Value) -> String {
    let embed = &body["embeds"][0];
    let field = |name: &str| {
        let fields = embed["fields"].as_array().into_iter().flatten();
        let found = fields.filter(|f| f["name"] == name).find_map(|f| f["value"].as_str());
        found.map(|value| format!(" {value}")).unwrap_or_default()
    };
    let repeat = if body.to_string().contains("possible repeat") { " (possible repeat)" } else { "" };
    format!("{}{}{repeat}", embed["title"].as_str().unwrap_or_default(), field("Host"))
}

impl Deliver for Peer {
    fn post(&self, url: &WebhookUrl, body: Value) -> LocalBoxFuture<'static, Reply> {
        self.call(Call::Post, url.post(), None, body)
    }

    fn edit(&self, url: &WebhookUrl, remote_id: &str, body: Value) -> LocalBoxFuture<'static, Reply> {
        self.call(Call::Edit, url.message(remote_id), Some(remote_id.to_owned()), body)
    }

    fn probe(&self, url: &WebhookUrl) -> LocalBoxFuture<'static, Reply> {
        self.call(Call::Probe, url.probe(), None, Value::Null)
    }
}
