//! `hosts.yaml`: hosts as their operator keeps them under version control. Read whole or not at all; every fault told at once.

use super::environment::Environment;
use super::error::{ConfigError, ConfigErrors, Place};
use super::secret::Secret;
use super::typo;
use super::yaml::{Entry, Node, Value};
use domain::duration::Seconds;
use domain::field::FieldError;
use domain::host::{HostDraft, HostSpec};
use domain::log_settings::LogDraft;
use domain::schedule::BusinessHours;
use std::collections::HashMap;
use std::path::Path;

/// Shortest token a person may give a host, in characters.
pub const TOKEN_MIN_CHARS: usize = 16;
/// Longest token a person may give a host, in characters.
const TOKEN_MAX_CHARS: usize = 256;
const KEYS: [&str; 11] = [
    "name",
    "host_id",
    "token",
    "expected_frequency",
    "grace_period",
    "schedule_type",
    "schedule_config",
    "severity",
    "tags",
    "description",
    "log_analysis",
];
const LOG_KEYS: [&str; 9] = [
    "enabled",
    "method",
    "ssh_host",
    "ssh_port",
    "ssh_user",
    "ssh_key_path",
    "log_command",
    "analysis_frequency",
    "analysis_prompt",
];

/// The file.
pub struct HostsFile;

/// One host of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct HostsFileEntry {
    /// What the file says of it: fields it does not name are left as they are.
    pub draft: HostDraft,
    /// The host it is when it must be created.
    pub spec: HostSpec,
    /// The token it must have; none: whatever it has.
    pub token: Option<Secret>,
    /// The line on which it begins.
    pub line: u64,
}

impl HostsFile {
    /// The hosts of the file at `path`; none when there is no such file.
    ///
    /// # Errors
    /// Everything that is wrong with it, with line, key and fix.
    pub fn load(path: &Path, environment: &Environment, business: &BusinessHours) -> Result<Vec<HostsFileEntry>, ConfigErrors> {
        match Node::read(path) {
            Ok(Some(node)) => HostsFile::entries(&node, path, environment, business),
            Ok(None) => Ok(Vec::new()),
            Err(e) => Err(ConfigErrors(vec![e])),
        }
    }

    /// As [`HostsFile::load`], from the file's text.
    ///
    /// # Errors
    /// As [`HostsFile::load`].
    pub fn parse(
        text: &str,
        path: &Path,
        environment: &Environment,
        business: &BusinessHours,
    ) -> Result<Vec<HostsFileEntry>, ConfigErrors> {
        let node = Node::parse(text, path).map_err(|e| ConfigErrors(vec![e]))?;
        HostsFile::entries(&node, path, environment, business)
    }

    fn entries(
        node: &Node,
        path: &Path,
        environment: &Environment,
        business: &BusinessHours,
    ) -> Result<Vec<HostsFileEntry>, ConfigErrors> {
        let mut reader = Reader { path, environment, business, errors: Vec::new() };
        let mut hosts = Vec::new();
        for (index, item) in reader.items(node).iter().enumerate() {
            hosts.extend(reader.host(item, index));
        }
        reader.refuse_twins(&hosts);
        ConfigErrors::unless_empty(hosts, reader.errors)
    }
}

struct Reader<'a> {
    path: &'a Path,
    environment: &'a Environment,
    business: &'a BusinessHours,
    errors: Vec<ConfigError>,
}

