//! How long a host was up: from its incidents and its pauses, never from heartbeats, so it outlives them and costs one range of an index.
//!
//! Definition. A host is *watched* from its creation on, except while it is paused. It is *down* from the instant an incident
//! `missing_heartbeat` was opened (frequency and grace had passed, or it said itself that it failed) until it was resolved.
//! Uptime in a window is the watched time not down, divided by the watched time, both cut to the window. The silence a host is
//! allowed before an incident therefore counts as up, a silence asked for by a person changes nothing, and while the hub itself
//! was off a host stays what it was. What retention has swept, and all before the
//! newest ten thousand incidents, counts as up.

use crate::error::Result;
use domain::time::Wall;
use rusqlite::{Connection, Row, params};

/// Most incidents and most pauses of one host that count, the newest: a host that flaps without end must not hold up a page.
const INTERVALS_MOST: u32 = 10_000;

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

/// Times in which something was so, in milliseconds by the wall clock: in order, apart from each other, none empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Intervals(Vec<(i64, i64)>);

impl Intervals {
    /// These times, in any order and overlapping as a clock that stepped may leave them.
    pub fn new(mut all: Vec<(i64, i64)>) -> Intervals {
        all.retain(|(from, to)| from < to);
        all.sort_unstable();
        let mut apart: Vec<(i64, i64)> = Vec::with_capacity(all.len());
        for (from, to) in all {
            match apart.last_mut().filter(|last| from <= last.1) {
                Some(last) => last.1 = last.1.max(to),
                None => apart.push((from, to)),
            }
        }
        Intervals(apart)
    }

    /// Those that touch the time from `from` to `to`, cut to it.
    fn within(&self, from: i64, to: i64) -> impl Iterator<Item = (i64, i64)> {
        let first = self.0.partition_point(|known| known.1 <= from);
        let touching = self.0[first..].iter().take_while(move |known| known.0 < to);
        touching.map(move |known| (known.0.max(from), known.1.min(to)))
    }

    /// How much of the time from `from` to `to` they cover.
    fn covered_ms(&self, from: i64, to: i64) -> i64 {
        self.within(from, to).map(|(from, to)| to - from).sum()
    }

    /// Where they begin, the oldest first.
    pub fn begins(&self) -> impl DoubleEndedIterator<Item = Wall> {
        self.0.iter().map(|(from, _)| Wall(*from))
    }
}

/// What uptime is computed from: when a host was watched, paused and down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// Its creation.
    pub created_at: Wall,
    /// Up to when is looked.
    pub now: Wall,
    /// When it was paused.
    pub paused: Intervals,
    /// When it was down.
    pub down: Intervals,
}

impl Past {
    /// The share of the last `window_ms` milliseconds.
    ///
    /// ```
    /// use domain::time::Wall;
    /// use store::uptime::{Intervals, Past};
    /// let past = Past {
    ///     created_at: Wall(0),
    ///     now: Wall(1_000),
    ///     paused: Intervals::new(vec![(200, 400)]),
    ///     down: Intervals::new(vec![(300, 500)]),
    /// };
    /// let share = past.share(10_000);
    /// assert_eq!((share.watched_ms, share.down_ms, share.outages), (800, 100, 1));
    /// assert_eq!(share.percent(), Some(87.5));
    /// ```
    pub fn share(&self, window_ms: i64) -> Share {
        let (from, to) = (self.now.plus_ms(-window_ms).max(self.created_at).0, self.now.0);
        if from >= to {
            return Share::default();
        }
        let mut share = Share { watched_ms: to - from - self.paused.covered_ms(from, to), ..Share::default() };
        for (from, to) in self.down.within(from, to) {
            share.down_ms += to - from - self.paused.covered_ms(from, to);
            share.outages += 1;
        }
        share
    }
}

/// When a host was added.
///
/// # Errors
/// `NotFound`.
pub fn created_at(conn: &Connection, host: i64) -> Result<Wall> {
    Ok(conn.prepare_cached("SELECT created_at FROM hosts WHERE id = ?1")?.query_row([host], |row| row.get(0).map(Wall))?)
}

/// What is kept of a host's past, `window_ms` milliseconds back from `now`.
///
/// # Errors
/// Those of SQLite.
pub fn past(conn: &Connection, host: i64, created_at: Wall, now: Wall, window_ms: i64) -> Result<Past> {
    let since = now.plus_ms(-window_ms);
    Ok(Past { created_at, now, paused: paused(conn, host, now)?, down: down(conn, host, since, now)? })
}

