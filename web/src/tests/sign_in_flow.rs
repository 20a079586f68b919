//! Signing in and out with the browser's means only: cookies and forms. Fixation, forgery, guessing, and what is left behind.

use crate::passwords;
use crate::testing::{Answer, Bed, from};
use actix_web::http::{Method, StatusCode};
use actix_web::test::TestRequest;
use store::users::{self, Role};

const PASSWORD: &str = "correct horse battery staple";

async fn user(bed: &Bed, name: &'static str, role: Role) -> i64 {
    let (hash, now) = (passwords::hash(PASSWORD.into()).await.unwrap(), bed.state.hub.now().wall);
    bed.state.hub.db().write("user", move |tx| users::create(tx, name, &hash, role, now)).await.unwrap()
}

fn form(path: &str, fields: &[(&str, &str)]) -> TestRequest {
    let body =
        fields.iter().map(|(name, value)| format!("{name}={}", crate::query::escaped(value))).collect::<Vec<_>>().join("&");
    from(Method::POST, path).insert_header(("Content-Type", "application/x-www-form-urlencoded")).set_payload(body)
}

fn knock(name: &str, password: &str) -> TestRequest {
    form("/login", &[("name", name), ("password", password), ("next", "/dashboard?q=nas")])
}

fn cookie_of(answer: &Answer) -> String {
    answer.header("set-cookie").split(';').next().unwrap().to_owned()
}

async fn look(bed: &Bed, path: &str, cookie: &str) -> Answer {
    bed.send(from(Method::GET, path).insert_header(("Cookie", cookie))).await
}

fn csrf_in(page: &Answer) -> String {
    page.text.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned()
}

#[actix_web::test]
async fn a_stranger_is_sent_to_the_door_and_from_there_to_where_he_wanted() {
    let bed = Bed::new().await;
    user(&bed, "ada", Role::Admin).await;
    let sent = bed.send(from(Method::GET, "/dashboard?q=nas")).await;
    assert_eq!((sent.status, sent.header("location")), (StatusCode::SEE_OTHER, "/login?next=%2Fdashboard%3Fq%3Dnas"));
    let door = bed.send(from(Method::GET, sent.header("location"))).await;
    assert!(door.status == StatusCode::OK && door.text.contains("value=\"/dashboard?q=nas\""), "{}", door.text);
    let inside = bed.send(knock("ADA", PASSWORD)).await;
    assert_eq!((inside.status, inside.header("location")), (StatusCode::SEE_OTHER, "/dashboard?q=nas"));
    let set = inside.header("set-cookie");
    assert!(
        set.contains("HttpOnly") && set.contains("SameSite=Lax") && set.contains("Path=/") && !set.contains("Secure"),
        "{set}"
    );
    let page = look(&bed, "/dashboard?q=nas", &cookie_of(&inside)).await;
    assert_eq!(page.status, StatusCode::OK);

    let leave = form("/logout", &[("csrf", &csrf_in(&page))]).insert_header(("Cookie", cookie_of(&inside)));
    assert_eq!(bed.send(leave).await.status, StatusCode::SEE_OTHER);
    assert_eq!(look(&bed, "/alerts", &cookie_of(&inside)).await.status, StatusCode::SEE_OTHER, "the cookie is worth nothing now");
}

#[actix_web::test]
async fn over_https_the_cookie_is_for_https_and_this_address_only() {
    let bed = Bed::new().await;
    user(&bed, "ada", Role::Admin).await;
    let by_proxy = knock("ada", PASSWORD).peer_addr("10.1.2.3:4".parse().unwrap()).insert_header(("X-Forwarded-Proto", "https"));
    let set = bed.send(by_proxy).await.header("set-cookie").to_owned();
    assert!(set.starts_with("__Host-pulsewarden=") && set.ends_with("; Secure"), "{set}");
    let liar = knock("ada", PASSWORD).insert_header(("X-Forwarded-Proto", "https"));
    assert!(bed.send(liar).await.header("set-cookie").starts_with("pulsewarden="), "who is no proxy is not believed");
}

#[actix_web::test]
async fn a_planted_cookie_is_never_taken_over_and_each_sign_in_has_its_own() {
    let bed = Bed::new().await;
    user(&bed, "ada", Role::Admin).await;
    let planted = "pulsewarden=planted-by-somebody";
    let first = bed.send(knock("ada", PASSWORD).insert_header(("Cookie", planted))).await;
    assert_eq!(look(&bed, "/account", planted).await.status, StatusCode::SEE_OTHER);
    let again = bed.send(knock("ada", PASSWORD).insert_header(("Cookie", cookie_of(&first)))).await;
    assert_ne!(cookie_of(&first), cookie_of(&again));
    assert_eq!(look(&bed, "/account", &cookie_of(&first)).await.status, StatusCode::SEE_OTHER, "ended by the one after it");
    assert_eq!(look(&bed, "/account", &cookie_of(&again)).await.status, StatusCode::OK);
}

