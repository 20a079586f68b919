//! The real open windows of a schedule from an instant on: merged, in order, lazy, and bounded in both directions.

use super::windows::Windows;
use super::{LOOKAHEAD_DAYS, LOOKBACK_DAYS, zone};
use crate::time::Wall;
use chrono::NaiveDate;

/// How many days before an instant the search for its window's opening begins: nearly always the first is enough.
const LOOKBACKS: [u32; 5] = [3, 12, 48, 192, LOOKBACK_DAYS];

/// Stands for a closing that does not come.
const NEVER: Wall = Wall(i64::MAX);

/// A stretch of time in which a host is expected, as real instants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first instant inside; `None`: open since ever, or for longer than any threshold.
    pub opens: Option<Wall>,
    /// The first instant outside; `None`: never, or not within the time looked ahead.
    pub closes: Option<Wall>,
}

/// The open windows from an instant on; made by [`Schedule::windows_from`](super::Schedule::windows_from).
#[derive(Clone, Debug)]
pub struct OpenWindows<'a> {
    first: Option<Window>,
    rest: Option<Merged<'a>>,
}

impl<'a> OpenWindows<'a> {
    pub(super) fn from(windows: Option<&'a Windows>, at: Wall) -> OpenWindows<'a> {
        let Some(windows) = windows else {
            return OpenWindows { first: Some(Window { opens: None, closes: None }), rest: None };
        };
        let today = zone::date_of(windows.timezone(), at);
        let mut found = OpenWindows { first: None, rest: None };
        for days in LOOKBACKS {
            let start = zone::shifted(today, -i64::from(days));
            let mut rest = Merged::new(windows, start, today);
            let first = rest.find(|window| window.closes.is_none_or(|closes| closes > at));
            // Windows that start before `start` close by this instant: one that opens later is seen whole.
            let edge = zone::closing(windows.timezone(), zone::shifted(start, 1), 0);
            let whole = first.is_none_or(|window| window.opens > Some(edge));
            found = OpenWindows { first: first.map(|w| if whole { w } else { Window { opens: None, ..w } }), rest: Some(rest) };
            if whole {
                break;
            }
        }
        found
    }
}

impl Iterator for OpenWindows<'_> {
    type Item = Window;

    fn next(&mut self) -> Option<Window> {
        self.first.take().or_else(|| self.rest.as_mut()?.next())
    }
}

/// The windows of a run of dates, overlapping and touching ones made one.
#[derive(Clone, Debug)]
struct Merged<'a> {
    days: Days<'a>,
    ahead: Option<Stretch>,
}

#[derive(Clone, Copy, Debug)]
struct Stretch {
    opens: Wall,
    closes: Wall,
}

impl<'a> Merged<'a> {
    fn new(windows: &'a Windows, start: NaiveDate, today: NaiveDate) -> Merged<'a> {
        Merged { days: Days { windows, date: start, index: 0, last: zone::shifted(today, LOOKAHEAD_DAYS.into()) }, ahead: None }
    }
}

impl Iterator for Merged<'_> {
    type Item = Window;

    fn next(&mut self) -> Option<Window> {
        let mut window = self.ahead.take().or_else(|| self.days.next())?;
        loop {
            if let Some(until) = self.days.skip_covered() {
                window.closes = window.closes.max(until);
            }
            match self.days.next() {
                Some(next) if next.opens <= window.closes => window.closes = window.closes.max(next.closes),
                other => {
                    self.ahead = other;
                    return Some(Window { opens: Some(window.opens), closes: Some(window.closes).filter(|at| *at < NEVER) });
                }
            }
        }
    }
}

/// The windows of a run of dates one by one, in the order in which they open.
#[derive(Clone, Debug)]
struct Days<'a> {
    windows: &'a Windows,
    date: NaiveDate,
    /// The next window to look at on `date`.
    index: usize,
    /// The last date to look at.
    last: NaiveDate,
}

impl Days<'_> {
    /// Jumps over days on which a schedule around the clock has no hole; `Some`: it did, and all is open up to there.
    ///
    /// Without it "around the clock but for Christmas" would cost a year of days for each verdict. Two days after and two
    /// before a holiday are walked: windows over midnight reach from one date into the next, so what is open is only known
    /// from the second day walked on.
    fn skip_covered(&mut self) -> Option<Wall> {
        if !self.windows.covers_week() {
            return None;
        }
        let holiday = self.windows.next_holiday(zone::shifted(self.date, -2)).filter(|holiday| *holiday <= self.last);
        let resume = holiday.map_or(zone::shifted(self.last, 1), |holiday| zone::shifted(holiday, -2));
        if resume <= zone::shifted(self.date, 2) {
            return None;
        }
        (self.date, self.index) = (resume, 0);
        Some(holiday.map_or(NEVER, |_| zone::opening(self.windows.timezone(), zone::shifted(resume, 1), 0)))
    }
}

impl Iterator for Days<'_> {
    type Item = Stretch;

    fn next(&mut self) -> Option<Stretch> {
        while self.date <= self.last {
            if self.index == self.windows.spans().len() {
                let tomorrow = zone::shifted(self.date, 1);
                if tomorrow == self.date {
                    return None; // the end of the calendar
                }
                (self.date, self.index) = (tomorrow, 0);
                continue;
            }
            self.index += 1;
            if let Some((opens, closes)) = self.windows.on(self.date, self.index - 1) {
                return Some(Stretch { opens, closes });
            }
        }
        None
    }
}
