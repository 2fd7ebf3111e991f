//! Groups of devices that share a policy.

mod book;
pub mod http;
mod store;

use model::{GroupId, PolicyId, Timestamp};
use proto::Page;
use proto::api::Changed;
use proto::api::group::{Group, GroupChange, NewGroup};

pub use book::{GroupBook, GroupInForce};
pub(crate) use store::{TABLES, insert_default, policy_changed};

use crate::access::{Administrator, Permit, Viewer, rules::label};
use crate::audit;
use crate::refusal::Refusal;
use crate::site::{Site, next_revision};
use crate::web::cursor::{self, Cursor};

/// The name of the group that the first start makes.
pub const DEFAULT_NAME: &str = "Default";

/// Groups by name.
///
/// # Errors
/// When the limit or the cursor is none.
pub async fn list(
    site: &Site,
    _by: &Permit<Viewer>,
    limit: Option<u32>,
    after: Option<&str>,
) -> Result<Page<Group>, Refusal> {
    let limit = cursor::page_limit(limit)?;
    let after = Cursor::<String>::parse_optional(after)?;
    let (items, total) = store::list(&site.database, after, limit + 1).await?;
    Ok(cursor::page(items, limit, total, |last| {
        Cursor(last.name.clone(), last.id.to_string())
    }))
}

/// One group.
///
/// # Errors
/// When there is none such.
pub async fn find(site: &Site, _by: &Permit<Viewer>, id: GroupId) -> Result<Group, Refusal> {
    reread(site, id).await
}

/// Makes a group.
///
/// # Errors
/// When the name is taken or there is no such policy.
pub async fn create(
    site: &Site,
    by: &Permit<Administrator>,
    new: NewGroup,
) -> Result<Group, Refusal> {
    let name = label("name", &new.name)?;
    let policy = match new.policy {
        Some(policy) => policy,
        None => site.groups.default_policy()?,
    };
    let id = GroupId::generate();
    let now = site.now();
    let line = audit::Line::new(
        site,
        by,
        "group.create",
        format!("group {id}"),
        format!("{name:?}, policy {policy}"),
    );
    site.database
        .write(|tx| {
            Box::pin(async move {
                let revision = next_revision(tx).await?;
                let row = store::Row {
                    id,
                    name,
                    policy,
                    approve_forks: new.approve_forks,
                    revision,
                    issued: now,
                };
                store::insert(tx, &row, now).await?;
                audit::insert(tx, &line).await
            })
        })
        .await?;
    changed(site, id).await
}

/// Changes a group. With another policy its devices are told.
///
/// # Errors
/// When there is none such, the name is taken or there is no such policy.
pub async fn change(
    site: &Site,
    by: &Permit<Administrator>,
    id: GroupId,
    change: GroupChange,
) -> Result<Group, Refusal> {
    let name = change
        .name
        .as_deref()
        .map(|name| label("name", name))
        .transpose()?;
    let now = site.now();
    let mut words = Vec::new();
    if let Some(name) = &name {
        words.push(format!("name {name:?}"));
    }
    if let Some(policy) = change.policy {
        words.push(format!("policy {policy}"));
    }
    if let Some(approve) = change.approve_forks {
        words.push(
            if approve {
                "forks are approved"
            } else {
                "forks wait"
            }
            .to_owned(),
        );
    }
    let line = audit::Line::new(
        site,
        by,
        "group.change",
        format!("group {id}"),
        words.join(", "),
    );
    site.database
        .write(|tx| {
            Box::pin(async move {
                let mut row = store::find(tx, id)
                    .await?
                    .ok_or_else(|| Refusal::not_found("group", id))?;
                if let Some(policy) = change.policy.filter(|policy| *policy != row.policy) {
                    row.policy = policy;
                    row.revision = next_revision(tx).await?;
                    row.issued = now;
                }
                if let Some(name) = name {
                    if row.name == DEFAULT_NAME && name != DEFAULT_NAME {
                        return Err(Refusal::conflict("the default group keeps its name"));
                    }
                    row.name = name;
                }
                row.approve_forks = change.approve_forks.unwrap_or(row.approve_forks);
                store::update(tx, &row).await?;
                audit::insert(tx, &line).await
            })
        })
        .await?;
    let group = changed(site, id).await?;
    if change.policy.is_some() {
        crate::devices::check_in_group(site, id);
    }
    Ok(group)
}

/// Removes a group that has no devices and no enrolment tokens that let machines into it.
///
/// # Errors
/// When there is none such, it is the default, or it is in use.
pub async fn delete(site: &Site, by: &Permit<Administrator>, id: GroupId) -> Result<(), Refusal> {
    let group = reread(site, id).await?;
    if group.name == DEFAULT_NAME {
        return Err(Refusal::conflict("the default group can't be removed"));
    }
    let line = audit::Line::new(
        site,
        by,
        "group.delete",
        format!("group {id}"),
        format!("{:?}", group.name),
    );
    site.database
        .write(|tx| {
            Box::pin(async move {
                store::delete(tx, id).await.map_err(|error| {
                    if error.is_foreign_key_violation() {
                        Refusal::conflict(
                            "the group has devices, revoked ones included, or enrolment tokens; move the devices to another group first",
                        )
                    } else {
                        error.into()
                    }
                })?;
                audit::insert(tx, &line).await
            })
        })
        .await?;
    reload(site).await?;
    site.tell(Changed::Group, id);
    audit::tell(site);
    Ok(())
}

/// Reads groups and their policies into memory again.
pub(crate) async fn reload(site: &Site) -> Result<(), Refusal> {
    Ok(site.groups.reload(&site.database).await?)
}

async fn changed(site: &Site, id: GroupId) -> Result<Group, Refusal> {
    reload(site).await?;
    site.tell(Changed::Group, id);
    audit::tell(site);
    reread(site, id).await
}

async fn reread(site: &Site, id: GroupId) -> Result<Group, Refusal> {
    store::group(&site.database, id)
        .await?
        .ok_or_else(|| Refusal::not_found("group", id))
}

/// A group's row with the policy that is in force for its devices.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub(crate) id: GroupId,
    pub(crate) name: String,
    pub(crate) approve_forks: bool,
    pub(crate) policy: PolicyId,
    pub(crate) policy_name: String,
    pub(crate) settings: model::Policy,
    pub(crate) revision: u64,
    pub(crate) issued: Timestamp,
}
