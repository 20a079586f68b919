//! P1 against a power cut, which `kill -9` cannot imitate: the kernel keeps what a killed process wrote, a power cut only what was
//! synced. So behind each 200 there must be a sync of the log that began after the heartbeat was written to it.

use crate::api::{Api, KEY};
use crate::process::{Client, HubProcess};
use crate::shim::{Fault, Shim};
use serde_json::json;

const BEATS: usize = 200;

#[test]
fn every_answer_of_200_has_a_sync_of_the_log_behind_it() {
    let (shim, folder) = (Shim::build(), tempfile::tempdir().expect("a folder"));
    let (mut command, report) = shim.hub(folder.path(), Fault::NONE);
    command.env("API_KEY", KEY);
    let hub = HubProcess::start_by(command, folder.path(), |_| folder.path().join("data"));
    let path = Api::new(&hub).add(&json!({"name": "nas", "expected_frequency": "1h"}));
    let mut client = Client::new(&hub.address);
    for n in 0..BEATS {
        let (written_before, _) = report.log_writes_and_synced();
        assert_eq!(client.send("POST", &path, &[], format!("beat-{n}").as_bytes()).expect("an answer").status, 200);
        let (written, synced) = report.log_writes_and_synced();
        // Nobody else writes but the hub's own sign of life every two seconds, which can hide a fault now and then, not always.
        assert!(written > written_before, "heartbeat {n} was answered 200, but it is not in the log");
        assert!(synced > written_before, "heartbeat {n} was answered 200, but a power cut would lose it");
    }
    let (written, synced) = report.log_writes_and_synced();
    println!("P1: {BEATS} heartbeats answered 200 one by one, {written} writes to the log, {synced} of them synced");
    assert_eq!(hub.terminate(), Some(0));
}
