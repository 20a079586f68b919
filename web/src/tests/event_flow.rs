//! Event streams: what is told, to whom, and that they end.

use crate::configure;
use crate::testing::{Bed, from};
use actix_web::App;
use actix_web::body::MessageBody;
use actix_web::dev::Service;
use actix_web::http::{Method, StatusCode};
use actix_web::test::init_service;
use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

#[actix_web::test]
async fn a_stream_tells_of_heartbeats_of_its_hosts_and_of_changes_and_ends_when_the_server_stops() {
    let bed = Bed::new().await;
    let (nas, other) = (bed.host("nas").await, bed.host("other").await);
    for (host, token) in [("nas", &nas), ("other", &other)] {
        bed.send(from(Method::GET, &format!("/heartbeat/{host}?token={token}"))).await;
    }
    let app = init_service(App::new().configure(|cfg| configure(cfg, bed.state.clone()))).await;
    let ask = from(Method::GET, "/api/v1/events?hosts=nas,no-such-host").insert_header(("X-API-Key", bed.reader.as_str()));
    let answer = app.call(ask.to_request()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let mut body = pin!(answer.into_body());
    let mut next = async || {
        let bytes = tokio::time::timeout(Duration::from_secs(20), poll_fn(|task| body.as_mut().poll_next(task))).await;
        bytes.expect("it says something in time").map(|told| String::from_utf8(told.ok().unwrap().to_vec()).unwrap())
    };
    assert!(next().await.unwrap().starts_with("retry:"));
    // Only a plain heartbeat of a host that is followed: the other's is not told, and neither changes anything.
    bed.send(from(Method::GET, &format!("/heartbeat/other?token={other}"))).await;
    bed.send(from(Method::GET, &format!("/heartbeat/nas?token={nas}"))).await;
    assert_eq!(next().await.unwrap(), "event: beat\ndata: {\"host_id\":\"nas\"}\n\n");
    bed.send(from(Method::GET, &format!("/heartbeat/other/fail?token={other}"))).await;
    assert!(next().await.unwrap().starts_with("event: changed\n"));
    bed.state.end_streams();
    while next().await.is_some() {}
}

#[actix_web::test]
async fn a_stream_follows_a_bounded_number_of_hosts() {
    let bed = Bed::new().await;
    let many = vec!["a"; 101].join(",");
    let answer = bed.get(&format!("/api/v1/events?hosts={many}")).await;
    assert_eq!((answer.status, answer.field().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "hosts"));
}
