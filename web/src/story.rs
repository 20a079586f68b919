//! What a host's own page tells besides its settings: uptime, outages, the strip, the lengths of its runs.

use crate::fleet::Slot;
use domain::time::Wall;
use store::uptime::{Outage, Share};

/// Outages shown on a page.
pub const OUTAGES_SHOWN: u32 = 50;
/// Runs a chart shows.
pub const RUNS_SHOWN: usize = 100;

/// A host's past.
#[derive(Clone, Debug)]
pub struct Story {
    /// How long it was up.
    pub uptime: Uptime,
    /// Its outages within 90 days, the newest first, at most [`OUTAGES_SHOWN`].
    pub outages: Vec<Outage>,
    /// Its last signs of life and the ones missed, the oldest first.
    pub strip: Vec<Slot>,
    /// Its last runs, the oldest first, at most [`RUNS_SHOWN`]; empty for a host that reports none.
    pub runs: Vec<Run>,
}

/// How long a host was up, over the four windows pages show; see [`store::uptime`] for what that means.
#[derive(Clone, Copy, Debug, Default)]
pub struct Uptime {
    /// The last 24 hours.
    pub day: Share,
    /// The last 7 days.
    pub week: Share,
    /// The last 30 days.
    pub month: Share,
    /// The last 90 days.
    pub quarter: Share,
}

/// One run of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// `heartbeats.id` of the beat that ended it.
    pub beat: i64,
    /// When it ended.
    pub ended: Wall,
    /// How long it took, in milliseconds.
    pub duration_ms: i64,
    /// Whether it ended well.
    pub success: bool,
}
