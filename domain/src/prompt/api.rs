//! The three ways servers want to be asked, and the ladder from a strict schema down to words alone.

use super::{Role, Turn, schema};
use crate::field::FieldError;
use serde_json::{Map, Value, json};
use std::str::FromStr;

/// A family of servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ApiStyle {
    /// `/v1/chat/completions`, and everything that imitates it.
    OpenaiChat,
    /// `/v1/responses`.
    OpenaiResponses,
    /// `/v1/messages`.
    AnthropicMessages,
}

impl ApiStyle {
    /// The word `LLM_API_STYLE` uses.
    pub fn as_str(self) -> &'static str {
        match self {
            ApiStyle::OpenaiChat => "openai-chat",
            ApiStyle::OpenaiResponses => "openai-responses",
            ApiStyle::AnthropicMessages => "anthropic-messages",
        }
    }

    /// The style a URL most likely speaks; most servers imitate OpenAI's chat.
    ///
    /// ```
    /// use domain::prompt::ApiStyle;
    /// assert_eq!(ApiStyle::guess("https://api.anthropic.com/v1/messages"), ApiStyle::AnthropicMessages);
    /// assert_eq!(ApiStyle::guess("http://10.0.0.2:8080/v1/responses?x=1"), ApiStyle::OpenaiResponses);
    /// assert_eq!(ApiStyle::guess("https://llm.example.org/v1/chat"), ApiStyle::OpenaiChat);
    /// ```
    pub fn guess(url: &str) -> ApiStyle {
        let path = url.split(['?', '#']).next().unwrap_or("").trim_end_matches('/').to_ascii_lowercase();
        match path.rsplit('/').next() {
            Some("messages") => ApiStyle::AnthropicMessages,
            Some("responses") => ApiStyle::OpenaiResponses,
            _ => ApiStyle::OpenaiChat,
        }
    }

    /// Header names and values that carry `key` to the server.
    pub fn auth_headers(self, key: &str) -> Vec<(&'static str, String)> {
        match self {
            ApiStyle::AnthropicMessages => vec![("x-api-key", key.to_owned()), ("anthropic-version", "2023-06-01".to_owned())],
            _ => vec![("authorization", format!("Bearer {key}"))],
        }
    }
}

impl FromStr for ApiStyle {
    type Err = FieldError;

    fn from_str(word: &str) -> Result<ApiStyle, FieldError> {
        let styles = [ApiStyle::OpenaiChat, ApiStyle::OpenaiResponses, ApiStyle::AnthropicMessages];
        styles.into_iter().find(|style| style.as_str() == word).ok_or_else(|| {
            FieldError::new(
                "LLM_API_STYLE",
                "must be openai-chat, openai-responses or anthropic-messages, or left out to be guessed from the URL",
            )
        })
    }
}

/// How strictly the answer's shape is asked for; a server that refuses one is asked for the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// The JSON schema, enforced.
    Schema,
    /// Any JSON object.
    Object,
    /// Only the words of the system text.
    Words,
}

/// The name of the limit on the answer's length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenKey {
    /// `max_tokens`: what every imitation understands.
    MaxTokens,
    /// `max_completion_tokens`: what OpenAI's newer models want.
    MaxCompletionTokens,
}

/// What one endpoint understands; remembered per endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Dialect {
    /// Family.
    pub style: ApiStyle,
    /// Step of the ladder.
    pub form: Form,
    /// Name of the length limit; only chat has two.
    pub token_key: TokenKey,
}

impl Dialect {
    /// The strictest of `style`.
    pub fn new(style: ApiStyle) -> Dialect {
        Dialect { style, form: Form::Schema, token_key: TokenKey::MaxTokens }
    }

