//! How a command ends: the exit codes, and errors that say the fix.

use crate::config::ConfigErrors;
use std::process::ExitCode;

/// What an exit code means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// It was tried and failed.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// There is no such host.
    NotFound = 3,
    /// No hub answers.
    Unreachable = 4,
    /// The program is at fault.
    Internal = 70,
    /// The configuration is wrong.
    Config = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Why a command failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CliError {
    /// The exit code.
    pub exit: Exit,
    /// What happened and what to do, lower-case, no full stop; several lines when several things are wrong.
    pub message: String,
}

impl CliError {
    /// A failure.
    pub fn new(exit: Exit, message: impl Into<String>) -> CliError {
        CliError { exit, message: message.into() }
    }

    /// Tells it on standard error and gives its exit code.
    pub fn report(&self) -> ExitCode {
        for line in self.message.lines() {
            eprintln!("error: {line}");
        }
        self.exit.into()
    }
}

impl From<ConfigErrors> for CliError {
    fn from(errors: ConfigErrors) -> CliError {
        CliError::new(Exit::Config, errors.to_string())
    }
}
