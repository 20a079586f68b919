//! The uplink as the API tells it: the verdict with its evidence, and every outage, also as a table for the provider.

use crate::error::ApiError;
use crate::query::Params;
use crate::state::WebState;
use crate::time_text;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use domain::duration::words_ms;
use domain::time::Wall;
use serde::Serialize;
use std::fmt::Write;
use store::outages::{self, OUTAGES_KEPT, Outage};
use store::speed::{self, SpeedTest};
use utoipa::ToSchema;

/// Speed tests that are shown.
const SPEED_TESTS: u32 = 20;
/// Outages read at a time for the table.
const PAGE: u32 = 1_000;

/// The uplink and its outages.
#[derive(Serialize, ToSchema)]
pub struct InternetView {
    /// Whether the uplink is watched.
    pub monitored: bool,
    /// `online`, `dns`, `gateway`, `isp`, `captive portal` or `offline`; none before the first round.
    #[schema(required, example = "online")]
    pub verdict: Option<String>,
    /// Whether the last round only raised a doubt that the next must confirm.
    pub in_doubt: bool,
    /// What the last round heard, the reason for the verdict first.
    #[schema(example = json!(["the internet answers", "gateway 192.168.1.1: answers (ping, 1 ms)"]))]
    pub evidence: Vec<String>,
    /// When the last round began.
    #[schema(required, format = DateTime)]
    pub checked_at: Option<String>,
    /// Since when it is up or down, as far as this run of the hub knows.
    #[schema(required, format = DateTime)]
    pub since: Option<String>,
    /// When the next round is due.
    #[schema(required, format = DateTime)]
    pub next_check_at: Option<String>,
    /// Speed tests, the newest first; none unless they are switched on.
    pub speed_tests: Vec<SpeedView>,
    /// Outages, the newest first.
    pub outages: Vec<OutageView>,
    /// `cursor` of the next page, if there is one.
    #[schema(required)]
    pub next_cursor: Option<i64>,
}

/// A speed test.
#[derive(Serialize, ToSchema)]
pub struct SpeedView {
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
    /// `http`, `librespeed` or `iperf3`.
    #[schema(example = "http")]
    pub method: String,
    /// Towards the hub.
    #[schema(required)]
    pub down_kbit_s: Option<i64>,
    /// Away from the hub.
    #[schema(required)]
    pub up_kbit_s: Option<i64>,
    /// Why there is no figure.
    #[schema(required)]
    pub error: Option<String>,
}

impl SpeedView {
    fn of(test: SpeedTest) -> SpeedView {
        let SpeedTest { at, method, down_kbit_s, up_kbit_s, error } = test;
        SpeedView { at: time_text::text(at), method, down_kbit_s, up_kbit_s, error }
    }
}

/// A time in which the uplink was down.
#[derive(Serialize, ToSchema)]
pub struct OutageView {
    /// Its number.
    pub id: i64,
    /// What was down, as last seen.
    #[schema(example = "isp")]
    pub verdict: String,
    /// What it was told from.
    pub evidence: Vec<String>,
    /// When the first round that saw it began; the outage may be as much older as rounds are apart.
    #[schema(format = DateTime)]
    pub began_at: String,
    /// When it was over; none while it lasts.
    #[schema(required, format = DateTime)]
    pub ended_at: Option<String>,
    /// How long it lasted, in whole seconds; so far, while it lasts.
    pub seconds: i64,
    /// Hosts that were due meanwhile and could not be judged; none while it lasts.
    #[schema(required)]
    pub unjudged_hosts: Option<i64>,
    /// The incident people are told about.
    #[schema(required)]
    pub alert_id: Option<i64>,
}

impl OutageView {
    fn of(outage: Outage, now: Wall) -> OutageView {
        OutageView {
            id: outage.id,
            verdict: outage.verdict.as_str().to_owned(),
            began_at: time_text::text(outage.began.wall),
            ended_at: outage.ended.map(|ended| time_text::text(ended.wall)),
            seconds: lasted_ms(&outage, now) / 1_000,
            unjudged_hosts: outage.unjudged,
            alert_id: outage.alert,
            evidence: outage.evidence,
        }
    }
}

/// Elapsed time while both ends are known: a step of the wall clock makes no outage longer.
pub(crate) fn lasted_ms(outage: &Outage, now: Wall) -> i64 {
    let ms = match outage.ended {
        Some(ended) => ended.steady.since_ms(outage.began.steady),
        None => now.0.saturating_sub(outage.began.wall.0),
    };
    ms.max(0)
}

/// The verdict on the uplink, its evidence, and outages.
///
/// # Errors
/// Wrong parameters, or the store.
#[utoipa::path(get, path = "/api/v1/internet", tag = "internet", operation_id = "internet",
    params(
        ("cursor" = Option<i64>, Query, minimum = 0, description = "`next_cursor` of the page before"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "Outages on the page, 50 if not said"),
    ),
    responses((status = 200, body = InternetView)))]
