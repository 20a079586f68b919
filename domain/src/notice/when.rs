//! Instants as messages write them: always UTC, the day only where it is needed.

use crate::time::Wall;

/// A message this much later than what it tells of says so.
pub const LATE_MS: i64 = 60_000;

/// `2025-11-15 10:30:00`.
pub fn stamp(at: Wall) -> String {
    at.utc().format("%Y-%m-%d %H:%M:%S").to_string()
}

/// `02:03 to 02:17`, with the days when they differ.
pub(super) fn span(from: Wall, to: Wall) -> String {
    let [from, to] = pair(from, to);
    format!("{from} to {to} UTC")
}

/// What a message says about its own delivery: nothing when it is prompt and certainly the first.
pub(super) fn delivery(detected: Wall, delivered: Wall, possible_repeat: bool) -> Option<String> {
    let late = delivered.0.saturating_sub(detected.0) >= LATE_MS;
    let [seen, told] = pair(detected, delivered);
    match (late, possible_repeat) {
        (false, false) => None,
        (false, true) => Some("possible repeat".into()),
        (true, false) => Some(format!("detected {seen}, delivered {told} UTC")),
        (true, true) => Some(format!("detected {seen}, delivered {told} UTC; possible repeat")),
    }
}

fn pair(from: Wall, to: Wall) -> [String; 2] {
    let same_day = from.utc().date_naive() == to.utc().date_naive();
    let form = if same_day { "%H:%M" } else { "%Y-%m-%d %H:%M" };
    [from, to].map(|at| at.utc().format(form).to_string())
}
