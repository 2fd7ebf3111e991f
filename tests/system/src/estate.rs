//! Garrison on hosts of its own: cloud, manager and agent, and those who use them, each in a
//! namespace under the ruleset that the catalogue renders for its role.

mod feature;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Output;

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::lab::dns::{Answer, NameServer};
use crate::lab::firewall::{Dropped, Rules, dropped};
use crate::lab::time::TimeServer;
use crate::lab::{Host, Network};
use crate::system::{EICAR_RULE, LIMIT, UP_LIMIT, definition_line, said};
use crate::wait::{Seen, until};
use crate::{Launch, Lifeline, Running, places};

pub use feature::Feature;

/// Under which the manager and the cloud are reached.
pub const MANAGER: &str = "manager.garrison.test";
pub const CLOUD: &str = "cloud.garrison.test";

/// A party of the catalogue, and the host's number.
const ROLES: [(&str, u8); 7] = [
    ("resolver", 53),
    ("time-server", 12),
    ("cloud", 10),
    ("manager", 20),
    ("agent", 30),
    ("operator", 40),
    ("browser", 41),
];

/// The hosts, before anything runs on them but name server and time server.
#[derive(Debug)]
pub struct Estate {
    folder: TempDir,
    hosts: Vec<Host>,
    rules: Rules,
    name_server: NameServer,
    _time_server: TimeServer,
    _network: Network,
}

impl Estate {
    /// Makes the hosts and loads each one's ruleset.
    ///
    /// # Errors
    /// Where one can't be made, or a ruleset isn't taken.
    pub fn new() -> anyhow::Result<Estate> {
        let folder = places::temporary()?;
        let network = Network::new()?;
        let resolver = Network::address(53);
        let mut hosts = Vec::new();
        for (role, number) in ROLES {
            hosts.push(Host::new(&network, role, number, resolver, folder.path())?);
        }
        let value = |name: &str, number: u8| format!("{name}={}", Network::address(number));
        let rules = Rules {
            site: vec![
                value("manager", 20),
                value("cloud", 10),
                value("agents", 30),
                format!("{},{}", value("administrators", 40), Network::address(41)),
                value("resolver", 53),
                value("time-servers", 12),
            ],
            catalogue: None,
        };
        let of = |role: &str| -> anyhow::Result<&Host> {
            let mut all = hosts.iter();
            all.find(|host| host.name() == role)
                .with_context(|| format!("no host {role}"))
        };
        let names = [
            (
                MANAGER.to_owned(),
                Answer::Addresses(vec![Network::address(20)]),
            ),
            // The row of DNS has two endpoints, and this makes the second count.
            (
                CLOUD.to_owned(),
                Answer::OverTcp(vec![Network::address(10)]),
            ),
        ];
        let name_server = NameServer::start(of("resolver")?, names.into())?;
        let time_server = TimeServer::start(of("time-server")?)?;
        let estate = Estate {
            folder,
            hosts,
            rules,
            name_server,
            _time_server: time_server,
            _network: network,
        };
        estate.load(None)?;
        Ok(estate)
    }

    /// Every host; its name is its role.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// The host of a role.
    ///
    /// # Errors
    /// Where there is none.
    pub fn host(&self, role: &str) -> anyhow::Result<&Host> {
        let mut hosts = self.hosts.iter();
        hosts
            .find(|host| host.name() == role)
            .with_context(|| format!("no host {role}"))
    }

    pub fn name_server(&self) -> &NameServer {
        &self.name_server
    }

    /// Loads each host's ruleset, from this catalogue or the built-in one.
    ///
    /// # Errors
    /// Where one is refused.
    pub fn load(&self, catalogue: Option<&Path>) -> anyhow::Result<()> {
        let rules = Rules {
            catalogue: catalogue.map(Path::to_owned),
            ..self.rules.clone()
        };
        for host in &self.hosts {
            rules.load(host.name(), host)?;
        }
        Ok(())
    }

