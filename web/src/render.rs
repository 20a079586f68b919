//! Pages: templates compiled in, everything a person or a host wrote escaped, and one frame around all of them.
//!
//! A template is rendered strictly (a field that is missing is an error, not an empty place) and put into the frame; the frame's
//! `body` is the only text that is not escaped, because it was when it was rendered.

mod assets;
mod flash;
mod form;
mod helpers;

pub(crate) use assets::asset;
pub(crate) use flash::{Flash, see_other};
pub(crate) use form::FormError;

use crate::headers;
use crate::state::WebState;
use crate::viewer::Viewer;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue, SET_COOKIE};
use actix_web::{HttpRequest, HttpResponse};
use handlebars::Handlebars;
use serde::Serialize;
use std::sync::LazyLock;

/// Cookie of a theme somebody chose; without it the system decides.
const THEME_COOKIE: &str = "theme";

/// Every template by its name.
const TEMPLATES: [(&str, &str); 34] = [
    ("account", include_str!("../templates/account.hbs")),
    ("ack", include_str!("../templates/ack.hbs")),
    ("alert", include_str!("../templates/alert.hbs")),
    ("alert_row", include_str!("../templates/alert_row.hbs")),
    ("alerts", include_str!("../templates/alerts.hbs")),
    ("attempts", include_str!("../templates/attempts.hbs")),
    ("chart", include_str!("../templates/chart.hbs")),
    ("config", include_str!("../templates/config.hbs")),
    ("copyline", include_str!("../templates/copyline.hbs")),
    ("csrf", include_str!("../templates/csrf.hbs")),
    ("dashboard", include_str!("../templates/dashboard.hbs")),
    ("deliveries", include_str!("../templates/deliveries.hbs")),
    ("errors", include_str!("../templates/errors.hbs")),
    ("finding_row", include_str!("../templates/finding_row.hbs")),
    ("findings", include_str!("../templates/findings.hbs")),
    ("host", include_str!("../templates/host.hbs")),
    ("host_form", include_str!("../templates/host_form.hbs")),
    ("host_intake", include_str!("../templates/host_intake.hbs")),
    ("host_log", include_str!("../templates/host_log.hbs")),
    ("host_row", include_str!("../templates/host_row.hbs")),
    ("icons", include_str!("../templates/icons.hbs")),
    ("internet", include_str!("../templates/internet.hbs")),
    ("keys", include_str!("../templates/keys.hbs")),
    ("layout", include_str!("../templates/layout.hbs")),
    ("ledger", include_str!("../templates/ledger.hbs")),
    ("login", include_str!("../templates/login.hbs")),
    ("message", include_str!("../templates/message.hbs")),
    ("pager", include_str!("../templates/pager.hbs")),
    ("question", include_str!("../templates/question.hbs")),
    ("setup", include_str!("../templates/setup.hbs")),
    ("status", include_str!("../templates/status.hbs")),
    ("supervision", include_str!("../templates/supervision.hbs")),
    ("users", include_str!("../templates/users.hbs")),
    ("welcome", include_str!("../templates/welcome.hbs")),
];

static ENGINE: LazyLock<Handlebars<'static>> = LazyLock::new(|| {
    let mut engine = Handlebars::new();
    engine.set_strict_mode(true);
    engine.register_escape_fn(escape);
    helpers::register(&mut engine);
    for (name, text) in TEMPLATES {
        engine.register_template_string(name, text).expect("a template compiled in is right: a test renders each");
    }
    engine
});

/// What every template may ask for besides its own data.
#[derive(Serialize)]
struct Context<'a, T> {
    /// Whether things may be changed.
    admin: bool,
    /// Proves that a form is ours.
    csrf: &'a str,
    #[serde(flatten)]
    data: &'a T,
}

#[derive(Serialize)]
struct Frame<'a> {
    title: &'a str,
    theme: Option<&'static str>,
    css: &'a str,
    js: &'a str,
    icon_url: &'a str,
    nav: Vec<Entry>,
    who: Option<&'a str>,
    role: &'a str,
    csrf: &'a str,
    section: &'a str,
    flash: Option<Flash>,
    body: String,
}

#[derive(Serialize)]
struct Message<'a> {
    title: &'a str,
    paragraphs: Vec<&'a str>,
    link: Way<'a>,
}

#[derive(Serialize)]
struct Way<'a> {
    href: &'a str,
    name: &'a str,
}

/// A place in the navigation.
#[derive(Serialize)]
struct Entry {
    href: &'static str,
    name: &'static str,
    current: bool,
}

/// The places of the navigation, with the section each belongs to.
const NAV: [(&str, &str, &str); 7] = [
    ("dashboard", "/dashboard", "Dashboard"),
    ("alerts", "/alerts", "Alerts"),
    ("findings", "/findings", "Findings"),
    ("deliveries", "/deliveries", "Deliveries"),
    ("internet", "/internet", "Internet"),
    ("config", "/config", "Config"),
    ("supervision", "/supervision", "Supervision"),
];

