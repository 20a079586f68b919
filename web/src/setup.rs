//! The first run: a link that is told on the terminal, makes the first admin, and then dies.

use crate::body::{self, Form};
use crate::error::ApiError;
use crate::render::{self, FormError};
use crate::state::WebState;
use crate::users::NAME_MAX_CHARS;
use crate::{passwords, query, sessions};
use actix_web::http::StatusCode;
use actix_web::http::header::{LOCATION, SET_COOKIE};
use actix_web::{HttpRequest, HttpResponse, web};
use actors::db::DbError;
use domain::time::Wall;
use serde::Serialize;
use std::fmt;
use store::seal::{hash_token, new_token, same_hash};
use store::users::{self, Role};
use store::{Connection, StoreError, Transaction};

#[derive(Serialize)]
struct Page {
    /// The token of the link is proof enough.
    form_token: &'static str,
    token: String,
    name: String,
    password_min: usize,
    errors: Vec<FormError>,
}

/// The one-time link; its token lives in memory only, so each start without an admin has a new one. It is worth something while
/// there is no admin, and nothing else says so: whoever makes an admin otherwise, by the API or in a terminal, kills the link too.
pub struct SetupLink {
    token_hash: [u8; 32],
}

impl fmt::Debug for SetupLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetupLink").finish_non_exhaustive()
    }
}

impl SetupLink {
    /// The link of this start, and its path with token to be told on the terminal; none when there is an admin already.
    ///
    /// # Errors
    /// The store's.
    pub fn new(conn: &Connection) -> Result<(SetupLink, Option<String>), StoreError> {
        let token = new_token();
        let link = SetupLink { token_hash: hash_token(&token) };
        let wanted = !users::has_admin(conn)?;
        Ok((link, wanted.then(|| format!("/setup?token={token}"))))
    }

    fn fits(&self, token: &str) -> bool {
        same_hash(&hash_token(token), &self.token_hash)
    }
}

/// Shows the form.
///
/// # Errors
/// The store's; a link that is worth nothing is a page.
#[utoipa::path(get, path = "/setup", tag = "pages", operation_id = "show_setup", security(()),
    params(("token" = Option<String>, Query, description = "The token told on the terminal")),
    responses((status = 200, content_type = "text/html", body = String, description = "The form for name and password"),
        (status = 404, content_type = "text/html", body = String, description = "The token is not right"),
        (status = 410, content_type = "text/html", body = String, description = "There is an admin already")))]
pub(crate) async fn show(state: web::Data<WebState>, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    let token = query::pairs(req.query_string()).find(|(name, _)| name == "token").map(|(_, value)| value.into_owned());
    let token = token.unwrap_or_default();
    if let Some(worthless) = worthless(&state, &req, &token).await? {
        return Ok(worthless);
    }
    Ok(page(&state, &req, StatusCode::OK, token, String::new(), Vec::new()))
}

/// Makes the first admin and signs him in.
///
/// # Errors
/// The store's; what is wrong with the form or the link is a page.
#[utoipa::path(post, path = "/setup", tag = "pages", operation_id = "set_up", security(()),
    request_body(content = String, content_type = "application/x-www-form-urlencoded",
        description = "`token`, `name`, `password`, `password_again`"),
    responses((status = 303, description = "The admin is made and signed in"),
        (status = 404, content_type = "text/html", body = String, description = "The token is not right"),
        (status = 410, content_type = "text/html", body = String, description = "There is an admin already"),
        (status = 422, content_type = "text/html", body = String, description = "What is wrong with name or password")))]
pub(crate) async fn make(state: web::Data<WebState>, req: HttpRequest, form: Form) -> Result<HttpResponse, ApiError> {
    let field = |name| form.get(name).unwrap_or_default();
    if let Some(worthless) = worthless(&state, &req, field("token")).await? {
        return Ok(worthless);
    }
    let chosen = (
        body::plain_text("name", field("name").trim(), NAME_MAX_CHARS),
        passwords::chosen(field("password"), field("password_again")),
    );
    let (name, password) = match chosen {
        (Ok(name), Ok(password)) => (name, password),
        (name, password) => {
            let mut errors = name.err().map(|e| FormError::of(e.fields())).unwrap_or_default();
            errors.extend(password.err().map(|e| FormError::of(&e)).unwrap_or_default());
            let (token, name) = (field("token").to_owned(), field("name").to_owned());
            return Ok(page(&state, &req, StatusCode::UNPROCESSABLE_ENTITY, token, name, errors));
        }
    };
    let (hash, now, wanted) = (passwords::hash(password).await?, state.hub.now().wall, name.clone());
    let chosen = hash.clone();
    match state.hub.db().write("set up", move |tx| first_admin(tx, &wanted, &chosen, now)).await {
        Ok(Some(id)) => {
            log::info!("{name} is the first admin; the set-up link is worth nothing now");
            let Some(cookie) = sessions::begin(&state, &req, id, hash).await? else {
                return Ok(HttpResponse::SeeOther().insert_header((LOCATION, "/login")).finish());
            };
            Ok(HttpResponse::SeeOther().insert_header((LOCATION, "/dashboard")).append_header((SET_COOKIE, cookie)).finish())
        }
        Ok(None) => Ok(gone(&state, &req)),
        Err(e) => Err(unsure(e)),
    }
}

/// The first admin, unless there is one: in one transaction, so that of many tries at once exactly one makes him.
fn first_admin(tx: &Transaction<'_>, name: &str, password_hash: &str, at: Wall) -> Result<Option<i64>, StoreError> {
    if users::has_admin(tx)? {
        return Ok(None);
    }
    users::create(tx, name, password_hash, Role::Admin, at).map(Some)
}

fn unsure(e: DbError) -> ApiError {
    if matches!(e, DbError::Unknown(_)) {
        log::warn!(
            "set-up: it is unknown whether the admin was made; if the link is worth nothing now, sign in with what was chosen"
        );
    }
    e.into()
}

async fn worthless(state: &WebState, req: &HttpRequest, token: &str) -> Result<Option<HttpResponse>, ApiError> {
    if !state.setup.fits(token) {
        let text = "Copy the whole link from the terminal or the log of the hub. Each start of the hub tells a new one.";
        return Ok(Some(told(state, req, StatusCode::NOT_FOUND, "This link is not valid", text)));
    }
    Ok(state.hub.db().read(users::has_admin).await?.then(|| gone(state, req)))
}

fn gone(state: &WebState, req: &HttpRequest) -> HttpResponse {
    told(state, req, StatusCode::GONE, "This link was used", "This hub has an admin already, who can add you.")
}

fn told(state: &WebState, req: &HttpRequest, status: StatusCode, title: &str, text: &str) -> HttpResponse {
    render::message(state, req, status, title, &[text], ("/login", "To the sign-in"))
}

fn page(
    state: &WebState,
    req: &HttpRequest,
    status: StatusCode,
    token: String,
    name: String,
    errors: Vec<FormError>,
) -> HttpResponse {
    let page = Page { form_token: "", token, name, password_min: passwords::MIN_CHARS, errors };
    render::page(state, req, status, "setup", "Set up this hub", "setup", None, &page)
}
