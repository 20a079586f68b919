//! Where one syslog message ends and the next begins in a stream of bytes (RFC 6587): counted, or up to a line break, decided anew
//! for each message. Whatever is sent, no more than one message is kept.

/// Most digits of a count.
const DIGITS_MOST: usize = 6;

/// Cuts a stream into messages.
///
/// ```
/// use domain::logs::Frames;
/// let mut frames = Frames::new(8_192);
/// let mut messages = Vec::new();
/// frames.feed(b"<13>one\n9 <13>t", &mut |message| messages.push(message.to_vec())).unwrap();
/// frames.feed(b"wo\nx<13>three\0", &mut |message| messages.push(message.to_vec())).unwrap();
/// assert_eq!(messages, [b"<13>one".to_vec(), b"<13>two\nx".to_vec(), b"<13>three".to_vec()]);
/// ```
#[derive(Debug)]
pub struct Frames {
    message_bytes: usize,
    kept: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing of the next message has come.
    Between,
    /// The digits of a count.
    Count,
    /// So many bytes of a counted message are still to come.
    Counted(usize),
    /// Up to a line break.
    Line,
}

/// The stream cannot be followed any more: close it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message is announced that is larger than any may be")]
pub struct Lost;

impl Frames {
    /// For messages of at most `message_bytes`: the rest of a longer line is left out, a larger count ends the stream.
    pub fn new(message_bytes: usize) -> Frames {
        Frames { message_bytes, kept: Vec::new(), state: State::Between }
    }

    /// Whether a message has begun and not ended: who leaves one lying is too slow.
    pub fn is_inside(&self) -> bool {
        self.state != State::Between
    }

    /// Takes what came and gives each message that is whole to `told`.
    ///
    /// # Errors
    /// [`Lost`]: what follows is no message.
    pub fn feed(&mut self, mut bytes: &[u8], told: &mut impl FnMut(&[u8])) -> Result<(), Lost> {
        while let Some(first) = bytes.first() {
            bytes = match self.state {
                State::Between => match first {
                    b'\n' | b'\r' | b'\0' | b' ' => &bytes[1..],
                    b'1'..=b'9' => self.begin(State::Count, bytes),
                    _ => self.begin(State::Line, bytes),
                },
                State::Count => self.count(bytes)?,
                State::Counted(missing) => self.counted(missing, bytes, told),
                State::Line => self.line(bytes, told),
            };
        }
        Ok(())
    }

    /// The stream has ended: a line needs no break at its end, a counted message that is not whole is told as far as it came.
    pub fn end(&mut self, told: &mut impl FnMut(&[u8])) {
        if matches!(self.state, State::Line | State::Counted(_)) {
            self.tell(told);
        }
        self.state = State::Between;
        self.kept.clear();
    }

