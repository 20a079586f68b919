//! What is wrong with a form, told above it and at each input.

use domain::field::FieldError;
use serde::Serialize;

/// Names of fields as people read them; others are said as they are.
const LABELS: [(&str, &str); 30] = [
    ("cron", "When it is due"),
    ("cron_timezone", "Time zone of the line"),
    ("name", "Name"),
    ("host_id", "Id in URLs"),
    ("expected_frequency", "Expected every"),
    ("grace_period", "Grace"),
    ("schedule_type", "Schedule"),
    ("timezone", "Time zone"),
    ("windows", "Windows"),
    ("holidays", "Holidays"),
    ("severity", "Severity"),
    ("tags", "Tags"),
    ("description", "Description"),
    ("url", "URL"),
    ("method", "Method"),
    ("interval", "Interval"),
    ("note", "Note"),
    ("for", "Length"),
    ("tag", "Tag"),
    ("title", "Title"),
    ("password", "Password"),
    ("password_again", "Password, again"),
    ("current", "Current password"),
    ("ssh_host", "SSH host"),
    ("ssh_port", "SSH port"),
    ("ssh_user", "SSH user"),
    ("ssh_key_path", "File of the private key"),
    ("log_command", "Command"),
    ("analysis_frequency", "Read every"),
    ("analysis_prompt", "What a model is to watch besides"),
];

/// A mistake in a form.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct FormError {
    /// The input's name as people read it.
    pub(crate) field: String,
    /// Id of the input.
    pub(crate) input: String,
    /// What is wrong and what would be right.
    pub(crate) message: String,
}

impl FormError {
    /// A mistake at an input.
    pub(crate) fn new(input: &str, message: impl Into<String>) -> FormError {
        let label = LABELS.into_iter().find(|(name, _)| *name == input).map_or(input, |(_, label)| label);
        FormError { field: label.to_owned(), input: input.to_owned(), message: message.into() }
    }

    /// A mistake at an input whose id is not its name.
    pub(crate) fn named(input: &str, field: &str, message: impl Into<String>) -> FormError {
        FormError { field: field.to_owned(), input: input.to_owned(), message: message.into() }
    }

    /// The mistakes the hub found: fields of the API become the inputs people filled in.
    pub(crate) fn of(errors: &[FieldError]) -> Vec<FormError> {
        errors.iter().map(|e| FormError::at(&e.field, &e.message)).collect()
    }

    fn at(path: &str, message: &str) -> FormError {
        let path = path.strip_suffix("_seconds").unwrap_or(path);
        let path = path.strip_prefix("schedule_config.").unwrap_or(path);
        let input = path.split(['[', '.']).next().unwrap_or(path);
        match path.split(['[', ']']).nth(1).and_then(|n| n.parse::<usize>().ok()) {
            Some(n) => {
                FormError::new(input, format!("{} {}: {message}", if input == "windows" { "line" } else { "entry" }, n + 1))
            }
            None => FormError::new(input, message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_the_api_become_the_inputs_of_the_form() {
        let cases = [
            ("name", "name", "Name", "is missing"),
            ("expected_frequency_seconds", "expected_frequency", "Expected every", "is missing"),
            ("schedule_config.windows[1].end", "windows", "Windows", "line 2: is missing"),
            ("schedule_config.timezone", "timezone", "Time zone", "is missing"),
            ("tags[0]", "tags", "Tags", "entry 1: is missing"),
            ("odd", "odd", "odd", "is missing"),
        ];
        for (path, input, field, message) in cases {
            let expected = FormError { field: field.into(), input: input.into(), message: message.into() };
            assert_eq!(FormError::of(&[FieldError::new(path, "is missing")]), [expected]);
        }
    }
}
