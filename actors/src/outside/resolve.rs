//! Names to addresses as this machine's resolver is set up, without a blocking thread: a lookup that hangs holds up no shutdown.

use hickory_resolver::TokioResolver;
use std::net::IpAddr;
use std::time::Duration;

/// For one server.
const SERVER_MS: u64 = 2_000;
/// For the whole lookup.
const TOTAL_MS: u64 = 4_000;

/// The addresses of `host`, which may be an address itself. `/etc/resolv.conf` is read anew each time: networks change.
pub(crate) async fn system(host: &str) -> Result<Vec<IpAddr>, String> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    if let Ok(address) = bare.parse() {
        return Ok(vec![address]);
    }
    let mut builder = TokioResolver::builder_tokio().map_err(|e| format!("this machine's resolver cannot be read: {e}"))?;
    let options = builder.options_mut();
    options.timeout = Duration::from_millis(SERVER_MS);
    options.attempts = 1;
    options.cache_size = 0;
    let resolver = builder.build().map_err(|e| e.to_string())?;
    let lookup = tokio::time::timeout(Duration::from_millis(TOTAL_MS), resolver.lookup_ip(host));
    let found = lookup.await.map_err(|_| format!("no answer within {TOTAL_MS} ms"))?.map_err(|e| e.to_string())?;
    Ok(found.iter().collect())
}
