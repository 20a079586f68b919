//! What the hub asks of an SSH client, whoever writes it: a checked address, one key, one try, commands with capped output.

use futures_util::future::BoxFuture;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use store::host_keys::ShownKey;

/// Kept of what a command complains about.
pub const STDERR_BYTES: usize = 4_096;

/// A private key as its file holds it; prints nothing.
#[derive(Clone)]
pub struct KeyFile {
    /// The text of the file.
    pub text: Arc<str>,
    /// What opens it, if it is encrypted.
    pub passphrase: Option<Arc<str>>,
}

impl std::fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyFile(hidden)")
    }
}

/// Whom to call, and as whom.
#[derive(Clone, Debug)]
pub struct Call {
    /// An address that was checked: nothing is looked up again.
    pub address: SocketAddr,
    /// The account.
    pub user: String,
    /// The key that proves it.
    pub key: KeyFile,
    /// The host key the server must show; with none nothing but its key is learned.
    pub pinned: Option<ShownKey>,
    /// To get a connection and to prove both sides, each.
    pub connect_wait: Duration,
}

/// Bounds of one command.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Most bytes of output; the rest is never read.
    pub bytes_most: usize,
    /// Longest time without a byte.
    pub idle_wait: Duration,
    /// Longest time altogether.
    pub total_wait: Duration,
}

/// What a command left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// What it printed, at most [`Bounds::bytes_most`].
    pub stdout: Vec<u8>,
    /// The first [`STDERR_BYTES`] of its complaints.
    pub stderr: Vec<u8>,
    /// Its exit code; none if it was cut off or killed.
    pub exit_code: Option<i32>,
    /// The signal that killed it.
    pub signal: Option<String>,
    /// Why it was not read to its end.
    pub cut: Option<Cut>,
}

/// Why the rest of an output was not waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// It was longer than may be.
    Full,
    /// Nothing came for too long.
    Idle,
    /// It took too long.
    Total,
}

/// Why there is no shell, or no output.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShellError {
    /// No connection, or none that speaks SSH.
    #[error("{0}")]
    Unreachable(String),
    /// The server showed a key that is not the pinned one; nothing was told to it.
    #[error("the server shows the host key {}", .0.fingerprint)]
    Shows(ShownKey),
    /// The server has no key of the pinned kind.
    #[error("the server has no host key of the accepted kind any more")]
    ShowsNone,
    /// It does not take this key for this account.
    #[error("the server refused the key")]
    Denied,
    /// The private key cannot be used.
    #[error("the private key {0}")]
    BadKey(String),
    /// The connection ended before its time.
    #[error("the connection was lost: {0}")]
    Lost(String),
    /// The server does not run commands for this account.
    #[error("the server runs no command: {0}")]
    NoCommand(String),
}

/// Makes connections.
pub trait Shell: Send + Sync {
    /// Connects, checks the host key, and only then proves who we are: once.
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Box<dyn Session>, ShellError>>;
}

/// A connection on which commands can be run, one after another.
pub trait Session: Send {
    /// Runs a command without a terminal.
    fn run(&mut self, command: String, bounds: Bounds) -> BoxFuture<'_, Result<Output, ShellError>>;

    /// Says goodbye; dropping it without that is harmless.
    fn end(self: Box<Self>) -> BoxFuture<'static, ()>;
}
