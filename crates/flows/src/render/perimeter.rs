//! The way that every proxy format goes over a selection: only what may become a rule is shown to
//! it, and everything else is reported with its reason.

use super::{Expressed, How};
use crate::select::{Reason, ResolvedEndpoint, Selected, Selection};

/// A destination that may become a rule.
#[derive(Debug, Clone, Copy)]
pub(super) struct Crossing<'s> {
    pub(super) selected: &'s Selected<'s>,
    pub(super) endpoint: &'s ResolvedEndpoint,
}

/// Shows each destination that may become a rule to `express`, in the selection's order, and
/// reports what became of every one. `beside` says of a flow why it is none of the target's
/// affairs, however much of it is known.
pub(super) fn each<'s>(
    selection: &'s Selection<'s>,
    beside: fn(&Selected<'_>) -> Option<How>,
    express: &mut dyn FnMut(Crossing<'s>) -> How,
) -> Vec<Expressed> {
    let mut report = Vec::new();
    for selected in &selection.flows {
        let perimeter = selected.perimeter();
        for (place, endpoint) in selected.endpoints.iter().enumerate() {
            let how = match (&perimeter, beside(selected)) {
                (Err(whole @ (Reason::Retired(_) | Reason::Loopback)), _) => held_back(whole),
                (_, Some(how)) => how,
                (Ok(perimeter), None) => {
                    match perimeter.held_back.iter().find(|(at, _)| *at == place) {
                        Some((_, reason)) => held_back(reason),
                        None => express(Crossing { selected, endpoint }),
                    }
                }
                (Err(reason @ Reason::DirectionUnknown), None) => held_back(reason),
                (Err(reason), None) => held_back(endpoint.gap().as_ref().unwrap_or(reason)),
            };
            report.push(Expressed {
                flow: selected.flow.id.clone(),
                endpoint: place,
                how,
                note: None,
            });
        }
    }
    report
}

/// How a row fares that no rule may be made of.
pub(in crate::render) fn held_back(reason: &Reason) -> How {
    let words = reason.to_string();
    match reason {
        Reason::Loopback | Reason::Retired(_) | Reason::RetiredSince(_) => How::NotNeeded(words),
        Reason::Version { .. }
        | Reason::Region { .. }
        | Reason::Deployment { .. }
        | Reason::FeatureOff(_)
        | Reason::NotYet(_)
        | Reason::DirectionUnknown
        | Reason::HostUnknown
        | Reason::HostToBeSet(_)
        | Reason::TransportUnknown
        | Reason::PortUnknown
        | Reason::Unset(_) => How::NotAtAll(words),
    }
}
