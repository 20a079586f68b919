//! Tries of passwords. Each is counted before it is hashed, so that many at once get no further than many in a row, and given back
//! when it was right.
//!
//! Whoever guesses is slowed down by where he comes from, and by the name he tries as well: many machines share one name. A stranger
//! could keep somebody out by that, so the name is not counted for an address from which that person is signed in somewhere.

use crate::auth::guesses::{self, Guesser};
use crate::error::ApiError;
use crate::source;
use crate::state::WebState;
use actix_web::HttpRequest;
use std::net::IpAddr;
use std::sync::PoisonError;
use store::seal::hash_token;
use store::sessions;

/// A try that is counted.
#[must_use]
pub(crate) struct Try(Vec<Guesser>);

/// Counts a try to sign in with this name, which is that of `user` if there is one; or tells in how many seconds one is free.
///
/// # Errors
/// The store's.
pub(crate) async fn to_sign_in(
    state: &WebState,
    req: &HttpRequest,
    name: &str,
    user: Option<i64>,
) -> Result<Result<Try, u32>, ApiError> {
    let from = source::ip(req, &state.trusted_proxies);
    let known = match user {
        Some(user) => is_signed_in_from(state, user, from).await?,
        None => false,
    };
    let by_name = (!known).then(|| Guesser::Account(hash_token(&name.to_lowercase())));
    Ok(take(state, [Some(from.into()), by_name].into_iter().flatten().collect()))
}

/// Counts a try to prove that one is `name` by the password, being signed in already.
pub(crate) fn to_confirm(state: &WebState, req: &HttpRequest, name: &str) -> Result<Try, u32> {
    let from = source::ip(req, &state.trusted_proxies);
    take(state, vec![from.into(), Guesser::Account(hash_token(&format!("confirm {}", name.to_lowercase())))])
}

/// It was right after all.
pub(crate) fn give_back(state: &WebState, Try(guessers): Try) {
    let mut guesses = state.sign_ins.lock().unwrap_or_else(PoisonError::into_inner);
    guessers.into_iter().for_each(|guesser| guesses.right(guesser));
}

fn take(state: &WebState, guessers: Vec<Guesser>) -> Result<Try, u32> {
    let now = state.hub.now().steady;
    let mut guesses = state.sign_ins.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(wait_s) = guessers.iter().filter_map(|guesser| guesses.blocked(*guesser, now)).max() {
        return Err(wait_s);
    }
    guessers.iter().for_each(|guesser| guesses.wrong(*guesser, now));
    Ok(Try(guessers))
}

async fn is_signed_in_from(state: &WebState, user: i64, from: Option<IpAddr>) -> Result<bool, ApiError> {
    let now = state.hub.now().wall;
    let all = state.hub.db().read(move |conn| sessions::of_user(conn, user)).await?;
    let living = all.iter().filter(|session| session.lives(now)).filter_map(|session| session.source_ip.as_deref()?.parse().ok());
    Ok(living.into_iter().any(|ip: IpAddr| guesses::group(Some(ip)) == guesses::group(from)))
}
