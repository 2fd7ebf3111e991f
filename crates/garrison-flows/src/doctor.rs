//! `doctor`: what is broken, why, and the line that mends it.

mod paths;
mod show;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use doctor::plan::targets_catalogue;
use doctor::{Observed, Plan, Report, RunLimits, Settings, Target};
use flows::{Catalogue, PartyId, Selection, Site};
use net::probe::{ProbeRoots, ProbeTrust, Prober, RepeatedHellos};
use net::{CancellationToken, ClientIdentity};

use tokio::signal::unix::{SignalKind, signal};

use crate::arguments::{CatalogueArgument, SiteArguments};
use crate::file;
use crate::output::Output;
use crate::table::plain;

/// A run that could not begin.
const UNDETERMINED: u8 = 3;
/// As a shell tells of a program that SIGINT ended.
const INTERRUPTED: i32 = 130;
/// A longer file with a CA is refused.
const MAX_CA: usize = 64 * 1024;
/// Threads beside the one that waits.
const THREADS: usize = 2;

/// What `doctor` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  doctor --catalog symantec-endpoint-protection
  doctor --catalog sangfor-endpoint-secure --set manager=192.0.2.10 --proxy http://proxy:3128
  doctor --target https://update.example.com --pac http://proxy/wpad.dat --json

Every way is checked: directly, as the environment says (HTTPS_PROXY, NO_PROXY), and those that
are named. Where a proxy is in use, the direct way only helps to explain. Nothing is changed, and
nothing is sent over a connection whose server can't be verified.

Exit codes: 0 ok; 1 degraded; 2 broken; 3 undetermined, also when the run can't begin.")]
pub struct DoctorArguments {
    #[command(flatten)]
    catalogue: CatalogueArgument,
    /// Check this destination instead: https://host/path, http://, wss://, tls://, tcp://, udp://
    #[arg(long, value_name = "URL", value_parser = Target::parse)]
    target: Vec<Target>,
    /// Expect this destination not to answer
    #[arg(long, value_name = "URL", value_parser = Target::parse)]
    closed: Vec<Target>,
    /// Only flows that this end opens, such as client or manager
    #[arg(long, value_name = "PARTY", value_parser = PartyId::parse)]
    role: Option<PartyId>,
    /// CA of the site (PEM or DER) that its own servers, and targets, must come from
    #[arg(long, value_name = "FILE", conflicts_with = "ca_pin")]
    ca: Option<PathBuf>,
    /// The same by the SHA-256 of its key, as in enrolment tokens
    #[arg(long, value_name = "HEX")]
    ca_pin: Option<String>,
    /// Take the CAs in this file (PEM) for the public ones: in a laboratory
    #[arg(long, value_name = "FILE", hide = true)]
    public_roots: Option<PathBuf>,
    /// Don't ask issuers about revoked certificates
    #[arg(long)]
    no_revocation: bool,
    /// Checks at the same time
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..=1024))]
    parallel: u16,
    /// Seconds for the whole run
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    time: u64,
    /// Form of the answer
    #[arg(long, value_name = "FORM", default_value = "table")]
    format: Form,
    /// Print JSON; the same as --format json
    #[arg(long)]
    json: bool,
    /// Show what was skipped too
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    paths: paths::PathArguments,
    #[command(flatten)]
    site: SiteArguments,
}

/// A form of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    Table,
    Json,
    /// For code scanning
    Sarif,
    /// For build servers
    Junit,
    /// Text for Prometheus' node exporter
    Prometheus,
}

/// Who runs the doctor, where that is known.
#[derive(Debug, Clone, Default)]
pub struct Identity {
    /// Shown to servers of the site.
    pub client: Option<ClientIdentity>,
    /// Whom the site's servers must come from.
    pub trust: Option<ProbeTrust>,
    /// Values for the catalogue's variables, unless the command line sets them.
    pub values: Vec<(String, Vec<String>)>,
    /// Ports that flows have here in place of the catalogue's, by the flow's id.
    pub ports: BTreeMap<String, u16>,
    /// The end that this program is.
    pub role: Option<PartyId>,
    /// The proxy that this program uses, unless the command line names one.
    pub proxy: Option<net::Proxy>,
}

/// Runs the doctor. What fails is told on standard error, after the program's name.
#[must_use]
pub fn run(program: &str, arguments: &DoctorArguments, identity: &Identity) -> ExitCode {
    // A thread of its own: the caller may be inside a runtime.
    let outcome = std::thread::scope(|scope| {
        scope
            .spawn(|| outcome(arguments, identity))
            .join()
            .unwrap_or_else(|_| Err(anyhow::anyhow!("the run broke down")))
    });
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let text = format!("{error:#}").trim_end().to_owned();
            eprintln!("{program}: {}", plain(text));
            ExitCode::from(UNDETERMINED)
        }
    }
}

fn outcome(arguments: &DoctorArguments, identity: &Identity) -> anyhow::Result<u8> {
    net::install_crypto();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build()?;
    let report = runtime.block_on(examine(arguments, identity));
    let code = report.and_then(|report| {
        show::write(arguments, &report)?;
        Ok(report.result.exit_code())
    });
    // A lookup of the system's that hangs must not hold the program up.
    runtime.shutdown_background();
    code
}

