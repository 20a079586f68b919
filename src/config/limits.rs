//! The `limits:` section of `settings.yaml`: one table of names, ranges and what they set. The rooms own the defaults.

use super::error::{ConfigError, Place};
use super::typo;
use super::yaml::{Node, Value};
use actors::llm::LlmLimits;
use actors::logs::LogLimits;
use std::ops::RangeInclusive;
use std::path::Path;

/// Bounds of queues, bodies, connections and waits.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// Of the queue in front of the store.
    pub db: actors::db::Limits,
    /// Of the web server.
    pub web: web::WebLimits,
    /// Of the store's connections.
    pub store: store::Options,
    /// Of reading logs.
    pub logs: LogLimits,
    /// Of asking models about them.
    pub llm: LlmLimits,
    /// Of syslog messages that wait.
    pub spool: actors::logs::spool::SpoolLimits,
    /// Of syslog connections.
    pub syslog: actors::logs::SyslogLimits,
}

type Set = fn(&mut Limits, u64);

/// Name, what is possible, what it sets.
const LIMITS: [(&str, RangeInclusive<u64>, Set); 43] = [
    ("ingest_waiting_requests", 1..=1_000_000, |l, n| l.db.waiting_requests = n as usize),
    ("ingest_batch_jobs", 1..=100_000, |l, n| l.db.batch_jobs = n as usize),
    ("reply_wait_ms", 100..=120_000, |l, n| l.db.reply_wait_ms = n),
    ("web_workers", 1..=256, |l, n| l.web.workers = n as usize),
    ("connections", 10..=1_000_000, |l, n| l.web.connections_most = n as usize),
    ("waiting_connections", 1..=65_535, |l, n| l.web.backlog = n as u32),
    ("url_bytes", 1_024..=65_536, |l, n| l.web.url_bytes = n as usize),
    ("header_bytes", 4_096..=262_144, |l, n| l.web.header_bytes = n as usize),
    ("heartbeat_body_bytes", 10_000..=67_108_864, |l, n| l.web.heartbeat_body_bytes = n as usize),
    ("request_body_bytes", 4_096..=67_108_864, |l, n| l.web.json_body_bytes = n as usize),
    ("header_wait_ms", 100..=120_000, |l, n| l.web.header_wait_ms = n),
    ("body_wait_ms", 100..=600_000, |l, n| l.web.body_wait_ms = n),
    ("send_wait_ms", 1_000..=600_000, |l, n| l.web.send_wait_ms = n),
    ("idle_wait_ms", 0..=3_600_000, |l, n| l.web.idle_wait_ms = n),
    ("shutdown_wait_s", 1..=60, |l, n| l.web.stop_wait_s = n),
    ("database_readers", 1..=64, |l, n| l.store.readers = n as u32),
    ("database_writer_cache_kib", 256..=4_194_304, |l, n| l.store.writer_cache_kib = n as u32),
    ("database_reader_cache_kib", 256..=4_194_304, |l, n| l.store.reader_cache_kib = n as u32),
    ("database_lock_wait_ms", 100..=120_000, |l, n| l.store.busy_timeout_ms = n),
    ("database_reader_wait_ms", 10..=120_000, |l, n| l.store.reader_wait_ms = n),
    ("database_read_ms", 100..=600_000, |l, n| l.store.reader_limit_ms = n),
    ("log_bytes", 65_536..=1_073_741_824, |l, n| l.logs.fetch.bytes_most = n as usize),
    ("log_lines", 100..=10_000_000, |l, n| l.logs.fetch.lines_most = n as usize),
    ("log_connect_wait_ms", 100..=120_000, |l, n| l.logs.fetch.connect_wait_ms = n),
    ("log_idle_wait_ms", 100..=600_000, |l, n| l.logs.fetch.idle_wait_ms = n),
    ("log_total_wait_ms", 1_000..=3_600_000, |l, n| l.logs.fetch.total_wait_ms = n),
    ("log_analyses_at_once", 1..=64, |l, n| l.logs.analyses_at_once = n as usize),
    ("llm_connect_wait_ms", 100..=120_000, |l, n| l.llm.connect_wait_ms = n),
    ("llm_answer_wait_ms", 1_000..=1_800_000, |l, n| l.llm.answer_wait_ms = n),
    ("llm_calls_at_once", 1..=64, |l, n| l.llm.calls_at_once = n as usize),
    ("llm_lines_tokens", 500..=1_000_000, |l, n| l.llm.lines_tokens_most = n as usize),
    ("llm_answer_tokens", 200..=100_000, |l, n| l.llm.answer_tokens_most = n as u32),
    ("llm_host_day_tokens", 0..=1_000_000_000, |l, n| l.llm.host_day_tokens_most = n as i64),
    ("llm_day_tokens", 0..=1_000_000_000, |l, n| l.llm.day_tokens_most = n as i64),
    ("llm_input_cents_per_million", 0..=1_000_000, |l, n| l.llm.input_cents_per_million = n as i64),
    ("llm_output_cents_per_million", 0..=1_000_000, |l, n| l.llm.output_cents_per_million = n as i64),
    ("syslog_host_bytes", 65_536..=1 << 30, |l, n| l.spool.host_bytes = n as usize),
    ("syslog_waiting_bytes", 65_536..=1 << 34, |l, n| l.spool.all_bytes = n as usize),
    ("syslog_message_bytes", 2_048..=65_536, |l, n| l.spool.message_bytes = n as usize),
    ("syslog_connections", 1..=65_535, |l, n| l.syslog.connections_most = n as usize),
    ("syslog_connections_per_sender", 1..=65_535, |l, n| l.syslog.connections_per_sender = n as usize),
    ("syslog_idle_wait_ms", 1_000..=604_800_000, |l, n| l.syslog.idle_wait_ms = n as i64),
    ("syslog_message_wait_ms", 100..=600_000, |l, n| l.syslog.message_wait_ms = n as i64),
];

