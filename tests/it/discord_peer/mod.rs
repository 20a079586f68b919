//! The fake Discord: a small server that keeps messages, checks every body against Discord's official schema and what the
//! schema does not catch, and fails in every way a test asks for.
//!
//! It runs on a thread of its own, so that blocking tests can use it too. A front before the server breaks connections.

mod front;
mod patience;
mod rules;
mod server;

use patience::Patience;
use rules::Rules;
use serde_json::Value;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::{broadcast, oneshot, watch};

/// The token in every URL of the peer: no log line or error may ever hold it.
pub const TOKEN: &str = "pEeR-sEcReT_0123456789abcdefghijklmnopqrstuvwxyz";
/// The webhook's id.
const WEBHOOK: u64 = 1_234_567_890;

/// How the peer answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Mode {
    /// As Discord does.
    Ok,
    /// Closes every connection at once.
    Down,
    /// Nobody listens: a connection is refused.
    Away,
    /// This status with an empty body.
    Status(u16),
    /// Stores the message, begins an answer and breaks off in its middle.
    Reset,
    /// Never answers.
    Hang,
    /// 429 in one of its forms.
    RateLimit(Limit),
    /// This status with this error code.
    Refuse(u16, u64),
    /// Stores the message, then closes without a word.
    AcceptThenDrop,
    /// As Discord does, after so many milliseconds.
    Slow(u64),
    /// As Discord does, a byte every so many milliseconds.
    Drip(u64),
    /// What no server should do.
    Rude(Rude),
}

/// The forms of a rate limit.
#[derive(Clone, Debug, PartialEq)]
pub enum Limit {
    /// Body and headers, these seconds.
    Json(f64),
    /// Only `Retry-After`.
    HeadersOnly(u64),
    /// Only `retry_after` in the body, these seconds.
    BodyOnly(f64),
    /// Of a resource that others use too, these seconds.
    Shared(f64),
    /// Not a word about how long.
    Bare,
    /// A proxy's page without JSON; with `Retry-After` or not.
    Cloudflare(Option<u64>),
    /// For every webhook of this address.
    Global(f64),
    /// Accepted, but the bucket is empty now and refills in so many seconds.
    Spent(f64),
}

/// The forms of rudeness.
#[derive(Clone, Debug, PartialEq)]
pub enum Rude {
    /// 200 with text that is no JSON; the message is stored.
    Garbage,
    /// 200 with JSON that is no message; the message is stored.
    NoId,
    /// 302 to this place.
    Redirect(String),
    /// 200 with a body of several megabytes; the message is stored.
    Huge,
}

/// A message as the peer has it.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its id.
    pub id: String,
    /// To which webhook.
    pub webhook: u64,
    /// Its body now.
    pub body: Value,
    /// The bodies it had before.
    pub before: Vec<Value>,
    /// When it arrived, since the epoch.
    pub arrived: Duration,
    /// How the call that brought it was answered.
    pub by: Mode,
}

impl Message {
    /// The title of the first embed.
    pub fn title(&self) -> &str {
        self.body["embeds"][0]["title"].as_str().unwrap_or_default()
    }

    /// Its body as it was posted.
    pub fn first_body(&self) -> &Value {
        self.before.first().unwrap_or(&self.body)
    }
}

/// A call as it arrived.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// `POST`, `PATCH` or `GET`.
    pub method: String,
    /// The path and query, without the token.
    pub path: String,
}

#[derive(Default)]
struct State {
    mode: Option<Mode>,
    script: VecDeque<Mode>,
    messages: Vec<Message>,
    seen: Vec<Seen>,
    violations: Vec<String>,
    patience: Patience,
    ids: u64,
}

/// What all parts of the peer share.
struct Shared {
    state: Mutex<State>,
    /// Breaks every connection that is open.
    cut: broadcast::Sender<()>,
    /// Whether anybody listens.
    away: watch::Sender<bool>,
    rules: Option<Rules>,
}

/// A running peer; it ends with this value.
pub struct Peer {
    shared: Arc<Shared>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
}

impl Peer {
    /// Starts a peer on a free port.
    pub async fn start() -> Peer {
        Peer::start_blocking()
    }

    /// Starts a peer on a free port, for tests without a runtime.
    pub fn start_blocking() -> Peer {
        let (cut, _) = broadcast::channel(16);
        let shared = Arc::new(Shared { state: Mutex::default(), cut, away: watch::Sender::default(), rules: Rules::load() });
        let (stop, stopped) = oneshot::channel();
        let (started, address) = std::sync::mpsc::channel();
        let own = shared.clone();
        std::thread::spawn(move || actix_web::rt::System::new().block_on(front::run(own, started, stopped)));
        Peer { shared, address: address.recv().expect("the peer starts"), stop: Some(stop) }
    }

    /// The webhook's URL.
    pub fn url(&self) -> String {
        format!("{}/api/webhooks/{WEBHOOK}/{TOKEN}", self.origin())
    }

    /// What the operator has to allow: `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How every call is answered from now on.
    pub fn set_mode(&self, mode: Mode) {
        let (down, away) = (mode == Mode::Down, mode == Mode::Away);
        self.shared.state().mode = Some(mode);
        self.shared.away.send_replace(away);
        if down || away {
            self.shared.cut();
        }
    }

    /// How the next calls are answered, before the mode counts again.
    pub fn then(&self, modes: impl IntoIterator<Item = Mode>) {
        self.shared.state().script.extend(modes);
    }

    /// Every message, in the order of arrival, as it is now.
    pub fn messages(&self) -> Vec<Message> {
        self.shared.state().messages.clone()
    }

    /// The titles of every message, in the order of arrival, as they are now.
    pub fn titles(&self) -> Vec<String> {
        self.messages().iter().map(|message| message.title().to_owned()).collect()
    }

    /// Every call.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.state().seen.clone()
    }

    /// What was wrong with what arrived; must be empty.
    pub fn violations(&self) -> Vec<String> {
        self.shared.state().violations.clone()
    }

    /// Calls that came before the time that an answer had named.
    pub fn impatient(&self) -> Vec<String> {
        self.shared.state().patience.broken.clone()
    }

    /// Whoever was asked to wait within the last `recent` may not have read it before he was killed.
    pub fn forgive(&self, recent: Duration) {
        self.shared.state().patience.forgive(recent);
    }

    /// Whether bodies are checked against the official schema.
    pub fn has_schema(&self) -> bool {
        self.shared.rules.is_some()
    }
}

/// The wall clock, since the epoch.
#[allow(clippy::disallowed_methods, reason = "outside the hub there is only the real clock")]
pub fn wall() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is later than 1970")
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.shared.cut();
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cut(&self) {
        let _ = self.cut.send(());
    }

    fn is_down(&self) -> bool {
        self.state().mode == Some(Mode::Down)
    }

    /// How this call is answered.
    fn next_mode(&self) -> Mode {
        let mut state = self.state();
        let scripted = state.script.pop_front();
        scripted.or_else(|| state.mode.clone()).unwrap_or(Mode::Ok)
    }

    fn violation(&self, what: String) {
        self.state().violations.push(what);
    }
}
