//! What every handler shares: the hub, who may do what, and how addresses are told.

use crate::auth::Gatekeeper;
use crate::auth::guesses::Guesses;
use crate::limits::WebLimits;
use crate::setup::SetupLink;
use actors::hub::Hub;
use domain::schedule::BusinessHours;
use ipnet::IpNet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What the web is made of.
pub struct WebParts {
    /// The hub it shows.
    pub hub: Hub,
    /// Business hours as configured.
    pub business: BusinessHours,
    /// `PUBLIC_URL`: base of copied URLs, without a slash at its end; none: from the request.
    pub public_url: Option<String>,
    /// Whose `X-Forwarded-*` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The one-time set-up link.
    pub setup: SetupLink,
    /// `API_KEY`: a management key to accept from the start.
    pub api_key_from_env: Option<String>,
    /// Bounds.
    pub limits: WebLimits,
}

/// The same, ready to serve; shared by all workers.
pub struct WebState {
    /// The hub it shows.
    pub hub: Hub,
    /// Business hours as configured.
    pub business: BusinessHours,
    /// Base of copied URLs, without a slash at its end.
    pub public_url: Option<String>,
    /// Whose `X-Forwarded-*` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The one-time set-up link.
    pub setup: SetupLink,
    /// Bounds.
    pub limits: WebLimits,
    pub(crate) gatekeeper: Gatekeeper,
    /// Event streams that are open.
    pub(crate) streams: AtomicUsize,
    /// Event streams end now.
    pub(crate) streams_end: AtomicBool,
    /// Wrong passwords.
    pub(crate) sign_ins: Mutex<Guesses>,
}

impl WebState {
    /// The state made of `parts`.
    pub fn new(parts: WebParts) -> WebState {
        let WebParts { hub, business, public_url, trusted_proxies, setup, api_key_from_env, limits } = parts;
        let gatekeeper = Gatekeeper::new(&hub, api_key_from_env.as_deref());
        let public_url = public_url.map(|url| url.trim_end_matches('/').to_owned());
        WebState {
            hub,
            business,
            public_url,
            trusted_proxies,
            setup,
            limits,
            gatekeeper,
            streams: AtomicUsize::new(0),
            streams_end: AtomicBool::new(false),
            sign_ins: Mutex::default(),
        }
    }

    /// Ends every event stream: they would hold up a server that stops.
    pub fn end_streams(&self) {
        self.streams_end.store(true, Ordering::Release);
    }
}
