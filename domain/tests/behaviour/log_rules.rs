//! What the local rules find, and what they leave alone.

use crate::log_data;
use domain::finding::{Finding, Level, MAX_EVIDENCE_LINES, Origin};
use domain::rules::{ALL, MAX_SUBJECTS_PER_RULE, Rules};
use domain::time::Wall;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// 2024-05-14 19:00 UTC, an hour after the data's last line.
const NOW: Wall = Wall(1_715_713_200_000);

fn found_in<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<Finding> {
    let mut rules = Rules::new();
    for (number, line) in (1..).zip(lines) {
        rules.read(number, line, NOW);
    }
    rules.take()
}

fn found(text: &str) -> Vec<Finding> {
    found_in(text.lines())
}

fn rule(finding: &Finding) -> &str {
    match &finding.origin {
        Origin::Rule(name) => name,
        Origin::Model => "model",
    }
}

fn show(findings: &[Finding]) {
    for finding in findings {
        println!("{:>8} {:<28} {} [{} lines]", finding.severity.as_str(), rule(finding), finding.title, finding.evidence.len());
    }
}

/// Lines a second apart from 12:00:00 on, each from `make(n)`.
fn each_second(count: u32, make: impl Fn(u32) -> String) -> String {
    every(count, 1, make)
}

fn every(count: u32, gap_s: u32, make: impl Fn(u32) -> String) -> String {
    let at = |s: u32| format!("May 14 {:02}:{:02}:{:02}", 8 + s / 3_600, s / 60 % 60, s % 60);
    (0..count).map(|n| format!("{} host {}\n", at(n * gap_s), make(n))).collect()
}

/// The names of the rules that found something in `text`.
fn names(text: &str) -> Vec<String> {
    found(text).iter().map(|finding| rule(finding).to_owned()).collect()
}

fn levels(text: &str) -> Vec<(String, Level)> {
    found(text).iter().map(|finding| (rule(finding).to_owned(), finding.severity)).collect()
}

fn is(rule: &str, level: Level) -> Vec<(String, Level)> {
    vec![(rule.to_owned(), level)]
}

#[test]
fn every_rule_has_a_name_of_its_own_and_says_what_it_looks_for() {
    let names: BTreeSet<&str> = ALL.iter().map(|rule| rule.name).collect();
    assert_eq!(names.len(), ALL.len());
    assert!(ALL.iter().all(|rule| !rule.looks_for.is_empty() && !rule.threshold.is_empty() && !rule.because.is_empty()));
}

#[test]
fn the_documentation_has_a_row_for_every_rule_as_it_is() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/logs.md")).unwrap();
    for rule in ALL {
        let row = format!("| `{}` | {} | {} | {} |", rule.name, rule.looks_for, rule.threshold, rule.because);
        assert!(page.contains(&row), "docs/logs.md lacks or words differently:\n{row}");
    }
}

