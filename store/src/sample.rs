//! What the tests of this crate begin with.

use crate::{StoreError, Transaction, Writer, hosts};
use domain::host::{HostDraft, HostSpec, Severity};
use domain::incident::{AlertType, Cause, Facts, NewIncident};
use domain::schedule::BusinessHours;
use domain::time::{Now, Steady, Wall};

/// Noon by the wall clock is `s` plus a billion seconds.
pub(crate) fn at(s: i64) -> Now {
    Now { wall: Wall(1_000_000_000_000 + s * 1_000), steady: Steady(s * 1_000) }
}

pub(crate) fn spec(name: &str) -> HostSpec {
    let json = serde_json::json!({"name": name, "expected_frequency": 300});
    let draft: HostDraft = serde_json::from_value(json).unwrap();
    draft.create(&BusinessHours::default()).unwrap()
}

pub(crate) fn add(tx: &Transaction<'_>, name: &str) -> i64 {
    hosts::insert(tx, &spec(name), b"sealed", &[7; 32], at(0)).unwrap()
}

/// Does `work` in one transaction that must succeed.
pub(crate) fn does<R>(writer: &mut Writer, work: impl FnOnce(&Transaction<'_>) -> Result<R, StoreError>) -> R {
    writer.transact(work).unwrap()
}

pub(crate) fn missed(name: &str) -> NewIncident {
    let facts = Facts {
        host_id: Some(name.to_owned()),
        host_name: name.to_owned(),
        cause: Cause::Missed,
        last_seen_at: None,
        expected_every_s: 300,
        grace_s: 60,
        deadline_at: None,
        detected_at: at(0).wall,
        why: String::new(),
    };
    NewIncident { alert_type: AlertType::MissingHeartbeat, severity: Severity::Critical, message: facts.headline(), facts }
}
