//! Hosts from outside: added, changed, listed, and every wrong field named.

use crate::testing::{Bed, from};
use actix_web::http::{Method, StatusCode};
use serde_json::{Value, json};

#[actix_web::test]
async fn a_new_host_tells_its_url_with_token_and_where_it_is() {
    let bed = Bed::new().await;
    let made = bed.post("/api/v1/hosts", json!({"name": "Web 01", "expected_frequency_seconds": "5m", "tags": ["eu"]})).await;
    assert_eq!((made.status, made.header("location")), (StatusCode::CREATED, "/api/v1/hosts/web-01"));
    let host = made.json();
    let token = host["token"].as_str().unwrap();
    assert_eq!(host["heartbeat_url"], format!("https://hub.example/api/v1/heartbeat/web-01?token={token}"));
    let fixed = [
        "status",
        "expected_frequency_seconds",
        "grace_period_seconds",
        "schedule_type",
        "severity",
        "paused",
        "last_seen",
        "tags",
    ];
    let shown: Vec<Value> = fixed.iter().map(|key| host[key].clone()).collect();
    assert_eq!(Value::from(shown), json!(["unknown", 300, 60, "always", "critical", false, null, ["eu"]]));
    for key in ["status_since", "created_at", "updated_at", "next_expected_by", "alert_due_at"] {
        let text = host[key].as_str().unwrap_or_else(|| panic!("{key}"));
        assert!(text.len() == 24 && text.ends_with('Z'), "{key}: {text}");
    }
}

#[actix_web::test]
async fn the_token_is_shown_to_writers_only() {
    let bed = Bed::new().await;
    let token = bed.host("web-01").await;
    for path in ["/api/v1/hosts", "/api/v1/hosts/web-01"] {
        assert!(bed.get(path).await.text.contains(&token));
        let reader = from(Method::GET, path).insert_header(("X-API-Key", bed.reader.as_str()));
        let answer = bed.send(reader).await;
        assert!(answer.status == StatusCode::OK && !answer.text.contains(&token), "{path}");
    }
}

#[actix_web::test]
async fn every_wrong_field_is_named() {
    let bed = Bed::new().await;
    bed.host("taken").await;
    let cases = [
        (json!({"expected_frequency_seconds": 60}), "name"),
        (json!({"name": "x"}), "expected_frequency_seconds"),
        (json!({"name": "x", "expected_frequency_seconds": 0}), "expected_frequency_seconds"),
        (json!({"name": "x", "expected_frequency": 0}), "expected_frequency"),
        (json!({"name": "x", "expected_frequency_seconds": "5 minutes"}), "expected_frequency_seconds"),
        (json!({"name": "x", "expected_frequency_seconds": 1.5}), "expected_frequency_seconds"),
        (json!({"name": "x", "expected_frequency_seconds": 60, "grace_period_seconds": -1}), "grace_period_seconds"),
        (json!({"name": "x", "expected_frequency_seconds": 60, "host_id": "a b"}), "host_id"),
        (json!({"name": "a\u{0}b", "expected_frequency_seconds": 60}), "name"),
        (json!({"name": "x".repeat(10_000), "expected_frequency_seconds": 60}), "name"),
        (json!({"name": 7, "expected_frequency_seconds": 60}), "name"),
        (json!({"name": "x", "expected_frequency_seconds": 60, "severity": "loud"}), "severity"),
        (json!({"name": "x", "expected_frequency_seconds": 60, "tags": "eu"}), "tags"),
        (json!({"name": "x", "expected_frequency_seconds": 60, "schedule_type": "weekly"}), "schedule_type"),
        (json!({"name": "x", "expected_frequency_seconds": 60, "schedule_type": "cron"}), "schedule_config"),
        (
            json!({"name": "x", "schedule_type": "cron", "schedule_config": {"cron": "0 26 * * *", "timezone": "UTC"}}),
            "schedule_config.cron",
        ),
        (json!({"name": "x", "expected_frequency_seconds": 60, "nmae": "y"}), "nmae"),
        (json!({"name": "x", "expected_frequency_seconds": 60, "schedule_type": "custom"}), "schedule_config"),
        (json!({"name": "x", "expected_frequency_seconds": 60, "description": "a\u{0}"}), "description"),
    ];
    for (body, field) in cases {
        let answer = bed.post("/api/v1/hosts", body.clone()).await;
        assert_eq!(
            (answer.status, answer.field().as_str()),
            (StatusCode::UNPROCESSABLE_ENTITY, field),
            "{body}: {}",
            answer.text
        );
    }
    for field in ["name", "host_id"] {
        let mut body = json!({"name": "another", "host_id": "another", "expected_frequency_seconds": 60});
        body[field] = "taken".into();
        let answer = bed.post("/api/v1/hosts", body).await;
        assert_eq!((answer.status, answer.code().as_str(), answer.field().as_str()), (StatusCode::CONFLICT, "taken", field));
    }
    let several = bed.post("/api/v1/hosts", json!({"severity": "loud"})).await.json();
    assert!(several["error"]["fields"].as_array().unwrap().len() >= 3, "{several}");
}

