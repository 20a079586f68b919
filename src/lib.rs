//! Pulsewarden: the hall. It reads the configuration, obeys the command line, and is the one room that knows all others.

pub mod app;
pub mod cli;
pub mod config;
