//! The readers of what name servers and files say, for [`crate::fuzzing`].

use std::net::SocketAddr;

use hickory_proto::rr::RecordType;

use super::exchange::{self, Reply};
use super::settings::Settings;

/// What is made of an answer about the addresses and the services of `www.example.test`: how many
/// addresses, aliases and services.
#[must_use]
pub fn dns_answer(bytes: &[u8]) -> Option<(usize, usize, usize)> {
    let mut question = exchange::question("www.example.test", RecordType::A).ok()?;
    // The question has whatever number the answer has.
    question.metadata.id = u16::from_be_bytes(*bytes.first_chunk()?);
    let answer = exchange::answer(&question, bytes)?;
    let services = exchange::services(&answer).len();
    match exchange::read(&question, &answer) {
        Reply::Found(found) => Some((found.addresses.len(), found.aliases.len(), services)),
        Reply::Empty
        | Reply::NoSuchName
        | Reply::Failed(_)
        | Reply::Forbidden
        | Reply::TimedOut => Some((0, 0, services)),
    }
}

/// The name servers of resolv.conf(5), and the names to ask for where `www` is wanted.
#[must_use]
pub fn resolver_files(resolv_conf: &str, hosts: &str) -> (Vec<SocketAddr>, Vec<String>) {
    let settings = Settings::read(resolv_conf, hosts);
    let candidates = settings.candidates("www");
    (settings.servers, candidates)
}
