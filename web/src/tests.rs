//! The API from outside: real routes, a real hub, a real store.

mod ack_flow;
mod alert_flow;
mod event_flow;
mod fleet_flow;
mod heartbeat_flow;
mod host_flow;
mod intake_flow;
mod log_flow;
mod matrix;
mod page_flow;
mod page_routes;
mod page_snapshots;
mod setting_flow;
mod setup_flow;
mod sign_in_flow;
mod socket;
mod supervision_flow;
