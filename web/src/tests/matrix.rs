//! Who may do what: every documented route by every identity, and what every answer has on it.

use super::page_routes::PAGES;
use crate::openapi_json;
use crate::testing::{Bed, ENV_KEY, from};
use actix_web::http::{Method, StatusCode};
use serde_json::Value;
use store::users::Role;

/// Who asks.
const IDENTITIES: [&str; 10] = [
    "nobody",
    "wrong",
    "reader",
    "writer",
    "operator",
    "environment",
    "viewer",
    "admin",
    "admin without proof",
    "admin led by another site",
];

/// What a route is open to: its method and path as documented, and the least it needs.
const ROUTES: [(&str, &str, Need); 63] = [
    ("get", "/api/v1/users", Need::AdminRead),
    ("post", "/api/v1/users", Need::Write),
    ("patch", "/api/v1/users/{id}", Need::Write),
    ("delete", "/api/v1/users/{id}", Need::Write),
    ("get", "/api/v1/events", Need::Read),
    ("get", "/api/v1/heartbeat/{host_id}", Need::HostToken),
    ("post", "/api/v1/heartbeat/{host_id}", Need::HostToken),
    ("head", "/api/v1/heartbeat/{host_id}", Need::HostToken),
    ("get", "/api/v1/heartbeat/{host_id}/{signal}", Need::HostToken),
    ("post", "/api/v1/heartbeat/{host_id}/{signal}", Need::HostToken),
    ("head", "/api/v1/heartbeat/{host_id}/{signal}", Need::HostToken),
    ("get", "/heartbeat/{host_id}", Need::HostToken),
    ("post", "/heartbeat/{host_id}", Need::HostToken),
    ("head", "/heartbeat/{host_id}", Need::HostToken),
    ("get", "/heartbeat/{host_id}/{signal}", Need::HostToken),
    ("post", "/heartbeat/{host_id}/{signal}", Need::HostToken),
    ("head", "/heartbeat/{host_id}/{signal}", Need::HostToken),
    ("get", "/api/v1/hosts", Need::Read),
    ("post", "/api/v1/hosts", Need::Write),
    ("get", "/api/v1/hosts/{host_id}", Need::Read),
    ("patch", "/api/v1/hosts/{host_id}", Need::Write),
    ("delete", "/api/v1/hosts/{host_id}", Need::Write),
    ("post", "/api/v1/hosts/{host_id}/pause", Need::Write),
    ("post", "/api/v1/hosts/{host_id}/resume", Need::Write),
    ("post", "/api/v1/hosts/{host_id}/rotate-token", Need::Write),
    ("get", "/api/v1/hosts/{host_id}/heartbeats", Need::Read),
    ("get", "/api/v1/hosts/{host_id}/events", Need::Read),
    ("get", "/api/v1/hosts/{host_id}/explain", Need::Read),
    ("get", "/api/v1/hosts/{host_id}/uptime", Need::Read),
    ("post", "/api/v1/hosts/{host_id}/analyze", Need::Write),
    ("get", "/api/v1/analyses", Need::Read),
    ("get", "/api/v1/analyses/{id}", Need::Read),
    ("get", "/api/v1/findings", Need::Read),
    ("get", "/api/v1/ledger", Need::Read),
    ("get", "/api/v1/hosts/{host_id}/ssh-key", Need::Read),
    ("post", "/api/v1/hosts/{host_id}/ssh-key/accept", Need::Write),
    ("post", "/api/v1/hosts/{host_id}/ssh-key/forget", Need::Write),
    ("get", "/api/v1/hosts/{host_id}/syslog", Need::Read),
    ("put", "/api/v1/hosts/{host_id}/syslog", Need::Write),
    ("get", "/api/v1/syslog", Need::Read),
    ("get", "/api/v1/alerts", Need::Read),
    ("get", "/api/v1/alerts/{id}", Need::Read),
    ("post", "/api/v1/alerts/{id}/acknowledge", Need::Write),
    ("post", "/api/v1/alerts/{id}/silence", Need::Write),
    ("get", "/api/v1/keys", Need::AdminRead),
    ("post", "/api/v1/keys", Need::Write),
    ("delete", "/api/v1/keys/{id}", Need::Write),
    ("get", "/api/v1/settings/webhook", Need::Read),
    ("put", "/api/v1/settings/webhook", Need::Write),
    ("post", "/api/v1/settings/webhook/test", Need::Write),
    ("get", "/api/v1/settings/upstream", Need::Read),
    ("put", "/api/v1/settings/upstream", Need::Write),
    ("get", "/api/v1/settings/all", Need::Read),
    ("get", "/api/v1/settings/revisions", Need::Read),
    ("post", "/api/v1/settings/revisions/{id}/undo", Need::Write),
    ("get", "/api/v1/internet", Need::Read),
    ("get", "/api/v1/internet/outages.csv", Need::Read),
    ("get", "/api/v1/supervision", Need::Read),
    ("get", "/api/v1/health", Need::Nothing),
    ("get", "/api/v1/openapi.json", Need::Nothing),
    ("get", "/setup", Need::Link),
    ("post", "/setup", Need::Link),
    ("get", "/ack/{token}", Need::Link),
];
const ACK_POST: (&str, &str, Need) = ("post", "/ack/{token}", Need::Link);

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Need {
    Nothing,
    /// It only points to another address.
    Elsewhere,
    /// It is not there until somebody switches it on.
    Switched,
    /// A page for all who are signed in; everybody else is sent to the door.
    Page,
    /// A page for admins.
    AdminPage,
    /// The door itself.
    Door,
    /// A form for admins: nobody sends one without its secret.
    Form,
    /// A form about oneself: the same, for viewers too.
    OwnForm,
    /// A management key of any scope is worth nothing here.
    HostToken,
    /// A signed link; no key helps.
    Link,
    Read,
    /// Told only to those who may change it.
    AdminRead,
    Write,
}

