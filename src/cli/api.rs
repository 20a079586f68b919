//! Which hub a verb talks to, and with which key: told on the command line, or the hub of this very machine.

use super::client::Client;
use super::{CliError, Exit, Surroundings};
use crate::app::{self, HUB_FILE, KEY_FILE, data_folder};
use crate::config::{Config, Secret};
use awc::http::Method;
use serde_json::Value;

/// Where the hub is and who asks.
#[derive(Debug, clap::Args)]
pub(super) struct HubArgs {
    /// Address of the hub; without it, the hub that runs on this machine from this working directory
    #[arg(long, env = "PULSEWARDEN_URL", hide_env_values = true, value_name = "URL")]
    url: Option<String>,
    /// Management API key; not needed on the hub's own machine
    #[arg(long, env = "API_KEY", value_name = "KEY", hide_env_values = true)]
    api_key: Option<String>,
}

/// Calls the hub's API once.
pub(super) fn ask(
    hub: &HubArgs,
    here: &Surroundings,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> Result<Value, CliError> {
    actix::System::new().block_on(async { connect(hub, here)?.call(method, path, body).await })
}

/// A client for the hub that `hub` means; must be called inside an actix system.
pub(super) fn connect(hub: &HubArgs, here: &Surroundings) -> Result<Client, CliError> {
    let config = here.config()?;
    let given = hub.api_key.clone().filter(|key| !key.is_empty()).map(Secret::new).or_else(|| config.api_key.clone());
    if let Some(url) = hub.url.as_deref().filter(|url| !url.is_empty()) {
        // The local key is worth everything here and nothing there: it never leaves this machine.
        let key = given.ok_or_else(|| CliError::new(Exit::Usage, "another hub wants a key: give --api-key or API_KEY"))?;
        return Ok(Client::new(url, Some(key)));
    }
    let url = local_url(&config)?;
    let key = given.map_or_else(|| operator_key(&config), Ok)?;
    Ok(Client::new(&url, Some(key)))
}

/// The address a hub on this machine has written down, if it still runs: after a crash the port may be anybody's, and no
/// key may be told there.
pub(super) fn local_url(config: &Config) -> Result<String, CliError> {
    let path = data_folder(&config.database).join(HUB_FILE);
    let absent = || {
        let text = format!(
            "no hub runs here ({} is not there): start it with \"pulsewarden serve\", or name one with --url",
            path.display()
        );
        CliError::new(Exit::Unreachable, text)
    };
    let text = std::fs::read_to_string(&path).map_err(|_| absent())?;
    if !store::is_in_use(&config.database) {
        let left = format!("no hub runs here ({} is left over from one): start it with \"pulsewarden serve\"", path.display());
        return Err(CliError::new(Exit::Unreachable, left));
    }
    url_in(&text).ok_or_else(absent)
}

/// The address that a hub wrote down.
pub(super) fn url_in(text: &str) -> Option<String> {
    let hub: Value = serde_json::from_str(text).unwrap_or_default();
    hub["url"].as_str().map(callable)
}

/// An address to listen on is none to call.
fn callable(url: &str) -> String {
    url.replacen("//0.0.0.0:", "//127.0.0.1:", 1).replacen("//[::]:", "//[::1]:", 1)
}

/// The key that whoever can read the hub's secret may use: derived from it, so that nothing has to be set up.
fn operator_key(config: &Config) -> Result<Secret, CliError> {
    let data = data_folder(&config.database);
    let path = data.join(KEY_FILE);
    let told = |why: String| {
        CliError::new(
            Exit::Failed,
            format!("{} {why}: run this as the hub's user in its folder, or give --api-key", path.display()),
        )
    };
    if config.api_secret_key.is_none() {
        // Only a hub makes a key; here a missing one means the wrong folder.
        std::fs::File::open(&path).map_err(|e| told(format!("cannot be read ({e})")))?;
    }
    let keyring = app::keyring(config, &data).map_err(|e| told(format!("cannot be used ({e})")))?;
    Ok(Secret::new(web::auth::operator_key(&keyring)))
}

/// `text` as one part of a path.
pub(super) fn part(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'~');
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_to_listen_on_becomes_one_to_call() {
        assert_eq!(callable("http://0.0.0.0:8080"), "http://127.0.0.1:8080");
        assert_eq!(callable("http://[::]:8080/"), "http://[::1]:8080/");
        assert_eq!(callable("http://192.0.2.1:8080"), "http://192.0.2.1:8080");
    }

    #[test]
    fn a_part_of_a_path_cannot_become_two() {
        assert_eq!(part("web-01"), "web-01");
        assert_eq!(part("a/b?c d"), "a%2Fb%3Fc%20d");
    }
}
