//! The messages people see, word for word, and laws for every name, note and count.

use super::laws::faults;
use super::*;
use chrono::DateTime;
use proptest::prelude::*;
use serde_json::json;

fn at(text: &str) -> Wall {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc().into()
}

fn web() -> Incident {
    Incident {
        alert: 1,
        alert_type: AlertType::MissingHeartbeat,
        severity: Severity::Critical,
        host_name: Some("web-server-01".into()),
        host_id: Some("web-server-01".into()),
        facts: Facts {
            host_id: Some("web-server-01".into()),
            host_name: "web-server-01".into(),
            cause: Cause::Missed,
            last_seen_at: Some(at("2025-11-15T10:30:00Z")),
            expected_every_s: 300,
            grace_s: 0,
            deadline_at: None,
            detected_at: at("2025-11-15T10:35:00Z"),
            why: String::new(),
        },
        acknowledged: None,
        resolved_at: None,
        resolution: None,
    }
}

fn now(text: &str) -> Telling<'static> {
    Telling { text: "", link: None, delivered_at: at(text), possible_repeat: false, form: Form::Full }
}

fn fields(body: &Value) -> Vec<(String, String)> {
    let field = |f: &Value| (f["name"].as_str().unwrap().to_owned(), f["value"].as_str().unwrap().to_owned());
    body["embeds"][0]["fields"].as_array().unwrap().iter().map(field).collect()
}

fn value(body: &Value, name: &str) -> Option<String> {
    fields(body).into_iter().find(|(n, _)| n == name).map(|(_, v)| v)
}

#[test]
fn a_host_that_is_down_is_told_exactly_as_ordered() {
    let telling = Telling { text: "Host 'web-server-01' missed heartbeat", ..now("2025-11-15T10:35:01Z") };
    let ordered = json!({"embeds":[{"title":"Alert: Host Down","description":"Host 'web-server-01' missed heartbeat","color":15158332,
        "fields":[{"name":"Host","value":"web-server-01"},{"name":"Last Seen","value":"2025-11-15 10:30:00"},
        {"name":"Expected Every","value":"5 minutes"}],"timestamp":"2025-11-15T10:35:00Z"}],
        "allowed_mentions": {"parse": []}});
    assert_eq!(current(&web(), &telling), ordered);
    assert_eq!(current(&web(), &now("2025-11-15T10:35:01Z")), ordered, "without a template the hub says it itself");
}

#[test]
fn a_host_never_seen_says_so() {
    let mut incident = web();
    incident.facts.last_seen_at = None;
    assert_eq!(value(&current(&incident, &now("2025-11-15T10:35:00Z")), "Last Seen").as_deref(), Some("never"));
}

#[test]
fn the_reason_and_the_link_follow_the_ordered_fields() {
    let mut incident = web();
    incident.facts.why = "alerts at 10:35:00 = last seen 10:30:00 + every 5 min".into();
    let body = current(&incident, &Telling { link: Some("https://hub.example/ack/abc-_1"), ..now("2025-11-15T10:35:00Z") });
    let names: Vec<String> = fields(&body).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["Host", "Last Seen", "Expected Every", "Why", "Acknowledge"]);
    assert_eq!(value(&body, "Acknowledge").as_deref(), Some("[I know about it](https://hub.example/ack/abc-_1)"));
    assert_eq!(value(&body, "Why").as_deref(), Some("alerts at 10:35:00 = last seen 10:30:00 + every 5 min"));
}

#[test]
fn a_link_that_would_break_the_message_is_left_out() {
    for link in ["javascript:alert(1)", "https://hub/a)b", "https://hub/a b", &format!("https://hub/{}", "x".repeat(1_024))] {
        let body = current(&web(), &Telling { link: Some(link), ..now("2025-11-15T10:35:00Z") });
        assert_eq!(value(&body, "Acknowledge"), None, "{link}");
    }
}

