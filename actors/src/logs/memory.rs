//! What a host's log has taught so far: kept between two looks, and rebuilt from the store when anything was uncertain.

use super::source::Cursor;
use domain::redact::Pseudonyms;
use domain::rules::Rules;
use domain::template::Miner;
use std::net::IpAddr;
use store::StoreError;
use store::logs::LogState;
use store::seal::Keyring;

/// What pseudonyms are sealed for.
const PURPOSE: &str = "log pseudonyms";

/// The memory of one host's log. The local rules' part of it is in memory alone: after a restart a burst begins anew.
pub(super) struct Memory {
    pub(super) miner: Miner,
    pub(super) rules: Rules,
    pub(super) pseudonyms: Pseudonyms,
    /// Lines ever read.
    pub(super) lines_read: u64,
    pub(super) cursor: Option<Cursor>,
}

impl Memory {
    /// As the store has it. What cannot be understood there begins anew, and is told: a log is better read twice than never.
    pub(super) fn of(state: LogState, keyring: &Keyring, host_id: &str) -> Memory {
        let miner = state.miner.as_deref().map(serde_json::from_str).transpose().unwrap_or_else(|e| {
            log::error!("logs: what is usual in the log of {host_id} cannot be understood and is learned anew: {e}");
            None
        });
        let pseudonyms = state.pseudonyms.as_deref().map(|sealed| open(keyring, sealed)).transpose().unwrap_or_else(|e| {
            log::error!("logs: the pseudonyms of {host_id} cannot be opened, new ones are given: {e}");
            None
        });
        Memory {
            miner: miner.unwrap_or_default(),
            rules: Rules::new(),
            pseudonyms: pseudonyms.unwrap_or_default(),
            lines_read: u64::try_from(state.lines_read).unwrap_or(0),
            cursor: state.cursor.map(Cursor),
        }
    }

    /// What the store is to have, but for the time.
    ///
    /// # Errors
    /// What cannot be written as JSON.
    pub(super) fn state(&self, keyring: &Keyring) -> Result<LogState, StoreError> {
        let failed = |e: serde_json::Error| StoreError::Other(format!("the state of a log: {e}"));
        let pseudonyms = serde_json::to_vec(&self.pseudonyms).map_err(failed)?;
        Ok(LogState {
            cursor: self.cursor.as_ref().map(|cursor| cursor.0.clone()),
            lines_read: i64::try_from(self.lines_read).unwrap_or(i64::MAX),
            miner: Some(serde_json::to_string(&self.miner).map_err(failed)?),
            pseudonyms: Some(keyring.seal(PURPOSE, &pseudonyms)),
            ..LogState::default()
        })
    }
}

fn open(keyring: &Keyring, sealed: &[u8]) -> Result<Pseudonyms, StoreError> {
    let clear = keyring.open(PURPOSE, sealed)?;
    serde_json::from_slice(&clear).map_err(|e| StoreError::Other(e.to_string()))
}

/// The address behind a pseudonym of a host, from its state.
///
/// # Errors
/// When the pseudonyms cannot be opened.
pub fn addresses(state: &LogState, keyring: &Keyring) -> Result<impl Fn(&str) -> Option<IpAddr> + use<>, StoreError> {
    let known = state.pseudonyms.as_deref().map(|sealed| open(keyring, sealed)).transpose()?.unwrap_or_default();
    Ok(move |pseudonym: &str| known.address(pseudonym))
}
