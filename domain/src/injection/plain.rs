//! Brings text to the plain form in which orders are recognised, whatever they are dressed in.

/// Characters of one encoded run that are decoded.
const MAX_ENCODED_CHARS: usize = 4_096;
/// Shortest base64 run worth decoding.
const MIN_ENCODED_CHARS: usize = 12;
/// Words in leet speak from which on a text is read as such.
const MIN_LEET_WORDS: usize = 2;
/// Encoded runs looked at per line.
const MAX_RUNS: usize = 16;

/// Text in lower case with look-alike letters replaced, and its words.
pub(crate) struct Plain {
    pub(crate) text: String,
    words: Vec<(usize, usize)>,
}

impl Plain {
    /// The forms `text` may be meant in: as it is, and, where they differ, with leet speak and spaced letters read.
    pub(crate) fn forms(text: &str) -> Vec<Plain> {
        let folded = folded(text);
        let others = [joined(&folded), unleeted(&folded), percent_decoded(&folded)];
        [Some(folded)].into_iter().chain(others).flatten().map(Plain::of).collect()
    }

    fn of(text: String) -> Plain {
        let mut spans = Vec::new();
        for word in words(&text) {
            let start = word.as_ptr() as usize - text.as_ptr() as usize;
            spans.push((start, start + word.len()));
        }
        Plain { text, words: spans }
    }

    pub(crate) fn word(&self, at: usize) -> &str {
        let (start, end) = self.words[at];
        &self.text[start..end]
    }

    pub(crate) fn has_any(&self, wanted: &[&str]) -> bool {
        (0..self.words.len()).any(|at| wanted.contains(&self.word(at)))
    }

    /// How many words it has.
    pub(crate) fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether words of `steps` follow the one at `at`, each at most `reach` words after the one before.
    pub(crate) fn follows(&self, at: usize, steps: &[&[&str]], reach: usize) -> bool {
        let Some((step, rest)) = steps.split_first() else { return true };
        let end = (at + 1 + reach).min(self.words.len());
        (at + 1..end).any(|next| step.contains(&self.word(next)) && self.follows(next, rest, reach))
    }
}

/// The words of `text`: letters and digits; an apostrophe inside a word is left out by [`folded`].
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// Zero-width characters, direction marks, tag characters, soft hyphens, variation selectors.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

fn folded(text: &str) -> String {
    if text.is_ascii() {
        let mut folded = text.to_ascii_lowercase();
        folded.retain(|c| c != '\'');
        return folded;
    }
    let visible = text.chars().filter(|c| !is_invisible(*c) && *c != '\'' && *c != '’');
    // Tag characters spell ASCII invisibly: they are read as what they spell.
    let tags =
        text.chars().filter(|c| ('\u{e0020}'..='\u{e007e}').contains(c)).filter_map(|c| char::from_u32(u32::from(c) - 0xe0000));
    let mut folded: String = visible.map(look_alike).flat_map(char::to_lowercase).map(look_alike).collect();
    let hidden: String = tags.collect();
    if !hidden.is_empty() {
        folded.push(' ');
        folded.push_str(&hidden.to_lowercase());
    }
    folded
}

/// The Latin letter a character is drawn like.
fn look_alike(c: char) -> char {
    match c {
        c if c.is_ascii() => c,
        'а' | 'α' | 'ɑ' | 'à' | 'á' | 'â' | 'ä' | 'ã' | 'å' => 'a',
        'А' | 'Α' => 'A',
        'с' | 'ϲ' | 'ç' => 'c',
        'С' => 'C',
        'ԁ' => 'd',
        'е' | 'ё' | 'ε' | 'è' | 'é' | 'ê' | 'ë' => 'e',
        'Е' | 'Ε' => 'E',
        'ɡ' => 'g',
        'һ' => 'h',
        'Н' | 'Η' => 'H',
        'і' | 'ι' | 'ı' | 'ì' | 'í' | 'î' | 'ï' => 'i',
        'І' | 'Ι' => 'I',
        'ј' => 'j',
        'к' | 'κ' => 'k',
        'ӏ' | 'ⅼ' => 'l',
        'м' => 'm',
        'М' | 'Μ' => 'M',
        'ո' | 'ñ' => 'n',
        'Ν' => 'N',
        'о' | 'ο' | 'օ' | 'ò' | 'ó' | 'ô' | 'ö' | 'õ' | 'ø' => 'o',
        'О' | 'Ο' => 'O',
        'р' | 'ρ' => 'p',
        'Р' | 'Ρ' => 'P',
        'ѕ' => 's',
        'Ѕ' => 'S',
        'т' | 'τ' => 't',
        'Т' | 'Τ' => 'T',
        'υ' | 'ù' | 'ú' | 'û' | 'ü' => 'u',
        'ѵ' | 'ν' => 'v',
        'ԝ' | 'ω' => 'w',
        'х' | 'χ' => 'x',
        'у' | 'ү' | 'ý' => 'y',
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{3000}' => ' ',
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{1d400}'..='\u{1d6a3}' => char::from_u32(u32::from('a') + (u32::from(c) - 0x1d400) % 26).unwrap_or(c),
        _ => c,
    }
}

