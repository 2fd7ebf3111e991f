//! Ready files: what a service writes once it serves, and what `up` writes once all is up.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use flows::GarrisonFlow;
use model::DeviceId;
use serde::{Deserialize, Serialize};

use crate::definition::write_whole;

/// The name of a service's ready file in its folder.
pub(crate) const FILE: &str = "ready.json";
/// A ready file above this many bytes is none.
const MAX_BYTES: u64 = 64 << 10;

/// A service that serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServiceReady {
    pub(crate) service: String,
    pub(crate) pid: u32,
    /// By flow.
    pub(crate) addresses: BTreeMap<String, SocketAddr>,
    pub(crate) version: String,
}

impl ServiceReady {
    /// Where the service listens for a flow.
    pub(crate) fn address(&self, flow: GarrisonFlow) -> Option<SocketAddr> {
        let address = self.addresses.get(flow.id().as_str()).copied()?;
        if address.ip().is_unspecified() {
            // Every address of the machine: the nearest will do.
            let own: IpAddr = match address.ip() {
                IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            };
            return Some(SocketAddr::new(own, address.port()));
        }
        Some(address)
    }

    /// Whether a process of that number runs. The file outlives a service that was killed.
    pub(crate) fn is_alive(&self) -> bool {
        i32::try_from(self.pid)
            .ok()
            .and_then(rustix::process::Pid::from_raw)
            .is_some_and(|pid| {
                rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH)
            })
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// When it can't be written.
    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        write_whole(path, &serde_json::to_vec_pretty(self)?)
    }
}

/// A service's ready file; none when there is none, or it isn't whole.
pub(crate) fn read(path: &Path) -> Option<ServiceReady> {
    if path.metadata().ok()?.len() > MAX_BYTES {
        return None;
    }
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

/// The whole system, up.
#[derive(Debug, Clone, Serialize)]
pub(super) struct SystemReady {
    pub(super) version: &'static str,
    pub(super) data: PathBuf,
    pub(super) addresses: Addresses,
    /// Absent when the console's first password was removed after its first use.
    pub(super) first_password_file: Option<PathBuf>,
    pub(super) pids: Pids,
    pub(super) device: Option<DeviceId>,
    pub(super) ca: PathBuf,
}

impl SystemReady {
    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// When it can't be written.
    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        write_whole(path, &serde_json::to_vec_pretty(self)?)
    }
}

/// Where to find what.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Addresses {
    /// The console's, for a browser.
    pub(super) console_url: String,
    /// By flow, as `address:port`.
    #[serde(flatten)]
    pub(super) by_flow: BTreeMap<String, SocketAddr>,
}

/// The processes of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Pids {
    pub(super) up: u32,
    pub(super) manager: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cloud: Option<u32>,
    pub(super) agent: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ready_file_reads_back_and_half_a_one_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        assert_eq!(read(&path), None);
        let ready = ServiceReady {
            service: "manager".into(),
            pid: std::process::id(),
            addresses: BTreeMap::from([("api".into(), "127.0.0.1:8446".parse().unwrap())]),
            version: "0.1.0".into(),
        };
        ready.write(&path).unwrap();
        assert_eq!(read(&path), Some(ready.clone()));
        assert!(ready.is_alive());
        assert_eq!(
            ready.address(GarrisonFlow::Api),
            Some("127.0.0.1:8446".parse().unwrap())
        );
        assert_eq!(ready.address(GarrisonFlow::Console), None);
        std::fs::write(&path, "{\"service\":").unwrap();
        assert_eq!(read(&path), None);
    }
}
