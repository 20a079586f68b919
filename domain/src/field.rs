//! Input errors as values: each names the field and says the fix, and all of them are told at once.

use serde::Serialize;
use std::fmt;

/// One thing wrong with one field of somebody's input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The field as the user wrote it, a path where it is nested: `schedule_config.windows[0].end`.
    pub field: String,
    /// What is wrong and what would be right, lower-case, no full stop.
    pub message: String,
}

impl FieldError {
    /// An error for `field` with its fix in `message`.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> FieldError {
        FieldError { field: field.into(), message: message.into() }
    }

    /// The same error seen from outside: `under("schedule_config")` turns `timezone` into `schedule_config.timezone`.
    pub fn under(self, parent: &str) -> FieldError {
        let field = if self.field.is_empty() { parent.to_owned() } else { format!("{parent}.{}", self.field) };
        FieldError { field, ..self }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}