#[test]
fn only_a_message_a_minute_late_says_so() {
    for (delivered, expected) in [
        ("2025-11-15T10:35:59.999Z", None),
        ("2025-11-15T10:36:00Z", Some("detected 10:35, delivered 10:36 UTC")),
        ("2025-11-16T00:01:00Z", Some("detected 2025-11-15 10:35, delivered 2025-11-16 00:01 UTC")),
    ] {
        assert_eq!(value(&current(&web(), &now(delivered)), "Delivery").as_deref(), expected);
    }
    let repeat = Telling { possible_repeat: true, ..now("2025-11-15T10:35:00Z") };
    assert_eq!(value(&current(&web(), &repeat), "Delivery").as_deref(), Some("possible repeat"));
    let both = Telling { possible_repeat: true, ..now("2025-11-15T10:36:00Z") };
    assert_eq!(
        value(&current(&web(), &both), "Delivery").as_deref(),
        Some("detected 10:35, delivered 10:36 UTC; possible repeat")
    );
}

fn known() -> Incident {
    let note = Some("rebooting it".into());
    Incident { acknowledged: Some(Acknowledged { by: "ana".into(), note, at: at("2025-11-15T10:40:00Z") }), ..web() }
}

fn over() -> Incident {
    Incident { resolved_at: Some(at("2025-11-15T10:49:03Z")), resolution: Some("heartbeat received".into()), ..web() }
}

#[test]
fn an_acknowledged_incident_is_amber_and_says_who_knows() {
    let body = current(&known(), &Telling { link: Some("https://hub/ack/1"), ..now("2025-11-15T10:35:00Z") });
    assert_eq!(body["embeds"][0]["title"], "Acknowledged: Host Down");
    assert_eq!(body["embeds"][0]["color"], AMBER);
    assert_eq!(value(&body, "Acknowledged").as_deref(), Some("by ana at 2025-11-15 10:40:00: rebooting it"));
    assert_eq!(value(&body, "Acknowledge"), None);
    assert_eq!(body["allowed_mentions"], json!({"parse": []}));
}

#[test]
fn a_resolved_incident_is_green_and_says_how_long_it_was() {
    let body = current(&over(), &now("2025-11-15T10:35:00Z"));
    assert_eq!(body["embeds"][0]["title"], "Resolved: Host Down");
    assert_eq!(body["embeds"][0]["color"], GREEN);
    assert_eq!(value(&body, "Outage").as_deref(), Some("14 minutes 3 seconds (10:35 to 10:49 UTC)"));
    assert_eq!(value(&body, "Reason").as_deref(), Some("heartbeat received"));
}

#[test]
fn an_opening_told_after_its_end_says_both() {
    let body = current(&over(), &now("2025-11-15T11:02:00Z"));
    assert_eq!(value(&body, "Outage").as_deref(), Some("14 minutes 3 seconds (10:35 to 10:49 UTC)"));
    assert_eq!(value(&body, "Delivery").as_deref(), Some("detected 10:35, delivered 11:02 UTC"));
}

#[test]
fn a_recovery_is_a_green_message_of_its_own() {
    let body = recovered(&over(), &Telling { text: "Host 'web-server-01' is up again", ..now("2025-11-15T10:49:03Z") });
    let expected = json!({"embeds":[{"title":"Recovered: Host Up","description":"Host 'web-server-01' is up again","color":GREEN,
        "fields":[{"name":"Host","value":"web-server-01"},{"name":"Outage","value":"14 minutes 3 seconds (10:35 to 10:49 UTC)"},
        {"name":"Reason","value":"heartbeat received"}],"timestamp":"2025-11-15T10:49:03Z"}],"allowed_mentions": {"parse": []}});
    assert_eq!(body, expected);
}

#[test]
fn every_cause_has_a_title_of_its_own() {
    let titled = |alert_type, cause| {
        let mut incident = Incident { alert_type, ..web() };
        incident.facts.cause = cause;
        current(&incident, &now("2025-11-15T10:35:00Z"))["embeds"][0]["title"].as_str().unwrap().to_owned()
    };
    assert_eq!(titled(AlertType::MissingHeartbeat, Cause::Failed(Some(3))), "Alert: Job Failed");
    assert_eq!(titled(AlertType::MissingHeartbeat, Cause::RunTooLong), "Alert: Job Overdue");
    assert_eq!(titled(AlertType::SystemError, Cause::NotMonitored), "Alert: Host Not Monitored");
    assert_eq!(titled(AlertType::SystemError, Cause::Hub), "Alert: System Error");
    assert_eq!(titled(AlertType::LogFinding, Cause::Hub), "Alert: Log Finding");
    assert_eq!(titled(AlertType::Internet, Cause::Hub), "Alert: Internet Down");
}