/// A page of a heading, some sentences and a way on, for whoever may not be signed in.
pub(crate) fn message(
    state: &WebState,
    req: &HttpRequest,
    status: StatusCode,
    title: &str,
    paragraphs: &[impl AsRef<str>],
    (href, name): (&str, &str),
) -> HttpResponse {
    let data = Message { title, paragraphs: paragraphs.iter().map(AsRef::as_ref).collect(), link: Way { href, name } };
    page(state, req, status, "message", title, "", None, &data)
}

/// A whole page: `template` rendered with `data` inside of the frame. Without a viewer there is no navigation.
#[expect(clippy::too_many_arguments, reason = "each is one plain fact about the page; a struct of them would only be built here")]
pub(crate) fn page(
    state: &WebState,
    req: &HttpRequest,
    status: StatusCode,
    template: &str,
    title: &str,
    section: &str,
    viewer: Option<&Viewer>,
    data: &impl Serialize,
) -> HttpResponse {
    let csrf = viewer.map_or("", |viewer| &*viewer.csrf);
    let admin = viewer.is_some_and(Viewer::may_write);
    let flash = flash::taken(state, req);
    let body = match ENGINE.render(template, &Context { admin, csrf, data }) {
        Ok(body) => body,
        Err(e) => return broken(template, &e),
    };
    let nav = |_: &Viewer| NAV.map(|(key, href, name)| Entry { href, name, current: key == section }).into();
    let frame = Frame {
        title,
        theme: theme(req),
        css: assets::css(),
        js: assets::js(),
        icon_url: assets::icon(),
        nav: viewer.map(nav).unwrap_or_default(),
        who: viewer.map(|viewer| &*viewer.who),
        role: if admin { "admin" } else { "viewer" },
        csrf,
        section,
        flash,
        body,
    };
    match ENGINE.render("layout", &frame) {
        Ok(html) => answer(status, html, frame.flash.is_some()),
        Err(e) => broken("layout", &e),
    }
}

fn answer(status: StatusCode, html: String, told: bool) -> HttpResponse {
    let mut response = HttpResponse::with_body(status, html).map_into_boxed_body();
    let map = response.headers_mut();
    headers::page(map);
    map.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    if told {
        map.append(SET_COOKIE, flash::gone());
    }
    response
}

/// A template that asks for what it is not given: a mistake of ours, told in the log.
fn broken(template: &str, e: &handlebars::RenderError) -> HttpResponse {
    log::error!("web: the page {template} could not be rendered: {e}");
    let mut response =
        HttpResponse::with_body(StatusCode::INTERNAL_SERVER_ERROR, "This page could not be shown: see the hub's log.\n");
    headers::page(response.headers_mut());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response.map_into_boxed_body()
}

fn theme(req: &HttpRequest) -> Option<&'static str> {
    match cookie(req, THEME_COOKIE)? {
        "dark" => Some("dark"),
        "light" => Some("light"),
        _ => None,
    }
}

/// Text as HTML that means the same, in an element and in a quoted attribute; templates quote every attribute.
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

/// The first cookie of this name.
pub(crate) fn cookie<'a>(req: &'a HttpRequest, name: &str) -> Option<&'a str> {
    let lines = req.headers().get_all(actix_web::http::header::COOKIE).filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_a_host_sends_is_markup() {
        assert_eq!(escape(r#"<b a='1' c="2">&"#), "&lt;b a=&#39;1&#39; c=&quot;2&quot;&gt;&amp;");
    }

    #[test]
    fn only_the_frame_has_a_place_that_is_not_escaped_and_every_attribute_is_quoted() {
        let raw = TEMPLATES.iter().filter(|(_, text)| text.contains("{{{")).map(|(name, _)| *name).collect::<Vec<_>>();
        assert_eq!(raw, ["layout"]);
        for (name, text) in TEMPLATES {
            assert!(!text.contains("={{"), "{name}");
        }
    }

    #[test]
    fn templates_of_signing_in_need_what_their_handlers_promise() {
        let errors = serde_json::json!([FormError::new("name", "is <taken>")]);
        let at = "2026-11-26T00:35:10.123Z";
        let cases = [
            ("login", serde_json::json!({"form_token": "t", "next": "/x?a=\"", "name": "<ada>", "error": "wrong"})),
            ("setup", serde_json::json!({"form_token": "t", "token": "t", "name": "", "password_min": 12, "errors": errors})),
            (
                "account",
                serde_json::json!({"who": "ada", "password_min": 12, "errors": [], "sessions": [
                {"agent": "<b>", "from": null, "since": at, "last_seen": at, "current": true}]}),
            ),
            (
                "users",
                serde_json::json!({"password_min": 12, "errors": errors, "form": {"name": "x", "role": "admin"}, "users": [
                {"id": 1, "name": "<b>", "role": "admin", "other_role": "viewer", "you": false, "created_at": at, "last_login_at": null}]}),
            ),
            (
                "keys",
                serde_json::json!({"made": "pw_x", "errors": [], "form": {"name": "", "scope": "read"}, "keys": [
                {"id": 1, "name": "<b>", "scope": "read", "created_at": at, "last_used_at": at, "revoked_at": null}]}),
            ),
        ];
        for (template, data) in cases {
            let html = ENGINE.render(template, &Context { admin: true, csrf: "secret", data: &data }).unwrap();
            assert!(!html.contains("<b>") && !html.contains("<ada>") && !html.contains("<taken>"), "{template}: {html}");
        }
    }
}
