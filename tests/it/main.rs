//! What the program does, seen from outside: one binary for all of it.

#![allow(unreachable_pub, reason = "nothing is reachable from outside a test binary; its parts are shared with the benchmark")]

mod alert_faults;
mod alerts;
mod api;
mod bad_input;
mod callers;
mod ceiling;
mod cli;
mod clock_steps;
mod corrupt;
mod discord_peer;
mod disk_full;
mod durable;
mod first_alert;
mod fuzz_seeds;
mod gauge;
mod hostile_names;
mod io_faults;
mod kill;
mod llm_peer;
mod logs_flow;
mod logs_llm;
mod logs_ssh;
mod many_hosts;
mod overload;
#[path = "../support/process.rs"]
mod process;
mod restart;
#[path = "../support/seed.rs"]
mod seed;
mod seeded;
mod shim;
mod sigterm;
mod simulation;
mod slow_clients;
mod sshd;
mod storm;
mod syslog;
mod uplink;
mod upstream;
mod wal;
mod writers;