fn documented() -> Vec<(String, String)> {
    let document: Value = serde_json::from_str(&openapi_json()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, item)| item.as_object().unwrap().keys().map(|method| (method.clone(), path.clone()))).collect()
}

fn rows() -> Vec<(&'static str, &'static str, Need)> {
    ROUTES.into_iter().chain([ACK_POST]).chain(PAGES).collect()
}

/// What the key check alone decides; past it a route may answer whatever its input deserves.
fn expected(method: &str, need: Need, who: &str, status: StatusCode) -> bool {
    let passed = !matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
    match (need, who) {
        (Need::Nothing, _) => status == StatusCode::OK,
        (Need::HostToken, _) => status == StatusCode::UNAUTHORIZED,
        (Need::Link | Need::Switched, _) => status == StatusCode::NOT_FOUND,
        (Need::Elsewhere, _) => status == StatusCode::SEE_OTHER,
        (Need::Door, "admin led by another site") if method == "post" => status == StatusCode::FORBIDDEN,
        (Need::Door, _) => passed,
        (Need::Page | Need::AdminPage, "nobody") => status == StatusCode::SEE_OTHER,
        (_, "nobody" | "wrong") => status == StatusCode::UNAUTHORIZED,
        (Need::AdminPage | Need::AdminRead, "reader" | "viewer") => status == StatusCode::FORBIDDEN,
        (Need::OwnForm, "viewer" | "admin") | (Need::Form, "admin") => passed,
        (Need::Form | Need::OwnForm, _) => status == StatusCode::FORBIDDEN,
        (Need::Write, "reader" | "viewer" | "admin without proof" | "admin led by another site") => {
            status == StatusCode::FORBIDDEN
        }
        _ => passed,
    }
}

#[actix_web::test]
async fn every_documented_route_has_a_row_and_every_row_is_documented() {
    let mut rows: Vec<_> = rows().into_iter().map(|(method, path, _)| (method.to_owned(), path.to_owned())).collect();
    let mut documented = documented();
    rows.sort();
    documented.sort();
    assert_eq!(rows, documented);
}

/// What `server.rs` serves, read in its own words: a route that nobody documented has no row either, and would escape.
#[test]
fn every_resource_of_the_server_is_documented_with_its_methods() {
    let source = include_str!("../server.rs");
    let (open, managed) = source.split_once("fn management()").expect("both halves of the routes");
    let mut found = 0;
    for (half, prefix) in [(open, ""), (managed, "/api/v1")] {
        for entry in half.split("resource(").skip(1) {
            let mut words = entry.split('"');
            let (before, path, comma, allowed) = (words.next(), words.next(), words.next(), words.next());
            let (Some(before), Some(path), Some(", "), Some(allowed)) = (before, path, comma, allowed) else { continue };
            if !before.trim().is_empty() || path == "/static/{name}" {
                continue;
            }
            let mut served: Vec<String> = allowed.split(", ").map(str::to_lowercase).filter(|method| method != "head").collect();
            let path = format!("{prefix}{path}");
            let mut rows: Vec<String> = rows()
                .into_iter()
                .filter(|row| row.1 == path)
                .map(|row| row.0.to_owned())
                .filter(|method| method != "head")
                .collect();
            served.sort();
            rows.sort();
            assert_eq!(rows, served, "{path}");
            assert_eq!(entry.matches(".route(").count(), allowed.split(", ").count(), "{path}: each method said is served");
            found += 1;
        }
    }
    assert_eq!(
        found,
        source.matches("(resource(").count() + source.matches("            resource(").count() - 1,
        "all were read"
    );
}

