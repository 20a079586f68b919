//! A supervision tree as data: which children there are, how each is kept, and what the failure of one means for the others.

use super::context::Context;
use super::start::{Start, Starter};
use super::{Child, SpecError};
use domain::restart::{Backoff, Intensity, Restart, Rule};
use serde::{Serialize, Serializer};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

const HOST_RETRY_MS: u64 = 300_000;

/// A shutdown limit that never comes (OTP's `infinity`): what supervisors have, so that their children's limits count.
pub const NO_LIMIT: u64 = u64::MAX;

/// How long a child may wait inside itself before it counts as hung, unless its spec says otherwise.
const HANG_LIMIT_MS: u64 = 60_000;

/// Which child it is: a name known at compile time, or a key of one of many.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChildId {
    /// One of a kind, such as `db`.
    Name(&'static str),
    /// One of many, such as a host's id.
    Key(Arc<str>),
}

impl ChildId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        match self {
            ChildId::Name(name) => name,
            ChildId::Key(key) => key,
        }
    }
}

impl fmt::Display for ChildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ChildId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl From<&'static str> for ChildId {
    fn from(name: &'static str) -> ChildId {
        ChildId::Name(name)
    }
}

impl From<&domain::host::HostId> for ChildId {
    fn from(id: &domain::host::HostId) -> ChildId {
        ChildId::Key(id.as_str().into())
    }
}

/// What the failure of one child means for its siblings. Groups of many are `one_for_one` inside, whatever their supervisor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Nothing: only the one that failed is restarted.
    OneForOne,
    /// All are stopped in reverse start order and revived in start order.
    OneForAll,
    /// The same for those started after it.
    RestForOne,
}

/// What happens to a child that was restarted too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GiveUp {
    /// Its supervisor cannot do without it and fails with it: as in OTP. At the top, [`Exit`](super::Exit) is called.
    Escalate,
    /// It is shown as given up, reported through [`on_give_up`](super::Supervisor::on_give_up), and tried once every so
    /// many milliseconds. A try that lives through the intensity's period has recovered. Not in OTP.
    RetryEvery(u64),
}

/// How children of one kind are kept; one value is shared by all of them, and they form one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildSpec {
    /// The group's name in the log and in the view.
    pub name: &'static str,
    /// Whether there are many: then the view lists only those with a story to tell, and ended ones vanish from it.
    pub many: bool,
    /// Which endings lead to a restart, how many of this very child are too many, how long to wait. A permanent child is
    /// also kept when nobody holds its address; the others end then. (OTP counts only for all children of a supervisor
    /// together: see [`Flags`]. A child is given up when either is exceeded.)
    pub rule: Rule,
    /// How long a child may take to stop, in milliseconds; then it is dropped. 0 is OTP's `brutal_kill`, [`NO_LIMIT`] its
    /// `infinity`.
    pub shutdown_limit_ms: u64,
    /// What follows too many restarts.
    pub on_give_up: GiveUp,
    /// How long it may be in a `ctx.wait` in milliseconds before that is an ending ("hung"); 0 is for ever. While a
    /// [`Waiting`](super::Waiting) of the child is open, nothing is counted.
    pub hang_limit_ms: u64,
}

impl ChildSpec {
    /// As OTP's defaults: permanent, 5 s to stop, and only its supervisor counts its restarts.
    pub const fn worker(name: &'static str) -> ChildSpec {
        ChildSpec {
            name,
            many: false,
            rule: Rule {
                restart: Restart::Permanent,
                intensity: Intensity::UNLIMITED,
                backoff: Backoff { first_ms: 50, max_ms: 5_000 },
            },
            shutdown_limit_ms: 5_000,
            on_give_up: GiveUp::Escalate,
            hang_limit_ms: HANG_LIMIT_MS,
        }
    }

    /// A core actor: permanent, and more than 3 restarts in 60 s escalate.
    pub const fn core(name: &'static str) -> ChildSpec {
        let mut spec = ChildSpec::worker(name);
        spec.rule.intensity = Intensity { max_restarts: 3, period_ms: 60_000 };
        spec
    }

    /// One of many, such as a host: transient, and more than 5 restarts in 30 s are given up and tried every 5 minutes.
    pub const fn many(name: &'static str) -> ChildSpec {
        let mut spec = ChildSpec::worker(name);
        spec.many = true;
        spec.rule.restart = Restart::Transient;
        spec.rule.intensity = Intensity { max_restarts: 5, period_ms: 30_000 };
        spec.shutdown_limit_ms = 2_000;
        spec.on_give_up = GiveUp::RetryEvery(HOST_RETRY_MS);
        spec
    }

