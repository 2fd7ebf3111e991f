//! `garrison ctl connections`.

mod arguments;

use http::Method;
use model::network::Outcome;
use proto::Page;
use proto::api::connection::{
    ConnectionCause, ConnectionCheckAsked, ConnectionFeature, ConnectionUnknown, Connections,
    DeviceConnections, LinesBy, MendedConnection, NewConnectionCheck,
};
use serde_json::Value;

use garrison_flows::table::Table;

pub(crate) use arguments::ConnectionsCommand;

use super::session::{Query, Session, print_json};
use super::{Limit, moment, names};
use crate::output;

pub(super) async fn run(session: &Session, command: ConnectionsCommand) -> anyhow::Result<()> {
    match command {
        ConnectionsCommand::Summary { group } => {
            let query = of_group(session, "/api/v1/connections", group).await?;
            session.show(&query.to_string(), numbers).await
        }
        ConnectionsCommand::Causes { group, who, limit } => {
            let query = of_group(session, "/api/v1/connections/causes", group)
                .await?
                .and_if("who", who.map(arguments::WhoArgument::name));
            causes(session, &query, limit).await
        }
        ConnectionsCommand::Show { cause } => {
            let path = format!("/api/v1/connections/causes/{cause}");
            session.show(&path, facts).await
        }
        ConnectionsCommand::Features { group } => {
            let query = of_group(session, "/api/v1/connections/features", group).await?;
            features(session, &query).await
        }
        ConnectionsCommand::Devices {
            group,
            state,
            cause,
            limit,
        } => {
            let query = of_group(session, "/api/v1/connections/devices", group)
                .await?
                .and_if("state", state.map(arguments::StateArgument::name))
                .and_if("cause", cause);
            devices(session, &query, limit).await
        }
        ConnectionsCommand::Mended {
            device,
            cause,
            limit,
        } => {
            let device = match device {
                Some(text) => Some(names::device(session, &text).await?),
                None => None,
            };
            let query = Query::of("/api/v1/connections/mended")
                .and_if("device", device)
                .and_if("cause", cause);
            mended(session, &query, limit).await
        }
        ConnectionsCommand::Check { device, group } => check(session, &device, group).await,
    }
}

async fn of_group(session: &Session, path: &str, group: Option<String>) -> anyhow::Result<Query> {
    let group = match group {
        Some(text) => Some(names::group(session, &text).await?),
        None => None,
    };
    Ok(Query::of(path).and_if("group", group))
}

fn numbers(all: &Connections, clock: &moment::Clock) -> Vec<(&'static str, String)> {
    let devices = &all.devices;
    let mut facts = vec![
        ("site", all.site.clone()),
        ("devices", devices.total.to_string()),
        ("ok", devices.ok.to_string()),
        ("degraded", devices.degraded.to_string()),
        ("broken", devices.broken.to_string()),
        ("unknown", devices.unknown.to_string()),
        ("causes", all.causes.to_string()),
        ("features lost", all.features.to_string()),
    ];
    if let Some(since) = all.since {
        facts.push(("since", clock.tell(since)));
    }
    if let Some(own) = &all.manager {
        let checked = clock.tell(own.checked);
        let state = own.state.as_str();
        facts.push(("manager", format!("{state}, checked {checked}")));
        for finding in &own.findings {
            facts.push(("", finding.cause.clone()));
        }
    }
    facts
}

async fn causes(session: &Session, query: &Query, limit: Limit) -> anyhow::Result<()> {
    let headings = ["CAUSE", "RESULT", "WHAT", "LOST", "WHERE", "SINCE", "WHO"];
    session
        .list(query, limit, headings, |cause: &ConnectionCause, clock| {
            [
                cause.id.clone(),
                cause.result.as_str().to_owned(),
                cause.cause.clone(),
                cause.features.join(", "),
                holders(cause.devices, cause.manager),
                clock.tell(cause.since),
                cause.who.as_str().to_owned(),
            ]
        })
        .await
}

/// Where something holds.
fn holders(devices: u64, manager: bool) -> String {
    let devices = match devices {
        1 => "1 device".to_owned(),
        count => format!("{count} devices"),
    };
    if manager {
        format!("{devices}, manager")
    } else {
        devices
    }
}

/// The API gives all of them at once, so there is nothing to limit.
async fn features(session: &Session, query: &Query) -> anyhow::Result<()> {
    let value: Value = session.api().read(&query.to_string()).await?;
    if session.json() {
        return print_json(&value);
    }
    let page: Page<ConnectionFeature> = serde_json::from_value(value)?;
    let mut table = Table::new(&["FEATURE", "STATE", "NOT WHOLE ON", "SINCE", "BECAUSE"]);
    for feature in &page.items {
        table.row(feature_row(feature, session.clock()));
    }
    output::text(format_args!("{table}"))?;
    Ok(())
}

fn feature_row(feature: &ConnectionFeature, clock: &moment::Clock) -> [String; 5] {
    let devices = &feature.devices;
    let impaired = devices.broken.saturating_add(devices.degraded);
    let mut told = match devices.total {
        0 => String::new(),
        total => format!("{impaired} of {total}"),
    };
    if devices.unknown > 0 {
        told.push_str(&format!(", {} unknown", devices.unknown));
    }
    let causes: Vec<&str> = feature
        .causes
        .iter()
        .map(|cause| cause.cause.as_str())
        .collect();
    [
        feature.feature.clone(),
        state(feature.state).to_owned(),
        told,
        feature
            .since
            .map_or_else(String::new, |since| clock.tell(since)),
        causes.join("; "),
    ]
}

