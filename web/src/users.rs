//! Who may sign in, for programs and the command line: whoever forgot his password gets another from whoever runs the hub.

use crate::auth::Identity;
use crate::body::{self, Json};
use crate::error::{ApiError, named};
use crate::keys::number;
use crate::query::Params;
use crate::state::WebState;
use crate::{passwords, time_text};
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use store::users::{self, Role, User};
use store::{StoreError, Transaction};
use utoipa::ToSchema;

/// Longest name.
pub(crate) const NAME_MAX_CHARS: usize = 64;
/// Most users.
const USERS_MOST: usize = 1_000;

/// A user; nothing of his password is shown.
#[derive(Serialize, ToSchema)]
pub struct UserView {
    /// His number.
    pub id: i64,
    /// His name, unique whatever its case.
    #[schema(example = "ada")]
    pub name: String,
    /// `admin` or `viewer`.
    #[schema(example = "viewer")]
    pub role: String,
    /// When he was added.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When he last signed in.
    #[schema(required, format = DateTime)]
    pub last_login_at: Option<String>,
}

/// All users.
#[derive(Serialize, ToSchema)]
pub struct UserList {
    /// The users, by name.
    pub users: Vec<UserView>,
}

/// A user to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// His name, unique whatever its case, 1 to 64 characters.
    #[schema(example = "ada", min_length = 1, max_length = 64)]
    pub name: String,
    /// `admin` or `viewer`.
    #[schema(example = "viewer", pattern = "^(admin|viewer)$")]
    pub role: String,
    /// At least 10 characters.
    #[schema(min_length = 10, max_length = 1024)]
    pub password: String,
}

/// What to change about a user; what is not named stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserChange {
    /// `admin` or `viewer`.
    #[schema(example = "admin", pattern = "^(admin|viewer)$")]
    pub role: Option<String>,
    /// Another password, at least 10 characters; ends his sessions.
    #[schema(min_length = 10, max_length = 1024)]
    pub password: Option<String>,
}

/// Lists the users.
///
/// # Errors
/// A key that may only read, or the store.
#[utoipa::path(get, path = "/api/v1/users", tag = "users", operation_id = "list_users", responses((status = 200, body = UserList)))]
pub(crate) async fn list(state: web::Data<WebState>, who: Identity, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    Params::of(req.query_string()).done()?;
    if !who.may_write() {
        return Err(ApiError::forbidden("who may sign in is told to those who may change it"));
    }
    let users = state.hub.db().read(users::list).await?;
    Ok(HttpResponse::Ok().json(UserList { users: users.into_iter().map(view).collect() }))
}

/// Adds a user.
///
/// # Errors
/// Wrong fields, a name that is taken, or the store.
#[utoipa::path(post, path = "/api/v1/users", tag = "users", operation_id = "create_user", request_body = NewUser,
    responses((status = 201, body = UserView)))]
pub(crate) async fn create(state: web::Data<WebState>, who: Identity, new: Json<NewUser>) -> Result<HttpResponse, ApiError> {
    let NewUser { name, role, password } = &new.value;
    let id = added(&state, &who.who, name, role, password).await?;
    let user = state.hub.db().read(move |conn| users::get(conn, id)).await?;
    Ok(HttpResponse::Created().insert_header((LOCATION, format!("/api/v1/users/{id}"))).json(view(user)))
}

/// Adds a user in the name of `who`; his number.
///
/// # Errors
/// Wrong fields, a name that is taken, or the store.
pub(crate) async fn added(state: &WebState, who: &str, name: &str, role: &str, password: &str) -> Result<i64, ApiError> {
    let name = body::plain_text("name", name, NAME_MAX_CHARS)?;
    let role: Role = role.parse()?;
    let password = passwords::chosen(password, password)?;
    let (hash, now, wanted) = (passwords::hash(password).await?, state.hub.now().wall, name.clone());
    let add = move |tx: &Transaction<'_>| {
        if users::list(tx)?.len() >= USERS_MOST {
            let message = format!("there are {USERS_MOST} users already");
            return Err(StoreError::Refused { field: "name".into(), message });
        }
        users::create(tx, &wanted, &hash, role, now)
    };
    let id = state.hub.db().write("add user", add).await?;
    log::info!("users: {name} ({}) was added by {who}", role.as_str());
    Ok(id)
}

/// Gives a user another role or password.
///
/// # Errors
/// Wrong fields, the last admin, an unknown user, or the store.
#[utoipa::path(patch, path = "/api/v1/users/{id}", tag = "users", operation_id = "update_user", request_body = UserChange,
    params(("id" = i64, Path, description = "Number of the user")), responses((status = 200, body = UserView)))]
pub(crate) async fn update(
    state: web::Data<WebState>,
    who: Identity,
    req: HttpRequest,
    change: Json<UserChange>,
) -> Result<HttpResponse, ApiError> {
    let id = number(&req, "user")?;
    let role = change.value.role.as_deref().map(str::parse::<Role>).transpose()?;
    let password = change.value.password.as_deref().map(|password| passwords::chosen(password, password)).transpose()?;
    let hash = match password {
        Some(password) => Some(passwords::hash(password).await?),
        None => None,
    };
    let user = changed(&state, &who.who, id, role, hash).await?;
    Ok(HttpResponse::Ok().json(view(user)))
}

/// Gives a user another role or password in the name of `who`; another password ends his sessions.
///
/// # Errors
/// The last admin, an unknown user, or the store.
pub(crate) async fn changed(
    state: &WebState,
    who: &str,
    id: i64,
    role: Option<Role>,
    password_hash: Option<String>,
) -> Result<User, ApiError> {
    let now = state.hub.now().wall;
    let changed = state.hub.db().write("change user", move |tx| {
        if let Some(role) = role {
            users::set_role(tx, id, role)?;
        }
        if let Some(hash) = &password_hash {
            users::set_password(tx, id, hash, None, now)?;
        }
        users::get(tx, id)
    });
    let user = changed.await.map_err(|e| named(e, "user"))?;
    log::info!("users: {} was changed by {who}", user.name);
    Ok(user)
}

/// Removes a user and ends his sessions.
///
/// # Errors
/// The last admin, an unknown user, or the store.
#[utoipa::path(delete, path = "/api/v1/users/{id}", tag = "users", operation_id = "delete_user",
    params(("id" = i64, Path, description = "Number of the user")), responses((status = 204)))]
pub(crate) async fn remove(state: web::Data<WebState>, who: Identity, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    let id = number(&req, "user")?;
    removed(&state, &who.who, id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Removes a user in the name of `who`.
///
/// # Errors
/// The last admin, an unknown user, or the store.
pub(crate) async fn removed(state: &WebState, who: &str, id: i64) -> Result<(), ApiError> {
    let done = state.hub.db().write("remove user", move |tx| users::remove(tx, id)).await;
    done.map_err(|e| named(e, "user"))?;
    log::info!("users: user {id} was removed by {who}");
    Ok(())
}

fn view(user: User) -> UserView {
    UserView {
        id: user.id,
        name: user.name,
        role: user.role.as_str().to_owned(),
        created_at: time_text::text(user.created_at),
        last_login_at: user.last_login_at.map(time_text::text),
    }
}
