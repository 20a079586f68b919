//! Reading a log bit by bit, against a log that is written, rotated, cleared and dated by a wrong clock meanwhile.

use domain::logs::bookmark::Bookmark;
use domain::logs::command::LogCommand;
use domain::logs::reading::{Heard, Reading, Step};
use domain::time::Wall;
use proptest::prelude::*;
use std::collections::HashSet;

const START_S: i64 = 1_795_420_800;
const FILE: &str = "tail -c +{{offset}} /var/log/x";
const SINCE: &str = "journalctl --since @{{since_unix}}";
const SINCE_LINES: &str = "journalctl --since @{{since_unix}} -n {{lines}}";
const LAST: &str = "tail -n {{lines}} /var/log/x";
const WHOLE: &str = "cat /var/log/x";
const ALL: [&str; 5] = [FILE, SINCE, SINCE_LINES, LAST, WHOLE];

/// A machine with one log, and what the hub has read of it.
struct Machine {
    command: LogCommand,
    now_s: i64,
    /// How far its clock lies behind.
    behind_s: i64,
    log: Vec<(i64, String)>,
    /// A line that has no line break yet.
    open: String,
    written: usize,
    bookmark: Option<Bookmark>,
    told: Vec<String>,
    notes: Vec<&'static str>,
    runs: usize,
    bytes_most: usize,
    lines_most: u32,
}

impl Machine {
    fn new(template: &str) -> Machine {
        Machine {
            command: LogCommand::parse(template).unwrap(),
            now_s: START_S,
            behind_s: 0,
            log: Vec::new(),
            open: String::new(),
            written: 0,
            bookmark: None,
            told: Vec::new(),
            notes: Vec::new(),
            runs: 0,
            bytes_most: usize::MAX,
            lines_most: 100_000,
        }
    }

    fn write(&mut self, count: usize) {
        for _ in 0..count {
            self.line(&format!("line {}", self.written));
        }
    }

    fn line(&mut self, text: &str) {
        self.written += 1;
        let open = std::mem::take(&mut self.open);
        self.log.push((self.now_s - self.behind_s, open + text));
    }

    /// What the command prints now.
    fn prints(&self, reading: &Reading<'_>) -> Vec<u8> {
        let (ask, template) = (reading.ask(), self.command.as_str());
        let mut lines: Vec<&(i64, String)> = self.log.iter().collect();
        if template.contains("since") {
            lines.retain(|(at_s, _)| at_s * 1_000 >= ask.since.0.div_euclid(1_000) * 1_000);
        }
        if template.contains("lines") {
            lines.drain(..lines.len().saturating_sub(ask.lines as usize));
        }
        let mut text: String = lines.iter().map(|(_, line)| format!("{line}\n")).collect();
        if !template.contains("since") {
            text += &self.open;
        }
        let from = if template.contains("offset") { ask.offset as usize - 1 } else { 0 };
        text.as_bytes().get(from..).unwrap_or_default().to_vec()
    }

    fn read(&mut self) -> Heard {
        // As the store does it: what is not kept as JSON is not kept.
        let from = self.bookmark.take().map(|bookmark| Bookmark::from_json(&bookmark.to_json()).unwrap());
        let command = self.command.clone();
        let mut reading = Reading::new(&command, from, Wall(self.now_s * 1_000), self.lines_most);
        loop {
            self.runs += 1;
            let mut output = self.prints(&reading);
            let was_cut = output.len() > self.bytes_most;
            output.truncate(self.bytes_most);
            if let Step::Done(heard) = reading.hear(&output, was_cut) {
                self.told.extend(heard.lines.iter().map(|line| String::from_utf8_lossy(line).into_owned()));
                self.notes.extend(heard.note);
                self.bookmark = Some(heard.bookmark.clone());
                return heard;
            }
        }
    }

    fn news(&mut self) -> Vec<String> {
        let before = self.told.len();
        self.read();
        self.told[before..].to_vec()
    }

