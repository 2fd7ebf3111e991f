//! A thousand flows: a host behind a slow wire, a server of TLS with a name for each flow, and the
//! doctor that checks them all.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

use super::certificates::{Authority, Special};
use super::dns::{Answer, NameServer, Names};
use super::peer::Peer;
use super::slow::{Carried, SlowWire};
use super::{Host, Network};

/// Flows of the catalogue.
pub const FLOWS: usize = 1_000;
/// On each frame, in each direction.
pub const DELAY: Duration = Duration::from_millis(20);
/// Addresses that the names share.
const ADDRESSES: u8 = 100;
const FIRST: u8 = 100;
const SERVER: &str = include_str!("peers/many.js");
/// How often the memory of the doctor is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// What the server saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Served {
    pub connections: u64,
    pub handshakes: u64,
    pub requests: u64,
    /// Open at once.
    pub most: u64,
}

/// A run of the doctor.
#[derive(Debug)]
pub struct Examined {
    /// From the start of the process to its end.
    pub took: Duration,
    /// The largest that its resident set was seen, in KiB.
    pub resident: u64,
    pub report: Value,
}

/// The network, open.
#[derive(Debug)]
pub struct ManyFlows {
    server: Peer,
    wire: SlowWire,
    client: Host,
    catalogue: PathBuf,
    public: PathBuf,
    _name_server: NameServer,
    _hosts: [Host; 2],
    _network: Network,
}

impl ManyFlows {
    /// Puts everything up; files lie in the folder.
    ///
    /// # Errors
    /// Where something can't be made.
    pub fn open(folder: &Path) -> anyhow::Result<ManyFlows> {
        let network = Network::new()?;
        let resolver = Network::address(53);
        let (client, wire) = Host::far(&network, "client", 30, resolver, folder, DELAY)?;
        let servers = Host::new(&network, "servers", 80, resolver, folder)?;
        let resolving = Host::new(&network, "resolver", 53, resolver, folder)?;
        let addresses: Vec<Ipv4Addr> = (FIRST..FIRST + ADDRESSES).map(Network::address).collect();
        let mut script = String::new();
        for address in &addresses {
            let _ = writeln!(script, "ip addr add {address}/24 dev wire");
        }
        servers.namespace().shell(&script)?;
        let names: Names = (0..FLOWS)
            .zip(addresses.iter().cycle())
            .map(|(number, address)| (name(number), Answer::Addresses(vec![*address])))
            .collect();
        let name_server = NameServer::start(&resolving, names)?;
        let authority = Authority::new(folder, "public")?;
        let certificate = authority.issue("many", "*.many.lab.test", &Special::default())?;
        let child = servers
            .namespace()
            .command("node")
            .args(["-e", SERVER])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("node")?;
        let order = json!({"certificate": certificate.chain, "key": certificate.key, "port": 443});
        let server = Peer::ordered(child, "the server of many names", &order.to_string())?;
        let catalogue = folder.join("many.toml");
        std::fs::write(&catalogue, rows())?;
        Ok(ManyFlows {
            server,
            wire,
            client,
            catalogue,
            public: authority.certificate(),
            _name_server: name_server,
            _hosts: [servers, resolving],
            _network: network,
        })
    }

    /// The host behind the slow wire.
    pub fn client(&self) -> &Host {
        &self.client
    }

    /// An address behind which a server is.
    pub fn server(&self) -> Ipv4Addr {
        Network::address(FIRST)
    }

    /// Has the doctor check every flow.
    ///
    /// # Errors
    /// Where it ends without a report.
    pub fn examine(&self, program: &Path, more: &[&str]) -> anyhow::Result<Examined> {
        let output = self.client.folder().join("report.json");
        let mut command: Command = self.client.namespace().command(program);
        command
            .args(["doctor", "--json", "--no-environment", "--catalog"])
            .arg(&self.catalogue)
            .arg("--public-roots")
            .arg(&self.public)
            .args(more)
            .env("SSL_CERT_FILE", &self.public)
            .env_remove("SSL_CERT_DIR")
            .stdout(std::fs::File::create(&output)?)
            .stderr(Stdio::null());
        let begun = Instant::now();
        let mut child = command.spawn().context("the doctor")?;
        let mut resident = 0;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            resident = resident.max(high_water(child.id()).unwrap_or(0));
            std::thread::sleep(LOOK);
        };
        let took = begun.elapsed();
        let text = std::fs::read_to_string(&output)?;
        let report = serde_json::from_str(&text)
            .with_context(|| format!("the doctor ends with {status} and {text:?}"))?;
        Ok(Examined {
            took,
            resident,
            report,
        })
    }

    /// What the wire carried and what the server saw, of all runs so far.
    ///
    /// # Errors
    /// Where one of them is gone.
    pub fn counted(&mut self) -> anyhow::Result<(Carried, Served)> {
        Ok((self.wire.carried()?, self.server.ask()?))
    }
}

impl Examined {
    /// How many checks came out so.
    ///
    /// # Errors
    /// Where the report has another shape.
    pub fn count(&self, result: &str) -> anyhow::Result<usize> {
        let Some(checks) = self.report.get("checks").and_then(Value::as_array) else {
            bail!("a report without checks");
        };
        let of = |check: &&Value| check.get("result").is_some_and(|found| found == result);
        Ok(checks.iter().filter(of).count())
    }

    /// Whether every flow works, and if not why.
    ///
    /// # Errors
    /// The first finding.
    pub fn all_work(&self) -> anyhow::Result<()> {
        let fine = self.count("ok")?;
        ensure!(
            fine == FLOWS,
            "{fine} of {FLOWS} flows work; {:#}",
            self.report.pointer("/findings/0").unwrap_or(&Value::Null)
        );
        Ok(())
    }
}

fn name(number: usize) -> String {
    format!("f{number}.many.lab.test")
}

/// The largest resident set of a process so far, in KiB.
fn high_water(process: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// A catalogue with a row for each name.
fn rows() -> String {
    let mut text = String::from(
        "id = \"many\"\nversion = \"1.0.0\"\nvendor = \"Laboratory\"\nproduct = \"Many flows\"\n\
         [[party]]\nid = \"here\"\nname = \"this host\"\nplace = \"site\"\n\
         [[party]]\nid = \"there\"\nname = \"the service\"\nplace = \"outside\"\n",
    );
    for number in 0..FLOWS {
        let name = name(number);
        let _ = write!(
            text,
            "[[flow]]\nid = \"flow-{number}\"\npurpose = \"The service {number}.\"\n\
             from = [\"here\"]\nto = \"there\"\ndirection = \"outbound\"\nneed = \"required\"\n\
             endpoints = [{{ match = \"exact\", value = \"{name}\", transport = \"tcp\", \
             ports = [\"443\"], protocol = \"https\" }}]\n\
             breaks = [{{ feature = \"service {number}\", severity = \"major\", \
             symptom = \"The service can't be reached.\" }}]\n"
        );
    }
    text
}
