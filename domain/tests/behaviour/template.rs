//! Templates: which lines are one, in how much memory, and what is new, rare or a jump.

use crate::log_lines::flood;
use crate::loghub;
use domain::rules::line;
use domain::template::{Change, MAX_FAMILIES_PER_OUTLINE, MAX_TEMPLATES, Miner, Standing};
use domain::time::Wall;
use proptest::prelude::*;
use std::collections::BTreeSet;

const HOUR: i64 = 3_600_000;

fn mined(lines: &[&str]) -> Miner {
    let mut miner = Miner::default();
    lines.iter().for_each(|line| see(&mut miner, 1, line, Wall(0)));
    miner
}

fn see(miner: &mut Miner, times: usize, message: &str, now: Wall) {
    for _ in 0..times {
        miner.observe(message, now);
    }
}

/// Whether `message` is what `template` says, `<*>` standing for anything; blanks are no part of a template.
fn says(template: &str, message: &str) -> bool {
    let without_blanks = |text: &str| text.split_ascii_whitespace().collect::<String>();
    let (template, message) = (without_blanks(template).replace("<…>", "<*>"), without_blanks(message));
    let mut parts = template.split("<*>");
    let Some(mut rest) = parts.next().and_then(|first| message.strip_prefix(first)) else { return false };
    let parts: Vec<_> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// Words, numbers, fields and paths in orders that programs use and in some they do not.
fn any_message() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        6 => "[a-e]{1,2}",
        2 => "[0-9]{1,4}",
        1 => "(user|up|k)=[a-z0-9]{0,3}",
        1 => Just("user".to_owned()),
        1 => Just("()".to_owned()),
        1 => Just("May 14".to_owned()),
        1 => "/[a-z]{1,3}/[a-z0-9.]{1,4}",
        1 => "\\{\"a\":\"[a-z]{1,3}\",\"b\":[0-9]\\}",
        1 => "[(\\[]?[a-zéß<*>…0-9.:=@-]{1,6}[)\\],;]?",
    ];
    proptest::collection::vec(word, 0..9).prop_map(|words| words.join(" "))
}

/// The texts of the templates of `lines`, each once, in the order they come.
fn texts(lines: &[&str]) -> Vec<String> {
    let mut miner = Miner::default();
    let ids = loghub::mine(&mut miner, lines.iter().copied());
    let mut texts: Vec<_> = ids.into_iter().map(|id| miner.text(id).unwrap()).collect();
    let mut seen = BTreeSet::new();
    texts.retain(|text| seen.insert(text.clone()));
    texts
}

#[test]
fn lines_of_the_labelled_logs_are_grouped_as_their_labels_say() {
    for name in loghub::NAMES {
        let Some((lines, labels)) = loghub::read(name) else { return };
        let messages = lines.iter().map(|text| line::parse(text, 1_700_000_000).message);
        let by_line = loghub::grouping_accuracy(&loghub::mine(&mut Miner::default(), messages), &labels);
        let contents = labels.iter().map(|label| label.content.as_str());
        let by_content = loghub::grouping_accuracy(&loghub::mine(&mut Miner::default(), contents), &labels);
        eprintln!("{name}: grouping accuracy {by_line:.4} from whole lines, {by_content:.4} from the Content column");
        assert!(by_line >= 0.95 && by_content >= 0.95, "{name}: {by_line} {by_content}");
    }
}

#[test]
fn a_word_that_takes_few_values_stays_part_of_the_message() {
    let lines = ["backup of nas ended with success", "backup of nas ended with failure", "backup of nas ended with success"];
    assert_eq!(texts(&lines), ["backup of nas ended with success", "backup of nas ended with failure"]);
}

#[test]
fn a_word_that_takes_many_values_is_a_variable_and_its_templates_become_one() {
    let lines = ["job anna has ended well", "job ben has ended well", "job cleo has ended well", "job dan has ended well"];
    assert_eq!(texts(&lines).len(), 4);
    let mut miner = mined(&lines);
    let id = miner.observe("job eva has ended well", Wall(0)).template;
    assert_eq!(miner.changes().iter().filter(|change| matches!(change, Change::Merged { .. })).count(), 3);
    assert_eq!((miner.text(id).unwrap().as_str(), miner.tally(id).unwrap().lines, miner.len()), ("job <*> has ended well", 5, 1));
}

