//! `ping`: sends a heartbeat, tries again when that may help, and counts once however often it was tried.

use super::client::{Answer, Client, refusal};
use super::{CliError, Exit};
use awc::http::{Method, Uri};
use std::time::Duration;

const TRIES: u32 = 3;
/// Wait before the second try; doubled before the third.
const FIRST_PAUSE_S: u64 = 1;
/// A hub that asks for more patience than this is not waited for.
const LONGEST_PAUSE_S: u64 = 10;
/// The hub keeps no more of a message.
const MESSAGE_BYTES: usize = 10_000;

/// Send a heartbeat
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("signal").multiple(false))]
#[command(after_help = "\
Examples:
  pulsewarden ping 'http://hub:8080/api/v1/heartbeat/web-01?token=…'
  pulsewarden ping \"$URL\" --start; ./backup.sh; pulsewarden ping \"$URL\" --exit-code $?
  pulsewarden ping \"$URL\" --fail --message 'disk is full'

Tries three times. Exit codes: 0 stored, 1 refused, 2 wrong usage, 4 hub not reachable")]
pub(super) struct Args {
    /// The host's heartbeat URL, token included
    #[arg(env = "HEARTBEAT_URL", hide_env_values = true)]
    url: String,
    /// Say that something failed: alerts at once
    #[arg(long, group = "signal")]
    fail: bool,
    /// Say that a job begins; it must end within the grace period
    #[arg(long, group = "signal")]
    start: bool,
    /// Leave a note that changes nothing
    #[arg(long, group = "signal")]
    log: bool,
    /// Say how a job ended: 0 is success, everything else a failure
    #[arg(long, group = "signal", value_name = "N")]
    exit_code: Option<u8>,
    /// Text to keep with the heartbeat
    #[arg(long, short, value_name = "TEXT")]
    message: Option<String>,
}

pub(super) fn run(args: &Args) -> Result<(), CliError> {
    let (base, url) = target(args)?;
    actix::System::new().block_on(deliver(&base, &url, args.message.as_deref()))
}

/// The hub's address, and the whole URL with the signal in its path.
fn target(args: &Args) -> Result<(String, String), CliError> {
    let wrong = || {
        CliError::new(Exit::Usage, "URL must be the whole http or https URL of a host, as \"pulsewarden host show\" prints it")
    };
    let uri: Uri = args.url.parse().map_err(|_| wrong())?;
    let (Some(scheme @ ("http" | "https")), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(wrong()) };
    let base = format!("{scheme}://{}", authority.as_str());
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    Ok((base.clone(), format!("{base}{}{}{query}", uri.path().trim_end_matches('/'), signal(args))))
}

fn signal(args: &Args) -> String {
    match (args.fail, args.start, args.log, args.exit_code) {
        (true, ..) => "/fail".into(),
        (_, true, ..) => "/start".into(),
        (_, _, true, _) => "/log".into(),
        (.., Some(code)) => format!("/{code}"),
        _ => String::new(),
    }
}

async fn deliver(base: &str, url: &str, message: Option<&str>) -> Result<(), CliError> {
    let client = Client::new(base, None);
    let key = one_key();
    let body = message.map(|text| ("text/plain; charset=utf-8", head(text)));
    for attempt in 1.. {
        let tried = client.send(Method::POST, url, body, &[("Idempotency-Key", &key)]).await;
        let pause_s = match &tried {
            Ok(answer) if answer.status.is_success() => return Ok(()),
            Ok(answer) if !is_passing(answer) => return Err(refusal(answer)),
            Ok(answer) => answer.retry_after_s.unwrap_or(0),
            Err(e) if e.exit != Exit::Unreachable => return Err(e.clone()),
            Err(_) => 0,
        };
        if attempt == TRIES || pause_s > LONGEST_PAUSE_S {
            return Err(tried.map_or_else(|e| e, |answer| refusal(&answer)));
        }
        actix_rt::time::sleep(Duration::from_secs(pause_s.max(FIRST_PAUSE_S << (attempt - 1)))).await;
    }
    unreachable!("the last try returns")
}

/// Whether trying again may help.
fn is_passing(answer: &Answer) -> bool {
    answer.status.is_server_error() || answer.status.as_u16() == 429
}

/// A random UUID (version 4): tells the hub that a second try is the same heartbeat.
fn one_key() -> String {
    let mut bytes = store::seal::hash_token(&store::seal::new_token());
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// The beginning of `text` that the hub keeps.
fn head(text: &str) -> &str {
    &text[..text.floor_char_boundary(MESSAGE_BYTES)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(url: &str) -> Args {
        Args { url: url.into(), fail: false, start: false, log: false, exit_code: None, message: None }
    }

    #[test]
    fn the_signal_goes_into_the_path_before_the_token() {
        let url = "http://hub:8080/api/v1/heartbeat/web-01?token=a%2Fb";
        let whole = |args: Args| target(&args).unwrap().1;
        assert_eq!(whole(args(url)), url);
        assert_eq!(whole(Args { exit_code: Some(3), ..args(url) }), "http://hub:8080/api/v1/heartbeat/web-01/3?token=a%2Fb");
        assert_eq!(whole(Args { start: true, ..args("https://hub/ping/x/") }), "https://hub/ping/x/start");
        for wrong in ["hub:8080", "/x", "ftp://h/", ""] {
            assert_eq!(target(&args(wrong)).unwrap_err().exit, Exit::Usage, "{wrong}");
        }
    }

    #[test]
    fn a_key_is_a_uuid_and_new_each_time() {
        let key = one_key();
        assert!(uuid::Uuid::parse_str(&key).is_ok_and(|id| id.get_version_num() == 4), "{key}");
        assert_ne!(key, one_key());
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        assert_eq!(head(&"ä".repeat(6_000)).len(), 10_000);
        assert_eq!(head("short"), "short");
    }
}
