//! A new device's first scan: the places where what starts by itself is set up. Small, so that a
//! person's own first scan does not wait behind it.

use std::path::{Path, PathBuf};

use http::Method;
use model::{DeviceId, EndpointPath};
use proto::api::scan::{NewScan, Scan};

use crate::api::Api;

/// Jobs, units, login scripts and preloaded libraries of the system.
const OF_THE_SYSTEM: &[&str] = &[
    "/etc/crontab",
    "/etc/cron.d",
    "/etc/cron.hourly",
    "/etc/cron.daily",
    "/etc/cron.weekly",
    "/etc/cron.monthly",
    "/var/spool/cron",
    "/etc/systemd/system",
    "/etc/init.d",
    "/etc/rc.local",
    "/etc/profile",
    "/etc/profile.d",
    "/etc/ld.so.preload",
];

/// The same of a person, below their home folder.
const OF_A_PERSON: &[&str] = &[
    ".bashrc",
    ".profile",
    ".config/autostart",
    ".config/systemd/user",
    ".ssh",
];

/// Asks for the scan. `None` when none of the places is there.
///
/// # Errors
/// When the manager refuses.
pub(super) async fn request(api: &Api, device: DeviceId) -> anyhow::Result<Option<Scan>> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let paths = places(home.as_deref());
    if paths.is_empty() {
        return Ok(None);
    }
    let wanted = NewScan {
        devices: Some(vec![device]),
        group: None,
        paths,
    };
    let scan = api
        .send(
            Method::POST,
            "/api/v1/scans",
            Some(serde_json::to_value(wanted)?),
        )
        .await?;
    Ok(Some(scan))
}

fn places(home: Option<&Path>) -> Vec<EndpointPath> {
    let system = OF_THE_SYSTEM.iter().map(PathBuf::from);
    let home = home.filter(|home| home.is_absolute());
    let person = home
        .into_iter()
        .flat_map(|home| OF_A_PERSON.iter().map(move |place| home.join(place)));
    system
        .chain(person)
        .filter(|place| place.exists())
        .map(|place| EndpointPath::from_path(&place))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_places_that_are_there_are_scanned() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join(".profile"), "").unwrap();
        let places = places(Some(home.path()));
        let own: Vec<_> = places
            .iter()
            .filter(|place| place.to_path().starts_with(home.path()))
            .collect();
        assert_eq!(own.len(), 1, "{own:?}");
        assert!(places.iter().all(|place| place.to_path().exists()));
    }

    #[test]
    fn a_relative_home_is_no_home() {
        let before = places(None);
        assert_eq!(places(Some(Path::new("."))), before);
    }
}
