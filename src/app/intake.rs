//! How log lines come in, as the configuration says it: SSH, and the sockets of syslog, bound before anything is touched.

use super::StartError;
use crate::config::{Config, IntakeSettings};
use actors::logs::{Intake, Listeners, Passphrase, SshSettings};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;

/// Where log lines come from.
pub(super) fn new(config: &Config) -> Arc<Intake> {
    let settings = &config.intake;
    let passphrase = settings.ssh_key_passphrase.as_ref().map(|secret| Passphrase::new(secret.expose()));
    Intake::new(SshSettings { allow_public: settings.ssh_allow_public, passphrase }, config.limits.spool, config.limits.syslog)
}

/// The sockets of syslog.
///
/// # Errors
/// One that cannot be had, with its setting.
pub(super) fn bind(settings: &IntakeSettings) -> Result<Listeners, StartError> {
    let failed = |name: &str, address: SocketAddr, error: std::io::Error| {
        let hint =
            if address.port() < 1_024 { "; a port below 1024 needs a privilege: take 5514 and redirect 514 to it" } else { "" };
        StartError::Config(format!("{name}: cannot listen on {address}: {error}; choose another address or port{hint}"))
    };
    let udp = settings.syslog_udp.map(|address| UdpSocket::bind(address).map_err(|e| failed("SYSLOG_UDP", address, e)));
    let tcp = settings.syslog_tcp.map(|address| TcpListener::bind(address).map_err(|e| failed("SYSLOG_TCP", address, e)));
    for (name, address) in [("UDP", settings.syslog_udp), ("TCP", settings.syslog_tcp)] {
        if let Some(address) = address {
            log::info!("syslog is received on {address} by {name}, from senders that are bound to hosts");
        }
    }
    Ok(Listeners { udp: udp.transpose()?, tcp: tcp.transpose()? })
}
