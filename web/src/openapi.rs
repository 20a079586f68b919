//! The description of the API for programs: every route, shape, error and way to prove who one is.

use crate::error::{ErrorBody, ErrorDetail, FieldFault};
use crate::heartbeat::HeartbeatAnswer;
use crate::{
    ack, alerts, analyses, events, health, hosts, internet, keys, pages, settings, setup, ssh_keys, supervision, syslog, users,
};
use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use std::sync::LazyLock;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{Modify, OpenApi};

#[derive(OpenApi)]
#[openapi(
    info(title = "Pulsewarden", description = "Machines ping the hub; it tells people when one goes quiet."),
    paths(
        heartbeat, heartbeat_signal, short_heartbeat, short_heartbeat_signal,
        hosts::list, hosts::create, hosts::get, hosts::update, hosts::remove, hosts::pause, hosts::resume, hosts::rotate_token,
        hosts::heartbeats, hosts::events, hosts::explain, hosts::uptime,
        ssh_keys::get, ssh_keys::accept, ssh_keys::forget, syslog::strangers, syslog::get, syslog::set,
        alerts::list, alerts::get, alerts::acknowledge, alerts::silence,
        analyses::analyze, analyses::list, analyses::get, analyses::findings, analyses::ledger,
        events::show,
        users::list, users::create, users::update, users::remove,
        keys::list, keys::create, keys::revoke,
        settings::get_webhook, settings::set_webhook, settings::test_webhook, settings::get_upstream, settings::set_upstream,
        settings::all, settings::revisions, settings::undo,
        supervision::show, internet::show, internet::csv,
        health::health, document, setup::show, setup::make, ack::show, ack::acknowledge,
        pages::dashboard::root, pages::dashboard::show, pages::dashboard::show_api, pages::host_form::add, pages::host_form::create,
        pages::host_form::edit, pages::host_form::update, pages::host::show, pages::host_do::pause, pages::host_do::resume,
        pages::host_do::silence, pages::host_do::ask_rotate, pages::host_do::rotate_token, pages::host_do::ask_remove,
        pages::host_do::remove, pages::host_do::analyze, pages::host_intake::accept, pages::host_intake::forget,
        pages::host_intake::bind, pages::alerts::show, pages::alert::show, pages::alert::acknowledge, pages::alert::silence,
        pages::findings::show, pages::findings::ledger, pages::internet::show,
        pages::deliveries::show, pages::supervision::show, pages::config::show, pages::config_do::set_webhook,
        pages::config_do::remove_webhook, pages::config_do::test_webhook, pages::config_do::set_upstream, pages::config_do::set_public,
        pages::config_do::undo, pages::status::show, pages::status::badge,
        pages::sign_in::show, pages::sign_in::enter, pages::sign_in::leave, pages::account::show, pages::account::set_password,
        pages::account::end_others, pages::users::show, pages::users::add, pages::users::set_role, pages::users::set_password,
        pages::users::remove, pages::keys::show, pages::keys::make, pages::keys::revoke,
    ),
    components(schemas(ErrorBody, ErrorDetail, FieldFault)),
    security(("bearer" = []), ("api_key" = [])),
    modifiers(&Schemes, &Errors, &Ids),
)]
struct Api;

/// How a client proves who it is.
struct Schemes;

impl Modify for Schemes {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_with(Default::default);
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("A management key")).build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        components.add_security_scheme("api_key", SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-API-Key"))));
        let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("The token of the host")).build();
        components.add_security_scheme("host_token", SecurityScheme::Http(token));
        let token = ApiKeyValue::with_description("token", "The token of the host");
        components.add_security_scheme("host_token_query", SecurityScheme::ApiKey(ApiKey::Query(token)));
    }
}

/// The errors any route may answer, in their one shape.
struct Errors;

/// Errors of every management route.
const ERRORS: [(&str, &str); 12] = [
    ("400", "The body ended too early or is malformed"),
    ("401", "No key, or a wrong one"),
    ("403", "The key may only read"),
    ("404", "There is no such thing"),
    ("408", "The body did not arrive in time"),
    ("409", "Taken, or in a state that does not allow this"),
    ("413", "The body is too large"),
    ("414", "The address is too long"),
    ("415", "The body is no JSON"),
    ("422", "Wrong fields, each with its fix"),
    ("429", "Too many wrong keys from this address"),
    ("503", "Not done: try again after Retry-After seconds"),
];

impl Modify for Errors {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        for item in openapi.paths.paths.values_mut() {
            for operation in operations(item) {
                for (status, description) in ERRORS {
                    let known = operation.responses.responses.entry(status.to_owned());
                    known.or_insert_with(|| RefOr::T(error(description)));
                }
            }
        }
    }
}

/// One description of several methods gives them one id, and ids must be unique.
struct Ids;

