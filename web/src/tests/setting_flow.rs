//! Settings from outside: in force at once, never read back in clear, undone.

use crate::WebLimits;
use crate::testing::{Bed, WEBHOOK};
use actix_web::http::{Method, StatusCode};
use serde_json::{Value, json};

const OTHER: &str =
    "https://discord.com/api/webhooks/987654321098765432/sEcReT-CaNaRy_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ";
const PATH: &str = "/api/v1/settings/webhook";

async fn put(bed: &Bed, path: &str, body: Value) -> crate::testing::Answer {
    bed.call(Method::PUT, path, Some(body)).await
}

fn in_force(bed: &Bed) -> Vec<(String, String, &'static str)> {
    bed.state.hub.settings().webhooks().into_iter().map(|(_, w)| (w.name, w.url, w.source.as_str())).collect()
}

#[actix_web::test]
async fn the_database_goes_before_the_environment_and_null_falls_back() {
    let bed = Bed::with(WebLimits::default(), vec![("primary".into(), WEBHOOK.into())]).await;
    assert_eq!(in_force(&bed), [("primary".into(), WEBHOOK.into(), "environment")]);
    assert_eq!(put(&bed, PATH, json!({"url": OTHER})).await.status, StatusCode::OK);
    assert_eq!(in_force(&bed), [("primary".into(), OTHER.into(), "database")]);
    assert_eq!(bed.state.hub.settings().channels().len(), 1);
    assert_eq!(put(&bed, PATH, json!({"url": null})).await.json()["webhooks"][0]["source"], "environment");
    assert_eq!(in_force(&bed), [("primary".into(), WEBHOOK.into(), "environment")]);
}

#[actix_web::test]
async fn several_webhooks_are_set_together_and_removed_together() {
    let bed = Bed::new().await;
    let both = json!({"webhooks": [{"name": "ops", "url": OTHER}, {"name": "primary", "url": WEBHOOK}]});
    let set = put(&bed, PATH, both).await.json();
    assert_eq!((&set["webhooks"][0]["name"], &set["webhooks"][1]["name"]), (&"primary".into(), &"ops".into()));
    assert_eq!(bed.state.hub.settings().channels().len(), 2);
    assert_eq!(put(&bed, PATH, json!({"url": null})).await.json()["webhooks"].as_array().unwrap().len(), 1);
    assert_eq!(put(&bed, PATH, json!({"webhooks": []})).await.json()["webhooks"], json!([]));
    assert!(bed.state.hub.settings().channels().is_empty());
}

#[actix_web::test]
async fn no_answer_tells_a_secret_once_it_is_set() {
    let bed = Bed::new().await;
    let upstream = json!({"enabled": true, "url": "https://hc-ping.com/upstream-CaNaRy"});
    let answers = [
        put(&bed, PATH, json!({"url": WEBHOOK})).await,
        put(&bed, PATH, json!({"url": OTHER})).await,
        put(&bed, "/api/v1/settings/upstream", upstream).await,
        bed.get(PATH).await,
        bed.get("/api/v1/settings/upstream").await,
        bed.get("/api/v1/settings/all").await,
        bed.get("/api/v1/settings/revisions").await,
    ];
    for answer in answers {
        assert!(answer.status == StatusCode::OK && !answer.text.contains("CaNaRy"), "{}", answer.text);
    }
    assert_eq!(bed.get(PATH).await.json()["url"], "https://discord.com/api/webhooks/987…/••••");
    let stored = bed.state.hub.db().read(store::settings::all).await.unwrap();
    assert!(!format!("{stored:?}").contains("CaNaRy"));
    assert!(!format!("{:?}", bed.state.hub.settings().webhooks()).contains("CaNaRy"));
}