impl Reader<'_> {
    fn fault(&mut self, line: u64, key: impl Into<String>, message: impl Into<String>) {
        self.errors.push(ConfigError::new(Place::line(self.path, line), key, message));
    }

    /// The items of `hosts:`, the one key of the file.
    fn items<'n>(&mut self, node: &'n Node) -> &'n [Node] {
        let Value::Map(entries) = &node.value else {
            self.fault(node.line, "", format!("must begin with \"hosts:\" and a list below it, not {}", node.kind()));
            return &[];
        };
        let mut items: &[Node] = &[];
        for entry in entries {
            match (entry.key.as_str(), &entry.node.value) {
                ("hosts", Value::List(list)) => items = list,
                ("hosts", Value::Null) => {}
                ("hosts", _) => self.fault(
                    entry.line,
                    "hosts",
                    format!("must be a list of hosts, each beginning with \"- name:\", not {}", entry.node.kind()),
                ),
                _ => self.fault(entry.line, entry.key.clone(), "is not known: this file has one key, hosts"),
            }
        }
        items
    }

    fn host(&mut self, item: &Node, index: usize) -> Option<HostsFileEntry> {
        let Value::Map(entries) = &item.value else {
            self.fault(
                item.line,
                format!("hosts[{index}]"),
                format!("must be a map beginning with \"- name:\", not {}", item.kind()),
            );
            return None;
        };
        let before = self.errors.len();
        let label = label(entries, index);
        let (mut draft, mut token) = (HostDraft::default(), None);
        for entry in entries {
            if let Err(message) = self.field(entry, &mut draft, &mut token) {
                self.fault(entry.line, format!("{label}.{}", entry.key), message);
            }
        }
        match draft.create(self.business) {
            Ok(spec) if self.errors.len() == before => Some(HostsFileEntry { draft, spec, token, line: item.line }),
            Ok(_) => None,
            Err(errors) => {
                self.field_faults(errors, item, &label, before);
                None
            }
        }
    }

    /// What the domain says is wrong, at its line, unless something was already said about that line.
    fn field_faults(&mut self, errors: Vec<FieldError>, item: &Node, label: &str, before: usize) {
        for error in errors {
            let place = Place::line(self.path, item.line_of(&error.field));
            let is_key = item.line_of(&error.field) != item.line;
            let is_told =
                self.errors[before..].iter().any(|told| told.place == place && is_key && !told.key.contains(&error.field));
            let key = format!("{label}.{}", error.field);
            if !is_told && !self.errors[before..].iter().any(|told| told.key == key) {
                self.errors.push(ConfigError::new(place, key, error.message));
            }
        }
    }

    fn field(&self, entry: &Entry, draft: &mut HostDraft, token: &mut Option<Secret>) -> Result<(), String> {
        let node = &entry.node;
        match entry.key.as_str() {
            "name" => draft.name = text(node)?,
            "host_id" => draft.host_id = text(node)?,
            "token" => *token = text(node)?.map(|text| self.token(&text)).transpose()?,
            "expected_frequency" => draft.expected_frequency = duration(node)?,
            "grace_period" => draft.grace_period = duration(node)?,
            "schedule_type" => draft.schedule_type = text(node)?,
            "schedule_config" => draft.schedule_config = schedule(node)?,
            "severity" => draft.severity = text(node)?,
            "tags" => draft.tags = tags(node)?,
            "description" => draft.description = text(node)?,
            "log_analysis" => draft.log_analysis = logs(node)?,
            key => {
                let hint = typo::meant(key, KEYS).or_else(|| KEYS.into_iter().find(|known| key.starts_with(known)));
                let known = || format!("is not known; known are {}", KEYS.join(", "));
                return Err(hint.map_or_else(known, |name| format!("is not known: did you mean {name}?")));
            }
        }
        Ok(())
    }

    /// A token, or that of the variable which `${NAME}` names.
    fn token(&self, text: &str) -> Result<Secret, String> {
        let variable = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
        let Some(name) = variable else { return token(text) };
        let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !is_name {
            return Err("must name a variable as ${NAS_TOKEN}: letters, digits and underscores".into());
        }
        match self.environment.read(name) {
            Ok(Some((text, _))) => token(text.trim()).map_err(|message| format!("({name}) {message}")),
            Ok(None) => Err(format!("names the variable {name}, which is not set: set {name} or {name}_FILE")),
            Err(e) => Err(e.to_string()),
        }
    }

    fn refuse_twins(&mut self, hosts: &[HostsFileEntry]) {
        let (mut ids, mut names) = (HashMap::new(), HashMap::new());
        for host in hosts {
            let id = host.spec.host_id.as_str();
            if let Some(line) = ids.insert(id, host.line) {
                self.fault(
                    host.line,
                    format!("{id}.host_id"),
                    format!("is used by the host on line {line} too: give each its own"),
                );
            } else if let Some(line) = names.insert(host.spec.name.as_str(), host.line) {
                self.fault(host.line, format!("{id}.name"), format!("is used by the host on line {line} too: give each its own"));
            }
        }
    }
}

/// How faults name a host: its id, else its name, else its number.
fn label(entries: &[Entry], index: usize) -> String {
    let named = |key: &str| {
        let entry = entries.iter().find(|entry| entry.key == key)?;
        if let Value::Text(text) = &entry.node.value { Some(text.clone()) } else { None }
    };
    named("host_id").or_else(|| named("name")).unwrap_or_else(|| format!("hosts[{index}]"))
}

fn token(text: &str) -> Result<Secret, String> {
    let chars = text.chars().count();
    if !(TOKEN_MIN_CHARS..=TOKEN_MAX_CHARS).contains(&chars) {
        return Err(format!(
            "must have {TOKEN_MIN_CHARS} to {TOKEN_MAX_CHARS} characters, this one has {chars}: make one with \"openssl rand -hex 32\""
        ));
    }
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err("must not contain spaces or control characters".into());
    }
    Ok(Secret::new(text))
}

