//! The supervision tree from outside: what it lists, what it counts, and what it refuses.

use crate::testing::Bed;
use actix_web::http::StatusCode;
use actors::host::Crash;
use serde_json::{Value, json};
use std::time::Duration;

/// Much longer than any loaded machine needs.
const TRIES: u32 = 6_000;

/// Asks until the answer is as it should be.
async fn until(bed: &Bed, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..TRIES {
        let answer = bed.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let told = answer.json();
        if is_so(&told) {
            return told;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{path} never became as it should be");
}

fn crash(bed: &Bed, host_id: &str) {
    bed.state.hub.roster().find(host_id).unwrap().actor().unwrap().do_send(Crash("told to"));
}

fn group<'a>(told: &'a Value, name: &str) -> &'a Value {
    told["groups"].as_array().unwrap().iter().find(|group| group["name"] == name).unwrap()
}

#[actix_web::test]
async fn the_tree_is_told_in_start_order_and_healthy_hosts_are_counted_not_listed() {
    let bed = Bed::new().await;
    for n in 0..20 {
        bed.host(&format!("h{n}")).await;
    }
    let told = until(&bed, "/api/v1/supervision", |told| group(told, "hosts")["running"] == 20).await;
    let kinds: Vec<_> =
        told["groups"].as_array().unwrap().iter().map(|g| json!([g["supervisor"], g["name"], g["kind"]])).collect();
    let expected = json!([
        ["hub", "db", "actor"],
        ["hub", "alert", "actor"],
        ["hub", "llm", "actor"],
        ["hub", "host keeper", "actor"],
        ["hub", "hosts", "many"],
        ["hub", "log keeper", "actor"],
        ["hub", "logs", "many"],
        ["hub", "alive", "actor"],
    ]);
    assert_eq!(Value::from(kinds), expected);
    assert_eq!((&group(&told, "hosts")["stories"], &group(&told, "hosts")["listed"]), (&json!(0), &json!([])));
    let db = &group(&told, "db")["listed"][0];
    assert_eq!((&db["id"], &db["state"], &db["restarts"]), (&json!("db"), &json!("running"), &json!(0)));
    assert!(db["uptime_ms"].as_i64().unwrap() >= 0 && db["last_message_at"].as_str().unwrap().ends_with('Z'));
}

#[actix_web::test]
async fn hosts_with_a_story_are_listed_in_pages() {
    let bed = Bed::new().await;
    for n in 0..5 {
        bed.host(&format!("h{n}")).await;
        crash(&bed, &format!("h{n}"));
    }
    bed.host("quiet").await;
    let restarted = |told: &Value| group(told, "hosts")["restarts"] == 5 && group(told, "hosts")["running"] == 6;
    until(&bed, "/api/v1/supervision", restarted).await;
    let (mut seen, mut path) = (Vec::new(), "/api/v1/supervision?group=hosts&limit=2".to_owned());
    loop {
        let told = bed.get(&path).await.json();
        assert_eq!((told["groups"].as_array().unwrap().len(), &told["groups"][0]["stories"]), (1, &json!(5)));
        for child in told["groups"][0]["listed"].as_array().unwrap() {
            assert!(child["last_reason"].as_str().unwrap().starts_with("told to"));
            seen.push(child["id"].as_str().unwrap().to_owned());
        }
        match told["groups"][0]["next_after"].as_str() {
            Some(after) => path = format!("/api/v1/supervision?group=hosts&limit=2&after={after}"),
            None => break,
        }
    }
    assert_eq!(seen, ["h0", "h1", "h2", "h3", "h4"]);
}

#[actix_web::test]
async fn one_host_is_told_whether_it_has_a_story_or_not() {
    let bed = Bed::new().await;
    let token = bed.host("nas").await;
    let path = "/api/v1/supervision?group=hosts&child=nas";
    let told = until(&bed, path, |told| told["groups"][0]["listed"][0]["state"] == "running").await;
    assert_eq!(told["groups"][0]["listed"][0]["last_heartbeat_at"], Value::Null);
    assert_eq!(bed.get(&format!("/api/v1/heartbeat/nas?token={token}")).await.status, StatusCode::OK);
    let told = until(&bed, path, |told| told["groups"][0]["listed"][0]["last_heartbeat_at"].is_string()).await;
    assert_eq!(told["groups"][0]["listed"][0]["restarts"], 0);
    crash(&bed, "nas");
    until(&bed, path, |told| told["groups"][0]["listed"][0]["restarts"] == 1).await;
}

#[actix_web::test]
async fn what_makes_no_sense_is_refused_with_the_field() {
    let bed = Bed::new().await;
    for (query, field) in [("child=nas", "child"), ("after=x", "after"), ("limit=0", "limit"), ("hosts=1", "hosts")] {
        let answer = bed.get(&format!("/api/v1/supervision?{query}")).await;
        assert_eq!((answer.status, answer.field().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, field), "{}", answer.text);
    }
    for query in ["group=nobody", "group=hosts&child=nobody", "group=db&child=nobody"] {
        let answer = bed.get(&format!("/api/v1/supervision?{query}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{query}: {}", answer.text);
    }
}
