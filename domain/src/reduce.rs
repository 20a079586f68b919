//! Reduces a log to what fits a token budget: what is new, rare or suddenly frequent verbatim, the rest as counted templates.
//!
//! Lines stream through a [`Reducer`]; memory is a few lines per template, however long the log is. What does not fit is counted
//! and said, never silently left out. The result's lines are numbered `L0001` and so on by who sends them
//! ([`crate::prompt::line_id`]).

use crate::finding::SentLine;
use crate::template::{Change, Miner, RARE_LINES, Standing, TemplateId};
use crate::time::Wall;
use std::collections::HashMap;

/// Bytes that count as one token: an estimate that errs to the safe side for English and for logs.
pub const BYTES_PER_TOKEN: usize = 3;
/// Lines of one template that are kept verbatim.
pub const MAX_LINES_PER_TEMPLATE: usize = 3;
/// Bytes of a line that are kept; the rest is cut with a mark.
pub const MAX_KEPT_LINE_BYTES: usize = 1_024;
/// Bytes a line is cut to when not even one line of each template fits.
const SHORT_LINE_BYTES: usize = 160;
/// Bytes of a line's id, the blank and the line end around it.
const ID_BYTES: usize = 8;
/// Tokens kept back for the sentence that says what was left out.
const RESERVED_TOKENS: usize = 64;

/// How a line came into the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Verbatim, for its template's standing.
    Verbatim(Standing),
    /// A template with how many lines it stands for.
    Counted,
    /// The last line: what was left out.
    Omission,
}

/// What a log became.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reduced {
    /// The lines to send, in the order of the log; why, at the same index, in [`Reduced::why`].
    pub lines: Vec<SentLine>,
    /// How each line came in.
    pub why: Vec<Why>,
    /// Lines that were read.
    pub lines_read: u64,
    /// Templates they had.
    pub templates: u64,
    /// Of these, new ones, ones that jumped, and rare ones.
    pub remarkable: u64,
    /// Templates of which nothing was sent.
    pub omitted_templates: u64,
    /// Of these, remarkable ones.
    pub omitted_remarkable: u64,
    /// Lines that are neither shown nor in a count that is.
    pub omitted_lines: u64,
    /// The estimate for what is sent.
    pub tokens: usize,
}

impl Reduced {
    /// Whether nothing is new, rare or suddenly frequent: then there is nothing to ask.
    pub fn is_as_usual(&self) -> bool {
        self.remarkable == 0
    }
}

/// One template's lines so far.
#[derive(Debug, Default)]
struct Kept {
    /// The first lines, whole ones; at most [`MAX_LINES_PER_TEMPLATE`].
    lines: Vec<SentLine>,
    count: u64,
}

/// Reads a log and keeps what may be needed.
pub struct Reducer<'a> {
    miner: &'a mut Miner,
    kept: HashMap<TemplateId, Kept>,
    lines_read: u64,
    /// Lines and templates of this log whose template was forgotten to make room.
    forgotten: (u64, u64),
}

