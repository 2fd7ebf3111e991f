//! `garrison manager`.

use std::process::ExitCode;

use manager::{Config, Manager};

use super::{End, SHUTDOWN_LIMIT, announce, raise_file_limit, take_folder};
use crate::cli::ServiceArguments;
use crate::failure::Failure;

pub(crate) async fn run(arguments: ServiceArguments) -> anyhow::Result<ExitCode> {
    let mut end = End::watch(arguments.lifeline)?;
    let mut config = Config::load(&arguments.data).map_err(Failure::usage)?;
    config.bind = arguments.bind.unwrap_or(config.bind);
    config.ports = arguments.ports.unwrap_or(config.ports);
    // This very program, whatever becomes of its file meanwhile.
    config.doctor = Some("/proc/self/exe".into());
    raise_file_limit();
    let started = async {
        let lock = take_folder(&arguments.data).await?;
        let running = Manager::start(config).await?;
        anyhow::Ok((lock, running))
    };
    let (_lock, running) = tokio::select! {
        started = started => started?,
        why = end.wanted() => {
            tracing::info!("{why}: the manager does not start");
            return Ok(ExitCode::SUCCESS);
        }
    };
    announce(
        "manager",
        &running.addresses(),
        arguments.ready_file.as_deref(),
    )?;
    let why = end.wanted().await;
    tracing::info!("{why}: the manager stops");
    running.shutdown(SHUTDOWN_LIMIT).await;
    Ok(ExitCode::SUCCESS)
}
