//! What is true: schedules, watches, verdicts and notices. Pure: no clock, no files, no network; it is told `now`.

pub mod crontab;
pub mod duration;
pub mod field;
pub mod finding;
pub mod host;
pub mod incident;
pub mod injection;
pub mod log_settings;
pub mod logs;
pub mod maintenance;
pub mod notice;
pub mod policy;
pub mod prompt;
pub mod recipe;
pub mod redact;
pub mod reduce;
pub mod restart;
pub mod rules;
pub mod schedule;
pub mod signal;
pub mod template;
pub mod time;
pub mod uplink;
pub mod watch;
