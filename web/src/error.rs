//! The one shape of an error: `{"error":{"code","message","field"}}`, with `fields` when several are wrong. No internals in it.

use crate::headers;
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use actors::db::DbError;
use actors::hub::HubError;
use actors::settings::SettingsError;
use domain::field::FieldError;
use serde::Serialize;
use std::borrow::Cow;
use std::fmt;
use store::StoreError;
use utoipa::ToSchema;

/// Longest wait a 503 asks for, in seconds; the shortest is 1. Spread, so that clients do not come back together.
const RETRY_MOST_S: u8 = 5;

/// An error on its way to a client.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: Cow<'static, str>,
    fields: Vec<FieldError>,
    retry_after_s: Option<u32>,
    allow: Option<&'static str>,
}

/// What every error answer looks like.
#[derive(Serialize, ToSchema)]
pub struct ErrorBody<'a> {
    /// The error.
    pub error: ErrorDetail<'a>,
}

/// One error: for programs, for people, and where it is.
#[derive(Serialize, ToSchema)]
pub struct ErrorDetail<'a> {
    /// A word for programs.
    #[schema(example = "invalid")]
    pub code: &'a str,
    /// What is wrong and what would be right, for people.
    #[schema(example = "must be between 1s and 366d, for example 5m")]
    pub message: &'a str,
    /// The field at fault, if one is.
    #[schema(required, example = "expected_frequency_seconds")]
    pub field: Option<&'a str>,
    /// Every field at fault, when there are several.
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    #[schema(value_type = Option<Vec<FieldFault>>)]
    pub fields: &'a [FieldError],
}

/// One of several fields at fault.
#[derive(Serialize, ToSchema)]
pub struct FieldFault {
    /// The field, a path where it is nested.
    pub field: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl ApiError {
    /// An error of this kind.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> ApiError {
        ApiError { status, code, message: message.into(), fields: Vec::new(), retry_after_s: None, allow: None }
    }

    /// 401.
    pub fn unauthorized(message: &'static str) -> ApiError {
        ApiError::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
    }

