//! What happens, as it happens: server-sent events for pages that are open. They cost heartbeats nothing: each stream looks twice a
//! second at counters and cells that are kept anyway.
//!
//! `changed` says that something else than a heartbeat was stored (a status, an alert, a setting): whoever shows it looks again.
//! `beat` names a host of `?hosts=` that gave a sign of life. A client that is away misses nothing it could not read again, so
//! there is nothing to replay: it looks once when it is back.

use crate::error::ApiError;
use crate::query::Params;
use crate::state::WebState;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use actors::roster::Pulse;
use domain::host::HostId;
use domain::time::Steady;
use futures_util::stream;
use std::convert::Infallible;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Between two looks, in milliseconds: a page shows what happened within a second.
const LOOK_MS: u64 = 500;
/// Looks between two signs that the stream lives, so that proxies keep it open.
const LOOKS_PER_SIGN: u32 = 30;
/// Looks after which a stream ends and the client, who comes back by himself, proves again who he is.
const LOOKS_MOST: u32 = 1_200;
/// Streams open at one time.
const STREAMS_MOST: usize = 500;
/// Hosts one stream follows.
const HOSTS_MOST: usize = 100;

/// One open stream.
struct Stream {
    state: web::Data<WebState>,
    hosts: Vec<Followed>,
    changes: u64,
    looks: u32,
}

/// A host whose heartbeats are told.
struct Followed {
    id: HostId,
    pulse: Arc<Pulse>,
    seen: Option<Steady>,
}

/// Streams what happens.
///
/// # Errors
/// Too many hosts in `hosts`, or too many streams.
#[utoipa::path(get, path = "/api/v1/events", tag = "events", operation_id = "events",
    params(("hosts" = Option<String>, Query, description = "Ids of at most 100 hosts whose heartbeats are told, with commas between")),
    responses((status = 200, content_type = "text/event-stream", body = String,
        description = "Server-sent events: `changed` (data `{}`) and `beat` (data `{\"host_id\":…}`); ends after ten minutes")))]
pub(crate) async fn show(state: web::Data<WebState>, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    let mut params = Params::of(req.query_string());
    let asked = params.text("hosts").unwrap_or_default();
    params.done()?;
    let ids: Vec<&str> = asked.split(',').filter(|id| !id.is_empty()).collect();
    if ids.len() > HOSTS_MOST {
        return Err(ApiError::field("hosts", format!("must name at most {HOSTS_MOST} hosts")));
    }
    let follow = |id: &str| {
        let entry = state.hub.roster().find(id)?;
        Some(Followed { id: entry.host_id.clone(), seen: entry.pulse.last_seen(), pulse: entry.pulse.clone() })
    };
    let hosts = ids.into_iter().filter_map(follow).collect();
    let stream = Stream::open(state.clone(), hosts)?;
    let body = stream::unfold(stream, |mut stream| async move {
        let told = stream.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(told)), stream))
    });
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(body))
}

impl Stream {
    fn open(state: web::Data<WebState>, hosts: Vec<Followed>) -> Result<Stream, ApiError> {
        if state.streams.fetch_add(1, Ordering::AcqRel) >= STREAMS_MOST {
            state.streams.fetch_sub(1, Ordering::AcqRel);
            return Err(ApiError::unavailable("too_many_streams", "too many event streams are open"));
        }
        let changes = state.hub.db().stats().changes.load(Ordering::Acquire);
        Ok(Stream { state, hosts, changes, looks: 0 })
    }

    /// Waits until there is something to say; none when it is over.
    async fn next(&mut self) -> Option<String> {
        if self.looks == 0 {
            self.looks = 1;
            return Some("retry: 2000\n: welcome\n\n".into());
        }
        loop {
            if self.looks >= LOOKS_MOST || self.state.streams_end.load(Ordering::Acquire) {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(LOOK_MS)).await;
            self.looks += 1;
            let mut told = self.look();
            if told.is_empty() && self.looks.is_multiple_of(LOOKS_PER_SIGN) {
                told.push_str(": still here\n\n");
            }
            if !told.is_empty() {
                return Some(told);
            }
        }
    }

    fn look(&mut self) -> String {
        let mut told = String::new();
        let changes = self.state.hub.db().stats().changes.load(Ordering::Acquire);
        if std::mem::replace(&mut self.changes, changes) != changes {
            told.push_str("event: changed\ndata: {}\n\n");
        }
        for host in &mut self.hosts {
            let seen = host.pulse.last_seen();
            if std::mem::replace(&mut host.seen, seen) != seen {
                // An id is letters, digits and `._-`: nothing in it needs an escape.
                let _ = write!(told, "event: beat\ndata: {{\"host_id\":\"{}\"}}\n\n", host.id);
            }
        }
        told
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.state.streams.fetch_sub(1, Ordering::AcqRel);
    }
}
