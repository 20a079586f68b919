//! Bodies, read within a size and a time: JSON for management, the head of anything for heartbeats, forms for the two pages.

use crate::error::ApiError;
use crate::query;
use crate::state::WebState;
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;

/// Longest text of a client repeated in an error.
const SHOWN_CHARS: usize = 200;

/// What was read of a body: at most `kept` bytes, and how long it was.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Head {
    pub(crate) bytes: Vec<u8>,
    pub(crate) total: usize,
}

/// How much of a body is read, kept and waited for.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) most_bytes: usize,
    pub(crate) kept_bytes: usize,
    pub(crate) wait_ms: u64,
}

/// Reads a body to its end and keeps its head.
///
/// # Errors
/// 413 above the limit, 408 when it takes too long, 400 when it ends too early or cannot be read.
pub(crate) async fn read(req: &HttpRequest, payload: &mut Payload, bounds: Bounds) -> Result<Head, ApiError> {
    let said: Option<usize> = req.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if said.is_some_and(|bytes| bytes > bounds.most_bytes) {
        return Err(ApiError::too_large(bounds.most_bytes));
    }
    let whole = tokio::time::timeout(Duration::from_millis(bounds.wait_ms), collect(payload, bounds));
    whole.await.unwrap_or_else(|_| Err(ApiError::timeout()))
}

async fn collect(payload: &mut Payload, bounds: Bounds) -> Result<Head, ApiError> {
    let mut head = Head::default();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk
            .map_err(|_| ApiError::new(StatusCode::BAD_REQUEST, "broken_body", "the body ended too early or is malformed"))?;
        head.total += chunk.len();
        if head.total > bounds.most_bytes {
            return Err(ApiError::too_large(bounds.most_bytes));
        }
        let room = bounds.kept_bytes.saturating_sub(head.bytes.len());
        head.bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    Ok(head)
}

/// A JSON body parsed into `T`; every mistake names its field. Also gives the keys as they were written.
pub(crate) struct Json<T> {
    pub(crate) value: T,
    keys: Vec<String>,
}

impl<T> Json<T> {
    /// Whether the client wrote this key.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.keys.iter().any(|known| known == key)
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Json<T>, ApiError>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (req, mut payload) = (req.clone(), payload.take());
        Box::pin(async move {
            if !is_type(&req, "application/json") {
                return Err(ApiError::not_json());
            }
            let head = read(&req, &mut payload, management_bounds(&req)).await?;
            parse(&head.bytes)
        })
    }
}

/// Like [`Json`], but a request without any body is an empty object.
pub(crate) struct MaybeJson<T>(pub(crate) T);

impl<T: DeserializeOwned + 'static> FromRequest for MaybeJson<T> {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<MaybeJson<T>, ApiError>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (req, mut payload) = (req.clone(), payload.take());
        Box::pin(async move {
            let head = read(&req, &mut payload, management_bounds(&req)).await?;
            if head.total == 0 {
                return parse(b"{}").map(|json| MaybeJson(json.value));
            }
            if !is_type(&req, "application/json") {
                return Err(ApiError::not_json());
            }
            parse(&head.bytes).map(|json| MaybeJson(json.value))
        })
    }
}

/// The fields of a form.
pub struct Form(Vec<(String, String)>);

impl Form {
    /// The first field of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl FromRequest for Form {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Form, ApiError>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (req, mut payload) = (req.clone(), payload.take());
        Box::pin(async move {
            let head = read(&req, &mut payload, management_bounds(&req)).await?;
            let text = String::from_utf8(head.bytes).map_err(|_| ApiError::field("body", "must be a form in UTF-8"))?;
            Ok(Form(query::pairs(&text).map(|(name, value)| (name.into_owned(), value.into_owned())).collect()))
        })
    }
}

fn management_bounds(req: &HttpRequest) -> Bounds {
    let limits = req.app_data::<web::Data<WebState>>().map_or_else(Default::default, |state| state.limits);
    Bounds { most_bytes: limits.json_body_bytes, kept_bytes: limits.json_body_bytes, wait_ms: limits.body_wait_ms }
}

fn is_type(req: &HttpRequest, wanted: &str) -> bool {
    let kind = req.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(wanted)
}

pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<Json<T>, ApiError> {
    let text = std::str::from_utf8(bytes).map_err(|_| ApiError::field("body", "must be JSON in UTF-8"))?;
    let whole: Value = serde_json::from_str(text).map_err(|e| ApiError::field("body", format!("is not valid JSON: {e}")))?;
    let Value::Object(object) = &whole else {
        return Err(ApiError::field("body", "must be a JSON object: { … }"));
    };
    let keys = object.keys().cloned().collect();
    // From the text again, not from the value: a key written twice is told.
    let value = serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(text)).map_err(|e| wrong(&e))?;
    Ok(Json { value, keys })
}

/// serde's words, with the place it happened and without the position in the text.
fn wrong(e: &serde_path_to_error::Error<serde_json::Error>) -> ApiError {
    let text = e.inner().to_string();
    let message = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message);
    let quoted = |start: &str| message.strip_prefix(start).and_then(|rest| rest.split('`').next());
    let path = e.path().to_string();
    let parent = || path.rsplit_once('.').map(|(parent, _)| format!("{parent}.")).unwrap_or_default();
    let field = match quoted("unknown field `").or(quoted("missing field `")).or(quoted("duplicate field `")) {
        Some(name) if path == "." || path == "?" => name.to_owned(),
        Some(name) if path.ends_with(']') => format!("{path}.{name}"),
        Some(name) => format!("{}{name}", parent()),
        None if path == "." => "body".to_owned(),
        None => path,
    };
    let message = message.replacen("unknown field", "is not known here: unknown field", 1).replacen(
        "missing field",
        "is missing: field",
        1,
    );
    let cut = |text: &str| -> String { text.chars().filter(|c| !c.is_control()).take(SHOWN_CHARS).collect() };
    ApiError::field(cut(&field), cut(&message))
}

/// Free text of a client: trimmed, not empty, no control characters, no longer than `most` characters.
///
/// # Errors
/// 422 naming `field`.
pub(crate) fn plain_text(field: &str, text: &str, most: usize) -> Result<String, ApiError> {
    let text = text.trim();
    let chars = text.chars().count();
    if !(1..=most).contains(&chars) || text.chars().any(char::is_control) {
        return Err(ApiError::field(
            field,
            format!("must have 1 to {most} characters and no control characters such as NUL or line breaks"),
        ));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only parsed")]
    struct Outer {
        name: String,
        inner: Option<Vec<Inner>>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only parsed")]
    struct Inner {
        url: String,
    }

    fn field(text: &str) -> String {
        let Err(error) = parse::<Outer>(text.as_bytes()) else { return "none".into() };
        let body = format!("{error:?}");
        body.split("field: \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default().to_owned()
    }

    #[test]
    fn every_mistake_names_its_field() {
        let cases = [
            (r#"{"name":"x"}"#, "none"),
            (r#"{"name":7}"#, "name"),
            (r#"{}"#, "name"),
            (r#"{"name":"x","nmae":"y"}"#, "nmae"),
            (r#"{"name":"x","name":"y"}"#, "name"),
            (r#"{"name":"x","inner":[{"url":1}]}"#, "inner[0].url"),
            (r#"{"name":"x","inner":[{}]}"#, "inner[0].url"),
            (r#"{"name":"x","inner":[{"url":"u","extra":1}]}"#, "inner[0].extra"),
            (r#"{"name":"x","inner":{}}"#, "inner"),
            ("[]", "body"),
            ("", "body"),
            ("{", "body"),
            ("nul", "body"),
        ];
        for (text, expected) in cases {
            assert_eq!(field(text), expected, "{text}");
        }
        assert!(parse::<Outer>(b"{\"name\":\"\xff\"}").is_err());
    }

    #[test]
    fn a_deep_nest_is_an_error_not_a_stack_overflow() {
        assert_eq!(field(&"[".repeat(100_000)), "body");
    }

    #[test]
    fn plain_text_has_its_limits() {
        assert!(plain_text("note", &"ä".repeat(10), 10).is_ok());
        for wrong in ["", "  ", "a\0b", "a\nb", &"ä".repeat(11)] {
            assert!(plain_text("note", wrong, 10).is_err(), "{wrong:?}");
        }
    }
}
