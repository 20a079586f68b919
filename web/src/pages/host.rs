//! The page of one host: why it is what it is, when it would alert, how to call it, and its past.

use super::chart::{self, Bar, Chart, Kind};
use super::dashboard::{percent, slot, status_of};
use super::{Link, heartbeat_url, windows};
use crate::error::ApiError;
use crate::hosts::id_in;
use crate::query::Params;
use crate::render;
use crate::state::WebState;
use crate::story::{self, Run, Story};
use crate::viewer::{Role, Viewer};
use crate::{source, time_text};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use domain::duration::{short, words_ms};
use domain::host::{HostSpec, Status};
use domain::recipe;
use domain::schedule::{BusinessHours, Schedule};
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

#[derive(Serialize)]
struct Page {
    host_id: String,
    name: String,
    description: String,
    tags: Vec<Tag>,
    status: &'static str,
    paused: bool,
    why: String,
    since: String,
    last_seen: Option<String>,
    next_alert: Option<String>,
    silenced_until: Option<String>,
    alert: Option<i64>,
    recipes: Option<Recipes>,
    masked_url: String,
    facts: Vec<Fact>,
    strip: Vec<&'static str>,
    uptime: Vec<Up>,
    outage_chart: Option<Chart>,
    bad_days: usize,
    outages: Vec<Gap>,
    run_chart: Option<Chart>,
    runs: usize,
    beats: Vec<Heard>,
    older_beats: Option<String>,
    events: Vec<Happened>,
    older_events: Option<String>,
    past: bool,
}

#[derive(Serialize)]
struct Tag {
    name: String,
    href: String,
}

/// Lines to copy.
#[derive(Serialize)]
struct Recipes {
    url: String,
    curl: String,
    crontab: Option<String>,
    job: String,
    new: bool,
}

#[derive(Serialize)]
struct Fact {
    name: &'static str,
    value: String,
}

/// The uptime of one window.
#[derive(Serialize)]
struct Up {
    name: &'static str,
    percent: Option<String>,
    down: String,
}

#[derive(Serialize)]
struct Gap {
    alert: i64,
    from: String,
    to: Option<String>,
    length: String,
    message: String,
}

#[derive(Serialize)]
struct Heard {
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
struct Happened {
    at: String,
    kind: String,
    detail: String,
}

/// The page of a host.
///
/// # Errors
/// An unknown host, wrong parameters, or the store.
#[utoipa::path(get, path = "/hosts/{host_id}", tag = "pages", operation_id = "host_page",
    params(
        ("host_id" = String, Path, description = "Public id of the host"),
        ("beats" = Option<i64>, Query, minimum = 0, description = "Where the list of heartbeats begins"),
        ("events" = Option<i64>, Query, minimum = 0, description = "Where the list of events begins"),
    ),
    responses((status = 200, content_type = "text/html", body = String, description = "The page")))]
pub(crate) async fn show(state: web::Data<WebState>, req: HttpRequest, viewer: Viewer) -> Result<HttpResponse, ApiError> {
    let host_id = id_in(&req)?;
    let mut params = Params::of(req.query_string());
    let cursor = |params: &mut Params, name| params.one_of(name, "must be a number of a row", |text| text.parse().ok());
    let (beat, event): (Option<i64>, Option<i64>) = (cursor(&mut params, "beats"), cursor(&mut params, "events"));
    params.done()?;
    let record = state.hub.host(host_id).await?;
    let past = past(&state, &record, beat, event).await?;
    let story = story::of(&state, host_id).await?;
    let url = match viewer.role {
        Role::Admin => Some(heartbeat_url(&source::base_url(&req, &state), host_id, &state.hub.token_of(host_id).await?)),
        Role::Viewer => None,
    };
    let page = page(&state, record, story, past, url, beat.is_some() || event.is_some()).await?;
    Ok(render::page(&state, &req, StatusCode::OK, "host", &page.name, "dashboard", Some(&viewer), &page))
}

/// What a page of the past consists of.
struct Past {
    beats: BeatPage,
    events: EventPage,
    alert: Option<i64>,
}

