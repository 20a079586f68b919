//! What is shown: the HTTP API and the pages, one file a noun.
//!
//! Heartbeats come first and on a path of their own, without middleware; everything else passes the headers, the limits and,
//! below `/api/v1`, the key check, which no route can forget.

pub mod ack;
pub mod alerts;
pub mod analyses;
pub mod auth;
mod body;
pub mod error;
mod events;
pub mod fleet;
#[doc(hidden)]
pub mod fuzz;
mod headers;
pub mod health;
pub mod heartbeat;
pub mod hosts;
pub mod internet;
pub mod keys;
pub mod limits;
mod metadata;
pub mod openapi;
mod pages;
mod passwords;
mod query;
mod render;
mod server;
mod sessions;
pub mod settings;
pub mod setup;
mod source;
pub mod ssh_keys;
pub mod state;
pub mod story;
pub mod supervision;
pub mod syslog;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod time_text;
mod tries;
mod unread;
pub mod users;
pub mod viewer;

pub use limits::WebLimits;
pub use openapi::openapi_json;
pub use server::{configure, serve};
pub use setup::SetupLink;
pub use state::{WebParts, WebState};
