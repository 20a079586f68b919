//! What a server answered, in one shape whatever its API: text, why it ended, what it cost.

use super::ApiStyle;
use super::error::{Fault, Headers, fault};
use serde_json::Value;

/// Why the model stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// It had finished.
    Done,
    /// It ran out of room: the text is cut and must not be taken for an answer.
    Truncated,
    /// It, or a filter of its server, refused.
    Refused,
    /// Something else, such as a tool call nobody offered.
    Other,
}

/// Tokens as the server counted them; none where it does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens read, cached ones included.
    pub input: Option<u64>,
    /// Tokens written.
    pub output: Option<u64>,
    /// Of those read, how many came from a cache.
    pub cached: Option<u64>,
}

/// A server's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// What the model wrote; empty where it wrote nothing.
    pub text: String,
    /// Why it stopped.
    pub finish: Finish,
    /// What it cost.
    pub usage: Usage,
}

/// Reads the `body` of a 200 answer. Some gateways answer 200 with an error inside: that is a fault.
///
/// ```
/// use domain::prompt::{reply, ApiStyle, Finish};
/// let body = serde_json::json!({"choices":[{"message":{"content":"{}"},"finish_reason":"length"}],"usage":{"prompt_tokens":9}});
/// let reply = reply(ApiStyle::OpenaiChat, &body).unwrap();
/// assert_eq!((reply.finish, reply.usage.input, reply.usage.output), (Finish::Truncated, Some(9), None));
/// ```
pub fn reply(style: ApiStyle, body: &Value) -> Result<Reply, Fault> {
    if body.get("error").is_some_and(|error| !error.is_null()) {
        let status = body["error"]["code"].as_u64().and_then(|code| u16::try_from(code).ok()).filter(|code| *code >= 400);
        return Err(fault(status.unwrap_or(500), &Headers::default(), body));
    }
    let reply = match style {
        ApiStyle::OpenaiChat => chat(body),
        ApiStyle::OpenaiResponses => responses(body),
        ApiStyle::AnthropicMessages => messages(body),
    };
    let what = || format!("the answer is not of style {}: check LLM_API_URL and LLM_API_STYLE", style.as_str());
    reply.ok_or_else(|| Fault::Configuration { message: what() })
}

fn chat(body: &Value) -> Option<Reply> {
    let choice = body["choices"].get(0)?;
    let message = &choice["message"];
    let text = text_of(&message["content"], "text");
    let is_refusal = message["refusal"].as_str().is_some_and(|text| !text.is_empty());
    let finish = match choice["finish_reason"].as_str() {
        _ if is_refusal => Finish::Refused,
        Some("stop") | None => Finish::Done,
        Some("length" | "max_tokens") => Finish::Truncated,
        Some("content_filter") => Finish::Refused,
        Some(_) => Finish::Other,
    };
    let usage = &body["usage"];
    let cached = usage["prompt_tokens_details"]["cached_tokens"].as_u64();
    Some(Reply {
        text,
        finish,
        usage: Usage { input: usage["prompt_tokens"].as_u64(), output: usage["completion_tokens"].as_u64(), cached },
    })
}

fn responses(body: &Value) -> Option<Reply> {
    let output = body["output"].as_array()?;
    let parts = || output.iter().filter_map(|item| item["content"].as_array()).flatten();
    let text = parts().filter_map(|part| part["text"].as_str()).collect();
    let is_refusal = parts().any(|part| part["type"] == "refusal");
    let finish = match (body["status"].as_str(), body["incomplete_details"]["reason"].as_str()) {
        _ if is_refusal => Finish::Refused,
        (Some("incomplete"), Some("content_filter")) => Finish::Refused,
        (Some("incomplete"), _) => Finish::Truncated,
        (Some("completed") | None, _) => Finish::Done,
        _ => Finish::Other,
    };
    let usage = &body["usage"];
    let cached = usage["input_tokens_details"]["cached_tokens"].as_u64();
    Some(Reply {
        text,
        finish,
        usage: Usage { input: usage["input_tokens"].as_u64(), output: usage["output_tokens"].as_u64(), cached },
    })
}

fn messages(body: &Value) -> Option<Reply> {
    let text = text_of(body.get("content").filter(|content| content.is_array())?, "text");
    let finish = match body["stop_reason"].as_str() {
        Some("end_turn" | "stop_sequence") | None => Finish::Done,
        Some("max_tokens" | "model_context_window_exceeded") => Finish::Truncated,
        Some("refusal") => Finish::Refused,
        Some(_) => Finish::Other,
    };
    let usage = &body["usage"];
    // Anthropic counts tokens from and into the cache beside the others.
    let cached = usage["cache_read_input_tokens"].as_u64();
    let beside = cached.unwrap_or(0).saturating_add(usage["cache_creation_input_tokens"].as_u64().unwrap_or(0));
    let input = usage["input_tokens"].as_u64().map(|tokens| tokens.saturating_add(beside));
    Some(Reply { text, finish, usage: Usage { input, output: usage["output_tokens"].as_u64(), cached } })
}

/// Content that is a string, null, or a list of parts.
fn text_of(content: &Value, key: &str) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part[key].as_str()).collect(),
        _ => String::new(),
    }
}
