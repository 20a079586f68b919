//! The log of one host on its page: how it is read, what was found last, and what went wrong.

use super::Link;
use super::findings::Row;
use crate::analyses::Known;
use crate::error::ApiError;
use crate::state::WebState;
use crate::time_text;
use domain::duration::short;
use serde::Serialize;
use store::analyses::{self, AnalysisFilter};
use store::findings::{self, FindingFilter};
use store::hosts::HostRecord;
use store::logs;

/// Findings shown.
const FINDINGS: u32 = 5;

/// What a host's page tells of its log.
#[derive(Serialize)]
pub(super) struct Log {
    source: String,
    every: Option<String>,
    trouble: Option<String>,
    stopped: bool,
    last: Option<Last>,
    findings: Vec<Row>,
    /// Where all of them are, if these are not.
    more: Option<String>,
}

/// The last look.
#[derive(Serialize)]
struct Last {
    id: i64,
    at: String,
    lines: i64,
    taken_out: u64,
    was_cut: bool,
    note: Option<String>,
    model: String,
}

/// The log of this host; none when nobody has described it.
///
/// # Errors
/// The store.
pub(super) async fn log(state: &WebState, record: &HostRecord) -> Result<Option<Log>, ApiError> {
    let Some(settings) = record.spec.log_analysis.clone() else { return Ok(None) };
    let row = record.row;
    let read = move |conn: &store::Connection| {
        let newest = AnalysisFilter { host: Some(row), limit: 1, ..AnalysisFilter::default() };
        let filter = FindingFilter { host: Some(row), limit: FINDINGS, ..FindingFilter::default() };
        Ok((logs::state(conn, row)?, analyses::list(conn, &newest)?.0, findings::list(conn, &filter)?))
    };
    let (known_state, newest, (found, next)) = state.hub.db().read(read).await?;
    let known = Known::of(state, (!found.is_empty()).then_some(row)).await?;
    let last = newest.into_iter().next().map(|analysis| Last {
        id: analysis.id,
        at: time_text::text(analysis.at),
        lines: analysis.lines,
        taken_out: analysis.details.redactions.values().sum(),
        was_cut: analysis.details.was_cut,
        note: analysis.details.note,
        model: model_words(&analysis.details.llm, analysis.details.llm_note.as_deref(), analysis.model.as_deref()),
    });
    Ok(Some(Log {
        source: settings.source(),
        every: settings.enabled.then(|| short(settings.frequency_s.into())),
        trouble: known_state.trouble,
        stopped: known_state.stopped,
        last,
        findings: found.iter().map(|found| Row::of(found, &known)).collect(),
        more: next.map(|_| Link::to("/findings").with("host", Some(record.spec.host_id.as_str())).text()),
    }))
}

/// What became of the model's part, for people.
pub(super) fn model_words(became: &str, note: Option<&str>, model: Option<&str>) -> String {
    let words = match became {
        "answered" => return format!("{} read what was new", model.unwrap_or("a model")),
        "nothing_new" => "nothing was new, so no model was asked",
        "not_configured" => "local rules alone: no model is configured",
        "budget" => "no model was asked: the day's budget is used up",
        "withheld" => "nothing was sent: a secret of the hub was in it",
        "configuration" => "the model's configuration is wrong",
        "unpaid" => "the model's provider takes no more",
        "too_long" => "the model takes fewer lines than there are",
        "truncated" => "the model's answer was cut off and not used",
        "refused" => "the model refused to answer",
        "leaked" => "the model's answer repeated its question and was thrown away",
        "unparsable" => "the model's answer could not be understood",
        _ => "the model did not answer",
    };
    note.map_or_else(|| words.to_owned(), |note| format!("{words}: {note}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actors::llm::Became;

    #[test]
    fn every_end_of_a_question_has_words_of_its_own() {
        let ends = [
            Became::Answered,
            Became::NotConfigured,
            Became::Budget,
            Became::Withheld,
            Became::Configuration,
            Became::Unpaid,
            Became::TooLong,
            Became::Truncated,
            Became::Refused,
            Became::Leaked,
            Became::Unparsable,
            Became::Failed,
        ];
        let words: std::collections::BTreeSet<String> = ends.iter().map(|end| model_words(end.as_str(), None, None)).collect();
        assert_eq!(words.len(), ends.len());
        assert_eq!(model_words("failed", Some("HTTP 500"), None), "the model did not answer: HTTP 500");
    }
}