pub(crate) async fn show(state: web::Data<WebState>, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    let mut params = Params::of(req.query_string());
    let (cursor, limit) = (params.cursor(), params.limit());
    params.done()?;
    Ok(HttpResponse::Ok().json(seen(&state, cursor, limit).await?))
}

/// What is known of the uplink, with one page of outages.
///
/// # Errors
/// The store's.
pub(crate) async fn seen(state: &WebState, cursor: Option<i64>, limit: u32) -> Result<InternetView, ApiError> {
    let read = move |conn: &store::Connection| Ok((outages::list(conn, cursor, limit)?, speed::newest(conn, SPEED_TESTS)?));
    let (page, tests) = state.hub.db().read(read).await?;
    let (last, now) = (state.hub.uplink(), state.hub.now());
    Ok(InternetView {
        monitored: state.hub.internet().is_some(),
        verdict: last.as_ref().map(|seen| seen.judged.verdict.as_str().to_owned()),
        in_doubt: last.as_ref().is_some_and(|seen| !seen.confirmed),
        checked_at: last.as_ref().map(|seen| time_text::text(seen.at.wall)),
        since: last.as_ref().map(|seen| time_text::text(seen.since.wall)),
        next_check_at: last.as_ref().map(|seen| time_text::text(now.wall_at(seen.next))),
        evidence: last.map(|seen| seen.judged.evidence).unwrap_or_default(),
        speed_tests: tests.into_iter().map(SpeedView::of).collect(),
        outages: page.outages.into_iter().map(|outage| OutageView::of(outage, now.wall)).collect(),
        next_cursor: page.next,
    })
}

/// Every outage as a table: for the provider.
///
/// # Errors
/// Parameters, which there are none, or the store.
#[utoipa::path(get, path = "/api/v1/internet/outages.csv", tag = "internet", operation_id = "internet_outages_csv",
    responses((status = 200, content_type = "text/csv", body = String, description = "One outage a line, the newest first")))]
pub(crate) async fn csv(state: web::Data<WebState>, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    Params::of(req.query_string()).done()?;
    let (all, now) = (every_outage(&state).await?, state.hub.now().wall);
    let mut text = "id,began_at,ended_at,seconds,duration,verdict,unjudged_hosts,evidence\r\n".to_owned();
    all.iter().for_each(|outage| line(&mut text, outage, now));
    let mut response = HttpResponse::Ok().body(text);
    let map = response.headers_mut();
    map.insert(CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present"));
    map.insert(CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"pulsewarden-outages.csv\""));
    Ok(response)
}

/// All that are kept: a bounded number, page by page.
async fn every_outage(state: &WebState) -> Result<Vec<Outage>, ApiError> {
    let (mut all, mut cursor) = (Vec::new(), None);
    while (all.len() as i64) < OUTAGES_KEPT + i64::from(PAGE) {
        let page = state.hub.db().read(move |conn| outages::list(conn, cursor, PAGE)).await?;
        all.extend(page.outages);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    Ok(all)
}

fn line(text: &mut String, outage: &Outage, now: Wall) {
    let ms = lasted_ms(outage, now);
    let ended = outage.ended.map(|ended| time_text::text(ended.wall)).unwrap_or_default();
    let unjudged = outage.unjudged.map(|n| n.to_string()).unwrap_or_default();
    let (began, verdict, evidence) = (time_text::text(outage.began.wall), outage.verdict, quoted(&outage.evidence.join("; ")));
    // Writing to a text cannot fail.
    let _ = write!(text, "{},{began},{ended},{},{},{verdict},{unjudged},{evidence}\r\n", outage.id, ms / 1_000, words_ms(ms));
}

/// RFC 4180, and harmless in a spreadsheet: what a captive portal sent may begin like a formula.
fn quoted(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::time::{Now, Steady};
    use domain::uplink::Verdict;

    fn outage(evidence: &str) -> Outage {
        let at = |ms: i64| Now { wall: Wall(1_795_420_800_000 + ms), steady: Steady(ms) };
        Outage {
            id: 7,
            verdict: Verdict::CaptivePortal,
            evidence: vec![evidence.to_owned()],
            began: at(0),
            good: None,
            ended: Some(at(840_500)),
            unjudged: Some(9),
            alert: None,
        }
    }

    #[test]
    fn a_line_of_the_table_is_quoted_and_no_formula() {
        let mut text = String::new();
        line(&mut text, &outage("=cmd|' /C calc'!A0, \"login\""), Wall(0));
        let expected = "7,2026-11-23T08:00:00.000Z,2026-11-23T08:14:00.500Z,840,14 minutes,captive portal,9,\"'=cmd|' /C calc'!A0, \
                        \"\"login\"\"\"\r\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn an_outage_that_lasts_is_as_long_as_it_has_lasted() {
        let mut lasting = outage("x");
        lasting.ended = None;
        assert_eq!(lasted_ms(&lasting, lasting.began.wall.plus_ms(5_000)), 5_000);
        assert_eq!(lasted_ms(&lasting, lasting.began.wall.plus_ms(-5_000)), 0, "the wall clock was set back");
    }
}
