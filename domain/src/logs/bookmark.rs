//! Where a read of a log begins: what the last one left behind, as JSON for the store. It holds no text of the log.

use super::hash::Hash;
use crate::time::Wall;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where reading goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bookmark {
    /// The command it belongs to: another command's output says nothing about this place.
    pub(super) command: Hash,
    pub(super) place: Place,
    /// The line at the end that had no line break yet: it was told, and is told again only when it has grown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) open: Option<Hash>,
}

/// By what a place in a log is known again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "by")]
pub(super) enum Place {
    /// Bytes of a file.
    Offset(ByOffset),
    /// The last lines.
    Tail(ByTail),
}

/// A place in a file: how many bytes were read, and what the last of them were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ByOffset {
    pub(super) bytes_read: u64,
    /// Bytes that are read again, to see that it is still the same file.
    pub(super) again_bytes: u64,
    pub(super) again: Hash,
}

/// A place after certain lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ByTail {
    /// The last lines that were told.
    pub(super) tail: Vec<Hash>,
    /// How many of them are sure to be in the next stretch.
    pub(super) known: usize,
    /// After how many lines of the stretch they ended.
    pub(super) end: usize,
    /// Of the whole stretch: the same again holds nothing new.
    pub(super) stretch: Hash,
    /// From when on it was asked for.
    pub(super) asked: Wall,
    /// From when on the next stretch is asked for.
    pub(super) since: Wall,
    /// When the last one was read, by the hub's clock.
    pub(super) read_at: Wall,
    /// How far before that the host's own times may lie.
    pub(super) slack_s: u32,
    /// How many lines the next stretch is asked for, where the command can say that.
    pub(super) ask_lines: u32,
    /// The last stretch was too long to be read to its end: lines are missing, and nobody looks for the tail.
    #[serde(default)]
    pub(super) gap: bool,
}

impl Bookmark {
    /// As JSON for the store.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or(Value::Null)
    }

    /// What [`Bookmark::to_json`] wrote; `None` for anything else, as after a change of the method.
    pub fn from_json(value: &Value) -> Option<Bookmark> {
        Bookmark::deserialize(value).ok()
    }
}
