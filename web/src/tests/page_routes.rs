//! Routes of pages and what each needs: rows of the matrix.

use super::matrix::Need;

/// As in the matrix: method and path as documented, and the least it needs.
pub(super) const PAGES: [(&str, &str, Need); 30] = [
    ("get", "/", Need::Elsewhere),
    ("get", "/dashboard", Need::Read),
    ("get", "/api/v1/dashboard", Need::Read),
    ("get", "/add-host", Need::Read),
    ("post", "/add-host", Need::Form),
    ("get", "/hosts/{host_id}", Need::Read),
    ("get", "/hosts/{host_id}/edit", Need::Read),
    ("post", "/hosts/{host_id}/edit", Need::Form),
    ("post", "/hosts/{host_id}/pause", Need::Form),
    ("post", "/hosts/{host_id}/resume", Need::Form),
    ("post", "/hosts/{host_id}/silence", Need::Form),
    ("get", "/hosts/{host_id}/rotate-token", Need::Read),
    ("post", "/hosts/{host_id}/rotate-token", Need::Form),
    ("get", "/hosts/{host_id}/remove", Need::Read),
    ("post", "/hosts/{host_id}/remove", Need::Form),
    ("get", "/alerts", Need::Read),
    ("get", "/alerts/{id}", Need::Read),
    ("post", "/alerts/{id}/acknowledge", Need::Form),
    ("post", "/alerts/{id}/silence", Need::Form),
    ("get", "/deliveries", Need::Read),
    ("get", "/supervision", Need::Read),
    ("get", "/config", Need::Read),
    ("post", "/config/webhook", Need::Form),
    ("post", "/config/webhook/remove", Need::Form),
    ("post", "/config/webhook/test", Need::Form),
    ("post", "/config/upstream", Need::Form),
    ("post", "/config/public", Need::Form),
    ("post", "/config/revisions/{id}/undo", Need::Form),
    ("get", "/status", Need::Switched),
    ("get", "/badge/{host_id}.svg", Need::Switched),
];
