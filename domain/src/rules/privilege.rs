//! Rights that change hands: new accounts, administrators, keys, sudoers, and logs that are cleared.

use super::book::{Book, Hit};
use super::login::{has_event, windows_field};
use super::{Reading, RuleInfo};
use crate::finding::{Category, Level};

/// Somebody made an account.
pub(crate) static NEW_ACCOUNT: RuleInfo = RuleInfo {
    name: "new_account",
    category: Category::Privilege,
    title: "New account",
    looks_for: "a user account that is created (useradd, adduser, Windows 4720)",
    threshold: "one; low for a system account without a login, critical for a second root (UID 0)",
    because: "accounts are rare and intruders make them to come back; packages make system accounts",
    suggestion: "Check who created it and why; remove it if nobody knows it.",
};

/// Somebody became an administrator.
pub(crate) static ADMIN_GROUP: RuleInfo = RuleInfo {
    name: "admin_group",
    category: Category::Privilege,
    title: "New administrator",
    looks_for: "an account added to a group that can do everything (sudo, wheel, docker, Administrators …)",
    threshold: "one",
    because: "these groups are as good as root",
    suggestion: "Check who did it and why; take the account out again if nobody knows it.",
};

/// Keys or sudo rules changed.
pub(crate) static KEY_OR_SUDOERS: RuleInfo = RuleInfo {
    name: "key_or_sudoers",
    category: Category::Privilege,
    title: "Keys or sudo rules changed",
    looks_for: "a command or audit record that writes authorized_keys, /etc/sudoers or /etc/shadow, or runs visudo",
    threshold: "one",
    because: "a key or a sudo rule lets somebody in again without a trace in the list of accounts",
    suggestion: "Compare the file with what it should hold.",
};

/// The log itself was cleared.
pub(crate) static LOG_CLEARED: RuleInfo = RuleInfo {
    name: "log_cleared",
    category: Category::Privilege,
    title: "Log cleared",
    looks_for: "an audit log that is cleared (Windows 1102, 'clear logging' on an ASA, deletion of /var/log files by sudo)",
    threshold: "one",
    because: "logs rotate by themselves; clearing one hides what happened",
    suggestion: "Ask who did it; read the copies on the log server.",
};

/// Groups that are as good as root.
const ADMIN_GROUPS: [&str; 13] = [
    "sudo",
    "wheel",
    "admin",
    "root",
    "docker",
    "lxd",
    "libvirt",
    "shadow",
    "disk",
    "Administrators",
    "Domain Admins",
    "Enterprise Admins",
    "Remote Desktop Users",
];

pub(crate) fn judge(reading: &Reading<'_>, book: &mut Book) {
    let message = reading.line.message;
    let hit = match reading.line.app {
        "useradd" | "adduser" | "newusers" => account(message).or_else(|| added_to_group(message)),
        "usermod" | "gpasswd" | "groupadd" | "groupmod" => added_to_group(message),
        "sudo" => command(message),
        "audit" | "auditd" | "audispd" | "kernel" => audited(message),
        _ => windows(message),
    };
    if let Some(hit) = hit {
        book.note(hit, [reading.proof()]);
    }
}

/// `new user: name=eve, UID=1001, GID=1001, home=/home/eve, shell=/bin/bash`.
fn account(message: &str) -> Option<Hit> {
    let rest = message.strip_prefix("new user: name=")?;
    let name = rest.split([',', ' ']).next()?;
    let field =
        |key: &str| rest.split(", ").find_map(|part| part.strip_prefix(key)).map(|value| value.split(' ').next().unwrap_or(""));
    let uid: u32 = field("UID=").and_then(|uid| uid.parse().ok()).unwrap_or(u32::MAX);
    let shell = field("shell=").unwrap_or("");
    let has_no_login = shell.ends_with("nologin") || shell.ends_with("/false");
    let severity = match uid {
        0 => Level::Critical,
        1..1_000 if has_no_login => Level::Low,
        _ => Level::High,
    };
    let what = format!("The account {name} (UID {uid}) was created.");
    Some(Hit { rule: &NEW_ACCOUNT, subject: name.to_owned(), severity, title: format!("New account {name}"), what })
}

