//! What the fuzzer calls, and the ordinary tests with every seed: bytes of strangers through the hub's own parsers, and what must
//! hold of whatever comes out.

use actors::alert::discord::{Call, Headers, Outcome, judge};
use actors::alert::text::Texts;
use actors::link::open_ack;
use domain::crontab::Crontab;
use domain::duration;
use domain::host::{HostDraft, NAME_MAX_CHARS, Severity};
use domain::incident::{AlertType, Cause, Facts};
use domain::notice::Incident;
use domain::redact::{Redactor, clean};
use domain::reduce::Reducer;
use domain::schedule::{BusinessHours, CronSchedule, Schedule};
use domain::template::Miner;
use domain::time::Wall;
use pulsewarden::config::{Config, Environment, HostsFile};
use std::path::{Path, PathBuf};
use store::seal::Keyring;
use web::fuzz::Raw;

/// A target: its name, which is that of its folder of seeds, and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 15] = [
    ("heartbeat", heartbeat),
    ("key", key),
    ("schedule", schedule),
    ("crontab", crontab),
    ("duration", durations),
    ("zone", zone),
    ("settings_yaml", settings_yaml),
    ("hosts_yaml", hosts_yaml),
    ("discord", discord),
    ("link", link),
    ("host_draft", host_draft),
    ("hub_json", hub_json),
    ("template", template),
    ("webhook_url", webhook_url),
    ("log_line", log_line),
];

/// Longest wait that an answer of Discord can make the hub believe.
const WAIT_MOST_MS: u64 = 3_600_000;
/// Tokens a fuzzed log is reduced to.
const LOG_BUDGET_TOKENS: usize = 500;
/// More than any text of an error.
const ERROR_MOST_CHARS: usize = 1_000;

/// Lines: what follows the prefix, query, headers (`name: value`) up to an empty line, body.
pub fn heartbeat(data: &[u8]) {
    with_request(data, |raw| {
        if let Some(kept) = web::fuzz::heartbeat(raw) {
            let json: serde_json::Value = serde_json::from_str(&kept).expect("what is kept is JSON");
            assert!(json.is_object() && !kept.contains('\0'));
            assert!(kept.len() <= 64 * 1_024, "{} bytes are kept", kept.len());
        }
    });
}

/// As [`heartbeat`], for the key of a management request.
pub fn key(data: &[u8]) {
    with_request(data, |raw| {
        if let Some(key) = web::fuzz::key(raw) {
            assert!(key.is_ascii() && key.trim() == key);
        }
    });
}

