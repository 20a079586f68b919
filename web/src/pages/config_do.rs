//! What is changed on the Config page: webhooks, the upstream, what is public; and the undo.

use super::config::{Fields, shown};
use super::trouble::sentence;
use crate::error::ApiError;
use crate::render::{Flash, FormError, see_other};
use crate::settings;
use crate::state::WebState;
use crate::viewer::CheckedForm;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use actors::settings::{PRIMARY, PublicDraft, SettingsError, Source, UpstreamDraft, WebhookDraft};

/// Sets a webhook; the name decides which.
///
/// # Errors
/// The store's; wrong fields are told on the page.
#[utoipa::path(post, path = "/config/webhook", tag = "pages", operation_id = "set_webhook_page",
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "`name=primary&url=https://…`"),
    responses((status = 303, description = "To the Config page"),
        (status = 422, content_type = "text/html", body = String, description = "The page, with what is wrong")))]
pub(crate) async fn set_webhook(
    state: web::Data<WebState>,
    req: HttpRequest,
    sent: CheckedForm,
) -> Result<HttpResponse, ApiError> {
    let field = |name| sent.form.get(name).unwrap_or_default().trim().to_owned();
    let (name, url) = (field("name"), field("url"));
    let name = if name.is_empty() { PRIMARY.to_owned() } else { name };
    let mut drafts = stored(&state);
    match drafts.iter_mut().find(|draft| draft.name == name) {
        Some(known) => known.url = url,
        None => drafts.push(WebhookDraft { name: name.clone(), url }),
    }
    let (hub, now) = (&state.hub, state.hub.now().wall);
    match hub.settings().set_webhooks(hub.db(), drafts, &sent.viewer.who, now).await {
        Ok(()) => {
            Ok(see_other(&state, "/config", Flash::good(format!("Webhook {name} is set. Send a test message, to be sure."))))
        }
        Err(SettingsError::Fields(fields)) => {
            let errors = fields.iter().map(|e| webhook_error(&e.field, &e.message)).collect();
            shown(&state, &req, &sent.viewer, StatusCode::UNPROCESSABLE_ENTITY, None, Fields { name }, errors).await
        }
        Err(e) => Err(e.into()),
    }
}

/// `webhooks[1].url` is the input `url` of the form that was sent.
fn webhook_error(field: &str, message: &str) -> FormError {
    FormError::new(if field.ends_with("name") { "name" } else { "url" }, message)
}

/// The webhooks the database has, as drafts with their URLs.
fn stored(state: &WebState) -> Vec<WebhookDraft> {
    let webhooks = state.hub.settings().webhooks().into_iter().map(|(_, webhook)| webhook);
    let stored = webhooks.filter(|webhook| webhook.source == Source::Database);
    stored.map(|webhook| WebhookDraft { name: webhook.name, url: webhook.url }).collect()
}

/// Removes a webhook of the database; one of the environment or the file shows through then.
///
/// # Errors
/// The store's.
#[utoipa::path(post, path = "/config/webhook/remove", tag = "pages", operation_id = "remove_webhook_page",
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "`name=primary`"),
    responses((status = 303, description = "To the Config page")))]
pub(crate) async fn remove_webhook(state: web::Data<WebState>, sent: CheckedForm) -> Result<HttpResponse, ApiError> {
    let name = sent.form.get("name").unwrap_or_default();
    let mut drafts = stored(&state);
    let before = drafts.len();
    drafts.retain(|draft| draft.name != name);
    if drafts.len() == before {
        return Ok(see_other(&state, "/config", Flash::bad("There is no such webhook in the database.")));
    }
    let (hub, now) = (&state.hub, state.hub.now().wall);
    hub.settings().set_webhooks(hub.db(), drafts, &sent.viewer.who, now).await?;
    Ok(see_other(&state, "/config", Flash::good(format!("Webhook {name} was removed; undo it below."))))
}

/// Sends a test message and tells what became of it.
///
/// # Errors
/// None; what went wrong is told on the page.
#[utoipa::path(post, path = "/config/webhook/test", tag = "pages", operation_id = "test_webhook_page",
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "`name=primary`"),
    responses((status = 303, description = "To the Config page")))]
pub(crate) async fn test_webhook(state: web::Data<WebState>, sent: CheckedForm) -> HttpResponse {
    let name = sent.form.get("name").unwrap_or(PRIMARY);
    let flash = match settings::send_test(&state, name).await {
        Ok(()) => Flash::good(format!("The test message was delivered to {name}.")),
        Err(e) => Flash::bad(sentence(&e.to_string())),
    };
    see_other(&state, "/config", flash)
}

