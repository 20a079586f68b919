//! Who is signed in with a browser: a cookie that no script can read, found by its hash, and the proof that a form is ours.

use crate::auth::Identity;
use crate::error::ApiError;
use crate::render::cookie;
use crate::source;
use crate::state::WebState;
use actix_web::HttpRequest;
use actix_web::http::header::{HOST, ORIGIN, USER_AGENT};
use domain::time::Wall;
use std::sync::Arc;
use store::keys::Scope;
use store::seal::{hash_token, hex, new_token, same_hash};
use store::sessions::{self, LIFE_MOST_MS, NewSession, Session};
use store::users::{self, Role, User};

/// The cookie over plain http; over https its name begins so that a browser takes it from this very address only.
const COOKIE: &str = "pulsewarden";
const COOKIE_SECURE: &str = "__Host-pulsewarden";
/// Longest cookie value that is looked up.
const TOKEN_MAX_BYTES: usize = 128;
/// Longest name of a browser that is kept.
const AGENT_MAX_CHARS: usize = 120;
/// How often the time of last use is written, at most.
const TOUCH_MS: i64 = 60_000;
const CSRF_PURPOSE: &str = "csrf";

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub(crate) struct SignedIn {
    pub(crate) user: User,
    pub(crate) session: Session,
    /// What forms and scripts of ours send along.
    pub(crate) csrf: Arc<str>,
}

impl SignedIn {
    /// As the API knows him.
    pub(crate) fn identity(&self) -> Identity {
        let scope = if self.user.role == Role::Admin { Scope::Write } else { Scope::Read };
        Identity { who: self.user.name.as_str().into(), scope, csrf: Some(self.csrf.clone()) }
    }
}

/// Who sends this request, if he is signed in.
///
/// # Errors
/// The store's.
pub(crate) async fn current(state: &WebState, req: &HttpRequest) -> Result<Option<SignedIn>, ApiError> {
    let Some(token) = cookie(req, name(req, state)).filter(|token| !token.is_empty() && token.len() <= TOKEN_MAX_BYTES) else {
        return Ok(None);
    };
    let (hash, now) = (hash_token(token), state.hub.now().wall);
    let Some((session, user)) = state.hub.db().read(move |conn| sessions::find(conn, &hash, now)).await? else {
        return Ok(None);
    };
    touch(state, &session, now);
    let csrf = csrf_of(state, &hash);
    Ok(Some(SignedIn { user, session, csrf }))
}

/// Begins a session of `user`, whose password was found right against `password_hash`; the cookie to set. None when that is no
/// longer his password: who changed it meanwhile wanted nobody in with the old one. The session the browser had before is ended:
/// nobody can plant one.
///
/// # Errors
/// The store's.
pub(crate) async fn begin(
    state: &WebState,
    req: &HttpRequest,
    user: i64,
    password_hash: String,
) -> Result<Option<String>, ApiError> {
    let token = new_token();
    let (hash, now) = (hash_token(&token), state.hub.now().wall);
    let before = cookie(req, name(req, state)).filter(|token| token.len() <= TOKEN_MAX_BYTES).map(hash_token);
    let agent = agent(req);
    let ip = source::ip(req, &state.trusted_proxies).map(|ip| ip.to_string());
    let began = state.hub.db().write("sign in", move |tx| {
        if !users::has_password_hash(tx, user, &password_hash)? {
            return Ok(false);
        }
        if let Some(before) = before {
            sessions::end(tx, &before)?;
        }
        sessions::begin(tx, &NewSession { token_hash: hash, user, agent: &agent, source_ip: ip.as_deref() }, now)?;
        Ok(true)
    });
    Ok(began.await?.then(|| set_cookie(req, state, &token, LIFE_MOST_MS / 1_000)))
}

/// The cookie that takes the cookie away.
pub(crate) fn forget(req: &HttpRequest, state: &WebState) -> String {
    set_cookie(req, state, "", 0)
}

/// Refuses what another site has sent in somebody's name.
///
/// # Errors
/// 403.
pub(crate) fn check_ours(req: &HttpRequest, sent: Option<&str>, csrf: &str) -> Result<(), ApiError> {
    if is_csrf(sent, csrf) && is_same_origin(req) {
        return Ok(());
    }
    Err(ApiError::forbidden("this form is too old or comes from another site: reload the page and send it again"))
}

/// Whether what was sent is this proof; how long that takes tells nothing of it.
pub(crate) fn is_csrf(sent: Option<&str>, csrf: &str) -> bool {
    sent.is_some_and(|sent| same_hash(&hash_token(sent), &hash_token(csrf)))
}

/// Whether a browser says that the request comes from a page of this very address. What says nothing is no browser.
pub(crate) fn is_same_origin(req: &HttpRequest) -> bool {
    let header = |name: &str| req.headers().get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = header("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    let Some(origin) = header(ORIGIN.as_str()) else { return true };
    let host = header("x-forwarded-host").into_iter().chain(header(HOST.as_str()));
    let origin = origin.split_once("://").map_or(origin, |(_, host)| host);
    host.into_iter().any(|host| host.eq_ignore_ascii_case(origin))
}

/// The proof for the session with this hash.
pub(crate) fn csrf_of(state: &WebState, token_hash: &[u8; 32]) -> Arc<str> {
    hex(&state.hub.keyring().sign(CSRF_PURPOSE, token_hash)).into()
}

/// The proof for whoever is known by a key in a header: no other site can make a browser send that.
pub(crate) fn csrf_of_key(state: &WebState, who: &str) -> Arc<str> {
    hex(&state.hub.keyring().sign(CSRF_PURPOSE, who.as_bytes())).into()
}

fn name(req: &HttpRequest, state: &WebState) -> &'static str {
    if source::is_https(req, state) { COOKIE_SECURE } else { COOKIE }
}

fn set_cookie(req: &HttpRequest, state: &WebState, value: &str, max_age_s: i64) -> String {
    let secure = if source::is_https(req, state) { "; Secure" } else { "" };
    format!("{}={value}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Lax{secure}", name(req, state))
}

fn agent(req: &HttpRequest) -> String {
    let agent = req.headers().get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or("a browser without a name");
    agent.chars().take(AGENT_MAX_CHARS).collect()
}

/// Notes the use now and then; nobody waits for it.
fn touch(state: &WebState, session: &Session, now: Wall) {
    if now.0.saturating_sub(session.last_used_at.0) < TOUCH_MS {
        return;
    }
    let (db, hash) = (state.hub.db().clone(), session.token_hash);
    actix_web::rt::spawn(async move {
        if let Err(e) = db.write("touch session", move |tx| sessions::touch(tx, &hash, now)).await {
            log::debug!("sessions: a use was not noted: {e}");
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn a_browser_that_comes_from_elsewhere_says_so() {
        let asked = |headers: &[(&'static str, &'static str)]| {
            let mut req = TestRequest::default().insert_header(("Host", "hub.lan:8080"));
            for header in headers {
                req = req.insert_header(*header);
            }
            is_same_origin(&req.to_http_request())
        };
        assert!(asked(&[]) && asked(&[("Sec-Fetch-Site", "same-origin")]) && asked(&[("Origin", "http://HUB.lan:8080")]));
        assert!(!asked(&[("Sec-Fetch-Site", "cross-site")]) && !asked(&[("Sec-Fetch-Site", "same-site")]));
        assert!(!asked(&[("Origin", "http://evil.example")]) && !asked(&[("Origin", "null")]));
        assert!(!asked(&[("Sec-Fetch-Site", "cross-site"), ("Origin", "http://hub.lan:8080")]));
    }
}
