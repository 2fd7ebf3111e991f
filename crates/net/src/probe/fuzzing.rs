//! The readers of what servers and issuers say, for [`crate::fuzzing`].

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::binding;
use super::plan::{ProbePlan, ProbeRequest, ProbeTransport};
use super::report::HttpSeen;
use super::request::{Conversation, Form};
use crate::dial::HttpError;
use crate::endpoint::Endpoint;

pub use super::revocation::fuzzing::Revocation;

/// How the server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpForm {
    Http1,
    /// HTTP/1.1, asked for a WebSocket.
    Upgrade,
    Http2,
}

/// Turns that the client gets to say all that it says before it is answered.
const TURNS: usize = 16;

/// What a probe makes of a server that says this, and closes.
///
/// # Errors
/// When it is no answer.
pub fn http_answer(bytes: &[u8], form: HttpForm) -> Result<HttpSeen, HttpError> {
    let (form, ask) = match form {
        HttpForm::Http1 => (Form::Origin, ProbeRequest::Get),
        HttpForm::Upgrade => (Form::Origin, ProbeRequest::WebSocket),
        HttpForm::Http2 => (Form::Http2, ProbeRequest::Get),
    };
    let (Ok(flow), Ok(endpoint)) = (
        flows::FlowId::parse("agent-channel"),
        Endpoint::parse("a.test:443"),
    ) else {
        return Err(HttpError::Closed);
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let Ok(runtime) = runtime else {
        return Err(HttpError::Closed);
    };
    let plan = ProbePlan::new(flow, endpoint, ProbeTransport::Https { ask });
    // More than is said by either side.
    let room = bytes.len().saturating_add(super::MAX_READ);
    let said = bytes.to_vec();
    runtime.block_on(async {
        let (near, mut far) = tokio::io::duplex(room);
        tokio::spawn(async move {
            let mut heard = Vec::with_capacity(room);
            // An answer to what was not asked is none.
            for _ in 0..TURNS {
                let _ = far.read_buf(&mut heard).await;
                if form == Form::Http2 && !asks(&heard) {
                    continue;
                }
                break;
            }
            // All of it fits, so that nothing waits.
            let _ = far.write_all(&said).await;
            let _ = far.shutdown().await;
            let _ = far.read_to_end(&mut heard).await;
        });
        let mut conversation = Conversation::open(near, form).await?;
        conversation.send(&plan, ask, form, None).await
    })
}

/// Whether what a client of HTTP/2 said holds the head of a request (RFC 9113, section 4.1).
fn asks(heard: &[u8]) -> bool {
    const PREFACE: usize = 24;
    const HEAD: usize = 9;
    const HEADERS: u8 = 1;
    let mut rest = heard.get(PREFACE..).unwrap_or_default();
    while let Some([a, b, c, kind, ..]) = rest.first_chunk::<HEAD>() {
        if *kind == HEADERS {
            return true;
        }
        let length = u32::from_be_bytes([0, *a, *b, *c]);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        rest = rest.get(HEAD.saturating_add(length)..).unwrap_or_default();
    }
    false
}

/// The value that an answer tells of the server's end of the connection.
#[must_use]
pub fn told_binding(seen: &HttpSeen) -> Option<[u8; 32]> {
    binding::told(seen)
}
