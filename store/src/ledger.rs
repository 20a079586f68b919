//! What left the hub for a model: one row a request, written before it is sent, so that a crash hides nothing, and read for budgets.

use crate::column::{cut, page_size};
use crate::error::Result;
use domain::time::Wall;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use std::collections::BTreeMap;

/// How long rows are kept: 400 days.
const KEPT_MS: i64 = 400 * 86_400_000;
/// Old rows removed with each new one.
const SWEEP_ROWS: u32 = 20;
/// A day in milliseconds; budgets are per day of UTC.
const DAY_MS: i64 = 86_400_000;

/// A request about to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct NewCall {
    /// `hosts.id`.
    pub host: i64,
    /// The model asked.
    pub model: String,
    /// Bytes of its body.
    pub bytes_sent: i64,
    /// Log lines in it.
    pub lines_sent: i64,
    /// What was taken out of the lines read.
    pub redactions: BTreeMap<String, u64>,
    /// Tokens it will take at most, as estimated: read and written.
    pub tokens_in: i64,
    /// See [`NewCall::tokens_in`].
    pub tokens_out: i64,
    /// When.
    pub at: Wall,
}

/// How a request ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CallEnd {
    /// Whether an answer came that could be read.
    pub answered: bool,
    /// Bytes of the answer.
    pub bytes_received: i64,
    /// Tokens as the server counted them: read and written.
    pub tokens: Option<(i64, i64)>,
    /// Millionths of a US dollar.
    pub cost_micros: Option<i64>,
    /// The status of the answer.
    pub http_status: Option<u16>,
    /// The server's own name for it.
    pub request_id: Option<String>,
    /// What became of it, in words.
    pub outcome: String,
}

/// How many tokens a day may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// All hosts together.
    pub all_tokens: i64,
    /// One host.
    pub host_tokens: i64,
}

/// A request that may be sent, or why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reserved {
    /// Its row.
    Call(i64),
    /// The day's tokens do not suffice; in words.
    Spent(String),
}

/// What was used in some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Requests.
    pub calls: i64,
    /// Bytes sent.
    pub bytes_sent: i64,
    /// Tokens read by models; estimates where a server did not count.
    pub tokens_in: i64,
    /// Tokens written by models.
    pub tokens_out: i64,
    /// Millionths of a US dollar, of those requests whose cost is known.
    pub cost_micros: i64,
}

/// A request as kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// `llm_calls.id`.
    pub id: i64,
    /// The host's public id, while it is there.
    pub host_id: Option<String>,
    /// The look it belongs to.
    pub analysis: Option<i64>,
    /// When it was sent.
    pub at: Wall,
    /// The model asked.
    pub model: String,
    /// `sending`, `answered` or `failed`.
    pub state: String,
    /// Bytes sent.
    pub bytes_sent: i64,
    /// Log lines sent.
    pub lines_sent: i64,
    /// What was taken out before, by kind.
    pub redactions: BTreeMap<String, u64>,
    /// Tokens read.
    pub tokens_in: i64,
    /// Tokens written.
    pub tokens_out: i64,
    /// Whether the server counted them.
    pub counted: bool,
    /// Millionths of a US dollar.
    pub cost_micros: Option<i64>,
    /// What became of it.
    pub outcome: Option<String>,
}

/// The beginning of `at`'s day.
pub fn day_of(at: Wall) -> Wall {
    Wall(at.0 - at.0.rem_euclid(DAY_MS))
}

