//! `/policies`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use model::policy::{Exclusion, Policy, Response};
use model::{EndpointPath, PolicyId};
use proto::Page;
use proto::api::group::{NamedPolicy, PolicyText};
use proto::problem::ProblemKind;

use crate::access::{Permit, Viewer};
use crate::console::answer::{Answer, page, page_with, see_said};
use crate::console::export::{Format, file, gather};
use crate::console::frame::Room;
use crate::console::view::policies::{PoliciesPage, PolicyPage};
use crate::console::visit::{Form, Visit};
use crate::refusal::Refusal;
use crate::site::Site;
use crate::{groups, policies};

const COLUMNS: &[&str] = &["id", "name", "revision", "groups", "changed"];
const MAX_GROUPS: u32 = 500;
/// More exclusions of one kind than this are refused.
const MAX_LINES: usize = 1000;

pub(in crate::console) async fn list(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    let cursor = visit.address().wanted("cursor");
    page(&PoliciesPage {
        frame: visit.frame(&site, Room::Policies).await?,
        address: visit.address().clone(),
        page: policies::list(&site, &visit.permit()?, None, cursor).await?,
    })
}

pub(in crate::console) async fn show(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    visit: Visit,
) -> Answer {
    let named = policies::find(&site, &visit.permit()?, visit.id(&id)?).await?;
    render(&site, &visit, named, None).await
}

pub(in crate::console) async fn save(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    visit: Visit,
) -> Answer {
    let id: PolicyId = visit.id(&id)?;
    let named = policies::find(&site, &visit.permit()?, id).await?;
    let form = visit.form();
    let saved = match changed(&named.policy, form) {
        Ok(policy) => {
            let text = PolicyText {
                name: form.value("name").to_owned(),
                policy,
                based_on: Some(form.parsed("based_on")?),
            };
            policies::replace(&site, &visit.permit()?, id, text).await
        }
        Err(refusal) => Err(refusal),
    };
    match saved {
        Ok(_) => Ok(see_said(&format!("/policies/{id}"), "policy_saved")),
        Err(refusal) if matches!(refusal.kind(), ProblemKind::Invalid | ProblemKind::Conflict) => {
            render(&site, &visit, named, Some(refusal.into_problem().detail)).await
        }
        Err(refusal) => Err(refusal.into()),
    }
}

async fn render(site: &Site, visit: &Visit, named: NamedPolicy, wrong: Option<String>) -> Answer {
    let groups = groups::list(site, &visit.permit()?, Some(MAX_GROUPS), None).await?;
    let devices = groups
        .items
        .iter()
        .filter(|group| group.policy == named.id)
        .map(|group| group.devices)
        .sum();
    let status = if wrong.is_some() {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    let frame = visit.frame(site, Room::Policies).await?;
    page_with(status, &PolicyPage::new(frame, named, devices, wrong))
}

/// The policy with what the form says; what the form doesn't have stays.
fn changed(policy: &Policy, form: &Form) -> Result<Policy, Refusal> {
    let mut exclusions = Vec::new();
    for (what, reason) in lines(form.value("paths"))? {
        let path = EndpointPath::parse(&what)
            .map_err(|error| Refusal::invalid(format!("paths: {error}")))?;
        exclusions.push(Exclusion::Path { path, reason });
    }
    for (rule, reason) in lines(form.value("rules"))? {
        exclusions.push(Exclusion::Rule { rule, reason });
    }
    let mebibytes: u64 = form.parsed("max_file_mib")?;
    Ok(Policy {
        response: match form.value("response") {
            "quarantine" => Response::Quarantine,
            _ => Response::Report,
        },
        exclusions,
        max_file_bytes: mebibytes.saturating_mul(1 << 20),
        max_file_seconds: form.parsed("max_file_seconds")?,
        check_in_seconds: form.parsed("check_in_seconds")?,
        network_check_minutes: match form.value("network_check_minutes") {
            "" => policy.network_check_minutes,
            _ => form.parsed("network_check_minutes")?,
        },
        ..policy.clone()
    })
}

/// `what # reason`, one a line.
fn lines(text: &str) -> Result<Vec<(String, String)>, Refusal> {
    let lines: Vec<(String, String)> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| {
            let (what, reason) = line.split_once(" # ").unwrap_or((line, ""));
            (what.trim().to_owned(), reason.trim().to_owned())
        })
        .collect();
    if lines.len() > MAX_LINES {
        return Err(Refusal::invalid(format!(
            "expected at most {MAX_LINES} exclusions of one kind, got {}",
            lines.len()
        )));
    }
    Ok(lines)
}

pub(in crate::console) async fn csv(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    file(Format::Csv, "policies", COLUMNS, &all(&site, &visit).await?)
}

pub(in crate::console) async fn json(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    file(
        Format::Json,
        "policies",
        COLUMNS,
        &all(&site, &visit).await?,
    )
}

async fn all(site: &Site, visit: &Visit) -> Result<Page<NamedPolicy>, Refusal> {
    let by: Permit<Viewer> = visit.permit()?;
    gather(|limit, cursor| {
        let by = by.clone();
        async move { policies::list(site, &by, Some(limit), cursor.as_deref()).await }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_changes_what_it_shows_and_keeps_the_rest() {
        let before = Policy {
            spool_bytes: 123 << 20,
            ..Policy::default()
        };
        let form = Form::read(
            "response=quarantine&paths=%2Fvar%2Flib%20%23%20data%0A%0A%2Fopt%2F%23x&rules=A.B&max_file_mib=10&max_file_seconds=5&check_in_seconds=30",
        );
        let after = changed(&before, &form).unwrap();
        assert_eq!(after.spool_bytes, 123 << 20);
        assert_eq!(after.max_file_bytes, 10 << 20);
        assert_eq!(after.response, Response::Quarantine);
        assert_eq!(after.network_check_minutes, before.network_check_minutes);
        assert_eq!(after.exclusions.len(), 3);
        assert_eq!(
            after.exclusions[0],
            Exclusion::Path {
                path: EndpointPath::parse("/var/lib").unwrap(),
                reason: "data".into()
            }
        );
    }

    #[test]
    fn checks_of_the_network_are_switched_off_by_nought_and_by_nothing_else() {
        let of = |minutes: &str| {
            let form = Form::read(&format!(
                "max_file_mib=10&max_file_seconds=5&check_in_seconds=30&network_check_minutes={minutes}"
            ));
            changed(&Policy::default(), &form)
        };
        let off = of("0").unwrap();
        assert_eq!(off.network_check_minutes, 0);
        assert_eq!(off.check(), Ok(()));
        assert_eq!(of("30").unwrap().network_check_minutes, 30);
        assert!(of("3").unwrap().check().is_err());
        for wrong in ["off", "-1", "0.5"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
