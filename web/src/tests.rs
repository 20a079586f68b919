//! The API from outside: real routes, a real hub, a real store.

mod ack_flow;
mod alert_flow;
mod fleet_flow;
mod heartbeat_flow;
mod host_flow;
mod matrix;
mod setting_flow;
mod setup_flow;
mod socket;
mod supervision_flow;
