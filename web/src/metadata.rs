//! What a heartbeat's body becomes: one JSON object, at most its first 10,000 bytes, readable whatever was sent.

use crate::body::Head;
use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_TYPE, HeaderName, USER_AGENT};
use serde::Serialize;

/// Bytes of a body that are kept.
pub(crate) const KEPT_BYTES: usize = 10_000;
/// Longest header kept.
const HEADER_CHARS: usize = 200;
/// The longest UTF-8 sequence is 4 bytes: a cut leaves at most 3 of it.
const CUT_BYTES: usize = 3;

#[derive(Serialize)]
struct Metadata<'a> {
    body: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<String>,
    /// How long the body was, when not all of it is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    body_bytes: Option<usize>,
    #[serde(skip_serializing_if = "is_false")]
    not_utf8: bool,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// The JSON to keep beside a beat; none for a beat without a body.
pub(crate) fn of(req: &HttpRequest, head: &Head) -> Option<String> {
    if head.total == 0 {
        return None;
    }
    let is_cut = head.total > head.bytes.len();
    let (body, not_utf8) = readable(&head.bytes, is_cut);
    let header = |name: HeaderName| req.headers().get(name).map(|value| shown(value.as_bytes()));
    let metadata = Metadata {
        body: &body,
        content_type: header(CONTENT_TYPE),
        user_agent: header(USER_AGENT),
        body_bytes: is_cut.then_some(head.total),
        not_utf8,
    };
    serde_json::to_string(&metadata).ok()
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().filter(|c| !c.is_control()).take(HEADER_CHARS).collect()
}

/// The bytes as text without NUL, and whether they were no UTF-8; a character that only the cut broke is left out.
fn readable(bytes: &[u8], is_cut: bool) -> (String, bool) {
    let (text, not_utf8) = match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), false),
        Err(e) if is_cut && e.error_len().is_none() && bytes.len() - e.valid_up_to() <= CUT_BYTES => {
            (String::from_utf8_lossy(&bytes[..e.valid_up_to()]).into_owned(), false)
        }
        Err(_) => (String::from_utf8_lossy(bytes).into_owned(), true),
    };
    if text.contains('\0') { (text.replace('\0', "\u{fffd}"), not_utf8) } else { (text, not_utf8) }
}

/// What is kept with a call that asks for something for a time.
pub(crate) fn with_length(metadata: Option<String>, for_s: u32) -> String {
    let mut kept: serde_json::Value =
        metadata.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_else(|| serde_json::json!({}));
    kept["for_seconds"] = for_s.into();
    kept.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn kept(bytes: &[u8], total: usize) -> serde_json::Value {
        let req = TestRequest::default().insert_header((USER_AGENT, "curl/8")).to_http_request();
        let text = of(&req, &Head { bytes: bytes.to_vec(), total }).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_plain_beat_keeps_nothing() {
        let req = TestRequest::default().to_http_request();
        assert_eq!(of(&req, &Head::default()), None);
    }

    #[test]
    fn text_is_kept_as_it_is_with_who_sent_it() {
        assert_eq!(kept("grüße".as_bytes(), 7), serde_json::json!({"body": "grüße", "user_agent": "curl/8"}));
    }

    #[test]
    fn bytes_that_are_no_text_are_kept_readable_and_flagged() {
        assert_eq!(
            kept(b"a\xffb\0c", 5),
            serde_json::json!({"body": "a\u{fffd}b\u{fffd}c", "user_agent": "curl/8", "not_utf8": true})
        );
    }

    #[test]
    fn a_character_broken_by_the_cut_is_left_out_and_no_fault() {
        let bytes = "aä".as_bytes();
        assert_eq!(kept(&bytes[..2], 10_001), serde_json::json!({"body": "a", "user_agent": "curl/8", "body_bytes": 10_001}));
        assert_eq!(kept(&bytes[..2], 2)["not_utf8"], true);
    }
}
