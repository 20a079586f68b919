//! Reduction: a budget is kept, what is rare survives, and what is missing is said.

use crate::log_lines::{ordinary, rare};
use crate::loghub;
use domain::reduce::{MAX_KEPT_LINE_BYTES, Reduced, Reducer, Why, tokens};
use domain::rules::line;
use domain::template::{Miner, Standing};
use domain::time::Wall;
use proptest::prelude::*;

const HOUR: i64 = 3_600_000;
fn reduced<'a>(miner: &mut Miner, lines: impl Iterator<Item = &'a str>, now: Wall, budget: usize) -> Reduced {
    let mut reducer = Reducer::new(miner);
    for text in lines {
        reducer.push(text, line::parse(text, 1_715_700_000).message, now);
    }
    reducer.finish(now, budget)
}

/// Must-show 4 of the log analysis: a million lines, 20,000 tokens, nothing rare lost.
#[test]
fn a_million_lines_fit_twenty_thousand_tokens_with_every_rare_line_in_them() {
    let (ordinary, rare) = (ordinary(20_000), rare(60));
    let common = ordinary.iter().cycle().take(1_000_000 - rare.len());
    let mut log: Vec<&str> = common.map(String::as_str).collect();
    for (n, line) in rare.iter().enumerate() {
        log.insert(n * 16_000 + 999, line);
    }
    assert_eq!(log.len(), 1_000_000);
    let mut miner = Miner::default();
    let first = reduced(&mut miner, log.iter().copied(), Wall(0), 20_000);
    assert!(first.tokens <= 20_000, "{} tokens", first.tokens);
    assert_eq!((first.lines_read, first.omitted_templates), (1_000_000, 0));
    for line in &rare {
        assert!(first.lines.iter().any(|sent| sent.text == *line), "{line} is lost");
    }
    let counted: u64 = (first.lines.iter().zip(&first.why))
        .filter(|(_, why)| **why == Why::Counted)
        .map(|(line, _)| line.text.split(' ').next().unwrap().parse::<u64>().unwrap())
        .sum();
    assert_eq!(counted, 1_000_000 - 60, "every ordinary line is counted somewhere");
    assert_eq!(first.templates, 260);
    eprintln!("1,000,000 lines of {} templates became {} lines, {} tokens", first.templates, first.lines.len(), first.tokens);
}

#[test]
fn what_is_usual_is_counted_and_nothing_new_means_nothing_to_ask() {
    let mut miner = Miner::default();
    let ordinary = ordinary(5_000);
    for hour in 1..=4 {
        reduced(&mut miner, ordinary.iter().map(String::as_str), Wall(hour * HOUR), 20_000);
        miner.settle(Wall(hour * HOUR));
    }
    let now = Wall(5 * HOUR);
    let usual = reduced(&mut miner, ordinary.iter().map(String::as_str), now, 20_000);
    assert!(usual.is_as_usual() && usual.why.iter().all(|why| *why == Why::Counted));
    miner.settle(now);
    let (now, odd) = (Wall(6 * HOUR), "May 14 12:00:51 web kernel: disk sda is on fire");
    let odd = reduced(&mut miner, ordinary.iter().map(String::as_str).chain([odd]), now, 20_000);
    let verbatim: Vec<_> = odd.why.iter().filter(|why| **why != Why::Counted).collect();
    assert_eq!((odd.remarkable, verbatim), (1, vec![&Why::Verbatim(Standing::New)]));
}

#[test]
fn a_jump_is_shown_with_lines_and_with_its_count() {
    let mut miner = Miner::default();
    let failed = "May 14 12:00:51 web sshd[7]: Failed password for user anna from 10.0.0.7 port 50000 ssh2";
    for hour in 1..=4 {
        reduced(&mut miner, std::iter::repeat_n(failed, 5), Wall(hour * HOUR), 1_000);
        miner.settle(Wall(hour * HOUR));
    }
    let jump = reduced(&mut miner, std::iter::repeat_n(failed, 500), Wall(5 * HOUR), 1_000);
    assert_eq!(jump.why[..], [[Why::Verbatim(Standing::Jump); 3].as_slice(), &[Why::Counted]].concat()[..]);
    assert_eq!(jump.lines[0].text, failed);
    assert!(jump.lines[3].text.starts_with("500 lines like this: Failed password"));
}

#[test]
fn when_not_even_the_templates_fit_it_is_said_how_much_is_missing() {
    let rare = rare(600);
    let reduced = reduced(&mut Miner::default(), rare.iter().map(String::as_str), Wall(0), 2_000);
    assert!(reduced.tokens <= 2_000 && reduced.omitted_templates > 0);
    let shown = reduced.why.iter().filter(|why| matches!(why, Why::Verbatim(_))).count() as u64;
    assert!(!reduced.why.contains(&Why::Counted));
    assert_eq!(shown + reduced.omitted_lines, 600);
    let last = reduced.lines.last().unwrap();
    assert_eq!(reduced.why.last(), Some(&Why::Omission));
    assert!(last.text.starts_with(&format!("not shown for lack of room: {} lines", reduced.omitted_lines)), "{}", last.text);
}

#[test]
fn the_labelled_logs_fit_a_small_budget() {
    for name in loghub::NAMES {
        let Some((lines, _)) = loghub::read(name) else { return };
        let all = tokens(lines.iter().map(String::as_str));
        let reduced = reduced(&mut Miner::default(), lines.iter().map(String::as_str), Wall(0), 8_000);
        assert!(reduced.tokens <= 8_000 && reduced.omitted_templates == 0);
        eprintln!("{name}: {all} tokens became {}, {} templates", reduced.tokens, reduced.templates);
    }
}

proptest! {
    #[test]
    fn no_log_exceeds_its_budget_and_no_line_is_lost_unsaid(
        lines in proptest::collection::vec("[a-c]{1,3}( [a-z0-9\"\\\\é]{1,9}){0,6}", 0..80),
        budget in 100_usize..3_000,
    ) {
        let reduced = reduced(&mut Miner::default(), lines.iter().map(String::as_str), Wall(0), budget);
        prop_assert!(reduced.tokens <= budget, "{} of {budget}", reduced.tokens);
        prop_assert_eq!(reduced.tokens, tokens(reduced.lines.iter().map(|line| line.text.as_str())));
        prop_assert_eq!(reduced.lines_read, lines.len() as u64);
        for (line, why) in reduced.lines.iter().zip(&reduced.why).filter(|(_, why)| matches!(why, Why::Verbatim(_))) {
            prop_assert_eq!(&lines[usize::try_from(line.number).unwrap() - 1], &line.text, "{:?}", why);
        }
    }

    #[test]
    fn long_lines_are_cut_with_a_mark(length in 900_usize..3_000) {
        let line = "é".repeat(length);
        let reduced = reduced(&mut Miner::default(), std::iter::once(line.as_str()), Wall(0), 20_000);
        let text = &reduced.lines[0].text;
        prop_assert!(text.len() <= MAX_KEPT_LINE_BYTES);
        prop_assert_eq!(text.ends_with(" […]"), line.len() > MAX_KEPT_LINE_BYTES);
    }
}
