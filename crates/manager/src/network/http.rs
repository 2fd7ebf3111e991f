//! Routes of the network: the site's flows, and the files that are made of them.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use proto::api::network::{RenderedDestination, Rendering, SiteFlow};
use proto::{Page, Problem};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{FlowFilter, RenderedFile, Wanted};
use crate::access::{Permit, Viewer};
use crate::refusal::Refusal;
use crate::site::Site;
use crate::web::{Json, PathId, Query};

type App = State<Arc<Site>>;

/// Routes of the API.
pub(crate) fn api() -> OpenApiRouter<Arc<Site>> {
    OpenApiRouter::new()
        .routes(routes!(flows))
        .routes(routes!(flow))
        .routes(routes!(renderings))
        .routes(routes!(rendering))
        .routes(routes!(rendering_report))
}

/// Everything that a query may say. What only other routes need is passed over.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    role: Option<String>,
    perimeter: Option<bool>,
    agents: Option<String>,
    administrators: Option<String>,
    resolver: Option<String>,
    time_servers: Option<String>,
    manager: Option<String>,
    cloud: Option<String>,
    language: Option<String>,
    limit: Option<u32>,
    whole: Option<bool>,
    strict: Option<bool>,
    proxy: Option<String>,
}

impl Asked {
    fn parts(self) -> (FlowFilter, Wanted) {
        (
            FlowFilter {
                role: self.role,
                perimeter: self.perimeter,
                agents: self.agents,
                administrators: self.administrators,
                resolver: self.resolver,
                time_servers: self.time_servers,
                manager: self.manager,
                cloud: self.cloud,
                language: self.language,
            },
            Wanted {
                whole: self.whole,
                strict: self.strict,
                proxy: self.proxy,
            },
        )
    }
}

fn whole_list<T>(items: Vec<T>) -> Json<Page<T>> {
    Json(Page {
        total: u64::try_from(items.len()).unwrap_or(u64::MAX),
        items,
        next_cursor: None,
    })
}

/// Every flow of the catalogue as it is at this site.
#[utoipa::path(get, path = "/api/v1/flows", tag = "network",
    params(FlowFilter, ("limit" = Option<u32>, Query, description = "At most so many.")),
    extensions(("x-garrison-role" = json!("viewer"))),
    responses((status = 200, body = Page<SiteFlow>), (status = "default", body = Problem)))]
async fn flows(
    State(site): App,
    by: Permit<Viewer>,
    Query(asked): Query<Asked>,
) -> Result<Json<Page<SiteFlow>>, Refusal> {
    let most = asked.limit.unwrap_or(u32::MAX);
    let Json(mut page) = whole_list(super::flows(&site, &by, &asked.parts().0)?);
    page.items
        .truncate(usize::try_from(most).unwrap_or(usize::MAX));
    Ok(Json(page))
}

/// One flow as it is at this site.
#[utoipa::path(get, path = "/api/v1/flows/{flow}", tag = "network",
    params(("flow" = String, Path, description = "Such as `agent-channel`."), FlowFilter),
    extensions(("x-garrison-role" = json!("viewer"))),
    responses((status = 200, body = SiteFlow), (status = "default", body = Problem)))]
async fn flow(
    State(site): App,
    by: Permit<Viewer>,
    PathId(id): PathId<String>,
    Query(asked): Query<Asked>,
) -> Result<Json<SiteFlow>, Refusal> {
    super::flow(&site, &by, &id, &asked.parts().0).map(Json)
}

/// The files that the site's flows can be had as.
#[utoipa::path(get, path = "/api/v1/renderings", tag = "network",
    extensions(("x-garrison-role" = json!("viewer"))),
    responses((status = 200, body = Page<Rendering>), (status = "default", body = Problem)))]
async fn renderings(by: Permit<Viewer>) -> Json<Page<Rendering>> {
    whole_list(super::renderings::list(&by))
}

/// The site's flows as a file: rules of a firewall or proxy, a PAC file, a document.
///
/// Filters narrow the file as they narrow the list of flows.
#[utoipa::path(get, path = "/api/v1/renderings/{format}", tag = "network",
    params(("format" = String, Path, description = "Such as `nftables`; `/api/v1/renderings` lists them."), FlowFilter, Wanted),
    extensions(("x-garrison-role" = json!("viewer"))),
    responses((status = 200, body = Vec<u8>, content_type = "*/*",
            description = "The file, in the media type of its format."),
        (status = "default", body = Problem)))]
async fn rendering(
    State(site): App,
    by: Permit<Viewer>,
    PathId(format): PathId<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    let (filter, wanted) = asked.parts();
    super::render(&site, &by, &format, &filter, &wanted).map(attachment)
}

/// How a file expresses each destination: exactly, widened, narrowed or not at all.
#[utoipa::path(get, path = "/api/v1/renderings/{format}/report", tag = "network",
    params(("format" = String, Path, description = "Such as `nftables`."), FlowFilter, Wanted),
    extensions(("x-garrison-role" = json!("viewer"))),
    responses((status = 200, body = Page<RenderedDestination>), (status = "default", body = Problem)))]
async fn rendering_report(
    State(site): App,
    by: Permit<Viewer>,
    PathId(format): PathId<String>,
    Query(asked): Query<Asked>,
) -> Result<Json<Page<RenderedDestination>>, Refusal> {
    let (filter, wanted) = asked.parts();
    super::render(&site, &by, &format, &filter, &wanted).map(|file| whole_list(file.report))
}

/// A file to be kept, under its name.
pub(crate) fn attachment(file: RenderedFile) -> Response {
    let mut response = Response::new(Body::from(file.bytes));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(file.format.media_type()),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    let disposition = format!("attachment; filename=\"{}\"", file.name);
    if let Ok(value) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    response
}
