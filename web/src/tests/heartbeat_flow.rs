//! Heartbeats from outside: what is stored, what is refused, and that nothing refused is stored.

use crate::WebLimits;
use crate::testing::{Bed, from};
use actix_web::http::{Method, StatusCode};
use actix_web::test::TestRequest;
use serde_json::Value;

const ID: &str = "3b241101-e2bb-4255-8caf-4136c566a962";

async fn stored(bed: &Bed, host_id: &str) -> Vec<Value> {
    bed.get(&format!("/api/v1/hosts/{host_id}/heartbeats")).await.json()["heartbeats"].as_array().unwrap().clone()
}

async fn post(bed: &Bed, path: &str, body: impl Into<actix_web::web::Bytes>) -> crate::testing::Answer {
    bed.send(from(Method::POST, path).set_payload(body)).await
}

#[actix_web::test]
async fn a_beat_by_any_method_path_and_proof_is_answered_and_stored() {
    let bed = Bed::new().await;
    let token = bed.host("web-01").await;
    let by_query = |method, prefix: &str| from(method, &format!("{prefix}/web-01?token={token}"));
    for prefix in ["/api/v1/heartbeat", "/heartbeat"] {
        for method in [Method::GET, Method::POST, Method::HEAD] {
            assert_eq!(bed.send(by_query(method, prefix)).await.status, StatusCode::OK);
        }
        let bearer = from(Method::GET, &format!("{prefix}/web-01")).insert_header(("Authorization", format!("bearer {token}")));
        let answer = bed.send(bearer).await;
        let json = answer.json();
        assert_eq!((json["status"].as_str(), json["host_id"].as_str()), (Some("ok"), Some("web-01")));
        let instant = |key: &str| chrono::DateTime::parse_from_rfc3339(json[key].as_str().unwrap()).unwrap();
        assert_eq!((instant("next_expected_by") - instant("received_at")).num_seconds(), 300);
        assert_eq!(answer.header("content-type"), "application/json");
    }
    let beats = stored(&bed, "web-01").await;
    assert_eq!(beats.len(), 8);
    assert!(
        beats.iter().all(|beat| beat["metadata"].is_null() && beat["source_ip"] == "192.0.2.7" && beat["signal"] == "success")
    );
    let host = bed.get("/api/v1/hosts/web-01").await.json();
    assert_eq!((host["status"].as_str(), host["last_seen"].is_string()), (Some("up"), true));
}

#[actix_web::test]
async fn a_host_silences_itself_and_a_run_asks_for_more_time() {
    let bed = Bed::new().await;
    let token = bed.host("web-01").await;
    let say = |what: &str| from(Method::GET, &format!("/heartbeat/web-01/{what}token={token}"));
    for (what, told) in [
        ("snooze?", "say for how long"),
        ("snooze?for=25h&", "must be between 1s and 1d"),
        ("snooze?for=soon&", "is no duration"),
        ("extend?for=5m&", "no such run is open"),
    ] {
        let answer = bed.send(say(what)).await;
        assert!(answer.status == StatusCode::UNPROCESSABLE_ENTITY && answer.text.contains(told), "{what}: {}", answer.text);
    }
    assert_eq!(stored(&bed, "web-01").await.len(), 0, "what was refused is not stored");
    assert_eq!(bed.send(say("snooze?for=20m&")).await.status, StatusCode::OK);
    let host = bed.get("/api/v1/hosts/web-01").await.json();
    assert!(host["silenced_until"].is_string() && host["last_seen"].is_null(), "{host}");
    assert_eq!(bed.send(say("start?")).await.status, StatusCode::OK);
    assert_eq!(bed.send(say("extend?for=5m&")).await.status, StatusCode::OK);
    let kept = stored(&bed, "web-01").await;
    let told: Vec<_> =
        kept.iter().map(|beat| (beat["signal"].as_str().unwrap(), beat["metadata"]["for_seconds"].as_u64())).collect();
    assert_eq!(told, [("extend", Some(300)), ("start", None), ("snooze", Some(1_200))]);
}

