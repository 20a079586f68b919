//! What a server's refusal means for the one who asked: wait, fix the configuration, shorten, stop, or spend no more.

use crate::finding::cut;
use serde_json::Value;

/// Characters kept of a server's message.
const MAX_MESSAGE_CHARS: usize = 300;
/// Longest wait a server may ask for, in milliseconds.
const MAX_WAIT_MS: u64 = 3_600_000;

/// What to do about a failed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Try again, after so many milliseconds where the server says so.
    Retry {
        /// The wait the server asked for.
        after_ms: Option<u64>,
        /// What it said.
        message: String,
    },
    /// Nothing changes until somebody changes the URL, the key or the model.
    Configuration {
        /// What it said.
        message: String,
    },
    /// The money or quota is used up.
    Budget {
        /// What it said.
        message: String,
    },
    /// The question is too long for the model.
    TooLong {
        /// What it said.
        message: String,
    },
    /// This request is refused; another may not be. See [`super::Dialect::simpler`].
    Refused {
        /// What it said.
        message: String,
    },
}

/// The headers of an answer that matter for a retry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    /// `retry-after`, in seconds.
    pub retry_after: Option<String>,
    /// `retry-after-ms`.
    pub retry_after_ms: Option<String>,
    /// `x-should-retry`: `true` or `false`.
    pub should_retry: Option<String>,
}

impl Headers {
    /// The wait the server asks for, at most an hour. A date is not understood and counts as none.
    pub fn wait_ms(&self) -> Option<u64> {
        let number = |text: &Option<String>| text.as_deref()?.trim().parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0);
        let ms = number(&self.retry_after_ms).or_else(|| number(&self.retry_after).map(|s| s * 1_000.0))?;
        Some((ms as u64).min(MAX_WAIT_MS))
    }
}

/// What an answer other than 200 means. `body` is what could be read of it as JSON, `null` where it was none.
///
/// ```
/// use domain::prompt::{fault, Fault, Headers};
/// let body = serde_json::json!({"error":{"type":"insufficient_quota","code":"insufficient_quota","message":"You exceeded your quota"}});
/// assert!(matches!(fault(429, &Headers::default(), &body), Fault::Budget { .. }));
/// ```
pub fn fault(status: u16, headers: &Headers, body: &Value) -> Fault {
    let said = Said::in_body(body);
    let message = if said.message.is_empty() { format!("HTTP {status}") } else { format!("HTTP {status}: {}", said.message) };
    let after_ms = headers.wait_ms();
    if status == 402 || said.is_spent() {
        return Fault::Budget { message };
    }
    if status == 413 || said.is_too_long() {
        return Fault::TooLong { message };
    }
    if matches!(status, 301..=308 | 401 | 403 | 404 | 405) || said.names_the_model() {
        return Fault::Configuration { message };
    }
    let is_passing = matches!(status, 408 | 409 | 425 | 429) || status >= 500;
    let should_retry = match headers.should_retry.as_deref() {
        Some("true") => true,
        Some("false") => false,
        _ => is_passing,
    };
    if should_retry { Fault::Retry { after_ms, message } } else { Fault::Refused { message } }
}

/// An error body's parts: the error may be an object or a string, its code a word, a number or null.
struct Said {
    message: String,
    words: Vec<String>,
}

impl Said {
    fn in_body(body: &Value) -> Said {
        let error = body.get("error").unwrap_or(body);
        let text = match error {
            Value::String(text) => text.as_str(),
            error => ["message", "detail"].iter().find_map(|key| error[*key].as_str()).or(body["message"].as_str()).unwrap_or(""),
        };
        let codes = [&error["type"], &error["code"], &error["details"]["error_code"]];
        let words = codes.iter().filter_map(|code| code.as_str()).map(str::to_ascii_lowercase).collect();
        Said { message: cut(text.trim(), MAX_MESSAGE_CHARS), words }
    }

    fn is_spent(&self) -> bool {
        const SPENT: [&str; 6] = [
            "insufficient_quota",
            "credit_balance_exhausted",
            "organization_spend_limit_exceeded",
            "project_spend_limit_exceeded",
            "organization_usage_limit_exceeded",
            "enforced_spend_limit_reached",
        ];
        self.words.iter().any(|word| SPENT.contains(&word.as_str()))
            || self.message.to_ascii_lowercase().contains("credit balance is too low")
    }

    fn is_too_long(&self) -> bool {
        const LONG: [&str; 3] = ["exceed_context_size_error", "context_length_exceeded", "request_too_large"];
        let message = self.message.to_ascii_lowercase();
        let phrases = ["maximum context length", "prompt is too long", "context size", "context window"];
        self.words.iter().any(|word| LONG.contains(&word.as_str())) || phrases.iter().any(|phrase| message.contains(phrase))
    }

    fn names_the_model(&self) -> bool {
        let message = self.message.to_ascii_lowercase();
        let unknown = ["not found", "does not exist", "invalid model", "unknown model", "not a valid model", "no such model"];
        let is_code = self.words.iter().any(|word| word == "model_not_found" || word == "no_db_connection");
        is_code || (message.contains("model") && unknown.iter().any(|phrase| message.contains(phrase)))
    }
}
