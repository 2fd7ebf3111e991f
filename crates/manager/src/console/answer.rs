//! What handlers answer: a page, a way on, or a fault that becomes a page.

use askama::Template;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use proto::Problem;
use proto::problem::ProblemKind;

use super::address::encode;
use super::frame::Theme;
use super::view::alone::Failure;
use super::words::Words;
use crate::refusal::Refusal;

/// What every handler returns.
pub(crate) type Answer = Result<Response, Fault>;

/// A request that was not done. The guard turns its problem into a page.
#[derive(Debug)]
pub(crate) struct Fault(pub(crate) Refusal);

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let problem = self.0.into_problem();
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status(&problem);
        response.extensions_mut().insert(problem);
        response
    }
}

fn status(problem: &Problem) -> StatusCode {
    StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// A view as a page.
///
/// # Errors
/// When the template fails.
pub(crate) fn page(view: &impl Template) -> Answer {
    page_with(StatusCode::OK, view)
}

/// A view as a page with another status.
///
/// # Errors
/// When the template fails.
pub(crate) fn page_with(status: StatusCode, view: &impl Template) -> Answer {
    let html = view
        .render()
        .map_err(Refusal::internal("rendering a page"))?;
    let mut response = Response::new(Body::from(html));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    Ok(response)
}

/// Leads on to an address of this console.
#[must_use]
pub(crate) fn see(address: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let target = HeaderValue::from_str(address).unwrap_or(HeaderValue::from_static("/"));
    response.headers_mut().insert(header::LOCATION, target);
    response
}

/// Leads on, and says there what was done: a key below `said` in the catalogue.
#[must_use]
pub(crate) fn see_said(address: &str, said: &str) -> Response {
    let glue = if address.contains('?') { '&' } else { '?' };
    see(&format!("{address}{glue}said={}", encode(said)))
}

/// As [`see_said`], with how many it was done to, and how many were left out.
#[must_use]
pub(crate) fn see_counted(address: &str, said: &str, n: u64, skipped: u64) -> Response {
    let glue = if address.contains('?') { '&' } else { '?' };
    let skipped = if skipped == 0 {
        String::new()
    } else {
        format!("&skipped={skipped}")
    };
    see(&format!(
        "{address}{glue}said={}&n={n}{skipped}",
        encode(said)
    ))
}

/// A problem as a page: what, why, what to do, an identifier for support.
#[must_use]
pub(crate) fn failure(problem: &Problem, theme: Theme) -> Response {
    let (title, advice) = match problem.kind() {
        Some(ProblemKind::NotFound) => ("failure.not_found", "failure.not_found_advice"),
        Some(ProblemKind::Forbidden) => ("failure.forbidden", "failure.forbidden_advice"),
        Some(ProblemKind::CrossSite) => ("failure.cross_site", "failure.cross_site_advice"),
        Some(ProblemKind::Unavailable | ProblemKind::TooMany) => {
            ("failure.unavailable", "failure.unavailable_advice")
        }
        _ if problem.status >= 500 => ("failure.internal", "failure.internal_advice"),
        _ if problem.status == 409 => ("failure.conflict", "failure.conflict_advice"),
        _ => ("failure.invalid", "failure.invalid_advice"),
    };
    let view = Failure {
        words: Words::english(),
        theme,
        title,
        detail: problem.detail.clone(),
        advice,
        instance: problem.instance.clone(),
        back: None,
    };
    page_with(status(problem), &view).unwrap_or_else(|_| {
        let mut response = Response::new(Body::from(problem.detail.clone()));
        *response.status_mut() = status(problem);
        response
    })
}
