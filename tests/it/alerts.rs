//! The adapter over real sockets, against the fake Discord in every mode.

mod messages;
mod room;

use crate::discord_peer::{Limit, Mode, Peer, Rude, TOKEN};
use actors::alert::discord::{AllowedHosts, Deliver, Discord, Outcome, Refusal, Reply, Scope, Waits, WebhookUrl};
use domain::notice;
use domain::time::Wall;
use serde_json::Value;

/// For a peer that answers, however slow the machine.
const PATIENT: Waits = Waits { connect_ms: 30_000, total_ms: 30_000 };
/// For a peer that never answers.
const SHORT: Waits = Waits { connect_ms: 500, total_ms: 600 };

struct Line {
    peer: Peer,
    url: WebhookUrl,
    discord: Discord,
}

impl Line {
    async fn new() -> Line {
        Line::waiting(PATIENT).await
    }

    async fn waiting(waits: Waits) -> Line {
        let peer = Peer::start().await;
        let allowed = AllowedHosts::parse(&[peer.origin()]).expect("an origin");
        let url = WebhookUrl::parse(&peer.url(), &allowed).expect("a webhook");
        Line { peer, url, discord: Discord::new(waits) }
    }

    async fn post(&self, mode: Mode) -> Reply {
        self.peer.then([mode]);
        let reply = self.discord.post(&self.url, hello()).await;
        assert!(!format!("{reply:?}").contains(TOKEN), "{reply:?}");
        reply
    }
}

fn hello() -> Value {
    notice::test("primary", Wall(0))
}

fn retry(reply: &Reply) -> (Option<u64>, Scope, bool) {
    match &reply.outcome {
        Outcome::Retry { after_ms, scope, ambiguous, .. } => (*after_ms, *scope, *ambiguous),
        other => panic!("{other:?}"),
    }
}

fn refusal(reply: &Reply) -> Refusal {
    match &reply.outcome {
        Outcome::Refused { kind, .. } => *kind,
        other => panic!("{other:?}"),
    }
}

#[actix_web::test]
async fn a_message_is_posted_changed_and_found_again() {
    let line = Line::new().await;
    let Outcome::Delivered { remote_id } = line.post(Mode::Ok).await.outcome else { panic!("not delivered") };
    let changed = line.discord.edit(&line.url, &remote_id, notice::test("changed", Wall(0))).await;
    assert_eq!((changed.outcome, changed.status), (Outcome::Edited, Some(200)));
    assert_eq!(line.discord.probe(&line.url).await.outcome, Outcome::Edited);
    let messages = line.peer.messages();
    assert_eq!((messages.len(), messages[0].before.len(), &messages[0].id), (1, 1, &remote_id));
    assert!(messages[0].body.to_string().contains("changed"));
    let paths: Vec<String> = line.peer.seen().into_iter().map(|seen| format!("{} {}", seen.method, seen.path)).collect();
    assert_eq!(paths[0], "POST /api/v10/webhooks/1234567890/TOKEN?wait=true");
    assert_eq!(paths[1], format!("PATCH /api/v10/webhooks/1234567890/TOKEN/messages/{remote_id}"));
    assert_eq!(paths[2], "GET /api/v10/webhooks/1234567890/TOKEN");
    assert_eq!(line.peer.violations(), Vec::<String>::new());
}

#[actix_web::test]
async fn a_connection_that_breaks_is_tried_again_and_may_have_arrived() {
    let line = Line::waiting(SHORT).await;
    for (mode, stored) in [(Mode::AcceptThenDrop, 1), (Mode::Reset, 2), (Mode::Hang, 2)] {
        let reply = line.post(mode.clone()).await;
        let (after_ms, _, ambiguous) = retry(&reply);
        assert_eq!((after_ms, ambiguous, line.peer.messages().len()), (None, true, stored), "{mode:?} {reply:?}");
    }
}

#[actix_web::test]
async fn a_peer_nobody_listens_at_has_certainly_got_nothing() {
    let line = Line::new().await;
    drop(line.peer);
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    let reply = line.discord.post(&line.url, hello()).await;
    assert_eq!((retry(&reply), reply.status), ((None, Scope::Channel, false), None), "{reply:?}");
}

#[actix_web::test]
async fn a_peer_that_hangs_up_is_tried_again() {
    let line = Line::new().await;
    line.peer.set_mode(Mode::Down);
    let reply = line.discord.post(&line.url, hello()).await;
    assert_eq!(retry(&reply).1, Scope::Channel);
    line.peer.set_mode(Mode::Ok);
    assert!(matches!(line.discord.post(&line.url, hello()).await.outcome, Outcome::Delivered { .. }));
}

