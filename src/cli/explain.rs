//! `explain`: why a host is up, late or down, and when it would alert, in one sentence.

use super::{CliError, Surroundings, api, print};
use awc::http::Method;

/// Say why a host is up, late or down, and when it would alert
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  pulsewarden explain web-01
  pulsewarden explain web-01 --json | jq -r .alert_due_at

Exit codes: 0 done, 1 refused, 3 no such host, 4 hub not reachable, 78 wrong configuration")]
pub(super) struct Args {
    /// The host's id, as `host list` shows it
    host_id: String,
    /// Answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    hub: api::HubArgs,
}

pub(super) fn run(args: &Args, here: &Surroundings) -> Result<(), CliError> {
    let path = format!("/api/v1/hosts/{}/explain", api::part(&args.host_id));
    let answer = api::ask(&args.hub, here, Method::GET, &path, None)?;
    if args.json {
        print::line(format_args!("{answer:#}"));
    } else {
        print::line(answer["explanation"].as_str().unwrap_or_default());
    }
    Ok(())
}
