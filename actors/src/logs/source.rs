//! The seam between what fetches a host's log and what reads it: lines come in, and where the next read begins.

use futures_util::future::BoxFuture;
use std::time::Duration;

/// What one read of a host's log gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fetched {
    /// The lines, raw, without line ends.
    pub lines: Vec<Vec<u8>>,
    /// Where the next read begins; stored only with the analysis.
    pub cursor: Cursor,
    /// How the command ended, if one was run.
    pub exit_code: Option<i32>,
    /// The first 4 kB of what it complained about.
    pub stderr: String,
    /// There was more than the limits allow.
    pub was_cut: bool,
    /// What people should know of this read, such as "log was rotated".
    pub note: Option<String>,
}

/// Where a read begins: opaque to whoever reads the lines, JSON in the store.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cursor(pub serde_json::Value);

/// Bounds of one read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchLimits {
    /// To get a connection, in milliseconds.
    pub connect_wait_ms: u64,
    /// Without a byte arriving, in milliseconds.
    pub idle_wait_ms: u64,
    /// For the whole read, in milliseconds.
    pub total_wait_ms: u64,
    /// Bytes of lines.
    pub bytes_most: usize,
    /// Lines: also what `{{lines}}` in a command becomes.
    pub lines_most: usize,
}

impl Default for FetchLimits {
    fn default() -> FetchLimits {
        FetchLimits {
            connect_wait_ms: 10_000,
            idle_wait_ms: 30_000,
            total_wait_ms: 120_000,
            bytes_most: 64 << 20,
            lines_most: 1_000_000,
        }
    }
}

/// Why a read gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// It may work later.
    #[error("{why}")]
    Retryable {
        /// What happened, lower-case, without a secret.
        why: String,
        /// Try again after this long at the latest.
        at_most_wait: Option<Duration>,
    },
    /// It needs a person: authentication failed, the host key changed. Nothing is tried by itself any more.
    #[error("{why}")]
    Stopped {
        /// What happened, and what to do.
        why: String,
    },
    /// The configuration is wrong.
    #[error("{why}")]
    Refused {
        /// What is wrong, and the fix.
        why: String,
    },
}

/// Where a host's lines come from.
pub trait LogSource: Send + Sync {
    /// Reads on from `since`, or from the beginning of what is of interest.
    fn fetch(&self, since: Option<Cursor>, limits: FetchLimits) -> BoxFuture<'_, Result<Fetched, FetchError>>;
}