#[actix_web::test]
async fn a_slow_answer_within_the_limit_counts() {
    assert!(matches!(Line::new().await.post(Mode::Slow(300)).await.outcome, Outcome::Delivered { .. }));
    assert!(retry(&Line::waiting(SHORT).await.post(Mode::Slow(2_000)).await).2);
}

#[actix_web::test]
async fn server_errors_are_tried_again() {
    let line = Line::new().await;
    for status in [500, 502, 503, 504, 408] {
        let reply = line.post(Mode::Status(status)).await;
        assert_eq!((retry(&reply), reply.status), ((None, Scope::Channel, true), Some(status)));
    }
}

#[actix_web::test]
async fn rate_limits_are_read_in_every_form() {
    let line = Line::new().await;
    let table = [
        (Limit::Json(0.3521), 353, Scope::Channel),
        (Limit::Json(12.0), 12_000, Scope::Channel),
        (Limit::Global(1.5), 1_500, Scope::Everywhere),
        (Limit::HeadersOnly(7), 7_000, Scope::Channel),
        (Limit::Cloudflare(Some(9)), 9_000, Scope::Channel),
        (Limit::Cloudflare(None), 60_000, Scope::Channel),
    ];
    for (limit, after_ms, scope) in table {
        let reply = line.post(Mode::RateLimit(limit.clone())).await;
        assert_eq!(retry(&reply), (Some(after_ms), scope, false), "{limit:?}");
    }
    let spent = line.post(Mode::RateLimit(Limit::Spent(1.25))).await;
    assert!(matches!(spent.outcome, Outcome::Delivered { .. }));
    assert_eq!(spent.pause_ms, 1_250);
}

#[actix_web::test]
async fn every_code_of_discord_has_its_meaning() {
    let line = Line::new().await;
    let table = [
        (404, 10_015, Refusal::Channel),
        (401, 50_027, Refusal::Channel),
        (404, 10_003, Refusal::Channel),
        (403, 50_013, Refusal::Channel),
        (403, 50_001, Refusal::Channel),
        (400, 220_001, Refusal::Channel),
        (400, 50_006, Refusal::Message),
        (400, 50_035, Refusal::Message),
        (400, 50_109, Refusal::Message),
        (413, 40_005, Refusal::Message),
        (400, 200_000, Refusal::Filtered),
        (400, 200_001, Refusal::Filtered),
        (400, 240_000, Refusal::Filtered),
    ];
    for (status, code, expected) in table {
        assert_eq!(refusal(&line.post(Mode::Refuse(status, code)).await), expected, "{status} {code}");
    }
    for (status, code, after_ms) in [(403, 40_333, Some(600_000)), (503, 130_000, None), (400, 110_001, None)] {
        assert_eq!(retry(&line.post(Mode::Refuse(status, code)).await).0, after_ms, "{status} {code}");
    }
    for status in [401, 403, 404] {
        assert_eq!(refusal(&line.post(Mode::Status(status)).await), Refusal::Channel);
    }
}

#[actix_web::test]
async fn a_message_that_is_gone_or_too_old_is_told_apart() {
    let line = Line::new().await;
    let gone = line.discord.edit(&line.url, "42", hello()).await;
    assert_eq!(refusal(&gone), Refusal::Gone);
    let Outcome::Delivered { remote_id } = line.post(Mode::Ok).await.outcome else { panic!("not delivered") };
    for (status, code) in [(400, 30_046), (429, 30_046), (403, 50_005), (400, 50_083)] {
        line.peer.then([Mode::Refuse(status, code)]);
        assert_eq!(refusal(&line.discord.edit(&line.url, &remote_id, hello()).await), Refusal::Gone, "{code}");
    }
}

#[actix_web::test]
async fn rude_answers_are_survived_and_redirects_are_not_followed() {
    let (line, other) = (Line::new().await, Peer::start().await);
    for rude in [Rude::Garbage, Rude::NoId, Rude::Huge] {
        let reply = line.post(Mode::Rude(rude.clone())).await;
        assert_eq!(retry(&reply), (None, Scope::Message, true), "{rude:?}");
    }
    assert_eq!(refusal(&line.post(Mode::Rude(Rude::Redirect(other.url()))).await), Refusal::Channel);
    assert!(other.seen().is_empty());
}

#[actix_web::test]
async fn a_wrong_token_is_refused() {
    let line = Line::new().await;
    let allowed = AllowedHosts::parse(&[line.peer.origin()]).unwrap();
    let wrong = WebhookUrl::parse(&line.peer.url().replace(TOKEN, "other"), &allowed).unwrap();
    assert_eq!(refusal(&line.discord.post(&wrong, hello()).await), Refusal::Channel);
    assert_eq!(refusal(&line.discord.probe(&wrong).await), Refusal::Channel);
}
