//! One read of a log: what is asked, whether it must be asked again, and which of the lines that came are new.
//!
//! No line is lost, and one is told twice only where a log repeats itself: what was read before is known again by hashes of its end, so
//! neither rotation nor a wrong clock matters. Where lines may be missing all the same, the note says so.

use super::bookmark::{Bookmark, ByOffset, ByTail, Place};
use super::command::{Ask, LogCommand, Way};
use super::hash::Hash;
use super::overlap::{self, TAIL_LINES};
use crate::time::Wall;

/// Longest line that is kept; what is cut off would be cut off by cleaning, too.
pub const LINE_BYTES: usize = 65_536;
/// Bytes of a file that are read again, to see that it is the same file.
const AGAIN_BYTES: usize = 1_024;
/// How far back the first read looks.
const FIRST_LOOK_MS: i64 = 24 * 3_600_000;
/// How far the clock of a host may lie behind before it must be asked twice.
const SLACK_S: u32 = 300;
/// The most that is learned of a clock that lies behind.
const SLACK_MOST_S: u32 = 2 * 86_400;
/// Each further try looks so many times as far back.
const WIDER: u32 = 4;
/// How often one read may ask.
const TRIES_MOST: u32 = 5;
/// Fewest lines that are asked for once it is known where the last read ended.
const LINES_LEAST: u32 = 2_000;

const ROTATED: &str = "the log was rotated or truncated: lines between the last read and that may be missing";
const GONE: &str = "the lines read last are not there any more: the log was rotated or cleared, or much was written; \
                    lines may be missing, or told twice";
const GAP: &str = "more was written than one read may take: the rest of it was left out";
const WHOLE: &str =
    "the command prints more than one read may take, always from the beginning: use {{lines}}, {{since_unix}} or {{offset}}";

/// A read that goes on.
#[derive(Debug)]
pub struct Reading<'c> {
    command: &'c LogCommand,
    from: Option<Bookmark>,
    now: Wall,
    lines_most: u32,
    tries: u32,
    /// At which try what was read before was seen first: so far back the host's own times lie.
    seen_at: Option<u32>,
}

/// What to do with what was heard.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Run the command again: [`Reading::ask`] has other values now.
    Again,
    /// The new lines are known.
    Done(Heard),
}

/// The new lines of a read.
#[derive(Debug, PartialEq, Eq)]
pub struct Heard {
    /// They, oldest first, without line ends.
    pub lines: Vec<Vec<u8>>,
    /// Where the next read begins.
    pub bookmark: Bookmark,
    /// There is more, or there was.
    pub was_cut: bool,
    /// What a person should know.
    pub note: Option<&'static str>,
}

