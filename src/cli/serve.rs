//! `serve`: runs the hub until it is told to stop.

use super::{CliError, Exit, Surroundings, logging, print};
use crate::app::{self, Signals, StartError};
use crate::config::Config;
use std::process::ExitCode;

/// Run the hub until SIGTERM or Ctrl-C; this is the default
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  pulsewarden serve
  API_PORT=9000 LOG_FORMAT=json pulsewarden serve

Settings: environment before config/settings.yaml before defaults; see .env.example and
config/settings.yaml.example. SIGHUP applies config/hosts.yaml again.
Exit codes: 0 stopped on request, 1 could not start, 70 internal error (start it again),
78 wrong configuration")]
pub(super) struct Args {}

pub(super) fn run(_: &Args, here: &Surroundings) -> Result<ExitCode, CliError> {
    let config = here.config()?;
    logging::start(&config.log_filter, config.log_format);
    for warning in &config.warnings {
        log::warn!("{warning}");
    }
    actix::System::new().block_on(serve(config))
}

async fn serve(config: Config) -> Result<ExitCode, CliError> {
    let signals = Signals::hear().map_err(|e| CliError::new(Exit::Failed, format!("signals cannot be heard: {e}")))?;
    let app = app::start(config).await.map_err(|e| CliError::new(exit_of(&e), e.to_string()))?;
    print::line(format_args!("Pulsewarden listens on http://{}", app.address()));
    if let Some(hint) = app.hint() {
        print::line(hint);
    }
    if let Some(url) = app.setup_url() {
        print::line(format_args!("Choose your name and password here, once: {url}"));
    }
    Ok(app.wait(signals).await)
}

fn exit_of(error: &StartError) -> Exit {
    if matches!(error, StartError::Config(_)) { Exit::Config } else { Exit::Failed }
}
