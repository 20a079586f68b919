//! Alerts from outside: listed, shown, acknowledged, silenced.

use crate::testing::{Bed, from};
use actix_web::http::{Method, StatusCode};
use serde_json::{Value, json};

#[actix_web::test]
async fn an_alert_is_listed_filtered_and_shown_with_what_was_told() {
    let bed = Bed::with(crate::WebLimits::default(), vec![("primary".into(), crate::testing::WEBHOOK.into())]).await;
    let id = bed.alert("web-01").await;
    for query in ["open=true", "acknowledged=false", "host=web-01", "type=missing_heartbeat", "severity=critical", "limit=1"] {
        let list = bed.get(&format!("/api/v1/alerts?{query}")).await.json();
        assert_eq!(list["alerts"][0]["id"], id, "{query}");
    }
    for query in ["open=false", "acknowledged=true", "host=nobody", "type=internet", "severity=info"] {
        assert_eq!(bed.get(&format!("/api/v1/alerts?{query}")).await.json()["alerts"], json!([]), "{query}");
    }
    let shown = bed.get(&format!("/api/v1/alerts/{id}")).await.json();
    assert_eq!(
        (&shown["host_id"], &shown["open"], &shown["notices"][0]["kind"]),
        (&"web-01".into(), &true.into(), &"opened".into())
    );
    assert_eq!(shown["notices"][0]["channel"], "primary");
    for (query, field) in [("type=x", "type"), ("severity=x", "severity"), ("open=x", "open"), ("x=x", "x")] {
        assert_eq!(bed.get(&format!("/api/v1/alerts?{query}")).await.field(), field);
    }
}

#[actix_web::test]
async fn an_acknowledgement_says_who_what_and_for_how_long() {
    let bed = Bed::new().await;
    let path = format!("/api/v1/alerts/{}/acknowledge", bed.alert("web-01").await);
    let bare = bed.call(Method::POST, &path, None).await.json();
    assert_eq!(
        (&bare["acknowledged"], &bare["acknowledged_by"], &bare["acknowledge_expires_at"]),
        (&true.into(), &"key writer".into(), &Value::Null)
    );
    let full = bed.post(&path, json!({"by": "Ada", "note": "on my way", "expires_in": "2h"})).await.json();
    assert_eq!((&full["acknowledged_by"], &full["acknowledge_note"]), (&"Ada".into(), &"on my way".into()));
    assert!(full["acknowledge_expires_at"].is_string());
    let cases = [
        (json!({"by": ""}), "by"),
        (json!({"by": "a\u{0}"}), "by"),
        (json!({"note": "x".repeat(1_001)}), "note"),
        (json!({"expires_in": "31d"}), "expires_in"),
        (json!({"expires_in": true}), "expires_in"),
        (json!({"until": 1}), "until"),
    ];
    for (body, field) in cases {
        let answer = bed.post(&path, body).await;
        assert_eq!((answer.status, answer.field().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, field), "{}", answer.text);
    }
}

#[actix_web::test]
async fn a_silence_reaches_the_host_and_needs_a_length() {
    let bed = Bed::new().await;
    let path = format!("/api/v1/alerts/{}/silence", bed.alert("web-01").await);
    assert!(bed.post(&path, json!({"for": "2h"})).await.json()["silenced_until"].is_string());
    assert!(bed.get("/api/v1/hosts/web-01").await.json()["silenced_until"].is_string());
    assert_eq!(bed.post(&path, json!({"for": 0})).await.json()["silenced_until"], Value::Null, "0 ends it");
    assert_eq!(bed.get("/api/v1/hosts/web-01").await.json()["silenced_until"], Value::Null);
    for body in [json!({}), json!({"for": "31d"}), json!({"for": "soon"})] {
        assert_eq!(bed.post(&path, body).await.field(), "for");
    }
}

#[actix_web::test]
async fn unknown_alerts_are_404_and_ended_ones_409() {
    let bed = Bed::new().await;
    let id = bed.alert("web-01").await;
    let host = bed.get("/api/v1/hosts/web-01").await.json();
    let token = host["heartbeat_url"].as_str().unwrap().split("token=").nth(1).unwrap().to_owned();
    bed.send(from(Method::GET, &format!("/heartbeat/web-01?token={token}"))).await;
    for (action, body) in [("acknowledge", json!({})), ("silence", json!({"for": 60}))] {
        let ended = bed.post(&format!("/api/v1/alerts/{id}/{action}"), body.clone()).await;
        assert_eq!((ended.status, ended.code().as_str()), (StatusCode::CONFLICT, "conflict"), "{action}");
        for unknown in ["999", "0", "-1", "x", "99999999999999999999"] {
            assert_eq!(
                bed.post(&format!("/api/v1/alerts/{unknown}/{action}"), body.clone()).await.status,
                StatusCode::NOT_FOUND,
                "{unknown}"
            );
        }
    }
    assert_eq!(bed.get(&format!("/api/v1/alerts/{id}")).await.json()["open"], false);
}
