//! The management API of a running hub, as somebody with a key uses it.

use crate::process::{Answer, Client, HubProcess, wait_for};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::time::Duration;

/// A management key that the hub takes from its environment as `API_KEY`.
pub const KEY: &str = "key-of-the-tests-key-of-the-tests";
/// How long something may take that the hub does soon: generous, because machines are shared.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A connection with the key.
pub struct Api(Client);

impl Api {
    /// A connection to `hub`.
    pub fn new(hub: &HubProcess) -> Api {
        Api(Client::new(&hub.address))
    }

    pub fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, b"")
    }

    pub fn post(&mut self, path: &str, body: &[u8]) -> Answer {
        self.send("POST", path, body)
    }

    pub fn put(&mut self, path: &str, body: &[u8]) -> Answer {
        self.send("PUT", path, body)
    }

    fn send(&mut self, method: &str, path: &str, body: &[u8]) -> Answer {
        let bearer = format!("Bearer {KEY}");
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        self.0.send(method, path, &headers, body).expect("the hub answers")
    }

    /// Adds a host and tells the path of its heartbeat, with the token.
    pub fn add(&mut self, draft: &Value) -> String {
        let made = self.post("/api/v1/hosts", draft.to_string().as_bytes());
        assert_eq!(made.status, 201, "{}", made.json());
        path_of(made.json()["heartbeat_url"].as_str().expect("a URL"))
    }

    /// Every alert, the newest first.
    pub fn alerts(&mut self) -> Vec<Value> {
        let answer = self.get("/api/v1/alerts");
        assert_eq!(answer.status, 200, "{}", answer.json());
        answer.json()["alerts"].as_array().expect("a list").clone()
    }

    /// The host of every alert, sorted.
    pub fn alerted(&mut self) -> Vec<String> {
        let mut hosts: Vec<String> = self.alerts().iter().filter_map(|a| Some(a["host_id"].as_str()?.to_owned())).collect();
        hosts.sort();
        hosts
    }

    /// Waits until `host` has an alert.
    pub fn wait_for_alert_of(&mut self, host: &str) {
        let found = wait_for(PATIENCE, || self.alerted().iter().any(|id| id == host).then_some(()));
        assert!(found.is_some(), "no alert of {host}");
    }
}

/// The path and query of a URL of the hub.
pub fn path_of(url: &str) -> String {
    let rest = url.split_once("://").expect("a URL").1;
    format!("/{}", rest.split_once('/').expect("a path").1)
}

/// Sends the hub's process a signal.
pub fn signal(hub: &HubProcess, signal: Signal) {
    let pid = Pid::from_raw(hub.id().try_into().expect("a process id")).expect("not zero");
    kill_process(pid, signal).expect("it is ours");
}
