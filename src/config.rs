//! The configuration, read once at the start: environment over `config/settings.yaml` over default, every fault told at once.
//!
//! Settings that change while the hub runs lie above this, in the database. Whoever reads a [`Config`] reads valid values.

mod environment;
mod error;
mod hosts_file;
mod intake;
mod layers;
mod limits;
mod net;
mod plan;
mod secret;
mod templates;
mod typo;
mod values;
mod yaml;

pub use environment::Environment;
pub use error::{ConfigError, ConfigErrors, Place};
pub use hosts_file::{HostsFile, HostsFileEntry, TOKEN_MIN_CHARS};
pub use intake::IntakeSettings;
pub use limits::Limits;
pub use net::Net;
pub use plan::{Change, Difference, plan};
pub use secret::Secret;
pub use templates::templates;
pub use values::{Cidr, LogFormat, SECRET_MIN_CHARS};

pub(crate) use yaml::Node;

use actors::alert::discord::{AllowedHosts, WebhookUrl};
use domain::prompt::ApiStyle;
use domain::schedule::BusinessHours;
use layers::{Layers, Raw};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

/// The folder of the configuration files, relative to the working directory.
pub const FOLDER: &str = "config";
/// Names of variables that are read by the command line alone.
const COMMAND_LINE_NAMES: [&str; 2] = ["PULSEWARDEN_URL", "PULSEWARDEN_CONFIG_DIR"];
/// Hosts to which alerts may be sent when nobody says otherwise.
const WEBHOOK_HOSTS: [&str; 4] = ["discord.com", "discordapp.com", "ptb.discord.com", "canary.discord.com"];
const DEFAULT_MODEL: &str = "claude-sonnet-4.5";
/// What the name of the first webhook is everywhere.
const PRIMARY: &str = "primary";

/// Everything that is fixed while the hub runs.
#[derive(Clone, Debug)]
pub struct Config {
    /// `API_HOST`: the address to listen on.
    pub api_host: IpAddr,
    /// `API_PORT`: the port to listen on; 0 is any free one.
    pub api_port: u16,
    /// `API_SECRET_KEY`; none: `secret.key` in the data folder.
    pub api_secret_key: Option<Secret>,
    /// `API_KEY`: a management key to accept from the start.
    pub api_key: Option<Secret>,
    /// `DATABASE_URL` as a path.
    pub database: PathBuf,
    /// `DISCORD_WEBHOOK_URL` of the environment.
    pub webhooks_from_env: Vec<NamedUrl>,
    /// `discord_webhook_url` of `settings.yaml`.
    pub webhooks_from_file: Vec<NamedUrl>,
    /// `WEBHOOK_ALLOWED_HOSTS`: where alerts may be sent; each entry is one that `AllowedHosts::parse` takes.
    pub webhook_allowed_hosts: Vec<String>,
    /// `BUSINESS_HOURS_*`.
    pub business_hours: BusinessHours,
    /// `PUBLIC_URL`, without a slash at its end.
    pub public_url: Option<String>,
    /// `TRUSTED_PROXIES`.
    pub trusted_proxies: Vec<Cidr>,
    /// `LOG_LEVEL` or `RUST_LOG`.
    pub log_filter: LogFilter,
    /// `LOG_FORMAT`.
    pub log_format: LogFormat,
    /// `limits:` of `settings.yaml`.
    pub limits: Limits,
    /// What the monitors of the uplink and the upstream are told.
    pub net: Net,
    /// `LLM_*`: the model that reads logs besides the local rules.
    pub llm: Llm,
    /// How log lines come in: `SSH_*`, `SYSLOG_*`.
    pub intake: IntakeSettings,
    /// The folder of the configuration files.
    pub folder: PathBuf,
    /// Where `hosts.yaml` is, if it exists.
    pub hosts_file: PathBuf,
    /// What deserves a line in the log at the start.
    pub warnings: Vec<String>,
    /// Which settings are given, and where; all others have their default.
    pub origins: Vec<(&'static str, Place)>,
    /// The variables this was made of: tokens in `hosts.yaml` may name one.
    pub environment: Environment,
}

/// A webhook's name and its URL, which is a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedUrl {
    /// `primary`, then `webhook 2` and so on.
    pub name: String,
    /// Where alerts are sent.
    pub url: Secret,
}

/// What is logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogFilter {
    /// `LOG_LEVEL`: a level for the hub; libraries say at most `info`.
    Level(String),
    /// `RUST_LOG`: directives of env_logger.
    Directives(String),
}

/// The endpoint of a model.
#[derive(Clone, Debug)]
pub struct Llm {
    /// `LLM_API_URL`: the whole address; none: local rules read logs alone.
    pub url: Option<Secret>,
    /// `LLM_API_KEY`.
    pub key: Option<Secret>,
    /// `LLM_DEFAULT_MODEL`.
    pub model: String,
    /// `LLM_API_STYLE`; none: guessed from the URL.
    pub style: Option<ApiStyle>,
}

