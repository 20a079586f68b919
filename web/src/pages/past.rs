//! A host's past from its last heartbeats.

use crate::error::ApiError;
use crate::fleet::{Slot, SlotKind};
use crate::state::WebState;
use crate::story::{Run, Story, Uptime};
use domain::signal::Signal;
use store::beats;
use store::hosts::HostRecord;

pub(super) async fn story(state: &WebState, record: &HostRecord) -> Result<Story, ApiError> {
    let (row, last) = (record.row, record.last_beat_id);
    let beats = match last {
        Some(last) => state.hub.db().read(move |conn| beats::page(conn, row, Some(last), 100)).await?.beats,
        None => Vec::new(),
    };
    let failed = |signal| matches!(signal, Signal::Fail) || matches!(signal, Signal::Exit(code) if code != 0);
    let slot = |b: &beats::Beat| Slot {
        at: b.at,
        kind: if failed(b.signal) { SlotKind::Failure } else { SlotKind::Success },
        duration_ms: b.duration_ms,
    };
    let run = |b: &beats::Beat| Some(Run { beat: b.id, ended: b.at, duration_ms: b.duration_ms?, success: !failed(b.signal) });
    Ok(Story {
        uptime: Uptime::default(),
        outages: Vec::new(),
        strip: beats.iter().take(30).rev().map(slot).collect(),
        runs: beats.iter().rev().filter_map(run).collect(),
    })
}
