//! One log line taken apart: when, which program, what it says. Any text is a line; what has no header is all message.

use chrono::NaiveDate;
use std::net::{IpAddr, Ipv4Addr};

/// A line's parts, borrowed from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Seconds since 1970 UTC, where the line tells a time; one without a zone counts as UTC.
    pub at_s: Option<i64>,
    /// The program: `sshd`, `kernel`, `%ASA-6-302013`; empty where none is named.
    pub app: &'a str,
    /// What the program said.
    pub message: &'a str,
}

/// Seconds of a day.
const DAY_S: i64 = 86_400;

/// Takes `text` apart: RFC 5424, RFC 3164 (with or without host, ISO or Cisco times), journald's short forms, Apache's
/// error and access logs. `now_s` settles the year where a line tells none: the latest one that is not in the future.
///
/// ```
/// let line = domain::rules::line::parse("<38>May 14 12:00:51 web sshd[7]: Failed password for root", 1_715_700_000);
/// assert_eq!((line.at_s, line.app, line.message), (Some(1_715_688_051), "sshd", "Failed password for root"));
/// ```
pub fn parse(text: &str, now_s: i64) -> Line<'_> {
    let rest = without_sequence(without_priority(text.trim_end())).trim_start_matches(['*', ' ']);
    if let Some(line) = rest.strip_prefix("1 ").and_then(rfc5424) {
        return line;
    }
    if let Some((at_s, rest)) = iso_time(rest).or_else(|| month_time(rest, now_s)) {
        let (app, message) = tag(rest.trim_start_matches(':').trim_start());
        return Line { at_s: Some(at_s), app, message };
    }
    if let Some((at_s, rest)) = rest.strip_prefix('[').and_then(apache_time) {
        return Line { at_s: Some(at_s), app: "", message: rest };
    }
    if let Some(line) = cisco_without_time(rest) {
        return line;
    }
    Line { at_s: access_time(rest), app: "", message: rest }
}

fn without_priority(text: &str) -> &str {
    let Some((digits, rest)) = text.strip_prefix('<').and_then(|rest| rest.split_once('>')) else { return text };
    let is_priority = (1..=3).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    if is_priority { rest } else { text }
}

/// Cisco's IOS numbers its messages: `189: *May 14 …`.
fn without_sequence(text: &str) -> &str {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    if rest.len() < text.len() { rest.strip_prefix(": ").unwrap_or(text) } else { text }
}

/// `TIME HOST APP PID MSGID SD MESSAGE`, after the version.
fn rfc5424(rest: &str) -> Option<Line<'_>> {
    let mut fields = rest.splitn(6, ' ');
    let time = fields.next()?;
    let at_s = iso_time(time).map(|(at_s, _)| at_s);
    if at_s.is_none() && time != "-" {
        return None;
    }
    let (_host, app, _pid, _id) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let message = after_structured_data(fields.next()?).trim_start();
    Some(Line { at_s, app, message: message.strip_prefix('\u{feff}').unwrap_or(message) })
}

fn after_structured_data(rest: &str) -> &str {
    if let Some(message) = rest.strip_prefix('-') {
        return message;
    }
    let (mut is_quoted, mut is_escaped) = (false, false);
    let bytes = rest.as_bytes();
    for (index, byte) in bytes.iter().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b']' if !is_quoted && bytes.get(index + 1) != Some(&b'[') => return &rest[index + 1..],
            _ => {}
        }
    }
    rest
}

/// `2024-05-14T12:00:51[.123][Z|+02:00]` or with a blank for the `T`; what follows it.
fn iso_time(text: &str) -> Option<(i64, &str)> {
    let head = text.get(..19)?.as_bytes();
    let is_shaped = head[4] == b'-' && head[7] == b'-' && matches!(head[10], b'T' | b' ') && head[13] == b':' && head[16] == b':';
    if !is_shaped {
        return None;
    }
    let date = (number(&text[..4])?, number(&text[5..7])?, number(&text[8..10])?);
    let at_s = seconds(date, clock(&text[11..19])?)?;
    let rest = text[19..].trim_start_matches(|c: char| c == '.' || c == ',' || c.is_ascii_digit());
    if let Some(rest) = rest.strip_prefix('Z') {
        return Some((at_s, rest));
    }
    let sign = match rest.as_bytes().first() {
        Some(b'+') => 1,
        Some(b'-') => -1,
        _ => return Some((at_s, rest)),
    };
    let zone = rest[1..].split(|c: char| !c.is_ascii_digit() && c != ':').next().unwrap_or("");
    Some((at_s - sign * zone_s(zone)?, &rest[1 + zone.len()..]))
}

/// `0200` or `02:00` in seconds.
fn zone_s(zone: &str) -> Option<i64> {
    let minutes = zone.get(zone.len().checked_sub(2)?..)?;
    Some(number(zone.get(..2)?)? * 3_600 + number(minutes)? * 60)
}

/// `May 14 12:00:51`, `May 14 2024 12:00:51`; what follows it.
fn month_time(text: &str, now_s: i64) -> Option<(i64, &str)> {
    let month = month(text.get(..3)?)?;
    let rest = text[3..].strip_prefix(' ')?.trim_start();
    let (day, rest) = rest.split_once(' ')?;
    let day = number(day).filter(|day| (1..=31).contains(day))?;
    let rest = rest.trim_start();
    let year = rest.split_once(' ').and_then(|(word, _)| number(word).filter(|_| word.len() == 4));
    let rest = if year.is_some() { &rest[5..] } else { rest };
    let time = clock(rest.get(..8)?)?;
    let at_s = match year {
        Some(year) => seconds((year, month, day), time)?,
        None => latest_year((month, day), time, now_s)?,
    };
    Some((at_s, rest[8..].trim_start_matches(|c: char| c == '.' || c.is_ascii_digit())))
}

