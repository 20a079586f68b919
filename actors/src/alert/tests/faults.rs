//! What the hub does when the other side fails, refuses, or asks for patience.

use super::peer::Do;
use super::town::in_town;
use crate::alert::answer::Call;
use serde_json::{Value, json};

fn code(status: u16, code: u64) -> Do {
    Do::Say(status, json!({"code": code, "message": "no"}))
}

#[test]
fn a_peer_that_is_down_is_tried_ever_more_slowly_and_nothing_is_lost() {
    in_town(1, |town| async move {
        town.peer.for_channel(1, Do::Down);
        town.down(1).await;
        town.pass(3_600_000).await;
        let gaps: Vec<i64> = town.peer.calls().windows(2).map(|w| w[1].0.since_ms(w[0].0)).collect();
        assert!((750..=1_600).contains(&gaps[0]), "{gaps:?}");
        assert!(gaps.iter().all(|gap| *gap <= 301_000) && gaps.last().is_some_and(|gap| *gap >= 225_000), "{gaps:?}");
        town.peer.heal();
        town.until_all_is_told(301_000).await;
        assert_eq!(town.peer.read(), ["Alert: Host Down h1"], "no attempt arrived, so this is no repeat");
        town
    });
}

#[test]
fn after_an_ambiguous_answer_there_is_at_most_one_repeat_and_it_says_so() {
    in_town(1, |town| async move {
        town.peer.then([Do::AcceptAndDrop]);
        town.down(1).await;
        town.pass(10_000).await;
        assert_eq!(town.peer.read(), ["Alert: Host Down h1", "Alert: Host Down h1 (possible repeat)"]);
        town
    });
}

#[test]
fn a_rate_limit_is_waited_out_to_the_millisecond() {
    in_town(2, |town| async move {
        town.pass(100).await;
        town.peer.for_channel(1, Do::Say(429, json!({"retry_after": 7.25, "global": false, "message": "slow down"})));
        town.down(1).await;
        town.pass(10).await;
        let first = town.peer.calls()[0].0;
        town.peer.heal();
        town.pass(20_000).await;
        let posts: Vec<i64> = town.peer.calls().iter().map(|(at, _)| at.since_ms(first)).collect();
        assert_eq!(town.peer.told_to(2).len(), 1);
        assert!(posts.contains(&7_250), "{posts:?}");
        assert_eq!(posts.iter().filter(|ms| **ms > 100 && **ms < 7_250).count(), 0, "{posts:?}");
        town
    });
}

#[test]
fn a_global_rate_limit_holds_every_channel() {
    in_town(2, |town| async move {
        town.pass(100).await;
        town.peer.for_channel(2, Do::Slow(50));
        town.peer.for_channel(1, Do::Say(429, json!({"retry_after": 30, "global": true, "message": "slow down"})));
        town.down(1).await;
        town.pass(100).await;
        town.peer.heal();
        let before = town.peer.calls().len();
        town.down(2).await;
        town.pass(29_000).await;
        assert_eq!(town.peer.calls().len(), before);
        town.until_all_is_told(10_000).await;
        assert_eq!(town.peer.told_to(1), ["Alert: Host Down h1", "Alert: Host Down h2"]);
        town
    });
}

#[test]
fn a_webhook_that_is_gone_is_probed_once_stopped_and_goes_on_when_changed() {
    in_town(1, |town| async move {
        town.peer.for_channel(1, code(404, 10_015));
        town.all_down([1, 2]).await;
        town.pass(3_600_000).await;
        let calls: Vec<Call> = town.peer.calls().into_iter().map(|(_, call)| call).collect();
        assert_eq!(calls, [Call::Post, Call::Probe]);
        let status = town.status().await.remove(0);
        assert_eq!((status.waiting, status.stopped.as_deref()), (2, Some("HTTP 404, code 10015: no")));
        town.peer.heal();
        town.change_channel(1).await;
        town.pass(10_000).await;
        assert_eq!(town.peer.read(), ["Alert: Host Down h1", "Alert: Host Down h2"]);
        town
    });
}

#[test]
fn a_webhook_that_is_there_but_refuses_gets_one_more_chance() {
    in_town(1, |town| async move {
        town.peer.whenever(|call, _| (call == Call::Post).then(|| code(403, 50_013)));
        town.down(1).await;
        town.pass(3_600_000).await;
        let calls: Vec<Call> = town.peer.calls().into_iter().map(|(_, call)| call).collect();
        assert_eq!(calls, [Call::Post, Call::Probe, Call::Post]);
        assert!(town.status().await[0].stopped.is_some());
        town
    });
}

#[test]
fn a_message_the_peer_chokes_on_holds_up_only_its_own_host() {
    in_town(1, |town| async move {
        let chokes = |_, body: &Value| body.to_string().contains("h1 ").then_some(Do::Say(500, Value::Null));
        town.peer.whenever(move |call, body| {
            chokes(call, &json!(format!("{} ", body["embeds"][0]["fields"][0]["value"].as_str().unwrap_or_default())))
        });
        let first = town.down(1).await;
        town.up(first).await;
        for host in 2..=4 {
            town.down(host).await;
        }
        town.pass(30_000).await;
        assert_eq!(town.peer.read(), ["Alert: Host Down h2", "Alert: Host Down h3", "Alert: Host Down h4"]);
        town.peer.heal();
        town.until_all_is_told(400_000).await;
        assert_eq!(town.peer.read()[3], "Resolved: Host Down h1 (possible repeat)");
        town
    });
}

#[test]
fn a_refused_body_is_sent_once_more_as_plain_as_can_be() {
    in_town(1, |town| async move {
        town.peer.then([code(400, 50_035)]);
        town.down(1).await;
        town.pass(5_000).await;
        assert_eq!(town.peer.bodies()[0]["embeds"][0]["description"], "Host Down: h1");
        town.peer.then([code(400, 50_035), code(400, 50_035)]);
        town.down(2).await;
        town.pass(60_000).await;
        assert_eq!((town.peer.read().len(), town.waiting().await), (1, 0));
        town
    });
}

#[test]
fn a_filter_gets_the_message_without_what_others_wrote() {
    in_town(1, |town| async move {
        town.peer.whenever(|_, body| body.to_string().contains("silent").then(|| code(400, 200_000)));
        town.down(1).await;
        town.pass(5_000).await;
        let body = town.peer.bodies()[0].to_string();
        assert!(body.contains("Alert: Host Down") && body.contains("Last Seen") && !body.contains("https://"), "{body}");
        town
    });
}

#[test]
fn a_message_that_was_deleted_is_told_anew_and_followed_from_then_on() {
    in_town(1, |town| async move {
        let alert = town.down(1).await;
        town.pass(1_000).await;
        town.peer.forget();
        town.acknowledge(alert).await;
        town.pass(5_000).await;
        assert_eq!(town.peer.read(), ["Acknowledged: Host Down h1"]);
        town.up(alert).await;
        town.pass(5_000).await;
        assert_eq!(town.peer.read(), ["Resolved: Host Down h1", "Recovered: Host Up h1"]);
        town
    });
}

#[test]
fn an_edit_that_comes_too_late_becomes_a_message() {
    in_town(1, |town| async move {
        let alert = town.down(1).await;
        town.pass(1_000).await;
        town.peer.whenever(|call, _| (call == Call::Edit).then(|| code(400, 30_046)));
        town.acknowledge(alert).await;
        town.pass(5_000).await;
        assert_eq!(town.peer.read(), ["Alert: Host Down h1", "Acknowledged: Host Down h1"]);
        town
    });
}
