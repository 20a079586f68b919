//! The incidents: open ones first, with who knows of each; filtered and paged.

use super::Link;
use crate::error::ApiError;
use crate::query::Params;
use crate::render;
use crate::state::WebState;
use crate::time_text;
use crate::viewer::Viewer;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use domain::duration::words_ms;
use domain::host::Severity;
use domain::incident::AlertType;
use domain::time::Wall;
use serde::Serialize;
use store::alerts::{self, Alert, AlertFilter, AlertPage};

/// Alerts on a page, of each kind.
const ROWS: u32 = 50;

#[derive(Serialize)]
struct Page {
    sentence: String,
    filter: Filter,
    filtered: bool,
    open: Option<Vec<Row>>,
    open_more: bool,
    ended: Option<Vec<Row>>,
    nothing: bool,
    pages: bool,
    previous: Option<String>,
    next: Option<String>,
}

#[derive(Serialize)]
struct Filter {
    state: &'static str,
    severity: &'static str,
    host: String,
}

/// One incident in the list.
#[derive(Serialize)]
struct Row {
    id: i64,
    state: &'static str,
    severity: &'static str,
    message: String,
    host_id: Option<String>,
    host_name: Option<String>,
    since: String,
    length: String,
    acknowledged_by: Option<String>,
    note: Option<String>,
    silenced_until: Option<String>,
    open: bool,
}

/// Which alerts are shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    All,
    Open,
    Unacknowledged,
    Ended,
}

impl Shown {
    const ALL: [(Shown, &'static str); 4] =
        [(Shown::All, "all"), (Shown::Open, "open"), (Shown::Unacknowledged, "unacknowledged"), (Shown::Ended, "ended")];

    fn word(self) -> &'static str {
        Shown::ALL.into_iter().find(|(shown, _)| *shown == self).map_or("all", |(_, word)| word)
    }
}

struct Asked {
    shown: Shown,
    severity: Option<Severity>,
    host: Option<String>,
    cursor: Option<i64>,
}

/// The incidents.
///
/// # Errors
/// Wrong parameters, or the store.
#[utoipa::path(get, path = "/alerts", tag = "pages", operation_id = "alerts_page",
    params(
        ("state" = Option<String>, Query, description = "`all`, `open`, `unacknowledged` or `ended`"),
        ("severity" = Option<String>, Query, description = "Only `info`, `warning` or `critical`"),
        ("host" = Option<String>, Query, description = "Only of the host with this public id"),
        ("cursor" = Option<i64>, Query, minimum = 0, description = "Where the page begins"),
    ),
    responses((status = 200, content_type = "text/html", body = String, description = "The page")))]
pub(crate) async fn show(state: web::Data<WebState>, req: HttpRequest, viewer: Viewer) -> Result<HttpResponse, ApiError> {
    let asked = asked(&req)?;
    let host = asked.host.as_deref().map(|host_id| state.hub.roster().find(host_id).map(|entry| entry.row));
    let unknown_host = host == Some(None);
    let filter = |open, acknowledged, before| AlertFilter {
        open,
        acknowledged,
        host: host.flatten(),
        severity: asked.severity,
        before,
        limit: ROWS,
        ..AlertFilter::default()
    };
    let (open, ended) = match asked.shown {
        Shown::All if asked.cursor.is_none() => (Some(filter(Some(true), None, None)), Some(filter(Some(false), None, None))),
        Shown::All | Shown::Ended => (None, Some(filter(Some(false), None, asked.cursor))),
        Shown::Open => (Some(filter(Some(true), None, asked.cursor)), None),
        Shown::Unacknowledged => (Some(filter(Some(true), Some(false), asked.cursor)), None),
    };
    let read = state.hub.db().read(move |conn| {
        let list = |filter: Option<AlertFilter>| match filter {
            Some(_) if unknown_host => Ok(Some(AlertPage::default())),
            Some(filter) => alerts::list(conn, &filter).map(Some),
            None => Ok(None),
        };
        Ok((list(open)?, list(ended)?, alerts::count_open(conn)?))
    });
    let (open, ended, count) = read.await?;
    let page = page(&asked, open, ended, count, state.hub.now().wall);
    Ok(render::page(&state, &req, StatusCode::OK, "alerts", "Alerts", "alerts", Some(&viewer), &page))
}

