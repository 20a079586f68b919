//! `host pause`: stops judging a host.

use super::super::{CliError, Surroundings, api};
use super::OneHost;
use awc::http::Method;

/// Stop judging a host until it is resumed
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  pulsewarden host pause web-01

Exit codes: 0 done, 1 refused, 3 no such host, 4 hub not reachable, 78 wrong configuration")]
pub(super) struct Args {
    #[command(flatten)]
    host: OneHost,
}

pub(super) fn run(args: &Args, here: &Surroundings) -> Result<(), CliError> {
    let answer = api::ask(&args.host.hub, here, Method::POST, &args.host.path("/pause"), None)?;
    args.host.print(&answer, |_| {
        format!("{} is paused: nothing is judged until \"pulsewarden host resume {0}\".\n", args.host.host_id)
    });
    Ok(())
}