async fn examine(arguments: &DoctorArguments, identity: &Identity) -> anyhow::Result<Report> {
    let catalogue = arguments.catalogue.load()?;
    let mut site = arguments.site.site_of(&catalogue)?;
    set_known_values(&mut site, &catalogue, identity);
    let selections = [flows::select(&catalogue, &site)?];
    let targets = targets(arguments);
    let own = targets_catalogue(&targets);
    let of_targets = own.as_ref().map(of_targets).transpose()?;
    let settings = settings(arguments, identity, &site, catalogue.is_own())?;
    let prober = Prober::new(
        net::dns::Resolver::of_this_machine(),
        roots(arguments.public_roots.as_ref())?,
    );
    let begin = Instant::now();
    let ways = arguments.paths.ways(&prober, identity).await?;
    let plan = tokio::task::block_in_place(|| {
        doctor::plan::plan(
            &selections,
            &targets,
            of_targets.as_ref(),
            &ways,
            &settings,
            &|source, questions| paths::ask(&prober, source, questions),
        )
    })?;
    let before = RepeatedHellos::now();
    let observed = probed(arguments, &plan, &prober).await;
    let after = RepeatedHellos::now();
    let context = doctor::judge::Context {
        now: now(),
        hellos: after.zip(before).map(|(after, before)| after.since(before)),
        took_ms: u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX),
        language: site.language.clone(),
    };
    Ok(doctor::judge(&plan, &observed, &context))
}

/// Seconds since 1970.
fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_secs()).ok())
        .unwrap_or_default()
}

fn set_known_values(site: &mut Site, catalogue: &Catalogue, identity: &Identity) {
    for (name, values) in &identity.values {
        let known = catalogue
            .variables
            .iter()
            .any(|variable| variable.name == *name);
        if known && catalogue.is_own() {
            site.values
                .entry(name.clone())
                .or_insert_with(|| values.clone());
        }
    }
}

fn targets(arguments: &DoctorArguments) -> Vec<Target> {
    let closed = arguments.closed.iter().cloned().map(|mut target| {
        target.closed = true;
        target
    });
    arguments.target.iter().cloned().chain(closed).collect()
}

fn of_targets(catalogue: &Catalogue) -> anyhow::Result<Selection<'_>> {
    Ok(flows::select(catalogue, &Site::default())?)
}

fn settings(
    arguments: &DoctorArguments,
    identity: &Identity,
    site: &Site,
    is_own: bool,
) -> anyhow::Result<Settings> {
    let named = match (&arguments.ca, &arguments.ca_pin) {
        (Some(path), _) => Some(ProbeTrust::Ca { der: ca(path)? }),
        (None, Some(pin)) => Some(ProbeTrust::Pinned {
            ca_pin: pin_of(pin)?,
        }),
        (None, None) => None,
    };
    Ok(Settings {
        trust_for_all: named.is_some() && !arguments.target.is_empty(),
        site_trust: named.or_else(|| identity.trust.clone()),
        identity: identity.client.clone().unwrap_or_default(),
        revocation: !arguments.no_revocation,
        role: arguments
            .role
            .clone()
            .or_else(|| identity.role.clone().filter(|_| is_own)),
        ports: match is_own {
            true => identity.ports.clone(),
            false => BTreeMap::new(),
        },
        language: site.language.clone(),
        ..Settings::default()
    })
}

fn pin_of(text: &str) -> anyhow::Result<[u8; 32]> {
    let digits = text.as_bytes();
    anyhow::ensure!(
        digits.len() == 64,
        "--ca-pin: expected 64 hexadecimal digits, got {} characters",
        digits.len()
    );
    let mut pin = [0u8; 32];
    for (to, pair) in pin.iter_mut().zip(digits.chunks(2)) {
        let pair = std::str::from_utf8(pair).unwrap_or_default();
        *to = u8::from_str_radix(pair, 16).context("--ca-pin: expected hexadecimal digits")?;
    }
    Ok(pin)
}

/// The first certificate of a file.
fn ca(path: &std::path::Path) -> anyhow::Result<Vec<u8>> {
    let mut all = certificates(path)?;
    anyhow::ensure!(
        !all.is_empty(),
        "{}: expected a certificate, found none",
        path.display()
    );
    Ok(all.swap_remove(0))
}

fn certificates(path: &std::path::Path) -> anyhow::Result<Vec<Vec<u8>>> {
    let bytes = file::bytes(path, MAX_CA)?;
    let text = String::from_utf8_lossy(&bytes);
    if !text.contains("-----BEGIN CERTIFICATE-----") {
        return Ok(vec![bytes]);
    }
    net::certificates_of_pem(&bytes).with_context(|| path.display().to_string())
}

fn roots(public: Option<&PathBuf>) -> anyhow::Result<ProbeRoots> {
    Ok(match public {
        None => ProbeRoots::of_this_machine(),
        Some(path) => {
            ProbeRoots::with_public(certificates(path)?.into_iter().map(Into::into).collect())
        }
    })
}

async fn probed(arguments: &DoctorArguments, plan: &Plan<'_>, prober: &Prober) -> Vec<Observed> {
    let stop = CancellationToken::new();
    heed_interrupts(stop.clone());
    let limits = RunLimits {
        parallel: usize::from(arguments.parallel),
        whole: Duration::from_secs(arguments.time),
        ..RunLimits::default()
    };
    let mut live = show::Live::new();
    let observed = doctor::run(&plan.probes, prober, limits, &stop, |progress| {
        live.show(progress);
    })
    .await;
    live.clear();
    observed
}

/// The first Ctrl-C ends the run, and what is known is printed; the second ends the program, also
/// where nobody takes what it prints.
fn heed_interrupts(stop: CancellationToken) {
    // Without it Ctrl-C ends the program at once.
    let Ok(mut interrupts) = signal(SignalKind::interrupt()) else {
        return;
    };
    tokio::spawn(async move {
        if interrupts.recv().await.is_some() {
            stop.cancel();
        }
        if interrupts.recv().await.is_some() {
            std::process::exit(INTERRUPTED);
        }
    });
}
