//! `check-config`: says what is wrong with the configuration, and what the next start would change because of `hosts.yaml`.

use super::{CliError, Exit, Surroundings, print};
use crate::config::{Change, Config, ConfigError, ConfigErrors, HostsFile, plan, templates};
use serde_json::{Value, json};
use std::path::Path;
use store::Store;
use store::hosts::HostRecord;

/// Check the configuration, and show what hosts.yaml would change
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  pulsewarden check-config
  pulsewarden check-config --json | jq '.changes[] | select(.change == \"create\") | .host_id'

Changes nothing; it works beside a running hub.
Exit codes: 0 the configuration is right, 1 the database cannot be read, 78 it is wrong")]
pub(super) struct Args {
    /// Answer as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, here: &Surroundings) -> Result<(), CliError> {
    match checked(here) {
        Ok(checked) => report(args, checked),
        Err(errors) if args.json => {
            print::line(format_args!("{:#}", json!({"ok": false, "errors": errors.0})));
            Err(CliError::new(Exit::Config, format!("{} wrong", counted(errors.0.len(), "setting"))))
        }
        Err(errors) => Err(errors.into()),
    }
}

struct Checked {
    config: Config,
    hosts: usize,
    /// What would change, or why that is not known.
    changes: Result<Vec<Change>, String>,
}

/// Everything is read even when one file is wrong, so that all faults are told.
fn checked(here: &Surroundings) -> Result<Checked, ConfigErrors> {
    let config = Config::load(&here.environment, &here.config_dir);
    let business = config.as_ref().map(|config| config.business_hours.clone()).unwrap_or_default();
    let hosts = HostsFile::load(&here.config_dir.join("hosts.yaml"), &here.environment, &business);
    let templates = templates(&here.config_dir);
    let (config, hosts) = match (config, hosts, templates) {
        (Ok(config), Ok(hosts), Ok(_)) => (config, hosts),
        (config, hosts, templates) => {
            let faults = |errors: Option<ConfigErrors>| -> Vec<ConfigError> { errors.map(|errors| errors.0).unwrap_or_default() };
            return Err(ConfigErrors([faults(config.err()), faults(hosts.err()), faults(templates.err())].concat()));
        }
    };
    let changes = current(&config).map(|current| plan(&current, &hosts, &config.business_hours));
    Ok(Checked { config, hosts: hosts.len(), changes })
}

/// The hosts of the database; none before the first start.
fn current(config: &Config) -> Result<Vec<HostRecord>, String> {
    if !Path::exists(&config.database) {
        return Ok(Vec::new());
    }
    let told = |e: store::StoreError| format!("{}: {e}", config.database.display());
    let reader = Store::open_read_only(&config.database, &config.limits.store).map_err(told)?;
    let hosts = reader.read(|conn| store::hosts::load_all(conn, &config.business_hours)).map_err(told)?;
    Ok(hosts.into_iter().flatten().collect())
}

fn report(args: &Args, checked: Checked) -> Result<(), CliError> {
    if args.json {
        print::line(format_args!("{:#}", as_json(&checked)));
    } else {
        print::text_only(as_text(&checked));
    }
    match checked.changes {
        Ok(_) => Ok(()),
        Err(why) => Err(CliError::new(Exit::Failed, format!("what hosts.yaml would change is not known: {why}"))),
    }
}

fn as_json(checked: &Checked) -> Value {
    let origins: serde_json::Map<String, Value> =
        checked.config.origins.iter().map(|(name, place)| ((*name).to_owned(), place.to_string().into())).collect();
    let changes = checked.changes.as_ref().ok().map(|changes| changes.iter().map(change_json).collect::<Vec<_>>());
    json!({"ok": true, "errors": [], "warnings": checked.config.warnings, "settings": origins, "hosts": checked.hosts, "changes": changes})
}

fn change_json(change: &Change) -> Value {
    let (host_id, line) = (change.host_id(), change.line());
    match change {
        Change::Create { spec, .. } => json!({"change": "create", "host_id": host_id, "line": line, "name": spec.name}),
        Change::Update { differences, .. } => {
            json!({"change": "update", "host_id": host_id, "line": line, "differences": differences})
        }
        Change::Conflict { reason, .. } => json!({"change": "conflict", "host_id": host_id, "line": line, "reason": reason}),
    }
}

fn as_text(checked: &Checked) -> String {
    let config = &checked.config;
    let mut text = String::from("The configuration is right.\n");
    for (name, place) in &config.origins {
        text += &format!("  {name} comes from {place}\n");
    }
    for warning in &config.warnings {
        text += &format!("  warning: {warning}\n");
    }
    let Ok(changes) = &checked.changes else { return text };
    let hosts = counted(checked.hosts, "host");
    text += &match (checked.hosts, changes.len()) {
        (0, _) => format!("{} names no hosts.\n", config.hosts_file.display()),
        (_, 0) => format!("{} names {hosts}; nothing would change.\n", config.hosts_file.display()),
        (_, n) => format!(
            "{} names {hosts}; the next start or SIGHUP would make {}:\n",
            config.hosts_file.display(),
            counted(n, "change")
        ),
    };
    changes.iter().map(change_text).for_each(|line| text += &line);
    text
}

fn change_text(change: &Change) -> String {
    let (host_id, line) = (change.host_id(), change.line());
    match change {
        Change::Create { spec, .. } => format!("  + {host_id} (line {line}): new host {}\n", spec.name),
        Change::Conflict { reason, .. } => format!("  ! {host_id} (line {line}): left as it is: {reason}\n"),
        Change::Update { differences, .. } => {
            let fields = differences.iter().map(|d| format!("      {}: {} → {}\n", d.field, shown(&d.from), shown(&d.to)));
            format!("  ~ {host_id} (line {line})\n{}", fields.collect::<String>())
        }
    }
}

fn shown(text: &str) -> &str {
    if text.is_empty() { "(none)" } else { text }
}

fn counted(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}