#[test]
fn the_storyline_of_the_branch_office_is_found_with_at_most_two_false_findings() {
    let names = ["firewall/cisco_asa.log", "firewall/web_syslog.log", "firewall/web_access.log"];
    let Some(texts) = names.iter().map(|name| log_data::text(name)).collect::<Option<Vec<_>>>() else { return };
    let Some(truth) = log_data::json("firewall/GROUND_TRUTH.json") else { return };
    let fact = |id: &str, key: &str| {
        let events = truth["events"].as_array().unwrap();
        let found = events.iter().find(|event| event["record_id"] == id).and_then(|event| event["attributes"][key].as_str());
        found.unwrap_or_else(|| panic!("{id} has no {key}")).to_owned()
    };
    let findings: Vec<Vec<Finding>> = texts.iter().map(|text| found(text)).collect();
    findings.iter().for_each(|found| show(found));
    let all: Vec<&Finding> = findings.iter().flatten().collect();
    let has = |name: &str, texts: &[&str]| {
        let proves = |finding: &&&Finding| texts.iter().all(|text| finding.lines.iter().any(|line| line.contains(text)));
        all.iter().filter(|finding| rule(finding) == name).find(proves).is_some()
    };
    let (web, beacon) = (fact("evt-002#0", "dst_ip"), fact("evt-006#0", "dst_ip"));
    assert!(has("web_scan", &["Nikto"]), "evt-001: the web scan");
    assert!(has("login_service_account", &["www-data"]), "evt-002: the attacker's login");
    assert!(has("port_scan", &[&web]), "evt-003: the scan from the web server");
    assert!(has("beacon", &[&beacon]), "evt-006: the beacon");
    // evt-004 (RDP) and evt-005 (processes) left no line in these three files.
    let rdp = format!("{}/3389", fact("evt-004#0", "dst_ip"));
    assert!(!texts.iter().any(|text| text.contains(&rdp)), "evt-004 is visible after all");

    let told = ["web_scan", "login_service_account", "port_scan", "beacon"];
    let extra = all.iter().filter(|finding| !told.contains(&rule(finding))).count();
    let twice = told.iter().map(|name| all.iter().filter(|finding| rule(finding) == *name).count() - 1).sum::<usize>();
    assert!(extra + twice <= 2, "{extra} findings of other rules, {twice} too many of these");

    let herring = fact("red_herring:rh-001#0", "source_ip");
    let loud = all.iter().filter(|finding| finding.severity == Level::Critical);
    assert!(!loud.clone().any(|finding| finding.lines.iter().any(|line| line.contains(&herring))), "the red herring is critical");
}

#[test]
fn a_scanner_that_gets_in_is_critical_when_one_host_tells_both() {
    let texts = ["firewall/web_access.log", "firewall/web_syslog.log"].map(log_data::text);
    let [Some(access), Some(syslog)] = texts else { return };
    let findings = found_in(access.lines().chain(syslog.lines()));
    let critical: Vec<&str> = findings.iter().filter(|f| f.severity == Level::Critical).map(rule).collect();
    assert_eq!(critical, ["login_from_attacker"]);
}

#[test]
fn five_failed_logins_in_ten_minutes_are_a_burst_and_four_are_not() {
    let ssh = |n: u32| format!("sshd[{n}]: Failed password for root from 203.0.113.9 port {n} ssh2");
    assert_eq!(levels(&each_second(5, ssh)), is("login_burst", Level::Medium));
    assert!(found(&each_second(4, ssh)).is_empty());
    assert!(found(&every(12, 151, ssh)).is_empty(), "five within ten minutes, not within twelve");
}

#[test]
fn every_way_to_log_in_is_counted() {
    let forms = [
        "sshd[1]: Failed password for invalid user a b from 203.0.113.9 port 22 ssh2",
        "sshd[1]: Connection closed by authenticating user root 203.0.113.9 port 22 [preauth]",
        "sshd[1]: Disconnected from authenticating user root 203.0.113.9 port 22 [preauth]",
        "login[1]: pam_unix(login:auth): authentication failure; logname=LOGIN uid=0 tty=tty1 ruser= rhost=  user=eve",
        "su[1]: FAILED SU (to root) eve on pts/0",
        "postfix/smtpd[1]: warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: UGFz",
        "dovecot: imap-login: Disconnected (auth failed, 1 attempts in 2 secs): user=<eve>, method=PLAIN, rip=203.0.113.9, lip=10.0.0.1",
        "%ASA-6-113015: AAA user authentication Rejected : reason = Invalid password : local database : user = eve : user IP = 203.0.113.9",
        "%ASA-6-605004: Login denied from 203.0.113.9/4000 to outside:198.51.100.1/ssh for user \"eve\"",
        "%SEC_LOGIN-4-LOGIN_FAILED: Login failed [user: eve] [Source: 203.0.113.9] [localport: 22]",
        "security: EventID=4625 An account failed to log on. Account For Which Logon Failed: Account Name: eve Source Network Address: 203.0.113.9",
    ];
    for form in forms {
        assert_eq!(names(&each_second(6, |_| form.to_owned())), ["login_burst"], "{form}");
    }
    let refused = "203.0.113.9 - - [14/May/2024:12:00:51 +0000] \"POST /login HTTP/1.1\" 401 12 \"-\" \"curl/8\"\n";
    assert_eq!(names(&refused.repeat(5)), ["login_burst"]);
    assert_eq!(
        names("May 14 12:00:00 h sudo:  eve : 5 incorrect password attempts ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh"),
        ["login_burst"]
    );
    assert_eq!(
        names("May 14 12:00:00 h sshd[1]: message repeated 5 times: [ Failed password for root from 203.0.113.9 port 1 ssh2]"),
        ["login_burst"]
    );
}

