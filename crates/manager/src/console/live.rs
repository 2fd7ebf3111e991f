//! What no person reads: the stream of changes, and the assets.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use proto::problem::ProblemKind;

use super::answer::{Answer, Fault};
use super::assets;
use super::visit::Visit;
use crate::refusal::Refusal;
use crate::site::Site;

/// `GET /changes`: the same stream as the API's, for the session.
pub(crate) async fn changes(State(site): State<Arc<Site>>, _visit: Visit) -> Response {
    crate::changes::event_stream(&site)
}

/// `GET /assets/{name}`: the name holds the hash, so browsers may keep it for ever.
pub(crate) async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Answer {
    let Some(asset) = assets::find(&name) else {
        return Err(Fault(Refusal::new(
            ProblemKind::NotFound,
            "there is no such asset; reload the page",
        )));
    };
    let compressed = !asset.gzip.is_empty()
        && headers
            .get_all(header::ACCEPT_ENCODING)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|coding| coding.split(';').next().unwrap_or_default().trim() == "gzip");
    let body: &'static [u8] = if compressed {
        &asset.gzip
    } else {
        &asset.plain
    };
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(asset.media_type),
    );
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=31536000, immutable"),
    );
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if compressed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}
