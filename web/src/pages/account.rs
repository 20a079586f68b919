//! One's own account: another password, and where one is signed in.

use crate::error::ApiError;
use crate::render::{self, Flash, FormError, see_other};
use crate::state::WebState;
use crate::viewer::{OwnForm, Viewer};
use crate::{passwords, time_text, tries};
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, RETRY_AFTER};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use store::{sessions, users};

#[derive(Serialize)]
struct Page {
    who: String,
    password_min: usize,
    errors: Vec<FormError>,
    sessions: Vec<Place>,
}

#[derive(Serialize)]
struct Place {
    agent: String,
    from: Option<String>,
    since: String,
    last_seen: String,
    current: bool,
}

/// The account of whoever looks.
///
/// # Errors
/// The store's.
#[utoipa::path(get, path = "/account", tag = "pages", operation_id = "show_account",
    responses((status = 200, content_type = "text/html", body = String, description = "The account")))]
pub(crate) async fn show(state: web::Data<WebState>, req: HttpRequest, viewer: Viewer) -> Result<HttpResponse, ApiError> {
    shown(&state, &req, &viewer, StatusCode::OK, Vec::new()).await
}

async fn shown(
    state: &WebState,
    req: &HttpRequest,
    viewer: &Viewer,
    status: StatusCode,
    errors: Vec<FormError>,
) -> Result<HttpResponse, ApiError> {
    let places = match viewer.signed_in.clone() {
        None => Vec::new(),
        Some(own) => {
            let all = state.hub.db().read(move |conn| sessions::of_user(conn, own.user.id)).await?;
            all.into_iter().map(|session| place(session, &own.session.token_hash)).collect()
        }
    };
    let page = Page { who: viewer.who.to_string(), password_min: passwords::MIN_CHARS, errors, sessions: places };
    Ok(render::page(state, req, status, "account", "Account", "account", Some(viewer), &page))
}

fn place(session: sessions::Session, own: &[u8; 32]) -> Place {
    Place {
        current: session.token_hash == *own,
        agent: session.agent,
        from: session.source_ip,
        since: time_text::text(session.created_at),
        last_seen: time_text::text(session.last_used_at),
    }
}

/// Sets another password; signs out everywhere else.
///
/// # Errors
/// A form of another site, or the store; what is wrong with the form is a page.
#[utoipa::path(post, path = "/account/password", tag = "pages", operation_id = "change_own_password",
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "`csrf`, `current`, `password`, `password_again`"),
    responses((status = 303, description = "Changed"), (status = 422, content_type = "text/html", body = String, description = "What is wrong"),
        (status = 429, content_type = "text/html", body = String, description = "Too many wrong tries")))]
pub(crate) async fn set_password(state: web::Data<WebState>, req: HttpRequest, own: OwnForm) -> Result<HttpResponse, ApiError> {
    let Some(signed_in) = own.viewer.signed_in.clone() else { return Err(by_key()) };
    let field = |name| own.form.get(name).unwrap_or_default();
    let password = match passwords::chosen(field("password"), field("password_again")) {
        Ok(password) => password,
        Err(wrong) => return shown(&state, &req, &own.viewer, StatusCode::UNPROCESSABLE_ENTITY, FormError::of(&wrong)).await,
    };
    let counted = match tries::to_confirm(&state, &req, &signed_in.user.name) {
        Ok(counted) => counted,
        Err(wait_s) => {
            let wait = vec![FormError::new("current", format!("was wrong too often: try again in {wait_s} s"))];
            let mut response = shown(&state, &req, &own.viewer, StatusCode::TOO_MANY_REQUESTS, wait).await?;
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait_s));
            return Ok(response);
        }
    };
    let name = signed_in.user.name.clone();
    let hash = state.hub.db().read(move |conn| users::find(conn, &name)).await?.map(|(_, hash)| hash);
    let Some(verified) = hash else { return Err(ApiError::not_found("user")) };
    if !passwords::fits(field("current").to_owned(), Some(verified.clone())).await? {
        return not_yours(&state, &req, &own.viewer).await;
    }
    tries::give_back(&state, counted);
    let (hash, now) = (passwords::hash(password).await?, state.hub.now().wall);
    let (user, kept) = (signed_in.user.id, signed_in.session.token_hash);
    let changed = state.hub.db().write("own password", move |tx| {
        let still = users::has_password_hash(tx, user, &verified)?;
        if still {
            users::set_password(tx, user, &hash, Some(&kept), now)?;
        }
        Ok(still)
    });
    if !changed.await? {
        return not_yours(&state, &req, &own.viewer).await; // somebody changed it while this was looked at
    }
    log::info!("users: {} has another password", own.viewer.who);
    Ok(see_other(&state, "/account", Flash::good("Your password is changed. You are signed out everywhere else.")))
}

async fn not_yours(state: &WebState, req: &HttpRequest, viewer: &Viewer) -> Result<HttpResponse, ApiError> {
    let wrong = vec![FormError::new("current", "is not your password")];
    shown(state, req, viewer, StatusCode::UNPROCESSABLE_ENTITY, wrong).await
}

/// Signs out everywhere else.
///
/// # Errors
/// A form of another site, or the store.
#[utoipa::path(post, path = "/account/sessions/end", tag = "pages", operation_id = "end_other_sessions",
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "`csrf`"),
    responses((status = 303, description = "Signed out everywhere else")))]
pub(crate) async fn end_others(state: web::Data<WebState>, own: OwnForm) -> Result<HttpResponse, ApiError> {
    let Some(signed_in) = own.viewer.signed_in else { return Err(by_key()) };
    let (user, kept) = (signed_in.user.id, signed_in.session.token_hash);
    state.hub.db().write("end sessions", move |tx| sessions::end_others(tx, user, Some(&kept))).await?;
    Ok(see_other(&state, "/account", Flash::good("You are signed out everywhere else.")))
}

fn by_key() -> ApiError {
    ApiError::forbidden("a key has no account: sign in")
}
