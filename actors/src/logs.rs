//! How the lines of hosts' logs come to the hub: fetched over SSH, or sent by syslog.

pub mod source;
mod ssh;
pub mod ssh_shell;
pub mod ssh_source;

pub use ssh_source::{LogHost, Passphrase, Ssh, SshSettings};