#[test]
fn one_failure_reported_twice_counts_once() {
    let both = |n: u32| {
        let pam = "sshd[1]: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.9  user=eve";
        let own = "sshd[1]: Failed password for eve from 203.0.113.9 port 22 ssh2";
        if n.is_multiple_of(2) { pam.to_owned() } else { own.to_owned() }
    };
    assert!(found(&each_second(6, both)).is_empty(), "three attempts are no burst");
}

#[test]
fn typing_errors_of_different_people_at_the_machine_do_not_add_up() {
    let login =
        |n: u32| format!("login[1]: pam_unix(login:auth): authentication failure; logname=LOGIN uid=0 ruser= rhost=  user=u{n}");
    assert!(found(&each_second(8, login)).is_empty());
}

#[test]
fn guessing_from_many_sources_is_seen_at_the_account() {
    let spread = |n: u32| format!("sshd[1]: Failed password for admin from 203.0.113.{} port 1 ssh2", n % 4);
    assert_eq!(names(&each_second(12, spread)), ["login_many_sources"]);
}

#[test]
fn a_login_after_failures_is_high_and_after_ten_critical() {
    let then = |failures: u32| {
        let ssh = move |n: u32| match n {
            n if n < failures => "sshd[1]: Failed password for root from 203.0.113.9 port 1 ssh2".to_owned(),
            _ => "sshd[1]: Accepted password for root from 203.0.113.9 port 1 ssh2".to_owned(),
        };
        each_second(failures + 1, ssh)
    };
    let level = |text: &str| found(text).into_iter().find(|f| rule(f) == "login_success_after_failures").map(|f| f.severity);
    assert_eq!(level(&then(3)), None);
    assert_eq!(level(&then(5)), Some(Level::High));
    assert_eq!(level(&then(10)), Some(Level::Critical));
}

#[test]
fn a_port_scan_is_many_doors_in_little_time() {
    let denied =
        |n: u32| format!("kernel: [UFW BLOCK] IN=e OUT= SRC=203.0.113.9 DST=10.0.0.1 PROTO=TCP SPT=40000 DPT={} SYN", n + 1);
    assert_eq!(levels(&each_second(15, denied)), is("port_scan", Level::Medium));
    assert!(found(&each_second(14, denied)).is_empty());
    assert!(found(&every(40, 30, denied)).is_empty(), "fifteen in five minutes, not ten");
    let same = |_| "kernel: [UFW BLOCK] IN=e OUT= SRC=203.0.113.9 DST=10.0.0.1 PROTO=TCP SPT=40000 DPT=23 SYN".to_owned();
    assert!(found(&each_second(500, same)).is_empty(), "one door tried often is noise");
    let answers =
        |n: u32| format!("kernel: [UFW BLOCK] IN=e OUT= SRC=203.0.113.9 DST=10.0.0.1 PROTO=TCP SPT=443 DPT={} RST", 40_000 + n);
    assert!(found(&each_second(100, answers)).is_empty(), "late answers of a web server");
    let browsing = |n: u32| {
        format!(
            "%ASA-6-302013: Built outbound TCP connection 1 for outside:203.0.113.{n}/443 (203.0.113.{n}/443) to inside:10.0.0.5/51{n:03} (198.51.100.1/1)"
        )
    };
    assert!(found(&each_second(200, browsing)).is_empty(), "a proxy that browses");
}

