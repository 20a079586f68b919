//! `user add`: somebody may sign in.

use super::{OneUser, password};
use crate::cli::{CliError, Surroundings, api, print};
use awc::http::Method;
use serde_json::json;

/// Let somebody sign in; the password comes from standard input
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  pulsewarden user add bob --role viewer < password.txt

Exit codes: 0 done, 1 refused, 2 wrong usage, 3 no such user, 4 hub not reachable,
78 wrong configuration")]
pub(super) struct Args {
    #[command(flatten)]
    user: OneUser,
    /// What he may do: admin or viewer
    #[arg(long, default_value = "viewer")]
    role: String,
}

pub(super) fn run(args: &Args, here: &Surroundings) -> Result<(), CliError> {
    let body = json!({"name": args.user.name, "role": args.role, "password": password()?});
    api::ask(&args.user.hub, here, Method::POST, "/api/v1/users", Some(&body))?;
    print::line(format_args!("{} may sign in as {}", args.user.name, args.role));
    Ok(())
}
