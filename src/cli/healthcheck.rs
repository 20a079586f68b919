//! `healthcheck`: for a container's HEALTHCHECK, which knows two answers only.

use super::client::Client;
use super::{CliError, Exit, Surroundings, api, print};
use crate::config::Config;
use awc::http::Method;

/// Ask the hub whether it is well; for a container's HEALTHCHECK
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  pulsewarden healthcheck
  pulsewarden healthcheck --url http://127.0.0.1:8080
  HEALTHCHECK --interval=30s --timeout=20s CMD [\"pulsewarden\", \"healthcheck\"]

Exit codes: 0 healthy, 1 not healthy or not reachable, 2 wrong usage")]
pub(super) struct Args {
    /// Address of the hub; without it, the hub of this machine
    #[arg(long, env = "PULSEWARDEN_URL", hide_env_values = true, value_name = "URL")]
    url: Option<String>,
}

pub(super) fn run(args: &Args, here: &Surroundings) -> Result<(), CliError> {
    // Docker knows 0 and 1; other codes mean nothing to it.
    actix::System::new().block_on(ask(args, here)).map_err(|e| CliError { exit: Exit::Failed, ..e })
}

async fn ask(args: &Args, here: &Surroundings) -> Result<(), CliError> {
    let url = match args.url.as_deref().filter(|url| !url.is_empty()) {
        Some(url) => url.to_owned(),
        None => here.config().map(|config| own_url(&config))?,
    };
    let client = Client::new(&url, None);
    let answer = client.send(Method::GET, &format!("{}/api/v1/health", client.base()), None, &[]).await?;
    if answer.status.is_success() {
        print::line("healthy");
        return Ok(());
    }
    Err(CliError::new(Exit::Failed, format!("not healthy: {} answered {}", client.base(), answer.status)))
}

/// The address the hub wrote down, or the one it would listen on.
fn own_url(config: &Config) -> String {
    api::local_url(config).unwrap_or_else(|_| format!("http://127.0.0.1:{}", config.api_port))
}
