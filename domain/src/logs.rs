//! How log lines arrive, the part that needs no network: which machines may be asked, what is asked, and which lines are new.

pub mod backoff;
pub mod bookmark;
pub mod command;
mod frame;
mod hash;
mod overlap;
pub mod reading;
pub mod target;

pub use frame::{Frames, Lost};
