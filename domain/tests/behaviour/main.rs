//! How durations, schedules and watches behave, seen through their public interface.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as loudly as tests")]

mod brute;
mod cron;
mod crontab;
mod duration;
mod finding;
mod hostile_lines;
mod injection;
mod laws;
mod log_data;
mod log_lines;
mod log_reading;
mod log_rules;
mod loghub;
mod maintenance;
mod prompt;
mod redact;
mod reduce;
mod reference;
mod rule;
mod schedule;
mod template;
mod watch;
mod windows;
