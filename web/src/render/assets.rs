//! The style sheet, the script and the icon: compiled in, under addresses that change with their content, so that they are kept for a year.

use crate::error::ApiError;
use crate::headers;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::sync::LazyLock;

/// Bytes of the hash in an address.
const HASH_BYTES: usize = 8;

/// Something a page refers to.
struct Asset {
    path: String,
    kind: &'static str,
    content: &'static str,
}

static ASSETS: LazyLock<[Asset; 3]> = LazyLock::new(|| {
    [
        made("pulsewarden", "css", "text/css; charset=utf-8", STYLE),
        made("pulsewarden", "js", "text/javascript; charset=utf-8", include_str!("../../static/pulsewarden.js")),
        made("icon", "svg", "image/svg+xml", include_str!("../../static/icon.svg")),
    ]
});

/// One sheet from its parts: what names colours and sizes comes first.
const STYLE: &str = concat!(
    include_str!("../../static/tokens.css"),
    include_str!("../../static/base.css"),
    include_str!("../../static/parts.css"),
    include_str!("../../static/pages.css"),
);

fn made(name: &str, extension: &str, kind: &'static str, content: &'static str) -> Asset {
    let hash = Sha256::digest(content.as_bytes());
    let hash = hash.iter().take(HASH_BYTES).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    Asset { path: format!("/static/{name}.{hash}.{extension}"), kind, content }
}

/// Where the style sheet is.
pub(super) fn css() -> &'static str {
    &ASSETS[0].path
}

/// Where the script is.
pub(super) fn js() -> &'static str {
    &ASSETS[1].path
}

/// Where the icon is.
pub(super) fn icon() -> &'static str {
    &ASSETS[2].path
}

/// One of them.
///
/// # Errors
/// 404 for a name with another hash: it belongs to another release.
pub(crate) async fn asset(req: HttpRequest) -> Result<HttpResponse, ApiError> {
    let asset = ASSETS.iter().find(|asset| asset.path == req.path()).ok_or_else(|| ApiError::not_found("file"))?;
    let mut response = HttpResponse::with_body(StatusCode::OK, asset.content).map_into_boxed_body();
    let map = response.headers_mut();
    headers::api(map);
    map.insert(CONTENT_TYPE, HeaderValue::from_static(asset.kind));
    map.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    Ok(response)
}
