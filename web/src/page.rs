//! The two tiny pages before there are pages: plain, accessible HTML without scripts or anything from elsewhere.

use crate::headers;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};

const FRAME: &str = include_str!("../templates/small.html");
const STYLE: &str = include_str!("../static/small.css");

/// Where the style sheet is.
pub(crate) const STYLE_PATH: &str = "/static/small.css";

/// A page; `title` is text, `body` is HTML whose values went through [`escape`].
pub(crate) fn page(status: StatusCode, title: &str, body: &str) -> HttpResponse {
    let html = FRAME.replace("{{title}}", &escape(title)).replace("{{body}}", body);
    let mut response = HttpResponse::with_body(status, html).map_into_boxed_body();
    let map = response.headers_mut();
    headers::page(map);
    map.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

/// The style sheet.
pub(crate) async fn style() -> HttpResponse {
    let mut response = HttpResponse::with_body(StatusCode::OK, STYLE).map_into_boxed_body();
    let map = response.headers_mut();
    headers::api(map);
    map.insert(CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"));
    map.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=3600"));
    response
}

/// Text as HTML that means the same.
pub(crate) fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            _ => html.push(c),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_a_host_sends_is_markup() {
        assert_eq!(escape(r#"<b a='1' c="2">&"#), "&lt;b a=&#39;1&#39; c=&quot;2&quot;&gt;&amp;");
    }
}
