//! What a machine says when it calls: alive, started, failed, or just a note.

use crate::field::FieldError;

/// The meaning of one call to a heartbeat URL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Signal {
    /// The plain heartbeat: the host lives, or its job ended well.
    #[default]
    Success,
    /// A job began; it must finish within the grace. Does not move `last_seen`.
    Start,
    /// The host says itself that something failed: alerts at once.
    Fail,
    /// A note to keep; changes no state.
    Log,
    /// A job ended with this exit code; 0 is a success, all others fail.
    Exit(u8),
    /// The host asks for silence, before a reboot perhaps. No sign of life.
    Snooze,
    /// The open run asks for more time. No sign of life.
    Extend,
}

impl Signal {
    /// The signal a URL's last part names.
    ///
    /// # Errors
    /// When the part is no signal: names the accepted ones.
    ///
    /// ```
    /// use domain::signal::Signal;
    /// assert_eq!(Signal::parse("start").unwrap(), Signal::Start);
    /// assert_eq!(Signal::parse("3").unwrap(), Signal::Exit(3));
    /// assert!(Signal::parse("256").is_err());
    /// ```
    pub fn parse(part: &str) -> Result<Signal, FieldError> {
        match part {
            "" | "success" => Ok(Signal::Success),
            "start" => Ok(Signal::Start),
            "fail" => Ok(Signal::Fail),
            "log" => Ok(Signal::Log),
            "snooze" => Ok(Signal::Snooze),
            "extend" => Ok(Signal::Extend),
            digits if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse().map(Signal::Exit).map_err(|_| FieldError::new("signal", "an exit code must be 0 to 255"))
            }
            _ => Err(FieldError::new("signal", "must be start, fail, log, snooze, extend or an exit code from 0 to 255")),
        }
    }

    /// Whether the host is known to live and be well after this.
    pub fn is_success(self) -> bool {
        matches!(self, Signal::Success | Signal::Exit(0))
    }

    /// Whether this reports a failure.
    pub fn is_failure(self) -> bool {
        matches!(self, Signal::Fail | Signal::Exit(1..))
    }

    /// Whether this must say for how long (`?for=20m`).
    pub fn has_length(self) -> bool {
        matches!(self, Signal::Snooze | Signal::Extend)
    }

    /// Whether this moves `last_seen`: success and failure do, the others do not.
    pub fn is_life(self) -> bool {
        self.is_success() || self.is_failure()
    }

    /// The number kept in the database: 0 to 255 an exit code, negative the rest.
    pub fn code(self) -> i16 {
        match self {
            Signal::Success => -1,
            Signal::Start => -2,
            Signal::Fail => -3,
            Signal::Log => -4,
            Signal::Snooze => -5,
            Signal::Extend => -6,
            Signal::Exit(code) => i16::from(code),
        }
    }

    /// The signal kept under `code`; unknown numbers read as a note.
    pub fn from_code(code: i16) -> Signal {
        match code {
            -1 => Signal::Success,
            -2 => Signal::Start,
            -3 => Signal::Fail,
            -5 => Signal::Snooze,
            -6 => Signal::Extend,
            0..=255 => Signal::Exit(code as u8),
            _ => Signal::Log,
        }
    }

    /// The word pages and the API show.
    pub fn word(self) -> &'static str {
        match self {
            Signal::Success => "success",
            Signal::Start => "start",
            Signal::Fail => "fail",
            Signal::Log => "log",
            Signal::Exit(_) => "exit",
            Signal::Snooze => "snooze",
            Signal::Extend => "extend",
        }
    }
}
