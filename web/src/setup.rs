//! The first run: a link that is told on the terminal, makes the first management key, shows it once, and then dies.

use crate::body::Form;
use crate::error::ApiError;
use crate::render;
use crate::state::WebState;
use crate::{query, source};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use actors::db::DbError;
use domain::time::Wall;
use serde::Serialize;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use store::keys::{self, Scope};
use store::seal::{hash_token, new_token, same_hash};
use store::{Connection, StoreError, Transaction, settings};

/// `config` key that says that the first key was made.
const DONE: &str = "setup_done";
/// Name of the first key.
const FIRST_KEY: &str = "first key";

#[derive(Serialize)]
struct Page {
    heading: &'static str,
    paragraphs: Vec<&'static str>,
    /// For the form that makes the key.
    token: Option<String>,
    key: Option<String>,
    curl: Option<String>,
}

/// The one-time link; its token lives in memory only, so each start without a first key has a new one.
pub struct SetupLink {
    token_hash: [u8; 32],
    done: AtomicBool,
}

impl fmt::Debug for SetupLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetupLink").field("done", &self.done).finish_non_exhaustive()
    }
}

impl SetupLink {
    /// The link of this start, and its path with token to be told on the terminal; none when the first key was made already.
    ///
    /// # Errors
    /// The store's.
    pub fn new(conn: &Connection) -> Result<(SetupLink, Option<String>), StoreError> {
        let token = new_token();
        let done = settings::get(conn, DONE)?.is_some();
        let link = SetupLink { token_hash: hash_token(&token), done: AtomicBool::new(done) };
        Ok((link, (!done).then(|| format!("/setup?token={token}"))))
    }

    fn fits(&self, token: &str) -> bool {
        same_hash(&hash_token(token), &self.token_hash)
    }

    fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }
}

/// Shows the button.
///
/// # Errors
/// None; a link that is worth nothing is a page.
#[utoipa::path(get, path = "/setup", tag = "pages", operation_id = "show_setup", security(()),
    params(("token" = Option<String>, Query, description = "The token told on the terminal")),
    responses((status = 200, content_type = "text/html", body = String, description = "A page with one button"),
        (status = 404, content_type = "text/html", body = String, description = "The token is not right"),
        (status = 410, content_type = "text/html", body = String, description = "The first key was made already")))]
pub(crate) async fn show(state: web::Data<WebState>, req: HttpRequest) -> HttpResponse {
    let token = query::pairs(req.query_string()).find(|(name, _)| name == "token").map(|(_, value)| value.into_owned());
    if let Some(worthless) = worthless(&state, &req, token.as_deref().unwrap_or_default()) {
        return worthless;
    }
    let text = "This makes the first management key and shows it once. After that this link is worth nothing.";
    page(&state, &req, StatusCode::OK, &Page { token, ..Page::of("Set up this hub", text) })
}

/// Makes the first key and shows it.
///
/// # Errors
/// The store's; a link that is worth nothing is a page.
#[utoipa::path(post, path = "/setup", tag = "pages", operation_id = "set_up", security(()),
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "`token=…`"),
    responses((status = 200, content_type = "text/html", body = String, description = "A page with the key"),
        (status = 404, content_type = "text/html", body = String, description = "The token is not right"),
        (status = 410, content_type = "text/html", body = String, description = "The first key was made already")))]
pub(crate) async fn make(state: web::Data<WebState>, req: HttpRequest, form: Form) -> Result<HttpResponse, ApiError> {
    if let Some(worthless) = worthless(&state, &req, form.get("token").unwrap_or_default()) {
        return Ok(worthless);
    }
    let now = state.hub.now();
    match state.hub.db().write("set up", move |tx| first_key(tx, now.wall)).await {
        Ok(Some(key)) => {
            state.setup.done.store(true, Ordering::Release);
            log::info!("the first management key was made through the set-up link, which is worth nothing now");
            let told = Page::told(key, &source::base_url(&req, &state));
            Ok(page(&state, &req, StatusCode::OK, &told))
        }
        Ok(None) => {
            state.setup.done.store(true, Ordering::Release);
            Ok(gone(&state, &req))
        }
        Err(e) => Err(unsure(&state, e)),
    }
}

/// The first key, unless one was made: in one transaction, so that of many tries at once exactly one has it.
fn first_key(tx: &Transaction<'_>, at: Wall) -> Result<Option<String>, StoreError> {
    if settings::get(tx, DONE)?.is_some() {
        return Ok(None);
    }
    let (_, key) = keys::create(tx, FIRST_KEY, Scope::Write, at)?;
    settings::set(tx, DONE, Some("1"), "set-up link", at)?;
    Ok(Some(key))
}

fn unsure(state: &WebState, e: DbError) -> ApiError {
    if matches!(e, DbError::Unknown(_)) {
        log::warn!(
            "set-up: it is unknown whether the first key was made; if the link is worth nothing now, make a key on the command line"
        );
        state.gatekeeper.forget();
    }
    e.into()
}

fn worthless(state: &WebState, req: &HttpRequest, token: &str) -> Option<HttpResponse> {
    if !state.setup.fits(token) {
        let text = "Copy the whole link from the terminal or the log of the hub. Each start of the hub tells a new one.";
        return Some(page(state, req, StatusCode::NOT_FOUND, &Page::of("This link is not valid", text)));
    }
    state.setup.is_done().then(|| gone(state, req))
}

fn gone(state: &WebState, req: &HttpRequest) -> HttpResponse {
    let text = "The first management key was made already. Whoever has it can make more.";
    page(state, req, StatusCode::GONE, &Page::of("This link was used", text))
}

fn page(state: &WebState, req: &HttpRequest, status: StatusCode, page: &Page) -> HttpResponse {
    render::page(state, req, status, "first_key", page.heading, "setup", None, page)
}

impl Page {
    fn of(heading: &'static str, text: &'static str) -> Page {
        Page { heading, paragraphs: vec![text], token: None, key: None, curl: None }
    }

    fn told(key: String, base: &str) -> Page {
        let curl = format!(
            "curl -X POST {base}/api/v1/hosts -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \
             -d '{{\"name\":\"web-01\",\"expected_frequency_seconds\":\"5m\"}}'"
        );
        let text = "Keep it in a safe place: it is shown this once only.";
        Page { key: Some(key), curl: Some(curl), ..Page::of("Your first management key", text) }
    }
}
