//! `/api-tokens`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use model::Role;
use proto::Page;
use proto::api::access::{ApiTokenInfo, CreatedApiToken, NewApiToken};
use proto::problem::ProblemKind;

use crate::access::{self, Administrator, Permit};
use crate::console::answer::{Answer, page_with, see_said};
use crate::console::export::{Format, file, gather};
use crate::console::frame::Room;
use crate::console::view::settings::ApiTokensPage;
use crate::console::visit::Visit;
use crate::refusal::Refusal;
use crate::site::Site;

const COLUMNS: &[&str] = &["id", "name", "role", "expires", "last_used", "revoked"];

pub(in crate::console) async fn list(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    show(&site, &visit, None, None).await
}

/// The text is told in the answer itself and nowhere else; reloading asks before sending again.
pub(in crate::console) async fn create(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    let form = visit.form();
    let role = Role::parse(form.value("role"))
        .ok_or_else(|| Refusal::invalid("role: expected viewer, operator or administrator"))?;
    let new = NewApiToken {
        name: form.value("name").to_owned(),
        role,
        valid_seconds: form.parsed("valid_seconds")?,
    };
    match access::create_api_token(&site, &visit.permit()?, new).await {
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
    access::revoke_api_token(&site, &visit.permit()?, visit.id(&id)?).await?;
    Ok(see_said("/api-tokens", "token_revoked"))
}

async fn show(
    site: &Site,
    visit: &Visit,
    fresh: Option<CreatedApiToken>,
    wrong: Option<String>,
) -> Answer {
    let address = visit.address();
    let status = if wrong.is_some() {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    let by = visit.permit()?;
    let view = ApiTokensPage {
        frame: visit.frame(site, Room::Settings).await?,
        address: address.clone(),
        tab: "api-tokens",
        page: access::api_tokens(site, &by, None, address.wanted("cursor")).await?,
        fresh,
        wrong,
    };
    page_with(status, &view)
}

pub(in crate::console) async fn csv(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    file(
        Format::Csv,
        "api-tokens",
        COLUMNS,
        &all(&site, &visit).await?,
    )
}

pub(in crate::console) async fn json(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    file(
        Format::Json,
        "api-tokens",
        COLUMNS,
        &all(&site, &visit).await?,
    )
}

async fn all(site: &Site, visit: &Visit) -> Result<Page<ApiTokenInfo>, Refusal> {
    let by: Permit<Administrator> = visit.permit()?;
    gather(|limit, cursor| {
        let by = by.clone();
        async move { access::api_tokens(site, &by, Some(limit), cursor.as_deref()).await }
    })
    .await
}
