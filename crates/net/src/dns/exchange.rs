//! One question to one name server, by UDP and, where the answer is too long for that, by TCP
//! (RFC 1035, section 4.2; RFC 7766).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Edns, Message, MessageType, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

use crate::dial::{is_forbidden_here, within};

/// What fits into one datagram nearly everywhere (DNS flag day 2020).
const UDP_SIZE: u16 = 1232;
/// Datagrams that are no answer to the question; after more of them the server counts as broken.
const MAX_STRAYS: usize = 100;
/// A datagram may be lost: the same question is put again after this long, so often.
const AGAIN: Duration = Duration::from_millis(600);
const MAX_SENT: usize = 3;
/// More addresses of one name are not kept.
const MAX_ADDRESSES: usize = 64;
/// More hosts of one service are not kept.
const MAX_SERVICES: usize = 32;
/// More aliases are not followed.
const MAX_ALIASES: usize = 16;

/// What one server said to one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    Found(Found),
    /// The name exists, without such an address.
    Empty,
    NoSuchName,
    /// Such as `SERVFAIL`, or that its port is closed.
    Failed(String),
    /// This host would not send it.
    Forbidden,
    TimedOut,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Found {
    pub(super) addresses: Vec<IpAddr>,
    pub(super) aliases: Vec<String>,
    /// Seconds.
    pub(super) ttl: u32,
}

/// Asks for the addresses of one kind.
pub(super) async fn ask(
    server: SocketAddr,
    name: &str,
    kind: RecordType,
    limit: Duration,
) -> Reply {
    let Ok(question) = question(name, kind) else {
        return Reply::Failed(format!("{name} can't stand in a question"));
    };
    match within(limit, exchange(server, &question)).await {
        None => Reply::TimedOut,
        Some(Ok(answer)) => read(&question, &answer),
        Some(Err(error)) if error.kind() == io::ErrorKind::TimedOut => Reply::TimedOut,
        Some(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
            Reply::Failed("its port is closed".to_owned())
        }
        Some(Err(error)) if is_forbidden_here(&error, server) => Reply::Forbidden,
        Some(Err(error)) => Reply::Failed(error.to_string()),
    }
}

/// The hosts and ports of a service (SRV, RFC 2782), the better ones first; none where there are
/// none or the server does not say.
pub(super) async fn ask_services(
    server: SocketAddr,
    name: &str,
    limit: Duration,
) -> Vec<(String, u16)> {
    let Ok(question) = question(name, RecordType::SRV) else {
        return Vec::new();
    };
    let Some(Ok(answer)) = within(limit, exchange(server, &question)).await else {
        return Vec::new();
    };
    services(&answer)
}

/// The hosts and ports of an answer, the better ones first.
pub(super) fn services(answer: &Message) -> Vec<(String, u16)> {
    let mut found = Vec::new();
    for record in answer.answers.iter().take(MAX_SERVICES) {
        if let RData::SRV(service) = &record.data {
            let host = service.target.to_ascii();
            // A single dot says that the service is not offered.
            if host != "." {
                let order = (service.priority, u16::MAX - service.weight);
                found.push((order, (host.trim_end_matches('.').to_owned(), service.port)));
            }
        }
    }
    found.sort();
    found.into_iter().map(|(_, service)| service).collect()
}

pub(super) fn question(name: &str, kind: RecordType) -> Result<Message, hickory_proto::ProtoError> {
    let mut name = Name::from_ascii(name)?;
    name.set_fqdn(true);
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name, kind));
    let mut edns = Edns::new();
    edns.set_max_payload(UDP_SIZE);
    message.set_edns(edns);
    Ok(message)
}

async fn exchange(server: SocketAddr, question: &Message) -> io::Result<Message> {
    let bytes = question.to_vec().map_err(io::Error::other)?;
    let answer = by_udp(server, question, &bytes).await?;
    if answer.metadata.truncation {
        return by_tcp(server, question, &bytes).await;
    }
    Ok(answer)
}

