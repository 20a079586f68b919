//! Analyses, findings and the ledger as the API shows them; pseudonyms of addresses are undone here and nowhere else.

use crate::error::ApiError;
use crate::state::WebState;
use crate::time_text;
use domain::finding::{Finding, Origin};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use store::analyses::Analysis;
use store::findings::Found;
use store::ledger::{Call, Sums};
use utoipa::ToSchema;

/// How each pseudonym begins.
const PSEUDONYM: &str = "IP-PUB-";

/// A look has begun.
#[derive(Serialize, ToSchema)]
pub struct BegunView {
    /// Public id of the host.
    pub host_id: String,
    /// One was under way already, and no other was begun.
    pub already_running: bool,
}

/// One look at a host's log.
#[derive(Serialize, ToSchema)]
pub struct AnalysisView {
    /// Its number.
    pub id: i64,
    /// Public id of the host.
    #[schema(example = "web-01")]
    pub host_id: String,
    /// Where the lines came from.
    #[schema(example = "ssh logs@10.0.0.7:22")]
    pub log_source: String,
    /// Lines that were read.
    pub lines_analyzed: i64,
    /// The model that answered; none when local rules were alone.
    #[schema(required)]
    pub llm_model: Option<String>,
    /// What became of the model's part: `answered`, `nothing_new`, `not_configured`, `budget`, `configuration`, `failed` …
    #[schema(example = "answered")]
    pub llm: String,
    /// How many findings it has.
    pub findings_count: usize,
    /// Its worst finding's level, or `none`.
    #[schema(example = "high")]
    pub severity: String,
    /// Figures and notes: lines, bytes, templates, redactions, findings of the model that were not believed.
    #[schema(value_type = Object)]
    pub details: serde_json::Value,
    /// When it ended.
    #[schema(format = DateTime)]
    pub created_at: String,
}

/// Analyses, the newest first.
#[derive(Serialize, ToSchema)]
pub struct AnalysisList {
    /// The analyses.
    pub analyses: Vec<AnalysisView>,
    /// `cursor` of the next page, if there is one.
    #[schema(required)]
    pub next_cursor: Option<i64>,
}

/// An analysis with what it found.
#[derive(Serialize, ToSchema)]
pub struct AnalysisDetail {
    /// The analysis.
    #[serde(flatten)]
    pub analysis: AnalysisView,
    /// What it found, worst first.
    pub findings: Vec<FindingBody>,
}

/// What was found.
#[derive(Serialize, ToSchema)]
pub struct FindingBody {
    /// `info`, `low`, `medium`, `high` or `critical`.
    #[schema(example = "high")]
    pub severity: String,
    /// What it is about.
    #[schema(example = "authentication")]
    pub category: String,
    /// One line.
    pub title: String,
    /// What was seen and why it matters.
    pub explanation: String,
    /// What to do.
    pub suggestion: String,
    /// Who found it: `rule` or `model`.
    #[schema(example = "rule")]
    pub origin: String,
    /// The rule's name.
    #[schema(required, example = "login_burst")]
    pub rule: Option<String>,
    /// The lines that prove it, redacted.
    pub evidence: Vec<EvidenceLine>,
    /// What a model said about the same lines.
    pub remarks: Vec<String>,
    /// Which address each pseudonym in it stands for.
    pub addresses: BTreeMap<String, String>,
}

/// A line of the log.
#[derive(Serialize, ToSchema)]
pub struct EvidenceLine {
    /// Its number, counted over all analyses of the host.
    pub line: u64,
    /// Its text, redacted.
    pub text: String,
}

/// A finding, once.
#[derive(Serialize, ToSchema)]
pub struct FindingView {
    /// Its number.
    pub id: i64,
    /// Public id of the host.
    pub host_id: String,
    /// What was found, as it was last.
    #[serde(flatten)]
    pub body: FindingBody,
    /// When it was found first.
    #[schema(format = DateTime)]
    pub first_seen_at: String,
    /// When it was found last.
    #[schema(format = DateTime)]
    pub last_seen_at: String,
    /// How many analyses found it.
    pub times: i64,
    /// The last of them.
    pub analysis_id: i64,
    /// The alert that told of it.
    #[schema(required)]
    pub alert_id: Option<i64>,
}