#[actix_web::test]
async fn each_change_is_a_revision_that_can_be_undone() {
    let bed = Bed::new().await;
    put(&bed, PATH, json!({"url": WEBHOOK})).await;
    put(&bed, PATH, json!({"url": WEBHOOK})).await;
    put(&bed, PATH, json!({"url": OTHER})).await;
    let list = bed.get("/api/v1/settings/revisions").await.json();
    let revisions = list["revisions"].as_array().unwrap();
    assert_eq!(revisions.len(), 2, "the same again is no change: {list}");
    assert_eq!(
        (&revisions[0]["changed_by"], &revisions[0]["key"], &revisions[1]["old"]),
        (&"key writer".into(), &"webhooks".into(), &Value::Null)
    );
    let undo = |id: &Value| format!("/api/v1/settings/revisions/{id}/undo");
    assert_eq!(bed.call(Method::POST, &undo(&revisions[0]["id"]), None).await.status, StatusCode::OK);
    assert_eq!(in_force(&bed)[0].1, WEBHOOK);
    assert_eq!(bed.call(Method::POST, &undo(&revisions[1]["id"]), None).await.status, StatusCode::OK);
    assert!(in_force(&bed).is_empty());
    assert_eq!(bed.get("/api/v1/settings/revisions?key=webhooks&limit=3").await.json()["revisions"].as_array().unwrap().len(), 3);
    for unknown in ["999", "x", "-1", "9223372036854775807"] {
        assert_eq!(
            bed.call(Method::POST, &undo(&Value::String(unknown.into())).replace('"', ""), None).await.status,
            StatusCode::NOT_FOUND
        );
    }
}

#[actix_web::test]
async fn wrong_webhooks_are_refused_by_field() {
    let bed = Bed::new().await;
    let cases = [
        (json!({}), "url"),
        (json!({"url": WEBHOOK, "webhooks": []}), "url"),
        (json!({"url": "https://evil.example/api/webhooks/1/x"}), "url"),
        (json!({"url": 7}), "url"),
        (json!({"uri": WEBHOOK}), "uri"),
        (json!({"webhooks": [{"name": "a", "url": WEBHOOK}, {"name": "a", "url": OTHER}]}), "webhooks[1].name"),
        (json!({"webhooks": [{"name": "a", "url": "http://169.254.169.254/"}]}), "webhooks[0].url"),
        (json!({"webhooks": [{"name": "\u{0}", "url": WEBHOOK}]}), "webhooks[0].name"),
        (json!({"webhooks": [{"name": "a"}]}), "webhooks[0].url"),
        (json!({"webhooks": [{"name": "a", "url": WEBHOOK, "x": 1}]}), "webhooks[0].x"),
        (json!({"webhooks": vec![json!({"name": "a", "url": WEBHOOK}); 21]}), "webhooks"),
    ];
    for (body, field) in cases {
        let answer = put(&bed, PATH, body.clone()).await;
        assert_eq!(
            (answer.status, answer.field().as_str()),
            (StatusCode::UNPROCESSABLE_ENTITY, field),
            "{body}: {}",
            answer.text
        );
        assert!(!answer.text.contains("CaNaRy"));
    }
    assert!(in_force(&bed).is_empty());
}

#[actix_web::test]
async fn the_upstream_is_stored_and_honest_about_not_being_called_yet() {
    let bed = Bed::new().await;
    let path = "/api/v1/settings/upstream";
    let set = put(&bed, path, json!({"enabled": true, "url": "https://hc-ping.com/x", "method": "HEAD", "interval_seconds": 60}))
        .await
        .json();
    assert_eq!(
        (&set["enabled"], &set["active"], &set["method"], &set["url"]),
        (&true.into(), &false.into(), &"HEAD".into(), &"https://hc-ping.com/••••".into())
    );
    assert_eq!(put(&bed, path, json!({"enabled": false})).await.json()["url"], "https://hc-ping.com/••••");
    for (body, field) in [
        (json!({"interval_seconds": 59}), "interval_seconds"),
        (json!({"url": "x"}), "url"),
        (json!({"method": "PUT"}), "method"),
        (json!({"on": 1}), "on"),
    ] {
        assert_eq!(put(&bed, path, body).await.field(), field);
    }
}

#[actix_web::test]
async fn a_webhook_without_a_url_cannot_be_tested() {
    let bed = Bed::new().await;
    let answer = bed.call(Method::POST, "/api/v1/settings/webhook/test", None).await;
    assert_eq!((answer.status, answer.field().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "name"));
    let answer = bed.post("/api/v1/settings/webhook/test", json!({"name": "nobody"})).await;
    assert_eq!(answer.field(), "name");
}

#[actix_web::test]
async fn a_test_message_says_what_became_of_it() {
    let bed = Bed::new().await;
    put(&bed, PATH, json!({"url": WEBHOOK})).await;
    let answer = bed.call(Method::POST, "/api/v1/settings/webhook/test", None).await;
    assert_eq!((answer.status, answer.json()), (StatusCode::OK, json!({"status": "delivered", "name": "primary"})));
}
