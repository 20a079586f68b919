//! What the hub can be asked about logs: a look now, how the model's side is, and which address a pseudonym stands for.

use super::{Hub, HubError};
use crate::db::DbError;
use crate::llm::{LlmState, LlmStatus};
use crate::logs::{Analyze, Begun, HostsChanged, addresses};
use std::net::IpAddr;
use std::time::Duration;

impl Hub {
    /// Looks at a host's log now; the look's end is seen in the store.
    ///
    /// # Errors
    /// An unknown host, or one whose log nobody has described.
    pub async fn analyze(&self, host_id: &str) -> Result<Begun, HubError> {
        self.entry(host_id)?;
        let described = || {
            let fix = "this host's log is not described: set log_analysis on the host, at least ssh_host and ssh_user";
            HubError::NotNow(fix.to_owned())
        };
        let analyst = self.0.analysts.find(host_id).ok_or_else(described)?;
        let asked = analyst.send(Analyze).timeout(Duration::from_secs(5)).await;
        asked.map_err(|e| HubError::Db(DbError::NotDone(format!("the log's actor did not answer: {e}"))))
    }

    /// How the model's side is.
    ///
    /// # Errors
    /// An actor that does not answer.
    pub async fn llm(&self) -> Result<LlmState, HubError> {
        let asked = self.0.llm.send(LlmStatus).timeout(Duration::from_secs(5)).await;
        asked.map_err(|e| HubError::Db(DbError::NotDone(format!("the actor that asks models did not answer: {e}"))))
    }

    /// Who knows which address a pseudonym in a host's findings stands for.
    ///
    /// # Errors
    /// The store, or a key that does not fit the database.
    pub async fn addresses(&self, host: i64) -> Result<impl Fn(&str) -> Option<IpAddr> + use<>, HubError> {
        let state = self.db().read(move |conn| store::logs::state(conn, host)).await?;
        Ok(addresses(&state, self.keyring()).map_err(DbError::from)?)
    }

    /// Those who read logs look by themselves, but not at once.
    pub(super) fn tell_logs(&self) {
        self.0.logs.do_send(HostsChanged);
    }
}
