//! How log lines come in: what SSH may do, and where syslog is received. All of it is fixed while the hub runs.

use super::layers::Layers;
use super::secret::Secret;
use super::values;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The settings.
#[derive(Clone, Debug, Default)]
pub struct IntakeSettings {
    /// `SSH_ALLOW_PUBLIC`.
    pub ssh_allow_public: bool,
    /// `SSH_KEY_PASSPHRASE`.
    pub ssh_key_passphrase: Option<Secret>,
    /// `SYSLOG_UDP`; none: not received.
    pub syslog_udp: Option<SocketAddr>,
    /// `SYSLOG_TCP`; none: not received.
    pub syslog_tcp: Option<SocketAddr>,
}

pub(super) fn read(layers: &mut Layers) -> IntakeSettings {
    IntakeSettings {
        ssh_allow_public: layers.value("SSH_ALLOW_PUBLIC", false, values::switch),
        ssh_key_passphrase: layers.optional("SSH_KEY_PASSPHRASE", |text| Ok(Secret::new(text))),
        syslog_udp: layers.optional("SYSLOG_UDP", address),
        syslog_tcp: layers.optional("SYSLOG_TCP", address),
    }
}

/// `ADDRESS:PORT`, or a port of all addresses.
fn address(text: &str) -> Result<SocketAddr, String> {
    let port = || text.parse().ok().map(|port| SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port));
    let fix = "must be an address and a port such as 192.168.1.10:5514 or [::]:5514, or a port alone for all addresses";
    text.parse().ok().or_else(port).ok_or_else(|| fix.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_one_of_all_addresses() {
        assert_eq!(address("5514"), Ok("0.0.0.0:5514".parse().unwrap()));
        assert_eq!(address("[::]:5514"), Ok("[::]:5514".parse().unwrap()));
        for wrong in ["", "x", "127.0.0.1", "127.0.0.1:70000", ":5514", "localhost:5514", "-1"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }
}
