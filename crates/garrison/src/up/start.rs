//! The order in which things start. What needs nothing of each other starts together.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use flows::{GarrisonFlow, PortProfile};

use super::child::{Child, FirstEnd, Plan, beside_own};
use super::definitions::Sources;
use super::ready::{self, Addresses, ServiceReady, SystemReady};
use super::{System, definitions, enrolment, first_scan, log_file, summary};
use crate::api::Api;
use crate::cli::UpArguments;

/// How long a service may take until it serves.
const READY_LIMIT: Duration = Duration::from_secs(60);
/// Between two looks for a ready file.
const READY_POLL: Duration = Duration::from_millis(20);
/// Beside the manager's 127.0.0.1, so that both have the catalogue's ports.
const CLOUD_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

pub(super) async fn start(
    system: &mut System,
    arguments: &UpArguments,
) -> anyhow::Result<SystemReady> {
    let agent_program = beside_own("garrison-agent")?;
    let manager_folder = system.folder.manager();
    let cloud_folder = system.folder.cloud();

    if !arguments.no_cloud {
        let plan = service(
            system,
            "cloud",
            &cloud_folder,
            Some(CLOUD_ADDRESS),
            arguments.ports,
        )?;
        system.cloud = Some(system.launch(plan));
    }
    let plan = service(
        system,
        "manager",
        &manager_folder,
        arguments.bind,
        arguments.ports,
    )?;
    system.manager = Some(system.launch(plan));
    let compiling = definitions::begin(Sources::find(), system.folder.definitions());

    let manager = ready_of(system.manager.as_ref(), &manager_folder).await?;
    let api = Api::local(&system.folder)?;
    let console = manager
        .address(GarrisonFlow::Console)
        .context("the manager told no address of its console")?;
    eprintln!("console: https://{console}");

    let device_known = enrolment::device_of(&system.folder.agent());
    let token = match device_known {
        Some(_) => None,
        None => Some(enrolment::make_token(&api, system.folder.root()).await?),
    };
    let plan = agent_plan(system, agent_program, token.as_deref());
    system.agent = Some(system.launch(plan));

    let cloud_enrolled = async {
        if system.cloud.is_none() {
            return anyhow::Ok(None);
        }
        let cloud = ready_of(system.cloud.as_ref(), &cloud_folder).await?;
        enrolment::join_cloud(&api, &cloud_folder).await?;
        Ok(Some(cloud))
    };
    let (cloud, revision) =
        tokio::try_join!(cloud_enrolled, definitions::publish(&api, compiling))?;
    let agent_folder = system.folder.agent();
    let agent_log = log_of(system, "agent");
    let device = enrolment::await_device(&api, &agent_folder, revision)
        .await
        .with_context(|| {
            format!(
                "the agent on this machine{}",
                log_file::last_lines(&agent_log)
            )
        })?;
    if let Some(agent) = &system.agent {
        agent.confirm();
    }
    let mut first_scan = None;
    if let Some(token) = token {
        // Used up; what is left of it says nothing.
        let _ = std::fs::remove_file(token);
        first_scan = first_scan::request(&api, device.id)
            .await
            .unwrap_or_else(|error| {
                tracing::warn!("the first scan was not begun: {error:#}");
                None
            });
    }

    let mut by_flow = manager.addresses.clone();
    by_flow.extend(cloud.iter().flat_map(|cloud| cloud.addresses.clone()));
    let first_password = manager_folder.join("first-password");
    let ready = SystemReady {
        version: env!("CARGO_PKG_VERSION"),
        data: system.folder.root().to_owned(),
        addresses: Addresses {
            console_url: format!("https://{console}"),
            by_flow,
        },
        first_password_file: first_password.exists().then_some(first_password),
        pids: system.pids(),
        device: Some(device.id),
        ca: manager_folder.join("ca.pem"),
    };
    if let Some(path) = &arguments.ready_file {
        ready.write(path)?;
    }
    if let Err(error) = summary::print(&ready, &device, system.cloud.is_some(), first_scan.as_ref())
    {
        tracing::debug!("nobody reads the summary: {error}");
    }
    Ok(ready)
}

fn log_of(system: &System, name: &str) -> std::path::PathBuf {
    system.folder.logs().join(format!("{name}.log"))
}

fn service(
    system: &System,
    name: &'static str,
    folder: &Path,
    bind: Option<IpAddr>,
    ports: PortProfile,
) -> anyhow::Result<Plan> {
    let ready_file = folder.join(ready::FILE);
    match std::fs::remove_file(&ready_file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| ready_file.display().to_string());
        }
        Ok(()) | Err(_) => {}
    }
    let mut command = vec![
        name.into(),
        "--data".into(),
        folder.into(),
        "--ports".into(),
        ports.as_str().into(),
        "--lifeline".into(),
    ];
    if let Some(bind) = bind {
        command.extend(["--bind".into(), bind.to_string().into()]);
    }
    Ok(Plan {
        name,
        program: std::env::current_exe()?,
        arguments: command,
        log: log_of(system, name),
        first_end: FirstEnd::IsFatal,
    })
}

fn agent_plan(system: &System, program: std::path::PathBuf, token: Option<&Path>) -> Plan {
    let mut command = vec![
        "run".into(),
        "--data".into(),
        system.folder.agent().into(),
        "--lifeline".into(),
    ];
    if let Some(token) = token {
        command.extend(["--token-file".into(), token.into()]);
    }
    Plan {
        name: "agent",
        program,
        arguments: command,
        log: log_of(system, "agent"),
        first_end: FirstEnd::IsRetried,
    }
}

/// Waits until a service serves.
async fn ready_of(child: Option<&Child>, folder: &Path) -> anyhow::Result<ServiceReady> {
    let child = child.context("the service was not started")?;
    let path = folder.join(ready::FILE);
    let until = Instant::now() + READY_LIMIT;
    loop {
        if let Some(ready) = ready::read(&path).filter(|ready| child.process() == Some(ready.pid)) {
            child.confirm();
            return Ok(ready);
        }
        if Instant::now() >= until {
            let log = &child.plan().log;
            anyhow::bail!(
                "{} does not serve after {} s{}",
                child.plan().name,
                READY_LIMIT.as_secs(),
                log_file::last_lines(log)
            );
        }
        tokio::time::sleep(READY_POLL).await;
    }
}
