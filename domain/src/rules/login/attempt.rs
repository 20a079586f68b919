//! Reads login attempts out of the words of the programs that log them.

use crate::rules::line::Line;

/// An attempt to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attempt<'a> {
    pub(crate) succeeded: bool,
    pub(crate) user: &'a str,
    /// An address, or `local` at the machine itself.
    pub(crate) source: &'a str,
    pub(crate) service: &'a str,
    /// How many attempts the line stands for.
    pub(crate) times: u16,
    /// Another line may tell of the same attempt.
    pub(crate) may_be_double: bool,
}

/// The source of attempts at the machine itself.
const LOCAL: &str = "local";

impl Attempt<'_> {
    pub(crate) fn is_remote(&self) -> bool {
        !self.source.is_empty() && self.source != LOCAL
    }

    /// Where attempts are counted: at the machine itself each user for itself, or one person's typing errors add up with another's.
    pub(crate) fn place(&self) -> String {
        if self.is_remote() { self.source.to_owned() } else { format!("{LOCAL} {}", self.user) }
    }
}

fn failed<'a>(user: &'a str, source: &'a str, service: &'a str) -> Option<Attempt<'a>> {
    let source = if source.is_empty() { LOCAL } else { source };
    Some(Attempt { succeeded: false, user, source, service, times: 1, may_be_double: false })
}

fn accepted<'a>(user: &'a str, source: &'a str, service: &'a str) -> Option<Attempt<'a>> {
    Some(Attempt { succeeded: true, ..failed(user, source, service)? })
}

fn doubled(attempt: Option<Attempt<'_>>) -> Option<Attempt<'_>> {
    Some(Attempt { may_be_double: true, ..attempt? })
}

/// The attempt `line` tells of.
pub(crate) fn attempt<'a>(line: &Line<'a>) -> Option<Attempt<'a>> {
    let message = line.message;
    if line.app.starts_with('%') {
        return cisco(line.app, message);
    }
    if let Some(attempt) = repeated(line) {
        return Some(attempt);
    }
    match line.app {
        app if app.starts_with("sshd") || app == "dropbear" => sshd(message).or_else(|| pam(app, message)),
        "su" => su(message).or_else(|| pam("su", message)),
        "sudo" => sudo(message),
        app => pam(app, message).or_else(|| mail(app, message)).or_else(|| windows(message)),
    }
}

/// `message repeated 5 times: [ Failed password for root from …]`.
fn repeated<'a>(line: &Line<'a>) -> Option<Attempt<'a>> {
    let (times, rest) = line.message.strip_prefix("message repeated ")?.split_once(" times: [")?;
    let inside = Line { message: rest.trim().trim_end_matches(']'), ..*line };
    let attempt = if inside.message.starts_with("message repeated ") { None } else { attempt(&inside) }?;
    Some(Attempt { times: times.parse().ok()?, ..attempt })
}

fn sshd(message: &str) -> Option<Attempt<'_>> {
    if let Some(rest) =
        message.strip_prefix("Failed password for ").or_else(|| message.strip_prefix("Failed keyboard-interactive/pam for "))
    {
        let (user, source) = user_from(rest.strip_prefix("invalid user ").unwrap_or(rest))?;
        return failed(user, source, "SSH");
    }
    if let Some(rest) = message.strip_prefix("Accepted ") {
        let (user, source) = user_from(rest.split_once(" for ")?.1)?;
        return accepted(user, source, "SSH");
    }
    let closed = message.strip_prefix("Connection closed by ").or_else(|| message.strip_prefix("Connection reset by "));
    let closed = closed.or_else(|| message.strip_prefix("Disconnected from "))?;
    let rest = closed.strip_prefix("invalid user ").or_else(|| closed.strip_prefix("authenticating user "))?;
    // The user comes first and may hold anything, so the address is looked for from the end.
    let (user, source) = rest.rsplit_once(" port ")?.0.rsplit_once(' ')?;
    doubled(failed(user, source, "SSH"))
}

/// `NAME from ADDRESS port 1 ssh2`: a name is whatever a client sends, ` from ` included.
fn user_from(rest: &str) -> Option<(&str, &str)> {
    let (user, source) = rest.rsplit_once(" from ")?;
    Some((user.trim(), source.split(' ').next()?))
}

/// `pam_unix(login:auth): authentication failure; … rhost=1.2.3.4  user=root`, and the older form without a prefix.
fn pam<'a>(app: &'a str, message: &'a str) -> Option<Attempt<'a>> {
    let rest = match message.find("authentication failure;") {
        Some(at) if at == 0 || message.starts_with("pam_") => &message[at..],
        _ => return None,
    };
    let service = message.strip_prefix("pam_unix(").and_then(|rest| rest.split([':', ')']).next()).unwrap_or(app);
    let source = value(rest, "rhost=").unwrap_or("");
    let user = value(rest, " user=").or_else(|| value(rest, "logname=")).unwrap_or("");
    let attempt = failed(user, source, service);
    // sshd and su report the same failure in their own words as well.
    if service.starts_with("sshd") || service == "su" { doubled(attempt) } else { attempt }
}

fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let start = text.find(key)? + key.len();
    Some(text[start..].split([' ', ';', ',']).next().unwrap_or("")).filter(|value| !value.is_empty())
}

