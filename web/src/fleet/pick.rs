//! Which hosts are on a page: one walk over all of them in the order of their names, in memory.

use super::{Cursor, FleetCounts, FleetQuery, Shown, Sort};
use actors::roster::{ByName, HostEntry, NAME_ENDS, TAG_ENDS};
use domain::host::Status;
use domain::time::Now;
use std::sync::Arc;

/// What a walk over the fleet found.
#[derive(Default)]
pub(super) struct Picked {
    pub(super) hosts: Vec<Arc<HostEntry>>,
    pub(super) counts: FleetCounts,
    pub(super) matching: usize,
    pub(super) next: Option<Cursor>,
    pub(super) previous: Option<Cursor>,
}

/// How a host stands, as far as lists care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) status: Status,
    pub(super) paused: bool,
    pub(super) late: bool,
    pub(super) silenced: bool,
}

/// A place in the order: what it sorts by first, then twice the place among the names, so that there is room in between.
type Place = (i64, i64);

impl Standing {
    pub(super) fn of(entry: &HostEntry, now: Now) -> Standing {
        let status = entry.pulse.status();
        let grace_ms = i64::from(entry.grace_s) * 1_000;
        let late = status == Status::Up
            && !entry.paused
            && entry.pulse.run_started().is_none()
            && due(entry, status).is_some_and(|due| due - grace_ms < now.steady.0);
        let silenced = entry.silenced_until.is_some_and(|until| until > now.wall);
        Standing { status, paused: entry.paused, late, silenced }
    }

    fn is(self, shown: Shown) -> bool {
        match shown {
            Shown::Up => !self.paused && self.status == Status::Up,
            Shown::Late => self.late,
            Shown::Down => !self.paused && self.status == Status::Down,
            Shown::Unknown => !self.paused && self.status == Status::Unknown,
            Shown::Paused => self.paused,
            Shown::Silenced => self.silenced,
        }
    }

    /// The worst is 0.
    fn badness(self) -> i64 {
        match (self.paused, self.status, self.late) {
            (true, ..) => 4,
            (_, Status::Down, _) => 0,
            (_, _, true) => 1,
            (_, Status::Unknown, _) => 2,
            (_, Status::Up, _) => 3,
        }
    }

    pub(super) fn count(self, counts: &mut FleetCounts) {
        counts.total += 1;
        counts.silenced += usize::from(self.silenced);
        counts.late += usize::from(self.late);
        match (self.paused, self.status) {
            (true, _) => counts.paused += 1,
            (_, Status::Up) => counts.up += 1,
            (_, Status::Down) => counts.down += 1,
            (_, Status::Unknown) => counts.unknown += 1,
        }
    }
}

/// The steady instant up to which this host is in time. Exact for hosts that are always expected; for one with windows that was
/// heard since its actor looked last, no later than the exact one: its windows would have to be walked, for every host. One
/// that calls by a crontab line and was heard for this occurrence already is in time for the longest gap of its line, until
/// its actor looks again.
fn due(entry: &HostEntry, status: Status) -> Option<i64> {
    if entry.paused || status == Status::Down {
        return None;
    }
    let told = entry.pulse.due()?;
    if entry.pulse.run_started().is_some() {
        return Some(told.0);
    }
    let Some(heard) = entry.pulse.last_seen() else { return Some(told.0) };
    let (frequency_ms, grace_ms) = (i64::from(entry.frequency_s) * 1_000, i64::from(entry.grace_s) * 1_000);
    if entry.schedule.cron().is_some() {
        let for_this_one = heard.0 >= told.0 - grace_ms;
        return Some(if for_this_one { told.0 + frequency_ms } else { told.0 });
    }
    Some(told.0.max(heard.0 + frequency_ms + grace_ms))
}

/// Walks over `all` and picks the page that `query` asks for.
pub(super) fn pick(all: &ByName, query: &FleetQuery, now: Now) -> Picked {
    let wanted = Wanted::of(query);
    let mut counts = FleetCounts::default();
    let mut found: Vec<(Place, u32)> = Vec::new();
    for (at, entry) in (0_u32..).zip(all.iter()) {
        if !wanted.has_text(&entry.text) {
            continue;
        }
        let standing = Standing::of(entry, now);
        standing.count(&mut counts);
        if query.status.is_none_or(|shown| standing.is(shown)) {
            found.push((place(query, entry, standing, i64::from(at) * 2), at));
        }
    }
    cut(all, query, found, counts)
}

