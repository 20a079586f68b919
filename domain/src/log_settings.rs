//! How a host's log is fetched and analysed, as its owner describes it: parsed once, valid ever after.

use crate::duration::Seconds;
use crate::field::FieldError;
use crate::logs::command::LogCommand;
use crate::prompt::MAX_ANALYSIS_PROMPT_CHARS;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Shortest and longest time between two analyses: 1 min to 7 d.
pub const FREQUENCY_S: RangeInclusive<u32> = 60..=7 * 86_400;
/// Time between two analyses when nothing is said, in seconds.
pub const DEFAULT_FREQUENCY_S: u32 = 30 * 60;
/// Longest host name, user name or path in characters.
const WORD_MAX_CHARS: usize = 255;
const DEFAULT_COMMAND: &str = "journalctl --no-pager --output=short-iso --since=@{{since_unix}} --lines={{lines}}";
const DEFAULT_KEY_PATH: &str = "~/.ssh/id_ed25519";

/// How lines come to the hub.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// The hub runs a command on the host.
    #[default]
    Ssh,
    /// The host sends them.
    Syslog,
}

impl Method {
    /// The word the API, the file and the database use.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Ssh => "ssh",
            Method::Syslog => "syslog",
        }
    }
}

impl FromStr for Method {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Method, FieldError> {
        match text {
            "ssh" => Ok(Method::Ssh),
            "syslog" => Ok(Method::Syslog),
            _ => Err(FieldError::new("method", "must be ssh or syslog")),
        }
    }
}

/// A valid description of how a host's log is analysed; the JSON of it is what the database and the API hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogSettings {
    /// Whether it is analysed by itself; on demand it is either way.
    pub enabled: bool,
    /// How lines come.
    pub method: Method,
    /// Where the SSH server is; empty with syslog.
    pub ssh_host: String,
    /// Its port.
    pub ssh_port: u16,
    /// Who logs in; empty with syslog.
    pub ssh_user: String,
    /// The file of the private key, as the hub sees it.
    pub ssh_key_path: String,
    /// What is run there, as [`LogCommand`] takes it.
    pub log_command: String,
    /// Time between two analyses, in seconds.
    #[serde(rename = "analysis_frequency_seconds")]
    pub frequency_s: u32,
    /// What the owner wants watched; empty for nothing in particular.
    pub analysis_prompt: String,
}

/// The same as it arrives: every field optional, nothing believed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogDraft {
    /// See [`LogSettings::enabled`]; `true` when nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// `ssh` or `syslog`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// See [`LogSettings::ssh_host`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh_host: Option<String>,
    /// 1 to 65535; 22 when nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh_port: Option<i64>,
    /// See [`LogSettings::ssh_user`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh_user: Option<String>,
    /// See [`LogSettings::ssh_key_path`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh_key_path: Option<String>,
    /// See [`LogSettings::log_command`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_command: Option<String>,
    /// Seconds, or text such as `30m`.
    #[serde(default, alias = "analysis_frequency_seconds", skip_serializing_if = "Option::is_none")]
    pub analysis_frequency: Option<Seconds>,
    /// See [`LogSettings::analysis_prompt`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analysis_prompt: Option<String>,
}

impl Default for LogSettings {
    fn default() -> LogSettings {
        LogSettings {
            enabled: true,
            method: Method::Ssh,
            ssh_host: String::new(),
            ssh_port: 22,
            ssh_user: String::new(),
            ssh_key_path: DEFAULT_KEY_PATH.to_owned(),
            log_command: DEFAULT_COMMAND.to_owned(),
            frequency_s: DEFAULT_FREQUENCY_S,
            analysis_prompt: String::new(),
        }
    }
}

impl LogSettings {
    /// Where the lines come from, for people: `ssh root@web-01:22`, `syslog`.
    pub fn source(&self) -> String {
        match self.method {
            Method::Ssh => format!("ssh {}@{}:{}", self.ssh_user, self.ssh_host, self.ssh_port),
            Method::Syslog => "syslog".to_owned(),
        }
    }
}