fn access(path: &str, status: u16, agent: &str) -> String {
    format!("203.0.113.9 - - [14/May/2024:12:00:51 +0000] \"GET {path} HTTP/1.1\" {status} 12 \"-\" \"{agent}\"\n")
}

#[test]
fn web_scans_and_attacks_are_told_from_visitors() {
    let many = |count: u32, make: &dyn Fn(u32) -> String| (0..count).map(make).collect::<String>();
    assert_eq!(names(&many(5, &|n| access(&format!("/{n}"), 200, "sqlmap/1.7"))), ["web_scan"]);
    assert!(names(&many(4, &|n| access(&format!("/{n}"), 200, "sqlmap/1.7"))).is_empty());
    assert_eq!(names(&many(30, &|n| access(&format!("/p{n}"), 404, "Mozilla/5.0"))), ["web_scan"]);
    assert!(names(&many(100, &|_| access("/favicon.ico", 404, "Mozilla/5.0"))).is_empty(), "one page that is missing");
    assert!(names(&many(100, &|n| access(&format!("/wp-content/{n}.png"), 200, "Mozilla/5.0"))).is_empty(), "WordPress at work");
    let spots = [
        "/.env",
        "/.git/config",
        "/wp-login.php",
        "/phpmyadmin/",
        "/backup.zip",
        "/server-status",
        "/actuator/env",
        "/cgi-bin/a",
    ];
    assert_eq!(names(&spots.map(|path| access(path, 301, "Mozilla/5.0")).concat()), ["web_scan"]);
    let breaks = ["/a?x=%2e%2e%2f%2e%2e%2fetc/passwd", "/a?id=1%27%20UNION%20SELECT%201", "/?q=${jndi:ldap://x}"];
    assert_eq!(names(&breaks.map(|path| access(path, 200, "Mozilla/5.0")).concat()), ["web_injection"]);
    assert!(names(&access("/search?q=union+select+committee", 200, "Mozilla/5.0")).is_empty());
}

#[test]
fn accounts_groups_keys_and_sudoers_are_seen_and_reading_them_is_not() {
    let at = |text: &str| format!("May 14 12:00:00 host {text}");
    let useradd = at("useradd[1]: new user: name=eve, UID=1001, GID=1001, home=/home/eve, shell=/bin/bash, from=none");
    assert_eq!(levels(&useradd), is("new_account", Level::High));
    assert_eq!(
        levels(&at("useradd[1]: new user: name=toor, UID=0, GID=0, home=/root, shell=/bin/bash")),
        is("new_account", Level::Critical)
    );
    let package =
        at("useradd[1]: new user: name=redis, UID=112, GID=119, home=/var/lib/redis, shell=/usr/sbin/nologin, from=none");
    assert_eq!(levels(&package), is("new_account", Level::Low));
    assert_eq!(names(&at("usermod[1]: add 'eve' to group 'sudo'")), ["admin_group"]);
    assert!(names(&at("usermod[1]: add 'eve' to group 'audio'")).is_empty());
    assert_eq!(names(&at("gpasswd[1]: user eve added by root to group wheel")), ["admin_group"]);
    let sudo = |command: &str| at(&format!("sudo:  eve : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND={command}"));
    assert_eq!(names(&sudo("/usr/sbin/visudo")), ["key_or_sudoers"]);
    assert_eq!(names(&sudo("/usr/bin/tee -a /root/.ssh/authorized_keys")), ["key_or_sudoers"]);
    assert!(names(&sudo("/usr/bin/cat /etc/sudoers")).is_empty());
    assert_eq!(names(&sudo("/usr/bin/rm -f /var/log/auth.log")), ["log_cleared"]);
    let asa = |command: &str| format!("<165>May 14 12:00:51 fw %ASA-5-111008: User 'admin' executed the '{command}' command.");
    assert_eq!(names(&asa("clear logging buffer")), ["log_cleared"]);
    assert_eq!(names(&asa("clear xlate")), ["device_config_change"]);
    assert!(names(&sudo("/usr/bin/grep -i oom /var/log/auth.log")).is_empty());
    assert_eq!(names(&at("win: EventID=4720 A user account was created. New Account: Account Name: eve")), ["new_account"]);
}

