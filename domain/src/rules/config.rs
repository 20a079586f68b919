//! Configuration that changes: firewall rules and policies, and devices that somebody reconfigures.

use super::book::{Book, Hit};
use super::{Reading, RuleInfo};
use crate::finding::{Category, Level};

/// A firewall rule or policy changed.
pub(crate) static FIREWALL: RuleInfo = RuleInfo {
    name: "firewall_change",
    category: Category::Configuration,
    title: "Firewall rules changed",
    looks_for: "commands that change rules or policies (Cisco ASA access-list and object, pfSense, iptables, nft, ufw, firewall-cmd, Windows 4946-4950)",
    threshold: "one; high when the firewall is switched off or emptied",
    because: "rules change rarely, and by people who can say why",
    suggestion: "Compare with the change you expected; undo it if nobody knows it.",
};

/// A device was reconfigured.
pub(crate) static DEVICE: RuleInfo = RuleInfo {
    name: "device_config_change",
    category: Category::Configuration,
    title: "Device configuration changed",
    looks_for: "configuration commands on network devices (ASA 111008 and 111010, IOS CONFIG_I, pfSense configuration change)",
    threshold: "one",
    because: "network devices are configured rarely, and by people who can say why",
    suggestion: "Compare with the change you expected; compare the running configuration with the last backup.",
};

pub(crate) fn judge(reading: &Reading<'_>, book: &mut Book) {
    let line = &reading.line;
    let hit = match line.app {
        app if app.starts_with('%') => cisco(app, line.message),
        "sudo" => sudo(line.message),
        "ufw" | "firewalld" => firewalld(line.message),
        _ => pfsense(line.message).or_else(|| windows(line.message)),
    };
    if let Some(hit) = hit {
        book.note(hit, [reading.proof()]);
    }
}

/// The bare name of the program in a command line; what starts another program is stepped over.
pub(crate) fn program_of(command: &str) -> &str {
    let mut names = command.split_whitespace().map(|word| word.rsplit('/').next().unwrap_or(word));
    names.find(|name| !["env", "nice", "timeout", "sh", "bash", "-c", "tee", "-a"].contains(name) || *name == "tee").unwrap_or("")
}

fn changed(who: &str, severity: Level, what: String) -> Hit {
    let subject = format!("{who} {}", super::table::clipped(&what));
    Hit { rule: &FIREWALL, subject, severity, title: format!("Firewall rules changed by {who}"), what }
}

/// `User 'admin' executed the 'access-list …' command.`, `User 'x', running 'CLI' from IP …, executed '…'`, `Configured from console by x`.
fn cisco(app: &str, message: &str) -> Option<Hit> {
    let code = app.rsplit('-').next()?;
    if code == "CONFIG_I" {
        let who = message.rsplit_once(" by ").map_or("somebody", |(_, who)| who.split(' ').next().unwrap_or(who));
        return Some(device(who, message));
    }
    if code != "111008" && code != "111010" {
        return None;
    }
    let who = message.split('\'').nth(1).unwrap_or("somebody");
    let command = message.split_once("executed the '").or_else(|| message.split_once("executed '"))?.1;
    let command = command.rsplit_once('\'').map_or(command, |(command, _)| command);
    let words: Vec<&str> = command.split_whitespace().filter(|word| *word != "no").collect();
    let is_off = command.starts_with("no access-") || command.starts_with("clear configure");
    match *words.first()? {
        "show" | "enable" | "exit" | "end" | "ping" | "terminal" | "more" | "dir" | "changeto" | "logout" | "help"
        | "perfmon" => None,
        "access-list"
        | "access-group"
        | "object"
        | "object-group"
        | "nat"
        | "global"
        | "static"
        | "policy-map"
        | "service-policy"
        | "security-level"
        | "same-security-traffic" => {
            Some(changed(who, if is_off { Level::High } else { Level::Medium }, format!("{who} ran: {command}.")))
        }
        "clear" if words.get(1) == Some(&"logging") => {
            Some(super::privilege::cleared(who, format!("{who} ran {command} on the device.")))
        }
        _ => Some(device(who, command)),
    }
}

fn device(who: &str, command: &str) -> Hit {
    let title = format!("Device configured by {who}");
    // One finding for what one person did: a session is many commands.
    Hit { rule: &DEVICE, subject: who.to_owned(), severity: Level::Medium, title, what: format!("Last: {command}.") }
}

/// `alice : TTY=… ; COMMAND=/usr/sbin/iptables -A INPUT …`: commands that change, not those that list.
fn sudo(message: &str) -> Option<Hit> {
    let (user, rest) = message.split_once(" : ").filter(|(_, rest)| !rest.starts_with("command not allowed"))?;
    let command = rest.split_once("COMMAND=")?.1;
    let program = program_of(command);
    let has = |words: &[&str]| command.split_whitespace().any(|word| words.contains(&word));
    let severity = match program {
        "iptables" | "ip6tables" if has(&["-F", "--flush", "-X"]) || command.contains("-P INPUT ACCEPT") => Level::High,
        "iptables" | "ip6tables"
            if has(&["-A", "-I", "-D", "-R", "-P", "--append", "--insert", "--delete", "--replace", "--policy"]) =>
        {
            Level::Medium
        }
        "iptables-restore" | "ip6tables-restore" => Level::Medium,
        "nft" if has(&["flush"]) => Level::High,
        "nft" if has(&["add", "insert", "delete", "replace", "-f"]) => Level::Medium,
        "ufw" if has(&["disable", "reset"]) => Level::High,
        "ufw" if has(&["allow", "deny", "reject", "limit", "delete", "insert", "default", "enable", "route"]) => Level::Medium,
        "firewall-cmd" if command.contains("--add-") || command.contains("--remove-") || command.contains("--set-") => {
            Level::Medium
        }
        "systemctl" | "service" if has(&["stop", "disable", "mask"]) && names_firewall(command) => Level::High,
        _ => return None,
    };
    Some(changed(user.trim(), severity, format!("{} ran: {}.", user.trim(), command.trim())))
}

fn names_firewall(command: &str) -> bool {
    ["ufw", "firewalld", "nftables", "iptables"].iter().any(|name| command.contains(name))
}

fn firewalld(message: &str) -> Option<Hit> {
    let is_change =
        message.starts_with("Rule added") || message.starts_with("Rule deleted") || message.starts_with("Firewall stopped");
    is_change.then(|| changed("the system", Level::Medium, format!("{message}.")))
}

/// `/firewall_rules.php: Configuration Change: admin@10.0.0.5 (Local Database): Firewall: Rules - saved/edited …`.
fn pfsense(message: &str) -> Option<Hit> {
    let (page, rest) = message.split_once("onfiguration Change: ")?;
    let (who, what) = rest.split_once(": ").unwrap_or((rest, ""));
    let who = who.split(" (").next().unwrap_or(who);
    if page.contains("firewall_") || what.starts_with("Firewall") {
        return Some(changed(who, Level::Medium, format!("{who}: {what}.")));
    }
    Some(device(who, what))
}

fn windows(message: &str) -> Option<Hit> {
    let is_off = super::login::has_event(message, "4950") && message.contains("Enable Windows Defender Firewall");
    let is_change = ["4946", "4947", "4948", "4950"].iter().any(|id| super::login::has_event(message, id));
    let severity = if is_off { Level::High } else { Level::Medium };
    is_change.then(|| changed("Windows", severity, "A Windows firewall rule or setting changed.".to_owned()))
}
