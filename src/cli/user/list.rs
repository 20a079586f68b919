//! `user list`: who may sign in.

use crate::cli::{CliError, Surroundings, api, print};
use awc::http::Method;

/// List who may sign in
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  pulsewarden user list --json

Exit codes: 0 done, 1 refused, 2 wrong usage, 3 no such user, 4 hub not reachable,
78 wrong configuration")]
pub(super) struct Args {
    /// Answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    hub: api::HubArgs,
}

pub(super) fn run(args: &Args, here: &Surroundings) -> Result<(), CliError> {
    let all = api::ask(&args.hub, here, Method::GET, "/api/v1/users", None)?;
    if args.json {
        print::line(format_args!("{all:#}"));
        return Ok(());
    }
    for user in all["users"].as_array().into_iter().flatten() {
        let text = |key: &str| user[key].as_str().unwrap_or("never");
        print::text_only(format!("{}  {}  last signed in: {}\n", text("name"), text("role"), text("last_login_at")));
    }
    Ok(())
}