    fn wait(&mut self, minutes: i64) {
        self.now_s += minutes * 60;
    }
}

fn lines(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|n| format!("line {n}")).collect()
}

#[test]
fn only_what_is_new_is_told_whatever_the_command() {
    for template in ALL {
        let mut machine = Machine::new(template);
        machine.write(5);
        assert_eq!(machine.news(), lines(0..5), "{template}");
        machine.wait(30);
        assert_eq!(machine.news(), lines(0..0), "{template}");
        machine.write(200);
        machine.wait(30);
        assert_eq!(machine.news(), lines(5..205), "{template}");
        machine.wait(30);
        assert_eq!((machine.news(), machine.notes.len()), (lines(0..0), 0), "{template}");
    }
}

#[test]
fn a_rotated_log_is_read_from_its_beginning_and_the_note_says_so() {
    for template in [FILE, LAST, WHOLE] {
        for after in [0, 3, 500] {
            let mut machine = Machine::new(template);
            machine.write(100);
            machine.read();
            machine.log.clear();
            machine.write(after);
            machine.wait(30);
            assert_eq!(machine.news(), lines(100..100 + after), "{template}");
            assert_eq!(machine.notes.len(), 1, "{template}");
            machine.write(1);
            assert_eq!(machine.news(), lines(100 + after..101 + after), "{template}");
        }
    }
}

#[test]
fn a_line_that_is_written_again_does_not_hide_what_stands_before_it() {
    let mut machine = Machine::new(SINCE);
    machine.line("again");
    machine.read();
    machine.log.clear();
    machine.write(1);
    machine.line("again");
    assert_eq!(machine.news(), ["line 1", "again"], "the log was cleared");

    let mut machine = Machine::new(SINCE);
    (machine.behind_s, machine.written) = (20_000, 1);
    machine.read();
    machine.line("again");
    machine.read();
    machine.wait(75);
    machine.write(1);
    machine.wait(150);
    machine.line("again");
    assert_eq!(machine.news(), ["line 2", "again"], "its clock lies behind");
}

#[test]
fn a_file_with_other_bytes_at_the_same_place_is_another_file() {
    let mut machine = Machine::new(FILE);
    machine.write(100);
    machine.read();
    machine.log.clear();
    machine.write(300);
    assert_eq!(machine.news(), lines(100..400));
    assert!(machine.notes[0].contains("rotated or truncated"));
}

#[test]
fn a_clock_that_lies_hours_behind_loses_nothing_and_is_soon_known() {
    for behind_h in [1, 5, 20] {
        let mut machine = Machine::new(SINCE);
        machine.behind_s = behind_h * 3_600;
        for round in 0..6 {
            machine.write(10);
            machine.wait(30);
            assert_eq!(machine.news(), lines(round * 10..round * 10 + 10), "{behind_h} h");
        }
        let before = machine.runs;
        machine.write(1);
        machine.wait(30);
        machine.read();
        assert_eq!((machine.runs - before, machine.notes.len()), (1, 0), "it is asked once again");
    }
}

#[test]
fn lines_that_are_all_the_same_are_told_no_fewer_times_than_they_were_written() {
    for template in ALL {
        let mut machine = Machine::new(template);
        for _ in 0..5 {
            (0..7).for_each(|_| machine.line("the same"));
            machine.wait(30);
            machine.read();
        }
        assert!(machine.told.len() >= 35, "{template}: {}", machine.told.len());
    }
    for exact in [FILE, WHOLE] {
        let mut machine = Machine::new(exact);
        for _ in 0..5 {
            (0..7).for_each(|_| machine.line("the same"));
            machine.read();
        }
        assert_eq!(machine.told.len(), 35, "{exact}");
    }
}

