//! Hosts as the API shows them; the token is part of the URL only for those who may change things.

use crate::auth::Identity;
use crate::query::escaped;
use crate::state::WebState;
use crate::{source, time_text};
use actix_web::HttpRequest;
use actors::hub::{Hub, heartbeat_path};
use domain::time::Wall;
use domain::watch::Watch;
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use store::hosts::{HostPage, HostRecord};
use utoipa::ToSchema;

/// A host.
#[derive(Serialize, ToSchema)]
pub struct HostView {
    /// Its number.
    pub id: i64,
    /// Its name for people, unique.
    #[schema(example = "Web server 01")]
    pub name: String,
    /// Its name in URLs, unique.
    #[schema(example = "web-01")]
    pub host_id: String,
    /// Where its heartbeats go; with its token for keys with scope write.
    #[schema(example = "https://hub.example/api/v1/heartbeat/web-01?token=…")]
    pub heartbeat_url: String,
    /// Its token, when it was just made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Longest expected time between two heartbeats.
    #[schema(example = 300)]
    pub expected_frequency_seconds: u32,
    /// Extra time before anybody is told.
    #[schema(example = 60)]
    pub grace_period_seconds: u32,
    /// `always`, `business_hours`, `custom` or `cron`.
    #[schema(example = "always")]
    pub schedule_type: String,
    /// What the type needs to know: windows, or a crontab line as `{"cron": "0 2 * * *", "timezone": "Europe/Berlin"}`.
    #[schema(required, value_type = Option<Object>)]
    pub schedule_config: Option<serde_json::Value>,
    /// When it last gave a sign of life.
    #[schema(required, format = DateTime)]
    pub last_seen: Option<String>,
    /// `up`, `down` or `unknown`.
    #[schema(example = "up")]
    pub status: String,
    /// Since when.
    #[schema(format = DateTime)]
    pub status_since: String,
    /// Why, in words.
    pub status_reason: String,
    /// By when its next heartbeat is expected.
    #[schema(required, format = DateTime)]
    pub next_expected_by: Option<String>,
    /// When somebody is told if nothing is heard.
    #[schema(required, format = DateTime)]
    pub alert_due_at: Option<String>,
    /// Words to group by.
    pub tags: Vec<String>,
    /// Free text.
    pub description: String,
    /// `info`, `warning` or `critical`.
    #[schema(example = "critical")]
    pub severity: String,
    /// How its log is analysed; none when nobody has said so.
    #[schema(required, value_type = Option<Object>)]
    pub log_analysis: Option<serde_json::Value>,
    /// Whether it is not judged.
    pub paused: bool,
    /// Until when nobody is told about it.
    #[schema(required, format = DateTime)]
    pub silenced_until: Option<String>,
    /// When it was added.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When its description last changed.
    #[schema(format = DateTime)]
    pub updated_at: String,
}

/// A page of hosts, in the order they were added.
#[derive(Serialize, ToSchema)]
pub struct HostList {
    /// The hosts.
    pub hosts: Vec<HostView>,
    /// Hosts whose stored description makes no sense: they are not watched until it is repaired.
    pub broken: Vec<BrokenView>,
    /// `cursor` of the next page, if there is one.
    #[schema(required)]
    pub next_cursor: Option<i64>,
}

/// A host that cannot be watched.
#[derive(Serialize, ToSchema)]
pub struct BrokenView {
    /// Its name in URLs, as stored.
    pub host_id: String,
    /// Its name for people, as stored.
    pub name: String,
    /// What is wrong with it.
    pub why: String,
}

/// A host as it is sent; what is not named keeps its value, or its default for a new host.
#[derive(Deserialize, ToSchema)]
pub struct HostBody {
    /// Name for people, unique, 1 to 100 characters. A new host needs it.
    #[schema(example = "Web server 01")]
    pub name: Option<String>,
    /// Name in URLs, unique: `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`; made from the name when absent, and never changed later.
    #[schema(example = "web-01")]
    pub host_id: Option<String>,
    /// Longest expected time between two heartbeats, 1 s to 366 d. A new host needs it.
    pub expected_frequency_seconds: Option<SecondsText>,
    /// Extra time before anybody is told, 0 to 30 d; 60 s when absent.
    pub grace_period_seconds: Option<SecondsText>,
    /// `always`, `business_hours`, `custom` or `cron`.
    #[schema(example = "always")]
    pub schedule_type: Option<String>,
    /// What the type needs to know: windows, or a crontab line as `{"cron": "0 2 * * *", "timezone": "Europe/Berlin"}`.
    #[schema(value_type = Option<Object>)]
    pub schedule_config: Option<serde_json::Value>,
    /// `info`, `warning` or `critical`.
    #[schema(example = "critical")]
    pub severity: Option<String>,
    /// Words to group by: at most 32 of 1 to 64 characters.
    pub tags: Option<Vec<String>>,
    /// Free text, at most 2000 characters.
    pub description: Option<String>,
    /// How its log is analysed; what is not named keeps its value.
    pub log_analysis: Option<LogBody>,
}

