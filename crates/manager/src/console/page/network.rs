//! `/network`: the site's flows, one flow, and the files that are made of them.

use std::sync::Arc;

use axum::extract::{Path, State};
use proto::Page;
use proto::api::network::SiteFlow;
use proto::problem::ProblemKind;

use crate::console::address::Address;
use crate::console::answer::{Answer, page};
use crate::console::export::{Format, file};
use crate::console::frame::Room;
use crate::console::view::network::{FlowPage, NetworkPage, Rendering, RenderingPage};
use crate::console::visit::Visit;
use crate::network::{FlowFilter, RenderedFile, Wanted};
use crate::refusal::Refusal;
use crate::site::Site;
use crate::{cloud, network};

const COLUMNS: &[&str] = &[
    "id",
    "direction",
    "transport",
    "port",
    "address",
    "need",
    "listening",
    "purpose",
];

pub(in crate::console) async fn show(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    let by = visit.permit()?;
    let filter = filter(visit.address());
    let (flows, wrong) = match network::flows(&site, &by, &filter) {
        Ok(flows) => (flows, None),
        Err(refusal) => {
            let wrong = mistake(refusal)?;
            (
                network::flows(&site, &by, &without_values(&filter))?,
                Some(wrong),
            )
        }
    };
    let total = network::flows(&site, &by, &FlowFilter::default())?.len();
    let link = cloud::state(&site, &by).await?;
    let frame = visit.frame(&site, Room::Network).await?;
    let address = visit.address().clone();
    page(&NetworkPage::new(frame, address, flows, total, link, wrong))
}

/// `/network/flows/{flow}`.
pub(in crate::console) async fn flow(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    visit: Visit,
) -> Answer {
    let by = visit.permit()?;
    let filter = filter(visit.address());
    let filter = FlowFilter {
        role: None,
        perimeter: None,
        ..filter
    };
    let flow = network::flow(&site, &by, &id, &filter)?;
    let frame = visit.frame(&site, Room::Network).await?;
    page(&FlowPage::new(frame, visit.address().clone(), flow))
}

/// `/network/renderings/{format}`: the file, to be looked at first.
pub(in crate::console) async fn rendering(
    State(site): State<Arc<Site>>,
    Path(format): Path<String>,
    visit: Visit,
) -> Answer {
    let Ok(known) = flows::Format::parse(&format) else {
        return Err(
            Refusal::not_found("format", format.chars().take(80).collect::<String>()).into(),
        );
    };
    let (file, wrong) = match rendered(&site, &visit, &format) {
        Ok(file) => (Some(file), None),
        Err(refusal) => (None, Some(mistake(refusal)?)),
    };
    let frame = visit.frame(&site, Room::Network).await?;
    page(&RenderingPage::new(
        frame,
        visit.address().clone(),
        Rendering::of(known),
        file,
        wrong,
    ))
}

/// `/network/renderings/{format}/file`: the same, to be kept.
pub(in crate::console) async fn download(
    State(site): State<Arc<Site>>,
    Path(format): Path<String>,
    visit: Visit,
) -> Answer {
    rendered(&site, &visit, &format)
        .map(network::http::attachment)
        .map_err(Into::into)
}

pub(in crate::console) async fn csv(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    file(Format::Csv, "flows", COLUMNS, &all(&site, &visit)?)
}

pub(in crate::console) async fn json(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    file(Format::Json, "flows", COLUMNS, &all(&site, &visit)?)
}

fn all(site: &Site, visit: &Visit) -> Result<Page<SiteFlow>, Refusal> {
    let items = network::flows(site, &visit.permit()?, &filter(visit.address()))?;
    Ok(Page {
        total: u64::try_from(items.len()).unwrap_or(u64::MAX),
        items,
        next_cursor: None,
    })
}

fn rendered(site: &Site, visit: &Visit, format: &str) -> Result<RenderedFile, Refusal> {
    let address = visit.address();
    let wanted = Wanted {
        whole: Some(address.is("whole", "true") && address.wanted("role").is_some()),
        strict: None,
        proxy: super::text(address, "proxy"),
    };
    network::render(site, &visit.permit()?, format, &filter(address), &wanted)
}

fn filter(address: &Address) -> FlowFilter {
    FlowFilter {
        role: super::text(address, "role"),
        perimeter: address.is("perimeter", "true").then_some(true),
        agents: super::text(address, "agents"),
        administrators: super::text(address, "administrators"),
        resolver: super::text(address, "resolver"),
        time_servers: super::text(address, "time_servers"),
        manager: super::text(address, "manager"),
        cloud: super::text(address, "cloud"),
        language: None,
    }
}

/// What is left when something typed can't be taken.
fn without_values(filter: &FlowFilter) -> FlowFilter {
    FlowFilter {
        role: filter.role().is_ok().then(|| filter.role.clone()).flatten(),
        perimeter: filter.perimeter,
        ..FlowFilter::default()
    }
}

/// What is wrong with something typed; anything else fails the page.
fn mistake(refusal: Refusal) -> Result<String, Refusal> {
    if refusal.kind() == ProblemKind::Invalid {
        Ok(refusal.into_problem().detail)
    } else {
        Err(refusal)
    }
}
