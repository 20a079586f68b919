//! `user`: who may sign in, one verb a file. Passwords come from standard input, never from the command line, where others see them.

mod add;
mod list;
mod passwd;
mod remove;
mod role;

use super::{CliError, Exit, Surroundings, api};
use awc::http::Method;
use clap::Subcommand;
use serde_json::Value;
use std::io::BufRead;

/// Add, list and change the people who may sign in
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  pulsewarden user list
  pulsewarden user passwd ada < password.txt   the password is one line of standard input
  pulsewarden user role bob viewer

Exit codes: 0 done, 1 refused, 2 wrong usage, 3 no such user, 4 hub not reachable,
78 wrong configuration")]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Add(add::Args),
    List(list::Args),
    Passwd(passwd::Args),
    Role(role::Args),
    Remove(remove::Args),
}

/// A verb about one user.
#[derive(Debug, clap::Args)]
struct OneUser {
    /// The user's name
    name: String,
    #[command(flatten)]
    hub: api::HubArgs,
}

pub(super) fn run(args: &Args, here: &Surroundings) -> Result<(), CliError> {
    match &args.verb {
        Verb::Add(args) => add::run(args, here),
        Verb::List(args) => list::run(args, here),
        Verb::Passwd(args) => passwd::run(args, here),
        Verb::Role(args) => role::run(args, here),
        Verb::Remove(args) => remove::run(args, here),
    }
}

impl OneUser {
    /// The user's path in the API.
    fn path(&self, here: &Surroundings) -> Result<String, CliError> {
        let all = api::ask(&self.hub, here, Method::GET, "/api/v1/users", None)?;
        let mut users = all["users"].as_array().into_iter().flatten();
        let same = |user: &&Value| user["name"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(&self.name));
        let found = users.find(same).and_then(|user| user["id"].as_i64());
        let id = found.ok_or_else(|| CliError::new(Exit::NotFound, format!("no user is called {}", self.name)))?;
        Ok(format!("/api/v1/users/{id}"))
    }
}

/// The first line of standard input.
fn password() -> Result<String, CliError> {
    use std::io::IsTerminal;
    if std::io::stdin().is_terminal() {
        eprintln!("New password (it is shown as you type; better: pulsewarden user passwd NAME < FILE):");
    }
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    read.map_err(|e| CliError::new(Exit::Failed, format!("the password could not be read: {e}")))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
