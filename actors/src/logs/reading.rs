//! From raw lines to what is known of them, without a store or a network: clean, redact, count templates, reduce, judge by rules.

use super::memory::Memory;
use super::source::Fetched;
use domain::finding::Finding;
use domain::redact::{Redactor, Secret, Secrets, clean};
use domain::reduce::{Reduced, Reducer};
use domain::rules::line;
use domain::time::Wall;
use std::collections::BTreeMap;

/// Bytes of a command's complaints that are kept.
const STDERR_BYTES: usize = 4_096;
/// Under which word lines are counted in which something was hidden.
const HIDDEN: &str = "hidden-characters";

/// What was read.
pub(super) struct Read {
    /// What the log has taught, these lines included.
    pub(super) memory: Memory,
    /// What is left of the lines for a model, numbered as the rules number them.
    pub(super) reduced: Reduced,
    /// What the local rules found.
    pub(super) local: Vec<Finding>,
    /// What was taken out, by kind.
    pub(super) redactions: BTreeMap<String, u64>,
    /// The command's complaints, redacted.
    pub(super) stderr: String,
    /// Number of the first line.
    pub(super) first_line: u64,
    /// Lines that were read.
    pub(super) lines: u64,
    /// Their bytes.
    pub(super) bytes: u64,
}

/// Reads `fetched` with what `memory` knows. The miner has counted the lines afterwards, and the caller settles it.
pub(super) fn read(memory: Memory, fetched: &Fetched, secrets: &[Secret], budget_tokens: usize, now: Wall) -> Read {
    let Memory { mut miner, mut rules, pseudonyms, lines_read, cursor } = memory;
    let mut redactor = Redactor::new(pseudonyms, Secrets::new(secrets));
    let mut reducer = Reducer::new(&mut miner);
    let (mut number, mut bytes, mut hidden) = (lines_read, 0, 0);
    let now_s = now.0.div_euclid(1_000);
    for raw in &fetched.lines {
        number += 1;
        bytes += raw.len() as u64;
        let cleaned = clean(raw);
        hidden += u64::from(cleaned.had_hidden);
        let text = redactor.line(&cleaned.text);
        rules.read(number, &text, now);
        reducer.push(&text, line::parse(&text, now_s).message, now);
    }
    let mut reduced = reducer.finish(now, budget_tokens);
    for line in &mut reduced.lines {
        line.number += lines_read;
    }
    let stderr = complaints(&fetched.stderr, &mut redactor);
    let mut redactions: BTreeMap<String, u64> = redactor.counts().iter().map(|(kind, n)| ((*kind).to_owned(), *n)).collect();
    if hidden > 0 {
        redactions.insert(HIDDEN.to_owned(), hidden);
    }
    let local = rules.take();
    Read {
        memory: Memory { miner, rules, pseudonyms: redactor.into_pseudonyms(), lines_read: number, cursor },
        reduced,
        local,
        redactions,
        stderr,
        first_line: lines_read + 1,
        lines: number - lines_read,
        bytes,
    }
}

fn complaints(stderr: &str, redactor: &mut Redactor) -> String {
    let mut kept = String::new();
    for line in stderr.lines() {
        let cleaned = clean(line.as_bytes());
        let text = redactor.line(&cleaned.text);
        if kept.len() + text.len() > STDERR_BYTES {
            break;
        }
        if !kept.is_empty() {
            kept.push('\n');
        }
        kept.push_str(&text);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::redact::Pseudonyms;
    use domain::rules::Rules;
    use domain::template::Miner;

    fn fresh() -> Memory {
        Memory { miner: Miner::default(), rules: Rules::new(), pseudonyms: Pseudonyms::default(), lines_read: 0, cursor: None }
    }

    fn lines(texts: &[&str]) -> Fetched {
        Fetched { lines: texts.iter().map(|text| text.as_bytes().to_vec()).collect(), ..Fetched::default() }
    }

    #[test]
    fn numbers_go_on_from_one_look_to_the_next_and_a_burst_over_two_is_one() {
        let failed = "May 14 12:00:51 web sshd[7]: Failed password for root from 198.51.100.7 port 4711 ssh2";
        let first = read(fresh(), &lines(&[failed; 3]), &[], 1_000, Wall(1_715_700_000_000));
        assert_eq!((first.local.len(), first.first_line, first.lines), (0, 1, 3));
        let second = read(first.memory, &lines(&[failed; 3]), &[], 1_000, Wall(1_715_700_060_000));
        assert_eq!((second.first_line, second.memory.lines_read), (4, 6));
        assert_eq!(second.local[0].evidence, [1, 2, 3, 4, 5, 6], "{:?}", second.local);
        assert!(second.local[0].lines.iter().all(|line| line.contains("IP-PUB-1") && !line.contains("198.51.100.7")));
        assert!(second.reduced.lines.iter().all(|line| line.number > 3));
    }

    #[test]
    fn nothing_secret_is_left_in_what_is_read() {
        let own = [Secret { name: "LLM_API_KEY".into(), value: "sesame-open".into() }];
        let fetched = Fetched {
            stderr: "bad key sesame-open\nfrom 203.0.113.9".into(),
            ..lines(&["key sesame-open\u{200b}", "password=hunter2"])
        };
        let read = read(fresh(), &fetched, &own, 1_000, Wall(0));
        let all = format!("{:?} {}", read.reduced.lines, read.stderr);
        assert!(!all.contains("sesame") && !all.contains("hunter2") && !all.contains("203.0.113"), "{all}");
        assert_eq!((read.redactions["configured"], read.redactions["password"], read.redactions[HIDDEN]), (2, 1, 1));
    }
}
