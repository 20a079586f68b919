//! One look at a host's log, from its fetch to its row: what is stored is one transaction, and nothing is told that is not in it.

use super::desk::{Desk, Target};
use super::memory::Memory;
use super::news;
use super::reading::{self, Read};
use super::source::{Cursor, FetchError, Fetched};
use crate::db::DbError;
use crate::llm::{Ask, Asked, Became};
use domain::finding::merge;
use domain::redact::{Secret, Secrets};
use domain::time::Now;
use std::sync::Arc;
use store::analyses::{Details, NewAnalysis};
use store::{Transaction, analyses, findings, hosts, ledger, logs};

/// What became of the model's part when nothing was to be asked.
const NOTHING_NEW: &str = "nothing_new";

/// Why a look came to nothing.
pub(super) enum NotLooked {
    /// There were no lines.
    Fetch(FetchError),
    /// The store could not, or the reading failed.
    Failed(String),
}

impl From<DbError> for NotLooked {
    fn from(e: DbError) -> NotLooked {
        NotLooked::Failed(e.to_string())
    }
}

/// The end of a look: what to remember, which is nothing where the store must be asked first, and the look's row.
pub(super) struct Looked {
    pub(super) memory: Option<Memory>,
    pub(super) result: Result<i64, NotLooked>,
}

/// Looks once. `memory` is what the last look left, if it is certain.
pub(super) async fn look(desk: Arc<Desk>, target: Target, memory: Option<Memory>, on_demand: bool) -> Looked {
    let begun = desk.clock.now();
    // Bounds the memory, not the store: nobody who writes waits for it.
    let Ok(_turn) = desk.turns.acquire().await else {
        return Looked { memory, result: Err(NotLooked::Failed("the hub is stopping".into())) };
    };
    let memory = match memory {
        Some(memory) => memory,
        None => match remembered(&desk, &target).await {
            Ok(memory) => memory,
            Err(e) => return Looked { memory: None, result: Err(e) },
        },
    };
    let fetched = match fetch(&desk, &target, memory.cursor.clone()).await {
        Ok(fetched) => fetched,
        Err(e) => return Looked { memory: Some(memory), result: Err(NotLooked::Fetch(e)) },
    };
    match study(&desk, &target, memory, fetched, begun, on_demand).await {
        Ok((memory, analysis)) => Looked { memory: Some(memory), result: Ok(analysis) },
        Err(e) => Looked { memory: None, result: Err(e) },
    }
}

async fn remembered(desk: &Desk, target: &Target) -> Result<Memory, NotLooked> {
    let row = target.row;
    let state = desk.db.read(move |conn| logs::state(conn, row)).await?;
    Ok(Memory::of(state, &desk.keyring, &target.host_id))
}

async fn fetch(desk: &Desk, target: &Target, since: Option<Cursor>) -> Result<Fetched, FetchError> {
    let source = desk.sources.source(target)?;
    source.fetch(since, desk.limits.fetch).await
}