/// How all hosts stand.
pub(super) fn count(all: &ByName, now: Now) -> FleetCounts {
    let mut counts = FleetCounts::default();
    all.iter().for_each(|entry| Standing::of(entry, now).count(&mut counts));
    counts
}

fn place(query: &FleetQuery, entry: &HostEntry, standing: Standing, by_name: i64) -> Place {
    let key = match query.sort {
        Sort::Name => 0,
        Sort::Status => standing.badness(),
        // From the newest on; never is older than anything.
        Sort::LastSeen => entry.pulse.last_seen_wall().map_or(i64::MAX, |seen| -seen.0),
        Sort::NextAlert => due(entry, standing.status).unwrap_or(i64::MAX),
    };
    turned(query, key, by_name)
}

fn turned(query: &FleetQuery, key: i64, by_name: i64) -> Place {
    match (query.descending, query.sort) {
        (false, _) => (key, by_name),
        (true, Sort::Name) => (0, -by_name),
        (true, _) => (-key, by_name),
    }
}

/// Keeps the rows of the page among all that were found.
fn cut(all: &ByName, query: &FleetQuery, mut found: Vec<(Place, u32)>, counts: FleetCounts) -> Picked {
    let (matching, size) = (found.len(), query.limit as usize);
    let back = query.cursor.as_ref().is_some_and(|cursor| cursor.back);
    if let Some(cursor) = &query.cursor {
        let edge = place_of(all, query, cursor);
        found.retain(|(place, _)| if back { *place < edge } else { *place > edge });
    }
    let beyond = matching - found.len();
    let more = found.len() > size;
    if more {
        let at = if back { found.len() - size } else { size };
        found.select_nth_unstable(at);
        if back {
            found.drain(..at);
        } else {
            found.truncate(size);
        }
    }
    found.sort_unstable();
    let (before, after) = if back { (more, beyond > 0) } else { (beyond > 0, more) };
    let edge = |row: Option<&(Place, u32)>, back| row.map(|(place, at)| cursor(all, query, *place, *at, back));
    let hosts = found.iter().map(|(_, at)| all[*at as usize].clone()).collect();
    let previous = edge(found.first(), true).filter(|_| before);
    let next = edge(found.last(), false).filter(|_| after);
    Picked { counts, hosts, matching, next, previous }
}

fn cursor(all: &ByName, query: &FleetQuery, place: Place, at: u32, back: bool) -> Cursor {
    let key = if query.descending && query.sort != Sort::Name { -place.0 } else { place.0 };
    let text = &all[at as usize].text;
    let ends = text.match_indices(NAME_ENDS).nth(1).map_or(text.len(), |(at, _)| at);
    Cursor { back, key, place: text[..ends].to_owned() }
}

/// Where a cursor lies among the hosts there are now: on its row, or between those that stood around it.
fn place_of(all: &ByName, query: &FleetQuery, cursor: &Cursor) -> Place {
    let at = all.partition_point(|entry| *entry.text < *cursor.place);
    let is_there = all.get(at).is_some_and(|entry| {
        let rest = entry.text.strip_prefix(cursor.place.as_str());
        rest.is_some_and(|rest| rest.starts_with(NAME_ENDS))
    });
    turned(query, cursor.key, at as i64 * 2 - i64::from(!is_there))
}

/// What a host's text must contain.
struct Wanted {
    words: Vec<String>,
    tag: Option<String>,
}

impl Wanted {
    fn of(query: &FleetQuery) -> Wanted {
        let words = query.text.as_deref().unwrap_or_default().to_lowercase();
        Wanted {
            words: words.split_whitespace().map(str::to_owned).collect(),
            tag: query.tag.as_deref().map(|tag| format!("{TAG_ENDS}{}{TAG_ENDS}", tag.to_lowercase())),
        }
    }

    fn has_text(&self, text: &str) -> bool {
        self.words.iter().all(|word| text.contains(word.as_str()))
            && self.tag.as_ref().is_none_or(|tag| text.contains(tag.as_str()))
    }
}
