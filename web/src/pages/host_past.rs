//! What a host's page tells of its past: uptime, outages, charts, heartbeats with what was said, events.

use super::chart::{self, Bar, Chart, Kind};
use super::dashboard::percent;
use crate::error::ApiError;
use crate::state::WebState;
use crate::story::{Run, Story};
use crate::time_text;
use domain::duration::words_ms;
use domain::signal::Signal;
use domain::time::Wall;
use serde::Serialize;
use store::beats::{Beat, BeatPage};
use store::events::{Event, EventPage};
use store::hosts::HostRecord;
use store::uptime::{Outage, Share};
use store::{beats, events};

/// Heartbeats and events on one page of theirs.
const ROWS: u32 = 20;
/// Days of the chart of outages.
const DAYS: i64 = 30;
const DAY_MS: i64 = 86_400_000;
/// Longest part of a body shown; the rest is in the API.
const BODY_CHARS: usize = 1_000;
/// Longest line that stands for a body.
const SUMMARY_CHARS: usize = 120;

/// The uptime of one window.
#[derive(Serialize)]
pub(super) struct Up {
    name: &'static str,
    percent: Option<String>,
    down: String,
}

#[derive(Serialize)]
pub(super) struct Gap {
    alert: i64,
    from: String,
    to: Option<String>,
    length: String,
    message: String,
}

#[derive(Serialize)]
pub(super) struct Heard {
    at: String,
    signal: String,
    bad: bool,
    duration: Option<String>,
    from: Option<String>,
    summary: String,
    body: Option<String>,
    cut: bool,
    agent: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Happened {
    at: String,
    kind: String,
    detail: String,
}

/// What a page of the past consists of.
pub(super) struct Past {
    pub(super) beats: BeatPage,
    pub(super) events: EventPage,
    pub(super) alert: Option<i64>,
}

pub(super) async fn past(state: &WebState, record: &HostRecord, beat: Option<i64>, event: Option<i64>) -> Result<Past, ApiError> {
    let (row, from) = (record.row, beat.or(record.last_beat_id));
    let read = state.hub.db().read(move |conn| {
        let beats = match from {
            Some(from) => beats::page(conn, row, Some(from), ROWS)?,
            None => BeatPage::default(),
        };
        let events = events::list(conn, Some(row), event, ROWS)?;
        let alert = store::alerts::find_open(conn, Some(row), domain::incident::AlertType::MissingHeartbeat, "")?;
        Ok(Past { beats, events, alert })
    });
    Ok(read.await?)
}

pub(super) fn ups(story: &Story) -> Vec<Up> {
    let up = |name, share: &Share| Up {
        name,
        percent: share.percent().map(percent),
        down: match share.outages {
            0 => "no outage".to_owned(),
            1 => format!("1 outage, {}", chart::length(share.down_ms)),
            n => format!("{n} outages, {}", chart::length(share.down_ms)),
        },
    };
    let uptime = &story.uptime;
    vec![up("24 hours", &uptime.day), up("7 days", &uptime.week), up("30 days", &uptime.month), up("90 days", &uptime.quarter)]
}

/// How long it was down on each of the last days (of UTC), today last.
pub(super) fn bad_days(outages: &[Outage], known_since: Wall, now: Wall) -> Vec<Bar> {
    let today = now.0.div_euclid(DAY_MS);
    let days = (today - DAYS + 1..=today).map(|day| {
        let (begin, end) = (day * DAY_MS, ((day + 1) * DAY_MS).min(now.0));
        let within = |outage: &Outage| (outage.to.unwrap_or(now).0.min(end) - outage.from.0.max(begin)).max(0);
        let value = outages.iter().map(within).sum::<i64>();
        let kind = match value {
            _ if end <= known_since.0 => Kind::Blank,
            0 => Kind::Good,
            _ => Kind::Bad,
        };
        Bar { value, kind }
    });
    days.collect()
}

pub(super) fn outage_chart(days: &[Bar]) -> Option<Chart> {
    let bad = days.iter().filter(|bar| bar.kind == Kind::Bad).count();
    chart::of_lengths(days, format!("Down time of each of the last {DAYS} days: {bad} with an outage"))
}

pub(super) fn run_chart(runs: &[Run]) -> Option<Chart> {
    let bar = |run: &Run| Bar { value: run.duration_ms, kind: if run.success { Kind::Good } else { Kind::Bad } };
    let bars: Vec<Bar> = runs.iter().map(bar).collect();
    let failed = bars.iter().filter(|bar| bar.kind == Kind::Bad).count();
    let newest = runs.last().map_or(0, |run| run.duration_ms);
    let label =
        format!("Duration of the last {} runs, {failed} of them failed; the newest took {}", runs.len(), chart::length(newest));
    chart::of_lengths(&bars, label)
}

pub(super) fn gap(outage: &Outage, now: Wall) -> Gap {
    Gap {
        alert: outage.alert,
        from: time_text::text(outage.from),
        to: outage.to.map(time_text::text),
        length: words_ms(outage.to.unwrap_or(now).0 - outage.from.0),
        message: outage.message.clone(),
    }
}

pub(super) fn heard(beat: &Beat) -> Heard {
    let (signal, bad) = match beat.signal {
        Signal::Success => ("heard".to_owned(), false),
        Signal::Start => ("run started".to_owned(), false),
        Signal::Log => ("log".to_owned(), false),
        Signal::Snooze => ("asked for silence".to_owned(), false),
        Signal::Extend => ("asked for more time".to_owned(), false),
        Signal::Fail => ("failure".to_owned(), true),
        Signal::Exit(code) => (format!("exit code {code}"), code != 0),
    };
    let kept: serde_json::Value = beat.metadata.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let body = kept["body"].as_str().unwrap_or_default();
    let start = |text: &str, most: usize| text.chars().take(most).collect::<String>();
    Heard {
        at: time_text::text(beat.at),
        signal,
        bad,
        duration: beat.duration_ms.map(chart::length),
        from: beat.source_ip.clone(),
        summary: start(body.trim().lines().next().unwrap_or_default(), SUMMARY_CHARS),
        body: (!body.is_empty()).then(|| start(body, BODY_CHARS)),
        cut: body.chars().nth(BODY_CHARS).is_some(),
        agent: kept["user_agent"].as_str().map(str::to_owned),
    }
}

pub(super) fn happened(event: Event) -> Happened {
    Happened { at: time_text::text(event.at), kind: event.kind, detail: event.detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_over_midnight_counts_for_both_days_and_days_before_the_host_are_blank() {
        let now = Wall(100 * DAY_MS + DAY_MS / 2);
        let outage = Outage { alert: 1, from: Wall(99 * DAY_MS - 5), to: Some(Wall(99 * DAY_MS + 10)), message: String::new() };
        let chart = outage_chart(&bad_days(&[outage], Wall(98 * DAY_MS), now)).unwrap();
        let value = serde_json::to_value(&chart).unwrap();
        assert_eq!(value["bad"].as_str().unwrap().matches("v-.1").count(), 2);
        assert_eq!(value["good"].as_str().unwrap().matches('M').count(), 1);
        assert_eq!(value["blank"].as_str().unwrap().matches('M').count(), 27);
    }
}
