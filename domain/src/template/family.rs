//! A family: lines with the same outline whose words mostly agree. Each position is a constant, a choice of a few values, or
//! open; a template is one combination of the choices.
//!
//! The principle: *a position is part of the message until it has shown more than [`MAX_CHOICES`] values; then it is a
//! variable.* So `state=ok` and `state=failed` stay two templates, and the sixth user name makes one of six.

use super::shape::{Kind, MASK, Shape};
use super::tally::Tally;
use super::{MAX_CHOICES, MAX_COMBINATIONS, TemplateId};
use crate::time::Wall;
use serde::{Deserialize, Serialize};

/// The pick of an open position.
const OPEN: u8 = u8::MAX;

/// What stood at one place of the lines.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Position {
    /// The bytes of a field's name, at the beginning of every value; 0 for words.
    #[serde(rename = "k", default, skip_serializing_if = "is_zero")]
    key_bytes: u16,
    /// Its values, or, once it is open, the name of its field.
    #[serde(rename = "v")]
    values: Vec<Box<str>>,
    #[serde(rename = "o", default, skip_serializing_if = "is_false")]
    is_open: bool,
}

fn is_zero(value: &u16) -> bool {
    *value == 0
}

fn is_false(value: &bool) -> bool {
    !*value
}

impl Position {
    fn of(shape: &Shape, at: usize) -> Position {
        let key_bytes = u16::try_from(shape.key(at).len()).unwrap_or(0);
        Position { key_bytes, values: vec![shape.text(at).into()], is_open: false }
    }

    /// Which of the values `text` is.
    fn pick(&self, text: &str) -> Option<u8> {
        if self.is_open {
            return Some(OPEN);
        }
        let at = self.values.iter().position(|value| **value == *text)?;
        u8::try_from(at).ok()
    }

    fn open(&mut self) {
        let name = self.values.first().and_then(|value| value.get(..usize::from(self.key_bytes))).unwrap_or_default();
        self.values = vec![name.into()];
        self.is_open = true;
    }

    fn write(&self, pick: u8, out: &mut String) {
        let value = if self.is_open { self.values.first() } else { self.values.get(usize::from(pick)) };
        out.push_str(value.map_or("", |value| value));
        if self.is_open {
            out.push_str(MASK);
        }
    }
}

/// One combination of a family's choices.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Template {
    #[serde(rename = "i")]
    pub(super) id: TemplateId,
    #[serde(rename = "p")]
    picks: Vec<u8>,
    #[serde(rename = "t")]
    pub(super) tally: Tally,
    /// How many looks of the hand that forgets it survives; see [`super::Miner`].
    #[serde(skip)]
    pub(super) credit: u8,
}

/// Lines with one outline whose words mostly agree.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Family {
    #[serde(rename = "o")]
    pub(super) outline: u64,
    #[serde(rename = "s")]
    positions: Vec<Position>,
    #[serde(rename = "t")]
    pub(super) templates: Vec<Template>,
}

/// Where a line went.
pub(super) struct Place {
    pub(super) at: usize,
    pub(super) is_new: bool,
}

impl Family {
    pub(super) fn new(shape: &Shape) -> Family {
        let positions = (0..shape.len()).map(|at| Position::of(shape, at)).collect();
        Family { outline: shape.outline(), positions, templates: Vec::new() }
    }

    /// How badly `shape` fits: twice the words that differ and once the words that meet a variable; nothing when it does not fit.
    pub(super) fn misfit(&self, shape: &Shape) -> Option<usize> {
        if self.positions.len() != shape.len() {
            return None;
        }
        let (mut same, mut differ, mut open) = (0, 0, 0);
        for (at, position) in self.positions.iter().enumerate() {
            let kind = shape.kind(at);
            if matches!(kind, Kind::Field(_)) != (position.key_bytes > 0) {
                return None;
            }
            if position.key_bytes > 0 {
                let name = position.values.first().and_then(|value| value.get(..usize::from(position.key_bytes)));
                if name != Some(shape.key(at)) {
                    return None;
                }
            } else if position.is_open {
                open += usize::from(kind == Kind::Word);
            } else if position.pick(shape.text(at)).is_none() {
                differ += 1;
            } else {
                same += usize::from(kind == Kind::Word);
            }
        }
        // Two words in five may differ.
        (differ * 5 <= (same + differ) * 2).then_some(differ * 2 + open)
    }

    /// Whether the template at `at` is what `shape` belongs to, with no value unknown.
    pub(super) fn is_at(&self, at: usize, shape: &Shape) -> bool {
        let Some(template) = self.templates.get(at).filter(|_| self.positions.len() == shape.len()) else { return false };
        let mut places = self.positions.iter().zip(&template.picks).enumerate();
        places.all(|(at, (position, pick))| match position.values.get(usize::from(*pick)) {
            _ if position.is_open => {
                position.key_bytes == 0 || position.values.first().is_some_and(|name| **name == *shape.key(at))
            }
            Some(value) => **value == *shape.text(at),
            None => false,
        })
    }