    /// What the doctor says on the host of a role of the flows that it opens.
    ///
    /// # Errors
    /// Where it can't say anything.
    pub fn examine(&self, role: &str) -> anyhow::Result<Value> {
        let host = self.host(role)?;
        // The manager's flows end at the cloud, the others' at the manager.
        let ca = match role {
            "manager" => self.host("cloud")?.folder().join("garrison/cloud/ca.pem"),
            _ => self.host("operator")?.folder().join("ca.pem"),
        };
        let by_name = [format!("manager={MANAGER}"), format!("cloud={CLOUD}")];
        let mut words = vec!["doctor", "--json", "--role", role, "--ca", text(&ca)?];
        for value in &by_name {
            words.extend(["--set", value]);
        }
        for value in self.rules.site.iter().skip(by_name.len()) {
            words.extend(["--set", value]);
        }
        let output = host.run("garrison-flows", &words)?;
        serde_json::from_slice(&output.stdout)
            .with_context(|| format!("the doctor on {role}: {}", said(&output)))
    }

    /// By role, what each host dropped.
    ///
    /// # Errors
    /// Where a ruleset is gone.
    pub fn dropped(&self) -> anyhow::Result<Vec<(&str, Dropped)>> {
        let mut all = Vec::new();
        for host in &self.hosts {
            all.push((host.name(), dropped(host.name(), host)?));
        }
        Ok(all)
    }

    /// Installs cloud, manager and agent, as three machines are installed by hand.
    ///
    /// # Errors
    /// Where a step fails, with what was said.
    pub fn install(&self) -> anyhow::Result<Installed<'_>> {
        let cloud_host = self.host("cloud")?;
        let manager_host = self.host("manager")?;
        let operator = self.host("operator")?;
        let agent_host = self.host("agent")?;

        let cloud = serve(cloud_host, "cloud", CLOUD, &[])?;
        let manager = serve(manager_host, "manager", MANAGER, &[])?;
        let manager_folder = manager_host.folder().join("garrison/manager");

        // What an administrator carries from one host to another.
        let carried = |name: &str| operator.folder().join(name);
        let site_token = carried("site.token");
        let data = cloud_host.folder().join("garrison/cloud");
        let words = ["cloud", "new-token", "--data"].map(OsStr::new);
        let more = [data.as_os_str(), OsStr::new("-o"), site_token.as_os_str()];
        must(cloud_host.run("garrison", words.into_iter().chain(more))?)?;
        let token = carried("operator.token");
        let root = manager_host.folder().join("garrison");
        let words = ["ctl", "--data"].map(OsStr::new);
        let more = ["api-tokens", "create", "--name", "operator"].map(OsStr::new);
        let last = ["--role", "administrator", "-o"].map(OsStr::new);
        must(
            manager_host.run(
                "garrison",
                words
                    .into_iter()
                    .chain([root.as_os_str()])
                    .chain(more)
                    .chain(last)
                    .chain([token.as_os_str()]),
            )?,
        )?;
        std::fs::copy(manager_folder.join("ca.pem"), carried("ca.pem"))?;
        let ca = carried("ca.pem");
        std::fs::copy(&ca, self.host("browser")?.folder().join("ca.pem"))?;

        let mut installed = Installed {
            estate: self,
            cloud,
            manager,
            agent: None,
            device: String::new(),
        };
        installed.ctl(&[
            "cloud",
            "enrol",
            "--name",
            "site",
            "--site-token",
            text(&site_token)?,
        ])?;
        let source = operator.folder().join("test.hsb");
        std::fs::write(&source, definition_line())?;
        let file = operator.folder().join("site.gdef");
        let words = ["definitions", "build"].map(OsStr::new);
        let more = [source.as_os_str(), OsStr::new("-o"), file.as_os_str()];
        must(operator.run("garrison", words.into_iter().chain(more))?)?;
        installed.ctl(&["definitions", "publish", text(&file)?])?;

        let enrolment = installed.enrolment_token("agent")?;
        let data = agent_host.folder().join("agent");
        must(agent_host.run(
            "garrison-agent",
            [
                "enrol",
                "--data",
                text(&data)?,
                "--token-file",
                text(&enrolment)?,
            ],
        )?)?;
        installed.start_agent(&[])?;
        installed.device = installed.until_item("the device", &["devices", "list"], |device| {
            let is = |word| device.get(word).is_some_and(|value| value == true);
            let id = device.get("id").and_then(Value::as_str).map(str::to_owned);
            id.filter(|_| is("connected") && is("up_to_date"))
        })?;
        Ok(installed)
    }
}