/// `FAILED SU (to root) alice on pts/0`, `FAILED su for root by alice`.
fn su(message: &str) -> Option<Attempt<'_>> {
    let rest = message.strip_prefix("FAILED SU (to ").or_else(|| message.strip_prefix("FAILED su for "))?;
    failed(rest.split([')', ' ']).next()?, LOCAL, "su")
}

/// `alice : 3 incorrect password attempts ; TTY=…`, `alice : user NOT in sudoers ; …`.
fn sudo(message: &str) -> Option<Attempt<'_>> {
    let (user, rest) = message.split_once(" : ")?;
    let reason = rest.split(" ;").next()?.trim();
    if let Some(times) =
        reason.strip_suffix(" incorrect password attempts").or_else(|| reason.strip_suffix(" incorrect password attempt"))
    {
        return Some(Attempt { times: times.parse().ok()?, ..failed(user.trim(), LOCAL, "sudo")? });
    }
    (reason == "user NOT in sudoers").then(|| failed(user.trim(), LOCAL, "sudo")).flatten()
}

/// Mail and FTP servers.
fn mail<'a>(app: &'a str, message: &'a str) -> Option<Attempt<'a>> {
    if app.starts_with("postfix") || app == "smtpd" {
        let source = message.split_once(": SASL ").filter(|(_, rest)| rest.contains("authentication failed"))?.0;
        return failed("", source.rsplit_once('[')?.1.trim_end_matches(']'), "mail");
    }
    if app.starts_with("dovecot") && message.contains("auth failed") {
        return failed(between(message, "user=<", ">").unwrap_or(""), value(message, "rip=")?, "mail");
    }
    if app.starts_with("vsftpd") && message.contains("FAIL LOGIN: Client") {
        return failed(between(message, "[", "]").unwrap_or(""), between(message, "Client \"", "\"")?, "FTP");
    }
    None
}

/// `4625 … Account Name: alice … Source Network Address: 1.2.3.4`, and the event's own field names.
fn windows(message: &str) -> Option<Attempt<'_>> {
    let succeeded = match message {
        text if text.contains("An account failed to log on") || has_event(text, "4625") => false,
        text if text.contains("An account was successfully logged on") || has_event(text, "4624") => true,
        _ => return None,
    };
    let source = windows_field(message, "Source Network Address").or_else(|| windows_field(message, "IpAddress"))?;
    // The account that logs on is named after the one that reports it.
    let start = message.find("Account For Which Logon Failed").or_else(|| message.find("New Logon:")).unwrap_or(0);
    let user = windows_field(&message[start..], "TargetUserName").or_else(|| windows_field(&message[start..], "Account Name"));
    let attempt = failed(user.unwrap_or(""), if source == "-" { LOCAL } else { source }, "Windows")?;
    Some(Attempt { succeeded, ..attempt })
}

/// Whether `text` says that it is event `id`: `EventID=4625`, `"EventID":4625`, `Event ID: 4625`, `EventCode=4625`.
pub(crate) fn has_event(text: &str, id: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find("Event") {
        rest = &rest[at + 5..];
        let after = rest.strip_prefix("Code").or_else(|| rest.trim_start_matches(['_', ' ']).strip_prefix("ID")).unwrap_or("");
        let digits = after.trim_start_matches(['"', ':', '=', ' ', '\\', '>']);
        if after.len() != digits.len()
            && digits.strip_prefix(id).is_some_and(|end| !end.starts_with(|c: char| c.is_ascii_digit()))
        {
            return true;
        }
    }
    false
}

/// The value of a field in any of Windows' forms: `Name: value`, `Name=value`, `"Name":"value"`.
pub(crate) fn windows_field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let rest = &text[text.find(name)? + name.len()..];
    let rest = rest.trim_start_matches(['"', '\'']).trim_start().strip_prefix([':', '='])?;
    let rest = rest.trim_start_matches(['"', '\'', ' ', '\t']);
    let value = rest.split(['"', '\'', ' ', '\t', ',', ';']).next()?;
    (!value.is_empty()).then_some(value)
}

fn cisco<'a>(app: &str, message: &'a str) -> Option<Attempt<'a>> {
    let code = app.rsplit('-').next()?;
    let user = value(message, "user = ")
        .or_else(|| between(message, "for user \"", "\""))
        .or_else(|| value(message, "Uname: "))
        .unwrap_or("");
    let service = "firewall or VPN";
    match code {
        "113005" | "113015" => failed(user, value(message, "user IP = ").unwrap_or(""), service),
        "605004" => failed(user, message.split_once("denied from ")?.1.split('/').next()?, service),
        "605005" => accepted(user, message.split_once("permitted from ")?.1.split('/').next()?, service),
        "611102" => failed(user, value(message, "IP address: ")?, service),
        "611101" => accepted(user, value(message, "IP address: ")?, service),
        "109006" | "109031" => {
            let rest = message.split_once(" from ")?.1;
            failed(
                message.split_once("user ").map_or("", |(_, rest)| rest.split([' ', '\'', '"']).next().unwrap_or("")),
                rest.split(['/', ' ']).next()?,
                service,
            )
        }
        "LOGIN_FAILED" => failed(between(message, "[user: ", "]").unwrap_or(""), between(message, "[Source: ", "]")?, service),
        "LOGIN_SUCCESS" => accepted(between(message, "[user: ", "]").unwrap_or(""), between(message, "[Source: ", "]")?, service),
        _ => None,
    }
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let rest = &text[text.find(start)? + start.len()..];
    Some(&rest[..rest.find(end)?])
}
