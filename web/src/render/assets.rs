//! The style sheet, the script and the icon: compiled in, under addresses that change with their content, so that they are kept for a year.

use crate::error::ApiError;
use crate::headers;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;
use store::seal::hex;

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
    let hash = hex(&Sha256::digest(content.as_bytes())[..HASH_BYTES]);
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    const TOKENS: &str = include_str!("../../static/tokens.css");

    /// The colours that a block of the tokens names.
    fn colours(block: &str) -> HashMap<&str, f64> {
        let block = block.split('}').next().unwrap();
        let named = block.split(';').filter_map(|line| line.trim().strip_prefix("--")?.split_once(": #"));
        named.map(|(name, hex)| (name, luminance(u32::from_str_radix(hex, 16).unwrap()))).collect()
    }

    /// As WCAG 2 defines it.
    fn luminance(rgb: u32) -> f64 {
        let part = |shift: u32| {
            let value = f64::from(rgb >> shift & 0xff) / 255.0;
            if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(16) + 0.7152 * part(8) + 0.0722 * part(0)
    }

    fn contrast(a: f64, b: f64) -> f64 {
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn every_text_and_every_shape_can_be_read_in_both_themes() {
        let light = TOKENS.split(":root {").nth(1).unwrap();
        let dark = TOKENS.split(":root[data-theme=\"dark\"] {").nth(1).unwrap();
        let by_system = TOKENS.split(":root:not([data-theme=\"light\"]) {").nth(1).unwrap();
        assert_eq!(colours(dark), colours(by_system), "the two dark themes are one");
        for (theme, all) in [("light", colours(light)), ("dark", colours(dark))] {
            let check = |on: &str, what: &str, least: f64| {
                let found = contrast(all[what], all[on]);
                assert!(found >= least, "{theme}: {what} on {on} has {found:.2}, needs {least}");
            };
            for ground in ["bg", "card", "sunk"] {
                ["ink", "muted", "accent", "up", "down", "late", "idle"].into_iter().for_each(|text| check(ground, text, 4.5));
            }
            check("accent", "on-accent", 4.5);
            check("accent-strong", "on-accent", 4.5);
            for state in ["up", "down", "late", "idle"] {
                check(&format!("{state}-soft"), state, 4.5);
                check(&format!("{state}-soft"), "ink", 4.5);
                check("card", &format!("{state}-fill"), 3.0);
            }
            check("accent-soft", "ink", 4.5);
            check("card", "edge", 3.0);
        }
    }

    #[test]
    fn the_script_writes_no_markup_and_nothing_comes_from_elsewhere() {
        for asset in ASSETS.iter() {
            for forbidden in
                ["innerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "@import", "url(", "//cdn"]
            {
                assert!(!asset.content.contains(forbidden), "{} has {forbidden}", asset.path);
            }
            let elsewhere = asset.content.replace("http://www.w3.org/2000/svg", "");
            assert!(!elsewhere.contains("http://") && !elsewhere.contains("https://"), "{}", asset.path);
        }
    }
}