/// Findings, the newest first.
#[derive(Serialize, ToSchema)]
pub struct FindingList {
    /// The findings.
    pub findings: Vec<FindingView>,
    /// `cursor` of the next page, if there is one.
    #[schema(required)]
    pub next_cursor: Option<i64>,
}

/// What left the hub for a model.
#[derive(Serialize, ToSchema)]
pub struct LedgerView {
    /// The model asked; none when none is configured.
    #[schema(required)]
    pub model: Option<String>,
    /// `openai-chat`, `openai-responses` or `anthropic-messages`.
    #[schema(required)]
    pub style: Option<String>,
    /// Why it is not asked now.
    #[schema(required)]
    pub trouble: Option<String>,
    /// Since midnight UTC.
    pub today: Spent,
    /// Requests, the newest first.
    pub calls: Vec<CallView>,
    /// `cursor` of the next page, if there is one.
    #[schema(required)]
    pub next_cursor: Option<i64>,
}

/// Sums of requests.
#[derive(Serialize, ToSchema)]
pub struct Spent {
    /// Requests.
    pub calls: i64,
    /// Bytes sent.
    pub bytes_sent: i64,
    /// Tokens read by models; estimates where a server did not count.
    pub tokens_in: i64,
    /// Tokens written by models.
    pub tokens_out: i64,
    /// US dollars, of the requests whose cost is known.
    pub cost_usd: f64,
}

/// One request to a model.
#[derive(Serialize, ToSchema)]
pub struct CallView {
    /// Its number.
    pub id: i64,
    /// Public id of the host, while it is there.
    #[schema(required)]
    pub host_id: Option<String>,
    /// The analysis it belongs to.
    #[schema(required)]
    pub analysis_id: Option<i64>,
    /// When it was sent.
    #[schema(format = DateTime)]
    pub at: String,
    /// The model asked.
    pub model: String,
    /// `sending`, `answered` or `failed`.
    pub state: String,
    /// Bytes sent.
    pub bytes_sent: i64,
    /// Log lines sent.
    pub lines_sent: i64,
    /// What was taken out of the log before, by kind.
    pub redactions: BTreeMap<String, u64>,
    /// Tokens read.
    pub tokens_in: i64,
    /// Tokens written.
    pub tokens_out: i64,
    /// Whether the server counted them; estimates otherwise.
    pub counted: bool,
    /// US dollars, if known.
    #[schema(required)]
    pub cost_usd: Option<f64>,
    /// What became of it.
    #[schema(required)]
    pub outcome: Option<String>,
}

type Book = Box<dyn Fn(&str) -> Option<IpAddr>>;

/// Which addresses are behind the pseudonyms of some hosts.
pub(crate) struct Known(BTreeMap<i64, Book>);

impl Known {
    /// Those of these hosts. Pseudonyms that cannot be opened stay what they are.
    pub(crate) async fn of(state: &WebState, hosts: impl IntoIterator<Item = i64>) -> Result<Known, ApiError> {
        let mut books: BTreeMap<i64, Book> = BTreeMap::new();
        for host in hosts.into_iter().collect::<BTreeSet<i64>>() {
            match state.hub.addresses(host).await {
                Ok(book) => drop(books.insert(host, Box::new(book))),
                Err(e) => log::warn!("web: the pseudonyms of a host cannot be undone: {e}"),
            }
        }
        Ok(Known(books))
    }

    fn address(&self, host: i64, pseudonym: &str) -> Option<String> {
        self.0.get(&host)?(pseudonym).map(|address| address.to_string())
    }
}