/// The instant in the latest year that is at most a day in the future; a clock may run ahead.
fn latest_year((month, day): (i64, i64), time: i64, now_s: i64) -> Option<i64> {
    let year = i64::from(chrono::Datelike::year(&chrono::DateTime::from_timestamp(now_s, 0)?));
    let candidates = [year + 1, year, year - 1, year - 2, year - 3, year - 4];
    candidates.into_iter().filter_map(|year| seconds((year, month, day), time)).find(|&at_s| at_s <= now_s + DAY_S)
}

/// `Sun Dec 04 04:47:44[.123] 2005]`, after the bracket; what follows it.
fn apache_time(text: &str) -> Option<(i64, &str)> {
    let (inside, rest) = text.split_once(']')?;
    let mut words = inside.split_whitespace().skip(1);
    let (month, day) = (month(words.next()?)?, number(words.next()?)?);
    let time = clock(words.next()?.get(..8)?)?;
    Some((seconds((number(words.next()?)?, month, day), time)?, rest.trim_start()))
}

/// The time of an access log line: `… [14/May/2024:12:00:51 +0000] "GET …`.
fn access_time(text: &str) -> Option<i64> {
    let start = text.find(" [")? + 2;
    let stamp = text.get(start..start + 20)?;
    let (day, rest) = stamp.split_once('/')?;
    let (name, rest) = rest.split_once('/')?;
    let (year, time) = rest.split_once(':')?;
    let at_s = seconds((number(year)?, month(name)?, number(day)?), clock(time)?)?;
    let zone = text.get(start + 21..start + 26).unwrap_or("+0000");
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    Some(at_s - sign * zone.get(1..).and_then(zone_s).unwrap_or(0))
}

/// `189: %SYS-5-CONFIG_I: Configured` and `%ASA-6-1: …` with no time of their own.
fn cisco_without_time(text: &str) -> Option<Line<'_>> {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == ':' || c == ' ');
    let (app, message) = rest.split_once(": ").filter(|(app, _)| app.starts_with('%') && !app.contains(' '))?;
    Some(Line { at_s: None, app, message })
}

/// `[HOST] APP[PID]: MESSAGE`: the program and what it said. pfSense sends no host.
fn tag(rest: &str) -> (&str, &str) {
    let (first, after) = rest.split_once(' ').unwrap_or((rest, ""));
    if let Some(app) = program(first) {
        return (app, after);
    }
    let after = after.trim_start().trim_start_matches(": ");
    let (second, message) = after.split_once(' ').unwrap_or((after, ""));
    match program(second) {
        Some(app) => (app, message),
        None => ("", if after.is_empty() { rest } else { after }),
    }
}

/// `sshd[12]:` is sshd; only what ends in a colon names a program.
fn program(word: &str) -> Option<&str> {
    let word = word.strip_suffix(':')?;
    let name = word.split_once('[').map_or(word, |(name, _)| name);
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./%()@:".contains(&b));
    let is_program = is_name && name.bytes().any(|b| b.is_ascii_alphabetic());
    is_program.then(|| name.rsplit('/').next().unwrap_or(name))
}

fn number(text: &str) -> Option<i64> {
    text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()))
}

/// `12:00:51` in seconds of the day.
fn clock(text: &str) -> Option<i64> {
    let (hours, rest) = text.split_once(':')?;
    let (minutes, seconds) = rest.split_once(':')?;
    let (hours, minutes, seconds) = (number(hours)?, number(minutes)?, number(seconds)?);
    (hours < 24 && minutes < 60 && seconds < 61).then_some(hours * 3_600 + minutes * 60 + seconds)
}

fn month(name: &str) -> Option<i64> {
    let names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    names.iter().position(|known| *known == name).and_then(|index| i64::try_from(index + 1).ok())
}

fn seconds((year, month, day): (i64, i64, i64), of_day: i64) -> Option<i64> {
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, u32::try_from(month).ok()?, u32::try_from(day).ok()?)?;
    Some(date.and_hms_opt(0, 0, 0)?.and_utc().timestamp() + of_day)
}

/// Whether `text` is an IPv4 address and nothing else.
pub(crate) fn is_ipv4(text: &str) -> bool {
    text.len() >= 7 && text.parse::<Ipv4Addr>().is_ok()
}

/// Whether `address` belongs to a private, link-local, shared or loopback network. A name, or the pseudonym redaction
/// gives a public address, is not internal.
///
/// ```
/// use domain::rules::line::is_internal;
/// assert!(is_internal("10.1.2.3") && is_internal("fe80::1") && is_internal("192.168.0.9"));
/// assert!(!is_internal("8.8.8.8") && !is_internal("IP-PUB-3"));
/// ```
pub fn is_internal(address: &str) -> bool {
    match address.parse() {
        Ok(IpAddr::V4(v4)) => {
            let [a, b, ..] = v4.octets();
            v4.is_private() || v4.is_loopback() || v4.is_link_local() || (a == 100 && (64..128).contains(&b))
        }
        Ok(IpAddr::V6(v6)) => v6.is_loopback() || v6.segments()[0] & 0xfe00 == 0xfc00 || v6.segments()[0] & 0xffc0 == 0xfe80,
        Err(_) => false,
    }
}

/// Whether `address` is on the internet: a public address, or its pseudonym.
pub fn is_public(address: &str) -> bool {
    let is_address = address.parse::<IpAddr>().is_ok();
    let is_pseudonym = address.trim_start_matches('<').starts_with("IP-PUB");
    is_pseudonym
        || (is_address && !is_internal(address) && !address.starts_with("0.") && address != "::" && !address.starts_with("255."))
}
