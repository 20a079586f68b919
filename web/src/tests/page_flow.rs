//! Pages from outside: what they contain, and that nothing a host says is markup.

use crate::query::escaped;
use crate::testing::{Answer, Bed, WEBHOOK, from};
use actix_web::http::{Method, StatusCode};
use serde_json::json;

#[actix_web::test]
async fn a_first_run_is_guided_and_a_host_takes_the_guides_place() {
    let bed = Bed::new().await;
    let empty = bed.get("/dashboard").await;
    assert_eq!(empty.status, StatusCode::OK, "{}", empty.text);
    assert!(empty.text.contains("Two minutes to your first alert") && empty.text.contains("href=\"/add-host\""));
    bed.host("web-01").await;
    let page = bed.get("/dashboard").await.text;
    assert!(page.contains("href=\"/hosts/web-01\"") && !page.contains("Two minutes"), "{page}");
}

#[actix_web::test]
async fn names_and_tags_of_hosts_are_text() {
    let bed = Bed::new().await;
    let body = json!({"name": "<script>alert(1)</script> \"q\"&'", "host_id": "evil", "expected_frequency_seconds": 60,
        "tags": ["<b>x</b>", "a&b=\"c\""]});
    assert_eq!(bed.post("/api/v1/hosts", body).await.status, StatusCode::CREATED);
    let page = bed.get("/dashboard").await.text;
    assert!(!page.contains("<script>alert") && !page.contains("<b>x"), "{page}");
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt; &quot;q&quot;&amp;&#39;"), "{page}");
    assert!(page.contains("href=\"/dashboard?tag=a%26b%3D%22c%22\""), "{page}");
}