impl AnalysisView {
    /// `analysis` for a client.
    pub fn of(analysis: &Analysis) -> AnalysisView {
        AnalysisView {
            id: analysis.id,
            host_id: analysis.host_id.clone(),
            log_source: analysis.log_source.clone(),
            lines_analyzed: analysis.lines,
            llm_model: analysis.model.clone(),
            llm: analysis.details.llm.clone(),
            findings_count: analysis.findings.len(),
            severity: analysis.severity.map_or("none", |level| level.as_str()).to_owned(),
            details: serde_json::to_value(&analysis.details).unwrap_or_default(),
            created_at: time_text::text(analysis.at),
        }
    }
}

impl FindingBody {
    pub(crate) fn of(finding: &Finding, host: i64, known: &Known) -> FindingBody {
        let texts = [&finding.title, &finding.explanation, &finding.suggestion];
        let texts = texts.into_iter().chain(&finding.lines).chain(&finding.remarks);
        let named: BTreeSet<&str> = texts.flat_map(|text| pseudonyms(text)).collect();
        let address = |name: &str| Some((name.to_owned(), known.address(host, name)?));
        let (origin, rule) = match &finding.origin {
            Origin::Rule(rule) => ("rule", Some(rule.clone())),
            Origin::Model => ("model", None),
        };
        let evidence = finding.evidence.iter().zip(&finding.lines);
        FindingBody {
            severity: finding.severity.as_str().to_owned(),
            category: finding.category.as_str().to_owned(),
            title: finding.title.clone(),
            explanation: finding.explanation.clone(),
            suggestion: finding.suggestion.clone(),
            origin: origin.to_owned(),
            rule,
            evidence: evidence.map(|(line, text)| EvidenceLine { line: *line, text: text.clone() }).collect(),
            remarks: finding.remarks.clone(),
            addresses: named.into_iter().filter_map(address).collect(),
        }
    }
}

/// The pseudonyms in `text`.
fn pseudonyms(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices(PSEUDONYM).map(|(at, _)| {
        let digits = text[at + PSEUDONYM.len()..].bytes().take_while(u8::is_ascii_digit).count();
        &text[at..at + PSEUDONYM.len() + digits]
    })
}

impl FindingView {
    /// `found` for a client.
    pub(crate) fn of(found: &Found, known: &Known) -> FindingView {
        FindingView {
            id: found.id,
            host_id: found.host_id.clone(),
            body: FindingBody::of(&found.finding, found.host, known),
            first_seen_at: time_text::text(found.first_seen_at),
            last_seen_at: time_text::text(found.last_seen_at),
            times: found.times,
            analysis_id: found.analysis,
            alert_id: found.alert,
        }
    }
}

impl Spent {
    pub(super) fn of(sums: Sums) -> Spent {
        Spent {
            calls: sums.calls,
            bytes_sent: sums.bytes_sent,
            tokens_in: sums.tokens_in,
            tokens_out: sums.tokens_out,
            cost_usd: dollars(sums.cost_micros),
        }
    }
}

impl CallView {
    pub(super) fn of(call: Call) -> CallView {
        CallView {
            id: call.id,
            host_id: call.host_id,
            analysis_id: call.analysis,
            at: time_text::text(call.at),
            model: call.model,
            state: call.state,
            bytes_sent: call.bytes_sent,
            lines_sent: call.lines_sent,
            redactions: call.redactions,
            tokens_in: call.tokens_in,
            tokens_out: call.tokens_out,
            counted: call.counted,
            cost_usd: call.cost_micros.map(dollars),
            outcome: call.outcome,
        }
    }
}

fn dollars(micros: i64) -> f64 {
    micros as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pseudonyms_are_found_wherever_they_stand() {
        let text = "from <IP-PUB-12> to IP-PUB-3:443, IP-PUB-OTHER and IP-PUB-";
        assert_eq!(pseudonyms(text).collect::<Vec<_>>(), ["IP-PUB-12", "IP-PUB-3", "IP-PUB-", "IP-PUB-"]);
    }
}