fn text(node: &Node) -> Result<Option<String>, String> {
    match &node.value {
        Value::Null => Ok(None),
        Value::Text(text) => Ok(Some(text.clone())),
        Value::Bool(_) | Value::Integer(_) | Value::Float(_) => Err("must be text: put it in quotes".into()),
        _ => Err(format!("must be text, not {}", node.kind())),
    }
}

fn duration(node: &Node) -> Result<Option<Seconds>, String> {
    match &node.value {
        Value::Null => Ok(None),
        Value::Integer(seconds) => Ok(Some(Seconds::Number(*seconds))),
        Value::Text(text) => Ok(Some(Seconds::Text(text.clone()))),
        _ => Err(format!("must be whole seconds or a duration such as 5m, 1h30m or 2d, not {}", node.kind())),
    }
}

fn schedule(node: &Node) -> Result<Option<serde_json::Value>, String> {
    match &node.value {
        Value::Null => Ok(None),
        Value::Map(_) => Ok(Some(node.to_json())),
        _ => Err(format!(
            "must be a map such as {{timezone: Europe/Berlin, windows: […]}} or {{timezone: Europe/Berlin, cron: \"0 2 * * *\"}}, not {}",
            node.kind()
        )),
    }
}

fn tags(node: &Node) -> Result<Option<Vec<String>>, String> {
    match &node.value {
        Value::Null => Ok(None),
        Value::List(items) => items
            .iter()
            .map(|item| text(item)?.ok_or_else(|| "must not hold an empty tag".to_owned()))
            .collect::<Result<_, _>>()
            .map(Some),
        _ => Err(format!("must be a list such as [office, nas], not {}", node.kind())),
    }
}

fn logs(node: &Node) -> Result<Option<LogDraft>, String> {
    let entries = match &node.value {
        Value::Null => return Ok(None),
        Value::Map(entries) => entries,
        _ => return Err(format!("must be a map such as {{ssh_host: 10.0.0.7, ssh_user: logs}}, not {}", node.kind())),
    };
    let mut draft = LogDraft::default();
    for entry in entries {
        log_field(entry, &mut draft).map_err(|message| format!("{} {message}", entry.key))?;
    }
    Ok(Some(draft))
}

