//! What is kept: the one SQLite file, its single writer and its readers.
//!
//! Every table family is a file of plain functions on a connection or a transaction. Nothing here knows the time, waits
//! for a network or retries: callers pass `now` in and decide by [`StoreError`] what to do next.

pub mod alerts;
pub mod alive;
pub mod analyses;
pub mod beats;
pub mod canary;
pub mod channels;
mod column;
pub mod deliveries;
pub mod error;
pub mod events;
pub mod findings;
pub mod host_keys;
pub mod hosts;
pub mod keys;
pub mod ledger;
mod lock;
pub mod logs;
mod migrate;
pub mod open;
pub mod outages;
pub mod outbox;
pub mod reader;
#[cfg(test)]
mod sample;
pub mod seal;
pub mod sessions;
pub mod settings;
pub mod speed;
pub mod syslog_sources;
pub mod temporary;
pub mod uptime;
pub mod users;
pub mod verdicts;
pub mod writer;

pub use error::{Certainty, Result, StoreError, TransactError};
pub use lock::is_in_use;
pub use open::{Options, Store};
pub use reader::Reader;
pub use rusqlite::{Connection, Transaction};
pub use temporary::{TempFolder, temporary};
pub use writer::Writer;
