//! The caller of an operation, and the proof that its role suffices.

use std::marker::PhantomData;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use model::{Role, UserId};
use proto::problem::ProblemKind;

use crate::refusal::Refusal;
use crate::site::Site;

/// Who asks. Comes from a session or an API token that was looked up for this request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// A user's or an API token's name; stands in the audit log.
    pub name: String,
    pub role: Role,
    pub address: Option<IpAddr>,
    /// Absent for API tokens.
    pub user: Option<UserId>,
}

/// A role as a type, for [`Permit`].
pub trait MinimalRole: Send + Sync + 'static {
    const ROLE: Role;
}

/// Reads everything but secrets.
#[derive(Debug, Clone, Copy)]
pub enum Viewer {}
/// Also scans, triages, quarantines and restores.
#[derive(Debug, Clone, Copy)]
pub enum Operator {}
/// Also changes policies, groups, tokens, users and definitions, and revokes devices.
#[derive(Debug, Clone, Copy)]
pub enum Administrator {}

impl MinimalRole for Viewer {
    const ROLE: Role = Role::Viewer;
}
impl MinimalRole for Operator {
    const ROLE: Role = Role::Operator;
}
impl MinimalRole for Administrator {
    const ROLE: Role = Role::Administrator;
}

/// A caller whose role is at least `R`. An operation that takes one can't be reached without the
/// check. As an argument of a route it reads the `Authorization` header.
#[derive(Debug, Clone)]
pub struct Permit<R> {
    caller: Caller,
    role: PhantomData<R>,
}

impl Caller {
    /// The one place where roles are compared.
    ///
    /// # Errors
    /// When the caller's role is smaller.
    pub fn permit<R: MinimalRole>(&self) -> Result<Permit<R>, Refusal> {
        if self.role >= R::ROLE {
            Ok(Permit {
                caller: self.clone(),
                role: PhantomData,
            })
        } else {
            Err(Refusal::new(
                ProblemKind::Forbidden,
                format!(
                    "this needs the role {}, and {} has the role {}; an administrator can change that",
                    R::ROLE,
                    self.name,
                    self.role
                ),
            ))
        }
    }

    /// The manager itself, for what it does on its own account.
    #[must_use]
    pub fn manager() -> Self {
        Self {
            name: "manager".to_owned(),
            role: Role::Administrator,
            address: None,
            user: None,
        }
    }
}

impl<R> Deref for Permit<R> {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

/// For requests without a usable credential.
fn unauthenticated(detail: &str) -> Refusal {
    Refusal::new(ProblemKind::Unauthenticated, detail)
}

impl FromRequestParts<Arc<Site>> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, Refusal> {
        if let Some(caller) = parts.extensions.get::<Self>() {
            return Ok(caller.clone());
        }
        let header = parts
            .headers
            .get(header::AUTHORIZATION)
            .ok_or_else(|| {
                unauthenticated(
                    "expected the header \"authorization: Bearer\" with an API token; make one with \"garrison ctl tokens create\" or in the console",
                )
            })?;
        let token = header
            .to_str()
            .ok()
            .and_then(|text| text.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .ok_or_else(|| {
                unauthenticated(
                    "expected \"Bearer\" and an API token in the header \"authorization\"",
                )
            })?;
        let address = crate::web::peer::address(parts);
        let caller = super::api_tokens::look_up(site, token, address).await?;
        parts.extensions.insert(caller.clone());
        Ok(caller)
    }
}

impl<R: MinimalRole> FromRequestParts<Arc<Site>> for Permit<R> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, Refusal> {
        Caller::from_request_parts(parts, site).await?.permit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(role: Role) -> Caller {
        Caller {
            role,
            ..Caller::manager()
        }
    }

    #[test]
    fn each_role_may_do_what_the_smaller_ones_may_and_no_more() {
        for role in Role::ALL {
            assert!(caller(role).permit::<Viewer>().is_ok());
            assert_eq!(
                caller(role).permit::<Operator>().is_ok(),
                role >= Role::Operator
            );
            assert_eq!(
                caller(role).permit::<Administrator>().is_ok(),
                role == Role::Administrator
            );
        }
    }
}
