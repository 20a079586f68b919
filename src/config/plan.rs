//! What `hosts.yaml` would change: created and updated hosts, field by field, never a deletion. Pure, so that `check-config`
//! shows what the start will do.

use super::hosts_file::HostsFileEntry;
use super::secret::Secret;
use domain::duration::short;
use domain::host::{HostDraft, HostSpec};
use domain::schedule::{BusinessHours, Schedule};
use serde::Serialize;
use std::collections::HashMap;
use store::hosts::HostRecord;

/// One step from the hosts there are to those the file wants.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A host that is not there yet.
    Create {
        /// The host.
        spec: HostSpec,
        /// Its token; none: a new random one.
        token: Option<Secret>,
        /// Where the file says so.
        line: u64,
    },
    /// A host of which the file says something else.
    Update {
        /// Which.
        host_id: String,
        /// What the file says; the rest stays.
        draft: Box<HostDraft>,
        /// What it will be, fields that stay included.
        spec: Box<HostSpec>,
        /// Its new token; none: it stays.
        token: Option<Secret>,
        /// What changes, for people.
        differences: Vec<Difference>,
        /// Where the file says so.
        line: u64,
    },
    /// A host that cannot be what the file wants; it is left as it is.
    Conflict {
        /// Which.
        host_id: String,
        /// Why, and the fix.
        reason: String,
        /// Where the file says so.
        line: u64,
    },
}

/// One field that changes. Tokens are not shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Its key in `hosts.yaml`.
    pub field: &'static str,
    /// What it is.
    pub from: String,
    /// What it will be.
    pub to: String,
}

impl Change {
    /// The host it is about.
    pub fn host_id(&self) -> &str {
        match self {
            Change::Create { spec, .. } => spec.host_id.as_str(),
            Change::Update { host_id, .. } | Change::Conflict { host_id, .. } => host_id,
        }
    }

    /// Where the file says so.
    pub fn line(&self) -> u64 {
        match self {
            Change::Create { line, .. } | Change::Update { line, .. } | Change::Conflict { line, .. } => *line,
        }
    }
}

/// The steps from the `current` hosts to the `wanted` ones, in the order of the file. Hosts the file does not name, and
/// hosts that are already as it says, need none; so a plan that was followed leaves an empty one.
pub fn plan(current: &[HostRecord], wanted: &[HostsFileEntry], business: &BusinessHours) -> Vec<Change> {
    let by_id: HashMap<&str, &HostRecord> = current.iter().map(|host| (host.spec.host_id.as_str(), host)).collect();
    let mut names: HashMap<&str, &str> =
        current.iter().map(|host| (host.spec.name.as_str(), host.spec.host_id.as_str())).collect();
    let mut changes = Vec::new();
    for entry in wanted {
        let id = entry.spec.host_id.as_str();
        if let Some(owner) = names.get(entry.spec.name.as_str()).filter(|owner| **owner != id) {
            let reason =
                format!("the name {} is taken by host {owner}: choose another, or rename that one first", entry.spec.name);
            changes.push(Change::Conflict { host_id: id.to_owned(), reason, line: entry.line });
            continue;
        }
        let change = match by_id.get(id) {
            None => Some(Change::Create { spec: entry.spec.clone(), token: entry.token.clone(), line: entry.line }),
            Some(host) => update(host, entry, business),
        };
        names.insert(&entry.spec.name, id);
        changes.extend(change);
    }
    changes
}

fn update(host: &HostRecord, entry: &HostsFileEntry, business: &BusinessHours) -> Option<Change> {
    let host_id = host.spec.host_id.as_str().to_owned();
    let spec = match entry.draft.overlay(&host.spec, business) {
        Ok(spec) => spec,
        Err(errors) => {
            let reason = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            return Some(Change::Conflict { host_id, reason, line: entry.line });
        }
    };
    let token =
        entry.token.clone().filter(|token| !store::seal::same_hash(&store::seal::hash_token(token.expose()), &host.token_hash));
    let mut differences = differences(&host.spec, &spec);
    if token.is_some() {
        differences.push(Difference { field: "token", from: "(hidden)".into(), to: "(another one)".into() });
    }
    (!differences.is_empty()).then(|| Change::Update {
        host_id,
        draft: Box::new(entry.draft.clone()),
        spec: Box::new(spec),
        token,
        differences,
        line: entry.line,
    })
}