/// Reads what was fetched, asks a model where there is something to ask, and stores all of it.
async fn study(
    desk: &Desk,
    target: &Target,
    memory: Memory,
    fetched: Fetched,
    begun: Now,
    on_demand: bool,
) -> Result<(Memory, i64), NotLooked> {
    let secrets = secrets(desk, target).await?;
    let budget_tokens = desk.llm_limits.lines_tokens_most;
    let (list, now) = (secrets.clone(), desk.clock.now());
    // Much to compute: not on the thread of the actors.
    let reading = tokio::task::spawn_blocking(move || {
        let read = reading::read(memory, &fetched, &list, budget_tokens, now.wall);
        (read, Fetched { lines: Vec::new(), ..fetched })
    });
    let (read, fetched) = reading.await.map_err(|e| NotLooked::Failed(format!("the lines could not be read: {e}")))?;
    let asked = ask(desk, target, &read, &secrets, on_demand).await;
    let ended = desk.clock.now();
    let Read { mut memory, reduced, local, redactions, stderr, first_line, lines, bytes } = read;
    memory.miner.settle(ended.wall);
    memory.cursor = Some(fetched.cursor.clone());
    let details = Details {
        duration_ms: ended.steady.since_ms(begun.steady),
        bytes_read: bytes,
        first_line,
        templates: reduced.templates,
        remarkable: reduced.remarkable,
        was_cut: fetched.was_cut,
        note: fetched.note,
        exit_code: fetched.exit_code,
        stderr,
        redactions,
        new_findings: 0,
        llm: asked.as_ref().map_or(NOTHING_NEW, |asked| asked.became.as_str()).to_owned(),
        llm_note: asked.as_ref().and_then(|asked| asked.note.clone()),
        lines_sent: asked.as_ref().map_or(0, |asked| asked.lines_sent as u64),
        dropped: asked.iter().flat_map(|asked| &asked.verified.dropped).map(|(why, n)| (why.as_str().to_owned(), *n)).collect(),
    };
    let (model, calls, added) = asked.map(|asked| (asked.model, asked.calls, asked.verified.findings)).unwrap_or_default();
    let analysis = NewAnalysis {
        log_source: target.settings.source(),
        lines: i64::try_from(lines).unwrap_or(i64::MAX),
        model,
        findings: merge(local, &added),
        details,
        at: ended.wall,
    };
    let mut state = memory.state(&desk.keyring).map_err(DbError::from)?;
    state.analysed_at = Some(ended.wall);
    let row = target.row;
    let store = move |tx: &Transaction<'_>| keep(tx, row, &analysis, &calls, &state, ended);
    Ok((memory, desk.db.write_news("log analysis", store).await?))
}

/// All that a look leaves behind, in one transaction.
fn keep(
    tx: &Transaction<'_>,
    host: i64,
    analysis: &NewAnalysis,
    calls: &[i64],
    state: &logs::LogState,
    now: Now,
) -> Result<i64, store::StoreError> {
    let names = hosts::names(tx, host)?;
    let id = analyses::insert(tx, host, analysis)?;
    ledger::belongs_to(tx, calls, id)?;
    let mut seen = Vec::with_capacity(analysis.findings.len());
    for finding in &analysis.findings {
        seen.push((findings::record(tx, host, id, finding, now.wall)?, finding));
    }
    let new = seen.iter().filter(|(recorded, _)| recorded.is_new).count();
    analyses::note_new(tx, id, i64::try_from(new).unwrap_or(i64::MAX))?;
    findings::trim(tx, host)?;
    news::tell(tx, host, &names, &seen, now)?;
    news::goes_on(tx, &names, now)?;
    logs::go_on(tx, host, state)?;
    Ok(id)
}

/// What must not leave: what is configured, and this host's own token.
async fn secrets(desk: &Desk, target: &Target) -> Result<Vec<Secret>, NotLooked> {
    let row = target.row;
    let sealed = desk.db.read(move |conn| hosts::token_sealed(conn, row)).await?;
    let token = desk.keyring.open("host token", &sealed).ok().and_then(|clear| String::from_utf8(clear).ok());
    let own = token.map(|value| Secret { name: format!("token of {}", target.host_id), value });
    Ok((desk.secrets)().into_iter().chain(own).collect())
}

/// Asks the model; nothing when nothing is new, rare or suddenly frequent.
async fn ask(desk: &Desk, target: &Target, read: &Read, secrets: &[Secret], on_demand: bool) -> Option<Asked> {
    if read.reduced.is_as_usual() || read.reduced.lines.is_empty() {
        return None;
    }
    let ask = Ask {
        host: target.row,
        analysis_prompt: target.settings.analysis_prompt.clone(),
        lines: read.reduced.lines.clone(),
        why: read.reduced.why.clone(),
        redactions: read.redactions.clone(),
        secrets: Arc::new(Secrets::new(secrets)),
        on_demand,
    };
    let lost = |e| Asked::only(Became::Failed, Some(format!("the actor that asks models did not answer: {e}")));
    Some(desk.llm.send(ask).await.unwrap_or_else(lost))
}
