//! The probes of the uplink: who is asked in one round, and how. Each is bounded in time, tried again where packets get lost, and all
//! are asked at once.

mod dns;
mod endpoint;
mod gateway;
mod ping;
mod reach;
mod web;

pub use endpoint::Endpoint;

use crate::clock::Clock;
use domain::uplink::Round;
use futures_util::future::{LocalBoxFuture, join_all};
use futures_util::join;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;

/// Who is asked unless somebody says otherwise.
const DNS_SERVERS: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::new(8, 8, 8, 8)), IpAddr::V4(Ipv4Addr::new(1, 1, 1, 1))];
const ENDPOINTS: [&str; 4] = [
    "http://connectivitycheck.gstatic.com/generate_204#204",
    "http://cp.cloudflare.com/generate_204#204",
    "http://detectportal.firefox.com/success.txt#200:success",
    "https://www.gstatic.com/generate_204#204",
];
/// A name that certainly exists: the root of what everybody resolves.
const NAME: &str = "one.one.one.one.";
/// Most servers, and most endpoints.
pub const TARGETS_MAX: usize = 8;

/// Asks everybody once; tests put a network without sockets here.
pub trait Probes {
    /// One round.
    fn round(&self) -> LocalBoxFuture<'static, Round>;
}

/// Who is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Targets {
    /// DNS servers, each asked directly, and connected to on port 443 as addresses that need no name.
    pub dns: Vec<IpAddr>,
    /// The name they are asked for.
    pub name: String,
    /// Web endpoints and what they must say.
    pub web: Vec<Endpoint>,
    /// The gateway; none: the one of the routing table.
    pub gateway: Option<IpAddr>,
}

impl Default for Targets {
    fn default() -> Targets {
        let web = ENDPOINTS.iter().filter_map(|text| Endpoint::parse(text).ok()).collect();
        Targets { dns: DNS_SERVERS.to_vec(), name: NAME.to_owned(), web, gateway: None }
    }
}

/// The probes over real sockets.
pub struct Network {
    targets: Rc<Targets>,
    clock: Clock,
}

impl Network {
    /// Probes of these targets; to be made on the thread that uses them.
    pub fn new(targets: Targets, clock: Clock) -> Network {
        Network { targets: Rc::new(targets), clock }
    }
}

impl Probes for Network {
    fn round(&self) -> LocalBoxFuture<'static, Round> {
        let (targets, clock) = (self.targets.clone(), self.clock.clone());
        Box::pin(async move {
            let dns = join_all(targets.dns.iter().map(|server| dns::probe(*server, &targets.name, &clock)));
            let reach = join_all(targets.dns.iter().map(|server| reach::probe(*server, &clock)));
            let web = join_all(targets.web.iter().map(|endpoint| web::probe(endpoint, &clock)));
            let gateway = gateway::probe(targets.gateway, &clock);
            let (dns, reach, web, gateway) = join!(dns, reach, web, gateway);
            Round { dns, reach, web, gateway: Some(gateway) }
        })
    }
}
