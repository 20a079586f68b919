//! What reading logs is made of, as the configuration says it: where lines come from, which model is asked, what must not leave.

use crate::config::{Config, NamedUrl};
use actors::llm::LlmConfig;
use actors::logs::source::{FetchError, LogSource};
use actors::logs::{Intake, LogParts, SecretsNow, Target};
use actors::settings::Settings;
use domain::field::FieldError;
use domain::log_settings::Method;
use domain::logs::command::LogCommand;
use domain::logs::target::SshTarget;
use domain::redact::Secret;
use std::sync::Arc;

/// The parts of log analysis.
pub(super) fn parts(config: &Config, settings: &Arc<Settings>, intake: Arc<Intake>) -> LogParts {
    LogParts {
        sources: Arc::new(move |target: &Target| source(&intake, target)),
        secrets: secrets(config, settings),
        llm: config.llm.url.as_ref().map(|url| LlmConfig {
            url: url.expose().to_owned(),
            key: config.llm.key.as_ref().map(|key| key.expose().to_owned()),
            model: config.llm.model.clone(),
            style: config.llm.style,
        }),
        llm_limits: config.limits.llm,
        limits: config.limits.logs,
    }
}

fn source(intake: &Intake, target: &Target) -> Result<Arc<dyn LogSource>, FetchError> {
    let settings = &target.settings;
    match settings.method {
        Method::Syslog => Ok(intake.syslog(target.row)),
        Method::Ssh => {
            let refused = |e: FieldError| FetchError::Refused { why: e.to_string() };
            let ssh = SshTarget {
                host: settings.ssh_host.clone(),
                port: settings.ssh_port,
                user: settings.ssh_user.clone(),
                key_path: settings.ssh_key_path.clone(),
                command: LogCommand::parse(&settings.log_command).map_err(refused)?,
            };
            intake.ssh(target.row, &target.host_id, ssh)
        }
    }
}

/// Everything the hub must keep to itself: what the configuration holds, and what was set while it runs.
fn secrets(config: &Config, settings: &Arc<Settings>) -> SecretsNow {
    let named = |name: &str, secret: &Option<crate::config::Secret>| {
        secret.as_ref().map(|secret| Secret { name: name.to_owned(), value: secret.expose().to_owned() })
    };
    let mut fixed: Vec<Secret> = [
        named("API_SECRET_KEY", &config.api_secret_key),
        named("API_KEY", &config.api_key),
        named("LLM_API_KEY", &config.llm.key),
        named("SSH_KEY_PASSPHRASE", &config.intake.ssh_key_passphrase),
        named("HEALTHCHECKS_URL", &config.net.healthchecks_url),
    ]
    .into_iter()
    .flatten()
    .collect();
    let urls = config.webhooks_from_env.iter().chain(&config.webhooks_from_file);
    fixed.extend(urls.filter_map(|NamedUrl { name, url }| token_of(name, url.expose())));
    let settings = settings.clone();
    Arc::new(move || {
        let webhooks = settings.webhooks().into_iter().filter_map(|(_, webhook)| token_of(&webhook.name, &webhook.url));
        let upstream = settings.upstream().url.map(|url| Secret { name: "upstream".to_owned(), value: url });
        fixed.iter().cloned().chain(webhooks).chain(upstream).collect()
    })
}

/// The token at the end of a webhook's address: by it alone somebody could write into the channel.
fn token_of(name: &str, url: &str) -> Option<Secret> {
    let path = url.split(['?', '#']).next()?;
    let token = path.trim_end_matches('/').rsplit('/').next().filter(|token| !token.is_empty())?;
    Some(Secret { name: format!("webhook {name}"), value: token.to_owned() })
}