/// Starts `garrison cloud` or `garrison manager` on a host and waits until it serves.
///
/// # Errors
/// Where it doesn't, with what it said.
pub fn serve(
    host: &Host,
    service: &str,
    name: &str,
    environment: &[(&str, String)],
) -> anyhow::Result<Running> {
    let folder = host.folder().join("garrison").join(service);
    std::fs::create_dir_all(&folder)?;
    let settings = format!("bind = \"0.0.0.0\"\nports = \"garrison\"\nnames = [\"{name}\"]\n");
    std::fs::write(folder.join(format!("{service}.toml")), settings)?;
    let ready = host.folder().join(format!("{service}.ready"));
    let _ = std::fs::remove_file(&ready);
    let mut launch = host
        .launch("garrison", service)?
        .arguments([service, "--lifeline", "--data"])
        .arguments([&folder])
        .arguments(["--ready-file"])
        .arguments([&ready])
        .lifeline(Lifeline::Held);
    for (name, value) in environment {
        launch = launch.environment(name, value);
    }
    until_ready(launch, &ready)
}

fn until_ready(launch: Launch, ready: &Path) -> anyhow::Result<Running> {
    let mut running = launch.start()?;
    running.until("it serves", UP_LIMIT, || {
        Ok(if ready.exists() {
            Seen::Yes(())
        } else {
            Seen::NotYet("no ready file".to_owned())
        })
    })?;
    Ok(running)
}

fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("a path in UTF-8")
}

/// What a program said, which must have succeeded.
fn must(output: Output) -> anyhow::Result<Output> {
    ensure!(
        output.status.success(),
        "{}: {}",
        output.status,
        said(&output)
    );
    Ok(output)
}

/// Garrison, running on the hosts of an [`Estate`].
#[derive(Debug)]
pub struct Installed<'e> {
    estate: &'e Estate,
    pub cloud: Running,
    pub manager: Running,
    pub agent: Option<Running>,
    pub device: String,
}