    /// What to try after the server answered 400 with `message`, if it complains of something there is another way for.
    ///
    /// ```
    /// use domain::prompt::{ApiStyle, Dialect, Form};
    /// let first = Dialect::new(ApiStyle::OpenaiChat);
    /// let second = first.simpler("'response_format.type' json_schema is not supported").unwrap();
    /// assert_eq!(second.form, Form::Object);
    /// assert_eq!(second.simpler("context too long"), None);
    /// ```
    pub fn simpler(self, message: &str) -> Option<Dialect> {
        let message = message.to_ascii_lowercase();
        let is_chat = self.style == ApiStyle::OpenaiChat;
        if is_chat && self.token_key == TokenKey::MaxTokens && message.contains("max_completion_tokens") {
            return Some(Dialect { token_key: TokenKey::MaxCompletionTokens, ..self });
        }
        let names = [
            "response_format",
            "json_schema",
            "json_object",
            "text.format",
            "output_config",
            "output_format",
            "structured output",
            "schema",
        ];
        if !names.iter().any(|name| message.contains(name)) {
            return None;
        }
        let form = match (self.form, self.style) {
            (Form::Schema, ApiStyle::AnthropicMessages) | (Form::Object, _) => Form::Words,
            (Form::Schema, _) => Form::Object,
            (Form::Words, _) => return None,
        };
        Some(Dialect { form, ..self })
    }

    /// The body of a request to `model` for at most `max_tokens` of answer.
    pub fn body(self, model: &str, turns: &[Turn], max_tokens: u32) -> Value {
        match self.style {
            ApiStyle::OpenaiChat => self.chat(model, turns, max_tokens),
            ApiStyle::OpenaiResponses => self.responses(model, turns, max_tokens),
            ApiStyle::AnthropicMessages => self.messages(model, turns, max_tokens),
        }
    }

    fn chat(self, model: &str, turns: &[Turn], max_tokens: u32) -> Value {
        let mut body = json!({"model": model, "messages": spoken(turns, true), "stream": false});
        let token_key = match self.token_key {
            TokenKey::MaxTokens => "max_tokens",
            TokenKey::MaxCompletionTokens => "max_completion_tokens",
        };
        body[token_key] = json!(max_tokens);
        match self.form {
            Form::Schema => {
                let named = json!({"name": "findings", "strict": true, "schema": schema()});
                body["response_format"] = json!({"type": "json_schema", "json_schema": named});
            }
            Form::Object => body["response_format"] = json!({"type": "json_object"}),
            Form::Words => {}
        }
        body
    }

    fn responses(self, model: &str, turns: &[Turn], max_tokens: u32) -> Value {
        let mut body = json!({
            "model": model, "instructions": system_of(turns), "input": spoken(turns, false),
            "max_output_tokens": max_tokens, "stream": false, "store": false,
        });
        match self.form {
            Form::Schema => {
                body["text"] = json!({"format": {"type": "json_schema", "name": "findings", "strict": true, "schema": schema()}})
            }
            Form::Object => body["text"] = json!({"format": {"type": "json_object"}}),
            Form::Words => {}
        }
        body
    }

    fn messages(self, model: &str, turns: &[Turn], max_tokens: u32) -> Value {
        let mut body = json!({
            "model": model, "system": system_of(turns), "messages": spoken(turns, false), "max_tokens": max_tokens, "stream": false,
        });
        if self.form == Form::Schema {
            body["output_config"] = json!({"format": {"type": "json_schema", "schema": schema()}});
        }
        body
    }
}

fn system_of(turns: &[Turn]) -> String {
    turns.iter().filter(|turn| turn.role == Role::System).map(|turn| turn.text.as_str()).collect::<Vec<_>>().join("\n\n")
}

fn spoken(turns: &[Turn], with_system: bool) -> Vec<Value> {
    let role = |role| match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    };
    let wanted = turns.iter().filter(|turn| with_system || turn.role != Role::System);
    wanted
        .map(|turn| {
            let pair = [("role".to_owned(), json!(role(turn.role))), ("content".to_owned(), json!(turn.text))];
            Value::Object(Map::from_iter(pair))
        })
        .collect()
}
