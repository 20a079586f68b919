//! What is wrong with the configuration: every fault at once, each with its file, line, key and fix.

use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// An environment variable.
    Environment,
    /// A file, and the line where that is known.
    File(PathBuf, Option<u64>),
}

impl Place {
    /// A line of a file; 0 means that the line is not known.
    pub fn line(path: &Path, line: u64) -> Place {
        Place::File(path.to_path_buf(), Some(line).filter(|line| *line > 0))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Environment => f.write_str("environment"),
            Place::File(path, Some(line)) => write!(f, "{}:{line}", path.display()),
            Place::File(path, None) => write!(f, "{}", path.display()),
        }
    }
}

/// One fault. Its message never holds a value, because values may be secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Where.
    pub place: Place,
    /// The key as the user wrote it; empty when the whole file is meant.
    pub key: String,
    /// What is wrong and what would be right, lower-case, no full stop.
    pub message: String,
}

impl ConfigError {
    /// A fault of `key` at `place`.
    pub fn new(place: Place, key: impl Into<String>, message: impl Into<String>) -> ConfigError {
        ConfigError { place, key: key.into(), message: message.into() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

impl Serialize for ConfigError {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let (file, line) = match &self.place {
            Place::Environment => (None, None),
            Place::File(path, line) => (Some(path.display().to_string()), *line),
        };
        serde_json::json!({"file": file, "line": line, "key": self.key, "message": self.message}).serialize(out)
    }
}

/// Everything that is wrong, in the order it was found; never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl ConfigErrors {
    /// `value` if nothing is wrong.
    ///
    /// # Errors
    /// `errors`, unless there are none.
    pub fn unless_empty<T>(value: T, errors: Vec<ConfigError>) -> Result<T, ConfigErrors> {
        if errors.is_empty() { Ok(value) } else { Err(ConfigErrors(errors)) }
    }
}
