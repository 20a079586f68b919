//! A real hub on a temporary store behind the real routes, for the tests of this crate.

use crate::auth::operator_key;
use crate::{SetupLink, WebLimits, WebParts, WebState, configure};
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::header::HeaderMap;
use actix_web::http::{Method, StatusCode};
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, web};
use actors::alert::AlertParts;
use actors::alert::discord::{AllowedHosts, Deliver, Outcome, Reply, WebhookUrl};
use actors::alert::text::Texts;
use actors::clock::Clock;
use actors::db::Limits;
use actors::hub::{HubParts, NetParts, Running};
use actors::logs::source::{Cursor, FetchError, FetchLimits, Fetched, LogSource};
use actors::logs::spool::SpoolLimits;
use actors::logs::{Intake, Listeners, LogParts, SshSettings, SyslogLimits, Target};
use actors::settings::Settings;
use actors::supervision::Exit;
use domain::schedule::BusinessHours;
use domain::time::Wall;
use futures_util::future::{BoxFuture, LocalBoxFuture};
use serde_json::Value;
use std::rc::Rc;
use std::sync::Arc;
use store::TempFolder;
use store::keys::Scope;
use store::seal::{Keyring, hash_token, new_token};
use store::sessions::{self, NewSession};
use store::users::{self, Role};

/// Key of the environment in tests.
pub(crate) const ENV_KEY: &str = "chosen by a person";
/// A webhook that may be set.
pub(crate) const WEBHOOK: &str =
    "https://discord.com/api/webhooks/123456789012345678/tOkEn-CaNaRy_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQR";

/// A running hub, its keys and its set-up link.
pub(crate) struct Bed {
    pub(crate) state: web::Data<WebState>,
    pub(crate) operator: String,
    pub(crate) reader: String,
    pub(crate) writer: String,
    pub(crate) setup_path: String,
    _running: Running,
    folder: TempFolder,
}

