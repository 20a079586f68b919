//! What people see when the other side does what it should.

use super::peer::Do;
use super::town::in_town;
use crate::alert::answer::Call;
use crate::alert::{Drain, SendTest};

#[test]
fn an_outage_is_told_acknowledged_in_place_and_its_end_is_news() {
    in_town(1, |town| async move {
        let alert = town.down(1).await;
        town.pass(50).await;
        assert_eq!(town.peer.read(), ["Alert: Host Down h1"]);
        let body = town.peer.bodies()[0].to_string();
        assert!(body.contains("https://hub/ack/1") && body.contains("Host 'h1' missed heartbeat"), "{body}");
        town.acknowledge(alert).await;
        town.pass(50).await;
        assert_eq!(town.peer.read(), ["Acknowledged: Host Down h1"]);
        town.pass(840_000).await;
        town.up(alert).await;
        town.pass(50).await;
        assert_eq!(town.peer.read(), ["Resolved: Host Down h1", "Recovered: Host Up h1"]);
        assert!(town.peer.bodies()[1].to_string().contains("14 minutes"), "{}", town.peer.bodies()[1]);
        assert_eq!(town.waiting().await, 0);
        town
    });
}

#[test]
fn without_any_news_it_looks_by_itself() {
    in_town(1, |town| async move {
        town.pass(1_000).await;
        let now = town.clock.now();
        let incident = domain::incident::NewIncident {
            alert_type: domain::incident::AlertType::SystemError,
            severity: domain::host::Severity::Warning,
            message: "the disk is nearly full".into(),
            facts: serde_json::from_value(
                serde_json::json!({"cause": {"kind": "hub"}, "detected_at": now.wall, "why": "the disk is nearly full"}),
            )
            .unwrap(),
        };
        town.db.write("quiet", move |tx| store::alerts::open(tx, None, &incident, now)).await.unwrap();
        town.pass(5_000).await;
        assert_eq!(town.peer.read(), ["Alert: System Error"]);
        assert!(town.peer.bodies()[0].to_string().contains("the disk is nearly full"));
        town
    });
}

#[test]
fn ten_messages_at_once_stay_below_the_limits() {
    in_town(1, |town| async move {
        town.all_down(1..=10).await;
        town.pass(60_000).await;
        let calls = town.peer.calls();
        assert_eq!(calls.len(), 10);
        assert!(calls.windows(5).all(|w| w[4].0.since_ms(w[0].0) >= 2_000), "{calls:?}");
        assert_eq!(town.peer.read()[9], "Alert: Host Down h10");
        town
    });
}

#[test]
fn an_outage_that_ended_before_it_could_be_told_is_one_message() {
    in_town(1, |town| async move {
        town.peer.for_channel(1, Do::Down);
        let alert = town.down(1).await;
        town.pass(120_000).await;
        town.acknowledge(alert).await;
        town.up(alert).await;
        town.peer.heal();
        town.until_all_is_told(400_000).await;
        assert_eq!(town.peer.read(), ["Resolved: Host Down h1"]);
        let body = town.peer.bodies()[0].to_string();
        assert!(body.contains("detected 08:00, delivered 08:0") && body.contains("2 minutes (08:00 to 08:02 UTC)"), "{body}");
        assert_eq!(town.peer.edits(), 0);
        town
    });
}

#[test]
fn every_channel_is_told_and_a_slow_one_holds_up_no_other() {
    in_town(2, |town| async move {
        town.peer.for_channel(1, Do::Hang);
        town.down(1).await;
        town.pass(50).await;
        town.down(2).await;
        town.pass(50).await;
        assert_eq!(town.peer.told_to(2), ["Alert: Host Down h1", "Alert: Host Down h2"]);
        assert!(town.peer.told_to(1).is_empty());
        town
    });
}

