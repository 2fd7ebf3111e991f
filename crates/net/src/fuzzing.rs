//! What fuzzing needs: the readers of what others send, by themselves. Nothing here opens a socket.

use crate::dial::{sign_in, tunnel};

pub use crate::dial::sign_in::fuzzing::{ntlm_answer, sign_in};
pub use crate::dns::fuzzing::{dns_answer, resolver_files};
pub use crate::kerberos::fuzzing::{
    kerberos_answer, kerberos_answer_of, kerberos_cache, kerberos_settings,
};
pub use crate::probe::fuzzing::{HttpForm, Revocation, http_answer, told_binding};

/// The status of a proxy's answer, and the schemes of sign-in that it offers.
#[must_use]
pub fn proxy_answer(head: &[u8]) -> Option<(u16, Vec<String>)> {
    let (status, headers) = tunnel::status_and_headers(head)?;
    let offered = headers
        .iter()
        .filter(|(name, _)| name == "proxy-authenticate")
        .map(|(_, value)| value.clone());
    let schemes = sign_in::fuzzing::schemes(&offered.collect::<Vec<_>>());
    Some((status, schemes))
}
