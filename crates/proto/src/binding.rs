//! How a server sees the connection on which it is asked.
//!
//! Whoever asks is told, without a credential, and that gives nothing away:
//! - The value is that of the connection on which the question came, never another's, and whoever
//!   holds the other end of that connection derives the same value by itself. It follows from the
//!   connection's secrets by one-way functions, and RFC 9266 (section 3) is made so that showing it
//!   harms nothing.
//! - It fits no other connection. Our servers speak TLS 1.3 alone, resume no session and take no
//!   early data, so that each connection has a value of its own, and without TLS there is none.
//!   Behind something that ends TLS, a balancer or an inspecting proxy, it is the value between that
//!   and the server: so many clients may be told it, of whom none has it itself.
//! - Nothing of ours takes it for a secret or for a proof of who somebody is, and nothing may.
//!
//! It is told by the server and not proven: what opens the connection can write another value into
//! the answer. A signature of the server's would not change that. Whoever knows the key to check it
//! by has checked the server's own signature in the handshake, which covers the whole connection;
//! for whoever does not, what forges the certificate forges the signature too.

use serde::{Deserialize, Serialize};

/// The server's end of the connection, for whoever wants to know if something in between opens
/// TLS. The other end has the same value already, unless something does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ChannelBinding {
    /// The value `tls-exporter` (RFC 9266) in hexadecimal, 64 digits.
    pub tls_exporter: String,
}
