//! Which machine is asked for its log, and whether it may be: only machines of the user's own network, unless the operator says otherwise.

use super::command::LogCommand;
use std::net::{IpAddr, Ipv4Addr};

/// How a host's log is fetched over SSH: where, as whom, with what, and what is run there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshTarget {
    /// A name or an address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The account.
    pub user: String,
    /// The private key, a file on the hub's machine; `~/` is the hub's own home.
    pub key_path: String,
    /// What prints the log.
    pub command: LogCommand,
}

impl SshTarget {
    /// `host:port`, what its host key is pinned for.
    pub fn address(&self) -> String {
        let host = self.bare_host();
        if host.contains(':') { format!("[{host}]:{}", self.port) } else { format!("{host}:{}", self.port) }
    }

    /// The name or address without brackets.
    pub fn bare_host(&self) -> &str {
        self.host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&self.host)
    }

    /// The same for the same settings: what an authentication that failed belongs to. Nothing is tried again with it.
    pub fn fingerprint(&self) -> String {
        format!("{}@{} {}", self.user, self.address(), self.key_path)
    }
}

/// Whether `address` is private, link-local or loopback: a machine of the user's own network. The address shared by a provider's
/// customers (100.64.0.0/10), which overlay networks use too, is not.
///
/// ```
/// use domain::logs::target::is_internal;
/// let internal = |text: &str| is_internal(text.parse().unwrap());
/// assert!(internal("192.168.1.5") && internal("127.0.0.1") && internal("fd00::1") && internal("fe80::1") && internal("::1"));
/// assert!(internal("::ffff:10.0.0.1") && !internal("::ffff:8.8.8.8"));
/// assert!(!internal("8.8.8.8") && !internal("0.0.0.0") && !internal("2001:db8::1") && !internal("100.64.0.1"));
/// ```
pub fn is_internal(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => is_internal_v4(v4),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

fn is_internal_v4(address: Ipv4Addr) -> bool {
    address.is_private() || address.is_loopback() || address.is_link_local()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_written_as_in_a_url() {
        let command = LogCommand::parse("dmesg").unwrap();
        let mut target = SshTarget { host: "nas.lan".into(), port: 22, user: "logs".into(), key_path: "/k".into(), command };
        assert_eq!((target.address(), target.fingerprint()), ("nas.lan:22".into(), "logs@nas.lan:22 /k".into()));
        for host in ["fd00::5", "[fd00::5]"] {
            target.host = host.into();
            assert_eq!((target.address(), target.bare_host()), ("[fd00::5]:22".into(), "fd00::5"));
        }
    }
}