#[test]
fn a_line_without_a_line_break_is_told_once_and_again_when_it_has_grown() {
    for template in [FILE, LAST, WHOLE] {
        let mut machine = Machine::new(template);
        machine.write(1);
        machine.open = "half a l".into();
        assert_eq!(machine.news(), ["line 0", "half a l"], "{template}");
        assert_eq!(machine.news(), lines(0..0), "{template}");
        machine.line("ine");
        assert_eq!(machine.news(), ["half a line"], "{template}");
        machine.open = "whole".into();
        assert_eq!(machine.news(), ["whole"], "{template}");
        machine.line("");
        machine.write(1);
        assert_eq!(machine.news(), ["line 3"], "{template}: it was told before its line break came");
    }
}

#[test]
fn a_file_that_is_too_long_for_one_read_is_caught_up_with_and_nothing_is_left_out() {
    let mut machine = Machine::new(FILE);
    machine.bytes_most = 2_000;
    machine.write(500);
    let mut cut = 0;
    for _ in 0..12 {
        cut += usize::from(machine.read().was_cut);
    }
    assert!(cut == 3 && machine.notes.is_empty(), "{cut} {:?}", machine.notes);
    assert!(machine.told == lines(0..500), "{:?}", &machine.told[machine.told.len() - 50..]);
}

#[test]
fn a_flood_is_left_out_with_a_note_and_what_comes_after_it_is_told() {
    for template in [SINCE, LAST] {
        let mut machine = Machine::new(template);
        machine.write(10);
        machine.read();
        machine.wait(30);
        machine.bytes_most = 20_000;
        machine.write(5_000);
        machine.wait(30);
        assert!(machine.read().was_cut, "{template}");
        machine.bytes_most = usize::MAX;
        machine.wait(30);
        machine.read();
        machine.wait(30);
        machine.line("after the flood");
        machine.wait(30);
        assert_eq!(machine.news(), ["after the flood"], "{template}");
        assert!(machine.notes.iter().any(|note| note.contains("left out")), "{template} {:?}", machine.notes);
    }
    let mut machine = Machine::new(WHOLE);
    machine.bytes_most = 1_000;
    machine.write(500);
    machine.read();
    machine.write(1);
    machine.read();
    assert!(machine.notes[0].contains("always from the beginning"), "{:?}", machine.notes);
}

#[test]
fn a_line_longer_than_everything_is_cut_and_does_not_stop_the_reading() {
    for template in [FILE, LAST, WHOLE, SINCE] {
        let mut machine = Machine::new(template);
        machine.bytes_most = 100_000;
        machine.line(&"x".repeat(1_000_000));
        let heard = machine.read();
        assert!(heard.was_cut && heard.lines.len() == 1, "{template}");
        assert_eq!(heard.lines[0].len(), 65_536, "{template}");
    }
    let mut machine = Machine::new(FILE);
    machine.bytes_most = 100_000;
    machine.line(&"x".repeat(250_000));
    machine.write(1);
    (0..4).for_each(|_| drop(machine.read()));
    assert_eq!(machine.told.last().map(String::as_str), Some("line 1"));
}

#[test]
fn another_command_begins_anew_and_a_foreign_cursor_is_none() {
    let mut machine = Machine::new(FILE);
    machine.write(3);
    machine.read();
    machine.command = LogCommand::parse(WHOLE).unwrap();
    assert_eq!(machine.news(), lines(0..3));
    for foreign in [serde_json::json!(null), serde_json::json!({"spool": 7}), serde_json::json!([1])] {
        assert_eq!(Bookmark::from_json(&foreign), None);
    }
}

#[test]
fn a_bookmark_holds_no_text_of_the_log() {
    for template in ALL {
        let mut machine = Machine::new(template);
        machine.line("password hunter2 of somebody");
        machine.open = "hunter3".into();
        machine.read();
        let json = machine.bookmark.unwrap().to_json().to_string();
        assert!(!json.contains("hunter") && json.len() < 2_000, "{json}");
    }
}

