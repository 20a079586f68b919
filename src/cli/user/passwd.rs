//! `user passwd`: another password for somebody, who is signed out everywhere.

use super::{OneUser, password};
use crate::cli::{CliError, Surroundings, api, print};
use awc::http::Method;
use serde_json::json;

/// Set another password, read from standard input; ends the user's sessions
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  pulsewarden user passwd ada < password.txt

Exit codes: 0 done, 1 refused, 2 wrong usage, 3 no such user, 4 hub not reachable,
78 wrong configuration")]
pub(super) struct Args {
    #[command(flatten)]
    user: OneUser,
}

pub(super) fn run(args: &Args, here: &Surroundings) -> Result<(), CliError> {
    let path = args.user.path(here)?;
    let body = json!({"password": password()?});
    api::ask(&args.user.hub, here, Method::PATCH, &path, Some(&body))?;
    print::line(format_args!("{} has another password and is signed out everywhere", args.user.name));
    Ok(())
}
