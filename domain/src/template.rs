//! Mines the templates of a host's log lines: streaming, in bounded memory, with counts, times and rates per template.
//!
//! A line's values are masked (`shape.rs`), lines of one outline form families (`family.rs`), and a family's few-valued
//! positions make its templates. A [`Miner`] is kept per host from one analysis to the next and stored as JSON; what it does
//! depends on the lines and the times it is told, on nothing else.
//!
//! ```
//! use domain::template::Miner;
//! use domain::time::Wall;
//! let mut miner = Miner::default();
//! let one = miner.observe("Accepted password for user anna from 10.0.0.7 port 52000", Wall(0)).template;
//! let two = miner.observe("Accepted password for user ben from 10.0.0.9 port 50123", Wall(1)).template;
//! assert_eq!(one, two);
//! assert_eq!(miner.text(one).unwrap(), "Accepted password for user <*> from <*> port <*>");
//! ```

mod family;
mod shape;
mod tally;
mod value;

pub use tally::{JUMP_FACTOR, JUMP_MIN_ANALYSES, JUMP_MIN_LINES, RARE_LINES, Standing, Tally};

use crate::time::Wall;
use family::Family;
use serde::{Deserialize, Serialize};
use shape::Shape;
use std::collections::HashMap;

/// Templates kept per host.
pub const MAX_TEMPLATES: usize = 2_000;
/// Words of a line that are looked at; the rest counts as one variable.
pub const MAX_TOKENS: usize = 64;
/// Bytes of a masked line that are kept; the rest counts as one variable.
pub const MAX_SHAPE_BYTES: usize = 1_024;
/// Values a position may show and still be part of the message.
pub const MAX_CHOICES: usize = 4;
/// Combinations of such values a family may have; then its widest position becomes a variable.
pub const MAX_COMBINATIONS: usize = 48;
/// Families that may share an outline; what comes then goes to one family whose words are all variables.
pub const MAX_FAMILIES_PER_OUTLINE: usize = 32;
/// Lines from which on a template is established: a flood of lines never seen twice does not push it out.
const ESTABLISHED_LINES: u64 = 3;
/// Of the places for templates, how many established ones may hold for ever: three in four.
const MAX_ESTABLISHED: usize = MAX_TEMPLATES / 4 * 3;
/// Shapes remembered for a quick look-up; a power of two.
const CACHED_SHAPES: usize = 4_096;

/// Names a template of one host, for as long as it is kept; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TemplateId(pub u64);

/// Where a line went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observed {
    /// The template it belongs to.
    pub template: TemplateId,
    /// Whether this line is the first of it.
    pub is_first: bool,
}

/// What happened to a template besides being seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// `from` turned out to be the same as `into`, which has its counts now.
    Merged {
        /// The one that ended.
        from: TemplateId,
        /// The one that goes on.
        into: TemplateId,
    },
    /// It was forgotten to make room.
    Forgotten(TemplateId),
}

/// Where a shape was found last; believed only after a comparison.
#[derive(Clone, Copy, Default)]
struct Cached {
    hash: u64,
    family: u32,
    at: u32,
}

/// The templates of one host.
#[derive(Serialize, Deserialize)]
#[serde(from = "Kept")]
pub struct Miner {
    #[serde(serialize_with = "living")]
    families: Vec<Option<Family>>,
    next_id: u64,
    /// When the analysis before this one ended.
    settled: Option<Wall>,
    /// Templates ever forgotten to make room.
    forgotten: u64,
    #[serde(skip)]
    places: HashMap<TemplateId, usize>,
    #[serde(skip)]
    outlines: HashMap<u64, Vec<usize>>,
    #[serde(skip)]
    free: Vec<usize>,
    #[serde(skip)]
    established: usize,
    #[serde(skip)]
    hand: usize,
    #[serde(skip)]
    shape: Shape,
    #[serde(skip)]
    cache: Vec<Cached>,
    #[serde(skip)]
    changes: Vec<Change>,
}

/// What is stored of a miner.
#[derive(Deserialize)]
struct Kept {
    families: Vec<Family>,
    next_id: u64,
    settled: Option<Wall>,
    forgotten: u64,
}

fn living<S: serde::Serializer>(families: &[Option<Family>], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(families.iter().flatten())
}

