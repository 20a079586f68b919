//! What a command answers on standard output; a reader that has seen enough (`| head`) is no fault.

use std::fmt::Display;
use std::io::{ErrorKind, Write};

/// Prints `text` and ends the line.
pub(super) fn line(text: impl Display) {
    text_only(format_args!("{text}\n"));
}

/// Prints `text` as it is.
pub(super) fn text_only(text: impl Display) {
    let mut out = std::io::stdout().lock();
    match write!(out, "{text}").and_then(|()| out.flush()) {
        Ok(()) => {}
        Err(e) if e.kind() == ErrorKind::BrokenPipe => {}
        Err(e) => eprintln!("error: standard output: {e}"),
    }
}
