//! The first run: a link that is told on the terminal, makes the first management key, shows it once, and then dies.

use crate::body::Form;
use crate::error::ApiError;
use crate::page::{escape, page};
use crate::state::WebState;
use crate::{query, source};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use actors::db::DbError;
use domain::time::Wall;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use store::keys::{self, Scope};
use store::seal::{hash_token, new_token, same_hash};
use store::{Connection, StoreError, Transaction, settings};

/// `config` key that says that the first key was made.
const DONE: &str = "setup_done";
/// Name of the first key.
const FIRST_KEY: &str = "first key";

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
    if let Some(worthless) = worthless(&state, token.as_deref().unwrap_or_default()) {
        return worthless;
    }
    let body = format!(
        "<p>This makes the first management key and shows it once. After that this link is worth nothing.</p>\
         <form method=\"post\" action=\"/setup\"><input type=\"hidden\" name=\"token\" value=\"{}\">\
         <button type=\"submit\">Make the first key</button></form>",
        escape(token.as_deref().unwrap_or_default())
    );
    page(StatusCode::OK, "Set up this hub", &body)
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
    if let Some(worthless) = worthless(&state, form.get("token").unwrap_or_default()) {
        return Ok(worthless);
    }
    let now = state.hub.now();
    match state.hub.db().write("set up", move |tx| first_key(tx, now.wall)).await {
        Ok(Some(key)) => {
            state.setup.done.store(true, Ordering::Release);
            log::info!("the first management key was made through the set-up link, which is worth nothing now");
            Ok(page(StatusCode::OK, "Your first management key", &told(&key, &source::base_url(&req, &state))))
        }
        Ok(None) => {
            state.setup.done.store(true, Ordering::Release);
            Ok(gone())
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

fn worthless(state: &WebState, token: &str) -> Option<HttpResponse> {
    if !state.setup.fits(token) {
        let body = "<p>Copy the whole link from the terminal or the log of the hub. Each start of the hub tells a new one.</p>";
        return Some(page(StatusCode::NOT_FOUND, "This link is not valid", body));
    }
    state.setup.is_done().then(gone)
}

fn gone() -> HttpResponse {
    let body = "<p>The first management key was made already. Whoever has it can make more.</p>";
    page(StatusCode::GONE, "This link was used", body)
}

fn told(key: &str, base: &str) -> String {
    let (key, base) = (escape(key), escape(base));
    format!(
        "<p>Keep it in a safe place: it is shown this once only.</p><pre>{key}</pre>\
         <p>Add your first host with it:</p>\
         <pre>curl -X POST {base}/api/v1/hosts \\\n  -H 'Authorization: Bearer {key}' \\\n  -H 'Content-Type: application/json' \\\n  \
         -d '{{\"name\":\"web-01\",\"expected_frequency_seconds\":\"5m\"}}'</pre>"
    )
}
