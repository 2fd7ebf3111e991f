//! What the agent tells the child that checks the network.
//!
//! The child parses what comes from the network, so it is handed what it needs and no more: where
//! the manager is, whom to trust, and the way there. The device's private key is not among it. The
//! manager's port takes connections without a certificate, so every flow can be checked up to and
//! with the manager's answer; whether the manager still knows this device is what check-ins find
//! out. A proxy's password is handed over where one is set, as no proxy can be passed without it.

use std::io::{self, Read};

use serde::{Deserialize, Serialize};

/// A longer order is not one of the agent's.
pub const MAX_ORDER: u64 = 1 << 20;

/// An order: JSON on the child's standard input, to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The process that gave it; without that one the child ends.
    pub parent: u32,
    /// The manager's addresses, as `host:port`.
    pub addresses: Vec<String>,
    /// The site CA's certificate, in PEM.
    pub ca_certificate: String,
    /// As in `agent.toml`.
    pub proxy: String,
    /// Seconds for the whole check.
    pub seconds: u64,
}

/// Why there is no order.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    #[error("the order could not be read: {0}")]
    Io(#[from] io::Error),
    #[error(
        "expected an order of the agent's, got something else ({0}); the agent starts this by itself"
    )]
    Form(#[from] serde_json::Error),
}

impl Order {
    /// Reads the order.
    ///
    /// # Errors
    /// When it is cut short, longer than [`MAX_ORDER`], or something else.
    pub fn read(from: impl Read) -> Result<Self, OrderError> {
        let mut text = Vec::new();
        from.take(MAX_ORDER).read_to_end(&mut text)?;
        Ok(serde_json::from_slice(&text)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_reads_back_and_one_that_is_cut_or_foreign_is_refused() {
        let order = Order {
            parent: 1,
            addresses: vec!["manager.example:443".to_owned()],
            ca_certificate: "PEM".to_owned(),
            proxy: "direct".to_owned(),
            seconds: 40,
        };
        let text = serde_json::to_vec(&order).unwrap();
        assert_eq!(Order::read(text.as_slice()).unwrap(), order);
        for wrong in [&text[..text.len() - 1], b"", b"{}", b"[1]"] {
            let error = Order::read(wrong).unwrap_err();
            assert!(matches!(error, OrderError::Form(_)), "{error}");
        }
    }
}
