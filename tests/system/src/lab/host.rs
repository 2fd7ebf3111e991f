//! A machine: a namespace with an address, a name server to ask, and a folder for its files.

use std::ffi::OsStr;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::Context;

use super::slow::SlowWire;
use super::{Namespace, Network};
use crate::{Launch, places};

/// Where time services have their servers from.
const TIME_SETTINGS: [&str; 6] = [
    "/etc/chrony/chrony.conf",
    "/etc/chrony.conf",
    "/etc/ntpsec/ntp.conf",
    "/etc/ntp.conf",
    "/etc/openntpd/ntpd.conf",
    "/etc/systemd/timesyncd.conf",
];

/// A host of a [`Network`].
#[derive(Debug)]
pub struct Host {
    name: String,
    address: Ipv4Addr,
    folder: PathBuf,
    namespace: Namespace,
}

impl Host {
    /// Makes the host of this number; its files lie in a folder of its name below `parent`.
    ///
    /// # Errors
    /// Where it can't be made.
    pub fn new(
        network: &Network,
        name: &str,
        number: u8,
        resolver: Ipv4Addr,
        parent: &Path,
    ) -> anyhow::Result<Host> {
        let host = Self::unplugged(name, number, resolver, parent)?;
        network.plug(&host.namespace, number)?;
        Ok(host)
    }

    /// As [`Host::new`], at the end of a wire that each frame takes so long to pass.
    ///
    /// # Errors
    /// Where it can't be made.
    pub fn far(
        network: &Network,
        name: &str,
        number: u8,
        resolver: Ipv4Addr,
        parent: &Path,
        delay: Duration,
    ) -> anyhow::Result<(Host, SlowWire)> {
        let host = Self::unplugged(name, number, resolver, parent)?;
        let wire = network.plug_far(&host.namespace, number, delay)?;
        Ok((host, wire))
    }

    fn unplugged(
        name: &str,
        number: u8,
        resolver: Ipv4Addr,
        parent: &Path,
    ) -> anyhow::Result<Host> {
        let folder = parent.join(name);
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let file = |name: &str, text: &str| -> anyhow::Result<PathBuf> {
            let path = folder.join(name);
            std::fs::write(&path, text).with_context(|| path.display().to_string())?;
            Ok(path)
        };
        let resolv = format!("nameserver {resolver}\noptions timeout:1 attempts:1\n");
        let mut files = vec![
            (file("resolv.conf", &resolv)?, "/etc/resolv.conf"),
            (
                file("nsswitch.conf", "hosts: files dns\n")?,
                "/etc/nsswitch.conf",
            ),
            (file("hosts", "127.0.0.1 localhost\n")?, "/etc/hosts"),
        ];
        // A time service of this machine is none of the laboratory's.
        let empty = file("no-time-servers", "")?;
        let known = TIME_SETTINGS.iter().filter(|path| Path::new(path).exists());
        files.extend(known.map(|path| (empty.clone(), *path)));
        let namespace = Namespace::with_files(&files)?;
        Ok(Host {
            name: name.to_owned(),
            address: Network::address(number),
            folder,
            namespace,
        })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Where its files lie.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// One of our programs, to be started here; what it says goes to a log of this name.
    ///
    /// # Errors
    /// Where the program isn't built.
    pub fn launch(&self, program: &str, log: &str) -> anyhow::Result<Launch> {
        let program = places::program(program)?;
        Ok(self
            .namespace
            .launch(&program, self.folder.join(format!("{log}.log")))
            .environment("HOME", &self.folder)
            .environment("XDG_CONFIG_HOME", self.folder.join("config")))
    }

    /// One of our programs, as a command that is not started yet.
    ///
    /// # Errors
    /// Where the program isn't built.
    pub fn command(&self, program: &str) -> anyhow::Result<Command> {
        let mut command = self.namespace.command(places::program(program)?);
        command
            .env("HOME", &self.folder)
            .env("XDG_CONFIG_HOME", self.folder.join("config"));
        Ok(command)
    }

    /// Runs one of our programs to its end.
    ///
    /// # Errors
    /// Where it can't be started.
    pub fn run<S: AsRef<OsStr>>(
        &self,
        program: &str,
        arguments: impl IntoIterator<Item = S>,
    ) -> anyhow::Result<Output> {
        self.command(program)?
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("{program} on {}", self.name))
    }

    /// Whether a connection from here is answered within the limit, be it by a refusal.
    ///
    /// # Errors
    /// Where the namespace can't be entered.
    pub fn reaches(&self, peer: SocketAddr, limit: Duration) -> anyhow::Result<bool> {
        Ok(match self.connect(peer, limit)? {
            Ok(_) => true,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionRefused,
        })
    }

    /// Whether somebody takes a connection from here.
    ///
    /// # Errors
    /// Where the namespace can't be entered.
    pub fn connects(&self, peer: SocketAddr, limit: Duration) -> anyhow::Result<bool> {
        Ok(self.connect(peer, limit)?.is_ok())
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a test's own packets inside its own namespaces"
    )]
    fn connect(
        &self,
        peer: SocketAddr,
        limit: Duration,
    ) -> anyhow::Result<std::io::Result<TcpStream>> {
        self.namespace
            .inside(|| TcpStream::connect_timeout(&peer, limit))
    }
}