/// Notes a request before it is sent, if the day's budgets have room for it.
///
/// # Errors
/// Those of SQLite.
pub fn begin(tx: &Transaction<'_>, call: &NewCall, budget: Budget) -> Result<Reserved> {
    let day = day_of(call.at);
    let wanted = call.tokens_in.saturating_add(call.tokens_out);
    let host = sums(tx, Some(call.host), day)?;
    if over(host, wanted, budget.host_tokens) {
        return Ok(Reserved::Spent(format!("this host's {} tokens a day are used up", budget.host_tokens)));
    }
    if over(sums(tx, None, day)?, wanted, budget.all_tokens) {
        return Ok(Reserved::Spent(format!("the {} tokens a day of all hosts are used up", budget.all_tokens)));
    }
    tx.prepare_cached("DELETE FROM llm_calls WHERE id IN (SELECT id FROM llm_calls WHERE at < ?1 ORDER BY at LIMIT ?2)")?
        .execute(params![call.at.0.saturating_sub(KEPT_MS), SWEEP_ROWS])?;
    let mut query = tx.prepare_cached(
        "INSERT INTO llm_calls (host_id, at, model, bytes_sent, lines_sent, redactions, tokens_in, tokens_out)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    let redactions = serde_json::json!(call.redactions).to_string();
    let values =
        params![call.host, call.at.0, call.model, call.bytes_sent, call.lines_sent, redactions, call.tokens_in, call.tokens_out];
    Ok(Reserved::Call(query.insert(values)?))
}

fn over(used: Sums, wanted: i64, most: i64) -> bool {
    used.tokens_in.saturating_add(used.tokens_out).saturating_add(wanted) > most
}

/// Notes how a request ended. Tokens stay as estimated when the server did not count; one that certainly brought nothing costs
/// nothing.
///
/// # Errors
/// Those of SQLite.
pub fn end(tx: &Transaction<'_>, id: i64, end: &CallEnd) -> Result<()> {
    let tokens = end.tokens.or_else(|| (!end.answered && end.http_status.is_some_and(|status| status != 200)).then_some((0, 0)));
    let mut query = tx.prepare_cached(
        "UPDATE llm_calls SET state = ?2, bytes_received = ?3, tokens_in = ifnull(?4, tokens_in), tokens_out = ifnull(?5, tokens_out),
             counted = ?4 IS NOT NULL, cost_micros = ?6, http_status = ?7, request_id = ?8, outcome = ?9 WHERE id = ?1",
    )?;
    query.execute(params![
        id,
        if end.answered { "answered" } else { "failed" },
        end.bytes_received,
        tokens.map(|(read, _)| read),
        tokens.map(|(_, written)| written),
        end.cost_micros,
        end.http_status,
        end.request_id,
        end.outcome,
    ])?;
    Ok(())
}

/// Notes to which look requests belong.
///
/// # Errors
/// Those of SQLite.
pub fn belongs_to(tx: &Transaction<'_>, calls: &[i64], analysis: i64) -> Result<()> {
    let mut query = tx.prepare_cached("UPDATE llm_calls SET analysis_id = ?2 WHERE id = ?1")?;
    calls.iter().try_for_each(|id| query.execute([*id, analysis]).map(drop))?;
    Ok(())
}

/// What was used since `from`, by one host or all.
///
/// # Errors
/// Those of SQLite.
pub fn sums(conn: &Connection, host: Option<i64>, from: Wall) -> Result<Sums> {
    let mut query = conn.prepare_cached(
        "SELECT count(*), ifnull(sum(bytes_sent), 0), ifnull(sum(tokens_in), 0), ifnull(sum(tokens_out), 0),
             ifnull(sum(cost_micros), 0) FROM llm_calls WHERE at >= ?1 AND (?2 IS NULL OR host_id = ?2)",
    )?;
    let sums = query.query_row(params![from.0, host], |row| {
        Ok(Sums {
            calls: row.get(0)?,
            bytes_sent: row.get(1)?,
            tokens_in: row.get(2)?,
            tokens_out: row.get(3)?,
            cost_micros: row.get(4)?,
        })
    });
    Ok(sums.optional()?.unwrap_or_default())
}

/// A page of requests, the newest first; of one host or all.
///
/// # Errors
/// Those of SQLite.
pub fn list(conn: &Connection, host: Option<i64>, before: Option<i64>, limit: u32) -> Result<(Vec<Call>, Option<i64>)> {
    let size = page_size(limit);
    let mut query = conn.prepare_cached(
        "SELECT c.id, h.host_id, c.analysis_id, c.at, c.model, c.state, c.bytes_sent, c.lines_sent, c.redactions, c.tokens_in,
             c.tokens_out, c.counted, c.cost_micros, c.outcome
         FROM llm_calls c LEFT JOIN hosts h ON h.id = c.host_id
         WHERE c.id < ?1 AND (?2 IS NULL OR c.host_id = ?2) ORDER BY c.id DESC LIMIT ?3",
    )?;
    let rows = query.query_map(params![before.unwrap_or(i64::MAX), host, size + 1], call)?;
    Ok(cut(rows.collect::<rusqlite::Result<_>>()?, size, |call: &Call| call.id))
}

fn call(row: &Row<'_>) -> rusqlite::Result<Call> {
    Ok(Call {
        id: row.get(0)?,
        host_id: row.get(1)?,
        analysis: row.get(2)?,
        at: Wall(row.get(3)?),
        model: row.get(4)?,
        state: row.get(5)?,
        bytes_sent: row.get(6)?,
        lines_sent: row.get(7)?,
        redactions: serde_json::from_str(row.get_ref(8)?.as_str()?).unwrap_or_default(),
        tokens_in: row.get(9)?,
        tokens_out: row.get(10)?,
        counted: row.get(11)?,
        cost_micros: row.get(12)?,
        outcome: row.get(13)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{add, at, does};
    use crate::temporary;

    fn request(host: i64, tokens_in: i64, s: i64) -> NewCall {
        let redactions = BTreeMap::from([("password".to_owned(), 2)]);
        NewCall { host, model: "m".into(), bytes_sent: 30, lines_sent: 3, redactions, tokens_in, tokens_out: 10, at: at(s).wall }
    }

    #[test]
    fn a_days_tokens_are_reserved_before_they_are_spent_and_counted_after() {
        let (mut store, _folder) = temporary().unwrap();
        let (a, b) = does(&mut store.writer, |tx| Ok((add(tx, "a"), add(tx, "b"))));
        let budget = Budget { all_tokens: 250, host_tokens: 150 };
        let mut ask = |host, s| does(&mut store.writer, |tx| begin(tx, &request(host, 90, s), budget));
        let Reserved::Call(first) = ask(a, 0) else { panic!("refused") };
        assert_eq!(ask(a, 1), Reserved::Spent("this host's 150 tokens a day are used up".into()));
        assert!(matches!(ask(b, 2), Reserved::Call(_)));
        let counted = CallEnd { answered: true, tokens: Some((20, 5)), http_status: Some(200), ..CallEnd::default() };
        does(&mut store.writer, |tx| end(tx, first, &counted));
        let mut ask = |host, s| does(&mut store.writer, |tx| begin(tx, &request(host, 90, s), budget));
        assert!(matches!(ask(a, 3), Reserved::Call(_)), "only what was used counts");
        assert_eq!(ask(b, 4), Reserved::Spent("this host's 150 tokens a day are used up".into()));
        assert_eq!(ask(99, 5), Reserved::Spent("the 250 tokens a day of all hosts are used up".into()));
        assert!(matches!(ask(b, 86_400), Reserved::Call(_)), "another day");
    }

    #[test]
    fn what_was_refused_costs_nothing_and_what_may_have_arrived_costs_its_estimate() {
        let (mut store, _folder) = temporary().unwrap();
        let host = does(&mut store.writer, |tx| Ok(add(tx, "nas")));
        let budget = Budget { all_tokens: 10_000, host_tokens: 10_000 };
        let refused = CallEnd { http_status: Some(429), outcome: "HTTP 429".into(), ..CallEnd::default() };
        let lost = CallEnd { outcome: "no answer".into(), ..CallEnd::default() };
        for last in [&refused, &lost] {
            let begun = does(&mut store.writer, |tx| begin(tx, &request(host, 90, 0), budget));
            let Reserved::Call(id) = begun else { panic!("refused") };
            does(&mut store.writer, |tx| {
                end(tx, id, last)?;
                belongs_to(tx, &[id], 7)
            });
        }
        let sums = store.reader.read(|conn| sums(conn, Some(host), at(0).wall)).unwrap();
        assert_eq!(sums, Sums { calls: 2, bytes_sent: 60, tokens_in: 90, tokens_out: 10, cost_micros: 0 });
        let (calls, next) = store.reader.read(|conn| list(conn, None, None, 1)).unwrap();
        assert_eq!((calls[0].outcome.as_deref(), calls[0].analysis, next), (Some("no answer"), Some(7), Some(calls[0].id)));
        assert_eq!((calls[0].redactions["password"], calls[0].counted), (2, false));
    }
}
