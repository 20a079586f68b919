//! The message past the outbox: every channel is told once, whoever is not there is asked again, whoever was stopped is left alone.

use super::peer::Do;
use super::town::{Town, in_town};
use crate::alert::{StoreRefuses, answer::Call};
use domain::time::Wall;

const TOLD: &str = "Alert: Database Refuses Writes";

async fn refuses(town: &Town, since: Option<i64>) {
    let said = StoreRefuses(since.map(|ms| (Wall(ms), "the disk is full".to_owned())));
    town.alerts.send(said).await.unwrap();
    town.pass(50).await;
}

#[test]
fn every_channel_is_told_once_of_each_refusal() {
    in_town(2, |town| async move {
        for _ in 0..5 {
            refuses(&town, Some(1_000)).await;
        }
        assert_eq!(town.peer.bodies().len(), 2);
        let body = town.peer.bodies()[0].to_string();
        assert!(body.contains("takes no writes: the disk is full") && body.contains("1970-01-01 00:00:01"), "{body}");
        refuses(&town, None).await;
        refuses(&town, Some(2_000)).await;
        assert_eq!(town.peer.bodies().len(), 4, "another refusal is told again");
        town
    });
}

#[test]
fn a_peer_that_is_down_is_told_when_it_is_back_unless_it_is_over() {
    in_town(2, |town| async move {
        town.peer.for_channel(1, Do::Down);
        refuses(&town, Some(1_000)).await;
        town.pass(120_000).await;
        assert_eq!(town.peer.bodies().len(), 1, "the other channel");
        town.peer.heal();
        town.pass(300_000).await;
        assert_eq!(town.peer.bodies().len(), 2);
        town.peer.for_channel(1, Do::Down);
        refuses(&town, Some(2_000)).await;
        refuses(&town, None).await;
        town.peer.heal();
        town.pass(900_000).await;
        assert_eq!(town.peer.bodies().len(), 3, "what is over is an incident, and not told here");
        town
    });
}

#[test]
fn a_channel_that_was_stopped_is_left_alone() {
    in_town(1, |town| async move {
        town.peer.for_channel(1, Do::Say(404, serde_json::json!({"code": 10_015, "message": "Unknown Webhook"})));
        town.down(1).await;
        town.pass(10_000).await;
        refuses(&town, Some(1_000)).await;
        town.pass(60_000).await;
        let calls: Vec<Call> = town.peer.calls().into_iter().map(|(_, call)| call).collect();
        assert_eq!(calls, [Call::Post, Call::Probe]);
        town
    });
}

#[test]
fn who_was_telling_something_when_the_disk_filled_is_told_too() {
    in_town(1, |town| async move {
        town.peer.then([Do::Slow(5_000)]);
        town.down(1).await;
        town.pass(1_000).await;
        let limit = |tx: &store::Transaction<'_>| Ok(tx.execute_batch("PRAGMA query_only = 1")?);
        town.db.write("read only", limit).await.unwrap();
        town.pass(20_000).await;
        refuses(&town, Some(1_000)).await;
        town.pass(60_000).await;
        assert_eq!(town.peer.read(), ["Alert: Host Down h1", TOLD], "what was sent waits to be stored, and holds nothing up");
        town
    });
}