#[test]
fn the_smaller_forms_quote_nobody() {
    let mut incident = known();
    incident.host_name = Some("evil words".into());
    incident.facts.why = "evil words".into();
    for form in [Form::Unquoted, Form::Minimal] {
        let telling = Telling { form, text: "evil words", link: Some("https://hub/ack/1"), ..now("2025-11-15T10:35:00Z") };
        let text = current(&incident, &telling).to_string();
        assert!(!text.contains("rebooting") && !text.contains("https://"), "{text}");
        assert!(text.contains("web-server-01"), "{text}");
        assert!(form == Form::Unquoted || !text.contains("evil"), "{text}");
        assert_eq!(faults(&current(&incident, &telling)), Vec::<String>::new());
        assert_eq!(faults(&recovered(&incident, &telling)), Vec::<String>::new());
    }
}

#[test]
fn a_small_digest_names_each_host_with_its_details() {
    let mut failed = web();
    (failed.alert, failed.host_name, failed.host_id) = (2, Some("backup".into()), Some("backup".into()));
    failed.facts.cause = Cause::Failed(Some(2));
    let mut up = over();
    (up.alert, up.host_name, up.host_id) = (3, Some("nas".into()), Some("nas".into()));
    let told = digest(&[web(), failed, up], &now("2025-11-15T10:50:00Z"));
    assert_eq!(told.named, 3);
    let expected = json!({"embeds":[
        {"title":"1 host down","color":RED,"description":"web-server-01: last seen 2025-11-15 10:30:00, expected every 5 minutes"},
        {"title":"1 job failed","color":RED,"description":"backup: exit code 2"},
        {"title":"1 host recovered","color":GREEN,"description":"nas: 10:35 to 10:49 UTC (14 minutes 3 seconds)",
         "footer":{"text":"detected 10:35, delivered 10:50 UTC"}}],"allowed_mentions": {"parse": []}});
    assert_eq!(told.body, expected);
}

#[test]
fn several_incidents_of_one_host_share_a_line_that_ends_with_the_last() {
    let again = Incident { alert: 2, ..web() };
    let told = digest(&[over(), again], &now("2025-11-15T10:35:10Z"));
    assert_eq!(told.body["embeds"].as_array().unwrap().len(), 1);
    let text = told.body["embeds"][0]["description"].as_str().unwrap();
    assert!(text.starts_with("web-server-01: 10:35 to 10:49 UTC (14 minutes 3 seconds); last seen"), "{text}");
}

fn crowd(count: usize, name: impl Fn(usize) -> String) -> Vec<Incident> {
    let one = |n: usize| {
        let mut incident = web();
        (incident.alert, incident.host_id, incident.host_name) = (n as i64, Some(format!("h{n}")), Some(name(n)));
        incident
    };
    (0..count).map(one).collect()
}

/// Sends `incidents` digest by digest and answers the bodies.
fn all(incidents: &[Incident], form: Form) -> Vec<Value> {
    let (mut left, mut bodies) = (incidents, Vec::new());
    while !left.is_empty() {
        let told = digest(left, &Telling { form, ..now("2025-11-15T10:40:00Z") });
        assert!(told.named > 0);
        left = &left[told.named..];
        bodies.push(told.body);
    }
    bodies
}

#[test]
fn a_large_digest_is_split_and_names_every_host() {
    let incidents = crowd(2_000, |n| format!("host-{n:06}"));
    let bodies = all(&incidents, Form::Full);
    assert!(bodies.len() < 8, "{} messages", bodies.len());
    let text: Vec<String> = bodies.iter().map(Value::to_string).collect();
    for (n, body) in bodies.iter().enumerate() {
        assert_eq!(faults(body), Vec::<String>::new());
        assert_eq!(text[n].contains("more follow"), n + 1 < bodies.len());
    }
    for n in 0..2_000 {
        assert!(text.iter().any(|t| t.contains(&format!("host-{n:06}"))), "host-{n:06}");
    }
    assert!(bodies[0]["embeds"][0]["title"].as_str().unwrap().ends_with(" hosts down"));
}

