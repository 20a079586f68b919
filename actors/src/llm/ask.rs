//! One question from its lines to what of the answer is believed: the ladder of request forms, retries, one repair, the ledger.
//!
//! The order never changes: the body is searched for the hub's own secrets, the ledger reserves the day's tokens, only then
//! something leaves; every answer, also none, ends its row.

use super::call::{self, Answered, Unanswered};
use super::{LlmConfig, LlmLimits};
use crate::clock::Clock;
use crate::db::Db;
use crate::supervision::Waiting;
use actix::Message;
use awc::Client;
use domain::finding::{SentLine, Verified};
use domain::prompt::{self, Answer, Dialect, Fault, Question, Reply, Turn};
use domain::redact::Secrets;
use domain::reduce::{BYTES_PER_TOKEN, Why, tokens};
use domain::time::Steady;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use store::ledger::{self, Budget, CallEnd, NewCall, Reserved};

/// Letters and digits of the private word and of the mark around the lines.
const RANDOM_CHARS: usize = 24;
/// First wait before sending again, in milliseconds; doubled each time.
const FIRST_RETRY_MS: u64 = 1_000;
/// Requests one question may take in all, whatever happens.
const REQUESTS_MOST: usize = 10;

/// A question about a host's lines.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Asked")]
pub struct Ask {
    /// `hosts.id`, for the ledger.
    pub host: i64,
    /// What the host's owner wants watched.
    pub analysis_prompt: String,
    /// The lines, cleaned and redacted.
    pub lines: Vec<SentLine>,
    /// Why each of them is there.
    pub why: Vec<Why>,
    /// What was taken out of the log, by kind.
    pub redactions: BTreeMap<String, u64>,
    /// What must not leave.
    pub secrets: Arc<Secrets>,
    /// A person asked: an endpoint that is left alone is tried again.
    pub on_demand: bool,
}

/// What became of a question. Only `Answered` says anything about the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Became {
    /// Answered; what of it is believed is in [`Asked::verified`].
    Answered,
    /// No model is configured.
    NotConfigured,
    /// The day's tokens are used up.
    Budget,
    /// A secret of the hub was in it; it was not sent.
    Withheld,
    /// The URL, the key or the model is wrong: somebody must change it.
    Configuration,
    /// The provider says that the money is spent.
    Unpaid,
    /// Still too long after it was shortened.
    TooLong,
    /// The answer was cut off.
    Truncated,
    /// The model refused.
    Refused,
    /// The answer repeated what only the question held: all of it is thrown away.
    Leaked,
    /// The answer could not be understood, also after one repair.
    Unparsable,
    /// No answer.
    Failed,
}

impl Became {
    /// The word the database, the API and the pages use.
    pub fn as_str(self) -> &'static str {
        match self {
            Became::Answered => "answered",
            Became::NotConfigured => "not_configured",
            Became::Budget => "budget",
            Became::Withheld => "withheld",
            Became::Configuration => "configuration",
            Became::Unpaid => "unpaid",
            Became::TooLong => "too_long",
            Became::Truncated => "truncated",
            Became::Refused => "refused",
            Became::Leaked => "leaked",
            Became::Unparsable => "unparsable",
            Became::Failed => "failed",
        }
    }
}

/// The end of a question.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// What became of it.
    pub became: Became,
    /// More about it, in words.
    pub note: Option<String>,
    /// The model that answered.
    pub model: Option<String>,
    /// What of the answer is believed.
    pub verified: Verified,
    /// Rows of the ledger it took.
    pub calls: Vec<i64>,
    /// Lines that were sent.
    pub lines_sent: usize,
}

impl Asked {
    pub(crate) fn only(became: Became, note: Option<String>) -> Asked {
        Asked { became, note, model: None, verified: Verified::default(), calls: Vec::new(), lines_sent: 0 }
    }
}

/// What all questions share.
pub(super) struct Office {
    db: Db,
    clock: Clock,
    config: Rc<LlmConfig>,
    limits: LlmLimits,
    client: Client,
    /// The form of request the endpoint understands.
    dialect: RefCell<Dialect>,
    /// Until when it is left alone, what that is, and why.
    rest: RefCell<Option<(Steady, Became, String)>>,
}