proptest! {
    #[test]
    fn no_message_panics_and_memory_stays_bounded(messages in proptest::collection::vec(any::<String>(), 0..50)) {
        let mut miner = Miner::default();
        for message in &messages {
            let id = miner.observe(message, Wall(0)).template;
            prop_assert!(miner.text(id).is_some());
        }
        prop_assert!(miner.len() <= MAX_TEMPLATES);
    }

    #[test]
    fn a_template_says_what_each_line_said_that_it_was_mined_from(messages in proptest::collection::vec(any_message(), 1..200)) {
        let mut miner = Miner::default();
        let ids = loghub::mine(&mut miner, messages.iter().map(String::as_str));
        for (id, message) in ids.iter().zip(&messages) {
            let template = miner.text(*id).expect("nothing is forgotten among so few");
            prop_assert!(says(&template, message), "{template:?} does not say {message:?}");
        }
        let counted: u64 = ids.iter().collect::<BTreeSet<_>>().into_iter().map(|id| miner.tally(*id).unwrap().lines).sum();
        prop_assert_eq!(counted, messages.len() as u64);
    }

    #[test]
    fn a_miner_that_was_stored_goes_on_as_if_it_had_not_been(
        before in proptest::collection::vec(any_message(), 0..60),
        after in proptest::collection::vec(any_message(), 0..60),
    ) {
        let mut miner = Miner::default();
        before.iter().for_each(|message| see(&mut miner, 1, message, Wall(1)));
        miner.settle(Wall(2));
        let stored = serde_json::to_string(&miner).unwrap();
        let mut restored: Miner = serde_json::from_str(&stored).unwrap();
        prop_assert_eq!(&serde_json::to_string(&restored).unwrap(), &stored);
        for message in &after {
            prop_assert_eq!(restored.observe(message, Wall(3)), miner.observe(message, Wall(3)));
            prop_assert_eq!(restored.changes(), miner.changes());
        }
    }
}

/// Feeds `lines` of the flood and says how large the stored state became.
fn flooded(miner: &mut Miner, lines: u64) -> usize {
    for n in 0..lines {
        miner.observe(&flood(n), Wall(0));
        assert!(miner.len() <= MAX_TEMPLATES);
    }
    serde_json::to_vec(miner).unwrap().len()
}

#[test]
fn a_flood_of_distinct_lines_fills_the_memory_once_and_pushes_out_nothing_established() {
    let mut miner = Miner::default();
    see(&mut miner, 3, "session opened for user root", Wall(0));
    let (first, second) = (flooded(&mut miner, 5_000), flooded(&mut miner, 20_000));
    assert!(second < first * 3 / 2, "{first} bytes, then {second}");
    assert!(miner.forgotten() > 10_000);
    assert!(!miner.observe("session opened for user ben", Wall(0)).is_first);
}

#[test]
fn more_established_templates_than_there_is_room_for_push_out_the_ones_not_seen_for_longest() {
    let mut miner = Miner::default();
    let kind = |n: usize| format!("{} was seen", flood(u64::try_from(n).unwrap()));
    for n in 0..3 * MAX_TEMPLATES {
        see(&mut miner, 5, &kind(n), Wall(0));
        see(&mut miner, 1, "the line that always comes", Wall(0));
        assert!(miner.len() <= MAX_TEMPLATES);
    }
    assert!(!miner.observe("the line that always comes", Wall(0)).is_first);
    assert!(miner.observe(&kind(0), Wall(0)).is_first);
    assert!(!miner.observe(&kind(3 * MAX_TEMPLATES - 1), Wall(0)).is_first);
}

#[test]
fn a_flood_with_one_first_word_ends_in_few_families() {
    let mut miner = Miner::default();
    for n in 0..20_000 {
        miner.observe(&format!("login {}", flood(n)), Wall(0));
    }
    assert!(miner.len() <= 11 * (MAX_FAMILIES_PER_OUTLINE + 1), "{}", miner.len());
}

#[test]
fn state_that_no_miner_wrote_is_left_out() {
    let mut miner = mined(&["a b c d", "a b c e"]);
    let mut stored = serde_json::to_value(&miner).unwrap();
    stored["families"][0]["t"][0]["p"][3] = 9.into();
    let restored: Miner = serde_json::from_value(stored).unwrap();
    assert!(restored.is_empty());
    assert!(!miner.observe("a b c e", Wall(0)).is_first);
}

#[test]
#[ignore = "ten million lines; make bench feeds them too"]
fn ten_million_distinct_lines_stay_within_the_memory_of_the_first_thousands() {
    let mut miner = Miner::default();
    let first = flooded(&mut miner, 20_000);
    assert!(flooded(&mut miner, 10_000_000) < first * 2);
}

#[test]
fn what_never_came_before_is_new_and_what_comes_ten_times_as_often_is_a_jump() {
    let mut miner = Miner::default();
    for hour in 1..=5 {
        see(&mut miner, 10, "link of eth0 is up", Wall(hour * HOUR));
        miner.settle(Wall(hour * HOUR));
    }
    let now = Wall(6 * HOUR);
    let new = miner.observe("kernel panic", now).template;
    let usual = miner.observe("link of eth0 is up", now).template;
    assert_eq!((miner.standing(new, now), miner.standing(usual, now)), (Some(Standing::New), Some(Standing::Usual)));
    see(&mut miner, 100, "link of eth0 is up", now);
    assert_eq!(miner.standing(usual, now), Some(Standing::Jump));
    miner.settle(now);
    assert_eq!(miner.standing(new, now), Some(Standing::Rare));
}
