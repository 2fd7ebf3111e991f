//! `/users`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use model::Role;
use proto::Page;
use proto::api::access::{NewUser, User, UserChange};
use proto::problem::ProblemKind;

use crate::access;
use crate::console::answer::{Answer, page_with, see_said};
use crate::console::export::{Format, file};
use crate::console::frame::Room;
use crate::console::view::settings::UsersPage;
use crate::console::visit::Visit;
use crate::refusal::Refusal;
use crate::site::Site;

const COLUMNS: &[&str] = &["id", "name", "role", "disabled", "last_sign_in"];

pub(in crate::console) async fn list(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    show(&site, &visit, None).await
}

pub(in crate::console) async fn create(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    let form = visit.form();
    let role = Role::parse(form.value("role"))
        .ok_or_else(|| Refusal::invalid("role: expected viewer, operator or administrator"))?;
    let new = NewUser {
        name: form.value("name").to_owned(),
        role,
        password: form.value("password").to_owned(),
    };
    match access::create_user(&site, &visit.permit()?, new).await {
        Ok(_) => Ok(see_said("/users", "user_created")),
        Err(refusal) if matches!(refusal.kind(), ProblemKind::Invalid | ProblemKind::Conflict) => {
            show(&site, &visit, Some(refusal.into_problem().detail)).await
        }
        Err(refusal) => Err(refusal.into()),
    }
}

pub(in crate::console) async fn state(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    visit: Visit,
) -> Answer {
    let change = UserChange {
        disabled: Some(visit.form().parsed("disabled")?),
        ..UserChange::default()
    };
    access::change_user(&site, &visit.permit()?, visit.id(&id)?, change).await?;
    Ok(see_said("/users", "user_changed"))
}

async fn show(site: &Site, visit: &Visit, wrong: Option<String>) -> Answer {
    let status = if wrong.is_some() {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    let view = UsersPage {
        frame: visit.frame(site, Room::Settings).await?,
        address: visit.address().clone(),
        tab: "users",
        page: all(site, visit).await?,
        wrong,
    };
    page_with(status, &view)
}

pub(in crate::console) async fn csv(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    file(Format::Csv, "users", COLUMNS, &all(&site, &visit).await?)
}

pub(in crate::console) async fn json(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    file(Format::Json, "users", COLUMNS, &all(&site, &visit).await?)
}

/// There are few enough for one page.
async fn all(site: &Site, visit: &Visit) -> Result<Page<User>, Refusal> {
    let items = access::users(site, &visit.permit()?).await?;
    Ok(Page {
        total: u64::try_from(items.len()).unwrap_or(u64::MAX),
        items,
        next_cursor: None,
    })
}
