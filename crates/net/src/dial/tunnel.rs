//! Stage 2: a tunnel through an HTTP proxy (RFC 9110, section 9.3.6), and the sign-in there.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::error::ProxyError;
use super::proxy::Proxy;
use super::sign_in::{Challenge, Next, SignIn, SignInScheme};
use super::{Timeouts, tcp, within};
use crate::endpoint::Endpoint;

/// A proxy whose answer has a longer head is no proxy.
const MAX_HEAD: usize = 16 * 1024;
/// Of a longer body no more is read; the connection is then not used again.
const MAX_BODY: usize = 64 * 1024;
/// Bytes of a refusal's body that are kept.
const MAX_KEPT_BODY: usize = 4 * 1024;
/// Sign-in schemes of one answer that are kept.
const MAX_OFFERS: usize = 16;
/// Requests for one tunnel: without sign-in, two messages of one scheme that does not work, two of
/// another, and one more.
const MAX_REQUESTS: usize = 6;
/// The part of a proxy's time limit that a domain controller may take.
const FOR_TICKETS: f32 = 0.6;
/// Characters of a header that are kept.
const MAX_VALUE: usize = 512;

/// Why a sign-in in several messages fails.
pub(crate) const CLOSED_WITHIN: &str = "it closes the connection on which the sign-in began";

/// What such a proxy could do about it.
const NOT_SPOKEN: &str =
    "what is spoken here is Basic, Digest, NTLM, and Negotiate with Kerberos or NTLM";
/// What refuses a ticket.
const TICKET_REFUSED: &str = "it refuses the ticket that the domain controller gave for it; its keytab or its clock may be wrong";

/// What the proxy said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProxySeen {
    /// Of its last answer.
    pub status: Option<u16>,
    pub server: Option<String>,
    pub via: Option<String>,
    /// Why, in the proxy's own words where it has a header for them (such as X-Squid-Error).
    pub reason: Option<String>,
    /// The sign-in schemes that it offered, such as Basic or Negotiate.
    pub offered: Vec<String>,
    /// The scheme that was used last, whether or not it was accepted.
    pub signed_in_with: Option<SignInScheme>,
    /// Of its last answer, if it was a refusal; at most 4 KiB.
    pub head_of_body: Vec<u8>,
}

/// One answer of the proxy to a request for a tunnel.
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// Whether the next request may follow on this connection.
    is_kept_alive: bool,
}

/// Where a tunnel is to lead, and who says to want it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish<'a> {
    pub(crate) destination: &'a Endpoint,
    pub(crate) user_agent: Option<&'a str>,
}

/// Has the proxy, which is at one of these addresses, open a tunnel. `seen` tells what it said,
/// also where there is none.
pub(crate) async fn open(
    proxy: &Proxy,
    wish: Wish<'_>,
    addresses: &[SocketAddr],
    timeouts: &Timeouts,
    seen: &mut ProxySeen,
) -> Result<(TcpStream, String), ProxyError> {
    let stream = connect(proxy, addresses, timeouts).await?;
    let limit = timeouts.proxy;
    let asking = ask_until_open(stream, proxy, wish, addresses, timeouts, seen);
    let stream = within(limit, asking)
        .await
        .ok_or_else(|| ProxyError::TimedOut {
            proxy: proxy.endpoint.clone(),
            limit,
        })??;
    let detail = match seen.signed_in_with {
        Some(scheme) => format!(
            "tunnel through {}, signed in with {}",
            proxy.endpoint,
            scheme.name()
        ),
        None => format!("tunnel through {}", proxy.endpoint),
    };
    Ok((stream, detail))
}

/// A connection to the proxy itself.
pub(crate) async fn connect(
    proxy: &Proxy,
    addresses: &[SocketAddr],
    timeouts: &Timeouts,
) -> Result<TcpStream, ProxyError> {
    let connected = tcp::connect(addresses, timeouts.tcp).await;
    connected
        .map(|(stream, _)| stream)
        .map_err(|source| ProxyError::Tcp {
            proxy: proxy.endpoint.clone(),
            source,
        })
}