async fn past(state: &WebState, record: &HostRecord, beat: Option<i64>, event: Option<i64>) -> Result<Past, ApiError> {
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

async fn page(
    state: &WebState,
    record: HostRecord,
    story: Story,
    past: Past,
    url: Option<String>,
    is_past: bool,
) -> Result<Page, ApiError> {
    let host_id = record.spec.host_id.as_str().to_owned();
    let explained = state.hub.explain(&host_id).await?;
    let now = state.hub.now().wall;
    let late = super::is_late(state, &record);
    let path = format!("/hosts/{host_id}");
    let older = |name, at: Option<i64>| at.map(|at| Link::to(&path).with(name, Some(&at.to_string())).text());
    let never = record.last_seen.is_none();
    let tag = |name: &String| Tag { href: Link::to("/dashboard").with("tag", Some(name)).text(), name: name.clone() };
    let days = bad_days(&story.outages, record.created_at, now);
    Ok(Page {
        name: record.spec.name.clone(),
        description: record.spec.description.clone(),
        tags: record.spec.tags.iter().map(tag).collect(),
        status: status_of(explained.status, record.paused, late),
        paused: record.paused,
        why: without_status(&explained.text),
        since: time_text::text(record.status_since),
        last_seen: record.last_seen.map(|(wall, _)| time_text::text(wall)),
        next_alert: explained.deadline.map(time_text::text),
        silenced_until: record.silenced_until.filter(|until| *until > now).map(time_text::text),
        alert: past.alert,
        recipes: url.map(|url| recipes(url, record.spec.frequency_s, never)),
        masked_url: format!("/api/v1/heartbeat/{host_id}?token=••••"),
        facts: facts(&record.spec, &state.business),
        strip: story.strip.iter().map(slot).collect(),
        uptime: ups(&story),
        bad_days: days.iter().filter(|bar| bar.kind == Kind::Bad).count(),
        outage_chart: outage_chart(&days),
        outages: story.outages.iter().map(|outage| gap(outage, now)).collect(),
        run_chart: run_chart(&story.runs),
        runs: story.runs.len(),
        beats: past.beats.beats.iter().map(heard).collect(),
        older_beats: older("beats", past.beats.next),
        events: past.events.events.into_iter().map(happened).collect(),
        older_events: older("events", past.events.next),
        past: is_past,
        host_id,
    })
}

/// `up: last seen …` without the word that stands before it in large letters.
fn without_status(text: &str) -> String {
    let rest = text.split_once(": ").filter(|(status, _)| matches!(*status, "up" | "unknown" | "paused")).map(|(_, rest)| rest);
    let text = rest.unwrap_or(text);
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn recipes(url: String, frequency_s: u32, new: bool) -> Recipes {
    Recipes { curl: recipe::curl(&url), crontab: recipe::crontab(&url, frequency_s), job: recipe::job(&url), url, new }
}

/// What its owner described, in words.
fn facts(spec: &HostSpec, business: &BusinessHours) -> Vec<Fact> {
    let schedule = match &*spec.schedule {
        Schedule::Always => "Always".to_owned(),
        Schedule::BusinessHours(_) => match spec.schedule.config() {
            None => format!("Business hours: {}", super::host_form::hours_text(business)),
            Some(own) => format!("Business hours of its own: {own}"),
        },
        Schedule::Custom(_) => {
            let config = spec.schedule.config().unwrap_or_default();
            format!("{}; {}", windows::text(&config["windows"]).replace('\n', "; "), spec.schedule.timezone())
        }
    };
    vec![
        Fact { name: "Expected every", value: short(spec.frequency_s.into()) },
        Fact { name: "Grace", value: short(spec.grace_s.into()) },
        Fact { name: "Schedule", value: schedule },
        Fact { name: "An alert is", value: spec.severity.as_str().to_owned() },
        Fact { name: "Id in URLs", value: spec.host_id.as_str().to_owned() },
    ]
}

fn ups(story: &Story) -> Vec<Up> {
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
fn bad_days(outages: &[Outage], known_since: Wall, now: Wall) -> Vec<Bar> {
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

fn outage_chart(days: &[Bar]) -> Option<Chart> {
    let bad = days.iter().filter(|bar| bar.kind == Kind::Bad).count();
    chart::of_lengths(days, format!("Down time of each of the last {DAYS} days: {bad} with an outage"))
}

fn run_chart(runs: &[Run]) -> Option<Chart> {
    let bar = |run: &Run| Bar { value: run.duration_ms, kind: if run.success { Kind::Good } else { Kind::Bad } };
    let bars: Vec<Bar> = runs.iter().map(bar).collect();
    let failed = bars.iter().filter(|bar| bar.kind == Kind::Bad).count();
    let newest = runs.last().map_or(0, |run| run.duration_ms);
    let label =
        format!("Duration of the last {} runs, {failed} of them failed; the newest took {}", runs.len(), chart::length(newest));
    chart::of_lengths(&bars, label)
}

fn gap(outage: &Outage, now: Wall) -> Gap {
    Gap {
        alert: outage.alert,
        from: time_text::text(outage.from),
        to: outage.to.map(time_text::text),
        length: words_ms(outage.to.unwrap_or(now).0 - outage.from.0),
        message: outage.message.clone(),
    }
}

fn heard(beat: &Beat) -> Heard {
    let (signal, bad) = match beat.signal {
        Signal::Success => ("heard".to_owned(), false),
        Signal::Start => ("run started".to_owned(), false),
        Signal::Log => ("log".to_owned(), false),
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

fn happened(event: Event) -> Happened {
    Happened { at: time_text::text(event.at), kind: event.kind, detail: event.detail }
}

/// Whether a host that is up has let its expected time pass.
pub(super) fn is_late(status: Status, next_expected: Option<Wall>, now: Wall) -> bool {
    status == Status::Up && next_expected.is_some_and(|at| at < now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_is_not_said_twice() {
        assert_eq!(without_status("up: last seen 10:00"), "Last seen 10:00");
        assert_eq!(without_status("down since 10:00: silent"), "Down since 10:00: silent");
    }

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