async fn by_udp(server: SocketAddr, question: &Message, bytes: &[u8]) -> io::Result<Message> {
    let own = match server {
        SocketAddr::V4(_) => SocketAddr::from(([0, 0, 0, 0], 0)),
        SocketAddr::V6(_) => SocketAddr::from(([0u16; 8], 0)),
    };
    #[allow(
        clippy::disallowed_methods,
        reason = "one of the places where net opens a socket: the flow dns"
    )]
    let socket = UdpSocket::bind(own).await?;
    // Only this server's datagrams come in, and its closed port is told.
    socket.connect(server).await?;
    socket.send(bytes).await?;
    let mut sent = 1;
    let mut buffer = vec![0u8; usize::from(UDP_SIZE) * 4];
    for _ in 0..MAX_STRAYS {
        let length = loop {
            if sent == MAX_SENT {
                break socket.recv(&mut buffer).await?;
            }
            if let Some(received) = within(AGAIN, socket.recv(&mut buffer)).await {
                break received?;
            }
            socket.send(bytes).await?;
            sent = sent.saturating_add(1);
        };
        let datagram = buffer.get(..length).unwrap_or_default();
        if let Some(answer) = answer(question, datagram) {
            return Ok(answer);
        }
    }
    Err(io::Error::other("it answers with something else"))
}

async fn by_tcp(server: SocketAddr, question: &Message, bytes: &[u8]) -> io::Result<Message> {
    #[allow(
        clippy::disallowed_methods,
        reason = "one of the places where net opens a socket: the flow dns"
    )]
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(bytes.len()).map_err(io::Error::other)?;
    let mut framed = length.to_be_bytes().to_vec();
    framed.extend_from_slice(bytes);
    stream.write_all(&framed).await?;
    let length = stream.read_u16().await?;
    let mut buffer = vec![0u8; usize::from(length)];
    stream.read_exact(&mut buffer).await?;
    answer(question, &buffer).ok_or_else(|| io::Error::other("it answers with something else"))
}

/// The message, if it answers the question.
pub(super) fn answer(question: &Message, bytes: &[u8]) -> Option<Message> {
    let message = Message::from_vec(bytes).ok()?;
    let same = message.metadata.id == question.metadata.id
        && message.metadata.message_type == MessageType::Response
        // Some servers leave the question away when they refuse it.
        && (message.queries == question.queries || message.queries.is_empty());
    same.then_some(message)
}

pub(super) fn read(question: &Message, answer: &Message) -> Reply {
    match answer.metadata.response_code {
        ResponseCode::NoError => {}
        ResponseCode::NXDomain => return Reply::NoSuchName,
        other => return Reply::Failed(rcode(other)),
    }
    let Some(query) = question.queries.first() else {
        return Reply::Empty;
    };
    let mut wanted = query.name().clone();
    let mut found = Found {
        ttl: u32::MAX,
        ..Found::default()
    };
    for _ in 0..MAX_ALIASES {
        let mut alias = None;
        for record in answer.answers.iter().filter(|record| record.name == wanted) {
            found.ttl = found.ttl.min(record.ttl);
            if let RData::CNAME(name) = &record.data {
                alias = Some(name.0.clone());
            } else if let Some(address) = record.data.ip_addr()
                && found.addresses.len() < MAX_ADDRESSES
            {
                found.addresses.push(address);
            }
        }
        let Some(alias) = alias.filter(|_| found.addresses.is_empty()) else {
            break;
        };
        let text = alias.to_ascii();
        found.aliases.push(text.trim_end_matches('.').to_owned());
        wanted = alias;
    }
    if found.addresses.is_empty() {
        Reply::Empty
    } else {
        Reply::Found(found)
    }
}

/// The code's name, as in the registry of DNS RCODEs.
fn rcode(code: ResponseCode) -> String {
    match code {
        ResponseCode::ServFail => "SERVFAIL".to_owned(),
        ResponseCode::Refused => "REFUSED".to_owned(),
        ResponseCode::FormErr => "FORMERR".to_owned(),
        ResponseCode::NotImp => "NOTIMP".to_owned(),
        other => other.to_str().to_owned(),
    }
}