impl<'c> Reading<'c> {
    /// A read at `now` by the hub's clock that goes on at `from`, or begins if that belongs to another command.
    pub fn new(command: &'c LogCommand, from: Option<Bookmark>, now: Wall, lines_most: u32) -> Reading<'c> {
        let is_file = command.way() == Way::Offset;
        let fits = |from: &Bookmark| from.command == command.hash() && matches!(from.place, Place::Offset(_)) == is_file;
        Reading { command, from: from.filter(fits), now, lines_most: lines_most.max(1), tries: 0, seen_at: None }
    }

    /// The command to run now.
    pub fn command(&self) -> String {
        self.command.render(&self.ask())
    }

    /// What the command is asked for now.
    pub fn ask(&self) -> Ask {
        let begin = Ask { lines: self.lines_most, since: self.now.plus_ms(-FIRST_LOOK_MS), offset: 1 };
        match self.from.as_ref().map(|from| &from.place) {
            None => begin,
            Some(Place::Offset(_)) if self.tries > 0 => begin,
            Some(Place::Offset(place)) => Ask { offset: place.bytes_read.saturating_sub(place.again_bytes) + 1, ..begin },
            Some(Place::Tail(place)) => {
                let wider = WIDER.saturating_pow(self.tries);
                let lines = place.ask_lines.saturating_mul(wider).min(self.lines_most);
                // A hub whose own clock was set back asks from an earlier time, too.
                let since = place.since.min(self.now.plus_ms(-i64::from(place.slack_s) * 1_000));
                Ask { lines, since: since.plus_ms(-i64::from(extra_s(self.tries)) * 1_000), offset: 1 }
            }
        }
    }

    /// Takes what the command printed; `was_cut` when it was not read to its end.
    pub fn hear(&mut self, output: &[u8], was_cut: bool) -> Step {
        match self.from.as_ref().map(|from| from.place.clone()) {
            None if self.command.way() == Way::Offset => Step::Done(self.file(output, was_cut, None)),
            Some(Place::Offset(place)) => self.known_file(output, was_cut, &place),
            None => Step::Done(self.begun(output, was_cut)),
            Some(Place::Tail(place)) => self.after_tail(output, was_cut, &place),
        }
    }

    fn known_file(&mut self, output: &[u8], was_cut: bool, place: &ByOffset) -> Step {
        let again = usize::try_from(place.again_bytes).unwrap_or(usize::MAX);
        let is_same = self.tries == 0 && output.get(..again).is_some_and(|bytes| Hash::of(bytes) == place.again);
        if is_same {
            return Step::Done(self.file(output, was_cut, Some(place)));
        }
        if self.tries == 0 {
            self.tries = 1;
            return Step::Again;
        }
        let heard = self.file(output, was_cut, None);
        Step::Done(Heard { note: Some(ROTATED), ..heard })
    }

    /// The lines of a file after `place`.
    fn file(&self, output: &[u8], was_cut: bool, place: Option<&ByOffset>) -> Heard {
        let (start, before) = place.map_or((0, 0), |place| (place.again_bytes as usize, place.bytes_read));
        let new = &output[start..];
        let stretch = Stretch::of(new);
        let taken = self.take(&stretch, 0, was_cut);
        let is_piece = was_cut && stretch.lines.is_empty();
        let bytes = if is_piece { new.len() } else { stretch.bytes_of(taken.end) };
        let known = &output[..start + bytes];
        let again = &known[known.len().saturating_sub(AGAIN_BYTES)..];
        let place = ByOffset { bytes_read: before + bytes as u64, again_bytes: again.len() as u64, again: Hash::of(again) };
        let open = if is_piece { None } else { taken.open };
        self.done(taken.lines, Place::Offset(place), open, was_cut || taken.is_part, None)
    }

    /// The first read.
    fn begun(&self, output: &[u8], was_cut: bool) -> Heard {
        let since = self.ask().since;
        let place = ByTail {
            tail: Vec::new(),
            known: 0,
            end: 0,
            stretch: Hash::of(&[]),
            asked: since,
            since,
            read_at: since,
            slack_s: SLACK_S,
            ask_lines: self.lines_most,
            gap: true,
        };
        self.tail(output, was_cut, &Stretch::of(output), &place, None)
    }

    fn after_tail(&mut self, output: &[u8], was_cut: bool, place: &ByTail) -> Step {
        let stretch = Stretch::of(output);
        let found = self.end(output, &stretch, place);
        self.seen_at = self.seen_at.or(found.map(|_| self.tries));
        let is_open = match found {
            None => !place.gap && !place.tail.is_empty(),
            // Before what only looks like it there may be new lines that a wrong clock hides.
            Some(end) => {
                self.command.way() == Way::Since
                    && self.exact(output, &stretch, place).is_none()
                    && overlap::is_doubtful(&place.tail, end)
            }
        };
        if is_open && !was_cut && self.widen() {
            return Step::Again;
        }
        Step::Done(self.tail(output, was_cut, &stretch, place, found))
    }

    /// Where in this stretch the lines end that were told before.
    fn end(&self, output: &[u8], stretch: &Stretch<'_>, place: &ByTail) -> Option<usize> {
        let exact = self.exact(output, stretch, place);
        if exact.is_some() {
            return exact;
        }
        let way = self.command.way();
        let is_same_window = way == Way::Whole || way == Way::Since && self.ask().since == place.asked;
        let is_all = place.tail.len() < TAIL_LINES;
        overlap::end(&place.tail, &stretch.hashes(), is_same_window.then_some(place.end), place.known, is_all)
    }

    /// The same, where the stretch is the very same as last time.
    fn exact(&self, output: &[u8], stretch: &Stretch<'_>, place: &ByTail) -> Option<usize> {
        let is_same = place.stretch == Hash::of(output) && place.end <= stretch.lines.len();
        let is_same_window = self.command.way() != Way::Since || self.ask().since == place.asked;
        (is_same && is_same_window && !place.tail.is_empty()).then_some(place.end)
    }

    /// Makes a further try, if it could show more.
    fn widen(&mut self) -> bool {
        let before = self.command();
        if self.command.way() == Way::Whole || self.tries + 1 >= TRIES_MOST {
            return false;
        }
        self.tries += 1;
        let can_show_more = self.command() != before;
        self.tries -= u32::from(!can_show_more);
        can_show_more
    }

    /// The lines of a stretch after those that were told before, if any of these were found.
    fn tail(&self, output: &[u8], was_cut: bool, stretch: &Stretch<'_>, old: &ByTail, found: Option<usize>) -> Heard {
        let from = found.unwrap_or(0);
        let taken = self.take(stretch, from, was_cut);
        let (count, is_all) = (taken.end - from, !taken.is_part);
        let gap = was_cut && is_all && self.command.way() != Way::Whole;
        let is_gone = found.is_none() && !old.gap && !old.tail.is_empty();
        let slack_s = if gap { SLACK_S } else { self.slack_s(old, is_gone) };
        let (asked, (since, read_at)) = (self.ask().since, self.next_since(old, slack_s, count, is_all, gap));
        let lines = u32::try_from(count).unwrap_or(u32::MAX);
        let place = ByTail {
            tail: tail_of(old, &stretch.lines[from..taken.end], found.is_some()),
            known: if count == 0 { old.known } else { if is_all { count } else { 1 } },
            end: taken.end,
            stretch: Hash::of(output),
            asked,
            since,
            read_at,
            slack_s,
            ask_lines: if gap { lines / 2 } else { lines.saturating_mul(WIDER) }.max(LINES_LEAST),
            gap: gap || old.gap && count == 0 && !old.tail.is_empty(),
        };
        let is_stuck = was_cut && count == 0 && self.command.way() == Way::Whole;
        let notes = [(is_gone, GONE), (is_stuck, WHOLE), (gap, GAP)];
        let note = notes.into_iter().find_map(|(applies, note)| applies.then_some(note));
        self.done(taken.lines, Place::Tail(place), taken.open, was_cut || taken.is_part, note)
    }

    /// How far the host's clock may lie behind, as far as is known now.
    fn slack_s(&self, old: &ByTail, is_gone: bool) -> u32 {
        let learned = if is_gone { 0 } else { self.seen_at.map_or(0, extra_s) };
        old.slack_s.saturating_add(learned).min(SLACK_MOST_S)
    }

    /// From when on the next read asks, and when this one counts as read. What this read told was written after the one before, so the next
    /// one need not look further back; while nothing new comes, or not everything was taken, the same is asked again.
    fn next_since(&self, old: &ByTail, slack_s: u32, count: usize, is_all: bool, gap: bool) -> (Wall, Wall) {
        let (asked, slack_ms) = (self.ask().since, i64::from(slack_s) * 1_000);
        match (gap, count > 0, is_all) {
            (true, _, _) => (self.now.plus_ms(-slack_ms), self.now),
            (false, true, true) => (old.read_at.plus_ms(-slack_ms).max(asked), self.now),
            (false, false, true) => (asked, self.now),
            (false, _, false) => (asked, old.read_at),
        }
    }

    /// The lines of `stretch` after the first `from`, as many as may be taken.
    fn take(&self, stretch: &Stretch<'_>, from: usize, was_cut: bool) -> Taken {
        let most = self.lines_most as usize;
        let end = stretch.lines.len().min(from.saturating_add(most));
        let told = self.from.as_ref().and_then(|from| from.open);
        let mut new = stretch.lines[from..end].to_vec();
        if new.first().is_some_and(|line| Some(Hash::of(line)) == told) {
            new.remove(0); // it had no line break yet when it was told
        }
        let is_part = end < stretch.lines.len();
        // A piece at a cut is no line, unless there is nothing else.
        let open = stretch.open.filter(|_| !is_part && (!was_cut || stretch.lines.is_empty()));
        let hash = open.map(Hash::of);
        if let Some(open) = open.filter(|_| end > from || hash != told) {
            new.push(open);
        }
        let kept = |line: &[u8]| line[..line.len().min(LINE_BYTES)].to_vec();
        Taken { lines: new.into_iter().map(kept).collect(), end, open: hash, is_part }
    }

    fn done(&self, lines: Vec<Vec<u8>>, place: Place, open: Option<Hash>, was_cut: bool, note: Option<&'static str>) -> Heard {
        Heard { lines, bookmark: Bookmark { command: self.command.hash(), place, open }, was_cut, note }
    }
}

/// How much further back this try looks than the first.
fn extra_s(tries: u32) -> u32 {
    if tries == 0 { 0 } else { SLACK_S.saturating_mul(WIDER.saturating_pow(tries)) }
}

/// The last lines that were told, now that `new` were, too; what was told before stands before them if it was `found`.
fn tail_of(old: &ByTail, new: &[&[u8]], found: bool) -> Vec<Hash> {
    let before = if found || new.is_empty() { old.tail.as_slice() } else { &[] };
    let newest = &new[new.len().saturating_sub(TAIL_LINES)..];
    let before = &before[(before.len() + newest.len()).saturating_sub(TAIL_LINES).min(before.len())..];
    before.iter().copied().chain(newest.iter().map(|line| Hash::of(line))).collect()
}

struct Taken {
    lines: Vec<Vec<u8>>,
    /// After how many lines of the stretch they end.
    end: usize,
    open: Option<Hash>,
    /// More lines are there than may be taken at once.
    is_part: bool,
}

/// What a command printed, as lines.
struct Stretch<'a> {
    lines: Vec<&'a [u8]>,
    /// What stands after the last line break.
    open: Option<&'a [u8]>,
    /// Where each line ends, its line break counted.
    ends: Vec<usize>,
}

impl<'a> Stretch<'a> {
    fn of(output: &'a [u8]) -> Stretch<'a> {
        let mut stretch = Stretch { lines: Vec::new(), open: None, ends: Vec::new() };
        let mut at = 0;
        for piece in output.split_inclusive(|byte| *byte == b'\n') {
            at += piece.len();
            match piece.strip_suffix(b"\n") {
                Some(line) => {
                    stretch.lines.push(line.strip_suffix(b"\r").unwrap_or(line));
                    stretch.ends.push(at);
                }
                None => stretch.open = Some(piece),
            }
        }
        stretch
    }

    fn hashes(&self) -> Vec<Hash> {
        self.lines.iter().map(|line| Hash::of(line)).collect()
    }

    /// How many bytes the first `count` lines have.
    fn bytes_of(&self, count: usize) -> usize {
        if count == 0 { 0 } else { self.ends[count - 1] }
    }
}
