//! A request without TLS through a proxy, which gets it whole (RFC 9112, section 3.2.2).

use std::net::SocketAddr;

use tokio::net::TcpStream;

use super::plan::{ProbePlan, ProbeRequest};
use super::report::{HttpSeen, ProxySeen};
use super::request::{Conversation, Form, absolute, method};
use crate::dial::sign_in::SignIn;
use crate::dial::{Proxy, ProxyError, StageFailure, tunnel};

pub(super) struct Request<'a> {
    pub(super) proxy: &'a Proxy,
    pub(super) plan: &'a ProbePlan,
    pub(super) ask: ProbeRequest,
    /// Of the proxy.
    pub(super) addresses: &'a [SocketAddr],
}

impl Request<'_> {
    /// Asks, signing in where the proxy wants it.
    pub(super) async fn send(
        &self,
        stream: TcpStream,
        seen: &mut ProxySeen,
        first_bytes: &mut Vec<u8>,
    ) -> Result<HttpSeen, StageFailure> {
        let (uri, method) = (absolute(self.plan), method(self.ask));
        let limit = tunnel::for_tickets(&self.plan.timeouts);
        let mut sign_in = SignIn::new(self.proxy, method.as_str(), &uri, limit);
        let mut conversation = Conversation::open(stream, Form::Absolute).await?;
        let mut authorization: Option<String> = None;
        // The sign-in itself ends: it tries no scheme twice.
        loop {
            let sending = conversation.send(
                self.plan,
                self.ask,
                Form::Absolute,
                authorization.as_deref(),
            );
            let answer = sending.await;
            *first_bytes = conversation.first_bytes();
            let answer = answer?;
            tunnel::note_headers(seen, &answer.headers);
            if answer.status != 407 {
                return Ok(answer);
            }
            seen.status = Some(answer.status);
            seen.head_of_body.clone_from(&answer.head_of_body);
            let was_begun = sign_in.is_bound_to_connection();
            let again = tunnel::again(&mut sign_in, self.proxy, &answer.headers, seen);
            authorization = Some(again.await?);
            if !conversation.is_ready(self.plan.timeouts.proxy).await {
                if was_begun && sign_in.goes_on() {
                    return Err(ProxyError::SignInFailed {
                        proxy: self.proxy.endpoint.clone(),
                        scheme: sign_in.scheme().map_or("", |scheme| scheme.name()),
                        reason: tunnel::CLOSED_WITHIN.to_owned(),
                    }
                    .into());
                }
                let stream =
                    tunnel::connect(self.proxy, self.addresses, &self.plan.timeouts).await?;
                conversation = Conversation::open(stream, Form::Absolute).await?;
            }
        }
    }
}
