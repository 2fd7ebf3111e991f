//! People signing in and out of the console.

use std::net::IpAddr;
use std::time::Duration;

use model::{Timestamp, UserId};
use proto::problem::ProblemKind;

use super::{Caller, rules, store};
use crate::audit;
use crate::refusal::Refusal;
use crate::site::Site;

/// The last use of a session is written down at most this often.
const TOUCH_EVERY: Duration = Duration::from_secs(60);

/// A fresh session. The token goes into a cookie and nowhere else.
#[derive(Clone)]
pub struct SignedIn {
    pub token: String,
    pub caller: Caller,
    pub expires: Timestamp,
}

/// A session that was looked up.
#[derive(Clone)]
pub struct Session {
    pub caller: Caller,
    pub user: UserId,
    /// What a form of this session must carry.
    pub csrf: String,
    /// When it ends at the latest.
    pub expires: Timestamp,
}

/// Signs a person in.
///
/// # Errors
/// `unauthenticated` when name or password is wrong, or the account is disabled (not told apart);
/// `too-many` after too many failures.
pub async fn sign_in(
    site: &Site,
    name: &str,
    password: &str,
    address: Option<IpAddr>,
) -> Result<SignedIn, Refusal> {
    let now = site.now();
    let account_name: String = name.chars().take(64).collect();
    site.access.throttle.admit(&account_name, address, now)?;
    let found = store::user_by_name(&site.database, &account_name).await?;
    let (user, phc) = match found {
        Some((user, phc)) if !user.disabled => (Some(user), Some(phc)),
        Some(_) | None => (None, None),
    };
    let good = site.access.hashing.verify(password.to_owned(), phc).await?;
    let Some(user) = user.filter(|_| good) else {
        site.access.throttle.failed(&account_name, address, now);
        let actor = Caller {
            name: account_name,
            address,
            ..Caller::manager()
        };
        audit::record(
            site,
            &actor,
            "sign_in.failed",
            "console",
            "wrong name or password",
        )
        .await?;
        return Err(Refusal::new(
            ProblemKind::Unauthenticated,
            "name or password is wrong, or the account is disabled",
        ));
    };
    site.access.throttle.succeeded(&account_name);
    let token = trust::secret::random_text().map_err(Refusal::internal("making a session"))?;
    let digest = hex::encode(trust::secret::digest(&token));
    let caller = Caller {
        name: user.name.clone(),
        role: user.role,
        address,
        user: Some(user.id),
    };
    let line = audit::Line::new(site, &caller, "sign_in", "console", "signed in");
    site.database
        .write(|tx| {
            Box::pin(async move {
                store::insert_session(tx, &digest, user.id, now).await?;
                audit::insert(tx, &line).await
            })
        })
        .await?;
    audit::tell(site);
    Ok(SignedIn {
        token,
        caller,
        expires: now.plus(rules::SESSION_LIFETIME),
    })
}

/// The session of that token, when it is still good. Its use keeps it alive.
///
/// # Errors
/// When the database fails.
pub async fn session(
    site: &Site,
    token: &str,
    address: Option<IpAddr>,
) -> Result<Option<Session>, Refusal> {
    let now = site.now();
    let digest = hex::encode(trust::secret::digest(token));
    let Some(stored) = store::session(&site.database, &digest).await? else {
        return Ok(None);
    };
    if stored.user.disabled || !rules::session_is_good(stored.created, stored.last_used, now) {
        return Ok(None);
    }
    if now.since(stored.last_used) >= TOUCH_EVERY {
        site.database
            .write(|tx| {
                Box::pin(async move {
                    store::touch_session(tx, &digest, now).await?;
                    Ok::<_, Refusal>(())
                })
            })
            .await?;
    }
    Ok(Some(Session {
        user: stored.user.id,
        csrf: csrf_token(token),
        expires: stored.created.plus(rules::SESSION_LIFETIME),
        caller: Caller {
            name: stored.user.name,
            role: stored.user.role,
            address,
            user: Some(stored.user.id),
        },
    }))
}

/// Ends a session; fine when there is none.
///
/// # Errors
/// When the database fails.
pub async fn sign_out(site: &Site, token: &str, by: &Caller) -> Result<(), Refusal> {
    let digest = hex::encode(trust::secret::digest(token));
    let line = audit::Line::new(site, by, "sign_out", "console", "signed out");
    site.database
        .write(|tx| {
            Box::pin(async move {
                store::delete_session(tx, &digest).await?;
                audit::insert(tx, &line).await
            })
        })
        .await?;
    audit::tell(site);
    Ok(())
}

/// What a form of the session must carry, so that a foreign page can't send one. Made from the
/// session's token, and doesn't give it away.
#[must_use]
pub fn csrf_token(session_token: &str) -> String {
    hex::encode(trust::secret::digest(&format!(
        "garrison cross-site token 1\0{session_token}"
    )))
}

/// Removes sessions that have ended.
pub(crate) async fn prune(site: &Site) -> Result<(), Refusal> {
    let now = site.now();
    site.database
        .write(|tx| {
            Box::pin(async move {
                store::prune_sessions(
                    tx,
                    now.minus(rules::SESSION_LIFETIME),
                    now.minus(rules::SESSION_IDLE),
                )
                .await?;
                Ok::<_, Refusal>(())
            })
        })
        .await
}
