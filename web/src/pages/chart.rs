//! Bars drawn on the server: shapes only, in a box of fixed height; words stand beside them in the page.

use domain::duration::short;
use serde::Serialize;
use std::fmt::Write;

/// Height of the box, and distance of bars.
const HEIGHT: f64 = 100.0;
const PITCH: usize = 10;
/// A bar that is worth drawing can be seen.
const BAR_LEAST: f64 = 3.0;
/// Room at the top for the sign on a bar that failed.
const SIGN: f64 = 12.0;

/// One bar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bar {
    /// What it measures, from 0.
    pub(super) value: i64,
    /// What it says.
    pub(super) kind: Kind,
}

/// What a bar says besides its height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// All was well.
    Good,
    /// Something failed: it is drawn with a dot above it.
    Bad,
    /// Nothing is known.
    Blank,
}

/// A chart as its template draws it.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Chart {
    width: usize,
    good: String,
    bad: String,
    blank: String,
    /// What a screen reader says.
    label: String,
    /// What the highest bar measures, in words.
    most: String,
}

/// The chart of `bars`, in milliseconds each; none without bars.
pub(super) fn of_lengths(bars: &[Bar], label: impl Into<String>) -> Option<Chart> {
    let most = bars.iter().map(|bar| bar.value).max()?.max(1);
    let (mut good, mut bad, mut blank) = (String::new(), String::new(), String::new());
    for (i, bar) in bars.iter().enumerate() {
        let x = i * PITCH + PITCH / 2;
        let height = (bar.value as f64 / most as f64 * (HEIGHT - SIGN - 4.0)).max(BAR_LEAST);
        let top = HEIGHT - height;
        match bar.kind {
            Kind::Good => write!(good, "M{x} {HEIGHT}v-{height:.0}"),
            Kind::Bad => write!(bad, "M{x} {HEIGHT}v-{height:.0}M{x} {:.0}v-.1", top - SIGN),
            Kind::Blank => write!(blank, "M{x} {HEIGHT}v-1"),
        }
        .expect("writing to text does not fail");
    }
    Some(Chart { width: bars.len() * PITCH, good, bad, blank, label: label.into(), most: length(most) })
}

/// A length in its largest fitting unit: `320 ms`, `4.2 s`, `5 min`.
pub(super) fn length(ms: i64) -> String {
    match ms {
        i64::MIN..1_000 => format!("{} ms", ms.max(0)),
        1_000..10_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        _ => {
            let seconds = u64::try_from(ms / 1_000).unwrap_or(0);
            // Two units are enough to compare with.
            let cut = match seconds {
                0..=119 => seconds,
                120..=7_199 => seconds - seconds % 10,
                7_200..=172_799 => seconds - seconds % 60,
                _ => seconds - seconds % 3_600,
            };
            short(cut)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_bar_leaves_room_for_its_sign_and_none_vanishes() {
        let bars = [(1, Kind::Good), (1_000, Kind::Bad), (0, Kind::Blank)].map(|(value, kind)| Bar { value, kind });
        let chart = of_lengths(&bars, "x").unwrap();
        assert_eq!((chart.good.as_str(), chart.bad.as_str()), ("M5 100v-3", "M15 100v-84M15 4v-.1"));
        assert_eq!((chart.blank.as_str(), chart.width, chart.most.as_str()), ("M25 100v-1", 30, "1.0 s"));
        assert_eq!(of_lengths(&[], "x"), None);
    }

    #[test]
    fn lengths_are_said_in_units_that_fit() {
        let cases =
            [(0, "0 ms"), (999, "999 ms"), (4_250, "4.2 s"), (61_000, "61 s"), (305_000, "5 min"), (7_265_000, "2 h 1 min")];
        for (ms, text) in cases {
            assert_eq!(length(ms), text);
        }
    }
}