fn log_field(entry: &Entry, draft: &mut LogDraft) -> Result<(), String> {
    let node = &entry.node;
    match (entry.key.as_str(), &node.value) {
        ("enabled", Value::Bool(enabled)) => draft.enabled = Some(*enabled),
        ("enabled", _) => return Err(format!("must be true or false, not {}", node.kind())),
        ("method", _) => draft.method = text(node)?,
        ("ssh_host", _) => draft.ssh_host = text(node)?,
        ("ssh_port", Value::Integer(port)) => draft.ssh_port = Some(*port),
        ("ssh_port", _) => return Err(format!("must be a whole number, not {}", node.kind())),
        ("ssh_user", _) => draft.ssh_user = text(node)?,
        ("ssh_key_path", _) => draft.ssh_key_path = text(node)?,
        ("log_command", _) => draft.log_command = text(node)?,
        ("analysis_frequency", _) => draft.analysis_frequency = duration(node)?,
        ("analysis_prompt", _) => draft.analysis_prompt = text(node)?,
        (key, _) => {
            let hint = typo::meant(key, LOG_KEYS);
            let known = || format!("is not known; known are {}", LOG_KEYS.join(", "));
            return Err(hint.map_or_else(known, |name| format!("is not known: did you mean {name}?")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, variables: &[(&str, &str)]) -> Result<Vec<HostsFileEntry>, Vec<String>> {
        let environment = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let loaded = HostsFile::parse(text, Path::new("hosts.yaml"), &environment, &BusinessHours::default());
        loaded.map_err(|errors| errors.0.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_host_is_read_with_every_key() {
        let text = "hosts:\n  - name: NAS\n    host_id: nas-1\n    token: ${NAS_TOKEN}\n    expected_frequency: 5m\n    grace_period: 30\n    \
                    schedule_type: custom\n    schedule_config: {timezone: Europe/Berlin, windows: [{days: [1], start: \"22:00\", end: 06:00}]}\n    \
                    severity: warning\n    tags: [office, nas]\n    description: in the cellar\n    log_analysis:\n      ssh_host: 10.0.0.7\n      \
                    ssh_user: logs\n      analysis_frequency: 1h\n      analysis_prompt: watch the backups\n";
        let hosts = load(text, &[("NAS_TOKEN", "0123456789abcdef")]).unwrap();
        let host = &hosts[0];
        assert_eq!((host.line, host.spec.host_id.as_str(), host.spec.frequency_s, host.spec.grace_s), (2, "nas-1", 300, 30));
        assert_eq!(host.token.as_ref().unwrap().expose(), "0123456789abcdef");
        assert_eq!(host.spec.schedule.config().unwrap()["windows"][0]["end"], "06:00");
        assert_eq!(host.spec.tags, ["office", "nas"]);
        let logs = host.spec.log_analysis.as_ref().unwrap();
        assert_eq!((logs.source().as_str(), logs.frequency_s, logs.enabled), ("ssh logs@10.0.0.7:22", 3_600, true));
    }

    #[test]
    fn every_fault_of_every_host_is_told_at_once_with_line_key_and_fix() {
        let text = "hosts:\n  - name: NAS\n    expected_frequncy: 5m\n    grace_period: [1]\n  - host_id: \"-x\"\n    name: Web\n    expected_frequency: 0\n    \
                    schedule_type: custom\n    schedule_config:\n      timezone: Berlin\n      windows:\n        - {days: [9], start: \"08:00\", end: \"10:00\"}\n    \
                    log_analysis:\n      enabled: perhaps\n  - 7\n";
        let errors = load(text, &[]).unwrap_err();
        let expected = [
            "hosts.yaml:3: NAS.expected_frequncy: is not known: did you mean expected_frequency?",
            "hosts.yaml:4: NAS.grace_period: must be whole seconds or a duration such as 5m, 1h30m or 2d, not a list",
            "hosts.yaml:2: NAS.expected_frequency: is missing: say how often the host is heard, for example 5m",
            "hosts.yaml:13: -x.log_analysis: enabled must be true or false, not text",
            "hosts.yaml:5: -x.host_id: must be 1 to 64 of",
            "hosts.yaml:7: -x.expected_frequency: must be between 1s and 366d",
            "hosts.yaml:10: -x.schedule_config.timezone: must be an IANA time zone, did you mean Europe/Berlin?",
            "hosts.yaml:12: -x.schedule_config.windows[0].days",
            "hosts.yaml:15: hosts[2]: must be a map beginning with \"- name:\", not a number",
        ];
        assert_eq!(errors.len(), expected.len(), "{errors:#?}");
        for (error, expected) in errors.iter().zip(expected) {
            assert!(error.starts_with(expected), "{error}\nis not\n{expected}");
        }
    }

    #[test]
    fn a_wrong_token_is_told_but_not_shown() {
        let short = "hosts:\n  - {name: a, expected_frequency: 5m, token: hunter2}\n  - {name: b, expected_frequency: 5m, token: \"${B_TOKEN}\"}\n  \
                     - {name: c, expected_frequency: 5m, token: 1234567890123456}\n  - {name: d, expected_frequency: 5m, token: \"${D_TOKEN}\"}\n";
        let errors = load(short, &[("D_TOKEN", "hunter3")]).unwrap_err();
        assert!(errors[0].starts_with("hosts.yaml:2: a.token: must have 16 to 256 characters, this one has 7"), "{errors:?}");
        assert_eq!(errors[1], "hosts.yaml:3: b.token: names the variable B_TOKEN, which is not set: set B_TOKEN or B_TOKEN_FILE");
        assert_eq!(errors[2], "hosts.yaml:4: c.token: must be text: put it in quotes");
        assert!(errors[3].starts_with("hosts.yaml:5: d.token: (D_TOKEN) must have 16"), "{errors:?}");
        assert!(!errors.concat().contains("hunter"));
    }

    #[test]
    fn two_hosts_may_not_share_an_id_or_a_name() {
        let text = "hosts:\n  - {name: NAS, expected_frequency: 5m}\n  - {name: nas, expected_frequency: 5m}\n  - {name: NAS, host_id: other, expected_frequency: 5m}\n";
        let errors = load(text, &[]).unwrap_err();
        assert_eq!(errors[0], "hosts.yaml:3: nas.host_id: is used by the host on line 2 too: give each its own");
        assert_eq!(errors[1], "hosts.yaml:4: other.name: is used by the host on line 2 too: give each its own");
    }

    #[test]
    fn an_empty_file_names_no_hosts_and_another_shape_is_refused() {
        assert_eq!(load("", &[]), Ok(Vec::new()));
        assert_eq!(load("hosts:\n", &[]), Ok(Vec::new()));
        assert!(load("- name: x\n", &[]).unwrap_err()[0].starts_with("hosts.yaml:1: must begin with \"hosts:\""));
        assert!(load("host: []\n", &[]).unwrap_err()[0].starts_with("hosts.yaml:1: host: is not known"));
    }
}