#[actix_web::test]
async fn unknown_hosts_impossible_ids_and_missing_or_wrong_tokens_look_the_same() {
    let bed = Bed::new().await;
    let token = bed.host("web-01").await;
    bed.host("web-02").await;
    let long = "x".repeat(65);
    let targets = [
        "web-01".to_owned(),
        "web-01?token=".into(),
        "web-01?token=wrong".into(),
        format!("web-01?token={token}x"),
        format!("web-02?token={token}"),
        format!("nobody?token={token}"),
        format!("%00?token={token}"),
        format!("%ff?token={token}"),
        format!("{long}?token={token}"),
        format!("?token={token}"),
        "web-01/no-signal?token=wrong".into(),
    ];
    let expected = r#"{"error":{"code":"unauthorized","message":"unknown host or wrong token","field":null}}"#;
    for target in targets {
        let answer = bed.send(from(Method::GET, &format!("/api/v1/heartbeat/{target}"))).await;
        assert_eq!((answer.status, answer.text.as_str()), (StatusCode::UNAUTHORIZED, expected), "{target}");
    }
    assert!(stored(&bed, "web-01").await.is_empty() && stored(&bed, "web-02").await.is_empty());
}

#[actix_web::test]
async fn signals_mean_what_they_say_and_others_are_refused() {
    let bed = Bed::new().await;
    let token = bed.host("job").await;
    for (signal, status) in
        [("start", "unknown"), ("log", "unknown"), ("0", "up"), ("3", "down"), ("success", "up"), ("fail", "down")]
    {
        let answer = bed.send(from(Method::GET, &format!("/heartbeat/job/{signal}?token={token}"))).await;
        assert_eq!(answer.status, StatusCode::OK, "{signal}: {}", answer.text);
        assert_eq!(bed.get("/api/v1/hosts/job").await.json()["status"], status, "{signal}");
    }
    let count = stored(&bed, "job").await.len();
    for wrong in ["256", "-1", "stop", "a/b", "3.0", "%00"] {
        let answer = bed.send(from(Method::GET, &format!("/heartbeat/job/{wrong}?token={token}"))).await;
        assert_eq!((answer.status, answer.field().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "signal"), "{wrong}");
    }
    assert_eq!(stored(&bed, "job").await.len(), count);
}

#[actix_web::test]
async fn a_run_pairs_its_start_with_its_finish() {
    let bed = Bed::new().await;
    let token = bed.host("job").await;
    for (signal, rid) in [("/start", ID), ("", ID)] {
        let answer = bed.send(from(Method::GET, &format!("/heartbeat/job{signal}?token={token}&rid={rid}"))).await;
        assert_eq!(answer.status, StatusCode::OK);
    }
    let beats = stored(&bed, "job").await;
    assert!(beats[0]["duration_ms"].as_i64().is_some_and(|ms| (0..10_000).contains(&ms)), "{beats:?}");
    let wrong = bed.send(from(Method::GET, &format!("/heartbeat/job?token={token}&rid=7"))).await;
    assert_eq!((wrong.status, wrong.field().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "rid"));
}

#[actix_web::test]
async fn a_retry_counts_once_and_wrong_keys_are_refused() {
    let bed = Bed::new().await;
    let token = bed.host("web-01").await;
    let path = format!("/heartbeat/web-01?token={token}");
    let with_key = |key: &str| from(Method::GET, &path).insert_header(("Idempotency-Key", key));
    for _ in 0..3 {
        assert_eq!(bed.send(from(Method::GET, &format!("{path}&id={ID}"))).await.status, StatusCode::OK);
        assert_eq!(bed.send(with_key("a-key")).await.status, StatusCode::OK);
    }
    assert_eq!(bed.send(from(Method::GET, &format!("{path}&id={}", ID.to_uppercase()))).await.status, StatusCode::OK);
    assert_eq!(stored(&bed, "web-01").await.len(), 2);
    assert_eq!(bed.send(with_key(&"k".repeat(128))).await.status, StatusCode::OK);
    for wrong in ["", "two words", "k\u{e4}", &"k".repeat(129)] {
        let answer = bed.send(with_key(wrong)).await;
        assert_eq!((answer.status, answer.field().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "Idempotency-Key"), "{wrong}");
    }
    let answer = bed.send(from(Method::GET, &format!("{path}&id=7"))).await;
    assert_eq!((answer.status, answer.field().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "id"));
    assert_eq!(stored(&bed, "web-01").await.len(), 3);
}

