//! `host`: the hosts that are watched, one verb a file.

mod add;
mod list;
mod pause;
mod remove;
mod resume;
mod rotate_token;
mod show;

use super::{CliError, Surroundings, api, print, table};
use clap::Subcommand;
use domain::recipe;
use serde_json::Value;

/// Add, list, show and change the hosts that are watched
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  pulsewarden host add web-01 --every 5m
  pulsewarden host list
  pulsewarden host pause web-01

Exit codes: 0 done, 1 refused, 2 wrong usage, 3 no such host, 4 hub not reachable,
78 wrong configuration")]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Add(add::Args),
    List(list::Args),
    Show(show::Args),
    Remove(remove::Args),
    RotateToken(rotate_token::Args),
    Pause(pause::Args),
    Resume(resume::Args),
}

/// A verb about one host.
#[derive(Debug, clap::Args)]
struct OneHost {
    /// The host's id, as `host list` shows it
    host_id: String,
    /// Answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    hub: api::HubArgs,
}

pub(super) fn run(args: &Args, here: &Surroundings) -> Result<(), CliError> {
    match &args.verb {
        Verb::Add(args) => add::run(args, here),
        Verb::List(args) => list::run(args, here),
        Verb::Show(args) => show::run(args, here),
        Verb::Remove(args) => remove::run(args, here),
        Verb::RotateToken(args) => rotate_token::run(args, here),
        Verb::Pause(args) => pause::run(args, here),
        Verb::Resume(args) => resume::run(args, here),
    }
}

impl OneHost {
    /// The path of this host in the API, with `rest` behind it.
    fn path(&self, rest: &str) -> String {
        format!("/api/v1/hosts/{}{rest}", api::part(&self.host_id))
    }

    /// Prints `answer` as JSON, or what `text` makes of it.
    fn print(&self, answer: &Value, text: impl FnOnce(&Value) -> String) {
        if self.json { print::line(format_args!("{answer:#}")) } else { print::text_only(text(answer)) }
    }
}

/// A text of the hub's answer, empty when it is not there.
fn text<'a>(answer: &'a Value, key: &str) -> &'a str {
    answer[key].as_str().unwrap_or_default()
}

/// A number of seconds of the hub's answer.
fn seconds(answer: &Value, key: &str) -> u32 {
    answer[key].as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or_default()
}

/// What somebody needs who has just got a host's URL.
fn url_text(answer: &Value) -> String {
    let url = text(answer, "heartbeat_url");
    let every = seconds(answer, "expected_frequency_seconds");
    let in_crontab =
        recipe::crontab(url, every).unwrap_or_else(|| "(cron calls once a minute at most: let the program itself call)".into());
    let mut lines =
        table::pairs(&[("Heartbeat URL", url.to_owned()), ("By hand", recipe::curl(url)), ("In crontab", in_crontab)]);
    if ["://127.0.0.1", "://localhost", "://[::1]"].iter().any(|local| url.contains(local)) {
        lines += "\nThis URL works on this machine only: set PUBLIC_URL to the address under which others reach the hub.\n";
    }
    lines
}