impl Modify for Ids {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        for item in openapi.paths.paths.values_mut().filter(|item| item.head.is_some()) {
            for (operation, method) in [(&mut item.post, "post"), (&mut item.head, "head")] {
                if let Some(id) = operation.as_mut().and_then(|operation| operation.operation_id.as_mut()) {
                    *id = format!("{id}_{method}");
                }
            }
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, head, patch, .. } = item;
    [get, put, post, delete, head, patch].into_iter().filter_map(Option::as_mut)
}

fn error(description: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("ErrorBody"))).build();
    ResponseBuilder::new().description(description).content("application/json", content).build()
}

static DOCUMENT: LazyLock<String> =
    LazyLock::new(|| Api::openapi().to_pretty_json().expect("a description made of text serialises"));

/// The description as JSON.
pub fn openapi_json() -> String {
    DOCUMENT.clone()
}

/// This description.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "hub", operation_id = "openapi", security(()),
    responses((status = 200, body = Object, description = "OpenAPI 3.1")))]
pub(crate) async fn document() -> HttpResponse {
    let mut response = HttpResponse::Ok().body(DOCUMENT.as_str());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A machine lives. Answered only when the heartbeat is on disk; of a body the first 10,000 bytes are kept.
#[utoipa::path(method(get, post, head), path = "/api/v1/heartbeat/{host_id}", tag = "heartbeats", operation_id = "heartbeat",
    security(("host_token_query" = []), ("host_token" = [])),
    params(
        ("host_id" = String, Path, description = "Public id of the host", example = "web-01"),
        ("id" = Option<String>, Query, description = "A UUID that makes a retry count once", format = "uuid"),
        ("rid" = Option<String>, Query, description = "A UUID that pairs a start with its finish", format = "uuid"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a retry count once: at most 128 visible characters"),
    ),
    responses((status = 200, body = HeartbeatAnswer)))]
#[allow(dead_code, reason = "described here, served by heartbeat.rs without a handler of its own")]
fn heartbeat() {}

/// A machine says more: `start`, `fail`, `log`, the exit code of its job, or that it wants silence or more time.
#[utoipa::path(method(get, post, head), path = "/api/v1/heartbeat/{host_id}/{signal}", tag = "heartbeats", operation_id = "heartbeat_signal",
    security(("host_token_query" = []), ("host_token" = [])),
    params(
        ("host_id" = String, Path, description = "Public id of the host", example = "web-01"),
        ("signal" = String, Path, description = "`start`, `fail`, `log`, `snooze`, `extend` or an exit code from 0 to 255", example = "start"),
        ("for" = Option<String>, Query, description = "How long `snooze` and `extend` ask for, at most 24 h", example = "20m"),
        ("id" = Option<String>, Query, description = "A UUID that makes a retry count once", format = "uuid"),
        ("rid" = Option<String>, Query, description = "A UUID that pairs a start with its finish", format = "uuid"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a retry count once: at most 128 visible characters"),
    ),
    responses((status = 200, body = HeartbeatAnswer)))]
#[allow(dead_code, reason = "described here, served by heartbeat.rs without a handler of its own")]
fn heartbeat_signal() {}

/// The short form of a heartbeat.
#[utoipa::path(method(get, post, head), path = "/heartbeat/{host_id}", tag = "heartbeats", operation_id = "short_heartbeat",
    security(("host_token_query" = []), ("host_token" = [])),
    params(
        ("host_id" = String, Path, description = "Public id of the host", example = "web-01"),
        ("id" = Option<String>, Query, description = "A UUID that makes a retry count once", format = "uuid"),
        ("rid" = Option<String>, Query, description = "A UUID that pairs a start with its finish", format = "uuid"),
    ),
    responses((status = 200, body = HeartbeatAnswer)))]
#[allow(dead_code, reason = "described here, served by heartbeat.rs without a handler of its own")]
fn short_heartbeat() {}

/// The short form of a signal.
#[utoipa::path(method(get, post, head), path = "/heartbeat/{host_id}/{signal}", tag = "heartbeats", operation_id = "short_heartbeat_signal",
    security(("host_token_query" = []), ("host_token" = [])),
    params(
        ("host_id" = String, Path, description = "Public id of the host", example = "web-01"),
        ("signal" = String, Path, description = "`start`, `fail`, `log`, `snooze`, `extend` or an exit code from 0 to 255", example = "start"),
        ("for" = Option<String>, Query, description = "How long `snooze` and `extend` ask for, at most 24 h", example = "20m"),
        ("id" = Option<String>, Query, description = "A UUID that makes a retry count once", format = "uuid"),
        ("rid" = Option<String>, Query, description = "A UUID that pairs a start with its finish", format = "uuid"),
    ),
    responses((status = 200, body = HeartbeatAnswer)))]
#[allow(dead_code, reason = "described here, served by heartbeat.rs without a handler of its own")]
fn short_heartbeat_signal() {}
