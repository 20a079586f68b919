//! Management keys: named, scoped, revocable; the secret is told once, when a key is made.

use crate::auth::Identity;
use crate::body::{self, Json};
use crate::error::ApiError;
use crate::query::Params;
use crate::state::WebState;
use crate::time_text;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use store::keys::{self, ApiKey, Scope};
use store::{StoreError, Transaction};
use utoipa::ToSchema;

/// Longest name of a key.
const NAME_MAX_CHARS: usize = 64;
/// Most keys, revoked ones too.
const KEYS_MAX: usize = 1_000;

/// A key as shown; its secret is not.
#[derive(Serialize, ToSchema)]
pub struct KeyView {
    /// Its number.
    pub id: i64,
    /// Its name, unique.
    #[schema(example = "grafana")]
    pub name: String,
    /// `read` or `write`.
    #[schema(example = "read")]
    pub scope: String,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it was last used, to the minute.
    #[schema(required, format = DateTime)]
    pub last_used_at: Option<String>,
    /// Since when it is worth nothing.
    #[schema(required, format = DateTime)]
    pub revoked_at: Option<String>,
}

/// All keys.
#[derive(Serialize, ToSchema)]
pub struct KeyList {
    /// The keys, the oldest first.
    pub keys: Vec<KeyView>,
}

/// A key to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// Its name, unique, 1 to 64 characters.
    #[schema(example = "grafana", min_length = 1, max_length = 64)]
    pub name: String,
    /// `read` or `write`.
    #[schema(example = "read", pattern = "^(read|write)$")]
    pub scope: String,
}

/// A key just made.
#[derive(Serialize, ToSchema)]
pub struct MadeKey {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// `read` or `write`.
    pub scope: String,
    /// The secret: it is told this once only.
    #[schema(example = "pw_…")]
    pub key: String,
}

/// Lists the keys.
///
/// # Errors
/// A key that may only read, or the store.
#[utoipa::path(get, path = "/api/v1/keys", tag = "keys", operation_id = "list_keys", responses((status = 200, body = KeyList)))]
pub(crate) async fn list(state: web::Data<WebState>, who: Identity, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    Params::of(req.query_string()).done()?;
    if !who.may_write() {
        return Err(ApiError::forbidden("which keys there are is told to those who may change them"));
    }
    let keys = state.hub.db().read(keys::list).await?;
    Ok(HttpResponse::Ok().json(KeyList { keys: keys.into_iter().map(view).collect() }))
}

/// Makes a key.
///
/// # Errors
/// Wrong fields, a name that is taken, or the store.
#[utoipa::path(post, path = "/api/v1/keys", tag = "keys", operation_id = "create_key", request_body = NewKey,
    responses((status = 201, body = MadeKey)))]
pub(crate) async fn create(state: web::Data<WebState>, who: Identity, new: Json<NewKey>) -> Result<HttpResponse, ApiError> {
    let made = made(&state, &who.who, &new.value.name, &new.value.scope).await?;
    Ok(HttpResponse::Created().insert_header(("Location", format!("/api/v1/keys/{}", made.id))).json(made))
}

/// Makes a key in the name of `who`.
///
/// # Errors
/// Wrong fields, a name that is taken, or the store.
pub(crate) async fn made(state: &WebState, who: &str, name: &str, scope: &str) -> Result<MadeKey, ApiError> {
    let name = body::plain_text("name", name, NAME_MAX_CHARS)?;
    let scope: Scope = scope.parse()?;
    let (now, wanted) = (state.hub.now(), name.clone());
    let (id, key) = state.hub.db().write("create key", move |tx| create_in(tx, &wanted, scope, now.wall)).await?;
    log::info!("management key {name} ({}) was made by {who}", scope.as_str());
    Ok(MadeKey { id, name, scope: scope.as_str().to_owned(), key })
}

fn create_in(tx: &Transaction<'_>, name: &str, scope: Scope, at: domain::time::Wall) -> Result<(i64, String), StoreError> {
    if keys::list(tx)?.len() >= KEYS_MAX {
        let message = format!("there are {KEYS_MAX} keys already");
        return Err(StoreError::Refused { field: "name".into(), message });
    }
    keys::create(tx, name, scope, at)
}

/// Makes a key worth nothing.
///
/// # Errors
/// An unknown key, or the store.
#[utoipa::path(delete, path = "/api/v1/keys/{id}", tag = "keys", operation_id = "revoke_key",
    params(("id" = i64, Path, description = "Number of the key")), responses((status = 204)))]
pub(crate) async fn revoke(state: web::Data<WebState>, who: Identity, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    let id = number(&req, "key")?;
    revoked(&state, &who.who, id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Makes a key worth nothing in the name of `who`.
///
/// # Errors
/// An unknown key, or the store.
pub(crate) async fn revoked(state: &WebState, who: &str, id: i64) -> Result<(), ApiError> {
    let now = state.hub.now();
    let done = state.hub.db().write("revoke key", move |tx| keys::revoke(tx, id, now.wall)).await;
    // Also when the outcome is unknown.
    state.gatekeeper.forget();
    done.map_err(|e| crate::error::named(e, "key"))?;
    log::info!("management key {id} was revoked by {who}");
    Ok(())
}

/// The number in the path; anything else names nothing.
///
/// # Errors
/// 404.
pub(crate) fn number(req: &HttpRequest, what: &str) -> Result<i64, ApiError> {
    req.match_info().get("id").and_then(|id| id.parse().ok()).ok_or_else(|| ApiError::not_found(what))
}

fn view(key: ApiKey) -> KeyView {
    KeyView {
        id: key.id,
        name: key.name,
        scope: key.scope.as_str().to_owned(),
        created_at: time_text::text(key.created_at),
        last_used_at: key.last_used_at.map(time_text::text),
        revoked_at: key.revoked_at.map(time_text::text),
    }
}