#[actix_web::test]
async fn of_a_body_the_head_is_kept_and_beyond_the_limit_nothing_is_stored() {
    let limits = WebLimits { heartbeat_body_bytes: 20_000, ..WebLimits::default() };
    let bed = Bed::with(limits, Vec::new()).await;
    let token = bed.host("web-01").await;
    let path = format!("/heartbeat/web-01?token={token}");
    for bytes in [1, 9_999, 10_000, 10_001, 20_000] {
        assert_eq!(post(&bed, &path, vec![b'x'; bytes]).await.status, StatusCode::OK, "{bytes}");
        let newest = stored(&bed, "web-01").await[0]["metadata"].clone();
        assert_eq!(newest["body"].as_str().unwrap().len(), bytes.min(10_000));
        assert_eq!(newest["body_bytes"].as_u64(), (bytes > 10_000).then_some(bytes as u64));
    }
    let refused = post(&bed, &path, vec![b'x'; 20_001]).await;
    assert_eq!((refused.status, refused.code().as_str()), (StatusCode::PAYLOAD_TOO_LARGE, "too_large"));
    assert_eq!(stored(&bed, "web-01").await.len(), 5);
    let stranger = post(&bed, "/heartbeat/web-01?token=x", vec![b'x'; 20_001]).await;
    assert_eq!(stranger.status, StatusCode::UNAUTHORIZED, "the token comes before the body");
}

#[actix_web::test]
async fn whatever_bytes_a_body_has_they_are_kept_readable() {
    let bed = Bed::new().await;
    let token = bed.host("web-01").await;
    let path = format!("/heartbeat/web-01?token={token}");
    for body in [&b"\xff\xfe\x00\x01"[..], b"{\"a\":[1", "grüße \u{202e}".as_bytes()] {
        assert_eq!(post(&bed, &path, body.to_vec()).await.status, StatusCode::OK);
    }
    let beats = stored(&bed, "web-01").await;
    assert_eq!(beats[2]["metadata"], serde_json::json!({"body": "\u{fffd}\u{fffd}\u{fffd}\u{1}", "not_utf8": true}));
    assert_eq!(beats[1]["metadata"]["body"], "{\"a\":[1");
}

#[actix_web::test]
async fn the_source_is_what_a_trusted_proxy_says() {
    let bed = Bed::new().await;
    let token = bed.host("web-01").await;
    let beat = |peer: &str| -> TestRequest {
        from(Method::GET, &format!("/heartbeat/web-01?token={token}"))
            .peer_addr(peer.parse().unwrap())
            .insert_header(("X-Forwarded-For", "6.6.6.6, 198.51.100.7"))
    };
    bed.send(beat("10.0.0.1:1")).await;
    bed.send(beat("192.0.2.1:1")).await;
    let beats = stored(&bed, "web-01").await;
    assert_eq!((&beats[0]["source_ip"], &beats[1]["source_ip"]), (&"192.0.2.1".into(), &"198.51.100.7".into()));
}

#[actix_web::test]
async fn a_token_is_decoded_and_a_rotated_one_is_refused_at_once() {
    let bed = Bed::new().await;
    let old = bed.host("web-01").await;
    let encoded: String = old.bytes().map(|byte| format!("%{byte:02x}")).collect();
    assert_eq!(bed.send(from(Method::GET, &format!("/heartbeat/web-01?token={encoded}"))).await.status, StatusCode::OK);
    let rotated = bed.call(Method::POST, "/api/v1/hosts/web-01/rotate-token", None).await;
    let new = rotated.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(bed.send(from(Method::GET, &format!("/heartbeat/web-01?token={old}"))).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(bed.send(from(Method::GET, &format!("/heartbeat/web-01?token={new}"))).await.status, StatusCode::OK);
}

#[actix_web::test]
async fn other_methods_are_405_and_a_hub_that_stops_says_503() {
    let bed = Bed::new().await;
    let token = bed.host("web-01").await;
    let path = format!("/heartbeat/web-01?token={token}");
    for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
        let answer = bed.send(from(method, &path)).await;
        assert_eq!((answer.status, answer.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "GET, POST, HEAD"));
    }
    bed.state.hub.db().close();
    let answer = bed.send(from(Method::GET, &path)).await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "stopping"));
    assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|s| (1..=5).contains(&s)));
}