impl<'a> Reducer<'a> {
    /// Starts an analysis that goes on with what `miner` knows of the host.
    pub fn new(miner: &'a mut Miner) -> Reducer<'a> {
        Reducer { miner, kept: HashMap::new(), lines_read: 0, forgotten: (0, 0) }
    }

    /// Takes the next line, cleaned and redacted: `message` is what follows its header in `line`.
    pub fn push(&mut self, line: &str, message: &str, now: Wall) {
        self.lines_read += 1;
        let observed = self.miner.observe(message, now);
        for change in self.miner.changes() {
            follow(&mut self.kept, &mut self.forgotten, *change);
        }
        let kept = self.kept.entry(observed.template).or_default();
        kept.count += 1;
        if kept.lines.len() < MAX_LINES_PER_TEMPLATE {
            kept.lines.push(SentLine { number: self.lines_read, text: cut(line, MAX_KEPT_LINE_BYTES) });
        }
    }

    /// Ends the analysis at `now`: what fits `budget_tokens`. The miner takes its counts as usual from now on only when
    /// [`Miner::settle`] is told so, which the caller does once the analysis is stored.
    ///
    /// ```
    /// use domain::reduce::Reducer;
    /// use domain::template::Miner;
    /// use domain::time::Wall;
    /// let mut miner = Miner::default();
    /// let mut reducer = Reducer::new(&mut miner);
    /// for n in 0..500 {
    ///     let line = format!("session {n} opened");
    ///     reducer.push(&line, &line, Wall(0));
    /// }
    /// reducer.push("disk sda failed", "disk sda failed", Wall(0));
    /// let reduced = reducer.finish(Wall(0), 1_000);
    /// let texts: Vec<_> = reduced.lines.iter().map(|line| line.text.as_str()).collect();
    /// assert_eq!(texts[0], "session 0 opened");
    /// assert_eq!(texts[3], "500 lines like this: session <*> opened");
    /// assert_eq!(texts[4], "disk sda failed");
    /// ```
    pub fn finish(self, now: Wall, budget_tokens: usize) -> Reduced {
        let (forgotten_templates, forgotten_lines) = self.forgotten;
        let mut groups: Vec<_> = self.kept.into_iter().filter_map(|(id, kept)| Group::new(self.miner, id, kept, now)).collect();
        groups.sort_by_key(|group| group.rank());
        let mut reduced = Reduced {
            lines_read: self.lines_read,
            templates: groups.len() as u64 + forgotten_templates,
            // What was forgotten to make room had hardly any lines.
            remarkable: groups.iter().filter(|group| group.standing != Standing::Usual).count() as u64 + forgotten_templates,
            ..Reduced::default()
        };
        let omitted = select(&mut groups, budget_tokens);
        for group in &groups[groups.len() - omitted..] {
            reduced.omitted_templates += 1;
            reduced.omitted_remarkable += u64::from(group.standing != Standing::Usual);
            reduced.omitted_lines += group.count;
        }
        groups.truncate(groups.len() - omitted);
        reduced.omitted_lines += groups.iter().map(Group::unsaid).sum::<u64>();
        reduced.omitted_templates += forgotten_templates;
        reduced.omitted_remarkable += forgotten_templates;
        reduced.omitted_lines += forgotten_lines;
        write(&mut reduced, groups);
        reduced
    }
}

/// Keeps the kept lines where their template went.
fn follow(kept: &mut HashMap<TemplateId, Kept>, forgotten: &mut (u64, u64), change: Change) {
    match change {
        Change::Merged { from, into } => {
            let Some(gone) = kept.remove(&from) else { return };
            let home = kept.entry(into).or_default();
            home.count += gone.count;
            home.lines.extend(gone.lines);
            home.lines.sort_by_key(|line| line.number);
            home.lines.truncate(MAX_LINES_PER_TEMPLATE);
        }
        Change::Forgotten(id) => {
            if let Some(gone) = kept.remove(&id) {
                *forgotten = (forgotten.0 + 1, forgotten.1 + gone.count);
            }
        }
    }
}

/// A template of this log, and how much of it is sent.
struct Group {
    standing: Standing,
    /// Lines of it in this log.
    count: u64,
    template: String,
    lines: Vec<SentLine>,
    /// How many of the lines are sent verbatim, and whether the count is.
    sent: usize,
    is_counted: bool,
}

impl Group {
    fn new(miner: &Miner, id: TemplateId, kept: Kept, now: Wall) -> Option<Group> {
        let standing = miner.standing(id, now)?;
        let template = cut(&miner.text(id)?, MAX_KEPT_LINE_BYTES);
        Some(Group { standing, count: kept.count, template, lines: kept.lines, sent: 0, is_counted: false })
    }

    /// What is sent first when not all can be: the new, the jumps, the rare, then the rest; in each the ones with few lines.
    fn rank(&self) -> (Standing, u64, u64) {
        (self.standing, self.count, self.lines.first().map_or(0, |line| line.number))
    }

    fn counted(&self) -> String {
        let lines = if self.count == 1 { "line" } else { "lines" };
        format!("{} {lines} like this: {}", self.count, self.template)
    }