fn differences(old: &HostSpec, new: &HostSpec) -> Vec<Difference> {
    let fields = [
        ("name", old.name.clone(), new.name.clone()),
        ("expected_frequency", short(old.frequency_s.into()), short(new.frequency_s.into())),
        ("grace_period", short(old.grace_s.into()), short(new.grace_s.into())),
        ("schedule_type", old.schedule.kind().to_owned(), new.schedule.kind().to_owned()),
        ("schedule_config", config_text(&old.schedule), config_text(&new.schedule)),
        ("severity", old.severity.as_str().to_owned(), new.severity.as_str().to_owned()),
        ("tags", old.tags.join(", "), new.tags.join(", ")),
        ("description", old.description.clone(), new.description.clone()),
        ("log_analysis", logs_text(old), logs_text(new)),
    ];
    let changed = fields.into_iter().filter(|(_, from, to)| from != to);
    changed.map(|(field, from, to)| Difference { field, from, to }).collect()
}

fn logs_text(spec: &HostSpec) -> String {
    spec.log_analysis.as_ref().and_then(|settings| serde_json::to_string(settings).ok()).unwrap_or_default()
}

fn config_text(schedule: &Schedule) -> String {
    schedule.config().map(|config| config.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, HostsFile};
    use domain::host::Status;
    use domain::time::{Steady, Wall};
    use std::path::Path;

    const TOKEN: &str = "0123456789abcdef";

    fn wanted(text: &str) -> Vec<HostsFileEntry> {
        HostsFile::parse(text, Path::new("hosts.yaml"), &Environment::default(), &BusinessHours::default()).unwrap()
    }

    fn stored(spec: HostSpec) -> HostRecord {
        HostRecord {
            row: 1,
            spec,
            token_hash: store::seal::hash_token(TOKEN),
            status: Status::Up,
            status_since: Wall(0),
            status_reason: String::new(),
            last_seen: None,
            last_beat_id: None,
            judged_from: Steady(0),
            run: None,
            run_extra_s: 0,
            paused: false,
            silenced_until: None,
            created_at: Wall(0),
            updated_at: Wall(0),
        }
    }

    fn steps(current: &[HostRecord], text: &str) -> Vec<Change> {
        plan(current, &wanted(text), &BusinessHours::default())
    }

    #[test]
    fn a_new_host_is_created_and_one_the_file_does_not_name_is_left_alone() {
        let other = stored(wanted("hosts: [{name: Other, expected_frequency: 1h}]")[0].spec.clone());
        let steps = steps(&[other], "hosts:\n  - {name: NAS, expected_frequency: 5m}\n");
        assert_eq!(steps.len(), 1);
        assert!(matches!(&steps[0], Change::Create { spec, token: None, line: 2 } if spec.host_id.as_str() == "nas"));
    }

    #[test]
    fn a_difference_is_shown_field_by_field_and_fields_the_file_does_not_name_stay() {
        let old = stored(
            wanted("hosts: [{name: NAS, expected_frequency: 5m, grace_period: 2m, tags: [a], severity: info}]")[0].spec.clone(),
        );
        let steps = steps(
            &[old],
            &format!("hosts: [{{name: The NAS, host_id: nas, expected_frequency: 10m, tags: [a, b], token: {TOKEN}{TOKEN}}}]"),
        );
        let Change::Update { host_id, spec, token, differences, .. } = &steps[0] else { panic!("{steps:?}") };
        let told: Vec<String> = differences.iter().map(|d| format!("{} {} -> {}", d.field, d.from, d.to)).collect();
        assert_eq!(
            told,
            ["name NAS -> The NAS", "expected_frequency 5 min -> 10 min", "tags a -> a, b", "token (hidden) -> (another one)"]
        );
        assert_eq!((host_id.as_str(), spec.grace_s, spec.severity.as_str()), ("nas", 120, "info"));
        assert!(token.is_some());
    }

    #[test]
    fn a_host_that_is_as_the_file_says_needs_nothing() {
        let text = format!("hosts: [{{name: NAS, expected_frequency: 300, token: {TOKEN}, schedule_type: business_hours}}]");
        let current = stored(wanted(&text)[0].spec.clone());
        assert_eq!(steps(&[current], &text), []);
    }

    #[test]
    fn a_name_that_another_host_has_is_a_conflict_and_not_an_error_of_the_store() {
        let other = stored(wanted("hosts: [{name: NAS, host_id: old-nas, expected_frequency: 1h}]")[0].spec.clone());
        let steps = steps(&[other], "hosts: [{name: NAS, expected_frequency: 5m}]");
        assert!(matches!(&steps[0], Change::Conflict { reason, .. } if reason.contains("taken by host old-nas")));
    }
}
