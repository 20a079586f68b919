//! What all analysts share: the store, the clock, where lines come from, what must not leave, and how much may be done at once.

use super::analyst::AnalystActor;
use super::source::{FetchError, FetchLimits, LogSource};
use crate::clock::Clock;
use crate::db::Db;
use crate::llm::{LlmActor, LlmConfig, LlmLimits};
use crate::supervision::Addr;
use domain::log_settings::LogSettings;
use domain::redact::Secret;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use store::seal::Keyring;
use tokio::sync::Semaphore;

/// A host whose log is analysed.
#[derive(Clone, Debug)]
pub struct Target {
    /// `hosts.id`.
    pub row: i64,
    /// Public id.
    pub host_id: Arc<str>,
    /// How.
    pub settings: Arc<LogSettings>,
    /// A paused host is looked at on demand only.
    pub paused: bool,
}

/// Who knows where a host's lines come from.
pub trait Sources: Send + Sync {
    /// The source of this host's lines.
    ///
    /// # Errors
    /// What is wrong with its description, or with the hub's.
    fn source(&self, target: &Target) -> Result<Arc<dyn LogSource>, FetchError>;
}

impl<F> Sources for F
where
    F: Fn(&Target) -> Result<Arc<dyn LogSource>, FetchError> + Send + Sync,
{
    fn source(&self, target: &Target) -> Result<Arc<dyn LogSource>, FetchError> {
        self(target)
    }
}

/// Bounds of analyses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLimits {
    /// Of one read.
    pub fetch: FetchLimits,
    /// Logs read and held in memory at once.
    pub analyses_at_once: usize,
    /// The longest wait after failed reads, in milliseconds.
    pub retry_wait_ms_most: u64,
}

impl Default for LogLimits {
    fn default() -> LogLimits {
        LogLimits { fetch: FetchLimits::default(), analyses_at_once: 4, retry_wait_ms_most: 3_600_000 }
    }
}

/// The configured secrets as they are now: they must leave in no body.
pub type SecretsNow = Arc<dyn Fn() -> Vec<Secret> + Send + Sync>;

/// What log analysis is made of.
#[derive(Clone)]
pub struct LogParts {
    /// Where lines come from.
    pub sources: Arc<dyn Sources>,
    /// What must not leave.
    pub secrets: SecretsNow,
    /// The model's endpoint; `None`: local rules alone.
    pub llm: Option<LlmConfig>,
    /// Bounds of what is asked.
    pub llm_limits: LlmLimits,
    /// Bounds of analyses.
    pub limits: LogLimits,
}

impl LogParts {
    /// Nothing to read and nobody to ask: for tests that are about something else.
    pub fn none() -> LogParts {
        let refused = |_: &Target| Err(FetchError::Refused { why: "there is no source of log lines".to_owned() });
        LogParts {
            sources: Arc::new(refused),
            secrets: Arc::new(Vec::new),
            llm: None,
            llm_limits: LlmLimits::default(),
            limits: LogLimits::default(),
        }
    }
}

/// What analysts share.
pub struct Desk {
    pub(super) db: Db,
    pub(super) clock: Clock,
    pub(super) keyring: Arc<Keyring>,
    pub(super) sources: Arc<dyn Sources>,
    pub(super) secrets: SecretsNow,
    pub(super) llm: Addr<LlmActor>,
    pub(super) llm_limits: LlmLimits,
    pub(super) limits: LogLimits,
    /// Bounds how many logs are in memory at once.
    pub(super) turns: Semaphore,
    pub(super) analysts: Arc<Analysts>,
}

impl Desk {
    /// A desk over `db`; `analysts` is where the keeper notes who reads which log.
    pub fn new(
        db: Db,
        clock: Clock,
        keyring: Arc<Keyring>,
        parts: LogParts,
        llm: Addr<LlmActor>,
        analysts: Arc<Analysts>,
    ) -> Desk {
        let LogParts { sources, secrets, llm_limits, limits, .. } = parts;
        let turns = Semaphore::new(limits.analyses_at_once.max(1));
        Desk { db, clock, keyring, sources, secrets, llm, llm_limits, limits, turns, analysts }
    }
}

/// Who reads which host's log, by the host's public id; readable from any thread.
#[derive(Default)]
pub struct Analysts(RwLock<HashMap<String, Addr<AnalystActor>>>);

impl Analysts {
    /// Who reads the log of this host.
    pub fn find(&self, host_id: &str) -> Option<Addr<AnalystActor>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(host_id).cloned()
    }

    pub(super) fn put(&self, host_id: &str, addr: Addr<AnalystActor>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(host_id.to_owned(), addr);
    }

    pub(super) fn remove(&self, host_id: &str) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(host_id);
    }
}
