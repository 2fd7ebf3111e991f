//! `garrison try`: something harmless that shows the system at work.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Subcommand;
use flows::GarrisonFlow;
use http::Method;
use model::{DeviceId, EndpointPath, ScanId};
use proto::Page;
use proto::api::detection::Detection;
use proto::api::scan::{NewScan, Scan};

use crate::api::Api;
use crate::ctl::is_over;
use crate::folder::Folder;
use crate::output;
use crate::up::{device_of, ready};

/// How long the detection may take.
const LIMIT: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(200);

#[derive(Debug, Subcommand)]
pub(crate) enum TryCommand {
    /// Make the EICAR test file, have it scanned, and follow the detection to the console
    #[command(after_help = "\
EICAR is a harmless file of 68 bytes that every scanner agrees to detect (eicar.org). It is made
in a folder for temporary files and removed at the end.")]
    Eicar {
        /// Data folder of the local installation [default: garrison in the user's state folder]
        #[arg(long, value_name = "FOLDER")]
        data: Option<PathBuf>,
        /// Leave the file where it is, to quarantine and restore it
        #[arg(long)]
        keep: bool,
    },
}

pub(crate) async fn run(command: TryCommand) -> anyhow::Result<ExitCode> {
    match command {
        TryCommand::Eicar { data, keep } => eicar(&Folder::find(data)?, keep).await,
    }
}

async fn eicar(folder: &Folder, keep: bool) -> anyhow::Result<ExitCode> {
    let api = Api::local(folder)?;
    let device = device_of(&folder.agent()).with_context(|| {
        format!(
            "{}: this installation's agent has not enrolled; start it with \"garrison up\"",
            folder.agent().display()
        )
    })?;
    let place = tempfile::Builder::new()
        .prefix("garrison-eicar-")
        .tempdir()?;
    let file = place.path().join("eicar.com");
    std::fs::write(&file, test_file()).with_context(|| file.display().to_string())?;
    output::line(format_args!("made    {}", file.display()))?;

    let scan = ask_for_scan(&api, device, &file).await?;
    output::line(format_args!("scan    {scan}"))?;
    let followed = follow(&api, scan, &file).await;
    if keep {
        let kept = place.keep();
        output::line(format_args!("kept    {}", kept.display()))?;
    }
    let detection = followed?;
    tell(folder, &detection, keep)?;
    Ok(ExitCode::SUCCESS)
}

/// The test file, out of parts: whole, it would be detected in this program.
fn test_file() -> String {
    [
        "X5O!P%@AP[4\\PZX54(P^)7CC)7}",
        "$EICAR-STANDARD-",
        "ANTIVIRUS-TEST-FILE!",
        "$H+H*",
    ]
    .concat()
}

async fn ask_for_scan(api: &Api, device: DeviceId, file: &Path) -> anyhow::Result<ScanId> {
    let wanted = NewScan {
        devices: Some(vec![device]),
        group: None,
        paths: vec![EndpointPath::from_path(file)],
    };
    let body = serde_json::to_value(wanted)?;
    let scan: Scan = api.send(Method::POST, "/api/v1/scans", Some(body)).await?;
    Ok(scan.id)
}

async fn follow(api: &Api, scan: ScanId, file: &Path) -> anyhow::Result<Detection> {
    let until = Instant::now() + LIMIT;
    let path = EndpointPath::from_path(file);
    let mut over_since: Option<Instant> = None;
    loop {
        let found: Page<Detection> = api.read("/api/v1/detections?limit=50").await?;
        if let Some(detection) = found.items.into_iter().find(|one| one.path == path) {
            return Ok(detection);
        }
        let state: Scan = api.read(&format!("/api/v1/scans/{scan}")).await?;
        if state.devices.iter().all(|part| is_over(part.state)) {
            // The detection is delivered before the end of its scan: one more look suffices.
            if over_since.is_some() {
                anyhow::bail!(
                    "the scan is over and found nothing ({:?}); are definitions published? see \"garrison ctl overview\"",
                    state.devices
                );
            }
            over_since = Some(Instant::now());
        }
        if Instant::now() >= until {
            anyhow::bail!(
                "no detection after {} s; see \"garrison ctl scan show {scan}\" and \"garrison ctl devices list\"",
                LIMIT.as_secs()
            );
        }
        tokio::time::sleep(POLL).await;
    }
}

fn tell(folder: &Folder, detection: &Detection, keep: bool) -> std::io::Result<()> {
    let rules: Vec<&str> = detection
        .matches
        .iter()
        .map(|found| found.rule.as_str())
        .collect();
    output::line(format_args!(
        "found   {} by {}",
        detection.path,
        rules.join(", ")
    ))?;
    let console = ready::read(&folder.manager().join(ready::FILE))
        .and_then(|ready| ready.address(GarrisonFlow::Console));
    if let Some(console) = console {
        output::line(format_args!(
            "see     https://{console}/detections/{}",
            detection.id
        ))?;
    }
    if keep {
        output::line(format_args!(
            "\nMove it to quarantine, and back:\n  garrison ctl detections quarantine {id}\n  garrison ctl detections restore {id}",
            id = detection.id
        ))?;
    } else {
        output::line(format_args!(
            "\nThe file is removed. With --keep it stays, and can be moved to quarantine and restored\nfrom the console or with \"garrison ctl detections quarantine\" and \"restore\"."
        ))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest as _, Sha256};

    #[test]
    fn the_test_file_is_the_published_one() {
        assert_eq!(test_file().len(), 68);
        assert_eq!(
            hex::encode(Sha256::digest(test_file())),
            "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f"
        );
    }
}
