//! `/groups`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use proto::Page;
use proto::api::group::{Group, NewGroup};
use proto::problem::ProblemKind;

use crate::access::{Permit, Viewer};
use crate::console::answer::{Answer, page_with, see_said};
use crate::console::export::{Format, file, gather};
use crate::console::frame::Room;
use crate::console::view::devices::GroupsPage;
use crate::console::visit::Visit;
use crate::refusal::Refusal;
use crate::site::Site;
use crate::{groups, policies};

const COLUMNS: &[&str] = &["id", "name", "policy_name", "devices"];
const MAX_POLICIES: u32 = 500;

pub(in crate::console) async fn list(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    show(&site, &visit, None).await
}

pub(in crate::console) async fn create(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    let form = visit.form();
    let new = NewGroup {
        name: form.value("name").to_owned(),
        policy: Some(form.parsed("policy")?),
        approve_forks: form.value("approve_forks") == "yes",
    };
    match groups::create(&site, &visit.permit()?, new).await {
        Ok(_) => Ok(see_said("/groups", "group_created")),
        Err(refusal) if matches!(refusal.kind(), ProblemKind::Invalid | ProblemKind::Conflict) => {
            show(&site, &visit, Some(refusal.into_problem().detail)).await
        }
        Err(refusal) => Err(refusal.into()),
    }
}

async fn show(site: &Site, visit: &Visit, wrong: Option<String>) -> Answer {
    let by = visit.permit()?;
    let address = visit.address();
    let status = if wrong.is_some() {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    let view = GroupsPage {
        frame: visit.frame(site, Room::Devices).await?,
        address: address.clone(),
        tab: "groups",
        page: groups::list(site, &by, None, address.wanted("cursor")).await?,
        policies: policies::list(site, &by, Some(MAX_POLICIES), None)
            .await?
            .items,
        wrong,
    };
    page_with(status, &view)
}

pub(in crate::console) async fn csv(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    file(Format::Csv, "groups", COLUMNS, &all(&site, &visit).await?)
}

pub(in crate::console) async fn json(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    file(Format::Json, "groups", COLUMNS, &all(&site, &visit).await?)
}

async fn all(site: &Site, visit: &Visit) -> Result<Page<Group>, Refusal> {
    let by: Permit<Viewer> = visit.permit()?;
    gather(|limit, cursor| {
        let by = by.clone();
        async move { groups::list(site, &by, Some(limit), cursor.as_deref()).await }
    })
    .await
}