    /// A supervisor below another: its children's limits bound its stop.
    pub const fn supervisor(name: &'static str) -> ChildSpec {
        let mut spec = ChildSpec::worker(name);
        spec.shutdown_limit_ms = NO_LIMIT;
        spec.hang_limit_ms = 0;
        spec
    }
}

/// What holds for all children of a supervisor (OTP's `sup_flags`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Flags {
    /// What the failure of one means for the others.
    pub strategy: Strategy,
    /// How many restarts of all children together are too many. Children that are never escalated do not count.
    pub intensity: Intensity,
}

impl Flags {
    /// A strategy, and how many restarts within so many milliseconds are too many.
    pub const fn new(strategy: Strategy, max_restarts: u32, period_ms: u64) -> Flags {
        Flags { strategy, intensity: Intensity { max_restarts, period_ms } }
    }

    /// Each for itself, and only the children's own intensities count.
    pub const EACH_FOR_ITSELF: Flags = Flags { strategy: Strategy::OneForOne, intensity: Intensity::UNLIMITED };
}

/// What a start function gives: the actor; nothing, when there is nothing to do (OTP's `ignore`); or why it failed.
pub type Made<A> = Result<Option<A>, String>;

/// One child of a tree, as data: its id is its spec's name.
#[derive(Clone)]
pub struct ChildDef {
    pub(super) spec: Arc<ChildSpec>,
    pub(super) start: Start,
}

impl ChildDef {
    /// A child made by `start`, which runs at every start and `restart_child`, but not at restarts: those keep the actor and its address.
    pub fn new<A: Child>(spec: ChildSpec, start: impl Fn(&mut Context<A>) -> A + 'static) -> ChildDef {
        ChildDef::fallible(spec, move |ctx| Ok(Some(start(ctx))))
    }

    /// A child whose start may fail or have nothing to do.
    pub fn fallible<A: Child>(spec: ChildSpec, start: impl Fn(&mut Context<A>) -> Made<A> + 'static) -> ChildDef {
        ChildDef { spec: Arc::new(spec), start: Start::Worker(Rc::new(Starter::new(start))) }
    }

    /// A place among the children for a group of many, which are started by [`Supervisor::spawn`](super::Supervisor::spawn) with this very spec.
    pub fn group(spec: &Arc<ChildSpec>) -> ChildDef {
        ChildDef { spec: Arc::clone(spec), start: Start::Group }
    }

    /// A supervisor with children of its own.
    pub fn supervisor(spec: ChildSpec, tree: Tree) -> ChildDef {
        ChildDef { spec: Arc::new(spec), start: Start::Supervisor(Rc::new(tree)) }
    }

    /// How it is kept.
    pub fn spec(&self) -> &ChildSpec {
        &self.spec
    }
}

impl fmt::Debug for ChildDef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildDef").field("spec", &self.spec).field("start", &self.start).finish()
    }
}

/// A supervisor and its children, in start order, as data.
#[derive(Clone, Debug)]
pub struct Tree {
    /// What holds for all of them.
    pub flags: Flags,
    /// The children, in start order; they stop in the reverse.
    pub children: Vec<ChildDef>,
}

impl Tree {
    /// A tree without children yet.
    pub fn new(flags: Flags) -> Tree {
        Tree { flags, children: Vec::new() }
    }

    /// The tree with one more child, started after the others.
    #[must_use]
    pub fn with(mut self, child: ChildDef) -> Tree {
        self.children.push(child);
        self
    }

    /// Whether the tree makes sense (OTP's `check_childspecs`).
    ///
    /// # Errors
    /// Two children of one name, a period of nothing, an empty name, a group that could take its supervisor's siblings down.
    pub fn check(&self) -> Result<(), SpecError> {
        if self.flags.intensity.period_ms == 0 && self.flags.intensity != Intensity::UNLIMITED {
            return Err(SpecError::NoPeriod("its flags"));
        }
        for (nth, child) in self.children.iter().enumerate() {
            check_child(child)?;
            if self.children[..nth].iter().any(|other| other.spec.name == child.spec.name) {
                return Err(SpecError::Duplicate(child.spec.name));
            }
        }
        Ok(())
    }
}

pub(super) fn check_child(child: &ChildDef) -> Result<(), SpecError> {
    let spec = &child.spec;
    if spec.name.is_empty() {
        return Err(SpecError::NoName);
    }
    if spec.rule.intensity.period_ms == 0 && spec.rule.intensity != Intensity::UNLIMITED {
        return Err(SpecError::NoPeriod(spec.name));
    }
    match &child.start {
        Start::Supervisor(tree) => tree.check(),
        Start::Group if !spec.many => Err(SpecError::NotMany(spec.name)),
        Start::Worker(_) if spec.many => Err(SpecError::Many(spec.name)),
        Start::Group | Start::Worker(_) => Ok(()),
    }
}