impl From<Kept> for Miner {
    /// The same miner again. Families that no miner writes, and those beyond the limit, are left out.
    fn from(kept: Kept) -> Miner {
        let mut miner = Miner { settled: kept.settled, forgotten: kept.forgotten, next_id: kept.next_id, ..Miner::default() };
        for family in kept.families.into_iter().filter(Family::is_sound) {
            let ids: Vec<_> = family.templates.iter().map(|t| (t.id, t.tally.lines)).collect();
            if miner.places.len() + ids.len() > MAX_TEMPLATES || ids.iter().any(|(id, _)| miner.places.contains_key(id)) {
                continue;
            }
            let place = miner.settle_down(family);
            for (id, lines) in ids {
                miner.next_id = miner.next_id.max(id.0.saturating_add(1));
                miner.established += usize::from(lines >= ESTABLISHED_LINES);
                miner.places.insert(id, place);
            }
        }
        miner
    }
}

impl Default for Miner {
    fn default() -> Miner {
        Miner {
            families: Vec::new(),
            next_id: 1,
            settled: None,
            forgotten: 0,
            places: HashMap::new(),
            outlines: HashMap::new(),
            free: Vec::new(),
            established: 0,
            hand: 0,
            shape: Shape::default(),
            cache: vec![Cached::default(); CACHED_SHAPES],
            changes: Vec::new(),
        }
    }
}

impl Miner {
    /// Counts `message`, which was cleaned and redacted and has no header (see [`crate::rules::line::parse`]), as seen at `now`.
    pub fn observe(&mut self, message: &str, now: Wall) -> Observed {
        self.changes.clear();
        let mut shape = std::mem::take(&mut self.shape);
        shape.read(message);
        let observed = match self.cached(&shape) {
            Some((family, at)) => self.count(family, at, false, now),
            None => self.search(&shape, now),
        };
        self.shape = shape;
        observed
    }