async fn ask_until_open(
    mut stream: TcpStream,
    proxy: &Proxy,
    wish: Wish<'_>,
    addresses: &[SocketAddr],
    timeouts: &Timeouts,
    seen: &mut ProxySeen,
) -> Result<TcpStream, ProxyError> {
    let target = wish.destination.to_string();
    let agent = wish.user_agent;
    let mut sign_in = SignIn::new(proxy, "CONNECT", &target, for_tickets(timeouts));
    let mut authorization: Option<String> = None;
    for _ in 0..MAX_REQUESTS {
        let answer = ask(&mut stream, proxy, &target, agent, authorization.as_deref()).await?;
        note(seen, &answer);
        match answer.status {
            200..=299 => return Ok(stream),
            407 => {}
            status => {
                return Err(ProxyError::Refused {
                    proxy: proxy.endpoint.clone(),
                    status,
                });
            }
        }
        let was_begun = sign_in.is_bound_to_connection();
        authorization = Some(again(&mut sign_in, proxy, &answer.headers, seen).await?);
        if !answer.is_kept_alive {
            if was_begun && sign_in.goes_on() {
                return Err(ProxyError::SignInFailed {
                    proxy: proxy.endpoint.clone(),
                    scheme: seen.signed_in_with.map_or("", SignInScheme::name),
                    reason: CLOSED_WITHIN.to_owned(),
                });
            }
            stream = connect(proxy, addresses, timeouts).await?;
        }
    }
    Err(refused(&sign_in, proxy, seen))
}

/// How long domain controllers may take.
pub(crate) fn for_tickets(timeouts: &Timeouts) -> Duration {
    timeouts.proxy.mul_f32(FOR_TICKETS)
}

/// What to send after a 407, or why nothing.
pub(crate) async fn again(
    sign_in: &mut SignIn<'_>,
    proxy: &Proxy,
    headers: &[(String, String)],
    seen: &mut ProxySeen,
) -> Result<String, ProxyError> {
    let offered: Vec<String> = headers
        .iter()
        .filter(|header| header.0 == "proxy-authenticate")
        .map(|header| header.1.clone())
        .collect();
    note_offers(seen, &offered);
    let next = sign_in.next(&offered).await;
    seen.signed_in_with = sign_in.scheme();
    match next {
        Next::Ask(authorization) => Ok(authorization),
        Next::Refused => Err(refused(sign_in, proxy, seen)),
        Next::Failed { scheme, reason } => Err(ProxyError::SignInFailed {
            proxy: proxy.endpoint.clone(),
            scheme: scheme.name(),
            reason: reason.to_owned(),
        }),
        Next::NoTicket(source) => Err(ProxyError::NoTicket {
            proxy: proxy.endpoint.clone(),
            source,
        }),
    }
}

fn refused(sign_in: &SignIn<'_>, proxy: &Proxy, seen: &ProxySeen) -> ProxyError {
    if sign_in.is_proven() && sign_in.scheme() == Some(SignInScheme::Kerberos) {
        return ProxyError::SignInFailed {
            proxy: proxy.endpoint.clone(),
            scheme: SignInScheme::Kerberos.name(),
            reason: TICKET_REFUSED.to_owned(),
        };
    }
    // Nothing that the user could correct: no password was shown.
    if proxy.credentials.is_some() && !sign_in.is_proven() {
        return ProxyError::SignInFailed {
            proxy: proxy.endpoint.clone(),
            scheme: sign_in.scheme().map_or("a password", SignInScheme::name),
            reason: format!("it offers {}, and {NOT_SPOKEN}", seen.offered.join(", ")),
        };
    }
    ProxyError::SignInRequired {
        proxy: proxy.endpoint.clone(),
        offered: seen.offered.clone(),
        tried: sign_in.is_proven(),
    }
}

/// Keeps the schemes' names of the first answer that had any.
fn note_offers(seen: &mut ProxySeen, offered: &[String]) {
    if seen.offered.is_empty() {
        let names = Challenge::read_all(offered).into_iter();
        let names = names.map(|challenge| challenge.scheme.chars().take(40).collect());
        seen.offered = names.take(MAX_OFFERS).collect();
    }
}

fn note(seen: &mut ProxySeen, answer: &Answer) {
    seen.status = Some(answer.status);
    seen.head_of_body.clear();
    seen.head_of_body
        .extend(answer.body.iter().take(MAX_KEPT_BODY));
    note_headers(seen, &answer.headers);
}

