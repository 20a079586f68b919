//! The one place that knows everybody: it opens the store, starts the hub and its web server, and stops them in order.

mod hosts_file;
mod intake;
mod logs;
mod signals;

pub use signals::Signals;

use crate::config::{Config, templates};
use actix_web::web::Data;
use actors::alert::AlertParts;
use actors::alert::discord::{AllowedHosts, Waits};
use actors::alert::text::Texts;
use actors::clock::Clock;
use actors::hub::{Hub, HubParts, NetParts, Running};
use actors::internet::InternetParts;
use actors::link::ack_link;
use actors::outside::{Caller, Outside};
use actors::probe::{Network, Probes};
use actors::settings::Settings;
use actors::speed::SpeedParts;
use actors::supervision::{ESCALATED, Exit, name_children_in_panics};
use actors::upstream::UpstreamParts;
use signals::Asked;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use store::seal::Keyring;
use store::settings::KEY_FINGERPRINT;
use store::{Store, StoreError};
use web::{SetupLink, WebParts, WebState};

/// Where a running hub says how to reach it, beside the database: for the commands on the same machine.
pub const HUB_FILE: &str = "hub.json";
/// Where the key lies that seals secrets and proves commands on the same machine.
pub const KEY_FILE: &str = "secret.key";

/// How long the link in a message can acknowledge.
const LINK_VALID_MS: i64 = 7 * 86_400_000;

/// Why the hub did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database.
    #[error("the database {path}: {error}{}", what_to_do(error))]
    Store {
        /// Which file.
        path: String,
        /// What is wrong with it.
        error: StoreError,
    },
    /// The port.
    #[error("cannot listen on {address}: {error}; choose another with API_HOST and API_PORT")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why not.
        error: std::io::Error,
    },
    /// A file of the configuration.
    #[error("{0}")]
    Config(String),
    /// The secrets in the database were sealed with another key.
    #[error(
        "the secret key does not fit the database {database}: put back the {path} that belongs to it, or set API_SECRET_KEY \
         to what it was when the database was made (unset, if it was not set then)"
    )]
    Key {
        /// Which database.
        database: String,
        /// Where the key is kept without API_SECRET_KEY.
        path: String,
    },
    /// Something of the machine.
    #[error("{what}: {error}")]
    Machine {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        error: std::io::Error,
    },
}

fn what_to_do(error: &StoreError) -> &'static str {
    match error {
        StoreError::Corrupt(_) => "; it was left as it is: put a backup in its place",
        StoreError::Full => "; make room, and start again",
        _ => "",
    }
}

/// A running hub with its web server.
pub struct App {
    running: Running,
    server: actix_web::dev::ServerHandle,
    web: Data<WebState>,
    /// The web server was asked to end.
    stopping: Arc<AtomicBool>,
    address: SocketAddr,
    setup_path: Option<String>,
    config: Arc<Config>,
    data: PathBuf,
}

/// Starts the hub as `config` says. Inside an actix system.
///
/// # Errors
/// What is in the way, with the fix; nothing runs then.
pub async fn start(config: Config) -> Result<App, StartError> {
    name_children_in_panics();
    install_tls();
    // What the configuration says is checked before anything is touched.
    let folder = config.hosts_file.parent().unwrap_or(Path::new(""));
    let texts = templates(folder).map_err(|errors| StartError::Config(errors.to_string()))?;
    let data = data_folder(&config.database);
    let failed = |error: StoreError| StartError::Store { path: config.database.display().to_string(), error };
    let mut store = Store::open(&config.database, &config.limits.store).map_err(failed)?;
    // Left over from a crash: it must send nobody to a port that may be somebody else's by now.
    drop(std::fs::remove_file(data.join(HUB_FILE)));
    let clock = Clock::system();
    let keyring = Arc::new(fitting_key(&config, &data, &mut store, &clock)?);
    // Bound before anything is recovered: who calls meanwhile waits instead of being refused.
    let (listener, address) = listen(&config)?;
    let listeners = intake::bind(&config.intake)?;
    let intake = intake::new(&config);
    let settings = Arc::new(settings(&config, &mut store, &keyring, &clock).map_err(failed)?);
    let (setup, setup_path) = SetupLink::new(store.writer.conn()).map_err(failed)?;
    let public_url = config.public_url.clone().unwrap_or_else(|| url_of(address));
    let alert = notices(texts, &keyring, public_url, &clock);
    let net = outside(&config, &clock);
    let parts = HubParts {
        store,
        keyring,
        clock,
        limits: config.limits.db,
        business: config.business_hours.clone(),
        settings: settings.clone(),
        alert,
        logs: logs::parts(&config, &settings, intake.clone()),
        exit: Exit::process(),
        net,
    };
    let mut running = Running::start_unheard(parts).await.map_err(failed)?;
    running.watch_for_hangs().map_err(|error| StartError::Machine { what: "the thread that notices hangs", error })?;
    hosts_file::apply(&running.hub, &config).await?;
    running.take_logs(intake, listeners).await.map_err(failed)?;
    let stopping = Arc::new(AtomicBool::new(false));
    let (server, web) = serve(listener, &running.hub, &config, setup, stopping.clone())?;
    let listening = running.is_listening().await;
    listening.map_err(|e| StartError::Config(format!("the start could not be stored: {e}")))?;
    write_hub_file(&data, address)?;
    if running.hub.settings().channels().is_empty() {
        log::warn!("no webhook is set: nobody is told of anything; set DISCORD_WEBHOOK_URL, or PUT /api/v1/settings/webhook");
    }
    log::info!("listening on {}, {} hosts watched", url_of(address), running.hub.roster().len());
    Ok(App { running, server, web, stopping, address, setup_path, config: Arc::new(config), data })
}