/// The limits that `node`, the section of the file at `path`, changes; every fault goes to `errors`.
pub(super) fn read(node: Option<&Node>, path: &Path, errors: &mut Vec<ConfigError>) -> Limits {
    let mut limits = Limits::default();
    let entries = match node.map(|node| (&node.value, node)) {
        None | Some((Value::Null, _)) => return limits,
        Some((Value::Map(entries), _)) => entries,
        Some((_, node)) => {
            let fix = format!("must be a map such as \"connections: 20000\", not {}", node.kind());
            errors.push(ConfigError::new(Place::line(path, node.line), "limits", fix));
            return limits;
        }
    };
    for entry in entries {
        if let Err(message) = set(&mut limits, &entry.key, &entry.node.value) {
            errors.push(ConfigError::new(Place::line(path, entry.line), format!("limits.{}", entry.key), message));
        }
    }
    limits
}

/// The names of all limits.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    LIMITS.iter().map(|(name, _, _)| *name)
}

fn set(limits: &mut Limits, key: &str, value: &Value) -> Result<(), String> {
    let names = || LIMITS.iter().map(|(name, _, _)| *name);
    let Some((_, range, set)) = LIMITS.iter().find(|(name, _, _)| *name == key) else {
        let hint = typo::meant(key, names()).map(|name| format!("is not known: did you mean {name}?"));
        return Err(hint.unwrap_or_else(|| format!("is not known; known are {}", names().collect::<Vec<_>>().join(", "))));
    };
    let number = if let Value::Integer(n) = value { u64::try_from(*n).ok() } else { None };
    let number = number.filter(|n| range.contains(n));
    let number = number.ok_or_else(|| format!("must be a whole number from {} to {}", range.start(), range.end()))?;
    set(limits, number);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(text: &str) -> (Limits, Vec<String>) {
        let mut errors = Vec::new();
        let path = Path::new("settings.yaml");
        let node = Node::parse(text, path).unwrap();
        let limits = read(Some(&node), path, &mut errors);
        (limits, errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_limit_replaces_its_default_and_leaves_the_others() {
        let (limits, errors) = limits("connections: 50\nreply_wait_ms: 2000\ndatabase_readers: 2");
        assert_eq!((limits.web.connections_most, limits.db.reply_wait_ms, limits.store.readers), (50, 2_000, 2));
        assert_eq!(limits.web.workers, web::WebLimits::default().workers);
        assert!(errors.is_empty());
    }

    #[test]
    fn every_wrong_limit_is_told_with_its_line_and_its_fix() {
        let (_, errors) = limits("conections: 50\nreply_wait_ms: soon\nheader_wait_ms: 1\nspeed: 7");
        assert_eq!(errors[0], "settings.yaml:1: limits.conections: is not known: did you mean connections?");
        assert_eq!(errors[1], "settings.yaml:2: limits.reply_wait_ms: must be a whole number from 100 to 120000");
        assert_eq!(errors[2], "settings.yaml:3: limits.header_wait_ms: must be a whole number from 100 to 120000");
        assert!(errors[3].starts_with("settings.yaml:4: limits.speed: is not known; known are ingest_waiting_requests, "));
    }

    #[test]
    fn every_default_lies_within_what_is_possible() {
        for (name, range, _) in &LIMITS {
            assert!(range.start() < range.end(), "{name}");
        }
        let (d, w, s) = (actors::db::Limits::default(), web::WebLimits::default(), store::Options::default());
        let (g, m) = (LogLimits::default(), LlmLimits::default());
        let (p, y) = (actors::logs::spool::SpoolLimits::default(), actors::logs::SyslogLimits::default());
        let defaults = [
            d.waiting_requests as u64,
            d.batch_jobs as u64,
            d.reply_wait_ms,
            w.workers as u64,
            w.connections_most as u64,
            w.backlog.into(),
            w.url_bytes as u64,
            w.header_bytes as u64,
            w.heartbeat_body_bytes as u64,
            w.json_body_bytes as u64,
            w.header_wait_ms,
            w.body_wait_ms,
            w.send_wait_ms,
            w.idle_wait_ms,
            w.stop_wait_s,
            s.readers.into(),
            s.writer_cache_kib.into(),
            s.reader_cache_kib.into(),
            s.busy_timeout_ms,
            s.reader_wait_ms,
            s.reader_limit_ms,
            g.fetch.bytes_most as u64,
            g.fetch.lines_most as u64,
            g.fetch.connect_wait_ms,
            g.fetch.idle_wait_ms,
            g.fetch.total_wait_ms,
            g.analyses_at_once as u64,
            m.connect_wait_ms,
            m.answer_wait_ms,
            m.calls_at_once as u64,
            m.lines_tokens_most as u64,
            m.answer_tokens_most.into(),
            m.host_day_tokens_most.unsigned_abs(),
            m.day_tokens_most.unsigned_abs(),
            m.input_cents_per_million.unsigned_abs(),
            m.output_cents_per_million.unsigned_abs(),
            p.host_bytes as u64,
            p.all_bytes as u64,
            p.message_bytes as u64,
            y.connections_most as u64,
            y.connections_per_sender as u64,
            y.idle_wait_ms as u64,
            y.message_wait_ms as u64,
        ];
        assert_eq!(defaults.len(), LIMITS.len());
        for ((name, range, _), default) in LIMITS.iter().zip(defaults) {
            assert!(range.contains(&default), "{name} = {default}");
        }
    }
}
