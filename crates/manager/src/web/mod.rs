//! What all routes share: problems as answers, bodies and queries read with a limit, pages.

pub mod cursor;
pub mod extract;
pub mod idempotency;
pub mod list;
pub mod peer;
pub mod run;

use axum::body::Body;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::Response;
use proto::Problem;
use proto::problem::ProblemKind;

pub use extract::{Json, PathId, Query};
pub use list::Paging;

/// A problem as an answer (`application/problem+json`).
#[must_use]
pub fn problem_response(problem: &Problem) -> Response {
    let mut response = Response::new(Body::from(serde_json::to_vec(problem).unwrap_or_default()));
    *response.status_mut() =
        StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    if problem.kind() == Some(ProblemKind::Unauthenticated) {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// An object as an answer.
pub fn json_response<T: serde::Serialize>(status: StatusCode, body: &T) -> Response {
    match serde_json::to_vec(body) {
        Ok(bytes) => {
            let mut response = Response::new(Body::from(bytes));
            *response.status_mut() = status;
            response.headers_mut().insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            );
            response
        }
        Err(error) => {
            problem_response(&crate::Refusal::internal("writing an answer")(error).into_problem())
        }
    }
}

/// For paths that no route has.
pub async fn not_found(uri: Uri) -> Response {
    problem_response(&Problem::new(
        ProblemKind::NotFound,
        format!(
            "{} is no path of this service; /api/v1/openapi.json lists those of the API",
            uri.path().chars().take(200).collect::<String>()
        ),
    ))
}

/// For methods that a path doesn't have.
pub async fn method_not_allowed(method: Method, uri: Uri) -> Response {
    problem_response(&Problem::new(
        ProblemKind::MethodNotAllowed,
        format!(
            "{method} is not possible at {}; the header \"allow\" lists what is",
            uri.path().chars().take(200).collect::<String>()
        ),
    ))
}

/// A pattern for SQL's LIKE (with `\` as its escape) that finds the text anywhere.
#[must_use]
pub fn like(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for character in text.chars().take(200) {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}
