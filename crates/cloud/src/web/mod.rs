//! What all routes share: problems as answers, bodies and queries read with a limit, cursors.

pub mod cursor;
pub mod extract;

use std::any::Any;

use axum::body::Body;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::Response;
use proto::Problem;
use proto::problem::ProblemKind;
use serde::Serialize;

pub use extract::{Json, Query};

/// A problem as an answer (`application/problem+json`).
#[must_use]
pub fn problem_response(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let bytes = serde_json::to_vec(problem).unwrap_or_default();
    answer(status, "application/problem+json", bytes)
}

/// An object as an answer.
pub fn json_response<T: Serialize>(status: StatusCode, body: &T) -> Response {
    match serde_json::to_vec(body) {
        Ok(bytes) => answer(status, "application/json", bytes),
        Err(error) => {
            let refusal = crate::refusal::Refusal::internal("writing an answer")(error);
            problem_response(&refusal.into_problem())
        }
    }
}

fn answer(status: StatusCode, content_type: &'static str, bytes: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static(content_type);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    response
}

/// For paths that no route has.
pub async fn not_found(uri: Uri) -> Response {
    problem_response(&Problem::new(
        ProblemKind::NotFound,
        format!("{} is no path of this service", shown(&uri)),
    ))
}

/// For methods that a path doesn't have.
pub async fn method_not_allowed(method: Method, uri: Uri) -> Response {
    problem_response(&Problem::new(
        ProblemKind::MethodNotAllowed,
        format!(
            "{method} is not possible at {}; the header \"allow\" lists what is",
            shown(&uri)
        ),
    ))
}

/// For a handler that panicked: a defect, reported as one, while the service goes on.
pub fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message")
        .to_owned();
    let refusal = crate::refusal::Refusal::internal("running a request")(message);
    problem_response(&refusal.into_problem())
}

fn shown(uri: &Uri) -> String {
    uri.path().chars().take(200).collect()
}
