//! `run`: the service.

use std::path::Path;

use agent::network::CheckCommand;
use agent::{Agent, Options};
use anyhow::Context as _;
use net::CancellationToken;
use sandbox::WorkerCommand;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::RunArguments;

/// Threads for work on files; each ends when it has nothing to do for a while.
const FILE_THREADS: usize = 4;

pub(crate) fn run(arguments: RunArguments) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(FILE_THREADS)
        .build()
        .context("no runtime could be started")?;
    let agent = Agent::open(Options {
        data: arguments.data,
        token_file: arguments.token_file,
        worker: WorkerCommand::own(),
        network_check: CheckCommand::own(),
        registry: None,
    })?;
    let stop = CancellationToken::new();
    if arguments.lifeline {
        end_with_stdin(stop.clone())?;
    }
    runtime.block_on(async {
        let signals = stop_on_signals(stop.clone())?;
        let ready_file = arguments.ready_file;
        let outcome = agent
            .run(stop, |data| {
                if let Some(path) = &ready_file
                    && let Err(error) = write_ready(path, data)
                {
                    tracing::error!("{error:#}");
                }
            })
            .await;
        signals.abort();
        anyhow::Ok(outcome?)
    })?;
    tracing::info!("stopped");
    Ok(())
}

fn stop_on_signals(stop: CancellationToken) -> anyhow::Result<tokio::task::JoinHandle<()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping");
        stop.cancel();
    }))
}

/// A blocking read in a thread of its own: it ends with the process if the parent stays.
fn end_with_stdin(stop: CancellationToken) -> anyhow::Result<()> {
    std::thread::Builder::new()
        .name("lifeline".to_owned())
        .spawn(move || {
            let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
            tracing::info!("standard input was closed, stopping");
            stop.cancel();
        })
        .context("no thread for the lifeline")?;
    Ok(())
}

fn write_ready(path: &Path, data: &Path) -> anyhow::Result<()> {
    let ready = serde_json::json!({
        "service": "agent",
        "pid": std::process::id(),
        "addresses": {},
        "version": env!("CARGO_PKG_VERSION"),
        "data": data,
    });
    let mut draft = path.as_os_str().to_owned();
    draft.push(".draft");
    std::fs::write(&draft, format!("{ready}\n"))
        .and_then(|()| std::fs::rename(&draft, path))
        .with_context(|| format!("{}: the ready file can't be written", path.display()))
}
