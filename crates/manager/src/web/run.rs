//! Runs requests to their end.

use axum::extract::Request;
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;

/// A request that may change something runs in a task of its own: when its caller hangs up half
/// way, it is done wholly all the same, with what it owes to memory, audit and listeners.
pub async fn to_the_end(request: Request, next: Next) -> Response {
    if matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    ) {
        return next.run(request).await;
    }
    match tokio::spawn(next.run(request)).await {
        Ok(response) => response,
        Err(error) => super::problem_response(
            &crate::Refusal::internal("running a request")(error).into_problem(),
        ),
    }
}