#[actix_web::test]
async fn assets_are_named_by_their_content_and_kept() {
    let bed = Bed::new().await;
    let page = bed.get("/dashboard").await.text;
    let css = page.split('"').find(|part| part.starts_with("/static/") && part.ends_with(".css")).unwrap();
    let sheet = bed.get(css).await;
    assert_eq!(sheet.header("content-type"), "text/css; charset=utf-8");
    assert_eq!(sheet.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(bed.get("/static/pulsewarden.0000000000000000.css").await.status, StatusCode::NOT_FOUND);
}

#[actix_web::test]
async fn the_policy_of_a_page_allows_nothing_inline_and_nothing_from_elsewhere() {
    let bed = Bed::new().await;
    let page = bed.get("/dashboard").await;
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe") && !policy.contains("http"), "{policy}");
    for forbidden in [" style=", " onclick=", "javascript:", "<script>"] {
        assert!(!page.text.contains(forbidden), "{forbidden}");
    }
}

/// Sends a form of a page as its button would.
async fn send(bed: &Bed, path: &str, fields: &[(&str, &str)]) -> Answer {
    let page = bed.get("/add-host").await.text;
    let csrf = page.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
    let all = fields.iter().copied().chain([("csrf", csrf.as_str())]);
    let body = all.map(|(name, value)| format!("{name}={}", escaped(value))).collect::<Vec<_>>().join("&");
    let req = from(Method::POST, path)
        .insert_header(("Authorization", format!("Bearer {}", bed.writer)))
        .insert_header(("Content-Type", "application/x-www-form-urlencoded"))
        .set_payload(body);
    bed.send(req).await
}

/// The message on the page that a form leads to; the cookie is signed, and forgotten once shown.
async fn told(bed: &Bed, answer: &Answer) -> String {
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
    let key = ("Authorization", format!("Bearer {}", bed.writer));
    let req = from(Method::GET, answer.header("location")).insert_header(key).insert_header(("Cookie", cookie));
    let page = bed.send(req).await;
    assert!(page.header("set-cookie").starts_with("flash=; "), "{}", page.header("set-cookie"));
    let note = page.text.split("class=\"note ").nth(2).unwrap_or_else(|| panic!("no message in {}", page.text));
    note.split("<span>").nth(1).and_then(|rest| rest.split("</span>").next()).unwrap().to_owned()
}

const HOST: [(&str, &str); 5] = [
    ("name", "Web 01"),
    ("expected_frequency", "5m"),
    ("grace_period", "60s"),
    ("schedule_type", "always"),
    ("severity", "critical"),
];

#[actix_web::test]
async fn a_host_is_added_by_a_form_and_its_page_gives_the_lines_to_copy() {
    let bed = Bed::new().await;
    let made = send(&bed, "/add-host", &HOST).await;
    assert_eq!(made.header("location"), "/hosts/web-01", "{}", made.text);
    assert_eq!(told(&bed, &made).await, "Web 01 is watched from now on.");
    let page = bed.get("/hosts/web-01").await.text;
    let url = page.split("data-copy=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let token = bed.state.hub.token_of("web-01").await.unwrap();
    assert_eq!(url, format!("https://hub.example/api/v1/heartbeat/web-01?token={token}"));
    assert!(page.contains("*/5 * * * * curl -fsS -m 10 --retry 3 -o /dev/null &#39;https://hub.example/"), "{page}");
    assert!(page.contains("Waiting for the first call"));
}

#[actix_web::test]
async fn a_viewer_sees_no_token_and_no_button() {
    let bed = Bed::new().await;
    let token = bed.host("web-01").await;
    let look = |path: &str| from(Method::GET, path).insert_header(("Authorization", format!("Bearer {}", bed.reader)));
    for path in ["/dashboard", "/hosts/web-01", "/config", "/alerts", "/deliveries", "/supervision"] {
        let page = bed.send(look(path)).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert!(!page.text.contains(&token), "{path}");
        let forms = page.text.matches("method=\"post\"").count();
        assert_eq!(forms, 1, "{path}: only signing out");
    }
}

#[actix_web::test]
async fn a_wrong_form_comes_back_with_what_was_typed_and_names_each_input_with_the_fix() {
    let bed = Bed::new().await;
    let fields = [
        ("name", "\"><script>alert(1)</script>"),
        ("host_id", "no spaces"),
        ("expected_frequency", "often"),
        ("schedule_type", "custom"),
        ("timezone", "Berlin"),
        ("windows", "Mon 08:00-25:00"),
    ];
    let back = send(&bed, "/add-host", &fields).await;
    assert_eq!(back.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", back.text);
    assert!(back.text.contains("value=\"&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;\""), "{}", back.text);
    for input in ["host_id", "expected_frequency", "timezone", "windows"] {
        assert!(back.text.contains(&format!("href=\"#{input}\"")), "{input} is not in the list of mistakes: {}", back.text);
        assert!(back.text.contains(&format!("id=\"{input}-wrong\"")), "{input} is not told at the input");
    }
    assert_eq!(back.text.matches("aria-invalid=\"true\"").count(), 4);
    assert!(back.text.contains("did you mean Europe/Berlin?"));
    let unreadable =
        send(&bed, "/add-host", &[("name", "x"), ("expected_frequency", "5m"), ("schedule_type", "custom"), ("windows", "x")]);
    assert!(unreadable.await.text.contains("line 1 is not understood"));
    assert!(bed.state.hub.roster().is_empty());
}

#[actix_web::test]
async fn a_name_that_is_taken_is_told_at_the_name() {
    let bed = Bed::new().await;
    bed.host("Web 01").await;
    let back = send(&bed, "/add-host", &HOST).await;
    assert_eq!(back.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", back.text);
    assert!(back.text.contains("aria-invalid=\"true\""), "{}", back.text);
}

#[actix_web::test]
async fn a_host_is_edited_paused_resumed_silenced_and_removed_by_forms() {
    let bed = Bed::new().await;
    let token = bed.host("web-01").await;
    let edited = HOST.map(|(name, value)| if name == "expected_frequency" { (name, "10m") } else { (name, value) });
    assert_eq!(told(&bed, &send(&bed, "/hosts/web-01/edit", &edited).await).await, "Web 01 was changed.");
    assert_eq!(bed.get("/api/v1/hosts/web-01").await.json()["expected_frequency_seconds"], 600);
    assert!(told(&bed, &send(&bed, "/hosts/web-01/pause", &[]).await).await.starts_with("Web 01 is paused"));
    assert!(bed.get("/hosts/web-01").await.text.contains("action=\"/hosts/web-01/resume\""));
    assert!(told(&bed, &send(&bed, "/hosts/web-01/resume", &[]).await).await.starts_with("Web 01 is watched again"));
    let silenced = send(&bed, "/hosts/web-01/silence", &[("for", "2h")]).await;
    assert_eq!(told(&bed, &silenced).await, "Nobody is told about Web 01 for 2 hours.");
    let wrong = send(&bed, "/hosts/web-01/silence", &[("for", "long")]).await;
    assert!(told(&bed, &wrong).await.starts_with("Not silenced: the length is no duration"));
    assert!(told(&bed, &send(&bed, "/hosts/web-01/rotate-token", &[]).await).await.contains("new token"));
    assert_ne!(bed.state.hub.token_of("web-01").await.unwrap(), token);
    let removed = send(&bed, "/hosts/web-01/remove", &[]).await;
    assert_eq!(removed.header("location"), "/dashboard");
    assert_eq!(told(&bed, &removed).await, "Web 01 was removed.");
    assert_eq!(bed.get("/hosts/web-01").await.status, StatusCode::NOT_FOUND);
}

#[actix_web::test]
async fn an_alert_is_acknowledged_with_a_note_and_silenced_by_forms() {
    let bed = Bed::new().await;
    let alert = bed.alert("web-01").await;
    let path = format!("/alerts/{alert}");
    let done = send(&bed, &format!("{path}/acknowledge"), &[("note", "two\r\nlines"), ("for", "4h")]).await;
    assert_eq!(told(&bed, &done).await, "Acknowledged: the message says so too.");
    let known = bed.get(&format!("/api/v1/alerts/{alert}")).await.json();
    assert_eq!((&known["acknowledged_by"], &known["acknowledge_note"]), (&"key writer".into(), &"two lines".into()));
    let wrong = send(&bed, &format!("{path}/acknowledge"), &[("for", "never")]).await;
    assert!(told(&bed, &wrong).await.starts_with("Not acknowledged"));
    let silenced = send(&bed, &format!("{path}/silence"), &[("for", "1d")]).await;
    assert_eq!(told(&bed, &silenced).await, "Nobody is told about this for 1 day.");
    let shown = bed.get(&path).await.text;
    assert!(shown.contains("Acknowledged by key writer") && shown.contains("two lines"), "{shown}");
    assert!(bed.get("/alerts?state=unacknowledged").await.text.contains("No alert fits."));
    assert!(!bed.get("/alerts?state=open").await.text.contains("No alert fits."));
    assert_eq!(bed.get("/alerts/999").await.status, StatusCode::NOT_FOUND);
}

#[actix_web::test]
async fn webhooks_are_set_tested_removed_and_undone_by_forms_and_never_shown() {
    let bed = Bed::new().await;
    let wrong = send(&bed, "/config/webhook", &[("name", "primary"), ("url", "https://evil.example/x")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text.contains("id=\"url-wrong\""), "{}", wrong.text);
    let set = send(&bed, "/config/webhook", &[("name", "primary"), ("url", WEBHOOK)]).await;
    assert!(told(&bed, &set).await.starts_with("Webhook primary is set"));
    let second = send(&bed, "/config/webhook", &[("name", "on call"), ("url", WEBHOOK)]).await;
    assert!(told(&bed, &second).await.starts_with("Webhook on call is set"));
    let page = bed.get("/config").await.text;
    assert!(!page.contains("tOkEn-CaNaRy") && page.contains("https://discord.com/api/webhooks/123…/••••"), "{page}");
    assert!(page.contains("<h3>Alert: Host Down</h3>") && page.contains("<h3>Recovered: Host Up</h3>"), "{page}");
    let tested = send(&bed, "/config/webhook/test", &[("name", "on call")]).await;
    assert_eq!(told(&bed, &tested).await, "The test message was delivered to on call.");
    let nobody = send(&bed, "/config/webhook/test", &[("name", "nobody")]).await;
    assert_eq!(told(&bed, &nobody).await, "Has no URL: set the webhook first.");
    let removed = send(&bed, "/config/webhook/remove", &[("name", "on call")]).await;
    assert!(told(&bed, &removed).await.starts_with("Webhook on call was removed"));
    let newest = bed.get("/api/v1/settings/revisions").await.json()["revisions"][0]["id"].as_i64().unwrap();
    let undone = send(&bed, &format!("/config/revisions/{newest}/undo"), &[]).await;
    assert!(told(&bed, &undone).await.contains("was undone"));
    assert!(bed.get("/config").await.text.contains("on call"));
}

#[actix_web::test]
async fn the_upstream_keeps_its_url_when_the_field_is_left_empty() {
    let bed = Bed::new().await;
    let form = [("enabled", "on"), ("url", "https://hc-ping.com/some-uuid"), ("interval", "10m"), ("method", "POST")];
    assert_eq!(told(&bed, &send(&bed, "/config/upstream", &form).await).await, "The upstream was changed.");
    send(&bed, "/config/upstream", &[("interval", "5m"), ("method", "GET"), ("url", "")]).await;
    let now = bed.state.hub.settings().upstream();
    assert_eq!((now.enabled, now.url.as_deref(), now.interval_s), (false, Some("https://hc-ping.com/some-uuid"), 300));
    let wrong = send(&bed, "/config/upstream", &[("interval", "often"), ("method", "PUT")]).await;
    assert!(wrong.text.contains("id=\"interval-wrong\"") && wrong.text.contains("id=\"method-wrong\""), "{}", wrong.text);
    send(&bed, "/config/upstream", &[("forget", "on")]).await;
    assert_eq!(bed.state.hub.settings().upstream().url, None);
}

#[actix_web::test]
async fn nothing_is_public_until_somebody_says_so_and_then_only_hosts_with_the_tag() {
    let bed = Bed::new().await;
    for (id, tags) in [("shown", vec!["public"]), ("unlisted", vec!["private"])] {
        let body = json!({"name": id, "expected_frequency_seconds": 60, "tags": tags, "description": "secret words"});
        assert_eq!(bed.post("/api/v1/hosts", body).await.status, StatusCode::CREATED);
    }
    let stranger = |path: &str| from(Method::GET, path);
    for path in ["/status", "/badge/shown.svg"] {
        assert_eq!(bed.send(stranger(path)).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let on = [("enabled", "on"), ("tag", "public"), ("title", "Our <b>machines</b>")];
    assert_eq!(told(&bed, &send(&bed, "/config/public", &on).await).await, "The status page and the badges are public now.");
    let page = bed.send(stranger("/status")).await.text;
    assert!(page.contains("shown") && page.contains("Our &lt;b&gt;machines&lt;/b&gt;"), "{page}");
    assert!(!page.contains("unlisted") && !page.contains("private") && !page.contains("secret words"), "{page}");
    let badge = bed.send(stranger("/badge/shown.svg")).await;
    assert_eq!((badge.status, badge.header("content-type")), (StatusCode::OK, "image/svg+xml"));
    assert_eq!(bed.send(stranger("/badge/unlisted.svg")).await.status, StatusCode::NOT_FOUND);
    let newest = bed.get("/api/v1/settings/revisions?key=public").await.json()["revisions"][0]["id"].as_i64().unwrap();
    send(&bed, &format!("/config/revisions/{newest}/undo"), &[]).await;
    assert_eq!(bed.send(stranger("/status")).await.status, StatusCode::NOT_FOUND);
}

#[actix_web::test]
async fn the_supervision_page_shows_health_and_every_group() {
    let bed = Bed::new().await;
    bed.host("web-01").await;
    let page = bed.get("/supervision").await.text;
    for group in ["hosts", "alerts", "store", "timers"] {
        assert!(page.contains(group), "{group} in {page}");
    }
    assert!(page.contains("1 run and have nothing to tell"), "{page}");
    assert_eq!(bed.get("/supervision?group=nothing").await.status, StatusCode::NOT_FOUND);
    assert_eq!(bed.get("/supervision?after=x").await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[actix_web::test]
async fn whoever_looks_with_a_browser_is_told_errors_in_words() {
    let bed = Bed::new().await;
    let look = |path: &str| {
        let key = ("Authorization", format!("Bearer {}", bed.writer));
        from(Method::GET, path).insert_header(key).insert_header(("Accept", "text/html,*/*"))
    };
    for (path, status, words) in [
        ("/hosts/nobody", StatusCode::NOT_FOUND, "There is no such host."),
        ("/nothing", StatusCode::NOT_FOUND, "There is no such address."),
        ("/dashboard?status=odd", StatusCode::UNPROCESSABLE_ENTITY, "status must be up, late, down"),
        ("/hosts/x/pause", StatusCode::METHOD_NOT_ALLOWED, "This address answers POST only."),
    ] {
        let page = bed.send(look(path)).await;
        assert_eq!(page.status, status, "{path}");
        assert!(page.text.starts_with("<!doctype html>") && page.text.contains(words), "{path}: {}", page.text);
    }
    assert_eq!(bed.send(look("/api/v1/hosts/nobody")).await.code(), "not_found");
    assert_eq!(bed.send(look("/heartbeat/nobody?token=x")).await.code(), "unauthorized");
}

#[actix_web::test]
async fn a_long_body_is_cut_and_the_page_says_where_the_rest_is() {
    let bed = Bed::new().await;
    let token = bed.host("web-01").await;
    let body = format!("first line\n{}", "\"".repeat(5_000));
    for _ in 0..20 {
        let beat = from(Method::POST, &format!("/heartbeat/web-01?token={token}")).set_payload(body.clone());
        assert_eq!(bed.send(beat).await.status, StatusCode::OK);
    }
    let page = bed.get("/hosts/web-01").await.text;
    assert!(page.contains("<summary dir=\"auto\">first line</summary>") && page.contains("The rest is in the API"), "{page}");
    assert!(page.len() < 200_000, "{} bytes", page.len());
}

#[actix_web::test]
async fn a_message_that_was_not_signed_here_is_not_shown() {
    let bed = Bed::new().await;
    let key = ("Authorization", format!("Bearer {}", bed.writer));
    let forged = "flash=eyJnb29kIjp0cnVlLCJ0ZXh0IjoiUGF5IGhlcmUifQ.AAAA";
    let page = bed.send(from(Method::GET, "/dashboard").insert_header(key).insert_header(("Cookie", forged))).await;
    assert!(page.status == StatusCode::OK && !page.text.contains("Pay here"));
}

#[actix_web::test]
async fn the_theme_somebody_chose_is_in_the_first_byte_and_nothing_else_can_be() {
    let bed = Bed::new().await;
    let look = |cookie: &str| {
        let key = ("Authorization", format!("Bearer {}", bed.writer));
        from(Method::GET, "/dashboard").insert_header(key).insert_header(("Cookie", cookie.to_owned()))
    };
    assert!(bed.send(look("x=y; theme=dark")).await.text.contains("<html lang=\"en\" data-theme=\"dark\">"));
    for cookie in ["theme=\"><script>", "theme=", "nothing"] {
        assert!(bed.send(look(cookie)).await.text.contains("<html lang=\"en\">"), "{cookie}");
    }
}

#[actix_web::test]
async fn fifty_hosts_with_everything_stay_below_200_kilobytes() {
    let bed = Bed::new().await;
    for n in 0..50 {
        let body = json!({"name": format!("A rather long name of a machine in rack {n:04} of building seven"),
            "host_id": format!("machine-with-a-long-id-{n:04}"), "expected_frequency_seconds": 300,
            "tags": ["production", "frankfurt", "customer-4711", "linux"]});
        let token = bed.post("/api/v1/hosts", body).await.json()["token"].as_str().unwrap().to_owned();
        for word in ["", "/fail", "", "/fail"] {
            let path = format!("/heartbeat/machine-with-a-long-id-{n:04}{word}?token={token}");
            assert_eq!(bed.send(from(Method::GET, &path)).await.status, StatusCode::OK);
        }
    }
    let page = bed.get("/dashboard").await.text;
    assert_eq!(page.matches("data-key=\"machine-with").count(), 50);
    // A strip has up to 30 slots; each costs at most 24 bytes.
    let full = page.len() + 50 * 26 * 24;
    assert!(full < 200_000, "{} bytes, {full} with full strips", page.len());
}

#[actix_web::test]
async fn a_host_due_by_a_crontab_line_is_added_shown_and_changed_by_forms() {
    let bed = Bed::new().await;
    let fields = |cron: &'static str, zone: &'static str| {
        [
            ("name", "backup"),
            ("expected_frequency", "1d"),
            ("grace_period", "10m"),
            ("schedule_type", "cron"),
            ("cron", cron),
            ("cron_timezone", zone),
        ]
    };
    let wrong = send(&bed, "/add-host", &fields("0 2 * *", "Europe/Berlin")).await;
    assert!(wrong.status == StatusCode::UNPROCESSABLE_ENTITY && wrong.text.contains("href=\"#cron\""), "{}", wrong.text);
    let wrong = send(&bed, "/add-host", &fields("0 2 * * *", "Europe/Berln")).await;
    assert!(wrong.text.contains("href=\"#cron_timezone\"") && wrong.text.contains("Europe/Berlin?"), "{}", wrong.text);
    assert_eq!(send(&bed, "/add-host", &fields("0 2 * * *", "Europe/Berlin")).await.status, StatusCode::SEE_OTHER);
    let page = bed.get("/hosts/backup").await.text;
    assert!(page.contains("At each 0 2 * * * in Europe/Berlin"), "{page}");
    let form = bed.get("/hosts/backup/edit").await.text;
    assert!(form.contains("value=\"0 2 * * *\"") && form.contains("value=\"Europe/Berlin\""), "{form}");
    assert_eq!(send(&bed, "/hosts/backup/edit", &fields("30 3 * * 1", "UTC")).await.status, StatusCode::SEE_OTHER);
    assert!(bed.get("/hosts/backup").await.text.contains("At each 30 3 * * 1 in UTC"));
}
