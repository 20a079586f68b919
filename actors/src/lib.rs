//! What acts: the supervision engine and the actors it keeps alive.

pub mod alert;
pub mod alive;
pub mod clock;
pub mod db;
#[cfg(feature = "faults")]
pub mod faults;
pub mod gate;
pub mod host;
pub mod hosts;
pub mod hub;
mod incident;
pub mod internet;
pub mod link;
pub mod llm;
pub mod logs;
pub mod outside;
pub mod probe;
mod refusal;
pub mod roster;
pub mod settings;
pub mod speed;
pub mod supervision;
pub mod uplink;
pub mod upstream;