/// `add 'eve' to group 'sudo'`, `user eve added by root to group wheel`.
fn added_to_group(message: &str) -> Option<Hit> {
    let (name, group) = match message.strip_prefix("add '") {
        Some(rest) => {
            let (name, rest) = rest.split_once('\'')?;
            (name, rest.strip_prefix(" to group '")?.split('\'').next()?)
        }
        None => {
            let (name, rest) = message.strip_prefix("user ")?.split_once(" added by ")?;
            (name, rest.split_once(" to group ")?.1.trim())
        }
    };
    ADMIN_GROUPS.contains(&group).then(|| administrator(name, group))
}

fn administrator(name: &str, group: &str) -> Hit {
    let what = format!("{name} was added to the group {group}.");
    let title = format!("{name} is now in {group}");
    Hit { rule: &ADMIN_GROUP, subject: format!("{name} {group}"), severity: Level::High, title, what }
}

/// What sudo ran: `alice : TTY=… ; USER=root ; COMMAND=/usr/sbin/visudo`. Refused commands are not run.
fn command(message: &str) -> Option<Hit> {
    let (user, rest) = message.split_once(" : ")?;
    let command = rest.split_once("COMMAND=")?.1;
    if !rest.starts_with("TTY=") && !rest.starts_with("PWD=") && !rest.starts_with("HOST=") {
        return None;
    }
    let program = super::config::program_of(command);
    let is_reader =
        ["cat", "less", "ls", "grep", "stat", "head", "tail", "more", "diff", "find", "file", "wc", "md5sum", "sha256sum"]
            .contains(&program);
    let guarded = ["authorized_keys", "/etc/sudoers", "/etc/shadow"].iter().find(|file| command.contains(*file));
    let clears = ["rm", "truncate", "shred", "unlink"].contains(&program) && command.contains("/var/log/");
    let user = user.trim();
    if program == "visudo" || (guarded.is_some() && !is_reader) {
        let file = guarded.copied().unwrap_or("/etc/sudoers");
        let what = format!("{user} ran {program} on {file}.");
        let title = format!("{user} changed {file}");
        return Some(Hit { rule: &KEY_OR_SUDOERS, subject: format!("{user} {file}"), severity: Level::High, title, what });
    }
    clears.then(|| cleared(user, format!("{user} removed or emptied files below /var/log.")))
}

pub(crate) fn cleared(who: &str, what: String) -> Hit {
    let title = format!("Log cleared by {who}");
    Hit { rule: &LOG_CLEARED, subject: who.to_owned(), severity: Level::High, title, what }
}

/// `type=PATH … name="/root/.ssh/authorized_keys" … nametype=CREATE`, and rules with a key for these files.
fn audited(message: &str) -> Option<Hit> {
    let is_write = ["nametype=CREATE", "nametype=DELETE"].iter().any(|text| message.contains(text));
    let file = ["authorized_keys", "/etc/sudoers", "/etc/shadow"].into_iter().find(|file| message.contains(file))?;
    let what = format!("The audit log shows that {file} was written.");
    is_write.then(|| Hit {
        rule: &KEY_OR_SUDOERS,
        subject: file.to_owned(),
        severity: Level::High,
        title: format!("{file} was written"),
        what,
    })
}

fn windows(message: &str) -> Option<Hit> {
    if message.contains("The audit log was cleared") || has_event(message, "1102") {
        let who =
            windows_field(message, "SubjectUserName").or_else(|| windows_field(message, "Account Name")).unwrap_or("somebody");
        return Some(cleared(who, "The Windows audit log was cleared.".to_owned()));
    }
    if message.contains("A user account was created") || has_event(message, "4720") {
        let start = message.find("New Account").unwrap_or(0);
        let name = windows_field(message, "TargetUserName").or_else(|| windows_field(&message[start..], "Account Name"))?;
        let what = format!("The account {name} was created.");
        return Some(Hit {
            rule: &NEW_ACCOUNT,
            subject: name.to_owned(),
            severity: Level::High,
            title: format!("New account {name}"),
            what,
        });
    }
    if message.contains("A member was added to a security-enabled")
        || ["4732", "4728", "4756"].iter().any(|id| has_event(message, id))
    {
        let group = ADMIN_GROUPS.iter().find(|group| group.starts_with(char::is_uppercase) && message.contains(*group))?;
        let name = windows_field(message, "MemberName").or_else(|| windows_field(message, "MemberSid")).unwrap_or("an account");
        return Some(administrator(name, group));
    }
    None
}
