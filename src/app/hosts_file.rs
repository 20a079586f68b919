//! Applies `hosts.yaml` to a running hub: creates and updates the hosts it names, never deletes.

use super::StartError;
use crate::config::{Change, Config, HostsFile, plan};
use actors::hub::{Hub, HubError};
use domain::host::HostDraft;
use store::hosts::HostRecord;

/// Follows the plan that `check-config` shows.
pub(super) async fn apply(hub: &Hub, config: &Config) -> Result<(), StartError> {
    let wanted = HostsFile::load(&config.hosts_file, &config.environment, &config.business_hours)
        .map_err(|e| StartError::Config(e.to_string()))?;
    if wanted.is_empty() {
        return Ok(());
    }
    let current = current(hub, config).await?;
    for change in plan(&current, &wanted, &config.business_hours) {
        let (line, host_id) = (change.line(), change.host_id().to_owned());
        if let Err(e) = follow(hub, change).await {
            log::error!("{}:{line}: host {host_id} was left as it is: {e}", config.hosts_file.display());
        }
    }
    Ok(())
}

async fn current(hub: &Hub, config: &Config) -> Result<Vec<HostRecord>, StartError> {
    let business = config.business_hours.clone();
    let loaded = hub.db().read(move |conn| store::hosts::load_all(conn, &business)).await;
    let loaded = loaded.map_err(|e| StartError::Config(format!("the hosts could not be compared with hosts.yaml: {e}")))?;
    Ok(loaded.into_iter().filter_map(Result::ok).collect())
}

async fn follow(hub: &Hub, change: Change) -> Result<(), HubError> {
    match change {
        Change::Create { spec, token, .. } => {
            let token = token.map_or_else(store::seal::new_token, |t| t.expose().to_owned());
            hub.create_with_token(spec, token).await.map(drop)
        }
        Change::Update { host_id, draft, token, .. } => {
            if *draft != (HostDraft { host_id: draft.host_id.clone(), ..HostDraft::default() }) {
                hub.update_host(&host_id, *draft).await?;
            }
            match token {
                Some(token) => hub.set_token(&host_id, token.expose().to_owned()).await.map(drop),
                None => Ok(()),
            }
        }
        Change::Conflict { reason, .. } => Err(domain::field::FieldError::new("host_id", reason).into()),
    }
}
