//! `garrison up`: the whole system on one machine, each part a child process of this one.
//!
//! This process compiles definitions and otherwise talks to its children as anyone would: over
//! the manager's API, with the credential in the data folder. [`start`] is the order of things,
//! [`child`] how a process is kept.

mod child;
mod definitions;
mod enrolment;
mod first_scan;
mod log_file;
pub(crate) mod ready;
mod start;
mod summary;

pub(crate) use enrolment::device_of;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use child::{Child, ChildFailure, Plan};
use ready::{Pids, SystemReady};

use crate::cli::UpArguments;
use crate::folder::{Folder, Lock};
use crate::service::lifeline::EndSignals;

/// Between two looks at the size of logs.
const LOG_CHECK: Duration = Duration::from_secs(60);

pub(crate) async fn run(arguments: UpArguments) -> anyhow::Result<ExitCode> {
    let folder = Folder::find(arguments.data.clone())?;
    folder.make()?;
    let _lock = Lock::take(&folder.root().join("up.lock"), Duration::ZERO)?;
    let mut signals = EndSignals::watch()?;
    let (failed, mut failures) = mpsc::channel(4);
    let mut system = System::new(folder, failed);

    let outcome = tokio::select! {
        started = start::start(&mut system, &arguments) => started.map(Some),
        Some(failure) = failures.recv() => Err(failure.into()),
        signal = signals.next() => {
            tracing::info!("{signal}: stopping");
            Ok(None)
        }
    };
    let outcome = match outcome {
        Ok(Some(ready)) => {
            serve(
                &system,
                ready,
                arguments.ready_file,
                &mut signals,
                &mut failures,
            )
            .await
        }
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    stop(system, &mut signals).await;
    outcome.map(|()| ExitCode::SUCCESS)
}

/// The children that run.
#[derive(Debug)]
struct System {
    folder: Folder,
    failed: mpsc::Sender<ChildFailure>,
    cloud: Option<Child>,
    manager: Option<Child>,
    agent: Option<Child>,
}

impl System {
    const fn new(folder: Folder, failed: mpsc::Sender<ChildFailure>) -> Self {
        Self {
            folder,
            failed,
            cloud: None,
            manager: None,
            agent: None,
        }
    }

    fn launch(&self, plan: Plan) -> Child {
        Child::start(plan, self.failed.clone())
    }

    fn children(&self) -> impl Iterator<Item = &Child> {
        [&self.agent, &self.manager, &self.cloud]
            .into_iter()
            .flatten()
    }

    fn pids(&self) -> Pids {
        let process = |child: &Option<Child>| child.as_ref().and_then(Child::process);
        Pids {
            up: std::process::id(),
            manager: process(&self.manager),
            cloud: process(&self.cloud),
            agent: process(&self.agent),
        }
    }
}

/// Stays until a signal or a failure ends it.
async fn serve(
    system: &System,
    mut ready: SystemReady,
    ready_file: Option<PathBuf>,
    signals: &mut EndSignals,
    failures: &mut mpsc::Receiver<ChildFailure>,
) -> anyhow::Result<()> {
    let (changed, mut changes) = mpsc::channel::<()>(1);
    for child in system.children() {
        let mut processes = child.processes();
        let changed = changed.clone();
        // Ends with the child's keeper, which holds the other end.
        tokio::spawn(async move {
            while processes.changed().await.is_ok() {
                // A full queue already says that something changed.
                let _ = changed.try_send(());
            }
        });
    }
    let mut log_check = tokio::time::interval(LOG_CHECK);
    loop {
        tokio::select! {
            Some(failure) = failures.recv() => return Err(failure.into()),
            signal = signals.next() => {
                tracing::info!("{signal}: stopping");
                return Ok(());
            }
            _ = log_check.tick() => {
                for child in system.children() {
                    if let Err(error) = log_file::bound(&child.plan().log) {
                        tracing::warn!("{}: can't be kept small: {error}", child.plan().log.display());
                    }
                }
            }
            Some(()) = changes.recv() => {
                ready.pids = system.pids();
                if let Some(path) = &ready_file {
                    ready.write(path)?;
                }
            }
        }
    }
}

/// Stops the children in order; the next signal makes an end of them.
async fn stop(system: System, signals: &mut EndSignals) {
    let force = CancellationToken::new();
    let stopping = async {
        for child in [system.agent, system.manager, system.cloud]
            .into_iter()
            .flatten()
        {
            child.stop(&force).await;
        }
    };
    let mut stopping = std::pin::pin!(stopping);
    loop {
        tokio::select! {
            () = &mut stopping => return,
            signal = signals.next() => {
                tracing::warn!("{signal} again: killing what still runs");
                force.cancel();
            }
        }
    }
}
