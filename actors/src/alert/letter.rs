//! A message before it is sent: everything it is written from, and its body in each form.

use super::plan::Plan;
use super::text::Texts;
use domain::notice::{self, Form, Incident, Telling};
use domain::policy::Act;
use domain::time::Wall;
use serde_json::Value;

/// A message to be written.
pub(super) struct Letter {
    shape: Shape,
    incidents: Vec<Incident>,
    text: String,
    link: Option<String>,
    delivered_at: Wall,
    possible_repeat: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Current,
    Recovered,
    Digest,
}

impl Letter {
    /// The message of `plan`, told at `now`; `None` when there is nothing to tell of.
    pub(super) fn new(plan: &Plan, texts: &Texts, link: impl FnOnce(i64) -> Option<String>, now: Wall) -> Option<Letter> {
        let incidents: Vec<Incident> = plan.told.iter().map(|(incident, _)| incident.clone()).collect();
        let first = incidents.first()?;
        let shape = match plan.act {
            Act::Recover => Shape::Recovered,
            Act::Digest => Shape::Digest,
            Act::Edit(_) if incidents.len() > 1 => Shape::Digest,
            Act::Open | Act::Edit(_) | Act::Skip => Shape::Current,
        };
        let (text, link) = match shape {
            Shape::Current => (texts.opened(first), link(first.alert)),
            Shape::Recovered => (texts.recovered(first), None),
            Shape::Digest => (String::new(), None),
        };
        // A changed message keeps saying when it was delivered first.
        let delivered_at = plan.old.as_ref().map_or(now, |old| old.sent_at);
        Some(Letter { shape, text, link, delivered_at, possible_repeat: plan.possible_repeat, incidents })
    }

    /// The body in this form, and how many of the plan's incidents it names.
    pub(super) fn body(&self, form: Form) -> (Value, usize) {
        let telling = Telling {
            text: &self.text,
            link: self.link.as_deref(),
            delivered_at: self.delivered_at,
            possible_repeat: self.possible_repeat,
            form,
        };
        match (self.shape, self.incidents.first()) {
            (Shape::Current, Some(incident)) => (notice::current(incident, &telling), 1),
            (Shape::Recovered, Some(incident)) => (notice::recovered(incident, &telling), 1),
            (_, _) => {
                let digest = notice::digest(&self.incidents, &telling);
                (digest.body, digest.named)
            }
        }
    }
}