#[derive(Clone, Debug)]
enum Event {
    Write(usize),
    Same(usize),
    Wait(i64),
    Rotate,
    Forward(i64),
    Read,
}

fn event(with_same: bool) -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (1_usize..150).prop_map(Event::Write),
        u32::from(with_same) * 2 => (1_usize..20).prop_map(Event::Same),
        3 => (1_i64..120).prop_map(Event::Wait),
        1 => Just(Event::Rotate),
        1 => (0_i64..10_000).prop_map(Event::Forward),
        5 => Just(Event::Read),
    ]
}

/// Lets it all happen; gives what was there to be read at some time. What was written before the first read is not too old for it.
fn play(machine: &mut Machine, written: usize, events: &[Event]) -> HashSet<String> {
    let mut readable = HashSet::new();
    for event in [&Event::Write(written), &Event::Read].into_iter().chain(events).chain([
        &Event::Wait(1),
        &Event::Read,
        &Event::Wait(1),
        &Event::Read,
        &Event::Read,
    ]) {
        match event {
            Event::Write(count) => machine.write(*count),
            Event::Same(count) => (0..*count).for_each(|_| machine.line("again")),
            Event::Wait(minutes) => machine.wait(*minutes),
            Event::Rotate => machine.log.clear(),
            Event::Forward(seconds) => machine.behind_s = (machine.behind_s - seconds).max(0),
            Event::Read => {
                readable.extend(machine.log.iter().map(|(_, line)| line.clone()));
                machine.read();
            }
        }
    }
    readable
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_line_that_could_be_read_is_lost(
        way in 0..ALL.len(),
        behind_s in 0_i64..72_000,
        written in 0_usize..3,
        lines_most in prop_oneof![Just(100_000_u32), 2_000_u32..3_000],
        events in prop::collection::vec(event(true), 1..40),
    ) {
        let mut machine = Machine::new(ALL[way]);
        (machine.behind_s, machine.lines_most) = (behind_s, lines_most);
        let readable = play(&mut machine, written, &events);
        let told: HashSet<String> = machine.told.iter().cloned().collect();
        let lost: Vec<&String> = readable.difference(&told).take(3).collect();
        prop_assert!(lost.is_empty(), "{}: lost {lost:?}, {:?}", ALL[way], machine.notes);
    }

    #[test]
    fn without_repetition_and_rotation_each_line_is_told_exactly_once_and_in_order(
        way in 0..ALL.len(),
        behind_s in 0_i64..72_000,
        written in 0_usize..3,
        events in prop::collection::vec(event(false), 1..40),
    ) {
        let mut machine = Machine::new(ALL[way]);
        machine.behind_s = behind_s;
        let events: Vec<Event> = events.into_iter().filter(|event| !matches!(event, Event::Rotate | Event::Same(_))).collect();
        play(&mut machine, written, &events);
        prop_assert_eq!(&machine.told, &lines(0..machine.written), "{}", ALL[way]);
        prop_assert!(machine.notes.is_empty());
    }

    #[test]
    fn whatever_is_printed_and_kept_it_does_not_panic(
        way in 0..ALL.len(),
        outputs in prop::collection::vec((prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'a'), any::<u8>()], 0..200), any::<bool>()), 1..8),
        lines_most in 0_u32..10,
        now in any::<i64>(),
    ) {
        let command = LogCommand::parse(ALL[way]).unwrap();
        let mut bookmark = None;
        for (output, was_cut) in outputs {
            let mut reading = Reading::new(&command, bookmark.take(), Wall(now), lines_most);
            let mut runs = 0;
            bookmark = loop {
                runs += 1;
                prop_assert!(runs <= 6);
                prop_assert!(!reading.command().contains("{{"));
                if let Step::Done(heard) = reading.hear(&output, was_cut) {
                    prop_assert!(heard.lines.len() <= lines_most.max(1) as usize + 1);
                    break Some(heard.bookmark);
                }
            };
        }
    }
}
