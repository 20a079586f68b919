//! How long a host was up, and when it was not.

use super::id_in;
use crate::error::ApiError;
use crate::query::Params;
use crate::state::WebState;
use crate::{story, time_text};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use store::uptime::{Outage, Share};
use utoipa::ToSchema;

/// How long a host was up.
#[derive(Serialize, ToSchema)]
pub struct UptimeView {
    /// Its name in URLs.
    pub host_id: String,
    /// The last 24 hours, 7, 30 and 90 days.
    pub windows: Vec<WindowView>,
    /// Its outages in the last 90 days, the newest first, at most 50.
    pub outages: Vec<OutageView>,
}

/// How long a host was up in the time that ends now. Time before it was added and time in which it was paused do not count.
#[derive(Serialize, ToSchema)]
pub struct WindowView {
    /// How long that time is.
    #[schema(example = "24h")]
    pub window: &'static str,
    /// Time up of the time watched, in percent; none when it was not watched.
    #[schema(required, example = 99.95)]
    pub uptime_percent: Option<f64>,
    /// Seconds in which it was watched.
    pub watched_seconds: i64,
    /// Of those, seconds in which it was down.
    pub down_seconds: i64,
    /// Outages in this time, also those that began before.
    pub outages: u32,
}

/// A time in which a host was down.
#[derive(Serialize, ToSchema)]
pub struct OutageView {
    /// Number of the alert.
    pub alert_id: i64,
    /// When the alert was opened.
    #[schema(format = DateTime)]
    pub from: String,
    /// When it ended; none while it lasts.
    #[schema(required, format = DateTime)]
    pub to: Option<String>,
    /// Why, in one line.
    pub message: String,
}

/// How long a host was up, and its outages.
///
/// # Errors
/// An unknown host, or the store.
#[utoipa::path(get, path = "/api/v1/hosts/{host_id}/uptime", tag = "hosts", operation_id = "get_uptime",
    params(("host_id" = String, Path, description = "Public id of the host")), responses((status = 200, body = UptimeView)))]
pub(crate) async fn uptime(state: web::Data<WebState>, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    Params::of(req.query_string()).done()?;
    let host_id = id_in(&req)?;
    let story = story::of(&state, host_id).await?;
    let spans =
        [("24h", story.uptime.day), ("7d", story.uptime.week), ("30d", story.uptime.month), ("90d", story.uptime.quarter)];
    Ok(HttpResponse::Ok().json(UptimeView {
        host_id: host_id.to_owned(),
        windows: spans.into_iter().map(|(window, share)| window_view(window, share)).collect(),
        outages: story.outages.into_iter().map(outage_view).collect(),
    }))
}

fn window_view(window: &'static str, share: Share) -> WindowView {
    WindowView {
        window,
        uptime_percent: share.percent(),
        watched_seconds: share.watched_ms / 1_000,
        down_seconds: share.down_ms / 1_000,
        outages: share.outages,
    }
}

fn outage_view(outage: Outage) -> OutageView {
    OutageView {
        alert_id: outage.alert,
        from: time_text::text(outage.from),
        to: outage.to.map(time_text::text),
        message: outage.message,
    }
}