/// Digits and signs read as letters, in words that hold both.
fn unleeted(text: &str) -> Option<String> {
    if text.split(' ').filter(|word| is_leet(word)).count() < MIN_LEET_WORDS {
        return None;
    }
    let read: Vec<String> = text.split(' ').map(unleeted_word).collect();
    let read = read.join(" ");
    (read != text).then_some(read)
}

/// Letters with digits that stand for letters, and no others; ids and sizes hold all digits.
fn is_leet(word: &str) -> bool {
    let count = |test: fn(&u8) -> bool| word.bytes().filter(test).count();
    let letters = count(u8::is_ascii_alphabetic);
    let leet = count(|b| b"013457@$!".contains(b));
    letters > 0 && leet > 0 && letters + leet >= 3 && count(u8::is_ascii_digit) <= count(|b| b"013457".contains(b))
}

fn unleeted_word(word: &str) -> String {
    let has_letter = word.chars().any(|c| c.is_ascii_alphabetic());
    if !has_letter {
        return word.to_owned();
    }
    let letter = |c| match c {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        c => c,
    };
    word.chars().map(letter).collect()
}

/// `e n d   o f` as `end of`: single letters with one blank, dot or dash between them are a word, wider gaps end it.
fn joined(text: &str) -> Option<String> {
    // Two letters that stand alone with one character between: without them there is nothing to join.
    let is_alone =
        |triple: &[u8]| triple[0].is_ascii_alphabetic() && !triple[1].is_ascii_alphanumeric() && triple[2].is_ascii_alphabetic();
    let starts = |window: &[u8]| !window[0].is_ascii_alphanumeric() && is_alone(&window[1..4]);
    if text.is_ascii() && !text.as_bytes().windows(4).any(starts) && !text.as_bytes().get(..3).is_some_and(is_alone) {
        return None;
    }
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let (mut at, mut did_join) = (0, false);
    while at < chars.len() {
        let run = spaced_run(&chars[at..]);
        let starts_word = at == 0 || !chars[at - 1].is_alphanumeric();
        if run >= 2 && starts_word {
            out.extend(chars[at..at + 2 * run - 1].iter().step_by(2));
            at += 2 * run - 1;
            did_join = true;
        } else {
            out.push(chars[at]);
            at += 1;
        }
    }
    did_join.then_some(out)
}

/// How many single letters follow one another with one separator between.
fn spaced_run(chars: &[char]) -> usize {
    let is_single =
        |at: usize| chars.get(at).is_some_and(|c| c.is_alphabetic()) && chars.get(at + 1).is_none_or(|c| !c.is_alphanumeric());
    let mut count = 0;
    while is_single(2 * count) && (count == 0 || [' ', '.', '-', '_', '*'].contains(&chars[2 * count - 1])) {
        count += 1;
    }
    count
}

/// Percent-encoding and `+` undone, as requests hold it.
fn percent_decoded(text: &str) -> Option<String> {
    if !text.contains('%') && !text.contains('+') {
        return None;
    }
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = text.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => decoded.push(byte),
            None => decoded.push(if bytes[at] == b'+' { b' ' } else { bytes[at] }),
        }
        at += if hex.is_some_and(|hex| u8::from_str_radix(hex, 16).is_ok()) { 3 } else { 1 };
    }
    let decoded = String::from_utf8_lossy(&decoded).to_lowercase();
    (decoded != text).then_some(decoded)
}

/// What the base64 and hex runs in `text` say, where that is text.
pub(crate) fn decoded(text: &str) -> Vec<String> {
    let runs = text.split(|c: char| !(c.is_ascii_alphanumeric() || "+/=-_".contains(c)));
    let long = runs.filter(|run| (MIN_ENCODED_CHARS..=MAX_ENCODED_CHARS).contains(&run.len()));
    long.take(MAX_RUNS).flat_map(|run| [base64(run), hex(run)]).flatten().filter_map(readable).collect()
}

fn readable(bytes: Vec<u8>) -> Option<String> {
    let text = String::from_utf8(bytes).ok()?;
    let is_text =
        text.chars().all(|c| !c.is_control() || c.is_whitespace()) && text.chars().filter(|c| c.is_alphabetic()).count() >= 6;
    is_text.then_some(text)
}

fn base64(run: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(run.len());
    let (mut bits, mut held) = (0u32, 0);
    for c in run.trim_end_matches('=').bytes() {
        let value = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    Some(bytes)
}

fn hex(run: &str) -> Option<Vec<u8>> {
    let is_hex = run.len().is_multiple_of(2) && run.bytes().all(|b| b.is_ascii_hexdigit());
    is_hex.then(|| (0..run.len()).step_by(2).filter_map(|at| u8::from_str_radix(&run[at..at + 2], 16).ok()).collect())
}
