//! `scan`: walks and opens with the caller's own rights, judges in workers of its own, and reports
//! to the running agent, if there is one.

use std::io::{IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use agent::local::{Client, ClientError};
use agent::scanning::{self, Outcome, Request};
use anyhow::{Context as _, bail};
use indicatif::{ProgressBar, ProgressStyle};
use model::verdict::{FileReport, ScanTotals};
use model::{EndpointPath, Policy, ScanId};
use proto::local::{Answer, Request as Ask};
use sandbox::{Pool, PoolConfig, Sealed, Verify, WorkerCommand};
use tokio::signal::unix::{SignalKind, signal};
use trust::VerifyingKey;

use crate::cli::ScanArguments;
use crate::output;

mod words;

const FOUND: u8 = 1;
const TROUBLE: u8 = 2;
/// Definitions that are larger are refused, in bytes.
const MAX_DEFINITIONS: u64 = 2 << 30;
/// Problems that are reported to the agent; the totals count all.
const MOST_PROBLEMS: u64 = 1000;

pub(crate) fn scan(arguments: &ScanArguments) -> ExitCode {
    match run(arguments) {
        Ok(totals) => ExitCode::from(exit_code(&totals)),
        Err(error) => {
            output::complain(&error);
            ExitCode::from(TROUBLE)
        }
    }
}

/// What was found counts for more than what could not be read.
fn exit_code(totals: &ScanTotals) -> u8 {
    if totals.detected > 0 {
        FOUND
    } else if totals.failed + totals.incomplete > 0 {
        TROUBLE
    } else {
        0
    }
}

fn run(arguments: &ScanArguments) -> anyhow::Result<ScanTotals> {
    let mut agent = connect(arguments)?;
    let (definitions, keys) = definitions(arguments, agent.as_mut())?;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let jobs = arguments.jobs.map_or(cores.min(4), usize::from);
    let mut request = Request::new(arguments.paths.clone(), &Policy::default(), jobs);
    if let Some(agent) = &agent {
        let data = &agent.entry().data;
        for own in [data.join("vault"), data.join("agent.redb")] {
            request.omit.own.extend(agent::walk::own_key(&own).ok());
        }
    }
    let mut config = PoolConfig::new(WorkerCommand::own(), &request.limits);
    config.workers = jobs;
    if arguments.verify_all {
        config.verify = Verify::EveryPage;
    }
    let pool = Pool::new(config, definitions, &keys.into_iter().collect())
        .context("the scan can't begin")?;
    let mut reporter = Reporter {
        agent,
        scan: ScanId::generate(),
        quarantine: arguments.quarantine,
        problems: 0,
        trouble: false,
    };
    let paths = arguments.paths.iter().map(|path| shown(path)).collect();
    reporter.tell(&Ask::ScanBegan {
        scan: reporter.scan,
        paths,
    });
    let cancel = cancel_on_signals()?;
    let bar = bar();
    let mut totals = ScanTotals::default();
    let ended = scanning::scan(&request, &pool, &cancel, |outcome| {
        totals.add(&outcome.report.outcome);
        if let Err(error) = show(&outcome.report, arguments.json, &bar) {
            // Nobody reads any more.
            tracing::debug!("{error}");
            cancel.store(true, Ordering::Relaxed);
        }
        reporter.report(&outcome, &bar);
        bar.set_message(progress(&totals));
        bar.tick();
    });
    bar.finish_and_clear();
    reporter.tell(&Ask::ScanEnded {
        scan: reporter.scan,
        totals,
        cancelled: !ended,
    });
    if !arguments.json {
        eprintln!("{}.", progress(&totals));
    }
    if !ended {
        bail!("stopped before the end");
    }
    if reporter.trouble && totals.detected == 0 {
        bail!("the scan went to its end, but the agent did not record all of it");
    }
    Ok(totals)
}

/// The agent to report to. With definitions of its own a scan works without one.
fn connect(arguments: &ScanArguments) -> anyhow::Result<Option<Client>> {
    match Client::connect(arguments.agent.data.as_deref(), None) {
        Ok(client) => Ok(Some(client)),
        Err(ClientError::NoAgent) if arguments.definitions.is_some() && !arguments.quarantine => {
            Ok(None)
        }
        Err(ClientError::NoAgent) if arguments.quarantine => {
            bail!(
                "files are quarantined by the agent, and none runs on this machine; start one with \"garrison-agent run\", or leave --quarantine away"
            )
        }
        Err(ClientError::NoAgent) => {
            bail!(
                "definitions come from a running agent, and none runs on this machine; start one with \"garrison-agent run\", or name a file with --definitions"
            )
        }
        Err(error) => Err(error.into()),
    }
}

/// The definitions, and the keys that may have signed them.
fn definitions(
    arguments: &ScanArguments,
    agent: Option<&mut Client>,
) -> anyhow::Result<(Sealed, Vec<scan::PublicKey>)> {
    let mut keys = Vec::new();
    let mut from_agent = None;
    if let Some(agent) = agent {
        match agent.ask(&Ask::Definitions, None) {
            Ok((Answer::Definitions { key, .. }, Some(descriptor))) => {
                keys.push(scan::PublicKey::parse(&key)?);
                from_agent = Some(descriptor);
            }
            Ok(_) => bail!(ClientError::Unexpected),
            Err(ClientError::Refused { .. }) if arguments.definitions.is_some() => {}
            Err(error) => return Err(error.into()),
        }
    }
    let Some(path) = &arguments.definitions else {
        let descriptor = from_agent.context("the agent sent no definitions")?;
        return Ok((Sealed::from_file(descriptor, MAX_DEFINITIONS)?, keys));
    };
    keys.extend(build_key()?);
    if let Some(text) = &arguments.trust {
        keys.push(named_key(text)?);
    }
    if keys.is_empty() {
        bail!(
            "nobody's definitions are trusted yet: build some with \"garrison definitions build\", which makes a build key, or name a key with --trust"
        );
    }
    let name = || path.display().to_string();
    let file = std::fs::File::open(path).with_context(name)?;
    let sealed = Sealed::from_file(file.into(), MAX_DEFINITIONS).with_context(name)?;
    Ok((sealed, keys))
}

/// The public part of this user's build key, if there is one.
fn build_key() -> anyhow::Result<Option<scan::PublicKey>> {
    let absolute = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let folder =
        absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")));
    let Some(path) = folder.map(|folder| folder.join("garrison").join("build.key")) else {
        return Ok(None);
    };
    match trust::keyfile::read(&path) {
        Ok(bytes) => {
            let key = definitions::SigningKey::from_pkcs8(&bytes)
                .with_context(|| path.display().to_string())?;
            Ok(Some(key.public_key()))
        }
        Err(trust::keyfile::KeyFileError::Missing { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn named_key(text: &str) -> anyhow::Result<scan::PublicKey> {
    let parsed = match VerifyingKey::parse(text) {
        Ok(key) => key,
        Err(_) if Path::new(text).exists() => {
            let content = std::fs::read_to_string(text).with_context(|| text.to_owned())?;
            VerifyingKey::parse(&content).with_context(|| text.to_owned())?
        }
        Err(error) => {
            return Err(error).context("--trust: expected a key or a file that holds one");
        }
    };
    Ok(scan::PublicKey::from_bytes(parsed.bytes()))
}

/// Reports to the agent what it wants to know of.
struct Reporter {
    agent: Option<Client>,
    scan: ScanId,
    quarantine: bool,
    problems: u64,
    trouble: bool,
}

impl Reporter {
    fn tell(&mut self, question: &Ask) {
        if let Some(agent) = &mut self.agent
            && let Err(error) = agent.ask(question, None)
        {
            self.trouble = true;
            tracing::warn!("the agent did not record the scan: {error}");
        }
    }

    fn report(&mut self, outcome: &Outcome, bar: &ProgressBar) {
        let detected = outcome.report.outcome.word() == "detected";
        if !detected {
            if !scanning::is_problem(&outcome.report.outcome) {
                return;
            }
            self.problems += 1;
            if self.problems > MOST_PROBLEMS {
                return;
            }
        }
        let Some(agent) = &mut self.agent else { return };
        let file = outcome
            .file
            .as_ref()
            .filter(|_| detected && self.quarantine);
        let question = Ask::ScanFound {
            scan: self.scan,
            report: Box::new(outcome.report.clone()),
            quarantine: file.is_some(),
        };
        match agent.ask(&question, file.map(|file| file.file.as_fd())) {
            Ok((Answer::Quarantined { item }, _)) => {
                bar.suspend(|| eprintln!("{}: quarantined as {}", item.path, item.id));
            }
            Ok(_) => {}
            Err(error) => {
                self.trouble = true;
                bar.suspend(|| eprintln!("{}: {error}", outcome.report.path));
            }
        }
    }
}

fn show(report: &FileReport, json: bool, bar: &ProgressBar) -> std::io::Result<()> {
    let line = if json {
        serde_json::to_string(report)?
    } else {
        match words::line(report) {
            Some(line) => line,
            None => return Ok(()),
        }
    };
    bar.suspend(|| writeln!(std::io::stdout().lock(), "{line}"))
}

fn progress(totals: &ScanTotals) -> String {
    format!(
        "{} files: {} found, {} clean, {} not wholly scanned, {} failed, {} passed over, {}",
        totals.files(),
        totals.detected,
        totals.clean,
        totals.incomplete,
        totals.failed,
        totals.skipped,
        indicatif::HumanBytes(totals.scanned_bytes)
    )
}

fn bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}") {
        bar.set_style(style);
    }
    bar
}

fn shown(path: &Path) -> EndpointPath {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    EndpointPath::from_path(&absolute)
}

/// Becomes true at Ctrl-C or SIGTERM: the files under way are finished.
fn cancel_on_signals() -> anyhow::Result<Arc<AtomicBool>> {
    let cancel = Arc::new(AtomicBool::new(false));
    let cancelled = Arc::clone(&cancel);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                let interrupt = signal(SignalKind::interrupt());
                let terminate = signal(SignalKind::terminate());
                if let (Ok(mut interrupt), Ok(mut terminate)) = (interrupt, terminate) {
                    tokio::select! {
                        _ = interrupt.recv() => {}
                        _ = terminate.recv() => {}
                    }
                    cancelled.store(true, Ordering::Relaxed);
                }
            });
        })?;
    Ok(cancel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_counts_for_more_than_what_could_not_be_read() {
        let totals = |detected, failed, incomplete| ScanTotals {
            detected,
            failed,
            incomplete,
            clean: 5,
            ..ScanTotals::default()
        };
        assert_eq!(exit_code(&totals(0, 0, 0)), 0);
        assert_eq!(exit_code(&totals(1, 1, 1)), FOUND);
        assert_eq!(exit_code(&totals(0, 1, 0)), TROUBLE);
        assert_eq!(exit_code(&totals(0, 0, 1)), TROUBLE);
    }
}
