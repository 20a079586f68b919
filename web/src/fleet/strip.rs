//! The strip of a host: its last signs of life, with a gap where one was missed.

use domain::time::Wall;

/// Most slots of a strip.
pub(super) const SLOTS: usize = 30;

/// One slot of a strip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// When it was heard; for a missed one, when it was expected at the latest.
    pub at: Wall,
    /// What happened.
    pub kind: SlotKind,
    /// How long the run took that it ended, in milliseconds.
    pub duration_ms: Option<i64>,
}

/// What a slot stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotKind {
    /// A success was heard.
    Success,
    /// A failure, or an exit code other than 0, was heard.
    Failure,
    /// Nothing was heard though the host was expected.
    Missed,
}

impl SlotKind {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            SlotKind::Success => "success",
            SlotKind::Failure => "failure",
            SlotKind::Missed => "missed",
        }
    }
}