impl LogDraft {
    /// `old`, or the defaults, with every field this draft names replaced.
    ///
    /// # Errors
    /// Every field that is missing or impossible, each with its fix.
    ///
    /// ```
    /// use domain::log_settings::LogDraft;
    /// let draft: LogDraft = serde_json::from_str(r#"{"ssh_host":"10.0.0.7","ssh_user":"logs","analysis_frequency":"1h"}"#).unwrap();
    /// let settings = draft.overlay(None).unwrap();
    /// assert_eq!((settings.ssh_port, settings.frequency_s, settings.enabled), (22, 3_600, true));
    /// assert_eq!(LogDraft::default().overlay(None).unwrap_err()[0].field, "ssh_host");
    /// ```
    pub fn overlay(&self, old: Option<&LogSettings>) -> Result<LogSettings, Vec<FieldError>> {
        let mut settings = old.cloned().unwrap_or_default();
        let mut errors = Vec::new();
        let mut keep = |slot: &mut String, text: &Option<String>, check: fn(&str) -> Result<String, FieldError>| {
            if let Some(text) = text {
                match check(text) {
                    Ok(text) => *slot = text,
                    Err(e) => errors.push(e),
                }
            }
        };
        keep(&mut settings.ssh_host, &self.ssh_host, |text| word("ssh_host", text));
        keep(&mut settings.ssh_user, &self.ssh_user, |text| word("ssh_user", text));
        keep(&mut settings.ssh_key_path, &self.ssh_key_path, path);
        keep(&mut settings.log_command, &self.log_command, command);
        keep(&mut settings.analysis_prompt, &self.analysis_prompt, prompt);
        if let Some(enabled) = self.enabled {
            settings.enabled = enabled;
        }
        match self.method.as_deref().map(str::parse) {
            Some(Ok(method)) => settings.method = method,
            Some(Err(e)) => errors.push(e),
            None => {}
        }
        match self.ssh_port.map(|port| u16::try_from(port).ok().filter(|port| *port > 0)) {
            Some(Some(port)) => settings.ssh_port = port,
            Some(None) => errors.push(FieldError::new("ssh_port", "must be a port from 1 to 65535")),
            None => {}
        }
        match self.analysis_frequency.as_ref().map(|every| every.within("analysis_frequency", FREQUENCY_S)) {
            Some(Ok(frequency_s)) => settings.frequency_s = frequency_s,
            Some(Err(e)) => errors.push(e),
            None => {}
        }
        if settings.method == Method::Ssh {
            errors.extend(missing(&settings, &errors));
        }
        if errors.is_empty() { Ok(settings) } else { Err(errors) }
    }
}

/// What SSH cannot do without, unless it was complained about already.
fn missing(settings: &LogSettings, told: &[FieldError]) -> Vec<FieldError> {
    let needed = [
        ("ssh_host", &settings.ssh_host, "is missing: name the machine, for example 192.168.1.10"),
        ("ssh_user", &settings.ssh_user, "is missing: name the user who may read the log, for example logs"),
    ];
    let empty = needed.into_iter().filter(|(field, text, _)| text.is_empty() && told.iter().all(|e| e.field != *field));
    empty.map(|(field, _, fix)| FieldError::new(field, fix)).collect()
}

/// A host or user name: nothing a shell or a terminal would take for more.
fn word(field: &'static str, text: &str) -> Result<String, FieldError> {
    let text = text.trim();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ':' | '[' | ']' | '%');
    if text.len() > WORD_MAX_CHARS || text.starts_with('-') || !text.chars().all(is_plain) {
        return Err(FieldError::new(field, "must be a name or an address of letters, digits and . _ - : without blanks"));
    }
    Ok(text.to_owned())
}

fn path(text: &str) -> Result<String, FieldError> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > WORD_MAX_CHARS || text.chars().any(char::is_control) {
        return Err(FieldError::new("ssh_key_path", "must be the path of a private key, for example ~/.ssh/id_ed25519"));
    }
    Ok(text.to_owned())
}

fn command(text: &str) -> Result<String, FieldError> {
    LogCommand::parse(text).map(|_| text.trim().to_owned())
}

fn prompt(text: &str) -> Result<String, FieldError> {
    let chars = text.chars().count();
    if chars > MAX_ANALYSIS_PROMPT_CHARS || text.contains('\0') {
        let fix = format!("must have at most {MAX_ANALYSIS_PROMPT_CHARS} characters and no NUL bytes, this one has {chars}");
        return Err(FieldError::new("analysis_prompt", fix));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(json: serde_json::Value) -> LogDraft {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn what_is_not_named_keeps_its_value() {
        let old =
            draft(serde_json::json!({"ssh_host": "a", "ssh_user": "b", "analysis_prompt": "backups"})).overlay(None).unwrap();
        let new = draft(serde_json::json!({"enabled": false, "ssh_port": 2222})).overlay(Some(&old)).unwrap();
        assert_eq!(new, LogSettings { enabled: false, ssh_port: 2222, ..old.clone() });
        assert_eq!(old.source(), "ssh b@a:22");
        let syslog = draft(serde_json::json!({"method": "syslog"})).overlay(None).unwrap();
        assert_eq!((syslog.method, syslog.source().as_str()), (Method::Syslog, "syslog"));
    }

    #[test]
    fn every_wrong_field_is_told() {
        let wrong = draft(serde_json::json!({
            "method": "telnet", "ssh_host": "a b", "ssh_user": "-oProxyCommand=x", "ssh_port": 0, "ssh_key_path": "",
            "log_command": "tail {{all}}", "analysis_frequency": "1s", "analysis_prompt": "x".repeat(4_001),
        }));
        let fields: Vec<String> = wrong.overlay(None).unwrap_err().into_iter().map(|e| e.field).collect();
        let all = [
            "ssh_host",
            "ssh_user",
            "ssh_key_path",
            "log_command",
            "analysis_prompt",
            "method",
            "ssh_port",
            "analysis_frequency",
        ];
        assert_eq!(fields, all);
        assert!(serde_json::from_str::<LogDraft>(r#"{"ssh_password":"x"}"#).is_err());
    }
}
