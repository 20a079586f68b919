//! The command that prints a host's log: a template in which only places are filled in, and those only with digits and times.

use super::hash::Hash;
use crate::field::FieldError;
use crate::time::Wall;
use chrono::SecondsFormat;

/// Longest command.
const COMMAND_BYTES: usize = 4_096;
/// What may stand in braces.
const NAMES: [&str; 4] = ["lines", "since_iso", "since_unix", "offset"];

/// A checked template.
///
/// ```
/// use domain::logs::command::{Ask, LogCommand};
/// use domain::time::Wall;
/// let command = LogCommand::parse("journalctl -q --no-pager -o short-iso --since @{{since_unix}} -n {{lines}}").unwrap();
/// let ask = Ask { lines: 500, since: Wall(1_763_202_600_000), offset: 1 };
/// assert_eq!(command.render(&ask), "journalctl -q --no-pager -o short-iso --since @1763202600 -n 500");
/// assert!(LogCommand::parse("tail -n {{line}} /var/log/syslog").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogCommand {
    template: String,
    names: Vec<&'static str>,
}

/// What the places are filled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// `{{lines}}`: how many lines at most.
    pub lines: u32,
    /// `{{since_iso}}` (`2025-11-15T10:30:00Z`) and `{{since_unix}}`: from when on.
    pub since: Wall,
    /// `{{offset}}`: the first byte to print, counted from 1 as `tail -c +N` does.
    pub offset: u64,
}

/// By what a command tells old from new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// It prints a file from a byte on.
    Offset,
    /// It prints what came since a time, perhaps a number of lines at most.
    Since,
    /// It prints the last lines.
    Lines,
    /// It prints everything each time.
    Whole,
}

impl LogCommand {
    /// Checks a template.
    ///
    /// # Errors
    /// When it is empty, too long, of several lines, or has a place that is not known: with the fix.
    pub fn parse(text: &str) -> Result<LogCommand, FieldError> {
        let wrong = |message: String| Err(FieldError::new("log_command", message));
        let template = text.trim();
        if template.is_empty() {
            return wrong("must be a command that prints the log, for example tail -n {{lines}} /var/log/syslog".into());
        }
        if template.len() > COMMAND_BYTES {
            return wrong(format!("must have at most {COMMAND_BYTES} bytes: put a longer one into a script on the host"));
        }
        if template.chars().any(char::is_control) {
            return wrong("must be one line without control characters: separate commands with ;".into());
        }
        let names = match names(template) {
            Ok(names) => names,
            Err(stranger) => {
                let known = NAMES.map(|name| format!("{{{{{name}}}}}")).join(", ");
                return wrong(format!("{{{{{stranger}}}}} is not known: known are {known}"));
            }
        };
        if names.contains(&"offset") && names.len() > 1 {
            return wrong(
                "{{offset}} counts the bytes of a file and goes with no other: use it alone, or the others without it".into(),
            );
        }
        Ok(LogCommand { template: template.to_owned(), names })
    }

    /// The command to run.
    pub fn render(&self, ask: &Ask) -> String {
        // Only digits, T, Z, '-' and ':' are put in: whatever quotes stand around a place, they stay closed.
        let values = [
            ask.lines.to_string(),
            ask.since.utc().to_rfc3339_opts(SecondsFormat::Secs, true),
            ask.since.0.div_euclid(1_000).max(0).to_string(),
            ask.offset.to_string(),
        ];
        let mut rest = self.template.as_str();
        let mut command = String::with_capacity(rest.len() + 32);
        while let Some((before, name, after)) = place(rest) {
            command.push_str(before);
            if let Some(index) = NAMES.iter().position(|known| *known == name.trim()) {
                command.push_str(&values[index]);
            }
            rest = after;
        }
        command.push_str(rest);
        command
    }

    /// The template, as it was given.
    pub fn as_str(&self) -> &str {
        &self.template
    }

    pub(super) fn way(&self) -> Way {
        let has = |name: &str| self.names.contains(&name);
        if has("offset") {
            Way::Offset
        } else if has("since_iso") || has("since_unix") {
            Way::Since
        } else if has("lines") {
            Way::Lines
        } else {
            Way::Whole
        }
    }

    pub(super) fn hash(&self) -> Hash {
        Hash::of(self.template.as_bytes())
    }
}

/// The places of a template in their order, or one that is not known.
fn names(template: &str) -> Result<Vec<&'static str>, String> {
    let (mut names, mut rest) = (Vec::new(), template);
    while let Some((_, name, after)) = place(rest) {
        match NAMES.iter().find(|known| **known == name.trim()) {
            Some(known) if !names.contains(known) => names.push(*known),
            Some(_) => {}
            None => return Err(name.trim().to_owned()),
        }
        rest = after;
    }
    Ok(names)
}

/// What stands before the first place, in it, and after it.
fn place(text: &str) -> Option<(&str, &str, &str)> {
    let (before, inside) = text.split_once("{{")?;
    let (name, after) = inside.split_once("}}")?;
    Some((before, name, after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rendered(template: &str) -> String {
        LogCommand::parse(template).unwrap().render(&Ask { lines: 200, since: Wall(1_763_202_600_999), offset: 4_097 })
    }

    #[test]
    fn each_place_is_filled_everywhere_it_stands() {
        assert_eq!(rendered("tail -c +{{offset}} /var/log/syslog"), "tail -c +4097 /var/log/syslog");
        assert_eq!(
            rendered("a '{{ since_iso }}' {{since_unix}} {{since_unix}}"),
            "a '2025-11-15T10:30:00Z' 1763202600 1763202600"
        );
        assert_eq!(rendered("dmesg"), "dmesg");
        assert_eq!(rendered("awk '{ print $1 }' f"), "awk '{ print $1 }' f", "single braces are the shell's");
        assert_eq!(rendered("echo {{lines"), "echo {{lines");
    }

    #[test]
    fn what_cannot_be_a_command_is_refused_with_the_fix() {
        let why = |text: &str| LogCommand::parse(text).unwrap_err().to_string();
        assert!(why(" ").starts_with("log_command: must be a command that prints the log"));
        assert!(why("tail {{host}}").contains("{{host}} is not known: known are {{lines}}"));
        assert!(why("tail -n {{lines}} -c +{{offset}} f").contains("goes with no other"));
        assert!(why("tail\nrm").contains("one line") && why("tail\u{0}").contains("one line"));
        assert!(why(&"x".repeat(4_097)).contains("4096 bytes"));
    }

    proptest! {
        #[test]
        fn what_is_put_in_needs_no_quotes_and_cannot_end_any(lines: u32, since: i64, offset: u64) {
            let command = LogCommand::parse("{{lines}}|{{since_iso}}|{{since_unix}}").unwrap();
            let text = command.render(&Ask { lines, since: Wall(since), offset });
            let is_plain = |c: char| c.is_ascii_digit() || "TZ:-+|".contains(c);
            prop_assert!(text.chars().all(is_plain), "{}", text);
        }
    }
}
