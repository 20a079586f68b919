//! The headers every answer has, and the middleware that puts them on what is not a heartbeat.

use crate::error::ApiError;
use crate::pages::trouble;
use crate::state::WebState;
use crate::unread::Held;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use actix_web::middleware::Next;
use actix_web::{Error, web};

/// For answers that no browser is to render.
const API: [(HeaderName, HeaderValue); 5] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// For pages: our own style sheet, script and icon, forms and events of our own, nothing inline and nothing from elsewhere.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'",
);

/// Puts on what every answer of the API has.
pub(crate) fn api(map: &mut HeaderMap) {
    for (name, value) in API {
        map.insert(name, value);
    }
}

/// Puts on what every page has.
pub(crate) fn page(map: &mut HeaderMap) {
    api(map);
    map.insert(CONTENT_SECURITY_POLICY, PAGE_POLICY);
}

/// Refuses heads that are too long, and puts the headers on whatever comes back without them.
pub(crate) async fn guard(
    mut req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let held = Held::of(&mut req);
    let answer = match too_long(&req) {
        Some(refused) => req.into_response(refused.response()),
        None => trouble::as_page(next.call(req).await?.map_into_boxed_body()),
    };
    let mut answer = match held {
        Some(held) => answer.map_body(|_, body| held.until_written(body)),
        None => answer,
    };
    let map = answer.headers_mut();
    for (name, value) in API {
        if !map.contains_key(&name) {
            map.insert(name, value);
        }
    }
    Ok(answer)
}

fn too_long(req: &ServiceRequest) -> Option<ApiError> {
    let limits = req.app_data::<web::Data<WebState>>()?.limits;
    if uri_bytes(req.uri()) > limits.url_bytes {
        return Some(url_too_long(limits.url_bytes));
    }
    headers_too_large(req.headers(), limits.header_bytes)
}

/// 431, if the header fields have more than `limit` bytes together.
pub(crate) fn headers_too_large(headers: &HeaderMap, limit: usize) -> Option<ApiError> {
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    (bytes > limit).then(|| {
        let message = format!("the headers may have at most {limit} bytes");
        ApiError::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large", message)
    })
}

/// 414.
pub(crate) fn url_too_long(limit: usize) -> ApiError {
    ApiError::new(StatusCode::URI_TOO_LONG, "url_too_long", format!("the address may have at most {limit} bytes"))
}

/// Bytes of path and query.
pub(crate) fn uri_bytes(uri: &actix_web::http::Uri) -> usize {
    uri.path_and_query().map_or(0, |text| text.as_str().len())
}
