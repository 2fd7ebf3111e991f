//! Stage 2: a tunnel through an HTTP proxy (RFC 9110, section 9.3.6).

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::error::ProxyError;
use super::proxy::Proxy;
use super::{Timeouts, resolve, tcp, within};
use crate::endpoint::Endpoint;

/// A proxy whose answer has a longer head is no proxy.
const MAX_HEAD: usize = 16 * 1024;

/// The head of the proxy's answer, as far as it matters.
struct Answer {
    status: u16,
    /// From Proxy-Authenticate.
    offered: Vec<String>,
}

pub(crate) async fn open(
    proxy: &Proxy,
    destination: &Endpoint,
    timeouts: &Timeouts,
) -> Result<(TcpStream, String), ProxyError> {
    let endpoint = || proxy.endpoint.clone();
    let (addresses, _) = resolve::addresses(&proxy.endpoint, timeouts.resolve)
        .await
        .map_err(|source| ProxyError::Resolve {
            proxy: endpoint(),
            source,
        })?;
    let (mut stream, _) = tcp::connect(&addresses, timeouts.tcp)
        .await
        .map_err(|source| ProxyError::Tcp {
            proxy: endpoint(),
            source,
        })?;
    let limit = timeouts.proxy;
    let answer = within(limit, ask(&mut stream, proxy, destination))
        .await
        .ok_or_else(|| ProxyError::TimedOut {
            proxy: endpoint(),
            limit,
        })??;
    match answer.status {
        200..=299 => Ok((stream, format!("tunnel through {}", proxy.endpoint))),
        407 => Err(ProxyError::SignInRequired {
            proxy: endpoint(),
            offered: answer.offered,
            tried: proxy.credentials.is_some(),
        }),
        status => Err(ProxyError::Refused {
            proxy: endpoint(),
            status,
        }),
    }
}

async fn ask(
    stream: &mut TcpStream,
    proxy: &Proxy,
    destination: &Endpoint,
) -> Result<Answer, ProxyError> {
    let broken = |source| ProxyError::Broken {
        proxy: proxy.endpoint.clone(),
        source,
    };
    let not_a_proxy = |reason| ProxyError::NotAProxy {
        proxy: proxy.endpoint.clone(),
        reason,
    };
    let mut request = format!("CONNECT {destination} HTTP/1.1\r\nHost: {destination}\r\n");
    if let Some(credentials) = &proxy.credentials {
        let pair = format!("{}:{}", credentials.user, credentials.password);
        request.push_str(&format!(
            "Proxy-Authorization: Basic {}\r\n",
            STANDARD.encode(pair)
        ));
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
    read_head(&head).ok_or_else(|| not_a_proxy("the head of its answer is malformed"))
}

fn read_head(head: &[u8]) -> Option<Answer> {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split("\r\n");
    let status = lines
        .next()?
        .split_ascii_whitespace()
        .nth(1)?
        .parse()
        .ok()?;
    let offered = lines
        .filter_map(|line| line.split_once(':'))
        .filter(|(name, _)| name.eq_ignore_ascii_case("proxy-authenticate"))
        .filter_map(|(_, value)| value.split_ascii_whitespace().next())
        .map(|scheme| scheme.chars().take(40).collect())
        .take(8)
        .collect();
    Some(Answer { status, offered })
}
