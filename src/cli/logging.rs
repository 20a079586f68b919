//! How log lines look: text for people or JSON for machines, one line a record whatever is in it.

use crate::config::{LogFilter, LogFormat};
use env_logger::{Builder, Target, fmt::Formatter};
use log::Record;
use std::io::{self, Write};

/// Libraries that would write request lines, and with them tokens, at lower levels, or an error for each stranger who sends
/// garbage. `RUST_LOG` may ask for them by name.
const TALKATIVE: &str =
    "actix_http=info,actix_http::h1::dispatcher=off,actix_server=warn,actix_web=info,awc=info,h2=info,mio=info,rustls=info";

/// Starts logging to standard error; a second start in one process changes nothing.
pub(super) fn start(filter: &LogFilter, format: LogFormat) {
    let mut builder = Builder::new();
    builder.parse_filters(&directives(filter)).target(Target::Stderr);
    match format {
        LogFormat::Text => builder.format(text),
        LogFormat::Json => builder.format(json),
    };
    drop(builder.try_init());
}

fn directives(filter: &LogFilter) -> String {
    let (LogFilter::Level(asked) | LogFilter::Directives(asked)) = filter;
    // A later directive replaces an earlier one of the same name, and a name goes before a bare level.
    if asked == "off" { asked.clone() } else { format!("{TALKATIVE},{asked}") }
}

fn text(out: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    let (time, style) = (out.timestamp_millis(), out.default_level_style(record.level()));
    writeln!(out, "{time} {style}{:<5}{style:#} {}: {}", record.level(), record.target(), one_line(&record.args().to_string()))
}

fn json(out: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    let time = out.timestamp_millis().to_string();
    let line = serde_json::json!({
        "time": time,
        "level": record.level().as_str(),
        "target": record.target(),
        "message": record.args().to_string(),
    });
    writeln!(out, "{line}")
}

/// Text that a host sent cannot begin a new line, or colour the terminal.
fn one_line(text: &str) -> String {
    let escape = |c: char| if c.is_control() { c.escape_default().collect::<String>() } else { c.to_string() };
    if text.chars().any(char::is_control) { text.chars().map(escape).collect() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_stays_on_one_line() {
        assert_eq!(one_line("a\nINFO forged \u{1b}[31m"), "a\\nINFO forged \\u{1b}[31m");
        assert_eq!(one_line("Büro"), "Büro");
    }

    #[test]
    fn libraries_that_know_tokens_stay_quiet_unless_asked_by_name() {
        let allowed = |filter: LogFilter, target: &str| {
            let logger = Builder::new().parse_filters(&directives(&filter)).build();
            let metadata = log::Metadata::builder().target(target).level(log::Level::Trace).build();
            log::Log::enabled(&logger, &metadata)
        };
        assert!(!allowed(LogFilter::Level("trace".into()), "awc::client"));
        assert!(allowed(LogFilter::Level("trace".into()), "actors::host"));
        assert!(!allowed(LogFilter::Directives("trace".into()), "actix_http::h1"));
        assert!(allowed(LogFilter::Directives("info,awc=trace".into()), "awc::client"));
    }
}