#[actix_web::test]
async fn every_route_lets_in_exactly_whom_it_should() {
    let bed = Bed::new().await;
    bed.state.end_streams(); // what is read to its end must have one
    for (method, path, need) in rows() {
        for (n, who) in IDENTITIES.into_iter().enumerate() {
            let target = path
                .replace("{host_id}", "no-such-host")
                .replace("{id}", "999")
                .replace("{signal}", "start")
                .replace("{token}", "x");
            // An address of its own each: wrong keys are counted.
            let peer = format!("198.51.{}.{}:1", n, target.len());
            let mut req =
                from(Method::from_bytes(method.to_uppercase().as_bytes()).unwrap(), &target).peer_addr(peer.parse().unwrap());
            let key = match who {
                "wrong" => Some("pw_wrong"),
                "reader" => Some(bed.reader.as_str()),
                "writer" => Some(bed.writer.as_str()),
                "operator" => Some(bed.operator.as_str()),
                "environment" => Some(ENV_KEY),
                _ => None,
            };
            if let Some(key) = key {
                req = req.insert_header(("X-API-Key", key));
            }
            if let Some(role) = match who {
                "viewer" => Some(Role::Viewer),
                "admin" | "admin without proof" | "admin led by another site" => Some(Role::Admin),
                _ => None,
            } {
                let (cookie, csrf) = bed.signed_in(role).await;
                req = req.insert_header(("Cookie", cookie));
                if who != "admin without proof" && method != "get" {
                    req = req.insert_header(("X-CSRF-Token", csrf.as_str())).set_payload(format!("csrf={csrf}"));
                }
                if who == "admin led by another site" {
                    req = req.insert_header(("Sec-Fetch-Site", "cross-site"));
                }
            }
            let answer = bed.send(req).await;
            assert!(expected(method, need, who, answer.status), "{who}: {method} {path}: {} {}", answer.status, answer.text);
            assert!(answer.status.as_u16() != 500, "{who}: {method} {path}");
            assert!(!answer.text.contains("no such address"), "{method} {path} is documented and not served");
            for header in
                ["x-content-type-options", "content-security-policy", "x-frame-options", "referrer-policy", "cache-control"]
            {
                assert!(!answer.header(header).is_empty(), "{method} {path} as {who} lacks {header}");
            }
            assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"));
        }
    }
}

