//! How often a template was seen, when, and whether that is usual. Told the time; compares hours with hours.

use crate::time::Wall;
use serde::{Deserialize, Serialize};

/// A template seen at most so often, over all analyses, is rare.
pub const RARE_LINES: u64 = 3;
/// A rate this many times the usual one is a jump.
pub const JUMP_FACTOR: f64 = 4.0;
/// Fewer lines than this in one analysis are never a jump: three instead of none is chance.
pub const JUMP_MIN_LINES: u64 = 20;
/// Analyses a template must have been through before its rate is usual.
pub const JUMP_MIN_ANALYSES: u32 = 3;
/// The weight of the newest analysis in the usual rate.
const NEWEST: f64 = 0.3;
const HOUR_MS: f64 = 3_600_000.0;
/// Shorter times between two analyses count as this, so that one line a second later is no rate.
const MIN_ANALYSIS_HOURS: f64 = 1.0 / 60.0;

/// Why a template deserves to be looked at, the strongest reason first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Never seen before this analysis.
    New,
    /// Its rate is far above the usual one.
    Jump,
    /// Seen, but hardly ever.
    Rare,
    /// As always.
    Usual,
}

/// The counts of one template.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Lines ever seen.
    #[serde(rename = "n")]
    pub lines: u64,
    /// Lines seen in this analysis.
    #[serde(rename = "c")]
    pub lines_now: u64,
    /// When it was seen first.
    #[serde(rename = "f")]
    pub first: Wall,
    /// When it was seen last.
    #[serde(rename = "l")]
    pub last: Wall,
    /// Lines an hour, as a running mean over analyses.
    #[serde(rename = "u")]
    usual_per_hour: f64,
    /// Analyses it has been through since it was first seen.
    #[serde(rename = "a")]
    analyses: u32,
}

impl Tally {
    pub(super) fn new(now: Wall) -> Tally {
        Tally { lines: 0, lines_now: 0, first: now, last: now, usual_per_hour: 0.0, analyses: 0 }
    }

    pub(super) fn count(&mut self, now: Wall) {
        self.lines = self.lines.saturating_add(1);
        self.lines_now = self.lines_now.saturating_add(1);
        self.last = self.last.max(now);
    }

    /// Both as one: two templates turned out to be the same.
    pub(super) fn absorb(&mut self, other: &Tally) {
        self.lines = self.lines.saturating_add(other.lines);
        self.lines_now = self.lines_now.saturating_add(other.lines_now);
        (self.first, self.last) = (self.first.min(other.first), self.last.max(other.last));
        self.usual_per_hour += other.usual_per_hour;
        self.analyses = self.analyses.max(other.analyses);
    }

    /// What to think of it, `hours` after the last analysis.
    pub(super) fn standing(&self, hours: f64) -> Standing {
        let is_known = self.analyses >= JUMP_MIN_ANALYSES;
        let rate = self.lines_now as f64 / hours.max(MIN_ANALYSIS_HOURS);
        if self.analyses == 0 {
            Standing::New
        } else if is_known && self.lines_now >= JUMP_MIN_LINES && rate > JUMP_FACTOR * self.usual_per_hour {
            Standing::Jump
        } else if self.lines <= RARE_LINES {
            Standing::Rare
        } else {
            Standing::Usual
        }
    }

    /// Ends an analysis that came `hours` after the one before.
    pub(super) fn settle(&mut self, hours: f64) {
        let rate = self.lines_now as f64 / hours.max(MIN_ANALYSIS_HOURS);
        let weight = if self.analyses == 0 { 1.0 } else { NEWEST };
        self.usual_per_hour += weight * (rate - self.usual_per_hour);
        self.analyses = self.analyses.saturating_add(1);
        self.lines_now = 0;
    }
}

/// The hours from `from` to `to`; a clock set back is no time at all.
pub(super) fn hours(from: Wall, to: Wall) -> f64 {
    (to.0.saturating_sub(from.0)).max(0) as f64 / HOUR_MS
}