    /// Takes `shape` in, which fits. New values become choices, too many choices a variable; templates that thereby become
    /// one are told to `merged`, the one that ends first.
    pub(super) fn admit(
        &mut self,
        shape: &Shape,
        id: TemplateId,
        now: Wall,
        mut merged: impl FnMut(TemplateId, TemplateId),
    ) -> Place {
        let mut has_opened = false;
        for (at, position) in self.positions.iter_mut().enumerate() {
            if position.pick(shape.text(at)).is_some() {
                continue;
            }
            if position.values.len() < MAX_CHOICES {
                position.values.push(shape.text(at).into());
            } else {
                position.open();
                has_opened = true;
            }
        }
        if has_opened {
            self.unite(&mut merged);
        }
        if let Some(at) = self.find(shape) {
            return Place { at, is_new: false };
        }
        while self.templates.len() >= MAX_COMBINATIONS {
            self.open_widest();
            self.unite(&mut merged);
        }
        match self.find(shape) {
            Some(at) => Place { at, is_new: false },
            None => {
                let picks = self.picks(shape);
                self.templates.push(Template { id, picks, tally: Tally::new(now), credit: 0 });
                Place { at: self.templates.len() - 1, is_new: true }
            }
        }
    }

    fn picks(&self, shape: &Shape) -> Vec<u8> {
        self.positions.iter().enumerate().map(|(at, position)| position.pick(shape.text(at)).unwrap_or(OPEN)).collect()
    }

    fn find(&self, shape: &Shape) -> Option<usize> {
        (0..self.templates.len()).find(|at| self.is_at(*at, shape))
    }

    /// Makes a variable of the position with the most values.
    fn open_widest(&mut self) {
        let closed = self.positions.iter_mut().filter(|position| !position.is_open);
        if let Some(widest) = closed.max_by_key(|position| position.values.len()) {
            widest.open();
        }
    }

    /// Makes one of templates that no longer differ.
    fn unite(&mut self, merged: &mut impl FnMut(TemplateId, TemplateId)) {
        let old = std::mem::take(&mut self.templates);
        for mut template in old {
            for (pick, position) in template.picks.iter_mut().zip(&self.positions) {
                *pick = if position.is_open { OPEN } else { *pick };
            }
            match self.templates.iter_mut().find(|kept| kept.picks == template.picks) {
                Some(kept) => {
                    kept.tally.absorb(&template.tally);
                    kept.credit = kept.credit.max(template.credit);
                    merged(template.id, kept.id);
                }
                None => self.templates.push(template),
            }
        }
    }

    /// Opens every position but the first and the names of fields: what is left when too many families share an outline.
    pub(super) fn catch_all(shape: &Shape) -> Family {
        let mut family = Family::new(shape);
        family.positions.iter_mut().skip(1).for_each(Position::open);
        family
    }

    /// Whether nothing but the first word is constant.
    pub(super) fn is_catch_all(&self) -> bool {
        self.positions.iter().skip(1).all(|position| position.is_open)
    }

    /// Forgets the template at `at`, and values nobody uses any more.
    pub(super) fn forget(&mut self, at: usize) -> TemplateId {
        let gone = self.templates.swap_remove(at);
        for (index, position) in self.positions.iter_mut().enumerate().filter(|(_, position)| position.values.len() > 1) {
            let mut moved = [OPEN; MAX_CHOICES];
            let mut kept = Vec::with_capacity(position.values.len());
            for template in &mut self.templates {
                let Some(to) = moved.get_mut(usize::from(template.picks[index])) else { continue };
                if *to == OPEN {
                    *to = u8::try_from(kept.len()).unwrap_or(OPEN);
                    kept.push(position.values[usize::from(template.picks[index])].clone());
                }
                template.picks[index] = *to;
            }
            position.values = kept;
        }
        gone.id
    }

    /// The text of the template at `at`, variables as `<*>`.
    pub(super) fn text(&self, at: usize) -> String {
        let mut text = String::new();
        for (position, pick) in self.positions.iter().zip(&self.templates[at].picks) {
            if !text.is_empty() {
                text.push(' ');
            }
            position.write(*pick, &mut text);
        }
        text
    }

    /// Whether it could have been written by [`super::Miner`]: for state that comes from outside.
    pub(super) fn is_sound(&self) -> bool {
        let positions = &self.positions;
        let is_sound_position = |position: &Position| {
            let has_name = |value: &str| value.get(..usize::from(position.key_bytes)).is_some();
            (1..=MAX_CHOICES).contains(&position.values.len())
                && position.values.iter().all(|value| has_name(value))
                && (!position.is_open || position.values.len() == 1)
        };
        let is_pick = |(pick, position): (&u8, &Position)| {
            if position.is_open { *pick == OPEN } else { usize::from(*pick) < position.values.len() }
        };
        let is_sound_template = |t: &Template| t.picks.len() == positions.len() && t.picks.iter().zip(positions).all(is_pick);
        positions.len() <= super::MAX_TOKENS
            && (1..=MAX_COMBINATIONS).contains(&self.templates.len())
            && positions.iter().all(is_sound_position)
            && self.templates.iter().all(is_sound_template)
    }
}
