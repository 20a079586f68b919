//! The fleet as pages list it: order, filters, counts, and paging that neither repeats nor loses a host.

use crate::fleet::{self, FleetPage, FleetQuery, Shown, SlotKind};
use crate::story;
use crate::testing::{Bed, from};
use actix_web::http::{Method, StatusCode};
use serde_json::json;

async fn page(bed: &Bed, query: &str) -> FleetPage {
    fleet::list(&bed.state, &FleetQuery::parse(query).unwrap()).await.unwrap()
}

fn ids(page: &FleetPage) -> Vec<String> {
    page.rows.iter().map(|row| row.host_id.to_string()).collect()
}

async fn add(bed: &Bed, body: serde_json::Value) -> String {
    let made = bed.post("/api/v1/hosts", body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    made.json()["token"].as_str().unwrap().to_owned()
}

async fn beat(bed: &Bed, host: &str, token: &str, signal: &str) {
    let answer = bed.send(from(Method::GET, &format!("/heartbeat/{host}{signal}?token={token}"))).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
}

/// Five hosts, one in each state.
async fn town(bed: &Bed) {
    let every = |name: &str, s: u32| json!({"name": name, "expected_frequency_seconds": s, "tags": ["eu", "Büro"]});
    for (name, s) in [("Up", 600), ("Down", 300), ("Sleepy", 60)] {
        let token = add(bed, every(name, s)).await;
        beat(bed, &name.to_lowercase(), &token, if name == "Down" { "/fail" } else { "" }).await;
        actix_web::rt::time::sleep(std::time::Duration::from_millis(2)).await; // a millisecond of its own each
    }
    add(bed, json!({"name": "never", "expected_frequency_seconds": 900, "description": "In the Cellar 100%"})).await;
    bed.post("/api/v1/hosts/sleepy/pause", json!({})).await;
    let alert = bed.get("/api/v1/alerts?open=true").await.json()["alerts"][0]["id"].clone();
    let silenced = bed.post(&format!("/api/v1/alerts/{alert}/silence"), json!({"for": "1h"})).await;
    assert_eq!(silenced.status, StatusCode::OK, "{}", silenced.text);
}

#[actix_web::test]
async fn the_worst_comes_first_and_every_order_can_be_turned() {
    let bed = Bed::new().await;
    town(&bed).await;
    let orders = [
        ("", ["down", "never", "up", "sleepy"]),
        ("sort=status&dir=desc", ["sleepy", "up", "never", "down"]),
        ("sort=name", ["down", "never", "sleepy", "up"]),
        ("sort=name&dir=desc", ["up", "sleepy", "never", "down"]),
        ("sort=last_seen", ["sleepy", "down", "up", "never"]),
        ("sort=next_alert", ["up", "never", "down", "sleepy"]),
    ];
    for (query, expected) in orders {
        assert_eq!(ids(&page(&bed, query).await), expected, "{query}");
    }
}

#[actix_web::test]
async fn counts_are_of_what_text_and_tag_let_through_and_the_status_cuts_only_the_rows() {
    let bed = Bed::new().await;
    town(&bed).await;
    let all = page(&bed, "status=down").await;
    let counts = fleet::counts(&bed.state).await.unwrap();
    assert_eq!((ids(&all), all.matching, all.counts), (vec!["down".to_owned()], 1, counts));
    assert_eq!((counts.up, counts.down, counts.unknown, counts.paused), (1, 1, 1, 1));
    assert_eq!((counts.late, counts.silenced, counts.total), (0, 1, 4));
    for (query, expected) in [
        ("status=silenced", vec!["down"]),
        ("status=paused", vec!["sleepy"]),
        ("status=unknown", vec!["never"]),
        ("status=late", vec![]),
        ("q=CELLAR", vec!["never"]),
        ("q=100%25+never", vec!["never"]),
        ("q=b%C3%BCro+up", vec!["up"]),
        ("q=e&sort=name", vec!["down", "never", "sleepy", "up"]),
        ("tag=EU&sort=name", vec!["down", "sleepy", "up"]),
        ("tag=b%C3%BCr", vec![]),
    ] {
        assert_eq!(ids(&page(&bed, query).await), expected, "{query}");
    }
    assert_eq!(page(&bed, "tag=eu&status=down").await.counts.total, 3);
}

#[actix_web::test]
async fn a_row_tells_what_is_known() {
    let bed = Bed::new().await;
    town(&bed).await;
    let all = page(&bed, "sort=name").await;
    let [down, never, sleepy, up] = &all.rows[..] else { panic!("{all:?}") };
    assert!(up.next_alert.is_some() && never.next_alert.is_some());
    assert_eq!((down.next_alert, sleepy.next_alert), (None, None));
    assert!(down.silenced_until.is_some() && down.tags == ["eu", "Büro"]);
    let kinds = |row: &fleet::FleetRow| row.strip.iter().map(|slot| slot.kind).collect::<Vec<_>>();
    assert_eq!((kinds(up), kinds(down), kinds(never)), (vec![SlotKind::Success], vec![SlotKind::Failure], vec![]));
    assert!(up.uptime_30d == Some(100.0) && down.uptime_30d.is_some_and(|percent| percent < 100.0), "{:?}", down.uptime_30d);
}

#[actix_web::test]
async fn paging_there_and_back_shows_every_host_once_also_while_others_come_and_go() {
    let bed = Bed::new().await;
    for n in 0..13 {
        add(&bed, json!({"name": format!("web {n:02}"), "expected_frequency_seconds": 300 + n * 60})).await;
    }
    for order in ["sort=name", "sort=name&dir=desc", "sort=status", "sort=last_seen&dir=desc", "sort=next_alert&dir=desc"] {
        let whole = ids(&page(&bed, order).await);
        let (mut there, mut cursor, mut last) = (Vec::new(), String::new(), None);
        loop {
            let part = page(&bed, &format!("{order}&limit=4&cursor={cursor}")).await;
            assert_eq!((part.matching, part.previous.is_some()), (13, !there.is_empty()));
            there.extend(ids(&part));
            last = part.previous.or(last);
            let Some(next) = part.next else { break };
            cursor = next;
        }
        assert_eq!(there, whole, "{order}");
        let before = page(&bed, &format!("{order}&limit=4&cursor={}", last.unwrap())).await;
        assert_eq!(ids(&before), &whole[8..12], "{order}");
        assert!(before.next.is_some() && before.previous.is_some());
    }
    let first = page(&bed, "sort=name&limit=4").await;
    bed.call(Method::DELETE, "/api/v1/hosts/web-03", None).await; // the row the cursor stands on
    bed.call(Method::DELETE, "/api/v1/hosts/web-01", None).await;
    add(&bed, json!({"name": "web 00 b", "expected_frequency_seconds": 60})).await;
    add(&bed, json!({"name": "web 03 b", "expected_frequency_seconds": 60})).await;
    let second = page(&bed, &format!("sort=name&limit=4&cursor={}", first.next.unwrap())).await;
    assert_eq!(ids(&second), ["web-03-b", "web-04", "web-05", "web-06"]);
    let back = page(&bed, &format!("sort=name&limit=9&cursor={}", second.previous.unwrap())).await;
    assert_eq!((ids(&back), back.previous), (["web-00", "web-00-b", "web-02"].map(String::from).to_vec(), None));
}

#[actix_web::test]
async fn a_changed_host_is_found_by_what_it_is_called_now() {
    let bed = Bed::new().await;
    add(&bed, json!({"name": "zebra", "expected_frequency_seconds": 60})).await;
    add(&bed, json!({"name": "middle", "expected_frequency_seconds": 60})).await;
    assert_eq!(ids(&page(&bed, "sort=name").await), ["middle", "zebra"]);
    bed.call(Method::PATCH, "/api/v1/hosts/zebra", Some(json!({"name": "ant", "tags": ["new"]}))).await;
    assert_eq!(ids(&page(&bed, "sort=name").await), ["zebra", "middle"]);
    assert_eq!((ids(&page(&bed, "tag=new").await), page(&bed, "q=zebra+ant").await.matching), (vec!["zebra".to_owned()], 1));
    bed.call(Method::DELETE, "/api/v1/hosts/zebra", None).await;
    assert_eq!(ids(&page(&bed, "").await), ["middle"]);
}

#[test]
fn every_wrong_parameter_is_named_with_its_fix() {
    let words = "q=a+b+c+d+e+f+g+h+i";
    let cases = [
        ("status=dead", "status"),
        ("sort=age", "sort"),
        ("dir=up", "dir"),
        ("cursor=17", "cursor"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("q=a%09b", "q"),
        (words, "q"),
        ("colour=red", "colour"),
    ];
    for (query, field) in cases {
        let told = format!("{:?}", FleetQuery::parse(query).unwrap_err());
        assert!(told.contains(&format!("field: \"{field}\"")), "{query}: {told}");
    }
    assert!(FleetQuery::parse(&format!("q={}", "x".repeat(201))).is_err());
    assert_eq!(FleetQuery::parse("status=late").unwrap().status, Some(Shown::Late));
}

#[actix_web::test]
async fn a_hosts_story_tells_its_outages_and_runs() {
    let bed = Bed::new().await;
    let token = add(&bed, json!({"name": "backup", "expected_frequency_seconds": 300})).await;
    for signal in ["/start", "", "/start", "/fail", "/start", ""] {
        beat(&bed, "backup", &token, signal).await;
    }
    let story = story::of(&bed.state, "backup").await.unwrap();
    assert_eq!(story.runs.iter().map(|run| run.success).collect::<Vec<_>>(), [true, false, true]);
    assert!(story.outages.len() == 1 && story.outages[0].to.is_some(), "{:?}", story.outages);
    assert_eq!((story.strip.len(), story.uptime.day.outages), (3, 1));
    assert!(story::of(&bed.state, "nobody").await.is_err());
    let shown = bed.get("/api/v1/hosts/backup/uptime").await.json();
    assert_eq!(
        (&shown["host_id"], &shown["windows"][0]["window"], &shown["windows"][3]["window"]),
        (&json!("backup"), &json!("24h"), &json!("90d"))
    );
    assert_eq!((&shown["windows"][0]["outages"], shown["outages"].as_array().unwrap().len()), (&json!(1), 1));
    assert_eq!(bed.get("/api/v1/hosts/nobody/uptime").await.status, StatusCode::NOT_FOUND);
    assert_eq!(bed.get("/api/v1/hosts/backup/uptime?x=1").await.field(), "x");
}
