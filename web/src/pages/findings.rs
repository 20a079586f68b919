//! The findings of all logs, and the ledger of what left the hub for a model.

use super::Link;
use crate::analyses::{FindingView, Known, LEVELS, LedgerView, category, ledger_of};
use crate::error::ApiError;
use crate::query::Params;
use crate::render;
use crate::state::WebState;
use crate::viewer::Viewer;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use domain::finding::{Category, Level};
use serde::Serialize;
use store::findings::{self, FindingFilter, Found};

/// Rows of a page.
const ROWS: u32 = 50;
/// How far back the sentence counts: 7 days.
const RECENT_MS: i64 = 7 * 86_400_000;

#[derive(Serialize)]
struct Page {
    sentence: String,
    filter: Filter,
    filtered: bool,
    levels: Vec<Choice>,
    categories: Vec<Choice>,
    findings: Vec<Row>,
    pages: bool,
    previous: Option<String>,
    next: Option<String>,
}

#[derive(Serialize)]
struct Filter {
    severity: &'static str,
    category: String,
    host: String,
}

#[derive(Serialize)]
struct Choice {
    value: &'static str,
    name: String,
}

/// A finding as its row shows it.
#[derive(Serialize)]
pub(super) struct Row {
    #[serde(flatten)]
    view: FindingView,
    host_name: String,
    about: String,
    by: String,
    known: Vec<Address>,
}

/// An address by its pseudonym.
#[derive(Serialize)]
struct Address {
    name: String,
    address: String,
}

impl Row {
    pub(super) fn of(found: &Found, known: &Known) -> Row {
        let mut view = FindingView::of(found, known);
        let known = std::mem::take(&mut view.body.addresses);
        Row {
            host_name: found.host_name.clone(),
            about: view.body.category.replace('_', " "),
            by: view.body.rule.as_ref().map_or_else(|| "a model".to_owned(), |rule| format!("rule {rule}")),
            known: known.into_iter().map(|(name, address)| Address { name, address }).collect(),
            view,
        }
    }
}

/// The findings.
///
/// # Errors
/// Wrong parameters, or the store.
#[utoipa::path(get, path = "/findings", tag = "pages", operation_id = "findings_page",
    params(
        ("severity" = Option<String>, Query, description = "Only `info`, `low`, `medium`, `high` or `critical`"),
        ("category" = Option<String>, Query, description = "Only of this category"),
        ("host" = Option<String>, Query, description = "Only of the host with this public id"),
        ("cursor" = Option<i64>, Query, minimum = 0, description = "Where the page begins"),
    ),
    responses((status = 200, content_type = "text/html", body = String, description = "The page")))]
pub(crate) async fn show(state: web::Data<WebState>, req: HttpRequest, viewer: Viewer) -> Result<HttpResponse, ApiError> {
    let mut params = Params::of(req.query_string());
    let severity = params.one_of("severity", LEVELS, Level::parse);
    let (category, host, cursor) = (category(&mut params), params.text("host"), params.cursor());
    params.done()?;
    // Rows count from 1: nothing belongs to 0.
    let row = host.as_deref().map(|host_id| state.hub.roster().find(host_id).map_or(0, |entry| entry.row));
    let filter = FindingFilter { host: row, severity, category: category.clone(), before: cursor, limit: ROWS };
    let since = state.hub.now().wall.plus_ms(-RECENT_MS);
    let read = move |conn: &store::Connection| Ok((findings::list(conn, &filter)?, findings::counts(conn, since)?));
    let ((found, next), counts) = state.hub.db().read(read).await?;
    let known = Known::of(&state, found.iter().map(|found| found.host)).await?;
    let link = |cursor: Option<i64>| {
        Link::to("/findings")
            .with("severity", severity.map(Level::as_str))
            .with("category", category.as_deref())
            .with("host", host.as_deref())
            .with("cursor", cursor.map(|at| at.to_string()).as_deref())
            .text()
    };
    let page = Page {
        sentence: sentence(&counts),
        filtered: severity.is_some() || category.is_some() || host.is_some(),
        levels: Level::ALL.into_iter().rev().map(|level| choice(level.as_str())).collect(),
        categories: Category::ALL.into_iter().map(|category| choice(category.as_str())).collect(),
        findings: found.iter().map(|found| Row::of(found, &known)).collect(),
        pages: next.is_some() || cursor.is_some(),
        previous: cursor.map(|_| link(None)),
        next: next.map(|at| link(Some(at))),
        filter: Filter {
            severity: severity.map_or("", Level::as_str),
            category: category.clone().unwrap_or_default(),
            host: host.clone().unwrap_or_default(),
        },
    };
    Ok(render::page(&state, &req, StatusCode::OK, "findings", "Findings", "findings", Some(&viewer), &page))
}

