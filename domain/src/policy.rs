//! What a channel is told next: from the rows that wait, one step with a named reason. It never looks at a clock.
//!
//! New messages come before changes of old ones. A recovery is never told before its opening: when both wait, the opening
//! tells both.

use std::collections::{HashMap, HashSet};

/// More waiting incidents than this become a digest.
pub const SINGLE_MOST: usize = 10;

/// What a row is to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The incident began: a new message.
    Opened,
    /// The incident's message follows its state.
    Edited,
    /// The incident ended: a new message.
    Recovered,
}

/// A row of the outbox that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// `outbox.id`: also the order.
    pub id: i64,
    /// `alerts.id`.
    pub alert: i64,
    /// What it is to tell.
    pub kind: Kind,
    /// `messages.id` of the message that told of the opening on this channel.
    pub message: Option<i64>,
}

/// Why a step is taken; stored with the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// An incident began.
    Opened,
    /// An incident began and ended before it could be told: one message for both.
    OpenedAndOver,
    /// An incident ended.
    Recovered,
    /// So many wait that one message names them all.
    MoreThanTenWait,
    /// The incident is not as its message says.
    StateChanged,
    /// The opening was never delivered, so there is nothing to change.
    NoMessageToEdit,
}

impl Reason {
    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Opened => "opened",
            Reason::OpenedAndOver => "opened and over",
            Reason::Recovered => "recovered",
            Reason::MoreThanTenWait => "more than ten wait",
            Reason::StateChanged => "state changed",
            Reason::NoMessageToEdit => "no message to edit",
        }
    }
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Post the incident's message.
    Open,
    /// Post that the incident is over.
    Recover,
    /// Post one message about all these incidents, or as many from the first on as fit.
    Digest,
    /// Replace this message (`messages.id`) by what is true now.
    Edit(i64),
    /// Tell nothing.
    Skip,
}

/// An incident and the rows that a step settles about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// `alerts.id`.
    pub alert: i64,
    /// `outbox.id` of each row.
    pub rows: Vec<i64>,
}

/// The next step of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What is to be done.
    pub act: Act,
    /// About which incidents, in the order they are to be told.
    pub told: Vec<Told>,
    /// Why.
    pub reason: Reason,
}

impl Step {
    /// Every row the step settles.
    pub fn rows(&self) -> Vec<i64> {
        self.told.iter().flat_map(|told| told.rows.iter().copied()).collect()
    }
}

/// The next step from what waits, in the order of ids; `None` when nothing waits.
///
/// ```
/// use domain::policy::{Act, Kind, Waiting, next};
/// let row = |id, kind| Waiting { id, alert: 7, kind, message: None };
/// let step = next(&[row(1, Kind::Opened), row(2, Kind::Edited), row(3, Kind::Recovered)]).unwrap();
/// assert_eq!((step.act, step.rows(), step.reason.as_str()), (Act::Open, vec![1, 2, 3], "opened and over"));
/// ```
pub fn next(waiting: &[Waiting]) -> Option<Step> {
    let news = news(waiting);
    if news.len() > SINGLE_MOST {
        let told = news.into_iter().map(|item| item.told).collect();
        return Some(Step { act: Act::Digest, told, reason: Reason::MoreThanTenWait });
    }
    if let Some(first) = news.into_iter().next() {
        let (act, reason) = match (first.opens, first.ends) {
            (true, false) => (Act::Open, Reason::Opened),
            (true, true) => (Act::Open, Reason::OpenedAndOver),
            (false, _) => (Act::Recover, Reason::Recovered),
        };
        return Some(Step { act, told: vec![first.told], reason });
    }
    change(waiting)
}

struct News {
    told: Told,
    opens: bool,
    ends: bool,
}

/// The incidents with something new, in the order of their first such row. An opening takes along every later row about the
/// same incident, because it is written from how the incident is now.
fn news(waiting: &[Waiting]) -> Vec<News> {
    let opening: HashSet<i64> = waiting.iter().filter(|row| row.kind == Kind::Opened).map(|row| row.alert).collect();
    let mut news: Vec<News> = Vec::new();
    let mut at: HashMap<i64, usize> = HashMap::new();
    for row in waiting {
        let opens = opening.contains(&row.alert);
        if row.kind == Kind::Edited && !opens {
            continue;
        }
        let found = *at.entry(row.alert).or_insert(news.len());
        if found == news.len() {
            news.push(News { told: Told { alert: row.alert, rows: Vec::new() }, opens, ends: false });
        }
        news[found].told.rows.push(row.id);
        news[found].ends |= row.kind == Kind::Recovered;
    }
    news
}