fn asked(req: &HttpRequest) -> Result<Asked, ApiError> {
    let mut params = Params::of(req.query_string());
    let word = |text: &str| Shown::ALL.into_iter().find(|(_, word)| *word == text).map(|(shown, _)| shown);
    let asked = Asked {
        shown: params.one_of("state", "must be all, open, unacknowledged or ended", word).unwrap_or(Shown::All),
        severity: params.parsed::<Severity>("severity"),
        host: params.text("host"),
        cursor: params.cursor(),
    };
    params.done()?;
    Ok(asked)
}

fn page(asked: &Asked, open: Option<AlertPage>, ended: Option<AlertPage>, count: i64, now: Wall) -> Page {
    let older = match asked.shown {
        Shown::All | Shown::Ended => ended.as_ref(),
        Shown::Open | Shown::Unacknowledged => open.as_ref(),
    };
    let link = |cursor: Option<i64>| {
        Link::to("/alerts")
            .with("state", (asked.shown != Shown::All).then(|| asked.shown.word()))
            .with("severity", asked.severity.map(Severity::as_str))
            .with("host", asked.host.as_deref())
            .with("cursor", cursor.map(|at| at.to_string()).as_deref())
            .text()
    };
    let next = older.and_then(|page| page.next).map(|at| link(Some(at)));
    let open_more = asked.shown == Shown::All && open.as_ref().is_some_and(|page| page.next.is_some());
    let rows = |page: AlertPage| page.alerts.into_iter().map(|alert| row(alert, now)).collect::<Vec<_>>();
    let (open, ended) = (open.map(rows), ended.map(rows));
    let nothing = [&open, &ended].into_iter().flatten().all(Vec::is_empty);
    Page {
        sentence: sentence(count),
        filter: Filter {
            state: asked.shown.word(),
            severity: asked.severity.map_or("", Severity::as_str),
            host: asked.host.clone().unwrap_or_default(),
        },
        filtered: asked.shown != Shown::All || asked.severity.is_some() || asked.host.is_some(),
        nothing,
        open_more,
        open,
        ended,
        pages: next.is_some() || asked.cursor.is_some(),
        previous: asked.cursor.map(|_| link(None)),
        next,
    }
}

fn sentence(open: i64) -> String {
    match open {
        0 => "Nothing is wrong now.".to_owned(),
        1 => "One incident is open.".to_owned(),
        n => format!("{n} incidents are open."),
    }
}

fn row(alert: Alert, now: Wall) -> Row {
    let open = alert.is_open();
    let state = state_of(&alert, now);
    let ended = alert.resolved_at.unwrap_or(now);
    Row {
        id: alert.id,
        state,
        severity: alert.severity.as_str(),
        message: alert.message,
        host_id: alert.host_id,
        host_name: alert.host_name,
        since: time_text::text(alert.created_at),
        length: words_ms(ended.0 - alert.created_at.0),
        note: alert.acknowledged.as_ref().and_then(|a| a.note.clone()),
        acknowledged_by: alert.acknowledged.map(|a| a.by),
        silenced_until: alert.silenced_until.filter(|until| open && *until > now).map(time_text::text),
        open,
    }
}

/// `ended`, `acknowledged` or `open`.
pub(super) fn state_of(alert: &Alert, now: Wall) -> &'static str {
    match (alert.is_open(), alert.known_at(now).is_some()) {
        (false, _) => "ended",
        (true, true) => "acknowledged",
        (true, false) => "open",
    }
}

/// The type of an alert in words.
pub(super) fn type_words(kind: AlertType) -> &'static str {
    match kind {
        AlertType::MissingHeartbeat => "missing heartbeat",
        AlertType::LogFinding => "finding in a log",
        AlertType::Internet => "internet connection",
        AlertType::SystemError => "the hub itself",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_counts() {
        assert_eq!(
            [sentence(0), sentence(1), sentence(2)],
            ["Nothing is wrong now.", "One incident is open.", "2 incidents are open."]
        );
    }
}