    /// 403: known, but not allowed.
    pub fn forbidden(message: &'static str) -> ApiError {
        ApiError::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    /// 404.
    pub fn not_found(what: &str) -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, "not_found", format!("there is no such {what}"))
    }

    /// 405, with what would be allowed.
    pub fn method_not_allowed(allow: &'static str) -> ApiError {
        let message = format!("this address answers {allow} only");
        ApiError { allow: Some(allow), ..ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message) }
    }

    /// 408.
    pub fn timeout() -> ApiError {
        ApiError::new(StatusCode::REQUEST_TIMEOUT, "timeout", "the body did not arrive in time: send it faster, or less of it")
    }

    /// 409: the thing is in a state that does not allow this.
    pub fn conflict(message: impl Into<Cow<'static, str>>) -> ApiError {
        ApiError::new(StatusCode::CONFLICT, "conflict", message)
    }

    /// 413.
    pub fn too_large(limit: usize) -> ApiError {
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", format!("the body may have at most {limit} bytes"))
    }

    /// 415.
    pub fn not_json() -> ApiError {
        let message = "the body must be JSON: send the header Content-Type: application/json";
        ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message)
    }

    /// 422, naming one field.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> ApiError {
        ApiError::from(FieldError::new(field, message))
    }

    /// 429: too many wrong guesses.
    pub fn slow_down(retry_after_s: u32) -> ApiError {
        let message = "too many wrong keys from this address: wait before trying again";
        ApiError { retry_after_s: Some(retry_after_s), ..ApiError::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", message) }
    }

    /// 503 with a jittered wait.
    pub fn unavailable(code: &'static str, message: &'static str) -> ApiError {
        ApiError { retry_after_s: Some(jitter_s()), ..ApiError::new(StatusCode::SERVICE_UNAVAILABLE, code, message) }
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The word for programs.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The fields at fault.
    pub(crate) fn fields(&self) -> &[FieldError] {
        &self.fields
    }

    /// The same error, its fields called what the client called them.
    pub(crate) fn renamed(mut self, from: &str, to: &str) -> ApiError {
        for error in &mut self.fields {
            if error.field == from {
                to.clone_into(&mut error.field);
            }
        }
        self
    }

    fn body(&self) -> String {
        let several = if self.fields.len() > 1 { &self.fields[..] } else { &[] };
        let field = self.fields.first().map(|e| e.field.as_str());
        let detail = ErrorDetail { code: self.code, message: &self.message, field, fields: several };
        serde_json::to_string(&ErrorBody { error: detail }).expect("text serialises")
    }

    /// The answer, with the headers every answer has.
    pub fn response(&self) -> HttpResponse {
        let mut response = HttpResponse::with_body(self.status, self.body()).map_into_boxed_body();
        let map = response.headers_mut();
        headers::api(map);
        map.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(seconds) = self.retry_after_s {
            map.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(allow) = self.allow {
            map.insert(ALLOW, HeaderValue::from_static(allow));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            map.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

fn jitter_s() -> u32 {
    let mut byte = [0];
    // Without randomness everybody comes back after the same second; no reason to fail.
    let _ = getrandom::fill(&mut byte);
    u32::from(1 + byte[0] % RETRY_MOST_S)
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ApiError {}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        self.response()
    }
}

impl From<FieldError> for ApiError {
    fn from(e: FieldError) -> ApiError {
        ApiError::from(vec![e])
    }
}

impl From<Vec<FieldError>> for ApiError {
    fn from(fields: Vec<FieldError>) -> ApiError {
        let message = fields.first().map_or_else(String::new, |first| first.message.clone());
        ApiError { fields, ..ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", message) }
    }
}

impl From<HubError> for ApiError {
    fn from(e: HubError) -> ApiError {
        match e {
            HubError::Fields(fields) => fields.into(),
            HubError::Taken(field) => taken(field),
            HubError::NotFound(what) => ApiError::not_found(what),
            HubError::Over => ApiError::conflict("this alert has ended: there is nothing left to acknowledge or silence"),
            HubError::NotNow(why) => ApiError::conflict(why),
            HubError::Db(e) => e.into(),
        }
    }
}

impl From<SettingsError> for ApiError {
    fn from(e: SettingsError) -> ApiError {
        match e {
            SettingsError::Fields(fields) => fields.into(),
            SettingsError::NoRevision => ApiError::not_found("revision"),
            SettingsError::Db(e) => e.into(),
        }
    }
}

impl From<DbError> for ApiError {
    fn from(e: DbError) -> ApiError {
        match e {
            DbError::Overloaded(_) => ApiError::unavailable("overloaded", "the hub is at its limit: try again"),
            DbError::DiskFull => disk_full(),
            DbError::NotDone(_) => ApiError::unavailable("not_stored", "this was not stored: try again"),
            DbError::Unknown(_) => ApiError::unavailable("unknown_outcome", "it is unknown whether this was stored: try again"),
            DbError::Stopping => ApiError::unavailable("stopping", "the hub is stopping: try again"),
            DbError::Store(e) => from_store(&e),
        }
    }
}

fn from_store(e: &StoreError) -> ApiError {
    match e {
        StoreError::Taken { field, message } => taken(FieldError::new(field.clone(), message.clone())),
        StoreError::Refused { field, message } => ApiError::field(field.clone(), message.clone()),
        StoreError::NotFound => ApiError::not_found("thing"),
        StoreError::Full => disk_full(),
        StoreError::ReadOnly => ApiError::unavailable("read_only", "the database is read-only: nothing can be changed"),
        StoreError::Busy(_) => ApiError::unavailable("busy", "the store is busy: try again"),
        other => {
            log::error!("web: the store failed: {other}");
            ApiError::unavailable("store_failed", "the store failed: see the hub's log")
        }
    }
}

/// The error, its "not found" naming what was looked for.
pub(crate) fn named(e: DbError, what: &'static str) -> ApiError {
    match &e {
        DbError::Store(inner) if **inner == StoreError::NotFound => ApiError::not_found(what),
        _ => e.into(),
    }
}

fn disk_full() -> ApiError {
    ApiError::unavailable("disk_full", "nothing can be stored: the hub's disk is full")
}

fn taken(field: FieldError) -> ApiError {
    let message = field.message.clone();
    ApiError { fields: vec![field], ..ApiError::new(StatusCode::CONFLICT, "taken", message) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wrong_field_is_named_and_several_are_listed() {
        let one = ApiError::field("name", "is missing").body();
        assert_eq!(one, r#"{"error":{"code":"invalid","message":"is missing","field":"name"}}"#);
        let two = ApiError::from(vec![FieldError::new("a", "x"), FieldError::new("b", "y")]).body();
        assert_eq!(
            two,
            r#"{"error":{"code":"invalid","message":"x","field":"a","fields":[{"field":"a","message":"x"},{"field":"b","message":"y"}]}}"#
        );
    }

    #[test]
    fn every_failure_of_the_store_is_a_503_that_says_when_to_come_again_and_nothing_of_the_inside() {
        let inside = || "/var/lib/secret.sqlite line 7".to_owned();
        let failures = [
            (DbError::NotDone(inside()), "not_stored"),
            (DbError::DiskFull, "disk_full"),
            (DbError::Unknown(inside()), "unknown_outcome"),
            (DbError::Overloaded(actors::gate::Full), "overloaded"),
            (DbError::Stopping, "stopping"),
            (StoreError::Full.into(), "disk_full"),
            (StoreError::ReadOnly.into(), "read_only"),
            (StoreError::Busy(inside()).into(), "busy"),
            (StoreError::Io(inside()).into(), "store_failed"),
            (StoreError::Corrupt(inside()).into(), "store_failed"),
            (StoreError::Other(inside()).into(), "store_failed"),
        ];
        for (failure, code) in failures {
            let error = ApiError::from(failure);
            assert_eq!((error.status(), error.code()), (StatusCode::SERVICE_UNAVAILABLE, code));
            assert!((1..=5).contains(&error.retry_after_s.unwrap()), "{code}");
            assert!(!error.body().contains("secret"), "{code}");
        }
    }
}
