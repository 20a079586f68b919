//! Hosts for the dashboard in the order they were added, with the strip of their last heartbeats.

use crate::error::ApiError;
use crate::fleet::{FleetCounts, FleetPage, FleetQuery, FleetRow, Slot, SlotKind};
use crate::state::WebState;
use domain::signal::Signal;
use store::beats::{self, Beat};
use store::hosts::{self, HostFilter, HostRecord};

/// Heartbeats of a strip.
const SLOTS: u32 = 30;

/// A page of hosts.
///
/// # Errors
/// The store's.
pub(super) async fn list(state: &WebState, query: &FleetQuery) -> Result<FleetPage, ApiError> {
    let filter = HostFilter { tag: query.tag.clone(), text: query.text.clone(), limit: query.limit, ..HostFilter::default() };
    let business = state.business.clone();
    let read = state.hub.db().read(move |conn| Ok((hosts::list(conn, &filter, &business)?, hosts::count(conn)?)));
    let (page, counts) = read.await?;
    let mut rows = Vec::with_capacity(page.hosts.len());
    for mut record in page.hosts.into_iter().flatten() {
        state.hub.freshen(&mut record);
        rows.push(row(state, record).await?);
    }
    let size = |n: i64| usize::try_from(n).unwrap_or_default();
    let total = size(counts.total());
    let (up, down, unknown, paused) = (size(counts.up), size(counts.down), size(counts.unknown), size(counts.paused));
    let counts = FleetCounts { up, down, unknown, paused, total, ..FleetCounts::default() };
    Ok(FleetPage { matching: rows.len(), rows, counts, next: None, previous: None })
}

async fn row(state: &WebState, record: HostRecord) -> Result<FleetRow, ApiError> {
    let next_alert = state.hub.explain(record.spec.host_id.as_str()).await.ok().and_then(|explained| explained.deadline);
    let (row, last) = (record.row, record.last_beat_id);
    let heard = match last {
        Some(last) => state.hub.db().read(move |conn| beats::page(conn, row, Some(last), SLOTS)).await?.beats,
        None => Vec::new(),
    };
    let HostRecord { spec, status, status_since, status_reason, paused, silenced_until, .. } = record;
    Ok(FleetRow {
        host_id: spec.host_id,
        name: spec.name,
        tags: spec.tags,
        description: spec.description,
        status,
        status_since,
        status_reason,
        late: false,
        last_seen: record.last_seen.map(|(wall, _)| wall),
        paused,
        silenced_until,
        next_alert,
        uptime_30d: None,
        strip: heard.iter().rev().map(slot).collect(),
    })
}

fn slot(beat: &Beat) -> Slot {
    let failed = matches!(beat.signal, Signal::Fail) || matches!(beat.signal, Signal::Exit(code) if code != 0);
    let kind = if failed { SlotKind::Failure } else { SlotKind::Success };
    Slot { at: beat.at, kind, duration_ms: beat.duration_ms }
}
