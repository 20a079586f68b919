//! `openapi`: the description of the HTTP API, without a hub.

use super::{CliError, print};

/// Print the OpenAPI description of the HTTP API
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  pulsewarden openapi > openapi.json

Needs no running hub.")]
pub(super) struct Args {}

pub(super) fn run(_: &Args) -> Result<(), CliError> {
    print::line(web::openapi_json());
    Ok(())
}
