//! The engine's promises in virtual time. Where OTP's `supervisor_SUITE` has the case it has its name; `docs/supervision.md` lists them.

mod costs;
mod hang;
mod intensity;
mod lives;
mod otp_admin;
mod otp_lives;
mod otp_start;
mod otp_stop;
mod otp_strategy;
mod otp_tree;
mod stage;
mod stopping;
mod watching;
