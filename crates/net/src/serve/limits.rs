//! What one peer, or all of them together, may take.

use std::time::Duration;

/// Limits of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServeLimits {
    /// Open connections, handshakes included. Further ones are closed at once, and counted.
    pub max_connections: usize,
    /// From TCP's handshake to the end of TLS's.
    pub handshake: Duration,
    /// From then to the first request.
    pub first_request: Duration,
    /// HTTP/1.1: for the head of each request. Also the longest wait for the next one.
    pub header_read: Duration,
    /// A connection with no request under way for this long is closed.
    pub idle: Duration,
    /// HTTP/2: requests under way on one connection.
    pub max_streams: u32,
    /// HTTP/2: streams that the client opened and reset before they were taken up.
    pub max_pending_resets: usize,
    /// HTTP/2: streams that we had to reset because of the client's errors.
    pub max_error_resets: usize,
    /// Bytes of a request's head.
    pub max_headers: u32,
    /// HTTP/2: a silent client is asked for a sign of life this often.
    pub ping_every: Duration,
    /// The connection is closed when none comes within this time.
    pub ping_limit: Duration,
    /// HTTP/2: what a client may send ahead of our reading, for one request.
    pub stream_window: u32,
    /// The same for all requests of a connection together.
    pub connection_window: u32,
    /// Bytes of one response that wait for the network.
    pub send_buffer: usize,
    /// How long requests under way may go on after the shutdown began.
    pub drain: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            max_connections: 20_000,
            handshake: Duration::from_secs(10),
            first_request: Duration::from_secs(60),
            header_read: Duration::from_secs(30),
            idle: Duration::from_secs(15 * 60),
            max_streams: 64,
            max_pending_resets: 32,
            max_error_resets: 64,
            max_headers: 32 * 1024,
            ping_every: Duration::from_secs(60),
            ping_limit: Duration::from_secs(20),
            stream_window: 256 * 1024,
            connection_window: 1024 * 1024,
            send_buffer: 64 * 1024,
            drain: Duration::from_secs(10),
        }
    }
}
