//! `GET /api/v1/changes` and the console's stream: server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use ::store::Received;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use proto::api::{Change, Changed};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::{Permit, Viewer};
use crate::site::Site;

/// A comment line goes out this often, so that a dead connection is noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// Routes of the API.
pub(crate) fn api() -> OpenApiRouter<Arc<Site>> {
    OpenApiRouter::new().routes(routes!(changes))
}

/// What changed, from now on, without end.
///
/// Each event's data is a `Change`. A reader that falls behind is told `all`.
#[utoipa::path(
    get,
    path = "/api/v1/changes",
    tag = "changes",
    extensions(("x-garrison-role" = json!("viewer"))),
    responses((status = 200, description = "Server-sent events", body = Change, content_type = "text/event-stream"))
)]
async fn changes(State(site): State<Arc<Site>>, _by: Permit<Viewer>) -> Response {
    event_stream(&site)
}

/// The stream as a response; whoever calls has checked that its caller may read.
#[must_use]
pub fn event_stream(site: &Arc<Site>) -> Response {
    let subscription = site.listen();
    let end = site.shutdown.clone();
    let first = Bytes::from_static(b"retry: 2000\n\n");
    let events = stream::unfold(
        (subscription, end, Some(first)),
        |(mut subscription, end, first)| async move {
            if let Some(first) = first {
                return Some((Ok::<_, Infallible>(first), (subscription, end, None)));
            }
            let bytes = tokio::select! {
                () = end.cancelled() => return None,
                received = subscription.next() => match received? {
                    Received::Item(change) => line(&change),
                    Received::Missed(_) => line(&Change { what: Changed::All, id: None }),
                },
                () = tokio::time::sleep(KEEP_ALIVE) => Bytes::from_static(b": still here\n\n"),
            };
            Some((Ok(bytes), (subscription, end, None)))
        },
    );
    let mut response = Response::new(Body::from_stream(events));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn line(change: &Change) -> Bytes {
    let json = serde_json::to_string(change).unwrap_or_default();
    Bytes::from(format!("event: change\ndata: {json}\n\n"))
}
