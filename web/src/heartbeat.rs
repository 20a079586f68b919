//! Heartbeats in: the hot path. 200 is said only when the row is on disk; nothing is allocated that the answer does not need.
//!
//! Routes are prefixes without a pattern, served without middleware. The token is proved before a body is read.

use crate::body::{self, Bounds, Head};
use crate::error::ApiError;
use crate::state::WebState;
use crate::unread::Held;
use crate::{headers, metadata, query, source, time_text};
use actix_web::dev::{AppService, HttpServiceFactory, Payload, ResourceDef, ServiceRequest, ServiceResponse, fn_service};
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{Error, HttpRequest, HttpResponse, web};
use actors::db::Beat;
use actors::roster::HostEntry;
use domain::duration::Seconds;
use domain::host::HostId;
use domain::schedule::Schedule;
use domain::signal::Signal;
use domain::time::{Now, Wall};
use domain::watch::Watch;
use serde::Serialize;
use std::borrow::Cow;
use std::sync::Arc;
use store::seal::hash_token;
use utoipa::ToSchema;
use uuid::Uuid;

/// Where heartbeats go: the long form of the API and the short one.
const PREFIXES: [&str; 2] = ["/api/v1/heartbeat", "/heartbeat"];
const METHODS: &str = "GET, POST, HEAD";
/// Longest idempotency key.
const KEY_MAX_CHARS: usize = 128;
/// Longest silence a host can ask for, and longest time a run asks for at once, in seconds: 24 h.
const ASKED_MOST_S: u32 = 86_400;
/// An answer without its host id: two instants and the words between.
const ANSWER_BYTES: usize = 144;

/// The heartbeat routes.
pub(crate) struct Routes(pub(crate) web::Data<WebState>);

impl HttpServiceFactory for Routes {
    fn register(self, config: &mut AppService) {
        for prefix in PREFIXES {
            let state = self.0.clone();
            config.register_service(ResourceDef::prefix(prefix), None, fn_service(move |req| serve(state.clone(), req)), None);
        }
    }
}

/// What a heartbeat is answered.
#[derive(Serialize, ToSchema)]
pub struct HeartbeatAnswer {
    /// Always `ok`: the heartbeat is on disk.
    #[schema(example = "ok")]
    pub status: String,
    /// The host that was heard.
    #[schema(example = "web-01")]
    pub host_id: String,
    /// When the hub heard it.
    #[schema(example = "2026-11-23T08:00:00.000Z", format = DateTime)]
    pub received_at: String,
    /// By when the next one is expected; none while the host is paused.
    #[schema(required, example = "2026-11-23T08:05:00.000Z", format = DateTime)]
    pub next_expected_by: Option<String>,
}

async fn serve(state: web::Data<WebState>, req: ServiceRequest) -> Result<ServiceResponse, Error> {
    let (req, mut payload) = req.into_parts();
    let response = match hear(&state, &req, &mut payload).await {
        Ok(answer) => ok(answer),
        Err(e) => Held::new(payload).until_answered(e.response()),
    };
    Ok(ServiceResponse::new(req, response))
}

fn ok(answer: String) -> HttpResponse {
    let mut response = HttpResponse::with_body(StatusCode::OK, answer).map_into_boxed_body();
    let map = response.headers_mut();
    headers::api(map);
    map.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

async fn hear(state: &WebState, req: &HttpRequest, payload: &mut Payload) -> Result<String, ApiError> {
    if !matches!(*req.method(), Method::GET | Method::POST | Method::HEAD) {
        return Err(ApiError::method_not_allowed(METHODS));
    }
    if headers::uri_bytes(req.uri()) > state.limits.url_bytes {
        return Err(headers::url_too_long(state.limits.url_bytes));
    }
    if let Some(refused) = headers::headers_too_large(req.headers(), state.limits.header_bytes) {
        return Err(refused);
    }
    let (host_id, part) = target(req.match_info().unprocessed());
    let said = Said::of(req.query_string());
    let token = said.token.or_else(|| bearer(req).map(Cow::Borrowed)).unwrap_or_default();
    let entry = state.hub.prove(host_id, &token).ok_or_else(stranger)?;
    let signal = Signal::parse(part)?;
    let run_id = said.rid.map(|text| uuid("rid", &text)).transpose()?;
    let key = key(req, said.id)?;
    let for_s = if signal.has_length() { length(said.length)? } else { 0 };
    let metadata = match payload {
        Payload::None => None,
        _ => metadata::of(req, &read(state, req, payload).await?),
    };
    let metadata = if signal.has_length() { Some(metadata::with_length(metadata, for_s)) } else { metadata };
    let at = state.hub.now();
    let source_ip = source::ip(req, &state.trusted_proxies);
    let beat = Beat { entry: entry.clone(), at, signal, source_ip, metadata, key, run_id, for_s };
    let done = state.hub.db().beat(beat).await?;
    if signal == Signal::Snooze && !done.repeated {
        state.hub.snooze_host(entry.host_id.as_str(), at.wall.plus_ms(i64::from(for_s) * 1_000)).await?;
    }
    Ok(answer(&entry, signal, at))
}

async fn read(state: &WebState, req: &HttpRequest, payload: &mut Payload) -> Result<Head, ApiError> {
    let limits = &state.limits;
    let bounds =
        Bounds { most_bytes: limits.heartbeat_body_bytes, kept_bytes: metadata::KEPT_BYTES, wait_ms: limits.body_wait_ms };
    body::read(req, payload, bounds).await
}

/// One answer for every caller who is not known: unknown host, impossible id, no token, wrong token.
fn stranger() -> ApiError {
    ApiError::unauthorized("unknown host or wrong token")
}

/// Reads all that a heartbeat says without knowing who it is from; for the fuzzer.
pub(crate) fn read_all(req: &HttpRequest, rest: &str, text: &str) {
    let (said, (host_id, part)) = (Said::of(text), target(rest));
    let token = said.token.or_else(|| bearer(req).map(Cow::Borrowed)).unwrap_or_default();
    let rid = said.rid.map(|text| uuid("rid", &text));
    std::hint::black_box(length(said.length).is_ok());
    let key = key(req, said.id);
    assert!(key.as_ref().is_ok_and(|key| key.as_ref().is_none_or(|key| key.len() <= KEY_MAX_CHARS)) || key.is_err());
    std::hint::black_box((HostId::is_valid(host_id), Signal::parse(part).is_ok(), hash_token(&token), rid.is_some()));
}

/// Host id and signal in what follows the prefix: `/web-01/start`.
fn target(rest: &str) -> (&str, &str) {
    let rest = rest.strip_prefix('/').unwrap_or(rest);
    rest.split_once('/').unwrap_or((rest, ""))
}

/// The parameters of a heartbeat; others are nobody's business. The first of each counts.
#[derive(Default)]
struct Said<'a> {
    token: Option<Cow<'a, str>>,
    id: Option<Cow<'a, str>>,
    rid: Option<Cow<'a, str>>,
    length: Option<Cow<'a, str>>,
}

