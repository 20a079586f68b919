//! Pages from outside: what they contain, and that nothing a host says is markup.

use crate::testing::Bed;
use actix_web::http::StatusCode;
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
