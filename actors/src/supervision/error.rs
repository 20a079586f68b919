//! Why the supervisor did not do what was asked.

/// What is wrong with a tree as data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// Two children of one supervisor have one name (OTP: `duplicate_child_name`).
    #[error("two children are called {0}")]
    Duplicate(&'static str),
    /// A child without a name (OTP: `missing_id`).
    #[error("a child has no name")]
    NoName,
    /// An intensity over a period of nothing would never be exceeded (OTP: `invalid_period`).
    #[error("the restart period of {0} must be longer than nothing")]
    NoPeriod(&'static str),
    /// A group is for many.
    #[error("{0} is a group, but its spec is that of a single child")]
    NotMany(&'static str),
    /// One of many has no start of its own.
    #[error("{0} is a single child, but its spec is that of many")]
    Many(&'static str),
}

/// Why a tree or a child was not started, restarted or deleted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdminError {
    /// There is no such child (OTP: `not_found`).
    #[error("there is no child {0}")]
    NotFound(String),
    /// It runs already (OTP: `already_started`, `running`).
    #[error("{0} is running")]
    Running(String),
    /// It is about to be restarted (OTP: `restarting`).
    #[error("{0} is being restarted")]
    Restarting(String),
    /// It is known and does not run: restart or delete it (OTP: `already_present`).
    #[error("{0} is known already and does not run")]
    Present(String),
    /// Children of a group are ended, not restarted or deleted (OTP: `simple_one_for_one`).
    #[error("{0} is a group of many")]
    Group(String),
    /// Its start failed; `reason` is what it said (OTP: `failed_to_start_child`).
    #[error("{child} could not be started: {reason}")]
    Failed {
        /// Which child.
        child: String,
        /// Its panic or its own words.
        reason: String,
    },
    /// The data makes no sense.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The supervisor is stopping or has failed.
    #[error("the supervisor is down")]
    Down,
}
