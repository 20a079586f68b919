//! `host add`: watches a new host and tells the URL it must call.

use super::super::{CliError, Exit, Surroundings, api, print};
use crate::config::Node;
use awc::http::Method;
use clap::ValueEnum;
use domain::crontab::Crontab;
use domain::duration::{self, short};
use domain::field::FieldError;
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
  pulsewarden host add dump --cron \"0 2 * * *\" --timezone Europe/Berlin --grace 30m

windows.yaml, or the same as JSON in place of the file's name:
  timezone: Europe/Berlin
  windows:
    - {days: [1, 2, 3, 4, 5], start: \"22:00\", end: \"06:00\"}
  holidays: [2026-12-25]

Exit codes: 0 added, 1 refused, 2 wrong usage, 4 hub not reachable, 78 wrong configuration")]
pub(super) struct Args {
    /// Name for people, unique
    name: String,
    /// Longest time between two heartbeats: seconds, or 30s, 5m, 1h30m, 2d; needed unless there is a --cron
    #[arg(long, value_name = "TIME", value_parser = time, required_unless_present = "cron")]
    every: Option<String>,
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
    /// A heartbeat is due at each time of this crontab line, within the grace, in place of a frequency
    #[arg(long, value_name = "LINE", value_parser = crontab, conflicts_with_all = ["schedule", "windows"])]
    cron: Option<String>,
    /// Zone of the crontab line, for example Europe/Berlin; UTC unless given
    #[arg(long, value_name = "ZONE", requires = "cron")]
    timezone: Option<String>,
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
    let grace = short(super::seconds(&answer, "grace_period_seconds").into());
    let (name, id) = (super::text(&answer, "name"), super::text(&answer, "host_id"));
    let due = due_in_words(&answer, &grace);
    print::line(format_args!("{name} is watched as {id}: {due}.\n"));
    print::text_only(super::url_text(&answer));
    Ok(())
}

fn due_in_words(answer: &Value, grace: &str) -> String {
    let config = &answer["schedule_config"];
    match Crontab::parse(super::text(config, "cron")) {
        Ok(crontab) => {
            format!("due {} ({crontab}, {}) with {grace} grace", crontab.describe(), super::text(config, "timezone"))
        }
        Err(_) => {
            let every = short(super::seconds(answer, "expected_frequency_seconds").into());
            format!("every {every} with {grace} grace, {}", super::text(answer, "schedule_type"))
        }
    }
}

fn body(args: &Args) -> Result<Value, CliError> {
    let mut body = json!({"name": args.name});
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            body[key] = value;
        }
    };
    put("expected_frequency", args.every.clone().map(Value::from));
    put("host_id", args.id.clone().map(Value::from));
    put("grace_period", args.grace.clone().map(Value::from));
    put("schedule_type", args.schedule.as_ref().map(word));
    put("schedule_config", args.windows.as_deref().map(windows).transpose()?);
    if let Some(line) = &args.cron {
        put("schedule_type", Some("cron".into()));
        put("schedule_config", Some(json!({"cron": line, "timezone": args.timezone.as_deref().unwrap_or("UTC")})));
    }
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

fn crontab(text: &str) -> Result<String, String> {
    let told = |error: FieldError| if error.field.is_empty() { error.message } else { error.to_string() };
    let errors = |errors: Vec<FieldError>| errors.into_iter().map(told).collect::<Vec<_>>().join("; ");
    Crontab::parse(text).map(|crontab| crontab.to_string()).map_err(errors)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &[&str]) -> Result<Args, clap::Error> {
        #[derive(clap::Parser)]
        struct Add {
            #[command(flatten)]
            args: Args,
        }
        <Add as clap::Parser>::try_parse_from([&["add"], words].concat()).map(|add| add.args)
    }

    #[test]
    fn a_crontab_line_takes_the_place_of_a_frequency() {
        let args = of(&["dump", "--cron", "0  2 * * *", "--timezone", "Europe/Berlin"]).unwrap();
        let config = json!({"cron": "0 2 * * *", "timezone": "Europe/Berlin"});
        assert_eq!(body(&args).unwrap(), json!({"name": "dump", "schedule_type": "cron", "schedule_config": config}));
        let args = of(&["dump", "--cron", "@daily", "--every", "1d"]).unwrap();
        assert_eq!(body(&args).unwrap()["schedule_config"]["timezone"], "UTC");
        assert_eq!(body(&args).unwrap()["expected_frequency"], "1d");
        assert!(of(&["dump"]).unwrap_err().to_string().contains("--every"));
        let wrong = of(&["dump", "--cron", "0 24 * * *"]).unwrap_err().to_string();
        assert!(wrong.contains("hour: 24 is out of range, must be from 0 to 23"), "{wrong}");
        assert!(of(&["dump", "--cron", "@daily", "--schedule", "always"]).is_err());
        assert!(of(&["dump", "--every", "1d", "--timezone", "UTC"]).is_err());
    }

    #[test]
    fn what_is_due_is_said_in_words() {
        let answer = json!({"schedule_type": "cron", "schedule_config": {"cron": "0 2 * * *", "timezone": "UTC"}});
        assert_eq!(due_in_words(&answer, "60 s"), "due at 02:00 every day (0 2 * * *, UTC) with 60 s grace");
        let answer = json!({"schedule_type": "always", "schedule_config": null, "expected_frequency_seconds": 300});
        assert_eq!(due_in_words(&answer, "60 s"), "every 5 min with 60 s grace, always");
    }

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