impl Installed<'_> {
    pub fn estate(&self) -> &Estate {
        self.estate
    }

    /// The folder that all files of this estate lie in.
    pub fn folder(&self) -> &Path {
        self.estate.folder.path()
    }

    /// The words that `garrison ctl` needs to reach the manager from the operator's host.
    ///
    /// # Errors
    /// Where a path is no text.
    pub fn ctl_words(&self) -> anyhow::Result<Vec<String>> {
        let folder = text(self.estate.host("operator")?.folder())?;
        Ok(vec![
            "ctl".to_owned(),
            "--json".to_owned(),
            "--address".to_owned(),
            format!("{MANAGER}:8446"),
            "--ca".to_owned(),
            format!("{folder}/ca.pem"),
            "--token-file".to_owned(),
            format!("{folder}/operator.token"),
        ])
    }

    /// `garrison ctl --json …` on the operator's host, and what it printed.
    ///
    /// # Errors
    /// Where it fails, with what it said.
    pub fn ctl(&self, words: &[&str]) -> anyhow::Result<Value> {
        let mut all = self.ctl_words()?;
        all.extend(words.iter().map(|word| (*word).to_owned()));
        let output = self.estate.host("operator")?.run("garrison", &all)?;
        let output = must(output).with_context(|| format!("ctl {}", words.join(" ")))?;
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Waits until a list has an item for which `choose` gives something.
    ///
    /// # Errors
    /// As [`until`].
    pub fn until_item<T>(
        &self,
        what: &str,
        words: &[&str],
        choose: impl Fn(&Value) -> Option<T>,
    ) -> anyhow::Result<T> {
        until(what, LIMIT, || {
            let list = self.ctl(words)?;
            let Some(items) = list.get("items").and_then(Value::as_array) else {
                bail!("ctl {}: no items: {list}", words.join(" "));
            };
            Ok(match items.iter().find_map(&choose) {
                Some(chosen) => Seen::Yes(chosen),
                None => Seen::NotYet(format!("{items:#?}\n{}", self.agent_log())),
            })
        })
    }

    fn agent_log(&self) -> String {
        self.agent.as_ref().map(Running::log).unwrap_or_default()
    }

    /// A new enrolment token for one machine, in a file.
    ///
    /// # Errors
    /// Where the manager refuses.
    pub fn enrolment_token(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self
            .estate
            .host("operator")?
            .folder()
            .join(format!("{name}.token"));
        self.ctl(&["tokens", "create", "--name", name, "-o", text(&path)?])?;
        Ok(path)
    }

    /// Makes the token that [`Feature::Enrolment`] is tried with.
    ///
    /// # Errors
    /// Where the manager refuses.
    pub fn make_many_token(&self) -> anyhow::Result<()> {
        let path = self.many_token()?;
        let words = ["tokens", "create", "--name", "many", "--max-uses", "1000"];
        let mut words = words.to_vec();
        words.extend(["-o", text(&path)?]);
        self.ctl(&words)?;
        Ok(())
    }

    fn many_token(&self) -> anyhow::Result<PathBuf> {
        Ok(self.estate.host("operator")?.folder().join("many.token"))
    }

    /// Ends every connection between the hosts, as a firewall's restart may: what was let through
    /// once has to be let through again.
    ///
    /// # Errors
    /// Where `ss` can't.
    pub fn cut(&self) -> anyhow::Result<()> {
        for role in ["agent", "manager", "cloud"] {
            let namespace = self.estate.host(role)?.namespace();
            namespace.shell("ss --kill --tcp state connected not dst 127.0.0.0/8")?;
        }
        Ok(())
    }

    /// Where the agent keeps its files.
    ///
    /// # Errors
    /// Where there is no such host.
    pub fn agent_folder(&self) -> anyhow::Result<PathBuf> {
        Ok(self.estate.host("agent")?.folder().join("agent"))
    }

    /// Starts the agent, in place of one that runs.
    ///
    /// # Errors
    /// Where it doesn't come up.
    pub fn start_agent(&mut self, environment: &[(&str, String)]) -> anyhow::Result<()> {
        self.agent = None;
        let host = self.estate.host("agent")?;
        let ready = host.folder().join("agent.ready");
        let _ = std::fs::remove_file(&ready);
        let mut launch = host
            .launch("garrison-agent", "agent")?
            .arguments(["run", "--lifeline", "--data"])
            .arguments([self.agent_folder()?])
            .arguments(["--ready-file"])
            .arguments([&ready])
            .lifeline(Lifeline::Held);
        for (name, value) in environment {
            launch = launch.environment(name, value);
        }
        self.agent = Some(until_ready(launch, &ready)?);
        Ok(())
    }

    /// Starts the manager, in place of the one that runs.
    ///
    /// # Errors
    /// Where it doesn't come up.
    pub fn restart_manager(&mut self, environment: &[(&str, String)]) -> anyhow::Result<()> {
        self.manager.release();
        self.manager.wait(LIMIT)?;
        self.manager = serve(
            self.estate.host("manager")?,
            "manager",
            MANAGER,
            environment,
        )?;
        Ok(())
    }

    /// Has a file or folder of the agent's host scanned, and gives the detection that comes of it.
    ///
    /// # Errors
    /// Where none comes.
    pub fn detect(&self, path: &Path) -> anyhow::Result<Value> {
        let words = ["scan", "start", "--wait", "--timeout", "60s", "--device"];
        let mut words = words.to_vec();
        words.extend([self.device.as_str(), text(path)?]);
        // That something was found is no success of a scan.
        let mut all = self.ctl_words()?;
        all.extend(words.iter().map(|word| (*word).to_owned()));
        let output = self.estate.host("operator")?.run("garrison", &all)?;
        let scan: Value = serde_json::from_slice(&output.stdout)
            .with_context(|| format!("the scan: {}", said(&output)))?;
        ensure!(
            scan.pointer("/devices/0/state")
                .is_some_and(|state| state == "done"),
            "{scan:#}"
        );
        self.until_item("the detection", &["detections", "list"], |item| {
            let is_it = item
                .get("path")
                .and_then(Value::as_str)
                .is_some_and(|found| {
                    let rule = item.pointer("/matches/0/rule");
                    Path::new(found).starts_with(path)
                        && rule.is_some_and(|rule| rule == EICAR_RULE)
                });
            is_it.then(|| item.clone())
        })
    }
}
