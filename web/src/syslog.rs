//! Which syslog senders belong to which host, what became of their messages, and who sends without belonging to anybody.

use crate::auth::Identity;
use crate::body::Json;
use crate::error::ApiError;
use crate::query::Params;
use crate::ssh_keys::row_of;
use crate::state::WebState;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;
use store::syslog_sources::{self, ADDRESSES_MOST};
use utoipa::ToSchema;

/// What a host sends by syslog.
#[derive(Serialize, ToSchema)]
pub struct SyslogView {
    /// The addresses it sends from, as the hub sees them.
    #[schema(example = json!(["192.168.1.1"]))]
    pub addresses: Vec<String>,
    /// Messages that came since the hub was started.
    pub received: u64,
    /// Of these, not kept because more came than may wait for one read.
    pub dropped: u64,
    /// Of these, cut because they were too long.
    pub cut: u64,
    /// Messages that wait to be read.
    pub waiting: usize,
}

/// Whose messages are a host's.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SyslogBody {
    /// All addresses it sends from, at most 16; none ends it.
    #[schema(example = json!(["192.168.1.1"]), max_items = 16)]
    pub addresses: Vec<String>,
}

/// Senders that belong to no host.
#[derive(Serialize, ToSchema)]
pub struct Strangers {
    /// The last 64 of them, the newest last.
    pub strangers: Vec<StrangerView>,
}

/// An address that sends and is bound to no host.
#[derive(Serialize, ToSchema)]
pub struct StrangerView {
    /// Which.
    #[schema(example = "192.168.1.77")]
    pub address: String,
    /// How many of its messages and connections were refused.
    pub refused: u64,
}

/// Senders that belong to no host: their messages are not kept.
///
/// # Errors
/// Wrong parameters.
#[utoipa::path(get, path = "/api/v1/syslog", tag = "hosts", operation_id = "list_syslog_strangers",
    responses((status = 200, body = Strangers)))]
pub(crate) async fn strangers(state: web::Data<WebState>, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    Params::of(req.query_string()).done()?;
    let strangers = state.hub.intake().map(|intake| intake.spools().strangers()).unwrap_or_default();
    let view = |stranger: actors::logs::spool::Stranger| StrangerView {
        address: stranger.address.to_string(),
        refused: stranger.refused,
    };
    Ok(HttpResponse::Ok().json(Strangers { strangers: strangers.into_iter().map(view).collect() }))
}

/// What a host sends by syslog.
///
/// # Errors
/// An unknown host, or the store.
#[utoipa::path(get, path = "/api/v1/hosts/{host_id}/syslog", tag = "hosts", operation_id = "get_syslog",
    params(("host_id" = String, Path, description = "Public id of the host")), responses((status = 200, body = SyslogView)))]
pub(crate) async fn get(state: web::Data<WebState>, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    Params::of(req.query_string()).done()?;
    Ok(HttpResponse::Ok().json(view(&state, row_of(&state, &req)?).await?))
}

/// Says from which addresses a host sends syslog. The name inside a message proves nothing.
///
/// # Errors
/// An unknown host, a text that is no address, an address of another host, or the store.
#[utoipa::path(put, path = "/api/v1/hosts/{host_id}/syslog", tag = "hosts", operation_id = "set_syslog", request_body = SyslogBody,
    params(("host_id" = String, Path, description = "Public id of the host")), responses((status = 200, body = SyslogView)))]
pub(crate) async fn set(
    state: web::Data<WebState>,
    who: Identity,
    req: HttpRequest,
    body: Json<SyslogBody>,
) -> Result<HttpResponse, ApiError> {
    let row = row_of(&state, &req)?;
    bound(&state, row, body.value.addresses.iter().map(String::as_str), &who.who).await?;
    Ok(HttpResponse::Ok().json(view(&state, row).await?))
}

/// Binds just these addresses to a host, in the name of `who`.
///
/// # Errors
/// A text that is no address, an address of another host, a hub that takes no logs, or the store.
pub(crate) async fn bound<'a>(
    state: &WebState,
    row: i64,
    addresses: impl Iterator<Item = &'a str>,
    who: &str,
) -> Result<(), ApiError> {
    let addresses = parsed(addresses)?;
    let intake = Arc::clone(state.hub.intake().ok_or_else(|| ApiError::not_found("syslog receiver"))?);
    intake.bind(&state.hub, row, addresses, who.to_owned()).await?;
    log::info!("the syslog senders of host row {row} were set by {who}");
    Ok(())
}

fn parsed<'a>(addresses: impl Iterator<Item = &'a str>) -> Result<Vec<IpAddr>, ApiError> {
    let mut all: Vec<IpAddr> = Vec::new();
    for (nth, text) in addresses.enumerate() {
        let wrong = || ApiError::field(format!("addresses[{nth}]"), "must be an IP address such as 192.168.1.1 or fd00::1");
        let address: IpAddr = text.trim().parse().map_err(|_| wrong())?;
        if !all.contains(&address.to_canonical()) {
            all.push(address.to_canonical());
        }
        if all.len() > ADDRESSES_MOST {
            return Err(ApiError::field("addresses", format!("must be at most {ADDRESSES_MOST}")));
        }
    }
    Ok(all)
}

/// What a host sends.
///
/// # Errors
/// The store's.
pub(crate) async fn view(state: &WebState, row: i64) -> Result<SyslogView, ApiError> {
    let addresses = state.hub.db().read(move |conn| syslog_sources::of_host(conn, row)).await?;
    let counts = state.hub.intake().map(|intake| intake.spools().counts(row)).unwrap_or_default();
    Ok(SyslogView {
        addresses: addresses.iter().map(ToString::to_string).collect(),
        received: counts.received,
        dropped: counts.dropped,
        cut: counts.cut,
        waiting: counts.waiting,
    })
}
