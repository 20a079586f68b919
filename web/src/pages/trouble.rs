//! Errors as pages: whoever looks with a browser is told in words, with a way back, not in JSON.

use crate::error::ApiError;
use crate::render;
use crate::state::WebState;
use actix_web::body::BoxBody;
use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT, ALLOW, RETRY_AFTER};
use actix_web::{HttpRequest, web};

/// The answer, as a page when it is an error and a browser asked for a page.
pub(crate) fn as_page(answer: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let error = answer.response().error().and_then(|e| e.as_error::<ApiError>()).cloned();
    let req = answer.request().clone();
    let (Some(error), Some(state), true) = (error, req.app_data::<web::Data<WebState>>(), wants_page(&req)) else {
        return answer;
    };
    let mut page = drawn(state, &req, &error);
    for name in [RETRY_AFTER, ALLOW] {
        if let Some(value) = answer.response().headers().get(&name) {
            page.headers_mut().insert(name, value.clone());
        }
    }
    answer.into_response(page)
}

/// A browser says that it wants HTML; of the API it gets what everybody gets.
fn wants_page(req: &HttpRequest) -> bool {
    let path = req.path();
    let html = req.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains("text/html"));
    let is_page = !path.starts_with("/api/") || path == "/api/v1/dashboard";
    html && is_page && !path.starts_with("/heartbeat") && !path.starts_with("/static/")
}

fn drawn(state: &WebState, req: &HttpRequest, error: &ApiError) -> actix_web::HttpResponse {
    let title = match error.status() {
        StatusCode::NOT_FOUND => "Not found",
        StatusCode::UNAUTHORIZED => "Please sign in",
        StatusCode::FORBIDDEN => "Not allowed",
        StatusCode::UNPROCESSABLE_ENTITY => "This address is not quite right",
        StatusCode::TOO_MANY_REQUESTS => "Too many tries",
        StatusCode::SERVICE_UNAVAILABLE => "Not now",
        _ => "That did not work",
    };
    render::message(state, req, error.status(), title, &said(error), ("/dashboard", "To the dashboard"))
}

/// What is wrong, a sentence each.
fn said(error: &ApiError) -> Vec<String> {
    let fields: Vec<String> = error.fields().iter().map(|e| format!("{} {}.", e.field, e.message)).collect();
    if fields.is_empty() { vec![sentence(&error.to_string())] } else { fields }
}

/// An error text as a sentence.
pub(super) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).chain(['.']).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_fields_are_told_one_by_one_and_other_errors_as_a_sentence() {
        assert_eq!(said(&ApiError::field("status", "must be up")), ["status must be up."]);
        assert_eq!(said(&ApiError::not_found("host")), ["There is no such host."]);
    }
}