impl Office {
    pub(super) fn new(db: Db, clock: Clock, config: Rc<LlmConfig>, limits: LlmLimits) -> Office {
        let (client, dialect) = (call::client(&limits), Dialect::new(config.style()).into());
        Office { db, clock, config, limits, client, dialect, rest: None.into() }
    }

    /// Why the endpoint is left alone now.
    pub(super) fn trouble(&self) -> Option<String> {
        self.resting().map(|(_, why)| why)
    }

    fn resting(&self) -> Option<(Became, String)> {
        let now = self.clock.steady();
        self.rest.borrow().as_ref().filter(|(until, ..)| *until > now).map(|(_, became, why)| (*became, why.clone()))
    }

    fn let_rest(&self, ms: i64, became: Became, why: &str) {
        *self.rest.borrow_mut() = Some((self.clock.steady().plus_ms(ms), became, why.to_owned()));
    }
}

/// Asks until there is an answer or no hope of one.
pub(super) async fn ask(office: &Office, ask: &Ask) -> Asked {
    if let Some((became, why)) = office.resting().filter(|_| !ask.on_demand) {
        return Asked::only(became, Some(why));
    }
    let mut talk = Talk::new(office, ask);
    let asked = talk.run().await;
    if matches!(asked.became, Became::Answered) {
        *office.rest.borrow_mut() = None;
    }
    asked
}

/// A question under way.
struct Talk<'a> {
    office: &'a Office,
    ask: &'a Ask,
    lines: Vec<SentLine>,
    canary: String,
    delimiter: String,
    /// The answer that could not be understood, and why: it is asked once more.
    faulty: Option<(String, String)>,
    retries: u32,
    is_short: bool,
    calls: Vec<i64>,
}

/// What follows a request.
enum Next {
    /// Another one.
    Again,
    /// Nothing.
    End(Became, Option<String>, Verified),
}

impl Next {
    fn end(became: Became, note: impl Into<String>) -> Next {
        Next::End(became, Some(note.into()), Verified::default())
    }
}

