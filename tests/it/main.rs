//! What the program does, seen from outside: one binary for all of it.

#![allow(unreachable_pub, reason = "nothing is reachable from outside a test binary; its parts are shared with the benchmark")]

mod cli;
mod kill;
#[path = "../support/process.rs"]
mod process;
mod week;
