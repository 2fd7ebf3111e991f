//! What a person wants to know once all is up.

use std::io::IsTerminal as _;
use std::path::Path;

use flows::GarrisonFlow;
use model::health::Severity;
use proto::api::device::{Device, DeviceStanding};
use proto::api::scan::Scan;

use super::ready::SystemReady;
use crate::output;

/// Prints the summary.
pub(super) fn print(
    ready: &SystemReady,
    device: &Device,
    with_cloud: bool,
    first_scan: Option<&Scan>,
) -> std::io::Result<()> {
    let to_terminal = std::io::stdout().is_terminal();
    output::text(text(ready, device, with_cloud, first_scan, to_terminal))
}

fn text(
    ready: &SystemReady,
    device: &Device,
    with_cloud: bool,
    first_scan: Option<&Scan>,
    to_terminal: bool,
) -> String {
    let mut lines = vec![String::new(), headline(device), String::new()];
    let mut fact = |name: &str, value: String| lines.push(format!("  {name:<13}{value}"));
    fact("Console", ready.addresses.console_url.clone());
    if let Some(file) = &ready.first_password_file {
        fact(
            "Sign in",
            format!("user admin, {}", password(file, to_terminal)),
        );
    }
    fact(
        "Certificate",
        format!("signed by this site's own CA, {}", ready.ca.display()),
    );
    if let Some(api) = ready.addresses.by_flow.get(GarrisonFlow::Api.id().as_str()) {
        fact("API", format!("https://{api} (garrison ctl overview)"));
    }
    if !with_cloud {
        fact("Cloud", "left out (--no-cloud)".to_owned());
    }
    if let Some(scan) = first_scan {
        fact(
            "First scan",
            format!(
                "{} places where things start by themselves: garrison ctl scan list",
                scan.paths.len()
            ),
        );
    }
    fact("Data", ready.data.display().to_string());
    for lack in lacks(device) {
        fact("Mind", lack);
    }
    lines.extend([
        String::new(),
        format!("  Next: garrison try eicar{}", data_option(&ready.data)),
        "  Ctrl-C stops everything.".to_owned(),
    ]);
    lines.join("\n") + "\n"
}

fn headline(device: &Device) -> String {
    match device.standing {
        DeviceStanding::Approved => format!(
            "Garrison is up. {} is enrolled; files are scanned on demand.",
            device.hostname
        ),
        DeviceStanding::AwaitingApproval => format!(
            "Garrison is up. {} awaits approval: garrison ctl devices approve {}",
            device.hostname, device.id
        ),
        DeviceStanding::Suspended => format!(
            "Garrison is up. {} is suspended: two held its identity; approve its fork in the console.",
            device.hostname
        ),
        DeviceStanding::Revoked => format!(
            "Garrison is up. {} was revoked and goes on with what it has; move the folder agent away to enrol anew.",
            device.hostname
        ),
    }
}

fn password(file: &Path, to_terminal: bool) -> String {
    let text = to_terminal
        .then(|| trust::keyfile::read_text(file).ok())
        .flatten();
    match text {
        Some(text) => format!("password {}", text.trim()),
        None => format!("password in {}", file.display()),
    }
}

fn lacks(device: &Device) -> Vec<String> {
    let mut lacks = Vec::new();
    if let Some(state) = &device.state {
        if !state.host.privileged {
            lacks.push("not root: only files that this user may read are scanned".to_owned());
        }
        let issues = state.issues.iter().filter(|issue| match issue.severity {
            Severity::Warning | Severity::Critical => true,
            Severity::Informative => false,
        });
        lacks.extend(issues.map(|issue| issue.message.clone()));
    }
    lacks
}

/// `--data` as the next command needs it; nothing for the default folder.
fn data_option(data: &Path) -> String {
    let default = crate::folder::Folder::find(None).ok();
    if default.is_some_and(|folder| folder.root() == data) {
        String::new()
    } else {
        format!(" --data {}", data.display())
    }
}
