//! The lines that mend a cause: made anew by the manager where it can, so that what an
//! administrator pastes into a firewall or a proxy is not what an endpoint wrote.

use doctor::{Reported, anew};
use proto::api::connection::{ConnectionCause, LinesBy};

use crate::network;
use crate::site::Site;

/// Makes the lines of causes anew for the site's own addresses. Where that can't be done they stay
/// what devices wrote, and say so.
pub(super) fn make(site: &Site, causes: &mut [ConnectionCause]) {
    let by_devices = |cause: &ConnectionCause| cause.lines_by == LinesBy::Devices;
    if !causes.iter().any(by_devices) {
        return;
    }
    let Ok(known) = network::selection(site) else {
        return;
    };
    for cause in causes.iter_mut().filter(|cause| by_devices(cause)) {
        let reported = Reported {
            stage: cause.stage,
            verdict: cause.verdict,
            who: cause.who,
            flows: &cause.flows,
            endpoints: &cause.endpoints,
            evidence: &cause.evidence,
        };
        if let Some(made) = anew(&reported, &known) {
            cause.product = made.product;
            cause.lines = made.lines;
            cause.lines_by = LinesBy::Manager;
        }
    }
}
