//! `/audit`.

use std::sync::Arc;

use axum::extract::State;
use proto::Page;
use proto::api::audit::AuditLine;

use crate::access::{Permit, Viewer};
use crate::audit::{self, AuditFilter};
use crate::console::address::Address;
use crate::console::answer::{Answer, page};
use crate::console::export::{Format, file, gather};
use crate::console::frame::Room;
use crate::console::view::settings::AuditPage;
use crate::console::visit::Visit;
use crate::refusal::Refusal;
use crate::site::Site;

const COLUMNS: &[&str] = &["time", "actor", "address", "action", "object", "detail"];

pub(in crate::console) async fn list(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    let address = visit.address();
    let filter = AuditFilter {
        cursor: super::text(address, "cursor"),
        ..filter(address)?
    };
    page(&AuditPage {
        page: audit::list(&site, &visit.permit()?, &filter).await?,
        frame: visit.frame(&site, Room::Settings).await?,
        address: address.clone(),
        tab: "audit",
    })
}

pub(in crate::console) async fn csv(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    file(Format::Csv, "audit", COLUMNS, &all(&site, &visit).await?)
}

pub(in crate::console) async fn json(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    file(Format::Json, "audit", COLUMNS, &all(&site, &visit).await?)
}

async fn all(site: &Site, visit: &Visit) -> Result<Page<AuditLine>, Refusal> {
    let by: Permit<Viewer> = visit.permit()?;
    let filter = filter(visit.address())?;
    gather(|limit, cursor| {
        let mut filter = filter.clone();
        let by = by.clone();
        async move {
            filter.limit = Some(limit);
            filter.cursor = cursor;
            audit::list(site, &by, &filter).await
        }
    })
    .await
}

fn filter(address: &Address) -> Result<AuditFilter, Refusal> {
    Ok(AuditFilter {
        actor: super::text(address, "actor"),
        action: super::text(address, "action"),
        search: super::text(address, "search"),
        since: since(address, "since")?,
        until: since(address, "until")?,
        ..AuditFilter::default()
    })
}

fn since(address: &Address, name: &str) -> Result<Option<model::Timestamp>, Refusal> {
    address
        .wanted(name)
        .map(|text| {
            model::Timestamp::parse(text)
                .map_err(|error| Refusal::invalid(format!("{name}: {error}")))
        })
        .transpose()
}
