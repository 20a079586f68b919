//! What is true: schedules, watches, verdicts and notices. Pure: no clock, no files, no network; it is told `now`.

pub mod duration;
pub mod field;
pub mod host;
pub mod incident;
pub mod notice;
pub mod policy;
pub mod recipe;
pub mod restart;
pub mod schedule;
pub mod signal;
pub mod time;
pub mod watch;