/// One that began before `since` may reach into it; there is at most one open at a time, so the last of them is enough.
fn down(conn: &Connection, host: i64, since: Wall, now: Wall) -> Result<Intervals> {
    let mut query = conn.prepare_cached(
        "SELECT created_at, ifnull(resolved_at, ?3) FROM alerts INDEXED BY alerts_outages
         WHERE host_id = ?1 AND alert_type = 'missing_heartbeat' AND created_at >= ifnull(
             (SELECT max(created_at) FROM alerts INDEXED BY alerts_outages
              WHERE host_id = ?1 AND alert_type = 'missing_heartbeat' AND created_at <= ?2), ?2)
         ORDER BY created_at DESC LIMIT ?4",
    )?;
    let rows = query.query_map(params![host, since.0, now.0, INTERVALS_MOST], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Intervals::new(rows.collect::<rusqlite::Result<_>>()?))
}

fn paused(conn: &Connection, host: i64, now: Wall) -> Result<Intervals> {
    let mut query = conn.prepare_cached(
        "SELECT at, kind FROM events INDEXED BY events_pauses WHERE host_id = ?1 AND kind IN ('paused', 'resumed')
         ORDER BY at DESC LIMIT ?2",
    )?;
    let changed = |row: &Row<'_>| Ok((row.get(0)?, row.get_ref(1)?.as_str()? == "paused"));
    let rows = query.query_map(params![host, INTERVALS_MOST], changed)?;
    let (mut all, mut until) = (Vec::new(), now.0);
    for row in rows {
        let (at, is_pause): (i64, bool) = row?;
        if is_pause {
            all.push((at, until));
        }
        until = at;
    }
    Ok(Intervals::new(all))
}

/// A host's outages that touch the time after `since`, the newest first.
///
/// # Errors
/// Those of SQLite.
pub fn outages(conn: &Connection, host: i64, since: Wall, limit: u32) -> Result<Vec<Outage>> {
    let mut query = conn.prepare_cached(
        "SELECT id, created_at, resolved_at, message FROM alerts INDEXED BY alerts_outages
         WHERE host_id = ?1 AND alert_type = 'missing_heartbeat' AND ifnull(resolved_at, ?2) >= ?2
         ORDER BY created_at DESC LIMIT ?3",
    )?;
    let rows = query.query_map(params![host, since.0, limit], |row| {
        Ok(Outage {
            alert: row.get(0)?,
            from: Wall(row.get(1)?),
            to: row.get::<_, Option<i64>>(2)?.map(Wall),
            message: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{add, at, does, missed};
    use crate::{hosts, temporary, verdicts};

    #[test]
    fn down_is_from_the_incident_to_its_end_and_pauses_do_not_count() {
        let (mut store, _folder) = temporary().unwrap();
        let (host, other) = does(&mut store.writer, |tx| Ok((add(tx, "nas"), add(tx, "other"))));
        does(&mut store.writer, |tx| {
            verdicts::go_down(tx, host, None, at(100), "overdue", &missed("nas"))?;
            verdicts::go_up(tx, host, at(200), "heard")?;
            hosts::set_paused(tx, host, true, at(300))?;
            hosts::set_paused(tx, host, false, at(500))?;
            verdicts::go_down(tx, host, None, at(600), "overdue", &missed("nas"))?;
            hosts::set_paused(tx, host, true, at(700))
        });
        let share = |store: &crate::Store, host, now: i64, window_s: i64| {
            let past = store.reader.read(|conn| past(conn, host, at(0).wall, at(now).wall, window_s * 1_000)).unwrap();
            let share = past.share(window_s * 1_000);
            (share.watched_ms / 1_000, share.down_ms / 1_000, share.outages)
        };
        assert_eq!(share(&store, host, 800, 10_000), (500, 200, 2));
        assert_eq!(share(&store, host, 800, 250), (150, 100, 1), "an outage that began before the window reaches into it");
        assert_eq!(share(&store, host, 800, 50), (0, 0, 1));
        assert_eq!(share(&store, other, 800, 10_000), (800, 0, 0));
        let newest = store.reader.read(|conn| outages(conn, host, at(250).wall, 9)).unwrap();
        assert_eq!(newest.iter().map(|o| (o.from, o.to)).collect::<Vec<_>>(), [(at(600).wall, None)]);
    }

    #[test]
    fn a_host_watched_for_no_time_has_no_uptime() {
        assert_eq!(Share::default().percent(), None);
        let past = Past { created_at: Wall(50), now: Wall(10), paused: Intervals::default(), down: Intervals::default() };
        assert_eq!(past.share(1_000), Share::default());
    }

    #[test]
    fn times_that_overlap_count_once() {
        let all = Intervals::new(vec![(50, 60), (0, 10), (5, 20), (20, 30), (9, 9), (70, 65)]);
        assert_eq!(all, Intervals(vec![(0, 30), (50, 60)]));
        assert_eq!((all.covered_ms(-5, 100), all.covered_ms(10, 55), all.covered_ms(30, 50)), (40, 25, 0));
    }
}
