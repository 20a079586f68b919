//! The fake Discord: a small server that keeps messages, checks every body against Discord's official schema and what the
//! schema does not catch, and fails in every way a test asks for.
//!
//! It runs on a thread of its own, so that blocking tests can use it too. A front before the server breaks connections.

mod front;
mod rules;
mod server;

use rules::Rules;
use serde_json::Value;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::{broadcast, oneshot};

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
}

impl Message {
    /// The title of the first embed.
    pub fn title(&self) -> &str {
        self.body["embeds"][0]["title"].as_str().unwrap_or_default()
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
    ids: u64,
}

/// What all parts of the peer share.
struct Shared {
    state: Mutex<State>,
    /// Breaks every connection that is open.
    cut: broadcast::Sender<()>,
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
        let shared = Arc::new(Shared { state: Mutex::default(), cut, rules: Rules::load() });
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
        let down = mode == Mode::Down;
        self.shared.state().mode = Some(mode);
        if down {
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

    /// Whether bodies are checked against the official schema.
    pub fn has_schema(&self) -> bool {
        self.shared.rules.is_some()
    }
}

/// The wall clock, since the epoch.
#[allow(clippy::disallowed_methods, reason = "outside the hub there is only the real clock")]
fn wall() -> Duration {
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