    /// What the last line changed besides counts.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    fn slot(&self, shape: &Shape) -> usize {
        usize::try_from(shape.hash() % CACHED_SHAPES as u64).unwrap_or(0)
    }

    fn cached(&self, shape: &Shape) -> Option<(usize, usize)> {
        let cached = self.cache[self.slot(shape)];
        let (family, at) = (cached.family as usize, cached.at as usize);
        let is_there = cached.hash == shape.hash() && self.families.get(family)?.as_ref()?.is_at(at, shape);
        is_there.then_some((family, at))
    }

    fn search(&mut self, shape: &Shape, now: Wall) -> Observed {
        let family = self.family_of(shape);
        let id = TemplateId(self.next_id);
        let (places, changes, established) = (&mut self.places, &mut self.changes, &mut self.established);
        let home = self.families[family].as_mut().expect("a family that was found is there");
        let lines_before: Vec<_> = home.templates.iter().map(|t| t.tally.lines).collect();
        let place = home.admit(shape, id, now, |from, into| {
            places.remove(&from);
            changes.push(Change::Merged { from, into });
        });
        if !changes.is_empty() {
            let is_established = |lines: &u64| *lines >= ESTABLISHED_LINES;
            let before = lines_before.iter().filter(|lines| is_established(lines)).count();
            let after = home.templates.iter().filter(|t| is_established(&t.tally.lines)).count();
            *established = *established + after - before;
        }
        if place.is_new {
            self.next_id += 1;
            places.insert(id, family);
        }
        let slot = self.slot(shape);
        let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        self.cache[slot] = Cached { hash: shape.hash(), family: small(family), at: small(place.at) };
        let observed = self.count(family, place.at, place.is_new, now);
        while self.places.len() > MAX_TEMPLATES {
            self.forget_one(observed.template);
        }
        observed
    }

    fn count(&mut self, family: usize, at: usize, is_first: bool, now: Wall) -> Observed {
        let template = &mut self.families[family].as_mut().expect("a family that was found is there").templates[at];
        template.tally.count(now);
        self.established += usize::from(template.tally.lines == ESTABLISHED_LINES);
        template.credit = u8::try_from(template.tally.lines.ilog2()).unwrap_or(0);
        Observed { template: template.id, is_first }
    }

    /// The family that fits `shape` best; a new one when none does.
    fn family_of(&mut self, shape: &Shape) -> usize {
        let sharing = self.outlines.get(&shape.outline()).map_or(&[][..], Vec::as_slice);
        let fits = sharing.iter().filter_map(|at| Some((self.families[*at].as_ref()?.misfit(shape)?, *at)));
        if let Some((_, best)) = fits.min() {
            return best;
        }
        if sharing.len() < MAX_FAMILIES_PER_OUTLINE {
            return self.settle_down(Family::new(shape));
        }
        let is_catch_all = |at: &&usize| self.families[**at].as_ref().is_some_and(Family::is_catch_all);
        match sharing.iter().find(is_catch_all) {
            Some(at) => *at,
            None => self.settle_down(Family::catch_all(shape)),
        }
    }

    fn settle_down(&mut self, family: Family) -> usize {
        let at = self.free.pop().unwrap_or(self.families.len());
        self.outlines.entry(family.outline).or_default().push(at);
        if at == self.families.len() {
            self.families.push(Some(family));
        } else {
            self.families[at] = Some(family);
        }
        at
    }

    /// Forgets one template that is not `spared`: one that is not established; else, when those hold more than their share,
    /// the one longest without a line, roughly: a hand goes round and takes a credit at each look.
    fn forget_one(&mut self, spared: TemplateId) {
        for step in 0_usize.. {
            self.hand = if self.hand + 1 < self.families.len() { self.hand + 1 } else { 0 };
            // Two rounds in vain: all that is left is established.
            let may_take_all = self.established > MAX_ESTABLISHED || step > 2 * self.families.len();
            let Some(family) = self.families[self.hand].as_mut() else { continue };
            let mut victim = None;
            for (at, template) in family.templates.iter_mut().enumerate().filter(|(_, t)| t.id != spared) {
                let is_established = template.tally.lines >= ESTABLISHED_LINES;
                if (is_established && !may_take_all) || template.credit > 0 {
                    template.credit = if is_established && !may_take_all { template.credit } else { template.credit - 1 };
                } else {
                    victim = Some(at);
                }
            }
            if let Some(at) = victim {
                self.forget(self.hand, at);
                return;
            }
        }
    }

    fn forget(&mut self, at_family: usize, at: usize) {
        let Some(family) = self.families[at_family].as_mut() else { return };
        self.established -= usize::from(family.templates[at].tally.lines >= ESTABLISHED_LINES);
        let id = family.forget(at);
        if family.templates.is_empty() {
            let outline = family.outline;
            self.families[at_family] = None;
            self.free.push(at_family);
            if let Some(sharing) = self.outlines.get_mut(&outline) {
                sharing.retain(|shared| *shared != at_family);
                if sharing.is_empty() {
                    self.outlines.remove(&outline);
                }
            }
        }
        self.places.remove(&id);
        self.forgotten += 1;
        self.changes.push(Change::Forgotten(id));
    }

    fn find(&self, id: TemplateId) -> Option<(&Family, usize)> {
        let family = self.families[*self.places.get(&id)?].as_ref()?;
        let at = family.templates.iter().position(|template| template.id == id)?;
        Some((family, at))
    }

    /// The template's text, variables as `<*>`; nothing when it is merged or forgotten.
    pub fn text(&self, id: TemplateId) -> Option<String> {
        self.find(id).map(|(family, at)| family.text(at))
    }

    /// Its counts.
    pub fn tally(&self, id: TemplateId) -> Option<&Tally> {
        self.find(id).map(|(family, at)| &family.templates[at].tally)
    }

    /// What to think of it in the analysis that `now` ends.
    pub fn standing(&self, id: TemplateId, now: Wall) -> Option<Standing> {
        self.tally(id).map(|tally| tally.standing(self.hours(now)))
    }

    fn hours(&self, now: Wall) -> f64 {
        self.settled.map_or(1.0, |settled| tally::hours(settled, now))
    }

    /// Whether an analysis has ended before: without one, everything is new and nothing is remarkable for that.
    pub fn has_history(&self) -> bool {
        self.settled.is_some()
    }

    /// Ends an analysis at `now`: its lines become what is usual.
    pub fn settle(&mut self, now: Wall) {
        let hours = self.hours(now);
        for family in self.families.iter_mut().flatten() {
            family.templates.iter_mut().for_each(|template| template.tally.settle(hours));
        }
        self.settled = Some(now);
    }

    /// How many templates it keeps; at most [`MAX_TEMPLATES`].
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether it has seen nothing.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Templates ever forgotten to make room.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }
}
