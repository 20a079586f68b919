//! The door: sign in with name and password, sign out again. Guessing is limited by address and by name, and nobody learns which
//! names exist.

use crate::body::Form;
use crate::error::ApiError;
use crate::render::{self, Flash, see_other};
use crate::state::WebState;
use crate::viewer::OwnForm;
use crate::{passwords, query, sessions, source, tries};
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, LOCATION, RETRY_AFTER, SET_COOKIE};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use store::{sessions as kept, users};

/// Where one is without a wish.
const HOME: &str = "/dashboard";
/// Longest address to go back to.
const NEXT_MAX_BYTES: usize = 2_000;

#[derive(Serialize)]
struct Page {
    /// The form proves itself by its origin: there is no session yet that a token could belong to.
    form_token: &'static str,
    next: String,
    name: String,
    error: Option<String>,
}

/// Shows the form.
///
/// # Errors
/// The store's.
#[utoipa::path(get, path = "/login", tag = "pages", operation_id = "show_login", security(()),
    params(("next" = Option<String>, Query, description = "The page to go to afterwards, on this hub")),
    responses((status = 200, content_type = "text/html", body = String, description = "The form"),
        (status = 303, description = "Signed in already")))]
pub(crate) async fn show(state: web::Data<WebState>, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    let next = query::pairs(req.query_string()).find(|(name, _)| name == "next").map(|(_, value)| value.into_owned());
    let next = local(next.as_deref().unwrap_or_default());
    if sessions::current(&state, &req).await?.is_some() {
        return Ok(HttpResponse::SeeOther().insert_header((LOCATION, next)).finish());
    }
    Ok(page(&state, &req, StatusCode::OK, &Page { form_token: "", next, name: String::new(), error: None }))
}

/// Signs in.
///
/// # Errors
/// A form of another site, too many at once, or the store.
#[utoipa::path(post, path = "/login", tag = "pages", operation_id = "sign_in", security(()),
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "`name`, `password`, `next`"),
    responses((status = 303, description = "Signed in: the cookie is set"),
        (status = 422, content_type = "text/html", body = String, description = "Name or password is wrong"),
        (status = 429, content_type = "text/html", body = String, description = "Too many wrong tries")))]
pub(crate) async fn enter(state: web::Data<WebState>, req: HttpRequest, form: Form) -> Result<HttpResponse, ApiError> {
    if !sessions::is_same_origin(&req) {
        return Err(ApiError::forbidden("this form comes from another site: open the hub's own page and sign in there"));
    }
    let name = form.get("name").unwrap_or_default().trim().to_owned();
    let next = local(form.get("next").unwrap_or_default());
    let again = |status, error: String| {
        page(&state, &req, status, &Page { form_token: "", next: next.clone(), name: name.clone(), error: Some(error) })
    };
    let wanted = name.clone();
    let found = state.hub.db().read(move |conn| users::find(conn, &wanted)).await?;
    let counted = match tries::to_sign_in(&state, &req, &name, found.as_ref().map(|(user, _)| user.id)).await? {
        Ok(counted) => counted,
        Err(wait_s) => {
            let mut response = again(StatusCode::TOO_MANY_REQUESTS, format!("Too many wrong tries: try again in {wait_s} s."));
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait_s));
            return Ok(response);
        }
    };
    let hash = found.as_ref().map(|(_, hash)| hash.clone());
    let fits = passwords::fits(form.get("password").unwrap_or_default().to_owned(), hash).await?;
    let entered = match found.filter(|_| fits) {
        Some((user, hash)) => sessions::begin(&state, &req, user.id, hash).await?.map(|cookie| (user, cookie)),
        None => None,
    };
    let Some((user, cookie)) = entered else {
        log::warn!("sign-in: a wrong name or password from {:?}", source::ip(&req, &state.trusted_proxies));
        return Ok(again(StatusCode::UNPROCESSABLE_ENTITY, "Name or password is wrong.".into()));
    };
    tries::give_back(&state, counted);
    log::info!("sign-in: {}", user.name);
    Ok(HttpResponse::SeeOther().insert_header((LOCATION, next)).append_header((SET_COOKIE, cookie)).finish())
}

/// Signs out.
///
/// # Errors
/// A form of another site, or the store.
#[utoipa::path(post, path = "/logout", tag = "pages", operation_id = "sign_out",
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "`csrf`"),
    responses((status = 303, description = "Signed out")))]
pub(crate) async fn leave(state: web::Data<WebState>, req: HttpRequest, own: OwnForm) -> Result<HttpResponse, ApiError> {
    if let Some(signed_in) = own.viewer.signed_in {
        let hash = signed_in.session.token_hash;
        state.hub.db().write("sign out", move |tx| kept::end(tx, &hash)).await?;
    }
    let mut response = see_other(&state, "/login", Flash::good("You are signed out."));
    if let Ok(cookie) = HeaderValue::from_str(&sessions::forget(&req, &state)) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

fn page(state: &WebState, req: &HttpRequest, status: StatusCode, page: &Page) -> HttpResponse {
    render::page(state, req, status, "login", "Sign in", "login", None, page)
}

/// A path of this hub, or home: a link to the door must lead nobody elsewhere.
fn local(next: &str) -> String {
    let inside = next.starts_with('/') && !next.starts_with("//") && next.len() <= NEXT_MAX_BYTES;
    let plain = next.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    let door = next.starts_with("/login") || next.starts_with("/logout");
    if inside && plain && !door { next.to_owned() } else { HOME.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_stays_on_this_hub() {
        for inside in ["/hosts/web-01", "/alerts?open=true&cursor=7", "/"] {
            assert_eq!(local(inside), inside);
        }
        for outside in [
            "",
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "javascript:alert(1)",
            "/a\r\nX: y",
            "/ü",
            "/login?next=/",
        ] {
            assert_eq!(local(outside), HOME, "{outside}");
        }
    }
}
