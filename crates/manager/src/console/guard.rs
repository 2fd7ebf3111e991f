//! What stands before every route: the session, the form's token, the role, and after it the
//! headers and the page for what went wrong.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use model::Role;
use proto::Problem;
use proto::problem::ProblemKind;

use super::address::{Address, encode, inside};
use super::answer::{failure, see};
use super::frame::Theme;
use super::visit::{Form, Visit};
use super::{cookies, sign_in};
use crate::access::{self, Administrator, Caller, Operator, Session, Viewer};
use crate::refusal::Refusal;
use crate::site::Site;
use crate::web::extract::read_body;
use crate::web::peer;

/// Bytes of a form.
const MAX_FORM: usize = 512 << 10;

/// Everything is refused that the console doesn't need. There is no inline script or style.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; \
     base-uri 'none'";

/// No `Strict-Transport-Security`: the certificate is the site's own CA's, a host's other
/// services would be bound by it, and there is no plain-text listener to downgrade to.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// Who may enter a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Entry {
    /// Everyone; the route looks after itself.
    Open,
    /// People of at least this role.
    Role(Role),
}

/// Lets a request through to its route, or not.
pub(crate) async fn guard(
    State((site, entry)): State<(Arc<Site>, Entry)>,
    request: Request,
    next: Next,
) -> Response {
    let theme = theme(request.headers());
    let uri = request.uri().clone();
    let response = match entry {
        Entry::Open => next.run(request).await,
        Entry::Role(role) => match admit(&site, role, request, theme).await {
            Ok(request) => next.run(request).await,
            Err(response) => response,
        },
    };
    told(response, &uri, theme)
}

