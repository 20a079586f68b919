//! `user role`: what somebody may do.

use super::OneUser;
use crate::cli::{CliError, Surroundings, api, print};
use awc::http::Method;
use serde_json::json;

/// Make somebody admin or viewer
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  pulsewarden user role bob admin

Exit codes: 0 done, 1 refused, 2 wrong usage, 3 no such user, 4 hub not reachable,
78 wrong configuration")]
pub(super) struct Args {
    #[command(flatten)]
    user: OneUser,
    /// admin or viewer
    role: String,
}

pub(super) fn run(args: &Args, here: &Surroundings) -> Result<(), CliError> {
    let path = args.user.path(here)?;
    api::ask(&args.user.hub, here, Method::PATCH, &path, Some(&json!({"role": args.role})))?;
    print::line(format_args!("{} is {} now", args.user.name, args.role));
    Ok(())
}
