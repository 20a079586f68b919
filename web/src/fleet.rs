//! The hosts as pages list them: searched, filtered, sorted and cut into pages in memory, whole rows only for the page.
//!
//! Order and filters come from the roster, which knows every host's searchable text, status and due time; what a row shows
//! besides (history, uptime) is read from the store for the rows of the page alone. A page so costs one walk over the
//! roster and some point look-ups, however many heartbeats are stored.

mod cursor;
mod pick;
mod query;
mod strip;

pub use cursor::Cursor;
pub use query::{FleetQuery, Shown, Sort};
pub(crate) use strip::{STEPS, strip};
pub use strip::{Slot, SlotKind};

use crate::error::ApiError;
use crate::state::WebState;
use actors::hub::Hub;
use actors::roster::HostEntry;
use domain::host::{HostId, Status};
use domain::schedule::BusinessHours;
use domain::time::{Now, Wall};
use pick::{Standing, pick};
use store::{Connection, StoreError, beats, hosts, uptime};

/// What the uptime of a row looks back.
const MONTH_MS: i64 = 30 * 86_400_000;

/// A page of the fleet.
#[derive(Clone, Debug)]
pub struct FleetPage {
    /// The rows, in the order asked for.
    pub rows: Vec<FleetRow>,
    /// How many hosts with this text and tag are in which state, whatever state the page shows.
    pub counts: FleetCounts,
    /// Hosts that all filters together let through.
    pub matching: usize,
    /// Where the next page begins, if there is more; to be sent back as `cursor`.
    pub next: Option<String>,
    /// Where the page before ends, if there is one; to be sent back as `cursor`.
    pub previous: Option<String>,
}

/// How many hosts are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FleetCounts {
    /// Heard in time, those late included; not paused.
    pub up: usize,
    /// Of those up: their next heartbeat was expected already, and they are in their grace.
    pub late: usize,
    /// Down, not paused.
    pub down: usize,
    /// Never heard, not paused.
    pub unknown: usize,
    /// Paused, whatever their state.
    pub paused: usize,
    /// Silenced, whatever else they are.
    pub silenced: usize,
    /// All of them.
    pub total: usize,
}

/// One host of a page.
#[derive(Clone, Debug)]
pub struct FleetRow {
    /// Its name in URLs.
    pub host_id: HostId,
    /// Its name for people.
    pub name: String,
    /// Words to group by.
    pub tags: Vec<String>,
    /// Free text.
    pub description: String,
    /// What is known of it.
    pub status: Status,
    /// Since when.
    pub status_since: Wall,
    /// Why, in words.
    pub status_reason: String,
    /// Whether its next heartbeat was expected already and it is in its grace.
    pub late: bool,
    /// When it last gave a sign of life.
    pub last_seen: Option<Wall>,
    /// Whether it is not judged.
    pub paused: bool,
    /// Until when nobody is told; `None` also when that is over.
    pub silenced_until: Option<Wall>,
    /// When somebody is told if nothing is heard; none while it is paused or down.
    pub next_alert: Option<Wall>,
    /// Share of the last 30 days in which it was up, in percent; none when it was not watched in them.
    pub uptime_30d: Option<f64>,
    /// Its last signs of life and the ones missed between them, the oldest first, at most 30.
    pub strip: Vec<Slot>,
}

/// The page of the fleet that `query` asks for.
///
/// # Errors
/// The store.
pub async fn list(state: &WebState, query: &FleetQuery) -> Result<FleetPage, ApiError> {
    let (hub, query, business) = (state.hub.clone(), query.clone(), state.business.clone());
    // All of it off the threads that take heartbeats.
    let page = state.hub.db().read(move |conn| read_page(conn, &hub, &query, &business));
    Ok(page.await?)
}

/// How many hosts are in which state now.
///
/// # Errors
/// When no thread is left to count on.
pub async fn counts(state: &WebState) -> Result<FleetCounts, ApiError> {
    let hub = state.hub.clone();
    Ok(state.hub.db().read(move |_| Ok(pick::count(&hub.roster().by_name(), hub.now()))).await?)
}

fn read_page(conn: &Connection, hub: &Hub, query: &FleetQuery, business: &BusinessHours) -> Result<FleetPage, StoreError> {
    let now = hub.now();
    let picked = pick(&hub.roster().by_name(), query, now);
    let mut rows = Vec::with_capacity(picked.hosts.len());
    for entry in &picked.hosts {
        rows.extend(read_row(conn, hub, entry, business, now)?);
    }
    Ok(FleetPage {
        rows,
        counts: picked.counts,
        matching: picked.matching,
        next: picked.next.map(|cursor| cursor.text()),
        previous: picked.previous.map(|cursor| cursor.text()),
    })
}

/// The row of a host; none when it was removed meanwhile.
fn read_row(
    conn: &Connection,
    hub: &Hub,
    entry: &HostEntry,
    business: &BusinessHours,
    now: Now,
) -> Result<Option<FleetRow>, StoreError> {
    let Some(Ok(record)) = hosts::get(conn, entry.row, business)? else { return Ok(None) };
    let past = uptime::past(conn, entry.row, record.created_at, now.wall, MONTH_MS)?;
    let trail = beats::trail(conn, entry.row, entry.pulse.last_beat(), STEPS)?;
    let standing = Standing::of(entry, now);
    Ok(Some(FleetRow {
        host_id: entry.host_id.clone(),
        name: record.spec.name,
        tags: record.spec.tags,
        description: record.spec.description,
        status: record.status,
        status_since: record.status_since,
        status_reason: record.status_reason,
        late: standing.late,
        last_seen: entry.pulse.last_seen_wall(),
        paused: record.paused,
        silenced_until: record.silenced_until.filter(|until| *until > now.wall),
        next_alert: hub.next_alert(entry),
        uptime_30d: past.share(MONTH_MS).percent(),
        strip: strip(&trail, &past.down, entry.frequency_s, now.wall),
    }))
}