fn with_request(data: &[u8], go: impl FnOnce(Raw<'_>)) {
    let mut lines = data.splitn(3, |byte| *byte == b'\n');
    let [rest, query, more] = [(); 3].map(|()| lines.next().unwrap_or_default());
    let end = more.windows(2).position(|two| two == b"\n\n").unwrap_or(more.len());
    let (head, body) = (&more[..end], more.get(end + 2..).unwrap_or_default());
    let header = |line: &'_ [u8]| line.iter().position(|byte| *byte == b':');
    let headers: Vec<(&[u8], &[u8])> = head
        .split(|byte| *byte == b'\n')
        .filter_map(|line| header(line).map(|at| (&line[..at], line[at + 1..].trim_ascii())))
        .collect();
    let (rest, query) = (String::from_utf8_lossy(rest), String::from_utf8_lossy(query));
    go(Raw { rest: &rest, query: &query, headers: &headers, body });
}

/// First line: the kind. The rest: its configuration.
pub fn schedule(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (kind, config) = text.split_once('\n').unwrap_or((text, ""));
    let config = serde_json::from_str(config).ok();
    match Schedule::parse(kind, config.as_ref(), &BusinessHours::default()) {
        Ok(schedule) => walk(&schedule),
        Err(errors) => assert!(!errors.is_empty() && errors.iter().all(|e| !e.field.is_empty() && !e.message.is_empty())),
    }
}

/// First line: a zone, UTC where it is none. The rest: a crontab line.
pub fn crontab(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (zone, line) = text.split_once('\n').unwrap_or(("UTC", text));
    let crontab = match Crontab::parse(line) {
        Ok(crontab) => crontab,
        Err(errors) => {
            let is_told = |e: &domain::field::FieldError| !e.message.is_empty() && e.message.chars().count() < ERROR_MOST_CHARS;
            assert!(!errors.is_empty() && errors.iter().all(is_told));
            return;
        }
    };
    assert!(!crontab.describe().is_empty());
    assert_eq!(Crontab::parse(crontab.as_str()).as_ref(), Ok(&crontab), "{crontab} is not taken again");
    for zone in [zone, "UTC"] {
        let config = serde_json::json!({"cron": line, "timezone": zone});
        if let Ok(schedule) = Schedule::parse("cron", Some(&config), &BusinessHours::default()) {
            occur(schedule.cron().expect("it is a cron schedule"));
        }
    }
}

/// Occurrences follow one another and are found again backwards.
fn occur(cron: &CronSchedule) {
    let (crontab, zone) = (cron.crontab(), cron.timezone());
    for at in [i64::MIN, 0, 1_774_746_000_000, 1_792_890_000_000, 4_000_000_000_000, i64::MAX].map(Wall) {
        let mut last = at;
        for next in crontab.occurrences(zone, at).take(10) {
            assert!(next > last, "{crontab} in {zone}: {next:?} after {last:?}");
            assert_eq!(crontab.previous_before(zone, next.plus_ms(1)), Some(next), "{crontab} in {zone}");
            last = next;
        }
        assert!(crontab.previous_before(zone, at).is_none_or(|previous| previous < at));
    }
}

/// Windows follow one another, wherever one looks.
fn walk(schedule: &Schedule) {
    for at in [0, 1_000_000_000_000, 1_774_746_000_000, 1_792_890_000_000, 4_000_000_000_000].map(Wall) {
        let _ = (schedule.is_open(at), schedule.local(at, Some(at)));
        let mut last = None;
        for window in schedule.windows_from(at).take(20) {
            let (opens, closes) = (window.opens.unwrap_or(Wall(i64::MIN)), window.closes.unwrap_or(Wall(i64::MAX)));
            assert!(closes > at && opens < closes, "{window:?} from {at:?}");
            assert!(last.is_none_or(|end| end < opens), "{window:?} after {last:?}");
            last = Some(closes);
        }
    }
    let (kind, config) = (schedule.kind(), schedule.config());
    let again = Schedule::parse(kind, config.as_ref(), &BusinessHours::default());
    assert!(
        again.is_ok_and(|again| kind == "business_hours" || again.config() == config),
        "{kind} {config:?} is not taken again"
    );
}

pub fn durations(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(seconds) = duration::parse(text) {
        assert_eq!(duration::parse(&format!("{seconds}s")), Ok(seconds));
        assert!(!duration::words(seconds).is_empty() && !duration::short(seconds).is_empty());
    }
    if let Ok(ms) = text.trim().parse::<i64>() {
        assert!(!duration::words_ms(ms).is_empty());
    }
}

/// Lines: start, end, days, zone of business hours.
pub fn zone(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.split('\n');
    let [start, end, days, zone] = [(); 4].map(|()| lines.next().unwrap_or_default());
    if let Ok(hours) = BusinessHours::parse(start, end, days, zone) {
        let again = BusinessHours::parse(&hours.start(), &hours.end(), days, hours.timezone().name());
        assert!(again.is_ok_and(|again| again.days() == hours.days()));
        walk(&Schedule::parse("business_hours", None, &hours).expect("business hours are given"));
    }
}

pub fn settings_yaml(data: &[u8]) {
    let folder = Folder::with("settings.yaml", data);
    match Config::load(&Environment::default(), folder.path()) {
        Ok(config) => assert!(config.limits.web.connections_most > 0),
        Err(errors) => assert!(!errors.0.is_empty()),
    }
}

pub fn hosts_yaml(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match HostsFile::parse(text, Path::new("hosts.yaml"), &Environment::default(), &BusinessHours::default()) {
        Ok(entries) => {
            let lines = text.split(['\n', '\r']).count() as u64;
            assert!(entries.iter().all(|entry| (1..=lines).contains(&entry.line) && !entry.spec.name.is_empty()));
        }
        Err(errors) => assert!(!errors.0.is_empty() && !errors.to_string().is_empty()),
    }
}

/// Lines: call and status, `Retry-After`, `X-RateLimit-Remaining`, `-Reset-After`, `-Global`, `-Scope`, body.
pub fn discord(data: &[u8]) {
    let mut lines = data.splitn(7, |byte| *byte == b'\n');
    let mut line = || String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let first = line();
    let mut header = || Some(line()).filter(|text| !text.is_empty());
    let headers =
        Headers { retry_after: header(), remaining: header(), reset_after: header(), global: header(), scope: header() };
    let body = lines.next().unwrap_or_default();
    let (call, status) = first.split_once(' ').unwrap_or(("", &first));
    let call = match call {
        "edit" => Call::Edit,
        "probe" => Call::Probe,
        _ => Call::Post,
    };
    let reply = judge(call, status.parse().unwrap_or(200), &headers, body);
    assert!(reply.pause_ms <= WAIT_MOST_MS, "{reply:?}");
    match &reply.outcome {
        Outcome::Delivered { remote_id } => {
            assert!(
                call == Call::Post && !remote_id.is_empty() && remote_id.bytes().all(|byte| byte.is_ascii_digit()),
                "{reply:?}"
            );
        }
        Outcome::Edited => assert_ne!(call, Call::Post),
        Outcome::Retry { after_ms, error, .. } => {
            assert!(after_ms.is_none_or(|ms| ms <= WAIT_MOST_MS) && is_calm(error), "{reply:?}")
        }
        Outcome::Refused { error, .. } => assert!(is_calm(error), "{reply:?}"),
    }
}

fn is_calm(error: &str) -> bool {
    !error.chars().any(char::is_control) && error.chars().count() < ERROR_MOST_CHARS && !error.contains('@')
}

/// Nobody but the hub makes a link that opens.
pub fn link(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let keyring = Keyring::from_secret("the fuzzer does not know this").expect("it is long enough");
    assert!(open_ack(&keyring, text, Wall(0)).is_err(), "{text}");
}

pub fn host_draft(data: &[u8]) {
    let drafts = [web::fuzz::host_draft(data).ok(), serde_json::from_slice::<HostDraft>(data).ok()];
    for draft in drafts.into_iter().flatten() {
        match draft.create(&BusinessHours::default()) {
            Ok(spec) => {
                let chars = spec.name.chars().count();
                assert!((1..=NAME_MAX_CHARS).contains(&chars) && !spec.name.chars().any(char::is_control));
                assert!((1..=31_622_400).contains(&spec.frequency_s) && spec.grace_s <= 2_592_000);
                assert_eq!(draft.overlay(&spec, &BusinessHours::default()).as_ref(), Ok(&spec), "the same draft changes nothing");
            }
            Err(errors) => assert!(!errors.is_empty()),
        }
    }
}

pub fn hub_json(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = pulsewarden::cli::url_in_hub_file(text);
}

/// A user's template; a form feed separates it from a second one.
pub fn template(data: &[u8]) {
    let (one, two) = data.split_at(data.iter().position(|byte| *byte == 0x0c).unwrap_or(data.len()));
    let folder = Folder::with("host_down.hbs", one);
    folder.add("recovered.hbs", two.get(1..).unwrap_or_default());
    let Ok(texts) = Texts::load(folder.path()) else { return };
    for mut incident in [incident("web-01"), incident("{{why}} @everyone <@1> ${x}")] {
        assert!(texts.opened(&incident).len() <= 1 << 20);
        incident.resolved_at = Some(Wall(1_795_420_900_000));
        assert!(texts.recovered(&incident).len() <= 1 << 20);
    }
}

pub fn webhook_url(data: &[u8]) {
    use actors::alert::discord::{AllowedHosts, WebhookUrl};
    let Ok(text) = std::str::from_utf8(data) else { return };
    match WebhookUrl::parse(text, &AllowedHosts::default()) {
        Ok(url) => {
            let host = url.expose();
            let allowed =
                ["https://discord.com/", "https://discordapp.com/", "https://ptb.discord.com/", "https://canary.discord.com/"];
            assert!(allowed.iter().any(|start| host.to_ascii_lowercase().starts_with(start)), "{host}");
        }
        Err(e) => assert_eq!(e.field, "url"),
    }
    drop(AllowedHosts::parse(&[text]));
}

fn incident(name: &str) -> Incident {
    let facts = Facts {
        host_id: Some("web-01".into()),
        host_name: name.to_owned(),
        cause: Cause::Missed,
        last_seen_at: None,
        expected_every_s: 300,
        grace_s: 60,
        deadline_at: None,
        detected_at: Wall(1_795_420_800_000),
        why: name.to_owned(),
    };
    Incident {
        alert: 1,
        alert_type: AlertType::MissingHeartbeat,
        severity: Severity::Critical,
        host_name: Some(name.to_owned()),
        host_id: Some("web-01".into()),
        facts,
        acknowledged: None,
        resolved_at: None,
        resolution: None,
    }
}

/// A folder in memory for one input, removed with this value.
struct Folder(PathBuf);

impl Folder {
    fn with(name: &str, data: &[u8]) -> Folder {
        let memory = Path::new("/dev/shm");
        let base = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
        let thread = format!("{:?}", std::thread::current().id()).replace(|c: char| !c.is_ascii_digit(), "");
        let folder = Folder(base.join(format!("pulsewarden-fuzz-{}-{thread}", std::process::id())));
        std::fs::create_dir_all(&folder.0).expect("a folder");
        folder.add(name, data);
        folder
    }

    fn add(&self, name: &str, data: &[u8]) {
        std::fs::write(self.0.join(name), data).expect("a file");
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// A log, line by line, as a host sends it: cleaned, redacted, mined and reduced.
pub fn log_line(data: &[u8]) {
    let (mut redactor, mut again, mut miner) = (Redactor::default(), Redactor::default(), Miner::default());
    let mut reducer = Reducer::new(&mut miner);
    for bytes in data.split(|byte| *byte == b'\n') {
        let cleaned = clean(bytes);
        assert!(!cleaned.text.contains(|c: char| c.is_control()));
        let once = redactor.line(&cleaned.text).into_owned();
        assert_eq!(again.line(&once), once, "redacting twice changes a line");
        reducer.push(&once, domain::rules::line::parse(&once, 1_715_700_000).message, Wall(0));
    }
    let reduced = reducer.finish(Wall(0), LOG_BUDGET_TOKENS);
    assert!(reduced.tokens <= LOG_BUDGET_TOKENS, "{} tokens", reduced.tokens);
}