#[actix_web::test]
async fn bodies_that_are_no_json_are_refused() {
    let bed = Bed::new().await;
    let send = |kind: &'static str, body: Vec<u8>| {
        let key = format!("Bearer {}", bed.writer);
        from(Method::POST, "/api/v1/hosts")
            .insert_header(("Authorization", key))
            .insert_header(("Content-Type", kind))
            .set_payload(body)
    };
    let cases = [
        ("text/plain", b"{}".to_vec(), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("application/x-www-form-urlencoded", b"name=x".to_vec(), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("application/json", b"{".to_vec(), StatusCode::UNPROCESSABLE_ENTITY),
        ("application/json", b"".to_vec(), StatusCode::UNPROCESSABLE_ENTITY),
        ("application/json", b"[]".to_vec(), StatusCode::UNPROCESSABLE_ENTITY),
        ("application/json; charset=utf-8", b"{\"name\":\"\xff\"}".to_vec(), StatusCode::UNPROCESSABLE_ENTITY),
        ("application/json", vec![b' '; 300_000], StatusCode::PAYLOAD_TOO_LARGE),
    ];
    for (kind, body, status) in cases {
        let answer = bed.send(send(kind, body)).await;
        assert_eq!(answer.status, status, "{kind}: {}", answer.text);
        assert!(!answer.code().is_empty());
    }
}

#[actix_web::test]
async fn a_host_is_changed_paused_resumed_explained_and_removed() {
    let bed = Bed::new().await;
    bed.host("web-01").await;
    let path = "/api/v1/hosts/web-01";
    let changed = bed.call(Method::PATCH, path, Some(json!({"name": "New", "grace_period_seconds": "2m"}))).await.json();
    assert_eq!((&changed["name"], &changed["grace_period_seconds"]), (&"New".into(), &120.into()));
    let refused = bed.call(Method::PATCH, path, Some(json!({"host_id": "other"}))).await;
    assert_eq!((refused.status, refused.field().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "host_id"));
    let paused = bed.call(Method::POST, &format!("{path}/pause"), None).await.json();
    assert_eq!(
        (&paused["paused"], &paused["next_expected_by"], &paused["alert_due_at"]),
        (&true.into(), &Value::Null, &Value::Null)
    );
    assert_eq!(bed.call(Method::POST, &format!("{path}/resume"), None).await.json()["paused"], false);
    let explained = bed.get(&format!("{path}/explain")).await.json();
    assert!(explained["explanation"].as_str().unwrap().contains("never seen"), "{explained}");
    let events = bed.get(&format!("{path}/events")).await.json();
    assert!(events["events"].as_array().unwrap().len() >= 4, "{events}");
    assert_eq!(bed.call(Method::DELETE, path, None).await.status, StatusCode::NO_CONTENT);
    for path in [path.to_owned(), format!("{path}/events"), format!("{path}/heartbeats"), format!("{path}/explain")] {
        assert_eq!(bed.get(&path).await.code(), "not_found", "{path}");
    }
}

#[actix_web::test]
async fn lists_are_filtered_and_paged() {
    let bed = Bed::new().await;
    for n in 0..5 {
        let tags = if n % 2 == 0 { json!(["even"]) } else { json!([]) };
        bed.post("/api/v1/hosts", json!({"name": format!("host {n}"), "expected_frequency_seconds": 60, "tags": tags})).await;
    }
    let ids = |list: &Value| -> Vec<String> {
        list["hosts"].as_array().unwrap().iter().map(|host| host["host_id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&bed.get("/api/v1/hosts?tag=even").await.json()), ["host-0", "host-2", "host-4"]);
    assert_eq!(ids(&bed.get("/api/v1/hosts?text=T%203&status=unknown&paused=false").await.json()), ["host-3"]);
    let (mut path, mut all) = ("/api/v1/hosts?limit=2".to_owned(), Vec::new());
    loop {
        let page = bed.get(&path).await.json();
        all.extend(ids(&page));
        let Some(next) = page["next_cursor"].as_i64() else { break };
        path = format!("/api/v1/hosts?limit=2&cursor={next}");
    }
    assert_eq!(all.len(), 5);
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("cursor=x", "cursor"),
        ("status=late", "status"),
        ("paused=1", "paused"),
        ("foo=1", "foo"),
        ("text=%00", "text"),
    ] {
        let answer = bed.get(&format!("/api/v1/hosts?{query}")).await;
        assert_eq!((answer.status, answer.field().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, field), "{query}");
    }
}

#[actix_web::test]
async fn heartbeats_are_paged_along_their_chain() {
    let bed = Bed::new().await;
    let token = bed.host("web-01").await;
    for _ in 0..5 {
        bed.send(from(Method::GET, &format!("/heartbeat/web-01?token={token}"))).await;
    }
    let first = bed.get("/api/v1/hosts/web-01/heartbeats?limit=3").await.json();
    let next = first["next_cursor"].as_i64().unwrap();
    let second = bed.get(&format!("/api/v1/hosts/web-01/heartbeats?limit=3&cursor={next}")).await.json();
    assert_eq!((first["heartbeats"].as_array().unwrap().len(), second["heartbeats"].as_array().unwrap().len()), (3, 2));
    assert!(second["next_cursor"].is_null());
}
