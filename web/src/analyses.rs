//! What was found in logs: analyses, findings, what left the hub for a model, and a look on demand.

mod view;

pub use view::{
    AnalysisDetail, AnalysisList, AnalysisView, BegunView, CallView, EvidenceLine, FindingList, FindingView, LedgerView, Spent,
};
pub(crate) use view::{FindingBody, Known};

use crate::error::ApiError;
use crate::hosts::id_in;
use crate::keys::number;
use crate::query::Params;
use crate::state::WebState;
use actix_web::{HttpRequest, HttpResponse, web};
use actors::logs::Begun;
use domain::finding::{Category, Level};
use store::analyses::{self, AnalysisFilter};
use store::findings::{self, FindingFilter};
use store::ledger;

/// What a level must be.
pub(crate) const LEVELS: &str = "must be info, low, medium, high or critical";

/// Looks at a host's log now; the look's end is seen in the list of analyses.
///
/// # Errors
/// An unknown host, one whose log is not described, or the store.
#[utoipa::path(post, path = "/api/v1/hosts/{host_id}/analyze", tag = "logs", operation_id = "analyze_host",
    params(("host_id" = String, Path, description = "Public id of the host")), responses((status = 202, body = BegunView)))]
pub(crate) async fn analyze(state: web::Data<WebState>, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    let host_id = id_in(&req)?;
    let begun = state.hub.analyze(host_id).await?;
    Ok(HttpResponse::Accepted().json(BegunView { host_id: host_id.to_owned(), already_running: begun == Begun::Already }))
}

/// Lists analyses, the newest first; their findings are in each by itself.
///
/// # Errors
/// Wrong parameters, or the store.
#[utoipa::path(get, path = "/api/v1/analyses", tag = "logs", operation_id = "list_analyses",
    params(
        ("host" = Option<String>, Query, description = "Only of the host with this public id"),
        ("severity" = Option<String>, Query, description = "Only with this worst level: `info`, `low`, `medium`, `high` or `critical`"),
        ("cursor" = Option<i64>, Query, minimum = 0, description = "`next_cursor` of the page before"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "Analyses on the page, 50 if not said"),
    ),
    responses((status = 200, body = AnalysisList)))]
pub(crate) async fn list(state: web::Data<WebState>, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    let mut params = Params::of(req.query_string());
    let host = params.text("host");
    let mut filter = AnalysisFilter {
        host: None,
        severity: params.one_of("severity", LEVELS, Level::parse),
        before: params.cursor(),
        limit: params.limit(),
    };
    params.done()?;
    if let Some(host_id) = host {
        let Some(entry) = state.hub.roster().find(&host_id) else {
            return Ok(HttpResponse::Ok().json(AnalysisList { analyses: Vec::new(), next_cursor: None }));
        };
        filter.host = Some(entry.row);
    }
    let (rows, next) = state.hub.db().read(move |conn| analyses::list(conn, &filter)).await?;
    let analyses = rows.iter().map(AnalysisView::of).collect();
    Ok(HttpResponse::Ok().json(AnalysisList { analyses, next_cursor: next }))
}

/// One analysis with what it found.
///
/// # Errors
/// An unknown analysis, or the store.
#[utoipa::path(get, path = "/api/v1/analyses/{id}", tag = "logs", operation_id = "get_analysis",
    params(("id" = i64, Path, description = "Number of the analysis")), responses((status = 200, body = AnalysisDetail)))]
pub(crate) async fn get(state: web::Data<WebState>, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    Params::of(req.query_string()).done()?;
    let id = number(&req, "analysis")?;
    let read = state.hub.db().read(move |conn| analyses::get(conn, id)).await?;
    let analysis = read.ok_or_else(|| ApiError::not_found("analysis"))?;
    let known = Known::of(&state, [analysis.host]).await?;
    let findings = analysis.findings.iter().map(|finding| FindingBody::of(finding, analysis.host, &known)).collect();
    Ok(HttpResponse::Ok().json(AnalysisDetail { analysis: AnalysisView::of(&analysis), findings }))
}

