//! Which part a host takes in a flow.

use crate::catalogue::Catalogue;
use crate::party::PartyId;
use crate::render::{Options, RenderError};
use crate::select::Selected;

/// What a rule judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    /// From one host to another.
    Between,
    /// Into the host that the rules are for; its own addresses are left out.
    In,
    /// Out of the host that the rules are for; its own addresses are left out.
    Out,
}

/// The ways of a flow that a host in that role sees; between the hosts where there is no role.
pub(crate) fn ways(selected: &Selected<'_>, role: Option<&PartyId>) -> Vec<Way> {
    let Some(role) = role else {
        return vec![Way::Between];
    };
    let catalogue = selected.catalogue;
    let mut ways = Vec::new();
    if catalogue.plays(role, &selected.flow.to) {
        ways.push(Way::In);
    }
    if selected
        .flow
        .from
        .iter()
        .any(|party| catalogue.plays(role, party))
    {
        ways.push(Way::Out);
    }
    ways
}

pub(super) fn check_role(catalogue: &Catalogue, options: &Options) -> Result<(), RenderError> {
    let Some(role) = &options.role else {
        return Ok(());
    };
    if catalogue.party(role).is_some() {
        return Ok(());
    }
    let known: Vec<&str> = catalogue
        .parties
        .iter()
        .map(|party| party.id.as_str())
        .collect();
    Err(RenderError::UnknownRole {
        role: role.clone(),
        known: known.join(", "),
    })
}
