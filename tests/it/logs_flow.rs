//! The real program, a real sshd and the LLM service: from a line in a file on a machine to a finding over the API.

use crate::llm_peer::LlmPeer;
use crate::process::{Client, HubProcess};
use crate::sshd::{Keys, Sshd};
use serde_json::{Value, json};
use std::time::Duration;

const KEY: &str = "a management key for tests";
const LOG: &str = "Nov 23 07:59:01 nas useradd[9]: new user: name=eve, UID=0, GID=0, home=/root, shell=/bin/bash\n\
     Nov 23 07:59:02 nas app: password=hunter2 was wrong, said 198.51.100.7\n";

struct Api(Client);

impl Api {
    fn call(&mut self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let auth = format!("Bearer {}", KEY.replace(' ', "-"));
        let headers = [("Authorization", auth.as_str()), ("Content-Type", "application/json")];
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let answer = self.0.send(method, path, &headers, body.as_bytes()).expect("the hub answers");
        (answer.status, serde_json::from_slice(&answer.body).unwrap_or(Value::Null))
    }

    /// Asks again until the answer will do.
    fn until(&mut self, method: &str, path: &str, will_do: impl Fn(u16, &Value) -> bool) -> Value {
        let mut last = (0, Value::Null);
        for _ in 0..600 {
            last = self.call(method, path, None);
            if will_do(last.0, &last.1) {
                return last.1;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{method} {path} never did: {last:?}")
    }
}

#[test]
fn a_line_on_a_machine_becomes_a_finding_once_an_admin_has_accepted_its_key() {
    let (keys, peer) = (Keys::new(), LlmPeer::start());
    let (host_key, user_key) = (keys.make("host", "ed25519", ""), keys.make("user", "ed25519", ""));
    let sshd = Sshd::start(&keys, &[&host_key], &[&user_key]);
    let log = keys.folder().join("app.log");
    std::fs::write(&log, LOG).expect("a log");
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let (llm, api_key) = (peer.endpoint("/v1/messages"), KEY.replace(' ', "-"));
    let env = [("API_KEY", api_key.as_str()), ("LLM_API_URL", llm.as_str()), ("LLM_API_KEY", "sk-a-key-of-the-model")];
    let hub = HubProcess::start(folder.path(), &env);
    let mut api = Api(Client::new(&hub.address));
    let described = json!({"name": "nas", "expected_frequency_seconds": "1d", "log_analysis": {
        "enabled": false, "ssh_host": "127.0.0.1", "ssh_port": sshd.port, "ssh_user": Sshd::user(), "ssh_key_path": user_key,
        "log_command": format!("cat {}", log.display()), "analysis_prompt": "WAY=honest"}});
    assert_eq!(api.call("POST", "/api/v1/hosts", Some(described)).0, 201);

    api.until("POST", "/api/v1/hosts/nas/analyze", |status, _| status == 202);
    let shown = api.until("GET", "/api/v1/hosts/nas/ssh-key", |_, key| key["state"] == "pending");
    assert_eq!(api.call("GET", "/api/v1/analyses", None).1["analyses"], json!([]), "nothing is read before");
    let accept = json!({"fingerprint": shown["fingerprint"]});
    assert_eq!(api.call("POST", "/api/v1/hosts/nas/ssh-key/accept", Some(accept)).0, 200);
    api.until("POST", "/api/v1/hosts/nas/analyze", |_, begun| begun["already_running"] == false);
    let looks = api.until("GET", "/api/v1/analyses?host=nas", |_, looks| looks["analyses"][0].is_object());
    let look = &looks["analyses"][0];
    assert_eq!(
        (&look["lines_analyzed"], &look["llm"], &look["details"]["exit_code"]),
        (&json!(2), &json!("answered"), &json!(0))
    );
    let found = api.call("GET", "/api/v1/findings?severity=critical", None).1;
    assert_eq!(
        (&found["findings"][0]["title"], &found["findings"][0]["rule"]),
        (&json!("New account eve"), &json!("new_account"))
    );
    let of_model = api.call("GET", "/api/v1/findings?category=other", None).1;
    assert_eq!(of_model["findings"][0]["origin"], "model");
    assert_eq!(api.call("GET", "/api/v1/alerts?type=log_finding", None).1["alerts"][0]["severity"], "critical");
    assert_eq!(api.call("GET", "/api/v1/ledger", None).1["calls"][0]["redactions"]["password"], 1);

    // What was read is not read again.
    api.until("POST", "/api/v1/hosts/nas/analyze", |_, begun| begun["already_running"] == false);
    let looks = api.until("GET", "/api/v1/analyses?host=nas", |_, looks| looks["analyses"][1].is_object());
    assert_eq!((&looks["analyses"][0]["lines_analyzed"], &looks["analyses"][0]["llm"]), (&json!(0), &json!("nothing_new")));
    let sent = peer.bodies();
    assert!(
        sent.len() == 1 && !sent[0].to_string().contains("hunter2") && !sent[0].to_string().contains("198.51.100.7"),
        "{sent:?}"
    );
}
