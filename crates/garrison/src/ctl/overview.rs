//! `garrison ctl overview`.

use proto::api::Overview;
use proto::api::network::CloudState;

use super::session::Session;

pub(super) async fn run(session: &Session) -> anyhow::Result<()> {
    session
        .show::<Overview>("/api/v1/overview", |overview, clock| {
            let devices = &overview.devices;
            let detections = &overview.detections;
            let definitions = overview.definitions.as_ref().map_or_else(
                || "none; publish some with \"garrison ctl definitions publish FILE\"".to_owned(),
                |info| {
                    format!(
                        "revision {}, published {}, not yet on {} devices",
                        info.revision,
                        clock.tell(info.published),
                        overview.devices_with_older_definitions
                    )
                },
            );
            vec![
                (
                    "devices",
                    format!(
                        "{} ({} connected, {} silent, {} critical, {} awaiting approval, {} suspended, {} revoked)",
                        devices.total,
                        devices.connected,
                        devices.silent,
                        devices.critical,
                        devices.awaiting_approval,
                        devices.suspended,
                        devices.revoked
                    ),
                ),
                (
                    "detections",
                    format!(
                        "{} ({} open, {} of them in the last day, {} in progress)",
                        detections.total,
                        detections.open,
                        detections.open_last_day,
                        detections.in_progress
                    ),
                ),
                ("definitions", definitions),
                ("events lost", overview.events_lost.to_string()),
                ("cloud", cloud_state(overview.cloud.state).to_owned()),
            ]
        })
        .await
}

pub(super) const fn cloud_state(state: CloudState) -> &'static str {
    match state {
        CloudState::NotEnrolled => "not enrolled",
        CloudState::Connected => "connected",
        CloudState::Unreachable => "unreachable",
    }
}
