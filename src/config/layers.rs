//! The names of all settings and the two layers they are read from: the environment over `settings.yaml`.

use super::environment::Environment;
use super::error::{ConfigError, Place};
use super::typo;
use super::yaml::{Entry, Node, Value};
use std::collections::BTreeMap;
use std::path::Path;

/// A setting: its name in the environment (in `settings.yaml` the same in lower case) and what it is in YAML.
pub(super) struct Setting {
    pub(super) name: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Text.
    Text,
    /// A whole number.
    Number,
    /// Text, or a list of texts and numbers.
    List,
    /// `true` or `false`.
    Switch,
    /// Only in the environment.
    Environment,
}

const fn setting(name: &'static str, kind: Kind) -> Setting {
    Setting { name, kind }
}

/// Every setting there is.
pub(super) const SETTINGS: [Setting; 36] = [
    setting("API_HOST", Kind::Text),
    setting("API_PORT", Kind::Number),
    setting("API_SECRET_KEY", Kind::Text),
    setting("API_KEY", Kind::Text),
    setting("DATABASE_URL", Kind::Text),
    setting("DISCORD_WEBHOOK_URL", Kind::List),
    setting("LLM_API_URL", Kind::Text),
    setting("LLM_API_KEY", Kind::Text),
    setting("LLM_DEFAULT_MODEL", Kind::Text),
    setting("LLM_API_STYLE", Kind::Text),
    setting("HEALTHCHECKS_URL", Kind::Text),
    setting("INTERNET_MONITOR", Kind::Switch),
    setting("INTERNET_EVERY", Kind::Text),
    setting("INTERNET_DNS_SERVERS", Kind::List),
    setting("INTERNET_ENDPOINTS", Kind::List),
    setting("INTERNET_GATEWAY", Kind::Text),
    setting("UPSTREAM_ALLOWED_HOSTS", Kind::List),
    setting("SPEED_TEST_METHOD", Kind::Text),
    setting("SPEED_TEST_SERVER", Kind::Text),
    setting("SPEED_TEST_EVERY", Kind::Text),
    setting("SPEED_TEST_LEAST_DOWN_MBIT", Kind::Number),
    setting("SPEED_TEST_LEAST_UP_MBIT", Kind::Number),
    setting("BUSINESS_HOURS_START", Kind::Text),
    setting("BUSINESS_HOURS_END", Kind::Text),
    setting("BUSINESS_HOURS_DAYS", Kind::List),
    setting("BUSINESS_HOURS_TIMEZONE", Kind::Text),
    setting("LOG_LEVEL", Kind::Text),
    setting("LOG_FORMAT", Kind::Text),
    setting("RUST_LOG", Kind::Environment),
    setting("PUBLIC_URL", Kind::Text),
    setting("WEBHOOK_ALLOWED_HOSTS", Kind::List),
    setting("TRUSTED_PROXIES", Kind::List),
    setting("SSH_ALLOW_PUBLIC", Kind::Switch),
    setting("SSH_KEY_PASSPHRASE", Kind::Text),
    setting("SYSLOG_UDP", Kind::Text),
    setting("SYSLOG_TCP", Kind::Text),
];

/// The section of `settings.yaml` that is no setting of the environment.
const LIMITS: &str = "limits";

/// A value as text, not yet understood.
#[derive(Clone)]
pub(super) struct Raw {
    pub(super) text: String,
    pub(super) place: Place,
    /// The key as the user wrote it.
    pub(super) key: String,
}

impl Raw {
    /// A fault of this value.
    pub(super) fn error(&self, message: impl Into<String>) -> ConfigError {
        ConfigError::new(self.place.clone(), self.key.clone(), message)
    }
}

/// Both layers, and the faults found in them so far.
#[derive(Default)]
pub(super) struct Layers {
    environment: BTreeMap<&'static str, Raw>,
    file: BTreeMap<&'static str, Raw>,
    pub(super) limits: Option<Node>,
    pub(super) errors: Vec<ConfigError>,
}

impl Layers {
    /// Reads both layers; `settings` is the path of `settings.yaml`, which need not exist.
    pub(super) fn read(environment: &Environment, settings: &Path) -> Layers {
        let mut layers = Layers::default();
        layers.read_environment(environment);
        match Node::read(settings) {
            Ok(Some(node)) => layers.read_file(node, settings),
            Ok(None) => {}
            Err(e) => layers.errors.push(e),
        }
        layers
    }

    /// The value of `name` that counts: the environment's, else the file's.
    pub(super) fn get(&self, name: &'static str) -> Option<&Raw> {
        self.of_environment(name).or_else(|| self.of_file(name))
    }

    pub(super) fn of_environment(&self, name: &'static str) -> Option<&Raw> {
        self.environment.get(name)
    }

    pub(super) fn of_file(&self, name: &'static str) -> Option<&Raw> {
        self.file.get(name)
    }

