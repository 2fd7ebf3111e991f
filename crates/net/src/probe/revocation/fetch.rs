//! Asks a service by HTTP, directly or through the plan's proxy.

use std::net::SocketAddr;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::dial::sign_in::{Next, SignIn};
use crate::dial::{Proxy, tcp, tunnel, within};
use crate::endpoint::{Endpoint, Host};
use crate::probe::Prober;
use crate::probe::plan::{ProbePlan, ProbeRoute};

/// Of a longer answer nothing is taken. Lists of large issuers have some megabytes.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// Where to ask.
pub(super) struct Url<'a> {
    endpoint: Endpoint,
    authority: &'a str,
    path: &'a str,
}

/// What to ask: a list, or an OCSP responder with this request.
pub(super) enum Ask<'a> {
    Get,
    Post(&'a [u8]),
}

impl<'a> Url<'a> {
    /// Reads `http://host[:port]/path`: these services do without TLS, since their answers are
    /// signed, and TLS would want to ask them in turn.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let scheme = text.get(..7)?;
        if !scheme.eq_ignore_ascii_case("http://") {
            return None;
        }
        let rest = text.get(7..)?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end)?;
        let endpoint = Endpoint::parse(authority)
            .or_else(|_| Host::parse(authority).map(|host| Endpoint { host, port: 80 }));
        Some(Self {
            endpoint: endpoint.ok()?,
            authority,
            path: if path.starts_with('/') { path } else { "/" },
        })
    }
}

/// The body of a good answer.
pub(super) async fn fetch(
    prober: &Prober,
    plan: &ProbePlan,
    url: &Url<'_>,
    ask: &Ask<'_>,
) -> Result<Bytes, String> {
    let proxy = match &plan.route {
        ProbeRoute::Direct => None,
        ProbeRoute::Proxy(proxy) => Some(proxy),
    };
    let limit = plan.timeouts.response;
    let fetching = async {
        let target = proxy.map_or(&url.endpoint, |proxy| &proxy.endpoint);
        let addresses = prober
            .lookup(target, plan, &mut None)
            .await
            .map_err(|error| error.to_string())?;
        let response = exchange(&addresses, plan, proxy, url, ask).await?;
        let body = Limited::new(response, MAX_ANSWER).collect().await;
        body.map(http_body_util::Collected::to_bytes)
            .map_err(|error| format!("its answer broke off: {error}"))
    };
    let whole = limit.saturating_add(plan.timeouts.tcp);
    within(whole, fetching)
        .await
        .unwrap_or_else(|| Err(format!("no answer within {} s", whole.as_secs_f32())))
}

async fn exchange(
    addresses: &[SocketAddr],
    plan: &ProbePlan,
    proxy: Option<&Proxy>,
    url: &Url<'_>,
    ask: &Ask<'_>,
) -> Result<Incoming, String> {
    let uri = match proxy {
        Some(_) => format!("http://{}{}", url.authority, url.path),
        None => url.path.to_owned(),
    };
    let method = match ask {
        Ask::Get => Method::GET,
        Ask::Post(_) => Method::POST,
    };
    let for_tickets = tunnel::for_tickets(&plan.timeouts);
    let mut sign_in = proxy.map(|proxy| SignIn::new(proxy, method.as_str(), &uri, for_tickets));
    let mut authorization: Option<String> = None;
    let mut sender = open(addresses, plan).await?;
    // The sign-in itself ends: it tries no scheme twice.
    loop {
        let request = request(&method, &uri, url, ask, authorization.as_deref())
            .map_err(|error| error.to_string())?;
        let response = sender.send_request(request).await;
        let response = response.map_err(|error| format!("it does not speak HTTP: {error}"))?;
        let sign_in = match (response.status(), sign_in.as_mut()) {
            (StatusCode::OK, _) => return Ok(response.into_body()),
            (StatusCode::PROXY_AUTHENTICATION_REQUIRED, Some(sign_in)) => sign_in,
            (status, _) => return Err(format!("it answers with status {}", status.as_u16())),
        };
        match sign_in.next(&offered(&response)).await {
            Next::Ask(next) => authorization = Some(next),
            Next::Refused => return Err("the proxy demands a sign-in".to_owned()),
            Next::Failed { reason, .. } => return Err(reason.to_owned()),
            Next::NoTicket(error) => return Err(error.to_string()),
        }
        // The connection serves again once the answer is read.
        let _ = Limited::new(response.into_body(), MAX_ANSWER)
            .collect()
            .await;
        if sender.ready().await.is_err() {
            if sign_in.goes_on() {
                return Err("the proxy ends the sign-in".to_owned());
            }
            sender = open(addresses, plan).await?;
        }
    }
}

async fn open(
    addresses: &[SocketAddr],
    plan: &ProbePlan,
) -> Result<http1::SendRequest<Full<Bytes>>, String> {
    let connected = tcp::connect(addresses, plan.timeouts.tcp).await;
    let (stream, _): (TcpStream, _) = connected.map_err(|error| error.to_string())?;
    let opened = http1::handshake(TokioIo::new(stream)).await;
    let (sender, connection) = opened.map_err(|error| error.to_string())?;
    // It ends with the sender and the body.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok(sender)
}

fn request(
    method: &Method,
    uri: &str,
    url: &Url<'_>,
    ask: &Ask<'_>,
    authorization: Option<&str>,
) -> Result<Request<Full<Bytes>>, http::Error> {
    let mut builder = Request::builder()
        .method(method)
        .uri(uri)
        .header(HOST, url.authority);
    if let Some(authorization) = authorization {
        builder = builder.header(PROXY_AUTHORIZATION, authorization);
    }
    match ask {
        Ask::Get => builder.body(Full::default()),
        Ask::Post(body) => builder
            .header(CONTENT_TYPE, "application/ocsp-request")
            .body(Full::from(body.to_vec())),
    }
}

fn offered(response: &Response<Incoming>) -> Vec<String> {
    let values = response.headers().get_all(PROXY_AUTHENTICATE).into_iter();
    values
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_without_tls_are_asked() {
        let url = Url::parse("http://ocsp.example.com").unwrap();
        assert_eq!(url.endpoint.to_string(), "ocsp.example.com:80");
        assert_eq!(url.path, "/");
        let url = Url::parse("HTTP://crl.example.com:8080/a/b.crl?x").unwrap();
        assert_eq!(url.endpoint.to_string(), "crl.example.com:8080");
        assert_eq!(url.path, "/a/b.crl?x");
        for text in [
            "",
            "https://a.test/",
            "ldap://a.test/",
            "http://",
            "http://u@h/",
            "httpé//a",
        ] {
            assert!(Url::parse(text).is_none(), "{text}");
        }
    }
}