#[actix_web::test]
async fn forms_and_scripts_of_other_sites_change_nothing() {
    let bed = Bed::new().await;
    let (cookie, csrf) = bed.signed_in(Role::Admin).await;
    let (_, foreign) = bed.signed_in(Role::Admin).await;
    let add = |csrf: &str| {
        form("/users", &[("csrf", csrf), ("name", "eve"), ("role", "admin"), ("password", PASSWORD)])
            .insert_header(("Cookie", cookie.clone()))
    };
    for forged in [
        add(""),
        add("guessed"),
        add(&foreign),
        add(&csrf).insert_header(("Origin", "http://evil.example")),
        add(&csrf).insert_header(("Sec-Fetch-Site", "cross-site")),
    ] {
        assert_eq!(bed.send(forged).await.status, StatusCode::FORBIDDEN);
    }
    let by_api = |header: Option<&str>| {
        let mut req = from(Method::POST, "/api/v1/hosts")
            .insert_header(("Cookie", cookie.clone()))
            .insert_header(("Content-Type", "application/json"));
        if let Some(csrf) = header {
            req = req.insert_header(("X-CSRF-Token", csrf));
        }
        req.set_payload(r#"{"name":"nas","expected_frequency_seconds":300}"#)
    };
    assert_eq!(bed.send(by_api(None)).await.status, StatusCode::FORBIDDEN);
    assert_eq!(bed.send(by_api(Some(&foreign))).await.status, StatusCode::FORBIDDEN);
    assert_eq!(bed.send(by_api(Some(&csrf))).await.status, StatusCode::CREATED);
    assert_eq!(
        bed.send(knock("ada", PASSWORD).insert_header(("Sec-Fetch-Site", "cross-site"))).await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(bed.send(add(&csrf)).await.status, StatusCode::SEE_OTHER);
    assert_eq!(bed.state.hub.db().read(|conn| users::find(conn, "eve")).await.unwrap().unwrap().0.role, Role::Admin);
}

#[actix_web::test]
async fn a_viewer_looks_and_changes_nothing_but_himself() {
    let bed = Bed::new().await;
    bed.host("nas").await;
    user(&bed, "bob", Role::Viewer).await;
    let inside = bed.send(knock("bob", PASSWORD)).await;
    let cookie = cookie_of(&inside);
    let page = look(&bed, "/hosts/nas", &cookie).await;
    assert!(page.status == StatusCode::OK && !page.text.contains("?token="), "a viewer sees no heartbeat URL");
    let account = look(&bed, "/account", &cookie).await;
    let csrf = csrf_in(&account);
    let pause = form("/hosts/nas/pause", &[("csrf", &csrf)]).insert_header(("Cookie", cookie.clone()));
    assert_eq!(bed.send(pause).await.status, StatusCode::FORBIDDEN);
    let change = |current: &str, password: &str| {
        let fields = [("csrf", csrf.as_str()), ("current", current), ("password", password), ("password_again", password)];
        form("/account/password", &fields).insert_header(("Cookie", cookie.clone()))
    };
    assert_eq!(bed.send(change("not it", "another sentence")).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let elsewhere = cookie_of(&bed.send(knock("bob", PASSWORD)).await);
    assert_eq!(bed.send(change(PASSWORD, "another sentence")).await.status, StatusCode::SEE_OTHER);
    assert_eq!(look(&bed, "/account", &cookie).await.status, StatusCode::OK);
    assert_eq!(look(&bed, "/account", &elsewhere).await.status, StatusCode::SEE_OTHER, "signed out everywhere else");
    assert_eq!(bed.send(knock("bob", PASSWORD)).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[actix_web::test]
async fn guessing_is_slowed_down_by_address_and_by_name_and_teaches_nothing() {
    let bed = Bed::new().await;
    user(&bed, "ada", Role::Admin).await;
    let unknown = bed.send(knock("nobody", "wrong password")).await;
    let known = bed.send(knock("ada", "wrong password")).await;
    let plain = |answer: &Answer, name: &str| answer.text.replace(name, "NAME");
    assert_eq!((unknown.status, plain(&unknown, "nobody")), (known.status, plain(&known, "ada")));
    // From an address of its own each time, the name alone is counted.
    for n in 0..9 {
        let peer = format!("203.0.113.{n}:1").parse().unwrap();
        assert_eq!(bed.send(knock("Ada", "wrong password").peer_addr(peer)).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let slowed = bed.send(knock("ada", PASSWORD).peer_addr("203.0.113.99:1".parse().unwrap())).await;
    assert!(slowed.status == StatusCode::TOO_MANY_REQUESTS && !slowed.header("retry-after").is_empty());
    // And one address is counted whatever names it tries.
    for n in 0..8 {
        assert_eq!(bed.send(knock(&format!("name{n}"), "x")).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(bed.send(knock("name9", "x")).await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[actix_web::test]
async fn many_tries_at_once_get_no_further_than_many_in_a_row() {
    let bed = Bed::new().await;
    user(&bed, "ada", Role::Admin).await;
    let tries = (0..40).map(|n| bed.send(knock("ada", &format!("wrong password {n}"))));
    let answers = futures_util::future::join_all(tries).await;
    let looked_at = answers.iter().filter(|answer| answer.status != StatusCode::TOO_MANY_REQUESTS).count();
    assert_eq!(looked_at, 10);
}

#[actix_web::test]
async fn strangers_who_guess_do_not_keep_out_who_is_signed_in_there_already() {
    let bed = Bed::new().await;
    user(&bed, "ada", Role::Admin).await;
    let home = || knock("ada", PASSWORD).peer_addr("192.0.2.7:1".parse().unwrap());
    assert_eq!(bed.send(home()).await.status, StatusCode::SEE_OTHER);
    for n in 0..10 {
        let peer = format!("203.0.113.{n}:1").parse().unwrap();
        assert_eq!(bed.send(knock("ada", "guess").peer_addr(peer)).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let elsewhere = knock("ada", PASSWORD).peer_addr("203.0.113.99:1".parse().unwrap());
    assert_eq!(bed.send(elsewhere).await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(bed.send(home()).await.status, StatusCode::SEE_OTHER);
}

#[actix_web::test]
async fn the_current_password_is_not_to_be_guessed_either() {
    let bed = Bed::new().await;
    user(&bed, "ada", Role::Admin).await;
    let cookie = cookie_of(&bed.send(knock("ada", PASSWORD)).await);
    let csrf = csrf_in(&look(&bed, "/account", &cookie).await);
    let change = |current: &str| {
        let fields =
            [("csrf", csrf.as_str()), ("current", current), ("password", "another one 1"), ("password_again", "another one 1")];
        form("/account/password", &fields).insert_header(("Cookie", cookie.clone()))
    };
    for _ in 0..10 {
        assert_eq!(bed.send(change("guess")).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let slowed = bed.send(change(PASSWORD)).await;
    assert!(slowed.status == StatusCode::TOO_MANY_REQUESTS && !slowed.header("retry-after").is_empty());
}

#[actix_web::test]
async fn a_password_that_was_right_a_moment_ago_begins_no_session() {
    let bed = Bed::new().await;
    let id = user(&bed, "ada", Role::Admin).await;
    let (_, verified) = bed.state.hub.db().read(|conn| users::find(conn, "ada")).await.unwrap().unwrap();
    let (other, now) = (passwords::hash("another sentence".into()).await.unwrap(), bed.state.hub.now().wall);
    bed.state.hub.db().write("change", move |tx| users::set_password(tx, id, &other, None, now)).await.unwrap();
    let req = from(Method::POST, "/login").to_http_request();
    assert_eq!(crate::sessions::begin(&bed.state, &req, id, verified).await.unwrap(), None);
    assert_eq!(bed.state.hub.db().read(move |conn| store::sessions::of_user(conn, id)).await.unwrap(), []);
}

#[actix_web::test]
async fn the_last_admin_stays_one() {
    let bed = Bed::new().await;
    let id = user(&bed, "ada", Role::Admin).await;
    let cookie = cookie_of(&bed.send(knock("ada", PASSWORD)).await);
    let csrf = csrf_in(&look(&bed, "/users", &cookie).await);
    for (path, field) in [(format!("/users/{id}/role"), ("role", "viewer")), (format!("/users/{id}/remove"), ("role", ""))] {
        let answer = bed.send(form(&path, &[("csrf", &csrf), field]).insert_header(("Cookie", cookie.clone()))).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
    }
    assert_eq!(bed.state.hub.db().read(move |conn| users::get(conn, id)).await.unwrap().role, Role::Admin);
}

#[actix_web::test]
async fn neither_password_nor_cookie_is_in_the_database() {
    let bed = Bed::new().await;
    user(&bed, "ada", Role::Admin).await;
    let cookie = cookie_of(&bed.send(knock("ada", PASSWORD)).await);
    let token = cookie.split('=').nth(1).unwrap();
    let bytes = bed.bytes();
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("argon2id"), "it was read where it lies");
    assert!(!holds(PASSWORD) && !holds(token));
}
