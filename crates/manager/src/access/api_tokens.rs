//! Tokens with which programs use the API.

use std::net::IpAddr;
use std::time::Duration;

use model::{ApiTokenId, Role};
use proto::Page;
use proto::api::access::{ApiTokenInfo, CreatedApiToken, NewApiToken};
use proto::problem::ProblemKind;

use super::{Administrator, Caller, Permit, rules, store};
use crate::audit;
use crate::refusal::Refusal;
use crate::site::Site;
use crate::web::cursor::{self, Cursor};

/// The text begins with this; the number is the version of the format.
const PREFIX: &str = "garrison-api-1.";
/// Longer text is no token.
const MAX_TEXT: usize = 256;
/// The last use of a token is written down at most this often.
const TOUCH_EVERY: Duration = Duration::from_secs(60);

/// The token's caller. Looked up at each request, so that a revoked token is refused at once.
pub(super) async fn look_up(
    site: &Site,
    text: &str,
    address: Option<IpAddr>,
) -> Result<Caller, Refusal> {
    let refused = |detail: &str| Refusal::new(ProblemKind::Unauthenticated, detail);
    let secret = text
        .strip_prefix(PREFIX)
        .filter(|_| text.len() <= MAX_TEXT)
        .ok_or_else(|| {
            refused("expected an API token: one line that begins with \"garrison-api-1.\"")
        })?;
    let digest = hex::encode(trust::secret::digest(secret));
    let token = store::api_token_by_secret(&site.database, &digest)
        .await?
        .ok_or_else(|| refused("the API token is not known here; make a new one"))?;
    let now = site.now();
    if token.revoked {
        return Err(refused("the API token was revoked; make a new one"));
    }
    if now >= token.expires {
        return Err(refused("the API token has expired; make a new one"));
    }
    if token
        .last_used
        .is_none_or(|last| now.since(last) >= TOUCH_EVERY)
    {
        let id = token.id;
        site.database
            .write(|tx| {
                Box::pin(async move {
                    store::touch_api_token(tx, id, now).await?;
                    Ok::<_, Refusal>(())
                })
            })
            .await?;
    }
    Ok(Caller {
        name: token.name,
        role: token.role,
        address,
        user: None,
    })
}

/// API tokens, the newest first, without their secrets.
///
/// # Errors
/// When the limit or the cursor is none.
pub async fn api_tokens(
    site: &Site,
    _by: &Permit<Administrator>,
    limit: Option<u32>,
    after: Option<&str>,
) -> Result<Page<ApiTokenInfo>, Refusal> {
    let limit = cursor::page_limit(limit)?;
    let after = Cursor::<()>::parse_optional(after)?;
    let (items, total) = store::api_tokens(
        &site.database,
        after.as_ref().map(|Cursor((), id)| id.as_str()),
        i64::try_from(limit + 1).unwrap_or(i64::MAX),
    )
    .await?;
    Ok(cursor::page(items, limit, total, |last| {
        Cursor((), last.id.to_string())
    }))
}

/// Makes an API token. Its text is told this once.
///
/// # Errors
/// When a value is outside its range, or the role is larger than the caller's.
pub async fn create_api_token(
    site: &Site,
    by: &Permit<Administrator>,
    new: NewApiToken,
) -> Result<CreatedApiToken, Refusal> {
    let lifetime = rules::seconds("valid_seconds", new.valid_seconds, 60..=366 * 86_400)?;
    let name = rules::label("name", &new.name)?;
    if new.role > by.role {
        return Err(Refusal::new(
            ProblemKind::Forbidden,
            format!("role: at most your own ({}), got {}", by.role, new.role),
        ));
    }
    create(site, by, name, new.role, lifetime).await
}

/// The token for the operator of the machine that the manager runs on.
pub(crate) async fn create_local(site: &Site) -> Result<CreatedApiToken, Refusal> {
    create(
        site,
        &Caller::manager(),
        "local".to_owned(),
        Role::Administrator,
        Duration::from_secs(3660 * 86_400),
    )
    .await
}

/// Whether the text is a token that is good now.
pub(crate) async fn is_good(site: &Site, text: &str) -> bool {
    look_up(site, text.trim(), None).await.is_ok()
}

async fn create(
    site: &Site,
    by: &Caller,
    name: String,
    role: Role,
    lifetime: Duration,
) -> Result<CreatedApiToken, Refusal> {
    let secret = trust::secret::random_text().map_err(Refusal::internal("making a token"))?;
    let digest = hex::encode(trust::secret::digest(&secret));
    let now = site.now();
    let info = ApiTokenInfo {
        id: ApiTokenId::generate(),
        name,
        role,
        created: now,
        expires: now.plus(lifetime),
        last_used: None,
        revoked: false,
        created_by: by.name.clone(),
    };
    let line = audit::Line::new(
        site,
        by,
        "api_token.create",
        format!("API token {}", info.id),
        format!("{:?}, role {role}, until {}", info.name, info.expires),
    );
    let stored = info.clone();
    site.database
        .write(|tx| {
            Box::pin(async move {
                store::insert_api_token(tx, &stored, &digest).await?;
                audit::insert(tx, &line).await
            })
        })
        .await?;
    audit::tell(site);
    Ok(CreatedApiToken {
        info,
        text: format!("{PREFIX}{secret}"),
    })
}

/// Revokes an API token, at once; fine when it was revoked already.
///
/// # Errors
/// When there is none such.
pub async fn revoke_api_token(
    site: &Site,
    by: &Permit<Administrator>,
    id: ApiTokenId,
) -> Result<ApiTokenInfo, Refusal> {
    let line = audit::Line::new(site, by, "api_token.revoke", format!("API token {id}"), "");
    let info = site
        .database
        .write(|tx| {
            Box::pin(async move {
                store::revoke_api_token(tx, id).await?;
                let info = store::api_token_by_id(tx, id)
                    .await?
                    .ok_or_else(|| Refusal::not_found("API token", id))?;
                audit::insert(tx, &line).await?;
                Ok::<_, Refusal>(info)
            })
        })
        .await?;
    audit::tell(site);
    Ok(info)
}
