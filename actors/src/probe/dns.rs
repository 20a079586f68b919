//! One DNS server, asked directly, past the machine's own resolver and without any cache.

use crate::clock::Clock;
use domain::uplink::{Dns, Probe};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use std::net::IpAddr;
use std::time::Duration;

/// For one try, over UDP and then over TCP.
const TRY_MS: u64 = 1_500;
/// Tries: one lost packet is no dead server.
const TRIES: usize = 2;
/// For all of it.
const TOTAL_MS: u64 = 6_000;

pub(super) async fn probe(server: IpAddr, name: &str, clock: &Clock) -> Probe<Dns> {
    let began = clock.steady();
    let asked = tokio::time::timeout(Duration::from_millis(TOTAL_MS), ask(server, name)).await;
    let ms = clock.steady().since_ms(began);
    let heard = match asked {
        Err(_) => Dns::Silent(format!("{TOTAL_MS} ms")),
        Ok(Ok(())) => Dns::Resolved(ms),
        Ok(Err(NetError::Dns(e))) => Dns::Refused(said(&e)),
        Ok(Err(NetError::Timeout)) => Dns::Silent(format!("{ms} ms")),
        Ok(Err(e)) => Dns::Silent(e.to_string()),
    };
    Probe { target: server.to_string(), heard }
}

async fn ask(server: IpAddr, name: &str) -> Result<(), NetError> {
    let config = ResolverConfig::from_name_servers(vec![NameServerConfig::udp_and_tcp(server)]);
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    let options = builder.options_mut();
    options.timeout = Duration::from_millis(TRY_MS);
    options.attempts = TRIES;
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Never;
    let resolver = builder.build()?;
    resolver.ipv4_lookup(name).await.map(drop)
}

/// What the server answered instead, in a few words.
fn said(error: &DnsError) -> String {
    match error {
        DnsError::ResponseCode(code) => code.to_string(),
        DnsError::NoRecordsFound(_) => "no such name".to_owned(),
        other => other.to_string(),
    }
}
