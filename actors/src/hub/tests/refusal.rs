//! P13: a disk that stays full is told past the store, once, and becomes an incident when it is over.

use super::{World, world};
use domain::host::Status;
use domain::signal::Signal;

const TOLD: &str = "Alert: Database Refuses Writes";

/// From here on the database may not grow; `None` lets it grow again.
async fn limit_pages(w: &World, grow: bool) {
    let sql = move |pages: i64| format!("PRAGMA max_page_count = {}", if grow { 1_000_000 } else { pages });
    let limit = move |tx: &store::Transaction<'_>| {
        let pages: i64 = tx.query_row("PRAGMA page_count", [], |row| row.get(0))?;
        Ok(tx.query_row(&sql(pages), [], |row| row.get::<_, i64>(0)).map(drop)?)
    };
    w.running.hub.db().write("limit", limit).await.unwrap();
}

/// Heartbeats until the last page is full.
async fn fill(w: &World, name: &str) {
    for _ in 0..10_000 {
        if w.signal(name, Signal::Success).await.is_err() {
            return;
        }
    }
    panic!("the disk did not become full");
}

async fn call_every_second(w: &World, name: &str, from: i64, until: i64) {
    for second in from..until {
        let _ = w.at(second).await.signal(name, Signal::Success).await;
    }
}

#[test]
fn a_disk_that_stays_full_is_told_past_the_store_and_its_end_is_an_incident() {
    world(async |w| {
        w.host("nas", "").await;
        w.at(10).await.beat("nas").await;
        limit_pages(w, false).await;
        fill(w, "nas").await;
        call_every_second(w, "nas", 11, 15).await;
        assert_eq!(w.said(), [] as [&str; 0], "a moment is not told");
        call_every_second(w, "nas", 15, 60).await;
        assert_eq!(w.said(), [TOLD], "once");
        limit_pages(w, true).await;
        call_every_second(w, "nas", 60, 90).await;
        assert_eq!(w.said(), [TOLD, "Resolved: System Error"]);
        let open = w.running.hub.db().read(store::alerts::count_open).await.unwrap();
        assert_eq!((open, w.status("nas").await), (0, Status::Up));
    });
}

#[test]
fn a_disk_that_is_full_for_a_moment_is_not_told() {
    world(async |w| {
        w.host("nas", "").await;
        w.at(10).await.beat("nas").await;
        limit_pages(w, false).await;
        fill(w, "nas").await;
        call_every_second(w, "nas", 11, 14).await;
        limit_pages(w, true).await;
        call_every_second(w, "nas", 14, 60).await;
        assert_eq!(w.said(), [] as [&str; 0]);
    });
}

#[test]
fn a_refused_heartbeat_is_a_sign_of_life() {
    world(async |w| {
        w.host("nas", "").await;
        w.host("dead", "").await;
        w.at(10).await.beat("nas").await;
        w.beat("dead").await;
        limit_pages(w, false).await;
        fill(w, "nas").await;
        for second in (100..=900).step_by(100) {
            assert!(w.at(second).await.signal("nas", Signal::Success).await.is_err(), "it cannot be stored");
        }
        limit_pages(w, true).await;
        w.at(1_000).await.beat("nas").await;
        assert_eq!(w.status("dead").await, Status::Down, "P2 is about those who call");
        assert_eq!(w.status("nas").await, Status::Up);
        assert!(!w.said().iter().any(|text| text.contains("nas")), "{:?}", w.said());
    });
}
