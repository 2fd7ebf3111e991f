//! Policies: named settings that groups use.

pub mod http;
mod store;

use model::PolicyId;
use proto::Page;
use proto::api::Changed;
use proto::api::group::{NamedPolicy, PolicyText};

pub(crate) use store::{TABLES, insert_default, settings};

use crate::access::{Administrator, Permit, Viewer, rules::label};
use crate::audit;
use crate::refusal::Refusal;
use crate::site::{Site, next_revision};
use crate::web::cursor::{self, Cursor};

/// The name of the policy that the first start makes.
pub const DEFAULT_NAME: &str = "Default";

/// Policies by name.
///
/// # Errors
/// When the limit or the cursor is none.
pub async fn list(
    site: &Site,
    _by: &Permit<Viewer>,
    limit: Option<u32>,
    after: Option<&str>,
) -> Result<Page<NamedPolicy>, Refusal> {
    let limit = cursor::page_limit(limit)?;
    let after = Cursor::<String>::parse_optional(after)?;
    let (items, total) = store::list(&site.database, after, limit + 1).await?;
    Ok(cursor::page(items, limit, total, |last| {
        Cursor(last.name.clone(), last.id.to_string())
    }))
}

/// One policy.
///
/// # Errors
/// When there is none such.
pub async fn find(site: &Site, _by: &Permit<Viewer>, id: PolicyId) -> Result<NamedPolicy, Refusal> {
    store::find(&site.database, id)
        .await?
        .ok_or_else(|| Refusal::not_found("policy", id))
}

/// Makes a policy.
///
/// # Errors
/// When a value is outside its range or the name is taken.
pub async fn create(
    site: &Site,
    by: &Permit<Administrator>,
    text: PolicyText,
) -> Result<NamedPolicy, Refusal> {
    let name = check(&text)?;
    let id = PolicyId::generate();
    let now = site.now();
    let line = audit::Line::new(
        site,
        by,
        "policy.create",
        format!("policy {id}"),
        format!("{name:?}"),
    );
    let policy = text.policy;
    site.database
        .write(|tx| {
            Box::pin(async move {
                let revision = next_revision(tx).await?;
                store::insert(tx, id, &name, revision, &policy, now).await?;
                audit::insert(tx, &line).await
            })
        })
        .await?;
    site.tell(Changed::Policy, id);
    audit::tell(site);
    reread(site, id).await
}

/// Replaces a policy's name and settings. The devices of every group that uses it are told.
///
/// # Errors
/// When there is none such, a value is outside its range, the name is taken, or somebody changed
/// it after `based_on`.
pub async fn replace(
    site: &Site,
    by: &Permit<Administrator>,
    id: PolicyId,
    text: PolicyText,
) -> Result<NamedPolicy, Refusal> {
    let name = check(&text)?;
    let based_on = text.based_on.ok_or_else(|| {
        Refusal::invalid("based_on: expected the revision of the policy that you read")
    })?;
    let now = site.now();
    let line = audit::Line::new(
        site,
        by,
        "policy.change",
        format!("policy {id}"),
        format!("{name:?}, based on revision {based_on}"),
    );
    let policy = text.policy;
    site.database
        .write(|tx| {
            Box::pin(async move {
                let (current, current_name) = store::revision(tx, id)
                    .await?
                    .ok_or_else(|| Refusal::not_found("policy", id))?;
                if current_name == DEFAULT_NAME && name != DEFAULT_NAME {
                    return Err(Refusal::conflict("the default policy keeps its name"));
                }
                if current != based_on {
                    return Err(Refusal::conflict(format!(
                        "the policy is at revision {current} and the change is based on {based_on}; read it again and repeat the change"
                    )));
                }
                let revision = next_revision(tx).await?;
                store::update(tx, id, &name, revision, &policy, now).await?;
                crate::groups::policy_changed(tx, id, revision, now).await?;
                audit::insert(tx, &line).await
            })
        })
        .await?;
    crate::groups::reload(site).await?;
    crate::devices::check_in_groups_of(site, id);
    site.tell(Changed::Policy, id);
    audit::tell(site);
    reread(site, id).await
}

/// Removes a policy that no group uses.
///
/// # Errors
/// When there is none such, it is the default, or a group uses it.
pub async fn delete(site: &Site, by: &Permit<Administrator>, id: PolicyId) -> Result<(), Refusal> {
    let found = reread(site, id).await?;
    if found.name == DEFAULT_NAME {
        return Err(Refusal::conflict("the default policy can't be removed"));
    }
    let line = audit::Line::new(
        site,
        by,
        "policy.delete",
        format!("policy {id}"),
        format!("{:?}", found.name),
    );
    site.database
        .write(|tx| {
            Box::pin(async move {
                store::delete(tx, id).await.map_err(|error| {
                    if error.is_foreign_key_violation() {
                        Refusal::conflict("groups use this policy; give them another one first")
                    } else {
                        error.into()
                    }
                })?;
                audit::insert(tx, &line).await
            })
        })
        .await?;
    site.tell(Changed::Policy, id);
    audit::tell(site);
    Ok(())
}

fn check(text: &PolicyText) -> Result<String, Refusal> {
    text.policy
        .check()
        .map_err(|error| Refusal::invalid(error.to_string()))?;
    if text.policy.exclusions.len() > 1000 {
        return Err(Refusal::invalid(format!(
            "policy exclusions: expected at most 1000, got {}",
            text.policy.exclusions.len()
        )));
    }
    label("name", &text.name)
}

async fn reread(site: &Site, id: PolicyId) -> Result<NamedPolicy, Refusal> {
    store::find(&site.database, id)
        .await?
        .ok_or_else(|| Refusal::not_found("policy", id))
}
