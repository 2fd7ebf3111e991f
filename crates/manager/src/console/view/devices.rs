//! Devices and groups in lists.

use askama::Template;
use proto::Page;
use proto::api::device::{Device, DeviceCounts};
use proto::api::group::{Group, NamedPolicy};

use crate::console::address::Address;
use crate::console::frame::Frame;
use crate::console::words::grouped;

/// The choices of the filter: value in the address, key of the word.
pub const STANDINGS: &[(&str, &str)] = &[
    ("approved", "device.approved"),
    ("awaiting_approval", "device.awaiting"),
    ("suspended", "device.suspended"),
    ("revoked", "device.revoked"),
];

/// The list of devices.
#[derive(Template)]
#[template(path = "devices.html")]
pub struct DevicesPage {
    pub frame: Frame,
    pub address: Address,
    pub tab: &'static str,
    pub sentence: String,
    pub page: Page<Device>,
    pub groups: Vec<Group>,
    pub counts: DeviceCounts,
}

impl DevicesPage {
    /// Puts the counts into words.
    #[must_use]
    pub fn new(
        frame: Frame,
        address: Address,
        page: Page<Device>,
        groups: Vec<Group>,
        counts: DeviceCounts,
    ) -> Self {
        Self {
            sentence: frame.with(
                "devices.sentence",
                &[
                    ("total", &frame.words.count("devices.count", counts.total)),
                    ("connected", &grouped(counts.connected)),
                ],
            ),
            tab: "devices",
            frame,
            address,
            page,
            groups,
            counts,
        }
    }
}

/// The list of groups.
#[derive(Template)]
#[template(path = "groups.html")]
pub struct GroupsPage {
    pub frame: Frame,
    pub address: Address,
    pub tab: &'static str,
    pub page: Page<Group>,
    pub policies: Vec<NamedPolicy>,
    /// Why the form that was sent can't be taken.
    pub wrong: Option<String>,
}