    /// The value of `name` understood by `parse`; a fault is kept, and then, as without a value, there is none.
    pub(super) fn optional<T>(&mut self, name: &'static str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let raw = self.get(name)?;
        match parse(raw.text.trim()) {
            Ok(value) => Some(value),
            Err(message) => {
                let error = raw.error(message);
                self.errors.push(error);
                None
            }
        }
    }

    /// As [`Layers::optional`], with a default.
    pub(super) fn value<T>(&mut self, name: &'static str, default: T, parse: impl FnOnce(&str) -> Result<T, String>) -> T {
        self.optional(name, parse).unwrap_or(default)
    }

    /// Which settings are given, and where.
    pub(super) fn origins(&self) -> Vec<(&'static str, Place)> {
        SETTINGS.iter().filter_map(|setting| Some((setting.name, self.get(setting.name)?.place.clone()))).collect()
    }

    fn read_environment(&mut self, environment: &Environment) {
        for setting in &SETTINGS {
            match environment.read(setting.name) {
                Ok(Some((text, place))) => {
                    let key =
                        if place == Place::Environment { setting.name.to_owned() } else { format!("{}_FILE", setting.name) };
                    self.environment.insert(setting.name, Raw { text, place, key });
                }
                Ok(None) => {}
                Err(e) => self.errors.push(e),
            }
        }
    }

    fn read_file(&mut self, node: Node, path: &Path) {
        let Value::Map(entries) = node.value else {
            let found = node.kind();
            let fix = format!("must be a map of settings such as \"api_port: 8080\", not {found}");
            return self.errors.push(ConfigError::new(Place::line(path, node.line), "", fix));
        };
        for entry in entries {
            if entry.key == LIMITS {
                self.limits = Some(entry.node);
                continue;
            }
            let place = Place::line(path, entry.line);
            match known(&entry.key) {
                Ok(setting) => self.keep(setting, &entry, place),
                Err(message) => self.errors.push(ConfigError::new(place, entry.key, message)),
            }
        }
    }

    fn keep(&mut self, setting: &'static Setting, entry: &Entry, place: Place) {
        match flat(&entry.node, setting.kind) {
            Ok(Some(text)) => {
                self.file.insert(setting.name, Raw { text, place, key: entry.key.clone() });
            }
            Ok(None) => {}
            Err(message) => self.errors.push(ConfigError::new(place, entry.key.clone(), message)),
        }
    }
}

/// The names a person may use in the environment.
pub(super) fn names() -> Vec<&'static str> {
    SETTINGS.iter().map(|setting| setting.name).collect()
}

fn known(key: &str) -> Result<&'static Setting, String> {
    let in_files = || SETTINGS.iter().filter(|setting| setting.kind != Kind::Environment);
    if let Some(setting) = in_files().find(|setting| setting.name.to_lowercase() == key) {
        return Ok(setting);
    }
    let names: Vec<String> = in_files().map(|setting| setting.name.to_lowercase()).chain([LIMITS.to_owned()]).collect();
    let lower = key.to_lowercase();
    if let Some(name) = names.iter().find(|name| **name == lower) {
        return Err(format!("is not known: in this file it is written {name}"));
    }
    let hint = typo::meant(&lower, names.iter().map(String::as_str));
    Err(hint.map_or_else(
        || format!("is not known; known are {}", names.join(", ")),
        |name| format!("is not known: did you mean {name}?"),
    ))
}

/// `node` as text; `None` when it is empty.
fn flat(node: &Node, kind: Kind) -> Result<Option<String>, String> {
    match (&node.value, kind) {
        (Value::Null, _) => Ok(None),
        (Value::Text(text), Kind::Text | Kind::List) => Ok(Some(text.clone()).filter(|text| !text.trim().is_empty())),
        (Value::Integer(n), Kind::Number) => Ok(Some(n.to_string())),
        (Value::Bool(b), Kind::Switch) => Ok(Some(b.to_string())),
        (Value::List(items), Kind::List) => {
            items.iter().map(item).collect::<Result<Vec<_>, _>>().map(|items| Some(items.join(",")))
        }
        (Value::Integer(n), Kind::List) => Ok(Some(n.to_string())),
        (Value::Bool(_) | Value::Integer(_) | Value::Float(_), Kind::Text) => Err("must be text: put it in quotes".into()),
        (_, Kind::Text) => Err(format!("must be text, not {}", node.kind())),
        (Value::Text(_), Kind::Number) => Err("must be a whole number: write it without quotes".into()),
        (_, Kind::Number) => Err(format!("must be a whole number, not {}", node.kind())),
        (_, Kind::Switch) => Err("must be true or false, without quotes".into()),
        (_, Kind::List | Kind::Environment) => Err(format!("must be a list such as [a, b], not {}", node.kind())),
    }
}

fn item(node: &Node) -> Result<String, String> {
    match &node.value {
        Value::Text(text) => Ok(text.clone()),
        Value::Integer(n) => Ok(n.to_string()),
        _ => Err(format!("must be a list of texts; one of its items is {}", node.kind())),
    }
}
