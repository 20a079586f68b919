//! The pages a person looks at: each makes plain data for its template; what forms change goes through the hub as for the API.

pub(crate) mod dashboard;
mod link;
mod rows;

pub(crate) use link::{Link, heartbeat_url};