impl App {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The hub.
    pub fn hub(&self) -> &Hub {
        &self.running.hub
    }

    /// The one-time set-up link, until there is an admin.
    pub fn setup_url(&self) -> Option<String> {
        let base = self.config.public_url.clone().unwrap_or_else(|| url_of(self.address));
        self.setup_path.as_ref().map(|path| format!("{base}{path}"))
    }

    /// What whoever starts it should know about the links in messages, if they will not work elsewhere.
    pub fn hint(&self) -> Option<String> {
        link_hint(self.config.public_url.as_deref(), self.address)
    }

    /// Serves until SIGTERM or SIGINT, then stops in order. SIGHUP applies `hosts.yaml` again.
    pub async fn wait(self, mut signals: Signals) -> ExitCode {
        while let Asked::Reload = signals.next().await {
            if let Err(e) = hosts_file::apply(&self.running.hub, &self.config).await {
                log::error!("SIGHUP: hosts.yaml was not applied: {e}");
            }
        }
        self.stop().await;
        ExitCode::SUCCESS
    }

    /// Stops in order: HTTP first, then hosts, alerts in flight, the store last.
    pub async fn stop(self) {
        log::info!("stopping: no new requests, those in flight are answered");
        self.stopping.store(true, Ordering::Release);
        self.web.end_streams();
        let most = Duration::from_secs(self.config.limits.web.stop_wait_s + 1);
        if tokio::time::timeout(most, self.server.stop(true)).await.is_err() {
            log::warn!("stopping: requests in flight were cut off after {} s", most.as_secs());
        }
        for end in self.running.stop().await {
            log::info!("stopped {}: {} ended, {} were killed at their limit", end.name, end.stopped, end.killed.len());
        }
        if let Err(e) = std::fs::remove_file(self.data.join(HUB_FILE)) {
            log::warn!("{HUB_FILE} could not be removed: {e}");
        }
        log::info!("stopped");
    }
}

fn install_tls() {
    // The second start in one process finds it installed already.
    drop(rustls::crypto::ring::default_provider().install_default());
}

/// The folder of the database, where everything the hub keeps lies.
pub fn data_folder(database: &Path) -> PathBuf {
    database.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_path_buf()
}

/// The key that `config` names, or the one in the data folder, made on the first start.
///
/// # Errors
/// When it cannot be read or made.
pub fn keyring(config: &Config, data: &Path) -> Result<Keyring, StoreError> {
    match &config.api_secret_key {
        Some(secret) => Keyring::from_secret(secret.expose()),
        None => Keyring::load_or_create(&data.join(KEY_FILE)),
    }
}

/// The key, if the secrets in this database are sealed with it; a database that knows none yet keeps it.
fn fitting_key(config: &Config, data: &Path, store: &mut Store, clock: &Clock) -> Result<Keyring, StartError> {
    let failed = |error: StoreError| StartError::Store { path: config.database.display().to_string(), error };
    let path = data.join(KEY_FILE);
    let other = || StartError::Key { database: config.database.display().to_string(), path: path.display().to_string() };
    let known = store::settings::get(store.writer.conn(), KEY_FINGERPRINT).map_err(failed)?;
    if known.is_some() && config.api_secret_key.is_none() && matches!(path.try_exists(), Ok(false)) {
        return Err(other()); // a new key would only stand in the way of the right one
    }
    let (keyring, now) = (keyring(config, data).map_err(failed)?, clock.now().wall);
    let fingerprint = keyring.fingerprint();
    let checked = store.writer.transact(|tx| store::settings::other_key(tx, &fingerprint, now)).map_err(|e| failed(e.error))?;
    if checked.is_some() { Err(other()) } else { Ok(keyring) }
}

fn link_hint(public_url: Option<&str>, address: SocketAddr) -> Option<String> {
    let is_local = public_url.is_none() && address.ip().is_unspecified();
    let url = url_of(address);
    is_local.then(|| {
        format!("Links in messages say {url}: set PUBLIC_URL, for example http://192.0.2.10:8080, to make them work elsewhere")
    })
}

