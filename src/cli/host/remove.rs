//! `host remove`: watches a host no longer.

use super::super::{CliError, Exit, Surroundings, api};
use super::OneHost;
use awc::http::Method;
use serde_json::json;
use std::io::{self, BufRead, IsTerminal, Write};

/// Remove a host and its heartbeats; its alerts stay readable
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  pulsewarden host remove web-01
  pulsewarden host remove web-01 --yes

Exit codes: 0 removed, 1 refused, 3 no such host, 4 hub not reachable, 78 wrong configuration")]
pub(super) struct Args {
    #[command(flatten)]
    host: OneHost,
    /// Do not ask; nothing is asked either when no terminal is there to answer
    #[arg(long, short)]
    yes: bool,
}

pub(super) fn run(args: &Args, here: &Surroundings) -> Result<(), CliError> {
    let id = &args.host.host_id;
    if !args.yes && io::stdin().is_terminal() && !is_confirmed(id)? {
        return Err(CliError::new(Exit::Failed, "nothing was removed"));
    }
    api::ask(&args.host.hub, here, Method::DELETE, &args.host.path(""), None)?;
    args.host.print(&json!({"host_id": id, "removed": true}), |_| format!("{id} is no longer watched.\n"));
    Ok(())
}

fn is_confirmed(id: &str) -> Result<bool, CliError> {
    let failed = |e: io::Error| CliError::new(Exit::Failed, format!("the terminal cannot be read: {e}"));
    eprint!("Remove {id} and all its heartbeats? [y/N] ");
    io::stderr().flush().map_err(failed)?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).map_err(failed)?;
    Ok(matches!(line.trim().to_lowercase().as_str(), "y" | "yes"))
}
