//! The command line: one verb a file, one way to fail, exit codes that mean the same everywhere.

mod api;
mod check_config;
mod client;
mod exit;
mod explain;
mod healthcheck;
mod host;
mod logging;
mod openapi;
mod ping;
mod print;
mod serve;
mod table;
mod user;

pub use exit::{CliError, Exit};

use crate::config::{Config, Environment, FOLDER};
use clap::{CommandFactory, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

const EXAMPLES: &str = "\
Examples:
  pulsewarden                              start the hub
  pulsewarden check-config                 what is wrong with the configuration, if anything
  pulsewarden host add web-01 --every 5m   watch a host, and get the URL it must call
  pulsewarden explain web-01               why it is up, late or down, and when it would alert

Exit codes:
  0 done, 1 failed, 2 wrong usage, 3 no such host, 4 hub not reachable, 70 internal error,
  78 wrong configuration";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "pulsewarden", bin_name = "pulsewarden", version, max_term_width = 110, after_help = EXAMPLES)]
#[command(about = "Watches machines: they ping it, and it tells people when one goes quiet", long_about = None)]
struct Cli {
    /// Folder of settings.yaml and hosts.yaml
    #[arg(long, global = true, env = "PULSEWARDEN_CONFIG_DIR", hide_env_values = true, value_name = "FOLDER", default_value = FOLDER)]
    config_dir: PathBuf,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Serve(serve::Args),
    CheckConfig(check_config::Args),
    Host(host::Args),
    User(user::Args),
    Ping(ping::Args),
    Explain(explain::Args),
    Healthcheck(healthcheck::Args),
    Openapi(openapi::Args),
}

/// What every verb may look at.
struct Surroundings {
    environment: Environment,
    config_dir: PathBuf,
}

impl Surroundings {
    /// The configuration, for verbs that need it.
    fn config(&self) -> Result<Config, CliError> {
        Config::load(&self.environment, &self.config_dir).map_err(CliError::from)
    }
}

/// Does what the command line of this process says.
pub fn run() -> ExitCode {
    let Cli { config_dir, verb } = Cli::parse();
    // TLS has one implementation here; a second call finds it installed, which is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    let here = Surroundings { environment: Environment::of_process(), config_dir };
    let done = match verb.unwrap_or(Verb::Serve(serve::Args {})) {
        Verb::Serve(args) => return serve::run(&args, &here).unwrap_or_else(|e| e.report()),
        Verb::CheckConfig(args) => check_config::run(&args, &here),
        Verb::Host(args) => host::run(&args, &here),
        Verb::User(args) => user::run(&args, &here),
        Verb::Ping(args) => ping::run(&args),
        Verb::Explain(args) => explain::run(&args, &here),
        Verb::Healthcheck(args) => healthcheck::run(&args, &here),
        Verb::Openapi(args) => openapi::run(&args),
    };
    done.map_or_else(|e| e.report(), |()| Exit::Done.into())
}

/// The address in the text of a `hub.json`; a door for the fuzzer.
#[doc(hidden)]
pub fn url_in_hub_file(text: &str) -> Option<String> {
    api::url_in(text)
}

/// The command line as clap knows it: for the tests of its help, and for shell completions.
pub fn command() -> clap::Command {
    Cli::command()
}
