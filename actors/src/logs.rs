//! How the lines of hosts' logs come to the hub: fetched over SSH, or sent by syslog.

mod intake;
pub mod source;
pub mod spool;
mod ssh;
pub mod ssh_shell;
pub mod ssh_source;
mod syslog;

pub use intake::Intake;
pub use ssh_source::{LogHost, Passphrase, Ssh, SshSettings};
pub use syslog::{Listeners, SyslogLimits, receive};
