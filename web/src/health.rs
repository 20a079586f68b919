//! Whether the hub works: a word for everybody, the parts for those with a key.

use crate::auth;
use crate::state::WebState;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

/// How the hub is.
#[derive(Serialize, ToSchema)]
pub struct HealthView {
    /// `ok` or `degraded`.
    #[schema(example = "ok")]
    pub status: String,
    /// Its parts; only told to those with a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub components: Option<Vec<ComponentView>>,
}

/// One part of the hub.
#[derive(Serialize, ToSchema)]
pub struct ComponentView {
    /// Its name.
    #[schema(example = "store")]
    pub name: String,
    /// Whether it does its work.
    pub ok: bool,
    /// In words, with figures and units.
    pub detail: String,
}

/// Whether the hub works: 200 or 503. A key that is wrong is told no more than nobody.
#[utoipa::path(get, path = "/api/v1/health", tag = "hub", operation_id = "health", security((), ("bearer" = []), ("api_key" = [])),
    responses((status = 200, body = HealthView), (status = 503, body = HealthView, description = "Some part does not do its work")))]
pub(crate) async fn health(state: web::Data<WebState>, req: HttpRequest) -> HttpResponse {
    let with_parts = match auth::presented(&req) {
        Some(_) => auth::identify(&req).await.is_ok(),
        None => false,
    };
    let health = state.hub.health().await;
    let mut answer = if health.ok() { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    let status = if health.ok() { "ok" } else { "degraded" }.to_owned();
    let parts = health.components.into_iter().map(|c| ComponentView { name: c.name.to_owned(), ok: c.ok, detail: c.detail });
    answer.json(HealthView { status, components: with_parts.then(|| parts.collect()) })
}
