//! Bounds of everything a client can send, hold open or wait for; the unit is last in each name.

/// Limits of the web server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebLimits {
    /// Threads that serve.
    pub workers: usize,
    /// Connections open at one time, over all workers.
    pub connections_most: usize,
    /// Connections that may wait to be accepted.
    pub backlog: u32,
    /// Longest request line, in bytes.
    pub url_bytes: usize,
    /// All header fields of a request together, in bytes.
    pub header_bytes: usize,
    /// Largest body of a heartbeat, in bytes; its head is kept.
    pub heartbeat_body_bytes: usize,
    /// Largest JSON body of a management request, in bytes.
    pub json_body_bytes: usize,
    /// Longest wait for the head of a request, in milliseconds.
    pub header_wait_ms: u64,
    /// Longest wait for a whole body, in milliseconds.
    pub body_wait_ms: u64,
    /// How long what was sent may wait to be taken by the other side, in milliseconds.
    pub send_wait_ms: u64,
    /// How long an idle connection stays open, in milliseconds.
    pub idle_wait_ms: u64,
    /// How long requests in flight may take once the server stops, in seconds.
    pub stop_wait_s: u64,
}

impl Default for WebLimits {
    fn default() -> WebLimits {
        WebLimits {
            workers: 2,
            connections_most: 20_000,
            backlog: 2_048,
            url_bytes: 8 << 10,
            header_bytes: 32 << 10,
            heartbeat_body_bytes: 1 << 20,
            json_body_bytes: 256 << 10,
            header_wait_ms: 5_000,
            body_wait_ms: 10_000,
            send_wait_ms: 20_000,
            idle_wait_ms: 75_000,
            stop_wait_s: 5,
        }
    }
}
