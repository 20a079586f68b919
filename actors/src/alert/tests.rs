//! The alert rooms in virtual time, over a real store and a peer without sockets.

mod direct;
mod faults;
mod flow;
mod peer;
mod storm;
mod town;