/// How a host's log is analysed, as it is sent.
#[derive(Deserialize, ToSchema)]
pub struct LogBody {
    /// Whether it is analysed by itself; on demand it is either way. `true` when nothing is said.
    pub enabled: Option<bool>,
    /// `ssh` or `syslog`.
    #[schema(example = "ssh")]
    pub method: Option<String>,
    /// Where the SSH server is.
    #[schema(example = "192.168.1.10")]
    pub ssh_host: Option<String>,
    /// Its port, 22 when nothing is said.
    #[schema(minimum = 1, maximum = 65535)]
    pub ssh_port: Option<u16>,
    /// Who logs in.
    #[schema(example = "logs")]
    pub ssh_user: Option<String>,
    /// The file of the private key, as the hub sees it.
    pub ssh_key_path: Option<String>,
    /// What is run there; may ask for `{{lines}}`, `{{since_iso}}`, `{{since_unix}}` and `{{offset}}`.
    pub log_command: Option<String>,
    /// Time between two analyses, 1 min to 7 d; 30 min when nothing is said.
    pub analysis_frequency_seconds: Option<SecondsText>,
    /// What a model is to watch besides, at most 4000 characters.
    pub analysis_prompt: Option<String>,
}

/// Whole seconds, or text such as `5m`, `1h30m`, `2d`.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
pub enum SecondsText {
    /// Seconds.
    Number(i64),
    /// Text.
    Text(String),
}

/// Shows hosts to one client.
pub(super) struct Viewer {
    hub: Hub,
    base: String,
    may_write: bool,
}

impl Viewer {
    pub(super) fn new(req: &HttpRequest, state: &WebState, who: &Identity) -> Viewer {
        Viewer { hub: state.hub.clone(), base: source::base_url(req, state), may_write: who.may_write() }
    }

    /// A host; its token is shown as such and in the URL.
    pub(super) async fn host(&self, record: HostRecord, token: Option<String>) -> HostView {
        let due = self.hub.explain(record.spec.host_id.as_str()).await.ok().and_then(|explained| explained.deadline);
        self.view(record, token, due)
    }

    /// A page; `tokens` are the sealed ones of the hosts that can be understood, in their order, or none.
    pub(super) async fn list(&self, page: HostPage, tokens: Vec<Vec<u8>>) -> HostList {
        let (mut known, mut broken) = (Vec::new(), Vec::new());
        for host in page.hosts {
            match host {
                Ok(record) => known.push(record),
                Err(b) => broken.push(BrokenView { host_id: b.host_id, name: b.name, why: b.why }),
            }
        }
        let mut tokens = tokens.into_iter();
        let views = known.into_iter().map(|mut record| {
            let token = tokens.next().and_then(|sealed| self.open(&sealed));
            self.hub.freshen(&mut record);
            async move { HostView { token: None, ..self.host(record, token).await } }
        });
        HostList { hosts: join_all(views).await, broken, next_cursor: page.next }
    }

    fn open(&self, sealed: &[u8]) -> Option<String> {
        let clear = self.hub.keyring().open("host token", sealed).ok()?;
        String::from_utf8(clear).ok()
    }

    fn view(&self, record: HostRecord, token: Option<String>, due: Option<Wall>) -> HostView {
        let next = next_expected_by(&self.hub, &record);
        let spec = record.spec;
        let token = token.filter(|_| self.may_write);
        HostView {
            id: record.row,
            heartbeat_url: self.url(&heartbeat_path(&spec.host_id), token.as_deref()),
            name: spec.name,
            host_id: spec.host_id.as_str().to_owned(),
            token,
            expected_frequency_seconds: spec.frequency_s,
            grace_period_seconds: spec.grace_s,
            schedule_type: spec.schedule.kind().to_owned(),
            schedule_config: spec.schedule.config(),
            last_seen: record.last_seen.map(|(wall, _)| time_text::text(wall)),
            status: record.status.as_str().to_owned(),
            status_since: time_text::text(record.status_since),
            status_reason: record.status_reason,
            next_expected_by: next.map(time_text::text),
            alert_due_at: due.map(time_text::text),
            tags: spec.tags,
            description: spec.description,
            severity: spec.severity.as_str().to_owned(),
            log_analysis: spec.log_analysis.and_then(|settings| serde_json::to_value(&*settings).ok()),
            paused: record.paused,
            silenced_until: record.silenced_until.map(time_text::text),
            created_at: time_text::text(record.created_at),
            updated_at: time_text::text(record.updated_at),
        }
    }

    fn url(&self, path: &str, token: Option<&str>) -> String {
        match token {
            Some(token) => format!("{}{path}?token={}", self.base, escaped(token)),
            None => format!("{}{path}", self.base),
        }
    }
}

/// By when the next heartbeat of this host is expected.
pub(crate) fn next_expected_by(hub: &Hub, record: &HostRecord) -> Option<Wall> {
    let spec = &record.spec;
    let mut watch = Watch::new(spec.frequency_s, spec.grace_s, Arc::clone(&spec.schedule), record.judged_from);
    watch.last_seen = record.last_seen.map(|(_, steady)| steady);
    watch.paused = record.paused;
    watch.silenced_until = record.silenced_until;
    watch.next_expected_by(hub.now())
}