    fn begin<'b>(&mut self, state: State, bytes: &'b [u8]) -> &'b [u8] {
        self.state = state;
        bytes
    }

    fn count<'b>(&mut self, bytes: &'b [u8]) -> Result<&'b [u8], Lost> {
        let first = bytes[0];
        if first.is_ascii_digit() && self.kept.len() < DIGITS_MOST {
            self.kept.push(first);
            return Ok(&bytes[1..]);
        }
        if first != b' ' {
            return Ok(self.begin(State::Line, bytes)); // a line that begins with digits
        }
        let count = self.kept.iter().fold(0, |count, digit| count * 10 + usize::from(digit - b'0'));
        if count > self.message_bytes {
            return Err(Lost);
        }
        self.kept.clear();
        self.state = State::Counted(count);
        Ok(&bytes[1..])
    }

    fn counted<'b>(&mut self, missing: usize, bytes: &'b [u8], told: &mut impl FnMut(&[u8])) -> &'b [u8] {
        let (now, rest) = bytes.split_at(missing.min(bytes.len()));
        self.kept.extend_from_slice(now);
        self.state = State::Counted(missing - now.len());
        if missing == now.len() {
            self.tell(told);
        }
        rest
    }

    fn line<'b>(&mut self, bytes: &'b [u8], told: &mut impl FnMut(&[u8])) -> &'b [u8] {
        let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\0'));
        let now = &bytes[..end.unwrap_or(bytes.len())];
        let room = self.message_bytes - self.kept.len();
        self.kept.extend_from_slice(&now[..now.len().min(room)]);
        match end {
            Some(end) => {
                self.tell(told);
                &bytes[end + 1..]
            }
            None => &[],
        }
    }

    fn tell(&mut self, told: &mut impl FnMut(&[u8])) {
        let message = self.kept.trim_ascii_end();
        if !message.is_empty() {
            told(message);
        }
        self.kept.clear();
        self.state = State::Between;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn messages(chunks: &[&[u8]]) -> (Vec<String>, Result<(), Lost>) {
        let (mut frames, mut all) = (Frames::new(64), Vec::new());
        let mut told = |message: &[u8]| all.push(String::from_utf8_lossy(message).into_owned());
        let fed = chunks.iter().try_for_each(|chunk| frames.feed(chunk, &mut told));
        frames.end(&mut told);
        (all, fed)
    }

    #[test]
    fn both_framings_are_understood_and_may_be_mixed() {
        let (all, fed) = messages(&[b"<13>a\n7 <13>b\nc<13>d\r\n\n\0<13>e"]);
        assert_eq!((all, fed), (vec!["<13>a".into(), "<13>b\nc".into(), "<13>d".into(), "<13>e".into()], Ok(())));
    }

    #[test]
    fn a_counted_message_that_ends_in_a_line_break_is_one_message() {
        assert_eq!(messages(&[b"8 <13>abc\n5 <13>d"]).0, ["<13>abc", "<13>d"]);
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_and_the_next_one_is_whole() {
        let long = "x".repeat(10_000);
        let (all, fed) = messages(&[long.as_bytes(), b"\n<13>next\n"]);
        assert_eq!((all, fed), (vec!["x".repeat(64), "<13>next".into()], Ok(())));
    }

    #[test]
    fn a_count_that_cannot_be_ends_the_stream() {
        for wrong in [&b"65 x"[..], b"999999 x"] {
            assert_eq!(messages(&[wrong]).1, Err(Lost), "{wrong:?}");
        }
        let (lines, fed) = messages(&[b"2026-11-23T18:02:38Z fw x: y\n12345678 z\n"]);
        assert_eq!((lines, fed), (vec!["2026-11-23T18:02:38Z fw x: y".into(), "12345678 z".into()], Ok(())));
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_the_stream_is_cut(
            texts in prop::collection::vec("<[0-9]{1,2}>[a-z ]{0,20}[a-z]", 0..12),
            counted in prop::collection::vec(any::<bool>(), 12),
            cuts in prop::collection::vec(1_usize..30, 1..40),
        ) {
            let mut stream = Vec::new();
            for (text, counted) in texts.iter().zip(counted) {
                let framed = if counted { format!("{} {text}", text.len()) } else { format!("{text}\n") };
                stream.extend(framed.into_bytes());
            }
            let (mut chunks, mut rest) = (Vec::new(), stream.as_slice());
            for cut in cuts.into_iter().cycle() {
                if rest.is_empty() { break; }
                let (now, later) = rest.split_at(cut.min(rest.len()));
                chunks.push(now);
                rest = later;
            }
            let (all, fed) = messages(&chunks);
            prop_assert_eq!((all, fed), (texts, Ok(())));
        }

        #[test]
        fn nothing_that_is_sent_makes_it_keep_more_than_one_message(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
            let mut frames = Frames::new(64);
            let mut longest = 0;
            for chunk in bytes.chunks(7) {
                if frames.feed(chunk, &mut |message| longest = longest.max(message.len())).is_err() { break; }
                prop_assert!(frames.kept.len() <= 64);
            }
            prop_assert!(longest <= 64);
        }
    }
}
