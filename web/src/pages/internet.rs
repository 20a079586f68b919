//! The Internet page: what the uplink is and why, and when it was down.

use super::Link;
use crate::error::ApiError;
use crate::internet::{InternetView, SpeedView, seen};
use crate::query::Params;
use crate::render;
use crate::state::WebState;
use crate::viewer::Viewer;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use domain::duration::words;
use serde::Serialize;

/// Outages on a page.
const ROWS: u32 = 50;

#[derive(Serialize)]
struct Page {
    state: &'static str,
    sentence: String,
    monitored: bool,
    in_doubt: bool,
    checked_at: Option<String>,
    since: Option<String>,
    reason: Option<String>,
    evidence: Vec<String>,
    outages: Vec<Row>,
    speeds: Vec<Test>,
    pages: bool,
    previous: Option<String>,
    next: Option<String>,
}

#[derive(Serialize)]
struct Row {
    id: i64,
    verdict: String,
    began_at: String,
    ended_at: Option<String>,
    length: String,
    unjudged: Option<i64>,
    alert: Option<i64>,
    evidence: String,
}

#[derive(Serialize)]
struct Test {
    at: String,
    method: String,
    down: Option<String>,
    up: Option<String>,
    error: Option<String>,
}

/// `12.3 Mbit/s`.
fn mbit(kbit: i64) -> String {
    format!("{}.{} Mbit/s", kbit / 1_000, kbit % 1_000 / 100)
}

fn test(view: SpeedView) -> Test {
    let SpeedView { at, method, down_kbit_s, up_kbit_s, error } = view;
    Test { at, method, down: down_kbit_s.map(mbit), up: up_kbit_s.map(mbit), error }
}

/// The uplink.
///
/// # Errors
/// Wrong parameters, or the store.
#[utoipa::path(get, path = "/internet", tag = "pages", operation_id = "internet_page",
    params(("cursor" = Option<i64>, Query, minimum = 0, description = "Where the list of outages begins")),
    responses((status = 200, content_type = "text/html", body = String, description = "The page")))]
pub(crate) async fn show(state: web::Data<WebState>, req: HttpRequest, viewer: Viewer) -> Result<HttpResponse, ApiError> {
    let mut params = Params::of(req.query_string());
    let cursor = params.cursor();
    params.done()?;
    let page = page(seen(&state, cursor, ROWS).await?, cursor.is_some());
    Ok(render::page(&state, &req, StatusCode::OK, "internet", "Internet", "internet", Some(&viewer), &page))
}

fn page(view: InternetView, later: bool) -> Page {
    let link = |cursor: Option<i64>| {
        let cursor = cursor.map(|at| at.to_string());
        Link::to("/internet").with("cursor", cursor.as_deref()).text()
    };
    let (word, sentence) = told(&view);
    let next = view.next_cursor.map(|at| link(Some(at)));
    let mut evidence = view.evidence;
    let reason = (!evidence.is_empty()).then(|| evidence.remove(0));
    let row = |outage: crate::internet::OutageView| Row {
        id: outage.id,
        length: words(u64::try_from(outage.seconds).unwrap_or(0)),
        evidence: outage.evidence.join("; "),
        verdict: outage.verdict,
        began_at: outage.began_at,
        ended_at: outage.ended_at,
        unjudged: outage.unjudged_hosts,
        alert: outage.alert_id,
    };
    Page {
        state: word,
        sentence,
        monitored: view.monitored,
        in_doubt: view.in_doubt,
        checked_at: view.checked_at,
        since: view.since,
        reason,
        evidence,
        outages: view.outages.into_iter().map(row).collect(),
        speeds: view.speed_tests.into_iter().map(test).collect(),
        pages: next.is_some() || later,
        previous: later.then(|| link(None)),
        next,
    }
}

/// The state as a word of the pages, and the verdict as a sentence.
fn told(view: &InternetView) -> (&'static str, String) {
    match (view.monitored, view.verdict.as_deref()) {
        (false, _) => ("unknown", "The uplink is not watched: INTERNET_MONITOR is false.".to_owned()),
        (true, None) => ("unknown", "The first round is under way.".to_owned()),
        (true, Some(verdict)) if view.in_doubt => {
            ("late", format!("In doubt: the last round says {verdict}, the next will tell."))
        }
        (true, Some("online")) => ("up", "Online.".to_owned()),
        (true, Some(verdict)) => ("down", format!("Down: {verdict}.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(monitored: bool, verdict: Option<&str>, in_doubt: bool) -> InternetView {
        InternetView {
            monitored,
            verdict: verdict.map(str::to_owned),
            in_doubt,
            evidence: vec!["why".into(), "who".into()],
            checked_at: None,
            since: None,
            next_check_at: None,
            outages: Vec::new(),
            speed_tests: Vec::new(),
            next_cursor: None,
        }
    }

    #[test]
    fn each_state_has_its_word_and_its_sentence() {
        for (monitored, verdict, in_doubt, word) in [
            (false, None, false, "unknown"),
            (true, None, false, "unknown"),
            (true, Some("online"), false, "up"),
            (true, Some("isp"), true, "late"),
            (true, Some("captive portal"), false, "down"),
        ] {
            assert_eq!(told(&view(monitored, verdict, in_doubt)).0, word);
        }
        let page = page(view(true, Some("isp"), false), true);
        assert_eq!((page.reason.as_deref(), page.evidence.len(), page.pages), (Some("why"), 1, true));
    }
}
