//! `user remove`: somebody may sign in no more.

use super::OneUser;
use crate::cli::{CliError, Surroundings, api, print};
use awc::http::Method;

/// Remove a user and end his sessions
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  pulsewarden user remove bob

Exit codes: 0 done, 1 refused, 2 wrong usage, 3 no such user, 4 hub not reachable,
78 wrong configuration")]
pub(super) struct Args {
    #[command(flatten)]
    user: OneUser,
}

pub(super) fn run(args: &Args, here: &Surroundings) -> Result<(), CliError> {
    let path = args.user.path(here)?;
    api::ask(&args.user.hub, here, Method::DELETE, &path, None)?;
    print::line(format_args!("{} may sign in no more", args.user.name));
    Ok(())
}