impl<'a> Said<'a> {
    fn of(text: &'a str) -> Said<'a> {
        let mut said = Said::default();
        for (name, value) in query::pairs(text) {
            match &*name {
                "token" if said.token.is_none() => said.token = Some(value),
                "id" if said.id.is_none() => said.id = Some(value),
                "rid" if said.rid.is_none() => said.rid = Some(value),
                "for" if said.length.is_none() => said.length = Some(value),
                _ => {}
            }
        }
        said
    }
}

fn bearer(req: &HttpRequest) -> Option<&str> {
    let (scheme, token) = req.headers().get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn uuid(field: &str, text: &str) -> Result<String, ApiError> {
    let wrong = |_| ApiError::field(field, "must be a UUID, for example 3b241101-e2bb-4255-8caf-4136c566a962");
    Ok(Uuid::try_parse(text).map_err(wrong)?.to_string())
}

/// How long a host asks for: `?for=20m`.
fn length(text: Option<Cow<'_, str>>) -> Result<u32, ApiError> {
    let text = text.ok_or_else(|| ApiError::field("for", "is missing: say for how long, for example ?for=20m"))?;
    Ok(Seconds::Text(text.into_owned()).within("for", 1..=ASKED_MOST_S)?)
}

/// What makes a retry count once: `?id=`, else the header.
fn key(req: &HttpRequest, id: Option<Cow<'_, str>>) -> Result<Option<String>, ApiError> {
    if let Some(id) = id {
        return uuid("id", &id).map(Some);
    }
    let Some(value) = req.headers().get("idempotency-key") else { return Ok(None) };
    let key =
        value.to_str().ok().filter(|key| (1..=KEY_MAX_CHARS).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic()));
    let fix =
        || ApiError::field("Idempotency-Key", format!("must be 1 to {KEY_MAX_CHARS} visible ASCII characters without spaces"));
    key.map(|key| Some(key.to_owned())).ok_or_else(fix)
}

fn answer(entry: &HostEntry, signal: Signal, at: Now) -> String {
    let mut text = String::with_capacity(ANSWER_BYTES + entry.host_id.as_str().len());
    text.push_str(r#"{"status":"ok","host_id":""#);
    text.push_str(entry.host_id.as_str()); // a HostId has nothing to escape
    text.push_str(r#"","received_at":""#);
    time_text::push(&mut text, at.wall);
    text.push_str(r#"","next_expected_by":"#);
    match next_expected_by(entry, signal, at) {
        Some(by) => {
            text.push('"');
            time_text::push(&mut text, by);
            text.push_str("\"}");
        }
        None => text.push_str("null}"),
    }
    text
}

fn next_expected_by(entry: &HostEntry, signal: Signal, at: Now) -> Option<Wall> {
    if entry.paused {
        return None;
    }
    if signal.is_life() && matches!(*entry.schedule, Schedule::Always) {
        return Some(at.wall.plus_ms(i64::from(entry.frequency_s) * 1_000));
    }
    let mut watch = Watch::new(entry.frequency_s, entry.grace_s, Arc::clone(&entry.schedule), at.steady);
    if let Some(seen) = entry.pulse.last_seen() {
        watch.judged_from = seen.min(at.steady);
        watch.last_seen = Some(seen);
    }
    watch.next_expected_by(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_is_an_id_and_perhaps_a_signal() {
        let cases = [
            ("/web-01", ("web-01", "")),
            ("/web-01/", ("web-01", "")),
            ("/web-01/start", ("web-01", "start")),
            ("", ("", "")),
            ("/", ("", "")),
        ];
        for (rest, expected) in cases {
            assert_eq!(target(rest), expected, "{rest}");
        }
        assert_eq!(target("/a/b/c"), ("a", "b/c"));
    }

    #[test]
    fn the_first_of_each_parameter_counts_and_others_are_ignored() {
        let said = Said::of("x=1&token=a%2Fb&token=c&rid=r&");
        assert_eq!((said.token.as_deref(), said.id.as_deref(), said.rid.as_deref()), (Some("a/b"), None, Some("r")));
    }

    #[test]
    fn a_uuid_is_written_one_way() {
        assert_eq!(uuid("id", "3B241101E2BB42558CAF4136C566A962").unwrap(), "3b241101-e2bb-4255-8caf-4136c566a962");
        assert!(uuid("id", "").is_err() && uuid("id", "3b24").is_err());
    }
}
