//! Identities and proofs: certificates of a site, signed documents, secrets and passwords, the
//! chain of check-ins, enrolment tokens.
//!
//! This crate decides; it opens no socket and asks no clock: the time and every lifetime are
//! arguments. The one exception to "no I/O" is [`keyfile`], which writes and reads small secret
//! files with their permissions. There is no switch that turns a verification off. All
//! cryptography is that of `aws-lc-rs`.
//!
//! Start reading at [`ca`] (who issues), [`identity`] (who asks) and [`certificate`] (who is
//! believed); then [`chain`] (how a copied identity is noticed) and [`signing`] (policies and
//! commands).

pub mod ca;
pub mod certificate;
pub mod chain;
pub mod enrolment;
pub mod identity;
pub mod keyfile;
pub mod secret;
pub mod signing;

mod moment;
mod spki;

pub use ca::{CertificateAuthority, IssuedCertificate, ServerCertificate};
pub use certificate::{PeerCertificate, Subject};
pub use identity::KeyPair;
pub use signing::{EnvelopeError, SigningKey, VerifyingKey};
