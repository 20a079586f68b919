//! The LLM service of the tests: npm's aimock in a process of its own, and what it was sent.

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running service; it ends with this value.
pub struct LlmPeer {
    child: Child,
    url: String,
}

impl LlmPeer {
    /// Starts it on a free port. `make tools` installs what it needs.
    pub fn start() -> LlmPeer {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/llm");
        let mut command = Command::new("node");
        command.arg("peer.mjs").current_dir(&folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("node runs: make tools installs it");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("its output");
        BufReader::new(stdout).read_line(&mut line).expect("its first line");
        let url = line.trim().to_owned();
        assert!(url.starts_with("http://127.0.0.1:"), "the LLM service did not start ({url}): run make tools");
        LlmPeer { child, url }
    }

    /// Where this style is served.
    pub fn endpoint(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// The bodies it was sent, in order.
    pub fn bodies(&self) -> Vec<Value> {
        let told = Command::new("curl").arg("-fsS").arg(self.endpoint("/__aimock/journal")).output().expect("curl runs");
        assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
        let journal: Vec<Value> = serde_json::from_slice(&told.stdout).expect("the journal is JSON");
        journal.into_iter().map(|entry| entry["body"].clone()).collect()
    }
}

impl Drop for LlmPeer {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