/// Lists findings, each once however often it was found again, the newest first.
///
/// # Errors
/// Wrong parameters, or the store.
#[utoipa::path(get, path = "/api/v1/findings", tag = "logs", operation_id = "list_findings",
    params(
        ("host" = Option<String>, Query, description = "Only of the host with this public id"),
        ("severity" = Option<String>, Query, description = "Only of this level: `info`, `low`, `medium`, `high` or `critical`"),
        ("category" = Option<String>, Query, description = "Only of this category, such as `authentication`"),
        ("cursor" = Option<i64>, Query, minimum = 0, description = "`next_cursor` of the page before"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "Findings on the page, 50 if not said"),
    ),
    responses((status = 200, body = FindingList)))]
pub(crate) async fn findings(state: web::Data<WebState>, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    let mut params = Params::of(req.query_string());
    let host = params.text("host");
    let mut filter = FindingFilter {
        host: None,
        severity: params.one_of("severity", LEVELS, Level::parse),
        category: category(&mut params),
        before: params.cursor(),
        limit: params.limit(),
    };
    params.done()?;
    if let Some(host_id) = host {
        let Some(entry) = state.hub.roster().find(&host_id) else {
            return Ok(HttpResponse::Ok().json(FindingList { findings: Vec::new(), next_cursor: None }));
        };
        filter.host = Some(entry.row);
    }
    let (rows, next) = state.hub.db().read(move |conn| findings::list(conn, &filter)).await?;
    let known = Known::of(&state, rows.iter().map(|found| found.host)).await?;
    let findings = rows.iter().map(|found| FindingView::of(found, &known)).collect();
    Ok(HttpResponse::Ok().json(FindingList { findings, next_cursor: next }))
}

/// The category a parameter names.
pub(crate) fn category(params: &mut Params) -> Option<String> {
    let known = |text: &str| Category::ALL.into_iter().find(|category| category.as_str() == text);
    let fix = "must be a category, for example authentication, scan, storage or prompt_injection";
    params.one_of("category", fix, known).map(|category| category.as_str().to_owned())
}

/// What left the hub for a model: how its side is, today's sums, each request.
///
/// # Errors
/// Wrong parameters, or the store.
#[utoipa::path(get, path = "/api/v1/ledger", tag = "logs", operation_id = "ledger",
    params(
        ("host" = Option<String>, Query, description = "Only of the host with this public id"),
        ("cursor" = Option<i64>, Query, minimum = 0, description = "`next_cursor` of the page before"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "Requests on the page, 50 if not said"),
    ),
    responses((status = 200, body = LedgerView)))]
pub(crate) async fn ledger(state: web::Data<WebState>, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    let mut params = Params::of(req.query_string());
    let (host, before, limit) = (params.text("host"), params.cursor(), params.limit());
    params.done()?;
    Ok(HttpResponse::Ok().json(ledger_of(&state, host.as_deref(), before, limit).await?))
}

/// The ledger, of one host or all; a host that is not there has none.
///
/// # Errors
/// The store.
pub(crate) async fn ledger_of(
    state: &WebState,
    host: Option<&str>,
    before: Option<i64>,
    limit: u32,
) -> Result<LedgerView, ApiError> {
    // Rows count from 1: nothing belongs to 0.
    let row = host.map(|host_id| state.hub.roster().find(host_id).map_or(0, |entry| entry.row));
    let llm = state.hub.llm().await?;
    let day = ledger::day_of(state.hub.now().wall);
    let read = move |conn: &store::Connection| Ok((ledger::sums(conn, row, day)?, ledger::list(conn, row, before, limit)?));
    let (sums, (calls, next_cursor)) = state.hub.db().read(read).await?;
    Ok(LedgerView {
        model: llm.model,
        style: llm.style.map(str::to_owned),
        trouble: llm.trouble,
        today: Spent::of(sums),
        calls: calls.into_iter().map(CallView::of).collect(),
        next_cursor,
    })
}
