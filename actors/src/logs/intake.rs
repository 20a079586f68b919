//! All ways in which log lines come to the hub, as one value: made before the hub, opened when it runs.

use super::source::{FetchError, LogSource};
use super::spool::{SpoolLimits, Spools};
use super::ssh_source::{LogHost, Ssh, SshSettings};
use super::syslog::{self, Listeners, SyslogLimits};
use crate::db::DbError;
use crate::hub::Hub;
use crate::roster::Roster;
use crate::supervision::{AdminError, Supervisor};
use domain::logs::target::SshTarget;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use store::{StoreError, syslog_sources};

/// Where log lines come from.
pub struct Intake {
    settings: SshSettings,
    spools: Spools,
    limits: SyslogLimits,
    /// Whether anything is listened to.
    listens: AtomicBool,
    /// Not the hub itself: it keeps this.
    opened: OnceLock<(Arc<Roster>, Ssh)>,
}

impl Intake {
    /// As the operator wants it; nothing can be fetched before it is opened.
    pub fn new(settings: SshSettings, spool: SpoolLimits, limits: SyslogLimits) -> Arc<Intake> {
        Arc::new(Intake {
            settings,
            spools: Spools::new(spool),
            limits,
            listens: AtomicBool::new(false),
            opened: OnceLock::new(),
        })
    }

    /// The log of the host in `row`, over SSH.
    ///
    /// # Errors
    /// When the hub does not run yet.
    pub fn ssh(&self, row: i64, host_id: &str, target: SshTarget) -> Result<Arc<dyn LogSource>, FetchError> {
        let starting = || FetchError::Retryable { why: "the hub is starting".into(), at_most_wait: None };
        let (roster, ssh) = self.opened.get().ok_or_else(starting)?;
        let name = roster.find(host_id).map_or_else(|| host_id.to_owned(), |entry| entry.name.to_string());
        Ok(Arc::new(ssh.source(LogHost { row, host_id: host_id.to_owned(), name }, target)))
    }

    /// The log of the host in `row`, as far as it has sent one by syslog.
    pub fn syslog(&self, row: i64) -> Arc<dyn LogSource> {
        Arc::new(self.spools.source(row))
    }

    /// What waits of syslog, and who sends.
    pub fn spools(&self) -> &Spools {
        &self.spools
    }

    /// Whether syslog is received at all.
    pub fn listens(&self) -> bool {
        self.listens.load(Ordering::Relaxed)
    }

    /// Binds just these senders to the host in `row`, from now on.
    ///
    /// # Errors
    /// An address that belongs to another host, or the store.
    pub async fn bind(&self, hub: &Hub, row: i64, addresses: Vec<IpAddr>, who: String) -> Result<(), DbError> {
        let (at, spools) = (hub.now().wall, self.spools.clone());
        let bind = move |tx: &store::Transaction<'_>| {
            syslog_sources::set(tx, row, &addresses, &who, at)?;
            syslog_sources::list(tx)
        };
        hub.db().write_and_tell("syslog sources", bind, move |all| spools.bind(all)).await.map(drop)
    }

    /// Begins to listen, with what the store says of senders.
    pub(crate) async fn open(&self, hub: &Hub, supervisor: &Supervisor, listeners: Listeners) -> Result<(), StoreError> {
        let ssh = Ssh::new(hub.db().clone(), hub.clock().clone(), self.settings.clone());
        let _ = self.opened.set((hub.0.roster.clone(), ssh));
        let bound = hub.db().read(syslog_sources::list).await.map_err(|e| StoreError::Other(e.to_string()))?;
        self.spools.bind(&bound);
        let failed = |e: AdminError| StoreError::Other(format!("syslog cannot be received: {e}"));
        self.listens.store(listeners.udp.is_some() || listeners.tcp.is_some(), Ordering::Relaxed);
        syslog::receive(supervisor, listeners, &self.spools, hub.clock(), self.limits).await.map_err(failed)
    }
}
