//! People's accounts.

use model::{Role, UserId};
use proto::api::access::{NewUser, User, UserChange};

use super::{Administrator, Caller, Permit, Viewer, rules, store};
use crate::audit;
use crate::refusal::Refusal;
use crate::site::Site;

/// Every account, by name.
///
/// # Errors
/// When the database fails.
pub async fn users(site: &Site, _by: &Permit<Administrator>) -> Result<Vec<User>, Refusal> {
    Ok(store::users(&site.database).await?)
}

/// One's own account.
///
/// # Errors
/// When there is none such.
pub async fn user(site: &Site, _by: &Permit<Viewer>, id: UserId) -> Result<User, Refusal> {
    store::user_by_id(&site.database, id)
        .await?
        .ok_or_else(|| Refusal::not_found("user", id))
}

/// Makes an account.
///
/// # Errors
/// When the name or the password is not allowed, or the name is taken.
pub async fn create_user(
    site: &Site,
    by: &Permit<Administrator>,
    new: NewUser,
) -> Result<User, Refusal> {
    rules::user_name(&new.name)?;
    rules::password(&new.password)?;
    insert(site, by, new.name, new.role, new.password).await
}

/// The account `admin` of the first start; `None` when there is any account already.
pub(crate) async fn first_administrator(site: &Site) -> Result<Option<String>, Refusal> {
    if !store::users(&site.database).await?.is_empty() {
        return Ok(None);
    }
    let password = trust::secret::random_text().map_err(Refusal::internal("making a password"))?;
    Ok(Some(password))
}

/// Makes the account `admin` with that password.
pub(crate) async fn insert_first_administrator(
    site: &Site,
    password: String,
) -> Result<User, Refusal> {
    insert(
        site,
        &Caller::manager(),
        "admin".to_owned(),
        Role::Administrator,
        password,
    )
    .await
}

async fn insert(
    site: &Site,
    by: &Caller,
    name: String,
    role: Role,
    password: String,
) -> Result<User, Refusal> {
    let phc = site.access.hashing.hash(password).await?;
    let user = User {
        id: UserId::generate(),
        name,
        role,
        disabled: false,
        created: site.now(),
        last_sign_in: None,
    };
    let line = audit::Line::new(
        site,
        by,
        "user.create",
        format!("user {}", user.name),
        format!("role {role}"),
    );
    let stored = user.clone();
    site.database
        .write(|tx| {
            Box::pin(async move {
                store::insert_user(tx, &stored, &phc)
                    .await
                    .map_err(|error| {
                        if error.is_unique_violation() {
                            Refusal::conflict(format!(
                                "there is a user {:?} already; choose another name",
                                stored.name
                            ))
                        } else {
                            error.into()
                        }
                    })?;
                audit::insert(tx, &line).await
            })
        })
        .await?;
    audit::tell(site);
    Ok(user)
}

/// Changes an account. Its sessions end.
///
/// # Errors
/// When there is none such, the password is not allowed, or nobody could administer any more.
pub async fn change_user(
    site: &Site,
    by: &Permit<Administrator>,
    id: UserId,
    change: UserChange,
) -> Result<User, Refusal> {
    let mut user = store::user_by_id(&site.database, id)
        .await?
        .ok_or_else(|| Refusal::not_found("user", id))?;
    let mut words = Vec::new();
    if let Some(role) = change.role {
        user.role = role;
        words.push(format!("role {role}"));
    }
    if let Some(disabled) = change.disabled {
        user.disabled = disabled;
        words.push(if disabled { "disabled" } else { "enabled" }.to_owned());
    }
    let phc = match change.password {
        Some(password) => {
            rules::password(&password)?;
            words.push("new password".to_owned());
            Some(site.access.hashing.hash(password).await?)
        }
        None => None,
    };
    if words.is_empty() {
        return Ok(user);
    }
    let line = audit::Line::new(
        site,
        by,
        "user.change",
        format!("user {}", user.name),
        words.join(", "),
    );
    let stored = user.clone();
    site.database
        .write(|tx| {
            Box::pin(async move {
                store::update_user(tx, &stored, phc.as_deref()).await?;
                require_an_administrator(tx).await?;
                audit::insert(tx, &line).await
            })
        })
        .await?;
    audit::tell(site);
    Ok(user)
}

/// Removes an account and its sessions.
///
/// # Errors
/// When there is none such, or nobody could administer any more.
pub async fn delete_user(
    site: &Site,
    by: &Permit<Administrator>,
    id: UserId,
) -> Result<(), Refusal> {
    let user = store::user_by_id(&site.database, id)
        .await?
        .ok_or_else(|| Refusal::not_found("user", id))?;
    let line = audit::Line::new(site, by, "user.delete", format!("user {}", user.name), "");
    site.database
        .write(|tx| {
            Box::pin(async move {
                store::delete_user(tx, id).await?;
                require_an_administrator(tx).await?;
                audit::insert(tx, &line).await
            })
        })
        .await?;
    audit::tell(site);
    Ok(())
}

/// Judged after the change and inside its transaction, so that two changes at the same time can't
/// take away the last two administrators.
async fn require_an_administrator(tx: &mut ::store::Transaction) -> Result<(), Refusal> {
    if store::active_administrators(tx).await? == 0 {
        return Err(Refusal::conflict(
            "this is the last administrator who can sign in; make another one first",
        ));
    }
    Ok(())
}
