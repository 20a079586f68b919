//! `host show`: everything about one host, its URL included.

use super::super::{CliError, Surroundings, api, table};
use super::{OneHost, seconds, text};
use awc::http::Method;
use domain::duration::short;
use serde_json::Value;

/// Show one host
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  pulsewarden host show web-01
  pulsewarden host show web-01 --json | jq -r .heartbeat_url

Exit codes: 0 done, 1 refused, 3 no such host, 4 hub not reachable, 78 wrong configuration")]
pub(super) struct Args {
    #[command(flatten)]
    host: OneHost,
}

pub(super) fn run(args: &Args, here: &Surroundings) -> Result<(), CliError> {
    let answer = api::ask(&args.host.hub, here, Method::GET, &args.host.path(""), None)?;
    args.host.print(&answer, shown);
    Ok(())
}

fn shown(host: &Value) -> String {
    let config = &host["schedule_config"];
    let tags: Vec<&str> = host["tags"].as_array().map(|tags| tags.iter().filter_map(Value::as_str).collect()).unwrap_or_default();
    let status = if host["paused"].as_bool() == Some(true) { "paused" } else { text(host, "status") };
    let seen = text(host, "last_seen");
    table::pairs(&[
        ("host", text(host, "host_id").to_owned()),
        ("name", text(host, "name").to_owned()),
        ("description", text(host, "description").replace('\n', " ")),
        ("status", status.to_owned()),
        ("reason", text(host, "status_reason").to_owned()),
        ("last seen", if seen.is_empty() { "never".into() } else { seen.to_owned() }),
        ("every", short(seconds(host, "expected_frequency_seconds").into())),
        ("grace", short(seconds(host, "grace_period_seconds").into())),
        ("schedule", text(host, "schedule_type").to_owned()),
        ("windows", if config.is_null() { String::new() } else { config.to_string() }),
        ("severity", text(host, "severity").to_owned()),
        ("tags", tags.join(", ")),
        ("heartbeat URL", text(host, "heartbeat_url").to_owned()),
    ])
}