fn choice(value: &'static str) -> Choice {
    let mut name = value.replace('_', " ");
    name[..1].make_ascii_uppercase();
    Choice { value, name }
}

fn sentence(counts: &[(Level, i64)]) -> String {
    if counts.is_empty() {
        return "Nothing was found in the last seven days.".to_owned();
    }
    let parts: Vec<String> = counts.iter().map(|(level, n)| format!("{n} {}", level.as_str())).collect();
    format!("In the last seven days: {}.", parts.join(", "))
}

#[derive(Serialize)]
struct LedgerPage {
    ledger: LedgerView,
    cost: Option<String>,
    host: String,
    calls: Vec<CallRow>,
    pages: bool,
    previous: Option<String>,
    next: Option<String>,
}

#[derive(Serialize)]
struct CallRow {
    id: i64,
    at: String,
    host_id: Option<String>,
    model: String,
    lines: i64,
    bytes: i64,
    tokens: String,
    cost: Option<String>,
    taken_out: u64,
    outcome: String,
    bad: bool,
}

/// What left the hub for a model.
///
/// # Errors
/// Wrong parameters, or the store.
#[utoipa::path(get, path = "/ledger", tag = "pages", operation_id = "ledger_page",
    params(
        ("host" = Option<String>, Query, description = "Only of the host with this public id"),
        ("cursor" = Option<i64>, Query, minimum = 0, description = "Where the page begins"),
    ),
    responses((status = 200, content_type = "text/html", body = String, description = "The page")))]
pub(crate) async fn ledger(state: web::Data<WebState>, req: HttpRequest, viewer: Viewer) -> Result<HttpResponse, ApiError> {
    let mut params = Params::of(req.query_string());
    let (host, cursor) = (params.text("host"), params.cursor());
    params.done()?;
    let mut ledger = ledger_of(&state, host.as_deref(), cursor, ROWS).await?;
    let link = |cursor: Option<i64>| {
        let cursor = cursor.map(|at| at.to_string());
        Link::to("/ledger").with("host", host.as_deref()).with("cursor", cursor.as_deref()).text()
    };
    let next = ledger.next_cursor.map(|at| link(Some(at)));
    let calls = std::mem::take(&mut ledger.calls).into_iter().map(|call| CallRow {
        id: call.id,
        at: call.at,
        host_id: call.host_id,
        model: call.model,
        lines: call.lines_sent,
        bytes: call.bytes_sent,
        tokens: format!("{}{} + {}", if call.counted { "" } else { "about " }, call.tokens_in, call.tokens_out),
        cost: call.cost_usd.map(cost),
        taken_out: call.redactions.values().sum(),
        bad: call.state == "failed",
        outcome: call.outcome.unwrap_or(call.state),
    });
    let page = LedgerPage {
        calls: calls.collect(),
        cost: (ledger.today.cost_usd > 0.0).then(|| cost(ledger.today.cost_usd)),
        host: host.clone().unwrap_or_default(),
        pages: next.is_some() || cursor.is_some(),
        previous: cursor.map(|_| link(None)),
        next,
        ledger,
    };
    Ok(render::page(&state, &req, StatusCode::OK, "ledger", "What left the hub", "findings", Some(&viewer), &page))
}

fn cost(dollars: f64) -> String {
    format!("US$ {dollars:.4}")
}
