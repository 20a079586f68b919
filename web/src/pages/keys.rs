//! Management keys for scripts and programs: made, shown once, revoked; admins only.

use super::users::admins_only;
use crate::error::ApiError;
use crate::keys::{made, number, revoked};
use crate::render::{self, Flash, FormError, see_other};
use crate::state::WebState;
use crate::time_text;
use crate::viewer::{CheckedForm, Viewer};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use store::keys::{self, ApiKey};

#[derive(Serialize)]
struct Page {
    keys: Vec<Row>,
    /// Shown this once.
    made: Option<String>,
    form: Fields,
    errors: Vec<FormError>,
}

#[derive(Serialize)]
struct Row {
    id: i64,
    name: String,
    scope: &'static str,
    created_at: String,
    last_used_at: Option<String>,
    revoked_at: Option<String>,
}

#[derive(Serialize)]
struct Fields {
    name: String,
    scope: String,
}

/// All keys.
///
/// # Errors
/// Not an admin, or the store.
#[utoipa::path(get, path = "/keys", tag = "pages", operation_id = "show_keys",
    responses((status = 200, content_type = "text/html", body = String, description = "The keys")))]
pub(crate) async fn show(state: web::Data<WebState>, req: HttpRequest, viewer: Viewer) -> Result<HttpResponse, ApiError> {
    admins_only(&viewer)?;
    shown(&state, &req, &viewer, StatusCode::OK, None, Fields { name: String::new(), scope: "read".into() }, Vec::new()).await
}

async fn shown(
    state: &WebState,
    req: &HttpRequest,
    viewer: &Viewer,
    status: StatusCode,
    made: Option<String>,
    form: Fields,
    errors: Vec<FormError>,
) -> Result<HttpResponse, ApiError> {
    let keys = state.hub.db().read(keys::list).await?.into_iter().map(row).collect();
    let page = Page { keys, made, form, errors };
    Ok(render::page(state, req, status, "keys", "API keys", "keys", Some(viewer), &page))
}

fn row(key: ApiKey) -> Row {
    Row {
        id: key.id,
        name: key.name,
        scope: key.scope.as_str(),
        created_at: time_text::text(key.created_at),
        last_used_at: key.last_used_at.map(time_text::text),
        revoked_at: key.revoked_at.map(time_text::text),
    }
}

/// Makes a key and shows it, this once.
///
/// # Errors
/// A form of another site, not an admin, or the store; what is wrong with the form is a page.
#[utoipa::path(post, path = "/keys", tag = "pages", operation_id = "make_key",
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "`csrf`, `name`, `scope`"),
    responses((status = 200, content_type = "text/html", body = String, description = "The key"),
        (status = 422, content_type = "text/html", body = String, description = "What is wrong")))]
pub(crate) async fn make(state: web::Data<WebState>, req: HttpRequest, sent: CheckedForm) -> Result<HttpResponse, ApiError> {
    let field = |name| sent.form.get(name).unwrap_or_default().trim().to_owned();
    let form = Fields { name: field("name"), scope: field("scope") };
    match made(&state, &sent.viewer.who, &form.name, &form.scope).await {
        Ok(key) => {
            let form = Fields { name: String::new(), scope: form.scope };
            shown(&state, &req, &sent.viewer, StatusCode::OK, Some(key.key), form, Vec::new()).await
        }
        Err(e) if e.fields().is_empty() => Err(e),
        Err(e) => {
            let errors = FormError::of(e.fields());
            shown(&state, &req, &sent.viewer, StatusCode::UNPROCESSABLE_ENTITY, None, form, errors).await
        }
    }
}

/// Makes a key worth nothing.
///
/// # Errors
/// A form of another site, not an admin, an unknown key, or the store.
#[utoipa::path(post, path = "/keys/{id}/revoke", tag = "pages", operation_id = "revoke_key_page",
    params(("id" = i64, Path, description = "Number of the key")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "`csrf`"),
    responses((status = 303, description = "Revoked")))]
pub(crate) async fn revoke(state: web::Data<WebState>, req: HttpRequest, sent: CheckedForm) -> Result<HttpResponse, ApiError> {
    revoked(&state, &sent.viewer.who, number(&req, "key")?).await?;
    Ok(see_other(&state, "/keys", Flash::good("The key is worth nothing now.")))
}
