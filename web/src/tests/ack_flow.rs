//! The link in a message: looking acknowledges nothing.

use crate::ack::ack_link;
use crate::testing::{Bed, from};
use actix_web::http::{Method, StatusCode};

fn path(bed: &Bed, alert: i64, valid_ms: i64) -> String {
    let expires = bed.state.hub.now().wall.plus_ms(valid_ms);
    ack_link(bed.state.hub.keyring(), "", alert, expires)
}

async fn is_acknowledged(bed: &Bed, alert: i64) -> bool {
    bed.get(&format!("/api/v1/alerts/{alert}")).await.json()["acknowledged"] == true
}

#[actix_web::test]
async fn looking_changes_nothing_and_the_button_acknowledges() {
    let bed = Bed::new().await;
    let alert = bed.alert("web-01").await;
    let path = path(&bed, alert, 60_000);
    for _ in 0..3 {
        let shown = bed.send(from(Method::GET, &path)).await;
        assert!(shown.status == StatusCode::OK && shown.text.contains(">Acknowledge</button>"), "{}", shown.text);
        assert_eq!(shown.header("content-type"), "text/html; charset=utf-8");
    }
    assert!(!is_acknowledged(&bed, alert).await);
    let done = bed.send(from(Method::POST, &path)).await;
    assert!(done.status == StatusCode::OK && done.text.contains("<h1>Acknowledged</h1>"), "{}", done.text);
    assert!(is_acknowledged(&bed, alert).await);
    assert!(!bed.send(from(Method::GET, &path)).await.text.contains(">Acknowledge</button>"));
}

#[actix_web::test]
async fn an_expired_acknowledgement_can_be_given_again() {
    let bed = Bed::new().await;
    let alert = bed.alert("web-01").await;
    let path = path(&bed, alert, 60_000);
    bed.state.hub.acknowledge(alert, "Ada".into(), None, Some(0)).await.unwrap();
    assert!(bed.send(from(Method::GET, &path)).await.text.contains(">Acknowledge</button>"));
    let done = bed.send(from(Method::POST, &path)).await;
    assert!(done.text.contains("<h1>Acknowledged</h1>"), "{}", done.text);
    assert_eq!(bed.get(&format!("/api/v1/alerts/{alert}")).await.json()["acknowledged_by"], "link in the message");
}

#[actix_web::test]
async fn expired_forged_and_dangling_links_are_clear_pages() {
    let bed = Bed::new().await;
    let alert = bed.alert("web-01").await;
    let expired = path(&bed, alert, -1);
    let forged = path(&bed, alert, 60_000).replace("/ack/0", "/ack/1");
    let dangling = path(&bed, 999, 60_000);
    for method in [Method::GET, Method::POST] {
        for (link, status, title) in [
            (expired.as_str(), StatusCode::GONE, "This link has expired"),
            (&forged, StatusCode::NOT_FOUND, "This link is not valid"),
            (&dangling, StatusCode::NOT_FOUND, "This link is not valid"),
            ("/ack/%3Cscript%3E", StatusCode::NOT_FOUND, "This link is not valid"),
        ] {
            let answer = bed.send(from(method.clone(), link)).await;
            assert!(answer.status == status && answer.text.contains(title), "{link}: {}", answer.text);
        }
    }
    assert!(!is_acknowledged(&bed, alert).await);
}

#[actix_web::test]
async fn nothing_in_a_page_is_markup_of_a_host() {
    let bed = Bed::new().await;
    let body = serde_json::json!({"name": "<img src=x onerror=alert(1)>", "host_id": "evil", "expected_frequency_seconds": 60});
    let token = bed.post("/api/v1/hosts", body).await.json()["token"].as_str().unwrap().to_owned();
    bed.send(from(Method::GET, &format!("/heartbeat/evil/fail?token={token}"))).await;
    let alert = bed.get("/api/v1/alerts?open=true").await.json()["alerts"][0]["id"].as_i64().unwrap();
    let shown = bed.send(from(Method::GET, &path(&bed, alert, 60_000))).await;
    assert!(!shown.text.contains("<img") && shown.text.contains("&lt;img"), "{}", shown.text);
}
