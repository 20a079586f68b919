//! Messages about every name, as the peer takes them, and what it would refuse.

use super::{Line, hello};
use actors::alert::discord::{Deliver, Outcome};
use domain::host::Severity;
use domain::incident::{AlertType, Cause, Facts};
use domain::notice::{self, Acknowledged, Form, Incident, Telling};
use domain::time::Wall;
use serde_json::{Value, json};

pub(super) fn incident(n: i64, name: &str) -> Incident {
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
