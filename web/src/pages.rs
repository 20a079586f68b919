//! The pages a person looks at: each makes plain data for its template; what forms change goes through the hub as for the API.

pub(crate) mod account;
pub(crate) mod alert;
pub(crate) mod alerts;
mod chart;
pub(crate) mod config;
pub(crate) mod config_do;
pub(crate) mod dashboard;
pub(crate) mod deliveries;
pub(crate) mod host;
pub(crate) mod host_do;
pub(crate) mod host_form;
mod host_past;
pub(crate) mod keys;
mod link;
pub(crate) mod sign_in;
pub(crate) mod status;
pub(crate) mod supervision;
pub(crate) mod trouble;
pub(crate) mod users;
mod windows;

pub(crate) use link::{Link, heartbeat_url};

use crate::state::WebState;
use domain::watch::Watch;
use std::sync::Arc;
use store::hosts::HostRecord;

/// Whether a host that is up has let its expected time pass and is in its grace.
fn is_late(state: &WebState, record: &HostRecord) -> bool {
    let spec = &record.spec;
    let mut watch = Watch::new(spec.frequency_s, spec.grace_s, Arc::clone(&spec.schedule), record.judged_from);
    watch.last_seen = record.last_seen.map(|(_, steady)| steady);
    watch.paused = record.paused;
    watch.silenced_until = record.silenced_until;
    let now = state.hub.now();
    host::is_late(record.status, watch.next_expected_by(now), now.wall)
}
