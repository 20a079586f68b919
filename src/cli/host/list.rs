//! `host list`: all hosts, as a table or as JSON, over all pages of the API.

use super::super::{CliError, Surroundings, api, print, table};
use super::{seconds, text};
use awc::http::Method;
use clap::ValueEnum;
use domain::duration::short;
use serde_json::{Value, json};

/// Most hosts the API gives at once.
const PAGE: u32 = 500;

/// List the hosts that are watched
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  pulsewarden host list
  pulsewarden host list --status down
  pulsewarden host list --tag office --json | jq -r '.hosts[].host_id'

Exit codes: 0 done, 1 refused, 2 wrong usage, 4 hub not reachable, 78 wrong configuration")]
pub(super) struct Args {
    /// Only hosts in this state
    #[arg(long, value_enum, value_name = "STATUS")]
    status: Option<Status>,
    /// Only hosts with this tag
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    /// Only hosts with this text in name, id or description
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// Answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    hub: api::HubArgs,
}

impl Args {
    fn filters(&self) -> bool {
        self.status.is_some() || self.tag.is_some() || self.text.is_some()
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Status {
    Up,
    Down,
    Unknown,
}

pub(super) fn run(args: &Args, here: &Surroundings) -> Result<(), CliError> {
    let hosts = actix::System::new().block_on(all(args, here))?;
    if args.json {
        print::line(format_args!("{:#}", json!({"hosts": hosts})));
    } else if hosts.is_empty() && args.filters() {
        print::line("No host matches.");
    } else if hosts.is_empty() {
        print::line("No hosts. Add one: pulsewarden host add web-01 --every 5m");
    } else {
        let rows: Vec<_> = hosts.iter().map(row).collect();
        print::text_only(table::table(["HOST", "NAME", "STATUS", "LAST SEEN", "EVERY", "GRACE", "SCHEDULE", "TAGS"], &rows));
    }
    Ok(())
}

async fn all(args: &Args, here: &Surroundings) -> Result<Vec<Value>, CliError> {
    let client = api::connect(&args.hub, here)?;
    let mut path = first_page(args);
    let mut hosts = Vec::new();
    loop {
        let mut page = client.call(Method::GET, &path, None).await?;
        let more = page["hosts"].as_array_mut().map(std::mem::take).unwrap_or_default();
        let is_last = more.is_empty();
        hosts.extend(more);
        let cursor = match &page["next_cursor"] {
            Value::String(text) => text.clone(),
            Value::Number(n) => n.to_string(),
            _ => return Ok(hosts),
        };
        if is_last {
            return Ok(hosts);
        }
        path = format!("{}&cursor={}", first_page(args), api::part(&cursor));
    }
}

fn first_page(args: &Args) -> String {
    let status = args.status.and_then(|status| status.to_possible_value()).map(|value| value.get_name().to_owned());
    let filters = [("status", status), ("tag", args.tag.clone()), ("text", args.text.clone())];
    let given = filters.into_iter().filter_map(|(name, value)| Some(format!("&{name}={}", api::part(&value?))));
    format!("/api/v1/hosts?limit={PAGE}{}", given.collect::<String>())
}

fn row(host: &Value) -> [String; 8] {
    let status = if host["paused"].as_bool() == Some(true) { "paused" } else { text(host, "status") };
    let seen = text(host, "last_seen");
    let tags: Vec<&str> = host["tags"].as_array().map(|tags| tags.iter().filter_map(Value::as_str).collect()).unwrap_or_default();
    [
        text(host, "host_id").to_owned(),
        text(host, "name").to_owned(),
        status.to_owned(),
        if seen.is_empty() { "never".into() } else { seen.to_owned() },
        short(seconds(host, "expected_frequency_seconds").into()),
        short(seconds(host, "grace_period_seconds").into()),
        text(host, "schedule_type").to_owned(),
        tags.join(", "),
    ]
}