/// Keeps what the headers (with names in lower case) tell of the proxy.
pub(crate) fn note_headers(seen: &mut ProxySeen, headers: &[(String, String)]) {
    let first = |name: &str| {
        let found = headers.iter().find(|header| header.0 == name);
        found.map(|header| header.1.clone())
    };
    seen.server = first("server").or_else(|| first("proxy-agent"));
    seen.via = first("via");
    seen.reason = first("x-squid-error").or_else(|| first("x-proxy-error"));
}

async fn ask(
    stream: &mut TcpStream,
    proxy: &Proxy,
    target: &str,
    user_agent: Option<&str>,
    authorization: Option<&str>,
) -> Result<Answer, ProxyError> {
    let broken = |source| ProxyError::Broken {
        proxy: proxy.endpoint.clone(),
        source,
    };
    let not_a_proxy = |reason| ProxyError::NotAProxy {
        proxy: proxy.endpoint.clone(),
        reason,
    };
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
    // What would be no header of one line is left away.
    if let Some(agent) =
        user_agent.filter(|agent| agent.bytes().all(|byte| (32..127).contains(&byte)))
    {
        request.push_str(&format!("User-Agent: {agent}\r\n"));
    }
    if let Some(authorization) = authorization {
        request.push_str(&format!("Proxy-Authorization: {authorization}\r\n"));
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await.map_err(broken)?;

    let mut head = Vec::with_capacity(512);
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= MAX_HEAD {
            return Err(not_a_proxy("the head of its answer is too long"));
        }
        // Byte by byte: what follows the head belongs to the tunnel.
        let byte = stream
            .read_u8()
            .await
            .map_err(|source| match source.kind() {
                io::ErrorKind::UnexpectedEof if !head.is_empty() => {
                    not_a_proxy("it closed the connection within its answer")
                }
                _ => broken(source),
            })?;
        head.push(byte);
        if head.len() == 5 && head != *b"HTTP/" {
            return Err(not_a_proxy("its answer is not HTTP"));
        }
    }
    let mut answer =
        read_head(&head).ok_or_else(|| not_a_proxy("the head of its answer is malformed"))?;
    if !(200..=299).contains(&answer.status) {
        read_body(stream, &mut answer).await;
    }
    Ok(answer)
}

/// Reads a refusal's body as far as it goes within the limit. What breaks there breaks only the
/// next request.
async fn read_body(stream: &mut TcpStream, answer: &mut Answer) {
    let length = answer
        .header("content-length")
        .and_then(|length| length.parse::<usize>().ok());
    answer.is_kept_alive &= length.is_some_and(|length| length <= MAX_BODY);
    let length = length.unwrap_or(MAX_KEPT_BODY).min(MAX_BODY);
    let mut body = stream.take(u64::try_from(length).unwrap_or(0));
    let read = body.read_to_end(&mut answer.body).await;
    answer.is_kept_alive &= read.is_ok_and(|read| read == length);
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|header| header.0 == name);
        found.map(|header| header.1.as_str())
    }
}

/// Of the head of a proxy's answer.
pub(crate) fn status_and_headers(head: &[u8]) -> Option<(u16, Vec<(String, String)>)> {
    read_head(head).map(|answer| (answer.status, answer.headers))
}

fn read_head(head: &[u8]) -> Option<Answer> {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split("\r\n");
    let first = lines.next()?;
    let status = first.split_ascii_whitespace().nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| {
            let value = value.trim();
            // A challenge is long, and of use only whole.
            let kept = if name.eq_ignore_ascii_case("proxy-authenticate") {
                MAX_HEAD
            } else {
                MAX_VALUE
            };
            let value = value.chars().take(kept).collect();
            (name.trim().to_ascii_lowercase(), value)
        })
        .collect();
    let mut answer = Answer {
        status,
        headers,
        body: Vec::new(),
        is_kept_alive: false,
    };
    let says = |name: &str, word: &str| {
        answer
            .header(name)
            .is_some_and(|value| value.to_ascii_lowercase().contains(word))
    };
    let closes = says("connection", "close") || says("proxy-connection", "close");
    let keeps = says("connection", "keep-alive") || says("proxy-connection", "keep-alive");
    answer.is_kept_alive = !closes && (keeps || !first.starts_with("HTTP/1.0"));
    Some(answer)
}
