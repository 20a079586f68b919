//! By which key a host's SSH server is known: what was shown, and an admin's word about it.

use crate::auth::Identity;
use crate::body::Json;
use crate::error::{ApiError, named};
use crate::hosts::id_in;
use crate::query::Params;
use crate::state::WebState;
use crate::time_text;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use store::host_keys::{self, HostKey};
use utoipa::ToSchema;

/// A host's key.
#[derive(Serialize, ToSchema)]
pub struct HostKeyView {
    /// Where it was seen.
    #[schema(example = "192.168.1.5:22")]
    pub address: String,
    /// `pending`: an admin must accept it; `accepted`; `changed`: the server shows another one, nothing is read.
    #[schema(example = "pending")]
    pub state: &'static str,
    /// Its kind.
    #[schema(example = "ssh-ed25519")]
    pub algorithm: String,
    /// As `ssh-keygen -l` prints it.
    #[schema(example = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU")]
    pub fingerprint: String,
    /// When it was first seen.
    #[schema(format = DateTime)]
    pub seen_at: String,
    /// When it was accepted.
    #[schema(required, format = DateTime)]
    pub accepted_at: Option<String>,
    /// By whom.
    #[schema(required)]
    pub accepted_by: Option<String>,
    /// What the server showed instead; none although the state is `changed`: it has no key of this kind any more.
    #[schema(required)]
    pub offered: Option<OfferedKey>,
}

/// A key that was shown in place of the accepted one.
#[derive(Serialize, ToSchema)]
pub struct OfferedKey {
    /// Its kind.
    pub algorithm: String,
    /// As `ssh-keygen -l` prints it.
    pub fingerprint: String,
}

/// Which key is right.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptKey {
    /// The fingerprint that was compared with the machine's own; of the key shown first, or of the one shown instead.
    #[schema(example = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU")]
    pub fingerprint: String,
}

/// The key of a host's SSH server.
///
/// # Errors
/// An unknown host, one whose server was never seen, or the store.
#[utoipa::path(get, path = "/api/v1/hosts/{host_id}/ssh-key", tag = "hosts", operation_id = "get_ssh_key",
    params(("host_id" = String, Path, description = "Public id of the host")), responses((status = 200, body = HostKeyView)))]
pub(crate) async fn get(state: web::Data<WebState>, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    Params::of(req.query_string()).done()?;
    let key = known(&state, row_of(&state, &req)?).await?.ok_or_else(|| ApiError::not_found("SSH host key"))?;
    Ok(HttpResponse::Ok().json(view(key)))
}

/// Says that a key is the right one: the host's log is read from now on, as long as the server shows it.
///
/// # Errors
/// An unknown host, a fingerprint that was not shown, or the store.
#[utoipa::path(post, path = "/api/v1/hosts/{host_id}/ssh-key/accept", tag = "hosts", operation_id = "accept_ssh_key",
    request_body = AcceptKey, params(("host_id" = String, Path, description = "Public id of the host")),
    responses((status = 200, body = HostKeyView)))]
pub(crate) async fn accept(
    state: web::Data<WebState>,
    who: Identity,
    req: HttpRequest,
    body: Json<AcceptKey>,
) -> Result<HttpResponse, ApiError> {
    let key = accepted(&state, row_of(&state, &req)?, &body.value.fingerprint, &who.who).await?;
    Ok(HttpResponse::Ok().json(view(key)))
}

/// Forgets a key: the next contact is a first one, and waits for an admin again.
///
/// # Errors
/// An unknown host, one without a key, or the store.
#[utoipa::path(post, path = "/api/v1/hosts/{host_id}/ssh-key/forget", tag = "hosts", operation_id = "forget_ssh_key",
    params(("host_id" = String, Path, description = "Public id of the host")), responses((status = 204)))]
pub(crate) async fn forget(state: web::Data<WebState>, who: Identity, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    forgotten(&state, row_of(&state, &req)?, &who.who).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `hosts.id` of the host in the path.
///
/// # Errors
/// 404.
pub(crate) fn row_of(state: &WebState, req: &HttpRequest) -> Result<i64, ApiError> {
    let entry = state.hub.roster().find(id_in(req)?);
    entry.map(|entry| entry.row).ok_or_else(|| ApiError::not_found("host"))
}

/// What is known of the key of the host in `row`.
///
/// # Errors
/// The store's.
pub(crate) async fn known(state: &WebState, row: i64) -> Result<Option<HostKey>, ApiError> {
    Ok(state.hub.db().read(move |conn| host_keys::get(conn, row)).await?)
}

/// Accepts a key in the name of `who`.
///
/// # Errors
/// No key, a fingerprint that was not shown, or the store.
pub(crate) async fn accepted(state: &WebState, row: i64, fingerprint: &str, who: &str) -> Result<HostKey, ApiError> {
    let (now, fingerprint, by) = (state.hub.now(), fingerprint.trim().to_owned(), who.to_owned());
    let accept = move |tx: &store::Transaction<'_>| host_keys::accept(tx, row, &fingerprint, &by, now);
    let key = state.hub.db().write_news("accept host key", accept).await.map_err(|e| named(e, "SSH host key"))?;
    log::info!("the SSH host key {} of {} was accepted by {who}", key.shown.fingerprint, key.address);
    Ok(key)
}

/// Forgets a key in the name of `who`.
///
/// # Errors
/// No key, or the store.
pub(crate) async fn forgotten(state: &WebState, row: i64, who: &str) -> Result<(), ApiError> {
    let now = state.hub.now();
    let forgotten = state.hub.db().write_news("forget host key", move |tx| host_keys::forget(tx, row, now)).await?;
    if !forgotten {
        return Err(ApiError::not_found("SSH host key"));
    }
    log::info!("the SSH host key of host row {row} was forgotten by {who}");
    Ok(())
}

fn view(key: HostKey) -> HostKeyView {
    let (accepted_at, accepted_by) = key.accepted.unzip();
    HostKeyView {
        address: key.address,
        state: key.state.as_str(),
        algorithm: key.shown.algorithm,
        fingerprint: key.shown.fingerprint,
        seen_at: time_text::text(key.seen_at),
        accepted_at: accepted_at.map(time_text::text),
        accepted_by,
        offered: key.offered.map(|shown| OfferedKey { algorithm: shown.algorithm, fingerprint: shown.fingerprint }),
    }
}
