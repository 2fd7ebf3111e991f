//! Signing in and out, and the theme.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use proto::problem::ProblemKind;

use super::address::{Address, inside};
use super::answer::{Answer, page_with, see};
use super::cookies;
use super::frame::Theme;
use super::guard;
use super::html::escape;
use super::meaning::Meaning;
use super::view::alone::SignIn;
use super::visit::{Form, Visit};
use super::words::Words;
use crate::access;
use crate::refusal::Refusal;
use crate::site::Site;
use crate::web::extract::read_body;
use crate::web::peer;

/// Bytes of the sign-in form.
const MAX_FORM: usize = 16 << 10;
/// The sign-in form is good for so many seconds.
const FORM_SECONDS: u64 = 3600;

/// `GET /sign-in`.
pub(crate) async fn show(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let (parts, _) = request.into_parts();
    let address = Address::new(parts.uri.path(), parts.uri.query());
    let to = inside(address.value("to")).to_owned();
    if let Some(token) = cookies::read(&parts.headers, cookies::SESSION)
        && access::session(&site, &token, peer::address(&parts))
            .await?
            .is_some()
    {
        return Ok(see(&to));
    }
    let notice = if address.wanted("out").is_some() {
        Some((Meaning::Good, "sign_in.signed_out"))
    } else if address.wanted("expired").is_some() && to != "/" {
        Some((Meaning::Informative, "sign_in.expired"))
    } else {
        None
    };
    form(
        &site,
        &parts.headers,
        to,
        String::new(),
        notice,
        StatusCode::OK,
    )
}

/// `POST /sign-in`.
pub(crate) async fn sign_in(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let address = peer::address(&parts);
    let headers = parts.headers.clone();
    guard::refuse_foreign(&headers)?;
    let body = read_body(Request::from_parts(parts, body), MAX_FORM).await?;
    let fields = Form::read(&String::from_utf8_lossy(&body));
    let to = inside(fields.value("to")).to_owned();
    let name = fields.value("name").trim().to_owned();
    let again = |notice, status| {
        let name = name.chars().take(64).collect();
        form(
            &site,
            &headers,
            to.clone(),
            name,
            Some((Meaning::Critical, notice)),
            status,
        )
    };
    let seed = cookies::read(&headers, cookies::FORM).unwrap_or_default();
    if seed.is_empty() || guard::check_token(fields.value("csrf"), &form_token(&seed)).is_err() {
        return again("sign_in.form", StatusCode::FORBIDDEN);
    }
    match access::sign_in(&site, &name, fields.value("password"), address).await {
        Ok(signed_in) => {
            let mut response = see(&to);
            let seconds = signed_in.expires.since(site.now()).as_secs();
            let headers = response.headers_mut();
            cookies::set_secret(headers, cookies::SESSION, &signed_in.token, seconds);
            cookies::set_secret(headers, cookies::FORM, "", 0);
            Ok(response)
        }
        Err(refusal) => match refusal.kind() {
            ProblemKind::Unauthenticated => again("sign_in.refused", StatusCode::UNAUTHORIZED),
            ProblemKind::TooMany => again("sign_in.waiting", StatusCode::TOO_MANY_REQUESTS),
            _ => Err(refusal.into()),
        },
    }
}

/// `POST /sign-out`.
pub(crate) async fn sign_out(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    access::sign_out(&site, visit.session(), visit.caller()).await?;
    let mut response = see("/sign-in?out=1");
    cookies::set_secret(response.headers_mut(), cookies::SESSION, "", 0);
    Ok(response)
}

/// `POST /theme`.
pub(crate) async fn theme(visit: Visit) -> Answer {
    let theme = Theme::read(visit.form().value("theme"));
    let mut response = see(inside(visit.form().value("back")));
    cookies::set_theme(response.headers_mut(), theme.name());
    Ok(response)
}

/// The session's cookie is kept back when a page of another site leads here. This page leads here
/// once more, from here.
#[must_use]
pub(crate) fn step_inside(wanted: &str) -> Response {
    let wanted = escape(inside(wanted));
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Garrison</title><meta http-equiv=\"refresh\" content=\"0;url={wanted}\"></head><body><a href=\"{wanted}\">Garrison</a></body></html>"
    );
    let mut response = Response::new(Body::from(html));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    response
}

fn form_token(seed: &str) -> String {
    access::csrf_token(&format!("sign-in form {seed}"))
}

fn form(
    site: &Site,
    headers: &HeaderMap,
    to: String,
    name: String,
    notice: Option<(Meaning, &'static str)>,
    status: StatusCode,
) -> Answer {
    let seed = trust::secret::random_text().map_err(Refusal::internal("making a form"))?;
    let view = SignIn {
        words: Words::english(),
        theme: guard::theme(headers),
        site: site.config.name.clone(),
        csrf: form_token(&seed),
        to,
        name,
        notice,
    };
    let mut response = page_with(status, &view)?;
    cookies::set_secret(response.headers_mut(), cookies::FORM, &seed, FORM_SECONDS);
    Ok(response)
}
