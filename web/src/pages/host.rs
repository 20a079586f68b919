//! The page of one host: why it is what it is, when it would alert, how to call it, and its past.

use super::chart::{Chart, Kind};
use super::dashboard::{slot, status_of};
use super::host_intake::{self, Intake};
use super::host_log::{Log, log};
use super::host_past::{Gap, Happened, Heard, Past, Up, bad_days, gap, happened, heard, outage_chart, past, run_chart, ups};
use super::{Link, heartbeat_url, windows};
use crate::error::ApiError;
use crate::hosts::{id_in, next_expected_by};
use crate::query::Params;
use crate::render;
use crate::state::WebState;
use crate::story::{self, Story};
use crate::viewer::{Role, Viewer};
use crate::{source, time_text};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use domain::duration::short;
use domain::host::{HostSpec, Status};
use domain::recipe;
use domain::schedule::{BusinessHours, Schedule};
use serde::Serialize;
use store::hosts::HostRecord;

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
    log: Option<Log>,
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
    intake: Option<Intake>,
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
    let late = record.status == Status::Up && next_expected_by(&state.hub, &record).is_some_and(|at| at < now);
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
        log: log(state, &record).await?,
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
        intake: host_intake::of(state, record.row).await?,
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
        Schedule::Cron(cron) => format!("At each {} in {}", cron.crontab().as_str(), cron.timezone()),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_is_not_said_twice() {
        assert_eq!(without_status("up: last seen 10:00"), "Last seen 10:00");
        assert_eq!(without_status("down since 10:00: silent"), "Down since 10:00: silent");
    }
}