#[test]
fn firewall_and_device_changes_are_seen_and_listing_is_not() {
    let sudo = |command: &str| format!("May 14 12:00:00 host sudo:  eve : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND={command}");
    assert_eq!(levels(&sudo("/usr/sbin/ufw disable")), is("firewall_change", Level::High));
    assert_eq!(levels(&sudo("/usr/sbin/iptables -A INPUT -p tcp --dport 22 -j ACCEPT")), is("firewall_change", Level::Medium));
    assert!(names(&sudo("/usr/sbin/iptables -L -n -v")).is_empty());
    assert!(names(&sudo("/usr/sbin/ufw status verbose")).is_empty());
    let asa = |command: &str| format!("May 14 2024 12:00:00: %ASA-5-111008: User 'admin' executed the '{command}' command.");
    assert_eq!(names(&asa("access-list outside_in extended permit ip any any")), ["firewall_change"]);
    assert_eq!(names(&asa("hostname fw2")), ["device_config_change"]);
    assert!(names(&asa("show running-config")).is_empty());
    let pfsense = "May 14 12:00:00 php-fpm[1]: /firewall_rules_edit.php: Configuration Change: admin@10.0.0.5 (Local Database): Firewall: Rules - saved/edited a firewall rule.";
    assert_eq!(names(pfsense), ["firewall_change"]);
    assert_eq!(
        names("<189>12: *May 14 12:00:00: %SYS-5-CONFIG_I: Configured from console by admin on vty0 (10.0.0.5)"),
        ["device_config_change"]
    );
}

#[test]
fn a_machine_in_trouble_is_seen_and_what_people_type_is_not() {
    let at = |text: &str| format!("May 14 12:00:00 host {text}");
    assert_eq!(levels(&at("mysqld[1]: Error writing file: No space left on device")), is("disk_full", Level::Critical));
    assert_eq!(levels(&at("kernel: EXT4-fs (sda1): Remounting filesystem read-only")), is("filesystem_error", Level::Critical));
    assert_eq!(
        names(&at("kernel: EXT4-fs error (device sda1): ext4_lookup:1855: inode #2: comm ls: deleted inode")),
        ["filesystem_error"]
    );
    assert!(names(&at("kernel: XFS (sdb1): Mounting V5 Filesystem")).is_empty());
    assert_eq!(names(&at("kernel: Out of memory: Killed process 812 (mysqld) total-vm:9kB")), ["out_of_memory"]);
    assert!(
        names(&at("sudo: eve : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/grep 'No space left on device' /var/log/syslog"))
            .is_empty()
    );
    assert_eq!(names(&at("systemd[1]: app.service: Start request repeated too quickly.")), ["crash_loop"]);
    assert_eq!(names(&at("systemd[1]: app.service: Scheduled restart job, restart counter is at 7.")), ["crash_loop"]);
    let exits = |_| "systemd[1]: app.service: Main process exited, code=exited, status=1/FAILURE".to_owned();
    assert_eq!(names(&each_second(3, exits)), ["crash_loop"]);
    assert!(names(&each_second(2, exits)).is_empty());
    let faults = |n: u32| format!("kernel: [1.{n}] nginx[{n}]: segfault at 0 ip 00007f sp 00007f error 4 in libc.so");
    assert_eq!(names(&each_second(3, faults)), ["segfault"]);
    assert!(names(&each_second(2, faults)).is_empty());
}

