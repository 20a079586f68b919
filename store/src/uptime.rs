//! How long a host was up: from its incidents and its pauses, never from heartbeats, so it outlives them and costs one range of an index.
//!
//! Definition. A host is *watched* from its creation on, except while it is paused. It is *down* from the instant an incident
//! `missing_heartbeat` was opened (frequency and grace had passed, or it said itself that it failed) until it was resolved.
//! Uptime in a window is the watched time not down, divided by the watched time, both cut to the window. The silence a host is
//! allowed before an incident therefore counts as up, a silence asked for by a person changes nothing, and while the hub itself
//! was off a host stays what it was. What retention has swept counts as up.

use domain::time::Wall;

/// A time in which a host was down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outage {
    /// `alerts.id`.
    pub alert: i64,
    /// When the incident was opened.
    pub from: Wall,
    /// When it was resolved; none: it lasts.
    pub to: Option<Wall>,
    /// Why, in one line.
    pub message: String,
}

/// How much of a window a host was watched and down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Milliseconds in which it was watched.
    pub watched_ms: i64,
    /// Of those: milliseconds in which it was down.
    pub down_ms: i64,
    /// Outages that touch the window.
    pub outages: u32,
}

impl Share {
    /// The uptime in percent; none when it was not watched at all.
    pub fn percent(&self) -> Option<f64> {
        (self.watched_ms > 0).then(|| (self.watched_ms - self.down_ms) as f64 * 100.0 / self.watched_ms as f64)
    }
}
