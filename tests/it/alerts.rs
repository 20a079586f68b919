//! The alert rooms over real sockets, against the fake Discord in every mode.

use crate::discord_peer::{Limit, Mode, Peer, Rude, TOKEN};
use actors::alert::discord::{AllowedHosts, Deliver, Discord, Outcome, Refusal, Reply, Scope, Waits, WebhookUrl};
use domain::host::Severity;
use domain::incident::{AlertType, Cause, Facts};
use domain::notice::{self, Acknowledged, Form, Incident, Telling};
use domain::time::Wall;
use serde_json::{Value, json};

/// Short, so that a test that hangs does so briefly.
const WAITS: Waits = Waits { connect_ms: 500, total_ms: 600 };

struct Line {
    peer: Peer,
    url: WebhookUrl,
    discord: Discord,
}

impl Line {
    async fn new() -> Line {
        let peer = Peer::start().await;
        let allowed = AllowedHosts::parse(&[peer.origin()]).expect("an origin");
        let url = WebhookUrl::parse(&peer.url(), &allowed).expect("a webhook");
        Line { peer, url, discord: Discord::new(WAITS) }
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
    let line = Line::new().await;
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
    let line = Line::new().await;
    assert!(matches!(line.post(Mode::Slow(300)).await.outcome, Outcome::Delivered { .. }));
    assert!(retry(&line.post(Mode::Slow(2_000)).await).2);
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

fn incident(n: i64, name: &str) -> Incident {
    Incident {
        alert: n,
        alert_type: AlertType::MissingHeartbeat,
        severity: Severity::Critical,
        host_name: Some(name.to_owned()),
        host_id: Some(format!("host-{n}")),
        facts: Facts {
            host_id: Some(format!("host-{n}")),
            host_name: name.to_owned(),
            cause: Cause::Missed,
            last_seen_at: Some(Wall(1_763_202_600_000)),
            expected_every_s: 300,
            grace_s: 0,
            deadline_at: None,
            detected_at: Wall(1_763_202_900_000),
            why: name.to_owned(),
        },
        acknowledged: None,
        resolved_at: None,
        resolution: None,
    }
}

fn hostile() -> Vec<String> {
    let mut names = vec![
        "web-server-01".to_owned(),
        "@everyone <@1> <@&2> <#3>".to_owned(),
        "**x** [y](https://evil.example) ```z```".to_owned(),
        "\u{202e}drowssap\u{200b}\0\u{7}".to_owned(),
        "\u{200b}".to_owned(),
        " \n\t ".to_owned(),
        "x".repeat(10_000),
        "𝕏".repeat(10_000),
        "*".repeat(10_000),
    ];
    names.push(names.concat());
    names
}

#[actix_web::test]
async fn every_message_about_every_name_is_what_discord_takes() {
    let line = Line::new().await;
    if !line.peer.has_schema() {
        return;
    }
    let telling = |form| Telling {
        text: "**text** of a template",
        link: Some("https://hub.example/ack/abc"),
        delivered_at: Wall(1_763_206_600_000),
        possible_repeat: true,
        form,
    };
    let mut bodies = Vec::new();
    for (n, name) in (1..).zip(hostile()) {
        let open = incident(n, &name);
        let known = Some(Acknowledged { by: name.clone(), note: Some(name.clone()), at: Wall(0) });
        let over = Incident {
            resolved_at: Some(Wall(1_763_203_900_000)),
            resolution: Some(name),
            acknowledged: known.clone(),
            ..open.clone()
        };
        let known = Incident { acknowledged: known, ..open.clone() };
        for form in [Form::Full, Form::Unquoted, Form::Minimal] {
            bodies.extend([&open, &known, &over].map(|incident| notice::current(incident, &telling(form))));
            bodies.push(notice::recovered(&over, &telling(form)));
        }
    }
    for form in [Form::Full, Form::Minimal] {
        let crowd: Vec<Incident> = (0..1_000).map(|n| incident(n, &hostile()[n as usize % 10])).collect();
        bodies.push(notice::digest(&crowd, &telling(form)).body);
        bodies.push(notice::digest(&crowd[..12], &telling(form)).body);
    }
    for body in bodies {
        let reply = line.discord.post(&line.url, body).await;
        let Outcome::Delivered { remote_id } = reply.outcome else { panic!("{reply:?}") };
        line.discord.edit(&line.url, &remote_id, hello()).await;
    }
    assert_eq!(line.peer.violations(), Vec::<String>::new());
    let said: String = line.peer.messages().iter().flat_map(|message| message.before.iter().map(Value::to_string)).collect();
    assert!(!said.contains("@everyone") && !said.contains("<@") && !said.contains("https://evil"));
}

#[actix_web::test]
async fn the_peer_itself_notices_what_discord_would_refuse() {
    let line = Line::new().await;
    if !line.peer.has_schema() {
        return;
    }
    let embed = |part: Value| json!({"embeds": [part], "allowed_mentions": {"parse": []}});
    let wrong = [
        json!({"allowed_mentions": {"parse": []}}),
        embed(json!({"title": "t", "embed": 1})),
        embed(json!({"fields": [{"name": " ", "value": "v"}]})),
        embed(json!({"title": "x".repeat(257)})),
        embed(json!({"title": "t", "timestamp": "yesterday"})),
        embed(json!({"title": "t", "color": 16_777_216})),
        json!({"embeds": vec![json!({"description": "x".repeat(3_001)}); 2], "allowed_mentions": {"parse": []}}),
        json!({"embeds": vec![json!({"description": "x"}); 11], "allowed_mentions": {"parse": []}}),
        json!({"content": "x"}),
    ];
    for body in wrong {
        let before = line.peer.violations().len();
        line.discord.post(&line.url, body.clone()).await;
        assert!(line.peer.violations().len() > before, "{body}");
    }
}

/// A store, its writer and the alert actor over real sockets.
mod room {
    use super::WAITS;
    use crate::discord_peer::{Mode, Peer};
    use actors::alert::discord::{AllowedHosts, WebhookUrl};
    use actors::alert::text::Texts;
    use actors::alert::{AlertActor, AlertParts, Channel, Drain, SendTest, Status};
    use actors::clock::Clock;
    use actors::db::{Db, Limits};
    use actors::supervision::{ChildId, ChildSpec, Exit, Supervisor};
    use domain::incident::NewIncident;
    use std::sync::Arc;
    use std::time::Duration;
    use store::channels::{ChannelEdit, PRIMARY, upsert};
    use store::{Store, alerts};
    use tokio::sync::Notify;

    /// How long a retry, at most, and the machine may take.
    const PATIENCE: Duration = Duration::from_secs(20);

    async fn until(what: &str, mut done: impl FnMut() -> bool) {
        let wait = async {
            while !done() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{what}"));
    }

    fn incident(clock: &Clock) -> NewIncident {
        let now = clock.now().wall;
        let facts = super::Facts { detected_at: now, ..super::incident(1, "web-01").facts };
        NewIncident {
            alert_type: super::AlertType::MissingHeartbeat,
            severity: super::Severity::Critical,
            message: facts.headline(),
            facts,
        }
    }

    #[actix_web::test]
    async fn an_outage_is_told_followed_and_ended_whatever_the_peer_does() {
        let (peer, clock) = (Peer::start().await, Clock::system());
        let (store, _folder) = store::temporary().unwrap();
        let Store { writer, reader, .. } = store;
        let db = Db::new(writer, 0, reader, clock.clone(), Arc::new(Notify::new()), Limits::default());
        let exit = Exit::calling(|child, why| panic!("{child}: {why}"));
        let supervisor = Supervisor::start("test", clock.clone(), exit.clone());
        let writer = db.actor(exit);
        supervisor.spawn(&Arc::new(ChildSpec::core("db")), ChildId::Name("db"), move |_| writer);
        let edit = ChannelEdit { id: Some(PRIMARY), name: "primary", url_sealed: None, enabled: true };
        db.write("channel", move |tx| upsert(tx, &edit, super::Wall(0)).map(drop)).await.unwrap();
        let url = WebhookUrl::parse(&peer.url(), &AllowedHosts::parse(&[peer.origin()]).unwrap()).unwrap();
        let channels = Arc::new(move || vec![Channel { id: PRIMARY, name: "primary".into(), url: url.clone() }]);
        let parts =
            AlertParts::discord(WAITS, Arc::new(|alert| Some(format!("https://hub.example/ack/{alert}"))), Texts::default());
        let actor = AlertActor::new(db.clone(), clock.clone(), channels, parts);
        let alert = supervisor.spawn(&Arc::new(ChildSpec::core("alert")), ChildId::Name("alert"), move |_| actor);

        assert!(alert.send(SendTest { channel: PRIMARY }).await.unwrap().delivered);
        peer.then([Mode::AcceptThenDrop, Mode::Status(502)]);
        let (now, opened) = (clock.now(), incident(&clock));
        let id = db.write_news("down", move |tx| alerts::open(tx, Some(1), &opened, now)).await.unwrap().0;
        until("it is told again", || peer.messages().len() == 3).await;
        assert_eq!(peer.titles(), ["Test: Pulsewarden", "Alert: Host Down", "Alert: Host Down"]);
        let repeats = peer.messages().iter().filter(|message| message.body.to_string().contains("possible repeat")).count();
        assert_eq!(repeats, 1);

        let now = clock.now();
        db.write_news("known", move |tx| alerts::acknowledge(tx, id, "ana", None, None, now).map(drop)).await.unwrap();
        until("the newer message is changed", || peer.titles()[2] == "Acknowledged: Host Down").await;
        let now = clock.now();
        db.write_news("up", move |tx| alerts::resolve(tx, id, "heartbeat received", now).map(drop)).await.unwrap();
        until("its end is told", || peer.titles().len() == 4 && peer.titles()[2] == "Resolved: Host Down").await;
        assert_eq!(peer.titles()[3], "Recovered: Host Up");

        alert.send(Drain).await.unwrap();
        let status = alert.send(Status).await.unwrap().unwrap().remove(0);
        assert_eq!((status.waiting, status.last_error, status.stopped), (0, None, None));
        assert_eq!(peer.violations(), Vec::<String>::new());
        supervisor.shutdown().await;
    }
}
