//! What the server says of the connection, to be compared with what this end sees of it.

use serde::Deserialize;

use super::plan::{ProbePlan, ProbeRequest, ProbeTransport};
use super::report::{BodyEnd, HttpSeen};
use super::request::{Conversation, Form};
use crate::dial::within;

/// Bytes of an answer; a longer one is of something else.
const MAX_ANSWER: usize = 256;

/// The answer; what else is in it is not for us.
#[derive(Deserialize)]
struct Told {
    tls_exporter: String,
}

/// Asks where the plan says so, within its limit for HTTP. Whatever is no answer, such as that of
/// a server which doesn't know the question, is `None`.
pub(super) async fn ask(
    conversation: &mut Conversation,
    plan: &ProbePlan,
    form: Form,
) -> Option<[u8; 32]> {
    let (Some(path), ProbeTransport::Https { .. }) = (&plan.binding_path, &plan.transport) else {
        return None;
    };
    let question = ProbePlan {
        path: Some(path.clone()),
        keep_body: MAX_ANSWER,
        ..plan.clone()
    };
    let limit = plan.timeouts.http;
    let asking = async {
        if !conversation.is_ready(limit).await {
            return None;
        }
        let answer = conversation.send(&question, ProbeRequest::Get, form, None);
        told(&answer.await.ok()?)
    };
    within(limit, asking).await.flatten()
}

pub(super) fn told(seen: &HttpSeen) -> Option<[u8; 32]> {
    const OK: u16 = 200;
    if seen.status != OK || seen.body != BodyEnd::Complete {
        return None;
    }
    let told: Told = serde_json::from_slice(&seen.head_of_body).ok()?;
    let mut value = [0u8; 32];
    hex::decode_to_slice(told.tls_exporter, &mut value).ok()?;
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> HttpSeen {
        HttpSeen {
            version: "HTTP/1.1",
            status,
            headers: Vec::new(),
            head_of_body: body.as_bytes().to_vec(),
            body: BodyEnd::Complete,
            upgrade: None,
        }
    }

    #[test]
    fn only_a_whole_answer_of_a_server_that_knows_the_question_is_one() {
        let value = hex::encode([7u8; 32]);
        let body = format!("{{\"tls_exporter\":\"{value}\"}}");
        assert_eq!(told(&answer(200, &body)), Some([7; 32]));
        let cut = HttpSeen {
            body: BodyEnd::Truncated,
            ..answer(200, &body)
        };
        assert_eq!(told(&cut), None);
        assert_eq!(told(&answer(404, &body)), None);
        for other in [
            String::new(),
            value.clone(),
            "{}".to_owned(),
            "{\"tls_exporter\":null}".to_owned(),
            format!("{{\"tls_exporter\":\"{}\"}}", &value[2..]),
            format!("{{\"tls_exporter\":\"{value}00\"}}"),
            format!("{{\"tls_exporter\":\"{}\"}}", "z".repeat(64)),
        ] {
            assert_eq!(told(&answer(200, &other)), None, "{other}");
        }
    }
}
