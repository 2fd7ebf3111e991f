//! `/enrolment`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use proto::Page;
use proto::api::access::{CreatedEnrolmentToken, EnrolmentTokenInfo, NewEnrolmentToken};
use proto::problem::ProblemKind;

use crate::access::{Permit, Viewer};
use crate::console::answer::{Answer, page_with, see_said};
use crate::console::export::{Format, file, gather};
use crate::console::frame::Room;
use crate::console::view::enrolment::EnrolmentPage;
use crate::console::visit::Visit;
use crate::refusal::Refusal;
use crate::site::Site;
use crate::{enrolment, groups};

const COLUMNS: &[&str] = &[
    "id",
    "name",
    "group_name",
    "uses",
    "max_uses",
    "expires",
    "revoked",
];
const MAX_GROUPS: u32 = 500;

pub(in crate::console) async fn list(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    show(&site, &visit, None, None).await
}

/// The text is told in the answer itself and nowhere else.
pub(in crate::console) async fn create(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    let form = visit.form();
    let new = NewEnrolmentToken {
        name: form.value("name").to_owned(),
        group: Some(form.parsed("group")?),
        max_uses: form.parsed("max_uses")?,
        valid_seconds: form.parsed("valid_seconds")?,
    };
    match enrolment::create(&site, &visit.permit()?, new).await {
        Ok(fresh) => show(&site, &visit, Some(fresh), None).await,
        Err(refusal) if refusal.kind() == ProblemKind::Invalid => {
            show(&site, &visit, None, Some(refusal.into_problem().detail)).await
        }
        Err(refusal) => Err(refusal.into()),
    }
}

pub(in crate::console) async fn revoke(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    visit: Visit,
) -> Answer {
    enrolment::revoke(&site, &visit.permit()?, visit.id(&id)?).await?;
    Ok(see_said("/enrolment", "token_revoked"))
}

async fn show(
    site: &Site,
    visit: &Visit,
    fresh: Option<CreatedEnrolmentToken>,
    wrong: Option<String>,
) -> Answer {
    let address = visit.address();
    let by = visit.permit()?;
    let status = if wrong.is_some() {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    let view = EnrolmentPage {
        frame: visit.frame(site, Room::Devices).await?,
        address: address.clone(),
        tab: "enrolment",
        page: enrolment::list(site, &by, None, address.wanted("cursor")).await?,
        groups: groups::list(site, &by, Some(MAX_GROUPS), None).await?.items,
        fresh,
        wrong,
    };
    page_with(status, &view)
}

pub(in crate::console) async fn csv(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    file(
        Format::Csv,
        "enrolment-tokens",
        COLUMNS,
        &all(&site, &visit).await?,
    )
}

pub(in crate::console) async fn json(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    file(
        Format::Json,
        "enrolment-tokens",
        COLUMNS,
        &all(&site, &visit).await?,
    )
}

async fn all(site: &Site, visit: &Visit) -> Result<Page<EnrolmentTokenInfo>, Refusal> {
    let by: Permit<Viewer> = visit.permit()?;
    gather(|limit, cursor| {
        let by = by.clone();
        async move { enrolment::list(site, &by, Some(limit), cursor.as_deref()).await }
    })
    .await
}