/// What nobody checks is said so; it is not the same as what nobody can tell.
const fn state(state: Outcome) -> &'static str {
    match state {
        Outcome::Skipped => "not checked",
        Outcome::Ok | Outcome::Unknown | Outcome::Degraded | Outcome::Broken => state.as_str(),
    }
}

async fn devices(session: &Session, query: &Query, limit: Limit) -> anyhow::Result<()> {
    let headings = ["DEVICE", "HOST", "GROUP", "STATE", "CHECKED", "CAUSES"];
    session
        .list(
            query,
            limit,
            headings,
            |device: &DeviceConnections, clock| {
                let causes: Vec<&str> = device
                    .findings
                    .iter()
                    .map(|finding| finding.cause.as_str())
                    .collect();
                [
                    device.device.to_string(),
                    device.hostname.clone(),
                    device.group_name.clone(),
                    device_state(device),
                    clock.tell_if(device.checked),
                    causes.join("; "),
                ]
            },
        )
        .await
}

async fn mended(session: &Session, query: &Query, limit: Limit) -> anyhow::Result<()> {
    let headings = ["CAUSE", "WHERE", "RESULT", "WHAT", "LOST", "SINCE", "UNTIL"];
    session
        .list(query, limit, headings, |one: &MendedConnection, clock| {
            [
                one.id.clone(),
                place(one),
                one.result.as_str().to_owned(),
                one.cause.clone(),
                one.features.join(", "),
                clock.tell(one.since),
                clock.tell(one.until),
            ]
        })
        .await
}

/// Whose it was.
fn place(one: &MendedConnection) -> String {
    match (&one.hostname, one.device) {
        (Some(name), _) => name.clone(),
        (None, Some(device)) => device.to_string(),
        (None, None) => "manager".to_owned(),
    }
}

fn device_state(device: &DeviceConnections) -> String {
    let state = device.state.as_str();
    match device.unknown_because {
        Some(why) => format!("{state}: {}", because(why)),
        None => state.to_owned(),
    }
}

const fn because(why: ConnectionUnknown) -> &'static str {
    match why {
        ConnectionUnknown::Off => "switched off",
        ConnectionUnknown::NotChecked => "never checked",
        ConnectionUnknown::NotLately => "not checked lately",
        ConnectionUnknown::Silent => "silent",
        ConnectionUnknown::ReportUnderWay => "its report is under way",
        ConnectionUnknown::Undetermined => "it could not tell",
    }
}

fn facts(cause: &ConnectionCause, clock: &moment::Clock) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("cause", cause.cause.clone()),
        ("identifier", cause.id.clone()),
        (
            "verdict",
            format!(
                "{} ({}), {}",
                cause.verdict.as_str(),
                cause.stage.as_str(),
                cause.result.as_str()
            ),
        ),
        ("lost", cause.features.join(", ")),
        ("flows", cause.flows.join(", ")),
        ("destinations", cause.endpoints.join(", ")),
        ("where", holders(cause.devices, cause.manager)),
        ("since", clock.tell(cause.since)),
        ("confirmed", clock.tell(cause.last_seen)),
        ("who mends it", cause.who.as_str().to_owned()),
    ];
    if let Some(mended) = cause.mended {
        facts.push(("mended", clock.tell(mended)));
    }
    for one in &cause.evidence {
        facts.push(("evidence", format!("{}: {}", one.kind, one.value)));
    }
    if !cause.lines.is_empty() {
        let caution = match cause.lines_by {
            LinesBy::Manager => "",
            LinesBy::Devices => "; devices made these lines, read them before you use them",
        };
        facts.push(("what to add", format!("{}{caution}", cause.product)));
    }
    for line in &cause.lines {
        facts.push(("", line.clone()));
    }
    facts
}

async fn check(session: &Session, devices: &[String], group: Option<String>) -> anyhow::Result<()> {
    let mut ids = Vec::new();
    for device in devices {
        ids.push(names::device(session, device).await?);
    }
    let group = match group {
        Some(text) => Some(names::group(session, &text).await?),
        None => None,
    };
    let new = NewConnectionCheck {
        devices: (!ids.is_empty()).then_some(ids),
        group,
    };
    let body = serde_json::to_value(new)?;
    let clock = session.clock();
    session
        .act(
            Method::POST,
            "/api/v1/connections/checks",
            Some(body),
            |asked: ConnectionCheckAsked| told(&asked, clock),
        )
        .await
}

fn told(asked: &ConnectionCheckAsked, clock: &moment::Clock) -> String {
    let already = match asked.already {
        0 => String::new(),
        count => format!(" ({count} had been asked already and have not answered)"),
    };
    format!(
        "asked: {}{already}; the request expires {}; see \"garrison ctl connections devices\"",
        holders(asked.devices, false),
        clock.tell(asked.expires)
    )
}

#[cfg(test)]
mod tests;