impl Config {
    /// The configuration made of `environment` and the files in `folder`, which need not exist.
    ///
    /// # Errors
    /// Everything that is wrong, with its place, key and fix.
    pub fn load(environment: &Environment, folder: &Path) -> Result<Config, ConfigErrors> {
        let settings = folder.join("settings.yaml");
        let mut layers = Layers::read(environment, &settings);
        let limits = limits::read(layers.limits.take().as_ref(), &settings, &mut layers.errors);
        let webhook_allowed_hosts = layers.value("WEBHOOK_ALLOWED_HOSTS", allowed_by_default(), allowed_hosts);
        let allowed = AllowedHosts::parse(&webhook_allowed_hosts).unwrap_or_default();
        let config = Config {
            api_host: layers.value("API_HOST", Ipv4Addr::UNSPECIFIED.into(), values::listen_host),
            api_port: layers.value("API_PORT", 8080, values::port),
            api_secret_key: layers.optional("API_SECRET_KEY", values::secret),
            api_key: layers.optional("API_KEY", values::secret),
            database: layers.value("DATABASE_URL", PathBuf::from("data/db.sqlite"), values::database),
            webhooks_from_env: webhooks(&mut layers, &allowed, Layers::of_environment),
            webhooks_from_file: webhooks(&mut layers, &allowed, Layers::of_file),
            webhook_allowed_hosts,
            business_hours: business_hours(&mut layers),
            public_url: layers.optional("PUBLIC_URL", values::public_url),
            trusted_proxies: layers.value("TRUSTED_PROXIES", Vec::new(), values::cidrs),
            log_filter: log_filter(&mut layers),
            log_format: layers.value("LOG_FORMAT", LogFormat::Text, values::log_format),
            limits,
            net: net::read(&mut layers),
            llm: llm(&mut layers),
            intake: intake::read(&mut layers),
            folder: folder.to_path_buf(),
            hosts_file: folder.join("hosts.yaml"),
            warnings: warnings(environment),
            origins: layers.origins(),
            environment: environment.clone(),
        };
        ConfigErrors::unless_empty(config, layers.errors)
    }
}

fn allowed_by_default() -> Vec<String> {
    WEBHOOK_HOSTS.map(str::to_owned).to_vec()
}

fn allowed_hosts(text: &str) -> Result<Vec<String>, String> {
    let entries: Vec<String> = values::parts(text).map(str::to_owned).collect();
    AllowedHosts::parse(&entries).map_err(|e| e.message).map(|_| entries)
}

/// The webhooks of one layer: several URLs are separated by white space or commas.
fn webhooks(
    layers: &mut Layers,
    allowed: &AllowedHosts,
    layer: for<'a> fn(&'a Layers, &'static str) -> Option<&'a Raw>,
) -> Vec<NamedUrl> {
    let Some(raw) = layer(layers, "DISCORD_WEBHOOK_URL").cloned() else { return Vec::new() };
    let name = |index: usize| if index == 0 { PRIMARY.to_owned() } else { format!("webhook {}", index + 1) };
    let mut webhooks: Vec<WebhookUrl> = Vec::new();
    for url in values::parts(&raw.text) {
        match WebhookUrl::parse(url, allowed) {
            Ok(url) if webhooks.contains(&url) => layers.errors.push(raw.error("holds the same webhook twice: keep one of them")),
            Ok(url) => webhooks.push(url),
            Err(e) => layers.errors.push(raw.error(e.message)),
        }
    }
    webhooks.iter().enumerate().map(|(index, url)| NamedUrl { name: name(index), url: Secret::new(url.expose()) }).collect()
}

fn business_hours(layers: &mut Layers) -> BusinessHours {
    const NAMES: [&str; 4] = ["BUSINESS_HOURS_START", "BUSINESS_HOURS_END", "BUSINESS_HOURS_DAYS", "BUSINESS_HOURS_TIMEZONE"];
    const DEFAULTS: [&str; 4] = ["08:00", "18:00", "1,2,3,4,5", "America/New_York"];
    let given = NAMES.map(|name| layers.get(name).cloned());
    let text = |i: usize| given[i].as_ref().map_or(DEFAULTS[i], |raw| raw.text.trim());
    match BusinessHours::parse(text(0), text(1), text(2), text(3)) {
        Ok(hours) => hours,
        Err(errors) => {
            for error in errors {
                let raw = NAMES.iter().position(|name| *name == error.field).and_then(|i| given[i].as_ref());
                // A fault of two values together is told where one of them is given.
                let raw = raw.or_else(|| given.iter().flatten().next());
                let place = raw.map_or(Place::Environment, |raw| raw.place.clone());
                layers.errors.push(ConfigError::new(place, raw.map_or(error.field.as_str(), |raw| &raw.key), error.message));
            }
            BusinessHours::default()
        }
    }
}

fn log_filter(layers: &mut Layers) -> LogFilter {
    let level = layers.value("LOG_LEVEL", "info".to_owned(), values::log_level);
    layers.get("RUST_LOG").map_or(LogFilter::Level(level), |raw| LogFilter::Directives(raw.text.clone()))
}

fn hidden_url(text: &str, example: &str) -> Result<Secret, String> {
    values::url(text, example).map(Secret::new)
}

fn llm(layers: &mut Layers) -> Llm {
    Llm {
        url: layers.optional("LLM_API_URL", |text| hidden_url(text, "https://llm.example.org/v1/chat")),
        key: layers.optional("LLM_API_KEY", |text| Ok(Secret::new(text))),
        model: layers.value("LLM_DEFAULT_MODEL", DEFAULT_MODEL.to_owned(), |text| Ok(text.to_owned())),
        style: layers.optional("LLM_API_STYLE", |text| text.parse::<ApiStyle>().map_err(|e| e.message)),
    }
}

fn warnings(environment: &Environment) -> Vec<String> {
    let known: Vec<&str> = layers::names().into_iter().chain(COMMAND_LINE_NAMES).collect();
    environment.slips(&known)
}

#[cfg(test)]
mod tests;
