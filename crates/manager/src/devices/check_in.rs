//! The check-in: state up, wants down. Idempotent, and the truth; the notification stream only
//! asks for it.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use model::health::{AgentState, Severity};
use model::{NetworkState, Timestamp};
use proto::Signed;
use proto::agent::{CheckInAnswer, CheckInRequest, DefinitionsOffer, Standing};
use proto::api::Changed;
use proto::api::device::DeviceStanding;
use trust::chain::{self, ChainLink, ChainState, ChainVerdict};

use super::holder::{Holder, require_active, suspended};
use super::roster::{Entry, Live};
use super::store::CheckInRow;
use super::{certificates, rules, standing};
use crate::refusal::Refusal;
use crate::site::Site;

/// Takes a device's state and tells it what it lacks.
///
/// # Errors
/// `identity-suspended` when two hold the identity, `conflict` when the nonce is none of ours,
/// `invalid` when the state is larger than a state can be.
pub async fn check_in(
    site: &Arc<Site>,
    holder: &Holder,
    request: CheckInRequest,
) -> Result<CheckInAnswer, Refusal> {
    rules::check_state(&request.state)?;
    rules::check_attempt(&request.attempt)?;
    let now = site.now();
    let entry = &holder.entry;
    let before = match link(site, entry, &request)? {
        Link::New(before) => before,
        Link::Again => return answer(site, holder, &request.state, request.counter, now).await,
        Link::Replayed => {
            standing::suspend(site, holder).await?;
            return Err(suspended());
        }
    };
    let counter = request.counter;
    let clock_skew = request.time.millis().saturating_sub(now.millis());
    let row = CheckInRow {
        device: entry.id,
        counter,
        attempt: request.attempt,
        hostname: request.state.host.hostname.clone(),
        last_seen: now,
        clock_skew,
        policy_in_force: request.state.policy_revision,
        definitions: request.state.definitions,
        critical: is_critical(&request.state),
        state: serde_json::to_string(&request.state)
            .map_err(Refusal::internal("writing a device's state"))?,
    };
    let linked = entry.with(|live| live.chain.clone());
    if let Err(error) = site.check_ins.store(row).await {
        entry.change(|live| {
            if live.chain == linked {
                live.chain = before;
            }
        });
        return Err(Refusal::Shared(error));
    }
    let reported = |state: Option<NetworkState>| state.map(|state| (state.result, state.reported));
    let before = entry.with(|live| reported(live.network));
    if entry.change(|live| take(live, &request.state, clock_skew, now)) {
        site.tell(Changed::Device, entry.id);
    }
    if before != reported(request.state.network) {
        site.tell(Changed::Connection, entry.id);
    }
    answer(site, holder, &request.state, counter, now).await
}

enum Link {
    /// With the chain as it was before.
    New(ChainState),
    Again,
    Replayed,
}

/// Judges the link and takes its place in the chain at once: of two holders that come at the same
/// moment, one is second.
fn link(site: &Site, entry: &Entry, request: &CheckInRequest) -> Result<Link, Refusal> {
    let link = ChainLink {
        counter: request.counter,
        nonce: &request.nonce,
        attempt: &request.attempt,
    };
    entry.change(|live| {
        require_active(live.standing)?;
        match chain::judge(&live.chain, link, &site.keys.chain, entry.id) {
            ChainVerdict::Advance | ChainVerdict::AheadOfManager => {
                let next = ChainState {
                    counter: request.counter,
                    attempt: request.attempt.clone(),
                };
                Ok(Link::New(std::mem::replace(&mut live.chain, next)))
            }
            ChainVerdict::Repeat => Ok(Link::Again),
            ChainVerdict::Replayed => Ok(Link::Replayed),
            ChainVerdict::BadNonce => Err(Refusal::conflict(
                "nonce: expected the one of the last answer to this device; the agent's folder is damaged or belongs to another site: enrol anew",
            )),
        }
    })
}

/// Keeps what lists show; true when somebody who watches the device should read it again.
fn take(live: &mut Live, state: &AgentState, clock_skew: i64, now: Timestamp) -> bool {
    let mut hasher = DefaultHasher::new();
    for issue in &state.issues {
        issue.kind.hash(&mut hasher);
        issue.message.hash(&mut hasher);
    }
    state.quarantined.hash(&mut hasher);
    state.host.agent_version.hash(&mut hasher);
    let shown = hasher.finish();
    let changed = live.last_seen.is_none()
        || live.policy_in_force != state.policy_revision
        || live.definitions != state.definitions
        || live.hostname != state.host.hostname
        || live.shown != shown;
    live.shown = shown;
    live.last_seen = Some(now);
    live.clock_skew = clock_skew;
    live.policy_in_force = state.policy_revision;
    live.definitions = state.definitions;
    live.network = state.network;
    live.critical = is_critical(state);
    if live.hostname != state.host.hostname {
        live.hostname.clone_from(&state.host.hostname);
    }
    changed
}

fn is_critical(state: &AgentState) -> bool {
    state
        .issues
        .iter()
        .any(|issue| issue.severity == Severity::Critical)
}

async fn answer(
    site: &Arc<Site>,
    holder: &Holder,
    state: &AgentState,
    counter: u64,
    now: Timestamp,
) -> Result<CheckInAnswer, Refusal> {
    let entry = &holder.entry;
    let mut answer = CheckInAnswer {
        counter,
        nonce: chain::nonce(&site.keys.chain, entry.id, counter),
        server_time: now,
        standing: Standing::AwaitingApproval,
        policy: None,
        commands: Vec::new(),
        definitions: None,
        renew_certificate: certificates::renewal_is_due(site, holder.certificate_expires, now),
    };
    let standing = entry.standing();
    require_active(standing)?;
    if standing == DeviceStanding::AwaitingApproval {
        return Ok(answer);
    }
    answer.standing = Standing::Approved;
    answer.policy = policy(site, entry, state.policy_revision).await?;
    answer.commands = crate::commands::waiting(site, entry).await?;
    answer.definitions = site
        .definitions
        .current()
        .filter(|offer| state.definitions.is_none_or(|have| have < offer.revision))
        .map(|offer| DefinitionsOffer {
            revision: offer.revision,
            bytes: offer.bytes,
            sha256: offer.sha256,
        });
    Ok(answer)
}

/// The group's policy, when the device has an older one.
async fn policy(site: &Arc<Site>, entry: &Entry, in_force: u64) -> Result<Option<Signed>, Refusal> {
    let (group, mut floor) = entry.with(|live| (live.group, live.policy_floor));
    let Some(group) = site.groups.group(group) else {
        return Ok(None);
    };
    if in_force > group.revision_for(floor) {
        // The manager was put back to an earlier state: the device knows a later revision than we
        // do, and would refuse every change until we get there.
        floor = standing::overtake_revision(site, entry, in_force).await?;
    }
    if in_force >= group.revision_for(floor) {
        return Ok(None);
    }
    group.signed_for(floor, &site.keys.signing).map(Some)
}