fn call(to: &str, port: u16) -> String {
    format!(
        "%ASA-6-302013: Built outbound TCP connection 1 for inside:10.0.0.5/51000 (198.51.100.1/51000) to outside:{to}/{port} ({to}/{port})"
    )
}

#[test]
fn calls_by_the_clock_are_a_beacon_and_browsing_is_not() {
    assert_eq!(names(&every(8, 300, |_| call("203.0.113.9", 443))), ["beacon"]);
    assert!(names(&every(7, 300, |_| call("203.0.113.9", 443))).is_empty());
    assert!(names(&every(40, 64, |_| call("203.0.113.9", 123))).is_empty(), "NTP calls by the clock");
    assert!(names(&every(500, 2, |_| call("203.0.113.9", 443))).is_empty(), "a download of many files");
    let uneven = |n: u32| {
        if [0, 1, 4, 5, 11, 13, 20, 28, 29, 30].contains(&n) { call("203.0.113.9", 443) } else { "cron[1]: x".to_owned() }
    };
    assert!(names(&every(31, 120, uneven)).is_empty(), "a person");
}

#[test]
fn a_scanner_inside_that_gets_in_is_lateral_movement_but_usual_neighbours_are_not() {
    let built = |to: u32, port: u16| {
        format!(
            "%ASA-6-302013: Built inbound TCP connection 1 for dmz:10.0.9.9/40000 (10.0.9.9/40000) to inside:10.0.0.{to}/{port} (10.0.0.{to}/{port})"
        )
    };
    let story = |n: u32| match n {
        0 => built(1, 445),
        1..=20 => {
            format!("%ASA-4-106023: Deny tcp src dmz:10.0.9.9/40000 dst inside:10.0.0.{n}/22 by access-group \"dmz\" [0x0, 0x0]")
        }
        21 => built(1, 445),
        _ => built(2, 3389),
    };
    assert_eq!(names(&each_second(22, story)), ["port_scan"], "the file server it always used");
    let after: BTreeSet<String> = names(&each_second(23, story)).into_iter().collect();
    assert_eq!(after, BTreeSet::from(["lateral_after_scan".to_owned(), "port_scan".to_owned()]));
    assert_eq!(names(&every(12, 600, |n| built(n, 3389))), ["lateral_fan_out"], "new machines every ten minutes");
    assert!(names(&every(12, 600, |_| built(1, 3389))).is_empty());
}

#[test]
fn a_burst_over_two_analyses_is_one_burst_and_keeps_its_fingerprint() {
    let line = |n: u64| format!("May 14 12:00:{n:02} host sshd[1]: Failed password for root from 203.0.113.9 port 1 ssh2");
    let mut rules = Rules::new();
    (0..3).for_each(|n| rules.read(n, &line(n), NOW));
    assert!(rules.take().is_empty());
    (3..6).for_each(|n| rules.read(n, &line(n), NOW));
    let first = rules.take();
    (6..9).for_each(|n| rules.read(n, &line(n), NOW));
    let second = rules.take();
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_eq!(first[0].fingerprint, second[0].fingerprint);
}

#[test]
fn a_clock_set_back_puts_no_hours_together() {
    let denied =
        |n: u32| format!("kernel: [UFW BLOCK] IN=e OUT= SRC=203.0.113.9 DST=10.0.0.1 PROTO=TCP SPT=40000 DPT={} SYN", n + 1);
    let failed = |n: u32| format!("sshd[{n}]: Failed password for root from 203.0.113.9 port {n} ssh2");
    let back = |count: u32, make: &dyn Fn(u32) -> String| {
        let later = (0..count).map(|n| format!("May 14 17:00:{n:02} host {}\n", make(n))).collect::<String>();
        let earlier = (count..2 * count).map(|n| format!("May 14 09:00:{n:02} host {}\n", make(n))).collect::<String>();
        later + &earlier
    };
    assert!(found(&back(14, &denied)).is_empty());
    assert!(found(&back(4, &failed)).is_empty());
}

