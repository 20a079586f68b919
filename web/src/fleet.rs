//! The hosts as pages list them: searched, filtered, sorted and cut into pages in memory, whole rows only for the page.
//!
//! Order and filters come from the roster, which knows every host's searchable text, status and due time; what a row shows
//! besides (history, uptime) is read from the store for the rows of the page alone. A page so costs one walk over the
//! roster and some point look-ups, however many heartbeats are stored.

mod cursor;
mod query;
mod strip;

pub use cursor::Cursor;
pub use query::{FleetQuery, Shown, Sort};
pub use strip::{Slot, SlotKind};

use domain::host::{HostId, Status};
use domain::time::Wall;

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
