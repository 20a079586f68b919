//! The engine's promises in virtual time. Where OTP's `supervisor_SUITE` has the case it has its name; `docs/supervision.md` lists them.

mod costs;
mod intensity;
mod lives;
mod stage;
mod stopping;
