//! The first run: the link makes exactly one admin, then dies.

use crate::testing::{Answer, Bed, from};
use actix_web::http::{Method, StatusCode};
use futures_util::future::join_all;

const PASSWORD: &str = "a sentence to remember";

fn fill(bed: &Bed, name: &str, password: &str, again: &str) -> actix_web::test::TestRequest {
    let token = bed.setup_path.split("token=").nth(1).unwrap();
    from(Method::POST, "/setup")
        .insert_header(("Content-Type", "application/x-www-form-urlencoded"))
        .set_payload(format!("token={token}&name={name}&password={password}&password_again={again}").replace(' ', "+"))
}

fn cookie_of(answer: &Answer) -> String {
    answer.header("set-cookie").split(';').next().unwrap().to_owned()
}

#[actix_web::test]
async fn looking_makes_nobody_and_the_first_who_chooses_is_the_admin_and_signed_in() {
    let bed = Bed::new().await;
    for _ in 0..2 {
        let shown = bed.send(from(Method::GET, &bed.setup_path)).await;
        assert!(shown.status == StatusCode::OK && shown.text.contains("Make me the admin</button>"));
    }
    let made = bed.send(fill(&bed, "ada", PASSWORD, PASSWORD)).await;
    assert_eq!((made.status, made.header("location")), (StatusCode::SEE_OTHER, "/dashboard"), "{}", made.text);
    let page = bed.send(from(Method::GET, "/users").insert_header(("Cookie", cookie_of(&made)))).await;
    assert!(page.status == StatusCode::OK && page.text.contains("ada"), "{}", page.text);
    assert_eq!(bed.send(fill(&bed, "eve", PASSWORD, PASSWORD)).await.status, StatusCode::GONE);
    assert_eq!(bed.send(from(Method::GET, &bed.setup_path)).await.status, StatusCode::GONE);
}

#[actix_web::test]
async fn what_is_wrong_is_told_by_field_and_uses_nothing_up() {
    let bed = Bed::new().await;
    let cases = [
        ("", PASSWORD, PASSWORD, "Name"),
        ("ada", "short", "short", "at least 10 characters"),
        ("ada", PASSWORD, "another sentence", "same as above"),
    ];
    for (name, password, again, told) in cases {
        let answer = bed.send(fill(&bed, name, password, again)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.text.contains(told) && !answer.text.contains(password), "{}", answer.text);
    }
    assert_eq!(bed.send(fill(&bed, "ada", PASSWORD, PASSWORD)).await.status, StatusCode::SEE_OTHER);
}

#[actix_web::test]
async fn of_a_hundred_tries_at_once_exactly_one_is_the_admin() {
    let bed = Bed::new().await;
    let tries = (0..100).map(|n| {
        let name = format!("user{n}");
        let bed = &bed;
        async move { bed.send(fill(bed, &name, PASSWORD, PASSWORD)).await }
    });
    let answers = join_all(tries).await;
    let count = |status| answers.iter().filter(|answer| answer.status == status).count();
    // Those for whom there is no turn to hash are told to come again, and then it is too late.
    let late = count(StatusCode::GONE) + count(StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!((count(StatusCode::SEE_OTHER), late), (1, 99));
    let users = bed.state.hub.db().read(store::users::list).await.unwrap();
    assert_eq!(users.len(), 1);
}

#[actix_web::test]
async fn an_admin_made_elsewhere_kills_the_link_at_once_and_a_viewer_does_not() {
    let bed = Bed::new().await;
    let add = |name: &str, role: &str| {
        from(Method::POST, "/api/v1/users")
            .insert_header(("X-API-Key", bed.writer.clone()))
            .insert_header(("Content-Type", "application/json"))
            .set_payload(format!(r#"{{"name":"{name}","role":"{role}","password":"{PASSWORD}"}}"#))
    };
    assert_eq!(bed.send(add("eve", "viewer")).await.status, StatusCode::CREATED);
    assert_eq!(bed.send(from(Method::GET, &bed.setup_path)).await.status, StatusCode::OK);
    assert_eq!(bed.send(add("ada", "admin")).await.status, StatusCode::CREATED);
    assert_eq!(bed.send(from(Method::GET, &bed.setup_path)).await.status, StatusCode::GONE);
    assert_eq!(bed.send(fill(&bed, "mallory", PASSWORD, PASSWORD)).await.status, StatusCode::GONE);
    let again = bed.state.hub.db().read(crate::SetupLink::new).await.unwrap();
    assert_eq!(again.1, None, "the next start tells no link");
}

#[actix_web::test]
async fn a_hub_that_was_set_up_before_there_were_users_tells_a_link() {
    let bed = Bed::new().await;
    let at = bed.state.hub.now().wall;
    bed.state.hub.db().write("old", move |tx| store::settings::set(tx, "setup_done", Some("1"), "old", at)).await.unwrap();
    let (_, path) = bed.state.hub.db().read(crate::SetupLink::new).await.unwrap();
    assert!(path.is_some_and(|path| path.starts_with("/setup?token=")));
    assert_eq!(bed.send(fill(&bed, "ada", PASSWORD, PASSWORD)).await.status, StatusCode::SEE_OTHER);
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
    assert_eq!(bed.state.hub.db().read(store::users::list).await.unwrap(), []);
}
