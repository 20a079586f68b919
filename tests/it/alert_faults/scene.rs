//! A hub that tells the peer, hosts that each have one outage, and the truth about both; the hub may be killed at any time.

use super::oracle::{self, Truth};
use crate::api::{Api, KEY};
use crate::discord_peer::{Mode, Peer, TOKEN, wall};
use crate::process::{Client, HubProcess, wait_for};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tempfile::TempDir;

/// Longest wait for anything the hub is to do soon.
const PATIENCE: Duration = Duration::from_secs(60);
/// What was answered so short a time before a kill may not have been read.
const UNREAD: Duration = Duration::from_secs(3);

/// The hub, its peer and its hosts.
pub struct Scene {
    pub peer: Peer,
    pub truth: Truth,
    hub: Option<HubProcess>,
    folder: TempDir,
    paths: BTreeMap<String, String>,
}

impl Scene {
    /// A hub with hosts `h0001` to `count` that will not fall silent by themselves.
    pub fn new(count: usize) -> Scene {
        let (peer, folder) = (Peer::start_blocking(), tempfile::tempdir().expect("a folder"));
        let mut scene = Scene { peer, truth: Truth::default(), hub: None, folder, paths: BTreeMap::new() };
        scene.start();
        let mut api = scene.api();
        for n in 1..=count {
            let host = name(n);
            let path = api.add(&json!({"name": host, "host_id": host, "expected_frequency": "1d"}));
            scene.paths.insert(host, path);
        }
        for n in 1..=count {
            scene.say(&name(n), "");
        }
        scene
    }

    pub fn start(&mut self) {
        let (url, origin) = (self.peer.url(), self.peer.origin());
        let env = [("DISCORD_WEBHOOK_URL", url.as_str()), ("WEBHOOK_ALLOWED_HOSTS", origin.as_str()), ("API_KEY", KEY)];
        self.hub = Some(HubProcess::start(self.folder.path(), &env));
    }

    pub fn hub(&self) -> &HubProcess {
        self.hub.as_ref().expect("it was started")
    }

    pub fn api(&self) -> Api {
        Api::new(self.hub())
    }

    /// Host `n` fails: its incident is on disk when this returns.
    pub fn fail(&mut self, n: usize) {
        self.say(&name(n), "/fail");
        self.truth.opened.insert(name(n));
    }

    /// Host `n` is well again.
    pub fn mend(&mut self, n: usize) {
        self.say(&name(n), "");
        self.truth.over.insert(name(n));
    }

    /// Somebody knows of the outage of host `n`.
    pub fn acknowledge(&mut self, n: usize) {
        let mut api = self.api();
        let alert = api.alerts().into_iter().find(|alert| alert["host_id"] == name(n)).expect("it failed");
        let answer = api.post(&format!("/api/v1/alerts/{}/acknowledge", alert["id"]), br#"{"by":"Ada"}"#);
        assert_eq!(answer.status, 200, "{}", answer.json());
    }

    fn say(&self, host: &str, signal: &str) {
        let (path, token) = self.paths[host].split_once('?').expect("a token");
        let sent = Client::new(&self.hub().address).send("POST", &format!("{path}{signal}?{token}"), &[], b"");
        let answer = sent.expect("the hub answers");
        assert_eq!(answer.status, 200, "{}", answer.json());
    }

    /// `kill -9`, and a new start on the same folder. What was answered long ago must be known to the next life.
    pub fn kill(&mut self) {
        self.hub.take().expect("it runs").kill();
        self.truth.kills.push(wall());
        self.start();
    }

    /// The same at a moment that nobody chose: the newest answer may not have been read.
    pub fn kill_anytime(&mut self) {
        self.hub.take().expect("it runs").kill();
        self.truth.kills.push(wall());
        self.peer.forgive(UNREAD);
        self.start();
    }

    /// Waits until the peer has seen `more` calls than `before`.
    pub fn wait_for_calls(&self, before: usize, more: usize) {
        let seen = wait_for(PATIENCE, || (self.peer.seen().len() >= before + more).then_some(()));
        assert!(seen.is_some(), "no call: {}", self.waiting());
    }

    /// What the hub says of its alerts.
    pub fn waiting(&self) -> String {
        let health = self.api().get("/api/v1/health").json();
        let parts = health["components"].as_array().cloned().unwrap_or_default();
        let alerts = parts.iter().find(|part| part["name"] == "alerts");
        alerts.and_then(|part| part["detail"].as_str()).unwrap_or("no health").to_owned()
    }

    /// Waits until nothing is left to be told.
    pub fn until_all_is_told(&self, patience: Duration) {
        let told = wait_for(patience, || {
            std::thread::sleep(Duration::from_millis(50));
            self.waiting().contains(": 0 waiting").then_some(())
        });
        assert!(told.is_some(), "{}\n{}", self.waiting(), self.hub().log());
    }

    /// Asks the oracle; answers how many messages were repeats.
    pub fn judge(&self) -> usize {
        let messages = self.peer.messages();
        let (faults, repeats) = oracle::judge(&messages, &self.truth);
        assert_eq!(faults, Vec::<String>::new(), "{}", self.hub().log());
        assert_eq!(self.peer.violations(), Vec::<String>::new());
        assert_eq!(self.peer.impatient(), Vec::<String>::new(), "{}", self.hub().log());
        assert!(!self.hub().log().contains(TOKEN), "the webhook's token is in the log");
        repeats
    }

    /// Every host is well, everything is told, and nothing was lost, out of order, too early or repeated without a cause.
    pub fn end(mut self, patience: Duration) -> usize {
        self.peer.set_mode(Mode::Ok);
        let open: Vec<String> = self.truth.opened.difference(&self.truth.over).cloned().collect();
        for host in open {
            self.say(&host, "");
            self.truth.over.insert(host);
        }
        self.until_all_is_told(patience);
        self.is_what_the_api_says();
        let repeats = self.judge();
        assert_eq!(self.hub.take().expect("it runs").terminate(), Some(0));
        repeats
    }

    /// The hub's own list of incidents is the truth, too.
    fn is_what_the_api_says(&self) {
        let list = |alerts: Vec<Value>| -> Vec<String> {
            let mut hosts: Vec<String> = alerts.iter().filter_map(|a| Some(a["host_id"].as_str()?.to_owned())).collect();
            hosts.sort();
            hosts
        };
        let answer = self.api().get("/api/v1/alerts?limit=100");
        let alerts = answer.json()["alerts"].as_array().expect("a list").clone();
        assert!(alerts.iter().all(|alert| alert["open"] == false), "{alerts:?}");
        assert_eq!(list(alerts), self.truth.opened.iter().cloned().collect::<Vec<_>>());
    }
}

/// How host `n` is called.
pub fn name(n: usize) -> String {
    format!("h{n:04}")
}
