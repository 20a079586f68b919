//! What a host's own page tells besides its settings: uptime, outages, the strip, the lengths of its runs.

use crate::error::ApiError;
use crate::fleet::{STEPS, Slot, strip};
use crate::state::WebState;
use actors::roster::HostEntry;
use domain::time::Wall;
use store::beats::{self, Trace};
use store::uptime::{self, Outage, Past, Share};
use store::{Connection, StoreError};

const DAY_MS: i64 = 86_400_000;
/// How far back a page looks.
const QUARTER_MS: i64 = 90 * DAY_MS;
/// Heartbeats read in search of runs: a job's run has a start and an end.
const STEPS_FOR_RUNS: usize = 2 * RUNS_SHOWN;

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

impl Uptime {
    fn of(past: &Past) -> Uptime {
        Uptime {
            day: past.share(DAY_MS),
            week: past.share(7 * DAY_MS),
            month: past.share(30 * DAY_MS),
            quarter: past.share(QUARTER_MS),
        }
    }
}

/// The past of the host with this public id.
///
/// # Errors
/// An unknown host, or the store.
pub async fn of(state: &WebState, host_id: &str) -> Result<Story, ApiError> {
    let entry = state.hub.roster().find(host_id).ok_or_else(|| ApiError::not_found("host"))?;
    let now = state.hub.now().wall;
    Ok(state.hub.db().read(move |conn| read(conn, &entry, now)).await?)
}

fn read(conn: &Connection, entry: &HostEntry, now: Wall) -> Result<Story, StoreError> {
    let created_at = uptime::created_at(conn, entry.row)?;
    let past = uptime::past(conn, entry.row, created_at, now, QUARTER_MS)?;
    let trail = beats::trail(conn, entry.row, entry.pulse.last_beat(), STEPS_FOR_RUNS.max(STEPS))?;
    Ok(Story {
        uptime: Uptime::of(&past),
        outages: uptime::outages(conn, entry.row, now.plus_ms(-QUARTER_MS), OUTAGES_SHOWN)?,
        strip: strip(&trail, &past.down, entry.frequency_s, now),
        runs: runs(&trail),
    })
}

fn runs(trail: &[Trace]) -> Vec<Run> {
    let ended = |beat: &Trace| {
        let duration_ms = beat.duration_ms?;
        Some(Run { beat: beat.id, ended: beat.at, duration_ms, success: beat.signal.is_success() })
    };
    let mut runs: Vec<Run> = trail.iter().filter_map(ended).take(RUNS_SHOWN).collect();
    runs.reverse();
    runs
}