    /// Sets how much is sent: `verbatim` lines at most of remarkable templates, cut to `bytes`, and of the others a count.
    fn shape(&mut self, verbatim: usize, bytes: usize) {
        let is_remarkable = self.standing != Standing::Usual;
        self.sent = if is_remarkable { verbatim.min(self.lines.len()) } else { 0 };
        let has_more = self.count > self.sent as u64;
        self.is_counted = self.sent == 0 || (has_more && (verbatim > 1 || self.count > RARE_LINES));
        for line in self.lines.iter_mut().filter(|line| line.text.len() > bytes) {
            line.text = cut(&line.text, bytes);
        }
        if self.template.len() > bytes {
            self.template = cut(&self.template, bytes);
        }
    }

    /// Lines that are neither shown nor counted.
    fn unsaid(&self) -> u64 {
        if self.is_counted { 0 } else { self.count - self.sent as u64 }
    }

    fn bytes(&self) -> usize {
        let verbatim: usize = self.lines[..self.sent].iter().map(|line| sent_bytes(&line.text)).sum();
        verbatim + if self.is_counted { sent_bytes(&self.counted()) } else { 0 }
    }
}

/// Decides how much of each group is sent, in steps from all to little; returns how many at the end are left out at the last.
fn select(groups: &mut [Group], budget_tokens: usize) -> usize {
    let budget = budget_tokens.saturating_sub(RESERVED_TOKENS) * BYTES_PER_TOKEN;
    let steps = [
        (MAX_LINES_PER_TEMPLATE, MAX_KEPT_LINE_BYTES),
        (2, MAX_KEPT_LINE_BYTES),
        (1, MAX_KEPT_LINE_BYTES),
        (1, SHORT_LINE_BYTES * 2),
        (1, SHORT_LINE_BYTES),
    ];
    for (verbatim, bytes) in steps {
        groups.iter_mut().for_each(|group| group.shape(verbatim, bytes));
        if groups.iter().map(Group::bytes).sum::<usize>() <= budget {
            return 0;
        }
    }
    let mut left = budget;
    let fits = groups.iter().take_while(|group| match left.checked_sub(group.bytes()) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    });
    groups.len() - fits.count()
}

/// Writes the lines in the order of the log, and at the end what is missing.
fn write(reduced: &mut Reduced, groups: Vec<Group>) {
    let mut lines = Vec::new();
    for mut group in groups {
        let counted = group.is_counted.then(|| group.counted());
        let after = group.lines[..group.sent].last().or(group.lines.first()).map_or(0, |line| line.number);
        group.lines.truncate(group.sent);
        lines.extend(group.lines.into_iter().map(|line| (line, Why::Verbatim(group.standing))));
        lines.extend(counted.map(|text| (SentLine { number: after, text }, Why::Counted)));
    }
    lines.sort_by_key(|(line, why)| (line.number, *why == Why::Counted));
    if reduced.omitted_lines > 0 {
        let (templates, count, remarkable) = (reduced.omitted_templates, reduced.omitted_lines, reduced.omitted_remarkable);
        let text = format!(
            "not shown for lack of room: {count} lines, among them all of {templates} templates, {remarkable} of these new, rare or suddenly frequent"
        );
        lines.push((SentLine { number: reduced.lines_read, text }, Why::Omission));
    }
    reduced.tokens = tokens(lines.iter().map(|(line, _)| line.text.as_str()));
    (reduced.lines, reduced.why) = lines.into_iter().unzip();
}

/// The estimate for sending `texts` as numbered JSON strings, a line each.
pub fn tokens<'a>(texts: impl Iterator<Item = &'a str>) -> usize {
    texts.map(sent_bytes).sum::<usize>().div_ceil(BYTES_PER_TOKEN)
}

/// Bytes of a line as it is sent: its id, and its text as a JSON string.
fn sent_bytes(text: &str) -> usize {
    let escaped = text.bytes().filter(|b| matches!(b, b'"' | b'\\')).count();
    // Control characters are gone by now; should there be one all the same, it takes six bytes.
    let control = text.bytes().filter(|b| *b < b' ').count();
    ID_BYTES + 2 + text.len() + escaped + control * 5
}

/// The first `bytes` of `text`, with a mark where something is missing.
fn cut(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    const MARK: &str = " […]";
    let mut end = bytes.saturating_sub(MARK.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{MARK}", &text[..end])
}
