//! The part of a host's page that says how its log comes in: the SSH host key and an admin's word about it, and the syslog senders.

use crate::error::ApiError;
use crate::hosts::id_in;
use crate::render::{Flash, see_other};
use crate::ssh_keys::{accepted, forgotten, known, row_of};
use crate::state::WebState;
use crate::syslog::{SyslogView, bound, view};
use crate::time_text;
use crate::viewer::CheckedForm;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use store::host_keys::{HostKey, KeyState};

/// What the part shows.
#[derive(Serialize)]
pub(super) struct Intake {
    key: Option<Key>,
    syslog: Option<SyslogView>,
}

#[derive(Serialize)]
struct Key {
    address: String,
    state: &'static str,
    pending: bool,
    changed: bool,
    algorithm: String,
    fingerprint: String,
    seen_at: String,
    accepted_at: Option<String>,
    accepted_by: Option<String>,
    offered: Option<String>,
}

/// What there is to say; nothing for a host whose log comes from nowhere.
///
/// # Errors
/// The store's.
pub(super) async fn of(state: &WebState, row: i64) -> Result<Option<Intake>, ApiError> {
    let key = known(state, row).await?.map(shown);
    let syslog = view(state, row).await?;
    let listens = state.hub.intake().is_some_and(|intake| intake.listens());
    let syslog = (listens || !syslog.addresses.is_empty()).then_some(syslog);
    Ok((key.is_some() || syslog.is_some()).then_some(Intake { key, syslog }))
}

fn shown(key: HostKey) -> Key {
    let (accepted_at, accepted_by) = key.accepted.unzip();
    Key {
        address: key.address,
        state: key.state.as_str(),
        pending: key.state == KeyState::Pending,
        changed: key.state == KeyState::Changed,
        algorithm: key.shown.algorithm,
        fingerprint: key.shown.fingerprint,
        seen_at: time_text::text(key.seen_at),
        accepted_at: accepted_at.map(time_text::text),
        accepted_by,
        offered: key.offered.map(|shown| shown.fingerprint),
    }
}

/// Accepts the key with the fingerprint in the form.
///
/// # Errors
/// An unknown host, or the store; another fingerprint is told on the page.
#[utoipa::path(post, path = "/hosts/{host_id}/ssh-key/accept", tag = "pages", operation_id = "accept_ssh_key_page",
    params(("host_id" = String, Path, description = "Public id of the host")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "`fingerprint=SHA256:…`"),
    responses((status = 303, description = "To the host")))]
pub(crate) async fn accept(state: web::Data<WebState>, req: HttpRequest, sent: CheckedForm) -> Result<HttpResponse, ApiError> {
    let row = row_of(&state, &req)?;
    let fingerprint = sent.form.get("fingerprint").unwrap_or_default();
    let done = accepted(&state, row, fingerprint, &sent.viewer.who).await;
    back(&state, &req, done.map(|_| "The host key is accepted: the log is read as long as the machine shows it."))
}

/// Forgets the key.
///
/// # Errors
/// An unknown host, or the store.
#[utoipa::path(post, path = "/hosts/{host_id}/ssh-key/forget", tag = "pages", operation_id = "forget_ssh_key_page",
    params(("host_id" = String, Path, description = "Public id of the host")),
    responses((status = 303, description = "To the host")))]
pub(crate) async fn forget(state: web::Data<WebState>, req: HttpRequest, sent: CheckedForm) -> Result<HttpResponse, ApiError> {
    let done = forgotten(&state, row_of(&state, &req)?, &sent.viewer.who).await;
    back(&state, &req, done.map(|()| "The host key is forgotten: the next one that is seen waits for you."))
}

/// Binds the senders in the form.
///
/// # Errors
/// An unknown host, or the store; a wrong address is told on the page.
#[utoipa::path(post, path = "/hosts/{host_id}/syslog", tag = "pages", operation_id = "set_syslog_page",
    params(("host_id" = String, Path, description = "Public id of the host")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "`addresses=192.168.1.1`"),
    responses((status = 303, description = "To the host")))]
pub(crate) async fn bind(state: web::Data<WebState>, req: HttpRequest, sent: CheckedForm) -> Result<HttpResponse, ApiError> {
    let row = row_of(&state, &req)?;
    let text = sent.form.get("addresses").unwrap_or_default();
    let addresses = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|part| !part.is_empty());
    let done = bound(&state, row, addresses, &sent.viewer.who).await;
    back(&state, &req, done.map(|()| "The syslog senders of this host are set."))
}

/// To the host, with what was done; what the person can mend is told there, too.
fn back(state: &WebState, req: &HttpRequest, done: Result<&str, ApiError>) -> Result<HttpResponse, ApiError> {
    let path = format!("/hosts/{}#intake", id_in(req)?);
    let flash = match done {
        Ok(text) => Flash::good(text.to_owned()),
        Err(e) => match e.fields().first() {
            Some(field) => Flash::bad(format!("Not changed: {field}.")),
            None => return Err(e),
        },
    };
    Ok(see_other(state, &path, flash))
}