#[test]
fn a_digest_changed_later_still_names_every_host_of_it() {
    let mut incidents = crowd(2_000, |n| format!("{n:03}"));
    let named = digest(&incidents, &now("2025-11-15T10:40:00Z")).named;
    incidents.truncate(named);
    for (n, incident) in incidents.iter_mut().enumerate() {
        match n % 3 {
            0 => incident.resolved_at = over().resolved_at,
            1 => incident.acknowledged = known().acknowledged,
            _ => {}
        }
        incident.facts.cause = [Cause::Missed, Cause::Failed(None), Cause::RunTooLong, Cause::NotMonitored, Cause::Hub][n % 5];
    }
    let again = digest(&incidents, &now("2025-11-15T10:40:00Z"));
    assert_eq!((again.named, faults(&again.body)), (named, Vec::new()));
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ -~]{0,300}",
        Just("@everyone <@&1> **x** https://e.example \u{202e}\0".repeat(300)),
        "\\PC{0,40}",
        "[\u{200b}-\u{200f}\u{202e} \n]{0,9}",
        Just("𝕏".repeat(5_000)),
        Just("\\*_~`|[]<@".repeat(500)),
    ]
}

prop_compose! {
    fn incidents()(
        alert in 0..1_000i64,
        kind in 0..4usize,
        cause in 0..5usize,
        severity in 0..3usize,
        host in any::<bool>(),
        name in text(),
        why in text(),
        (note, by, resolution) in (text(), text(), text()),
        (known, over) in (any::<bool>(), any::<bool>()),
        (seen, every, detected) in (any::<Option<i64>>(), any::<u32>(), any::<i64>()),
    ) -> Incident {
        let alert_type = [AlertType::MissingHeartbeat, AlertType::LogFinding, AlertType::Internet, AlertType::SystemError][kind];
        let cause = [Cause::Missed, Cause::RunTooLong, Cause::Failed(Some(1)), Cause::NotMonitored, Cause::Hub][cause];
        let severity = [Severity::Info, Severity::Warning, Severity::Critical][severity];
        let facts = Facts {
            host_id: None, host_name: name.clone(), cause, last_seen_at: seen.map(Wall), expected_every_s: every, grace_s: 0,
            deadline_at: None, detected_at: Wall(detected), why,
        };
        let note = Some(note);
        Incident {
            alert, alert_type, severity, facts,
            host_id: host.then(|| format!("id-{alert}")),
            host_name: host.then_some(name),
            acknowledged: known.then_some(Acknowledged { by, note, at: Wall(7) }),
            resolved_at: over.then_some(Wall(detected.saturating_add(99_000))),
            resolution: over.then_some(resolution),
        }
    }
}

fn forms() -> impl Strategy<Value = Form> {
    prop_oneof![Just(Form::Full), Just(Form::Unquoted), Just(Form::Minimal)]
}

fn harmless(body: &Value) -> bool {
    let text = body.to_string();
    !text.contains("@everyone")
        && !text.contains("<@")
        && !text.contains('\u{202e}')
        && !text.contains('\u{200b}')
        && !text.contains("\\u0000")
        && !text.contains("https://e.example")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_incident_makes_a_message_discord_takes(incident in incidents(), form in forms(), late in any::<i64>(), repeat in any::<bool>()) {
        let telling = Telling {
            text: &plain(&incident.facts.headline(), 9_000), link: Some("https://hub/ack/1"), delivered_at: Wall(late),
            possible_repeat: repeat, form,
        };
        for body in [current(&incident, &telling), recovered(&incident, &telling), test(&incident.facts.why, Wall(late))] {
            prop_assert_eq!(faults(&body), Vec::<String>::new());
            prop_assert!(harmless(&body), "{}", body);
        }
    }

    #[test]
    fn any_crowd_is_named_completely_within_the_limits(some in prop::collection::vec(incidents(), 0..60), form in forms()) {
        let mut some = some;
        for (n, incident) in (0..).zip(&mut some) {
            (incident.alert, incident.host_id) = (n, incident.host_id.as_ref().map(|_| format!("id-{n}")));
        }
        let bodies = all(&some, form);
        let texts: Vec<String> = bodies.iter().map(|body| {
            let parts = body["embeds"].as_array().into_iter().flatten();
            parts.filter_map(|embed| embed["description"].as_str()).collect::<Vec<_>>().join("\n")
        }).collect();
        for body in &bodies {
            prop_assert_eq!(faults(body), Vec::<String>::new());
            prop_assert!(harmless(body), "{}", body);
        }
        for incident in &some {
            let label = incident.label(form, 256);
            prop_assert!(texts.iter().any(|text| text.contains(&label)), "{label} is missing");
        }
    }
}
