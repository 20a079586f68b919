//! The first run: the link makes exactly one key, then dies.

use crate::testing::{Bed, from};
use actix_web::http::{Method, StatusCode};
use futures_util::future::join_all;

fn press(bed: &Bed) -> actix_web::test::TestRequest {
    let token = bed.setup_path.split("token=").nth(1).unwrap();
    from(Method::POST, "/setup")
        .insert_header(("Content-Type", "application/x-www-form-urlencoded"))
        .set_payload(format!("token={token}"))
}

fn key_in(html: &str) -> String {
    html.split("<code>").nth(1).and_then(|rest| rest.split("</code>").next()).unwrap().to_owned()
}

#[actix_web::test]
async fn looking_makes_nothing_and_pressing_makes_a_key_that_works() {
    let bed = Bed::new().await;
    for _ in 0..2 {
        let shown = bed.send(from(Method::GET, &bed.setup_path)).await;
        assert!(shown.status == StatusCode::OK && shown.text.contains("Make the first key</button>"));
    }
    let made = bed.send(press(&bed)).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.text);
    let key = key_in(&made.text);
    let list = bed.send(from(Method::GET, "/api/v1/keys").insert_header(("X-API-Key", key.as_str()))).await;
    assert!(list.status == StatusCode::OK && list.text.contains("first key"));
    assert_eq!(bed.send(press(&bed)).await.status, StatusCode::GONE);
    assert_eq!(bed.send(from(Method::GET, &bed.setup_path)).await.status, StatusCode::GONE);
}

#[actix_web::test]
async fn of_a_hundred_tries_at_once_exactly_one_has_a_key() {
    let bed = Bed::new().await;
    let answers = join_all((0..100).map(|_| bed.send(press(&bed)))).await;
    let made = answers.iter().filter(|answer| answer.status == StatusCode::OK).count();
    let gone = answers.iter().filter(|answer| answer.status == StatusCode::GONE).count();
    assert_eq!((made, gone), (1, 99));
    let keys = bed.get("/api/v1/keys").await.json();
    assert_eq!(keys["keys"].as_array().unwrap().len(), 3);
}

#[actix_web::test]
async fn without_the_right_token_there_is_nothing() {
    let bed = Bed::new().await;
    for path in ["/setup", "/setup?token=", "/setup?token=wrong"] {
        assert_eq!(bed.send(from(Method::GET, path)).await.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(bed.send(from(Method::POST, path)).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let wrong = from(Method::POST, "/setup").set_payload("token=%ff");
    assert_eq!(bed.send(wrong).await.status, StatusCode::NOT_FOUND);
    assert_eq!(bed.get("/api/v1/keys").await.json()["keys"].as_array().unwrap().len(), 2);
}
