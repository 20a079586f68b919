//! Which model is asked where, and how much it may cost.

use domain::prompt::ApiStyle;
use std::fmt;

/// An endpoint. Its URL and key are secrets: Debug shows neither.
#[derive(Clone, PartialEq, Eq)]
pub struct LlmConfig {
    /// The whole address, such as `https://llm.example.org/v1/chat/completions`.
    pub url: String,
    /// The key, where one is needed.
    pub key: Option<String>,
    /// The model asked for.
    pub model: String,
    /// How the server is spoken to; `None`: as its URL suggests.
    pub style: Option<ApiStyle>,
}

impl LlmConfig {
    /// How the server is spoken to.
    pub fn style(&self) -> ApiStyle {
        self.style.unwrap_or_else(|| ApiStyle::guess(&self.url))
    }
}

impl fmt::Debug for LlmConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LlmConfig").field("model", &self.model).field("style", &self.style().as_str()).finish_non_exhaustive()
    }
}

/// Bounds of what is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LlmLimits {
    /// To get a connection, in milliseconds.
    pub connect_wait_ms: u64,
    /// For a whole answer, in milliseconds.
    pub answer_wait_ms: u64,
    /// Bytes of an answer that are read.
    pub answer_bytes_most: usize,
    /// Tokens a model may answer with.
    pub answer_tokens_most: u32,
    /// Tokens of log lines in one question.
    pub lines_tokens_most: usize,
    /// Tokens a day of one host, read and written.
    pub host_day_tokens_most: i64,
    /// Tokens a day of all hosts.
    pub day_tokens_most: i64,
    /// Times a question is sent again after a failure that passes.
    pub retries_most: u32,
    /// The longest wait before sending again, in milliseconds; who asks for more is left alone until then.
    pub retry_wait_ms_most: u64,
    /// How long an endpoint is left alone that is wrongly configured or has spent its money, in milliseconds.
    pub trouble_rest_ms: i64,
    /// Questions on their way at once.
    pub calls_at_once: usize,
    /// Questions that may wait.
    pub waiting_questions_most: usize,
    /// US cents for a million tokens read; 0: not known.
    pub input_cents_per_million: i64,
    /// US cents for a million tokens written; 0: not known.
    pub output_cents_per_million: i64,
}

impl Default for LlmLimits {
    fn default() -> LlmLimits {
        LlmLimits {
            connect_wait_ms: 10_000,
            answer_wait_ms: 180_000,
            answer_bytes_most: 2 << 20,
            answer_tokens_most: 4_000,
            lines_tokens_most: 20_000,
            host_day_tokens_most: 300_000,
            day_tokens_most: 2_000_000,
            retries_most: 2,
            retry_wait_ms_most: 30_000,
            trouble_rest_ms: 3_600_000,
            calls_at_once: 2,
            waiting_questions_most: 1_000,
            input_cents_per_million: 0,
            output_cents_per_million: 0,
        }
    }
}

impl LlmLimits {
    /// What so many tokens cost in millionths of a US dollar, if the prices are known.
    pub(super) fn cost_micros(&self, tokens_in: i64, tokens_out: i64) -> Option<i64> {
        let is_known = self.input_cents_per_million > 0 || self.output_cents_per_million > 0;
        let hundredths = tokens_in
            .saturating_mul(self.input_cents_per_million)
            .saturating_add(tokens_out.saturating_mul(self.output_cents_per_million));
        is_known.then_some(hundredths / 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_printed_and_a_million_tokens_cost_their_price() {
        let config = LlmConfig {
            url: "https://llm.example/v1/messages?key=hunter2".into(),
            key: Some("hunter3".into()),
            model: "m".into(),
            style: None,
        };
        let shown = format!("{config:?}");
        assert!(!shown.contains("hunter") && shown.contains("anthropic-messages"), "{shown}");
        let priced = LlmLimits { input_cents_per_million: 300, output_cents_per_million: 1_500, ..LlmLimits::default() };
        assert_eq!(priced.cost_micros(1_000_000, 0), Some(3_000_000));
        assert_eq!(priced.cost_micros(1_000, 100), Some(4_500));
        assert_eq!(LlmLimits::default().cost_micros(5, 5), None);
    }
}