impl<'a> Talk<'a> {
    fn new(office: &'a Office, ask: &'a Ask) -> Talk<'a> {
        Talk {
            office,
            ask,
            lines: ask.lines.clone(),
            canary: random_word(),
            delimiter: random_word(),
            faulty: None,
            retries: 0,
            is_short: false,
            calls: Vec::new(),
        }
    }

    async fn run(&mut self) -> Asked {
        for _ in 0..REQUESTS_MOST {
            if let Next::End(became, note, verified) = self.request().await {
                return self.end(became, note, verified);
            }
        }
        self.end(Became::Failed, Some(format!("no answer after {REQUESTS_MOST} requests")), Verified::default())
    }

    fn end(&mut self, became: Became, note: Option<String>, verified: Verified) -> Asked {
        let lines_sent = if self.calls.is_empty() { 0 } else { self.lines.len() };
        let model = (became == Became::Answered).then(|| self.office.config.model.clone());
        Asked { became, note, model, verified, calls: std::mem::take(&mut self.calls), lines_sent }
    }

    fn question(&self) -> Question<'_> {
        Question {
            canary: &self.canary,
            delimiter: &self.delimiter,
            analysis_prompt: &self.ask.analysis_prompt,
            lines: &self.lines,
        }
    }

    fn turns(&self) -> Vec<Turn> {
        match &self.faulty {
            None => self.question().turns(),
            Some((faulty, why)) => self.question().repair(faulty, why),
        }
    }

    /// One request, from its body to its row's end.
    async fn request(&mut self) -> Next {
        let dialect = *self.office.dialect.borrow();
        let body = dialect.body(&self.office.config.model, &self.turns(), self.office.limits.answer_tokens_most);
        let body = body.to_string().into_bytes();
        if let Err(leak) = self.ask.secrets.check(&body) {
            log::error!("llm: {leak}");
            return Next::end(Became::Withheld, leak.to_string());
        }
        let row = match self.reserve(body.len()).await {
            Ok(row) => row,
            Err(end) => return end,
        };
        self.calls.push(row);
        let answered = {
            let _waiting = Waiting::on("llm");
            call::call(&self.office.client, &self.office.config, &self.office.limits, body).await
        };
        let read = self.read(dialect, answered);
        if let Err(e) = self.settle(row, &read).await {
            return Next::end(Became::Failed, format!("the ledger could not be written: {e}"));
        }
        match read.result {
            Ok(reply) => self.judge(&reply),
            Err(fault) => self.face(dialect, fault).await,
        }
    }

    async fn reserve(&self, bytes: usize) -> Result<i64, Next> {
        let limits = &self.office.limits;
        let call = NewCall {
            host: self.ask.host,
            model: self.office.config.model.clone(),
            bytes_sent: count(bytes),
            lines_sent: count(self.lines.len()),
            redactions: self.ask.redactions.clone(),
            tokens_in: count(bytes.div_ceil(BYTES_PER_TOKEN)),
            tokens_out: limits.answer_tokens_most.into(),
            at: self.office.clock.now().wall,
        };
        let budget = Budget { all_tokens: limits.day_tokens_most, host_tokens: limits.host_day_tokens_most };
        match self.office.db.write("llm call", move |tx| ledger::begin(tx, &call, budget)).await {
            Ok(Reserved::Call(row)) => Ok(row),
            Ok(Reserved::Spent(why)) => Err(Next::end(Became::Budget, why)),
            // What cannot be noted does not leave.
            Err(e) => Err(Next::end(Became::Failed, format!("the ledger could not be written: {e}"))),
        }
    }

    /// What came back, in one shape.
    fn read(&self, dialect: Dialect, answered: Result<Answered, Unanswered>) -> Read {
        let answered = match answered {
            Ok(answered) => answered,
            Err(Unanswered { why, may_have_arrived }) => {
                let end = CallEnd { tokens: (!may_have_arrived).then_some((0, 0)), ..CallEnd::default() };
                return Read { result: Err(Fault::Retry { after_ms: None, message: why }), end };
            }
        };
        let Answered { status, headers, request_id, cost_micros, body } = answered;
        let mut end = CallEnd {
            bytes_received: count(body.len()),
            cost_micros,
            http_status: Some(status),
            request_id,
            ..CallEnd::default()
        };
        let json: Option<Value> = serde_json::from_slice(&body).ok();
        let result = match (status, json) {
            (200, Some(json)) => prompt::reply(dialect.style, &json),
            // Cut off or garbled on its way.
            (200, None) => prompt_retry("the answer is no JSON"),
            (status, json) => Err(prompt::fault(status, &headers, &json.unwrap_or(Value::Null))),
        };
        if let Ok(reply) = &result {
            let counted = |tokens: Option<u64>| tokens.and_then(|tokens| i64::try_from(tokens).ok());
            // Some servers count nothing and say 0.
            end.tokens = counted(reply.usage.input).zip(counted(reply.usage.output)).filter(|(read, _)| *read > 0);
            end.answered = true;
            end.cost_micros = end.cost_micros.or_else(|| {
                let (read, written) = end.tokens?;
                self.office.limits.cost_micros(read, written)
            });
        }
        Read { result, end }
    }

    async fn settle(&self, row: i64, read: &Read) -> Result<(), crate::db::DbError> {
        let outcome = match &read.result {
            Ok(_) => "answered".to_owned(),
            Err(fault) => message_of(fault).to_owned(),
        };
        let end = CallEnd { outcome, ..read.end.clone() };
        self.office.db.write("llm call ended", move |tx| ledger::end(tx, row, &end)).await
    }

    /// What of the answer is believed, or whether to ask for a repair.
    fn judge(&mut self, reply: &Reply) -> Next {
        match prompt::answer(&self.question(), reply) {
            Answer::Findings(verified) => Next::End(Became::Answered, None, verified),
            Answer::Truncated => Next::end(Became::Truncated, "the answer was cut off: raise limits.llm_answer_tokens"),
            Answer::Refused => Next::end(Became::Refused, "the model refused to answer"),
            Answer::Leaked => Next::end(Became::Leaked, "the answer repeated the private part of the question"),
            Answer::Unparsable { why } if self.faulty.is_some() => Next::end(Became::Unparsable, why),
            Answer::Unparsable { why } => {
                self.faulty = Some((reply.text.clone(), why));
                Next::Again
            }
        }
    }

    /// What to do about a fault.
    async fn face(&mut self, dialect: Dialect, fault: Fault) -> Next {
        let rest_ms = self.office.limits.trouble_rest_ms;
        match fault {
            Fault::Retry { after_ms, message } => self.again(after_ms, message).await,
            Fault::Refused { message } => match dialect.simpler(&message) {
                Some(simpler) => {
                    *self.office.dialect.borrow_mut() = simpler;
                    Next::Again
                }
                None => Next::end(Became::Failed, message),
            },
            Fault::TooLong { message } if self.is_short => Next::end(Became::TooLong, message),
            Fault::TooLong { .. } => {
                self.shorten();
                Next::Again
            }
            Fault::Configuration { message } => {
                log::error!("llm: {message}: check LLM_API_URL, LLM_API_KEY, LLM_DEFAULT_MODEL and LLM_API_STYLE");
                self.office.let_rest(rest_ms, Became::Configuration, &message);
                Next::end(Became::Configuration, message)
            }
            Fault::Budget { message } => {
                log::error!("llm: the provider takes no more: {message}");
                self.office.let_rest(rest_ms, Became::Unpaid, &message);
                Next::end(Became::Unpaid, message)
            }
        }
    }

    /// Waits and sends again, if it may.
    async fn again(&mut self, after_ms: Option<u64>, message: String) -> Next {
        let limits = &self.office.limits;
        let wait_ms = after_ms.unwrap_or_else(|| jittered(FIRST_RETRY_MS << self.retries.min(16)));
        if wait_ms > limits.retry_wait_ms_most {
            self.office.let_rest(i64::try_from(wait_ms).unwrap_or(i64::MAX), Became::Failed, &message);
            return Next::end(Became::Failed, format!("{message}; it asks to wait {wait_ms} ms"));
        }
        if self.retries >= limits.retries_most {
            return Next::end(Became::Failed, message);
        }
        self.retries += 1;
        let _waiting = Waiting::on("llm");
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        Next::Again
    }

    /// Half of the tokens: lines kept verbatim before counted ones, the first before the last.
    fn shorten(&mut self) {
        self.is_short = true;
        let room = tokens(self.lines.iter().map(|line| line.text.as_str())) / 2;
        let is_verbatim = |index: &usize| matches!(self.ask.why.get(*index), Some(Why::Verbatim(_)));
        let (first, rest): (Vec<usize>, Vec<usize>) = (0..self.lines.len()).partition(is_verbatim);
        let (mut kept, mut used) = (Vec::new(), 0);
        for index in first.into_iter().chain(rest) {
            used += tokens(std::iter::once(self.lines[index].text.as_str()));
            if used > room {
                break;
            }
            kept.push(index);
        }
        kept.sort_unstable();
        self.lines = kept.into_iter().map(|index| self.lines[index].clone()).collect();
    }
}

/// What came back and how the ledger ends its row.
struct Read {
    result: Result<Reply, Fault>,
    end: CallEnd,
}

fn prompt_retry(why: &str) -> Result<Reply, Fault> {
    Err(Fault::Retry { after_ms: None, message: why.to_owned() })
}

fn message_of(fault: &Fault) -> &str {
    match fault {
        Fault::Retry { message, .. }
        | Fault::Configuration { message }
        | Fault::Budget { message }
        | Fault::TooLong { message }
        | Fault::Refused { message } => message,
    }
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// Letters and digits nobody can guess.
fn random_word() -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = [0; RANDOM_CHARS];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()
}

/// Between three quarters and all of `ms`, so that not everybody comes back at once.
fn jittered(ms: u64) -> u64 {
    let mut byte = [0];
    getrandom::fill(&mut byte).expect("the system has random numbers");
    ms - ms / 4 * u64::from(byte[0]) / 255
}
