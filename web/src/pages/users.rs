//! Who may sign in: added, given a role or another password, removed; admins only.

use crate::error::ApiError;
use crate::keys::number;
use crate::passwords;
use crate::render::{self, Flash, FormError, see_other};
use crate::state::WebState;
use crate::time_text;
use crate::users::{added, changed, removed};
use crate::viewer::{CheckedForm, Role, Viewer};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use domain::field::FieldError;
use serde::Serialize;
use store::users::{self, User};

#[derive(Serialize)]
struct Page {
    users: Vec<Row>,
    form: Fields,
    password_min: usize,
    errors: Vec<FormError>,
}

#[derive(Serialize)]
struct Row {
    id: i64,
    name: String,
    role: &'static str,
    other_role: &'static str,
    you: bool,
    created_at: String,
    last_login_at: Option<String>,
}

#[derive(Default, Serialize)]
struct Fields {
    name: String,
    role: String,
}

/// Everybody who may sign in.
///
/// # Errors
/// Not an admin, or the store.
#[utoipa::path(get, path = "/users", tag = "pages", operation_id = "show_users",
    responses((status = 200, content_type = "text/html", body = String, description = "The users")))]
pub(crate) async fn show(state: web::Data<WebState>, req: HttpRequest, viewer: Viewer) -> Result<HttpResponse, ApiError> {
    admins_only(&viewer)?;
    shown(&state, &req, &viewer, StatusCode::OK, Fields::default(), Vec::new()).await
}

/// What only an admin may look at.
///
/// # Errors
/// 403.
pub(super) fn admins_only(viewer: &Viewer) -> Result<(), ApiError> {
    if viewer.may_write() { Ok(()) } else { Err(ApiError::forbidden("only an admin sees this page")) }
}

async fn shown(
    state: &WebState,
    req: &HttpRequest,
    viewer: &Viewer,
    status: StatusCode,
    form: Fields,
    errors: Vec<FormError>,
) -> Result<HttpResponse, ApiError> {
    let all = state.hub.db().read(users::list).await?;
    let users = all.into_iter().map(|user| row(user, viewer)).collect();
    let page = Page { users, form, password_min: passwords::MIN_CHARS, errors };
    Ok(render::page(state, req, status, "users", "Users", "users", Some(viewer), &page))
}

fn row(user: User, viewer: &Viewer) -> Row {
    let other_role = if user.role == Role::Admin { Role::Viewer } else { Role::Admin };
    Row {
        id: user.id,
        you: viewer.signed_in.as_ref().is_some_and(|own| own.user.id == user.id),
        name: user.name,
        role: user.role.as_str(),
        other_role: other_role.as_str(),
        created_at: time_text::text(user.created_at),
        last_login_at: user.last_login_at.map(time_text::text),
    }
}

/// Adds a user.
///
/// # Errors
/// A form of another site, not an admin, or the store; what is wrong with the form is a page.
#[utoipa::path(post, path = "/users", tag = "pages", operation_id = "add_user",
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "`csrf`, `name`, `role`, `password`"),
    responses((status = 303, description = "Added"), (status = 422, content_type = "text/html", body = String, description = "What is wrong")))]
pub(crate) async fn add(state: web::Data<WebState>, req: HttpRequest, sent: CheckedForm) -> Result<HttpResponse, ApiError> {
    let field = |name| sent.form.get(name).unwrap_or_default().trim().to_owned();
    let form = Fields { name: field("name"), role: field("role") };
    let password = sent.form.get("password").unwrap_or_default();
    let wrong = match added(&state, &sent.viewer.who, &form.name, &form.role, password).await {
        Ok(_) => return Ok(see_other(&state, "/users", Flash::good(format!("{} may sign in now.", form.name)))),
        Err(e) if e.fields().is_empty() => return Err(e),
        Err(e) => FormError::of(e.fields()),
    };
    shown(&state, &req, &sent.viewer, StatusCode::UNPROCESSABLE_ENTITY, form, wrong).await
}

/// Gives a user another role.
///
/// # Errors
/// A form of another site, not an admin, the last admin, an unknown user, or the store.
#[utoipa::path(post, path = "/users/{id}/role", tag = "pages", operation_id = "set_role",
    params(("id" = i64, Path, description = "Number of the user")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "`csrf`, `role`"),
    responses((status = 303, description = "Changed, or why not")))]
pub(crate) async fn set_role(state: web::Data<WebState>, req: HttpRequest, sent: CheckedForm) -> Result<HttpResponse, ApiError> {
    let id = number(&req, "user")?;
    let role: Role = sent.form.get("role").unwrap_or_default().parse().map_err(|e: FieldError| ApiError::from(e))?;
    let done = changed(&state, &sent.viewer.who, id, Some(role), None).await;
    told(&state, done.map(drop), "The role is changed.")
}

/// Sets another password for a user, and signs him out everywhere.
///
/// # Errors
/// A form of another site, not an admin, an unknown user, or the store.
#[utoipa::path(post, path = "/users/{id}/password", tag = "pages", operation_id = "set_password",
    params(("id" = i64, Path, description = "Number of the user")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "`csrf`, `password`"),
    responses((status = 303, description = "Changed, or why not")))]
pub(crate) async fn set_password(
    state: web::Data<WebState>,
    req: HttpRequest,
    sent: CheckedForm,
) -> Result<HttpResponse, ApiError> {
    let id = number(&req, "user")?;
    let password = sent.form.get("password").unwrap_or_default();
    let password = match passwords::chosen(password, password) {
        Ok(password) => password,
        Err(wrong) => {
            let text = wrong.iter().map(|e| format!("The password {}.", e.message)).collect::<Vec<_>>().join(" ");
            return Ok(see_other(&state, "/users", Flash::bad(text)));
        }
    };
    let hash = passwords::hash(password).await?;
    let done = changed(&state, &sent.viewer.who, id, None, Some(hash)).await;
    told(&state, done.map(drop), "The password is set, and every session ended.")
}

/// Removes a user and ends his sessions.
///
/// # Errors
/// A form of another site, not an admin, the last admin, an unknown user, or the store.
#[utoipa::path(post, path = "/users/{id}/remove", tag = "pages", operation_id = "remove_user",
    params(("id" = i64, Path, description = "Number of the user")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "`csrf`"),
    responses((status = 303, description = "Removed, or why not")))]
pub(crate) async fn remove(state: web::Data<WebState>, req: HttpRequest, sent: CheckedForm) -> Result<HttpResponse, ApiError> {
    let id = number(&req, "user")?;
    told(&state, removed(&state, &sent.viewer.who, id).await, "The user is removed.")
}

/// Back to the users, with what was done or what stands in its way.
fn told(state: &WebState, done: Result<(), ApiError>, text: &str) -> Result<HttpResponse, ApiError> {
    let flash = match done {
        Ok(()) => Flash::good(text),
        Err(e) => match e.fields().first() {
            Some(field) => Flash::bad(format!("Not changed: {}.", field.message)),
            None => return Err(e),
        },
    };
    Ok(see_other(state, "/users", flash))
}
