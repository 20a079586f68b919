//! How a host's log comes in: its SSH key waits for an admin, a changed one for his decision, and syslog senders are bound to it.

use crate::testing::{Answer, Bed, from};
use actix_web::http::{Method, StatusCode};
use serde_json::json;
use store::host_keys::{self, Owner, ShownKey};
use store::users::Role;

fn shown(name: &str) -> ShownKey {
    ShownKey { algorithm: "ssh-ed25519".into(), key: name.into(), fingerprint: format!("SHA256:{name}") }
}

/// A host whose server has shown a key.
async fn with_key() -> Bed {
    let bed = Bed::new().await;
    bed.host("nas").await;
    let (row, now) = (bed.state.hub.roster().find("nas").unwrap().row, bed.state.hub.now());
    let owner = Owner { row, host_id: "nas", name: "nas" };
    let seen = move |tx: &store::Transaction<'_>| host_keys::first_seen(tx, owner, "10.0.0.5:22", &shown("one"), now.wall);
    bed.state.hub.db().write("seen", seen).await.unwrap();
    bed
}

async fn change(bed: &Bed) {
    let (row, now) = (bed.state.hub.roster().find("nas").unwrap().row, bed.state.hub.now());
    let owner = Owner { row, host_id: "nas", name: "nas" };
    let offer = move |tx: &store::Transaction<'_>| host_keys::offer(tx, owner, "10.0.0.5:22", Some(&shown("<two>")), now);
    assert!(bed.state.hub.db().write_news("offer", offer).await.unwrap());
}

async fn page(bed: &Bed, role: Role) -> String {
    let (cookie, _) = bed.signed_in(role).await;
    bed.send(from(Method::GET, "/hosts/nas").insert_header(("Cookie", cookie))).await.text
}

async fn submit(bed: &Bed, path: &str, fields: &str) -> Answer {
    let (cookie, csrf) = bed.signed_in(Role::Admin).await;
    let form = from(Method::POST, path).insert_header(("Content-Type", "application/x-www-form-urlencoded"));
    bed.send(form.insert_header(("Cookie", cookie)).set_payload(format!("csrf={csrf}&{fields}"))).await
}