#[test]
fn a_test_message_arrives_and_says_so() {
    in_town(1, |town| async move {
        let done = town.alerts.send(SendTest { channel: 1 }).await.unwrap();
        assert_eq!((done.delivered, done.status, done.error), (true, Some(200), None));
        assert_eq!(town.peer.read(), ["Test: Pulsewarden"]);
        town.peer.then([Do::Say(401, serde_json::json!({"code": 50_027, "message": "Invalid Webhook Token"}))]);
        let done = town.alerts.send(SendTest { channel: 1 }).await.unwrap();
        assert_eq!(done.error.as_deref(), Some("HTTP 401, code 50027: Invalid Webhook Token"));
        let none = town.alerts.send(SendTest { channel: 9 }).await.unwrap();
        assert_eq!(none.error.as_deref(), Some("no webhook is set for this channel"));
        town
    });
}

#[test]
fn a_wait_that_a_test_message_was_asked_for_holds_every_message_even_after_a_crash() {
    in_town(1, |mut town| async move {
        town.pass(100).await;
        town.peer.then([Do::Say(429, serde_json::json!({"retry_after": 30, "global": false, "message": "slow down"}))]);
        assert!(!town.alerts.send(SendTest { channel: 1 }).await.unwrap().delivered);
        town.down(1).await;
        town.pass(10_000).await;
        town.crash().await;
        town.pass(19_000).await;
        assert_eq!(town.peer.calls().len(), 1, "only the test message");
        town.pass(2_000).await;
        assert_eq!(town.peer.read(), ["Alert: Host Down h1"]);
        town
    });
}

#[test]
fn a_drain_waits_for_the_call_in_flight_and_begins_nothing_new() {
    in_town(1, |town| async move {
        town.peer.then([Do::Slow(3_000)]);
        town.all_down([1, 2]).await;
        town.pass(100).await;
        let began = town.clock.steady();
        town.alerts.send(Drain).await.unwrap();
        assert_eq!(town.clock.steady().since_ms(began), 2_900);
        town.pass(60_000).await;
        assert_eq!(town.peer.read(), ["Alert: Host Down h1"]);
        assert_eq!(town.waiting().await, 1);
        town
    });
}

#[test]
fn a_disabled_channel_is_not_in_the_status() {
    in_town(2, |town| async move {
        town.peer.for_channel(2, Do::Down);
        town.down(1).await;
        town.pass(1_000).await;
        assert_eq!(town.status().await.len(), 2);
        town.disable_channel(2).await;
        let status = town.status().await;
        assert_eq!(status.iter().map(|channel| (channel.id, channel.waiting)).collect::<Vec<_>>(), [(1, 0)]);
        town.pass(600_000).await;
        assert!(town.peer.told_to(2).is_empty());
        town
    });
}

#[test]
fn health_says_what_waits_and_turns_bad_after_five_minutes() {
    in_town(1, |town| async move {
        town.peer.for_channel(1, Do::Down);
        town.down(1).await;
        town.pass(2_000).await;
        let status = town.status().await.remove(0);
        assert!(
            status.ok() && status.detail().starts_with("channel 1: 1 waiting, the oldest for 2 s, last error: "),
            "{status:?}"
        );
        town.pass(300_000).await;
        assert!(!town.status().await[0].ok());
        town
    });
}

#[test]
fn a_panic_in_the_middle_costs_at_most_a_repeat() {
    in_town(1, |town| async move {
        town.peer.then([Do::Panic]);
        town.down(1).await;
        town.pass(10_000).await;
        assert_eq!(town.peer.read(), ["Alert: Host Down h1 (possible repeat)"]);
        town
    });
}

#[test]
fn after_a_crash_what_was_on_its_way_is_sent_again_and_says_so() {
    in_town(1, |mut town| async move {
        town.peer.then([Do::Hang]);
        let first = town.down(1).await;
        town.pass(1_000).await;
        town.crash().await;
        town.pass(1_000).await;
        assert_eq!(town.peer.read(), ["Alert: Host Down h1 (possible repeat)"]);
        town.up(first).await;
        town.pass(1_000).await;
        assert_eq!(town.peer.read().last().unwrap(), "Recovered: Host Up h1");
        assert!(town.peer.calls().iter().filter(|(_, call)| *call == Call::Post).count() == 3);
        town
    });
}
