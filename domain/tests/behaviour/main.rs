//! How durations, schedules and watches behave, seen through their public interface.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as loudly as tests")]

mod brute;
mod cron;
mod crontab;
mod duration;
mod finding;
mod injection;
mod laws;
mod log_data;
mod log_rules;
mod prompt;
mod reference;
mod rule;
mod schedule;
mod watch;
mod windows;