#[actix_web::test]
async fn a_key_waits_for_an_admin_and_only_the_one_he_looked_at_is_accepted() {
    let bed = with_key().await;
    let key = bed.get("/api/v1/hosts/nas/ssh-key").await.json();
    assert_eq!((&key["state"], &key["fingerprint"], &key["offered"]), (&json!("pending"), &json!("SHA256:one"), &json!(null)));
    let accept = "/api/v1/hosts/nas/ssh-key/accept";
    let other = bed.post(accept, json!({"fingerprint": "SHA256:other"})).await;
    assert_eq!((other.status, other.field().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "fingerprint"));
    let accepted = bed.post(accept, json!({"fingerprint": "SHA256:one"})).await;
    assert_eq!((accepted.status, accepted.json()["state"].clone()), (StatusCode::OK, json!("accepted")));
    change(&bed).await;
    let changed = bed.get("/api/v1/hosts/nas/ssh-key").await.json();
    assert_eq!((&changed["state"], &changed["offered"]["fingerprint"]), (&json!("changed"), &json!("SHA256:<two>")));
    let alerts = bed.get("/api/v1/alerts?open=true").await.json();
    assert_eq!((&alerts["alerts"][0]["alert_type"], alerts["alerts"].as_array().unwrap().len()), (&json!("system_error"), 1));
    let forget = "/api/v1/hosts/nas/ssh-key/forget";
    assert_eq!(bed.call(Method::POST, forget, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(bed.call(Method::POST, forget, None).await.status, StatusCode::NOT_FOUND);
    assert_eq!(bed.get("/api/v1/hosts/nas/ssh-key").await.status, StatusCode::NOT_FOUND);
    assert_eq!(bed.get("/api/v1/alerts?open=true").await.json()["alerts"], json!([]));
    assert_eq!(bed.get("/api/v1/hosts/nobody/ssh-key").await.status, StatusCode::NOT_FOUND);
}

#[actix_web::test]
async fn the_page_shows_the_key_and_only_an_admin_its_buttons() {
    let bed = with_key().await;
    let text = page(&bed, Role::Admin).await;
    assert!(text.contains("SHA256:one") && text.contains("Accept this key") && text.contains("Nobody has accepted this key yet"));
    assert!(!page(&bed, Role::Viewer).await.contains("Accept this key"));
    let wrong = submit(&bed, "/hosts/nas/ssh-key/accept", "fingerprint=SHA256:x").await;
    assert_eq!(wrong.status, StatusCode::SEE_OTHER);
    assert!(page(&bed, Role::Admin).await.contains("Accept this key"), "nothing was accepted");
    assert_eq!(submit(&bed, "/hosts/nas/ssh-key/accept", "fingerprint=SHA256:one").await.status, StatusCode::SEE_OTHER);
    assert!(!page(&bed, Role::Admin).await.contains("Accept this key"));
    change(&bed).await;
    let text = page(&bed, Role::Admin).await;
    assert!(text.contains("Accept the new key") && text.contains("Keep the old key") && text.contains("SHA256:&lt;two&gt;"));
    assert_eq!(submit(&bed, "/hosts/nas/ssh-key/accept", "fingerprint=SHA256:one").await.status, StatusCode::SEE_OTHER);
    assert!(!page(&bed, Role::Admin).await.contains("Accept the new key"), "the old one is right after all");
    assert_eq!(submit(&bed, "/hosts/nas/ssh-key/forget", "").await.status, StatusCode::SEE_OTHER);
    assert!(!page(&bed, Role::Admin).await.contains("How its log comes in"));
}

#[actix_web::test]
async fn syslog_senders_are_bound_to_one_host_and_strangers_are_shown() {
    let bed = Bed::new().await;
    bed.host("fw").await;
    bed.host("nas").await;
    let put = |host: &str, addresses: serde_json::Value| {
        let path = format!("/api/v1/hosts/{host}/syslog");
        let (bed, body) = (&bed, json!({"addresses": addresses}));
        async move { bed.call(Method::PUT, &path, Some(body)).await }
    };
    let set = put("fw", json!(["10.0.0.1", "::ffff:10.0.0.1", "fd00::1"])).await;
    assert_eq!((set.status, set.json()["addresses"].clone()), (StatusCode::OK, json!(["10.0.0.1", "fd00::1"])), "{}", set.text);
    let taken = put("nas", json!(["10.0.0.1"])).await;
    assert_eq!((taken.status, taken.field().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "addresses"), "{}", taken.text);
    let wrong = put("nas", json!(["10.0.0.2", "fw.lan"])).await;
    assert_eq!((wrong.status, wrong.field().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "addresses[1]"));
    let spools = bed.state.hub.intake().unwrap().spools();
    spools.take("10.0.0.1".parse().unwrap(), b"<13>hello");
    spools.take("10.0.0.99".parse().unwrap(), b"<13>hello");
    let seen = bed.get("/api/v1/hosts/fw/syslog").await.json();
    assert_eq!((&seen["received"], &seen["waiting"], &seen["dropped"]), (&json!(1), &json!(1), &json!(0)));
    let strangers = bed.get("/api/v1/syslog").await.json();
    assert_eq!(strangers["strangers"], json!([{"address": "10.0.0.99", "refused": 1}]));
    assert_eq!(submit(&bed, "/hosts/nas/syslog", "addresses=10.0.0.99+fd00::2").await.status, StatusCode::SEE_OTHER);
    assert_eq!(bed.get("/api/v1/hosts/nas/syslog").await.json()["addresses"], json!(["10.0.0.99", "fd00::2"]));
    assert!(page(&bed, Role::Viewer).await.contains("fd00::2"));
    assert_eq!(bed.call(Method::DELETE, "/api/v1/hosts/nas", None).await.status, StatusCode::NO_CONTENT);
    assert!(!spools.admits("10.0.0.99".parse().unwrap()), "a removed host sends nothing");
    assert_eq!(put("fw", json!([])).await.json()["addresses"], json!([]));
    assert_eq!(bed.get("/api/v1/hosts/fw/syslog").await.json()["received"], json!(0), "what waited is let go");
}