/// Changes the upstream; an empty URL keeps the one that is set.
///
/// # Errors
/// The store's; wrong fields are told on the page.
#[utoipa::path(post, path = "/config/upstream", tag = "pages", operation_id = "set_upstream_page",
    request_body(content = String, content_type = "application/x-www-form-urlencoded",
        description = "`enabled=on&url=https://…&method=GET&interval=5m`"),
    responses((status = 303, description = "To the Config page"),
        (status = 422, content_type = "text/html", body = String, description = "The page, with what is wrong")))]
pub(crate) async fn set_upstream(
    state: web::Data<WebState>,
    req: HttpRequest,
    sent: CheckedForm,
) -> Result<HttpResponse, ApiError> {
    let field = |name| sent.form.get(name).map(str::trim).filter(|text| !text.is_empty());
    let remove = field("forget").is_some();
    let interval = field("interval").map(domain::duration::parse);
    let draft = UpstreamDraft {
        enabled: Some(field("enabled").is_some()),
        url: if remove { Some(None) } else { field("url").map(|url| Some(url.to_owned())) },
        method: field("method").map(str::to_owned),
        // What is no length is out of every range.
        interval_seconds: interval.map(|seconds| seconds.ok().and_then(|seconds| i64::try_from(seconds).ok()).unwrap_or(0)),
    };
    let (hub, now) = (&state.hub, state.hub.now().wall);
    match hub.settings().set_upstream(hub.db(), &draft, &sent.viewer.who, now).await {
        Ok(()) => Ok(see_other(&state, "/config", Flash::good("The upstream was changed."))),
        Err(SettingsError::Fields(fields)) => {
            let errors = fields.iter().map(|e| upstream_error(&e.field, &e.message)).collect();
            shown(&state, &req, &sent.viewer, StatusCode::UNPROCESSABLE_ENTITY, None, Fields::default(), errors).await
        }
        Err(e) => Err(e.into()),
    }
}

fn upstream_error(field: &str, message: &str) -> FormError {
    match field {
        "url" => FormError::named("upstream-url", "Upstream URL", message),
        "interval_seconds" => FormError::new("interval", "must be 60s to 1d, for example 5m"),
        other => FormError::new(other, message),
    }
}

/// Switches the public status page and the badges on or off.
///
/// # Errors
/// The store's; wrong fields are told on the page.
#[utoipa::path(post, path = "/config/public", tag = "pages", operation_id = "set_public_page",
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "`enabled=on&tag=public&title=…`"),
    responses((status = 303, description = "To the Config page"),
        (status = 422, content_type = "text/html", body = String, description = "The page, with what is wrong")))]
pub(crate) async fn set_public(
    state: web::Data<WebState>,
    req: HttpRequest,
    sent: CheckedForm,
) -> Result<HttpResponse, ApiError> {
    let field = |name| sent.form.get(name).map(str::trim).filter(|text| !text.is_empty());
    let draft = PublicDraft {
        enabled: field("enabled").is_some(),
        tag: field("tag").unwrap_or_default().to_owned(),
        title: field("title").unwrap_or_default().to_owned(),
    };
    let (hub, now) = (&state.hub, state.hub.now().wall);
    let done = match draft.enabled {
        true => "The status page and the badges are public now.",
        false => "Nothing is public now.",
    };
    match hub.settings().set_public(hub.db(), draft, &sent.viewer.who, now).await {
        Ok(()) => Ok(see_other(&state, "/config", Flash::good(done))),
        Err(SettingsError::Fields(fields)) => {
            let errors = FormError::of(&fields);
            shown(&state, &req, &sent.viewer, StatusCode::UNPROCESSABLE_ENTITY, None, Fields::default(), errors).await
        }
        Err(e) => Err(e.into()),
    }
}

/// Sets a setting back to what it was before a change.
///
/// # Errors
/// The store's; what cannot be undone is told on the page.
#[utoipa::path(post, path = "/config/revisions/{id}/undo", tag = "pages", operation_id = "undo_revision_page",
    params(("id" = i64, Path, description = "Number of the revision")),
    responses((status = 303, description = "To the Config page")))]
pub(crate) async fn undo(state: web::Data<WebState>, req: HttpRequest, sent: CheckedForm) -> Result<HttpResponse, ApiError> {
    let id = crate::keys::number(&req, "revision")?;
    let (hub, now) = (&state.hub, state.hub.now().wall);
    match hub.settings().undo(hub.db(), id, &sent.viewer.who, now).await {
        Ok(()) => Ok(see_other(&state, "/config", Flash::good(format!("Change {id} was undone, as a change of its own.")))),
        Err(SettingsError::Fields(fields)) => {
            let why = fields.first().map_or("", |e| e.message.as_str());
            Ok(see_other(&state, "/config", Flash::bad(format!("Not undone: what was set then is not allowed now: {why}."))))
        }
        Err(e) => Err(e.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_of_a_webhook_are_at_the_inputs_of_its_form() {
        assert_eq!(webhook_error("webhooks[3].name", "x").input, "name");
        assert_eq!(webhook_error("webhooks[0].url", "x").input, "url");
    }
}
