//! What the local rules find, and what they leave alone.

use crate::log_data;
use domain::finding::{Finding, Level, Origin};
use domain::rules::{MAX_SUBJECTS_PER_RULE, Rules};
use domain::time::Wall;
use proptest::prelude::*;

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

#[test]
fn dbg_data() {
    for name in [
        "firewall/cisco_asa.log",
        "firewall/web_syslog.log",
        "firewall/web_access.log",
        "loghub/OpenSSH_2k.log",
        "loghub/Linux_2k.log",
        "loghub/Apache_2k.log",
        "injection/log_srv_syslog.log",
    ] {
        let Some(text) = log_data::text(name) else { return };
        println!("== {name}");
        show(&found(&text));
    }
    let _ = (MAX_SUBJECTS_PER_RULE, Level::Low);
}

proptest! {
    #[test]
    fn no_line_panics(lines in proptest::collection::vec(".{0,200}", 0..20)) {
        found_in(lines.iter().map(String::as_str));
    }
}
