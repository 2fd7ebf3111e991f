//! Routes of definitions.

use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use model::DefinitionRevision;
use proto::api::definition::DefinitionsInfo;
use proto::problem::ProblemKind;
use proto::{Page, Problem};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{MAX_BYTES, blob_name};
use crate::access::{Administrator, Permit, Viewer};
use crate::devices::ApprovedDevice;
use crate::refusal::Refusal;
use crate::site::Site;
use crate::web::extract::read_large_body;
use crate::web::{Json, Paging, PathId, Query, json_response};

type App = State<Arc<Site>>;

/// Bytes of one piece of a file on its way to an agent.
const PIECE: usize = 64 << 10;

/// Routes of the API.
pub(crate) fn api() -> OpenApiRouter<Arc<Site>> {
    OpenApiRouter::new()
        .routes(routes!(list, upload))
        .routes(routes!(current))
}

/// Routes of the agent channel.
pub(crate) fn agent_channel() -> OpenApiRouter<Arc<Site>> {
    OpenApiRouter::new().routes(routes!(fetch))
}

/// Published sets, the newest first.
#[utoipa::path(get, path = "/api/v1/definitions", tag = "definitions", params(Paging),
    extensions(("x-garrison-role" = json!("viewer"))),
    responses((status = 200, body = Page<DefinitionsInfo>), (status = "default", body = Problem)))]
async fn list(
    State(site): App,
    by: Permit<Viewer>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<DefinitionsInfo>>, Refusal> {
    super::list(&site, &by, paging.limit, paging.cursor.as_deref())
        .await
        .map(Json)
}

/// What agents are told to use; 404 before the first upload.
#[utoipa::path(get, path = "/api/v1/definitions/current", tag = "definitions",
    extensions(("x-garrison-role" = json!("viewer"))),
    responses((status = 200, body = DefinitionsInfo), (status = "default", body = Problem)))]
async fn current(State(site): App, by: Permit<Viewer>) -> Result<Json<DefinitionsInfo>, Refusal> {
    super::current(&site, &by)
        .await?
        .map(Json)
        .ok_or_else(|| Refusal::new(ProblemKind::NotFound, "no definitions were uploaded yet"))
}

/// Publishes a definitions file (at most 256 MiB), signed anew by the site.
#[utoipa::path(post, path = "/api/v1/definitions", tag = "definitions",
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    extensions(("x-garrison-role" = json!("administrator"))),
    responses((status = 201, body = DefinitionsInfo), (status = "default", body = Problem)))]
async fn upload(
    State(site): App,
    by: Permit<Administrator>,
    request: Request,
) -> Result<Response, Refusal> {
    let is_octets = request
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value == "application/octet-stream");
    if !is_octets {
        return Err(Refusal::new(
            ProblemKind::UnsupportedMedia,
            "expected a body of type application/octet-stream",
        ));
    }
    let file = read_large_body(request, MAX_BYTES).await?;
    let info = super::upload(&site, &by, file).await?;
    Ok(json_response(StatusCode::CREATED, &info))
}

/// A definitions file.
#[utoipa::path(get, path = "/agent/v1/definitions/{revision}", tag = "agent",
    params(("revision" = u64, Path)),
    extensions(("x-garrison-role" = json!("device"))),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = "default", body = Problem)))]
async fn fetch(
    State(site): App,
    _device: ApprovedDevice,
    PathId(revision): PathId<u64>,
) -> Result<Response, Refusal> {
    let path = site
        .definitions
        .blobs()
        .path(&blob_name(DefinitionRevision(revision)))?;
    let file = match File::open(&path).await {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Refusal::new(
                ProblemKind::NotFound,
                format!(
                    "revision {revision} is not here (any more); check in to hear which is current"
                ),
            ));
        }
        Err(error) => return Err(Refusal::internal("opening definitions")(error)),
    };
    let length = file
        .metadata()
        .await
        .map_err(Refusal::internal("reading definitions"))?
        .len();
    let pieces = stream::try_unfold(file, |mut file| async move {
        let mut piece = vec![0; PIECE];
        let read = file.read(&mut piece).await?;
        piece.truncate(read);
        Ok::<_, io::Error>((read > 0).then(|| (Bytes::from(piece), file)))
    });
    let mut response = Response::new(Body::from_stream(pieces));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    Ok(response)
}