/// Adds the headers that every answer carries.
pub(crate) async fn harden(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// The theme that was chosen in this browser.
#[must_use]
pub(crate) fn theme(headers: &HeaderMap) -> Theme {
    cookies::read(headers, cookies::THEME).map_or(Theme::System, |name| Theme::read(&name))
}

/// A problem becomes a page, or stays a problem for what no person reads.
fn told(mut response: Response, uri: &Uri, theme: Theme) -> Response {
    match response.extensions_mut().remove::<Problem>() {
        None => response,
        Some(problem) if is_data(uri.path()) => crate::web::problem_response(&problem),
        Some(problem) => failure(&problem, theme),
    }
}

/// Whether a program reads the answer.
fn is_data(path: &str) -> bool {
    path == "/changes" || path.ends_with(".csv") || path.ends_with(".json")
}

fn problem(refusal: Refusal) -> Response {
    super::answer::Fault(refusal).into_response()
}

async fn admit(
    site: &Site,
    role: Role,
    request: Request,
    theme: Theme,
) -> Result<Request, Response> {
    let (mut parts, body) = request.into_parts();
    let token = cookies::read(&parts.headers, cookies::SESSION);
    let session = match &token {
        Some(token) => access::session(site, token, peer::address(&parts))
            .await
            .map_err(problem)?,
        None => None,
    };
    let (Some(session), Some(token)) = (session, token) else {
        return Err(outside(&parts.method, &parts.uri, &parts.headers));
    };
    let form = if parts.method == Method::GET || parts.method == Method::HEAD {
        Form::default()
    } else {
        let rest = Request::from_parts(parts.clone(), body);
        read_form(&session, rest).await.map_err(problem)?
    };
    permit(&session.caller, role).map_err(problem)?;
    parts.extensions.insert(Visit::new(
        session.caller,
        token,
        session.csrf,
        theme,
        Address::new(parts.uri.path(), parts.uri.query()),
        form,
    ));
    Ok(Request::from_parts(parts, axum::body::Body::empty()))
}

/// The same check as that of the API's routes.
fn permit(caller: &Caller, role: Role) -> Result<(), Refusal> {
    match role {
        Role::Viewer => caller.permit::<Viewer>().map(drop),
        Role::Operator => caller.permit::<Operator>().map(drop),
        Role::Administrator => caller.permit::<Administrator>().map(drop),
    }
}

/// Without a session: to the sign-in page, and from there to what was wanted.
fn outside(method: &Method, uri: &Uri, headers: &HeaderMap) -> Response {
    if is_data(uri.path()) {
        return problem(Refusal::new(
            ProblemKind::Unauthenticated,
            "the session has ended; sign in again",
        ));
    }
    let is_read = method == Method::GET || method == Method::HEAD;
    let from_elsewhere = headers
        .get("sec-fetch-site")
        .is_some_and(|site| site == "cross-site" || site == "same-site");
    if is_read && from_elsewhere && cookies::read(headers, cookies::SESSION).is_none() {
        return sign_in::step_inside(&uri.to_string());
    }
    let wanted = if is_read {
        uri.path_and_query()
            .map_or_else(|| "/".to_owned(), ToString::to_string)
    } else {
        parent(uri.path())
    };
    see(&format!(
        "/sign-in?expired=1&to={}",
        encode(inside(&wanted))
    ))
}

/// The page on which a form stood: `/devices/ID/scan` stands on `/devices/ID`.
fn parent(path: &str) -> String {
    let mut steps = path.split('/').skip(1);
    match (steps.next(), steps.next(), steps.next()) {
        (Some(list @ ("devices" | "detections")), Some(id), Some(_)) => format!("/{list}/{id}"),
        (Some(list @ "policies"), Some(id), None) => format!("/{list}/{id}"),
        (Some(list), _, _) if !["theme", "sign-out"].contains(&list) => format!("/{list}"),
        _ => "/".to_owned(),
    }
}

/// Reads a form, and refuses it unless it comes from a page of this session.
async fn read_form(session: &Session, request: Request) -> Result<Form, Refusal> {
    refuse_foreign(request.headers())?;
    let header_token = request
        .headers()
        .get("x-csrf-token")
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let body = read_body(request, MAX_FORM).await?;
    let form = Form::read(&String::from_utf8_lossy(&body));
    let given = header_token.unwrap_or_else(|| form.value("csrf").to_owned());
    check_token(&given, &session.csrf)?;
    Ok(form)
}

/// Refuses what a browser says comes from another site's page.
///
/// # Errors
/// Then.
pub(crate) fn refuse_foreign(headers: &HeaderMap) -> Result<(), Refusal> {
    let foreign = headers
        .get("sec-fetch-site")
        .is_some_and(|site| site != "same-origin" && site != "none");
    if foreign {
        return Err(cross_site());
    }
    Ok(())
}

/// Compares the token that a form carries with the one that it must carry.
///
/// # Errors
/// When it is another.
pub(crate) fn check_token(given: &str, expected: &str) -> Result<(), Refusal> {
    if trust::secret::matches(given, &trust::secret::digest(expected)) {
        Ok(())
    } else {
        Err(cross_site())
    }
}

fn cross_site() -> Refusal {
    Refusal::new(
        ProblemKind::CrossSite,
        "the form carries no token of this session; it was sent by another page, or the session has changed since",
    )
}

/// For paths that no route has.
pub(crate) async fn nowhere(request: Request) -> Response {
    let theme = theme(request.headers());
    let path: String = request.uri().path().chars().take(200).collect();
    let refusal = Refusal::new(
        ProblemKind::NotFound,
        format!("{path} is no address of this console"),
    );
    let mut response = told(problem(refusal), request.uri(), theme);
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_of_an_ended_session_leads_back_to_its_page() {
        assert_eq!(parent("/devices/1/scan"), "/devices/1");
        assert_eq!(parent("/detections/act"), "/detections");
        assert_eq!(parent("/policies/1"), "/policies/1");
        assert_eq!(parent("/users/1/state"), "/users");
        assert_eq!(parent("/theme"), "/");
    }

    #[test]
    fn a_form_from_another_site_is_refused() {
        let mut headers = HeaderMap::new();
        assert!(refuse_foreign(&headers).is_ok());
        headers.insert("sec-fetch-site", HeaderValue::from_static("cross-site"));
        assert!(refuse_foreign(&headers).is_err());
        headers.insert("sec-fetch-site", HeaderValue::from_static("same-origin"));
        assert!(refuse_foreign(&headers).is_ok());
        assert!(check_token("", "abc").is_err());
        assert!(check_token("abc", "abc").is_ok());
    }
}