fn listen(config: &Config) -> Result<(TcpListener, SocketAddr), StartError> {
    let wanted = SocketAddr::new(config.api_host, config.api_port);
    let failed = |error| StartError::Listen { address: wanted, error };
    let listener = TcpListener::bind(wanted).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

fn settings(config: &Config, store: &mut Store, keyring: &Arc<Keyring>, clock: &Clock) -> Result<Settings, StoreError> {
    let named =
        |urls: &[crate::config::NamedUrl]| urls.iter().map(|u| (u.name.clone(), u.url.expose().to_owned())).collect::<Vec<_>>();
    let (env, file) = (named(&config.webhooks_from_env), named(&config.webhooks_from_file));
    let allowed = AllowedHosts::parse(&config.webhook_allowed_hosts)
        .map_err(|e| StoreError::Refused { field: "WEBHOOK_ALLOWED_HOSTS".into(), message: e.message })?;
    let at = clock.now().wall;
    store.writer.transact(|tx| Settings::load(tx, keyring.clone(), env, file, allowed, at)).map_err(|e| e.error)
}

/// How notices leave: over TLS, with links that acknowledge for a week, in the words of the user's templates.
fn notices(texts: Texts, keyring: &Arc<Keyring>, public_url: String, clock: &Clock) -> AlertParts {
    let (keyring, clock) = (keyring.clone(), clock.clone());
    let sign = move |alert| Some(ack_link(&keyring, &public_url, alert, clock.now().wall.plus_ms(LINK_VALID_MS)));
    AlertParts::discord(Waits::default(), Arc::new(sign), texts)
}

/// What looks at the outside: the uplink unless it is switched off, and the upstream, which runtime settings switch on.
fn outside(config: &Config, clock: &Clock) -> NetParts {
    let caller = || {
        let local = config.net.local.clone();
        Box::new(move || Rc::new(Outside::new(local.clone())) as Rc<dyn Caller>)
    };
    let (targets, clock, metered) = (config.net.targets.clone(), clock.clone(), clock.clone());
    let internet = config.net.monitor.then(|| InternetParts {
        probes: Box::new(move || Rc::new(Network::new(targets.clone(), clock.clone())) as Rc<dyn Probes>),
        caller: caller(),
        report_to: config.net.healthchecks_url.as_ref().map(|url| url.expose().to_owned()),
        every_s: config.net.every_s,
    });
    let speed = config.net.speed.clone().map(|plan| SpeedParts::real(plan, config.net.local.clone(), metered));
    NetParts { internet, upstream: Some(UpstreamParts { caller: caller() }), speed }
}

fn serve(
    listener: TcpListener,
    hub: &Hub,
    config: &Config,
    setup: SetupLink,
    stopping: Arc<AtomicBool>,
) -> Result<(actix_web::dev::ServerHandle, Data<WebState>), StartError> {
    let state = WebState::new(WebParts {
        hub: hub.clone(),
        business: config.business_hours.clone(),
        public_url: config.public_url.clone(),
        trusted_proxies: config.trusted_proxies.iter().filter_map(|c| ipnet::IpNet::new(c.address, c.prefix).ok()).collect(),
        setup,
        api_key_from_env: config.api_key.as_ref().map(|key| key.expose().to_owned()),
        limits: config.limits.web,
    });
    let state = Data::new(state);
    let server = web::serve(listener, state.clone()).map_err(|error| StartError::Machine { what: "the web server", error })?;
    let handle = server.handle();
    actix_rt::spawn(async move {
        let why = server.await.err().map_or_else(|| "without an error".to_owned(), |e| e.to_string());
        if !stopping.load(Ordering::Acquire) {
            // Nobody hears a heartbeat any more: better to be started again than to call every host down.
            log::error!("the web server ended by itself: {why}");
            log::logger().flush();
            std::process::exit(ESCALATED);
        }
    });
    Ok((handle, state))
}

fn write_hub_file(data: &Path, address: SocketAddr) -> Result<(), StartError> {
    let text = serde_json::json!({ "url": url_of(address), "pid": std::process::id() }).to_string();
    let (new, path) = (data.join("hub.json.new"), data.join(HUB_FILE));
    let written = std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, &path));
    written.map_err(|error| StartError::Machine { what: "writing hub.json", error })
}

/// The address as somebody on this machine can call it.
fn url_of(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_work_only_here_are_hinted_at() {
        let any: SocketAddr = "0.0.0.0:8080".parse().unwrap();
        let hint = link_hint(None, any).unwrap();
        assert!(hint.contains("http://127.0.0.1:8080") && hint.contains("PUBLIC_URL"), "{hint}");
        assert_eq!(link_hint(Some("https://hub.example.org"), any), None);
        assert_eq!(link_hint(None, "127.0.0.1:8080".parse().unwrap()), None);
    }
}