#[actix_web::test]
async fn a_method_nobody_answers_is_405_in_our_shape_and_says_what_is_allowed() {
    let bed = Bed::new().await;
    for (_, path, _) in rows() {
        let target = path.replace("{host_id}", "x").replace("{id}", "1").replace("{signal}", "start").replace("{token}", "x");
        for method in [Method::OPTIONS, Method::TRACE, Method::from_bytes(b"BREW").unwrap()] {
            let answer = bed.call(method, &target, None).await;
            assert_eq!((answer.status, answer.code().as_str()), (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"), "{path}");
            assert!(!answer.header("allow").is_empty(), "{path}");
        }
    }
}

#[actix_web::test]
async fn an_address_nobody_answers_is_404_in_our_shape() {
    let bed = Bed::new().await;
    for path in [
        "/nothing",
        "/api",
        "/api/v2/hosts",
        "/static/../secret.key",
        "/static/other.css",
        "/heartbeats/x",
        "/api/v1/hosts/x/nothing",
    ] {
        let answer = bed.get(path).await;
        assert_eq!((answer.status, answer.code().as_str()), (StatusCode::NOT_FOUND, "not_found"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
}

#[actix_web::test]
async fn wrong_keys_are_slowed_down_and_keys_the_hub_made_are_never_locked_out() {
    let bed = Bed::new().await;
    let attempt = |key: &str| from(Method::GET, "/api/v1/hosts").insert_header(("Authorization", format!("Bearer {key}")));
    for n in 0..10 {
        assert_eq!(bed.send(attempt(&format!("pw_guess{n}"))).await.status, StatusCode::UNAUTHORIZED);
    }
    let slowed = bed.send(attempt("pw_guess")).await;
    assert_eq!((slowed.status, slowed.code().as_str()), (StatusCode::TOO_MANY_REQUESTS, "rate_limited"));
    assert!(slowed.header("retry-after").parse::<u32>().is_ok_and(|s| (1..=6).contains(&s)));
    assert_eq!(bed.send(attempt(ENV_KEY)).await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(bed.send(attempt(&bed.writer)).await.status, StatusCode::OK);
    assert_eq!(bed.send(attempt(&bed.operator)).await.status, StatusCode::OK);
    let elsewhere = attempt(ENV_KEY).peer_addr("192.0.2.8:1".parse().unwrap());
    assert_eq!(bed.send(elsewhere).await.status, StatusCode::OK);
}

#[actix_web::test]
async fn a_key_is_told_once_listed_without_its_secret_and_worth_nothing_once_revoked() {
    let bed = Bed::new().await;
    let made = bed.post("/api/v1/keys", serde_json::json!({"name": "grafana", "scope": "read"})).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let (id, key) = (made.json()["id"].clone(), made.json()["key"].as_str().unwrap().to_owned());
    let attempt = || from(Method::GET, "/api/v1/hosts").insert_header(("X-API-Key", key.as_str()));
    assert_eq!(bed.send(attempt()).await.status, StatusCode::OK);
    assert_eq!(bed.send(attempt()).await.status, StatusCode::OK);
    assert!(!bed.get("/api/v1/keys").await.text.contains(&key));
    assert_eq!(bed.call(Method::DELETE, &format!("/api/v1/keys/{id}"), None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(bed.send(attempt()).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(bed.call(Method::DELETE, "/api/v1/keys/999", None).await.status, StatusCode::NOT_FOUND);
    let twice = bed.post("/api/v1/keys", serde_json::json!({"name": "reader", "scope": "read"})).await;
    assert_eq!((twice.status, twice.field().as_str()), (StatusCode::CONFLICT, "name"));
    for (body, field) in [
        (serde_json::json!({"name": "x", "scope": "admin"}), "scope"),
        (serde_json::json!({"name": "", "scope": "read"}), "name"),
        (serde_json::json!({"name": "a\u{0}", "scope": "read"}), "name"),
        (serde_json::json!({"name": "x"}), "scope"),
    ] {
        let refused = bed.post("/api/v1/keys", body).await;
        assert_eq!((refused.status, refused.field().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, field));
    }
}

#[actix_web::test]
async fn health_tells_its_parts_only_to_those_with_a_key() {
    let bed = Bed::new().await;
    bed.host("web-01").await; // a hub that has not committed anything yet is not healthy
    let anybody = bed.send(from(Method::GET, "/api/v1/health")).await;
    assert_eq!((anybody.status, anybody.json()), (StatusCode::OK, serde_json::json!({"status": "ok"})));
    assert!(bed.get("/api/v1/health").await.json()["components"].as_array().unwrap().len() >= 4);
    let wrong = bed.send(from(Method::GET, "/api/v1/health").insert_header(("X-API-Key", "pw_x"))).await;
    assert_eq!(wrong.json(), serde_json::json!({"status": "ok"}));
}

#[actix_web::test]
async fn addresses_and_headers_beyond_their_limits_are_refused() {
    let bed = Bed::new().await;
    let long = "x".repeat(9_000);
    for path in [format!("/api/v1/hosts?text={long}"), format!("/heartbeat/x?token={long}"), format!("/{long}")] {
        assert_eq!(bed.get(&path).await.status, StatusCode::URI_TOO_LONG);
    }
    let wide = from(Method::GET, "/api/v1/health").insert_header(("X-Wide", "x".repeat(40_000)));
    assert_eq!(bed.send(wide).await.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
}

#[actix_web::test]
async fn the_description_names_errors_schemes_and_only_schemas_it_has() {
    let document: Value = serde_json::from_str(&openapi_json()).unwrap();
    for scheme in ["bearer", "api_key", "host_token", "host_token_query"] {
        assert!(document["components"]["securitySchemes"][scheme].is_object(), "{scheme}");
    }
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for reference in openapi_json().split("\"#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(schemas.contains_key(reference), "{reference}");
    }
    for (method, path) in documented() {
        let responses = document["paths"][&path][&method]["responses"].as_object().unwrap();
        assert!(responses.contains_key("503") && responses.contains_key("422"), "{method} {path}");
    }
    let id = |(method, path): &(String, String)| document["paths"][path][method]["operationId"].to_string();
    let mut ids: Vec<String> = documented().iter().map(id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), documented().len(), "an operation id is used twice");
}
