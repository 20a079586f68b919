//! Who looks at a page: until there are sessions, whoever sends a management key.

use crate::auth::identify;
use crate::body::Form;
use crate::error::ApiError;
use crate::state::WebState;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::future::LocalBoxFuture;
use std::fmt::Write;
use std::sync::Arc;

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    Admin,
    /// Look.
    Viewer,
}

/// Who looks.
#[derive(Clone, Debug)]
pub struct Viewer {
    /// How changes name him.
    pub who: Arc<str>,
    /// What he may do.
    pub role: Role,
    /// Proves that a form is ours.
    pub csrf: String,
}

impl FromRequest for Viewer {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Viewer, ApiError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let req = req.clone();
        Box::pin(async move {
            let identity = identify(&req).await?;
            let role = if identity.may_write() { Role::Admin } else { Role::Viewer };
            let state = req.app_data::<web::Data<WebState>>().ok_or_else(|| ApiError::unauthorized("no state"))?;
            let csrf = state.hub.keyring().sign("csrf", identity.who.as_bytes());
            let csrf = csrf.iter().fold(String::new(), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            });
            Ok(Viewer { who: identity.who, role, csrf })
        })
    }
}

/// A form sent by an admin from a page of ours.
pub struct CheckedForm {
    /// Who sent it.
    pub viewer: Viewer,
    /// Its fields.
    pub form: Form,
}

impl FromRequest for CheckedForm {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<CheckedForm, ApiError>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (viewer, form) = (Viewer::extract(req), Form::from_request(req, payload));
        Box::pin(async move {
            let (viewer, form) = (viewer.await?, form.await?);
            if viewer.role != Role::Admin || form.get("csrf") != Some(&viewer.csrf) {
                return Err(ApiError::forbidden("this form is not yours to send"));
            }
            Ok(CheckedForm { viewer, form })
        })
    }
}
