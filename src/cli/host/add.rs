//! `host add`: watches a new host and tells the URL it must call.

use super::super::{CliError, Exit, Surroundings, api, print};
use crate::config::Node;
use awc::http::Method;
use clap::ValueEnum;
use domain::duration::{self, short};
use serde_json::{Value, json};
use std::path::Path;

/// Watch a new host and print the URL it must call
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  pulsewarden host add web-01 --every 5m
  pulsewarden host add \"Office NAS\" --id nas --every 1h --grace 10m --tag office --severity warning
  pulsewarden host add till-3 --every 5m --schedule business_hours
  pulsewarden host add backup --every 1d --schedule custom --windows windows.yaml

windows.yaml, or the same as JSON in place of the file's name:
  timezone: Europe/Berlin
  windows:
    - {days: [1, 2, 3, 4, 5], start: \"22:00\", end: \"06:00\"}
  holidays: [2026-12-25]

Exit codes: 0 added, 1 refused, 2 wrong usage, 4 hub not reachable, 78 wrong configuration")]
pub(super) struct Args {
    /// Name for people, unique
    name: String,
    /// Longest time between two heartbeats: seconds, or 30s, 5m, 1h30m, 2d
    #[arg(long, value_name = "TIME", value_parser = time)]
    every: String,
    /// Extra time before anybody is told; 60s unless given
    #[arg(long, value_name = "TIME", value_parser = time)]
    grace: Option<String>,
    /// Name in URLs, unique; made from the name unless given
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// When the host is expected to be heard at all
    #[arg(long, value_enum, value_name = "KIND")]
    schedule: Option<Kind>,
    /// Windows of a custom schedule (or what differs from the business hours): a file, YAML or JSON, or JSON itself
    #[arg(long, value_name = "FILE|JSON", requires = "schedule")]
    windows: Option<String>,
    /// A word to group and route by; may be repeated
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// How loud its alerts are; critical unless given
    #[arg(long, value_enum, value_name = "LEVEL")]
    severity: Option<Severity>,
    /// Free text for people
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    hub: api::HubArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Kind {
    Always,
    BusinessHours,
    Custom,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Severity {
    Info,
    Warning,
    Critical,
}

pub(super) fn run(args: &Args, here: &Surroundings) -> Result<(), CliError> {
    let answer = api::ask(&args.hub, here, Method::POST, "/api/v1/hosts", Some(&body(args)?))?;
    if args.json {
        print::line(format_args!("{answer:#}"));
        return Ok(());
    }
    let every = short(super::seconds(&answer, "expected_frequency_seconds").into());
    let grace = short(super::seconds(&answer, "grace_period_seconds").into());
    let (name, id, schedule) =
        (super::text(&answer, "name"), super::text(&answer, "host_id"), super::text(&answer, "schedule_type"));
    print::line(format_args!("{name} is watched as {id}: every {every} with {grace} grace, {schedule}.\n"));
    print::text_only(super::url_text(&answer));
    Ok(())
}

fn body(args: &Args) -> Result<Value, CliError> {
    let mut body = json!({"name": args.name, "expected_frequency": args.every});
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            body[key] = value;
        }
    };
    put("host_id", args.id.clone().map(Value::from));
    put("grace_period", args.grace.clone().map(Value::from));
    put("schedule_type", args.schedule.as_ref().map(word));
    put("schedule_config", args.windows.as_deref().map(windows).transpose()?);
    put("severity", args.severity.as_ref().map(word));
    put("tags", (!args.tag.is_empty()).then(|| args.tag.clone().into()));
    put("description", args.description.clone().map(Value::from));
    Ok(body)
}

fn word(value: &impl ValueEnum) -> Value {
    value.to_possible_value().map(|value| value.get_name().to_owned()).into()
}

/// The windows in a file, or in the text itself when it begins as JSON does.
fn windows(text: &str) -> Result<Value, CliError> {
    let usage = |e: crate::config::ConfigError| CliError::new(Exit::Usage, e.to_string());
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map_err(|e| CliError::new(Exit::Usage, format!("--windows is no JSON: {e}")));
    }
    let read = Node::read(Path::new(text)).map_err(usage)?;
    let node =
        read.ok_or_else(|| CliError::new(Exit::Usage, format!("--windows: {text} is not there: name a file, or give JSON")))?;
    Ok(node.to_json())
}

fn time(text: &str) -> Result<String, String> {
    duration::parse(text).map(|_| text.to_owned()).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_come_as_json_or_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("windows.yaml");
        std::fs::write(&path, "timezone: UTC\nwindows:\n  - {days: [1], start: 08:00, end: 10:00}\n").unwrap();
        let from_file = windows(path.to_str().unwrap()).unwrap();
        let from_text = windows(r#"{"timezone":"UTC","windows":[{"days":[1],"start":"08:00","end":"10:00"}]}"#).unwrap();
        assert_eq!(from_file, from_text);
        assert_eq!(windows("{nonsense").unwrap_err().exit, Exit::Usage);
        assert_eq!(windows("/nonexistent").unwrap_err().exit, Exit::Usage);
    }
}
