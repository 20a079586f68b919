//! Doors for the fuzzer: what strangers send, through the functions that read it. Nothing else calls them.

use crate::body::{self, Head};
use crate::{auth, heartbeat, metadata, source};
use actix_web::HttpRequest;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::test::TestRequest;
use domain::host::HostDraft;

/// A request as it came: what follows the prefix, its query, its headers, its body.
#[derive(Clone, Copy, Debug)]
pub struct Raw<'a> {
    /// What follows `/heartbeat`.
    pub rest: &'a str,
    /// What follows `?`.
    pub query: &'a str,
    /// Names and values; those that HTTP itself refuses are left out.
    pub headers: &'a [(&'a [u8], &'a [u8])],
    /// The body.
    pub body: &'a [u8],
}

/// A heartbeat up to the door of the store. Answers what would be kept beside it.
pub fn heartbeat(raw: Raw<'_>) -> Option<String> {
    let req = request(&raw);
    heartbeat::read_all(&req, raw.rest, raw.query);
    source::ip(&req, &["0.0.0.0/0".parse().expect("a network"), "::/0".parse().expect("a network")]);
    let head = Head { bytes: raw.body[..raw.body.len().min(metadata::KEPT_BYTES)].to_vec(), total: raw.body.len() };
    metadata::of(&req, &head)
}

/// The management key that a request carries.
pub fn key(raw: Raw<'_>) -> Option<String> {
    auth::presented(&request(&raw)).map(str::to_owned)
}

/// The draft of a host in a management request, or what is wrong with it.
///
/// # Errors
/// The text of the answer.
pub fn host_draft(body: &[u8]) -> Result<HostDraft, String> {
    body::parse::<HostDraft>(body).map(|json| json.value).map_err(|e| format!("{e}: {:?}", e.response().status()))
}

fn request(raw: &Raw<'_>) -> HttpRequest {
    let mut request = TestRequest::default();
    for (name, value) in raw.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            request = request.append_header((name, value));
        }
    }
    request.to_http_request()
}