/// An answer read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    /// The code of the error this is.
    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The field at fault.
    pub(crate) fn field(&self) -> String {
        self.json()["error"]["field"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl Bed {
    pub(crate) async fn new() -> Bed {
        Bed::with(WebLimits::default(), Vec::new()).await
    }

    /// A bed with these limits, and webhooks of the environment.
    pub(crate) async fn with(limits: WebLimits, from_env: Vec<(String, String)>) -> Bed {
        Bed::made(limits, from_env, LogParts::none()).await
    }

    /// A bed that reads these lines from every host, again at each look.
    pub(crate) async fn reading(lines: &'static [&'static str]) -> Bed {
        let source = move |_: &Target| Ok(Arc::new(Lines(lines)) as Arc<dyn LogSource>);
        Bed::made(WebLimits::default(), Vec::new(), LogParts { sources: Arc::new(source), ..LogParts::none() }).await
    }

    async fn made(limits: WebLimits, from_env: Vec<(String, String)>, logs: LogParts) -> Bed {
        let (mut store, folder) = store::temporary().unwrap();
        let keyring = Arc::new(Keyring::from_secret("a secret for tests").unwrap());
        let load = |tx: &store::Transaction<'_>| Settings::load(tx, keyring.clone(), from_env, Vec::new(), allowed(), Wall(0));
        let settings = Arc::new(store.writer.transact(load).unwrap());
        let made =
            |name, scope| move |tx: &store::Transaction<'_>| store::keys::create(tx, name, scope, Wall(0)).map(|(_, key)| key);
        let reader = store.writer.transact(made("reader", Scope::Read)).unwrap();
        let writer = store.writer.transact(made("writer", Scope::Write)).unwrap();
        let (setup, path) = store.reader.read(SetupLink::new).unwrap();
        let parts = HubParts {
            store,
            keyring: keyring.clone(),
            clock: Clock::system(),
            limits: Limits::default(),
            business: BusinessHours::default(),
            settings,
            alert: AlertParts { deliver: Box::new(|| Rc::new(Taker)), links: Arc::new(|_| None), texts: Texts::default() },
            logs,
            exit: Exit::process(),
            net: NetParts::default(),
        };
        let running = Running::start(parts).await.unwrap();
        let intake = Intake::new(SshSettings::default(), SpoolLimits::default(), SyslogLimits::default());
        running.take_logs(intake, Listeners::default()).await.unwrap();
        let state = WebState::new(WebParts {
            hub: running.hub.clone(),
            business: BusinessHours::default(),
            public_url: Some("https://hub.example/".into()),
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            setup,
            api_key_from_env: Some(ENV_KEY.into()),
            limits,
        });
        let operator = operator_key(&keyring);
        let setup_path = path.unwrap();
        Bed { state: web::Data::new(state), operator, reader, writer, setup_path, _running: running, folder }
    }

    /// Somebody who is signed in, in a new session: his cookie, and the proof of his forms.
    pub(crate) async fn signed_in(&self, role: Role) -> (String, String) {
        let (token, now) = (new_token(), self.state.hub.now().wall);
        let hash = hash_token(&token);
        let begin = move |tx: &store::Transaction<'_>| {
            let name = role.as_str();
            let user = match users::find(tx, name)? {
                Some((user, _)) => user.id,
                None => users::create(tx, name, "no hash", role, now)?,
            };
            sessions::begin(tx, &NewSession { token_hash: hash, user, agent: "a test", source_ip: None }, now)
        };
        self.state.hub.db().write("sign in", begin).await.unwrap();
        (format!("pulsewarden={token}"), crate::sessions::csrf_of(&self.state, &hash).to_string())
    }

    /// The bytes of the database and its log.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let database = self.folder.database();
        let log = database.with_extension("sqlite-wal");
        [database, log].iter().flat_map(|file| std::fs::read(file).unwrap_or_default()).collect()
    }

    /// Sends one request through the real routes.
    pub(crate) async fn send(&self, req: TestRequest) -> Answer {
        let app = init_service(App::new().configure(|cfg| configure(cfg, self.state.clone()))).await;
        read(app.call(req.to_request()).await.unwrap()).await
    }

    /// One request with the writer's key and perhaps a JSON body.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let mut req = from(method, path).insert_header(("Authorization", format!("Bearer {}", self.writer)));
        if let Some(body) = body {
            req = req.insert_header(("Content-Type", "application/json")).set_payload(body.to_string());
        }
        self.send(req).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path, Some(body)).await
    }

    /// Adds a host heard every five minutes; its token.
    pub(crate) async fn host(&self, host_id: &str) -> String {
        let made = self.post("/api/v1/hosts", serde_json::json!({"name": host_id, "expected_frequency_seconds": 300})).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        made.json()["token"].as_str().unwrap().to_owned()
    }

    /// The incident of a host that reports a failure.
    pub(crate) async fn alert(&self, host_id: &str) -> i64 {
        let token = self.host(host_id).await;
        let beat = self.send(from(Method::GET, &format!("/heartbeat/{host_id}/fail?token={token}"))).await;
        assert_eq!(beat.status, StatusCode::OK, "{}", beat.text);
        self.get("/api/v1/alerts?open=true").await.json()["alerts"][0]["id"].as_i64().unwrap()
    }
}

/// A log that is always the same.
struct Lines(&'static [&'static str]);

impl LogSource for Lines {
    fn fetch(&self, _: Option<Cursor>, _: FetchLimits) -> BoxFuture<'_, Result<Fetched, FetchError>> {
        let lines = self.0.iter().map(|line| line.as_bytes().to_vec()).collect();
        Box::pin(async move { Ok(Fetched { lines, ..Fetched::default() }) })
    }
}

/// The other side, without a network: it takes everything.
struct Taker;

impl Taker {
    fn say(outcome: Outcome) -> LocalBoxFuture<'static, Reply> {
        Box::pin(async { Reply { outcome, status: Some(200), pause_ms: 0 } })
    }
}

impl Deliver for Taker {
    fn post(&self, _: &WebhookUrl, _: Value) -> LocalBoxFuture<'static, Reply> {
        Taker::say(Outcome::Delivered { remote_id: "1".into() })
    }

    fn edit(&self, _: &WebhookUrl, _: &str, _: Value) -> LocalBoxFuture<'static, Reply> {
        Taker::say(Outcome::Edited)
    }

    fn probe(&self, _: &WebhookUrl) -> LocalBoxFuture<'static, Reply> {
        Taker::say(Outcome::Edited)
    }
}

fn allowed() -> AllowedHosts {
    AllowedHosts::default()
}

/// A request from a stranger's address.
pub(crate) fn from(method: Method, path: &str) -> TestRequest {
    TestRequest::default().method(method).uri(path).peer_addr("192.0.2.7:4711".parse().unwrap())
}

async fn read(answer: ServiceResponse<impl MessageBody>) -> Answer {
    let (status, headers) = (answer.status(), answer.headers().clone());
    let bytes = actix_web::test::read_body(answer).await;
    Answer { status, headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
}
