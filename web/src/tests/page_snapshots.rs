//! What people read, kept as files: a change of a page is seen in the diff. `UPDATE_SNAPSHOTS=1` accepts what is seen now.

use crate::testing::{Bed, from};
use actix_web::http::Method;
use serde_json::json;
use std::path::PathBuf;

/// Compares what stands in the page's `main` with the file.
fn same(name: &str, html: &str) {
    let seen = stable(html);
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/tests/snapshots").join(format!("{name}.html"));
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, &seen).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(kept == seen, "{name} changed: look at it, then run with UPDATE_SNAPSHOTS=1; now it is\n{seen}");
}

/// The page without what differs each time: times, secrets and lengths that go on.
fn stable(html: &str) -> String {
    let main = html.split_once("<main").and_then(|(_, rest)| rest.split_once("</main>")).map_or(html, |(main, _)| main);
    let cuts = [
        ("<time ", "</time>"),
        ("name=\"csrf\" value=\"", "\""),
        ("?token=", "&quot;"),
        ("?token=", "\""),
        ("?token=", "<"),
        ("?token=", "&#39;"),
        (", ", " so far"),
        ("lasts: ", " so far"),
        ("Uptime </span>", "<"),
        ("class=\"big-n\">", "</p>"),
        ("1 outage, ", "<"),
        ("highest bar: ", " down"),
        ("<svg class=\"chart\"", "</svg>"),
        ("data-key=\"2", "\""),
        ("alerts at ", "<"),
        ("Last seen 2", "<"),
        ("Down since ", " UTC"),
        ("watched since ", " UTC"),
        ("last delivered ", "<"),
    ];
    cuts.into_iter().fold(format!("<main{main}</main>\n"), |text, (from, to)| cut(&text, from, to))
}

/// `text` with what stands between each `from` and the next `to` left out, if they are on one line.
fn cut(text: &str, from: &str, to: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(from) {
        out.push_str(before);
        out.push_str(from);
        rest = after;
        let line = after.split('\n').next().unwrap_or_default();
        if let Some(end) = line.find(to) {
            out.push('…');
            rest = &after[end..];
        }
    }
    out.push_str(rest);
    out
}

async fn peopled() -> Bed {
    let bed = Bed::new().await;
    let token = bed.host("web-01").await;
    let evil = json!({"name": "<script>alert(1)</script> \"q\"&'", "host_id": "evil", "expected_frequency_seconds": "1h",
        "tags": ["<b>x</b>", "a&b"], "description": "<img src=x onerror=alert(1)>", "severity": "warning",
        "schedule_type": "custom", "schedule_config": {"timezone": "Europe/Berlin",
            "windows": [{"days": [1, 2, 3, 4, 5, 6, 7], "start": "00:00", "end": "24:00"}]}});
    let evil = bed.post("/api/v1/hosts", evil).await.json()["token"].as_str().unwrap().to_owned();
    bed.host("quiet").await;
    for _ in 0..3 {
        bed.send(from(Method::GET, &format!("/heartbeat/web-01?token={token}"))).await;
    }
    bed.send(from(Method::POST, &format!("/heartbeat/evil/fail?token={evil}")).set_payload("</pre><script>alert(2)</script>"))
        .await;
    bed.post("/api/v1/hosts/quiet/pause", json!({})).await;
    bed
}

#[actix_web::test]
async fn the_dashboard_and_its_first_run() {
    let bed = Bed::new().await;
    same("first_run", &bed.get("/dashboard").await.text);
    let bed = peopled().await;
    same("dashboard", &bed.get("/dashboard?sort=name").await.text);
    same("dashboard_nothing_fits", &bed.get("/dashboard?q=nonsense").await.text);
}

#[actix_web::test]
async fn the_pages_of_a_host() {
    let bed = peopled().await;
    same("host", &bed.get("/hosts/evil").await.text);
    same("host_edit", &bed.get("/hosts/evil/edit").await.text);
    same("host_remove", &bed.get("/hosts/evil/remove").await.text);
    same("add_host", &bed.get("/add-host").await.text);
}

#[actix_web::test]
async fn the_pages_of_alerts() {
    let bed = Bed::new().await;
    same("alerts_none", &bed.get("/alerts").await.text);
    same("deliveries_none", &bed.get("/deliveries").await.text);
    let bed = peopled().await;
    same("alerts", &bed.get("/alerts").await.text);
    let said = json!({"by": "Ada <b>", "note": "on its way <script>"});
    bed.post("/api/v1/alerts/1/acknowledge", said).await;
    same("alert", &bed.get("/alerts/1").await.text);
}

#[actix_web::test]
async fn the_config_page() {
    let bed = Bed::new().await;
    let upstream = json!({"enabled": true, "url": "https://hc-ping.com/some-uuid"});
    bed.call(Method::PUT, "/api/v1/settings/upstream", Some(upstream)).await;
    same("config", &bed.get("/config").await.text);
}

#[actix_web::test]
async fn the_pages_of_logs() {
    let bed = Bed::new().await;
    same("findings_none", &bed.get("/findings").await.text);
    same("ledger_none", &bed.get("/ledger").await.text);
    let bed = super::log_flow::read_once().await;
    same("findings", &bed.get("/findings").await.text);
    same("host_with_log", &bed.get("/hosts/web-01").await.text);
}