/// The first message to change, with every waiting row about it; rows about a message that never was are settled first.
fn change(waiting: &[Waiting]) -> Option<Step> {
    let lost: Vec<_> = waiting.iter().filter(|row| row.message.is_none()).collect();
    if !lost.is_empty() {
        let told = lost.iter().map(|row| Told { alert: row.alert, rows: vec![row.id] }).collect();
        return Some(Step { act: Act::Skip, told, reason: Reason::NoMessageToEdit });
    }
    let message = waiting.first()?.message?;
    let same = waiting.iter().filter(|row| row.message == Some(message));
    let told = same.map(|row| Told { alert: row.alert, rows: vec![row.id] }).collect();
    Some(Step { act: Act::Edit(message), told, reason: Reason::StateChanged })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn row(id: i64, alert: i64, kind: Kind) -> Waiting {
        Waiting { id, alert, kind, message: None }
    }

    fn told(id: i64, alert: i64, kind: Kind, message: i64) -> Waiting {
        Waiting { id, alert, kind, message: Some(message) }
    }

    #[test]
    fn nothing_waiting_is_no_step() {
        assert_eq!(next(&[]), None);
    }

    #[test]
    fn ten_incidents_are_told_one_by_one_and_eleven_in_a_digest() {
        for count in [9, 10, 11] {
            let rows: Vec<_> = (1..=count).map(|n| row(n, n, Kind::Opened)).collect();
            let step = next(&rows).unwrap();
            if count > 10 {
                assert_eq!((step.act, step.rows().len(), step.reason), (Act::Digest, 11, Reason::MoreThanTenWait));
            } else {
                assert_eq!((step.act, step.rows(), step.reason), (Act::Open, vec![1], Reason::Opened));
            }
        }
    }

    #[test]
    fn an_edit_before_its_opening_goes_with_the_opening() {
        let step = next(&[row(1, 7, Kind::Opened), row(2, 7, Kind::Edited)]).unwrap();
        assert_eq!((step.act, step.rows(), step.reason), (Act::Open, vec![1, 2], Reason::Opened));
    }

    #[test]
    fn a_recovery_is_told_before_the_old_message_is_changed() {
        let rows = [told(5, 7, Kind::Edited, 3), told(6, 7, Kind::Recovered, 3)];
        assert_eq!(next(&rows).unwrap().act, Act::Recover);
        let step = next(&rows[..1]).unwrap();
        assert_eq!((step.act, step.reason), (Act::Edit(3), Reason::StateChanged));
    }

    #[test]
    fn edits_of_one_message_are_one_edit() {
        let rows =
            [told(1, 7, Kind::Edited, 3), told(2, 8, Kind::Edited, 4), told(3, 9, Kind::Edited, 3), told(4, 7, Kind::Edited, 3)];
        assert_eq!(next(&rows).unwrap().rows(), vec![1, 3, 4]);
    }

    #[test]
    fn an_edit_without_a_message_is_skipped_with_its_reason() {
        let step = next(&[row(1, 7, Kind::Edited)]).unwrap();
        assert_eq!((step.act, step.reason), (Act::Skip, Reason::NoMessageToEdit));
    }

    #[test]
    fn a_digest_folds_openings_and_recoveries_of_the_same_incident() {
        let mut rows: Vec<_> = (1..=11).map(|n| row(n, n, Kind::Opened)).collect();
        rows.push(row(12, 3, Kind::Recovered));
        let step = next(&rows).unwrap();
        assert_eq!((step.told.len(), step.told[2].rows.clone()), (11, vec![3, 12]));
    }

    fn histories() -> impl Strategy<Value = Vec<Waiting>> {
        // Each incident: how far it went, and whether its opening is told already.
        prop::collection::vec((0..4u8, any::<bool>(), 0..3i64), 0..40).prop_map(|incidents| {
            let mut rows = Vec::new();
            for (alert, (steps, is_told, message)) in (1..).zip(incidents) {
                let message = is_told.then_some(message);
                let kinds = [Kind::Edited, Kind::Edited, Kind::Recovered];
                let opening = if is_told { None } else { Some(Kind::Opened) };
                rows.extend(opening.into_iter().chain(kinds.into_iter().take(steps.into())).map(|kind| (alert, kind, message)));
            }
            let waiting = |(id, (alert, kind, message))| Waiting { id, alert, kind, message };
            (1..).zip(rows).map(waiting).collect()
        })
    }

    proptest! {
        #[test]
        fn every_row_is_settled_and_no_recovery_precedes_its_opening(rows in histories()) {
            let (mut left, mut steps) = (rows.clone(), 0);
            while let Some(step) = next(&left) {
                let settled = step.rows();
                prop_assert!(!settled.is_empty() && settled.iter().all(|id| left.iter().any(|row| row.id == *id)));
                left.retain(|row| !settled.contains(&row.id));
                for recovery in rows.iter().filter(|row| row.kind == Kind::Recovered && settled.contains(&row.id)) {
                    prop_assert!(!left.iter().any(|row| row.alert == recovery.alert && row.kind == Kind::Opened));
                }
                let news = rows.iter().filter(|row| row.kind != Kind::Edited && settled.contains(&row.id));
                prop_assert!(news.count() == 0 || matches!(step.act, Act::Open | Act::Recover | Act::Digest));
                steps += 1;
            }
            prop_assert!(left.is_empty() && steps <= rows.len());
        }

        #[test]
        fn openings_are_told_in_order(rows in histories()) {
            let (mut left, mut last) = (rows, 0);
            while let Some(step) = next(&left) {
                let settled = step.rows();
                for row in left.iter().filter(|row| row.kind == Kind::Opened && settled.contains(&row.id)) {
                    prop_assert!(row.id > last);
                    last = row.id;
                }
                left.retain(|row| !settled.contains(&row.id));
            }
        }
    }
}