#[test]
fn a_flood_of_sources_hides_no_other_finding_and_stays_bounded() {
    let mut text = each_second(3_000, |n| {
        format!("sshd[1]: Failed password for root from 203.0.{}.{} port 1 ssh2", n / 5 / 250, n / 5 % 250)
    });
    text.push_str("May 14 12:30:00 host useradd[1]: new user: name=eve, UID=1001, GID=1001, home=/home/eve, shell=/bin/bash\n");
    let findings = found(&text);
    assert!(findings.iter().any(|finding| rule(finding) == "new_account"));
    let bursts = findings.iter().filter(|finding| rule(finding) == "login_burst").count();
    assert_eq!(bursts, MAX_SUBJECTS_PER_RULE + 1);
    let others = findings.iter().find(|finding| finding.title.ends_with(" more")).unwrap();
    assert!(others.title.contains("580"), "600 sources, 20 named: {}", others.title);
}

#[test]
fn lines_without_a_year_are_of_the_latest_year_that_is_not_in_the_future() {
    let new_year = Wall(1_704_067_200_000 + 3_600_000);
    let line = |text: &str| domain::rules::line::parse(text, new_year.0 / 1_000).at_s.unwrap();
    assert_eq!(line("Dec 31 23:59:59 host app: x"), 1_704_067_199);
    assert_eq!(line("Jan  1 00:30:00 host app: x"), 1_704_069_000);
    assert_eq!(line("Feb 29 00:00:00 host app: x"), 1_582_934_400, "the last year with that day");
}

proptest! {
    #[test]
    fn no_line_panics_and_every_proof_is_a_line_that_was_read(lines in proptest::collection::vec(line(), 0..60)) {
        for finding in found_in(lines.iter().map(String::as_str)) {
            prop_assert!(!finding.evidence.is_empty() && finding.evidence.len() <= MAX_EVIDENCE_LINES);
            for (number, text) in finding.evidence.iter().zip(&finding.lines) {
                prop_assert!(lines[usize::try_from(*number).unwrap() - 1].starts_with(text.trim_end_matches('…')));
            }
        }
    }
}

/// Any text, often behind the start of something the rules read.
fn line() -> impl Strategy<Value = String> {
    let starts = proptest::sample::select(vec![
        "",
        "<38>May 14 12:00:51 h sshd[1]: Failed password for ",
        "May 14 12:00:51 h sshd[1]: Failed password for a from 9.9.9.9 port 1",
        "%ASA-6-302013: Built inbound TCP connection 1 for a:1.1.1.1/1 (",
        "%ASA-4-106023: Deny tcp src ",
        "[UFW BLOCK] IN= SRC=1.1.1.1 DST=",
        "May 14 12:00:51 filterlog[1]: 1,,,1,em0,match,block,in,4,",
        "1.1.1.1 - - [14/May/2024:12:00:51 +0000] \"GET ",
        "<34>1 2024-05-14T12:00:51+",
        "useradd[1]: new user: name=",
        "x sudo: a : TTY=1 ; COMMAND=",
        "EventID=4625 ",
        "[Sun Dec 04 04:47:44 2005] [",
        "message repeated 9 times: [",
    ]);
    (starts, ".{0,80}").prop_map(|(start, rest)| format!("{start}{rest}"))
}

#[test]
#[ignore = "a measurement: cargo test --release -p pulsewarden-domain --test behaviour -- --ignored lines_a_second --nocapture"]
fn how_many_lines_a_second_the_rules_read() {
    let names = [
        "firewall/cisco_asa.log",
        "firewall/web_syslog.log",
        "firewall/web_access.log",
        "loghub/OpenSSH_2k.log",
        "loghub/Linux_2k.log",
    ];
    for name in names {
        let Some(text) = log_data::text(name) else { return };
        let lines: Vec<&str> = text.lines().collect();
        let rounds = 100_000 / lines.len();
        println!("{name}: {} lines to read", rounds * lines.len());
        for _ in 0..rounds {
            found_in(lines.iter().copied());
        }
    }
}
