//! The two timelines: what the wall clock says and what has really elapsed; they never mix by accident.
//!
//! Judgement runs on [`Steady`]; only schedule windows and what people read use [`Wall`]. A clock step moves the
//! distance between them and nothing else.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01 UTC as the wall clock shows it. It may jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Wall(pub i64);

/// Milliseconds on the hub's own timeline: it grows by elapsed time only and goes on over restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Steady(pub i64);

/// Both timelines, read together once per message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// What the wall clock shows.
    pub wall: Wall,
    /// Where elapsed time has got to.
    pub steady: Steady,
}

impl Now {
    /// The steady instant at which the wall clock shows `wall`, if it does not step again.
    ///
    /// ```
    /// use domain::time::{Now, Steady, Wall};
    /// let now = Now { wall: Wall(10_000), steady: Steady(7_000) };
    /// assert_eq!(now.steady_at(Wall(12_000)), Steady(9_000));
    /// assert_eq!(now.wall_at(Steady(9_000)), Wall(12_000));
    /// ```
    pub fn steady_at(self, wall: Wall) -> Steady {
        Steady(wall.0.saturating_sub(self.offset_ms()))
    }

    /// What the wall clock showed, or will show, at `steady`, by today's distance between the two.
    pub fn wall_at(self, steady: Steady) -> Wall {
        Wall(steady.0.saturating_add(self.offset_ms()))
    }

    /// How far the wall clock is ahead of the steady timeline, in milliseconds.
    pub fn offset_ms(self) -> i64 {
        self.wall.0.saturating_sub(self.steady.0)
    }
}

impl Wall {
    /// This instant as chrono's UTC time; instants chrono cannot hold become its limits.
    pub fn utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0).unwrap_or(if self.0 < 0 {
            DateTime::<Utc>::MIN_UTC
        } else {
            DateTime::<Utc>::MAX_UTC
        })
    }

    /// RFC 3339 with milliseconds and `Z`: the form every API answer uses.
    ///
    /// ```
    /// assert_eq!(domain::time::Wall(1_763_202_600_000).rfc3339(), "2025-11-15T10:30:00.000Z");
    /// ```
    pub fn rfc3339(self) -> String {
        self.utc().to_rfc3339_opts(SecondsFormat::Millis, true)
    }

    /// This instant plus `ms` milliseconds.
    pub fn plus_ms(self, ms: i64) -> Wall {
        Wall(self.0.saturating_add(ms))
    }
}

impl From<DateTime<Utc>> for Wall {
    fn from(at: DateTime<Utc>) -> Wall {
        Wall(at.timestamp_millis())
    }
}

impl Steady {
    /// This instant plus `ms` milliseconds.
    pub fn plus_ms(self, ms: i64) -> Steady {
        Steady(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this instant; negative when `earlier` is later.
    pub fn since_ms(self, earlier: Steady) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}
