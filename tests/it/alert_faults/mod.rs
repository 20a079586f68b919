//! A1 to A4: the real binary against a Discord that fails in every way, with `kill -9` between and during calls. Nothing is
//! lost, nothing overtakes, repeats have a cause and say so, and no call comes before the time an answer named.

mod oracle;
mod random;
mod scene;

use crate::discord_peer::{Limit, Mode, Rude};
use scene::Scene;
use std::time::Duration;

pub use oracle::hosts;

/// Longer than every wait that the faults of a short test add up to.
const PATIENCE: Duration = Duration::from_secs(120);

/// A host fails, the peer does this to the first call about it, and then the host is well again.
fn through(modes: &[Mode]) -> usize {
    let mut scene = Scene::new(modes.len());
    for (n, mode) in (1..).zip(modes) {
        let before = scene.peer.seen().len();
        scene.peer.then([mode.clone()]);
        scene.fail(n);
        scene.wait_for_calls(before, 1);
        if n % 2 == 0 {
            scene.acknowledge(n);
        }
        scene.until_all_is_told(PATIENCE);
        scene.mend(n);
        scene.until_all_is_told(PATIENCE);
    }
    scene.end(PATIENCE)
}

#[test]
fn an_answer_that_is_lost_costs_one_repeat_that_says_so() {
    let lost = [Mode::AcceptThenDrop, Mode::Reset, Mode::Rude(Rude::Garbage), Mode::Rude(Rude::NoId), Mode::Rude(Rude::Huge)];
    assert_eq!(through(&lost), lost.len(), "each was stored, and its answer did not arrive");
}

#[test]
fn a_call_that_failed_is_made_again_and_is_no_repeat() {
    let failed = [Mode::Status(500), Mode::Status(502), Mode::Refuse(503, 130_000), Mode::Drip(1), Mode::Refuse(400, 50_035)];
    assert_eq!(through(&failed), 0);
}

#[test]
fn a_rate_limit_of_this_webhook_is_waited_out_in_every_form() {
    let limits = [Limit::Json(0.8), Limit::BodyOnly(1.3), Limit::HeadersOnly(2), Limit::Spent(1.7)];
    assert_eq!(through(&limits.map(Mode::RateLimit)), 0);
}

#[test]
fn a_rate_limit_that_others_share_is_waited_out_in_every_form() {
    let limits = [Limit::Shared(1.1), Limit::Global(1.6), Limit::Cloudflare(Some(1))];
    assert_eq!(through(&limits.map(Mode::RateLimit)), 0);
}

#[test]
#[ignore = "each answer costs a minute or ten seconds: make torture"]
fn an_answer_that_says_nothing_or_never_comes_is_survived() {
    let silent = [Mode::Hang, Mode::RateLimit(Limit::Bare), Mode::RateLimit(Limit::Cloudflare(None)), Mode::Slow(12_000)];
    println!("repeats: {}", through(&silent));
}

#[test]
fn a_rate_limit_holds_the_next_outage_too_even_after_a_kill() {
    let mut scene = Scene::new(3);
    scene.peer.then([Mode::RateLimit(Limit::Json(12.0))]);
    scene.fail(1);
    wait_until("the limit is written down", || scene.waiting().contains("429"));
    scene.fail(2);
    scene.kill();
    scene.fail(3);
    scene.end(PATIENCE);
}

#[test]
fn a_peer_nobody_can_connect_to_is_told_everything_when_it_is_back() {
    let mut scene = Scene::new(6);
    scene.peer.set_mode(Mode::Away);
    (1..=3).for_each(|n| scene.fail(n));
    wait_until("it is refused", || scene.waiting().contains("refused"));
    scene.acknowledge(1);
    scene.mend(2);
    scene.kill();
    (4..=5).for_each(|n| scene.fail(n));
    scene.peer.set_mode(Mode::Down);
    scene.fail(6);
    scene.mend(6);
    assert_eq!(scene.peer.messages().len(), 0);
    assert_eq!(scene.end(PATIENCE), 0, "nothing had arrived");
}

#[test]
fn a_kill_during_a_call_costs_at_most_one_repeat_that_says_so() {
    let mut scene = Scene::new(3);
    for n in 1..=3 {
        let before = scene.peer.seen().len();
        scene.peer.then([if n == 2 { Mode::AcceptThenDrop } else { Mode::Slow(600) }]);
        scene.fail(n);
        scene.wait_for_calls(before, 1);
        scene.kill();
    }
    scene.until_all_is_told(PATIENCE);
    for n in 1..=3 {
        let before = scene.peer.seen().len();
        scene.peer.then([Mode::Slow(600)]);
        scene.mend(n);
        scene.wait_for_calls(before, 1);
        scene.kill();
    }
    let repeats = scene.end(PATIENCE);
    assert!((1..=6).contains(&repeats), "{repeats} repeats of six kills");
}

#[test]
fn a_refusing_webhook_is_asked_once_more_stopped_said_and_goes_on_when_it_is_set_again() {
    for (status, code) in [(401, 50_027), (403, 50_013), (404, 10_015)] {
        let mut scene = Scene::new(3);
        scene.peer.set_mode(Mode::Refuse(status, code));
        scene.fail(1);
        wait_until("it is stopped", || scene.waiting().contains("stopped"));
        scene.fail(2);
        scene.fail(3);
        assert!(scene.waiting().contains(&format!("HTTP {status}, code {code}")), "{}", scene.waiting());
        let mut api = scene.api();
        assert_eq!(api.get("/api/v1/health").status, 503);
        let reason = api.get("/api/v1/settings/webhook").json()["webhooks"][0]["stopped_reason"].clone();
        assert!(reason.as_str().is_some_and(|text| text.contains(&status.to_string())), "{reason}");
        let calls: Vec<String> = scene.peer.seen().into_iter().map(|call| call.method).collect();
        assert_eq!(calls, ["POST", "GET"], "one probe, and then nothing more");
        scene.peer.set_mode(Mode::Ok);
        let body = serde_json::json!({"url": scene.peer.url()}).to_string();
        let set = api.put("/api/v1/settings/webhook", body.as_bytes());
        assert_eq!(set.status, 200, "{}", set.json());
        scene.end(PATIENCE);
    }
}

#[test]
fn a_redirect_is_not_followed_and_stops_the_channel() {
    let mut scene = Scene::new(1);
    let other = crate::discord_peer::Peer::start_blocking();
    scene.peer.set_mode(Mode::Rude(Rude::Redirect(other.url())));
    scene.fail(1);
    wait_until("it is stopped", || scene.waiting().contains("stopped"));
    assert!(scene.waiting().contains("redirect") && other.seen().is_empty(), "{}", scene.waiting());
}

fn wait_until(what: &str, done: impl Fn() -> bool) {
    let found = crate::process::wait_for(Duration::from_secs(60), || {
        std::thread::sleep(Duration::from_millis(20));
        done().then_some(())
    });
    assert!(found.is_some(), "{what}");
}
