//! `garrison cloud`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use cloud::{Cloud, Config, NewToken};
use model::Timestamp;

use super::{End, SHUTDOWN_LIMIT, announce, raise_file_limit, take_folder};
use crate::cli::{CloudArguments, CloudCommand, ServiceArguments};
use crate::failure::Failure;
use crate::output;

pub(crate) async fn run(arguments: CloudArguments) -> anyhow::Result<ExitCode> {
    match (arguments.command, arguments.service) {
        (
            Some(CloudCommand::NewToken {
                data,
                output,
                uses,
                valid,
            }),
            _,
        ) => new_token(&data, output, uses, valid).await,
        (None, Some(service)) => serve(service).await,
        (None, None) => Err(Failure::misuse("expected --data FOLDER")),
    }
}

async fn new_token(
    folder: &Path,
    file: PathBuf,
    uses: u32,
    valid_seconds: u32,
) -> anyhow::Result<ExitCode> {
    let wishes = NewToken {
        file,
        uses,
        lifetime: Duration::from_secs(valid_seconds.into()),
        replaces: None,
    };
    let made = cloud::new_token(folder, wishes, Timestamp::now()).await?;
    output::line(format_args!(
        "{}: lets {uses} sites in until {}, at {}",
        made.file.display(),
        made.expires,
        made.addresses.join(", ")
    ))?;
    Ok(ExitCode::SUCCESS)
}

async fn serve(arguments: ServiceArguments) -> anyhow::Result<ExitCode> {
    let mut end = End::watch(arguments.lifeline)?;
    let mut config = Config::load(&arguments.data).map_err(Failure::usage)?;
    config.bind = arguments.bind.unwrap_or(config.bind);
    config.ports = arguments.ports.unwrap_or(config.ports);
    raise_file_limit();
    let started = async {
        let lock = take_folder(&arguments.data).await?;
        let running = Cloud::start(config).await?;
        anyhow::Ok((lock, running))
    };
    let (_lock, mut running) = tokio::select! {
        started = started => started?,
        why = end.wanted() => {
            tracing::info!("{why}: the cloud does not start");
            return Ok(ExitCode::SUCCESS);
        }
    };
    announce(
        "cloud",
        running.addresses(),
        arguments.ready_file.as_deref(),
    )?;
    let why = tokio::select! {
        why = end.wanted() => why,
        () = running.wait() => anyhow::bail!("the cloud's listener ended by itself"),
    };
    tracing::info!("{why}: the cloud stops");
    if !running.shutdown(SHUTDOWN_LIMIT).await {
        tracing::warn!("some requests did not end in time and were cut off");
    }
    Ok(ExitCode::SUCCESS)
}
