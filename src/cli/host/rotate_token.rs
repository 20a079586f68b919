//! `host rotate-token`: gives a host a new URL; the old one is refused at once.

use super::super::{CliError, Surroundings, api};
use super::{OneHost, url_text};
use awc::http::Method;

/// Give a host a new token: its old URL is refused at once
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  pulsewarden host rotate-token web-01
  pulsewarden host rotate-token web-01 --json | jq -r .heartbeat_url

Exit codes: 0 done, 1 refused, 3 no such host, 4 hub not reachable, 78 wrong configuration")]
pub(super) struct Args {
    #[command(flatten)]
    host: OneHost,
}

pub(super) fn run(args: &Args, here: &Surroundings) -> Result<(), CliError> {
    let answer = api::ask(&args.host.hub, here, Method::POST, &args.host.path("/rotate-token"), None)?;
    let id = &args.host.host_id;
    args.host
        .print(&answer, |answer| format!("{id} has a new token; its old URL is refused from now on.\n\n{}", url_text(answer)));
    Ok(())
}
