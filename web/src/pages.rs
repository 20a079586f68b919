//! The pages a person looks at: each makes plain data for its template; what forms change goes through the hub as for the API.

pub(crate) mod account;
pub(crate) mod alert;
pub(crate) mod alerts;
mod chart;
pub(crate) mod config;
pub(crate) mod config_do;
pub(crate) mod dashboard;
pub(crate) mod deliveries;
pub(crate) mod findings;
pub(crate) mod host;
pub(crate) mod host_do;
pub(crate) mod host_form;
pub(crate) mod host_intake;
mod host_log;
mod host_past;
pub(crate) mod internet;
pub(crate) mod keys;
mod link;
pub(crate) mod sign_in;
pub(crate) mod status;
pub(crate) mod supervision;
pub(crate) mod trouble;
pub(crate) mod users;
mod windows;

pub(crate) use link::{Link, heartbeat_url};
