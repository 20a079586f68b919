//! Who looks at a page: whoever is signed in, or a program with a management key in a header.

use crate::auth::{identify, presented};
use crate::body::Form;
use crate::error::ApiError;
use crate::sessions;
use crate::state::WebState;
use actix_web::dev::Payload;
use actix_web::error::InternalError;
use actix_web::http::Method;
use actix_web::http::header::LOCATION;
use actix_web::{Error, FromRequest, HttpRequest, HttpResponse, web};
use futures_util::future::LocalBoxFuture;
use std::sync::Arc;

pub(crate) use store::users::Role;

/// Who looks.
#[derive(Clone, Debug)]
pub struct Viewer {
    /// How changes name him.
    pub who: Arc<str>,
    /// What he may do.
    pub role: Role,
    /// Proves that a form is ours.
    pub csrf: Arc<str>,
    /// His account and this session, unless he came with a key.
    pub(crate) signed_in: Option<sessions::SignedIn>,
}

impl Viewer {
    /// Whether he may change things.
    pub fn may_write(&self) -> bool {
        self.role == Role::Admin
    }

    /// Who sends this request, if anybody we know.
    async fn of(req: &HttpRequest) -> Result<Option<Viewer>, ApiError> {
        let state = req.app_data::<web::Data<WebState>>().ok_or_else(|| ApiError::unauthorized("no state"))?;
        if presented(req).is_some() {
            let identity = identify(req).await?;
            let role = if identity.may_write() { Role::Admin } else { Role::Viewer };
            let csrf = sessions::csrf_of_key(state, &identity.who);
            return Ok(Some(Viewer { who: identity.who, role, csrf, signed_in: None }));
        }
        let signed_in = sessions::current(state, req).await?;
        Ok(signed_in.map(|signed_in| Viewer {
            who: signed_in.user.name.as_str().into(),
            role: signed_in.user.role,
            csrf: signed_in.csrf.clone(),
            signed_in: Some(signed_in),
        }))
    }
}

impl FromRequest for Viewer {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Viewer, Error>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let req = req.clone();
        Box::pin(async move { Viewer::of(&req).await?.ok_or_else(|| sign_in_first(&req)) })
    }
}

/// A page sends to the door and back; a form that cannot be sent again by itself is refused.
fn sign_in_first(req: &HttpRequest) -> Error {
    if !matches!(*req.method(), Method::GET | Method::HEAD) {
        return ApiError::unauthorized("you are not signed in any more: sign in, and do it again").into();
    }
    let wanted = req.uri().path_and_query().map_or("/", |wanted| wanted.as_str());
    let door = format!("/login?next={}", crate::query::escaped(wanted));
    let response = HttpResponse::SeeOther().insert_header((LOCATION, door)).finish();
    InternalError::from_response("sign in first", response).into()
}

/// A form sent by an admin from a page of ours.
pub struct CheckedForm {
    /// Who sent it.
    pub viewer: Viewer,
    /// Its fields.
    pub form: Form,
}

impl FromRequest for CheckedForm {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<CheckedForm, Error>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let sent = OwnForm::from_request(req, payload);
        Box::pin(async move {
            let OwnForm { viewer, form } = sent.await?;
            if !viewer.may_write() {
                return Err(ApiError::forbidden("a viewer may change nothing: ask an admin").into());
            }
            Ok(CheckedForm { viewer, form })
        })
    }
}

/// A form sent by whoever is signed in, about himself.
pub(crate) struct OwnForm {
    pub(crate) viewer: Viewer,
    pub(crate) form: Form,
}

impl FromRequest for OwnForm {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<OwnForm, Error>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (req, viewer, form) = (req.clone(), Viewer::extract(req), Form::from_request(req, payload));
        Box::pin(async move {
            let (viewer, form) = (viewer.await?, form.await?);
            let sent = form.get("csrf");
            if viewer.signed_in.is_some() {
                sessions::check_ours(&req, sent, &viewer.csrf)?;
            } else if !sessions::is_csrf(sent, &viewer.csrf) {
                return Err(ApiError::forbidden("the form needs the csrf field of its page").into());
            }
            Ok(OwnForm { viewer, form })
        })
    }
}
